/* SPDX-License-Identifier: Apache-2.0
 * /courses/{id}/gradebook: the grades of all students, in pages of JSON, or all of it as a table for a spreadsheet.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "learning.h"

#include <apr_strings.h>
#include <string.h>

/* clang-format off */
static const forge_field_t cell_fields[] = {
    {"assignment_id", FORGE_T_INT, .min = 1, .example = "9", .help = "number of the assignment"},
    {"title", FORGE_T_TEXT, .example = "Essay on trees", .help = "title of the assignment"},
    {"submission_id", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "77",
     .help = "the last submission; null: none"},
    {"state", FORGE_T_TEXT, .format = "enum:graded|submitted|missing|open", .named = "GradeState", .example = "graded",
     .help = "submitted: the last submission awaits its grade. missing: the due date is over. open: still to be handed"
         " in"},
    {"late", FORGE_T_BOOL, .example = "false", .help = "whether the last submission came after the due date"},
    {"submitted_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "when the last one came"},
    {"points", FORGE_T_INT, FORGE_F_NULLABLE, .example = "17",
     .help = "the last grade that was given, also while a later submission awaits its own"},
    {"max_points", FORGE_T_INT, .example = "20", .help = "what the assignment gives at most"},
    {.name = NULL},
};
static const forge_field_t line_fields[] = {
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "number of the account"},
    {"username", FORGE_T_TEXT, .example = "ada", .help = "name of the account"},
    {"full_name", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "Ada Lovelace", .help = "name of the person"},
    {"exercise_score", FORGE_T_INT, FORGE_F_NULLABLE, .max = 100, .example = "88",
     .help = "mean of the best scores in the exercises of the course; null: none yet"},
    {"points", FORGE_T_INT, .example = "17", .help = "sum of the grades"},
    {"max_points", FORGE_T_INT, .example = "20", .help = "what the assignments with a grade give at most"},
    {"percent", FORGE_T_INT, FORGE_F_NULLABLE, .max = 100, .example = "85",
     .help = "points in per cent of max_points, rounded down; null: no grade yet"},
    {"grades", FORGE_T_ARRAY, .fields = cell_fields, .named = "Grade",
     .help = "one element for each assignment of the course"},
    {.name = NULL},
};
static const forge_shape_t line = {"GradebookLine", line_fields};

static const forge_field_t query_fields[] = {
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "only this student"},
    {.name = NULL},
};
static const forge_shape_t query = {.fields = query_fields};

static const char sample[] =
    "\"user_id\",\"username\",\"full_name\",\"Essay on trees #9\","
    "\"exercise_score\",\"points\",\"max_points\",\"percent\"\r\n"
    "\"7\",\"ada\",\"Ada Lovelace\",\"17\",\"88\",\"17\",\"20\",\"85\"\r\n";
/* clang-format on */

static const forge_status_t errors[] = {FORGE_E_NOT_ENROLLED, FORGE_OK};

/* Where a table is. */
typedef struct walk_t {
    forge_gradebook_part_t part;
    bool begun;
} walk_t;

static const char *const before[] = {"user_id", "username", "full_name", NULL};
static const char *const after[] = {"exercise_score", "points", "max_points", "percent", NULL};

/* The header line: an assignment's column has its title and its number, which keeps two of one title apart. */
static forge_status_t header_line(forge_db_t *db, apr_pool_t *p, apr_pool_t *keep, walk_t *walk, forge_buf_t *b)
{
    forge_rows_t *rows;
    const char *ids = "";
    FORGE_TRY(forge_store_gradebook_columns(db, p, walk->part.course_id, &rows));
    for (int i = 0; before[i]; i++)
        forge_core_csv_cell(b, i == 0, before[i]);
    for (int i = 0; i < forge_store_rows_count(rows); i++) {
        const char *id = forge_store_rows_text(rows, i, "id");
        forge_core_csv_cell(b, false, apr_pstrcat(p, forge_store_rows_text(rows, i, "title"), " #", id, NULL));
        ids = apr_pstrcat(p, ids, i ? "," : "", id, NULL);
    }
    for (int i = 0; after[i]; i++)
        forge_core_csv_cell(b, false, after[i]);
    forge_util_buf_puts(b, "\r\n");
    walk->part.assignments = apr_pstrcat(keep, "{", ids, "}", NULL);
    walk->begun = true;
    return FORGE_OK;
}

