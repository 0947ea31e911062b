/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/router.c: which row a path leads to, and which tables do not start.
 */
#include "core/wire/wire.h"
#include "unit.h"
#include <apr_strings.h>

static forge_status_t handle(forge_req_t *q)
{
    (void)q;
    return FORGE_OK;
}

static const forge_field_t a_fields[] = {{.name = "a", .type = FORGE_T_INT}, {.name = NULL}};
static const forge_field_t b_fields[] = {{.name = "b", .type = FORGE_T_INT}, {.name = NULL}};
static const forge_shape_t a = {"A", a_fields}, b = {"B", b_fields};
static const forge_tag_t tag = {"t", "a group"};

/* The store's lists are not known here: some of our own, of which one without an order is no good. */
struct forge_list_t {
    const char *orders[4], *filters[4];
};

static const char *order(const forge_list_t *list, int i)
{
    return list->orders[i];
}

static const char *filter(const forge_list_t *list, int i)
{
    return list->filters[i];
}

static const char *list_problem(const forge_list_t *list)
{
    return list->orders[0] ? NULL : "the list has no order";
}

static const forge_list_names_t lists = {order, filter, list_problem};
static const forge_list_t plain = {{"id"}, {NULL}}, sorted = {{"id", "-at", "name"}, {"a", "_own"}};

#define ROW(m, p, op, ...) \
    { \
        .method = m, .path = p, .handle = handle, .operation = op, .summary = "s", __VA_ARGS__ \
    }

static const forge_route_t rows[] = {
    ROW(FORGE_GET, "/courses", "list", .reply = &a),
    ROW(FORGE_POST, "/courses", "create", .reply = &a),
    ROW(FORGE_GET, "/courses/{id}", "get", .flags = 0),
    ROW(FORGE_DELETE, "/courses/{id}", "delete", .flags = 0),
    ROW(FORGE_GET, "/courses/{id}/modules/{m}", "module", .flags = 0),
    ROW(FORGE_GET, "/users/{id}", "user", .flags = 0),
    ROW(FORGE_PATCH, "/users/{id}", "user_change", .flags = 0),
    ROW(FORGE_GET, "/users/me", "me", .flags = 0),
    ROW(FORGE_GET, "/users/me/export", "export", .flags = 0),
    ROW(FORGE_GET, "/users/{id}/badges", "badges", .flags = 0),
    ROW(FORGE_GET, "/7/fixed", "seven", .flags = 0),
    ROW(FORGE_GET, "/{id}/loose", "loose", .flags = 0),
};

static const forge_route_t roots[] = {
    ROW(FORGE_GET, "/", "root", .flags = FORGE_R_ROOT, .part = FORGE_PART_DOCS),
    ROW(FORGE_GET, "/health", "health", .flags = FORGE_R_ROOT, .part = FORGE_PART_DOCS),
    ROW(FORGE_GET, "/.well-known/jwks.json", "jwks", .flags = FORGE_R_ROOT, .part = FORGE_PART_DOCS),
    ROW(FORGE_GET, "/docs/{file}", "file", .flags = FORGE_R_ROOT | FORGE_R_TAIL, .part = FORGE_PART_DOCS),
    ROW(FORGE_GET, "/docs/index", "docs", .flags = FORGE_R_ROOT, .part = FORGE_PART_DOCS),
    ROW(FORGE_GET, "/logs/{id}/{file}", "log", .flags = FORGE_R_ROOT | FORGE_R_TAIL, .part = FORGE_PART_DOCS),
};

static const forge_routes_t tables[] = {{rows, sizeof(rows) / sizeof(rows[0]), &tag},
                                        {roots, sizeof(roots) / sizeof(roots[0]), &tag}};

static forge_router_t *router;
static forge_match_t match;

static void begin(void)
{
    const char *why = NULL;
    forge_test_begin();
    router = forge_core_router_make(forge_test_pool, tables, 2, &lists, &why);
    ck_assert_msg(router != NULL, "%s", why);
}

static const char *find(forge_method_t method, const char *path)
{
    forge_core_router_find(router, forge_test_pool, method, path, &match);
    ck_assert_int_eq(match.route != NULL, match.index >= 0);
    return match.route ? match.route->operation : NULL;
}

