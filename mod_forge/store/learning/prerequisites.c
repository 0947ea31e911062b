/* SPDX-License-Identifier: Apache-2.0
 * Which courses come before a course. That none comes before itself is the schema's (trigger acyclic, migration 0019),
 * also when two writers close a circle together.
 */
#include "learning_private.h"
#include <string.h>

/* clang-format off */

/* $1 caller, $2 administrator, $3 course. Other people's drafts and courses of other organisations are not named. */
static const forge_stmt_t prerequisites_get = {
    "prerequisites_get",
    "WITH " FORGE_COURSE_SEEN
    " SELECT (SELECT coalesce(json_agg(c.id ORDER BY c.id), '[]') FROM forge.prerequisites x"
    "  JOIN forge.courses c ON c.id = x.prerequisite_id WHERE x.course_id = k.id AND " FORGE_COURSE_VISIBLE("$1", "$2")
    ") AS course_ids, k.version AS _version FROM course k"};

static const forge_stmt_t course_hold = {
    "course_hold", "SELECT c.id FROM forge.courses c WHERE c.id = $1::bigint FOR NO KEY UPDATE"};

/* Behind course_hold, so that it replaces what another writer has just put there. The course's version speaks of its
 * prerequisites too. $1 course, $2 caller, $3 administrator, $4 versions, $5 courses. */
static const forge_stmt_t prerequisites_put = {
    "prerequisites_put",
    "WITH asked AS (SELECT DISTINCT a.id FROM unnest($5::bigint[]) AS a(id)), "
    "verdict AS ("
    " SELECT c.id, c.version, CASE WHEN NOT " FORGE_COURSE_OWNED("$2", "$3") " THEN 'not_owner'"
    "  WHEN NOT ($4::text IS NULL OR c.version = ANY ($4::bigint[])) THEN 'stale'"
    "  WHEN c.id IN (SELECT id FROM asked) THEN 'cycle'"
    "  WHEN EXISTS (SELECT FROM asked a WHERE NOT EXISTS ("
    "   SELECT FROM forge.courses c WHERE c.id = a.id AND " FORGE_COURSE_VISIBLE("$2", "$3") ")) THEN 'bad_reference'"
    "  ELSE 'ok' END AS outcome"
    " FROM forge.courses c WHERE c.id = $1::bigint AND " FORGE_COURSE_VISIBLE("$2", "$3") "), "
    "gone AS ("
    " DELETE FROM forge.prerequisites x USING verdict v WHERE x.course_id = v.id AND v.outcome = 'ok'"
    "  AND x.prerequisite_id NOT IN (SELECT id FROM asked) RETURNING x.prerequisite_id), "
    "made AS ("
    " INSERT INTO forge.prerequisites (course_id, prerequisite_id) SELECT v.id, a.id FROM verdict v, asked a"
    " WHERE v.outcome = 'ok' ON CONFLICT DO NOTHING RETURNING prerequisite_id), "
    "raised AS ("
    " UPDATE forge.courses c SET title = c.title FROM verdict v WHERE c.id = v.id"
    "  AND (EXISTS (SELECT FROM gone) OR EXISTS (SELECT FROM made)) RETURNING c.version) "
    "SELECT (SELECT coalesce(json_agg(a.id ORDER BY a.id), '[]') FROM asked a) AS course_ids,"
    " coalesce((SELECT r.version FROM raised r), v.version) AS _version, v.outcome AS _outcome FROM verdict v"};

/* What a course needs, for unnest: so no plan reads the whole table, and none is thought to be so long that it is worth
 * compiling. */
#define NEEDED(course) \
    "ARRAY(SELECT x.prerequisite_id FROM forge.prerequisites x WHERE x.course_id = " course " ORDER BY 1)"

/* The courses before a course, each once, the nearest ones first: COURSES_MAX of them, so that no graph makes this a
 * long statement. What is not for the caller's eyes is passed through, and left out at the end.
 * $1 caller, $2 administrator, $3 course. */
