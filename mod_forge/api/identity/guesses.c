/* SPDX-License-Identifier: Apache-2.0
 * Guesses at a secret, charged before they are checked (store/identity/lockout.c).
 */
#include "identity.h"
#include "core/identity/identity.h"

#include <apr_strings.h>
#include <string.h>

#define BUSY_TRIES   4 /* 40, 80, 160 and 320 ms: the guesses of others are settled as fast as hashes are made */
#define BUSY_FIRST   apr_time_from_msec(40)
#define BUSY_SECONDS 2

/* What is guessed at: for a login the name that was typed, for everything else the account. A name that no account has
 * is counted by a keyed digest, because it may be a password that was typed into the wrong field. */
static void set_subject(forge_req_t *q, forge_guess_t *g, const char *name, bool by_email)
{
    const char *account =
        g->user_id > 0 ? forge_store_guess_subject(q->pool, g->user_id, FORGE_GUESS_AT_ACCOUNT) : NULL;
    unsigned char mac[32];
    if (name && account) {
        g->account = account;
        g->subject =
            forge_store_guess_subject(q->pool, g->user_id, by_email ? FORGE_GUESS_AT_EMAIL : FORGE_GUESS_AT_NAME);
    } else if (account) {
        g->subject = account;
    } else {
        forge_core_mac(q->keys, "login name", name ? name : "", name ? strlen(name) : 0, mac);
        g->subject = apr_pstrcat(q->pool, "name:", forge_util_hex(q->pool, mac, sizeof(mac)), NULL);
    }
}

forge_guess_t forge_api_guess_of(forge_req_t *q, apr_int64_t user_id, const char *name, bool by_email)
{
    const forge_lockout_t *rule = forge_config_lockout(q->config);
    forge_guess_t g = {
        .address = forge_http_address(q),
        .limit = rule->failures,
        .seconds = (int)apr_time_sec(rule->duration),
        .user_id = user_id,
        .actor_id = q->who.user_id,
        .ip = q->client_ip,
        .request_id = q->request_id,
    };
    if (rule->failures > 0)
        set_subject(q, &g, name, by_email);
    return g;
}

/* Waits a little longer each time, with a random part, so that those who began together do not ask again together. */
static void wait_busy(int tries)
{
    unsigned char dice;
    forge_util_random(&dice, sizeof(dice));
    apr_sleep((BUSY_FIRST << tries) * (192 + dice / 2) / 256);
}

forge_status_t forge_api_guess_begin(forge_req_t *q, const forge_guess_t *g)
{
    for (int tries = 0; g->subject; tries++) {
        forge_db_t *db;
        forge_guess_verdict_t verdict;
        int seconds;
        FORGE_TRY(forge_http_db(q, &db));
        forge_status_t status = forge_store_guess_charge(db, q->pool, g, &verdict, &seconds);
        forge_http_db_done(q);
        if (status != FORGE_OK || verdict == FORGE_GUESS_ALLOWED)
            return status;
        forge_http_retry_after(q, verdict == FORGE_GUESS_LOCKED ? seconds : BUSY_SECONDS);
        if (verdict == FORGE_GUESS_LOCKED)
            return FORGE_E_ACCOUNT_LOCKED;
        if (tries == BUSY_TRIES)
            return FORGE_E_BUSY;
        forge_http_retry_after(q, 0);
        wait_busy(tries);
    }
    return FORGE_OK;
}

forge_status_t forge_api_guess_failed(forge_req_t *q, const forge_guess_t *g, const char *event, const char *at)
{
    forge_db_t *db;
    forge_http_guess_wrong(q);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_guess_failed(db, q->pool, g, event, at);
    forge_http_db_done(q);
    return status;
}

forge_status_t forge_api_guess_settle(forge_req_t *q, const forge_guess_t *g, bool good)
{
    forge_db_t *db;
    if (!g->subject)
        return FORGE_OK;
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_guess_settle(db, q->pool, g, good);
    forge_http_db_done(q);
    return status;
}
