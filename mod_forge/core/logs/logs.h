/* SPDX-License-Identifier: Apache-2.0
 * Interface of core/logs: log files as others write them, read from their end or followed as they grow. A file is bytes
 * that somebody else wrote: nothing in it is believed, and whatever could be a secret is masked before it is shown.
 */
#ifndef FORGE_CORE_LOGS_H
#define FORGE_CORE_LOGS_H

#include "util/util.h"

#include <sys/types.h>

#define FORGE_LOG_CUT         8192               /* bytes of a line, or of a message of several lines, that are shown */
#define FORGE_LOG_LINES_MAX   1000               /* of one history */
#define FORGE_LOG_SCANNED_MAX (16 * 1024 * 1024) /* bytes that one history, or one stream that comes again, reads */
#define FORGE_LOG_FILES_MAX   12                 /* of one server */
#define FORGE_LOG_TAKES       apr_time_from_sec(2) /* that one history may take */
#define FORGE_LOG_PLACE_MAX   20                   /* characters of a place in one file */
#define FORGE_LOG_ID_MAX      (FORGE_LOG_FILES_MAX * (FORGE_LOG_PLACE_MAX + 1))

typedef enum forge_log_format_t {
    FORGE_LOG_GUESS,
    FORGE_LOG_JSON,
    FORGE_LOG_APACHE,
    FORGE_LOG_POSTGRES,
    FORGE_LOG_PLAIN
} forge_log_format_t;
#define FORGE_LOG_FORMATS "guess|json|apache|postgres|plain"

typedef enum forge_log_level_t {
    FORGE_LOG_DEBUG,
    FORGE_LOG_INFO,
    FORGE_LOG_NOTICE,
    FORGE_LOG_WARN,
    FORGE_LOG_ERROR,
    FORGE_LOG_CRIT
} forge_log_level_t;
#define FORGE_LOG_LEVELS "debug|info|notice|warn|error|crit"
extern const char *const forge_core_log_levels[];

/* One file of a service. */
typedef struct forge_log_source_t {
    const char *service; /* "backend" */
    const char *path;
    forge_log_format_t format;
    int fd; /* opened by whoever may (the parent, as root), only ever read at given places; -1: it could not be opened
             */
} forge_log_source_t;

/* What a line says, fit to be shown: valid UTF-8, controls written out, secrets masked. */
typedef struct forge_log_entry_t {
    apr_time_t at; /* 0: the line says no time */
    forge_log_level_t level;
    const char *msg;
    const char *request_id, *trace_id, *route; /* NULL: not said */
    apr_int64_t user_id, status;               /* 0: not said */
    double duration_ms;                        /* below 0: not said */
} forge_log_entry_t;

/* --- level.c --- */

/* "warning" or "WARN" as a level; false: it is none that is known. */
bool forge_core_log_level(const char *name, apr_size_t len, forge_log_level_t *level);

/* --- clean.c, mask.c --- */

/* The bytes of a line as text: at most FORGE_LOG_CUT of them, what is not UTF-8 replaced by U+FFFD, controls but the
 * line feed and the tab written as \x1b, secrets masked. */
const char *forge_core_log_clean(apr_pool_t *p, const char *line, apr_size_t len);
/* Appends the text with "***" for what could be a secret: credentials of headers and URLs, values of names such as
 * password or token, bearer tokens, JWTs, API keys, private keys. */
void forge_core_log_mask(forge_buf_t *b, const char *text, apr_size_t len);

/* --- stamp.c: times of logs that are not in RFC 3339; false when the text does not begin with one --- */

bool forge_core_log_time_apache(const char *text, apr_time_t *t);   /* "Sat Nov 28 17:50:21.123456 2026", local time */
bool forge_core_log_time_access(const char *text, apr_time_t *t);   /* "28/Nov/2026:17:50:21 +0100" */
bool forge_core_log_time_postgres(const char *text, apr_time_t *t); /* "2026-11-28 17:50:21.123 UTC" */

/* --- parse.c, json_line.c --- */

/* Whether a line goes on with the one before it: it is indented, or is PostgreSQL's DETAIL, HINT, STATEMENT … */
bool forge_core_log_continues(forge_log_format_t format, const char *line, apr_size_t len);
/* Reads a line; `more` is what goes on from it, its lines parted by line feeds, or NULL. */
void forge_core_log_parse(apr_pool_t *p, forge_log_format_t format, const char *line, apr_size_t len, const char *more,
                          forge_log_entry_t *entry);
/* A line of JSON, by the names of our own formats and of others that are common. False: it is none. */
bool forge_core_log_json(apr_pool_t *p, const char *line, apr_size_t len, forge_log_entry_t *entry);

/* --- entry.c --- */

/* What a reader asks for. */
typedef struct forge_log_query_t {
    int lines;
    forge_log_level_t level; /* at least */
    apr_time_t since;        /* 0: from any time */
    const char *text;        /* in the message or one of the names; in lower case; NULL: any */
} forge_log_query_t;
bool forge_core_log_matches(const forge_log_query_t *query, const forge_log_entry_t *entry);
/* All members of the object behind its id, as JSON: `"ts":…,"level":…}`. */
void forge_core_log_write(forge_buf_t *b, apr_pool_t *p, const char *service, const forge_log_entry_t *entry);

