/* SPDX-License-Identifier: Apache-2.0
 * Door of jobs/: what a job of each kind does. A job gets plain values and callbacks, never a configuration or a request, so that unit tests
 * and forgectl run it as the server does. Who runs it, when and in which process is for work/ to say.
 */
#ifndef FORGE_JOBS_H
#define FORGE_JOBS_H

#include "core/core.h"
#include "net/net.h"
#include "store/store.h"

/* Lends a connection to the database for the time of one call: `use` with `data`. What it returns is passed on, or why there is no
 * connection (FORGE_E_POOL_EXHAUSTED, FORGE_E_DATABASE_DOWN …). No job keeps one while it waits for anything else. */
typedef struct forge_lender_t {
    forge_status_t (*lend)(void *baton, apr_pool_t *p, forge_db_fn use, void *data);
    void *baton;
} forge_lender_t;

/* --- mail.c: sends what waits in the outbox --- */

typedef enum forge_mail_event_t {
    FORGE_MAIL_SENT,     /* one mail is out */
    FORGE_MAIL_GIVEN_UP, /* one mail will never be sent; the text says which and why, without its address */
    FORGE_MAIL_STUCK     /* no mail goes at present, all wait; the text says why */
} forge_mail_event_t;

typedef struct forge_mail_job_t {
    forge_lender_t db;
    const forge_keys_t *keys;
    const char *public_url;   /* the sender: mails of others are left alone */
    const forge_mail_t *mail; /* where it goes */
    bool (*stop)(const void *unused); /* asked several times a second; true: put back what is not sent yet */
    void (*tell)(void *baton, forge_mail_event_t event, const char *text);
    void *baton; /* of tell */
} forge_mail_job_t;
/* Claims the mails that are due, FORGE_MAILS_AT_ONCE at most, and takes each to its end: sent, given up, or put off. A
 * mail that cannot be sent comes again after 30 s, 1 min … 1 h. *more: there may be more. Mails whose job dies come
 * back 15 minutes later. */
forge_status_t forge_job_mail(apr_pool_t *p, const forge_mail_job_t *job, bool *more);

#endif
