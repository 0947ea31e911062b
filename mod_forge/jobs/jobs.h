/* SPDX-License-Identifier: Apache-2.0
 * Interface of jobs/: the work that a job of each kind does. A job gets plain values and callbacks, never a
 * configuration or a request, so that unit tests and forgectl can run it like the server. work/ decides when and in
 * which process it runs.
 */
#ifndef FORGE_JOBS_H
#define FORGE_JOBS_H

#include "core/core.h"
#include "net/net.h"
#include "store/store.h"

/* Lends a database connection for one call: `use` with `data`. Returns its result, or why there is no connection
 * (FORGE_E_POOL_EXHAUSTED, FORGE_E_DATABASE_DOWN …). A job never holds a connection while it waits for something else.
 */
typedef struct forge_lender_t {
    forge_status_t (*lend)(void *baton, apr_pool_t *p, forge_db_fn use, void *data);
    void *baton;
} forge_lender_t;

/* --- mail.c: sends the mails in the outbox --- */

typedef enum forge_mail_event_t {
    FORGE_MAIL_SENT,     /* one mail was sent */
    FORGE_MAIL_GIVEN_UP, /* one mail will never be sent; the text says which and why, without its address */
    FORGE_MAIL_STUCK     /* no mail can be sent at the moment, and all wait; the text says why */
} forge_mail_event_t;

typedef struct forge_mail_job_t {
    forge_lender_t db;
    const forge_keys_t *keys;
    const char *public_url;           /* the sender; mails of other senders are not touched */
    const forge_mail_t *mail;         /* how it is sent */
    bool (*stop)(const void *unused); /* called several times a second; true: put back unsent mails */
    void (*tell)(void *baton, forge_mail_event_t event, const char *text);
    void *baton; /* of tell */
} forge_mail_job_t;
/* Processes one batch: claims at most FORGE_MAILS_AT_ONCE due mails, and sends, gives up or postpones each. A mail that
 * cannot be sent is due again after 30 s, 1 min … 1 h. *more: more mails may be due. Mails of a job that dies are due
 * again after 15 minutes. */
forge_status_t forge_job_mail(apr_pool_t *p, const forge_mail_job_t *job, bool *more);

#endif
