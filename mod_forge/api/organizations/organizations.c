/* SPDX-License-Identifier: Apache-2.0
 * /organizations: groups of accounts with rules of their own. Somebody who is not a member learns nothing about one.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/organizations/organizations.h"
#include "api/shared.h"
#include "organizations.h"

#include <string.h>

#define SLUG_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789"

/* clang-format off */
static const forge_field_t organization_fields[] = {
    {"id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "3", .help = "number of the organisation"},
    {"name", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 200, .format = "line", .example = "Institute of Graphs",
     .help = "name"},
    {"slug", FORGE_T_TEXT, FORGE_F_RESETS, 1, 63, .example = "institute-of-graphs",
     .help = "short unique name for URLs and Require forge-org: lower-case letters, digits, hyphens; default: made "
         "from the name"},
    {"role", FORGE_T_TEXT, FORGE_F_READONLY | FORGE_F_NULLABLE, .format = FORGE_API_MEMBER_ROLES,
     .named = "MemberRole", .example = "owner",
     .help = "the caller's own role; null for a platform administrator who is not a member"},
    {"version", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "1",
     .help = "grows with each change; the ETag is made from it"},
    {"created_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was created"},
    {"updated_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was last changed"},
    {.name = NULL},
};
const forge_shape_t forge_api_organization = {"Organization", organization_fields};

const forge_field_t forge_api_member_role_field[] = {
    {"role", FORGE_T_TEXT, .format = FORGE_API_MEMBER_ROLES, .named = "MemberRole", .preset = "member",
     .example = "member",
     .help = "role in the organisation"},
    {.name = NULL},
};

static const forge_field_t list_query_fields[] = {
    {"all", FORGE_T_BOOL, .preset = "false", .example = "true",
     .help = "true: all organisations, not only the caller's; ignored unless the caller is a platform administrator"},
    {.name = NULL},
};
static const forge_shape_t list_query = {.fields = list_query_fields};

static const forge_field_t delete_query_fields[] = {
    {"release_courses", FORGE_T_BOOL, .preset = "false", .example = "true",
     .help = "true: the organisation's courses go back to their instructors, as drafts; nobody else sees them"},
    {.name = NULL},
};
static const forge_shape_t delete_query = {.fields = delete_query_fields};

static const forge_field_t transfer_body_fields[] = {
    {"user_id", FORGE_T_INT, FORGE_F_REQUIRED, .min = 1, .example = "7", .help = "member who becomes the new owner"},
    {.name = NULL},
};
static const forge_shape_t transfer_body = {.fields = transfer_body_fields};
/* clang-format on */

static const forge_status_t create_errors[] = {FORGE_E_SLUG_TAKEN, FORGE_OK};
static const forge_status_t change_errors[] = {FORGE_E_SLUG_TAKEN, FORGE_E_LIMIT_REACHED, FORGE_OK};
static const forge_status_t delete_errors[] = {FORGE_E_CONFLICT, FORGE_OK};
static const forge_status_t transfer_errors[] = {FORGE_E_BAD_REFERENCE, FORGE_OK};

forge_status_t forge_api_organization_list(forge_req_t *q, bool admins)
{
    const forge_args_t base =
        FORGE_ARGS(forge_util_itoa(q->pool, q->who.user_id), q->who.role == FORGE_ROLE_ADMIN ? "t" : "f",
                   forge_util_itoa(q->pool, q->ids[0]));
    forge_rows_t *rows, *organization;
    apr_int64_t total;
    const forge_actor_t by = forge_api_actor(q);
    forge_db_t *db;
    FORGE_TRY(forge_api_list_rows(q, q->route->list, base, &rows, &total));
    if (forge_store_rows_count(rows) == 0) { /* nothing there, or nothing for these eyes */
        FORGE_TRY(forge_http_db(q, &db));
        FORGE_TRY(forge_store_organization_get(db, q->pool, &by, q->ids[0], &organization));
        const char *role = forge_store_rows_text(organization, 0, "role");
        if (admins && q->who.role != FORGE_ROLE_ADMIN && strcmp(role, "member") == 0)
            return FORGE_E_FORBIDDEN;
    }
    return forge_reply_list(q, q->route->list, rows, total);
}

/* The organisation as it is for the caller, and what the caller is in it. */
static forge_status_t standing(forge_req_t *q, apr_int64_t id, forge_rows_t **organization, const char **role)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_organization_get(db, q->pool, &by, id, organization));
    *role = by.admin ? "owner" : forge_store_rows_text(*organization, 0, "role");
    return FORGE_OK;
}

