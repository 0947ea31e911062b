/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: lines of logs in each format, what goes on from them, and places that clients name. What is shown is
 * valid UTF-8 without controls, bounded, and its object is JSON.
 */
#include "fuzz.h"
#include "core/logs/logs.h"

static void shown(const char *text)
{
    if (!text)
        return;
    apr_size_t len = strlen(text);
    FORGE_PROMISE(forge_util_utf8(text, len, NULL));
    FORGE_PROMISE(len <= FORGE_LOG_CUT * 8);
    for (apr_size_t i = 0; i < len; i++)
        FORGE_PROMISE((unsigned char)text[i] >= 0x20 || text[i] == '\n' || text[i] == '\t');
}

static void parse(apr_pool_t *p, forge_log_format_t format, const char *line, apr_size_t len, const char *more)
{
    const char *why;
    forge_log_entry_t entry;
    forge_core_log_continues(format, line, len);
    forge_core_log_parse(p, format, line, len, more, &entry);
    shown(entry.msg);
    shown(entry.request_id);
    shown(entry.trace_id);
    shown(entry.route);
    forge_buf_t *b = forge_util_buf_make(p, 256, FORGE_LOG_CUT * 64);
    forge_util_buf_puts(b, "{");
    forge_core_log_write(b, p, "backend", &entry);
    FORGE_PROMISE(!b->failed && forge_util_json_parse(p, b->data, b->len, &why));
}

int forge_fuzz_log(const uint8_t *data, size_t size)
{
    apr_pool_t *p = forge_fuzz_pool();
    const char *line = (const char *)data, *feed = size ? memchr(data, '\n', size) : NULL;
    apr_size_t len = feed ? (apr_size_t)(feed - line) : size;
    char *more = feed ? apr_palloc(p, size - len) : NULL;
    if (more) {
        memcpy(more, feed + 1, size - len - 1);
        more[size - len - 1] = '\0';
    }
    for (int format = FORGE_LOG_GUESS; format <= FORGE_LOG_PLAIN; format++)
        parse(p, (forge_log_format_t)format, line, len, more);
    FORGE_PROMISE(forge_core_log_place_find(line, size, -1) <= 0);
    apr_pool_destroy(p);
    return 0;
}
