/* SPDX-License-Identifier: Apache-2.0
 * A file as it grows. A rotation is followed: the old file is read on for a while, since programs write to it until
 * they have opened the new one, and the new one is read from its beginning. So is a file that was cut off
 * (copytruncate).
 */
#include "logs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_FOR apr_time_from_sec(30)  /* after its rotation, or since it last grew */
#define QUIET   apr_time_from_msec(30) /* after which nothing more goes on from a line: its program writes it at once */

static ssize_t read_at(int fd, void *to, apr_size_t len, apr_off_t at)
{
    ssize_t n;
    do
        n = pread(fd, to, len, at);
    while (n < 0 && errno == EINTR);
    return n;
}

/* --- lines become entries --- */

/* Says the line that was held, with what goes on from it. */
static void flush(forge_log_tail_t *tail)
{
    forge_log_entry_t entry;
    apr_pool_t *p;
    if (!tail->held_end)
        return;
    apr_pool_create(&p, tail->pool);
    const char *head = tail->held, *feed = memchr(head, '\n', tail->held_len);
    apr_size_t len = feed ? (apr_size_t)(feed - head) : tail->held_len;
    tail->held[tail->held_len] = '\0';
    forge_core_log_parse(p, tail->source->format, head, len, feed ? feed + 1 : NULL, &entry);
    tail->say(tail->baton, p, &entry, tail->late ? -1 : tail->held_end);
    apr_pool_destroy(p);
    tail->held_end = 0;
}

static void hold(forge_log_tail_t *tail, const char *line, apr_size_t len)
{
    apr_size_t room = FORGE_LOG_CUT - tail->held_len;
    if (len > room)
        len = room;
    memcpy(tail->held + tail->held_len, line, len);
    tail->held_len += len;
}

/* One whole line, which ends before `end` in the file. */
static void take_line(forge_log_tail_t *tail, const char *line, apr_size_t len, apr_off_t end)
{
    if (tail->held_end && forge_core_log_continues(tail->source->format, line, len)) {
        hold(tail, "\n", 1);
        hold(tail, line, len);
    } else {
        flush(tail);
        tail->held_len = 0;
        hold(tail, line, len);
    }
    tail->held_end = end;
    tail->held_at = forge_util_monotonic();
    if (*line == '{' && tail->source->format <= FORGE_LOG_JSON) /* nothing goes on from a line of JSON */
        flush(tail);
}

/* Takes the whole lines of what was read; what is left begins the next read. A line longer than the block is cut. */
static void take_block(forge_log_tail_t *tail, apr_size_t len)
{
    const char *at = tail->block, *end = at + len, *feed;
    while ((feed = memchr(at, '\n', (apr_size_t)(end - at)))) {
        apr_off_t behind = tail->at + (feed + 1 - tail->block);
        if (!tail->skips)
            take_line(tail, at, (apr_size_t)(feed - at), behind);
        else if (tail->held_end)
            tail->held_end = behind;
        tail->skips = false;
        at = feed + 1;
    }
    if (at == tail->block && len == sizeof(tail->block)) {
        if (!tail->skips)
            take_line(tail, at, len, tail->at + (apr_off_t)len);
        tail->skips = true;
        at = end;
    }
    tail->at += at - tail->block;
}

/* Reads one block, at most up to `until`. False: there was nothing, or no whole line. */
static bool read_block(forge_log_tail_t *tail, apr_off_t until)
{
    apr_off_t before = tail->at, left = until - before;
    apr_size_t len = left < (apr_off_t)sizeof(tail->block) ? (apr_size_t)(left > 0 ? left : 0) : sizeof(tail->block);
    ssize_t n = len ? read_at(tail->fd, tail->block, len, before) : 0;
    if (n > 0)
        take_block(tail, (apr_size_t)n);
    return tail->at != before;
}

/* Reads to the end of the file that is open. True: there was something. */
static bool read_on(forge_log_tail_t *tail)
{
    apr_off_t begun = tail->at, until = begun + FORGE_LOG_SCANNED_MAX;
    while (read_block(tail, until))
        continue;
    if (tail->at == begun)
        return false;
    forge_core_log_place_write(tail->before, tail->fd, tail->skips ? 0 : tail->at);
    return true;
}

