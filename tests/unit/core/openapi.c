/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/openapi.c and core/describe.c: that the document says what the tables say.
 */
#include "core/wire/wire.h"
#include "unit.h"
#include <apr_strings.h>

static forge_status_t handle(forge_req_t *q)
{
    (void)q;
    return FORGE_OK;
}

static const forge_field_t part_fields[] = {
    {.name = "n", .type = FORGE_T_INT, .flags = FORGE_F_REQUIRED, .min = 1, .example = "3"},
    {.name = "type", .type = FORGE_T_TEXT, .flags = FORGE_F_NULLABLE},
    {.name = NULL},
};

static const forge_field_t thing_fields[] = {
    {.name = "id", .type = FORGE_T_INT, .flags = FORGE_F_READONLY, .min = 1, .example = "12"},
    {.name = "name",
     .type = FORGE_T_TEXT,
     .flags = FORGE_F_REQUIRED,
     .min = 1,
     .max = 20,
     .example = "Ada",
     .help = "the name"},
    {.name = "kind", .type = FORGE_T_TEXT, .flags = FORGE_F_NULLABLE, .format = "enum:a|b", .preset = "a"},
    {.name = "mail", .type = FORGE_T_TEXT, .flags = FORGE_F_OPTIONAL, .format = "email"},
    {.name = "user", .type = FORGE_T_TEXT, .min = 3, .max = 30, .format = "username"},
    {.name = "password", .type = FORGE_T_TEXT, .flags = FORGE_F_WRITEONLY | FORGE_F_REQUIRED, .format = "password"},
    {.name = "score", .type = FORGE_T_NUMBER, .max = 1, .preset = "0.5"},
    {.name = "on", .type = FORGE_T_BOOL, .preset = "true"},
    {.name = "at", .type = FORGE_T_TIME, .flags = FORGE_F_NULLABLE},
    {.name = "free", .type = FORGE_T_OBJECT},
    {.name = "part", .type = FORGE_T_OBJECT, .fields = part_fields, .named = "Part"},
    {.name = "parts", .type = FORGE_T_ARRAY, .min = 1, .max = 9, .fields = part_fields, .named = "Part"},
    {.name = "ids", .type = FORGE_T_ARRAY, .format = "int"},
    {.name = "words", .type = FORGE_T_ARRAY, .format = "text"},
    {.name = "count", .type = FORGE_T_INT, .flags = FORGE_F_READONLY},
    {.name = "level",
     .type = FORGE_T_TEXT,
     .format = "enum:low|high",
     .preset = "low",
     .named = "Level",
     .help = "how"},
    {.name = "by_name", .type = FORGE_T_OBJECT, .flags = FORGE_F_READONLY, .format = "map", .fields = part_fields},
    {.name = "lists",
     .type = FORGE_T_OBJECT,
     .flags = FORGE_F_READONLY,
     .format = "lists",
     .fields = part_fields,
     .named = "Part"},
    {.name = "rare", .type = FORGE_T_TEXT, .flags = FORGE_F_READONLY | FORGE_F_OPTIONAL | FORGE_F_APART},
    {.name = NULL},
};

static const forge_field_t thing_query_fields[] = {
    {.name = "q", .type = FORGE_T_TEXT, .min = 1, .max = 10, .help = "words"},
    {.name = "kind", .type = FORGE_T_TEXT, .flags = FORGE_F_REQUIRED},
    {.name = "level", .type = FORGE_T_TEXT, .format = "enum:low|high", .named = "Level"},
    {.name = NULL},
};

static const forge_shape_t part = {"Part", part_fields}, thing = {"Thing", thing_fields},
                           thing_query = {.fields = thing_query_fields};
static const forge_tag_t things = {"things", "What there is."}, health = {"health", "How it is."},
                         pages = {"pages", "To look at."};

/* The store's lists are not known here: one of our own. */
struct forge_list_t {
    const char *orders[3], *filters[2];
};
static const forge_list_t thing_list = {{"id", "-id"}, {"q"}};

static const char *order(const forge_list_t *list, int i)
{
    return list->orders[i];
}

static const char *filter(const forge_list_t *list, int i)
{
    return list->filters[i];
}

static const char *problem(const forge_list_t *list)
{
    (void)list;
    return NULL;
}

