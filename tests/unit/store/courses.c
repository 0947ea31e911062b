/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/courses.c: who sees and changes what, lists, search, versions under parallel writers.
 */
#include "schema.h"
#include "store/learning/learning.h"

/* Accounts 1–5; organisation 1 has members 2 and 3. Courses: 1 public, 2 draft, 3 of the organisation, 4 draft of the
 * organisation; all of account 2. */
enum { ADMIN = 1, OWNER, MEMBER, OTHER, ANYONE };
enum { PUBLIC = 1, DRAFT, ORG, ORG_DRAFT, COURSES = ORG_DRAFT };

static forge_rows_t *rows;

static void begin(void)
{
    schema_begin("store_courses");
}

static void setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, email_key, username, role, password_hash)"
        " SELECT n || '@example.org', n || '@example.org', n, r, '" FORGE_TEST_HASH "'"
        " FROM (VALUES ('admin', 'admin'), ('owner', 'instructor'), ('member', 'student'), ('other', 'instructor')) "
        "v(n, r);"
        "INSERT INTO forge.organizations (name, slug) VALUES ('One', 'one'), ('Two', 'two');"
        "INSERT INTO forge.memberships (organization_id, user_id) VALUES (1, 2), (1, 3);"
        "INSERT INTO forge.courses (title, instructor_id, organization_id, status) VALUES"
        " ('Public', 2, NULL, 'published'), ('Draft', 2, NULL, 'draft'), ('Org', 2, 1, 'published'), ('Org draft', 2, "
        "1, 'draft')");
}

static const forge_actor_t *by(int id)
{
    static const forge_actor_t callers[] = {[ADMIN] = {.id = 1, .admin = true},
                                            [OWNER] = {.id = 2},
                                            [MEMBER] = {.id = 3},
                                            [OTHER] = {.id = 4},
                                            [ANYONE] = {.id = 0}};
    return &callers[id];
}

static const char *column(const char *name)
{
    return forge_store_rows_text(rows, 0, name);
}

static forge_status_t update(apr_int64_t id, const char *members, const char *if_version, int caller)
{
    return forge_store_course_update(db, forge_test_pool, by(caller), id,
                                     &(forge_patch_t){.members = members, .if_version = if_version}, &rows);
}

/* --- who sees what --- */

static const bool sees[][COURSES + 1] = {
    [ADMIN] = {0, true, true, true, true},     [OWNER] = {0, true, true, true, true},
    [MEMBER] = {0, true, false, true, false},  [OTHER] = {0, true, false, false, false},
    [ANYONE] = {0, true, false, false, false},
};

START_TEST(read_by_rights)
{
    for (int caller = ADMIN; caller <= ANYONE; caller++)
        for (int id = PUBLIC; id <= COURSES; id++)
            ck_assert_msg(forge_store_course_get(db, forge_test_pool, by(caller), id, &rows) ==
                              (sees[caller][id] ? FORGE_OK : FORGE_E_NOT_FOUND),
                          "caller %d, course %d", caller, id);
    ck_assert_int_eq(forge_store_course_get(db, forge_test_pool, by(ADMIN), APR_INT64_MAX, &rows), FORGE_E_NOT_FOUND);
}
END_TEST

START_TEST(changed_by_rights)
{
    const char *in = "{\"title\":\"New\"}";
    for (int caller = ADMIN; caller <= ANYONE; caller++)
        for (int id = PUBLIC; id <= COURSES; id++) {
            forge_status_t expected = !sees[caller][id] ? FORGE_E_NOT_FOUND
                                      : caller <= OWNER ? FORGE_OK
                                                        : FORGE_E_NOT_OWNER;
            ck_assert_int_eq(update(id, in, NULL, caller), expected);
            if (caller > OWNER)
                ck_assert_int_eq(forge_store_course_delete(db, forge_test_pool, by(caller), id, NULL), expected);
        }
    ck_assert_str_eq(ask("SELECT string_agg(title || version, ' ' ORDER BY id) FROM forge.courses"),
                     "New3 New3 New3 New3");
    ck_assert_int_eq(forge_store_course_delete(db, forge_test_pool, by(OWNER), PUBLIC, NULL), FORGE_OK);
    ck_assert_int_eq(forge_store_course_delete(db, forge_test_pool, by(ADMIN), DRAFT, NULL), FORGE_OK);
    ck_assert_int_eq(forge_store_course_delete(db, forge_test_pool, by(ADMIN), DRAFT, NULL), FORGE_E_NOT_FOUND);
}
END_TEST