bool forge_core_log_tail_step(forge_log_tail_t *tail, apr_off_t until)
{
    if (tail->fd >= 0 && read_block(tail, until))
        return true;
    flush(tail);
    return false;
}

/* --- which file --- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void switch_to(forge_log_tail_t *tail, int fd, apr_off_t at)
{
    tail->fd = fd;
    tail->at = at;
    tail->skips = false;
    forge_core_log_place_write(tail->before, fd, at);
}

static void close_old(forge_log_tail_t *tail)
{
    if (tail->old_fd >= 0)
        close(tail->old_fd);
    tail->old_fd = -1;
}

/* It is shorter than what was read of it, or other bytes stand before the place. */
static bool was_cut(const forge_log_tail_t *tail)
{
    struct stat st;
    if (fstat(tail->fd, &st) != 0 || st.st_size < tail->at)
        return true;
    return !tail->skips && forge_core_log_place_find(tail->before, strlen(tail->before), tail->fd) != tail->at;
}

/* The file that has the name now, where it is another one; -1: it is the same, or there is none. */
static int other_file(const forge_log_tail_t *tail)
{
    struct stat mine, theirs;
    int fd = tail->open(tail->source);
    if (fd < 0)
        return -1;
    if (fstat(fd, &theirs) == 0 && S_ISREG(theirs.st_mode) &&
        (tail->fd < 0 || fstat(tail->fd, &mine) != 0 || !same_file(&mine, &theirs)))
        return fd;
    close(fd);
    return -1;
}

/* What programs still write to the file that was rotated. */
static bool read_old(forge_log_tail_t *tail)
{
    int fd = tail->fd;
    apr_off_t at = tail->at;
    apr_int64_t now = forge_util_monotonic();
    bool skips = tail->skips;
    char before[FORGE_LOG_PLACE_MAX];
    memcpy(before, tail->before, sizeof(before));
    flush(tail);
    switch_to(tail, tail->old_fd, tail->old_at);
    tail->late = true;
    bool any = read_on(tail);
    flush(tail);
    tail->late = false;
    tail->old_at = tail->at;
    tail->fd = fd;
    tail->at = at;
    tail->skips = skips;
    memcpy(tail->before, before, sizeof(before));
    if (any)
        tail->old_until = now + OLD_FOR;
    else if (now >= tail->old_until)
        close_old(tail);
    return any;
}

/* Goes on with the file that has the name now. True: there was something to read. */
static bool follow_name(forge_log_tail_t *tail)
{
    int fd = other_file(tail);
    if (fd < 0)
        return false;
    if (tail->fd >= 0)
        read_on(tail);
    flush(tail);
    close_old(tail);
    tail->old_fd = tail->fd;
    tail->old_at = tail->at;
    tail->old_until = forge_util_monotonic() + OLD_FOR;
    switch_to(tail, fd, 0);
    tail->files++;
    return read_on(tail);
}

bool forge_core_log_tail_read(forge_log_tail_t *tail, bool look)
{
    bool any = false;
    if (tail->fd >= 0 && was_cut(tail)) {
        flush(tail);
        switch_to(tail, tail->fd, 0);
        tail->files++;
    }
    if (tail->old_fd >= 0)
        any = read_old(tail);
    if (tail->fd >= 0)
        any |= read_on(tail);
    if (look)
        any |= follow_name(tail);
    if (tail->held_end && forge_util_monotonic() - tail->held_at >= QUIET)
        flush(tail);
    return any;
}

bool forge_core_log_tail_waits(const forge_log_tail_t *tail)
{
    return tail->held_end != 0;
}

void forge_core_log_tail_open(forge_log_tail_t *tail, apr_off_t at)
{
    int fd = tail->open(tail->source);
    struct stat st;
    tail->old_fd = -1;
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -1;
    }
    switch_to(tail, fd, fd < 0 ? 0 : at < 0 ? forge_core_log_end(fd) : at);
}

void forge_core_log_tail_close(forge_log_tail_t *tail)
{
    if (tail->fd >= 0)
        close(tail->fd);
    tail->fd = -1;
    close_old(tail);
}