static const forge_named_sample_t samples[] = {
    {"plain", "Without parts", "part|parts|rare"}, {"rare", "With what is rare", "part|free"}, {.name = NULL}};
static const forge_next_t next[] = {{"thing_list", .help = "all of them"},
                                    {"thing_create", "name", .help = "another one of this name"},
                                    {"thing_file", "id", "id", "its file"},
                                    {.operation = NULL}};
static const forge_status_t create_errors[] = {FORGE_E_NAME_TAKEN, FORGE_OK};

#define COMMON .handle = handle, .reply = &thing

static const forge_route_t rows[] = {
    {.method = FORGE_GET,
     .path = "/things",
     .flags = FORGE_R_LIST,
     .list = &thing_list,
     .query = &thing_query,
     .operation = "thing_list",
     .summary = "List",
     COMMON},
    {.method = FORGE_POST,
     .path = "/things",
     .role = FORGE_ROLE_STUDENT,
     .flags = FORGE_R_IDEMPOTENT | FORGE_R_FORM | FORGE_R_CSV | FORGE_R_SESSION | FORGE_R_WORDED,
     .again = handle,
     .success = 201,
     .body = &thing,
     .operation = "thing_create",
     .summary = "Create",
     .description = "Makes one.",
     .errors = create_errors,
     .samples = samples,
     .next = next,
     COMMON},
    {.method = FORGE_GET,
     .path = "/things/{id}",
     .flags = FORGE_R_ETAG,
     .operation = "thing_get",
     .summary = "Read",
     COMMON},
    {.method = FORGE_PATCH,
     .path = "/things/{id}",
     .role = FORGE_ROLE_ADMIN,
     .flags = FORGE_R_ETAG,
     .body = &thing,
     .operation = "thing_update",
     .summary = "Change",
     COMMON},
    {.method = FORGE_DELETE,
     .path = "/things/{id}",
     .role = FORGE_ROLE_ADMIN,
     .flags = FORGE_R_ETAG | FORGE_R_STEP_UP,
     .success = 204,
     .handle = handle,
     .operation = "thing_delete",
     .summary = "Delete"},
    {.method = FORGE_GET,
     .path = "/things/{id}/files/{file}",
     .flags = FORGE_R_RAW | FORGE_R_TAIL | FORGE_R_TICKET,
     .media = "application/pdf",
     .handle = handle,
     .operation = "thing_file",
     .summary = "A file"},
};

static const forge_route_t health_rows[] = {
    {.method = FORGE_GET,
     .path = "/health",
     .flags = FORGE_R_OPEN | FORGE_R_ROOT | FORGE_R_STATUS,
     .part = FORGE_PART_HEALTH,
     .limit = FORGE_LIMIT_NONE,
     .reply = &part,
     .handle = handle,
     .operation = "health",
     .summary = "Health"},
};

static const forge_route_t page_rows[] = {
    {.method = FORGE_GET,
     .path = "/docs",
     .flags = FORGE_R_ROOT | FORGE_R_RAW | FORGE_R_HIDDEN,
     .part = FORGE_PART_DOCS,
     .limit = FORGE_LIMIT_NONE,
     .media = "text/html",
     .handle = handle,
     .operation = "docs",
     .summary = "Pages"},
};

static forge_json_t *document(bool dialect_3_0)
{
    const forge_routes_t tables[] = {
        {rows, sizeof(rows) / sizeof(rows[0]), &things}, {health_rows, 1, &health}, {page_rows, 1, &pages}};
    const forge_list_names_t lists = {order, filter, problem};
    const char *why = "";
    forge_router_t *router = forge_core_router_make(forge_test_pool, tables, 3, &lists, &why);
    ck_assert_msg(router != NULL, "%s", why);
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 1 << 20);
    forge_core_openapi_write(b, forge_test_pool, router, "1.2.3", dialect_3_0);
    ck_assert(!b->failed);
    forge_json_t *root = forge_util_json_parse(forge_test_pool, b->data, b->len, &why);
    ck_assert_msg(root != NULL, "%s", why);
    return root;
}

/* The value at a path of names divided by blanks (templates hold slashes); an item of an array by its number. */
static const forge_json_t *at(const forge_json_t *v, const char *path)
{
    char *state, *copy = apr_pstrdup(forge_test_pool, path);
    for (char *name = apr_strtok(copy, " ", &state); name && v; name = apr_strtok(NULL, " ", &state)) {
        apr_int64_t i;
        bool item = forge_util_json_type(v) == FORGE_JSON_ARRAY && forge_util_atoi(name, strlen(name), &i);
        v = item ? forge_util_json_at(v, (apr_size_t)i) : forge_util_json_get(v, name);
    }
    return v;
}

