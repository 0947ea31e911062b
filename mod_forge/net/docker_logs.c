/* SPDX-License-Identifier: Apache-2.0
 * The last lines of a container's log. Without a terminal the engine sends frames: 8 bytes that say the stream (0 to 2)
 * and how many bytes follow. With one it sends the bytes alone. Engines label both alike, so the first 8 bytes decide:
 * no text of a terminal begins with a number below 3 and three NULs.
 *
 * A line is kept as it grows up to a bound, and the last 50 of them: whatever comes, the memory is the same.
 */
#include "docker_private.h"

#include <string.h>

#define HEAD 8

typedef enum { PLAIN, AFTER_ESC, IN_CSI, IN_STRING } escape_t;

/* A line that is not complete yet; each stream has its own. */
typedef struct line_t {
    escape_t escape;
    bool begun;
    apr_size_t len;
    char text[FORGE_DOCKER_LINE];
} line_t;

struct forge_docker_log_t {
    apr_pool_t *pool;
    enum { UNDECIDED, FRAMES, TERMINAL } kind;
    bool broken;
    unsigned char head[HEAD];
    apr_size_t head_len, left; /* of the frame */
    line_t *line;              /* of the frame's stream */
    line_t streams[2];
    int next, count; /* of the lines kept */
    apr_size_t lens[FORGE_DOCKER_LINES];
    char lines[FORGE_DOCKER_LINES][FORGE_DOCKER_LINE];
};

forge_docker_log_t *forge_net_docker_log(apr_pool_t *p)
{
    forge_docker_log_t *log = apr_pcalloc(p, sizeof(*log));
    log->pool = p;
    log->line = log->streams;
    return log;
}

/* --- bytes to lines --- */

static void complete(forge_docker_log_t *log, line_t *line)
{
    memcpy(log->lines[log->next], line->text, line->len);
    log->lens[log->next] = line->len;
    log->next = (log->next + 1) % FORGE_DOCKER_LINES;
    if (log->count < FORGE_DOCKER_LINES)
        log->count++;
    line->len = 0;
    line->begun = false;
    line->escape = PLAIN; /* one that was never closed does not swallow the next line */
}

/* Where an escape sequence (ECMA-48) goes on to with this byte. */
static escape_t escaped(escape_t escape, unsigned char c)
{
    if (escape == IN_CSI)
        return c >= 0x40 && c <= 0x7e ? PLAIN : IN_CSI;
    if (escape == IN_STRING)
        return c == 0x07 ? PLAIN : c == 0x1b ? AFTER_ESC : IN_STRING;
    if (c == '[')
        return IN_CSI;
    if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
        return IN_STRING;
    return c >= 0x20 && c <= 0x2f ? AFTER_ESC : PLAIN;
}

static void take(forge_docker_log_t *log, line_t *line, unsigned char c)
{
    line->begun = true;
    if (c == '\n')
        complete(log, line);
    else if (line->escape != PLAIN)
        line->escape = escaped(line->escape, c);
    else if (c == 0x1b)
        line->escape = AFTER_ESC;
    else if (line->len < FORGE_DOCKER_LINE)
        line->text[line->len++] = c == '\t' ? ' ' : (char)c;
}

static void take_all(forge_docker_log_t *log, const char *data, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i++)
        take(log, log->line, (unsigned char)data[i]);
}

/* --- frames --- */

static bool is_head(const unsigned char head[HEAD])
{
    return head[0] <= 2 && !head[1] && !head[2] && !head[3];
}

/* The 8 bytes are there: a frame begins, or it is no frame. */
static void headed(forge_docker_log_t *log)
{
    const unsigned char *head = log->head;
    log->head_len = 0;
    if (is_head(head)) {
        log->kind = FRAMES;
        log->left = (apr_size_t)head[4] << 24 | (apr_size_t)head[5] << 16 | (apr_size_t)head[6] << 8 | head[7];
        log->line = &log->streams[head[0] == 2];
    } else if (log->kind == UNDECIDED) {
        log->kind = TERMINAL;
        take_all(log, (const char *)head, HEAD);
    } else {
        log->broken = true;
    }
}

void forge_net_docker_log_feed(forge_docker_log_t *log, const char *data, apr_size_t len)
{
    while (len && !log->broken) {
        apr_size_t n = 1;
        if (log->kind == TERMINAL || log->left) {
            n = log->kind == TERMINAL || len < log->left ? len : log->left;
            take_all(log, data, n);
            log->left -= log->kind == TERMINAL ? 0 : n;
        } else {
            log->head[log->head_len++] = (unsigned char)*data;
            if (log->head_len == HEAD)
                headed(log);
        }
        data += n;
        len -= n;
    }
}

/* --- lines to texts --- */

static bool is_control(const unsigned char *c, apr_size_t len)
{
    return (len == 1 && (*c < 0x20 || *c == 0x7f)) || (len == 2 && c[0] == 0xc2 && c[1] < 0xa0) ||
           (len == 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9)); /* U+2028, U+2029 */
}

const char *forge_net_docker_text(apr_pool_t *p, const char *text, apr_size_t len, apr_size_t most)
{
    static const char unknown[] = "\xef\xbf\xbd";
    char *clean = apr_palloc(p, most + 1), *end = clean;
    for (apr_size_t i = 0, n; i < len; i += n ? n : 1) {
        n = forge_util_utf8_next(text + i, len - i);
        const char *from = n ? text + i : unknown;
        apr_size_t add = n ? n : sizeof(unknown) - 1;
        if (n && is_control((const unsigned char *)from, n))
            continue;
        if ((apr_size_t)(end - clean) + add > most)
            break;
        memcpy(end, from, add);
        end += add;
    }
    *end = '\0';
    return clean;
}

/* What ends without a line break is a line as well. */
static void close_lines(forge_docker_log_t *log)
{
    if (log->kind == UNDECIDED)
        take_all(log, (const char *)log->head, log->head_len);
    else if (log->kind == FRAMES && (log->left || log->head_len))
        log->broken = true;
    for (int i = 0; i < 2; i++)
        if (log->streams[i].begun)
            complete(log, &log->streams[i]);
}

bool forge_net_docker_log_end(forge_docker_log_t *log, apr_size_t most, const char *const **lines, int *count)
{
    close_lines(log);
    const char **texts = apr_palloc(log->pool, FORGE_DOCKER_LINES * sizeof(*texts));
    int first = FORGE_DOCKER_LINES;
    for (int i = 1; i <= log->count; i++) {
        int at = (log->next + FORGE_DOCKER_LINES - i) % FORGE_DOCKER_LINES;
        const char *text = forge_net_docker_text(log->pool, log->lines[at], log->lens[at], FORGE_DOCKER_LINE);
        if (strlen(text) > most)
            break;
        most -= strlen(text);
        texts[--first] = text;
    }
    *lines = texts + first;
    *count = FORGE_DOCKER_LINES - first;
    return !log->broken;
}
