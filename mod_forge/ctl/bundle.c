/* SPDX-License-Identifier: Apache-2.0
 * Loads bundles that come with the packages. They were made by an export, so that their members are valid; the
 * database refuses what is not.
 */
#include "ctl.h"
#include "store/learning/learning.h"
#include <apr_strings.h>

/* A section of the bundle as a JSON text. */
static const char *section(apr_pool_t *p, const forge_json_t *bundle, const char *name)
{
    const forge_json_t *items = forge_util_json_get(bundle, name);
    forge_buf_t *b = forge_util_buf_make(p, 65536, 2 * FORGE_CTL_FILE_MAX);
    if (!items)
        return "[]";
    forge_util_json_write(b, items);
    forge_util_buf_add(b, "", 1);
    return b->failed ? NULL : b->data;
}

static forge_bundle_in_t bundle_read(apr_pool_t *p, const forge_json_t *bundle)
{
    const forge_json_t *course = forge_util_json_get(bundle, "course");
    return (forge_bundle_in_t){
        .course = {.title = forge_util_json_text(forge_util_json_get(course, "title"), NULL),
                   .description = forge_util_json_text(forge_util_json_get(course, "description"), NULL),
                   .difficulty = forge_util_json_text(forge_util_json_get(course, "difficulty"), NULL),
                   .status = forge_util_json_text(forge_util_json_get(course, "status"), NULL),
                   .timezone = forge_util_json_text(forge_util_json_get(course, "timezone"), NULL)},
        .modules = section(p, bundle, "modules"),
        .exercises = section(p, bundle, "exercises"),
        .assignments = section(p, bundle, "assignments"),
    };
}

forge_status_t forge_ctl_bundle_load(forge_ctl_t *ctl, forge_db_t *db, apr_int64_t account, const char *path,
                                     const char **why)
{
    apr_size_t len;
    bool known;
    forge_rows_t *rows;
    const forge_actor_t by = {.id = account};
    const char *text = forge_ctl_file_read(ctl->pool, path, &len, why);
    const forge_json_t *bundle = text ? forge_util_json_parse(ctl->pool, text, len, why) : NULL;
    if (!bundle)
        return FORGE_E_VALIDATION;
    const forge_bundle_in_t in = bundle_read(ctl->pool, bundle);
    *why = "this is no bundle of a course";
    if (!in.course.title || !in.modules || !in.exercises || !in.assignments)
        return FORGE_E_VALIDATION;
    *why = NULL;
    FORGE_TRY(forge_store_bundle_known(db, ctl->pool, &by, in.course.title, &known));
    return known ? FORGE_OK : forge_store_bundle_import(db, ctl->pool, &by, &in, &rows);
}
