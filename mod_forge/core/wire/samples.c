/* SPDX-License-Identifier: Apache-2.0
 * For the OpenAPI document alone: what it says of problems, and examples of what is not one JSON object.
 */
#include "samples.h"
#include "wire.h"

#include <apr_strings.h>
#include <string.h>

enum { SAMPLE_MAX = 4096 };

/* clang-format off */
static const forge_field_t error_fields[] = {
    {"pointer", FORGE_T_TEXT, .example = "/email",
     .help = "JSON Pointer to the member (RFC 6901), or ?name for a query parameter."},
    {"code", FORGE_T_TEXT, .example = "required", .help = "Stable code of the failure."},
    {"detail", FORGE_T_TEXT, .example = "this member is needed",
     .help = "An explanation for people, in the same language."},
    {.name = NULL},
};

/* Every code there is; a member of the enum each. */
#define FORGE_ERROR(name, http, code, detail) "|" code
static const char codes[] = "enum:"
#include "errors.def"
    ;
#undef FORGE_ERROR

const forge_field_t forge_core_problem_fields[] = {
    {"type", FORGE_T_TEXT, .example = "/errors/validation_failed",
     .help = "URI reference that names the kind of problem."},
    {"title", FORGE_T_TEXT, .example = "Unprocessable Entity", .help = "The status in words."},
    {"status", FORGE_T_INT, 0, 400, 599, .example = "422", .help = "The HTTP status."},
    {"code", FORGE_T_TEXT, .format = codes, .named = "ProblemCode", .example = "validation_failed",
     .help = "Stable code; each code has one status."},
    {"detail", FORGE_T_TEXT, .example = "some members are not valid; see errors",
     .help = "An explanation for people, in the language that Accept-Language prefers; Content-Language says which."},
    {"instance", FORGE_T_TEXT, .example = "/api/v1/courses", .help = "The path of the request."},
    {"request_id", FORGE_T_TEXT, .example = "6f1c0a9d7e3b45c2a8d4f0e1b2c3d4e5",
     .help = "Id of the request, to quote in a report."},
    {"errors", FORGE_T_ARRAY, FORGE_F_OPTIONAL, .fields = error_fields, .named = "ProblemError",
     .help = "All members that failed."},
    {.name = NULL},
};
/* clang-format on */

forge_json_t *forge_core_problem_example(apr_pool_t *p, const forge_error_t *error)
{
    forge_json_t *example = forge_util_json_object(p);
    forge_util_json_put_text(example, "type", apr_pstrcat(p, "/errors/", error->code, NULL));
    forge_util_json_put_text(example, "title", forge_util_reason(error->http));
    forge_util_json_put_int(example, "status", error->http);
    forge_util_json_put_text(example, "code", error->code);
    forge_util_json_put_text(example, "detail", error->detail);
    forge_util_json_put_text(example, "instance", "/api/v1/courses");
    forge_util_json_put_text(example, "request_id", "6f1c0a9d7e3b45c2a8d4f0e1b2c3d4e5");
    if (strcmp(error->code, "validation_failed") == 0) {
        forge_json_t *member = forge_util_json_add_object(forge_util_json_put_array(example, "errors"));
        forge_walk_t walk = forge_core_walk(error_fields);
        for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
            forge_util_json_put_text(member, f->name, f->example);
    }
    return example;
}

/* The names, or the examples, separated by commas; null is empty; what would need quoting has no place in an example.
 */
static void csv_line(forge_buf_t *b, const forge_field_t *fields, bool names)
{
    forge_walk_t walk = forge_core_walk(fields);
    const char *comma = "";
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk)); comma = ",")
        forge_util_buf_printf(b, "%s%s", comma, names ? f->name : f->example ? f->example : "");
    forge_util_buf_printf(b, "\n");
}

const char *forge_core_csv_example(apr_pool_t *p, const forge_field_t *fields)
{
    forge_walk_t walk = forge_core_walk(fields);
    const forge_field_t *list;
    while ((list = forge_core_walk_next(&walk)) && !list->fields)
        ;
    if (!list)
        return NULL;
    forge_buf_t *b = forge_util_buf_make(p, 256, SAMPLE_MAX);
    csv_line(b, list->fields, true);
    csv_line(b, list->fields, false);
    return apr_pstrmemdup(p, b->data, b->len);
}

const char *forge_core_line_example(apr_pool_t *p, const forge_json_t *value)
{
    forge_buf_t *b = forge_util_buf_make(p, 256, SAMPLE_MAX);
    forge_util_json_write(b, value);
    return apr_pstrcat(p, apr_pstrmemdup(p, b->data, b->len), "\n", NULL);
}
