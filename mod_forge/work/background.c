/* SPDX-License-Identifier: Apache-2.0
 * Background work on mod_watchdog's threads that ends before a child's pools are destroyed, and its threads with it.
 * mod_watchdog itself stops its threads only with the process pool, which a child never destroys: they would go on
 * while mod_dbd's pools are gone, and a connection still in use would abort the child. And they would end, or not,
 * beside exit(), in which libraries give up what a thread that ends needs of them (OpenSSL its destructors above all).
 */
#include "work_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_main.h>
#include <ap_mpm.h>
#include <mod_watchdog.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <sys/syscall.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define END_PATIENCE 200 /* times 10 ms that an ending child waits for a running step */

typedef struct job_t {
    struct job_t *next;
    const forge_background_t *what;
    apr_thread_mutex_t *lock; /* held by a step */
    int stopped, ended;
    pid_t thread; /* that has called it; 0: none yet, as in a child that waits for its turn */
} job_t;

static job_t *jobs; /* of this generation; written in post_config only */

bool forge_work_background_stopping(void)
{
    int state;
    for (const job_t *job = jobs; job; job = job->next)
        if (__atomic_load_n(&job->stopped, __ATOMIC_ACQUIRE))
            return true;
    return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) != APR_SUCCESS || state == AP_MPMQ_STOPPING;
}

/* The process ends here: its requests are answered already. */
static void leave_at_once(const job_t *job)
{
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, ap_server_conf,
                 "FG0415: the child ends although the background task %s still runs", job->what->thread);
    _exit(0);
}

/* Ends a job; called by the job's own thread when it sees that the child stops, and at the child's end. A step that
 * does not end in time would go on while the pools under it are destroyed, and the signal that ends a prefork child may
 * have interrupted it on this very thread. */
static void finish(job_t *job)
{
    __atomic_store_n(&job->stopped, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < END_PATIENCE; i++) {
        if (apr_thread_mutex_trylock(job->lock) == APR_SUCCESS) {
            if (!job->ended && job->what->end)
                job->what->end(job->what->data);
            job->ended = 1;
            apr_thread_mutex_unlock(job->lock);
            return;
        }
        apr_sleep(apr_time_from_msec(10));
    }
    leave_at_once(job);
}

/* Waits until the thread of a job is gone, which mod_watchdog ends within 100 ms of the child's end. Only the kernel
 * knows when a thread has done all that comes after its function. */
static void see_off(const job_t *job)
{
    const pid_t thread = __atomic_load_n(&job->thread, __ATOMIC_ACQUIRE);
    for (int i = 0; i < END_PATIENCE; i++) {
        if (!thread || syscall(SYS_tgkill, getpid(), thread, 0) != 0)
            return;
        apr_sleep(apr_time_from_msec(10));
    }
    leave_at_once(job);
}

static apr_status_t step(int state, void *data, apr_pool_t *p)
{
    job_t *job = data;
    __atomic_store_n(&job->thread, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
    if (state == AP_WATCHDOG_STATE_STOPPING)
        finish(job);
    if (state != AP_WATCHDOG_STATE_RUNNING)
        return APR_SUCCESS;
    apr_thread_mutex_lock(job->lock);
    if (!__atomic_load_n(&job->stopped, __ATOMIC_ACQUIRE))
        job->what->step(job->what->data, p);
    apr_thread_mutex_unlock(job->lock);
    return APR_SUCCESS;
}

static apr_status_t finish_all(void *unused)
{
    (void)unused;
    for (job_t *job = jobs; job; job = job->next)
        __atomic_store_n(&job->stopped, 1, __ATOMIC_RELEASE);
    for (job_t *job = jobs; job; job = job->next)
        finish(job);
    for (const job_t *job = jobs; job; job = job->next)
        see_off(job);
    return APR_SUCCESS;
}

void forge_work_background_child(apr_pool_t *pchild)
{
    apr_pool_pre_cleanup_register(pchild, NULL, finish_all);
}

/* The module may be unloaded with this pool, so no pointer into the pool may remain. */
static apr_status_t forget(void *unused)
{
    (void)unused;
    jobs = NULL;
    return APR_SUCCESS;
}

bool forge_work_first_of_database(server_rec *main_server, const forge_server_t *server)
{
    for (server_rec *s = main_server; s != server->s; s = s->next) {
        const forge_server_t *other = forge_server_of(s);
        if (other && other->realm == server->realm)
            return false;
    }
    return true;
}

int forge_work_background_register(apr_pool_t *pconf, server_rec *s, const forge_background_t *what)
{
    ap_watchdog_t *watchdog;
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    if (!get || !add) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "FG0433: mod_watchdog is not loaded; add LoadModule watchdog_module before forge_module");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    job_t *job = apr_pcalloc(pconf, sizeof(*job));
    job->what = apr_pmemdup(pconf, what, sizeof(*what));
    if (apr_thread_mutex_create(&job->lock, APR_THREAD_MUTEX_DEFAULT, pconf) != APR_SUCCESS ||
        get(&watchdog, what->thread, 0, what->one_child, pconf) != APR_SUCCESS ||
        add(watchdog, what->every, job, step) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "FG0434: could not register the background task %s", what->thread);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (!jobs)
        apr_pool_cleanup_register(pconf, NULL, forget, apr_pool_cleanup_null);
    job->next = jobs;
    jobs = job;
    return OK;
}
