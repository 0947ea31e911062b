/* SPDX-License-Identifier: Apache-2.0
 * A mail: headers, text and HTML parts (RFC 5322, RFC 2045–2047).
 */
#include "core/identity/identity.h"
#include "mail.h"
#include <apr_strings.h>
#include <string.h>

#define MESSAGE_MAX   (256 * 1024)
#define LINE_MAX_7BIT 998 /* RFC 5322 §2.1.1 */
#define QP_LINE       76  /* RFC 2045 §6.7 */
#define WORD_BYTES    42  /* of text in one encoded word, which is then 68 characters (RFC 2047 §2: at most 75) */
#define ADDRESS_MAX   254

/* Whether an address can end neither a header line nor an SMTP command. Addresses were normalised before. */
static bool address_safe(const char *address)
{
    const char *at = strchr(address, '@');
    if (!at || at == address || !at[1] || strchr(at + 1, '@') || strlen(address) > ADDRESS_MAX ||
        !forge_util_utf8(address, strlen(address), NULL))
        return false;
    for (const unsigned char *c = (const unsigned char *)address; *c; c++)
        if (*c <= ' ' || *c == 0x7f || strchr("<>()[]:;,\\\"", *c) || (*c >= 0x80 && (const char *)c > at))
            return false;
    return true;
}

static bool id_safe(const char *id)
{
    return *id && strlen(id) <= 64 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == strlen(id);
}

/* "Sat, 31 Jan 2026 12:00:00 +0000" (RFC 5322 §3.3) */
static void put_date(forge_buf_t *b, apr_time_t date)
{
    apr_time_exp_t t;
    apr_time_exp_gmt(&t, date);
    forge_util_buf_printf(b, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", apr_day_snames[t.tm_wday], t.tm_mday,
                          apr_month_snames[t.tm_mon], 1900 + t.tm_year, t.tm_hour, t.tm_min, t.tm_sec);
}

static bool plain(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            return false;
    return true;
}

/* Base64 of a few bytes, with padding. */
static void put_base64(forge_buf_t *b, const unsigned char *data, apr_size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (apr_size_t i = 0; i < len; i += 3) {
        unsigned long n = (unsigned long)data[i] << 16 | (i + 1 < len ? (unsigned long)data[i + 1] << 8 : 0) |
                          (i + 2 < len ? data[i + 2] : 0);
        char four[4] = {digits[n >> 18 & 63], digits[n >> 12 & 63], i + 1 < len ? digits[n >> 6 & 63] : '=',
                        i + 2 < len ? digits[n & 63] : '='};
        forge_util_buf_add(b, four, sizeof(four));
    }
}

/* Encoded words: one per line, split between characters. */
static void put_words(forge_buf_t *b, const char *subject)
{
    apr_size_t len = strlen(subject);
    for (apr_size_t from = 0; from < len;) {
        apr_size_t n = 0, next;
        while (from + n < len && (next = forge_util_utf8_next(subject + from + n, len - from - n)) > 0 &&
               n + next <= WORD_BYTES)
            n += next;
        if (n == 0) /* not UTF-8, which templates never produce */
            break;
        forge_util_buf_puts(b, from ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
        put_base64(b, (const unsigned char *)subject + from, n);
        forge_util_buf_puts(b, "?=");
        from += n;
    }
}

/* A short ASCII subject as it is, and any other as encoded words. */
static void put_subject(forge_buf_t *b, const char *subject)
{
    forge_util_buf_puts(b, "Subject: ");
    if (plain(subject) && strlen(subject) <= 68 && !strstr(subject, "=?"))
        forge_util_buf_puts(b, subject);
    else
        put_words(b, subject);
    forge_util_buf_puts(b, "\r\n");
}

/* The sender, behind the name that is shown: a quoted string (RFC 5322 §3.2.4), or encoded words, which may not stand
 * in one (RFC 2047 §5). */
static void put_from(apr_pool_t *p, forge_buf_t *b, const char *name, const char *address)
{
    char *shown = apr_pstrdup(p, name ? name : "");
    for (char *c = shown; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    forge_util_buf_puts(b, "From: ");
    if (!*shown) {
        forge_util_buf_printf(b, "<%s>\r\n", address);
        return;
    }
    if (!plain(shown) || strlen(shown) > 60 || strstr(shown, "=?")) {
        put_words(b, shown);
    } else {
        forge_util_buf_puts(b, "\"");
        for (const char *c = shown; *c; c++) {
            if (*c == '"' || *c == '\\')
                forge_util_buf_puts(b, "\\");
            forge_util_buf_add(b, c, 1);
        }
        forge_util_buf_puts(b, "\"");
    }
    forge_util_buf_printf(b, "\r\n <%s>\r\n", address);
}

/* Whether a body can be sent unencoded. */
static bool is_7bit(const char *text)
{
    apr_size_t line = 0;
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c >= 0x80 || (*c < ' ' && *c != '\n' && *c != '\t'))
            return false;
        line = *c == '\n' ? 0 : line + 1;
        if (line > LINE_MAX_7BIT)
            return false;
    }
    return true;
}

