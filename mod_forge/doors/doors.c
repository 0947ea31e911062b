/* SPDX-License-Identifier: Apache-2.0
 * The hooks that protect any content of the server (SPEC 17).
 *
 * What happens in each phase of httpd: post_read_request removes FORGE_* and X-Forge-* headers from clients.
 * header_parser identifies the visitor, so that SetEnvIf of the location can read FORGE_*. check_authn and check_authz
 * decide. fixups tell CGI and back ends. <If> is evaluated before all of these except the first, so %{FORGE_ROLE} and
 * the like identify the visitor at the moment an expression uses them.
 */
#include "doors_private.h"
#include "core/identity/identity.h"

#include <httpd.h>
#include <ap_expr.h>
#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>
#include <string.h>
#include <util_filter.h>

#define ORGS_MAX 4096 /* bytes of FORGE_ORGS; whole words beyond that are left out */

static ap_filter_rec_t *private_filter, *vary_filter;

/* --- what content learns about the visitor --- */

static const char *id_text(apr_pool_t *p, apr_int64_t id)
{
    return id ? forge_util_itoa(p, id) : "";
}

static const char *tell_id(apr_pool_t *p, const forge_visitor_t *visitor)
{
    return id_text(p, visitor->who.user_id);
}

static const char *tell_session(apr_pool_t *p, const forge_visitor_t *visitor)
{
    return id_text(p, visitor->who.session_id);
}

static const char *tell_username(apr_pool_t *p, const forge_visitor_t *visitor)
{
    (void)p;
    return visitor->username;
}

/* An address stands for a person only once it is proven: until then anybody may have typed it. */
static const char *tell_email(apr_pool_t *p, const forge_visitor_t *visitor)
{
    (void)p;
    return visitor->email_proven ? visitor->email : "";
}

static const char *tell_email_unverified(apr_pool_t *p, const forge_visitor_t *visitor)
{
    (void)p;
    return visitor->email_proven ? "" : visitor->email;
}

static const char *tell_role(apr_pool_t *p, const forge_visitor_t *visitor)
{
    (void)p;
    return forge_core_role_name(visitor->who.role);
}

static const char *tell_amr(apr_pool_t *p, const forge_visitor_t *visitor)
{
    (void)p;
    return visitor->who.amr;
}

static const char *tell_orgs(apr_pool_t *p, const forge_visitor_t *visitor)
{
    apr_size_t len = strlen(visitor->orgs);
    if (len <= ORGS_MAX)
        return visitor->orgs;
    for (len = ORGS_MAX; len > 0 && visitor->orgs[len] != ' ';)
        len--;
    return apr_pstrmemdup(p, visitor->orgs, len);
}

/* Variables for the environment and for expressions. */
typedef struct variable_t {
    const char *name;
    const char *(*tell)(apr_pool_t *p, const forge_visitor_t *visitor);
} variable_t;
static const variable_t variables[] = {
    {"FORGE_USER_ID", tell_id},  {"FORGE_USERNAME", tell_username},
    {"FORGE_EMAIL", tell_email}, {"FORGE_EMAIL_UNVERIFIED", tell_email_unverified},
    {"FORGE_ROLE", tell_role},   {"FORGE_SESSION", tell_session},
    {"FORGE_ORGS", tell_orgs},   {"FORGE_AMR", tell_amr},
};
#define N_VARIABLES (sizeof(variables) / sizeof(*variables))

static void publish(request_rec *r, const forge_visitor_t *visitor)
{
    for (size_t i = 0; i < N_VARIABLES; i++)
        apr_table_setn(r->subprocess_env, variables[i].name, variables[i].tell(r->pool, visitor));
}

/* The value of %{FORGE_ROLE} in an expression: "" if nobody is logged in. */
static const char *variable_value(ap_expr_eval_ctx_t *ctx, const void *data)
{
    const variable_t *variable = data;
    if (!ctx->r || !forge_server_of(ctx->r->server))
        return "";
    forge_server_note(ctx->r)->greeted = true;
    const forge_visitor_t *visitor = forge_doors_visitor(ctx->r);
    return visitor->status == FORGE_OK ? variable->tell(ctx->p, visitor) : "";
}