forge_status_t forge_api_organization_grants(forge_req_t *q)
{
    forge_rows_t *rows;
    const char *own, *wanted = forge_core_input_text(q->body, "role");
    FORGE_TRY(standing(q, q->ids[0], &rows, &own));
    bool owner = strcmp(own, "owner") == 0, admin = strcmp(own, "admin") == 0;
    return owner || (admin && (!wanted || strcmp(wanted, "owner") != 0)) ? FORGE_OK : FORGE_E_FORBIDDEN;
}

/* Words of lower-case letters and digits with one hyphen between them. */
static bool slug_good(const char *slug)
{
    for (;; slug++) {
        apr_size_t word = strspn(slug, SLUG_LETTERS);
        slug += word;
        if (word == 0 || *slug != '-')
            return word > 0 && *slug == '\0';
    }
}

static forge_status_t names_read(forge_req_t *q, const char **name, const char **slug)
{
    *name = forge_core_input_text(q->body, "name");
    *slug = forge_core_input_text(q->body, "slug");
    if (*slug && !slug_good(*slug))
        forge_core_fault(q->faults, "/slug", "format",
                         "must be lower-case letters and digits, with single hyphens between them");
    return forge_core_faults_count(q->faults) > 0 ? forge_fail_faults(q, FORGE_E_VALIDATION, q->faults) : FORGE_OK;
}

static forge_status_t organization_list(forge_req_t *q)
{
    const forge_args_t base = FORGE_ARGS(forge_util_itoa(q->pool, q->who.user_id));
    bool all = q->who.role == FORGE_ROLE_ADMIN && forge_core_input_bool(q->query, "all", false);
    return all ? forge_api_list_other(q, &forge_store_organizations_all, base) : forge_api_list(q, base);
}

static forge_status_t organization_create(forge_req_t *q)
{
    const char *name, *slug;
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(names_read(q, &name, &slug));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_organization_create(db, q->pool, &by, name, slug, &rows));
    return forge_reply_created(q, rows, "/api/v1/organizations");
}

static forge_status_t organization_get(forge_req_t *q)
{
    forge_rows_t *rows;
    const char *role;
    FORGE_TRY(standing(q, q->ids[0], &rows, &role));
    return forge_reply_row(q, rows);
}

static forge_status_t organization_again(forge_req_t *q)
{
    forge_rows_t *rows;
    const char *role;
    FORGE_TRY(standing(q, q->made, &rows, &role));
    return forge_reply_row(q, rows);
}

/* Who has handed it over is its admin now, and may hear again that it was done. */
static forge_status_t transfer_again(forge_req_t *q)
{
    forge_rows_t *rows;
    const char *role;
    FORGE_TRY(standing(q, q->ids[0], &rows, &role));
    return strcmp(role, "member") != 0 ? forge_reply_row(q, rows) : FORGE_E_FORBIDDEN;
}

static forge_status_t organization_update(forge_req_t *q)
{
    static const char *const members[] = {"name", "slug", NULL};
    const char *name, *slug;
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(names_read(q, &name, &slug));
    const forge_patch_t patch = forge_api_patch(q, members);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_organization_update(db, q->pool, &by, q->ids[0], &patch, &rows);
    if (status == FORGE_E_LIMIT_REACHED)
        return forge_fail_detail(q, status, "this organisation has changed its slug too often");
    FORGE_TRY(status);
    return forge_reply_row(q, rows);
}