static void put_7bit(forge_buf_t *b, const char *text)
{
    for (const char *c = text; *c; c++)
        forge_util_buf_add(b, *c == '\n' ? "\r\n" : c, *c == '\n' ? 2 : 1);
}

/* Quoted-printable: lines longer than 76 get soft line breaks, and blanks at the end of a line are encoded. */
static void put_quoted(forge_buf_t *b, const char *text)
{
    int column = 0;
    for (const char *c = text; *c; c++) {
        bool blank = *c == ' ' || *c == '\t', edge = c[1] == '\n' || c[1] == '\0';
        bool literal = (*c > ' ' && *c <= '~' && *c != '=') || (blank && !edge);
        if (*c == '\n') {
            forge_util_buf_puts(b, "\r\n");
            column = 0;
            continue;
        }
        int width = literal ? 1 : 3;
        if (column + width > QP_LINE - (edge ? 0 : 1)) {
            forge_util_buf_puts(b, "=\r\n");
            column = 0;
        }
        if (literal)
            forge_util_buf_add(b, c, 1);
        else
            forge_util_buf_printf(b, "=%02X", (unsigned char)*c);
        column += width;
    }
}

static void put_part(forge_buf_t *b, const char *boundary, const char *type, const char *text)
{
    bool as_it_is = is_7bit(text);
    forge_util_buf_printf(b, "--%s\r\nContent-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n",
                          boundary, type, as_it_is ? "7bit" : "quoted-printable");
    if (as_it_is)
        put_7bit(b, text);
    else
        put_quoted(b, text);
    forge_util_buf_puts(b, "\r\n");
}

const char *forge_core_message_make(apr_pool_t *p, const forge_mail_message_t *m, apr_size_t *len)
{
    unsigned char random[15];
    forge_buf_t *b = forge_util_buf_make(p, 4096, MESSAGE_MAX);
    if (!address_safe(m->from) || !address_safe(m->to) || !id_safe(m->id))
        return NULL;
    forge_util_random(random, sizeof(random));
    const char *boundary = apr_pstrcat(p, "=_", forge_util_hex(p, random, sizeof(random)), NULL);
    put_date(b, m->date);
    put_from(p, b, m->name, m->from);
    forge_util_buf_printf(b, "To: <%s>\r\n", m->to);
    put_subject(b, m->letter->subject);
    forge_util_buf_printf(b,
                          "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                          "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n",
                          m->id, strchr(m->from, '@') + 1, boundary);
    put_part(b, boundary, "text/plain", m->letter->text);
    put_part(b, boundary, "text/html", m->letter->html);
    forge_util_buf_printf(b, "--%s--\r\n", boundary);
    *len = b->len;
    return b->failed ? NULL : apr_pstrmemdup(p, b->data, b->len);
}

const char *forge_core_mail_address(apr_pool_t *p, const char *typed, const char **why)
{
    return forge_core_email_wire(p, typed, why);
}

const char *forge_core_mail_from(apr_pool_t *p, const char *public_url)
{
    const char *host = strstr(public_url, "://"), *why;
    host = host ? host + 3 : public_url;
    host = apr_pstrmemdup(p, host, strcspn(host, ":/"));
    const char *address = forge_core_mail_address(p, apr_pstrcat(p, "no-reply@", host, NULL), &why);
    return address ? address : "no-reply@localhost";
}
