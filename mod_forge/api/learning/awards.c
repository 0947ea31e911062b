/* SPDX-License-Identifier: Apache-2.0
 * Who was awarded what: by hand under /achievements, and what an account has, whoever gave it.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/learning/learning.h"
#include "store/users/users.h"
#include "api/shared.h"

#include <apr_strings.h>

/* clang-format off */
static const forge_field_t awarded_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "4", .help = "number of the achievement"},
    {"name", FORGE_T_TEXT, .example = "First steps", .help = "its name"},
    {"description", FORGE_T_TEXT, .example = "Finished a first exercise.", .help = "how it is earned"},
    {"points", FORGE_T_INT, .example = "10", .help = "points that it is worth"},
    {"icon", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "🏅", .help = "any Unicode text, an emoji for instance"},
    {"awarded_by", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "null",
     .help = "account that awarded it; null: it was earned by its rule"},
    {"awarded_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it was awarded"},
    {.name = NULL},
};
static const forge_shape_t awarded = {"AwardedAchievement", awarded_fields};

static const forge_field_t award_fields[] = {
    {"achievement_id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "4", .help = "number of the achievement"},
    {"user_id", FORGE_T_INT, FORGE_F_REQUIRED, .min = 1, .example = "7", .help = "account that gets it"},
    {"awarded_by", FORGE_T_INT, FORGE_F_READONLY | FORGE_F_NULLABLE, .min = 1, .example = "2",
     .help = "account that awarded it; null: it was earned by its rule"},
    {"awarded_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was awarded"},
    {.name = NULL},
};
static const forge_shape_t award = {"Award", award_fields};
/* clang-format on */

static const forge_status_t award_errors[] = {FORGE_E_BAD_REFERENCE, FORGE_OK};

/* What an account has is seen by who sees the account: of guests and closed ones only they and administrators. */
static forge_status_t awarded_list(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const bool whole = q->who.role == FORGE_ROLE_ADMIN || q->who.user_id == q->ids[0];
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(whole ? forge_store_account_get(db, q->pool, q->ids[0], &rows)
                    : forge_store_account_profile(db, q->pool, q->ids[0], &rows));
    return forge_api_list(q, FORGE_ARGS(forge_util_itoa(q->pool, q->ids[0])));
}

static forge_status_t award_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    bool already;
    const forge_actor_t by = forge_api_actor(q);
    const apr_int64_t user = forge_core_input_int(q->body, "user_id", 0);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_award(db, q->pool, &by, q->ids[0], user, &already, &rows);
    if (status == FORGE_E_BAD_REFERENCE)
        return forge_fail_field(q, status, "/user_id", "unknown", "there is no such account, or it is not active");
    FORGE_TRY(status);
    return already ? forge_reply_again(q, rows)
                   : forge_reply_created(q, rows,
                                         apr_pstrcat(q->pool, "/api/v1/users/", forge_util_itoa(q->pool, user), NULL));
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/users/{id}/achievements", FORGE_ROLE_NONE, .flags = FORGE_R_LIST | FORGE_R_PUBLIC,
     .list = &forge_store_awards_list, .reply = &awarded, .handle = awarded_list,
     .operation = "awarded_list", .summary = "List the achievements of an account",
     .description = "Open to anyone. Those of guests and closed accounts are only for themselves and administrators."},
    {FORGE_POST, "/achievements/{id}/award", FORGE_ROLE_INSTRUCTOR, .flags = FORGE_R_IDEMPOTENT | FORGE_R_AGAIN,
     .success = 201, .body = &award, .reply = &award, .errors = award_errors, .handle = award_create,
     .again = forge_reply_kept,
     .operation = "award_create", .summary = "Award an achievement",
     .description = "For instructors and administrators. Repeating the call changes nothing and answers 200."},
};
/* clang-format on */

const forge_routes_t forge_api_awards = FORGE_API_ROUTES(routes, &forge_api_tag_achievements);
