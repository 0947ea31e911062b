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

/* --- proxy.c: the members of a balancer that a request was sent to --- */

#define FORGE_ATTEMPTS_MET 16 /* members that a request remembers */
struct proxy_worker;
struct proxy_balancer;
typedef struct forge_attempts_t {
    struct request_rec *r;
    bool again;                      /* the next member is chosen here, not by mod_proxy_balancer */
    struct proxy_balancer *balancer; /* of mod_proxy; NULL before the first attempt has ended */
    struct proxy_worker *last;       /* member of the last attempt; NULL: there was none */
    const char *rest;                /* of the address, after a member's name; NULL: not known */
    int count;
    struct proxy_worker *met[FORGE_ATTEMPTS_MET];
} forge_attempts_t;
/* Those of a request; NULL: it is not watched. */
forge_attempts_t *forge_doors_attempts(struct request_rec *r);
forge_attempts_t *forge_doors_attempts_make(struct request_rec *r);
void forge_doors_attempts_begin(forge_attempts_t *at, bool again); /* before each attempt */
bool forge_doors_attempts_more(forge_attempts_t *at);              /* there is a usable member that it has not met */
const char *forge_doors_attempts_member(forge_attempts_t *at);     /* name of the last one; NULL: none */
void forge_doors_attempts_eject(forge_attempts_t *at);             /* leaves the last one alone for its retry time */

/* --- retry.c: ForgeRetry --- */

int forge_doors_retry(struct request_rec *r); /* handler, before that of mod_proxy */
void forge_doors_retry_register(void);

#endif
