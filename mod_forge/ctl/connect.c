/* SPDX-License-Identifier: Apache-2.0
 * Finds the database: by --dsn, the DBDParams of an httpd configuration, or the environment.
 */
#include "ctl.h"
#include "store/operations/operations.h"
#include "store/store.h"
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* The next logical line, with continuation lines joined as httpd does; NULL at the end. */
static char *next_line(apr_pool_t *p, const char **rest)
{
    char *line = NULL;
    while (**rest) {
        apr_size_t len = strcspn(*rest, "\n");
        apr_size_t keep = len && (*rest)[len - 1] == '\r' ? len - 1 : len;
        bool more = keep && (*rest)[keep - 1] == '\\';
        char *part = apr_pstrmemdup(p, *rest, more ? keep - 1 : keep);
        line = line ? apr_pstrcat(p, line, part, NULL) : part;
        *rest += len + ((*rest)[len] == '\n');
        if (!more)
            break;
    }
    return line;
}

/* The word at *text without its quotes; moves past it. In quotes a backslash keeps a quote or a backslash. */
static const char *next_word(apr_pool_t *p, const char **text)
{
    const char *t = *text;
    while (forge_util_is_space(*t))
        t++;
    char quote = *t == '"' || *t == '\'' ? *t++ : '\0';
    char *word = apr_palloc(p, strlen(t) + 1), *w = word;
    while (*t && (quote ? *t != quote : !forge_util_is_space(*t))) {
        if (quote && *t == '\\' && (t[1] == quote || t[1] == '\\'))
            t++;
        *w++ = *t++;
    }
    *w = '\0';
    *text = quote && *t ? t + 1 : t;
    return word;
}

/* What ${name} stands for: what was defined, else the environment, else what mod_forge sets as it is loaded. NULL: only
 * httpd knows. */
static const char *variable(forge_ctl_t *ctl, const apr_table_t *defined, const char *name)
{
    const char *value = apr_table_get(defined, name);
    if (!value)
        value = getenv(name);
    if (!value && strcmp(name, FORGE_CONNECTIONS_VARIABLE) == 0)
        value = forge_util_itoa(ctl->pool, forge_store_connections_usual());
    return value;
}

/* A line with its variables replaced; those that only httpd knows stay as they are. */
static const char *resolve(forge_ctl_t *ctl, const apr_table_t *defined, const char *line)
{
    const char *resolved = "", *at, *end;
    while ((at = strstr(line, "${")) && (end = strchr(at, '}'))) {
        const char *value = variable(ctl, defined, apr_pstrmemdup(ctl->pool, at + 2, (apr_size_t)(end - at - 2)));
        if (!value)
            value = apr_pstrmemdup(ctl->pool, at, (apr_size_t)(end - at + 1));
        resolved =
            apr_pstrcat(ctl->pool, resolved, apr_pstrmemdup(ctl->pool, line, (apr_size_t)(at - line)), value, NULL);
        line = end + 1;
    }
    return apr_pstrcat(ctl->pool, resolved, line, NULL);
}

/* The arguments of the first `directive` in a file, with what was defined above it; NULL if there is none. */
static const char *find_line(forge_ctl_t *ctl, const char *file, const char *directive, const char **why)
{
    const char *line, *rest = forge_ctl_file_read(ctl->pool, file, NULL, why);
    apr_table_t *defined = apr_table_make(ctl->pool, 4);
    while (rest && (line = next_line(ctl->pool, &rest))) {
        const char *word = next_word(ctl->pool, &line), *name;
        if (apr_cstr_casecmp(word, directive) == 0)
            return resolve(ctl, defined, line);
        if (apr_cstr_casecmp(word, "Define") == 0 && *(name = next_word(ctl->pool, &line)))
            apr_table_set(defined, name, next_word(ctl->pool, &(const char *){resolve(ctl, defined, line)}));
    }
    return NULL;
}

const char *forge_ctl_conf_find(forge_ctl_t *ctl, const char *file, const char *directive, const char **why)
{
    const char *line = find_line(ctl, file, directive, why);
    return line ? next_word(ctl->pool, &line) : NULL;
}

int forge_ctl_conf_words(forge_ctl_t *ctl, const char *file, const char *directive, const char **words, int max)
{
    const char *why, *line = find_line(ctl, file, directive, &why), *word;
    int n = 0;
    while (line && n < max && *(word = next_word(ctl->pool, &line)))
        words[n++] = word;
    return n;
}

/* Whether a word is the name of a directive that forge_ctl_conf_names counts. No such name is as long as "ForgeSecret"
 * with a good secret glued to it. */