/* The line of one student; their points stand in one text, parted by commas. */
static void student_line(forge_buf_t *b, apr_pool_t *p, const forge_rows_t *rows, int i)
{
    for (int c = 0; before[c]; c++)
        forge_core_csv_cell(b, c == 0, forge_store_rows_text(rows, i, before[c]));
    const char *cells = forge_store_rows_text(rows, i, "cells");
    for (apr_size_t n; cells; cells = cells[n] ? cells + n + 1 : NULL) {
        n = strcspn(cells, ",");
        forge_core_csv_cell(b, false, apr_pstrmemdup(p, cells, n));
    }
    for (int c = 0; after[c]; c++)
        forge_core_csv_cell(b, false, forge_store_rows_text(rows, i, after[c]));
    forge_util_buf_puts(b, "\r\n");
}

/* Some students more, until there are none. */
static forge_status_t next_lines(forge_req_t *q, forge_db_t *db, apr_pool_t *p, void *baton, forge_buf_t *b, bool *more)
{
    walk_t *walk = baton;
    forge_rows_t *rows;
    if (!walk->begun)
        FORGE_TRY(header_line(db, p, q->pool, walk, b));
    FORGE_TRY(forge_store_gradebook_lines(db, p, &walk->part, &rows));
    const int n = forge_store_rows_count(rows);
    for (int i = 0; i < n; i++)
        student_line(b, p, rows, i);
    if (n > 0)
        walk->part.after = forge_store_rows_int(rows, n - 1, "user_id", 0);
    *more = n > 0;
    return FORGE_OK;
}

/* All students, or only `account`. */
static forge_status_t table(forge_req_t *q, const char *account)
{
    walk_t *walk = apr_pcalloc(q->pool, sizeof(*walk));
    walk->part.course_id = q->ids[0];
    walk->part.user_id = account;
    forge_reply_header(
        q, "Content-Disposition",
        apr_pstrcat(q->pool, "attachment; filename=\"gradebook-", forge_util_itoa(q->pool, q->ids[0]), ".csv\"", NULL));
    return forge_reply_stream(q, "text/csv; charset=utf-8", next_lines, walk);
}

/* The owner sees all students, a student the own line. */
static forge_status_t gradebook(forge_req_t *q)
{
    forge_db_t *db;
    bool owned;
    const forge_actor_t by = forge_api_actor(q);
    const char *course = forge_util_itoa(q->pool, q->ids[0]), *self = forge_util_itoa(q->pool, by.id),
               *wanted = forge_core_input_text(q->query, "user_id");
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_may(db, q->pool, &by, q->ids, false, &owned));
    if (q->table)
        return table(q, owned ? wanted : !wanted || strcmp(wanted, self) == 0 ? self : "0");
    if (owned)
        return forge_api_list(q, FORGE_ARGS(course));
    return forge_api_list_other(q, &forge_store_gradebook_own, FORGE_ARGS(course, self));
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/courses/{id}/gradebook", FORGE_ROLE_STUDENT, .flags = FORGE_R_LIST | FORGE_R_TABLE,
     .list = &forge_store_gradebook_list, .query = &query, .reply = &line, .sample = sample, .errors = errors,
     .handle = gradebook, .operation = "gradebook", .summary = "Read the gradebook of a course",
     .description = "All students for the owner of the course and administrators; those who are enrolled get their own "
         "line. With Accept: text/csv one answer has all lines as a table, a column for each assignment. If it fails "
         "midway, the connection closes without the last chunk."},
};
/* clang-format on */

const forge_routes_t forge_api_gradebook = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
