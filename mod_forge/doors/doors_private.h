/* SPDX-License-Identifier: Apache-2.0
 * What the files of doors/ share among themselves.
 */
#ifndef FORGE_DOORS_PRIVATE_H
#define FORGE_DOORS_PRIVATE_H

#include "doors.h"
#include "server/server.h"

/* --- authn.c: who asks for content under AuthType Forge --- */

typedef struct forge_visitor_t {
    forge_status_t status;               /* FORGE_OK: known; FORGE_E_UNAUTHENTICATED: no credentials came; or why they are not believed */
    forge_who_t who;                     /* with the role that the account has now */
    const char *username, *email, *orgs; /* orgs: "slug:role slug:role" */
    bool by_cookie;                      /* else by the Authorization header */
    bool deciding;                       /* the Require lines are being asked */
    bool lacks_factor;                   /* forge-mfa said no */
    forge_status_t trouble;              /* why a Require line could not be decided: the database was away */
} forge_visitor_t;
/* Asked of the database once a request: sub-requests and internal redirects find the same answer. Never NULL. */
forge_visitor_t *forge_doors_visitor(struct request_rec *r);
bool forge_doors_guarded(struct request_rec *r); /* AuthType Forge is what applies here */
int forge_doors_authn(struct request_rec *r);   /* check_authn */
int forge_doors_authz(struct request_rec *r);   /* check_authz, before the Require lines: 403 where httpd would say 401 */
int forge_doors_challenge(struct request_rec *r, const char *type); /* note_auth_failure */

/* --- authz.c: Require forge-role, forge-org, forge-enrolled, forge-mfa --- */

void forge_doors_authz_register(apr_pool_t *p);

/* --- forward.c: what back ends hear --- */

int forge_doors_forward_strip(struct request_rec *r); /* post_read_request: X-Forge-* from outside goes, whatever its spelling */
/* Before the content is made: our cookies go and, where somebody is known, their credentials; X-Forge-* comes. door NULL: nobody is known. */
void forge_doors_forward(struct request_rec *r, const forge_visitor_t *door);

/* --- status.c: the Forge part of mod_status' page --- */

void forge_doors_status_register(apr_pool_t *p);

#endif
