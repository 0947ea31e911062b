/* SPDX-License-Identifier: Apache-2.0
 * A program that drives everything in live/ from 8 threads at once and checks the sums; built with -fsanitize=thread it
 * finds races. live_threads [operations]: of each thread, 10 000 when not given; 10 000 000 is the long run. Says what
 * a call costs, too.
 */
#include "live/live_private.h"
#include <apr_general.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 8, LIMIT = 500, SHARED_KEYS = 4, EVICTING = 1 << 18, SLOTS = 4 };

#define REALM 4711

static forge_live_t *live;
static long per_thread;
static uint64_t allowed, ends, queries, inside, failures;

static void fail(const char *what)
{
    fprintf(stderr, "live_threads: %s\n", what);
    forge_live_add(&failures, 1);
}

/* Shared keys with a hard limit, and so many others that stripes overflow. */
static void limits_step(long i, uint64_t seed)
{
    const forge_limit_t hard = {LIMIT, apr_time_from_sec(1000000)}, soft = {10, apr_time_from_sec(1)};
    uint64_t key = (uint64_t)i % SHARED_KEYS, other = (seed * 2654435761u + (uint64_t)i * 40503u) % EVICTING;
    if (forge_live_limit_take(live, FORGE_LIMIT_USER, &key, sizeof(key), hard, 1).allowed)
        forge_live_add(&allowed, 1);
    forge_live_limit_take(live, FORGE_LIMIT_DEFAULT, &other, sizeof(other), soft, 1);
}

/* Some put in what others look up; places expire and are used again all the time. A session that this thread has just
 * ended must not pass, whatever the others do to its bucket. */
static void revocations_step(long i, uint64_t seed)
{
    const forge_who_t mine = {
        .user_id = (apr_int64_t)(seed + 1), .session_id = (apr_int64_t)(seed << 40) + i, .epoch = i};
    const forge_who_t shared = {.user_id = i % 64 + 100, .session_id = i % 1024 + 1};
    apr_time_t now = apr_time_now();
    if (forge_live_events_lead(live, REALM))
        forge_live_events_heard(live, REALM, forge_util_uptime());
    forge_live_revoke_session(live, REALM, shared.session_id, now - apr_time_from_sec(i % 3));
    (void)forge_live_revoked(live, REALM, &shared, now);
    forge_live_revoke_user(live, REALM, mine.user_id, i, now + apr_time_from_sec(3600));
    forge_live_revoke_user(live, REALM, shared.user_id, i, now + apr_time_from_sec(3600));
    if (i % 64 == 0) {
        forge_live_revoke_session(live, REALM, mine.session_id, now + apr_time_from_sec(3600));
        if (forge_live_revoked(live, REALM, &mine, now) == FORGE_VERDICT_VALID)
            fail("a session that has ended is valid");
    } else if (forge_live_revoked(live, REALM, &mine, now) == FORGE_VERDICT_REVOKED)
        fail("a token of the present epoch is refused");
}

static void gate_step(void)
{
    int place = forge_live_gate_enter(live, SLOTS, THREADS, apr_time_from_sec(30));
    if (place < 0) {
        fail("refused at the gate, though there are seats for all");
        return;
    }
    if (__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST) > SLOTS)
        fail("too many passed the gate");
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    forge_live_gate_leave(live, place);
}

static void metrics_step(long i, uint64_t seed)
{
    static const char *const statements[] = {"user_by_id", "course_get", "course_list", "session_touch"};
    forge_live_request_begin(live);
    forge_live_pool_add(live, 0, i & 1 ? -1 : 1, 0);
    forge_live_query(live, statements[((uint64_t)i + seed) & 3], i & 0xffff);
    forge_live_count(live, FORGE_C_HASH_TOTAL);
    forge_live_request_answered(live, (int)(i & 3), 200 + (int)(i % 300), i & 0xfffff,
                                "0af7651916cd43dd8448eb211c80319c");
    forge_live_request_leave(live);
    forge_live_add(&ends, 1);
    forge_live_add(&queries, 1);
}

static void read_step(void)
{
    apr_pool_t *p;
    apr_pool_create(&p, NULL);
    forge_buf_t *b = forge_util_buf_make(p, 1 << 16, FORGE_LIVE_TEXT_MAX);
    forge_live_metrics_write(live, b, true, "test");
    forge_live_performance_write(live, b);
    if (b->failed)
        fail("a text did not fit its buffer");
    apr_pool_destroy(p);
}

/* All try to take the same samples, and read them while they are written. */
static void samples_step(long i)
{
    forge_sample_t sample;
    forge_live_sample_at(live, "/nowhere", 1, (i / 256 + 2) * FORGE_SAMPLE_EVERY);
    forge_live_sample_last_at(live, (i / 256 + 2) * FORGE_SAMPLE_EVERY, &sample);
    if (sample.of[FORGE_S_POOL_SIZE] > 0)
        fail("a sample has what nobody has written");
}

