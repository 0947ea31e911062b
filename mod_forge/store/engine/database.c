/* SPDX-License-Identifier: Apache-2.0
 * Which database a connection string leads to, as libpq would resolve it. Nothing is connected and no name is looked
 * up.
 */
#include "store_private.h"
#include "store/store.h"
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* What a connection string says, and what libpq takes where it says nothing. */
typedef struct dsn_t {
    const PQconninfoOption *said, *otherwise;
} dsn_t;

static const PQconninfoOption *option(const PQconninfoOption *all, const char *name)
{
    while (all && all->keyword && strcmp(all->keyword, name) != 0)
        all++;
    return all && all->keyword ? all : NULL;
}

/* The value of an option, never NULL. One that is said to be empty is empty: it hides the environment, as in libpq. */
static const char *value(const dsn_t *dsn, const char *name)
{
    const PQconninfoOption *one = option(dsn->said, name);
    if (!one || !one->val)
        one = option(dsn->otherwise, name);
    return one && one->val ? one->val : "";
}

/* The user's name is the one of the process unless the string or the environment says it. The server starts as one user
 * and connects as another, so an unsaid name stays unknown: empty. */
static const char *user_of(const dsn_t *dsn)
{
    const PQconninfoOption *said = option(dsn->said, "user");
    bool known = (said && said->val) || getenv("PGUSER") || getenv("PGSERVICE");
    return known ? value(dsn, "user") : "";
}

/* Item i of "a,b". A list of one item stands for all: that item for every i. */
static const char *item(apr_pool_t *p, const char *list, int i, bool one_for_all)
{
    if (one_for_all && !strchr(list, ','))
        i = 0;
    for (; i > 0 && *list; i--) {
        list += strcspn(list, ",");
        list += *list == ',';
    }
    return apr_pstrmemdup(p, list, strcspn(list, ","));
}

/* How many servers are tried. */
static int servers_count(const dsn_t *dsn)
{
    int n = 1;
    for (const char *c = *value(dsn, "hostaddr") ? value(dsn, "hostaddr") : value(dsn, "host"); *c; c++)
        n += *c == ',';
    return n;
}

/* "host:port" of every server that is tried, one a line. An address goes before the name that it belongs to. */
static const char *servers_of(apr_pool_t *p, const dsn_t *dsn)
{
    const char *hosts = value(dsn, "host"), *addresses = value(dsn, "hostaddr"), *ports = value(dsn, "port"),
               *servers = "";
    const PQconninfoOption *usual = option(dsn->otherwise, "port");
    int n = servers_count(dsn);
    for (int i = 0; i < n; i++) {
        const char *address = item(p, addresses, i, false), *host = item(p, hosts, i, false),
                   *port = item(p, ports, i, true);
        if (!*port && usual && usual->compiled)
            port = usual->compiled;
        servers = apr_pstrcat(p, servers, *address ? address : host, ":", port, "\n", NULL);
    }
    return servers;
}

static const char *name_of(apr_pool_t *p, dsn_t dsn)
{
    const char *service = value(&(dsn_t){.said = dsn.said}, "service");
    if (*service) /* its file says what is missing here; the environment does not */
        dsn.otherwise = NULL;
    const char *database = value(&dsn, "dbname");
    if (!*database && *service)
        database = apr_pstrcat(p, "of user ", user_of(&dsn), NULL); /* perhaps: the file may name it */
    else if (!*database)
        database = user_of(&dsn);
    return apr_pstrcat(p, "service=", service, "\n", servers_of(p, &dsn), "dbname=", database, NULL);
}

bool forge_store_server_choose(apr_pool_t *p, const char *conninfo, int turn, forge_store_server_t *server)
{
    PQconninfoOption *said = PQconninfoParse(conninfo, NULL);
    const dsn_t dsn = {.said = said};
    int n = said ? servers_count(&dsn) : 1, last = n - 1 - (turn - 1) % n;
    if (turn > 0 && n > 1)
        *server = (forge_store_server_t){.host = item(p, value(&dsn, "host"), last, false),
                                         .address = item(p, value(&dsn, "hostaddr"), last, false),
                                         .port = item(p, value(&dsn, "port"), last, true)};
    PQconninfoFree(said);
    return turn > 0 && n > 1;
}

const char *forge_store_database_name(apr_pool_t *p, const char *conninfo)
{
    PQconninfoOption *said = PQconninfoParse(conninfo, NULL), *otherwise = said ? PQconndefaults() : NULL;
    const char *name = otherwise ? name_of(p, (dsn_t){said, otherwise}) : apr_pstrdup(p, conninfo);
    PQconninfoFree(said);
    PQconninfoFree(otherwise);
    return name;
}

const char *forge_store_passfile(apr_pool_t *p, const char *conninfo)
{
    PQconninfoOption *said = PQconninfoParse(conninfo, NULL);
    const char *file = said ? value(&(const dsn_t){.said = said}, "passfile") : NULL;
    file = file && *file ? apr_pstrdup(p, file) : NULL;
    PQconninfoFree(said);
    return file;
}

/* A value between quotes, as libpq reads it. */
static const char *quoted(apr_pool_t *p, const char *text)
{
    char *out = apr_palloc(p, 2 * strlen(text) + 3), *to = out;
    *to++ = '\'';
    for (; *text; *to++ = *text++)
        if (*text == '\'' || *text == '\\')
            *to++ = '\\';
    *to++ = '\'';
    *to = '\0';
    return out;
}

const char *forge_store_conninfo_public(apr_pool_t *p, const char *conninfo, const char **password, const char **why)
{
    char *message = NULL;
    PQconninfoOption *said = PQconninfoParse(conninfo, &message);
    const char *text = said ? "" : NULL;
    *password = NULL;
    *why = said ? NULL : apr_pstrdup(p, message ? message : "out of memory");
    for (const PQconninfoOption *o = said; o && o->keyword; o++) {
        if (!o->val)
            continue;
        if (strcmp(o->keyword, "password") == 0)
            *password = apr_pstrdup(p, o->val);
        else
            text = apr_pstrcat(p, text, *text ? " " : "", o->keyword, "=", quoted(p, o->val), NULL);
    }
    PQfreemem(message);
    PQconninfoFree(said);
    return text;
}

bool forge_store_same_database(apr_pool_t *p, const char *a, const char *b)
{
    return strcmp(forge_store_database_name(p, a), forge_store_database_name(p, b)) == 0;
}
