/* SPDX-License-Identifier: Apache-2.0
 * Counts every request of ours in the metrics, those that Apache answers by itself too.
 *
 * A request is counted when the first byte of its answer is about to leave: a filter behind all that compose the answer
 * sees it pass. So whatever a client has seen of an answer is counted, also when the process is killed at that very
 * moment. The other way round no promise is possible: of a killed process the answers on their way, at most one for
 * each request in flight, may be counted without reaching their client.
 *
 * The time of a request ends there too, so that it says how fast we are, not how fast the client reads.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_connection.h>
#include <http_protocol.h>
#include <util_filter.h>

static ap_filter_rec_t *counter;

/* Internal redirects make further requests, of which the first is logged. */
static request_rec *first_of(request_rec *r)
{
    while (r->prev)
        r = r->prev;
    return r;
}

static apr_interval_time_t took(const forge_note_t *note)
{
    return apr_time_now() - note->begun;
}

static void answered(request_rec *r)
{
    const forge_server_t *server = forge_server_of(r->server);
    forge_note_t *first = forge_server_note(first_of(r));
    const forge_note_t *note = forge_server_note(r);
    if (first->counted)
        return;
    first->counted = true;
    forge_live_request_answered(server->live, note->slot, r->status, took(first),
                                note->request_id ? note->trace.trace_id : NULL);
}

/* What is sent ahead of an answer (100, 103) is none, and neither is the word that the connection ends without one. */
static apr_status_t see(ap_filter_t *f, apr_bucket_brigade *bb)
{
    bool answer = !APR_BRIGADE_EMPTY(bb) && !AP_BUCKET_IS_EOC(APR_BRIGADE_FIRST(bb));
    if (!answer || (ap_is_HTTP_INFO(f->r->status) && f->r->status != HTTP_SWITCHING_PROTOCOLS))
        return ap_pass_brigade(f->next, bb);
    ap_remove_output_filter(f);
    answered(f->r);
    return ap_pass_brigade(f->next, bb);
}

void forge_http_count_insert(request_rec *r)
{
    if (r->main || forge_server_inner(r) || !forge_server_of(r->server) || !forge_server_watched(r))
        return;
    forge_server_gateway_label(r);
    forge_note_t *note = forge_server_note(r);
    if (!note->watched)
        ap_add_output_filter_handle(counter, NULL, r, r->connection);
    note->watched = true;
}

/* The end of a request: what left without any answer, because its client did, is counted now. */
int forge_http_count(request_rec *r)
{
    const forge_server_t *server = forge_server_of(r->server);
    forge_note_t *note = server ? forge_server_note(r) : NULL;
    bool ours = false;
    if (!note || note->ended)
        return DECLINED;
    note->ended = true;
    request_rec *last = r;
    for (request_rec *at = r; at; at = at->next) {
        last = at;
        ours = ours || forge_server_watched(at);
        if (forge_server_note(at)->claimed)
            forge_live_request_leave(server->live);
        forge_live_flight_end(server->live, forge_server_note(at)->flight - 1);
    }
    if (ours && !note->counted)
        forge_live_request_answered(server->live, forge_server_note(last)->slot, last->status, took(note), NULL);
    note->counted = true;
    return DECLINED;
}

void forge_http_count_register(void)
{
    counter = ap_register_output_filter("FORGE_COUNT", see, NULL, AP_FTYPE_PROTOCOL);
}
