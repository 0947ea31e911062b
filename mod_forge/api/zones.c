/* SPDX-License-Identifier: Apache-2.0
 * Time zones of accounts and courses: only the database knows which names are real.
 */
#include "api/shared.h"
#include "core/wire/wire.h"
#include "store/store.h"
#include "store/users/users.h"

#include <string.h>

/* UTC is what most have: PostgreSQL reads a file for each zone that it knows to answer this. */
forge_status_t forge_api_zone_check(forge_req_t *q, const char *pointer, const char *zone)
{
    forge_db_t *db;
    bool known;
    if (!zone || strcmp(zone, "UTC") == 0)
        return FORGE_OK;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_timezone_known(db, q->pool, zone, &known));
    if (!known)
        forge_core_fault(q->faults, pointer, "format", "must be the name of a time zone such as Europe/Vienna");
    return FORGE_OK;
}