/* --- place.c: where a reader is in a file --- */

/* The offset of the next byte to read, and a digest of the bytes before it: by that the place is found again, whatever
 * the file is called by then, and nobody can make one up. */
void forge_core_log_place_write(char place[FORGE_LOG_PLACE_MAX], int fd, apr_off_t at);
/* The place in this file that a client names, -1 when it is none of this file. */
apr_off_t forge_core_log_place_find(const char *place, apr_size_t len, int fd);

/* --- back.c: the lines of a file from its end --- */

#define FORGE_LOG_BLOCK (64 * 1024)

typedef struct forge_log_back_t {
    int fd;
    apr_off_t end;     /* what is before it was not given yet */
    apr_off_t *budget; /* bytes that may still be read */
    apr_off_t at;      /* of block in the file */
    apr_size_t len;
    bool spent; /* it stopped because the budget is used up */
    char block[FORGE_LOG_BLOCK];
    char line[FORGE_LOG_CUT]; /* one that is not within a block */
} forge_log_back_t;
typedef struct forge_log_line_t {
    const char *text; /* at most FORGE_LOG_CUT bytes, without the line feed; valid until the next line is asked for */
    apr_size_t len;
    apr_off_t start, end; /* in the file; end is behind the line feed */
} forge_log_line_t;
/* Begins at `end`, after the last line feed before it: a line counts once its end is written. */
void forge_core_log_back_open(forge_log_back_t *back, int fd, apr_off_t end, apr_off_t *budget);
bool forge_core_log_back(forge_log_back_t *back, forge_log_line_t *line);
/* Behind the last line of a file; 0 when it has none, or fd is -1. */
apr_off_t forge_core_log_end(int fd);

/* --- history.c --- */

typedef struct forge_log_found_t {
    forge_log_entry_t entry;
    apr_time_t order;     /* by which it is sorted: its time, or that of what was written after it */
    apr_off_t start, end; /* in the file, with what goes on from it */
    int source, fd;
    bool rotated; /* it is of the file of before the last rotation */
} forge_log_found_t;
typedef struct forge_log_history_t {
    forge_log_query_t query;
    apr_off_t bytes;           /* that the files to come may read */
    apr_int64_t ends;          /* when all of them must be read; a time of forge_util_monotonic */
    apr_off_t budget;          /* bytes that this file may still read */
    apr_int64_t until;         /* when this file must be read */
    apr_time_t earliest;       /* of the file that was read last; 0: none was of this source */
    bool truncated;            /* there may be more lines than it was allowed to look at */
    apr_array_header_t *found; /* of forge_log_found_t */
} forge_log_history_t;
/* Gives the next of `left` files its part of the bytes and of the time. A busy file leaves the others theirs, and they
 * also get what one before did not need. */
void forge_core_log_history_turn(forge_log_history_t *history, int left);
/* Collects the last lines of one open file that match, the newest first, at most as many as are wanted. False: the
 * beginning of the file was reached before there were enough: then the file of before the rotation may follow, with
 * .earliest as it is. */
bool forge_core_log_history(apr_pool_t *p, const forge_log_source_t *source, int number, int fd,
                            forge_log_history_t *history);
/* Oldest first, and only the newest `lines` of all. */
void forge_core_log_history_sort(forge_log_history_t *history);

/* --- tail.c: a file as it grows --- */

typedef struct forge_log_tail_t {
    apr_pool_t *pool; /* for what one entry needs, which is gone when it was said */
    const forge_log_source_t *source;
    int (*open)(const forge_log_source_t *source); /* the file that has the name now; -1 */
    /* An entry, and where the file goes on behind it; -1: it is of the file of before the rotation. */
    void (*say)(void *baton, apr_pool_t *p, const forge_log_entry_t *entry, apr_off_t end);
    void *baton;
    int fd; /* -1: it is not there yet */
    apr_off_t at;
    char before[FORGE_LOG_PLACE_MAX]; /* the place of .at, by which a file that was cut off is noticed */
    int files;                        /* how often it was another file, or began anew */
    int old_fd;                       /* the file of before the rotation, as long as programs write to it; -1 */
    apr_off_t old_at;
    apr_int64_t old_until;
    bool late;          /* it is that one that is read */
    bool skips;         /* within a line that was too long */
    apr_off_t held_end; /* of the line that is held until it is clear that none goes on from it; 0: none */
    apr_int64_t held_at;
    apr_size_t held_len;
    char held[FORGE_LOG_CUT + 1];
    char block[FORGE_LOG_BLOCK];
} forge_log_tail_t;
/* Begins at a place in the file, or behind its last line with -1. A file that is not there is read from its beginning
 * once it is. */
void forge_core_log_tail_open(forge_log_tail_t *tail, apr_off_t at);
/* Says what is new. `look`: also whether the name is another file's now. True: there was something. */
bool forge_core_log_tail_read(forge_log_tail_t *tail, bool look);
/* Reads a block of the open file, at most up to `until`. False: it was all. */
bool forge_core_log_tail_step(forge_log_tail_t *tail, apr_off_t until);
/* Whether a line is held: read again in a moment. */
bool forge_core_log_tail_waits(const forge_log_tail_t *tail);
void forge_core_log_tail_close(forge_log_tail_t *tail);

#endif
