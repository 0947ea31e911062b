/* SPDX-License-Identifier: Apache-2.0
 * Who a caller is: roles by name, as tokens, tables and directives spell them, and whether a second factor was used.
 */
#include "identity.h"
#include <string.h>

static const struct {
    forge_role_t role;
    const char *name;
} role_names[] = {
    {FORGE_ROLE_GUEST, "guest"},
    {FORGE_ROLE_STUDENT, "student"},
    {FORGE_ROLE_INSTRUCTOR, "instructor"},
    {FORGE_ROLE_ADMIN, "admin"},
};
#define N_ROLES (sizeof(role_names) / sizeof(*role_names))

const char *forge_core_role_name(forge_role_t role)
{
    for (apr_size_t i = 0; i < N_ROLES; i++)
        if (role_names[i].role == role)
            return role_names[i].name;
    return NULL;
}

forge_role_t forge_core_role_parse(const char *name)
{
    for (apr_size_t i = 0; name != NULL && i < N_ROLES; i++)
        if (strcmp(role_names[i].name, name) == 0)
            return role_names[i].role;
    return FORGE_ROLE_NONE;
}

bool forge_core_factor_used(const forge_who_t *who)
{
    static const char word[] = "otp";
    for (const char *at = who->amr; at && *at; at += strspn(at, " ")) {
        apr_size_t len = strcspn(at, " ");
        if (len == strlen(word) && strncmp(at, word, len) == 0)
            return true;
        at += len;
    }
    return false;
}
