/* SPDX-License-Identifier: Apache-2.0
 * Several GETs in one round trip (SPEC 11), for clients that draw a page from many resources.
 */
#include "api/api.h"
#include "api/shared.h"

static const forge_field_t query_fields[] = {
    {"paths", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, FORGE_AGGREGATE_TEXT, .format = "line",
     .example = "/courses?limit=5,/health",
     .help = "1 to 8 paths below the base path, parted by commas. A path may carry a query: its '?', '&' and '=' are "
             "percent-encoded here, and what is encoded in it once more"},
    {.name = NULL},
};
static const forge_shape_t query = {NULL, query_fields};

static const forge_field_t result_fields[] = {
    {"path", FORGE_T_TEXT, .example = "/courses?limit=5", .help = "as it was asked for"},
    {"status", FORGE_T_INT, .min = 200, .max = 599, .example = "200", .help = "of this path's own answer"},
    {"body", FORGE_T_ANY, .example = "[]",
     .help = "of this path's own answer: JSON as it is, text as a string, null where there is none, a problem document "
             "where it failed"},
    {.name = NULL},
};
static const forge_field_t aggregate_fields[] = {
    {"results", FORGE_T_ARRAY, .fields = result_fields, .named = "AggregatePart", .min = 1, .max = FORGE_AGGREGATE_MAX,
     .help = "one for each path, in their order"},
    {"complete", FORGE_T_BOOL, .example = "true",
     .help = "false when a part is missing: late, unreachable, too large, over its quota, or not to be had like this"},
    {.name = NULL},
};
static const forge_shape_t aggregate = {"Aggregate", aggregate_fields};

static forge_status_t aggregate_get(forge_req_t *q)
{
    forge_paths_t paths;
    const char *why;
    if (!forge_core_paths_read(q->pool, forge_core_input_text(q->query, "paths"), &paths, &why))
        return forge_fail_field(q, FORGE_E_VALIDATION, "?paths", "format", why);
    return forge_reply_aggregate(q, &paths);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, FORGE_AGGREGATE_ROUTE, FORGE_ROLE_NONE, .query = &query, .reply = &aggregate, .handle = aggregate_get,
     .operation = "aggregate", .summary = "Several GETs in one round trip",
     .description = "Open to anyone. Each path is asked for as the caller, passes its own access rules, and counts in "
         "its own quota; this request counts besides. Back ends that are proxied below the base path can be asked too. "
         "Neither streams nor downloads nor another aggregate can be. What is not there in time is 504 in its place, "
         "what no longer fits 507."},
};
/* clang-format on */

static const forge_tag_t tag = {"aggregate", "Several answers at once."};
const forge_routes_t forge_api_aggregate = FORGE_API_ROUTES(routes, &tag);
