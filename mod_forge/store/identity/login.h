/* SPDX-License-Identifier: Apache-2.0
 * Lockout, second factors and backup codes (SPEC 3).
 *
 * A guess at a secret is charged before it is checked and settled afterwards: what is in flight counts like a failure,
 * so that parallel guesses cannot outrun the limit, on any number of nodes. Two counters are charged, always in the
 * same order: the name from this network, and the name from anywhere, which bears ten times as much.
 *
 * At a login the e-mail address and the username of an account are two names: who locks one must not learn by the other
 * that they belong together. Whoever is known already (a confirmation, the code of a second factor) guesses at the
 * account itself; a lock of that one shuts both names.
 */
#ifndef FORGE_STORE_LOGIN_H
#define FORGE_STORE_LOGIN_H

#include "sessions.h"
#include "store/mail/mail.h"
#include "store/store.h"

#define FORGE_LOCKOUT_EVERYWHERE 10  /* an account bears so many times the failures from all networks together */
#define FORGE_CHALLENGE_SECONDS  300 /* life of an mfa_token */
#define FORGE_CHALLENGE_TRIES    5   /* with one mfa_token */

/* One guess: at whose secret, from where, and the rule (ForgeLockout). */
typedef struct forge_guess_t {
    const char *subject; /* "user:7", "user:7:email", "user:7:name", or "name:" and 64 hex digits where there is no such
                            account; NULL: lockout is off */
    const char *account; /* at a login, the account itself ("user:7"), whose lock counts too; else NULL */
    const char *address; /* the client's network, never "" */
    int limit;           /* failures that lock the account from there */
    int seconds;         /* how long, and how long a failure is remembered */
    apr_int64_t user_id; /* 0: unknown */
    apr_int64_t actor_id; /* who is logged in; 0 at a login */
    const char *set_at; /* when the password that was checked had been set: a login that meets a newer one is too late;
                           NULL: not asked */
    const char *ip, *request_id;
} forge_guess_t;

typedef enum forge_guess_verdict_t {
    FORGE_GUESS_ALLOWED, /* charged: settle it by one of the functions below */
    FORGE_GUESS_LOCKED,  /* nothing was charged */
    FORGE_GUESS_BUSY     /* nothing was charged: as many guesses as are left are in flight */
} forge_guess_verdict_t;

/* --- lockout.c --- */

/* *seconds: how long it stays locked. */
forge_status_t forge_store_guess_charge(forge_db_t *db, apr_pool_t *p, const forge_guess_t *g,
                                        forge_guess_verdict_t *verdict, int *seconds);
/* It was wrong: counts it, locks at the limit, and writes the audit event ("user.login_failed", "mfa.failed"; `at` says
 * where: "login", "confirm", "mfa") and user.locked with it. Also for guesses that were not charged because lockout is
 * off. */
forge_status_t forge_store_guess_failed(forge_db_t *db, apr_pool_t *p, const forge_guess_t *g, const char *event,
                                        const char *at);
/* It was right, or was never checked. good: the failures from this network are forgotten; those at the account itself
 * with those at its two names. */
forge_status_t forge_store_guess_settle(forge_db_t *db, apr_pool_t *p, const forge_guess_t *g, bool good);
/* An administrator (actor 0: forgectl) lets an account log in again from everywhere. Row: id; no rows: unknown account.
 */
forge_status_t forge_store_unlock(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t user_id,
                                  forge_rows_t **rows);
typedef enum forge_guess_at_t { FORGE_GUESS_AT_ACCOUNT, FORGE_GUESS_AT_EMAIL, FORGE_GUESS_AT_NAME } forge_guess_at_t;
/* "user:7", "user:7:email", "user:7:name" */
const char *forge_store_guess_subject(apr_pool_t *p, apr_int64_t user_id, forge_guess_at_t at);

/* --- mfa.c --- */

/* A code that was recognised, of an active factor: the step of a TOTP, or the MAC of a backup code in hex; the other
 * one is NULL. */
