/* SPDX-License-Identifier: Apache-2.0
 * The other direction of `required`: a member that a schema calls optional, and that each answer of a whole run had, is
 * a fault of the document. All workers count in the same memory; it is judged when they have ended.
 */
#include "harness.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROWS_MAX    8192
#define SCHEMAS_MAX 2048

/* An optional member. It has the same number in all workers, for their documents are the same. */
typedef struct row_t {
    char name[192];            /* "/components/schemas/Course/description" */
    atomic_ulong objects, had; /* of that schema in answers, and those of them that had the member */
} row_t;

static row_t *rows; /* ROWS_MAX of them, in memory of all workers */

/* The objects that this worker's document describes, and the row of the first optional member of each. */
static struct {
    const json_t *schema;
    int first;
} schemas[SCHEMAS_MAX];
static int schema_count, row_count;

void optional_begin(void)
{
    rows = mmap(NULL, ROWS_MAX * sizeof(*rows), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (rows == MAP_FAILED) {
        perror("api tests");
        exit(2);
    }
}

static bool is_required(const json_t *schema, const char *member)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(schema, "required"), i,
                       one) if (strcmp(json_string_value(one), member) == 0) return true;
    return false;
}

/* Rows for the optional members of one object. Each worker writes the same. */
static void describe(const char *where, const json_t *schema)
{
    const char *name;
    json_t *member;
    if (schema_count == SCHEMAS_MAX ||
        row_count + (int)json_object_size(json_object_get(schema, "properties")) > ROWS_MAX) {
        fprintf(stderr, "api tests: the document has more members than optional.c has rows\n");
        exit(2);
    }
    schemas[schema_count].schema = schema;
    schemas[schema_count++].first = row_count;
    json_object_foreach(json_object_get(schema, "properties"), name, member)
    {
        if (!is_required(schema, name))
            snprintf(rows[row_count++].name, sizeof(rows->name), "%s/%s", where, name);
    }
}

/* A member of an object may be called "properties" too: then what is around it is no schema, and has no type. */
static void find(const char *where, const json_t *value)
{
    const char *name;
    size_t i;
    json_t *inner;
    if (json_object_get(value, "type") && json_is_object(json_object_get(value, "properties")))
        describe(where, value);
    json_object_foreach((json_t *)value, name, inner) find(F("%s/%s", where, name), inner);
    json_array_foreach(value, i, inner) find(F("%s/%zu", where, i), inner);
}

void optional_load(const json_t *document)
{
    find("", document);
}

static int first_row(const json_t *schema)
{
    for (int i = 0; i < schema_count; i++)
        if (schemas[i].schema == schema)
            return schemas[i].first;
    return -1;
}

static void note_object(const json_t *schema, const json_t *value)
{
    const char *name;
    json_t *rule, *item;
    const json_t *members = json_object_get(schema, "properties"),
                 *more = json_object_get(schema, "additionalProperties");
    int row = first_row(schema);
    json_object_foreach((json_t *)members, name, rule)
    {
        if (row < 0 || is_required(schema, name))
            continue;
        atomic_fetch_add(&rows[row].objects, 1);
        atomic_fetch_add(&rows[row++].had, json_object_get(value, name) != NULL);
    }
    json_object_foreach((json_t *)value, name, item)
    {
        rule = json_object_get(members, name);
        optional_note(rule ? rule : more, item);
    }
}

/* Alternatives are not followed: the document has none (operations/document.c). */
void optional_note(const json_t *schema, const json_t *value)
{
    size_t i;
    json_t *one;
    schema = schema_resolve(schema);
    json_array_foreach(json_object_get(schema, "allOf"), i, one) optional_note(one, value);
    if (json_is_object(value))
        note_object(schema, value);
    json_array_foreach(value, i, one) optional_note(json_object_get(schema, "items"), one);
}

/* --- the judgement --- */

/* What may be missing although no test can make it so. */
static const struct {
    const char *member, *why;
} seldom[] = {
    {"/components/schemas/MfaVerified/access_token", "the session ends while its factor is activated"},
    {"/components/schemas/MfaVerified/token_type", "the same"},
    {"/components/schemas/MfaVerified/expires_in", "the same"},
    {"/components/schemas/HealthRoom/free_percent", "where the system does not tell"},
};
#define SELDOM (sizeof(seldom) / sizeof(*seldom))

static bool may_be_missing(const char *member)
{
    for (size_t i = 0; i < SELDOM; i++)
        if (strcmp(seldom[i].member, member) == 0)
            return true;
    return false;
}

/* What is wrong with a member, by what the answers had. */
static const char *wrong_with(row_t *row)
{
    unsigned long objects = atomic_load(&row->objects), had = atomic_load(&row->had);
    if (objects == 0)
        return NULL;
    if (had == 0)
        return "no answer had it";
    return had == objects && !may_be_missing(row->name) ? "every answer had it, but it is not required" : NULL;
}

bool optional_judge(void)
{
    bool good = true;
    int count = 0;
    for (; count < ROWS_MAX && *rows[count].name; count++) {
        const char *wrong = wrong_with(&rows[count]);
        if (wrong)
            printf("not ok optional: %s: %s (%lu objects)\n", rows[count].name, wrong,
                   atomic_load(&rows[count].objects));
        good = good && !wrong;
    }
    for (size_t i = 0; i < SELDOM; i++) {
        int row = 0;
        while (row < count && strcmp(rows[row].name, seldom[i].member))
            row++;
        if (row == count)
            printf("not ok optional: %s is no optional member any more\n", seldom[i].member);
        good = good && row < count;
    }
    if (good)
        printf("ok optional: of %d optional members none is always there, and none never\n", count);
    return good;
}
