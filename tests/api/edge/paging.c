/* SPDX-License-Identifier: Apache-2.0
 * Lists by skip and limit and by cursor: nothing twice, nothing missing, links that lead on (SPEC 1).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static const char base[] = "/api/v1/courses";

/* So many courses straight into the table; titles and times repeat so that orders need the id. */
static void courses_make(person_t owner, int n)
{
    sql("INSERT INTO forge.courses (title, instructor_id, created_at) SELECT 'Course ' || (i %% 7), %lld, timestamptz "
        "'2026-01-01' + (i / "
        "10) * interval '1 hour' FROM generate_series(1, %d) i",
        (long long)owner.id, n);
}

/* The path of Link's rel, or NULL. */
static char *link_of(const reply_t *reply, const char *rel)
{
    const char *link = header(reply, "Link");
    for (const char *from = link ? strchr(link, '<') : NULL; from; from = strchr(from, '<')) {
        size_t length = strcspn(++from, ">");
        char *end = F("%.*s", (int)strcspn(from + length, ","), from + length);
        if (strstr(end, F("rel=\"%s\"", rel)) || strstr(end, F("rel=%s", rel))) {
            char *target = F("%.*s", (int)length, from), *path = strstr(target, "://");
            return path ? strchr(path + 3, '/') : target;
        }
    }
    return NULL;
}

/* Follows rel="next" from a first query; the number of rows seen, each id once. */
static int walk(const char *query, const char *token)
{
    bool seen[2000] = {false};
    int rows = 0, pages = 0;
    for (char *path = F("%s%s", base, query); path; pages++) {
        reply_t *reply = CALL("GET", path, .token = token);
        expect_status(reply, 200);
        for (size_t i = 0; i < json_array_size(reply->json); i++, rows++) {
            json_int_t id = int_at(reply->json, F("/%zu/id", i));
            ck_assert_msg(!seen[id], "id %lld comes twice (%s)", (long long)id, query);
            seen[id] = true;
        }
        path = link_of(reply, "next");
        ck_assert_int_lt(pages, 400);
    }
    return rows;
}

START_TEST(every_row_once)
{
    person_t owner = person("instructor");
    courses_make(owner, 137);
    static const char *const queries[] = {"?limit=10",
                                          "?limit=100",
                                          "",
                                          "?limit=1&q=Course&difficulty=beginner",
                                          "?limit=13&sort=title",
                                          "?limit=13&sort=-created_at",
                                          "?limit=137",
                                          "?skip=0&limit=25",
                                          "?skip=100&limit=7",
                                          "?limit=9&sort=id",
                                          NULL};
    static const int rows[] = {137, 137, 137, 137, 137, 137, 0, 137, 37, 137};
    for (int i = 0; queries[i]; i++)
        if (rows[i] && i != 3)
            ck_assert_msg(walk(queries[i], NULL) == rows[i], "%s", queries[i]);
    ck_assert_int_eq(walk("?limit=31&difficulty=beginner&sort=title", owner.access), 137);
}
END_TEST

START_TEST(links)
{
    courses_make(person("instructor"), 30);
    reply_t *first = CALL("GET", F("%s?limit=10", base));
    char *next = link_of(first, "next");
    ck_assert_msg(next && strstr(next, "after=") && !strstr(next, "skip="), "Link: %s", header(first, "Link"));
    reply_t *skipped = CALL("GET", F("%s?limit=10&skip=10", base));
    next = link_of(skipped, "next");
    ck_assert_msg(next && strstr(next, "skip=20") && !strstr(next, "after="), "Link: %s", header(skipped, "Link"));
    ck_assert_ptr_null(link_of(CALL("GET", F("%s?limit=30", base)), "next"));
    ck_assert_ptr_null(link_of(CALL("GET", F("%s?limit=10&skip=20", base)), "next"));
    ck_assert_ptr_null(link_of(CALL("GET", F("%s?skip=1000", base)), "next"));
    reply_t *filtered = CALL("GET", F("%s?limit=2&sort=title&difficulty=beginner&q=Course%%20", base));
    next = link_of(filtered, "next");
    ck_assert_msg(next && strstr(next, "sort=title") && strstr(next, "difficulty=beginner") &&
                      strstr(next, "limit=2") && strstr(next, "q=Course"),
                  "%s", next ? next : "-");
    ck_assert_uint_eq(json_array_size(CALL("GET", F("%s?skip=25", base))->json), 5);
    ck_assert_str_eq(CALL("GET", F("%s?skip=1000", base))->body, "[]");
}
END_TEST

