/* SPDX-License-Identifier: Apache-2.0
 * Sends what waits in the outbox, in one child at a time: a watchdog thread for each ForgePublicURL of each database, so that a slow mail
 * server delays nobody but its own mails. No connection to the database is held while a mail is on its way.
 */
#include "http/http.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>
#include <pthread.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define STEP        apr_time_from_sec(1)       /* how often the outbox is looked at */
#define LEASE       apr_time_from_sec(15 * 60) /* 16 mails of at most 30 s each, and some rest */
#define RETRY_FIRST apr_time_from_sec(30)      /* doubled at each try, with a quarter of chance */
#define RETRY_MOST  apr_time_from_sec(3600)
#define TELL_EVERY  apr_time_from_sec(600)
#define ROUNDS_MAX  64 /* batches in one step; then the watchdog gets its turn */

typedef struct mailer_t {
    server_rec *s;
    apr_time_t told; /* when the log last heard that no mail goes */
} mailer_t;

/* One mail of a batch. */
typedef struct item_t {
    const char *id, *kind, *recipient, *message_id;
    apr_time_t created;
    apr_int64_t number, tries;
    bool void_, old, asked; /* asked: a password reset whose account is still to be looked for */
    forge_json_t *facts;
} item_t;

static bool stopped(const void *unused)
{
    (void)unused;
    return forge_http_background_stopping();
}

/* --- the outbox --- */

static forge_status_t claim(apr_pool_t *p, const forge_server_t *server, forge_rows_t **rows)
{
    forge_lease_t *lease;
    forge_db_t *db;
    FORGE_TRY(forge_http_lease_take(p, server, "forge mail", &lease, &db));
    forge_status_t status = forge_store_mail_claim(db, p, forge_config_public_url(server->config), LEASE, rows);
    forge_http_lease_return(lease);
    return status;
}

static forge_status_t done(apr_pool_t *p, const forge_server_t *server, const item_t *item)
{
    forge_lease_t *lease;
    forge_db_t *db;
    FORGE_TRY(forge_http_lease_take(p, server, "forge mail", &lease, &db));
    forge_status_t status = forge_store_mail_done(db, p, item->number);
    forge_http_lease_return(lease);
    return status;
}

static forge_status_t put_off(apr_pool_t *p, const forge_server_t *server, apr_int64_t id, apr_interval_time_t delay, const char *why)
{
    forge_lease_t *lease;
    forge_db_t *db;
    FORGE_TRY(forge_http_lease_take(p, server, "forge mail", &lease, &db));
    forge_status_t status = forge_store_mail_later(db, p, id, delay, why);
    forge_http_lease_return(lease);
    return status;
}

/* 30 s, 1 min, 2 min … 1 h, each up to a quarter longer: mails that failed together do not all come back together. */
static apr_interval_time_t delay_of(apr_int64_t tries)
{
    unsigned char dice;
    apr_interval_time_t delay = RETRY_FIRST;
    for (apr_int64_t i = 1; i < tries && delay < RETRY_MOST; i++)
        delay *= 2;
    if (delay > RETRY_MOST)
        delay = RETRY_MOST;
    forge_util_random(&dice, sizeof(dice));
    return delay + delay / 4 * dice / 255;
}

/* --- one mail --- */

/* The row as the code has it. Facts are NULL when they were sealed under another secret. */
static item_t item_of(apr_pool_t *p, const forge_server_t *server, const forge_rows_t *rows, int i)
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
    char *opened = forge_core_unseal(p, server->keys, "mail", forge_store_rows_text(rows, i, "payload"), &len);
    item.facts = opened ? forge_util_json_parse(p, opened, len, &why) : NULL;
    if (item.facts && forge_store_rows_text(rows, i, "username"))
        forge_util_json_put_text(item.facts, "username", forge_store_rows_text(rows, i, "username"));
    item.asked = strcmp(item.kind, "reset") == 0 && !forge_store_rows_text(rows, i, "user_id");
    return item;
}

static const char *fact(const item_t *item, const char *name)
{
    return forge_util_json_text(forge_util_json_get(item->facts, name), NULL);
}

/* A password reset was asked for: the account is looked for here, where nobody sees how long it takes (SECURITY 28). Without one the mail
 * is gone, and recipient NULL. */