/* The value at `path`, serialised, is this. */
static void is(const forge_json_t *v, const char *path, const char *json)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, 1 << 20);
    v = at(v, path);
    ck_assert_msg(v != NULL, "%s is missing", path);
    forge_util_json_write(b, v);
    ck_assert_msg(b->len == strlen(json) && memcmp(b->data, json, b->len) == 0, "%s: %.*s", path, (int)b->len, b->data);
}

static void missing(const forge_json_t *v, const char *path)
{
    ck_assert_msg(!at(v, path), "%s is there", path);
}

#define LIST    "paths /api/v1/things get "
#define CREATE  "paths /api/v1/things post "
#define GET     "paths /api/v1/things/{id} get "
#define UPDATE  "paths /api/v1/things/{id} patch "
#define DELETE_ "paths /api/v1/things/{id} delete "
#define FILE_   "paths /api/v1/things/{id}/files/{file} get "

START_TEST(schema_of_an_answer)
{
    forge_json_t *s = forge_core_describe(forge_test_pool, NULL, thing_fields, false, false);
    is(s, "type", "\"object\"");
    is(s, "required",
       "[\"id\",\"name\",\"kind\",\"user\",\"score\",\"on\",\"at\",\"free\",\"part\",\"parts\",\"ids\",\"words\","
       "\"count\",\"level\",\"by_name\",\"lists\"]");
    is(s, "properties id", "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1,\"examples\":[12]}");
    is(s, "properties name",
       "{\"type\":\"string\",\"minLength\":1,\"maxLength\":20,\"description\":\"the name\",\"examples\":[\"Ada\"]}");
    is(s, "properties kind", "{\"type\":[\"string\",\"null\"],\"enum\":[\"a\",\"b\",null]}");
    is(s, "properties mail", "{\"type\":\"string\",\"format\":\"email\"}");
    is(s, "properties user", "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_]+$\",\"minLength\":3,\"maxLength\":30}");
    is(s, "properties at", "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\",\"examples\":[null]}");
    is(s, "properties free", "{\"type\":\"object\",\"additionalProperties\":true}");
    is(s, "properties by_name additionalProperties properties n minimum", "1");
    is(s, "properties lists additionalProperties type", "\"array\"");
    is(s, "properties lists additionalProperties items required", "[\"n\",\"type\"]");
    is(s, "properties level", "{\"type\":\"string\",\"enum\":[\"low\",\"high\"],\"description\":\"how\"}");
    is(s, "properties part required", "[\"n\",\"type\"]");
    is(s, "properties parts items properties n minimum", "1");
    is(s, "properties parts minItems", "1");
    is(s, "properties parts maxItems", "9");
    is(s, "properties ids items type", "\"integer\"");
    is(s, "properties words items type", "\"string\"");
    is(s, "properties count", "{\"type\":\"integer\",\"format\":\"int64\"}");
    missing(s, "properties password");
}
END_TEST

START_TEST(schema_of_a_body)
{
    forge_json_t *s = forge_core_describe(forge_test_pool, NULL, thing_fields, true, false);
    is(s, "required", "[\"name\",\"password\"]");
    is(s, "properties password format", "\"password\"");
    is(s, "properties kind default", "\"a\"");
    is(s, "properties score", "{\"type\":\"number\",\"minimum\":0,\"maximum\":1,\"default\":0.5}");
    is(s, "properties on default", "true");
    missing(s, "properties id");
    s = forge_core_describe(forge_test_pool, NULL, thing_fields, true, true);
    missing(s, "required");
    missing(s, "properties on default");
    is(s, "properties on type", "[\"boolean\",\"null\"]"); /* null: back to the default */
    is(s, "properties user type", "\"string\"");
}
END_TEST

