/* SPDX-License-Identifier: Apache-2.0
 * The least that a handler can do: 200 constant bytes, to compare with. /hello goes the way of every handler, /claimed
 * is taken before httpd looks for a file; /claimed?SIZE answers so many bytes, and hands them to the client at once, as
 * mod_forge does; /sql?NAME first runs a statement, in the plainest way that libpq has, and throws its rows away.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE        200
#define LARGEST   (1 << 20)
#define CONNECTIONS 64 /* that wait to be used again */
#define ARGUMENTS   64
#define FILE_MAX    16384

/* --- the statement: $BENCH_DIR/NAME.raw, NAME.values with a line for each parameter, and settings for the connection
 * --- */

static struct statement_t {
    char name[64], sql[FILE_MAX], values[FILE_MAX];
    const char *args[ARGUMENTS];
    int count;
} statement;
static PGconn *idle[CONNECTIONS];
static int idlers;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void slurp(const char *name, const char *kind, char *into)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s%s", getenv("BENCH_DIR"), name, kind);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(into, 1, FILE_MAX - 1, f) : 0;
    into[n] = '\0';
    if (f)
        fclose(f);
}

/* Under the lock. Another statement than the last one: what was prepared on the idle connections is of no more use. */
static void statement_read(const char *name)
{
    while (idlers)
        PQfinish(idle[--idlers]);
    snprintf(statement.name, sizeof(statement.name), "%s", name);
    slurp(name, ".raw", statement.sql);
    slurp(name, ".values", statement.values);
    statement.count = 0;
    for (char *rest = statement.values, *line; statement.count < ARGUMENTS && (line = strsep(&rest, "\n")) && *line;)
        statement.args[statement.count++] = strcmp(line, "NULL") == 0 ? NULL : line;
}

static PGconn *connection_make(void)
{
    char settings[FILE_MAX], host[512];
    slurp("settings", "", settings);
    snprintf(host, sizeof(host), "%s/sock", getenv("BENCH_DIR"));
    const char *const names[] = {"host", "dbname", "user", "options", NULL}, *const values[] = {host, "forge",
                                                                                                "forge_app", settings,
                                                                                                NULL};
    PGconn *conn = PQconnectdbParams(names, values, 0);
    PQclear(PQprepare(conn, "s", statement.sql, 0, NULL));
    return conn;
}

static int statement_run(const char *name)
{
    PGconn *conn = NULL;
    pthread_mutex_lock(&lock);
    if (strcmp(statement.name, name) != 0)
        statement_read(name);
    if (idlers)
        conn = idle[--idlers];
    pthread_mutex_unlock(&lock);
    if (!conn)
        conn = connection_make();
    PGresult *result = PQexecPrepared(conn, "s", statement.count, statement.args, NULL, NULL, 0);
    int good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0;
    PQclear(result);
    pthread_mutex_lock(&lock);
    if (idlers < CONNECTIONS) {
        idle[idlers++] = conn;
        conn = NULL;
    }
    pthread_mutex_unlock(&lock);
    PQfinish(conn);
    return good;
}

/* --- requests --- */

static int claims(request_rec *r)
{
    return r->uri && strcmp(r->uri, "/claimed") == 0;
}

static int translate(request_rec *r)
{
    if (!claims(r))
        return DECLINED;
    r->filename = r->uri;
    return OK;
}

static int storage(request_rec *r)
{
    return claims(r) ? OK : DECLINED;
}

static int type(request_rec *r)
{
    if (!claims(r))
        return DECLINED;
    r->handler = "bench-hello";
    return OK;
}

static char xs[LARGEST];

/* A body of that size in one bucket, and a flush behind it, which spares the listener's hand-off. */
static int send_at_once(request_rec *r, long size)
{
    conn_rec *c = r->connection;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);
    if (size < 1 || size > LARGEST)
        return HTTP_BAD_REQUEST;
    ap_set_content_type(r, "text/plain");
    ap_set_content_length(r, size);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_immortal_create(xs, (apr_size_t)size, c->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(c->bucket_alloc));
    ap_pass_brigade(r->output_filters, bb);
    apr_brigade_cleanup(bb);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(c->bucket_alloc));
    ap_pass_brigade(c->output_filters, bb);
    return OK;
}

static int hello(request_rec *r)
{
    char text[SIZE];
    if (!r->handler || strcmp(r->handler, "bench-hello") != 0)
        return DECLINED;
    if (strcmp(r->uri, "/sql") == 0 && !statement_run(r->args ? r->args : ""))
        return HTTP_INTERNAL_SERVER_ERROR;
    if (claims(r) && r->args)
        return send_at_once(r, strtol(r->args, NULL, 10));
    memset(text, 'x', sizeof(text));
    ap_set_content_type(r, "text/plain");
    ap_set_content_length(r, sizeof(text));
    ap_rwrite(text, sizeof(text), r);
    return OK;
}

static void hooks(apr_pool_t *p)
{
    (void)p;
    memset(xs, 'x', sizeof(xs));
    ap_hook_translate_name(translate, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_map_to_storage(storage, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_type_checker(type, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(hello, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(bench_hello) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks, AP_MODULE_FLAG_NONE};
