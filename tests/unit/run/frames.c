/* SPDX-License-Identifier: Apache-2.0
 * Tests of run/frames.c: what is written is read again, and no frame that is not whole, known and in range is read.
 */
#include "run/run.h"
#include "unit.h"
#include <limits.h>
#include <stdint.h>

static forge_run_job_t job(void)
{
    return (forge_run_job_t){.language = {"python", 6},
                             .code = {"print(1)", 8},
                             .input = {"a\0b", 3},
                             .args = {"x\0", 2},
                             .account = INT64_MAX,
                             .limits = FORGE_RUN_DEFAULTS};
}

/* The frame of a job on the heap, in a block of just its size. */
static char *written(const forge_run_job_t *what, size_t *size)
{
    *size = forge_run_frame_size(FORGE_RUN_JOB, what);
    ck_assert_int_gt((int)*size, FORGE_RUN_HEAD);
    char *frame = malloc(*size);
    forge_run_frame_write(FORGE_RUN_JOB, what, frame);
    return frame;
}

static bool same(forge_run_bytes_t a, forge_run_bytes_t b)
{
    return a.len == b.len && (!a.len || memcmp(a.data, b.data, a.len) == 0);
}

START_TEST(jobs_come_back)
{
    size_t size, len;
    forge_run_job_t sent = job(), got;
    sent.own_host = 1;
    char *frame = written(&sent, &size);
    ck_assert_int_eq(forge_run_frame_head(frame, &len), FORGE_RUN_JOB);
    ck_assert_int_eq((int)len, (int)size - FORGE_RUN_HEAD);
    ck_assert(forge_run_frame_read(FORGE_RUN_JOB, frame + FORGE_RUN_HEAD, len, &got));
    ck_assert(same(sent.language, got.language) && same(sent.code, got.code) && same(sent.input, got.input) &&
              same(sent.args, got.args));
    ck_assert(sent.account == got.account && got.own_host == 1);
    ck_assert_mem_eq(&sent.limits, &got.limits, sizeof(got.limits));
    free(frame);
}
END_TEST

START_TEST(results_and_states_come_back)
{
    char frame[4096];
    size_t len;
    forge_run_result_t sent = {.status = FORGE_RUN_TIMEOUT, .output = {"\0", 1}, .exit_code = -1, .signal = 9}, got;
    forge_run_state_t state = {.available = 1, .languages = {"python c", 8}, .runs_max = 3}, told;
    ck_assert_int_le((int)forge_run_frame_size(FORGE_RUN_RESULT, &sent), (int)sizeof(frame));
    forge_run_frame_write(FORGE_RUN_RESULT, &sent, frame);
    ck_assert_int_eq(forge_run_frame_head(frame, &len), FORGE_RUN_RESULT);
    ck_assert(forge_run_frame_read(FORGE_RUN_RESULT, frame + FORGE_RUN_HEAD, len, &got));
    ck_assert(got.status == FORGE_RUN_TIMEOUT && got.exit_code == -1 && got.signal == 9 &&
              same(sent.output, got.output));
    forge_run_frame_write(FORGE_RUN_STATE, &state, frame);
    ck_assert_int_eq(forge_run_frame_head(frame, &len), FORGE_RUN_STATE);
    ck_assert(forge_run_frame_read(FORGE_RUN_STATE, frame + FORGE_RUN_HEAD, len, &told));
    ck_assert(told.available == 1 && told.runs_max == 3 && same(state.languages, told.languages));
    ck_assert_int_eq((int)forge_run_frame_size(FORGE_RUN_PROBE, NULL), FORGE_RUN_HEAD);
}
END_TEST

/* A frame that ends early is bad at most lengths, and never more than what was sent. */
START_TEST(frames_that_are_cut_off_are_bad)
{
    size_t size;
    forge_run_job_t sent = job(), got;
    char *frame = written(&sent, &size);
    for (size_t len = 0; len < size - FORGE_RUN_HEAD; len++) {
        char *part = malloc(len ? len : 1);
        memcpy(part, frame + FORGE_RUN_HEAD, len);
        ck_assert_msg(!forge_run_frame_read(FORGE_RUN_JOB, part, len, &got), "%d of %d", (int)len, (int)size);
        free(part);
    }
    free(frame);
}
END_TEST

START_TEST(heads_that_are_not_ours_are_bad)
{
    size_t size, len;
    forge_run_job_t sent = job();
    char *frame = written(&sent, &size), head[FORGE_RUN_HEAD];
    static const struct {
        int at;
        unsigned char byte;
    } wrong[] = {{0, 'f'}, {3, '2'}, {4, 1}, {7, 0}, {7, 5}, {7, 255}, {8, 0x80}, {8, 0x02}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memcpy(head, frame, sizeof(head));
        head[wrong[i].at] = (char)wrong[i].byte;
        ck_assert_int_eq(forge_run_frame_head(head, &len), FORGE_RUN_BAD);
    }
    free(frame);
}
END_TEST

