/* SPDX-License-Identifier: Apache-2.0
 * Has forge-runner try its sandbox, for people who look after an installation.
 */
#include "run.h"
#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <string.h>

#define REPORT_MAX 8192 /* bytes of its lines */

/* Its lines, "ok<tab>layer<tab>detail" or "missing<tab>…"; NULL, with *why, when it cannot be started. */
static char *report_of(apr_pool_t *p, const char *program, int *code, const char **why)
{
    const char *argv[] = {program, "--check", NULL}, *const environment[] = {NULL};
    char *report = apr_pcalloc(p, REPORT_MAX + 1), reason[120];
    apr_size_t have = 0, n = 0;
    apr_exit_why_e ended;
    apr_procattr_t *attributes;
    apr_proc_t process;
    apr_status_t rv;
    if ((rv = apr_procattr_create(&attributes, p)) != APR_SUCCESS ||
        (rv = apr_procattr_io_set(attributes, APR_NO_PIPE, APR_FULL_BLOCK, APR_NO_PIPE)) != APR_SUCCESS ||
        (rv = apr_procattr_error_check_set(attributes, 1)) != APR_SUCCESS ||
        (rv = apr_procattr_cmdtype_set(attributes, APR_PROGRAM)) != APR_SUCCESS ||
        (rv = apr_proc_create(&process, program, argv, environment, attributes, p)) != APR_SUCCESS) {
        *why = apr_psprintf(p, "forge-runner cannot be executed: %s", apr_strerror(rv, reason, sizeof(reason)));
        return NULL;
    }
    while (have < REPORT_MAX && (n = REPORT_MAX - have, apr_file_read(process.out, report + have, &n)) == APR_SUCCESS)
        have += n;
    apr_file_close(process.out);
    apr_proc_wait(&process, code, &ended, APR_WAIT);
    return report;
}

bool forge_run_check(apr_pool_t *p, const char *program, const char **says)
{
    int code = 1;
    bool tried = false;
    const char *lacking = ""; /* languages and tools */
    char *state = NULL, *report = report_of(p, program, &code, says);
    if (report)
        *says = "forge-runner ended without a report";
    for (char *line = report ? apr_strtok(report, "\n", &state) : NULL; line; line = apr_strtok(NULL, "\n", &state)) {
        char *fields = NULL, *mark = apr_strtok(line, "\t", &fields), *layer = apr_strtok(NULL, "\t", &fields),
             *detail = apr_strtok(NULL, "\t", &fields);
        if (layer && strcmp(mark, "missing") == 0) {
            *says = apr_psprintf(p, "%s: %s", layer, detail ? detail : "missing");
            return false;
        }
        if (detail && strcmp(mark, "lacking") == 0)
            lacking = apr_pstrcat(p, lacking, *lacking ? ", " : "", layer, NULL);
        tried |= detail != NULL;
    }
    if (tried && code == 0)
        *says = lacking;
    return tried && code == 0;
}