START_TEST(examples_of_tables)
{
    forge_json_t *e = forge_core_describe_example(forge_test_pool, thing_fields, true);
    is(e, "",
       "{\"name\":\"Ada\",\"kind\":\"a\",\"mail\":\"text\",\"user\":\"text\",\"password\":\"text\",\"score\":0.5,"
       "\"on\":true,\"at\":null,"
       "\"free\":{},"
       "\"part\":{\"n\":3,\"type\":null},\"parts\":[{\"n\":3,\"type\":null}],\"ids\":[],\"words\":[],\"level\":"
       "\"low\"}");
    e = forge_core_describe_example(forge_test_pool, thing_fields, false);
    is(e, "id", "12");
    missing(e, "password");
    missing(e, "rare");
}
END_TEST

START_TEST(frame_of_the_document)
{
    forge_json_t *d = document(false);
    is(d, "openapi", "\"3.1.0\"");
    is(d, "info version", "\"1.2.3\"");
    is(d, "info license identifier", "\"Apache-2.0\"");
    is(d, "servers 0 url", "\"/\"");
    is(d, "tags 1 name", "\"health\"");
    ck_assert_uint_eq(forge_util_json_size(at(d, "tags")), 2);
    ck_assert_ptr_nonnull(at(d, "info contact name"));
    is(d, "components securitySchemes bearerToken bearerFormat", "\"JWT\"");
    is(d, "components securitySchemes passwordLogin flows password",
       "{\"tokenUrl\":\"/api/v1/auth/login\",\"scopes\":{}}");
    is(d, "components schemas Problem required",
       "[\"type\",\"title\",\"status\",\"code\",\"detail\",\"instance\",\"request_id\"]");
    ck_assert_uint_eq(forge_util_json_size(at(d, "paths")), 4);
    missing(d, "paths /docs");
}
END_TEST

START_TEST(operations)
{
    forge_json_t *d = document(false);
    is(d, CREATE "operationId", "\"thing_create\"");
    is(d, CREATE "tags", "[\"things\"]");
    is(d, CREATE "summary", "\"Create\"");
    is(d, CREATE "description", "\"Makes one.\"");
    is(d, CREATE "security", "[{\"bearerToken\":[]},{\"passwordLogin\":[]}]");
    is(d, LIST "description", "\"List\"");
    is(d, LIST "security", "[{},{\"bearerToken\":[]},{\"passwordLogin\":[]}]");
    is(d, FILE_ "security", "[{},{\"bearerToken\":[]},{\"passwordLogin\":[]},{\"queryTicket\":[]}]");
    is(d, "paths /health get security", "[]");
    missing(d, "paths /health get responses 401");
    is(d, "components securitySchemes queryTicket in", "\"query\"");
    is(d, FILE_ "parameters 2 name", "\"ticket\"");
    is(d, FILE_ "parameters 2 in", "\"query\"");
}
END_TEST

START_TEST(parameters)
{
    forge_json_t *d = document(false);
    is(d, LIST "parameters 0",
       "{\"name\":\"q\",\"in\":\"query\",\"description\":\"words\",\"schema\":{\"type\":\"string\",\"minLength\":1,"
       "\"maxLength\":10}}");
    is(d, LIST "parameters 1 required", "true");
    is(d, LIST "parameters 2 schema", "{\"$ref\":\"#/components/schemas/Level\"}");
    is(d, LIST "parameters 3",
       "{\"name\":\"sort\",\"in\":\"query\",\"description\":\"order\",\"schema\":{\"$ref\":"
       "\"#/components/schemas/ThingOrder\",\"default\":\"id\",\"examples\":[\"-id\"]}}");
    is(d, "components schemas ThingOrder", "{\"type\":\"string\",\"enum\":[\"id\",\"-id\"]}");
    is(d, LIST "parameters 4", "{\"$ref\":\"#/components/parameters/skip\"}");
    is(d, "components parameters limit schema",
       "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1,\"maximum\":100,\"default\":100,\"examples\":[20]}");
    is(d, GET "parameters 0 schema", "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1}");
    is(d, GET "parameters 1", "{\"$ref\":\"#/components/parameters/If-None-Match\"}");
    is(d, UPDATE "parameters 1", "{\"$ref\":\"#/components/parameters/If-Match\"}");
    is(d, DELETE_ "parameters 1", "{\"$ref\":\"#/components/parameters/If-Match\"}");
    is(d, CREATE "parameters",
       "[{\"$ref\":\"#/components/parameters/Idempotency-Key\"},"
       "{\"$ref\":\"#/components/parameters/Accept-Language\"}]");
    is(d, FILE_ "parameters 1 schema", "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9._-]{1,64}$\"}");
    is(d, "components parameters If-Match in", "\"header\"");
}
END_TEST