static bool countable(const char *word)
{
    enum { NAME_MAX_LENGTH = 40 };
    static const char *const sizes[] = {"MaxRequestWorkers", "ServerLimit", "StartServers", "ThreadsPerChild"};
    if (strlen(word) > NAME_MAX_LENGTH || word[strspn(word, LETTERS)])
        return false;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        if (apr_cstr_casecmp(word, sizes[i]) == 0)
            return true;
    return apr_cstr_casecmpn(word, "Forge", 5) == 0 || apr_cstr_casecmpn(word, "DBD", 3) == 0;
}

const apr_table_t *forge_ctl_conf_names(forge_ctl_t *ctl, const char *file, const char **why)
{
    const char *line, *rest = forge_ctl_file_read(ctl->pool, file, NULL, why);
    apr_table_t *counts = rest ? apr_table_make(ctl->pool, 32) : NULL;
    while (rest && (line = next_line(ctl->pool, &rest))) {
        const char *word = next_word(ctl->pool, &line);
        const char *before = countable(word) ? apr_table_get(counts, word) : NULL;
        if (countable(word))
            apr_table_set(counts, word, forge_util_itoa(ctl->pool, before ? atoi(before) + 1 : 1));
    }
    return counts;
}

/* The DBDParams of --conf; NULL with *why. */
static const char *conf_conninfo(forge_ctl_t *ctl, const char *conf, const char **why)
{
    *why = NULL;
    const char *dsn = forge_ctl_conf_find(ctl, conf, "DBDParams", why);
    if (!dsn)
        *why = *why ? *why : "no DBDParams in it";
    else if (strstr(dsn, "${"))
        *why = "DBDParams uses a variable that only httpd expands; use --dsn";
    return *why ? NULL : dsn;
}

/* What the command line says goes before the environment. */
const char *forge_ctl_conninfo(forge_ctl_t *ctl)
{
    const char *why = NULL, *conf = forge_ctl_option(ctl, "conf"), *dsn = forge_ctl_option(ctl, "dsn");
    const char *otherwise = getenv("FORGE_DSN");
    otherwise = otherwise && *otherwise ? otherwise : NULL;
    if (dsn && *dsn) {
        ctl->source = "--dsn";
        return dsn;
    }
    if (conf && (dsn = conf_conninfo(ctl, conf, &why))) {
        ctl->from_conf = true;
        ctl->source = apr_pstrcat(ctl->pool, "DBDParams of ", conf, otherwise ? ", not FORGE_DSN" : "", NULL);
        return dsn;
    }
    if (otherwise)
        ctl->source = conf ? apr_psprintf(ctl->pool, "FORGE_DSN; %s: %s", conf, why) : "FORGE_DSN";
    else if (conf)
        forge_ctl_error("%s: %s", conf, why);
    else
        forge_ctl_error("no database named; use --dsn or --conf, or set FORGE_DSN");
    return otherwise;
}

forge_db_t *forge_ctl_connect(forge_ctl_t *ctl)
{
    const char *why = "unknown reason", *dsn = forge_ctl_conninfo(ctl);
    if (!dsn)
        return NULL;
    forge_db_t *db = forge_store_db_connect(ctl->pool, dsn, &why);
    if (!db) {
        char *line = apr_pstrdup(ctl->pool, why); /* libpq's messages have several lines */
        for (char *c = line; *c; c++)
            if (*c == '\n' || *c == '\t')
                *c = ' ';
        forge_ctl_error("could not connect to the database: %s", line);
    }
    forge_ctl_status_of(db);
    return db;
}

forge_db_t *forge_ctl_connect_current(forge_ctl_t *ctl)
{
    int found = 0, ignored;
    const int wanted = forge_store_schema_wanted();
    forge_db_t *db = forge_ctl_connect(ctl);
    const forge_status_t status = db ? forge_store_schema_check(db, ctl->pool, &found, &ignored) : FORGE_OK;
    if (db && status == FORGE_OK && found >= wanted)
        return db;
    if (status == FORGE_E_SCHEMA_AHEAD)
        forge_ctl_error("the database is at migration %d, with a breaking one after the %d of this forgectl; use the "
                        "forgectl of the version that belongs to the database",
                        found, wanted);
    else if (status != FORGE_OK)
        forge_ctl_error("could not look at the schema: %s", forge_ctl_status(status));
    else if (db)
        forge_ctl_error("the database is at migration %d and this forgectl needs %d; run forgectl migrate apply", found,
                        wanted);
    return NULL;
}
