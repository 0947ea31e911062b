/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/cache.c and live/changes.c: what is found is what was kept, whoever writes and dies meanwhile; and what
 * was made before a change is not found.
 */
#include "live/live_private.h"
#include "unit.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 1 << 20, LONGEST = 20000, THREADS = 4, ROUNDS = 3000, KEYS = 40, REALM = 7 };

static forge_live_t *live;
static forge_cache_t *cache;

static void cache_begin(void)
{
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
    cache = forge_live_cache_open_private(forge_test_pool, SIZE, &why);
    ck_assert_msg(cache != NULL, "%s", why ? why : "");
}

static forge_cache_key_t key_of(unsigned n)
{
    return forge_live_cache_key(cache, (const char *)&n, sizeof(n));
}

/* An answer says everywhere whose it is. */
static char *text_of(unsigned n, apr_size_t len, char *text)
{
    memset(text, 'a' + (int)(n % 26), len);
    return text;
}

static void put(unsigned n, apr_size_t len)
{
    char text[LONGEST];
    forge_cache_key_t key = key_of(n);
    forge_live_cache_put(cache, &key, 1, text_of(n, len, text), len);
}

/* Whether the answer is there; then it is whole. Called by threads too. */
static bool sound(unsigned n, const char **wrong)
{
    forge_cache_key_t key = key_of(n);
    forge_buf_t b = {.ceiling = SIZE};
    if (!forge_live_cache_get(cache, &key, 1, &b))
        return false;
    for (apr_size_t i = 0; i < b.len; i++)
        if (b.data[i] != 'a' + (int)(n % 26))
            *wrong = "an answer has bytes of another";
    free(b.data);
    return true;
}

static bool there(unsigned n)
{
    const char *wrong = NULL;
    bool found = sound(n, &wrong);
    ck_assert_ptr_null(wrong);
    return found;
}

START_TEST(what_is_kept_is_found)
{
    ck_assert(!there(1));
    for (apr_size_t len = 1; len < 40; len++) {
        forge_cache_key_t key = key_of(1);
        forge_buf_t b = {.ceiling = SIZE};
        put(1, len);
        ck_assert(there(1));
        ck_assert(forge_live_cache_get(cache, &key, 1, &b));
        ck_assert_uint_eq(b.len, len);
        free(b.data);
        ck_assert(!forge_live_cache_get(cache, &key, 2, &b));
    }
    ck_assert(!there(2));
}
END_TEST

START_TEST(the_oldest_make_room)
{
    for (unsigned n = 0; n < 4000; n++)
        put(n, 1000);
    ck_assert(!there(0));
    ck_assert(there(3999));
    unsigned left = 0;
    for (unsigned n = 0; n < 4000; n++)
        left += there(n);
    ck_assert_uint_gt(left, 100);
    ck_assert_uint_lt(left, SIZE / 1000);
}
END_TEST

START_TEST(what_is_too_large_is_not_kept)
{
    forge_cache_key_t key = key_of(1);
    char *text = apr_pcalloc(forge_test_pool, SIZE);
    forge_buf_t b = {.ceiling = SIZE};
    forge_live_cache_put(cache, &key, 1, text, SIZE / 2);
    forge_live_cache_put(cache, &key, 1, text, 0);
    ck_assert(!forge_live_cache_get(cache, &key, 1, &b));
}
END_TEST

static const char *wrong_seen;

static void *write_and_read(void *baton)
{
    unsigned seed = (unsigned)(uintptr_t)baton;
    const char *wrong = NULL;
    for (int i = 0; i < ROUNDS && !wrong; i++) {
        unsigned n = (unsigned)rand_r(&seed) % KEYS;
        if (i % 3 == 0)
            put(n, 1 + (apr_size_t)rand_r(&seed) % (LONGEST - 1));
        else
            sound(n, &wrong);
    }
    if (wrong)
        __atomic_store_n(&wrong_seen, wrong, __ATOMIC_RELAXED);
    return NULL;
}

START_TEST(readers_never_see_half_an_answer)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, write_and_read, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_msg(!wrong_seen, "%s", wrong_seen);
}
END_TEST

