/* SPDX-License-Identifier: Apache-2.0
 * forgectl jobs: the queue as an operator sees it.
 */
#include "ctl.h"
#include "store/operations/operations.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

enum { LIST_DEFAULT = 50, LIST_MAX = 1000, LIST_BYTES_MAX = 4 << 20 };

static int failed(const char *what, forge_status_t status)
{
    forge_ctl_error("%s: %s", what, forge_ctl_status(status));
    return FORGE_CTL_FAILED;
}

/* --- list --- */

static bool status_read(const char *status)
{
    static const char *const known[] = {"queued", "running", "done", "failed", "cancelled"};
    for (size_t i = 0; status && i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(status, known[i]) == 0)
            return true;
    if (status)
        forge_ctl_error("the status \"%s\" is not queued, running, done, failed or cancelled", status);
    return !status;
}

static int print_json(forge_ctl_t *ctl, const forge_rows_t *rows, bool one)
{
    forge_buf_t *b = forge_ctl_json_buf(ctl->pool);
    if (one)
        forge_store_render_row(b, rows, 0);
    else
        forge_store_render_list(b, rows, forge_store_rows_count(rows), LIST_BYTES_MAX);
    forge_util_buf_puts(b, "\n");
    return forge_ctl_json_flush(b) ? FORGE_CTL_OK : FORGE_CTL_FAILED;
}

/* What there is to say of a job: how far it is, who works on it, or why its last attempt failed. */
static const char *remark(forge_ctl_t *ctl, const forge_rows_t *rows, int i)
{
    const char *code = forge_store_rows_text(rows, i, "error_code"), *worker = forge_store_rows_text(rows, i, "worker");
    bool running = strcmp(forge_store_rows_text(rows, i, "status"), "running") == 0;
    const char *stage = forge_store_rows_text(rows, i, "stage");
    if (running)
        return apr_pstrcat(ctl->pool, worker ? worker : "", *stage ? " " : "", stage, NULL);
    if (!code)
        return stage;
    const char *detail = forge_store_rows_text(rows, i, "error_detail");
    return apr_pstrcat(ctl->pool, code, detail && *detail ? ": " : "", detail, NULL);
}

static void print_row(forge_ctl_t *ctl, const forge_rows_t *rows, int i)
{
    const char *account = forge_store_rows_text(rows, i, "user_id");
    printf("%8s  %-12s  %8s  %-9s  %3s%%  %3s/%-3s  %.19s  %s\n", forge_store_rows_text(rows, i, "id"),
           forge_store_rows_text(rows, i, "kind"), account ? account : "-", forge_store_rows_text(rows, i, "status"),
           forge_store_rows_text(rows, i, "progress"), forge_store_rows_text(rows, i, "attempts"),
           forge_store_rows_text(rows, i, "attempts_max"), forge_store_rows_text(rows, i, "due_at"),
           remark(ctl, rows, i));
}

static int jobs_list(forge_ctl_t *ctl)
{
    forge_job_filter_t filter = {
        .status = forge_ctl_option(ctl, "status"), .kind = forge_ctl_option(ctl, "kind"), .before = INT64_MAX};
    forge_rows_t *rows;
    if (!status_read(filter.status) || !forge_ctl_number(ctl, "limit", 1, LIST_MAX, LIST_DEFAULT, &filter.limit))
        return FORGE_CTL_USAGE;
    forge_db_t *db = forge_ctl_connect_current(ctl);
    if (!db)
        return FORGE_CTL_FAILED;
    forge_status_t status = forge_store_job_list(db, ctl->pool, &filter, &rows);
    if (status != FORGE_OK)
        return failed("the jobs could not be read", status);
    if (forge_ctl_json(ctl))
        return print_json(ctl, rows, false);
    printf("%8s  %-12s  %8s  %-9s  %4s  %7s  %-19s  %s\n", "id", "kind", "account", "status", "done", "attempt",
           "due (UTC)", "");
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        print_row(ctl, rows, i);
    printf("%d jobs\n", forge_store_rows_count(rows));
    return FORGE_CTL_OK;
}

/* --- one job --- */

static bool number_read(const char *text, apr_int64_t *id)
{
    if (forge_util_atoi(text, strlen(text), id) && *id > 0)
        return true;
    forge_ctl_error("\"%s\" is not the number of a job", text);
    return false;
}

/* Says what has become of the job, or why it could not be. `wrong`: it is in no state for that. */
static int told(forge_ctl_t *ctl, forge_status_t status, const forge_rows_t *rows, const char *wrong)
{
    if (status == FORGE_E_NOT_FOUND || status == FORGE_E_CONFLICT) {
        forge_ctl_error(status == FORGE_E_CONFLICT ? "job %s %s" : "there is no job %s", ctl->args[0], wrong);
        return FORGE_CTL_FAILED;
    }
    if (status != FORGE_OK)
        return failed("the job could not be changed", status);
    if (forge_ctl_json(ctl))
        return print_json(ctl, rows, true);
    printf("job %s (%s): %s\n", forge_store_rows_text(rows, 0, "id"), forge_store_rows_text(rows, 0, "kind"),
           forge_store_rows_text(rows, 0, "status"));
    return FORGE_CTL_OK;
}

typedef forge_status_t (*change_fn)(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows);

static int change_one(forge_ctl_t *ctl, change_fn change, const char *wrong)
{
    apr_int64_t id;
    forge_rows_t *rows = NULL;
    if (!number_read(ctl->args[0], &id))
        return FORGE_CTL_USAGE;
    forge_db_t *db = forge_ctl_connect_current(ctl);
    if (!db)
        return FORGE_CTL_FAILED;
    const forge_status_t status = change(db, ctl->pool, id, &rows);
    return told(ctl, status, rows, wrong);
}

static int jobs_retry(forge_ctl_t *ctl)
{
    return change_one(ctl, forge_store_job_retry,
                      "has neither failed nor been cancelled, or was asked for again since");
}

static forge_status_t cancel(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows)
{
    static const forge_actor_t by = {.admin = true};
    return forge_store_job_cancel(db, p, &by, id, rows);
}

static int jobs_cancel(forge_ctl_t *ctl)
{
    return change_one(ctl, cancel, "has ended");
}

static const forge_ctl_option_t list_options[] = {
    {"status", "STATUS", "only those that are queued, running, done, failed or cancelled"},
    {"kind", "KIND", "only those of this kind"},
    {"limit", "N", "the latest N, 1 to 1000 (50)"},
    {NULL, NULL, NULL},
};

const forge_ctl_verb_t forge_ctl_jobs[] = {
    {"list", "", 0, FORGE_CTL_DATABASE, list_options, "list jobs, the latest first", jobs_list},
    {"retry", "ID", 1, FORGE_CTL_DATABASE, NULL, "queue a failed or cancelled job again", jobs_retry},
    {"cancel", "ID", 1, FORGE_CTL_DATABASE, NULL, "cancel a queued or running job", jobs_cancel},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
