/* SPDX-License-Identifier: Apache-2.0
 * What each SQLSTATE means to a client (SPEC 1): one table. Full codes stand before their class.
 */
#include "store_private.h"
#include <string.h>

static const forge_sqlstate_t table[] = {
    {"23505", FORGE_E_CONFLICT, false},        /* unique_violation */
    {"23P01", FORGE_E_CONFLICT, false},        /* exclusion_violation */
    {"23503", FORGE_E_BAD_REFERENCE, false},   /* foreign_key_violation */
    {"23514", FORGE_E_VALIDATION, false},      /* check_violation */
    {"23502", FORGE_E_VALIDATION, false},      /* not_null_violation */
    {"22001", FORGE_E_VALIDATION, false},      /* string too long */
    {"22003", FORGE_E_VALIDATION, false},      /* number out of range */
    {"22007", FORGE_E_VALIDATION, false},      /* no date */
    {"22008", FORGE_E_VALIDATION, false},      /* date out of range */
    {"22021", FORGE_E_VALIDATION, false},      /* bytes that are no UTF-8 */
    {"22P02", FORGE_E_VALIDATION, false},      /* text that is no value of the type */
    {"22P05", FORGE_E_VALIDATION, false},      /* character the database cannot hold */
    {"54000", FORGE_E_VALIDATION, false},      /* value too large for its index */
    {"FG001", FORGE_E_LAST_ADMIN, false},      /* our own: trigger users_last_admin */
    {"FG002", FORGE_E_QUOTA_EXCEEDED, false},  /* our own: forge.usage_judge */
    {"40001", FORGE_E_DATABASE_DOWN, true},    /* serialization_failure */
    {"40P01", FORGE_E_DATABASE_DOWN, true},    /* deadlock_detected */
    {"57014", FORGE_E_TIMEOUT, false},         /* query_canceled: statement_timeout */
    {"55P03", FORGE_E_TIMEOUT, false},         /* lock_not_available: lock_timeout */
    {"53100", FORGE_E_STORAGE_FULL, false},    /* disk_full */
    {"42P01", FORGE_E_SCHEMA_OUTDATED, false}, /* undefined_table */
    {"42703", FORGE_E_SCHEMA_OUTDATED, false}, /* undefined_column */
    {"42883", FORGE_E_SCHEMA_OUTDATED, false}, /* undefined_function */
    {"3F000", FORGE_E_SCHEMA_OUTDATED, false}, /* invalid_schema_name */
    {"25006", FORGE_E_DATABASE_DOWN, false},   /* read only: a standby, or a fail-over on its way */
    {"25P03", FORGE_E_DATABASE_DOWN, false},   /* idle in transaction for too long: the session is gone */
    {"57P", FORGE_E_DATABASE_DOWN, false},     /* shutdown, crash, starting up */
    {"53", FORGE_E_DATABASE_DOWN, false},      /* no more connections, no memory */
    {"08P01", FORGE_E_INTERNAL, false},   /* protocol_violation: a number of parameters that is not the statement's */
    {"08", FORGE_E_DATABASE_DOWN, false}, /* connection lost */
};

const forge_sqlstate_t *forge_store_sqlstate(const char *code)
{
    static const forge_sqlstate_t unknown = {"", FORGE_E_INTERNAL, false};
    for (size_t i = 0; code && i < sizeof(table) / sizeof(*table); i++)
        if (strncmp(code, table[i].code, strlen(table[i].code)) == 0)
            return &table[i];
    return &unknown;
}
