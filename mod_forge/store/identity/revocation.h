/* SPDX-License-Identifier: Apache-2.0
 * Sessions and epochs that have ended, as every node must know them (DESIGN 3).
 *
 * Triggers write what ends into forge.revocations and tell it on channel forge_events, as a word: "s12", session 12 has
 * ended, or "u7:4", tokens of account 7 given before epoch 4 are void. A statement's column _revoked has the same
 * words, parted by blanks.
 */
#ifndef FORGE_STORE_REVOCATION_H
#define FORGE_STORE_REVOCATION_H

#include "store/store.h"

/* --- questions on a pooled connection --- */

/* Whether session and account are active and the epoch of the account has not risen since: FORGE_OK, or
 * FORGE_E_INVALID_TOKEN. */
forge_status_t forge_store_token_active(forge_db_t *db, apr_pool_t *p, const forge_who_t *by);
/* Whether the account has a second factor that is active. */
forge_status_t forge_store_second_factor(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, bool *has);

/* --- a connection that listens; one thread's --- */

typedef struct forge_listener_t forge_listener_t;

typedef struct forge_listener_hooks_t {
    void (*heard)(void *baton, const char *words); /* each notification, and each row of a load */
    bool (*patient)(void *baton);                  /* asked ten times a second while it waits; false: give up at once */
    void *baton;
    int turn;    /* how often it was tried in vain: where the string names several servers, another is asked */
    bool elects; /* it may become the one listener of all nodes that forge_store_listener_one tells */
} forge_listener_hooks_t;

/* Connects, listens, and has a notification of its own sent back (a pooler in between may swallow them). A standby and
 * a server that is read-only are of no use: what ends is written elsewhere. Takes 2 s at most, beside the resolution of
 * a name. Closed with p. NULL and *why when it could not. `hooks` is kept. */
forge_listener_t *forge_store_listen(apr_pool_t *p, const char *conninfo, const forge_listener_hooks_t *hooks,
                                     const char **why);
/* Hears everything that ended within the last `longest`. False: the connection is of no more use, *why says so; as with
 * the next two. */
bool forge_store_listener_load(forge_listener_t *listener, apr_interval_time_t longest, const char **why);
/* One round trip of at most 1 s. All that was committed before this call has been heard when it returns true. */
bool forge_store_listener_ping(forge_listener_t *listener, const char **why);
/* Which database this is: cluster, timeline, and number of the database. Another text than of the last listener: the
 * database was replaced, and what is known of revocations is not of this one. */
const char *forge_store_listener_system(const forge_listener_t *listener);
/* How far that database's log is on its disk, in bytes, as the last ping found it. It grows; a smaller number than
 * before means that the server's machine went back to a snapshot, of which nothing else tells. */
apr_int64_t forge_store_listener_written(const forge_listener_t *listener);
/* The end of that log as the last ping found it, also of what is not on its disk yet: all that was committed before
 * that ping lies before it. */
forge_position_t forge_store_listener_end(const forge_listener_t *listener);
/* Whether it is the one among the listeners of all nodes, as the last ping found it: it holds a lock until its session
 * ends, and the server ends the session of a node that has been cut off after five seconds. */
bool forge_store_listener_one(const forge_listener_t *listener);
/* Hears what comes within `time`. */
bool forge_store_listener_wait(forge_listener_t *listener, apr_interval_time_t time, const char **why);

#endif
