/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/revocations.c: what ended is refused, an epoch never falls, a full table and a silent listener make
 * nothing valid.
 */
#include "live/live_private.h"
#include "unit.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define REALM APR_UINT64_C(0x1234567890abcdef)
#define OTHER (REALM + 1)

static forge_live_t *live;
static apr_time_t now;

static void setup(void)
{
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
    now = apr_time_now();
}

/* A moment that stays recent however slow this machine is. */
static apr_int64_t recent(void)
{
    return forge_util_uptime() + apr_time_from_sec(3600);
}

/* A realm that is loaded and up to date. */
static void hear(uint64_t realm)
{
    ck_assert(forge_live_events_lead(live, realm));
    ck_assert(forge_live_events_heard(live, realm, recent()));
}

static forge_verdict_t verdict(uint64_t realm, apr_int64_t user, apr_int64_t epoch, apr_int64_t session)
{
    const forge_who_t who = {.user_id = user, .epoch = epoch, .session_id = session};
    return forge_live_revoked(live, realm, &who, now);
}

START_TEST(unknown_until_loaded)
{
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_UNKNOWN);
    ck_assert(!forge_live_events_heard(live, REALM, forge_util_uptime())); /* nobody leads */
    ck_assert(forge_live_events_lead(live, REALM));
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_UNKNOWN);
    ck_assert(forge_live_events_heard(live, REALM, recent()));
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_VALID);
    ck_assert_int_eq(verdict(OTHER, 7, 0, 12), FORGE_VERDICT_UNKNOWN);
}
END_TEST

