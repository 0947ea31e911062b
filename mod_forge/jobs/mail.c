/* SPDX-License-Identifier: Apache-2.0
 * One batch of the outbox: claims due mails, writes each one and sends it. No database connection is held while a mail
 * is being sent.
 */
#include "jobs.h"
#include "core/identity/identity.h"
#include "core/mail/mail.h"
#include "store/identity/identity.h"

#include <apr_strings.h>
#include <string.h>

/* A sender that dies leaves its mails to another one after this time. It is longer than the lease of the job and the
 * time between two renewals together: who has lost the job has stopped before anybody else has its mails. */
#define CLAIM_TIME  apr_time_from_sec(15)
#define CLAIM_AGAIN apr_time_from_sec(3)
#define RETRY_FIRST apr_time_from_sec(30) /* doubled at each try, plus up to a quarter at random */
#define RETRY_MOST  apr_time_from_sec(3600)
#define BATCHES_MAX 64 /* of one job; then another one is made */

/* One mail of a batch. */
typedef struct item_t {
    const char *id, *kind, *recipient, *message_id;
    apr_time_t created;
    apr_int64_t number, tries;
    bool void_, old, asked; /* asked: a password reset whose account must still be looked up */
    forge_language_t language;
    forge_json_t *facts;
} item_t;

/* What was claimed and is not settled yet. */
typedef struct batch_t {
    const forge_rows_t *rows;
    int next;            /* the one that is being sent */
    apr_int64_t claimed; /* when that was, or was renewed; by forge_util_monotonic */
} batch_t;

static forge_status_t hold(forge_db_t *db, apr_pool_t *p, void *data)
{
    const batch_t *batch = data;
    const char *ids = "";
    for (int i = batch->next; i < forge_store_rows_count(batch->rows); i++)
        ids = apr_pstrcat(p, ids, *ids ? "," : "", forge_store_rows_text(batch->rows, i, "id"), NULL);
    return forge_store_mail_hold(db, p, apr_pstrcat(p, "{", ids, "}", NULL), CLAIM_TIME);
}

/* Whether to stop. While a mail server is waited for, this is what keeps the lease of the job and the claims. */
typedef struct patience_t {
    apr_pool_t *p; /* for the moment */
    const forge_mail_job_t *job;
    batch_t *batch;
} patience_t;

static bool stops(const void *baton)
{
    const patience_t *patience = baton;
    const forge_mail_job_t *job = patience->job;
    const apr_int64_t now = forge_util_monotonic();
    apr_pool_t *moment;
    apr_pool_create(&moment, patience->p);
    bool goes_on = job->queued ? forge_job_progress(job->queued, moment, FORGE_JOB_AS_BEFORE, NULL) : !job->stop(NULL);
    if (goes_on && now - patience->batch->claimed > CLAIM_AGAIN &&
        job->db.lend(job->db.baton, moment, hold, patience->batch) == FORGE_OK)
        patience->batch->claimed = now;
    apr_pool_destroy(moment);
    return !goes_on;
}

/* --- the outbox, one statement each --- */

typedef struct claim_t {
    const char *sender;
    forge_rows_t *rows;
} claim_t;

static forge_status_t claim_due(forge_db_t *db, apr_pool_t *p, void *data)
{
    claim_t *claim = data;
    return forge_store_mail_claim(db, p, claim->sender, CLAIM_TIME, &claim->rows);
}

static forge_status_t mark_done(forge_db_t *db, apr_pool_t *p, void *data)
{
    const item_t *item = data;
    return forge_store_mail_done(db, p, item->number);
}

static forge_status_t done(apr_pool_t *p, const forge_mail_job_t *job, item_t *item)
{
    return job->db.lend(job->db.baton, p, mark_done, item);
}

typedef struct delay_t {
    apr_int64_t id;
    apr_interval_time_t delay;
    const char *why;
} delay_t;

static forge_status_t mark_later(forge_db_t *db, apr_pool_t *p, void *data)
{
    const delay_t *later = data;
    return forge_store_mail_later(db, p, later->id, later->delay, later->why);
}