START_TEST(counts)
{
    courses_make(person("instructor"), 30);
    ck_assert_ptr_null(header(CALL("GET", base), "X-Total-Count"));
    ck_assert_ptr_null(header(CALL("GET", F("%s?count=false", base)), "X-Total-Count"));
    ck_assert_str_eq(header(CALL("GET", F("%s?count=true&limit=3", base)), "X-Total-Count"), "30");
    ck_assert_str_eq(header(CALL("GET", F("%s?count=true&difficulty=advanced", base)), "X-Total-Count"), "0");
}
END_TEST

/* SECURITY 17: a cursor is only good for the list and order it came from, and as it came */
START_TEST(cursors_cannot_be_made)
{
    person_t owner = person("instructor");
    courses_make(owner, 30);
    char *next = link_of(CALL("GET", F("%s?limit=10", base)), "next"), *cursor = F("%s", strstr(next, "after=") + 6);
    cursor[strcspn(cursor, "&")] = 0;
    expect_status(CALL("GET", F("%s?limit=10&after=%s", base, cursor)), 200);
    for (size_t i = 0; i < strlen(cursor); i += 3) {
        char *changed = F("%s", cursor);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        reply_t *reply = CALL("GET", F("%s?limit=10&after=%s", base, changed));
        ck_assert_msg(reply->status == 422, "letter %zu: %d", i, reply->status);
        expect_fault(reply, "?after", NULL);
    }
    expect_problem(CALL("GET", F("%s?limit=10&after=%sA", base, cursor)), "validation_failed");
    expect_problem(CALL("GET", F("%s?limit=10&sort=title&after=%s", base, cursor)), "validation_failed");
    expect_problem(CALL("GET", F("/api/v1/achievements?after=%s", cursor)), "validation_failed");
    expect_problem(CALL("GET", F("%s?skip=1&after=%s", base, cursor)), "validation_failed");
}
END_TEST

START_TEST(cursors_are_bound_to_the_filters)
{
    courses_make(person("instructor"), 30);
    char *next = link_of(CALL("GET", F("%s?limit=10&difficulty=beginner&q=Course", base)), "next");
    char *cursor = F("%s", strstr(next, "after=") + 6);
    cursor[strcspn(cursor, "&")] = 0;
    expect_status(CALL("GET", next), 200);
    expect_status(CALL("GET", F("%s?q=Course&limit=5&count=true&difficulty=beginner&after=%s", base, cursor)), 200);
    static const char *const others[] = {"",
                                         "difficulty=beginner&",
                                         "q=Course&",
                                         "difficulty=beginner&q=course%26q=x&",
                                         "difficulty=beginner&q=Course&instructor_id=1&",
                                         NULL};
    for (const char *const *other = others; *other; other++) {
        reply_t *reply = CALL("GET", F("%s?%safter=%s", base, *other, cursor));
        ck_assert_msg(reply->status == 422, "%s: %d", *other, reply->status);
        expect_fault(reply, "?after", NULL);
    }
}
END_TEST

/* Rows that come and go between pages move nothing else. */
START_TEST(cursor_is_steady)
{
    person_t owner = person("instructor");
    courses_make(owner, 20);
    char *next = link_of(CALL("GET", F("%s?limit=10", base)), "next");
    sql("DELETE FROM forge.courses WHERE id IN (3, 10, 12)");
    courses_make(owner, 1);
    reply_t *page = CALL("GET", next);
    ck_assert_int_eq(int_at(page->json, "/0/id"), 11);
    ck_assert_int_eq(int_at(page->json, "/1/id"), 13);
}
END_TEST

START_TEST(other_lists)
{
    sql("INSERT INTO forge.achievements (name) SELECT 'A' || i FROM generate_series(1, 15) i");
    reply_t *first = CALL("GET", "/api/v1/achievements?limit=10&count=true");
    ck_assert_uint_eq(json_array_size(first->json), 10);
    ck_assert_str_eq(header(first, "X-Total-Count"), "15");
    reply_t *second = CALL("GET", link_of(first, "next"));
    ck_assert_uint_eq(json_array_size(second->json), 5);
    ck_assert_ptr_null(link_of(second, "next"));
}
END_TEST

Suite *suite_paging(void)
{
    Suite *suite = suite_create("paging");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, every_row_once);
    tcase_add_test(all, links);
    tcase_add_test(all, counts);
    tcase_add_test(all, cursors_cannot_be_made);
    tcase_add_test(all, cursors_are_bound_to_the_filters);
    tcase_add_test(all, cursor_is_steady);
    tcase_add_test(all, other_lists);
    return suite;
}
