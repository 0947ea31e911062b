/* SPDX-License-Identifier: Apache-2.0
 * forgectl check: one green, yellow or red line for everything that an installation needs. Exit code 1 if a line is
 * red.
 */
#include "ctl.h"
#include "places.h"
#include "core/identity/identity.h"
#include "core/wire/wire.h"
#include "store/operations/operations.h"
#include <apr_file_info.h>
#include <apr_strings.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    POSTGRES_MIN = 140000,
    SERVER_LIMIT_DEFAULT = 16,
    THREADS_DEFAULT = 25,
    DBD_MAX_DEFAULT = 10,
    CONNECTIONS_RESERVED = 3
};

#define USUAL_ROLE "forge_app"

typedef struct check_t {
    forge_ctl_t *ctl;
    const char *conf; /* --conf, or NULL */
    forge_db_t *db;   /* NULL: no connection */
    forge_rows_t *server;
    int schema;          /* migration of the database */
    forge_json_t *lines; /* gets the results; NULL: they are printed */
    bool red;
} check_t;

/* Tells one result, which reads "what: how it is": to a person, or in `lines`. */
static void tell(check_t *c, forge_ctl_mark_t mark, const char *line)
{
    static const char *const words[] = {"ok", "warn", "fail"};
    const char *colon = strstr(line, ": ");
    if (!c->lines) {
        forge_ctl_line(mark, "%s", line);
        return;
    }
    forge_json_t *entry = forge_util_json_add_object(c->lines);
    forge_util_json_put_text(entry, "check", apr_pstrmemdup(c->ctl->pool, line, (apr_size_t)(colon - line)));
    forge_util_json_put_text(entry, "state", words[mark]);
    forge_util_json_put_text(entry, "text", colon + 2);
}

static void green(check_t *c, const char *line)
{
    tell(c, FORGE_CTL_GREEN, line);
}

static void yellow(check_t *c, const char *line)
{
    tell(c, FORGE_CTL_YELLOW, line);
}

static void red(check_t *c, const char *line)
{
    tell(c, FORGE_CTL_RED, line);
    c->red = true;
}

#define TEXT(...) apr_psprintf(c->ctl->pool, __VA_ARGS__)

/* First argument of a directive in --conf; NULL without --conf or without that directive. */
static const char *directive(check_t *c, const char *name)
{
    const char *why;
    return c->conf ? forge_ctl_conf_find(c->ctl, c->conf, name, &why) : NULL;
}

static void check_connection(check_t *c)
{
    c->db = forge_ctl_connect(c->ctl);
    if (!c->db) {
        red(c, c->ctl->source ? TEXT("database: no connection (%s)", c->ctl->source) : "database: no connection");
        return;
    }
    forge_status_t status = forge_store_inspect_server(c->db, c->ctl->pool, &c->server);
    if (status != FORGE_OK) {
        red(c, TEXT("database: %s", forge_ctl_status(status)));
        c->db = NULL;
        return;
    }
    green(c, TEXT("database: connected to \"%s\" as \"%s\" (%s)", forge_store_rows_text(c->server, 0, "database"),
                  forge_store_rows_text(c->server, 0, "role"), c->ctl->source));
}

static void check_server(check_t *c)
{
    const char *version = forge_store_rows_text(c->server, 0, "server_version");
    const char *encoding = forge_store_rows_text(c->server, 0, "encoding");
    if (forge_store_rows_int(c->server, 0, "server_number", 0) < POSTGRES_MIN)
        red(c, TEXT("server: PostgreSQL %s, but 14 or newer is needed", version));
    else if (strcmp(encoding, "UTF8") != 0)
        red(c, TEXT("server: the encoding of the database is %s, but UTF8 is needed", encoding));
    else
        green(c, TEXT("server: PostgreSQL %s, UTF8", version));
}