static forge_status_t put_off(apr_pool_t *p, const forge_mail_job_t *job, apr_int64_t id, apr_interval_time_t delay,
                              const char *why)
{
    delay_t later = {.id = id, .delay = delay, .why = why};
    return job->db.lend(job->db.baton, p, mark_later, &later);
}

/* The delay before the next try: 30 s, 1 min, 2 min … 1 h, each up to a quarter longer, so that mails that failed
 * together are not all retried together. */
static apr_interval_time_t delay_of(apr_int64_t tries)
{
    return forge_job_delay(RETRY_FIRST, RETRY_MOST, tries);
}

/* --- one mail --- */

/* The language of the account; of one that has not said which, that of the request which caused the mail. */
static forge_language_t language_of(const forge_json_t *facts, const char *locale)
{
    forge_language_t language = FORGE_LANGUAGE_EN;
    const char *asked = facts ? forge_util_json_text(forge_util_json_get(facts, "language"), NULL) : NULL;
    forge_core_language_of(locale ? locale : asked, &language);
    return language;
}

/* Reads a mail from its row. Its facts are NULL if they were encrypted with another secret. */
static item_t item_of(apr_pool_t *p, const forge_mail_job_t *job, const forge_rows_t *rows, int i)
{
    const char *why;
    apr_size_t len;
    item_t item = {.id = forge_store_rows_text(rows, i, "id"),
                   .kind = forge_store_rows_text(rows, i, "kind"),
                   .recipient = forge_store_rows_text(rows, i, "recipient"),
                   .message_id = forge_store_rows_text(rows, i, "message_id"),
                   .created = forge_store_rows_time(rows, i, "created_at"),
                   .number = forge_store_rows_int(rows, i, "id", 0),
                   .tries = forge_store_rows_int(rows, i, "tries", 1),
                   .void_ = forge_store_rows_bool(rows, i, "_void"),
                   .old = forge_store_rows_bool(rows, i, "_old")};
    char *opened = forge_core_unseal(p, job->keys, "mail", forge_store_rows_text(rows, i, "payload"), &len);
    item.facts = opened ? forge_util_json_parse(p, opened, len, &why) : NULL;
    if (item.facts && forge_store_rows_text(rows, i, "username"))
        forge_util_json_put_text(item.facts, "username", forge_store_rows_text(rows, i, "username"));
    item.language = language_of(item.facts, forge_store_rows_text(rows, i, "locale"));
    item.asked = strcmp(item.kind, "reset") == 0 && !forge_store_rows_text(rows, i, "user_id");
    return item;
}

static const char *fact(const item_t *item, const char *name)
{
    return forge_util_json_text(forge_util_json_get(item->facts, name), NULL);
}

typedef struct resolve_t {
    apr_int64_t number;
    forge_one_time_t in;
    forge_rows_t *rows;
} resolve_t;

static forge_status_t look_up(forge_db_t *db, apr_pool_t *p, void *data)
{
    resolve_t *r = data;
    return forge_store_reset_resolve(db, p, r->number, &r->in, &r->rows);
}

/* Looks up the account of a requested password reset. This happens here and not in the request, so that nobody can
 * measure how long it takes (SECURITY 28). Without an account the mail is deleted and the recipient is NULL. */
static forge_status_t resolve(apr_pool_t *p, const forge_mail_job_t *job, item_t *item)
{
    resolve_t r = {
        .number = item->number,
        .in = {.email_key = fact(item, "email_key"), .ip = fact(item, "ip"), .request_id = fact(item, "request_id")}};
    forge_json_t *facts = forge_util_json_object(p);
    forge_buf_t *b = forge_util_buf_make(p, 128, 4096);
    forge_util_json_put_text(facts, "token", forge_core_secret_make(p, &r.in.sha256));
    if (fact(item, "language"))
        forge_util_json_put_text(facts, "language", fact(item, "language"));
    forge_util_json_write(b, facts);
    r.in.mail.payload = forge_core_seal(p, job->keys, "mail", b->data, b->len);
    FORGE_TRY(job->db.lend(job->db.baton, p, look_up, &r));
    item->recipient = forge_store_rows_text(r.rows, 0, "recipient");
    item->facts = facts;
    item->language = language_of(facts, forge_store_rows_text(r.rows, 0, "locale"));
    forge_util_json_put_text(facts, "username", forge_store_rows_text(r.rows, 0, "username"));
    return FORGE_OK;
}

