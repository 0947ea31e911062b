/* SPDX-License-Identifier: Apache-2.0
 * For the OpenAPI document alone: what it says of groups and problems, and examples of what is not one JSON object.
 */
#include "samples.h"

#include <apr_strings.h>
#include <string.h>

enum { SAMPLE_MAX = 4096 };

static const struct {
    const char *name, *text;
} tags[] = {
    {"auth", "Registration, login, sessions, second factors, passwords, addresses and API keys: what one does for one's own account."},
    {"users", "Accounts: one's own profile, what administrators do with others, and two paths that older clients use."},
    {"audit", "What happened, by whom, to whom and from where: for administrators alone to read."},
    {"courses", "The catalogue of courses, and who takes them."},
    {"organizations", "Organisations, their members and invitations."},
    {"achievements", "What learners can earn."},
    {"health", "Whether the service and its parts work."},
    {"monitoring", "Figures about the service."},
    {"documentation", "This document."},
};

const char *forge_core_tag_text(const char *name)
{
    for (apr_size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (!strcmp(tags[i].name, name))
            return tags[i].text;
    return "More operations.";
}

static const forge_field_t error_fields[] = {
    {.name = "pointer",
     .type = FORGE_T_TEXT,
     .example = "\"/email\"",
     .help = "JSON Pointer to the member (RFC 6901), or ?name for a query parameter."},
    {.name = "code", .type = FORGE_T_TEXT, .example = "\"required\"", .help = "Stable code of the failure."},
    {.name = "detail", .type = FORGE_T_TEXT, .example = "\"this member is needed\"", .help = "A sentence for a person."},
    {.name = NULL},
};

const forge_field_t forge_core_problem_fields[] = {
    {.name = "type",
     .type = FORGE_T_TEXT,
     .example = "\"/errors/validation_failed\"",
     .help = "URI reference that names the kind of problem."},
    {.name = "title", .type = FORGE_T_TEXT, .example = "\"Unprocessable Entity\"", .help = "The status in words."},
    {.name = "status", .type = FORGE_T_INT, .min = 400, .max = 599, .example = "422", .help = "The HTTP status."},
    {.name = "code", .type = FORGE_T_TEXT, .example = "\"validation_failed\"", .help = "Stable code; each has one status."},
    {.name = "detail", .type = FORGE_T_TEXT, .example = "\"some members are not valid; see errors\"", .help = "A sentence for a person."},
    {.name = "instance",
     .type = FORGE_T_TEXT,
     .flags = FORGE_F_OPTIONAL,
     .example = "\"/api/v1/courses\"",
     .help = "The path of the request."},
    {.name = "request_id",
     .type = FORGE_T_TEXT,
     .flags = FORGE_F_OPTIONAL,
     .example = "\"6f1c0a9d7e3b45c2a8d4f0e1b2c3d4e5\"",
     .help = "To quote in a report."},
    {.name = "errors", .type = FORGE_T_ARRAY, .flags = FORGE_F_OPTIONAL, .fields = error_fields, .help = "All failing members."},
    {.name = NULL},
};

forge_json_t *forge_core_problem_example(apr_pool_t *p, const forge_error_t *error)
{
    forge_json_t *example = forge_util_json_object(p);
    forge_util_json_put_text(example, "type", apr_pstrcat(p, "/errors/", error->code, NULL));
    forge_util_json_put_text(example, "title", forge_util_reason(error->http));
    forge_util_json_put_int(example, "status", error->http);
    forge_util_json_put_text(example, "code", error->code);
    forge_util_json_put_text(example, "detail", error->detail);
    forge_util_json_put_text(example, "request_id", "6f1c0a9d7e3b45c2a8d4f0e1b2c3d4e5");
    if (strcmp(error->code, "validation_failed") == 0) {
        forge_json_t *member = forge_util_json_add_object(forge_util_json_put_array(example, "errors"));
        for (const forge_field_t *f = error_fields; f->name; f++) {
            const char *why;
            forge_util_json_put_copy(member, f->name, forge_util_json_parse(p, f->example, strlen(f->example), &why));
        }
    }
    return example;
}

/* The names, or the examples without their quotes, separated by commas; null is empty; what would need quoting has no place in an example.
 */
static void csv_line(forge_buf_t *b, apr_pool_t *p, const forge_field_t *fields, bool names)
{
    for (const forge_field_t *f = fields; f->name; f++) {
        const char *why, *text = f->name;
        if (!names)
            text = f->example && strcmp(f->example, "null")
                       ? forge_util_json_text(forge_util_json_parse(p, f->example, strlen(f->example), &why), NULL)
                       : "";
        forge_util_buf_printf(b, "%s%s", f == fields ? "" : ",", text ? text : f->example);
    }
    forge_util_buf_printf(b, "\n");
}

const char *forge_core_csv_example(apr_pool_t *p, const forge_field_t *fields)
{
    while (fields->name && !fields->fields)
        fields++;
    if (!fields->name)
        return NULL;
    forge_buf_t *b = forge_util_buf_make(p, 256, SAMPLE_MAX);
    csv_line(b, p, fields->fields, true);
    csv_line(b, p, fields->fields, false);
    return apr_pstrmemdup(p, b->data, b->len);
}

const char *forge_core_line_example(apr_pool_t *p, const forge_json_t *value)
{
    forge_buf_t *b = forge_util_buf_make(p, 256, SAMPLE_MAX);
    forge_util_json_write(b, value);
    return apr_pstrcat(p, apr_pstrmemdup(p, b->data, b->len), "\n", NULL);
}
