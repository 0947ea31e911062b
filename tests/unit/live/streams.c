/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/streams.c: no more than the limit are open by one key, whoever opens them, and the dead hold no place.
 */
#include "live/live_private.h"
#include "unit.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, EACH = 50, LIMIT = 6 };

static forge_live_t *live;

static void live_begin(void)
{
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
}

static int open_by(const char *key, apr_int64_t limit)
{
    return forge_live_stream_open(live, key, strlen(key), limit);
}

START_TEST(a_key_has_so_many)
{
    int a = open_by("a", 2), b = open_by("a", 2);
    ck_assert_int_ge(a, 0);
    ck_assert_int_ge(b, 0);
    ck_assert_int_ne(a, b);
    ck_assert_int_eq(open_by("a", 2), FORGE_STREAM_REFUSED);
    ck_assert_int_ge(open_by("another", 2), 0);
    ck_assert_int_eq(forge_live_streams_open(live), 3);
    forge_live_stream_close(live, a);
    ck_assert_int_eq(open_by("a", 2), a);
    ck_assert_int_eq(open_by("a", 2), FORGE_STREAM_REFUSED);
    forge_live_stream_close(live, FORGE_STREAM_REFUSED);
    ck_assert_int_eq(forge_live_streams_open(live), 3);
}
END_TEST

START_TEST(without_a_limit_there_are_as_many_as_places)
{
    for (int i = 0; i < FORGE_LIVE_STREAMS; i++)
        live->segment->streams.places[i].holder = forge_live_process_self(live);
    live->segment->streams.top = FORGE_LIVE_STREAMS;
    ck_assert_int_eq(open_by("a", 0), FORGE_STREAM_FULL);
    forge_live_stream_close(live, 77);
    ck_assert_int_eq(open_by("a", 0), 77);
    ck_assert_int_eq(open_by("a", 0), FORGE_STREAM_FULL);
}
END_TEST

static void *open_and_close(void *most)
{
    for (int i = 0; i < EACH; i++) {
        int place = open_by("a", LIMIT);
        apr_int64_t now = forge_live_streams_open(live);
        if (now > __atomic_load_n((apr_int64_t *)most, __ATOMIC_RELAXED))
            __atomic_store_n((apr_int64_t *)most, now, __ATOMIC_RELAXED);
        forge_live_stream_close(live, place);
    }
    return NULL;
}

START_TEST(threads_never_have_more_together)
{
    pthread_t threads[THREADS];
    apr_int64_t most = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, open_and_close, &most);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_ge(most, 1);
    ck_assert_int_le(most, LIMIT);
    ck_assert_int_eq(forge_live_streams_open(live), 0);
    ck_assert_int_eq(live->segment->streams.top, 0);
}
END_TEST

/* Opens some, holds the lock or not, and dies. */
static void child_dies(int n, bool locked)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < n; i++)
            open_by("a", 0);
        if (locked)
            pthread_mutex_lock(&live->segment->streams.mutex);
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(the_dead_hold_no_place)
{
    ck_assert_int_ge(open_by("a", 3), 0);
    child_dies(2, false);
    ck_assert_int_ge(open_by("a", 3), 0); /* it would be refused if they counted */
    ck_assert_int_ge(open_by("a", 3), 0);
    ck_assert_int_eq(open_by("a", 3), FORGE_STREAM_REFUSED);
    child_dies(5, true);
    ck_assert_int_eq(forge_live_streams_open(live), 3);
    ck_assert_int_eq(open_by("a", 3), FORGE_STREAM_REFUSED);
}
END_TEST

Suite *forge_test_live_streams(void)
{
    Suite *s = suite_create("live_streams");
    TCase *tc = tcase_create("live_streams");
    tcase_add_checked_fixture(tc, live_begin, forge_test_end);
    tcase_add_test(tc, a_key_has_so_many);
    tcase_add_test(tc, without_a_limit_there_are_as_many_as_places);
    tcase_add_test(tc, threads_never_have_more_together);
    tcase_add_test(tc, the_dead_hold_no_place);
    suite_add_tcase(s, tc);
    return s;
}
