/* SPDX-License-Identifier: Apache-2.0
 * Streams of log lines. A stream has a place in each of its files; all of them together are the id of an event, so that
 * a client that comes again gets what was written meanwhile, in whichever child, and also after a rotation.
 *
 * What others of this child have not been told lately is read from the file, for this stream alone, until it has caught
 * up; then it goes on with what the board keeps for all.
 */
#include "http_private.h"

#include <httpd.h>
#include <apr_strings.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENT     "log"
#define BLOCKS    16          /* of a file in one turn */
#define EVENT_MAX (48 * 1024) /* bytes of one; a longer one is left out */

typedef struct stream_t stream_t;

/* What is read from a file for one stream. */
typedef struct catch_up_t {
    forge_log_tail_t tail;
    stream_t *stream;
    forge_log_cursor_t *cursor;
    forge_log_source_t source;
    forge_log_rest_t rest;
    bool rotated;     /* the file of before the rotation is read; the last one follows */
    apr_off_t behind; /* what was put */
    bool full;        /* there was no room for a line: it is read again */
} catch_up_t;

struct stream_t {
    forge_req_t *q;
    forge_log_query_t query;
    forge_events_source_t source;
    int files;
    const forge_log_source_t *sources[FORGE_LOG_FILES_MAX];
    forge_log_cursor_t cursors[FORGE_LOG_FILES_MAX];
    catch_up_t *catches[FORGE_LOG_FILES_MAX]; /* NULL: it has caught up */
    bool marked;
    forge_events_t *e; /* during a turn */
    forge_buf_t *b;
};

/* --- events --- */

static void put_id(const stream_t *s, forge_buf_t *b)
{
    for (int i = 0; i < s->files; i++) {
        if (i)
            forge_util_buf_add(b, "-", 1);
        forge_util_buf_puts(b, s->cursors[i].place);
    }
}

/* False: no room for it now. */
static bool put(stream_t *s, const forge_log_entry_t *entry, const char *json, apr_size_t len)
{
    char id[FORGE_LOG_ID_MAX + 1];
    forge_buf_t *b = s->b;
    if (!forge_core_log_matches(&s->query, entry) || len > EVENT_MAX)
        return true;
    b->len = 0;
    put_id(s, b);
    apr_cpystrn(id, b->data, b->len + 1);
    b->len = 0;
    forge_util_buf_puts(b, "{\"id\":\"");
    forge_util_buf_puts(b, id);
    forge_util_buf_puts(b, "\",");
    forge_util_buf_add(b, json, len);
    return b->failed || forge_events_put(s->e, id, EVENT, b->data, b->len);
}

static bool take(void *baton, const forge_log_kept_t *line)
{
    return put(baton, &line->entry, line->json, line->len);
}

/* --- catching up --- */

static void say(void *baton, apr_pool_t *p, const forge_log_entry_t *entry, apr_off_t end)
{
    catch_up_t *c = baton;
    char before[FORGE_LOG_PLACE_MAX];
    if (c->full)
        return;
    forge_buf_t *b = forge_util_buf_make(p, 512, EVENT_MAX * 2);
    forge_core_log_write(b, p, c->source.service, entry);
    memcpy(before, c->cursor->place, sizeof(before));
    forge_core_log_place_write(c->cursor->place, c->tail.fd, end);
    c->full = !b->failed && !put(c->stream, entry, b->data, b->len);
    if (c->full)
        memcpy(c->cursor->place, before, sizeof(before));
    else
        c->behind = end;
}

