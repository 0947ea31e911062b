/* SPDX-License-Identifier: Apache-2.0
 * Output to the terminal, and reading of whole files.
 */
#include "ctl.h"
#include <apr_file_io.h>
#include <apr_strings.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void forge_ctl_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout); /* keeps the order if both go to the same place */
    fputs("forgectl: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void forge_ctl_line(forge_ctl_mark_t mark, const char *format, ...)
{
    static const struct {
        const char *word, *colour;
    } marks[] = {{"ok", "\033[32m"}, {"warn", "\033[33m"}, {"FAIL", "\033[31m"}};
    bool colour = isatty(STDOUT_FILENO);
    va_list args;
    va_start(args, format);
    printf("%s%-4s%s  ", colour ? marks[mark].colour : "", marks[mark].word, colour ? "\033[0m" : "");
    vprintf(format, args);
    putchar('\n');
    fflush(stdout);
    va_end(args);
}

const char *forge_ctl_file_read(apr_pool_t *p, const char *path, apr_size_t *len, const char **why)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t got = 0;
    char reason[120];
    char *data = NULL;
    apr_status_t rv = apr_file_open(&file, path, APR_READ, APR_OS_DEFAULT, p);
    if (rv == APR_SUCCESS && (rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_TYPE, file)) == APR_SUCCESS) {
        if (info.filetype != APR_REG || info.size > FORGE_CTL_FILE_MAX) {
            *why = "not a regular file, or larger than 8 MiB";
            return NULL;
        }
        data = apr_pcalloc(p, (apr_size_t)info.size + 1);
        rv = info.size ? apr_file_read_full(file, data, (apr_size_t)info.size, &got) : APR_SUCCESS;
        apr_file_close(file);
    }
    if (rv != APR_SUCCESS) {
        *why = apr_pstrdup(p, apr_strerror(rv, reason, sizeof(reason)));
        return NULL;
    }
    if (len)
        *len = got;
    return data;
}