typedef struct forge_code_t {
    const char *factor_id, *step, *mac;
} forge_code_t;

/* The secrets of an active account: id, username, email, _password_hash, _epoch, _factor, _secret (sealed), _last_step
 * of its active second factor (NULL without one), _pending and _pending_secret of the newest that is set up but not
 * verified (pending_id 0), or of that one. */
forge_status_t forge_store_credentials(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, apr_int64_t pending_id,
                                       forge_rows_t **rows);
/* Sets a factor up, in the place of any that was never verified. Row: factor_id; NULL there when one is active already.
 */
forge_status_t forge_store_mfa_setup(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *sealed,
                                     forge_rows_t **rows);
typedef struct forge_enable_t {
    const char *factor_id, *step, *macs;
    forge_new_mail_t mail;
} forge_enable_t;
/* Activates a factor by its first code: backup codes stored (`macs`: a PostgreSQL array of hex), other sessions ended,
 * this one counts as having used both factors. Row: amr of the session ("pwd otp"); no rows when another request was
 * faster. */
forge_status_t forge_store_mfa_enable(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                      const forge_enable_t *enable, forge_rows_t **rows);
/* Spends a code of the active factor and settles the guess as good; with by->session_id the session counts as having
 * used it from now on. Row: how ("totp" or "backup"), amr of the session; no rows when the code was used before or is
 * none: then nothing was settled. */
forge_status_t forge_store_mfa_use(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const forge_guess_t *g,
                                   const forge_code_t *code, forge_rows_t **rows);
/* Each of the next three sends `mail` to the account, as the activation does.
 * Deletes factor and codes, ends the other sessions. Row: id; no rows when none was active. */
forge_status_t forge_store_mfa_disable(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                       const forge_new_mail_t *mail, forge_rows_t **rows);
/* Other backup codes instead of all. Row: id; no rows when no factor is active. */
forge_status_t forge_store_mfa_codes(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *macs,
                                     const forge_new_mail_t *mail, forge_rows_t **rows);
/* An administrator (actor 0: forgectl) takes the second factor of an account away; all its sessions end. Row: id, had
 * (a factor); no rows: unknown account. */
forge_status_t forge_store_mfa_reset(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t user_id,
                                     const forge_new_mail_t *mail, forge_rows_t **rows);

/* --- users.c: logins in two steps --- */

typedef struct forge_challenge_t {
    const char *sha256; /* of the mfa_token, hex */
    const char *device_name, *new_hash;
    apr_int64_t epoch;
} forge_challenge_t;
/* The password was right and a code is needed: keeps the digest of the mfa_token for its life, replaces the hash when
 * new_hash is not NULL, and takes the charge of the guess back without forgetting failures. Row: id; no rows: inactive,
 * changed meanwhile, or without a second factor. */
forge_status_t forge_store_challenge_make(forge_db_t *db, apr_pool_t *p, const forge_challenge_t *challenge,
                                          const forge_guess_t *g, forge_rows_t **rows);
/* One try with an mfa_token, of FORGE_CHALLENGE_TRIES. Row: id of the account, _challenge, _factor, _secret,
 * _last_step; no rows: unknown, expired, spent. */
forge_status_t forge_store_challenge_try(forge_db_t *db, apr_pool_t *p, const char *sha256, forge_rows_t **rows);
typedef struct forge_second_t {
    const char *challenge_id;
    forge_code_t code;
    forge_new_session_t session; /* with its guess; device_name is the challenge's */
} forge_second_t;
/* The code was right: spends code and challenge, opens the session and settles the guess as good, all or nothing but
 * for the code. Rows as of forge_store_login, and _spent: "t" when the code was good; id is NULL when code or challenge
 * were used before. */
forge_status_t forge_store_login_second(forge_db_t *db, apr_pool_t *p, const forge_second_t *second,
                                        forge_rows_t **rows);

#endif