START_TEST(bodies)
{
    forge_json_t *d = document(false);
    is(d, CREATE "requestBody content application/json schema",
       "{\"$ref\":\"#/components/schemas/ThingCreateRequest\"}");
    is(d, CREATE "requestBody content application/json example name", "\"Ada\"");
    ck_assert_ptr_nonnull(at(d, CREATE "requestBody content application/x-www-form-urlencoded"));
    is(d, CREATE "requestBody content text/csv schema", "{\"type\":\"string\"}");
    is(d, CREATE "requestBody content text/csv example", "\"n,type\\n3,\\n\"");
    missing(d, UPDATE "requestBody content text/csv");
    missing(d, CREATE "requestBody content application/merge-patch+json");
    ck_assert_ptr_nonnull(at(d, UPDATE "requestBody content application/merge-patch+json"));
    is(d, "components schemas ThingCreateRequest required", "[\"name\",\"password\"]");
    missing(d, "components schemas ThingUpdateRequest required");
    missing(d, GET "requestBody");
}
END_TEST

START_TEST(successes)
{
    forge_json_t *d = document(false);
    is(d, LIST "responses 200 content application/json schema",
       "{\"type\":\"array\",\"maxItems\":100,\"items\":{\"$ref\":\"#/components/schemas/Thing\"}}");
    ck_assert_ptr_nonnull(at(d, LIST "responses 200 headers Link"));
    ck_assert_ptr_nonnull(at(d, LIST "responses 200 headers RateLimit"));
    missing(d, GET "responses 304 headers RateLimit");
    ck_assert_ptr_nonnull(at(d, CREATE "responses 201 headers Location"));
    ck_assert_ptr_nonnull(at(d, CREATE "responses 201 headers Idempotent-Replayed"));
    ck_assert_ptr_nonnull(at(d, CREATE "responses 201 headers Content-Language"));
    ck_assert_ptr_nonnull(at(d, CREATE "responses 201 headers Vary"));
    missing(d, LIST "responses 200 headers Content-Language");
    ck_assert_ptr_nonnull(at(d, GET "responses 200 headers ETag"));
    ck_assert_ptr_nonnull(at(d, GET "responses 304"));
    missing(d, UPDATE "responses 304");
    missing(d, DELETE_ "responses 204 content");
    missing(d, DELETE_ "responses 204 headers ETag");
    is(d, FILE_ "responses 200 content", "{\"application/pdf\":{\"schema\":{\"type\":\"string\"}}}");
    is(d, "components headers ETag schema", "{\"type\":\"string\"}");
    missing(d, "paths /health get responses 200 headers RateLimit");
}
END_TEST

/* The response of a failure, behind its reference. */
static const forge_json_t *failure(const forge_json_t *d, const char *operation, const char *status)
{
    const forge_json_t *r = at(d, apr_pstrcat(forge_test_pool, operation, "responses ", status, " $ref", NULL));
    ck_assert_msg(r != NULL, "%s%s is missing", operation, status);
    r = forge_util_json_get(at(d, "components responses"),
                            forge_util_json_text(r, NULL) + strlen("#/components/responses/"));
    ck_assert_ptr_nonnull(r);
    is(r, "content application/problem+json schema", "{\"$ref\":\"#/components/schemas/Problem\"}");
    return r;
}

/* Does the failure of this operation name the code? The description stands beside the reference. */
static bool names(const forge_json_t *d, const char *operation, const char *status, const char *code)
{
    const forge_json_t *text =
        at(d, apr_pstrcat(forge_test_pool, operation, "responses ", status, " description", NULL));
    ck_assert_ptr_nonnull(text);
    return strstr(forge_util_json_text(text, NULL), apr_pstrcat(forge_test_pool, "`", code, "`", NULL)) != NULL;
}