static void nowhere(const char *path)
{
    ck_assert_msg(!find(FORGE_GET, path) && match.allowed == 0, "%s", path);
}

START_TEST(paths_find_their_rows)
{
    ck_assert_str_eq(find(FORGE_GET, "/api/v1/courses"), "list");
    ck_assert_str_eq(find(FORGE_GET, "/api/v1/courses/"), "list");
    ck_assert_str_eq(find(FORGE_POST, "/api/v1/courses"), "create");
    ck_assert_str_eq(find(FORGE_GET, "/api/v1/courses/12"), "get");
    ck_assert(match.n_ids == 1 && match.ids[0] == 12);
    ck_assert_str_eq(find(FORGE_GET, "/api/v1/courses/9223372036854775807/modules/3/"), "module");
    ck_assert(match.n_ids == 2 && match.ids[0] == APR_INT64_MAX && match.ids[1] == 3);
    ck_assert_str_eq(find(FORGE_GET, "/"), "root");
    ck_assert_str_eq(find(FORGE_GET, "/health"), "health");
    ck_assert_str_eq(find(FORGE_GET, "/health/"), "health");
    ck_assert_str_eq(find(FORGE_GET, "/.well-known/jwks.json"), "jwks");
}
END_TEST

START_TEST(fixed_text_goes_before_parameters)
{
    ck_assert_str_eq(find(FORGE_GET, "/api/v1/users/me"), "me");
    ck_assert_int_eq(match.n_ids, 0);
    ck_assert_str_eq(find(FORGE_GET, "/api/v1/users/5"), "user");
    ck_assert_str_eq(find(FORGE_GET, "/api/v1/users/me/export"), "export");
    ck_assert_ptr_null(find(FORGE_PATCH, "/api/v1/users/me"));
    ck_assert_uint_eq(match.allowed, 1u << FORGE_GET);
    ck_assert_str_eq(find(FORGE_GET, "/docs/index"), "docs");
    ck_assert_str_eq(find(FORGE_GET, "/api/v1/7/fixed"), "seven");
    ck_assert_str_eq(find(FORGE_GET, "/api/v1/7/loose"), "loose");
    ck_assert(match.n_ids == 1 && match.ids[0] == 7);
    nowhere("/api/v1/users/me/badges");
}
END_TEST

START_TEST(wrong_methods_say_what_is_allowed)
{
    ck_assert_ptr_null(find(FORGE_PUT, "/api/v1/courses"));
    ck_assert_uint_eq(match.allowed, 1u << FORGE_GET | 1u << FORGE_POST);
    ck_assert_ptr_null(find(FORGE_POST, "/api/v1/courses/1"));
    ck_assert_uint_eq(match.allowed, 1u << FORGE_GET | 1u << FORGE_DELETE);
    ck_assert_ptr_null(find(FORGE_METHODS, "/health"));
    ck_assert_uint_eq(match.allowed, 1u << FORGE_GET);
    ck_assert_ptr_null(find((forge_method_t)-1, "/health"));
}
END_TEST

START_TEST(tails_take_names)
{
    ck_assert_str_eq(find(FORGE_GET, "/docs/swagger-ui.css"), "file");
    ck_assert_str_eq(match.tail, "swagger-ui.css");
    ck_assert_str_eq(find(FORGE_GET, "/docs/42/"), "file");
    ck_assert_str_eq(match.tail, "42");
    ck_assert_str_eq(find(FORGE_GET, "/logs/3/a_b"), "log");
    ck_assert(match.n_ids == 1 && match.ids[0] == 3);
    ck_assert_str_eq(match.tail, "a_b");
    find(FORGE_GET, "/docs/index");
    ck_assert_ptr_null(match.tail);
    nowhere("/docs/a~b");
    nowhere("/docs/a/b");
    nowhere("/docs/..");
    nowhere("/docs");
    nowhere(apr_psprintf(forge_test_pool, "/docs/%065d", 1));
    ck_assert_str_eq(find(FORGE_GET, apr_psprintf(forge_test_pool, "/docs/%064d", 1)), "file");
}
END_TEST