/* Writers are killed at whatever they do; afterwards everything can be written, and what is there is whole. */
START_TEST(a_killed_writer_leaves_it_sound)
{
    for (unsigned round = 0; round < 30; round++) {
        pid_t writer = fork();
        ck_assert_int_ge(writer, 0);
        if (writer == 0)
            for (unsigned n = 0;; n++)
                put(n % KEYS, 1 + n * 37 % (LONGEST - 1));
        usleep(1000 + round * 100);
        kill(writer, SIGKILL);
        waitpid(writer, NULL, 0);
        for (unsigned n = 0; n < KEYS; n++)
            there(n);
        put(1000 + round, 500);
        ck_assert(there(1000 + round));
    }
}
END_TEST

/* --- one fills --- */

static int filled, waited;

static void *fill_or_wait(void *baton)
{
    forge_cache_key_t key = key_of(5);
    int fill;
    (void)baton;
    if (forge_live_cache_fill(live, cache, &key, apr_time_from_sec(20), &fill)) {
        __atomic_add_fetch(&filled, 1, __ATOMIC_RELAXED);
        usleep(200000);
        put(5, 100);
        forge_live_cache_filled(cache, fill);
    } else {
        __atomic_add_fetch(&waited, there(5), __ATOMIC_RELAXED);
    }
    return NULL;
}

START_TEST(of_several_one_fills)
{
    pthread_t threads[THREADS];
    forge_cache_key_t key = key_of(5), other = key_of(6);
    int fill, second;
    filled = waited = 0;
    ck_assert(forge_live_cache_fill(live, cache, &key, 0, &fill));
    ck_assert_int_ge(fill, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, fill_or_wait, NULL);
    usleep(100000);
    ck_assert(forge_live_cache_fill(live, cache, &other, 0, &second));
    forge_live_cache_filled(cache, second);
    put(5, 100);
    forge_live_cache_filled(cache, fill);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(filled + waited, THREADS);
    ck_assert_int_ge(waited, 1);
}
END_TEST

START_TEST(who_dies_while_filling_is_replaced)
{
    forge_cache_key_t key = key_of(5);
    int fill;
    pid_t filler = fork();
    ck_assert_int_ge(filler, 0);
    if (filler == 0) {
        forge_live_cache_fill(live, cache, &key, 0, &fill);
        _exit(0);
    }
    waitpid(filler, NULL, 0);
    ck_assert(forge_live_cache_fill(live, cache, &key, apr_time_from_sec(20), &fill));
    ck_assert_int_ge(fill, 0);
    ck_assert(!forge_live_cache_fill(live, cache, &key, apr_time_from_msec(60), &fill));
}
END_TEST

/* --- generations --- */

START_TEST(a_generation_counts_changes_of_its_topics)
{
    apr_uint64_t before;
    ck_assert_uint_eq(forge_live_generation(live, REALM, FORGE_READS_COURSES), 0);
    ck_assert(forge_live_events_lead(live, REALM));
    ck_assert_uint_eq(forge_live_generation(live, REALM, FORGE_READS_COURSES), 0);
    ck_assert(forge_live_events_heard(live, REALM, forge_util_uptime()));
    before = forge_live_generation(live, REALM, FORGE_READS_COURSES | FORGE_READS_CONTENT);
    ck_assert_uint_ne(before, 0);
    forge_live_changed(live, REALM, FORGE_READS_EXERCISES);
    forge_live_changed(live, REALM + 1, FORGE_READS_COURSES);
    forge_live_changed(live, REALM, 0);
    ck_assert_uint_eq(forge_live_generation(live, REALM, FORGE_READS_COURSES | FORGE_READS_CONTENT), before);
    forge_live_changed(live, REALM, FORGE_READS_CONTENT);
    ck_assert_uint_ne(forge_live_generation(live, REALM, FORGE_READS_COURSES | FORGE_READS_CONTENT), before);
    forge_live_events_lost(live, REALM);
    ck_assert_uint_eq(forge_live_generation(live, REALM, FORGE_READS_COURSES), 0);
}
END_TEST

