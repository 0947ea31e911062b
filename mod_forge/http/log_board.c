/* SPDX-License-Identifier: Apache-2.0
 * Who follows log files: in each child one thread reads each file once, however many streams follow it, and keeps its
 * last lines in memory, parsed, masked and rendered. It sleeps until the kernel says that a file has grown; where the
 * kernel may not tell it (a file that the children cannot open), it looks once a second.
 *
 * The thread begins with the first stream of a child. Files are its own; the ring of lines is guarded by one lock.
 */
#include "http_private.h"

#include <apr_strings.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT       1024                 /* lines of a file; a power of two */
#define KEPT_BYTES (2 * 1024 * 1024)    /* of a file's lines at most */
#define LOOK_EVERY apr_time_from_sec(1) /* at the name of a file */
#define PAUSE_MS   20                   /* between two rounds, when files grow without a pause */
#define WATCHED    (IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB)
#define JSON_MAX   (6 * FORGE_LOG_CUT + 4096)

struct forge_log_feed_t {
    forge_log_feed_t *next;
    forge_log_source_t source; /* its texts are copies: a configuration goes, a child that stops does not */
    int users;
    int watch;   /* of inotify; -1: none */
    int files;   /* which file the watch is of */
    int said_of; /* which file .said is of */
    dev_t dev;   /* of the file that is read */
    ino_t ino;
    apr_uint64_t seq;                /* of the next line; read without the lock */
    apr_uint64_t oldest;             /* of those that are kept */
    apr_size_t bytes;                /* of those */
    apr_off_t said;                  /* the file up to here is in the ring, or was before it */
    char place[FORGE_LOG_PLACE_MAX]; /* of .said */
    forge_log_kept_t *ring[KEPT];
    apr_pool_t *pool;
    forge_log_tail_t tail;
};

/* One in each child. */
static struct {
    pthread_mutex_t lock;
    forge_log_feed_t *feeds;
    pthread_t thread;
    bool runs, ends;
    int inotify, bell;
} board = {.lock = PTHREAD_MUTEX_INITIALIZER, .inotify = -1, .bell = -1};

/* --- lines; under the lock --- */

static void forget_oldest(forge_log_feed_t *feed)
{
    forge_log_kept_t **slot = &feed->ring[feed->oldest++ % KEPT];
    feed->bytes -= (*slot)->len;
    free(*slot);
    *slot = NULL;
}

static const char *copy(char **to, const char *text)
{
    apr_size_t len = text ? strlen(text) + 1 : 0;
    char *at = *to;
    if (!text)
        return NULL;
    memcpy(at, text, len);
    *to += len;
    return at;
}

static apr_size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static forge_log_kept_t *make(const forge_log_entry_t *entry, const forge_buf_t *json)
{
    apr_size_t texts =
        size_of(entry->msg) + size_of(entry->request_id) + size_of(entry->trace_id) + size_of(entry->route);
    forge_log_kept_t *line = malloc(sizeof(*line) + json->len + texts);
    if (!line)
        return NULL;
    char *at = (char *)(line + 1);
    *line = (forge_log_kept_t){.entry = *entry, .len = json->len, .json = at};
    memcpy(at, json->data, json->len);
    at += json->len;
    line->entry.msg = copy(&at, entry->msg);
    line->entry.request_id = copy(&at, entry->request_id);
    line->entry.trace_id = copy(&at, entry->trace_id);
    line->entry.route = copy(&at, entry->route);
    return line;
}