START_TEST(sessions_end)
{
    hear(REALM);
    hear(OTHER);
    forge_live_revoke_session(live, REALM, 12, now + apr_time_from_sec(100));
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(verdict(REALM, 7, 99, 12), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(verdict(REALM, 7, 0, 13), FORGE_VERDICT_VALID);
    ck_assert_int_eq(verdict(REALM, 12, 0, 7), FORGE_VERDICT_VALID); /* an account of the same number */
    ck_assert_int_eq(verdict(OTHER, 7, 0, 12), FORGE_VERDICT_VALID);
    ck_assert_uint_eq(forge_live_revocations(live), 1);
}
END_TEST

/* Also while nothing is heard: what is known to have ended needs nobody to say so again. */
START_TEST(revoked_without_a_listener)
{
    forge_live_revoke_session(live, REALM, 12, now + apr_time_from_sec(100));
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(verdict(REALM, 7, 0, 13), FORGE_VERDICT_UNKNOWN);
}
END_TEST

START_TEST(epochs_only_rise)
{
    hear(REALM);
    forge_live_revoke_user(live, REALM, 7, 4, now + apr_time_from_sec(100));
    ck_assert_int_eq(verdict(REALM, 7, 3, 1), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(verdict(REALM, 7, 4, 1), FORGE_VERDICT_VALID);
    forge_live_revoke_user(live, REALM, 7, 2, now + apr_time_from_sec(10));
    ck_assert_int_eq(verdict(REALM, 7, 3, 1), FORGE_VERDICT_REVOKED);
    now += apr_time_from_sec(50); /* nor did the time get shorter */
    ck_assert_int_eq(verdict(REALM, 7, 3, 1), FORGE_VERDICT_REVOKED);
    forge_live_revoke_user(live, REALM, 7, 5, now);
    ck_assert_int_eq(verdict(REALM, 7, 4, 1), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(verdict(REALM, 7, 5, 1), FORGE_VERDICT_VALID);
    forge_live_revoke_user(live, REALM, 8, APR_INT64_MAX, now + apr_time_from_sec(100));
    ck_assert_int_eq(verdict(REALM, 8, 2147483646, 1), FORGE_VERDICT_REVOKED);
    ck_assert_uint_eq(forge_live_revocations(live), 2);
}
END_TEST

START_TEST(entries_expire)
{
    hear(REALM);
    forge_live_revoke_session(live, REALM, 12, now + apr_time_from_sec(10));
    now += apr_time_from_sec(9);
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_REVOKED);
    now += apr_time_from_sec(3);
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_VALID);
    forge_live_revoke_session(live, REALM, 13, apr_time_now() - apr_time_from_sec(2));
    ck_assert_uint_eq(forge_live_revocations(live), 1);
}
END_TEST

/* What nobody heard for longer than the bound is no longer vouched for; a later word makes it good again. */
/* The verdict when the wall clock says `wall` seconds and the monotonic one `passed` more than at first. */
static forge_verdict_t later(int wall, int passed)
{
    static const forge_who_t who = {.user_id = 7, .session_id = 12};
    apr_int64_t monotonic = now - (apr_int64_t)live->segment->clock.base;
    return forge_live_revoked(
        live, REALM, &who,
        forge_live_steady_at(live, now + apr_time_from_sec(wall), monotonic + apr_time_from_sec(passed)));
}

/* An entry of 100 seconds. */
START_TEST(steps_of_the_clock)
{
    hear(REALM);
    forge_live_revoke_session(live, REALM, 12, now + apr_time_from_sec(100));
    ck_assert_int_eq(later(3600, 10), FORGE_VERDICT_REVOKED); /* forwards: it stays, for the step back */
    ck_assert_int_eq(later(20, 20), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(later(-3600, 30),
                     FORGE_VERDICT_REVOKED); /* backwards: tokens live an hour longer, and so does it */
    ck_assert_int_eq(later(-3600 + 170, 200), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(later(90, 3690), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(later(8000, 8000), FORGE_VERDICT_VALID); /* both steps back are over */
}
END_TEST

/* While the clock was ahead tokens were made that end so much later. */
START_TEST(tokens_from_the_future)
{
    apr_int64_t monotonic = now - (apr_int64_t)live->segment->clock.base;
    ck_assert_int_lt(forge_live_ahead_at(live, now), APR_USEC_PER_SEC);
    forge_live_steady_at(live, now + apr_time_from_sec(3600), monotonic);
    ck_assert_int_eq(forge_live_ahead_at(live, now), apr_time_from_sec(3600));
    ck_assert_int_eq(forge_live_ahead_at(live, now + apr_time_from_sec(4000)), 0);
}
END_TEST

START_TEST(silence_is_unknown)
{
    ck_assert(forge_live_events_lead(live, REALM));
    ck_assert(forge_live_events_heard(live, REALM, forge_util_uptime() - FORGE_LIVE_HEARD_MAX - 1000));
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_UNKNOWN);
    ck_assert(forge_live_events_heard(live, REALM, recent()));
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_VALID);
    ck_assert(forge_live_events_heard(live, REALM, 1)); /* an answer that came late takes nothing back */
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_VALID);
    forge_live_events_lost(live, OTHER);
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_VALID);
    forge_live_events_lost(live, REALM);
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_UNKNOWN);
}
END_TEST

START_TEST(room_for_131072)
{
    hear(REALM);
    for (apr_int64_t id = 1; id <= 131072; id++)
        forge_live_revoke_session(live, REALM, id, now + apr_time_from_sec(1000));
    ck_assert_uint_ge(forge_live_revocations(live),
                      131072 - 2); /* the hash is keyed at random: five sigma, not certainty */
    for (apr_int64_t id = 1; id <= 131072; id++)
        ck_assert_int_ne(verdict(REALM, 1000000, 0, id), FORGE_VERDICT_VALID);
}
END_TEST

/* A table that overflows says that it does not know, never that all is well; and is used again when its entries have
 * expired. */
START_TEST(full_never_opens)
{
    const apr_int64_t many = 2L * FORGE_LIVE_REVOKED_BUCKETS * FORGE_LIVE_REVOKED_DEEP;
    int unknown = 0, revoked = 0;
    for (apr_int64_t id = 1; id <= many; id++)
        forge_live_revoke_session(live, REALM, id, apr_time_now() + apr_time_from_sec(30));
    hear(REALM);
    for (apr_int64_t id = 1; id <= many; id++) {
        forge_verdict_t v = verdict(REALM, 1000000, 0, id);
        unknown += v == FORGE_VERDICT_UNKNOWN;
        revoked += v == FORGE_VERDICT_REVOKED;
    }
    ck_assert_int_eq(unknown + revoked, many);
    ck_assert_int_gt(unknown, 0);
    ck_assert_int_eq(revoked, FORGE_LIVE_REVOKED_BUCKETS * FORGE_LIVE_REVOKED_DEEP);
    ck_assert_int_eq(verdict(REALM, 1000000, 0, many + 1), FORGE_VERDICT_UNKNOWN);
    now += apr_time_from_sec(60); /* all of it has expired, also what was given up */
    ck_assert_int_eq(verdict(REALM, 1000000, 0, 1), FORGE_VERDICT_VALID);
}
END_TEST