/* Most of it are limits and requests; now and then somebody reads all, or goes through the gate. */
static void *work(void *seed)
{
    for (long i = 0; i < per_thread; i++) {
        if (i & 1)
            limits_step(i, (uintptr_t)seed);
        else
            metrics_step(i, (uintptr_t)seed);
        if (i % 16 == 0)
            revocations_step(i, (uintptr_t)seed);
        if (i % 256 == 0) {
            gate_step();
            samples_step(i);
        }
        if (i % 65536 == 4096)
            read_step();
    }
    return NULL;
}

/* What must be true when all have ended. */
static void check_sums(void)
{
    uint64_t tried = (uint64_t)THREADS * (uint64_t)per_thread / 2;
    forge_live_histogram_t took = {{0}, 0};
    uint64_t requests = 0;
    forge_live_process_t sum;
    for (int i = 0; i < FORGE_LIVE_STRIPES; i++) {
        if (!forge_live_limit_sound(&live->segment->stripes[i]))
            fail("a stripe is broken");
    }
    if (tried > 4 * SHARED_KEYS * LIMIT &&
        allowed != (SHARED_KEYS / 2) * LIMIT) /* odd i: two of the four keys are asked for */
        fail("the limit was not exact");
    for (int slot = 0; slot < FORGE_LIVE_SLOTS; slot++) {
        for (int status = 0; status < FORGE_LIVE_STATUSES; status++)
            requests += live->segment->slots[slot].statuses[status];
        for (int class = 0; class < FORGE_LIVE_CLASSES; class ++)
            forge_live_histogram_merge(&took, &live->segment->slots[slot].classes[class]);
    }
    if (requests != ends || forge_live_histogram_count(&took) != ends ||
        live->segment->counters[FORGE_C_HASH_TOTAL] != ends)
        fail("requests were lost");
    forge_live_histogram_t all = {{0}, 0};
    for (int i = 0; i <= FORGE_LIVE_STATEMENTS; i++)
        forge_live_histogram_merge(&all, &live->segment->statements[i].took);
    if (forge_live_histogram_count(&all) != queries)
        fail("statements were lost");
    forge_live_process_sum(live, &sum);
    if (sum.in_flight != 0 || forge_live_gate_held(live) != 0 || forge_live_gate_waiting(live) != 0)
        fail("something is still in flight");
}

/* One thread alone: the price of a call. */
static void measure(long n)
{
    const forge_limit_t limit = {1000, apr_time_from_sec(900)};
    static const char key[] = "2001:db8:1:2::/64";
    int64_t start = forge_util_monotonic();
    for (long i = 0; i < n; i++)
        forge_live_limit_take(live, FORGE_LIMIT_DEFAULT, key, sizeof(key) - 1, limit, 0);
    int64_t limits = forge_util_monotonic() - start;
    start += limits;
    for (long i = 0; i < n; i++) {
        forge_live_request_begin(live);
        forge_live_request_answered(live, 1, 200, i & 0xffff, "0af7651916cd43dd8448eb211c80319c");
        forge_live_request_leave(live);
    }
    int64_t requests = forge_util_monotonic() - start;
    start = forge_util_monotonic();
    for (long i = 0; i < n; i++)
        (void)forge_live_revoked(live, REALM, &(forge_who_t){.user_id = i + 1, .session_id = i + 1},
                                 apr_time_from_sec(1800000000));
    int64_t revoked = forge_util_monotonic() - start;
    printf("revoked %" PRId64 " ns, ", revoked * 1000 / n);
    printf("limit_take %" PRId64 " ns, request_begin, answered and leave %" PRId64 " ns\n", limits * 1000 / n,
           requests * 1000 / n);
}

int main(int argc, char **argv)
{
    static const forge_live_label_t labels[] = {{"GET", "/a"}, {"GET", "/b"}, {"GET", "/c"}};
    pthread_t threads[THREADS];
    apr_pool_t *p;
    const char *why = "";
    per_thread = argc > 1 ? strtol(argv[1], NULL, 10) : 10000;
    if (per_thread < 2 || per_thread % 2) {
        fputs("usage: live_threads [operations of each thread, an even number]\n", stderr);
        return 2;
    }
    apr_initialize();
    apr_pool_create(&p, NULL);
    live = forge_live_open_private(p, &why);
    if (!live) {
        fprintf(stderr, "live_threads: %s\n", why);
        return 1;
    }
    forge_live_metrics_routes(live, p, labels, 3);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    check_sums();
    measure(per_thread < 1000000 ? per_thread : 1000000);
    apr_pool_destroy(p);
    apr_terminate();
    return failures ? 1 : 0;
}
