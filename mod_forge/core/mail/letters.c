/* SPDX-License-Identifier: Apache-2.0
 * Where the texts of the mails come from: those of conf/mail, which are built in, and those that a site has in a
 * directory of its own, checked when the configuration is read.
 */
#include "mail_private.h"
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <string.h>

#define NAMED_MAX 3 /* texts that are named where several are missing */

const forge_letter_row_t forge_letter_rows[FORGE_LETTERS] = {
#define FORGE_LETTER(name, kind, link, facts) [FORGE_LETTER_##name] = {kind, link, facts},
#include "letters.def"
#undef FORGE_LETTER
};

static const char *const built_in[FORGE_LANGUAGES][FORGE_LETTERS] = {
#include "core/mail/letters.inc"
};

struct forge_letters_t {
    const char *text[FORGE_LANGUAGES][FORGE_LETTERS]; /* NULL: the built-in one */
    const char *missing;                              /* a sentence on those; NULL: there is each */
};

int forge_core_letter_kind(const char *kind)
{
    for (int i = 0; i < FORGE_LETTERS; i++)
        if (strcmp(forge_letter_rows[i].kind, kind) == 0)
            return i;
    return -1;
}

int forge_core_letter_kinds(void)
{
    return FORGE_LETTERS;
}

const char *forge_core_letter_kind_at(int i)
{
    return forge_letter_rows[i].kind;
}

const char *forge_core_letter_text(const forge_letters_t *letters, forge_language_t language, int kind)
{
    const char *own = letters ? letters->text[language][kind] : NULL;
    return own ? own : built_in[language][kind];
}

const char *forge_core_letter_built_in(forge_language_t language, const char *kind)
{
    const int i = forge_core_letter_kind(kind);
    return i < 0 ? NULL : built_in[language][i];
}

/* --- the check of one text --- */

static bool among(const char *words, const char *word, apr_size_t len)
{
    for (const char *at = words; *at; at += strspn(at, " ")) {
        apr_size_t n = strcspn(at, " ");
        if (n == len && strncmp(at, word, len) == 0)
            return true;
        at += n;
    }
    return false;
}

/* "{link} {token} {username} {site} {url}" */
static const char *places_of(apr_pool_t *p, const forge_letter_row_t *row)
{
    const char *shown = row->path ? "{link} {" : "{";
    for (const char *at = row->facts; *at; at++)
        shown = *at == ' ' ? apr_pstrcat(p, shown, "} {", NULL) : apr_psprintf(p, "%s%c", shown, *at);
    return apr_pstrcat(p, shown, "} {site} {url}", NULL);
}

static const char *places_problem(apr_pool_t *p, const forge_letter_row_t *row, const char *text)
{
    bool linked = false;
    for (const char *at = strchr(text, '{'); at; at = strchr(at, '{')) {
        apr_size_t len = strcspn(++at, "{}\n");
        if (at[len] != '}')
            return apr_psprintf(p, "'{%.*s' has no closing brace in its line", (int)(len > 40 ? 40 : len), at);
        const bool link = row->path && len == 4 && strncmp(at, "link", len) == 0;
        if (!link && !among(row->facts, at, len) && !among("site url", at, len))
            return apr_psprintf(p, "there is nothing to put at {%.*s}; this mail knows %s", (int)(len > 40 ? 40 : len),
                                at, places_of(p, row));
        linked = linked || link;
    }
    if (row->path && !linked)
        return "it has no {link}, which the mail is sent for; write {link} on a line of its own, with an empty line "
               "before and after it";
    return NULL;
}

