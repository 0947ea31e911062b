/* SPDX-License-Identifier: Apache-2.0
 * Streams of HTTP/2 that are answered before their body has come: a reset is taken for a failure by clients, so ours
 * are no more than httpd's own.
 */
#include "harness.h"

#include <curl/curl.h>
#include <string.h>

#define STREAMS 40 /* at once, on one connection */
#define ROUNDS  3

/* A POST that is refused whatever its body says. */
typedef struct refusal_t {
    const char *path, *type, *body;
    int status;
} refusal_t;

/* How it went: streams with the awaited status, and those that were cut off. */
typedef struct outcome_t {
    int answered, reset;
} outcome_t;

static size_t on_answer(char *data, size_t size, size_t n, void *baton)
{
    (void)data, (void)baton;
    return size * n;
}

static CURL *stream_make(const refusal_t *what, struct curl_slist *headers)
{
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, F("https://127.0.0.1:%d%s", env.ports[PORT_COOKIE], what->path));
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    return curl;
}

static struct curl_slist *headers_make(const refusal_t *what)
{
    return curl_slist_append(curl_slist_append(NULL, "Expect:"), F("Content-Type: %s", what->type));
}

static void take(CURL *curl, CURLcode code, int wanted, outcome_t *outcome)
{
    long status = 0, version = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version);
    if (code != CURLE_OK) {
        outcome->reset++;
        return;
    }
    ck_assert_int_eq((int)version, CURL_HTTP_VERSION_2_0);
    ck_assert_int_eq((int)status, wanted);
    outcome->answered++;
}

static void run_all(CURLM *multi, int wanted, outcome_t *outcome)
{
    int running = 1, left;
    while (running && curl_multi_perform(multi, &running) == CURLM_OK)
        if (running)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));)
        if (message->msg == CURLMSG_DONE)
            take(message->easy_handle, message->data.result, wanted, outcome);
}

/* All streams at once, over one new connection. */
static void burst(const refusal_t *what, outcome_t *outcome)
{
    CURL *streams[STREAMS];
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = headers_make(what);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
    for (int i = 0; i < STREAMS; i++) {
        streams[i] = stream_make(what, headers);
        curl_easy_setopt(streams[i], CURLOPT_POSTFIELDS, what->body);
        curl_multi_add_handle(multi, streams[i]);
    }
    run_all(multi, what->status, outcome);
    for (int i = 0; i < STREAMS; i++) {
        curl_multi_remove_handle(multi, streams[i]);
        curl_easy_cleanup(streams[i]);
    }
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
}

static outcome_t bursts(const refusal_t *what)
{
    outcome_t outcome = {0, 0};
    for (int i = 0; i < ROUNDS; i++)
        burst(what, &outcome);
    ck_assert_int_eq(outcome.answered + outcome.reset, ROUNDS * STREAMS);
    return outcome;
}

static char *body_of(int size)
{
    return F("{\"title\":\"%0*d\"}", size, 1);
}

static const char json[] = "application/json";

/* One kind of refusal for each place where a request is answered before its body was read. */
static refusal_t refusal(int i)
{
    const refusal_t all[] = {{"/api/v1/courses", json, body_of(40), 401},
                             {"/api/v1/courses", json, body_of(12000), 401},
                             {"/api/v1/auth/login", "text/plain", body_of(40), 415},
                             {"/api/v1/auth/login", json, body_of(20000), 413},
                             {"/api/v1/auth/me", json, body_of(40), 405},
                             {"/api/v1/nothing", json, body_of(40), 404}};
    return all[i];
}
#define REFUSALS 6

START_TEST(early_answers_reset_no_more_than_httpds_own)
{
    if (strcmp(env.mpm, "prefork") == 0)
        return; /* no HTTP/2 there */
    outcome_t theirs = bursts(&(refusal_t){"/static/nothing", json, body_of(40), 404}), ours = {0, 0};
    for (int i = 0; i < REFUSALS; i++) {
        refusal_t what = refusal(i);
        outcome_t one = bursts(&what);
        ck_assert_msg(one.reset <= theirs.reset, "%s %d: %d streams of %d were reset, of httpd's own %d", what.path,
                      what.status, one.reset, ROUNDS * STREAMS, theirs.reset);
        ours.answered += one.answered;
    }
    ck_assert_int_gt(ours.answered, 0);
}
END_TEST

/* --- a body that comes after its head --- */

typedef struct late_t {
    const char *data;
    size_t left;
} late_t;

/* The head has been sent when the body is asked for. */
static size_t on_body(char *room, size_t size, size_t n, void *baton)
{
    late_t *late = baton;
    size_t take_now = size * n < late->left ? size * n : late->left;
    if (late->left)
        pause_ms(50);
    memcpy(room, late->data, take_now);
    late->data += take_now;
    late->left -= take_now;
    return take_now;
}

/* Sends one that must be answered, and ends it. */
static void send_one(const refusal_t *what, CURL *curl, struct curl_slist *headers, const char *how)
{
    outcome_t outcome = {0, 0};
    CURLcode code = curl_easy_perform(curl);
    take(curl, code, what->status, &outcome);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    ck_assert_msg(outcome.answered == 1, "%s %d, %s: %s", what->path, what->status, how, curl_easy_strerror(code));
}

/* With its length in the head, or without. */
static void send_late(const refusal_t *what, bool announced)
{
    late_t late = {what->body, strlen(what->body)};
    struct curl_slist *headers = headers_make(what);
    CURL *curl = stream_make(what, headers);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_READDATA, &late);
    if (announced)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)late.left);
    send_one(what, curl, headers, announced ? "length announced" : "no length");
}

START_TEST(a_body_that_comes_late_is_read_away)
{
    if (strcmp(env.mpm, "prefork") == 0)
        return;
    for (int i = 0; i < REFUSALS; i++) {
        refusal_t what = refusal(i);
        if (strlen(what.body) > 1000)
            continue; /* comes in parts, each of them late */
        for (int round = 0; round < 5; round++) {
            send_late(&what, true);
            send_late(&what, false);
        }
    }
}
END_TEST

/* Whoever uploads with a token that has expired meanwhile must learn that. */
START_TEST(a_large_body_is_read_away)
{
    if (strcmp(env.mpm, "prefork") == 0)
        return;
    const refusal_t refusals[] = {{"/api/v1/files/upload", "application/pdf", body_of(5 * 1000 * 1000), 401},
                                  {"/api/v1/courses", json, body_of(300 * 1000), 401},
                                  {"/api/v1/auth/login", json, body_of(300 * 1000), 413},
                                  {"/api/v1/auth/me", json, body_of(300 * 1000), 405},
                                  {"/api/v1/nothing", json, body_of(5 * 1000 * 1000), 404}};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        for (int round = 0; round < 5; round++) {
            struct curl_slist *headers = headers_make(&refusals[i]);
            CURL *curl = stream_make(&refusals[i], headers);
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, refusals[i].body);
            send_one(&refusals[i], curl, headers, "a large body");
        }
}
END_TEST

Suite *suite_streams(void)
{
    Suite *suite = suite_create("streams");
    TCase *early = case_make(suite, "early");
    tcase_add_test(early, early_answers_reset_no_more_than_httpds_own);
    tcase_add_test(early, a_body_that_comes_late_is_read_away);
    tcase_add_test(early, a_large_body_is_read_away);
    return suite;
}