static void check_schema(check_t *c)
{
    int ignored, wanted = forge_store_schema_wanted();
    forge_status_t status = forge_store_schema_check(c->db, c->ctl->pool, &c->schema, &ignored);
    if (status == FORGE_E_SCHEMA_AHEAD)
        red(c, TEXT("schema: at migration %d, with a breaking one after the %d of this build; install the version of "
                    "mod_forge that belongs to the database",
                    c->schema, wanted));
    else if (status != FORGE_OK)
        red(c, TEXT("schema: %s", forge_ctl_status(status)));
    else if (c->schema < wanted)
        red(c, TEXT("schema: at migration %d, but this build needs %d; run forgectl migrate apply", c->schema, wanted));
    else if (c->schema > wanted)
        yellow(c,
               TEXT("schema: at migration %d, which is newer than the %d of this build; both work together, so upgrade "
                    "this node next",
                    c->schema, wanted));
    else
        green(c, TEXT("schema: at migration %d", c->schema));
}

/* What gives a role its rights, in the words of the shell. */
static const char *granted_by(check_t *c, const char *role)
{
    return strcmp(role, USUAL_ROLE) == 0 ? "forgectl migrate apply"
                                         : TEXT("forgectl migrate apply --app-role %s", role);
}

/* The role with which the module logs in: the one of --app-role, else the one of --conf, else the usual one. */
static const char *app_role(const check_t *c)
{
    const char *role = forge_ctl_option(c->ctl, "app-role");
    return role ? role : c->ctl->from_conf ? forge_store_rows_text(c->server, 0, "role") : USUAL_ROLE;
}

/* The role must own nothing and be able to create nothing, so that an SQL injection could do little (SECURITY 60). */
static void check_role_power(check_t *c, const char *role, const forge_rows_t *r)
{
    const char *creates = forge_store_rows_text(r, 0, "creates");
    if (forge_store_rows_bool(r, 0, "super") || forge_store_rows_bool(r, 0, "strong"))
        red(c, TEXT("role %s: is a superuser, or may create roles or databases; use a plain LOGIN role", role));
    else if (forge_store_rows_bool(r, 0, "is_owner"))
        red(c, TEXT("role %s: owns the schema forge, or is a member of its owner; use another role for the application",
                    role));
    else if (forge_store_rows_int(r, 0, "owned", 0) > 0)
        red(c, TEXT("role %s: owns %s tables; it must own none", role, forge_store_rows_text(r, 0, "owned")));
    else if (*creates)
        red(c, TEXT("role %s: may create objects in %s; REVOKE CREATE there from PUBLIC and from this role", role,
                    creates));
    else if (!forge_store_rows_bool(r, 0, "can_login"))
        red(c, TEXT("role %s: may not log in; run ALTER ROLE %s LOGIN", role, role));
    else
        green(c, TEXT("role %s: owns nothing, cannot create", role));
}

static void check_role_rights(check_t *c, const char *role, const forge_rows_t *r)
{
    const char *missing = forge_store_rows_text(r, 0, "missing"), *excess = forge_store_rows_text(r, 0, "excess");
    if (!forge_store_rows_bool(r, 0, "usage") || missing)
        red(c, TEXT("rights of %s: missing: %s; run %s, as the owner of the schema", role,
                    missing ? missing : "USAGE of schema forge", granted_by(c, role)));
    else if (excess)
        red(c,
            TEXT("rights of %s: too many: %s; run %s, as the owner of the schema", role, excess, granted_by(c, role)));
    else
        green(c, TEXT("rights of %s: exactly what it needs", role));
}

/* A role that this connection is made with and that is neither the application's nor an owner is one that httpd was
 * perhaps given instead of the application's. */
static void check_own_role(check_t *c)
{
    forge_rows_t *r;
    const char *own = forge_store_rows_text(c->server, 0, "role");
    if (strcmp(own, app_role(c)) == 0 || forge_store_inspect_role(c->db, c->ctl->pool, own, &r) != FORGE_OK ||
        forge_store_rows_count(r) == 0)
        return;
    if (!forge_store_rows_bool(r, 0, "super") && !forge_store_rows_bool(r, 0, "is_owner"))
        check_role_rights(c, own, r);
}