const char *forge_core_letter_problem(apr_pool_t *p, const char *kind, const char *text)
{
    const int i = forge_core_letter_kind(kind);
    const apr_size_t begins = strlen(FORGE_LETTER_SUBJECT);
    if (i < 0)
        return "no mail has this name";
    if (!forge_util_utf8(text, strlen(text), NULL))
        return "it is not UTF-8; save it so";
    for (const char *c = text; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
            return "it has control characters";
    if (strncmp(text, FORGE_LETTER_SUBJECT, begins) != 0 || strspn(text + begins, " \n") > 0 || !text[begins])
        return "it must begin with a line 'Subject: ' and what the mail is about";
    const char *body = strchr(text, '\n');
    if (!body || strncmp(body, "\n\n", 2) != 0 || !body[strspn(body, " \t\n")])
        return "the subject must be followed by an empty line, and by the text";
    return places_problem(p, &forge_letter_rows[i], text);
}

/* --- a directory --- */

typedef struct reader_t {
    apr_pool_t *p;
    const char *directory;
    forge_letters_t *letters;
} reader_t;

/* The bytes of a file as a text with \n at the ends of its lines; NULL and *why if it cannot be one. */
static char *file_read(apr_pool_t *p, const char *name, const char **why)
{
    apr_file_t *file;
    apr_finfo_t info;
    char error[120];
    apr_status_t rv = apr_file_open(&file, name, APR_READ | APR_BINARY, APR_OS_DEFAULT, p);
    *why = NULL;
    if (rv == APR_SUCCESS && (rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_TYPE, file)) == APR_SUCCESS &&
        (info.filetype != APR_REG || info.size > FORGE_LETTER_BYTES_MAX))
        *why = "it is no file of at most 64 KiB";
    apr_size_t len = rv == APR_SUCCESS && !*why ? (apr_size_t)info.size : 0;
    char *text = apr_pcalloc(p, len + 1), *to = text;
    if (rv == APR_SUCCESS && !*why)
        rv = apr_file_read_full(file, text, len, &len);
    if (rv != APR_SUCCESS && rv != APR_EOF)
        *why = apr_psprintf(p, "it cannot be read: %s", apr_strerror(rv, error, sizeof(error)));
    else if (!*why && memchr(text, 0, len))
        *why = "it has control characters";
    const char *from = text + (strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    for (; *from; from++)
        if (from[0] != '\r' || from[1] != '\n')
            *to++ = *from;
    *to = '\0';
    return *why ? NULL : text;
}

/* "verify.txt" gives "verify"; NULL for a file that is no text of ours by its name. */
static const char *kind_of(apr_pool_t *p, const char *name)
{
    const apr_size_t len = strlen(name);
    return *name != '.' && len > 4 && strcmp(name + len - 4, ".txt") == 0 ? apr_pstrmemdup(p, name, len - 4) : NULL;
}

static const char *kinds_shown(apr_pool_t *p)
{
    const char *shown = "";
    for (int i = 0; i < FORGE_LETTERS; i++)
        shown = apr_pstrcat(p, shown, i ? " " : "", forge_letter_rows[i].kind, NULL);
    return shown;
}

static const char *language_read(const reader_t *reader, forge_language_t language)
{
    const char *folder = apr_pstrcat(reader->p, reader->directory, "/", forge_core_language_tag(language), NULL);
    const char *why = NULL, *kind;
    apr_dir_t *dir;
    apr_finfo_t entry;
    if (apr_dir_open(&dir, folder, reader->p) != APR_SUCCESS)
        return apr_psprintf(reader->p, "'%s' cannot be read", folder);
    while (!why && apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        if (!(kind = kind_of(reader->p, entry.name)))
            continue;
        const char *file = apr_pstrcat(reader->p, folder, "/", entry.name, NULL);
        const int i = forge_core_letter_kind(kind);
        char *text = i < 0 ? NULL : file_read(reader->p, file, &why);
        if (i < 0)
            why = apr_psprintf(reader->p, "no mail has this name; the names are: %s", kinds_shown(reader->p));
        else if (!why && !(why = forge_core_letter_problem(reader->p, kind, text)))
            reader->letters->text[language][i] = text;
        if (why)
            why = apr_psprintf(reader->p, "%s: %s", file, why);
    }
    apr_dir_close(dir);
    return why;
}

/* A sentence on what the directory does not have. */
static const char *missing_from(const reader_t *reader)
{
    const char *names = "";
    int n = 0;
    for (int i = 0; i < FORGE_LANGUAGES; i++)
        for (int k = 0; k < FORGE_LETTERS; k++)
            if (!reader->letters->text[i][k] && n++ < NAMED_MAX)
                names = apr_pstrcat(reader->p, names, n > 1 ? ", " : "", forge_core_language_tag((forge_language_t)i),
                                    "/", forge_letter_rows[k].kind, ".txt", NULL);
    if (n == 0)
        return NULL;
    return apr_psprintf(reader->p,
                        "ForgeMailTemplates: '%s' lacks %d of %d texts (%s%s); those mails are sent in the words that "
                        "the module brings along",
                        reader->directory, n, FORGE_LANGUAGES * FORGE_LETTERS, names, n > NAMED_MAX ? ", ..." : "");
}

const forge_letters_t *forge_core_letters_read(apr_pool_t *p, const char *directory, const char **why)
{
    reader_t reader = {p, directory, apr_pcalloc(p, sizeof(forge_letters_t))};
    apr_dir_t *dir;
    apr_finfo_t entry, info;
    forge_language_t language;
    *why = NULL;
    if (apr_dir_open(&dir, directory, p) != APR_SUCCESS) {
        *why = apr_psprintf(p, "'%s' is refused; accepted: a directory that exists", directory);
        return NULL;
    }
    while (!*why && apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        const char *path = apr_pstrcat(p, directory, "/", entry.name, NULL);
        if (*entry.name == '.' || apr_stat(&info, path, APR_FINFO_TYPE, p) != APR_SUCCESS || info.filetype != APR_DIR)
            continue;
        if (!forge_core_language_of(entry.name, &language) ||
            strcmp(entry.name, forge_core_language_tag(language)) != 0)
            *why = apr_psprintf(p, "'%s' is the folder of no language; the folders are en, de, fr, es and tr", path);
        else
            *why = language_read(&reader, language);
    }
    apr_dir_close(dir);
    if (*why)
        return NULL;
    reader.letters->missing = missing_from(&reader);
    return reader.letters;
}

const char *forge_core_letters_missing(const forge_letters_t *letters)
{
    return letters->missing;
}
