/* SPDX-License-Identifier: Apache-2.0
 * Finds the database: by --dsn, the environment, or the DBDParams of an httpd configuration.
 */
#include "ctl.h"
#include "store/store.h"
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

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

/* The arguments of the first `directive` in a file; NULL if there is none. */
static const char *find_line(forge_ctl_t *ctl, const char *file, const char *directive, const char **why)
{
    const char *line, *rest = forge_ctl_file_read(ctl->pool, file, NULL, why);
    while (rest && (line = next_line(ctl->pool, &rest)))
        if (apr_cstr_casecmp(next_word(ctl->pool, &line), directive) == 0)
            return line;
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

/* The connection string, or NULL with a message. */
static const char *conninfo(forge_ctl_t *ctl)
{
    const char *why = NULL, *conf = forge_ctl_option(ctl, "conf"), *dsn = forge_ctl_option(ctl, "dsn");
    if (!dsn)
        dsn = getenv("FORGE_DSN");
    if (dsn && *dsn)
        return dsn;
    if (!conf) {
        forge_ctl_error("no database named; use --dsn or --conf, or set FORGE_DSN");
        return NULL;
    }
    dsn = forge_ctl_conf_find(ctl, conf, "DBDParams", &why);
    if (!dsn)
        forge_ctl_error("%s: %s", conf, why ? why : "no DBDParams in it");
    else if (strstr(dsn, "${")) {
        forge_ctl_error("%s: DBDParams uses ${...}, which only httpd expands; use --dsn", conf);
        dsn = NULL;
    }
    ctl->from_conf = dsn != NULL;
    return dsn;
}

forge_db_t *forge_ctl_connect(forge_ctl_t *ctl)
{
    const char *why = "unknown reason", *dsn = conninfo(ctl);
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
    return db;
}
