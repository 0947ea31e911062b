/* SPDX-License-Identifier: Apache-2.0
 * The list of everything wrong with one request's members, all told at once.
 */
#include "core.h"
#include <apr_strings.h>
#include <string.h>

#define FAULTS_MAX 100 /* more would help nobody; a body can have far more failing items */

struct forge_faults_t {
    apr_pool_t *pool;
    apr_array_header_t *rows;
};

forge_faults_t *forge_core_faults_make(apr_pool_t *p)
{
    forge_faults_t *faults = apr_palloc(p, sizeof(*faults));
    faults->pool = p;
    faults->rows = apr_array_make(p, 4, sizeof(forge_fault_t));
    return faults;
}

void forge_core_fault(forge_faults_t *faults, const char *pointer, const char *code, const char *detail)
{
    if (faults->rows->nelts == FAULTS_MAX)
        return;
    forge_fault_t *fault = apr_array_push(faults->rows);
    fault->pointer = apr_pstrdup(faults->pool, pointer);
    fault->code = apr_pstrdup(faults->pool, code);
    fault->detail = apr_pstrdup(faults->pool, detail);
}

int forge_core_faults_count(const forge_faults_t *faults)
{
    return faults->rows->nelts;
}

bool forge_core_faulted(const forge_faults_t *faults, const char *pointer)
{
    for (int i = 0; i < faults->rows->nelts; i++)
        if (strcmp(forge_core_faults_at(faults, i)->pointer, pointer) == 0)
            return true;
    return false;
}

const forge_fault_t *forge_core_faults_at(const forge_faults_t *faults, int i)
{
    return &APR_ARRAY_IDX(faults->rows, i, forge_fault_t);
}
