/* SPDX-License-Identifier: Apache-2.0
 * The list of all route tables. A new resource is one file with its table and one line here.
 */
#include "api.h"
#include "shared.h"

/* clang-format off */
static const forge_routes_t *const all[] = {
    &forge_api_auth,
    &forge_api_sessions,
    &forge_api_guests,
    &forge_api_api_keys,
    &forge_api_tickets,
    &forge_api_passwords,
    &forge_api_emails,
    &forge_api_mfa,
    &forge_api_users,
    &forge_api_profile,
    &forge_api_accounts,
    &forge_api_bulk,
    &forge_api_audit,
    &forge_api_organizations,
    &forge_api_members,
    &forge_api_invitations,
    &forge_api_courses,
    &forge_api_bundles,
    &forge_api_modules,
    &forge_api_lessons,
    &forge_api_enrollments,
    &forge_api_students,
    &forge_api_prerequisites,
    &forge_api_assignments,
    &forge_api_submissions,
    &forge_api_gradebook,
    &forge_api_analytics,
    &forge_api_exercises,
    &forge_api_progress,
    &forge_api_achievements,
    &forge_api_awards,
    &forge_api_files,
    &forge_api_analyses,
    &forge_api_documents,
    &forge_api_repository,
    &forge_api_execute,
    &forge_api_exercise_submissions,
    &forge_api_qa,
    &forge_api_rejudge,
    &forge_api_jobs,
    &forge_api_aggregate,
    &forge_api_health,
    &forge_api_auth_health,
    &forge_api_monitor,
    &forge_api_identity_figures,
    &forge_api_system,
    &forge_api_database,
    &forge_api_logs,
    &forge_api_containers,
    &forge_api_database_report,
    &forge_api_jwks,
    &forge_api_docs,
    &forge_api_errors,
    &forge_api_import,
};
/* clang-format on */
#define N_TABLES (sizeof(all) / sizeof(*all))

const forge_routes_t *forge_api_tables(int *count)
{
    static forge_routes_t tables[N_TABLES]; /* filled by the first call, at start and before any thread */
    *count = (int)N_TABLES;
    for (int i = 0; i < *count; i++)
        tables[i] = *all[i];
    return tables;
}
