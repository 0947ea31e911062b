/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/mail: the mails that wait to be sent. The statement that makes a token also puts the mail that
 * carries it into the outbox; work/mailer.c sends it later.
 */
#ifndef FORGE_STORE_MAIL_H
#define FORGE_STORE_MAIL_H

#include "store/store.h"

#define FORGE_MAILS_AN_HOUR 5  /* mails of one kind to one account */
#define FORGE_MAIL_HOURS    24 /* a mail that could not be sent for so long is given up */
#define FORGE_MAILS_AT_ONCE 16 /* one batch of the mailer */

/* The mail that goes with a change; sender NULL: mail is off, and nothing is sent. */
typedef struct forge_new_mail_t {
    const char *sender;  /* ForgePublicURL: whoever serves it sends it */
    const char *payload; /* what the template needs, as JSON sealed with context "mail" */
} forge_new_mail_t;

/* A CTE that puts a mail into the outbox, for statements of other families. `select` gives kind, sender, recipient,
 * user_id (may be NULL) and payload; no row: no mail. */
#define FORGE_MAIL(select) \
    "mail AS (INSERT INTO forge.mail_outbox (kind, sender, recipient, user_id, payload) " select " RETURNING id)"

/* --- outbox.c: for the mailer --- */

/* Up to FORGE_MAILS_AT_ONCE mails of this sender that are due, each claimed for `claimed_for`: id, kind, recipient,
 * user_id, username, locale, payload, message_id, created_at, tries (this one included), _void (its token can no longer
 * be used: not worth sending), _old (waits for FORGE_MAIL_HOURS: not tried again). */
forge_status_t forge_store_mail_claim(forge_db_t *db, apr_pool_t *p, const char *sender,
                                      apr_interval_time_t claimed_for, forge_rows_t **rows);
/* Claims mails for longer, by whoever has claimed them: `ids` is "{1,2}". */
forge_status_t forge_store_mail_hold(forge_db_t *db, apr_pool_t *p, const char *ids, apr_interval_time_t claimed_for);
/* It was sent, or will never be. */
forge_status_t forge_store_mail_done(forge_db_t *db, apr_pool_t *p, apr_int64_t id);
/* It is tried again after `delay`; error is kept for the operator. */
forge_status_t forge_store_mail_later(forge_db_t *db, apr_pool_t *p, apr_int64_t id, apr_interval_time_t delay,
                                      const char *error);
/* Sees to it that there is a job of kind "mail" for this sender as long as a mail of it is due: *due. */
forge_status_t forge_store_mail_job(forge_db_t *db, apr_pool_t *p, const char *sender, bool *due);
#define FORGE_MAIL_KEY_MAX 500 /* characters of the sender in the key of that job */
/* Row: waiting (0..1000), late (some mail failed and waits for more than a minute, or was never tried for five). */
forge_status_t forge_store_mail_state(forge_db_t *db, apr_pool_t *p, const char *sender, forge_rows_t **rows);

#endif