START_TEST(failures)
{
    forge_json_t *d = document(false);
    ck_assert(names(d, CREATE, "409", "name_taken"));
    ck_assert(names(d, CREATE, "422", "idempotency_mismatch"));
    ck_assert(!names(d, LIST, "422", "idempotency_mismatch"));
    ck_assert(names(d, CREATE, "403", "session_required"));
    ck_assert(names(d, CREATE, "403", "csrf_failed"));
    ck_assert(!names(d, UPDATE, "403", "session_required"));
    ck_assert(names(d, DELETE_, "401", "insufficient_user_authentication"));
    ck_assert(!names(d, UPDATE, "401", "insufficient_user_authentication"));
    ck_assert_ptr_nonnull(at(failure(d, CREATE, "401"), "headers WWW-Authenticate"));
    ck_assert_ptr_nonnull(at(failure(d, CREATE, "429"), "headers Retry-After"));
    ck_assert_ptr_nonnull(at(failure(d, CREATE, "429"), "headers RateLimit"));
    missing(failure(d, CREATE, "409"), "headers RateLimit");
    ck_assert_ptr_eq(failure(d, CREATE, "401"), failure(d, UPDATE, "401"));
    failure(d, GET, "414");
    failure(d, CREATE, "413");
    failure(d, CREATE, "415");
    failure(d, LIST, "400");
    failure(d, LIST, "422");
    failure(d, GET, "404");
    failure(d, UPDATE, "412");
    failure(d, GET, "500");
    failure(d, GET, "503");
    failure(d, GET, "406");
    missing(d, DELETE_ "responses 406");
    missing(d, LIST "responses 403");
    missing(d, LIST "responses 404");
    missing(d, LIST "responses 415");
    missing(d, GET "responses 412");
    missing(d, GET "responses 422");
    missing(d, "paths /health get responses 429");
    ck_assert_ptr_nonnull(at(d, "paths /health get responses 503 content application/json"));
    ck_assert_ptr_nonnull(at(d, "paths /health get responses 503 content application/problem+json"));
}
END_TEST

START_TEST(examples_of_failures)
{
    forge_json_t *d = document(false);
    is(d, "paths /health get responses 503 content application/problem+json example code", "\"unavailable\"");
    is(d, "paths /health get responses 503 content application/problem+json example title", "\"Service Unavailable\"");
    missing(d, "paths /health get responses 503 content application/problem+json example errors");
    const forge_json_t *example = at(failure(d, LIST, "422"), "content application/problem+json example");
    is(example, "status", "422");
    is(example, "errors", "[{\"pointer\":\"/email\",\"code\":\"required\",\"detail\":\"this member is needed\"}]");
}
END_TEST

START_TEST(older_dialect)
{
    forge_json_t *d = document(true);
    is(d, "openapi", "\"3.0.3\"");
    missing(d, "info license identifier");
    is(d, "info license url", "\"https://www.apache.org/licenses/LICENSE-2.0\"");
    is(d, "components schemas Thing properties kind",
       "{\"type\":\"string\",\"nullable\":true,\"enum\":[\"a\",\"b\",null]}");
    is(d, "components schemas Thing properties name example", "\"Ada\"");
    missing(d, "components schemas Thing properties name examples");
    is(d, "components schemas Part properties type", "{\"type\":\"string\",\"nullable\":true,\"example\":null}");
    is(d, LIST "responses 200 content application/json example 0 id", "12");
    is(d, "components schemas Thing properties level", "{\"$ref\":\"#/components/schemas/Level\"}");
    is(d, LIST "responses 422", "{\"$ref\":\"#/components/responses/UnprocessableEntity\"}");
    missing(d, "components schemas ProblemCode enum");
    missing(d, CREATE "responses 201 links thing_create requestBody");
    ck_assert_ptr_nonnull(at(d, CREATE "requestBody content"));
    ck_assert_uint_eq(forge_util_json_size(at(d, "components schemas ProblemCode x-extensible-enum")),
                      FORGE_E_COUNT - 1);
    ck_assert_uint_eq(forge_util_json_size(at(d, "paths")), 4);
}
END_TEST

/* What has a name stands once; what is sent has one of its own, for it has other members. */
START_TEST(named)
{
    forge_json_t *d = document(false);
    is(d, "components schemas Thing properties part", "{\"$ref\":\"#/components/schemas/Part\"}");
    is(d, "components schemas Thing properties parts items", "{\"$ref\":\"#/components/schemas/Part\"}");
    is(d, "components schemas Thing properties lists additionalProperties items",
       "{\"$ref\":\"#/components/schemas/Part\"}");
    is(d, "components schemas ThingCreateRequest properties part", "{\"$ref\":\"#/components/schemas/PartInput\"}");
    is(d, "components schemas PartInput required", "[\"n\"]");
    is(d, "components schemas Thing properties level",
       "{\"$ref\":\"#/components/schemas/Level\",\"description\":\"how\"}");
    is(d, "components schemas ThingCreateRequest properties level default", "\"low\"");
    is(d, "components schemas ThingUpdateRequest properties level enum", "[\"low\",\"high\",null]");
    is(d, "components schemas Problem properties code $ref", "\"#/components/schemas/ProblemCode\"");
    ck_assert_uint_eq(forge_util_json_size(at(d, "components schemas ProblemCode enum")), FORGE_E_COUNT - 1);
}
END_TEST

