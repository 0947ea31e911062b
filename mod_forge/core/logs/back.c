/* SPDX-License-Identifier: Apache-2.0
 * Reads a file from its end, block by block: what a reader wants of gigabytes are the last lines. However long a line
 * is, it needs one block of memory, and only its beginning is kept.
 */
#include "logs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_block(forge_log_back_t *back, apr_off_t at, apr_size_t len)
{
    apr_size_t got = 0;
    while (got < len) {
        ssize_t n = pread(back->fd, back->block + got, len - got, at + (apr_off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false; /* it was cut off meanwhile */
        got += (apr_size_t)n;
    }
    back->at = at;
    back->len = len;
    return true;
}

/* Has the block that ends at `end`; false: at the beginning, or no more may be read. */
static bool step(forge_log_back_t *back, apr_off_t end)
{
    apr_size_t len = end < FORGE_LOG_BLOCK ? (apr_size_t)end : FORGE_LOG_BLOCK;
    if (len == 0)
        return false;
    if (*back->budget < (apr_off_t)len) {
        back->spent = true;
        return false;
    }
    *back->budget -= (apr_off_t)len;
    return read_block(back, end - (apr_off_t)len, len);
}

/* Where the line feed before `end` is; -1: there is none. *known: the answer is certain, not a budget's end. */
static apr_off_t feed_before(forge_log_back_t *back, apr_off_t end, bool *known)
{
    *known = true;
    while (end > 0) {
        if (end <= back->at || end > back->at + (apr_off_t)back->len)
            if (!step(back, end)) {
                *known = false;
                return -1;
            }
        const char *feed = memrchr(back->block, '\n', (apr_size_t)(end - back->at));
        if (feed)
            return back->at + (feed - back->block);
        end = back->at;
    }
    return -1;
}

void forge_core_log_back_open(forge_log_back_t *back, int fd, apr_off_t end, apr_off_t *budget)
{
    bool known;
    back->fd = fd;
    back->budget = budget;
    back->at = 0;
    back->len = 0;
    back->spent = false;
    back->end = feed_before(back, end, &known) + 1;
}

/* The beginning of a line that is not whole in the block. */
static bool fetch(forge_log_back_t *back, forge_log_line_t *line)
{
    ssize_t n = pread(back->fd, back->line, line->len, line->start);
    line->text = back->line;
    return n == (ssize_t)line->len;
}

bool forge_core_log_back(forge_log_back_t *back, forge_log_line_t *line)
{
    bool known;
    if (back->end <= 0)
        return false;
    line->end = back->end;
    line->start = feed_before(back, back->end - 1, &known) + 1;
    if (!known)
        return false;
    apr_off_t len = line->end - 1 - line->start;
    back->end = line->start;
    line->len = len < FORGE_LOG_CUT ? (apr_size_t)len : FORGE_LOG_CUT;
    if (line->start < back->at || line->start + (apr_off_t)line->len > back->at + (apr_off_t)back->len)
        return fetch(back, line);
    line->text = back->block + (line->start - back->at);
    return true;
}

apr_off_t forge_core_log_end(int fd)
{
    char part[4096];
    struct stat st;
    apr_off_t end = fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
    while (end > 0) {
        apr_size_t len = end < (apr_off_t)sizeof(part) ? (apr_size_t)end : sizeof(part);
        ssize_t n = pread(fd, part, len, end - (apr_off_t)len);
        const char *feed = n == (ssize_t)len ? memrchr(part, '\n', len) : NULL;
        end -= (apr_off_t)len;
        if (feed)
            return end + (feed - part) + 1;
        if (n != (ssize_t)len || st.st_size - end > FORGE_LOG_SCANNED_MAX)
            break;
    }
    return 0;
}
