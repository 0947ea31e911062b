/* SPDX-License-Identifier: Apache-2.0
 * What a client is told to do when its credential does not do: the one text of WWW-Authenticate, for the API and for content behind a door.
 */
#include "server_private.h"

#define REALM "Bearer realm=\"forge\""

/* RFC 6750 §3: no error code when no token came. RFC 9470 §3: what login would do, where the one there was is too weak. */
const char *forge_server_challenge(forge_status_t status)
{
    switch (status) {
    case FORGE_E_INVALID_TOKEN:
        return REALM ", error=\"invalid_token\", error_description=\"the access token is not valid\"";
    case FORGE_E_FORBIDDEN:
        return REALM ", error=\"insufficient_scope\"";
    case FORGE_E_STEP_UP:
        return REALM ", error=\"insufficient_user_authentication\", error_description=\"a second factor is needed\", acr_values=\"mfa\"";
    default:
        return forge_util_error(status)->http == 401 ? REALM : NULL;
    }
}
