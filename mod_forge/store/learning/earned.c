/* SPDX-License-Identifier: Apache-2.0
 * What a statement that wrote progress has earned by the triggers of migration 0020: asked once it ran, by the time of
 * its transaction, and only where somebody keeps a log of such events.
 */
#include "learning_private.h"

/* clang-format off */

/* $1 account, $2 time of the transaction. */
static const forge_stmt_t earned = {
    "earned",
    "SELECT 'course.completed' AS event, 'course_id' AS what, d.course_id AS number FROM forge.course_completions d"
    " WHERE d.user_id = $1::bigint AND d.completed_at = $2::timestamptz"
    " UNION ALL "
    "SELECT 'achievement.awarded', 'achievement_id', w.achievement_id FROM forge.user_achievements w"
    " WHERE w.user_id = $1::bigint AND w.awarded_at = $2::timestamptz AND w.awarded_by IS NULL"};

/* clang-format on */

forge_status_t forge_store_earned(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, const forge_rows_t *written)
{
    forge_rows_t *rows;
    if (!forge_store_events_wanted(db) || forge_store_rows_count(written) == 0)
        return FORGE_OK;
    forge_status_t status = forge_store_run(
        db, p, &earned, FORGE_ARGS(forge_util_itoa(p, user_id), forge_store_rows_text(written, 0, "_at")), &rows);
    if (status != FORGE_OK) /* what was written is committed, unless a transaction is open: then that has failed too */
        return db->depth > 0 ? status : FORGE_OK;
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        forge_store_event(db, &(forge_event_t){.name = forge_store_rows_text(rows, i, "event"),
                                               .user_id = user_id,
                                               .detail = {{.name = forge_store_rows_text(rows, i, "what"),
                                                           .number = forge_store_rows_int(rows, i, "number", 0)}}});
    return FORGE_OK;
}
