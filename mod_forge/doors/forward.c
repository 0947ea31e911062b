/* SPDX-License-Identifier: Apache-2.0
 * What back ends learn about the visitor: X-Forge-* headers that only we can set, and no credentials (SECURITY 54).
 */
#include "doors_private.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <http_config.h>
#include <apr_strings.h>
#include <string.h>

#define OURS "x-forge-" /* prefix of header names; back ends read '_' and '.' as '-', so these count too */

/* Whether a back end could mistake this header name for one of ours. */
static bool claims_to_be_ours(const char *name)
{
    apr_size_t i;
    for (i = 0; OURS[i]; i++)
        if (OURS[i] == '-' ? !name[i] || forge_util_is_alnum(name[i]) : forge_util_lower(name[i]) != OURS[i])
            return false;
    return true;
}

/* A proxy drops headers that Connection names (RFC 9110 §7.6.1). No client may remove ours in this way. */
static bool must_pass(const char *name)
{
    return claims_to_be_ours(name) || apr_cstr_casecmp(name, "X-Request-ID") == 0 ||
           apr_cstr_casecmp(name, "traceparent") == 0;
}

static void strip_connection(request_rec *r)
{
    const char *value = apr_table_get(r->headers_in, "Connection"), *kept = NULL;
    bool changed = false;
    char *state, *copy = apr_pstrdup(r->pool, value ? value : "");
    for (char *name = apr_strtok(copy, ", \t", &state); name; name = apr_strtok(NULL, ", \t", &state)) {
        if (must_pass(name))
            changed = true;
        else
            kept = kept ? apr_pstrcat(r->pool, kept, ", ", name, NULL) : name;
    }
    if (changed && kept)
        apr_table_setn(r->headers_in, "Connection", kept);
    else if (changed)
        apr_table_unset(r->headers_in, "Connection");
}

int forge_doors_forward_strip(request_rec *r)
{
    if (!forge_config_enabled(forge_config_of_server(r->server)))
        return DECLINED;
    const apr_array_header_t *all = apr_table_elts(r->headers_in);
    const char **names = apr_palloc(r->pool, sizeof(*names) * (apr_size_t)(all->nelts + 1));
    int n = 0;
    for (int i = 0; i < all->nelts; i++)
        if (claims_to_be_ours(APR_ARRAY_IDX(all, i, apr_table_entry_t).key))
            names[n++] = APR_ARRAY_IDX(all, i, apr_table_entry_t).key;
    while (n > 0)
        apr_table_unset(r->headers_in, names[--n]);
    strip_connection(r);
    return DECLINED;
}

/* --- what is passed on --- */

/* Removes our cookies from the Cookie header and keeps the others. */
static void drop_cookies(request_rec *r)
{
    static const char prefix[] = "__Host-forge_";
    const char *value = apr_table_get(r->headers_in, "Cookie"), *others = NULL;
    if (!value || !strstr(value, prefix))
        return;
    char *state, *copy = apr_pstrdup(r->pool, value);
    for (char *pair = apr_strtok(copy, ";", &state); pair; pair = apr_strtok(NULL, ";", &state)) {
        pair += strspn(pair, " \t");
        if (*pair && strncmp(pair, prefix, strlen(prefix)) != 0)
            others = others ? apr_pstrcat(r->pool, others, "; ", pair, NULL) : pair;
    }
    forge_note_t *note = forge_server_note(r);
    if (!note->cookie)
        note->cookie = value;
    if (others)
        apr_table_setn(r->headers_in, "Cookie", others);
    else
        apr_table_unset(r->headers_in, "Cookie");
}

static void introduce(request_rec *r, const forge_visitor_t *door)
{
    apr_table_t *h = r->headers_in;
    apr_table_setn(h, "X-Forge-User", forge_util_itoa(r->pool, door->who.user_id));
    apr_table_setn(h, "X-Forge-Username", door->username);
    apr_table_setn(h, "X-Forge-Role", forge_core_role_name(door->who.role));
    if (door->who.session_id)
        apr_table_setn(h, "X-Forge-Session", forge_util_itoa(r->pool, door->who.session_id));
    if (door->by_cookie)
        return;
    forge_server_note(r)->authorization = forge_server_authorization_as_sent(r);
    apr_table_unset(h, "Authorization");
}

void forge_doors_forward(request_rec *r, const forge_visitor_t *door)
{
    if (forge_server_ours(r))
        return;
    drop_cookies(r);
    if (door)
        introduce(r, door);
    const forge_note_t *note = forge_server_identify(r);
    apr_table_setn(r->headers_in, "X-Request-ID", note->request_id);
    apr_table_setn(r->headers_in, "traceparent", forge_core_trace_header(r->pool, &note->trace));
}
