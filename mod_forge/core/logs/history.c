/* SPDX-License-Identifier: Apache-2.0
 * The last lines of a log that match. Lines that go on from others come before them here, since the file is read from
 * its end: they are kept until the one that they belong to is found.
 */
#include "logs.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LATE \
    apr_time_from_sec(60) /* lines of requests have the time of their beginning: so far may they be out of order */

/* What goes on from the line that comes next. */
typedef struct rest_t {
    char text[FORGE_LOG_CUT + 1]; /* its end is that of .text */
    apr_size_t at;                /* where it begins */
    apr_off_t end;                /* in the file; 0: there is none */
} rest_t;

typedef struct reading_t {
    apr_pool_t *p;
    const forge_log_source_t *source;
    int number, fd;
    forge_log_history_t *history;
    rest_t rest;
    apr_time_t later; /* the earliest time of what was written after this */
    int taken;
} reading_t;

static void rest_clear(rest_t *rest)
{
    rest->at = FORGE_LOG_CUT;
    rest->text[FORGE_LOG_CUT] = '\0';
    rest->end = 0;
}

/* Puts a line before the others. Of more than there is room for the last ones are left out. */
static void rest_add(rest_t *rest, const forge_log_line_t *line)
{
    apr_size_t kept = FORGE_LOG_CUT - rest->at, need = line->len + (kept ? 1 : 0);
    apr_size_t room = FORGE_LOG_CUT > need ? FORGE_LOG_CUT - need : 0;
    if (!rest->end)
        rest->end = line->end;
    if (kept > room) {
        memmove(rest->text + FORGE_LOG_CUT - room, rest->text + rest->at, room);
        kept = room;
    }
    apr_size_t len = line->len < FORGE_LOG_CUT - kept ? line->len : FORGE_LOG_CUT - kept;
    rest->at = FORGE_LOG_CUT - kept;
    if (kept)
        rest->text[--rest->at] = '\n';
    if (len > rest->at)
        len = rest->at;
    rest->at -= len;
    memcpy(rest->text + rest->at, line->text, len);
    for (apr_size_t i = rest->at; i < rest->at + len; i++)
        if (!rest->text[i]) /* the end of a text */
            rest->text[i] = ' ';
}

/* False: there are enough, or what comes now is too old. */
static bool take(reading_t *reading, const forge_log_line_t *line)
{
    forge_log_entry_t entry;
    apr_pool_t *p;
    const forge_log_query_t *query = &reading->history->query;
    apr_pool_create(&p, reading->p);
    const char *more = reading->rest.end ? reading->rest.text + reading->rest.at : NULL;
    forge_core_log_parse(p, reading->source->format, line->text, line->len, more, &entry);
    if (entry.at && entry.at < reading->later) /* the order within a file is that of the file */
        reading->later = entry.at;
    bool old = query->since && entry.at && entry.at < query->since - LATE;
    if (!old && forge_core_log_matches(query, &entry)) {
        forge_log_found_t *found = apr_array_push(reading->history->found);
        *found = (forge_log_found_t){.entry = entry,
                                     .order = reading->later,
                                     .start = line->start,
                                     .end = reading->rest.end ? reading->rest.end : line->end,
                                     .source = reading->number,
                                     .rotated = reading->history->earliest != 0,
                                     .fd = reading->fd};
        reading->taken++;
    } else {
        apr_pool_destroy(p);
    }
    rest_clear(&reading->rest);
    return !old && reading->taken < query->lines;
}

void forge_core_log_history_turn(forge_log_history_t *history, int left)
{
    apr_int64_t now = forge_util_monotonic();
    history->bytes += history->budget;
    history->budget = history->bytes / left;
    history->bytes -= history->budget;
    history->until = now + (history->ends > now ? history->ends - now : 0) / left;
}

bool forge_core_log_history(apr_pool_t *p, const forge_log_source_t *source, int number, int fd,
                            forge_log_history_t *history)
{
    struct stat st;
    forge_log_line_t line;
    bool on = true;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    forge_log_back_t *back = apr_palloc(p, sizeof(*back));
    reading_t *reading = apr_pcalloc(p, sizeof(*reading));
    *reading = (reading_t){.p = p, .source = source, .number = number, .fd = fd, .history = history};
    rest_clear(&reading->rest);
    reading->later = apr_time_from_sec(st.st_mtim.tv_sec) + st.st_mtim.tv_nsec / 1000;
    if (history->earliest && history->earliest < reading->later)
        reading->later = history->earliest;
    forge_core_log_back_open(back, fd, st.st_size, &history->budget);
    while (on && forge_core_log_back(back, &line)) {
        if (forge_core_log_continues(source->format, line.text, line.len))
            rest_add(&reading->rest, &line);
        else
            on = take(reading, &line);
        if (on && forge_util_monotonic() > history->until)
            back->spent = true, on = false;
    }
    history->truncated |= back->spent;
    history->earliest = reading->later;
    return !on || back->spent;
}

static int by_order(const void *a, const void *b)
{
    const forge_log_found_t *one = a, *other = b;
    if (one->order != other->order)
        return one->order < other->order ? -1 : 1;
    if (one->source != other->source)
        return one->source < other->source ? -1 : 1;
    if (one->rotated != other->rotated)
        return one->rotated ? -1 : 1;
    return one->start < other->start ? -1 : one->start > other->start;
}

void forge_core_log_history_sort(forge_log_history_t *history)
{
    apr_array_header_t *found = history->found;
    int most = history->query.lines;
    if (found->nelts == 0)
        return;
    qsort(found->elts, (size_t)found->nelts, (size_t)found->elt_size, by_order);
    if (found->nelts <= most)
        return;
    memmove(found->elts, found->elts + (apr_size_t)(found->nelts - most) * (apr_size_t)found->elt_size,
            (apr_size_t)most * (apr_size_t)found->elt_size);
    found->nelts = most;
}
