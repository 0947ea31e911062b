/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/replicas.c: a replica may serve only when it has what this node knows to be written, and its lag is the
 * age of what it lacks, whatever it says itself.
 */
#include "live/live_private.h"
#include "unit.h"
#include <unistd.h>

enum { REALM = 7, ID = 42, SECOND = APR_USEC_PER_SEC };

static forge_live_t *live;

static void replicas_begin(void)
{
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
    ck_assert(forge_live_events_lead(live, REALM));
    forge_live_events_heard(live, REALM, forge_util_monotonic());
}

/* The listener has asked for the end of the log. */
static void place(apr_uint64_t wal)
{
    const forge_writes_t writes = forge_live_writes(live, REALM);
    forge_live_placed(live, REALM, &writes, (forge_position_t){.wal = wal, .kin = 3});
}

START_TEST(before_anything_is_placed_nothing_is_known)
{
    forge_position_t needed;
    ck_assert(!forge_live_position(live, REALM, FORGE_READS_COURSES, &needed));
    ck_assert(forge_live_unplaced(live, REALM));
    ck_assert(!forge_live_position(live, REALM + 1, FORGE_READS_COURSES, &needed));
    place(100);
    ck_assert(forge_live_position(live, REALM, FORGE_READS_COURSES, &needed));
    ck_assert_uint_eq(needed.wal, 100);
    ck_assert_uint_eq(needed.kin, 3);
}
END_TEST

START_TEST(a_write_needs_a_new_end)
{
    forge_position_t needed;
    place(100);
    forge_live_changed(live, REALM, FORGE_READS_COURSES);
    ck_assert(!forge_live_position(live, REALM, FORGE_READS_COURSES, &needed));
    ck_assert(!forge_live_position(live, REALM, FORGE_READS_COURSES | FORGE_READS_CONTENT, &needed));
    ck_assert(forge_live_position(live, REALM, FORGE_READS_CONTENT, &needed));
    ck_assert(forge_live_unplaced(live, REALM));
    place(200);
    ck_assert(!forge_live_unplaced(live, REALM));
    ck_assert(forge_live_position(live, REALM, FORGE_READS_COURSES, &needed));
    ck_assert_uint_eq(needed.wal, 200);
}
END_TEST

/* A write that comes between the look at the counts and the end of the log is not covered, though it may lie before. */
START_TEST(a_write_meanwhile_is_not_covered)
{
    forge_position_t needed;
    const forge_writes_t writes = forge_live_writes(live, REALM);
    forge_live_changed(live, REALM, FORGE_READS_EXERCISES);
    forge_live_placed(live, REALM, &writes, (forge_position_t){.wal = 100, .kin = 3});
    ck_assert(!forge_live_position(live, REALM, FORGE_READS_EXERCISES, &needed));
}
END_TEST

START_TEST(without_a_listener_nothing_is_vouched_for)
{
    forge_position_t needed;
    place(100);
    forge_live_events_lost(live, REALM);
    ck_assert(!forge_live_position(live, REALM, FORGE_READS_COURSES, &needed));
}
END_TEST

START_TEST(only_the_listener_places)
{
    forge_position_t needed;
    place(100);
    forge_live_events_resign(live, REALM);
    place(50);
    ck_assert(forge_live_position(live, REALM, FORGE_READS_COURSES, &needed));
    ck_assert_uint_eq(needed.wal, 100);
}
END_TEST

START_TEST(the_lag_is_the_age_of_what_is_missing)
{
    forge_replica_state_t state = forge_live_replica_look_at(live, ID, SECOND);
    ck_assert(!state.known && !state.up);
    place(100);
    forge_live_replica_said_at(live, ID, REALM, 100, 10 * SECOND);
    state = forge_live_replica_look_at(live, ID, 12 * SECOND);
    ck_assert(state.known && state.up);
    ck_assert_int_eq(state.lag, 0);
    place(300); /* written after the 10th second */
    forge_live_replica_said_at(live, ID, REALM, 100, 12 * SECOND);
    forge_live_replica_said_at(live, ID, REALM, 100, 14 * SECOND);
    state = forge_live_replica_look_at(live, ID, 15 * SECOND);
    ck_assert_int_eq(state.bytes, 200);
    ck_assert_int_ge(state.lag, 3 * SECOND);
    ck_assert_int_le(state.lag, 5 * SECOND);
    place(400);
    forge_live_replica_said_at(live, ID, REALM, 300, 16 * SECOND);
    state = forge_live_replica_look_at(live, ID, 17 * SECOND);
    ck_assert_int_eq(state.bytes, 100);
    ck_assert_int_le(state.lag, 5 * SECOND);
    forge_live_replica_said_at(live, ID, REALM, 400, 18 * SECOND);
    ck_assert_int_eq(forge_live_replica_look_at(live, ID, 19 * SECOND).lag, 0);
}
END_TEST

START_TEST(one_that_is_away_lags_more_and_more)
{
    place(100);
    forge_live_replica_said_at(live, ID, REALM, 100, 10 * SECOND);
    forge_live_replica_lost_at(live, ID, 11 * SECOND);
    forge_replica_state_t state = forge_live_replica_look_at(live, ID, 70 * SECOND);
    ck_assert(state.known && !state.up);
    ck_assert_int_eq(state.lag, 60 * SECOND);
    ck_assert(!forge_live_replica_worst(live).up);
    forge_live_replica_said_at(live, ID, REALM, 100, 71 * SECOND);
    ck_assert(forge_live_replica_look_at(live, ID, 72 * SECOND).up);
    ck_assert(forge_live_replica_worst(live).up);
}
END_TEST

Suite *forge_test_live_replicas(void)
{
    Suite *suite = suite_create("live_replicas");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, replicas_begin, forge_test_end);
    tcase_add_test(all, before_anything_is_placed_nothing_is_known);
    tcase_add_test(all, a_write_needs_a_new_end);
    tcase_add_test(all, a_write_meanwhile_is_not_covered);
    tcase_add_test(all, without_a_listener_nothing_is_vouched_for);
    tcase_add_test(all, only_the_listener_places);
    tcase_add_test(all, the_lag_is_the_age_of_what_is_missing);
    tcase_add_test(all, one_that_is_away_lags_more_and_more);
    suite_add_tcase(suite, all);
    return suite;
}