forge_delivery_t forge_job_mail_send(apr_pool_t *p, forge_smtp_t *smtp, const forge_mail_one_t *one, const char **why)
{
    const forge_mail_t *mail = one->mail;
    forge_letter_t letter;
    apr_size_t len;
    const char *to = forge_core_email_wire(p, one->recipient, why);
    if (!to)
        return FORGE_DELIVERY_REFUSED;
    if (!forge_core_letter_write(p, one->kind, one->wording, one->facts, &letter)) {
        *why = "it has no template, or a fact is missing";
        return FORGE_DELIVERY_REFUSED;
    }
    forge_mail_message_t message = {
        .from = mail->from, .name = mail->name, .to = to, .letter = &letter, .id = one->id, .date = one->created};
    forge_parcel_t parcel = {.from = mail->from, .to = to, .id = one->id, .stop = one->stop, .baton = one->baton};
    parcel.data = forge_core_message_make(p, &message, &len);
    parcel.len = parcel.data ? len : 0;
    if (!parcel.data) {
        *why = "its address cannot be written in a header";
        return FORGE_DELIVERY_REFUSED;
    }
    return mail->directory ? forge_net_maildir_put(p, mail->directory, one->created, &parcel, why)
                           : forge_net_smtp_send(smtp, p, &parcel, why);
}

/* How a batch is sent. */
typedef struct way_t {
    const forge_mail_job_t *job;
    forge_smtp_t *smtp;
    batch_t batch;
} way_t;

static forge_delivery_t deliver(apr_pool_t *p, way_t *way, const item_t *item, const char **why)
{
    const forge_mail_job_t *job = way->job;
    const patience_t patience = {p, job, &way->batch};
    const forge_wording_t wording = {job->letters, item->language, job->site, job->public_url};
    const forge_mail_one_t one = {.mail = job->mail,
                                  .wording = &wording,
                                  .kind = item->kind,
                                  .recipient = item->recipient,
                                  .id = item->message_id,
                                  .created = item->created,
                                  .facts = item->facts,
                                  .stop = stops,
                                  .baton = &patience};
    return forge_job_mail_send(p, way->smtp, &one, why);
}

/* Gives up a mail that can never be sent. The log names its number, because addresses do not belong in a log. */
static forge_status_t give_up(apr_pool_t *p, const forge_mail_job_t *job, item_t *item, const char *why)
{
    const char *text = apr_psprintf(p, "mail %s (%s) was given up after %" APR_INT64_T_FMT " tries: %s", item->id,
                                    item->kind, item->tries, why);
    job->tell(job->baton, FORGE_MAIL_GIVEN_UP, text);
    return done(p, job, item);
}

/* --- a batch --- */

/* Postpones the rest of the batch, because no mail can be sent at the moment. */
static forge_status_t all_later(apr_pool_t *p, const forge_mail_job_t *job, const forge_rows_t *rows, int from,
                                const char *why)
{
    job->tell(job->baton, FORGE_MAIL_STUCK, why);
    for (int i = from; i < forge_store_rows_count(rows); i++) {
        apr_int64_t id = forge_store_rows_int(rows, i, "id", 0);
        FORGE_TRY(put_off(p, job, id, delay_of(forge_store_rows_int(rows, i, "tries", 1)), why));
    }
    return FORGE_OK;
}

