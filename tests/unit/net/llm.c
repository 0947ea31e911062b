/* SPDX-License-Identifier: Apache-2.0
 * net/llm.c: the arguments of ForgeLLM, what is asked, and what is read out of answers of any kind.
 */
#include "net/net.h"
#include "unit.h"
#include <apr_strings.h>

#define P forge_test_pool

static const char *why;

static const forge_llm_t *parse(const char *line)
{
    char *state, *copy = apr_pstrdup(P, line);
    const char *words[16];
    int n = 0;
    for (char *word = apr_strtok(copy, " ", &state); word; word = apr_strtok(NULL, " ", &state))
        words[n++] = word;
    return forge_net_llm_parse(P, n, words, &why);
}

START_TEST(arguments_are_read)
{
    const forge_llm_t *llm = parse("https://llm.example.org:8443/v1/ model-1 sk-1 embeddings=v/1:x dimensions=256 "
                                   "answer=100 timeout=2m tokens=5000 prices=0.15/0.6 cost=2.5");
    ck_assert_ptr_nonnull(llm);
    ck_assert_str_eq(llm->url, "https://llm.example.org:8443/v1");
    ck_assert_str_eq(llm->host, "llm.example.org:8443");
    ck_assert_str_eq(llm->model, "model-1");
    ck_assert_str_eq(llm->key, "sk-1");
    ck_assert_str_eq(llm->vectors, "v/1:x");
    ck_assert_int_eq(llm->dimensions, 256);
    ck_assert_int_eq(llm->answer, 100);
    ck_assert_int_eq(llm->patience, apr_time_from_sec(120));
    ck_assert_int_eq(llm->month_tokens, 5000);
    ck_assert(llm->price_in > 0.1499 && llm->price_in < 0.1501 && llm->price_out > 0.599 && llm->price_out < 0.601);
    ck_assert(llm->month_cost > 2.49 && llm->month_cost < 2.51);
    ck_assert_ptr_null(parse("off")->url);
    ck_assert_ptr_null(parse("http://llm.example.org/v1 m none")->key);
    ck_assert_int_eq(parse("http://127.0.0.1:1/v1 m k")->answer, 800);
}
END_TEST

START_TEST(wrong_arguments_are_refused_without_the_key)
{
    static const char *const lines[] = {"on",
                                        "https://x/v1 m",
                                        "ftp://x/v1 m k",
                                        "x m k",
                                        "https://u@x/v1 m canary",
                                        "https://x/v1?q m canary",
                                        "https:/// m canary",
                                        "http://llm.example.org/v1 m canary",
                                        "http://localhost.example.org/v1 m canary",
                                        "https://x/v1 m\"x canary",
                                        "https://x/v1 m canary answer=1",
                                        "https://x/v1 m canary dimensions=5000",
                                        "https://x/v1 m canary timeout=0s",
                                        "https://x/v1 m canary timeout=11m",
                                        "https://x/v1 m canary timeout=5",
                                        "https://x/v1 m canary tokens=-1",
                                        "https://x/v1 m canary prices=1",
                                        "https://x/v1 m canary prices=1/x",
                                        "https://x/v1 m canary prices=1e3/1",
                                        "https://x/v1 m canary cost=1",
                                        "https://x/v1 m canary cost=0 prices=1/1",
                                        "https://x/v1 m canary prices=0.0000001/1",
                                        "https://x/v1 m canary embeddings=",
                                        "https://x/v1 m canary what=1"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        ck_assert_msg(!parse(lines[i]), "%s", lines[i]);
        ck_assert_msg(!strstr(why, "canary"), "%s", why);
    }
}
END_TEST

START_TEST(what_is_asked)
{
    const forge_llm_t *llm = parse("https://x/v1 m sk-1 embeddings=e dimensions=2");
    forge_call_spec_t spec = forge_net_llm_chat(P, llm, "rules \"", "text\n", true);
    ck_assert_str_eq(spec.url, "https://x/v1/chat/completions");
    ck_assert_str_eq(spec.authorization, "Authorization: Bearer sk-1");
    ck_assert(spec.streams);
    ck_assert_str_eq(
        apr_pstrmemdup(P, spec.body, spec.len),
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"rules \\\"\"},{\"role\":\"user\","
        "\"content\":\"text\\n\"}],\"temperature\":0,\"max_tokens\":800,\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true}}");
    spec = forge_net_llm_embed(P, llm, (const char *const[]){"a", "b"}, 2);
    ck_assert_str_eq(spec.url, "https://x/v1/embeddings");
    ck_assert_str_eq(apr_pstrmemdup(P, spec.body, spec.len),
                     "{\"model\":\"e\",\"encoding_format\":\"float\",\"input\":[\"a\","
                     "\"b\"],\"dimensions\":2}");
    ck_assert_ptr_null(forge_net_llm_chat(P, parse("http://x/v1 m none"), "", "", false).authorization);
}
END_TEST

