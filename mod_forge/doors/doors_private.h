/* SPDX-License-Identifier: Apache-2.0
 * What the files of doors/ share among themselves.
 */
#ifndef FORGE_DOORS_PRIVATE_H
#define FORGE_DOORS_PRIVATE_H

#include "doors.h"
#include "server/server.h"

/* --- authn.c: the visitor of content under AuthType Forge --- */

typedef struct forge_visitor_t {
    forge_status_t
        status;      /* FORGE_OK: logged in; FORGE_E_UNAUTHENTICATED: no credentials; else why they were refused */
    forge_who_t who; /* with the current role of the account */
    const char *username, *email; /* email: "" of a guest */
    bool email_proven;            /* the address is the person's; else somebody typed it */
    const char *orgs, *org_ids;   /* "slug:role slug:role", "#7:role #9:role" */
    bool deciding;                /* the Require lines are being evaluated */
    bool lacks_factor;            /* forge-mfa refused */
    forge_status_t trouble;       /* why a Require line could not be decided: the database cannot be reached */
} forge_visitor_t;
/* The visitor, looked up once per request; sub-requests and internal redirects share the answer. Never NULL. */
forge_visitor_t *forge_doors_visitor(struct request_rec *r);
bool forge_doors_guarded(struct request_rec *r); /* AuthType Forge applies here */
int forge_doors_authn(struct request_rec *r);    /* check_authn */
int forge_doors_authz(struct request_rec *r);    /* check_authz, before the Require lines: 403 instead of httpd's 401 */
int forge_doors_challenge(struct request_rec *r, const char *type); /* note_auth_failure */

/* --- authz.c: Require forge-role, forge-org, forge-user, forge-enrolled, forge-mfa --- */

void forge_doors_authz_register(apr_pool_t *p);

/* --- forward.c: the headers for back ends --- */

/* post_read_request: removes clients' FORGE_* and X-Forge-* headers, in any spelling. */
int forge_doors_forward_strip(struct request_rec *r);
/* Before the content is made: removes our cookies, a bearer token under AuthType Forge, and what a client says about
 * proxies before it (unless mod_remoteip trusts the one that sent it); sets X-Forge-*. visitor NULL: nobody is logged
 * in.
 */
void forge_doors_forward(struct request_rec *r, const forge_visitor_t *visitor);

/* --- status.c: the Forge part of mod_status' page --- */

void forge_doors_status_register(apr_pool_t *p);

#endif
