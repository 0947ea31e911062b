/* SPDX-License-Identifier: Apache-2.0
 * What store/ says reaches the error log here.
 */
#include "server_private.h"
#include "store/store.h"

#include <httpd.h>
#include <http_log.h>
#include <stdlib.h>
#include <string.h>

APLOG_USE_MODULE(forge);

/* True once a minute for each tag in each child, so that a database outage does not fill the disk. A statement that
 * fails by our own fault is always logged. */
static bool worth_telling(const char *tag)
{
    static apr_time_t told[100];
    apr_time_t now = apr_time_now(), *last = &told[atoi(tag + 4) % 100];
    apr_time_t before = __atomic_load_n(last, __ATOMIC_RELAXED);
    if (strcmp(tag, FORGE_STORE_TAG_FAULT) == 0)
        return true;
    return (now - before > apr_time_from_sec(60) || now < before) &&
           __atomic_compare_exchange_n(last, &before, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void forge_server_store_says(void *baton, bool is_error, const char *tag, const char *message)
{
    server_rec *s = baton;
    if (!worth_telling(tag))
        return;
    ap_log_error(APLOG_MARK, is_error ? APLOG_ERR : APLOG_INFO, 0, s, "%s: %s", tag, message);
}

void forge_server_replica_says(void *baton, bool is_error, const char *tag, const char *message)
{
    bool ours = strcmp(tag, FORGE_STORE_TAG_FAULT) == 0 || strcmp(tag, FORGE_STORE_TAG_WRITES) == 0;
    forge_server_store_says(baton, is_error && ours, tag, message);
}