START_TEST(expired_places_are_used_again)
{
    const apr_int64_t many = 2L * FORGE_LIVE_REVOKED_BUCKETS * FORGE_LIVE_REVOKED_DEEP;
    hear(REALM);
    for (apr_int64_t id = 1; id <= many; id++)
        forge_live_revoke_session(live, REALM, id, now - apr_time_from_sec(10));
    for (apr_int64_t id = 1; id <= 1000; id++)
        forge_live_revoke_user(live, REALM, id, 3, now + apr_time_from_sec(100));
    ck_assert_uint_eq(forge_live_revocations(live), 1000);
    for (apr_int64_t id = 1; id <= 1000; id++) {
        ck_assert_int_eq(verdict(REALM, id, 2, 1), FORGE_VERDICT_REVOKED);
        ck_assert_int_eq(verdict(REALM, id, 3, 1), FORGE_VERDICT_VALID);
    }
}
END_TEST

/* A child is killed inside the lock, between taking a key away and giving its place to another. */
START_TEST(a_writer_dies)
{
    uint64_t key;
    int status;
    hear(REALM);
    forge_live_revoked_t *bucket = forge_live_revoked_bucket(live, REALM, false, 12, &key);
    forge_live_revoke_session(live, REALM, 12, now - apr_time_from_sec(10));
    pid_t pid = fork();
    if (pid == 0) {
        pthread_mutex_lock(&live->segment->revoking);
        bucket->keys[0] = 1; /* busy */
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    forge_live_revoke_session(live, REALM, 12, now + apr_time_from_sec(100));
    forge_live_revoke_session(live, REALM, 13, now + apr_time_from_sec(100));
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(verdict(REALM, 7, 0, 13), FORGE_VERDICT_REVOKED);
    ck_assert_uint_eq(bucket->keys[0], key);
}
END_TEST

/* A writer that stands still holds nobody up for ever, and nothing is lost unnoticed. */
START_TEST(a_writer_stands_still)
{
    hear(REALM);
    pthread_mutex_lock(&live->segment->revoking); /* not recursive: we wait for ourselves */
    forge_live_revoke_session(live, REALM, 12, now + apr_time_from_sec(100));
    pthread_mutex_unlock(&live->segment->revoking);
    ck_assert(forge_live_events_heard(live, REALM, recent()));
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_UNKNOWN);
    now += apr_time_from_sec(200);
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_VALID);
}
END_TEST