static forge_call_result_t result(int status, const char *body)
{
    return (forge_call_result_t){.outcome = FORGE_CALL_ANSWERED, .status = status, .body = body, .len = strlen(body)};
}

START_TEST(answers_are_read_or_refused)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "[]",
                                      "{}",
                                      "{\"choices\":[]}",
                                      "{\"choices\":[{\"message\":{}}]}",
                                      "{\"choices\":[{\"message\":{\"content\":null}}]}",
                                      "{\"choices\":[{\"message\":{\"content\":\"a\\u0000b\"}}]}"};
    forge_llm_said_t said;
    forge_call_result_t good = result(200, "{\"choices\":[{\"message\":{\"content\":\"yes\"}}],\"usage\":{"
                                           "\"prompt_tokens\":7,\"completion_tokens\":2}}");
    ck_assert_ptr_null(forge_net_llm_said(P, &good, &said));
    ck_assert_str_eq(said.text, "yes");
    ck_assert_int_eq(said.tokens_in * 100 + said.tokens_out, 702);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        good = result(200, bad[i]);
        ck_assert_msg(forge_net_llm_said(P, &good, &said) != NULL, "%s", bad[i]);
    }
    good = result(401, "wrong key sk-canary");
    ck_assert_str_eq(forge_net_llm_said(P, &good, &said), "it answered with status 401");
}
END_TEST

START_TEST(vectors_are_read_or_refused)
{
    static const char *const bad[] = {
        "{}",
        "{\"data\":[]}",
        "{\"data\":[{\"index\":0,\"embedding\":[1]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":[1,2]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":2,\"embedding\":[1]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},{\"index\":1,\"embedding\":[]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[\"a\"]},{\"index\":1,\"embedding\":[1]}]}",
        "{\"data\":{\"a\":1,\"b\":2}}"};
    int count;
    forge_call_result_t good =
        result(200, "{\"data\":[{\"index\":1,\"embedding\":[3,4.5]},{\"index\":0,\"embedding\":[1,-2]}]}");
    const double *v = forge_net_llm_vectors(P, &good, 2, &count, &why);
    ck_assert_ptr_nonnull(v);
    ck_assert_int_eq(count, 2);
    ck_assert(v[0] == 1 && v[1] == -2 && v[2] == 3 && v[3] == 4.5);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        good = result(200, bad[i]);
        ck_assert_msg(!forge_net_llm_vectors(P, &good, 2, &count, &why), "%s", bad[i]);
    }
}
END_TEST

/* Fed byte by byte and at once. */
static forge_llm_stream_t *fed(const char *text, apr_size_t step)
{
    forge_llm_stream_t *stream = forge_net_llm_stream(P);
    for (apr_size_t i = 0, len = strlen(text); i < len; i += step)
        forge_net_llm_stream_feed(stream, text + i, len - i < step ? len - i : step);
    return stream;
}

#define PIECE(text) "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"}}]}\r\n\r\n"

START_TEST(pieces_become_a_text)
{
    static const char text[] = ": hello\nevent: x\n" PIECE(
        "It ") "data:{\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}"
               "\n\n" PIECE("is.") "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n"
                                   "data: [DONE]\n\n" PIECE("more");
    for (apr_size_t step = 1; step < 200; step += 50) {
        const forge_llm_stream_t *stream = fed(text, step);
        ck_assert(stream->ended && !stream->broken);
        ck_assert_str_eq(apr_pstrmemdup(P, stream->text->data, stream->text->len), "It is.");
        ck_assert_int_eq(stream->tokens_in * 10 + stream->tokens_out, 34);
    }
    ck_assert(!fed(PIECE("cut"), 7)->ended);
    ck_assert(fed("data: rubbish\n\n", 7)->broken);
    ck_assert(fed("data: {\"error\":1}\n\n", 7)->broken);
    ck_assert(fed("data: 5\n\n", 7)->broken);
    ck_assert(!fed("<html>\n", 7)->ended);
}
END_TEST

Suite *forge_test_net_llm(void)
{
    Suite *suite = suite_create("net_llm");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, arguments_are_read);
    tcase_add_test(tc, wrong_arguments_are_refused_without_the_key);
    tcase_add_test(tc, what_is_asked);
    tcase_add_test(tc, answers_are_read_or_refused);
    tcase_add_test(tc, vectors_are_read_or_refused);
    tcase_add_test(tc, pieces_become_a_text);
    suite_add_tcase(suite, tc);
    return suite;
}
