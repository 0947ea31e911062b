/* SPDX-License-Identifier: Apache-2.0
 * Connections that a back end behind the gateway has upgraded, as for WebSockets: how many are open, and whose. A
 * request is checked when it comes, but such a connection lasts; so each child looks twice a second whether a session
 * has ended or an account was closed, and shuts what was opened in its name.
 */
#include "server_private.h"

#include <httpd.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <apr_portable.h>
#include <pthread.h>
#include <sys/socket.h>
#include <util_filter.h>

APLOG_USE_MODULE(forge);

typedef struct opened_t {
    struct opened_t *next, **at;
    request_rec *r;
    const forge_server_t *server;
    const forge_who_t *who; /* NULL: nobody was asked for */
    ap_filter_t *filter;    /* that waits for the answer; NULL: it came */
    bool ended;
} opened_t;

/* One list in each child. */
static struct {
    pthread_mutex_t lock;
    opened_t *first;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static ap_filter_rec_t *watcher;

static apr_status_t closed(void *baton)
{
    opened_t *opened = baton;
    if (opened->filter)
        ap_remove_output_filter(opened->filter);
    opened->filter = NULL;
    if (!opened->at)
        return APR_SUCCESS;
    pthread_mutex_lock(&all.lock);
    *opened->at = opened->next;
    if (opened->next)
        opened->next->at = opened->at;
    pthread_mutex_unlock(&all.lock);
    opened->at = NULL;
    forge_live_sockets_add(opened->server->live, -1);
    return APR_SUCCESS;
}

static void open_it(opened_t *opened)
{
    opened->who = forge_server_note(opened->r)->who;
    pthread_mutex_lock(&all.lock);
    opened->next = all.first;
    opened->at = &all.first;
    if (opened->next)
        opened->next->at = &opened->next;
    all.first = opened;
    pthread_mutex_unlock(&all.lock);
    forge_live_sockets_add(opened->server->live, 1);
}

/* mod_proxy sends 101 past the filters of the request, so this one sits at the connection. */
static apr_status_t see(ap_filter_t *f, apr_bucket_brigade *bb)
{
    opened_t *opened = f->ctx;
    if (APR_BRIGADE_EMPTY(bb) || (ap_is_HTTP_INFO(opened->r->status) && opened->r->status != HTTP_SWITCHING_PROTOCOLS))
        return ap_pass_brigade(f->next, bb);
    ap_remove_output_filter(f);
    opened->filter = NULL;
    if (opened->r->status == HTTP_SWITCHING_PROTOCOLS)
        open_it(opened);
    return ap_pass_brigade(f->next, bb);
}

void forge_server_socket_await(request_rec *r)
{
    if (r->main || !apr_table_get(r->headers_in, "Upgrade"))
        return;
    opened_t *opened = apr_pcalloc(r->pool, sizeof(*opened));
    opened->r = r;
    opened->server = forge_server_of(r->server);
    opened->filter = ap_add_output_filter_handle(watcher, opened, NULL, r->connection);
    apr_pool_cleanup_register(r->pool, opened, closed, apr_pool_cleanup_null);
}

/* Both directions end; the thread that carries the bytes finds out by itself. */
static void shut(opened_t *opened)
{
    apr_os_sock_t fd;
    opened->ended = true;
    if (apr_os_sock_get(&fd, ap_get_conn_socket(opened->r->connection)) == APR_SUCCESS)
        shutdown(fd, SHUT_RDWR);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, opened->r->server,
                 "FG0791: an upgraded connection is closed, because the session that opened it has ended");
}

void forge_server_sockets_judge(void)
{
    pthread_mutex_lock(&all.lock);
    for (opened_t *opened = all.first; opened; opened = opened->next) {
        const forge_server_t *server = opened->server;
        if (opened->who && !opened->ended &&
            forge_live_revoked(server->live, server->realm, opened->who, forge_live_steady(server->live)) ==
                FORGE_VERDICT_REVOKED)
            shut(opened);
    }
    pthread_mutex_unlock(&all.lock);
}

void forge_server_sockets_register(void)
{
    watcher = ap_register_output_filter("FORGE_SOCKET", see, NULL, AP_FTYPE_CONNECTION);
}