static int open_named(const forge_log_source_t *source)
{
    return open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static void catch_end(stream_t *s, int i)
{
    if (!s->catches[i])
        return;
    forge_core_log_tail_close(&s->catches[i]->tail);
    free(s->catches[i]);
    s->catches[i] = NULL;
}

/* Goes on with the file as it is now, at `at`. */
static void read_last(catch_up_t *c, int fd, apr_off_t at)
{
    forge_core_log_tail_close(&c->tail);
    c->rotated = false;
    c->tail.fd = fd;
    c->tail.old_fd = -1;
    c->tail.at = c->behind = at;
    if (c->rest.until - at >
        FORGE_LOG_SCANNED_MAX) { /* so long ago that only the last part is told, from a whole line on */
        c->tail.at = c->behind = c->rest.until - FORGE_LOG_SCANNED_MAX;
        c->tail.skips = true;
    }
}

/* The place of a client in a file; -1. */
static apr_off_t place_of(int fd, const char *place)
{
    return fd >= 0 ? forge_core_log_place_find(place, strlen(place), fd) : -1;
}

/* Whether this is the file that the board has read so far. */
static bool is_board(const catch_up_t *c, int fd)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == c->rest.dev && st.st_ino == c->rest.ino;
}

/* Begins at the client's place: in the file that the board reads, or in the one of before the rotation, if that is
 * still there. False: it is in neither. */
static bool catch_find(catch_up_t *c, const char *place)
{
    forge_log_source_t rotated = c->source;
    int fd = forge_http_log_open(&c->source);
    apr_off_t at = place_of(fd, place);
    if (at < 0) {
        if (fd >= 0)
            close(fd);
        rotated.path = apr_pstrcat(c->stream->q->pool, c->source.path, ".1", NULL);
        fd = open_named(&rotated);
        at = place_of(fd, place);
        if (at > 0 && !is_board(c, fd)) {
            c->rotated = true;
            c->tail.fd = fd;
            c->tail.at = c->behind = at;
            return true;
        }
    }
    if (at >= 0 && at <= c->rest.until && is_board(c, fd)) {
        read_last(c, fd, at);
        return true;
    }
    if (fd >= 0)
        close(fd);
    return false;
}

static void catch_begin(stream_t *s, int i, const char *place, const forge_log_rest_t *rest)
{
    catch_up_t *c = calloc(1, sizeof(*c));
    if (!c)
        return; /* from now on */
    c->stream = s;
    c->cursor = &s->cursors[i];
    c->source = *s->sources[i];
    c->rest = *rest;
    c->tail.pool = s->q->pool;
    c->tail.source = &c->source;
    c->tail.say = say;
    c->tail.baton = c;
    c->tail.fd = c->tail.old_fd = -1;
    s->catches[i] = c;
    if (catch_find(c, place))
        apr_cpystrn(c->cursor->place, place, sizeof(c->cursor->place));
    else
        catch_end(s, i);
}

/* Reads a block. False: it is enough for this turn. */
static bool catch_step(stream_t *s, int i)
{
    catch_up_t *c = s->catches[i];
    struct stat st;
    apr_off_t until = c->rotated && fstat(c->tail.fd, &st) == 0 ? st.st_size : c->rest.until;
    bool more = forge_core_log_tail_step(&c->tail, until);
    if (c->full) { /* the rest of the block is read again when there is room */
        c->tail.at = c->behind;
        c->tail.held_end = 0;
        c->tail.skips = false;
        return false;
    }
    if (!more && c->rotated)
        read_last(c, forge_http_log_open(&c->source), 0);
    else if (!more)
        catch_end(s, i);
    return s->catches[i] != NULL;
}

/* A part of what is missing. Each turn has a pool of its own. */
static void catch_up(stream_t *s, int i, apr_pool_t *p)
{
    s->catches[i]->tail.pool = p;
    s->catches[i]->full = false;
    for (int n = 0; n < BLOCKS && catch_step(s, i); n++)
        continue;
}

/* --- the source of one stream --- */

static bool ready(void *baton)
{
    const stream_t *s = baton;
    for (int i = 0; i < s->files; i++)
        if (s->catches[i] || forge_http_feed_has(&s->cursors[i]))
            return true;
    return false;
}

