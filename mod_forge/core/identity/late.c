/* SPDX-License-Identifier: Apache-2.0
 * Access tokens that have ended a while ago: good for a new one while their session lives, and for nothing else.
 */
#include "identity.h"
#include <string.h>

/* When the token says that it ends; 0 when it says nothing usable. Nothing of it is believed yet. */
static apr_time_t claimed_end(apr_pool_t *p, const char *token)
{
    apr_size_t len;
    const char *ignored, *first = strchr(token, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    unsigned char *payload =
        second ? forge_util_b64url_decode(p, first + 1, (apr_size_t)(second - first - 1), &len) : NULL;
    forge_json_t *claims = payload ? forge_util_json_parse(p, (const char *)payload, len, &ignored) : NULL;
    double seconds;
    if (!claims || !forge_util_json_number(forge_util_json_get(claims, "exp"), &seconds) ||
        !(seconds > 0 && seconds < 1e11))
        return 0;
    return (apr_time_t)(seconds * APR_USEC_PER_SEC);
}

/* The token is judged as of its last moment, so that every other check still holds. The signature covers the end that
 * it claims. */
forge_status_t forge_core_token_verify_late(apr_pool_t *p, const forge_keys_t *keys, const forge_token_rules_t *rules,
                                            const forge_shown_t *shown, forge_who_t *who, const char **why)
{
    bool readable = strnlen(shown->token, FORGE_TOKEN_BYTES_MAX + 1) <= FORGE_TOKEN_BYTES_MAX;
    apr_time_t end = readable ? claimed_end(p, shown->token) : 0;
    bool late = end > 0 && end <= shown->now && shown->now - end <= shown->grace;
    const forge_shown_t then = {shown->token, late ? end - 1 : shown->now, 0};
    return forge_core_token_verify(p, keys, rules, &then, who, why);
}
