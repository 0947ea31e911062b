/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/faults.c and core/fields.c: what a field table accepts, what it says about the rest, and what it keeps.
 */
#include "core/wire/wire.h"
#include "unit.h"
#include <apr_strings.h>

static const forge_field_t limit_fields[] = {
    {.name = "most", .type = FORGE_T_INT, .flags = FORGE_F_OPTIONAL | FORGE_F_RESETS, .min = 1},
    {.name = "name", .type = FORGE_T_TEXT, .flags = FORGE_F_OPTIONAL},
    {.name = NULL},
};

static const forge_field_t item_fields[] = {
    {.name = "email", .type = FORGE_T_TEXT, .flags = FORGE_F_REQUIRED, .format = "email"},
    {.name = "level", .type = FORGE_T_INT, .min = 1, .max = 3},
    {.name = "id", .type = FORGE_T_INT, .flags = FORGE_F_READONLY},
    {.name = NULL},
};

static const forge_field_t fields[] = {
    {.name = "title", .type = FORGE_T_TEXT, .flags = FORGE_F_REQUIRED, .min = 1, .max = 5},
    {.name = "note", .type = FORGE_T_TEXT, .flags = FORGE_F_NULLABLE},
    {.name = "count", .type = FORGE_T_INT, .min = 1, .max = 100, .preset = "7"},
    {.name = "big", .type = FORGE_T_INT},
    {.name = "low", .type = FORGE_T_INT, .min = -5, .max = 5},
    {.name = "ratio", .type = FORGE_T_NUMBER, .min = 0, .max = 1},
    {.name = "flag", .type = FORGE_T_BOOL},
    {.name = "at", .type = FORGE_T_TIME},
    {.name = "kind", .type = FORGE_T_TEXT, .format = "enum:red|green|blue"},
    {.name = "mail", .type = FORGE_T_TEXT, .format = "email"},
    {.name = "user", .type = FORGE_T_TEXT, .format = "username"},
    {.name = "secret", .type = FORGE_T_TEXT, .format = "password"},
    {.name = "link", .type = FORGE_T_TEXT, .max = 100, .format = "uri"},
    {.name = "line", .type = FORGE_T_TEXT, .max = 20, .format = "line"},
    {.name = "free", .type = FORGE_T_OBJECT},
    {.name = "one", .type = FORGE_T_OBJECT, .fields = item_fields},
    {.name = "many", .type = FORGE_T_ARRAY, .min = 1, .max = 3, .fields = item_fields},
    {.name = "limits", .type = FORGE_T_OBJECT, .flags = FORGE_F_RESETS, .preset = "{}", .fields = limit_fields},
    {.name = "ids", .type = FORGE_T_ARRAY, .format = "int"},
    {.name = "names", .type = FORGE_T_ARRAY, .format = "text"},
    {.name = "version", .type = FORGE_T_INT, .flags = FORGE_F_READONLY},
    {.name = NULL},
};

static forge_faults_t *faults;

static forge_input_t *bytes_in(forge_input_mode_t mode, const char *json, apr_size_t len)
{
    const char *why = NULL;
    forge_json_t *body = forge_util_json_parse(forge_test_pool, json, len, &why);
    ck_assert_msg(body != NULL, "%s: %s", json, why);
    faults = forge_core_faults_make(forge_test_pool);
    return forge_core_input_json(forge_test_pool, fields, mode, body, faults);
}

static forge_input_t *json_in(forge_input_mode_t mode, const char *json)
{
    return bytes_in(mode, json, strlen(json));
}

static forge_input_t *accepted(forge_input_mode_t mode, const char *json)
{
    forge_input_t *in = json_in(mode, json);
    ck_assert_msg(forge_core_faults_count(faults) == 0, "%s: %s", json,
                  forge_core_faults_count(faults) ? forge_core_faults_at(faults, 0)->detail : "");
    return in;
}

static const forge_fault_t *only_fault(void)
{
    ck_assert_int_eq(forge_core_faults_count(faults), 1);
    return forge_core_faults_at(faults, 0);
}

/* The body has exactly this one fault, and the member it is about is not bound. */
static const char *faulty(const char *json, const char *pointer, const char *code)
{
    json_in(FORGE_INPUT_PATCH, json);
    const forge_fault_t *f = only_fault();
    ck_assert_msg(strcmp(f->pointer, pointer) == 0 && strcmp(f->code, code) == 0, "%s: %s %s", json, f->pointer,
                  f->code);
    return f->detail;
}

