/* SPDX-License-Identifier: Apache-2.0
 * The texts of the mails. One source produces text and HTML: a mail is a list of paragraphs with {facts} in them.
 */
#include "mail.h"
#include <apr_strings.h>
#include <string.h>

#define LETTER_MAX     (64 * 1024)
#define PARAGRAPHS_MAX 8
#define FACT_BYTES_MAX 1000 /* of one fact */
#define NAME_MAX_CHARS 40   /* of a name that a stranger chose */

/* A mail that anybody can trigger holds only our own text, so that a stranger cannot send words of his own from this
 * server. What a stranger named stands in quotes and is short (foreign). The reader uses the paragraphs {link} and
 * {token}. */
typedef struct letter_row_t {
    const char *kind, *subject;
    const char *path; /* of the link; NULL: none */
    const char *paragraphs[PARAGRAPHS_MAX];
} letter_row_t;

static const letter_row_t rows[] = {
    {"verify",
     "Confirm your e-mail address",
     FORGE_LINK_VERIFY,
     {"Hello,",
      "An account was created with this e-mail address. Open this link to\nconfirm that the address is yours:",
      "{link}", "Or enter this code:", "{token}",
      "The link and the code work once, for 24 hours. If you did not create an\naccount, you can ignore this mail."}},
    {"reset",
     "Reset your password",
     FORGE_LINK_RESET,
     {"Hello {username},", "Someone asked to reset the password of your account. Open this link to\nchoose a new one:",
      "{link}", "Or enter this code:", "{token}",
      "The link and the code work once, for one hour. If it was not you, you can\nignore this mail: your password has "
      "not changed."}},
    {"email_change",
     "Confirm your new e-mail address",
     FORGE_LINK_VERIFY,
     {"Hello,",
      "The account {username} wants to use this e-mail address. Open this link to\nconfirm that the address is yours:",
      "{link}", "Or enter this code:", "{token}",
      "The link and the code work once, for 24 hours. If you did not ask for this,\nyou can ignore this mail."}},
    {"email_changed_notice",
     "Your e-mail address was changed",
     FORGE_LINK_UNDO,
     {"Hello {username},", "The e-mail address of your account was changed to {email}\n({at}, from {ip}).",
      "If it was not you, open this link. It brings this address back and logs\nthe account out everywhere:", "{link}",
      "Or enter this code:", "{token}",
      "The link and the code work once, for 72 hours. Then reset your password,\nbecause whoever changed the address "
      "knows it. If it was you, you can\nignore this mail."}},
    {"email_restored_notice",
     "Your e-mail address is back",
     NULL,
     {"Hello {username},",
      "The change of your account's e-mail address was undone ({at},\nfrom {ip}). The account is logged out "
      "everywhere, "
      "and its API keys\nare deleted.",
      "Reset your password at once: whoever changed the address knows it."}},
    {"password_changed_notice",
     "Your password was changed",
     NULL,
     {"Hello {username},", "The password of your account was changed ({at}, from {ip}).",
      "If it was not you, reset your password at once and tell the people who\nrun this site."}},
    {"mfa_enabled_notice",
     "A second factor was turned on",
     NULL,
     {"Hello {username},",
      "The second factor of your account was turned on ({at}, from {ip}).\nLogging in now needs a "
      "code, too.",
      "If it was not you, reset your password at once and tell the people who\nrun this site."}},
    {"mfa_disabled_notice",
     "The second factor was turned off",
     NULL,
     {"Hello {username},", "The second factor of your account was turned off ({at}, from {ip}).",
      "If it was not you, reset your password at once and tell the people who\nrun this site."}},
    {"mfa_reset_notice",
     "The second factor was removed",
     NULL,
     {"Hello {username},",
      "An administrator removed the second factor of your account ({at})\nand logged it out "
      "everywhere.",
      "If you did not ask for this, tell the people who run this site at once."}},
    {"backup_codes_notice",
     "You have new backup codes",
     NULL,
     {"Hello {username},", "New backup codes were made for your account ({at}, from {ip}).\nThe earlier ones are void.",
      "If it was not you, reset your password at once and tell the people who\nrun this site."}},
    {"api_key_notice",
     "An API key was created",
     NULL,
     {"Hello {username},",
      "The API key fk_{prefix}… was created for your account\n({at}, from {ip}). Whoever has it acts "
      "for you.",
      "If it was not you, reset your password at once, which deletes all keys,\nand tell the people who run this "
      "site."}},
    {"invitation",
     "Invitation to {organization}",
     FORGE_LINK_ACCEPT,
     {"Hello,", "{inviter} invites you to join {organization} as {role}. Open this link to\naccept:", "{link}",
      "Or enter this code:", "{token}",
      "The link and the code work once, and only for this e-mail address. If you\ndo not want to join, you can ignore "
      "this mail."}},
    {"alert",
     "Alert {name} is {state} ({environment})",
     NULL,
     {"The alert {name} is {state} on {node} ({environment}).", "Value: {value}\nThreshold: {threshold}\nTime: {at}",
      "The figure and its last hour are shown at /api/v1/monitor."}},
};

typedef struct writer_t {
    apr_pool_t *p;
    const letter_row_t *row;
    const forge_json_t *facts;
    const char *link;
    bool html, missing;
} writer_t;

static void put_escaped(forge_buf_t *b, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '<')
            forge_util_buf_puts(b, "&lt;");
        else if (*c == '>')
            forge_util_buf_puts(b, "&gt;");
        else if (*c == '&')
            forge_util_buf_puts(b, "&amp;");
        else if (*c == '"')
            forge_util_buf_puts(b, "&quot;");
        else
            forge_util_buf_add(b, c, 1);
    }
}

