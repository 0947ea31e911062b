/* SPDX-License-Identifier: Apache-2.0
 * Who was awarded what. By hand here; what rules award, forge.award() writes in the transaction that earned it
 * (migration 0020).
 */
#include "learning_private.h"

/* clang-format off */

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {{"id", "a.id", "a.id > $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

#define FROM "FROM forge.user_achievements w JOIN forge.achievements a ON a.id = w.achievement_id" \
    " WHERE w.user_id = $1::bigint"

const forge_list_t forge_store_awards_list = {
    "award_list",
    "SELECT a.id, a.name, a.description, a.points, a.icon, w.awarded_by, w.awarded_at " FROM,
    "SELECT count(*) " FROM, 1, filters, orders};

/* Guests and closed accounts are nobody to give something to. $1 caller, $2 achievement, $3 account, $4 ip,
 * $5 request id. */
static const forge_stmt_t award = {
    "award",
    "WITH what AS (SELECT a.id FROM forge.achievements a WHERE a.id = $2::bigint), "
    "target AS (SELECT u.id FROM forge.users u WHERE u.id = $3::bigint AND u.is_active AND u.role <> 'guest'), "
    "made AS ("
    " INSERT INTO forge.user_achievements (user_id, achievement_id, awarded_by)"
    " SELECT t.id, a.id, $1::bigint FROM target t, what a ON CONFLICT DO NOTHING RETURNING *), "
    FORGE_AUDIT("SELECT 'achievement.awarded', $1::bigint, m.user_id, $4::inet, $5,"
                " jsonb_build_object('achievement_id', m.achievement_id) FROM made m")
    " SELECT x.id AS achievement_id, t.id AS user_id, coalesce(m.awarded_by, w.awarded_by) AS awarded_by,"
    " coalesce(m.awarded_at, w.awarded_at) AS awarded_at, m.user_id IS NULL AS _already, 'achievements' AS _id,"
    " CASE WHEN x.id IS NULL THEN 'not_found' WHEN t.id IS NULL THEN 'bad_reference' ELSE 'ok' END AS _outcome,"
    " now() AS _at, "
    FORGE_AUDITED
    " FROM (VALUES (1)) AS one LEFT JOIN what x ON true LEFT JOIN target t ON true LEFT JOIN made m ON true"
    " LEFT JOIN forge.user_achievements w ON w.user_id = t.id AND w.achievement_id = x.id"};

/* clang-format on */

forge_status_t forge_store_award(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t achievement_id,
                                 apr_int64_t user_id, bool *already, forge_rows_t **rows)
{
    static const forge_outcome_t outcomes[] = {
        {"ok", FORGE_OK},
        {"not_found", FORGE_E_NOT_FOUND},
        {"bad_reference", FORGE_E_BAD_REFERENCE},
        {NULL, FORGE_OK},
    };
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, by->id), forge_util_itoa(p, achievement_id),
                                         forge_util_itoa(p, user_id), forge_store_ip(p, by->ip), by->request_id);
    /* No time: a twin committed after our snapshot; the next one sees it. */
    for (int tries = 0; tries < 3; tries++) {
        forge_status_t status = forge_store_run(db, p, &award, args, rows);
        if (status == FORGE_E_BAD_REFERENCE) /* the achievement or an account went away meanwhile */
            return FORGE_E_NOT_FOUND;
        FORGE_TRY(status);
        FORGE_TRY(forge_store_rows_judge(*rows, outcomes, FORGE_E_NOT_FOUND));
        *already = forge_store_rows_bool(*rows, 0, "_already");
        if (forge_store_rows_text(*rows, 0, "awarded_at"))
            return *already ? FORGE_OK : forge_store_earned(db, p, user_id, *rows); /* its points may earn others */
    }
    return FORGE_E_CONFLICT;
}