START_TEST(other_paths_lead_nowhere)
{
    static const char *const bad[] = {
        "",
        "x",
        "courses",
        "/api/v1",
        "/api/v1/",
        "/api",
        "//",
        "//api/v1/courses",
        "/api//v1/courses",
        "/api/v1//courses",
        "/api/v1/courses//",
        "/api/v1/courses/1//",
        "/api/v1/./courses",
        "/api/v1/courses/.",
        "/api/v1/x/../courses",
        "/api/v1/courses/..",
        "/api/v1/%2e%2e/",
        "/api/v1/courses/%31",
        "/api/v1/courses;x",
        "/api/v1/courses/1;x",
        "/api/v1/courses?x",
        "/api/v1/courses#x",
        "/API/V1/COURSES",
        "/api/v1/Courses",
        "/api/v1/courses/0",
        "/api/v1/courses/-1",
        "/api/v1/courses/+1",
        "/api/v1/courses/01",
        "/api/v1/courses/1.0",
        "/api/v1/courses/1e3",
        "/api/v1/courses/0x1",
        "/api/v1/courses/9223372036854775808",
        "/api/v1/courses/99999999999999999999",
        "/api/v1/courses/abc",
        "/api/v1/courses/1/modules",
        "/api/v1/courses/1/modules/x",
        "/api/v1/courses/1/2",
        "/api/v1/courses /",
        "/api/v1/courses\\1",
        "/api/v1/courses\x01",
        "/api/v1/\xc3\xa9",
        "/health/x",
        "/healthx",
        "/heal",
        "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t",
        "*",
        "http://a/health",
        "/api/v1/courses/*",
        "/api/v1/{id}/loose",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        nowhere(bad[i]);
}
END_TEST

START_TEST(rows_have_numbers)
{
    ck_assert_int_eq(forge_core_router_count(router), 18);
    ck_assert_str_eq(forge_core_router_template(router, 2), "/api/v1/courses/{id}");
    ck_assert_str_eq(forge_core_router_template(router, 13), "/health");
    ck_assert_ptr_eq(forge_core_router_at(router, 2), &rows[2]);
    find(FORGE_GET, "/api/v1/courses/3");
    ck_assert_int_eq(match.index, 2);
    ck_assert_ptr_eq(match.route, &rows[2]);
}
END_TEST

/* A table of these rows must be refused with a reason that has `word` in it. */
static void refused(const forge_route_t *bad, int count, const char *word)
{
    const forge_routes_t table = {bad, count, &tag};
    const char *why = NULL;
    ck_assert_msg(!forge_core_router_make(forge_test_pool, &table, 1, &lists, &why), "accepted: %s", word);
    ck_assert_ptr_nonnull(why);
    ck_assert_msg(strstr(why, word) != NULL, "%s: %s", word, why);
}

#define REFUSED(word, ...) \
    do { \
        const forge_route_t bad[] = {__VA_ARGS__}; \
        refused(bad, (int)(sizeof(bad) / sizeof(bad[0])), word); \
    } while (0)

START_TEST(bad_rows_do_not_start)
{
    REFUSED("handler", {.path = "/a", .operation = "a", .summary = "s"});
    REFUSED("operation id", {.path = "/a", .handle = handle, .summary = "s"});
    REFUSED("summary", {.path = "/a", .handle = handle, .operation = "a"});
    REFUSED("success", {.path = "/a", .success = 203, .handle = handle, .operation = "a", .summary = "s"});
    REFUSED("method", ROW(FORGE_METHODS, "/a", "a", .flags = 0));
    REFUSED("slash", ROW(FORGE_GET, "a", "a", .flags = 0));
    REFUSED("slash", ROW(FORGE_GET, NULL, "a", .flags = 0));
    REFUSED("limit class", ROW(FORGE_POST, "/a", "a", .body = &a, .limit = FORGE_LIMIT_NONE));
    REFUSED("media", ROW(FORGE_GET, "/a", "a", .flags = FORGE_R_RAW));
    REFUSED(".prepare", ROW(FORGE_POST, "/a", "a", .flags = FORGE_R_IDEMPOTENT | FORGE_R_HASHES, .again = handle));
    REFUSED(".again", ROW(FORGE_POST, "/a", "a", .flags = FORGE_R_IDEMPOTENT));
    REFUSED("second time", ROW(FORGE_POST, "/a", "a", .flags = FORGE_R_IDEMPOTENT | FORGE_R_TOKENS, .again = handle));
}
END_TEST

/* Names of parts and of enums are names of schemas too. */
static const forge_field_t part_of_a[] = {{"part", FORGE_T_OBJECT, .fields = b_fields, .named = "A"}, {.name = NULL}};
static const forge_field_t low[] = {{"level", FORGE_T_TEXT, .format = "enum:low|high", .named = "Level"},
                                    {.name = NULL}};
static const forge_field_t high[] = {{"level", FORGE_T_TEXT, .format = "enum:low|top", .named = "Level"},
                                     {.name = NULL}};

START_TEST(shapes_have_names_and_good_fields)
{
    static const forge_field_t twice[] = {
        {.name = "x"}, {.type = FORGE_T_INCLUDE, .fields = a_fields}, {.name = "a"}, {.name = NULL}};
    static const forge_field_t nested[] = {{.name = "o", .type = FORGE_T_OBJECT, .fields = twice}, {.name = NULL}};
    static const forge_field_t hollow[] = {{.type = FORGE_T_INCLUDE}, {.name = NULL}};
    static const forge_field_t two[] = {{.type = FORGE_T_INCLUDE, .fields = a_fields}, {.name = NULL}};
    static const forge_field_t three[] = {{.type = FORGE_T_INCLUDE, .fields = two}, {.name = NULL}};
    static const forge_field_t four[] = {{.type = FORGE_T_INCLUDE, .fields = three}, {.name = NULL}};
    static const forge_field_t five[] = {{.type = FORGE_T_INCLUDE, .fields = four}, {.name = NULL}};
    REFUSED("schema name", ROW(FORGE_GET, "/a", "a", .reply = &(forge_shape_t){.fields = a_fields}));
    REFUSED("two shapes", ROW(FORGE_GET, "/a", "a", .reply = &a),
            ROW(FORGE_GET, "/b", "b", .reply = &(forge_shape_t){"A", b_fields}));
    REFUSED("two shapes", ROW(FORGE_GET, "/a", "a", .reply = &a),
            ROW(FORGE_GET, "/b", "b", .reply = &(forge_shape_t){"Other", part_of_a}));
    REFUSED("two shapes", ROW(FORGE_GET, "/a", "a", .query = &(forge_shape_t){.fields = low}),
            ROW(FORGE_GET, "/b", "b", .query = &(forge_shape_t){.fields = high}));
    REFUSED("no fields", ROW(FORGE_POST, "/a", "a", .body = &(forge_shape_t){.name = "B"}));
    REFUSED("have the name a", ROW(FORGE_GET, "/a", "a", .query = &(forge_shape_t){.fields = twice}));
    REFUSED("have the name a", ROW(FORGE_GET, "/a", "a", .reply = &(forge_shape_t){"N", nested}));
    REFUSED("include nothing", ROW(FORGE_POST, "/a", "a", .body = &(forge_shape_t){.fields = hollow}));
    REFUSED("too deep", ROW(FORGE_POST, "/a", "a", .body = &(forge_shape_t){.fields = five}));
    const forge_route_t good[] = {ROW(FORGE_POST, "/a", "a", .body = &(forge_shape_t){.fields = four}, .reply = &b)};
    const forge_routes_t table = {good, 1, &tag};
    const char *why = "";
    ck_assert_msg(forge_core_router_make(forge_test_pool, &table, 1, NULL, &why) != NULL, "%s", why);
}
END_TEST

START_TEST(tables_have_tags)
{
    const forge_tag_t bare = {"t", NULL}, nameless = {"", "x"}, other = {"t", "another group"};
    const forge_tag_t *const bad[] = {NULL, &bare, &nameless};
    const char *why = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const forge_routes_t table = {rows, 1, bad[i]};
        ck_assert_ptr_null(forge_core_router_make(forge_test_pool, &table, 1, &lists, &why));
        ck_assert_msg(strstr(why, "no tag") != NULL, "%s", why);
    }
    const forge_routes_t two[] = {{rows, 1, &tag}, {roots, 1, &other}};
    ck_assert_ptr_null(forge_core_router_make(forge_test_pool, two, 2, &lists, &why));
    ck_assert_msg(strstr(why, "two tags") != NULL, "%s", why);
}
END_TEST

