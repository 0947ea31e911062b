/* SPDX-License-Identifier: Apache-2.0
 * Mail into a directory: one .eml per message.
 */
#include "net.h"
#include <apr_file_io.h>
#include <apr_strings.h>

/* Writes and syncs the file under a temporary name, then renames it. The temporary name begins with a dot and does not
 * end in .eml, so that no reader takes it for a mail. */
static apr_status_t put(apr_pool_t *p, const char *draft, const char *path, const forge_parcel_t *parcel)
{
    apr_file_t *file;
    apr_status_t closed,
        status = apr_file_open(&file, draft, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE | APR_FOPEN_BINARY,
                               APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_GREAD, p);
    if (status != APR_SUCCESS)
        return status;
    status = apr_file_write_full(file, parcel->data, parcel->len, NULL);
    if (status == APR_SUCCESS)
        status = apr_file_sync(file);
    closed = apr_file_close(file);
    if (status == APR_SUCCESS)
        status = closed;
    if (status == APR_SUCCESS)
        status = apr_file_rename(draft, path, p);
    if (status != APR_SUCCESS)
        apr_file_remove(draft, p);
    return status;
}

forge_delivery_t forge_net_maildir_put(apr_pool_t *p, const char *directory, apr_time_t when,
                                       const forge_parcel_t *parcel, const char **why)
{
    char text[120];
    const char *name = apr_psprintf(p, "%" APR_TIME_T_FMT "-%s", when, parcel->id);
    const char *path = apr_pstrcat(p, directory, "/", name, ".eml", NULL),
               *draft = apr_pstrcat(p, directory, "/.", name, ".part", NULL);
    apr_status_t status = put(p, draft, path, parcel);
    if (status == APR_SUCCESS)
        return FORGE_DELIVERED;
    *why = apr_psprintf(p, "%s: %s", directory, apr_strerror(status, text, sizeof(text)));
    return FORGE_DELIVERY_DOWN;
}
