/* SPDX-License-Identifier: Apache-2.0
 * What the database answers, in words for the shell: the sentences of errors.def are for clients of the API.
 */
#include "ctl.h"
#include <stdio.h>

enum { SENTENCE_MAX = 512 };

/* Those whose sentence in errors.def says nothing here. */
static const struct {
    forge_status_t status;
    const char *sentence;
} sentences[] = {
    {FORGE_E_CONFLICT, "the database has something already that excludes it"},
    {FORGE_E_BAD_REFERENCE, "it needs something that is not in the database"},
    {FORGE_E_VALIDATION, "the database does not take a value"},
    {FORGE_E_INTERNAL, "the database refuses it"},
    {FORGE_E_DATABASE_DOWN, "the database cannot be reached any more, or refuses work for now"},
    {FORGE_E_SCHEMA_OUTDATED, "the schema is not the one of this forgectl; run forgectl migrate apply"},
    {FORGE_E_SCHEMA_AHEAD,
     "the database has a breaking migration that this forgectl does not know; use the forgectl of "
     "the version that belongs to it"},
    {FORGE_E_TIMEOUT, "the database took longer than allowed"},
    {FORGE_E_STORAGE_FULL, "the database has no room left"},
};

static const forge_db_t *database; /* NULL: none was opened */

void forge_ctl_status_of(const forge_db_t *db)
{
    database = db;
}

const char *forge_ctl_status(forge_status_t status)
{
    static char line[SENTENCE_MAX];
    const char *said = database ? forge_store_message(database) : "", *sentence = forge_util_error(status)->detail;
    if (status == FORGE_E_INTERNAL && database && forge_store_denied(database)) {
        const char *role = forge_store_role(database);
        snprintf(
            line, sizeof(line),
            "the role \"%s\" lacks a right (%s); log in as the owner of the schema, who gives it the rights of the "
            "application with forgectl migrate apply --app-role %s",
            role, said, role);
        return line;
    }
    for (size_t i = 0; i < sizeof(sentences) / sizeof(*sentences); i++)
        if (sentences[i].status == status) {
            snprintf(line, sizeof(line), "%s%s%s", sentences[i].sentence, *said ? ": " : "", said);
            return line;
        }
    return sentence;
}

bool forge_ctl_done(forge_status_t status, const char *const *why, const char *what)
{
    if (status != FORGE_OK)
        forge_ctl_error("could not %s: %s", what, why && *why ? *why : forge_ctl_status(status));
    return status == FORGE_OK;
}
