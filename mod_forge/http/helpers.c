/* SPDX-License-Identifier: Apache-2.0
 * Threads of a child that run parts of a request beside its own: errands. They are few, so that whatever their errands
 * wait for cannot take more of the child than that; what finds none free waits in a queue, and can be taken back out of
 * it. Under prefork there are none: there modules may rely on being alone in their process.
 */
#include "http_private.h"

#include <ap_mpm.h>
#include <apr_ring.h>
#include <errno.h>
#include <httpd.h>
#include <http_log.h>
#include <http_main.h>
#include <pthread.h>
#include <time.h>

APLOG_USE_MODULE(forge);

#define SHARE 4 /* one helper for so many threads of a child … */
#define LEAST 2 /* … but so many at least … */
#define MOST  16
#define NANOS 1000

APR_RING_HEAD(errands_t, forge_errand_t);

/* One in each child. */
static struct {
    apr_pool_t *pool; /* NULL: there are no helpers */
    pthread_mutex_t lock;
    pthread_cond_t asked;
    struct errands_t queue;
    apr_thread_t *threads[MOST];
    int most, count, idle;
    int waiting; /* errands in the queue */
    bool stop;
} crew = {.lock = PTHREAD_MUTEX_INITIALIZER, .asked = PTHREAD_COND_INITIALIZER};

/* Under the lock, which is let go while the errand runs. */
static void run_first(void)
{
    forge_errand_t *errand = APR_RING_FIRST(&crew.queue);
    APR_RING_REMOVE(errand, link);
    crew.waiting--;
    errand->state = FORGE_ERRAND_RUNS;
    pthread_mutex_unlock(&crew.lock);
    errand->run(errand->baton);
    pthread_mutex_lock(&crew.lock);
    errand->state = FORGE_ERRAND_DONE;
    errand->group->left--;
    pthread_cond_signal(&errand->group->ended);
}

static void *APR_THREAD_FUNC help(apr_thread_t *self, void *unused)
{
    (void)self, (void)unused;
    pthread_mutex_lock(&crew.lock);
    while (!crew.stop) {
        if (!APR_RING_EMPTY(&crew.queue, forge_errand_t, link)) {
            run_first();
            continue;
        }
        crew.idle++;
        pthread_cond_wait(&crew.asked, &crew.lock);
        crew.idle--;
    }
    pthread_mutex_unlock(&crew.lock);
    return NULL;
}

/* Under the lock: they are made when they are first needed, one by one. One that was called is idle until it has taken
 * its errand, which waits as long. */
static void hire(void)
{
    if (crew.waiting <= crew.idle || crew.count == crew.most)
        return;
    if (ap_thread_create(&crew.threads[crew.count], NULL, help, NULL, crew.pool) == APR_SUCCESS)
        crew.count++;
    else
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, ap_server_conf,
                     "FG0691: could not start a thread that helps with aggregates");
}

bool forge_http_helpers_are(void)
{
    return crew.pool != NULL;
}

void forge_http_errands_begin(forge_errands_t *group)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&group->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    group->left = 0;
}

void forge_http_errand_add(forge_errands_t *group, forge_errand_t *errand)
{
    errand->group = group;
    errand->state = FORGE_ERRAND_WAITS;
    APR_RING_ELEM_INIT(errand, link);
    pthread_mutex_lock(&crew.lock);
    APR_RING_INSERT_TAIL(&crew.queue, errand, forge_errand_t, link);
    crew.waiting++;
    group->left++;
    hire();
    pthread_cond_signal(&crew.asked);
    pthread_mutex_unlock(&crew.lock);
}

void forge_http_errands_wait(forge_errands_t *group, apr_int64_t until)
{
    const struct timespec late = {.tv_sec = (time_t)apr_time_sec(until), .tv_nsec = (long)apr_time_usec(until) * NANOS};
    int rv = 0;
    pthread_mutex_lock(&crew.lock);
    while (group->left > 0 && rv != ETIMEDOUT)
        rv = pthread_cond_timedwait(&group->ended, &crew.lock, &late);
    pthread_mutex_unlock(&crew.lock);
}

forge_errand_state_t forge_http_errand_settle(forge_errand_t *errand)
{
    pthread_mutex_lock(&crew.lock);
    if (errand->state == FORGE_ERRAND_WAITS) {
        APR_RING_REMOVE(errand, link);
        crew.waiting--;
        errand->state = FORGE_ERRAND_NEVER;
        errand->group->left--;
    }
    const forge_errand_state_t state = errand->state;
    pthread_mutex_unlock(&crew.lock);
    return state;
}

void forge_http_errands_end(forge_errands_t *group)
{
    pthread_mutex_lock(&crew.lock);
    while (group->left > 0)
        pthread_cond_wait(&group->ended, &crew.lock);
    pthread_mutex_unlock(&crew.lock);
    pthread_cond_destroy(&group->ended);
}

/* Runs when all threads of the MPM have ended, so no errand is left. */
static apr_status_t end(void *unused)
{
    apr_status_t rv;
    (void)unused;
    pthread_mutex_lock(&crew.lock);
    crew.stop = true;
    pthread_cond_broadcast(&crew.asked);
    pthread_mutex_unlock(&crew.lock);
    for (int i = 0; i < crew.count; i++)
        apr_thread_join(&rv, crew.threads[i]);
    crew.pool = NULL;
    return APR_SUCCESS;
}

void forge_http_helpers_child(apr_pool_t *pchild)
{
    int threaded = AP_MPMQ_NOT_SUPPORTED, threads = 0;
    APR_RING_INIT(&crew.queue, forge_errand_t, link);
    if (ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded) != APR_SUCCESS || threaded == AP_MPMQ_NOT_SUPPORTED ||
        ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS || threads < 2)
        return;
    crew.most = threads / SHARE < LEAST ? LEAST : threads / SHARE > MOST ? MOST : threads / SHARE;
    crew.pool = pchild;
    apr_pool_pre_cleanup_register(pchild, NULL, end);
}