/* --- create, update, delete --- */

START_TEST(created_with_defaults)
{
    forge_course_in_t in = {.title = "C"};
    ck_assert_int_eq(forge_store_course_create(db, forge_test_pool, by(OTHER), &in, &rows), FORGE_OK);
    ck_assert_str_eq(column("difficulty"), "beginner");
    ck_assert_str_eq(column("status"), "published");
    ck_assert_str_eq(column("description"), "");
    ck_assert_str_eq(column("instructor_id"), "4");
    ck_assert_str_eq(column("version"), "1");
    ck_assert_ptr_null(column("organization_id"));
    ck_assert_ptr_null(column("search"));
}
END_TEST

START_TEST(created_in_organisations)
{
    struct {
        const char *organization;
        int caller;
        forge_status_t expected;
    } const cases[] = {
        {"1", MEMBER, FORGE_OK},
        {"1", OTHER, FORGE_E_BAD_REFERENCE},
        {"1", ADMIN, FORGE_OK},
        {"2", MEMBER, FORGE_E_BAD_REFERENCE},
        {"99", ADMIN, FORGE_E_BAD_REFERENCE},
        {"9223372036854775807", ADMIN, FORGE_E_BAD_REFERENCE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const forge_course_in_t in = {.title = "C", .organization_id = cases[i].organization};
        ck_assert_int_eq(forge_store_course_create(db, forge_test_pool, by(cases[i].caller), &in, &rows),
                         cases[i].expected);
    }
}
END_TEST

START_TEST(created_by_a_deleted_account)
{
    const forge_course_in_t in = {.title = "C"};
    const forge_actor_t gone = {.id = 77};
    ck_assert_int_eq(forge_store_course_create(db, forge_test_pool, &gone, &in, &rows), FORGE_E_INVALID_TOKEN);
}
END_TEST

START_TEST(bounds)
{
    const forge_course_in_t title = {.title = apr_psprintf(forge_test_pool, "%0201d", 0)},
                            status = {.title = "C", .status = "secret"};
    ck_assert_int_eq(forge_store_course_create(db, forge_test_pool, by(OWNER), &title, &rows), FORGE_E_VALIDATION);
    ck_assert_str_eq(forge_store_constraint(db), "courses_title_form");
    ck_assert_int_eq(forge_store_course_create(db, forge_test_pool, by(OWNER), &status, &rows), FORGE_E_VALIDATION);
    ck_assert_str_eq(forge_store_constraint(db), "courses_status_known");
}
END_TEST

START_TEST(patch_leaves_the_rest)
{
    ck_assert_int_eq(update(ORG, "{\"description\":\"D\"}", NULL, OWNER), FORGE_OK);
    ck_assert_str_eq(column("title"), "Org");
    ck_assert_str_eq(column("description"), "D");
    ck_assert_str_eq(column("organization_id"), "1");
    ck_assert_str_eq(column("version"), "2");
    ck_assert_int_eq(update(ORG, "{\"organization_id\":null}", NULL, OWNER), FORGE_OK);
    ck_assert_ptr_null(column("organization_id"));
    ck_assert_str_eq(column("description"), "D");
    ck_assert_int_eq(update(ORG, "{}", NULL, OWNER), FORGE_OK); /* nothing asked: still a new version */
    ck_assert_str_eq(column("version"), "4");
    /* Only five members are ever taken from the patch. */
    ck_assert_int_eq(
        update(ORG, "{\"id\":9,\"instructor_id\":4,\"version\":9,\"created_at\":\"2000-01-01\",\"search\":\"x\"}", NULL,
               OWNER),
        FORGE_OK);
    ck_assert_str_eq(column("id"), "3");
    ck_assert_str_eq(column("instructor_id"), "2");
    ck_assert_str_eq(column("version"), "5");
    ck_assert_str_eq(ask("SELECT created_at > now() - interval '1 hour' FROM forge.courses WHERE id = 3"), "true");
}
END_TEST

START_TEST(null_sets_the_default)
{
    sql("UPDATE forge.courses SET description = 'D', difficulty = 'advanced' WHERE id = 4");
    ck_assert_int_eq(
        update(ORG_DRAFT,
               "{\"title\":\"T\",\"description\":null,\"difficulty\":null,\"status\":null,\"organization_id\":null}",
               "{2}", OWNER),
        FORGE_OK);
    ck_assert_str_eq(ask("SELECT title || description || difficulty || status || coalesce(organization_id, 0) FROM "
                         "forge.courses WHERE id = 4"),
                     "Tbeginnerpublished0");
}
END_TEST

START_TEST(moved_between_organisations)
{
    struct {
        int id;
        const char *organization;
        int caller;
        forge_status_t expected;
    } const cases[] = {
        {DRAFT, "2", OWNER, FORGE_E_BAD_REFERENCE}, /* no member there */
        {DRAFT, "1", OWNER, FORGE_OK},
        {PUBLIC, "99", ADMIN, FORGE_E_BAD_REFERENCE},
        {PUBLIC, "2", ADMIN, FORGE_OK},
        {PUBLIC, "1", OWNER,
         FORGE_E_NOT_FOUND},         /* where the administrator has put it they are no member: out of sight */
        {ORG, "1", OWNER, FORGE_OK}, /* stays where it is */
        {ORG, "2", OWNER, FORGE_E_BAD_REFERENCE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_int_eq(update(cases[i].id,
                                apr_psprintf(forge_test_pool, "{\"organization_id\":\"%s\"}", cases[i].organization),
                                NULL, cases[i].caller),
                         cases[i].expected);
}
END_TEST

START_TEST(stale_versions)
{
    const char *in = "{\"title\":\"N\"}";
    ck_assert_int_eq(update(PUBLIC, in, "{2}", OWNER), FORGE_E_PRECONDITION_FAILED);
    ck_assert_int_eq(update(PUBLIC, in, "{}", OWNER), FORGE_E_PRECONDITION_FAILED);
    ck_assert_int_eq(update(PUBLIC, in, "{7,1}", OWNER), FORGE_OK);
    ck_assert_int_eq(update(PUBLIC, in, "{1}", OWNER), FORGE_E_PRECONDITION_FAILED);
    ck_assert_int_eq(update(PUBLIC, in, "{1}", OTHER), FORGE_E_NOT_OWNER); /* rights come first */
    ck_assert_int_eq(forge_store_course_delete(db, forge_test_pool, by(OWNER), PUBLIC, "{1}"),
                     FORGE_E_PRECONDITION_FAILED);
    ck_assert_int_eq(forge_store_course_delete(db, forge_test_pool, by(OWNER), PUBLIC, "{2}"), FORGE_OK);
}
END_TEST

static forge_status_t update_first(int i)
{
    db = schema_attach();
    return update(PUBLIC, apr_psprintf(forge_test_pool, "{\"title\":\"T%d\"}", i), "{1}", OWNER);
}

static forge_status_t delete_first(int i)
{
    (void)i;
    db = schema_attach();
    return forge_store_course_delete(db, forge_test_pool, by(OWNER), DRAFT, "{1}");
}

START_TEST(one_of_many_writers_wins)
{
    ck_assert_int_eq(at_once(12, update_first, FORGE_OK), 1);
    ck_assert_int_eq(at_once(4, update_first, FORGE_E_PRECONDITION_FAILED), 4);
    ck_assert_str_eq(ask("SELECT version FROM forge.courses WHERE id = 1"), "2");
    ck_assert_int_eq(at_once(12, delete_first, FORGE_OK), 1);
    ck_assert_int_eq(at_once(2, delete_first, FORGE_E_NOT_FOUND), 2);
}
END_TEST

/* --- lists --- */

enum { Q, DIFFICULTY, INSTRUCTOR, ORGANIZATION, FILTERS };

/* Titles of a page, "A B". */
static const char *titles(int caller, const char *const values[FILTERS], const char *sort)
{
    const forge_list_t *list = forge_store_courses_seen(by(caller));
    const forge_args_t base =
        list->base_args ? FORGE_ARGS(forge_util_itoa(forge_test_pool, by(caller)->id)) : FORGE_NO_ARGS;
    const char *text = "";
    apr_int64_t total;
    forge_list_query_t query = {.base = base, .values = values, .sort = sort, .limit = 100, .count = true};
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, list, &query, &rows, &total), FORGE_OK);
    ck_assert_int_eq(total, forge_store_rows_count(rows));
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        text = apr_pstrcat(forge_test_pool, text, i ? " " : "", forge_store_rows_text(rows, i, "title"), NULL);
    return text;
}

static const char *found(const char *words)
{
    const char *const values[FILTERS] = {[Q] = words};
    return titles(ANYONE, values, NULL);
}

START_TEST(listed_by_rights)
{
    const char *const none[FILTERS] = {NULL}, *const of_org[FILTERS] = {[ORGANIZATION] = "1"},
                      *const of_owner[FILTERS] = {[INSTRUCTOR] = "2"};
    ck_assert_str_eq(titles(ADMIN, none, NULL), "Public Draft Org Org draft");
    ck_assert_str_eq(titles(OWNER, none, NULL), "Public Draft Org Org draft");
    ck_assert_str_eq(titles(MEMBER, none, NULL), "Public Org");
    ck_assert_str_eq(titles(OTHER, none, NULL), "Public");
    ck_assert_str_eq(titles(ANYONE, none, NULL), "Public");
    ck_assert_str_eq(titles(MEMBER, of_org, NULL), "Org");
    ck_assert_str_eq(titles(ANYONE, of_org, NULL), "");
    ck_assert_str_eq(titles(ANYONE, of_owner, NULL), "Public");
}
END_TEST

/* Who has left an organisation sees nothing of it any more, not even what they made. */
START_TEST(left_behind)
{
    const char *const none[FILTERS] = {NULL}, *const own[FILTERS] = {[INSTRUCTOR] = "2"};
    sql("DELETE FROM forge.memberships WHERE user_id = 2");
    for (int id = ORG; id <= ORG_DRAFT; id++) {
        ck_assert_int_eq(forge_store_course_get(db, forge_test_pool, by(OWNER), id, &rows), FORGE_E_NOT_FOUND);
        ck_assert_int_eq(update(id, "{\"organization_id\":null}", NULL, OWNER), FORGE_E_NOT_FOUND);
        ck_assert_int_eq(forge_store_course_delete(db, forge_test_pool, by(OWNER), id, NULL), FORGE_E_NOT_FOUND);
        ck_assert_int_eq(forge_store_course_get(db, forge_test_pool, by(ADMIN), id, &rows), FORGE_OK);
    }
    ck_assert_str_eq(titles(OWNER, none, NULL), "Public Draft");
    ck_assert_str_eq(titles(OWNER, own, NULL), "Public Draft");
    ck_assert_int_eq(forge_store_course_get(db, forge_test_pool, by(MEMBER), ORG, &rows), FORGE_OK);
}
END_TEST

START_TEST(filtered_and_sorted)
{
    sql("TRUNCATE forge.courses CASCADE; INSERT INTO forge.courses (title, difficulty, instructor_id, created_at) "
        "VALUES"
        " ('b', 'beginner', 2, '2026-01-03'), ('c', 'advanced', 2, '2026-01-02'), ('a', 'advanced', 4, '2026-01-02')");
    const char *const none[FILTERS] = {NULL}, *const advanced[FILTERS] = {[DIFFICULTY] = "advanced"},
                      *const both[FILTERS] = {[DIFFICULTY] = "advanced", [INSTRUCTOR] = "4"};
    ck_assert_str_eq(titles(ANYONE, none, "id"), "b c a");
    ck_assert_str_eq(titles(ANYONE, none, "title"), "a b c");
    ck_assert_str_eq(titles(ANYONE, none, "-created_at"), "b a c");
    ck_assert_str_eq(titles(ANYONE, advanced, "title"), "a c");
    ck_assert_str_eq(titles(ANYONE, both, NULL), "a");
}
END_TEST

/* Every order, walked by its cursor in pages of 7, shows each course once and in the order of one big page. */
START_TEST(walked_by_cursor)
{
    static const char *const sorts[] = {"id", "-created_at", "title"};
    const char *const none[FILTERS] = {NULL};
    sql("TRUNCATE forge.courses RESTART IDENTITY CASCADE; INSERT INTO forge.courses (title, instructor_id, created_at)"
        " SELECT 'T' || g % 5, 2, '2026-01-01'::timestamptz + (g % 4) * interval '1 microsecond' FROM "
        "generate_series(1, 60) g");
    for (size_t s = 0; s < 3; s++) {
        const forge_list_order_t *order = forge_store_list_order(&forge_store_courses_open, sorts[s]);
        forge_list_query_t query = {.values = none, .sort = sorts[s], .limit = 100};
        forge_rows_t *all;
        int seen = 0, n;
        ck_assert_int_eq(forge_store_list(db, forge_test_pool, &forge_store_courses_open, &query, &all, NULL),
                         FORGE_OK);
        query.limit = 7;
        do {
            ck_assert_int_eq(forge_store_list(db, forge_test_pool, &forge_store_courses_open, &query, &rows, NULL),
                             FORGE_OK);
            n = forge_store_rows_count(rows) > 7 ? 7 : forge_store_rows_count(rows);
            for (int i = 0; i < n; i++)
                ck_assert_str_eq(forge_store_rows_text(rows, i, "id"), forge_store_rows_text(all, seen++, "id"));
            query.after_id = forge_store_rows_text(rows, n - 1, "id");
            query.after_key = order->key ? forge_store_rows_text(rows, n - 1, order->key) : NULL;
        } while (forge_store_rows_count(rows) > 7);
        ck_assert_int_eq(seen, 60);
    }
}
END_TEST

START_TEST(searched_by_words_and_prefixes)
{
    sql("TRUNCATE forge.courses CASCADE; INSERT INTO forge.courses (title, description, instructor_id) VALUES"
        " ('Python', 'variables and loops', 2), ('Web', 'REST-APIs with python3.11 and/or Flask', 2), ('C++', 'Übung "
        "macht den Meister', "
        "2)");
    static const struct {
        const char *words, *titles;
    } const_cases[] = {
        {"python", "Python Web"},
        {"PYTH", "Python Web"},
        {"loops var", "Python"},
        {"rest api", "Web"},
        {"rest-ap", "Web"},
        {"flask", "Web"},
        {"or", "Web"},
        {"Übung", "C++"},
        {"c++", "C++"},
        {"ython", ""},
        {"python nothing", ""},
        {"", ""},
        {"   ", ""},
        {"!!!", ""},
    };
    for (size_t i = 0; i < sizeof(const_cases) / sizeof(*const_cases); i++)
        ck_assert_msg(strcmp(found(const_cases[i].words), const_cases[i].titles) == 0, "\"%s\" found \"%s\"",
                      const_cases[i].words, found(const_cases[i].words));
}
END_TEST

START_TEST(search_takes_any_text)
{
    static const char *const texts[] = {"'",
                                        "''",
                                        "' & '",
                                        "a' & 'b",
                                        "\\",
                                        "a\\",
                                        "a:*",
                                        ":*",
                                        "a & ",
                                        "!a",
                                        "(",
                                        "a | b",
                                        "<->",
                                        "'; DROP TABLE forge.courses; --",
                                        "$1",
                                        "%d",
                                        "%",
                                        "\"quoted words\"",
                                        "a\tb\nc",
                                        "<b>x</b>",
                                        "http://example.org/a?b=c",
                                        "me@example.org",
                                        "-1e5",
                                        "🚀"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        found(texts[i]); /* asserts that it works */
    char *longest = apr_pcalloc(forge_test_pool, 20001);
    for (int i = 0; i < 20000; i++)
        longest[i] = i % 9 ? (char)('a' + i % 23) : ' ';
    found(longest);
    ck_assert_str_eq(found("public"), "Public");
}
END_TEST

/* Each order and filter has an index that gives the rows in order: nothing is sorted, no whole table is read. */
START_TEST(lists_follow_indexes)
{
    static const struct {
        const char *filter, *order, *index;
    } plans[] = {
        {"", "c.id", "courses_pkey"},
        {" AND c.id > 5000", "c.id", "courses_pkey"},
        {"", "c.created_at DESC, c.id DESC", "courses_created_at"},
        {" AND (c.title, c.id) > ('T5', 1)", "c.title, c.id", "courses_title"},
        {" AND c.instructor_id = 4", "c.id", "courses_instructor_id"},
        {" AND c.organization_id = 2", "c.id", "courses_organization_id"},
    };
    sql("INSERT INTO forge.courses (title, instructor_id, organization_id, created_at) SELECT 'T' || g, CASE WHEN g % "
        "500 = 0 THEN 4 ELSE "
        "2 END,"
        " CASE WHEN g % 500 = 1 THEN 2 END, now() - g * interval '1 s' FROM generate_series(1, 10000) g; ANALYZE "
        "forge.courses");
    const char *select = forge_store_courses_list.select;
    for (const char *mark; (mark = strchr(select, '$'));) /* $1: member 3 */
        select = apr_pstrcat(forge_test_pool, apr_pstrndup(forge_test_pool, select, (apr_size_t)(mark - select)), "'3'",
                             mark + 2, NULL);
    for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
        const forge_stmt_t explain = {"", apr_pstrcat(forge_test_pool, "EXPLAIN (COSTS OFF) ", select, plans[i].filter,
                                                      " ORDER BY ", plans[i].order, " LIMIT 101", NULL)};
        bool uses = false;
        ck_assert_int_eq(forge_store_run(owner, forge_test_pool, &explain, FORGE_NO_ARGS, &rows), FORGE_OK);
        for (int r = 0; r < forge_store_rows_count(rows); r++) {
            const char *line = forge_store_rows_text(rows, r, "QUERY PLAN");
            uses = uses || strstr(line, plans[i].index);
            ck_assert_msg(!strstr(line, "Seq Scan on courses") && !strstr(line, "Sort"), "%s: %s", plans[i].order,
                          line);
        }
        ck_assert_msg(uses, "%s %s does not use %s", plans[i].filter, plans[i].order, plans[i].index);
    }
}
END_TEST

/* Numbers of the courses before this one, of one page behind the last row of the page before. */
static int path_page(const char *course, forge_list_query_t *query, apr_int64_t *total)
{
    query->base = FORGE_ARGS(NULL, "f", course);
    ck_assert_int_eq(forge_store_list(db, forge_test_pool, &forge_store_path_list, query, &rows, total), FORGE_OK);
    const int n = forge_store_rows_count(rows) > query->limit ? query->limit : forge_store_rows_count(rows);
    if (n > 0) {
        query->after_id = forge_store_rows_text(rows, n - 1, "id");
        query->after_key = forge_store_rows_text(rows, n - 1, "_rank");
    }
    return n;
}

/* Each of 1000 courses needs the next hundred: more ways than anybody can count lead to the last one. */
START_TEST(the_path_through_a_dense_graph)
{
    const char *const none[1] = {NULL};
    forge_list_query_t query = {.values = none, .limit = 100, .count = true};
    apr_int64_t total = 0;
    sql("TRUNCATE forge.courses RESTART IDENTITY CASCADE; INSERT INTO forge.courses (title, instructor_id)"
        " SELECT 'T', 2 FROM generate_series(1, 1000); SET session_replication_role = replica; INSERT INTO"
        " forge.prerequisites SELECT c, p FROM generate_series(1, 1000) c, generate_series(c + 1, least(c + 100, "
        "1000)) p;"
        "RESET session_replication_role");
    ck_assert_int_eq(path_page("901", &query, &total), 99);
    ck_assert_int_eq(total, 99);
    for (int i = 0; i < 99; i++)
        ck_assert_int_eq(forge_store_rows_int(rows, i, "id", 0), 1000 - i);
    query = (forge_list_query_t){.values = none, .limit = 100, .count = true};
    int next = 501;
    for (int n; (n = path_page("1", &query, &total)) > 0;)
        for (int i = 0; i < n; i++)
            ck_assert_int_eq(forge_store_rows_int(rows, i, "id", 0), next--);
    ck_assert_int_eq(next, 1);
    ck_assert_int_eq(total, 500); /* the nearest ones of 999 */
}
END_TEST

/* What is not shown still says what is before it. */
START_TEST(the_path_over_a_draft)
{
    const char *const none[1] = {NULL};
    forge_list_query_t query = {.values = none, .limit = 100, .count = true};
    apr_int64_t total = 0;
    sql("INSERT INTO forge.courses (title, instructor_id) VALUES ('Five', 2), ('Six', 2), ('Seven', 2);"
        "INSERT INTO forge.prerequisites VALUES (1, 2), (1, 5), (1, 7), (2, 6), (6, 5), (7, 5)");
    ck_assert_int_eq(path_page("1", &query, &total), 3);
    ck_assert_int_eq(total, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(forge_store_rows_int(rows, i, "id", 0), 5 + i);
    query = (forge_list_query_t){.values = none, .limit = 100};
    ck_assert_int_eq(path_page("2", &query, NULL), 0); /* the way to a draft is not shown */
    query = (forge_list_query_t){.values = none, .limit = 100};
    ck_assert_int_eq(path_page("5", &query, NULL), 0);
}
END_TEST

Suite *forge_test_store_courses(void)
{
    Suite *s = suite_create("store_courses");
    TCase *tc = tcase_create("courses");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, read_by_rights);
    tcase_add_test(tc, changed_by_rights);
    tcase_add_test(tc, created_with_defaults);
    tcase_add_test(tc, created_in_organisations);
    tcase_add_test(tc, created_by_a_deleted_account);
    tcase_add_test(tc, bounds);
    tcase_add_test(tc, patch_leaves_the_rest);
    tcase_add_test(tc, null_sets_the_default);
    tcase_add_test(tc, moved_between_organisations);
    tcase_add_test(tc, stale_versions);
    tcase_add_test(tc, one_of_many_writers_wins);
    tcase_add_test(tc, listed_by_rights);
    tcase_add_test(tc, left_behind);
    tcase_add_test(tc, filtered_and_sorted);
    tcase_add_test(tc, walked_by_cursor);
    tcase_add_test(tc, searched_by_words_and_prefixes);
    tcase_add_test(tc, search_takes_any_text);
    tcase_add_test(tc, lists_follow_indexes);
    tcase_add_test(tc, the_path_through_a_dense_graph);
    tcase_add_test(tc, the_path_over_a_draft);
    suite_add_tcase(s, tc);
    return s;
}