/* Acts on the result of one attempt. *down is set if the rest of this batch must wait. */
static forge_status_t settle(apr_pool_t *p, const forge_mail_job_t *job, item_t *item, forge_delivery_t outcome,
                             const char *why, const char **down)
{
    switch (outcome) {
    case FORGE_DELIVERED:
        job->tell(job->baton, FORGE_MAIL_SENT, "");
        return done(p, job, item);
    case FORGE_DELIVERY_REFUSED:
        return give_up(p, job, item, why);
    case FORGE_DELIVERY_LATER:
        return item->old ? give_up(p, job, item, why) : put_off(p, job, item->number, delay_of(item->tries), why);
    case FORGE_DELIVERY_DOWN:
        *down = why;
        return item->old ? give_up(p, job, item, why) : FORGE_OK;
    default: /* this child ends: another one continues at once */
        return put_off(p, job, item->number, 0, "interrupted");
    }
}

/* Decides what happens to one mail, and does it. */
static forge_status_t handle(apr_pool_t *p, way_t *way, item_t *item, const char **down)
{
    const forge_mail_job_t *job = way->job;
    const char *why = "";
    if (item->void_)
        return done(p, job, item);
    if (!item->facts)
        return give_up(p, job, item, "it was encrypted with another ForgeSecret");
    if (item->asked)
        FORGE_TRY(resolve(p, job, item));
    if (!item->recipient)
        return FORGE_OK;
    forge_delivery_t outcome = deliver(p, way, item, &why);
    return settle(p, job, item, outcome, why, down);
}

/* Handles each mail in turn. *down: why the rest must wait. */
static forge_status_t handle_all(apr_pool_t *p, way_t *way, const char **down)
{
    const forge_mail_job_t *job = way->job;
    const forge_rows_t *rows = way->batch.rows;
    forge_status_t status = FORGE_OK;
    apr_pool_t *turn;
    apr_pool_create(&turn, p);
    for (int i = 0; i < forge_store_rows_count(rows) && status == FORGE_OK && !*down; i++) {
        item_t item = item_of(turn, job, rows, i);
        way->batch.next = i;
        status = stops(&(patience_t){turn, job, &way->batch}) ? put_off(turn, job, item.number, 0, "interrupted")
                                                              : handle(turn, way, &item, down);
        if (*down) {
            *down = apr_pstrdup(p, *down);
            status = status == FORGE_OK ? all_later(turn, job, rows, i, *down) : status;
        }
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
    return status;
}

forge_status_t forge_job_mail(apr_pool_t *p, const forge_mail_job_t *job, bool *more)
{
    claim_t due = {.sender = job->public_url};
    way_t way = {.job = job, .batch = {.claimed = forge_util_monotonic()}};
    const char *down = NULL;
    *more = false;
    FORGE_TRY(job->db.lend(job->db.baton, p, claim_due, &due));
    int n = forge_store_rows_count(due.rows);
    if (n > 0 && job->mail->host && !(way.smtp = forge_net_smtp_open(p, job->mail)))
        return FORGE_E_INTERNAL;
    way.batch.rows = due.rows;
    forge_status_t status = handle_all(p, &way, &down);
    *more = n > 0 && !down;
    return status;
}

/* The outbox has its own times for what waits in it, so that the queue tries again only what is a fault of ours. */
forge_job_outcome_t forge_job_mails(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end)
{
    forge_mail_job_t mails = *job->with->mail;
    forge_status_t status = FORGE_OK;
    bool more = true;
    apr_pool_t *turn;
    mails.queued = job;
    apr_pool_create(&turn, p);
    for (int i = 0; i < BATCHES_MAX && more && status == FORGE_OK; i++) {
        status = forge_job_mail(turn, &mails, &more);
        apr_pool_clear(turn);
    }
    bool goes_on = forge_job_progress(job, turn, FORGE_JOB_AS_BEFORE, NULL);
    apr_pool_destroy(turn);
    if (status != FORGE_OK && forge_util_error(status)->http == 500) {
        *end = (forge_job_end_t){forge_util_error(status)->code, "the outbox could not be processed"};
        return FORGE_JOB_LATER;
    }
    return goes_on ? FORGE_JOB_DONE : FORGE_JOB_STOPPED;
}