static forge_status_t organization_delete(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    const bool release = forge_core_input_bool(q->query, "release_courses", false);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_organization_delete(db, q->pool, &by, q->ids[0], q->if_version, release);
    if (status == FORGE_E_CONFLICT && release)
        return forge_fail_detail(q, status, "courses come into this organisation at this moment; try again");
    if (status == FORGE_E_CONFLICT)
        return forge_fail_detail(q, status,
                                 "this organisation has courses; delete them or remove them from it first, or send "
                                 "release_courses=true, which gives them back to their instructors as drafts");
    return status == FORGE_OK ? forge_reply_none(q) : status;
}

static forge_status_t organization_transfer(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_organization_transfer(db, q->pool, &by, q->ids[0],
                                                              forge_core_input_int(q->body, "user_id", 0), &rows);
    if (status == FORGE_E_BAD_REFERENCE)
        return forge_fail_field(q, status, "/user_id", "unknown", "must be a member whose account is active");
    FORGE_TRY(status);
    return forge_reply_row(q, rows);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/organizations", FORGE_ROLE_STUDENT, .flags = FORGE_R_LIST, .list = &forge_store_organizations_mine,
     .query = &list_query, .reply = &forge_api_organization, .handle = organization_list,
     .operation = "organization_list", .summary = "List my organisations",
     .description = "Lists the organisations that the caller is a member of. Open to every account except guests. "
         "With all=true, platform administrators see all organisations; for other callers it has no effect."},
    {FORGE_POST, "/organizations", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT | FORGE_R_CHECKS, .success = 201,
     .body = &forge_api_organization, .reply = &forge_api_organization, .errors = create_errors,
     .handle = organization_create, .again = organization_again,
     .operation = "organization_create", .summary = "Create an organisation",
     .description = "Open to every account except guests. The creator becomes the owner. If a slug made from the "
         "name is taken, it gets a suffix; if a slug in the request is taken, the request is refused. A slug that "
         "another organisation once had stays taken."},
    {FORGE_GET, "/organizations/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .reply = &forge_api_organization,
     .handle = organization_get, .operation = "organization_get", .summary = "Read one organisation",
     .description = "For its members. For everybody else the organisation does not exist, here and in all paths "
         "below."},
    {FORGE_PATCH, "/organizations/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG | FORGE_R_CHECKS,
     .body = &forge_api_organization, .reply = &forge_api_organization, .errors = change_errors,
     .handle = organization_update, .operation = "organization_update", .summary = "Rename an organisation",
     .description = "For its owners and admins. Only the members that are sent change. The former slug stays with the "
         "organisation: no other can take it."},
    {FORGE_DELETE, "/organizations/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .success = 204,
     .query = &delete_query, .errors = delete_errors, .handle = organization_delete,
     .operation = "organization_delete", .summary = "Delete an organisation",
     .description = "For its owners. Deletes its memberships and invitations too. An organisation that has courses "
         "is not deleted, because the courses would become open to everybody; with release_courses=true they go back "
         "to their instructors as drafts. Enrolments and progress stay with the courses."},
    {FORGE_POST, "/organizations/{id}/transfer", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT,
     .body = &transfer_body, .reply = &forge_api_organization, .errors = transfer_errors,
     .handle = organization_transfer, .again = transfer_again,
     .operation = "organization_transfer", .summary = "Transfer an organisation",
     .description = "For its owners. The member becomes an owner, and the caller becomes an admin. If the caller is "
         "a platform administrator who is not an owner, the member becomes the only owner."},
};
/* clang-format on */

const forge_routes_t forge_api_organizations = FORGE_API_ROUTES(routes, &forge_api_tag_organizations);