static forge_status_t resolve(apr_pool_t *p, const forge_server_t *server, item_t *item)
{
    forge_one_time_t in = {.email_key = fact(item, "email_key"), .ip = fact(item, "ip"), .request_id = fact(item, "request_id")};
    forge_json_t *facts = forge_util_json_object(p);
    forge_buf_t *b = forge_util_buf_make(p, 128, 4096);
    forge_lease_t *lease;
    forge_rows_t *rows;
    forge_db_t *db;
    forge_util_json_put_text(facts, "token", forge_core_refresh_make(p, &in.sha256));
    forge_util_json_write(b, facts);
    in.mail.payload = forge_core_seal(p, server->keys, "mail", b->data, b->len);
    FORGE_TRY(forge_http_lease_take(p, server, "forge mail", &lease, &db));
    forge_status_t status = forge_store_reset_resolve(db, p, item->number, &in, &rows);
    forge_http_lease_return(lease);
    FORGE_TRY(status);
    item->recipient = forge_store_rows_text(rows, 0, "recipient");
    item->facts = facts;
    forge_util_json_put_text(facts, "username", forge_store_rows_text(rows, 0, "username"));
    return FORGE_OK;
}

static forge_delivery_t deliver(apr_pool_t *p, const forge_server_t *server, forge_smtp_t *smtp, const item_t *item, const char **why)
{
    const forge_mail_t *mail = forge_config_mail(server->config);
    forge_letter_t letter;
    apr_size_t len;
    if (!forge_core_letter_write(p, item->kind, forge_config_public_url(server->config), item->facts, &letter)) {
        *why = "it has no template, or a fact is missing";
        return FORGE_DELIVERY_REFUSED;
    }
    forge_message_t message = {.from = mail->from, .to = item->recipient, .letter = &letter, .id = item->message_id, .date = item->created};
    forge_parcel_t parcel = {.from = mail->from, .to = item->recipient, .id = item->message_id, .stop = stopped};
    parcel.data = forge_core_message_make(p, &message, &len);
    parcel.len = parcel.data ? len : 0;
    if (!parcel.data) {
        *why = "its address cannot stand in a header";
        return FORGE_DELIVERY_REFUSED;
    }
    return mail->directory ? forge_net_maildir_put(p, mail->directory, item->created, &parcel, why)
                           : forge_net_smtp_send(smtp, p, &parcel, why);
}

/* It will never be sent. The log names the mail by its number: addresses are nobody's business there. */
static forge_status_t give_up(apr_pool_t *p, const mailer_t *mailer, const forge_server_t *server, const item_t *item, const char *why)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, mailer->s, "FG0470: mail %s (%s) was given up after %" APR_INT64_T_FMT " tries: %s",
                 item->id, item->kind, item->tries, why);
    return done(p, server, item);
}

/* --- a batch --- */

/* No mail goes at present: the rest of the batch shares the fate of the one that found out. */
static forge_status_t all_later(apr_pool_t *p, mailer_t *mailer, const forge_rows_t *rows, int from, const char *why)
{
    const forge_server_t *server = forge_http_server(mailer->s);
    apr_time_t now = apr_time_now();
    if (now - mailer->told > TELL_EVERY || now < mailer->told) {
        mailer->told = now;
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, mailer->s, "FG0471: no mail can be sent at present, it waits in the outbox: %s", why);
    }
    for (int i = from; i < forge_store_rows_count(rows); i++) {
        apr_int64_t id = forge_store_rows_int(rows, i, "id", 0);
        FORGE_TRY(put_off(p, server, id, delay_of(forge_store_rows_int(rows, i, "tries", 1)), why));
    }
    return FORGE_OK;
}

/* What happens to one mail. *down: no more of this batch. */
static forge_status_t handle(apr_pool_t *p, mailer_t *mailer, forge_smtp_t *smtp, item_t *item, const char **down)
{
    const forge_server_t *server = forge_http_server(mailer->s);
    const char *why = "";
    if (item->void_)
        return done(p, server, item);
    if (!item->facts)
        return give_up(p, mailer, server, item, "it was sealed under another ForgeSecret");
    if (item->asked)
        FORGE_TRY(resolve(p, server, item));
    if (!item->recipient)
        return FORGE_OK;
    switch (deliver(p, server, smtp, item, &why)) {
    case FORGE_DELIVERED:
        mailer->told = 0;
        return done(p, server, item);
    case FORGE_DELIVERY_REFUSED:
        return give_up(p, mailer, server, item, why);
    case FORGE_DELIVERY_LATER:
        if (item->old)
            return give_up(p, mailer, server, item, why);
        return put_off(p, server, item->number, delay_of(item->tries), why);
    case FORGE_DELIVERY_DOWN:
        if (item->old)
            FORGE_TRY(give_up(p, mailer, server, item, why));
        *down = why;
        return FORGE_OK;
    default: /* this child ends: another one goes on at once */
        return put_off(p, server, item->number, 0, "interrupted");
    }
}