#define LIST(of, ...) ROW(FORGE_GET, "/a", "a", .flags = FORGE_R_LIST, .list = of, .reply = &a, __VA_ARGS__)

START_TEST(lists_and_their_queries_belong_together)
{
    static const forge_field_t sort_fields[] = {{.name = "sort"}, {.name = NULL}};
    const forge_list_t unordered = {{NULL}, {NULL}}, alike = {{"id", "-at", "id"}, {NULL}}, odd = {{"id|at"}, {NULL}};
    REFUSED("say which", ROW(FORGE_GET, "/a", "a", .flags = FORGE_R_LIST));
    REFUSED("only lists", ROW(FORGE_GET, "/a", "a", .list = &plain));
    REFUSED("filters by a", LIST(&sorted, .query = NULL));
    REFUSED("filters by a", LIST(&sorted, .query = &b));
    REFUSED("no order", LIST(&unordered, .query = NULL));
    REFUSED("same name", LIST(&alike, .query = NULL));
    REFUSED("no good name", LIST(&odd, .query = NULL));
    REFUSED("parameter sort", LIST(&plain, .query = &(forge_shape_t){.fields = sort_fields}));
    const forge_route_t good[] = {LIST(&sorted, .query = &a)};
    const forge_routes_t table = {good, 1, &tag};
    const char *why = NULL;
    ck_assert_ptr_null(forge_core_router_make(forge_test_pool, &table, 1, NULL, &why));
    router = forge_core_router_make(forge_test_pool, &table, 1, &lists, &why);
    ck_assert_msg(router != NULL, "%s", why);
    const forge_field_t *sort = forge_core_router_sort(router, 0);
    ck_assert_str_eq(sort->name, "sort");
    ck_assert_str_eq(sort->format, "enum:id|-at|name");
    ck_assert_str_eq(sort->preset, "id");
    ck_assert_ptr_null(sort[1].name);
}
END_TEST

