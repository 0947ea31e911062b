/* SPDX-License-Identifier: Apache-2.0
 * What the tests of protected content share.
 */
#ifndef FORGE_API_DOORS_H
#define FORGE_API_DOORS_H

#include "harness.h"

#include <string.h>

/* Content of the site (site.c), which keeps none of the API's rules. */
#define ASK(method, path, ...) CALL(method, path, .port = PORT_DOORS, .lenient = true, __VA_ARGS__)
#define GET(path, ...)         ASK("GET", path, __VA_ARGS__)

__attribute__((unused)) static const char denied[] =
    "AH01631"; /* mod_authz_core's line for each user that is refused */

__attribute__((unused)) static void expect_challenge(const reply_t *reply, int status, const char *part)
{
    const char *challenge = header(reply, "WWW-Authenticate");
    expect_status(reply, status);
    ck_assert_msg(challenge && strncmp(challenge, "Bearer realm=", 13) == 0 && strstr(challenge, part), "%s",
                  challenge ? challenge : "no challenge");
    ck_assert_int_eq(header_count(reply, "WWW-Authenticate"), 1);
}

#endif
