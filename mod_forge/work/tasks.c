/* SPDX-License-Identifier: Apache-2.0
 * Background tasks of one child at a time, on mod_watchdog's thread: the first administrator, and housekeeping, which
 * one node does for all.
 */
#include "work_private.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"
#include "store/users/users.h"
#include "store/operations/operations.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define STEP               apr_time_from_sec(1) /* how often the task runs */
#define HOUSEKEEPING_EVERY apr_time_from_sec(60)
#define PATIENT_ERASURES   10 /* of accounts with so much that one takes longer than a statement usually may */

typedef struct task_t {
    server_rec *s;
    bool superuser_done, compared;
    apr_time_t housekept;
} task_t;

/* Creates the configured first administrator once. An existing account is never changed. */
static forge_status_t first_superuser(apr_pool_t *p, forge_server_t *server)
{
    const char *why, *name, *password = forge_config_superuser_password(server->config);
    forge_new_user_t user = {.role = "admin"};
    forge_lease_t *lease;
    forge_db_t *db;
    forge_rows_t *rows;
    bool created = false;
    name = forge_config_superuser_email(server->config);
    if (!name)
        return FORGE_OK;
    if (!forge_core_email_normalize(p, name, strlen(name), &user.email, &user.email_key, &why))
        return FORGE_E_VALIDATION;
    FORGE_TRY(forge_server_lease_take(p, server, FORGE_ACTIVITY("forge first administrator"), &lease, &db));
    forge_status_t status = forge_store_user_for_login(db, p, user.email_key, NULL, &rows);
    forge_server_lease_return(lease);
    if (status != FORGE_OK || forge_store_rows_count(rows) > 0)
        return status;
    user.username = forge_core_username_from_email(p, user.email, "");
    user.password_hash = forge_core_hash_make(p, password, strlen(password), forge_config_bcrypt_cost(server->config));
    FORGE_TRY(forge_server_lease_take(p, server, FORGE_ACTIVITY("forge first administrator"), &lease, &db));
    status = forge_store_first_superuser(db, p, &user, &created);
    forge_server_lease_return(lease);
    if (created)
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, server->s,
                     "FG0430: created the first administrator, as ForgeFirstSuperuser says");
    return status;
}

/* Compares DBDMax of all children with the connections that the database allows. Too many are logged as a warning and
 * are not fatal. */
static forge_status_t compare_connections(apr_pool_t *p, forge_server_t *server)
{
    forge_lease_t *lease;
    forge_db_t *db;
    int found, allowed = 0, children = 1, dbd_max = forge_server_pool_dbd_max(server->s);
    FORGE_TRY(forge_server_lease_take(p, server, FORGE_ACTIVITY("forge start"), &lease, &db));
    forge_status_t status = forge_store_schema_check(db, p, &found, &allowed);
    forge_server_lease_return(lease);
    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &children);
    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    if (status == FORGE_OK && dbd_max * children + 1 >= allowed) /* and one that listens */
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server->s,
                     "FG0435: DBDMax %d in each of %d children may need %d connections, but PostgreSQL allows %d "
                     "(max_connections); lower DBDMax",
                     dbd_max, children, dbd_max * children, allowed);
    return status;
}

static forge_status_t erase_all(forge_db_t *db, apr_pool_t *p, void *unused)
{
    (void)unused;
    return forge_store_accounts_erase(db, p);
}

static forge_status_t erase_with_patience(forge_db_t *db, apr_pool_t *p, void *unused)
{
    (void)unused;
    FORGE_TRY(forge_store_db_patient(db, FORGE_PATIENCE));
    return forge_store_accounts_erase_any(db, p);
}

static forge_status_t sweep(forge_db_t *db, apr_pool_t *p, void *unused)
{
    (void)unused;
    return forge_store_housekeeping(db, p);
}

/* An account may have so much that its erasure takes longer than a statement usually may. */
static forge_status_t erase(apr_pool_t *p, forge_server_t *server)
{
    const forge_activity_t activity = FORGE_ACTIVITY("forge erasure");
    forge_status_t status = forge_server_lease_lend(p, server, activity, erase_all, NULL);
    for (int n = 0; status == FORGE_E_TIMEOUT && n < PATIENT_ERASURES; n++) {
        FORGE_TRY(forge_server_lease_lend(p, server, activity, erase_with_patience, NULL));
        status = forge_server_lease_lend(p, server, activity, erase_all, NULL);
    }
    return status;
}

static forge_status_t housekeep(apr_pool_t *p, forge_server_t *server)
{
    forge_status_t status = forge_server_lease_lend(p, server, FORGE_ACTIVITY("forge housekeeping"), sweep, NULL);
    forge_status_t erased = erase(p, server);
    return status == FORGE_OK ? erased : status;
}

static bool transient(forge_status_t status)
{
    return forge_util_error(status)->http == HTTP_SERVICE_UNAVAILABLE || status == FORGE_E_TIMEOUT;
}

static void step(void *data, apr_pool_t *p)
{
    task_t *task = data;
    forge_server_t *server = forge_server_of(task->s);
    apr_time_t now = apr_time_now();
    if (!server || !server->db_pool)
        return;
    if (!task->superuser_done) {
        forge_status_t status = first_superuser(p, server);
        task->superuser_done = !transient(status);
        if (status != FORGE_OK && task->superuser_done)
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, task->s, "FG0431: could not create the first administrator: %s",
                         forge_util_error(status)->code);
    }
    if (!task->compared)
        task->compared = !transient(compare_connections(p, server));
    if (task->superuser_done && forge_live_does_for_all(server->live, server->realm) &&
        (now - task->housekept > HOUSEKEEPING_EVERY || now < task->housekept)) {
        task->housekept = now;
        forge_status_t status = housekeep(p, server);
        if (status != FORGE_OK && (status == FORGE_E_TIMEOUT || !transient(status)))
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, task->s, "FG0432: could not delete expired data: %s",
                         forge_util_error(status)->code);
    }
}

int forge_work_tasks_register(apr_pool_t *pconf, server_rec *main_server)
{
    for (server_rec *s = main_server; s; s = s->next) {
        if (!forge_server_of(s) || !forge_server_serves(pconf, s))
            continue;
        task_t *task = apr_pcalloc(pconf, sizeof(*task));
        task->s = s;
        const forge_background_t job = {
            .thread = "_forge_", .one_child = true, .every = STEP, .step = step, .data = task};
        if (forge_work_background_register(pconf, s, &job) != OK)
            return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}