/* Facts that the one who triggers the mail has worded. */
static bool foreign(const char *name)
{
    return strcmp(name, "organization") == 0 || strcmp(name, "inviter") == 0;
}

/* Marks that change how other characters read: zero-width ones, line separators, and those of direction (U+200B to
 * 200F, 2028 to 202E, 2060 to 206F). */
static bool is_invisible(const char *c)
{
    const unsigned char *u = (const unsigned char *)c;
    return u[0] == 0xe2 && ((u[1] == 0x80 && ((u[2] >= 0x8b && u[2] <= 0x8f) || (u[2] >= 0xa8 && u[2] <= 0xae))) ||
                            (u[1] == 0x81 && u[2] >= 0xa0 && u[2] <= 0xaf));
}

/* A stranger's name: in quotes, which it cannot end, short, and with a blank wherever a mail program would see an
 * address to link to. */
static const char *quoted(apr_pool_t *p, const char *name)
{
    forge_buf_t *b = forge_util_buf_make(p, 64, FACT_BYTES_MAX);
    int chars = 0;
    apr_size_t n;
    forge_util_buf_puts(b, "\"");
    for (apr_size_t len = strlen(name); len > 0 && chars < NAME_MAX_CHARS; name += n, len -= n) {
        n = forge_util_utf8_next(name, len);
        n = n ? n : 1;
        if (n == 3 && is_invisible(name))
            continue;
        forge_util_buf_add(b, *name == '"' ? "'" : name, n);
        if (strchr(".:/@", *name) && len > n && name[n] != ' ')
            forge_util_buf_puts(b, " ");
        chars++;
    }
    forge_util_buf_puts(b, *name ? "...\"" : "\"");
    return b->failed ? "\"\"" : apr_pstrmemdup(p, b->data, b->len);
}

/* The value of {name} as one line. Without one: "", and the mail counts as incomplete. */
static const char *fact(writer_t *w, const char *name, apr_size_t len)
{
    const char *key = apr_pstrmemdup(w->p, name, len);
    const char *value =
        strcmp(key, "link") == 0 ? w->link : forge_util_json_text(forge_util_json_get(w->facts, key), NULL);
    if (!value || strlen(value) > (value == w->link ? LETTER_MAX : FACT_BYTES_MAX)) {
        w->missing = true;
        return "";
    }
    char *line = apr_pstrdup(w->p, value);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return foreign(key) ? quoted(w->p, line) : line;
}

/* Writes a text with its {facts} filled in. The value of a fact is never read as a template. */
static void put_filled(writer_t *w, forge_buf_t *b, const char *text)
{
    while (*text) {
        apr_size_t plain = strcspn(text, "{");
        forge_util_buf_add(b, text, plain);
        text += plain;
        if (*text == '{') {
            apr_size_t len = strcspn(++text, "}");
            const char *value = fact(w, text, len);
            if (w->html)
                put_escaped(b, value);
            else
                forge_util_buf_puts(b, value);
            text += len + (text[len] == '}');
        }
    }
}

static void put_paragraph(writer_t *w, forge_buf_t *b, const char *text)
{
    if (!w->html) {
        put_filled(w, b, text);
        forge_util_buf_puts(b, "\n\n");
    } else if (strcmp(text, "{link}") == 0) {
        forge_util_buf_puts(b, "<p><a href=\"");
        put_filled(w, b, text);
        forge_util_buf_puts(b, "\">\n");
        put_filled(w, b, text);
        forge_util_buf_puts(b, "\n</a></p>\n");
    } else if (strcmp(text, "{token}") == 0) {
        forge_util_buf_puts(b, "<p><code>\n");
        put_filled(w, b, text);
        forge_util_buf_puts(b, "\n</code></p>\n");
    } else {
        forge_util_buf_puts(b, "<p>");
        put_filled(w, b, text);
        forge_util_buf_puts(b, "</p>\n");
    }
}

static const char *text_of(writer_t *w, forge_buf_t *b)
{
    if (b->failed)
        w->missing = true;
    return b->failed || !b->data ? "" : apr_pstrmemdup(w->p, b->data, b->len);
}

static const char *write_body(writer_t *w, bool html)
{
    forge_buf_t *b = forge_util_buf_make(w->p, 2048, LETTER_MAX);
    w->html = html;
    if (html)
        forge_util_buf_puts(b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    if (html)
        put_filled(w, b, w->row->subject);
    if (html)
        forge_util_buf_puts(b, "</title></head>\n<body>\n");
    for (int i = 0; i < PARAGRAPHS_MAX && w->row->paragraphs[i]; i++)
        put_paragraph(w, b, w->row->paragraphs[i]);
    if (html)
        forge_util_buf_puts(b, "</body></html>\n");
    return text_of(w, b);
}

bool forge_core_letter_write(apr_pool_t *p, const char *kind, const char *public_url, const forge_json_t *facts,
                             forge_letter_t *letter)
{
    writer_t w = {.p = p, .facts = facts};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].kind, kind) == 0)
            w.row = &rows[i];
    if (!w.row)
        return false;
    if (w.row->path)
        w.link =
            apr_pstrcat(p, public_url, w.row->path, "?token=", forge_util_urlencode(p, fact(&w, "token", 5)), NULL);
    forge_buf_t *subject = forge_util_buf_make(p, 128, LETTER_MAX);
    put_filled(&w, subject, w.row->subject);
    letter->subject = text_of(&w, subject);
    letter->text = write_body(&w, false);
    letter->html = write_body(&w, true);
    return !w.missing;
}