/* A member alone: tag, length, bytes. */
static size_t member(char *to, int tag, size_t len, const char *bytes)
{
    const char head[5] = {(char)tag, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
    memcpy(to, head, 5);
    memcpy(to + 5, bytes, len);
    return len + 5;
}

START_TEST(members_that_are_unknown_doubled_or_misshapen_are_bad)
{
    static const char number[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    char members[64];
    forge_run_state_t state;
    ck_assert(forge_run_frame_read(FORGE_RUN_STATE, members, member(members, 1, 8, number), &state));
    ck_assert_int_eq((int)state.available, 1);
    ck_assert(!forge_run_frame_read(FORGE_RUN_STATE, members, member(members, 0, 8, number), &state));
    ck_assert(!forge_run_frame_read(FORGE_RUN_STATE, members, member(members, 99, 8, number), &state));
    ck_assert(!forge_run_frame_read(FORGE_RUN_STATE, members, member(members, 255, 8, number), &state));
    ck_assert(!forge_run_frame_read(FORGE_RUN_STATE, members, member(members, 1, 7, number), &state));
    ck_assert(!forge_run_frame_read(FORGE_RUN_STATE, members, member(members, 1, 0, number), &state));
    size_t once = member(members, 1, 8, number), twice = once + member(members + once, 1, 8, number);
    ck_assert(!forge_run_frame_read(FORGE_RUN_STATE, members, twice, &state));
    ck_assert(!forge_run_frame_read(FORGE_RUN_PROBE, members, once, &state));
    members[1] = (char)0xff; /* a length beyond everything */
    ck_assert(!forge_run_frame_read(FORGE_RUN_STATE, members, once, &state));
}
END_TEST

START_TEST(values_out_of_range_are_neither_written_nor_read)
{
    static const int64_t bad[] = {0, -1, INT64_MIN, INT64_MAX};
    forge_run_job_t sent = job(), got;
    size_t size;
    char *frame = written(&sent, &size);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sent = job();
        sent.limits.cpu_ms = bad[i];
        ck_assert_int_eq((int)forge_run_frame_size(FORGE_RUN_JOB, &sent), 0);
    }
    sent = job();
    sent.account = -1;
    ck_assert_int_eq((int)forge_run_frame_size(FORGE_RUN_JOB, &sent), 0);
    sent = job();
    sent.own_host = 2;
    ck_assert_int_eq((int)forge_run_frame_size(FORGE_RUN_JOB, &sent), 0);
    sent = job();
    sent.code.len = FORGE_RUN_CODE_MAX + 1;
    ck_assert_int_eq((int)forge_run_frame_size(FORGE_RUN_JOB, &sent), 0);
    memset(frame + size - 8, 0, 8); /* the last limit */
    ck_assert(!forge_run_frame_read(FORGE_RUN_JOB, frame + FORGE_RUN_HEAD, size - FORGE_RUN_HEAD, &got));
    memset(frame + size - 8, 0x7f, 8);
    ck_assert(!forge_run_frame_read(FORGE_RUN_JOB, frame + FORGE_RUN_HEAD, size - FORGE_RUN_HEAD, &got));
    free(frame);
}
END_TEST

START_TEST(statuses_have_the_names_of_the_api)
{
    ck_assert_str_eq(forge_run_status_name(FORGE_RUN_OK), "ok");
    ck_assert_str_eq(forge_run_status_name(FORGE_RUN_OUTPUT_LIMIT), "output_limit");
    ck_assert_str_eq(forge_run_status_name(FORGE_RUN_UNAVAILABLE), "unavailable");
    ck_assert_str_eq(forge_run_status_name(-1), "sandbox_error");
    ck_assert_str_eq(forge_run_status_name(FORGE_RUN_STATUS_COUNT), "sandbox_error");
}
END_TEST

START_TEST(arguments_are_ended_by_nul)
{
    static const char *const args[] = {"a", "", "b c"};
    forge_run_bytes_t all = forge_run_args(forge_test_pool, 3, args);
    ck_assert_int_eq((int)all.len, 7);
    ck_assert_mem_eq(all.data, "a\0\0b c\0", 7);
    ck_assert_int_eq((int)forge_run_args(forge_test_pool, 0, NULL).len, 0);
}
END_TEST

START_TEST(languages_are_known_by_name)
{
    ck_assert(forge_run_language_known("python"));
    ck_assert(!forge_run_language_known("Python"));
    ck_assert(!forge_run_language_known(""));
    ck_assert(!forge_run_language_known("perl"));
}
END_TEST

Suite *forge_test_run_frames(void)
{
    Suite *s = suite_create("run_frames");
    TCase *tc = tcase_create("frames");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, jobs_come_back);
    tcase_add_test(tc, results_and_states_come_back);
    tcase_add_test(tc, frames_that_are_cut_off_are_bad);
    tcase_add_test(tc, heads_that_are_not_ours_are_bad);
    tcase_add_test(tc, members_that_are_unknown_doubled_or_misshapen_are_bad);
    tcase_add_test(tc, values_out_of_range_are_neither_written_nor_read);
    tcase_add_test(tc, statuses_have_the_names_of_the_api);
    tcase_add_test(tc, arguments_are_ended_by_nul);
    tcase_add_test(tc, languages_are_known_by_name);
    suite_add_tcase(s, tc);
    return s;
}