START_TEST(what_was_heard_long_ago_vouches_for_nothing)
{
    ck_assert(forge_live_events_lead(live, REALM));
    forge_live_events_heard(live, REALM, forge_util_uptime() - FORGE_LIVE_HEARD_MAX - 1000);
    ck_assert_uint_eq(forge_live_generation(live, REALM, ~0U), 0);
}
END_TEST

/* Answers may outlive the counts: a new version of the module brings its own. */
START_TEST(another_segment_counts_from_elsewhere)
{
    const char *why = NULL;
    forge_live_t *other = forge_live_open_private(forge_test_pool, &why);
    apr_int64_t now = forge_util_uptime() + apr_time_from_sec(3600);
    ck_assert_ptr_nonnull(other);
    ck_assert(forge_live_events_lead(live, REALM) && forge_live_events_heard(live, REALM, now));
    ck_assert(forge_live_events_lead(other, REALM) && forge_live_events_heard(other, REALM, now));
    apr_uint64_t one = forge_live_generation(live, REALM, ~0U), two = forge_live_generation(other, REALM, ~0U);
    ck_assert_uint_ne(one, 0);
    ck_assert_uint_ne(two, 0);
    ck_assert_uint_gt(one > two ? one - two : two - one, 1 << 20);
}
END_TEST

START_TEST(the_database_that_is_heard_has_a_name)
{
    ck_assert(!forge_live_events_from(live, REALM, ""));
    ck_assert(forge_live_events_lead(live, REALM));
    ck_assert(!forge_live_events_from(live, REALM, ""));
    forge_live_events_system(live, REALM, "one", 1);
    ck_assert(forge_live_events_from(live, REALM, "one"));
    ck_assert(!forge_live_events_from(live, REALM, "two") && !forge_live_events_from(live, REALM, ""));
    forge_live_events_system(live, REALM, "two", 1);
    ck_assert(forge_live_events_from(live, REALM, "two") && !forge_live_events_from(live, REALM, "one"));
}
END_TEST

START_TEST(topics_have_words)
{
    ck_assert_uint_eq(forge_live_topic("courses", 7), FORGE_READS_COURSES);
    ck_assert_uint_eq(forge_live_topic("content", 7), FORGE_READS_CONTENT);
    ck_assert_uint_eq(forge_live_topic("exercises", 9), FORGE_READS_EXERCISES);
    ck_assert_uint_eq(forge_live_topic("achievements", 12), FORGE_READS_ACHIEVEMENTS);
    ck_assert_uint_eq(forge_live_topic("course", 6), 0);
    ck_assert_uint_eq(forge_live_topic("", 0), 0);
}
END_TEST

Suite *forge_test_live_cache(void)
{
    Suite *suite = suite_create("live_cache");
    TCase *kept = tcase_create("kept"), *fills = tcase_create("fills"), *changes = tcase_create("changes");
    tcase_add_checked_fixture(kept, cache_begin, forge_test_end);
    tcase_add_test(kept, what_is_kept_is_found);
    tcase_add_test(kept, the_oldest_make_room);
    tcase_add_test(kept, what_is_too_large_is_not_kept);
    tcase_add_test(kept, readers_never_see_half_an_answer);
    tcase_add_test(kept, a_killed_writer_leaves_it_sound);
    suite_add_tcase(suite, kept);
    tcase_add_checked_fixture(fills, cache_begin, forge_test_end);
    tcase_add_test(fills, of_several_one_fills);
    tcase_add_test(fills, who_dies_while_filling_is_replaced);
    suite_add_tcase(suite, fills);
    tcase_add_checked_fixture(changes, cache_begin, forge_test_end);
    tcase_add_test(changes, a_generation_counts_changes_of_its_topics);
    tcase_add_test(changes, what_was_heard_long_ago_vouches_for_nothing);
    tcase_add_test(changes, another_segment_counts_from_elsewhere);
    tcase_add_test(changes, the_database_that_is_heard_has_a_name);
    tcase_add_test(changes, topics_have_words);
    suite_add_tcase(suite, changes);
    return suite;
}
