/* SPDX-License-Identifier: Apache-2.0
 * Achievements: the public list, and statements that judge and change one in a single round trip.
 */
#include "learning_private.h"
#include <string.h>

/* clang-format off */

/* The members of SPEC 8; the table is called a in every statement here. */
#define ACHIEVEMENT \
    "a.id, a.name, a.description, a.points, a.icon, CASE WHEN a.rule_event IS NOT NULL THEN" \
    " jsonb_build_object('event', a.rule_event, 'count', a.rule_count, 'course_id', a.rule_course_id) END AS rule," \
    " a.version, a.created_at, a.updated_at"

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {{"id", "a.id", "a.id > $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

const forge_list_t forge_store_achievements_list = {
    "achievement_list",
    "SELECT " ACHIEVEMENT " FROM forge.achievements a WHERE true",
    "SELECT count(*) FROM forge.achievements a WHERE true",
    0, filters, orders};

static const forge_stmt_t achievement_get = {
    "achievement_get",
    "SELECT " ACHIEVEMENT " FROM forge.achievements a WHERE a.id = $1::bigint"};

/* May the caller know the course that the rule in the JSON object `of` names? A rule without one is about all. */
#define COURSE_KNOWN(of, caller, admin) \
    "(" of " ->> 'course_id' IS NULL OR EXISTS (SELECT FROM forge.courses c" \
    " WHERE c.id = (" of " ->> 'course_id')::numeric::bigint AND " FORGE_COURSE_VISIBLE(caller, admin) "))"
#define COUNT(of)  "(" of " ->> 'count')::numeric::integer"
#define COURSE(of) "(" of " ->> 'course_id')::numeric::bigint"

/* ON CONFLICT keeps a caller's transaction alive.
 * $1 name, $2 description, $3 points, $4 icon, $5 who makes it, $6 administrator, $7 rule. */
static const forge_stmt_t achievement_create = {
    "achievement_create",
    "WITH rule AS (SELECT $7::jsonb AS of), "
    "verdict AS (SELECT " COURSE_KNOWN("r.of", "$5", "$6") " AS good FROM rule r), "
    "made AS ("
    " INSERT INTO forge.achievements AS a (name, description, points, icon, created_by, rule_event, rule_count,"
    "  rule_course_id)"
    " SELECT $1, coalesce($2, ''), coalesce($3::integer, 0), $4, $5::bigint, r.of ->> 'event', " COUNT("r.of") ","
    "  " COURSE("r.of") " FROM rule r, verdict v WHERE v.good"
    " ON CONFLICT (name) DO NOTHING RETURNING " ACHIEVEMENT ") "
    "SELECT a.*, CASE WHEN NOT v.good THEN 'bad_reference' WHEN a.id IS NULL THEN 'name_taken' ELSE 'ok' END"
    " AS _outcome"
    " FROM verdict v LEFT JOIN made a ON true"};

/* $1 caller, $2 administrator, $3 achievement, $4 versions: the maker or an administrator may change it. The row is
 * locked before it is judged, so that verdict and change speak of the same version. */
#define VERDICT(row) \
    "CASE WHEN (" row ".created_by = $1::bigint OR $2::boolean) IS NOT TRUE THEN 'not_owner'" \
    " WHEN NOT ($4::text IS NULL OR " row ".version = ANY ($4::bigint[])) THEN 'stale'"
#define OUTCOME " ELSE 'ok' END AS outcome"

/* And $5 patch: where it names no rule, the rule stays, whatever has become of its course. */
static const forge_stmt_t achievement_update = {
    "achievement_update",
    "WITH found AS (SELECT a FROM forge.achievements a WHERE a.id = $3::bigint FOR NO KEY UPDATE), "
    "merged AS (SELECT w.*, $5::jsonb ? 'rule' AS ruled, " VERDICT("(f.a)")
    " WHEN NOT " COURSE_KNOWN("($5::jsonb -> 'rule')", "$1", "$2") " THEN 'bad_reference'" OUTCOME
    " FROM found f, " FORGE_PATCHED("f.a", "$5") " w), "
    "changed AS ("
    " UPDATE forge.achievements a SET name = m.name, description = coalesce(m.description, ''),"
    "  points = coalesce(m.points, 0), icon = m.icon,"
    "  rule_event = CASE WHEN m.ruled THEN $5::jsonb #>> '{rule,event}' ELSE a.rule_event END,"
    "  rule_count = CASE WHEN m.ruled THEN " COUNT("($5::jsonb -> 'rule')") " ELSE a.rule_count END,"
    "  rule_course_id = CASE WHEN m.ruled THEN " COURSE("($5::jsonb -> 'rule')") " ELSE a.rule_course_id END"
    " FROM merged m WHERE a.id = m.id AND m.outcome = 'ok' RETURNING " ACHIEVEMENT ") "
    "SELECT a.*, m.outcome AS _outcome FROM merged m LEFT JOIN changed a ON a.id = m.id"};

static const forge_stmt_t achievement_delete = {
    "achievement_delete",
    "WITH verdict AS (SELECT a.id, " VERDICT("a") OUTCOME " FROM forge.achievements a"
    " WHERE a.id = $3::bigint FOR UPDATE), "
    "gone AS (DELETE FROM forge.achievements a USING verdict v WHERE a.id = v.id AND v.outcome = 'ok') "
    "SELECT outcome AS _outcome FROM verdict"};

/* clang-format on */

/* What the statement decided, as a status. */
static forge_status_t judged(const forge_rows_t *rows)
{
    static const forge_outcome_t outcomes[] = {
        {"ok", FORGE_OK},
        {"not_owner", FORGE_E_NOT_OWNER},
        {"stale", FORGE_E_PRECONDITION_FAILED},
        {"name_taken", FORGE_E_NAME_TAKEN},
        {"bad_reference", FORGE_E_BAD_REFERENCE},
        {NULL, FORGE_OK},
    };
    return forge_store_rows_judge(rows, outcomes, FORGE_E_NOT_FOUND);
}

forge_status_t forge_store_achievement_get(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &achievement_get, FORGE_ARGS(forge_util_itoa(p, id)), rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_achievement_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                              const forge_achievement_in_t *in, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(in->name, in->description, in->points, in->icon, forge_util_itoa(p, by->id),
                                         by->admin ? "t" : "f", in->rule);
    forge_status_t status = forge_store_run(db, p, &achievement_create, args, rows);
    /* The account behind a token that is still good was deleted. */
    if (status == FORGE_E_BAD_REFERENCE && strcmp(forge_store_constraint(db), "achievements_created_by_fkey") == 0)
        return FORGE_E_INVALID_TOKEN;
    FORGE_TRY(status);
    return judged(*rows);
}

forge_status_t forge_store_achievement_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                              const forge_patch_t *patch, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id),
                                         patch->if_version, patch->members);
    forge_status_t status = forge_store_run(db, p, &achievement_update, args, rows);
    if (status == FORGE_E_CONFLICT && strcmp(forge_store_constraint(db), "achievements_name_unique") == 0)
        return FORGE_E_NAME_TAKEN;
    FORGE_TRY(status);
    return judged(*rows);
}

forge_status_t forge_store_achievement_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                              const char *if_version)
{
    forge_rows_t *rows;
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", forge_util_itoa(p, id), if_version);
    FORGE_TRY(forge_store_run(db, p, &achievement_delete, args, &rows));
    return judged(rows);
}
