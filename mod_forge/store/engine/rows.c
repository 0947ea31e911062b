/* SPDX-License-Identifier: Apache-2.0
 * Results: a PGresult tied to a pool, read by column name.
 */
#include "store_private.h"
#include "store/store.h"
#include <stdlib.h>
#include <string.h>

static apr_status_t clear_cleanup(void *result)
{
    PQclear(result);
    return APR_SUCCESS;
}

forge_rows_t *forge_store_rows_wrap(apr_pool_t *p, PGresult *result, bool utf8)
{
    forge_rows_t *rows = apr_pcalloc(p, sizeof(*rows));
    apr_pool_cleanup_register(p, result, clear_cleanup, apr_pool_cleanup_null);
    rows->result = result;
    rows->pool = p;
    rows->utf8 = utf8;
    return rows;
}

void forge_store_rows_release(forge_rows_t *rows)
{
    apr_pool_cleanup_run(rows->pool, rows->result, clear_cleanup);
    rows->result = NULL; /* libpq answers for no result: no rows */
}

int forge_store_rows_count(const forge_rows_t *rows)
{
    return PQntuples(rows->result);
}

/* PQfnumber folds case and copies the name; ours are exact. */
static int column_of(const forge_rows_t *rows, const char *name)
{
    int n = PQnfields(rows->result);
    for (int i = 0; i < n; i++)
        if (strcmp(PQfname(rows->result, i), name) == 0)
            return i;
    return -1;
}

const char *forge_store_rows_text(const forge_rows_t *rows, int i, const char *column)
{
    int c = column_of(rows, column);
    if (c < 0 || i < 0 || i >= PQntuples(rows->result) || PQgetisnull(rows->result, i, c))
        return NULL;
    return PQgetvalue(rows->result, i, c);
}

const char *forge_store_rows_bytes(const forge_rows_t *rows, int i, const char *column, apr_size_t *len)
{
    const char *bytes = forge_store_rows_text(rows, i, column);
    *len = bytes ? (apr_size_t)PQgetlength(rows->result, i, column_of(rows, column)) : 0;
    return bytes;
}

apr_int64_t forge_store_rows_int(const forge_rows_t *rows, int i, const char *column, apr_int64_t otherwise)
{
    const char *text = forge_store_rows_text(rows, i, column);
    apr_int64_t n;
    return text && forge_util_atoi(text, strlen(text), &n) ? n : otherwise;
}

bool forge_store_rows_bool(const forge_rows_t *rows, int i, const char *column)
{
    const char *text = forge_store_rows_text(rows, i, column);
    return text && text[0] == 't';
}

/* PostgreSQL's ISO form is RFC 3339 but for the blank and the short offset "+00". */
bool forge_store_timestamp(const char *text, apr_time_t *t)
{
    char form[48];
    size_t len = strlen(text);
    size_t tail = strcspn(text, "+"); /* "-" stands in the date too: look for it behind the date only */
    if (len < 19 || len + 4 > sizeof(form) || text[10] != ' ')
        return false;
    if (tail == len)
        tail = 10 + strcspn(text + 10, "-");
    memcpy(form, text, len + 1);
    form[10] = 'T';
    if (tail == len)
        strcpy(form + len, "Z"); /* a timestamp without zone counts as UTC */
    else if (len - tail == 3)
        strcpy(form + len, ":00");
    return forge_util_time_parse(form, strlen(form), t);
}

forge_status_t forge_store_rows_judge(const forge_rows_t *rows, const forge_outcome_t *outcomes, forge_status_t none)
{
    if (forge_store_rows_count(rows) == 0)
        return none;
    const char *outcome = forge_store_rows_text(rows, 0, "_outcome");
    for (const forge_outcome_t *v = outcomes; outcome && v->name; v++)
        if (strcmp(outcome, v->name) == 0)
            return v->status;
    return FORGE_E_INTERNAL;
}

apr_time_t forge_store_rows_time(const forge_rows_t *rows, int i, const char *column)
{
    const char *text = forge_store_rows_text(rows, i, column);
    apr_time_t t;
    return text && forge_store_timestamp(text, &t) ? t : 0;
}