static void check_role(check_t *c)
{
    forge_rows_t *r;
    const char *role = app_role(c);
    forge_status_t status = c->schema ? forge_store_inspect_role(c->db, c->ctl->pool, role, &r) : FORGE_OK;
    if (!c->schema)
        red(c, TEXT("role %s: can be checked only when the schema can be read", role));
    else if (status != FORGE_OK)
        red(c, TEXT("role %s: could not be checked: %s", role, forge_ctl_status(status)));
    else if (forge_store_rows_count(r) == 0)
        red(c, TEXT("role %s: does not exist; run CREATE ROLE %s LOGIN, then %s", role, role, granted_by(c, role)));
    else {
        check_role_power(c, role, r);
        if (!forge_store_rows_bool(r, 0, "super"))
            check_role_rights(c, role, r);
        check_own_role(c);
    }
}

/* The two clocks must agree: tokens carry the time of this host, rows that of the database. */
static void check_clock(check_t *c)
{
    forge_rows_t *now;
    apr_time_t before = apr_time_now();
    if (forge_store_inspect_server(c->db, c->ctl->pool, &now) != FORGE_OK) {
        red(c, "clock: the database does not answer");
        return;
    }
    apr_time_t after = apr_time_now();
    apr_int64_t skew = forge_store_rows_int(now, 0, "clock", 0) - (before + after) / 2;
    apr_int64_t off = skew < 0 ? -skew : skew;
    const char *line = TEXT("clock: the database is %.3f s %s this host", (double)off / APR_USEC_PER_SEC,
                            skew < 0 ? "behind" : "ahead of");
    if (off > apr_time_from_sec(60))
        red(c, line);
    else if (off > apr_time_from_sec(1) + (after - before))
        yellow(c, line);
    else
        green(c, line);
}

/* The replica of ForgeReadDBD; needs --conf. The primary answers what it does not: nothing here is red. */
static void check_replica(check_t *c)
{
    const char *dsn = directive(c, "ForgeReadDBD"), *why = "", *says;
    if (!dsn || apr_cstr_casecmp(dsn, "off") == 0)
        return;
    if (strstr(dsn, "${")) {
        yellow(c, "replica: ForgeReadDBD uses a variable that only httpd expands");
        return;
    }
    forge_db_t *db = forge_store_db_connect(c->ctl->pool, dsn, &why);
    if (!db)
        yellow(c, TEXT("replica: no connection: %.*s", (int)strcspn(why, "\n"), why));
    else if (!forge_store_replica_follows(db, c->db, c->ctl->pool, &says))
        yellow(c, TEXT("replica: %s; public reads go to the primary", says));
    else
        green(c, TEXT("replica: %s", says));
}

/* A number of --conf; 0 when only httpd knows it. */
static int number(check_t *c, const char *name, int otherwise)
{
    const char *said = directive(c, name);
    return said ? atoi(said) : otherwise;
}

/* How many children httpd starts at most (docs/sizing.md); 0 when only httpd knows. */
static int children(check_t *c)
{
    const int limit = number(c, "ServerLimit", SERVER_LIMIT_DEFAULT);
    const int threads = number(c, "ThreadsPerChild", THREADS_DEFAULT);
    if (limit < 1 || threads < 1 || !directive(c, "MaxRequestWorkers"))
        return limit < 1 || threads < 1 ? 0 : limit;
    const int workers = number(c, "MaxRequestWorkers", 0), all = workers / threads;
    return workers < 1 ? 0 : all < 1 ? 1 : all < limit ? all : limit;
}

