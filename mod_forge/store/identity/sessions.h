/* SPDX-License-Identifier: Apache-2.0
 * Sessions, refresh tokens, guests, API keys and tickets (SPEC 3). Digests are SHA-256 in hex; the secrets themselves
 * never come here.
 */
#ifndef FORGE_STORE_SESSIONS_H
#define FORGE_STORE_SESSIONS_H

#include "store/mail/mail.h"
#include "store/store.h"

#define FORGE_SESSION_HOURS  720 /* a session ends so long after it began, whatever its tokens say */
#define FORGE_TICKET_SECONDS 60  /* life of a ticket that nobody spends */

/* --- sessions.c --- */

/* A session that begins. */
typedef struct forge_new_session_t {
    const char *refresh_sha256, *expires_at, *device_name, *user_agent, *ip, *amr, *request_id;
    const struct forge_guess_t *guess; /* of the login (login.h); NULL: none was charged */
} forge_new_session_t;

typedef struct forge_refresh_t {
    const char *sha256, *next_sha256; /* of the token shown, and of its successor */
    apr_interval_time_t ttl; /* new idle life of token and session; the session ends after FORGE_SESSION_HOURS anyway */
    apr_interval_time_t window; /* for so long after its use a token answers with the same successor again */
} forge_refresh_t;
/* Spends a refresh token for its successor, in one statement, which also moves the session's end; a spent one inside
 * the window changes nothing. Row: the bare user, _session_id, _epoch, _amr. FORGE_E_REFRESH_REUSED: spent before that,
 * the session is revoked now. FORGE_E_INVALID_REFRESH: unknown or expired, its session has ended, or the account is
 * inactive. */
forge_status_t forge_store_session_refresh(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                           const forge_refresh_t *refresh, forge_rows_t **rows);
/* Live sessions of one account: id, device_name, user_agent, ip, created_at, last_seen_at, current. Base args: account,
 * its session. */
extern const forge_list_t forge_store_sessions_list;
/* FORGE_OK when the caller's session began by a login at most `most` ago, however often its tokens were refreshed;
 * FORGE_E_STEP_UP when it is older, FORGE_E_INVALID_TOKEN when it has ended. */
forge_status_t forge_store_session_fresh(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         apr_interval_time_t most);
/* Ends the caller's own session; nothing when it has ended already. */
forge_status_t forge_store_session_logout(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by);
/* Ends all sessions of the caller. */
forge_status_t forge_store_session_logout_all(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by);
/* Ends one session of the caller. FORGE_E_NOT_FOUND: there is none, it has ended, or it is somebody else's. */
forge_status_t forge_store_session_revoke(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id);

/* A ticket for what cannot send headers. FORGE_E_INVALID_TOKEN: the caller's session has ended. */
forge_status_t forge_store_ticket_create(forge_db_t *db, apr_pool_t *p, const forge_who_t *by, const char *sha256);
/* Spends one. Row: user_id, session_id, role, epoch, amr, valid_until; none when it is unknown, expired or spent, or
 * when its session or account has ended. */
forge_status_t forge_store_ticket_spend(forge_db_t *db, apr_pool_t *p, const char *sha256, forge_rows_t **rows);

/* --- figures.c --- */

#define FORGE_FIGURES_MOST 10000 /* rows that one look counts; beyond it, figures are estimated */
/* Who is here, at a cost that does not grow with the accounts. Row: sessions {active, seen_5m, seen_1h}, guests_active,
 * accounts {total, active, locked}, logins {ok_1h, failed_1h}, estimated: there are more than FORGE_FIGURES_MOST
 * sessions or accounts; then active, total and guests_active come from PostgreSQL's statistics, and the other figures
 * end at that number. */
forge_status_t forge_store_identity_figures(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);

/* --- guests.c --- */

/* An account of role guest under that username, with a session. Row: the bare user, _session_id, _epoch.
 * FORGE_E_USERNAME_TAKEN. */
forge_status_t forge_store_guest_create(forge_db_t *db, apr_pool_t *p, const char *username,
                                        const forge_new_session_t *session, forge_rows_t **rows);

/* --- api_keys.c --- */

typedef struct forge_new_key_t {
    const char *name, *prefix, *sha256;
    const char *scopes;       /* a PostgreSQL array, "{read,write}" */
    const char *expires_days; /* NULL: never */
    forge_new_mail_t mail;    /* the notice to its owner */
} forge_new_key_t;
/* Keys of one account: id, name, prefix, scopes, created_at, last_used_at, expires_at. Base args: account. */
extern const forge_list_t forge_store_api_keys_list;
/* Row: as in the list. FORGE_E_LIMIT_REACHED: fifty live keys (trigger api_keys_limit); FORGE_E_FORBIDDEN when the
 * account is inactive or a guest. */
forge_status_t forge_store_api_key_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                          const forge_new_key_t *key, forge_rows_t **rows);
/* FORGE_E_NOT_FOUND: there is none, or it is somebody else's. */
forge_status_t forge_store_api_key_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id);
/* FORGE_OK while the caller has this key; else FORGE_E_NOT_FOUND. */
forge_status_t forge_store_api_key_exists(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id);
/* The key and its account in one look; notes the use, once a minute. Row: key_id, user_id, role, epoch, scopes,
 * expires_at; none when it is unknown or expired, or the account inactive. */
forge_status_t forge_store_api_key_find(forge_db_t *db, apr_pool_t *p, const char *sha256, forge_rows_t **rows);
/* Whether the key that `by` came with is still good: FORGE_OK or FORGE_E_INVALID_TOKEN. */
forge_status_t forge_store_api_key_active(forge_db_t *db, apr_pool_t *p, const forge_who_t *by);

#endif
