/* SPDX-License-Identifier: Apache-2.0
 * Request bodies as bytes: read with a ceiling, or read away so that the connection can go on.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_protocol.h>
#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_strings.h>
#include <string.h>

#define DRAIN_MAX (256 * 1024) /* bytes read away after an error before the connection is rather closed */

static forge_status_t read_error(apr_status_t rv)
{
    switch (ap_map_http_request_error(rv, HTTP_BAD_REQUEST)) {
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        return FORGE_E_BODY_TOO_LARGE;
    case HTTP_REQUEST_TIME_OUT:
        return FORGE_E_REQUEST_TIMEOUT;
    default:
        return FORGE_E_BAD_REQUEST;
    }
}

/* Moves the data of a brigade into the buffer; true at the end of the body. */
static bool take(apr_bucket_brigade *bb, forge_buf_t *into, apr_status_t *rv)
{
    bool end = false;
    for (apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb) && !end; b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t len;
        if (APR_BUCKET_IS_EOS(b)) {
            end = true;
        } else if (!APR_BUCKET_IS_METADATA(b)) {
            *rv = apr_bucket_read(b, &data, &len, APR_BLOCK_READ);
            if (*rv != APR_SUCCESS)
                return true;
            forge_util_buf_add(into, data, len);
        }
    }
    apr_brigade_cleanup(bb);
    return end;
}

static forge_status_t body_read(forge_req_t *q, const char **data, apr_size_t *len)
{
    request_rec *r = q->r;
    apr_off_t max = forge_config_max_body(q->config), said = 0;
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    if (length && (!ap_parse_strict_length(&said, length) || said > max))
        return FORGE_E_BODY_TOO_LARGE;
    forge_buf_t *buf =
        forge_util_buf_make(q->pool, said > 0 && said < 65536 ? (apr_size_t)said + 1 : 4096, (apr_size_t)max + 1);
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    for (bool end = false; !end;) {
        apr_status_t rv = ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES, APR_BLOCK_READ, HUGE_STRING_LEN);
        if (rv == APR_SUCCESS)
            end = take(bb, buf, &rv);
        if (rv != APR_SUCCESS) {
            r->connection->keepalive = AP_CONN_CLOSE;
            return read_error(rv);
        }
        if (buf->failed || (apr_off_t)buf->len > max) {
            r->connection->keepalive = AP_CONN_CLOSE; /* the answer does not wait for the rest */
            return FORGE_E_BODY_TOO_LARGE;
        }
    }
    *data = buf->data ? buf->data : "";
    *len = buf->len;
    return FORGE_OK;
}

/* Three threads of four may wait for bodies; the others answer those who have none, health checks first of all. */
forge_status_t forge_http_body_read(forge_req_t *q, const char **data, apr_size_t *len)
{
    static apr_uint32_t readers;
    int threads = 0;
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    apr_uint32_t before = apr_atomic_inc32(&readers);
    forge_status_t status = FORGE_E_UNAVAILABLE;
    if (threads < 4 || before < (apr_uint32_t)threads * 3 / 4)
        status = body_read(q, data, len);
    else
        q->r->connection->keepalive = AP_CONN_CLOSE;
    apr_atomic_dec32(&readers);
    return status;
}

void forge_http_body_drain(request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t left = DRAIN_MAX, said = 0;
    if (r->main || r->connection->keepalive == AP_CONN_CLOSE ||
        (!length && !apr_table_get(r->headers_in, "Transfer-Encoding")))
        return;
    if (r->expecting_100 || (length && (!ap_parse_strict_length(&said, length) || said > DRAIN_MAX))) {
        r->connection->keepalive = AP_CONN_CLOSE;
        return;
    }
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    while (left > 0) {
        apr_off_t got = 0;
        if (ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES, APR_NONBLOCK_READ, HUGE_STRING_LEN) != APR_SUCCESS)
            break; /* what is not there yet is not waited for: the answer is ready, and a slow sender must not hold a
                      thread */
        if (APR_BRIGADE_EMPTY(bb) ||
            APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb))) /* an empty brigade: the body had been read before */
            return;
        apr_brigade_length(bb, 1, &got);
        apr_brigade_cleanup(bb);
        left -= got;
    }
    r->connection->keepalive = AP_CONN_CLOSE;
}
