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

struct forge_spool_t {
    forge_req_t *q;
    apr_file_t *file;
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
forge_status_t forge_http_spool_make(forge_req_t *q, forge_spool_t **spool)
{
    const char *dir = getenv("TMPDIR");
    char *name = apr_pstrcat(q->pool, dir && *dir ? dir : "/var/tmp", "/forge-XXXXXX", NULL);
    *spool = apr_pcalloc(q->pool, sizeof(**spool));
    (*spool)->q = q;
    apr_status_t rv = apr_file_mktemp(
        &(*spool)->file, name,
        APR_FOPEN_CREATE | APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_EXCL | APR_FOPEN_SENDFILE_ENABLED, q->pool);
    if (rv != APR_SUCCESS)
        return failed(q, rv);
    apr_file_remove(name, q->pool);
    return FORGE_OK;
}

forge_status_t forge_http_spool_add(forge_spool_t *spool, const char *data, apr_size_t len)
{
    apr_status_t rv = apr_file_write_full(spool->file, data, len, NULL);
    return rv == APR_SUCCESS ? FORGE_OK : failed(spool->q, rv);
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
