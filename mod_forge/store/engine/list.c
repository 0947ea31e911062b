/* SPDX-License-Identifier: Apache-2.0
 * Lists: the statement of each combination of filters, order and paging is put together from literals only and prepared
 * under its own name.
 */
#include "store_private.h"
#include "store/store.h"
#include <apr_strings.h>
#include <string.h>

enum { BASE_MAX = 8, ARGS_MAX = FORGE_LIST_FILTERS_MAX + BASE_MAX + 4, SQL_MAX = 16384 };
enum { BY_KEY = 1, BY_SKIP = 2, FULL_PAGE = 4 }; /* how a page is cut out */

/* A statement while it is put together. */
typedef struct plan_t {
    forge_buf_t *sql;
    const char *args[ARGS_MAX];
    int count;
    unsigned mask; /* filters in use */
    int order;
    int paging;
} plan_t;

const char *forge_store_list_order_name(const forge_list_t *list, int i)
{
    for (int at = 0; at < i; at++)
        if (!list->orders[at].name)
            return NULL;
    return list->orders[i].name;
}

const char *forge_store_list_filter_name(const forge_list_t *list, int i)
{
    for (int at = 0; list->filters && at < i; at++)
        if (!list->filters[at].name)
            return NULL;
    return list->filters ? list->filters[i].name : NULL;
}

const forge_list_order_t *forge_store_list_order(const forge_list_t *list, const char *sort)
{
    const forge_list_order_t *order = list->orders;
    while (sort && order->name && strcmp(order->name, sort) != 0)
        order++;
    return order->name ? order : list->orders;
}

static int arg_add(plan_t *plan, const char *value)
{
    plan->args[plan->count] = value;
    return ++plan->count;
}

/* Appends a literal whose first "%d" becomes one parameter's number and whose later ones another's. */
static void sql_add(plan_t *plan, const char *literal, int first, int later)
{
    const char *mark;
    int number = first;
    while ((mark = strstr(literal, "%d"))) {
        forge_util_buf_add(plan->sql, literal, (apr_size_t)(mark - literal));
        forge_util_buf_int(plan->sql, number);
        number = later;
        literal = mark + 2;
    }
    forge_util_buf_puts(plan->sql, literal);
}

/* SELECT, the base arguments and one AND for each filter in use. */
static void filters_add(plan_t *plan, const char *select, const forge_list_t *list, const forge_list_query_t *query)
{
    forge_util_buf_puts(plan->sql, select);
    for (int i = 0; i < list->base_args; i++)
        arg_add(plan, query->base.values[i]);
    for (int i = 0; list->filters && list->filters[i].name; i++) {
        if (!query->values[i])
            continue;
        int number = arg_add(plan, query->values[i]);
        plan->mask |= 1u << i;
        forge_util_buf_puts(plan->sql, " AND ");
        sql_add(plan, list->filters[i].sql, number, number);
    }
}

/* The end of the text: keyset, order and size. The size of a full page is a literal: for a parameter the planner would
 * expect a tenth of the table, and rather sort all of it. A smaller page is cut out of a full one, which costs nothing
 * because rows are made on demand. */
static void page_add(plan_t *plan, const forge_list_order_t *order, const forge_list_query_t *query, apr_pool_t *p)
{
    if (plan->paging & BY_KEY) {
        int key = order->key ? arg_add(plan, query->after_key) : 0;
        int id = arg_add(plan, query->after_id);
        forge_util_buf_puts(plan->sql, " AND ");
        sql_add(plan, order->after, key ? key : id, id);
    }
    forge_util_buf_puts(plan->sql, " ORDER BY ");
    forge_util_buf_puts(plan->sql, order->order);
    if (plan->paging & BY_SKIP)
        sql_add(plan, " OFFSET $%d::bigint", arg_add(plan, forge_util_itoa(p, query->skip)), 0);
    sql_add(plan, " LIMIT %d", FORGE_PAGE_LIMIT + 1, 0);
    if (!(plan->paging & FULL_PAGE))
        sql_add(plan, ") page LIMIT $%d::bigint", arg_add(plan, forge_util_itoa(p, query->limit + 1)), 0);
}

/* Runs what was put together under a name that says which combination it is. */
static forge_status_t plan_run(forge_db_t *db, apr_pool_t *p, const plan_t *plan, const char *name, forge_rows_t **rows)
{
    if (plan->sql->failed || strlen(name) > FORGE_STORE_NAME_MAX)
        return FORGE_E_INTERNAL;
    const forge_stmt_t stmt = {name, apr_pstrmemdup(p, plan->sql->data, plan->sql->len)};
    return forge_store_run(db, p, &stmt, (forge_args_t){plan->args, plan->count, 0, false}, rows);
}

static forge_status_t total_run(forge_db_t *db, apr_pool_t *p, const forge_list_t *list,
                                const forge_list_query_t *query, apr_int64_t *total)
{
    plan_t plan = {.sql = forge_util_buf_make(p, 1024, SQL_MAX)};
    forge_rows_t *rows;
    filters_add(&plan, list->count, list, query);
    FORGE_TRY(plan_run(db, p, &plan, apr_psprintf(p, "%s:%x:count", list->name, plan.mask), &rows));
    if (forge_store_rows_count(rows) != 1)
        return FORGE_E_INTERNAL;
    *total = apr_atoi64(PQgetvalue(rows->result, 0, 0));
    return FORGE_OK;
}

const char *forge_store_list_problem(const forge_list_t *list)
{
    int filters = 0;
    while (list->filters && list->filters[filters].name)
        filters++;
    if (filters > FORGE_LIST_FILTERS_MAX)
        return "the list has more filters than a query has room for";
    if (list->base_args > BASE_MAX)
        return "the list has more arguments than a query has room for";
    return list->orders && list->orders->name ? NULL : "the list has no order";
}

/* A cursor without its key is a mistake of the client. */
static forge_status_t query_check(const forge_list_order_t *order, const forge_list_query_t *query)
{
    if (query->limit < 1 || query->limit > FORGE_PAGE_LIMIT || query->skip < 0)
        return FORGE_E_VALIDATION;
    return query->after_id && order->key && !query->after_key ? FORGE_E_VALIDATION : FORGE_OK;
}

forge_status_t forge_store_list(forge_db_t *db, apr_pool_t *p, const forge_list_t *list,
                                const forge_list_query_t *query, forge_rows_t **rows, apr_int64_t *total)
{
    /* A number of arguments that is not the select's would shift the ones that follow. */
    if (forge_store_list_problem(list) || query->base.count != list->base_args)
        return FORGE_E_INTERNAL;
    const forge_list_order_t *order = forge_store_list_order(list, query->sort);
    plan_t plan = {.sql = forge_util_buf_make(p, 2048, SQL_MAX), .order = (int)(order - list->orders)};
    if (!db || !db->conn)
        return FORGE_E_DATABASE_DOWN;
    FORGE_TRY(query_check(order, query));
    plan.paging = (query->after_id ? BY_KEY : 0) | (query->skip ? BY_SKIP : 0) |
                  (query->limit == FORGE_PAGE_LIMIT ? FULL_PAGE : 0);
    if (!(plan.paging & FULL_PAGE))
        forge_util_buf_puts(plan.sql, "SELECT * FROM (");
    filters_add(&plan, list->select, list, query);
    page_add(&plan, order, query, p);
    FORGE_TRY(
        plan_run(db, p, &plan, apr_psprintf(p, "%s:%x:%d:%d", list->name, plan.mask, plan.order, plan.paging), rows));
    return query->count && total ? total_run(db, p, list, query, total) : FORGE_OK;
}