/* Waits for a child that says what it found by its exit code. */
static int asked_of_child(bool (*question)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(question());
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool leads(void)
{
    return forge_live_events_lead(live, REALM);
}

static bool is_heard(void)
{
    return forge_live_events_heard(live, REALM, forge_util_uptime());
}

START_TEST(one_leads)
{
    ck_assert(leads());
    ck_assert_int_eq(asked_of_child(leads), 0);
    ck_assert_int_eq(asked_of_child(is_heard), 0);
    ck_assert(leads());
    forge_live_events_resign(live, REALM);
    ck_assert_int_eq(asked_of_child(leads), 1);
    ck_assert(!is_heard());
    forge_live_realm_t *at = &live->segment->realms[REALM & (FORGE_LIVE_REALMS - 1)];
    at->beat = (uint64_t)recent();
    ck_assert(!leads()); /* the child is dead, but was there a moment ago */
    at->beat = (uint64_t)(forge_util_monotonic() - apr_time_from_sec(1));
    ck_assert(leads());
    at->leader = 1; /* one that lives … */
    at->beat = (uint64_t)(forge_util_monotonic() - apr_time_from_sec(1));
    ck_assert(!leads());
    at->beat = (uint64_t)(forge_util_monotonic() - apr_time_from_sec(6)); /* … but stands still */
    ck_assert(leads());
    ck_assert(is_heard());
}
END_TEST

/* What one node does for all is done by the one that the database chose, and by whoever cannot hear it. */
START_TEST(one_node_does_what_one_does)
{
    ck_assert(forge_live_does_for_all(live, REALM));
    forge_live_events_one(live, REALM, true); /* nobody listens */
    hear(REALM);
    ck_assert(!forge_live_does_for_all(live, REALM));
    forge_live_events_one(live, REALM, true);
    ck_assert(forge_live_does_for_all(live, REALM));
    forge_live_events_one(live, REALM, false);
    ck_assert(!forge_live_does_for_all(live, REALM));
    forge_live_events_lost(live, REALM);
    ck_assert(forge_live_does_for_all(live, REALM));
    hear(REALM);
    ck_assert(!forge_live_does_for_all(live, REALM));
    forge_live_events_resign(live, REALM);
    forge_live_events_one(live, REALM, true); /* of a process that listens no more */
    ck_assert(!forge_live_does_for_all(live, REALM));
}
END_TEST

/* More databases than there are places: those without are never vouched for. */
START_TEST(too_many_realms)
{
    for (uint64_t realm = 1; realm <= FORGE_LIVE_REALMS; realm++)
        hear(realm * 977);
    ck_assert(!forge_live_events_lead(live, REALM));
    ck_assert(!forge_live_events_heard(live, REALM, forge_util_uptime()));
    forge_live_events_resign(live, REALM);
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_UNKNOWN);
    for (uint64_t realm = 1; realm <= FORGE_LIVE_REALMS; realm++)
        ck_assert_int_eq(verdict(realm * 977, 7, 0, 12), FORGE_VERDICT_VALID);
    forge_live_revoke_session(live, REALM, 12, now + apr_time_from_sec(100));
    ck_assert_int_eq(verdict(REALM, 7, 0, 12), FORGE_VERDICT_REVOKED);
}
END_TEST

/* After a fail-over or a restored copy numbers of sessions may be given again: what is known of the old database counts
 * no more, and nothing is valid until the new one is loaded. */
START_TEST(a_replaced_database_is_loaded_anew)
{
    hear(REALM);
    hear(OTHER);
    forge_live_events_system(live, REALM, "7000:00000001:5", 1000);
    forge_live_revoke_session(live, REALM, 12, now + apr_time_from_sec(100));
    forge_live_revoke_user(live, REALM, 7, 3, now + apr_time_from_sec(100));
    forge_live_revoke_session(live, OTHER, 12, now + apr_time_from_sec(100));
    forge_live_events_system(live, REALM, "7000:00000001:5", 1000);
    ck_assert_int_eq(verdict(REALM, 8, 0, 12), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(verdict(REALM, 8, 0, 13), FORGE_VERDICT_VALID);
    forge_live_events_system(live, REALM, "7000:00000002:5", 2000);
    ck_assert_int_eq(verdict(REALM, 8, 0, 12), FORGE_VERDICT_UNKNOWN);
    ck_assert_int_eq(verdict(REALM, 7, 0, 13), FORGE_VERDICT_UNKNOWN);
    ck_assert_int_eq(verdict(OTHER, 8, 0, 12), FORGE_VERDICT_REVOKED);
    forge_live_revoke_session(live, REALM, 13, now + apr_time_from_sec(100));
    hear(REALM);
    ck_assert_int_eq(verdict(REALM, 8, 0, 12), FORGE_VERDICT_VALID);
    ck_assert_int_eq(verdict(REALM, 8, 0, 13), FORGE_VERDICT_REVOKED);
}
END_TEST

/* Cluster, timeline and start are the same when a machine goes back to a snapshot of itself: its log has become
 * shorter.
 */
START_TEST(a_database_that_went_back_is_loaded_anew)
{
    hear(REALM);
    forge_live_events_system(live, REALM, "7000:00000001:5", 1000);
    forge_live_events_system(live, REALM, "7000:00000001:5", 5000);
    forge_live_events_system(live, REALM, "7000:00000001:5", 5000);
    forge_live_revoke_session(live, REALM, 12, now + apr_time_from_sec(100));
    ck_assert_int_eq(verdict(REALM, 8, 0, 12), FORGE_VERDICT_REVOKED);
    ck_assert_int_eq(verdict(REALM, 8, 0, 13), FORGE_VERDICT_VALID);
    forge_live_events_system(live, REALM, "7000:00000001:5", 4999);
    ck_assert_int_eq(verdict(REALM, 8, 0, 12), FORGE_VERDICT_UNKNOWN);
    ck_assert_int_eq(verdict(REALM, 8, 0, 13), FORGE_VERDICT_UNKNOWN);
    hear(REALM);
    ck_assert_int_eq(verdict(REALM, 8, 0, 12), FORGE_VERDICT_VALID);
    forge_live_events_system(live, REALM, "7000:00000001:5", 5000);
    ck_assert_int_eq(verdict(REALM, 8, 0, 12), FORGE_VERDICT_VALID);
    forge_live_events_resign(live, REALM);
    forge_live_events_system(live, REALM, "7000:00000001:5", 10); /* of a process that listens no more */
    ck_assert_int_eq(verdict(REALM, 8, 0, 12), FORGE_VERDICT_VALID);
}
END_TEST

START_TEST(shown)
{
    hear(REALM);
    for (apr_int64_t id = 1; id <= 5; id++)
        forge_live_revoke_session(live, REALM, id, now + apr_time_from_sec(100));
    forge_live_count(live, FORGE_C_TOKEN_ASKED);
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 1024, FORGE_LIVE_TEXT_MAX);
    forge_live_metrics_write(live, b, false, "test");
    forge_util_buf_add(b, "", 1);
    ck_assert_ptr_nonnull(strstr(b->data, "\nforge_revocations 5\n"));
    ck_assert_ptr_nonnull(strstr(b->data, "\nforge_token_database_checks_total 1\n"));
}
END_TEST

