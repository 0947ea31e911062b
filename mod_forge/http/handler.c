/* SPDX-License-Identifier: Apache-2.0
 * The life of one request: route, limit, guard, input, queue, Idempotency-Key, handler, answer. Read this file first.
 */
#include "http_private.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_protocol.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

static const struct {
    const char *name;
    forge_method_t method;
} methods[] = {
    {"GET", FORGE_GET}, {"HEAD", FORGE_GET},    {"POST", FORGE_POST},
    {"PUT", FORGE_PUT}, {"PATCH", FORGE_PATCH}, {"DELETE", FORGE_DELETE},
};

static const char *allow_list(forge_req_t *q, unsigned allowed)
{
    const char *list = "OPTIONS";
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (allowed & 1u << methods[i].method)
            list = apr_pstrcat(q->pool, list, ", ", methods[i].name, NULL);
    return list;
}

/* OPTIONS on a known path: what it allows, and the CORS preflight. */
static forge_status_t answer_options(forge_req_t *q)
{
    q->reply->set = true;
    q->reply->http = HTTP_NO_CONTENT;
    forge_http_cors_preflight(q->r, q->config, q->reply->allow);
    return FORGE_ANSWERED;
}

static void matched(forge_req_t *q, const forge_match_t *match)
{
    forge_note_t *note = forge_server_note(q->r);
    q->route = match->route;
    q->route_index = match->index;
    memcpy(q->ids, match->ids, sizeof(q->ids));
    q->tail = match->tail;
    note->route = forge_core_router_template(q->router, match->index);
    note->slot = q->server->slots[match->index];
    note->flight = 1 + forge_live_flight_begin(q->live, note->slot);
    apr_table_setn(q->r->notes, "forge-route", note->route);
}

/* Finds the route; the answers for unknown paths and methods come after the limits, so that guessing is limited too.
 * A word that is no method anywhere is the client's mistake like any other (405): 501 would count as our error. */
static forge_status_t route(forge_req_t *q)
{
    forge_match_t match;
    const char *name = q->r->method;
    const char *path = forge_server_raw_path(q->r);
    forge_method_t method = FORGE_METHODS;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(methods[i].name, name) == 0)
            method = methods[i].method;
    forge_core_router_find(q->router, q->pool, method, path, &match);
    if (match.route) {
        matched(q, &match);
        return FORGE_OK;
    }
    if (match.allowed == 0)
        return FORGE_E_NOT_FOUND;
    q->reply->allow = allow_list(q, match.allowed);
    return strcmp(name, "OPTIONS") == 0 ? answer_options(q) : FORGE_E_METHOD_NOT_ALLOWED;
}

/* A good token, except a guest's, moves a request from the address's quota to the account's. */
static forge_status_t limit(forge_req_t *q)
{
    forge_limit_class_t class = q->route ? q->route->limit : FORGE_LIMIT_DEFAULT;
    if (class == FORGE_LIMIT_NONE)
        return FORGE_OK;
    apr_int64_t account = forge_server_limit_account(&q->who);
    if (class == FORGE_LIMIT_DEFAULT && account)
        class = FORGE_LIMIT_USER;
    return forge_server_limit(q->r, q->server, class, account);
}

/* A message with Content-Length and Transfer-Encoding is how requests are smuggled (RFC 9112 §6.1). httpd drops the
 * first and marks the connection to be closed before anybody sees it; nothing else marks a connection so early. */
static bool two_lengths(forge_req_t *q)
{
    const conn_rec *c = q->r->connection;
    return !c->master && c->keepalive == AP_CONN_CLOSE &&
           forge_http_header(q, "Transfer-Encoding") != NULL; /* HTTP/2 has its own framing */
}

/* A rule that only the database knows was broken: constraints are named table_column_…, which says whose member it
 * was. */
static forge_status_t blame(forge_req_t *q)
{
    const char *constraint = forge_http_db_constraint(q);
    forge_walk_t walk = forge_core_walk_shape(q->route->body);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
        if (strstr(constraint, apr_pstrcat(q->pool, "_", f->name, "_", NULL)))
            return forge_fail_field(q, FORGE_E_VALIDATION, apr_pstrcat(q->pool, "/", f->name, NULL), "format",
                                    "must not hold control characters or break the rules of this member");
    return FORGE_E_VALIDATION;
}

