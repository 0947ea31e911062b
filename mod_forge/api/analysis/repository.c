/* SPDX-License-Identifier: Apache-2.0
 * POST /analysis/github: has a repository analysed (SPEC 10). Any host of ForgeGitHosts will do; the path is older than
 * that list.
 */
#include "analysis.h"
#include "api/api.h"
#include "core/analysis/analysis.h"
#include "store/analysis/analysis.h"

/* clang-format off */
static const forge_field_t repository_fields[] = {
    {"url", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, FORGE_REPOSITORY_URL_MAX, .example = "https://github.com/jqlang/jq",
     .help = "address of the repository, https://host/owner/name, on a host from which this server fetches"},
    {"ref", FORGE_T_TEXT, FORGE_F_NULLABLE, 1, FORGE_REPOSITORY_REF_MAX, .example = "master",
     .help = "branch or tag; without it the repository's default branch"},
    {.name = NULL},
};
static const forge_shape_t repository = {"RepositoryToAnalyse", repository_fields};
/* clang-format on */

/* The address in its one spelling, or faults. */
static forge_repository_new_t asked(forge_req_t *q)
{
    const char *url = forge_core_input_text(q->body, "url"), *ref = forge_core_input_text(q->body, "ref");
    forge_repository_t of = {.host = NULL};
    const char *why = !url ? NULL : forge_core_repository_url(q->pool, url, forge_config_git_hosts(q->config), &of);
    if (why)
        forge_core_fault(q->faults, "/url", "format", why);
    if (ref && !forge_core_repository_ref(ref))
        forge_core_fault(q->faults, "/ref", "format",
                         "must be the name of a branch or a tag, of letters, digits and . _ - / +");
    return (forge_repository_new_t){of.url, ref};
}

static forge_status_t repository_analyse(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows = NULL;
    const forge_actor_t by = forge_api_actor(q);
    const forge_repository_new_t in = asked(q);
    if (forge_core_faults_count(q->faults) > 0)
        return forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
    FORGE_TRY(forge_http_db(q, &db));
    const forge_status_t status = forge_store_repository_ask(db, q->pool, &by, &in, &rows);
    return forge_api_analysis_begun(q, status, rows);
}

static const forge_status_t analyse_errors[] = {FORGE_E_ANALYSIS_SHARE, FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/analysis/github", FORGE_ROLE_GUEST, .flags = FORGE_R_IDEMPOTENT | FORGE_R_CHECKS,
     .limit = FORGE_LIMIT_ANALYSIS, .success = 202, .body = &repository, .reply = &forge_api_analysis,
     .next = forge_api_analysis_next,
     .errors = analyse_errors, .handle = repository_analyse, .again = forge_reply_kept,
     .operation = "analysis_repository", .summary = "Analyse a repository",
     .description = "Open to every account and to guests; each may have 20 unfinished analyses. "
         "The repository is fetched over https, without its submodules "
         "and without credentials, in a sandbox that reaches its host alone, and looked through there. The answer is "
         "the analysis as it begins; GET /analysis/sessions/{id} has its `result` once it is done: languages with "
         "files and lines, the tree, dependencies by manifest with licences where they are stated, the outline of the "
         "README, licences by their text, the largest and the most complex files (cyclomatic number; that of Python "
         "by its own parser), tests and continuous integration, commits and their dates as far as they were fetched, "
         "and `review` (by the language model; null without one). "
         "Its texts can be asked about. It may fail with repository_not_found, ref_not_found, repository_moved, "
         "repository_not_allowed, repository_unreachable, repository_too_large, too_complex or quota_exceeded."},
};
/* clang-format on */

const forge_routes_t forge_api_repository = FORGE_API_ROUTES(routes, &forge_api_tag_analysis);