static int expression_lookup(ap_expr_lookup_parms *parms)
{
    if (parms->type != AP_EXPR_FUNC_VAR)
        return DECLINED;
    for (size_t i = 0; i < N_VARIABLES; i++)
        if (apr_cstr_casecmp(parms->name, variables[i].name) == 0) {
            *parms->func = (const void *)variable_value;
            *parms->data = &variables[i];
            return OK;
        }
    return DECLINED;
}

/* --- phases --- */

/* The visitor who is logged in here; NULL: nobody. Identifies the visitor if that was not done yet. */
static const forge_visitor_t *known_here(request_rec *r)
{
    if (!forge_server_of(r->server) || !forge_doors_guarded(r))
        return NULL;
    const forge_visitor_t *visitor = forge_doors_visitor(r);
    return visitor->status == FORGE_OK ? visitor : NULL;
}

/* Publishes the visitor but refuses nobody: content may know its visitor even if no Require line asks for a user. */
static int header_parser(request_rec *r)
{
    const forge_visitor_t *visitor = known_here(r);
    if (visitor)
        publish(r, visitor);
    return DECLINED;
}

/* Publishes the visitor again, because an internal redirect renames the variables to REDIRECT_FORGE_…. */
static int fixups(request_rec *r)
{
    if (!forge_server_of(r->server))
        return DECLINED;
    const forge_visitor_t *visitor = known_here(r);
    if (visitor)
        publish(r, visitor);
    forge_doors_forward(r, visitor);
    return DECLINED;
}

/* --- caches --- */

static const char varies[] = "Authorization, Cookie";

/* No shared cache may store what was made for one person. Cache-Control of the content itself is kept, except in an
 * answer that renews the session. */
static apr_status_t make_private(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    apr_table_t *h = apr_table_get(r->err_headers_out, "Cache-Control") ? r->err_headers_out : r->headers_out;
    const char *cache = apr_table_get(h, "Cache-Control");
    if (forge_server_cookie_sets(r)) {
        apr_table_unset(r->err_headers_out, "Cache-Control");
        apr_table_setn(r->headers_out, "Cache-Control", "private, no-cache");
    } else if (!cache || !(ap_find_token(r->pool, cache, "private") || ap_find_token(r->pool, cache, "no-store") ||
                           ap_find_token(r->pool, cache, "public")))
        apr_table_mergen(h, "Cache-Control", "private");
    apr_table_mergen(r->headers_out, "Vary", varies);
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

/* Content that knows its visitors differs for those who are not logged in. Their version may be cached, but not for
 * others. */
static apr_status_t make_vary(ap_filter_t *f, apr_bucket_brigade *bb)
{
    apr_table_mergen(f->r->headers_out, "Vary", varies);
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

static void insert_filter(request_rec *r)
{
    if (r->main || forge_server_ours(r) || !forge_server_of(r->server))
        return;
    bool greeted = false;
    for (request_rec *at = r; at; at = at->prev)
        greeted |= forge_server_note(at)->greeted;
    if (known_here(r) || forge_server_cookie_sets(r) || (greeted && forge_doors_visitor(r)->status == FORGE_OK))
        ap_add_output_filter_handle(private_filter, NULL, r, r->connection);
    else if (greeted)
        ap_add_output_filter_handle(vary_filter, NULL, r, r->connection);
}

void forge_doors_register(apr_pool_t *p)
{
    static const char *const environment[] = {"mod_setenvif.c", NULL};
    ap_hook_post_read_request(forge_doors_forward_strip, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_header_parser(header_parser, NULL, environment, APR_HOOK_FIRST);
    ap_hook_check_authn(forge_doors_authn, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authz(forge_doors_authz, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_note_auth_failure(forge_doors_challenge, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(fixups, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_insert_filter(insert_filter, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_expr_lookup(expression_lookup, NULL, NULL, APR_HOOK_MIDDLE);
    forge_doors_authz_register(p);
    forge_doors_status_register(p);
    forge_doors_retry_register();
    forge_server_sockets_register();
    private_filter = ap_register_output_filter("FORGE_PRIVATE", make_private, NULL, AP_FTYPE_CONTENT_SET - 1);
    vary_filter = ap_register_output_filter("FORGE_VARY", make_vary, NULL, AP_FTYPE_CONTENT_SET - 1);
}
