/* SPDX-License-Identifier: Apache-2.0
 * WWW-Authenticate, which tells a client what its credential lacks; the same for the API and for protected content.
 */
#include "server_private.h"

#define REALM "Bearer realm=\"forge\""

/* A request without a token gets no error code (RFC 6750 §3). If the login was too weak, the challenge names the login
 * that is needed (RFC 9470 §3). */
const char *forge_server_challenge(forge_status_t status)
{
    switch (status) {
    case FORGE_E_INVALID_TOKEN:
        return REALM ", error=\"invalid_token\", error_description=\"the access token is not valid\"";
    case FORGE_E_FORBIDDEN:
        return REALM ", error=\"insufficient_scope\"";
    case FORGE_E_STEP_UP:
        return REALM ", error=\"insufficient_user_authentication\", error_description=\"a second factor is needed\", "
                     "acr_values=\"mfa\"";
    default:
        return forge_util_error(status)->http == 401 ? REALM : NULL;
    }
}