/* On the thread: one line of a file. A line of the file of before the rotation leaves the place where it is. */
static void say(void *baton, apr_pool_t *p, const forge_log_entry_t *entry, apr_off_t end)
{
    forge_log_feed_t *feed = baton;
    char place[FORGE_LOG_PLACE_MAX];
    forge_buf_t *b = forge_util_buf_make(p, 512, JSON_MAX);
    forge_core_log_write(b, p, feed->source.service, entry);
    forge_log_kept_t *line = b->failed ? NULL : make(entry, b);
    if (end >= 0)
        forge_core_log_place_write(place, feed->tail.fd, end);
    pthread_mutex_lock(&board.lock);
    if (end >= 0) {
        feed->said = end;
        feed->said_of = feed->tail.files;
        memcpy(feed->place, place, sizeof(place));
    }
    if (line) {
        memcpy(line->place, feed->place, sizeof(line->place));
        while (feed->seq > feed->oldest && (feed->seq - feed->oldest == KEPT || feed->bytes + line->len > KEPT_BYTES))
            forget_oldest(feed);
        feed->ring[feed->seq % KEPT] = line;
        feed->bytes += line->len;
        __atomic_store_n(&feed->seq, feed->seq + 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&board.lock);
}

/* --- the thread --- */

static void drain(int fd)
{
    char events[4096];
    while (read(fd, events, sizeof(events)) > 0)
        continue;
}

/* Another file has the name now, or none had: the kernel is to tell of that one. */
static void watch(forge_log_feed_t *feed)
{
    if (feed->watch >= 0 && feed->files == feed->tail.files)
        return;
    if (feed->watch >= 0)
        inotify_rm_watch(board.inotify, feed->watch);
    feed->watch = inotify_add_watch(board.inotify, feed->source.path, WATCHED);
    feed->files = feed->tail.files;
}

static void bury(forge_log_feed_t *feed)
{
    if (feed->watch >= 0)
        inotify_rm_watch(board.inotify, feed->watch);
    forge_core_log_tail_close(&feed->tail);
    while (feed->oldest < feed->seq)
        forget_oldest(feed);
    apr_pool_destroy(feed->pool);
    free(feed);
}

/* The feed behind this one, after those that nobody follows any more were taken out. */
static forge_log_feed_t *next_of(forge_log_feed_t **at)
{
    forge_log_feed_t *gone = NULL;
    pthread_mutex_lock(&board.lock);
    while (*at && (*at)->users == 0) {
        forge_log_feed_t *feed = *at;
        *at = feed->next;
        feed->next = gone;
        gone = feed;
    }
    forge_log_feed_t *found = *at;
    pthread_mutex_unlock(&board.lock);
    while (gone) {
        forge_log_feed_t *feed = gone;
        gone = feed->next;
        bury(feed);
    }
    return found;
}

/* After a round: what was read was said too, unless a line is held. */
static void settle(forge_log_feed_t *feed)
{
    const forge_log_tail_t *tail = &feed->tail;
    struct stat st = {0};
    if (tail->fd >= 0)
        fstat(tail->fd, &st);
    pthread_mutex_lock(&board.lock);
    feed->dev = st.st_dev;
    feed->ino = st.st_ino;
    if (feed->said_of != tail->files) { /* nothing of the new file was said */
        feed->said = 0;
        feed->said_of = tail->files;
        apr_cpystrn(feed->place, "0", sizeof(feed->place));
    }
    if (!forge_core_log_tail_waits(tail) && !tail->skips) {
        feed->said = tail->at;
        memcpy(feed->place, tail->before, sizeof(feed->place));
    }
    pthread_mutex_unlock(&board.lock);
}

/* Reads all files once. *waits: a line is held in one of them. Returns how many files there are. */
static int read_all(bool look, bool *any, bool *waits)
{
    int n = 0;
    forge_log_feed_t **at = &board.feeds;
    *any = *waits = false;
    for (forge_log_feed_t *feed; (feed = next_of(at)); at = &feed->next, n++) {
        apr_uint64_t before = feed->seq;
        forge_core_log_tail_read(&feed->tail, look);
        settle(feed);
        *waits |= forge_core_log_tail_waits(&feed->tail);
        *any |= feed->seq != before;
        if (look || feed->watch < 0)
            watch(feed);
    }
    return n;
}

static void *follow_all(void *unused)
{
    apr_int64_t looked = 0;
    int patience = 0;
    (void)unused;
    for (bool ends = false; !ends;) {
        struct pollfd fds[] = {{.fd = board.inotify, .events = POLLIN}, {.fd = board.bell, .events = POLLIN}};
        bool any, waits;
        poll(fds, 2, patience);
        drain(board.inotify);
        drain(board.bell);
        apr_int64_t now = forge_util_monotonic();
        bool look = now - looked >= LOOK_EVERY;
        looked = look ? now : looked;
        int n = read_all(look, &any, &waits);
        if (any)
            forge_http_pump_hurry();
        patience = n == 0 ? -1 : waits ? PAUSE_MS : (int)(LOOK_EVERY / 1000);
        if (any)
            poll(NULL, 0, PAUSE_MS);
        ends = __atomic_load_n(&board.ends, __ATOMIC_ACQUIRE);
    }
    return NULL;
}

static void ring_bell(void)
{
    const apr_uint64_t one = 1;
    if (board.bell >= 0 && write(board.bell, &one, sizeof(one)) < 0)
        return; /* it rings already */
}

/* Under the lock. */
static bool thread_runs(void)
{
    if (board.runs || board.ends)
        return board.runs && !board.ends;
    if (board.inotify < 0)
        board.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (board.bell < 0)
        board.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    board.runs = board.bell >= 0 && pthread_create(&board.thread, NULL, follow_all, NULL) == 0;
    return board.runs;
}

/* Before the pools go of which the streams know. */
static apr_status_t end(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&board.lock);
    bool runs = board.runs;
    __atomic_store_n(&board.ends, true, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&board.lock);
    ring_bell();
    if (runs)
        pthread_join(board.thread, NULL);
    board.runs = false;
    return APR_SUCCESS;
}

void forge_http_feeds_child(apr_pool_t *pchild)
{
    apr_pool_pre_cleanup_register(pchild, NULL, end);
}

/* --- for the streams --- */