/* What the board tells all. Who is too far behind for that catches up from the file. */
static void hear(stream_t *s, int i, apr_pool_t *p)
{
    char place[FORGE_LOG_PLACE_MAX];
    forge_log_rest_t rest;
    if (!forge_http_feed_has(&s->cursors[i]) || forge_http_feed_read(&s->cursors[i], take, s))
        return;
    apr_cpystrn(place, s->cursors[i].place, sizeof(place));
    forge_http_feed_again(&s->cursors[i], &rest);
    if (rest.until >= 0)
        catch_begin(s, i, place, &rest);
    if (s->catches[i])
        catch_up(s, i, p);
}

static forge_status_t ask(forge_req_t *q, apr_pool_t *p, forge_events_t *e, void *baton)
{
    stream_t *s = baton;
    (void)q;
    s->e = e;
    s->b = forge_util_buf_make(p, 1024, EVENT_MAX * 2);
    if (!s->marked) {
        put_id(s, s->b);
        forge_events_mark(e, apr_pstrmemdup(p, s->b->data, s->b->len));
        s->marked = true;
    }
    for (int i = 0; i < s->files; i++)
        if (s->catches[i])
            catch_up(s, i, p);
        else
            hear(s, i, p);
    return FORGE_OK;
}

static void leave(void *baton)
{
    stream_t *s = baton;
    for (int i = 0; i < s->files; i++) {
        catch_end(s, i);
        forge_http_feed_leave(s->cursors[i].feed);
    }
    s->files = 0;
}

/* The place of the n-th file in Last-Event-ID; NULL: it names another number of files, or is none. */
static const char *place_in(apr_pool_t *p, const char *id, int n, int files)
{
    int parts = 1;
    for (const char *at = id; at && *at; at++)
        parts += *at == '-';
    if (!id || parts != files)
        return NULL;
    while (n-- > 0)
        id = strchr(id, '-') + 1;
    apr_size_t len = strcspn(id, "-");
    return len > 0 && len < FORGE_LOG_PLACE_MAX ? apr_pstrmemdup(p, id, len) : NULL;
}

static bool join(stream_t *s, const forge_log_source_t *source, const char *place)
{
    forge_log_rest_t rest;
    if (!forge_http_feed_join(source, place, &s->cursors[s->files], &rest))
        return false;
    s->sources[s->files++] = source;
    if (rest.until >= 0)
        catch_begin(s, s->files - 1, place, &rest);
    return true;
}

static forge_status_t join_all(stream_t *s, const char *service, const char *last)
{
    const apr_array_header_t *sources = s->q->server->sources;
    int wanted = 0, open = 0, at = 0;
    for (int i = 0; i < sources->nelts; i++) {
        const forge_log_source_t *source = &APR_ARRAY_IDX(sources, i, forge_log_source_t);
        if (!forge_http_log_serves(source, service))
            continue;
        int fd = forge_http_log_open(source);
        wanted++;
        open += fd >= 0;
        if (fd >= 0)
            close(fd);
    }
    if (!wanted)
        return forge_fail_detail(s->q, FORGE_E_NOT_FOUND, "no such service, or it has no log file (ForgeLogSource)");
    if (!open)
        return FORGE_E_LOG_UNREADABLE;
    for (int i = 0; i < sources->nelts && !s->q->r->header_only; i++) {
        const forge_log_source_t *source = &APR_ARRAY_IDX(sources, i, forge_log_source_t);
        if (forge_http_log_serves(source, service) && !join(s, source, place_in(s->q->pool, last, at++, wanted)))
            return FORGE_E_UNAVAILABLE;
    }
    return FORGE_OK;
}

static apr_status_t leave_with_pool(void *baton)
{
    leave(baton);
    return APR_SUCCESS;
}

forge_status_t forge_reply_log_stream(forge_req_t *q, const char *service, const forge_log_query_t *query)
{
    stream_t *s = apr_pcalloc(q->pool, sizeof(*s));
    s->q = q;
    s->query = *query;
    s->source = (forge_events_source_t){.ask = ask, .ready = ready, .end = leave, .baton = s};
    apr_pool_cleanup_register(q->pool, s, leave_with_pool, apr_pool_cleanup_null);
    FORGE_TRY(join_all(s, service, forge_events_last_id(q)));
    return forge_reply_events(q, &s->source);
}