static forge_input_t *pairs_in(forge_input_mode_t mode, const char *query)
{
    apr_table_t *pairs;
    const char *why;
    ck_assert(forge_util_form(forge_test_pool, query, strlen(query), 50, &pairs, &why));
    faults = forge_core_faults_make(forge_test_pool);
    return forge_core_input_pairs(forge_test_pool, fields, mode, pairs, faults);
}

static void faulty_query(const char *query, const char *pointer, const char *code)
{
    pairs_in(FORGE_INPUT_QUERY, apr_pstrcat(forge_test_pool, "title=x&", query, NULL));
    ck_assert_msg(strcmp(only_fault()->pointer, pointer) == 0 && strcmp(only_fault()->code, code) == 0, "%s: %s", query,
                  only_fault()->code);
}

START_TEST(binds_every_type)
{
    forge_input_t *in = accepted(
        FORGE_INPUT_CREATE,
        "{\"title\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\",\"count\":100,\"big\":9223372036854775807,\"low\":-5,"
        "\"ratio\":0.25,\"flag\":true,\"at\":\"2026-01-31T13:00:00+01:00\",\"kind\":\"green\"}");
    ck_assert_str_eq(forge_core_input_text(in, "title"), "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
    ck_assert_int_eq(forge_core_input_int(in, "count", 0), 100);
    ck_assert_str_eq(forge_core_input_text(in, "count"), "100");
    ck_assert_int_eq(forge_core_input_int(in, "big", 0), APR_INT64_MAX);
    ck_assert_int_eq(forge_core_input_int(in, "low", 0), -5);
    ck_assert_str_eq(forge_core_input_text(in, "ratio"), "0.25");
    ck_assert(forge_core_input_bool(in, "flag", false));
    ck_assert_str_eq(forge_core_input_text(in, "flag"), "true");
    ck_assert_str_eq(forge_core_input_text(in, "at"), "2026-01-31T12:00:00Z");
    ck_assert_str_eq(forge_core_input_text(in, "kind"), "green");
    ck_assert(!forge_core_input_has(in, "note"));
    ck_assert_ptr_null(forge_core_input_text(in, "note"));
    ck_assert_int_eq(forge_core_input_int(in, "low", 9), -5);
}
END_TEST

START_TEST(create_wants_the_required_and_sets_presets)
{
    forge_input_t *in = accepted(FORGE_INPUT_CREATE, "{\"title\":\"x\"}");
    ck_assert(forge_core_input_has(in, "count"));
    ck_assert_int_eq(forge_core_input_int(in, "count", 0), 7);
    ck_assert_int_eq(forge_core_input_int(in, "big", 42), 42);
    ck_assert(forge_core_input_bool(in, "flag", true));
    json_in(FORGE_INPUT_CREATE, "{}");
    ck_assert_str_eq(only_fault()->pointer, "/title");
    ck_assert_str_eq(only_fault()->code, "required");
}
END_TEST

START_TEST(patch_takes_what_is_there)
{
    forge_input_t *in = accepted(FORGE_INPUT_PATCH, "{\"note\":null}");
    ck_assert(forge_core_input_has(in, "note"));
    ck_assert(forge_core_input_null(in, "note"));
    ck_assert_ptr_null(forge_core_input_text(in, "note"));
    ck_assert(!forge_core_input_has(in, "title"));
    ck_assert(!forge_core_input_has(in, "count"));
    ck_assert(!forge_core_input_null(in, "title"));
    faulty("{\"title\":null}", "/title", "null");
}
END_TEST

START_TEST(null_in_a_patch_sets_the_default)
{
    forge_input_t *in = accepted(FORGE_INPUT_PATCH, "{\"count\":null}");
    ck_assert(forge_core_input_has(in, "count"));
    ck_assert(!forge_core_input_null(in, "count"));
    ck_assert_int_eq(forge_core_input_int(in, "count", 0), 7);
    json_in(FORGE_INPUT_CREATE, "{\"title\":\"x\",\"count\":null}");
    ck_assert_str_eq(only_fault()->pointer, "/count");
    ck_assert_str_eq(only_fault()->code, "null");
}
END_TEST

/* An object is a patch in a patch; what an array has is whole. */
START_TEST(null_in_an_object_of_a_patch)
{
    static const char *const names[] = {"limits", NULL};
    forge_input_t *in = accepted(FORGE_INPUT_PATCH, "{\"limits\":{\"most\":null,\"more\":null}}");
    ck_assert_str_eq(forge_core_input_members(forge_test_pool, in, names, false), "{\"limits\":{\"most\":null}}");
    in = accepted(FORGE_INPUT_PATCH, "{\"limits\":null}");
    ck_assert_str_eq(forge_core_input_members(forge_test_pool, in, names, false), "{\"limits\":null}");
    faulty("{\"limits\":{\"name\":null}}", "/limits/name", "null");
    faulty("{\"many\":[{\"email\":null}]}", "/many/0/email", "null");
    json_in(FORGE_INPUT_CREATE, "{\"title\":\"x\",\"limits\":{\"most\":null}}");
    ck_assert_str_eq(only_fault()->pointer, "/limits/most");
    json_in(FORGE_INPUT_CREATE, "{\"title\":\"x\",\"limits\":null}");
    ck_assert_str_eq(only_fault()->pointer, "/limits");
}
END_TEST

START_TEST(sent_members_as_json)
{
    static const char *const names[] = {"note", "no_such_member", "flag", "count", "title", "at", NULL};
    static const char *const unknown[] = {"no_such_member", NULL};
    forge_input_t *in =
        accepted(FORGE_INPUT_PATCH, "{\"note\":null,\"flag\":false,\"count\":3,\"title\":\"a\\\"b\",\"low\":1}");
    ck_assert_str_eq(forge_core_input_members(forge_test_pool, in, names, false),
                     "{\"note\":null,\"flag\":false,\"count\":3,\"title\":\"a\\\"b\"}");
    ck_assert_str_eq(forge_core_input_members(forge_test_pool, in, names, true),
                     "{\"note\":null,\"flag\":false,\"count\":3,\"title\":\"a\\\"b\",\"at\":null}");
    ck_assert_str_eq(forge_core_input_members(forge_test_pool, in, unknown, false), "{}");
    ck_assert_str_eq(forge_core_input_members(forge_test_pool, in, unknown, true), "{}");
    ck_assert_str_eq(forge_core_input_members(forge_test_pool, in, unknown + 1, false), "{}");
}
END_TEST

/* Objects and arrays too, with their listed members alone, and however large they are. */
START_TEST(sent_structures_as_json)
{
    static const char *const names[] = {"many", "free", "ids", "one", NULL};
    forge_input_t *in = accepted(FORGE_INPUT_PATCH, "{\"many\":[{\"email\":\"a@example.org\",\"more\":1}],"
                                                    "\"free\":{\"b\":[2]},\"ids\":[3]}");
    ck_assert_str_eq(forge_core_input_members(forge_test_pool, in, names, true),
                     "{\"many\":[{\"email\":\"a@example.org\"}],\"free\":{\"b\":[2]},\"ids\":[3],\"one\":null}");
    char *large = apr_palloc(forge_test_pool, 600001);
    memset(large, 'x', 600000);
    large[600000] = '\0';
    in = accepted(FORGE_INPUT_PATCH, apr_pstrcat(forge_test_pool, "{\"free\":{\"b\":\"", large, "\"}}", NULL));
    ck_assert_uint_eq(strlen(forge_core_input_members(forge_test_pool, in, names, false)),
                      600000 + strlen("{\"free\":{\"b\":\"\"}}"));
}
END_TEST

START_TEST(wrong_types)
{
    static const char *const bad[][2] = {
        {"{\"title\":1}", "/title"},       {"{\"title\":[\"a@b\"]}", "/title"}, {"{\"title\":{\"$ne\":1}}", "/title"},
        {"{\"title\":true}", "/title"},    {"{\"count\":\"1\"}", "/count"},     {"{\"count\":1.5}", "/count"},
        {"{\"count\":1e-1}", "/count"},    {"{\"count\":true}", "/count"},      {"{\"ratio\":\"0.5\"}", "/ratio"},
        {"{\"flag\":1}", "/flag"},         {"{\"flag\":\"true\"}", "/flag"},    {"{\"at\":1769860800}", "/at"},
        {"{\"kind\":[]}", "/kind"},        {"{\"free\":[]}", "/free"},          {"{\"free\":\"{}\"}", "/free"},
        {"{\"one\":1}", "/one"},           {"{\"many\":{}}", "/many"},          {"{\"many\":[1]}", "/many/0"},
        {"{\"ids\":[1,\"2\"]}", "/ids/1"}, {"{\"ids\":[1.5]}", "/ids/0"},       {"{\"names\":[null]}", "/names/0"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        faulty(bad[i][0], bad[i][1], "type");
    faulty("[]", "", "type");
    faulty("\"x\"", "", "type");
}
END_TEST

START_TEST(lengths_and_ranges)
{
    faulty("{\"title\":\"\"}", "/title", "too_short");
    ck_assert_str_eq(faulty("{\"title\":\"123456\"}", "/title", "too_long"), "must be 1 to 5 characters long");
    ck_assert_str_eq(faulty("{\"count\":0}", "/count", "out_of_range"), "must be between 1 and 100");
    faulty("{\"count\":101}", "/count", "out_of_range");
    faulty("{\"low\":-6}", "/low", "out_of_range");
    ck_assert_str_eq(faulty("{\"big\":-1}", "/big", "out_of_range"), "must be 0 or more");
    faulty("{\"ratio\":1.01}", "/ratio", "out_of_range");
    faulty("{\"ratio\":-0.01}", "/ratio", "out_of_range");
    faulty("{\"many\":[]}", "/many", "too_short");
    faulty("{\"many\":[{},{},{},{}]}", "/many", "too_long");
    char *text = apr_palloc(forge_test_pool, 65600);
    memset(text, 'x', 65600);
    memcpy(text, "{\"note\":\"", 9);
    memcpy(text + 9 + 65536, "\"}", 3);
    accepted(FORGE_INPUT_PATCH, text);
    memcpy(text + 9 + 65536, "x\"}", 4);
    faulty(text, "/note", "too_long");
}
END_TEST

START_TEST(enumerations)
{
    accepted(FORGE_INPUT_PATCH, "{\"kind\":\"blue\"}");
    ck_assert_str_eq(faulty("{\"kind\":\"canary\"}", "/kind", "enum"), "must be one of: red, green, blue");
    faulty("{\"kind\":\"\"}", "/kind", "enum");
    faulty("{\"kind\":\"red|green\"}", "/kind", "enum");
    faulty("{\"kind\":\"re\"}", "/kind", "enum");
    faulty("{\"kind\":\"Red\"}", "/kind", "enum");
}
END_TEST

START_TEST(zero_characters)
{
    faulty("{\"title\":\"a\\u0000b\"}", "/title", "nul");
    faulty("{\"kind\":\"red\\u0000\"}", "/kind", "nul");
    faulty("{\"secret\":\"a\\u0000\"}", "/secret", "nul");
    faulty("{\"free\":{\"a\":[1,{\"b/c\":\"\\u0000\"}]}}", "/free/a/1/b~1c", "nul");
    faulty("{\"names\":[\"a\",\"\\u0000\"]}", "/names/1", "nul");
    faulty("{\"unknown\":\"\\u0000\"}", "/unknown", "nul");
    faulty("{\"version\":\"\\u0000\"}", "/version", "nul");
    faulty("{\"one\":{\"email\":\"ada@example.org\",\"unknown\":[\"\\u0000\"]}}", "/one/unknown/0", "nul");
    faulty("{\"at\":\"2026-01-31T12:00:00Z\\u0000\"}", "/at", "format");
}
END_TEST

/* No text that is taken has control characters but tab, CR and LF, at any depth and in names too. */
START_TEST(control_characters)
{
    for (int c = 1; c < 0xa0; c++) {
        const char *body = apr_psprintf(forge_test_pool, "{\"title\":\"a\\u%04xb\"}", c);
        if (c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0x7f && c != '"' && c != '\\'))
            accepted(FORGE_INPUT_PATCH, body);
        else if (c < 0x20 || c >= 0x7f)
            faulty(body, "/title", "control");
    }
    accepted(FORGE_INPUT_PATCH, "{\"title\":\"\\u00a0\\u00c2\\u2028\"}");
    faulty("{\"secret\":\"a\\u0001\"}", "/secret", "control");
    faulty("{\"names\":[\"a\",\"\\u001b\"]}", "/names/1", "control");
    faulty("{\"free\":{\"a\":[1,{\"b\":\"\\u0001\"}]}}", "/free/a/1/b", "control");
    faulty("{\"free\":{\"a\\u0001\":1}}", "/free", "control");
    accepted(FORGE_INPUT_PATCH, "{\"unknown\":\"\\u0001\",\"version\":\"\\u0001\"}");
}
END_TEST

START_TEST(mail_names_and_passwords)
{
    forge_input_t *in =
        accepted(FORGE_INPUT_PATCH, "{\"mail\":\" Ada@EXAMPLE.org \",\"user\":\"ada_l\",\"secret\":\"  pass word \"}");
    ck_assert_str_eq(forge_core_input_text(in, "mail"), "Ada@example.org");
    ck_assert_str_eq(forge_core_input_text(in, "user"), "ada_l");
    ck_assert_str_eq(forge_core_input_text(in, "secret"), "  pass word ");
    in = accepted(FORGE_INPUT_PATCH, "{\"user\":\" \\tada_l\\n\",\"count\":7.0}");
    ck_assert_str_eq(forge_core_input_text(in, "user"), "ada_l");
    ck_assert_str_eq(forge_core_input_text(in, "count"), "7");
    faulty("{\"count\":7.5}", "/count", "type");
    faulty("{\"big\":1e300}", "/big", "type");
    faulty("{\"user\":\"a da\"}", "/user", "format");
    faulty("{\"mail\":\"canary\"}", "/mail", "format");
    faulty("{\"user\":\"no!\"}", "/user", "format");
    faulty("{\"user\":\"ab\"}", "/user", "format");
    char *text = apr_palloc(forge_test_pool, 1100);
    memset(text, 'x', 1100);
    memcpy(text, "{\"secret\":\"", 11);
    memcpy(text + 11 + 1024, "\"}", 3);
    accepted(FORGE_INPUT_PATCH, text);
    memcpy(text + 11 + 1024, "x\"}", 4);
    faulty(text, "/secret", "too_long");
}
END_TEST

START_TEST(times)
{
    forge_input_t *in = accepted(FORGE_INPUT_PATCH, "{\"at\":\"2026-01-31T12:00:00.25Z\"}");
    ck_assert_str_eq(forge_core_input_text(in, "at"), "2026-01-31T12:00:00.250000Z");
    faulty("{\"at\":\"2026-01-31\"}", "/at", "format");
    faulty("{\"at\":\"2026-02-30T00:00:00Z\"}", "/at", "format");
    faulty("{\"at\":\"\"}", "/at", "format");
    faulty("{\"at\":\"0000-06-01T00:00:00Z\"}", "/at", "out_of_range");
    accepted(FORGE_INPUT_PATCH, "{\"at\":\"0001-01-01T00:00:00Z\"}");
}
END_TEST

START_TEST(web_addresses)
{
    static const char *const good[] = {"http://a", "https://example.org", "HTTPS://Example.org:8443/a/b?c=%20d#e",
                                       "http://[::1]:80/", "https://a.b/~x;y=(1),2*'!$&+@:"};
    static const char *const bad[] = {
        "",
        "example.org",
        "ftp://a",
        "javascript:alert(1)",
        "http:",
        "http://",
        "http:///a",
        "https://:80/",
        "https://a:0",
        "https://a:65536",
        "https://a:x",
        "https://a:",
        "https://user@a/",
        "https://user:pw@a",
        "https://a b",
        "https://a/\\t",
        "https://a/%2",
        "https://a/%zz",
        "https://a/<x>",
        "https://a/\xc3\xa9",
        "https://[::1",
        "https://[]/",
        "https://a/[x]",
        "https://-a/",
        "https://.a/",
        "//a/b",
        " https://a",
        "https://a\\\\b",
        "https://a_b/",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        accepted(FORGE_INPUT_PATCH, apr_pstrcat(forge_test_pool, "{\"link\":\"", good[i], "\"}", NULL));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        faulty(apr_pstrcat(forge_test_pool, "{\"link\":\"", bad[i], "\"}", NULL), "/link", "format");
}
END_TEST

START_TEST(lines_have_no_controls)
{
    ck_assert_str_eq(forge_core_input_text(accepted(FORGE_INPUT_PATCH, "{\"line\":\"a \xe2\x82\xac b\"}"), "line"),
                     "a \xe2\x82\xac b");
    ck_assert_str_eq(forge_core_input_text(accepted(FORGE_INPUT_PATCH, "{\"line\":\"\"}"), "line"), "");
    faulty("{\"line\":\"a\\nb\"}", "/line", "format");
    faulty("{\"line\":\"a\\tb\"}", "/line", "format");
    faulty("{\"line\":\"\\u001f\"}", "/line", "format");
    faulty("{\"line\":\"\\u007f\"}", "/line", "format");
    faulty("{\"line\":\"\\u0000\"}", "/line", "nul");
    faulty("{\"line\":\"123456789012345678901\"}", "/line", "too_long");
    faulty("{\"line\":\"\\u0080\"}", "/line", "control");
    accepted(FORGE_INPUT_PATCH, "{\"line\":\"\\u0020\\u00a0\"}");
}
END_TEST

START_TEST(nested_members)
{
    json_in(FORGE_INPUT_CREATE, "{\"title\":\"x\",\"one\":{}}");
    ck_assert_str_eq(only_fault()->pointer, "/one/email");
    ck_assert_str_eq(only_fault()->code, "required");
    accepted(FORGE_INPUT_PATCH, "{\"one\":{\"level\":2}}"); /* of an object too a patch is a part */
    faulty("{\"one\":{\"level\":4}}", "/one/level", "out_of_range");
    faulty("{\"many\":[{}]}", "/many/0/email", "required");
    faulty("{\"many\":[{\"email\":\"ada@example.org\"},{\"email\":\"ada@example.org\",\"level\":4}]}", "/many/1/level",
           "out_of_range");
    json_in(FORGE_INPUT_PATCH, "{\"many\":[{\"email\":1},{\"level\":\"x\"}]}");
    ck_assert_int_eq(forge_core_faults_count(faults), 3);
    forge_input_t *in = accepted(FORGE_INPUT_PATCH, "{\"free\":{\"any\":[1]},\"ids\":[1,2],\"names\":[\"a\"]}");
    ck_assert_uint_eq(forge_util_json_size(forge_core_input_json_value(in, "free")), 1);
    ck_assert_uint_eq(forge_util_json_size(forge_core_input_json_value(in, "ids")), 2);
    ck_assert_ptr_null(forge_core_input_json_value(in, "one"));
    ck_assert_ptr_null(forge_core_input_text(in, "ids"));
}
END_TEST

START_TEST(only_listed_members_are_kept)
{
    forge_input_t *in = accepted(
        FORGE_INPUT_PATCH,
        "{\"is_admin\":true,\"version\":99,\"many\":[{\"email\":\"ada@example.org\",\"id\":1,\"is_admin\":true}],"
        "\"one\":{\"email\":\"ada@example.org\",\"level\":2,\"x\":1}}");
    ck_assert(!forge_core_input_has(in, "version"));
    const forge_json_t *item = forge_util_json_at(forge_core_input_json_value(in, "many"), 0);
    ck_assert_uint_eq(forge_util_json_size(item), 1);
    ck_assert_str_eq(forge_util_json_text(forge_util_json_get(item, "email"), NULL), "ada@example.org");
    const forge_json_t *one = forge_core_input_json_value(in, "one");
    ck_assert_uint_eq(forge_util_json_size(one), 2);
    ck_assert_ptr_null(forge_util_json_get(one, "x"));
}
END_TEST

START_TEST(all_faults_at_once_and_no_echo)
{
    json_in(FORGE_INPUT_CREATE, "{\"count\":\"canary\",\"kind\":\"canary\",\"mail\":\"canary\",\"user\":\"canary!\","
                                "\"link\":\"canary\",\"at\":\"canary\"}");
    ck_assert_int_eq(forge_core_faults_count(faults), 7);
    for (int i = 0; i < forge_core_faults_count(faults); i++)
        ck_assert_ptr_null(strstr(forge_core_faults_at(faults, i)->detail, "canary"));
}
END_TEST

START_TEST(faults_have_a_ceiling)
{
    faults = forge_core_faults_make(forge_test_pool);
    for (int i = 0; i < 5000; i++)
        forge_core_fault(faults, "/a", "type", "x");
    ck_assert_int_le(forge_core_faults_count(faults), 1000);
}
END_TEST

START_TEST(long_names_are_not_shown)
{
    char *name = apr_palloc(forge_test_pool, 5001);
    memset(name, 'n', 5000);
    name[5000] = '\0';
    faulty(apr_pstrcat(forge_test_pool, "{\"", name, "\":\"\\u0000\"}", NULL), "", "nul");
}
END_TEST

START_TEST(queries)
{
    forge_input_t *in = pairs_in(FORGE_INPUT_QUERY,
                                 "title=a+b&count=5&flag=false&kind=red&at=2026-01-31T12:00:00Z&unknown=1&ratio=0.5");
    ck_assert_int_eq(forge_core_faults_count(faults), 0);
    ck_assert_str_eq(forge_core_input_text(in, "title"), "a b");
    ck_assert_int_eq(forge_core_input_int(in, "count", 0), 5);
    ck_assert(forge_core_input_has(in, "flag") && !forge_core_input_bool(in, "flag", true));
    ck_assert_str_eq(forge_core_input_text(in, "ratio"), "0.5");
    faulty_query("count=0", "?count", "out_of_range");
    faulty_query("count=0.0", "?count", "out_of_range");
    faulty_query("count=2.5", "?count", "type");
    faulty_query("count=%2b2.0", "?count", "type");
    faulty_query("count=2.0%20", "?count", "type");
    ck_assert_int_eq(forge_core_input_int(pairs_in(FORGE_INPUT_QUERY, "title=x&count=20.0"), "count", 0), 20);
    ck_assert_int_eq(forge_core_input_int(pairs_in(FORGE_INPUT_QUERY, "title=x&low=-5.00"), "low", 0), -5);
    faulty_query("count=-1", "?count", "out_of_range");
    faulty_query("count=1e9", "?count", "out_of_range"); /* a whole number, as in a body */
    faulty_query("count=10+OR+1%3D1", "?count", "type");
    ck_assert_int_eq(forge_core_input_int(pairs_in(FORGE_INPUT_QUERY, "title=a&count="), "count", 7), 7);
    ck_assert_int_eq(forge_core_faults_count(faults), 0);
    faulty_query("count=99999999999999999999", "?count", "type");
    faulty_query("flag=1", "?flag", "type");
    faulty_query("flag=TRUE", "?flag", "type");
    faulty_query("kind=pink", "?kind", "enum");
    faulty_query("count=1&count=2", "?count", "duplicate");
    faulty_query("ratio=x", "?ratio", "type");
    faulty_query("ratio=null", "?ratio", "type");
    faulty_query("ids=x", "?ids", "type");
    pairs_in(FORGE_INPUT_QUERY, "Title=a");
    ck_assert_str_eq(only_fault()->pointer, "?title");
    ck_assert_str_eq(only_fault()->code, "required");
}
END_TEST

START_TEST(forms)
{
    forge_input_t *in = pairs_in(FORGE_INPUT_CREATE, "title=abc&count=x&version=3&ids=[1,2]");
    ck_assert_str_eq(only_fault()->pointer, "/count");
    ck_assert_str_eq(forge_core_input_text(in, "title"), "abc");
    ck_assert(!forge_core_input_has(in, "version"));
    ck_assert_uint_eq(forge_util_json_size(forge_core_input_json_value(in, "ids")), 2);
}
END_TEST

static void add_value_tests(TCase *tc)
{
    tcase_add_test(tc, wrong_types);
    tcase_add_test(tc, lengths_and_ranges);
    tcase_add_test(tc, enumerations);
    tcase_add_test(tc, zero_characters);
    tcase_add_test(tc, control_characters);
    tcase_add_test(tc, mail_names_and_passwords);
    tcase_add_test(tc, times);
    tcase_add_test(tc, web_addresses);
    tcase_add_test(tc, lines_have_no_controls);
    tcase_add_test(tc, nested_members);
}

Suite *forge_test_core_fields(void)
{
    Suite *s = suite_create("core_fields");
    TCase *tc = tcase_create("tables");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, binds_every_type);
    tcase_add_test(tc, create_wants_the_required_and_sets_presets);
    tcase_add_test(tc, patch_takes_what_is_there);
    tcase_add_test(tc, null_in_a_patch_sets_the_default);
    tcase_add_test(tc, null_in_an_object_of_a_patch);
    tcase_add_test(tc, sent_members_as_json);
    tcase_add_test(tc, sent_structures_as_json);
    add_value_tests(tc);
    tcase_add_test(tc, only_listed_members_are_kept);
    tcase_add_test(tc, all_faults_at_once_and_no_echo);
    tcase_add_test(tc, faults_have_a_ceiling);
    tcase_add_test(tc, long_names_are_not_shown);
    tcase_add_test(tc, queries);
    tcase_add_test(tc, forms);
    suite_add_tcase(s, tc);
    return s;
}
