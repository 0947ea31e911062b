/* SPDX-License-Identifier: Apache-2.0
 * Bytes on their way in a file without a name: it is gone with whoever holds it, also after kill -9. It lies in TMPDIR,
 * else in /var/tmp: /tmp is memory on many systems, and a large file is not to be.
 */
#include "http_private.h"

#include <httpd.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER (64 * 1024) /* bytes that are written at once */

struct forge_spool_t {
    forge_req_t *q;
    apr_file_t *file;
    apr_size_t held;
    char buffer[BUFFER];
};

static forge_status_t failed(forge_req_t *q, apr_status_t rv)
{
    char why[120];
    if (APR_STATUS_IS_ENOSPC(rv) || rv == EDQUOT)
        return FORGE_E_STORAGE_FULL;
    forge_http_warn(q, "FG0640", "could not keep the bytes of a file in a temporary one: %s",
                    apr_strerror(rv, why, sizeof(why)));
    return FORGE_E_UNAVAILABLE;
}

/* The name is taken away at once: from then on the file lives as long as its descriptor. */
static apr_status_t open_in(forge_spool_t *spool, const char *dir)
{
    apr_pool_t *p = spool->q->pool;
    char *name = apr_pstrcat(p, dir, "/forge-XXXXXX", NULL);
    apr_status_t rv = apr_file_mktemp(
        &spool->file, name,
        APR_FOPEN_CREATE | APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_EXCL | APR_FOPEN_SENDFILE_ENABLED, p);
    if (rv == APR_SUCCESS)
        apr_file_remove(name, p);
    return rv;
}

/* A TMPDIR that httpd was started with may be one of the administrator alone. */
forge_status_t forge_http_spool_make(forge_req_t *q, forge_spool_t **spool)
{
    const char *own = getenv("TMPDIR");
    *spool = apr_palloc(q->pool, sizeof(**spool));
    (*spool)->q = q;
    (*spool)->held = 0;
    apr_status_t rv = own && *own ? open_in(*spool, own) : APR_ENOENT;
    if (rv != APR_SUCCESS)
        rv = open_in(*spool, "/var/tmp");
    return rv == APR_SUCCESS ? FORGE_OK : failed(q, rv);
}

static forge_status_t flush(forge_spool_t *spool)
{
    apr_size_t len = spool->held;
    spool->held = 0;
    apr_status_t rv = len > 0 ? apr_file_write_full(spool->file, spool->buffer, len, NULL) : APR_SUCCESS;
    return rv == APR_SUCCESS ? FORGE_OK : failed(spool->q, rv);
}

forge_status_t forge_http_spool_add(forge_spool_t *spool, const char *data, apr_size_t len)
{
    for (apr_size_t n; len > 0; data += n, len -= n) {
        n = len < BUFFER - spool->held ? len : BUFFER - spool->held;
        memcpy(spool->buffer + spool->held, data, n);
        spool->held += n;
        if (spool->held == BUFFER)
            FORGE_TRY(flush(spool));
    }
    return FORGE_OK;
}

forge_status_t forge_http_spool_end(forge_spool_t *spool)
{
    return flush(spool);
}

bool forge_http_spool_read(forge_spool_t *spool, apr_off_t at, void *to, apr_size_t len)
{
    return apr_file_seek(spool->file, APR_SET, &at) == APR_SUCCESS &&
           apr_file_read_full(spool->file, to, len, NULL) == APR_SUCCESS;
}

apr_file_t *forge_http_spool_file(forge_spool_t *spool)
{
    return spool->file;
}
