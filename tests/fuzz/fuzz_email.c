/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: e-mail addresses. An accepted address is short, has one @, and normalises to itself.
 */
#include "core/identity/identity.h"
#include "fuzz.h"

/* Both forms must be accepted again and lead to the same key. */
static void check_stable(apr_pool_t *p, const char *form, const char *key)
{
    const char *shown2, *key2, *why;
    if (!forge_core_email_normalize(p, form, strlen(form), &shown2, &key2, &why) || strcmp(shown2, form) != 0 || strcmp(key2, key) != 0)
        abort();
}

int forge_fuzz_email(const uint8_t *data, size_t size)
{
    const char *shown, *key, *why = NULL, *name;
    apr_pool_t *p = forge_fuzz_pool();

    if (forge_core_email_normalize(p, (const char *)data, size, &shown, &key, &why)) {
        if (strlen(shown) > 254 || strlen(key) > 254 || strchr(shown, '@') == NULL || strchr(shown, '@') != strrchr(shown, '@') ||
            strpbrk(shown, " \t\r\n\"<>()") != NULL)
            abort();
        check_stable(p, shown, key);
        check_stable(p, key, key);
        name = forge_core_username_from_email(p, shown, "7");
        if (!forge_core_username_valid(name, strlen(name)))
            abort();
    } else if (why == NULL)
        abort();
    apr_pool_destroy(p);
    return 0;
}