START_TEST(one_order_needs_no_sort)
{
    const forge_route_t good[] = {LIST(&plain, .query = NULL)};
    const forge_routes_t table = {good, 1, &tag};
    const char *why = NULL;
    router = forge_core_router_make(forge_test_pool, &table, 1, &lists, &why);
    ck_assert_msg(router != NULL, "%s", why);
    ck_assert_ptr_null(forge_core_router_sort(router, 0));
    ck_assert_ptr_eq(forge_core_router_tag(router, 0), &tag);
    ck_assert_int_eq(forge_core_success(&good[0]), 200);
}
END_TEST

START_TEST(bad_templates_do_not_start)
{
    static const char *const paths[] = {"/a/",    "//a",    "/a//b", "/a b",   "/{}", "/{id",
                                        "/{id}x", "/x{id}", "/{ID}", "/a%20b", "/a?b"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        REFUSED("well-formed", ROW(FORGE_GET, paths[i], "a", .flags = 0));
    REFUSED("too many ids", ROW(FORGE_GET, "/{a}/{b}/{c}/{d}/{e}", "a", .flags = 0));
    REFUSED("same name", ROW(FORGE_GET, "/{a}/{a}", "a", .flags = 0));
    REFUSED("end in a parameter", ROW(FORGE_GET, "/{a}/b", "a", .flags = FORGE_R_TAIL));
}
END_TEST

START_TEST(colliding_rows_do_not_start)
{
    REFUSED("same method and path", ROW(FORGE_GET, "/a/{id}", "a", .flags = 0),
            ROW(FORGE_GET, "/a/{id}", "b", .flags = 0));
    REFUSED("same method and path", ROW(FORGE_GET, "/a/{id}", "a", .flags = 0),
            ROW(FORGE_GET, "/a/{x}", "b", .flags = 0));
    REFUSED("differently", ROW(FORGE_GET, "/a/{id}", "a", .flags = 0), ROW(FORGE_PUT, "/a/{x}", "b", .flags = 0));
    REFUSED("used twice", ROW(FORGE_GET, "/a", "a", .flags = 0), ROW(FORGE_GET, "/b", "a", .flags = 0));
}
END_TEST

START_TEST(there_may_be_so_many_routes)
{
    forge_route_t *many = apr_pcalloc(forge_test_pool, sizeof(forge_route_t) * (FORGE_ROUTES_MAX + 1));
    const char *why = NULL;
    for (int i = 0; i <= FORGE_ROUTES_MAX; i++) {
        many[i] = rows[2];
        many[i].path = apr_psprintf(forge_test_pool, "/r%d", i);
        many[i].operation = apr_psprintf(forge_test_pool, "r%d", i);
    }
    const forge_routes_t table = {many, FORGE_ROUTES_MAX, &tag};
    router = forge_core_router_make(forge_test_pool, &table, 1, &lists, &why);
    ck_assert_ptr_nonnull(router);
    ck_assert_str_eq(find(FORGE_GET, "/api/v1/r200"), "r200");
    refused(many, FORGE_ROUTES_MAX + 1, "too many routes");
}
END_TEST

/* ForgeAPI is made of these: a path outside of /api/v1 that no word of it names would be forgotten. */
START_TEST(parts_have_their_roots)
{
    static const forge_route_t docs[] = {
        ROW(FORGE_GET, "/docs/assets/{name}", "asset", .flags = FORGE_R_ROOT, .part = FORGE_PART_DOCS),
        ROW(FORGE_GET, "/docs/x", "x", .flags = FORGE_R_ROOT, .part = FORGE_PART_DOCS),
        ROW(FORGE_GET, "/docs", "docs", .flags = FORGE_R_ROOT, .part = FORGE_PART_DOCS),
        ROW(FORGE_GET, "/docs2", "docs2", .flags = FORGE_R_ROOT, .part = FORGE_PART_DOCS),
        ROW(FORGE_GET, "/errors/{code}", "error", .flags = FORGE_R_ROOT, .part = FORGE_PART_ERRORS),
    };
    const forge_routes_t both[] = {{rows, 2, &tag}, {docs, sizeof(docs) / sizeof(*docs), &tag}};
    static const char *const wanted[FORGE_PARTS] = {
        [FORGE_PART_API] = "/api/v1", [FORGE_PART_DOCS] = "/docs,/docs2", [FORGE_PART_ERRORS] = "/errors"};
    for (int part = 0; part < FORGE_PARTS; part++)
        ck_assert_str_eq(apr_array_pstrcat(forge_test_pool, forge_core_roots(forge_test_pool, both, 2, part), ','),
                         wanted[part] ? wanted[part] : "");
    REFUSED(".part", ROW(FORGE_GET, "/new", "new", .flags = FORGE_R_ROOT));
    REFUSED(".part", ROW(FORGE_GET, "/new", "new", .part = FORGE_PART_DOCS));
}
END_TEST

Suite *forge_test_core_router(void)
{
    Suite *s = suite_create("core_router");
    TCase *tc = tcase_create("routes");
    tcase_add_checked_fixture(tc, begin, forge_test_end);
    tcase_add_test(tc, paths_find_their_rows);
    tcase_add_test(tc, fixed_text_goes_before_parameters);
    tcase_add_test(tc, wrong_methods_say_what_is_allowed);
    tcase_add_test(tc, tails_take_names);
    tcase_add_test(tc, other_paths_lead_nowhere);
    tcase_add_test(tc, rows_have_numbers);
    tcase_add_test(tc, bad_rows_do_not_start);
    tcase_add_test(tc, shapes_have_names_and_good_fields);
    tcase_add_test(tc, tables_have_tags);
    tcase_add_test(tc, parts_have_their_roots);
    tcase_add_test(tc, lists_and_their_queries_belong_together);
    tcase_add_test(tc, one_order_needs_no_sort);
    tcase_add_test(tc, bad_templates_do_not_start);
    tcase_add_test(tc, colliding_rows_do_not_start);
    tcase_add_test(tc, there_may_be_so_many_routes);
    suite_add_tcase(s, tc);
    return s;
}
