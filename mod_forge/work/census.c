/* SPDX-License-Identifier: Apache-2.0
 * Figures of /metrics that only the database knows: open sessions and waiting mails. One child asks for them now and
 * then, so that no scrape does.
 */
#include "work_private.h"
#include "store/operations/operations.h"

#include <httpd.h>

#define CENSUS_EVERY apr_time_from_sec(10)

static forge_status_t ask(forge_db_t *db, apr_pool_t *p, void *data)
{
    const forge_server_t *server = data;
    forge_rows_t *rows;
    FORGE_TRY(forge_store_census(db, p, &rows));
    const forge_live_census_t census = {.sessions = forge_store_rows_int(rows, 0, "sessions", 0),
                                        .guests = forge_store_rows_int(rows, 0, "guests", 0),
                                        .mails = forge_store_rows_int(rows, 0, "mails", 0),
                                        .mails_oldest = forge_store_rows_int(rows, 0, "oldest", 0)};
    forge_live_census_set(server->live, server->realm, &census);
    return FORGE_OK;
}

/* A database that is away is asked again the next time; until then the last figures stand. */
static void step(void *data, apr_pool_t *p)
{
    forge_server_t *server = forge_server_of(data);
    if (server && server->db_pool)
        forge_server_lease_lend(p, server, FORGE_ACTIVITY("forge census"), ask, server);
}

int forge_work_census_register(apr_pool_t *pconf, server_rec *main_server)
{
    for (server_rec *s = main_server; s; s = s->next) {
        const forge_server_t *server = forge_server_of(s);
        const forge_background_t task = {
            .thread = "_forge_", .one_child = true, .every = CENSUS_EVERY, .step = step, .data = s};
        if (!server || !*forge_server_pool_database(pconf, s) || !forge_work_first_of_database(main_server, server))
            continue;
        if (forge_work_background_register(pconf, s, &task) != OK)
            return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}
