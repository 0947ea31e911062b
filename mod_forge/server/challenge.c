/* SPDX-License-Identifier: Apache-2.0
 * WWW-Authenticate, which tells a client what its credential lacks; the same for the API and for protected content.
 */
#include "server_private.h"

#include <httpd.h>
#include <apr_strings.h>

#define REALM    "Bearer realm=\"forge\""
#define TOO_WEAK REALM ", error=\"insufficient_user_authentication\", error_description="

/* A request without a token gets no error code (RFC 6750 §3). If the login was too weak or is too long ago, the
 * challenge names the login that is needed (RFC 9470 §3). */
const char *forge_server_challenge(request_rec *r, forge_status_t status)
{
    const forge_note_t *note = forge_server_note(r);
    switch (status) {
    case FORGE_E_INVALID_TOKEN:
        return REALM ", error=\"invalid_token\", error_description=\"the access token is not valid\"";
    case FORGE_E_FORBIDDEN:
        return REALM ", error=\"insufficient_scope\"";
    case FORGE_E_STEP_UP:
        return note->login_is_old
                   ? apr_psprintf(r->pool, TOO_WEAK "\"a more recent login is needed\", max_age=\"%d\"", note->max_age)
                   : TOO_WEAK "\"a second factor is needed\", acr_values=\"mfa\"";
    default:
        return forge_util_error(status)->http == 401 ? REALM : NULL;
    }
}
