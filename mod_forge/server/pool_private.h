/* SPDX-License-Identifier: Apache-2.0
 * The list of a child's connections, as pool.c (requests), connector.c (the one thread that opens, checks and closes
 * them) and pool_list.c (their common steps) share it.
 */
#ifndef FORGE_POOL_PRIVATE_H
#define FORGE_POOL_PRIVATE_H

#include "server_private.h"
#include "store/store.h"

#include <apr_dbd.h>
#include <apr_thread_proc.h>
#include <mod_dbd.h>
#include <pthread.h>

struct forge_conn_t {
    forge_conn_t *next;
    ap_dbd_t *rec; /* NULL: the place is not used */
    void *native;
    apr_int64_t checked, freed; /* when the connector last looked at it; when it was last given back */
    bool over;                  /* nobody needs it any more */
    int place;                  /* of its leases in live/ */
    bool said;                  /* that it is out for too long */
};

typedef struct forge_pool_told_t {
    int size, busy, waiting, away;
} forge_pool_told_t;

struct forge_pool_t {
    const forge_server_t *server; /* the first of those that share the pool: its mod_dbd pool is used */
    pthread_mutex_t lock;
    pthread_cond_t freed; /* for requests: a connection is idle, or the database is away */
    pthread_cond_t work;  /* for the connector */
    apr_thread_t *thread;
    const char *conninfo;
    bool unloaded;           /* there is no mod_dbd */
    bool replica;            /* of connections of our own to ForgeReadDBD; no request waits for one */
    int wished, turn;        /* requests that found none, since one came free; tries in vain */
    apr_int64_t behind_till; /* the replica had not replayed what somebody wanted */
    forge_dbd_t dbd;
    int total, busy, waiting, idle_count; /* total: what mod_dbd has given us */
    int roomy;         /* threads of the child that may need this pool at the same time while it stands still */
    forge_pool_told_t told;       /* the gauges, as they were last published */
    forge_conn_t *all; /* dbd.max of them */
    forge_conn_t *idle, *check, *unused; /* check: first to be looked at by the connector */
    bool away, proven;                   /* proven: a pooler, where there is one, pools by session */
    forge_status_t reason;               /* of the outage */
    apr_int64_t since, retry_at, said;   /* since: when the outage began */
    apr_int64_t moved;                   /* when a connection last came free, or somebody began to wait */
    apr_int64_t distrusted;              /* connections checked before are checked again */
    char system[FORGE_STORE_SYSTEM_MAX]; /* which database the last good connection led to */
    int stopping, ended, closed;         /* the child ends; the connector has ended; everything is given back */
};

/* --- pool_list.c: small steps; the caller holds the lock --- */

/* Publishes what has changed since the last time. The gauges are those of the child, which may have several pools. */
void forge_server_pool_tell(forge_pool_t *pool);
void forge_server_pool_push(forge_conn_t **list, forge_conn_t *conn);
forge_conn_t *forge_server_pool_pop(forge_conn_t **list);
/* Waits on a condition until a time of the monotonic clock. */
void forge_server_pool_wait(forge_pool_t *pool, pthread_cond_t *cond, apr_int64_t until);
/* From now on no connection is lent that was not checked since. */
void forge_server_pool_distrust(forge_pool_t *pool);
/* The database is away. Everyone who waits is told. True if that should be logged: at most once a minute. */
bool forge_server_pool_outage(forge_pool_t *pool, forge_status_t reason);
/* What a connection that broke tells of the others; one that just died tells nothing. True as above. */
bool forge_server_pool_learn(forge_pool_t *pool, forge_native_t state);
/* Logs it. Without the lock. */
void forge_server_pool_outage_say(const forge_pool_t *pool, forge_status_t reason);

/* --- connector.c --- */

/* Finds mod_dbd; false: it is not loaded. Once in a child. */
bool forge_server_connector_begin(void);
/* The thread: works until pool->stopping, and sets pool->ended. */
void *APR_THREAD_FUNC forge_server_connector(apr_thread_t *self, void *pool);
/* Gives a connection back to where it came from. By the connector, or once that has ended. */
void forge_server_pool_close(const forge_pool_t *pool, forge_conn_t *conn);

#endif