/* Sends what is due. *more: there may be more. */
static forge_status_t batch(apr_pool_t *p, mailer_t *mailer, bool *more)
{
    const forge_server_t *server = forge_http_server(mailer->s);
    const forge_mail_t *mail = forge_config_mail(server->config);
    forge_rows_t *rows;
    const char *down = NULL;
    apr_pool_t *turn;
    *more = false;
    FORGE_TRY(claim(p, server, &rows));
    int n = forge_store_rows_count(rows);
    forge_smtp_t *smtp = n > 0 && mail->host ? forge_net_smtp_open(p, mail) : NULL;
    if (n > 0 && mail->host && !smtp)
        return FORGE_E_INTERNAL;
    forge_status_t status = FORGE_OK;
    apr_pool_create(&turn, p);
    for (int i = 0; i < n && status == FORGE_OK && !down; i++) {
        item_t item = item_of(turn, server, rows, i);
        status = stopped(NULL) ? put_off(turn, server, item.number, 0, "interrupted") : handle(turn, mailer, smtp, &item, &down);
        if (down)
            status = all_later(turn, mailer, rows, i, down);
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
    *more = n > 0 && !down;
    return status;
}

static void step(void *data, apr_pool_t *p)
{
    mailer_t *mailer = data;
    const forge_server_t *server = forge_http_server(mailer->s);
    bool more = true;
    apr_pool_t *turn;
    if (!server || !server->db_pool)
        return;
    apr_pool_create(&turn, p);
    for (int i = 0; i < ROUNDS_MAX && more && !stopped(NULL); i++) {
        forge_status_t status = batch(turn, mailer, &more);
        if (status != FORGE_OK) /* claimed mails come back when their lease is over */
            more = false;
        if (status != FORGE_OK && forge_util_error(status)->http == HTTP_INTERNAL_SERVER_ERROR)
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, mailer->s, "FG0472: could not work on the outbox: %s",
                         forge_util_error(status)->code);
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
}

/* --- what /health asks --- */

#define PROBES_MAX 64 /* servers whose answers are kept; more are asked each time */

typedef struct probe_t {
    const forge_server_t *server;
    apr_time_t asked;
    forge_status_t status;
    bool late;
} probe_t;

static forge_status_t ask(forge_req_t *q, bool *late)
{
    forge_lease_t *lease;
    forge_db_t *db;
    forge_rows_t *rows;
    FORGE_TRY(forge_http_lease_take(q->pool, q->server, "forge health", &lease, &db));
    forge_status_t status = forge_store_mail_state(db, q->pool, forge_config_public_url(q->config), &rows);
    *late = status == FORGE_OK && forge_store_rows_bool(rows, 0, "late");
    forge_http_lease_return(lease);
    return status;
}

/* Others take the last answer while we ask. */
forge_status_t forge_http_mail_probe(forge_req_t *q, bool *late)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static probe_t probes[PROBES_MAX];
    probe_t *kept = NULL, answer = {.server = q->server};
    apr_time_t now = apr_time_now();
    pthread_mutex_lock(&lock);
    for (int i = 0; i < PROBES_MAX && !kept; i++)
        if (!probes[i].server || probes[i].server == q->server)
            kept = &probes[i];
    bool ours = !kept || !kept->server || now - kept->asked >= STEP || now < kept->asked;
    if (kept && kept->server)
        answer = *kept;
    if (kept && ours)
        *kept = (probe_t){.server = q->server, .asked = now, .status = answer.status, .late = answer.late};
    pthread_mutex_unlock(&lock);
    if (ours) {
        answer.status = ask(q, &answer.late);
        answer.asked = now;
        pthread_mutex_lock(&lock);
        if (kept)
            *kept = answer;
        pthread_mutex_unlock(&lock);
    }
    *late = answer.late;
    return answer.status;
}

/* --- start --- */

/* The first server with this ForgePublicURL on this database sends for all of them. */
static bool is_first(apr_pool_t *p, server_rec *main_server, server_rec *s)
{
    const char *url = forge_config_public_url(forge_config_of_server(s)), *database = forge_http_pool_database(p, s);
    for (server_rec *other = main_server; other != s; other = other->next)
        if (forge_http_server(other) && forge_config_mail(forge_config_of_server(other)) &&
            strcmp(forge_config_public_url(forge_config_of_server(other)), url) == 0 &&
            forge_store_same_database(forge_http_pool_database(p, other), database))
            return false;
    return true;
}

int forge_http_mailer_register(apr_pool_t *pconf, server_rec *main_server)
{
    int n = 0;
    for (server_rec *s = main_server; s; s = s->next) {
        if (!forge_http_server(s) || !forge_config_mail(forge_config_of_server(s)) || !is_first(pconf, main_server, s))
            continue;
        mailer_t *mailer = apr_pcalloc(pconf, sizeof(*mailer));
        mailer->s = s;
        const forge_background_t job = {
            .thread = apr_psprintf(pconf, "_forge_mail_%d_", n++), .one_child = true, .every = STEP, .step = step, .data = mailer};
        if (forge_http_background_register(pconf, s, &job) != OK)
            return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}