/* Whether every child can fill its pool, beside the one connection that listens; needs --conf. */
static void check_connections(check_t *c)
{
    const int max = (int)forge_store_rows_int(c->server, 0, "max_connections", 0);
    const int pool = number(c, "DBDMax", DBD_MAX_DEFAULT), processes = children(c);
    const apr_int64_t all = (apr_int64_t)pool * processes + 1;
    const bool known = c->conf && (directive(c, "DBDMax") || directive(c, "DBDParams"));
    const bool said = known && (directive(c, "MaxRequestWorkers") || directive(c, "ServerLimit"));
    const char *used = forge_store_rows_text(c->server, 0, "connections");
    const char *sum = TEXT("DBDMax %d x %d children + 1 is %" APR_INT64_T_FMT " of max_connections %d (%s in use)",
                           pool, processes, all, max, used);
    if (!known)
        green(c, TEXT("connections: max_connections is %d (%s in use)", max, used));
    else if (pool < 1 || processes < 1)
        yellow(c, TEXT("connections: max_connections is %d (%s in use); DBDMax, MaxRequestWorkers, ThreadsPerChild or "
                       "ServerLimit uses a variable that only httpd knows",
                       max, used));
    else if (all <= max - CONNECTIONS_RESERVED)
        green(c, TEXT("connections: %s", sum));
    else if (said)
        red(c, TEXT("connections: %s, of which %d are for its administrator; lower DBDMax or raise max_connections",
                    sum, CONNECTIONS_RESERVED));
    else
        yellow(c, TEXT("connections: %s, but only if httpd has its own defaults, for MaxRequestWorkers and "
                       "ThreadsPerChild are not in this file",
                       sum));
}

/* The file of --secret, else the one that ForgeSecret in --conf names, in the directive's form; "" if the secret is not
 * in a file. */
static const char *secret_spelled(check_t *c)
{
    const char *path = forge_ctl_option(c->ctl, "secret"), *value = directive(c, "ForgeSecret");
    if (path)
        return forge_ctl_secret_spelled(c->ctl, path);
    return value && strncmp(value, "file:", 5) != 0 ? "" : value;
}

static void check_secret(check_t *c)
{
    apr_size_t len;
    const char *why, *spelled = secret_spelled(c);
    if (!spelled)
        return;
    if (!*spelled) {
        yellow(c, "secret: not in a separate file; ForgeSecret file:/path keeps it out of the configuration");
        return;
    }
    const char *text = forge_core_secret_read(c->ctl->pool, spelled, &len, &why);
    if (text)
        why = forge_core_secret_problem(text, len);
    if (why)
        red(c, TEXT("secret: %s", why));
    else
        green(c, TEXT("secret: \"%s\" is not readable by others, %" APR_SIZE_T_FMT " bytes", spelled + 5, len));
}

static void check_docs(check_t *c)
{
    apr_finfo_t info;
    const char *dir = forge_ctl_option(c->ctl, "docs"), *missing;
    if (!dir)
        dir = directive(c, "ForgeDocsAssets");
    if (!dir)
        dir = FORGE_DOCS_DIR;
    if (!*dir)
        yellow(c, "documentation: this build has no pages");
    else if (apr_stat(&info, dir, APR_FINFO_TYPE, c->ctl->pool) != APR_SUCCESS || info.filetype != APR_DIR)
        red(c, TEXT("documentation: \"%s\" is not a readable directory", dir));
    else if ((missing = forge_core_pages_missing(c->ctl->pool, dir)))
        yellow(c, TEXT("documentation: \"%s\" %s; /docs and /redoc are 404 or stay empty", dir, missing));
    else
        green(c, TEXT("documentation: pages in \"%s\"", dir));
}

/* The target of ForgeMail; needs --conf. */
static void check_mail(check_t *c)
{
    const char *line;
    if (!c->conf)
        return;
    forge_ctl_mark_t mark = forge_ctl_mail_check(c->ctl, c->conf, &line);
    if (mark == FORGE_CTL_RED)
        red(c, line);
    else
        tell(c, mark, line);
}

/* The Redis of ForgeRateLimitStore; needs --conf. */
static void check_redis(check_t *c)
{
    enum { WORDS = 4 };
    const char *words[WORDS], *why = NULL, *password = NULL;
    int n = c->conf ? forge_ctl_conf_words(c->ctl, c->conf, "ForgeRateLimitStore", words, WORDS) : 0;
    const forge_redis_t *said = n > 0 ? forge_net_redis_parse(c->ctl->pool, n, words, &why) : NULL;
    if (n <= 0 || (said && !said->url))
        return;
    forge_redis_t *redis = said ? apr_pmemdup(c->ctl->pool, said, sizeof(*said)) : NULL;
    const char *url = redis ? redis->url : NULL;
    if (redis && forge_core_secret_elsewhere(url))
        url = forge_core_secret_text(c->ctl->pool, url, &why);
    if (!why && redis->word)
        password = forge_core_secret_text(c->ctl->pool, redis->word, &why);
    bool good = !why && forge_net_redis_open(c->ctl->pool, redis, url, password, &why);
    signal(SIGPIPE, SIG_IGN); /* a connection that TLS writes to may have ended */
    if (good && forge_net_redis_probe(c->ctl->pool, redis, &why))
        green(c, TEXT("redis: %s counts rate limits", redis->name));
    else
        red(c, TEXT("redis: %s: %s", good ? redis->name : "ForgeRateLimitStore", why));
}

