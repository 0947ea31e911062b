/* SPDX-License-Identifier: Apache-2.0
 * A page of any list: the query's members become filters by name.
 */
#include "shared.h"
#include "core/wire/wire.h"
#include "store/store.h"

forge_status_t forge_api_list_rows(forge_req_t *q, const forge_list_t *list, forge_args_t base, forge_rows_t **rows,
                                   apr_int64_t *total)
{
    const char *values[FORGE_LIST_FILTERS_MAX] = {NULL};
    for (int i = 0; i < FORGE_LIST_FILTERS_MAX && q->query && list->filters && list->filters[i].name; i++)
        if (*list->filters[i].name != '_')
            values[i] = forge_core_input_text(q->query, list->filters[i].name);
    const forge_list_query_t query = {
        .base = base,
        .values = values,
        .sort = q->page.sort,
        .after_key = q->page.after_key,
        .after_id = q->page.after_id,
        .skip = q->page.skip,
        .limit = q->page.limit,
        .count = q->page.count,
    };
    forge_db_t *db;
    *total = -1;
    FORGE_TRY(forge_http_db(q, &db));
    return forge_store_list(db, q->pool, list, &query, rows, total);
}

forge_status_t forge_api_list_other(forge_req_t *q, const forge_list_t *list, forge_args_t base)
{
    forge_rows_t *rows;
    apr_int64_t total;
    FORGE_TRY(forge_api_list_rows(q, list, base, &rows, &total));
    return forge_reply_list(q, list, rows, total);
}

forge_status_t forge_api_list(forge_req_t *q, forge_args_t base)
{
    return forge_api_list_other(q, q->route->list, base);
}