START_TEST(samples_of_a_reply)
{
    forge_json_t *d = document(false);
    missing(d, CREATE "responses 201 content application/json example");
    is(d, CREATE "responses 201 content application/json examples plain summary", "\"Without parts\"");
    is(d, CREATE "responses 201 content application/json examples plain value id", "12");
    missing(d, CREATE "responses 201 content application/json examples plain value parts");
    missing(d, CREATE "responses 201 content application/json examples plain value rare");
    is(d, CREATE "responses 201 content application/json examples rare value rare", "\"text\"");
    missing(d, CREATE "responses 201 content application/json examples rare value part");
    ck_assert_ptr_nonnull(at(d, GET "responses 200 content application/json example"));
}
END_TEST

START_TEST(links)
{
    forge_json_t *d = document(false);
    is(d, CREATE "responses 201 links thing_list", "{\"operationId\":\"thing_list\",\"description\":\"all of them\"}");
    is(d, CREATE "responses 201 links thing_create requestBody", "{\"name\":\"$response.body#/name\"}");
    is(d, CREATE "responses 201 links thing_file parameters", "{\"id\":\"$response.body#/id\"}");
    is(d, CREATE "responses 201 links thing_get",
       "{\"operationId\":\"thing_get\",\"parameters\":{\"id\":\"$response.body#/id\"}}");
    ck_assert_ptr_nonnull(at(d, CREATE "responses 201 links thing_update"));
    ck_assert_ptr_nonnull(at(d, CREATE "responses 201 links thing_delete"));
    missing(d, GET "responses 200 links");
}
END_TEST

typedef struct walk_t {
    const forge_json_t *root;
    int references;
} walk_t;

/* Every reference leads somewhere. */
static bool follow(void *baton, const char *name, forge_json_t *value)
{
    walk_t *w = baton;
    if (strcmp(name, "$ref") == 0) {
        char *path = apr_pstrdup(forge_test_pool, forge_util_json_text(value, NULL) + 2), *state;
        const forge_json_t *v = w->root;
        for (char *step = apr_strtok(path, "/", &state); step; step = apr_strtok(NULL, "/", &state))
            v = forge_util_json_get(v, step);
        ck_assert_msg(v != NULL, "%s", forge_util_json_text(value, NULL));
        w->references++;
    }
    forge_util_json_each(value, follow, w);
    for (apr_size_t i = 0; forge_util_json_type(value) == FORGE_JSON_ARRAY && i < forge_util_json_size(value); i++)
        forge_util_json_each(forge_util_json_at(value, i), follow, w);
    return true;
}

START_TEST(references_lead_somewhere)
{
    walk_t w = {document(_i == 1), 0};
    forge_util_json_each(w.root, follow, &w);
    ck_assert_int_gt(w.references, 50);
}
END_TEST

Suite *forge_test_core_openapi(void)
{
    Suite *s = suite_create("core_openapi");
    TCase *tc = tcase_create("document");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, schema_of_an_answer);
    tcase_add_test(tc, schema_of_a_body);
    tcase_add_test(tc, examples_of_tables);
    tcase_add_test(tc, frame_of_the_document);
    tcase_add_test(tc, operations);
    tcase_add_test(tc, parameters);
    tcase_add_test(tc, bodies);
    tcase_add_test(tc, successes);
    tcase_add_test(tc, failures);
    tcase_add_test(tc, examples_of_failures);
    tcase_add_test(tc, older_dialect);
    tcase_add_test(tc, named);
    tcase_add_test(tc, samples_of_a_reply);
    tcase_add_test(tc, links);
    tcase_add_loop_test(tc, references_lead_somewhere, 0, 2);
    suite_add_tcase(s, tc);
    return s;
}