/* Whether programs can be run: forge-runner tries its sandbox. */
static void check_sandbox(check_t *c)
{
    const char *program = forge_ctl_option(c->ctl, "runner"), *wanted = directive(c, "ForgeSandbox"), *says;
    if (!program && wanted && apr_cstr_casecmp(wanted, "off") == 0) {
        yellow(c, "sandbox: off; programs are not run");
        return;
    }
    if (!program)
        program = wanted && *wanted == '/' ? wanted : FORGE_LIBEXECDIR "/forge-runner";
    if (!forge_run_check(c->ctl->pool, program, &says)) {
        red(c, TEXT("sandbox: \"%s\": %s", program, says));
        return;
    }
    green(c, TEXT("sandbox: \"%s\" holds what it must hold", program));
    if (*says)
        yellow(c, TEXT("sandbox: not installed or without effect: %s", says));
}

/* What a connection tells. */
static void check_database(check_t *c)
{
    static void (*const with_database[])(check_t *) = {check_server, check_schema,      check_role,
                                                       check_clock,  check_connections, check_replica};
    check_connection(c);
    for (size_t i = 0; c->db && i < sizeof(with_database) / sizeof(*with_database); i++)
        with_database[i](c);
}

bool forge_ctl_check_database(forge_ctl_t *ctl, forge_json_t *lines)
{
    check_t c = {.ctl = ctl, .conf = forge_ctl_option(ctl, "conf"), .lines = lines};
    check_database(&c);
    return !c.red;
}

bool forge_ctl_check_all(forge_ctl_t *ctl, forge_json_t *lines)
{
    check_t c = {.ctl = ctl, .conf = forge_ctl_option(ctl, "conf"), .lines = lines};
    const char *why;
    if (c.conf && !forge_ctl_file_read(ctl->pool, c.conf, NULL, &why)) {
        red(&c, apr_psprintf(ctl->pool, "configuration: \"%s\" cannot be read: %s", c.conf, why));
        c.conf = NULL;
    }
    check_database(&c);
    check_secret(&c);
    check_docs(&c);
    check_mail(&c);
    check_redis(&c);
    check_sandbox(&c);
    return !c.red;
}

static int check_run(forge_ctl_t *ctl)
{
    if (!forge_ctl_json(ctl))
        return forge_ctl_check_all(ctl, NULL) ? FORGE_CTL_OK : FORGE_CTL_FAILED;
    forge_json_t *result = forge_util_json_object(ctl->pool);
    const bool good = forge_ctl_check_all(ctl, forge_util_json_put_array(result, "checks"));
    forge_util_json_put_bool(result, "good", good);
    return forge_ctl_json_print(ctl, result) == FORGE_CTL_OK && good ? FORGE_CTL_OK : FORGE_CTL_FAILED;
}

const forge_ctl_option_t forge_ctl_check_options[] = {
    {"app-role", "ROLE", "role of the application (default: the one in --conf, else forge_app)"},
    {"secret", "FILE", "file that ForgeSecret names"},
    {"docs", "DIR", "directory of the documentation pages"},
    {"runner", "FILE", "program forge-runner, which tries its sandbox"},
    {NULL, NULL, NULL},
};

const forge_ctl_verb_t forge_ctl_check[] = {
    {NULL, "", 0, FORGE_CTL_DATABASE_TOO, forge_ctl_check_options,
     "check database, schema, rights, clock, secret, pages, mail, Redis and sandbox", check_run},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
