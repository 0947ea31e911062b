/* SPDX-License-Identifier: Apache-2.0
 * Public answers out of memory (SPEC 21): a write is seen by the next request to its node, and by others within a
 * second; what cannot be vouched for is not answered from memory; accounts are never answered from it.
 */
#include "harness.h"

#include <string.h>
#include <time.h>
#include <zlib.h>

enum { READERS = 4, ROUNDS = 40, AT_ONCE = 16 }; /* the readers of one course, and its writer, who is number READERS */

/* The first host keeps nothing, so that other suites may write with psql and read at once; this one is another host of
 * the same httpd. What SPEC 21 promises of other nodes, and what a busy machine may add. */
#define PROMISE_MS 1000
#define SLACK_MS   4000

static bool says(const reply_t *reply, const char *part)
{
    const char *status = header(reply, "Cache-Status");
    return status && strstr(status, part);
}

/* Answers until one comes from memory. */
static reply_t *hit(port_t port, const char *path, const char *accept)
{
    for (int i = 0; i < 200; i++) {
        reply_t *reply = CALL("GET", path, .port = port, .headers = {accept}, .lenient = accept != NULL);
        expect_status(reply, 200);
        if (says(reply, "forge; hit"))
            return reply;
        pause_ms(20);
    }
    ck_abort_msg("%s never comes from memory", path);
    return NULL;
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- what is kept --- */

static void same(const reply_t *a, const reply_t *b, const char *name)
{
    const char *one = header(a, name), *other = header(b, name);
    ck_assert_msg(!one == !other && (!one || strcmp(one, other) == 0), "%s: %s, %s", name, one ? one : "-",
                  other ? other : "-");
}

START_TEST(a_kept_answer_is_the_same)
{
    person_t owner = person("instructor");
    json_int_t id = 0;
    for (int i = 0; i < 3; i++)
        id = course_of(owner, F("Kept %d", i));
    const char *const paths[] = {F("/api/v1/courses/%lld", (long long)id),
                                 "/api/v1/courses?limit=1&count=true",
                                 F("/api/v1/courses/%lld/modules", (long long)id),
                                 "/api/v1/exercises",
                                 F("/api/v1/courses/%lld/path", (long long)id),
                                 "/api/v1/achievements",
                                 NULL};
    static const char *const headers[] = {"ETag", "Link", "X-Total-Count", "Content-Type", "Cache-Control",
                                          "Vary", NULL};
    for (const char *const *path = paths; *path; path++) {
        pause_ms(300); /* what was written above is heard */
        reply_t *first = CALL("GET", *path, .port = PORT_TLS), *second = hit(PORT_TLS, *path, NULL);
        ck_assert_str_eq(first->body, second->body);
        for (const char *const *name = headers; *name; name++)
            same(first, second, *name);
        expect_status(CALL("HEAD", *path, .port = PORT_TLS), 200);
        expect_status(CALL("GET", *path, .port = PORT_TLS, .headers = {F("If-None-Match: %s", header(second, "ETag"))}),
                      304);
        ck_assert_str_eq(hit(PORT_TLS, F("%s", *path), NULL)->body, first->body);
    }
}
END_TEST

/* What came from memory for a stranger is not what an account or a guest is answered from. */
START_TEST(accounts_are_asked_of_the_database)
{
    person_t owner = person("instructor");
    const char *path = F("/api/v1/courses/%lld", (long long)course_of(owner, "Mine"));
    hit(PORT_TLS, path, NULL);
    ck_assert_ptr_null(header(CALL("GET", path, .port = PORT_TLS, .token = owner.access), "Cache-Status"));
    expect_status(CALL("PATCH", path, .token = owner.access, .json = "{\"status\":\"draft\"}"), 200);
    expect_problem(CALL("GET", path, .port = PORT_TLS), "not_found");
    expect_status(CALL("GET", path, .port = PORT_TLS, .token = owner.access), 200);
    expect_problem(CALL("GET", path, .port = PORT_TLS), "not_found");
    expect_problem(CALL("GET", path, .port = PORT_TLS, .token = "no.such.token"), "invalid_token");
}
END_TEST

START_TEST(packed_answers_are_kept_too)
{
    person_t owner = person("instructor");
    for (int i = 0; i < 30; i++)
        course_of(owner, F("A course of some length, number %d", i));
    const char *path = "/api/v1/courses?limit=30";
    reply_t *plain = hit(PORT_TLS, path, NULL);
    reply_t *packed = hit(PORT_TLS, path, "Accept-Encoding: gzip");
    ck_assert_str_eq(header(packed, "Content-Encoding"), "gzip");
    ck_assert_ptr_nonnull(strstr(header(packed, "Vary"), "Accept-Encoding"));
    ck_assert_ptr_nonnull(strstr(header(plain, "Vary"), "Accept-Encoding"));
    ck_assert_ptr_nonnull(strstr(header(packed, "ETag"), "-gzip\""));
    ck_assert_uint_lt(packed->length, plain->length);
    unsigned char out[64 * 1024];
    z_stream z = {.next_in = (unsigned char *)packed->body,
                  .avail_in = (unsigned)packed->length,
                  .next_out = out,
                  .avail_out = sizeof(out)};
    ck_assert_int_eq(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    inflateEnd(&z);
    ck_assert_uint_eq(z.total_out, plain->length);
    ck_assert_int_eq(memcmp(out, plain->body, plain->length), 0);
    expect_status(CALL("GET", path, .port = PORT_TLS, .lenient = true,
                       .headers = {"Accept-Encoding: gzip", F("If-None-Match: %s", header(packed, "ETag"))}),
                  304);
}
END_TEST

/* --- writes --- */

/* Each way to change what a stranger may read shows in the next answer. */
START_TEST(each_write_shows_in_the_next_answer)
{
    person_t owner = person("instructor"), admin = person("admin");
    const char *course = F("/api/v1/courses/%lld", (long long)course_of(owner, "Written"));
    const char *modules = F("%s/modules", course);
    hit(PORT_TLS, course, NULL);
    hit(PORT_TLS, modules, NULL);
    expect_status(CALL("PATCH", course, .token = owner.access, .json = "{\"title\":\"Patched\"}"), 200);
    ck_assert_str_eq(text_at(CALL("GET", course, .port = PORT_TLS)->json, "/title"), "Patched");
    hit(PORT_TLS, course, NULL);
    expect_status(CALL("PUT", course, .token = owner.access, .json = "{\"title\":\"Put\"}"), 200);
    ck_assert_str_eq(text_at(CALL("GET", course, .port = PORT_TLS)->json, "/title"), "Put");
    reply_t *made = CALL("POST", modules, .token = owner.access, .json = "{\"title\":\"One\"}");
    expect_status(made, 201);
    ck_assert_uint_eq(json_array_size(CALL("GET", modules, .port = PORT_TLS)->json), 1);
    const char *module = F("%s/%lld", modules, (long long)int_at(made->json, "/id")),
               *lessons = F("%s/lessons", module);
    hit(PORT_TLS, module, NULL);
    hit(PORT_TLS, lessons, NULL);
    expect_status(CALL("POST", lessons, .token = owner.access, .json = "{\"title\":\"L\",\"content\":\"x\"}"), 201);
    ck_assert_uint_eq(json_array_size(CALL("GET", lessons, .port = PORT_TLS)->json), 1);
    expect_status(CALL("DELETE", module, .token = owner.access), 204);
    ck_assert_uint_eq(json_array_size(CALL("GET", modules, .port = PORT_TLS)->json), 0);
    expect_problem(CALL("GET", lessons, .port = PORT_TLS), "not_found");
    hit(PORT_TLS, "/api/v1/achievements", NULL);
    expect_status(CALL("POST", "/api/v1/achievements", .token = admin.access, .json = "{\"name\":\"Kept\"}"), 201);
    ck_assert_uint_eq(json_array_size(CALL("GET", "/api/v1/achievements", .port = PORT_TLS)->json), 1);
    hit(PORT_TLS, course, NULL);
    expect_status(CALL("DELETE", course, .token = owner.access), 204);
    expect_problem(CALL("GET", course, .port = PORT_TLS), "not_found");
}
END_TEST

/* Whoever writes, and at whichever node. */
static void shows_soon(port_t port, const char *path, const char *title)
{
    for (long begun = now_ms();; pause_ms(20)) {
        if (strcmp(text_at(CALL("GET", path, .port = port)->json, "/title"), title) == 0)
            return;
        ck_assert_msg(now_ms() - begun < PROMISE_MS + SLACK_MS, "%s is not seen", title);
    }
}

START_TEST(a_write_with_psql_shows_soon_on_both_nodes)
{
    json_int_t id = course_of(person("instructor"), "Before");
    const char *path = F("/api/v1/courses/%lld", (long long)id);
    env_second_start();
    for (int i = 0; i < 5; i++) {
        hit(PORT_TLS, path, NULL);
        hit(PORT_SECOND, path, NULL);
        sql("UPDATE forge.courses SET title = 'Round %d' WHERE id = %lld RETURNING 1", i, (long long)id);
        shows_soon(PORT_TLS, path, F("Round %d", i));
        shows_soon(PORT_SECOND, path, F("Round %d", i));
    }
}
END_TEST

/* --- writers and readers at once, on two nodes --- */

typedef struct seen_t {
    const char *path;
    int pause;                        /* of the writer, in ms, up to six times that */
    long acknowledged_at[ROUNDS + 2]; /* by version; 0: not yet */
    unsigned answers[READERS + 1];    /* that each reader and the writer had */
    bool over;
} seen_t;

static long load(const long *at)
{
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* The version that whoever begins now must see at least, when writes of the last `grace` ms need not be seen. */
static int least(const seen_t *seen, long grace)
{
    long now = now_ms();
    for (int version = ROUNDS + 1; version > 1; version--) {
        long at = load(&seen->acknowledged_at[version]);
        if (at && at <= now - grace)
            return version;
    }
    return 1;
}

static void read_on(int i, seen_t *seen)
{
    port_t port = i % 2 ? PORT_SECOND : PORT_TLS;
    while (!__atomic_load_n(&seen->over, __ATOMIC_ACQUIRE)) {
        int wanted = least(seen, port == PORT_TLS ? 0 : PROMISE_MS);
        reply_t *reply = CALL("GET", seen->path, .port = port);
        if (reply->status != 200 || int_at(reply->json, "/version") < wanted)
            fail_later("node %d answers %d, version %d, of %d or more: %.300s", i % 2, reply->status,
                       reply->status == 200 ? (int)int_at(reply->json, "/version") : 0, wanted,
                       reply->body ? reply->body : "");
        __atomic_add_fetch(&seen->answers[i], 1, __ATOMIC_RELEASE);
    }
}

static void write_on(seen_t *seen, const char *token)
{
    for (int version = 2; version <= ROUNDS + 1; version++) {
        reply_t *reply = CALL("PATCH", seen->path, .token = token, .json = F("{\"title\":\"Version %d\"}", version));
        if (reply->status != 200)
            fail_later("PATCH: %d %.300s", reply->status, reply->body ? reply->body : "");
        __atomic_store_n(&seen->acknowledged_at[version], now_ms(), __ATOMIC_RELEASE);
        __atomic_add_fetch(&seen->answers[READERS], 1, __ATOMIC_RELEASE);
        pause_ms(version % 7 * seen->pause);
    }
    __atomic_store_n(&seen->over, true, __ATOMIC_RELEASE);
}

/* Until each reader and the writer had an answer that they asked for after now. Children that are told to go before
 * they serve would answer nobody, however long one waits. */
static void all_are_answered(const seen_t *seen)
{
    unsigned before[READERS + 1];
    for (int i = 0; i <= READERS; i++)
        before[i] = __atomic_load_n(&seen->answers[i], __ATOMIC_ACQUIRE);
    for (int i = 0; i <= READERS; i++)
        while (__atomic_load_n(&seen->answers[i], __ATOMIC_ACQUIRE) - before[i] < 2 &&
               !__atomic_load_n(&seen->over, __ATOMIC_ACQUIRE))
            pause_ms(20);
}

/* Both nodes are restarted and the listeners lose their sessions, in turns. */
static void disturb(const seen_t *seen)
{
    for (int n = 0; !__atomic_load_n(&seen->over, __ATOMIC_ACQUIRE); n++) {
        if (n % 3 == 0)
            env_httpd_graceful();
        else if (n % 3 == 1)
            env_second_change("");
        else
            sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'forge "
                "events'");
        all_are_answered(seen);
    }
}

typedef struct crew_t {
    seen_t seen;
    const char *token;
} crew_t;

static void work(int i, void *baton)
{
    crew_t *crew = baton;
    if (i == READERS + 1)
        disturb(&crew->seen);
    else if (i == READERS)
        write_on(&crew->seen, crew->token);
    else
        read_on(i, &crew->seen);
}

static crew_t crew_begin(int pause)
{
    person_t owner = person("instructor");
    crew_t crew = {.token = owner.access, .seen.pause = pause};
    crew.seen.path = F("/api/v1/courses/%lld", (long long)course_of(owner, "Version 1"));
    env_second_start();
    return crew;
}

START_TEST(no_read_is_older_than_promised)
{
    crew_t crew = crew_begin(10);
    parallel(READERS + 1, work, &crew);
}
END_TEST

/* No request fails either. */
START_TEST(nor_while_nodes_restart_and_listeners_break)
{
    watchdog(240); /* each restart takes seconds under a sanitizer */
    crew_t crew = crew_begin(60);
    parallel(READERS + 2, work, &crew);
    ck_assert(env_wait_ready(20));
}
END_TEST

/* --- what cannot be vouched for --- */

START_TEST(without_a_listener_the_database_is_asked)
{
    json_int_t id = course_of(person("instructor"), "Before");
    const char *path = F("/api/v1/courses/%lld", (long long)id);
    for (int i = 0; i < 5; i++) {
        hit(PORT_TLS, path, NULL);
        sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'forge events'");
        sql("UPDATE forge.courses SET title = 'Unheard %d' WHERE id = %lld RETURNING 1", i, (long long)id);
        shows_soon(PORT_TLS, path, F("Unheard %d", i));
    }
}
END_TEST

START_TEST(without_the_database_nothing_is_answered)
{
    const char *path = F("/api/v1/courses/%lld", (long long)course_of(person("instructor"), "Away"));
    hit(PORT_TLS, path, NULL);
    expect_outage();
    env_outage();
    env_postgres_stop(true);
    int status = 200;
    for (long begun = now_ms(); status == 200 && now_ms() - begun < PROMISE_MS + SLACK_MS; pause_ms(50))
        status = CALL("GET", path, .port = PORT_TLS)->status;
    ck_assert_int_eq(status, 503);
    for (int i = 0; i < 10; i++)
        expect_problem(CALL("GET", path, .port = PORT_TLS), "database_unavailable");
    env_postgres_start();
    ck_assert(env_wait_ready(20));
    expect_served(path, NULL);
}
END_TEST

/* --- many at once --- */

static long asked(void)
{
    const char *name = "forge_db_query_duration_seconds_count{statement=\"course_get_open\"} ";
    const char *found = strstr(CALL("GET", "/metrics", .port = PORT_TLS)->body, name);
    return found ? strtol(found + strlen(name), NULL, 10) : 0;
}

static void read_once(int i, void *path)
{
    (void)i;
    reply_t *reply = CALL("GET", path, .port = PORT_TLS);
    if (reply->status != 200)
        fail_later("%d", reply->status);
}

static void read_or_release(int i, void *path)
{
    if (i < AT_ONCE) {
        read_once(i, path);
        return;
    }
    pause_ms(200);
    sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'holds'");
}

/* The first one waits for a lock, so that the others come while it asks. */
START_TEST(of_many_at_once_few_ask)
{
    char *path = F("/api/v1/courses/%lld", (long long)course_of(person("instructor"), "Wanted"));
    long before = asked();
    sql_on(sql_session(), "SET application_name = 'holds'; BEGIN; LOCK forge.courses IN ACCESS EXCLUSIVE MODE");
    parallel(AT_ONCE + 1, read_or_release, path);
    long runs = asked() - before;
    ck_assert_msg(runs >= 1 && runs < AT_ONCE, "%ld of %d asked", runs, AT_ONCE);
}
END_TEST

START_TEST(it_can_be_off)
{
    const char *path = F("/api/v1/courses/%lld", (long long)course_of(person("instructor"), "Off"));
    env_second_launch("ForgeCache off");
    ck_assert(env_second_ready(20));
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_null(header(CALL("GET", path, .port = PORT_SECOND), "Cache-Status"));
    env_second_stop();
}
END_TEST

Suite *suite_cache(void)
{
    Suite *suite = suite_create("cache");
    TCase *kept = case_make(suite, "kept"), *writes = case_make(suite, "writes"), *doubt = case_make(suite, "doubt"),
          *many = case_make(suite, "many");
    tcase_add_test(kept, a_kept_answer_is_the_same);
    tcase_add_test(kept, accounts_are_asked_of_the_database);
    tcase_add_test(kept, packed_answers_are_kept_too);
    tcase_add_test(kept, it_can_be_off);
    tcase_add_test(writes, each_write_shows_in_the_next_answer);
    tcase_add_test(writes, a_write_with_psql_shows_soon_on_both_nodes);
    tcase_add_test(writes, no_read_is_older_than_promised);
    tcase_add_test(writes, nor_while_nodes_restart_and_listeners_break);
    tcase_add_test(doubt, without_a_listener_the_database_is_asked);
    tcase_add_test(doubt, without_the_database_nothing_is_answered);
    tcase_add_test(many, of_many_at_once_few_ask);
    return suite;
}
