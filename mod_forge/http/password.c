/* SPDX-License-Identifier: Apache-2.0
 * bcrypt, for whoever has a place (queue.c): so many at a time over all children, so that logins cannot starve the rest
 * (DESIGN 4).
 *
 * A hash takes a processor for long. So that those who read do not queue behind it, it is computed by a thread of its
 * own that has a lower priority: a worker could lower its own, but only root may raise it again. Beside hundreds of
 * milliseconds a new thread costs nothing.
 */
#include "http_private.h"
#include "core/identity/identity.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define NICENESS    10 /* of 19: enough to let others go first, not so much that a busy machine keeps logins waiting */
#define STACK_BYTES (256 * 1024)

typedef struct work_t {
    apr_pool_t *p; /* whoever waits does not use it meanwhile */
    const char *password;
    const forge_hash_check_t *check; /* NULL: make a hash */
    int cost;
    const char *made;
    bool good; /* with `check` */
} work_t;

static void compute(work_t *work)
{
    if (work->check)
        forge_core_hash_check(work->p, work->check, &work->good, &work->made);
    else
        work->made = forge_core_hash_make(work->p, work->password, strlen(work->password), work->cost);
}

/* On Linux a priority belongs to a thread, whatever POSIX says. Without it the hash is as good. */
static void *compute_humbly(void *work)
{
    if (nice(NICENESS) < 0)
        errno = 0;
    compute(work);
    return NULL;
}

static void delegate(work_t *work)
{
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    if (pthread_create(&thread, &small, compute_humbly, work) == 0)
        pthread_join(thread, NULL);
    else
        compute(work);
    pthread_attr_destroy(&small);
}

/* A route with FORGE_R_HASHES has its place already. Another one that hashes after all waits for it here, on its
 * thread. */
static forge_status_t begin(forge_req_t *q)
{
    forge_http_db_done(q); /* no connection is held while waiting and hashing */
    FORGE_TRY(forge_http_queue_hold(q));
    forge_live_count(q->live, FORGE_C_HASH_TOTAL);
    return FORGE_OK;
}

forge_status_t forge_http_password_hash(forge_req_t *q, const char *password, const char **hash)
{
    work_t work = {.p = q->pool, .password = password, .cost = forge_config_bcrypt_cost(q->config)};
    FORGE_TRY(begin(q));
    delegate(&work);
    *hash = work.made;
    return *hash ? FORGE_OK : FORGE_E_INTERNAL;
}

static forge_status_t check(forge_req_t *q, const forge_hash_check_t *what, bool *good, const char **renewed)
{
    work_t work = {.p = q->pool, .check = what};
    FORGE_TRY(begin(q));
    delegate(&work);
    *good = work.good;
    *renewed = work.made;
    return FORGE_OK;
}

forge_status_t forge_http_password_verify(forge_req_t *q, const char *password, const char *stored, bool *good)
{
    const char *none;
    const forge_hash_check_t what = {password, stored, forge_config_bcrypt_cost(q->config), false};
    return check(q, &what, good, &none);
}

forge_status_t forge_http_password_login(forge_req_t *q, const char *password, const char *stored, bool *good,
                                         const char **renewed)
{
    const forge_hash_check_t what = {password, stored, forge_config_bcrypt_cost(q->config), true};
    return check(q, &what, good, renewed);
}

void forge_http_guess_wrong(forge_req_t *q)
{
    forge_server_guess_wrong(q->r, q->server);
}

int forge_http_password_places(const forge_req_t *q)
{
    return q->server->places;
}
