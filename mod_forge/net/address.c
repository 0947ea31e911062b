/* SPDX-License-Identifier: Apache-2.0
 * Addresses of services, as directives take them.
 */
#include "net.h"

#include <apr_strings.h>
#include <string.h>

/* Host and optional port, path without query. */
bool forge_net_address_good(const char *url)
{
    apr_size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    const char *rest = url + scheme;
    return scheme && forge_util_is_alnum(*rest == '[' ? rest[1] == ':' ? 'a' : rest[1] : *rest) &&
           rest[strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~/:[]-")] == '\0';
}

const char *forge_net_address_host(apr_pool_t *p, const char *url)
{
    const char *host = strstr(url, "://") + 3;
    return apr_pstrmemdup(p, host, strcspn(host, "/"));
}