/* The stages before the queue: nothing here waits for others. */
static forge_status_t arrive(forge_req_t *q)
{
    if (two_lengths(q))
        return FORGE_E_BAD_REQUEST;
    forge_status_t found = route(q);
    if (found == FORGE_ANSWERED)
        return found;
    forge_status_t guarded = forge_http_guard(q);
    FORGE_TRY(limit(q));
    FORGE_TRY(found);
    FORGE_TRY(guarded);
    if (q->route->flags & (FORGE_R_FOLLOW | FORGE_R_FILE) && forge_server_inner(q->r))
        return FORGE_E_NOT_IN_AGGREGATE;
    if (q->route->limit == FORGE_LIMIT_AUTH && q->who.user_id == 0)
        FORGE_TRY(forge_server_guesses_allowed(q->r, q->server));
    return forge_http_input(q);
}

static forge_status_t call(forge_req_t *q, forge_handler_fn fn)
{
    forge_status_t status = fn ? fn(q) : FORGE_OK;
    return status == FORGE_E_VALIDATION && !q->reply->faults ? blame(q) : status;
}

/* A route that hashes passwords has nothing to hash when its body has none of them, so it does not wait for a place.
 * Where the body's own members are no passwords (users/import) they are further inside. */
static bool hashes(const forge_req_t *q)
{
    bool outside = false;
    forge_walk_t walk = forge_core_walk_shape(q->route->body);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));) {
        if (!f->format || strcmp(f->format, "password") != 0)
            continue;
        outside = true;
        if (q->body && forge_core_input_text(q->body, f->name))
            return true;
    }
    return !outside;
}

/* The stages after it. What takes long is prepared before the key is claimed: from then on a transaction is open. */
static forge_status_t work_once(forge_req_t *q)
{
    FORGE_TRY(forge_http_idempotency_claim(q));
    FORGE_TRY(call(q, q->route->handle));
    return forge_http_idempotency_finish(q);
}

/* Without a key a statement that met a deadlock is run again where it stands (store/engine/run.c). With one the
 * transaction began before the handler, so the handler is run again. */
static forge_status_t work(forge_req_t *q)
{
    if (!q->idem)
        return work_once(q);
    for (int tries = 0;; tries++) {
        const forge_reply_t before = forge_http_reply_copy(q);
        forge_status_t status = work_once(q);
        if (status == FORGE_OK || status == FORGE_ANSWERED || !forge_http_idempotency_again(q, tries))
            return status;
        *q->reply = before;
    }
}

/* A public answer may be there already. */
static forge_status_t run(forge_req_t *q)
{
    if (forge_http_cache_answers(q))
        return FORGE_OK;
    forge_status_t status = forge_http_replica_work(q, work);
    forge_http_cache_keep(q, status);
    return status;
}

/* Runs the handler and sends its answer. Neither a place nor a connection is held while that is on its way to the
 * client. */
static int conclude(forge_req_t *q, forge_status_t status)
{
    if (status == FORGE_OK)
        status = run(q);
    forge_http_db_done(q);
    forge_http_queue_leave(q);
    if (status != FORGE_OK && status != FORGE_ANSWERED)
        forge_http_idempotency_release(q);
    const int answer = forge_http_send(q, status);
    forge_http_aggregate_end(q);
    return answer;
}

/* Programs and calls that .prepare asks for are made before the rest; meanwhile the key is only reserved. */
static forge_status_t prepare(forge_req_t *q)
{
    FORGE_TRY(call(q, q->route->prepare));
    return q->runs || q->calls ? forge_http_idempotency_reserve(q) : FORGE_OK;
}

static int serve(forge_req_t *q, forge_status_t status)
{
    if (status == FORGE_OK)
        status = prepare(q);
    if (status == FORGE_OK && q->calls)
        return forge_http_calls_wait(q, conclude);
    if (status == FORGE_OK && q->containers)
        return forge_http_containers_wait(q, conclude);
    return status == FORGE_OK && q->runs ? forge_http_runs_wait(q, conclude) : conclude(q, status);
}

/* What the request waits for before it is served: its file, or its turn. */
static int admit(forge_req_t *q)
{
    const forge_route_t *route = q->route;
    if (route->upload)
        return forge_http_upload_receive(q, serve);
    if (route->flags & FORGE_R_FILE)
        return forge_http_files_admit(q, serve);
    return route->flags & FORGE_R_HASHES && hashes(q) ? forge_http_queue_admit(q, serve) : serve(q, FORGE_OK);
}

int forge_http_handler(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, "forge") != 0 || r->proxyreq)
        return DECLINED;
    const forge_server_t *server = forge_server_of(r->server);
    if (!server) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "FG0404: this virtual host hands requests to forge but has no ForgeSecret; set one");
        return HTTP_SERVICE_UNAVAILABLE;
    }
    forge_req_t *q = forge_http_request_make(r, server);
    forge_status_t status = arrive(q);
    return status == FORGE_OK ? admit(q) : serve(q, status);
}