/* Children put in and look up at once, in a table whose places are always used again. */
enum { CHILDREN = 4, ROUNDS = 20000 };

static bool churn(void)
{
    for (apr_int64_t i = 0; i < ROUNDS; i++) {
        apr_int64_t id = (apr_int64_t)getpid() * ROUNDS + i;
        forge_live_revoke_session(live, REALM, id, apr_time_now() - apr_time_from_sec(2));
        forge_live_revoke_session(live, REALM, id, apr_time_now() + apr_time_from_sec(60));
        if (verdict(REALM, 1, 0, id) != FORGE_VERDICT_REVOKED)
            return false;
    }
    return true;
}

START_TEST(children_at_once)
{
    pid_t pids[CHILDREN];
    int status;
    for (int i = 0; i < CHILDREN; i++)
        if ((pids[i] = fork()) == 0)
            _exit(churn() ? 0 : 1);
    for (int i = 0; i < CHILDREN; i++) {
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}
END_TEST

Suite *forge_test_live_revocations(void)
{
    Suite *s = suite_create("live_revocations");
    TCase *tc = tcase_create("revocations");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, unknown_until_loaded);
    tcase_add_test(tc, sessions_end);
    tcase_add_test(tc, revoked_without_a_listener);
    tcase_add_test(tc, epochs_only_rise);
    tcase_add_test(tc, entries_expire);
    tcase_add_test(tc, steps_of_the_clock);
    tcase_add_test(tc, tokens_from_the_future);
    tcase_add_test(tc, silence_is_unknown);
    tcase_add_test(tc, room_for_131072);
    tcase_add_test(tc, full_never_opens);
    tcase_add_test(tc, expired_places_are_used_again);
    tcase_add_test(tc, a_writer_dies);
    tcase_add_test(tc, a_writer_stands_still);
    tcase_add_test(tc, one_leads);
    tcase_add_test(tc, one_node_does_what_one_does);
    tcase_add_test(tc, too_many_realms);
    tcase_add_test(tc, a_replaced_database_is_loaded_anew);
    tcase_add_test(tc, a_database_that_went_back_is_loaded_anew);
    tcase_add_test(tc, shown);
    tcase_add_test(tc, children_at_once);
    suite_add_tcase(s, tc);
    return s;
}