/* Under the lock. Its pool has no parent, because only the thread uses it. */
static forge_log_feed_t *feed_make(const forge_log_source_t *source)
{
    struct stat st;
    forge_log_feed_t *feed = calloc(1, sizeof(*feed));
    if (!feed || apr_pool_create_unmanaged(&feed->pool) != APR_SUCCESS) {
        free(feed);
        return NULL;
    }
    feed->source = *source;
    feed->source.path = apr_pstrdup(feed->pool, source->path);
    feed->source.service = apr_pstrdup(feed->pool, source->service);
    feed->watch = -1;
    feed->tail.pool = feed->pool;
    feed->tail.source = &feed->source;
    feed->tail.open = forge_http_log_open;
    feed->tail.say = say;
    feed->tail.baton = feed;
    forge_core_log_tail_open(&feed->tail, -1);
    if (feed->tail.fd >= 0 && fstat(feed->tail.fd, &st) == 0) {
        feed->dev = st.st_dev;
        feed->ino = st.st_ino;
    }
    feed->said = feed->tail.at;
    memcpy(feed->place, feed->tail.before, sizeof(feed->place));
    feed->next = board.feeds;
    board.feeds = feed;
    return feed;
}

static forge_log_feed_t *feed_of(const forge_log_source_t *source)
{
    for (forge_log_feed_t *feed = board.feeds; feed; feed = feed->next)
        if (feed->source.format == source->format && strcmp(feed->source.path, source->path) == 0 &&
            strcmp(feed->source.service, source->service) == 0)
            return feed;
    return feed_make(source);
}

/* Behind the line with this place; where several have it, the last of them. */
static bool find(const forge_log_feed_t *feed, const char *place, apr_uint64_t *seq)
{
    for (*seq = feed->seq; *seq > feed->oldest; (*seq)--)
        if (strcmp(feed->ring[(*seq - 1) % KEPT]->place, place) == 0)
            return true;
    return false;
}

/* Under the lock. Sets the cursor behind the place, or behind the last line and says what is missing in between. */
static void begin(const forge_log_feed_t *feed, const char *place, forge_log_cursor_t *cursor, forge_log_rest_t *rest)
{
    const char *at = feed->place;
    cursor->seq = feed->seq;
    if (place && strcmp(place, feed->place) != 0) {
        if (find(feed, place, &cursor->seq)) {
            at = place;
        } else {
            cursor->seq = feed->seq;
            *rest = (forge_log_rest_t){.until = feed->said, .dev = feed->dev, .ino = feed->ino};
        }
    }
    apr_cpystrn(cursor->place, at, sizeof(cursor->place));
}

bool forge_http_feed_join(const forge_log_source_t *source, const char *place, forge_log_cursor_t *cursor,
                          forge_log_rest_t *rest)
{
    *rest = (forge_log_rest_t){.until = -1};
    pthread_mutex_lock(&board.lock);
    forge_log_feed_t *feed = thread_runs() ? feed_of(source) : NULL;
    if (feed) {
        feed->users++;
        cursor->feed = feed;
        begin(feed, place, cursor, rest);
    }
    pthread_mutex_unlock(&board.lock);
    ring_bell();
    return feed != NULL;
}

void forge_http_feed_again(forge_log_cursor_t *cursor, forge_log_rest_t *rest)
{
    const forge_log_cursor_t before = *cursor;
    *rest = (forge_log_rest_t){.until = -1};
    pthread_mutex_lock(&board.lock);
    begin(cursor->feed, before.place, cursor, rest);
    pthread_mutex_unlock(&board.lock);
}

void forge_http_feed_leave(forge_log_feed_t *feed)
{
    pthread_mutex_lock(&board.lock);
    bool last = --feed->users == 0;
    pthread_mutex_unlock(&board.lock);
    if (last)
        ring_bell();
}

bool forge_http_feed_has(const forge_log_cursor_t *cursor)
{
    return __atomic_load_n(&cursor->feed->seq, __ATOMIC_ACQUIRE) != cursor->seq;
}

bool forge_http_feed_read(forge_log_cursor_t *cursor, bool (*take)(void *baton, const forge_log_kept_t *line),
                          void *baton)
{
    forge_log_feed_t *feed = cursor->feed;
    pthread_mutex_lock(&board.lock);
    bool kept = cursor->seq >= feed->oldest, on = kept;
    while (on && cursor->seq < feed->seq) {
        const forge_log_kept_t *line = feed->ring[cursor->seq % KEPT];
        char before[FORGE_LOG_PLACE_MAX];
        memcpy(before, cursor->place, sizeof(before));
        memcpy(cursor->place, line->place, sizeof(cursor->place));
        on = take(baton, line);
        if (on)
            cursor->seq++;
        else
            memcpy(cursor->place, before, sizeof(before));
    }
    pthread_mutex_unlock(&board.lock);
    return kept;
}