#define COURSES_MAX 500
#define FOUND \
    "WITH RECURSIVE before(id) AS (" \
    " SELECT y.id FROM forge.courses c, unnest(" NEEDED("c.id") ") y(id) WHERE c.id = $3::bigint AND " \
    FORGE_COURSE_VISIBLE("$1", "$2") \
    " UNION SELECT y.id FROM before b, unnest(" NEEDED("b.id") ") y(id)), " \
    "found AS MATERIALIZED (SELECT b.id FROM before b LIMIT " APR_STRINGIFY(COURSES_MAX) ")"

/* Each course stands behind its own prerequisites. They are taken away from the end, in steps: `free` are those that
 * none of the rest needs, `ids` is the rest, and `needed` says by how many of the rest. So each edge counts once,
 * however many ways lead over it. */
#define RANKED \
    FOUND ", " \
    "needs AS (SELECT y.id, count(*) AS n FROM found f, unnest(" NEEDED("f.id") ") y(id)" \
    " WHERE y.id IN (SELECT id FROM found) GROUP BY 1), " \
    "steps(depth, free, ids, needed) AS (" \
    " SELECT 1, (SELECT array_agg(f.id) FROM found f WHERE f.id NOT IN (SELECT id FROM needs))," \
    "  (SELECT array_agg(n.id ORDER BY n.id) FROM needs n), (SELECT array_agg(n.n ORDER BY n.id) FROM needs n)" \
    " UNION ALL SELECT s.depth + 1, t.free, t.ids, t.needed FROM steps s, LATERAL (" \
    "  SELECT array_agg(w.id) FILTER (WHERE w.n = 0) AS free, array_agg(w.id) FILTER (WHERE w.n > 0) AS ids," \
    "   array_agg(w.n) FILTER (WHERE w.n > 0) AS needed FROM (" \
    "   SELECT v.id, sum(v.n)::bigint AS n FROM (" \
    "    SELECT u.id, u.n FROM unnest(s.ids, s.needed) u(id, n)" \
    "    UNION ALL SELECT y.id, -1 FROM unnest(s.free) u(id), unnest(" NEEDED("u.id") ") y(id)) v" \
    "   GROUP BY v.id) w) t WHERE s.free IS NOT NULL), " \
    "ranked AS (SELECT u.id, row_number() OVER (ORDER BY s.depth DESC, u.id) AS rank" \
    " FROM steps s, unnest(s.free) u(id))"

#define SHOWN(columns, from) \
    " SELECT " columns " FROM " from " r JOIN forge.courses c ON c.id = r.id WHERE " FORGE_COURSE_VISIBLE("$1", "$2")

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"path", "r.rank, c.id", "(r.rank, c.id) > ($%d::bigint, $%d::bigint)", "_rank"}, {NULL, NULL, NULL, NULL}};
const forge_list_t forge_store_path_list = {
    "course_path", RANKED SHOWN(FORGE_COURSE ", r.rank AS _rank", "ranked"), FOUND SHOWN("count(*)", "found"), 3,
    filters, orders};

/* clang-format on */

forge_status_t forge_store_prerequisites_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                             forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, id));
    FORGE_TRY(forge_store_run(db, p, &prerequisites_get, args, rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_prerequisites_put(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                             const forge_prerequisites_in_t *in, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, id), forge_store_course_caller(p, by),
                                         forge_store_course_admin(by), in->if_version, in->course_ids);
    forge_status_t status = forge_store_in_turn(db, p, &course_hold, &prerequisites_put, args, rows);
    if (status == FORGE_E_VALIDATION && strcmp(forge_store_constraint(db), "prerequisites_acyclic") == 0)
        return FORGE_E_PREREQUISITE_CYCLE;
    FORGE_TRY(status);
    return forge_store_course_judged(*rows);
}
