/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: multipart bodies. However a body is cut, the same is heard of it; names that are shown are harmless, and
 * ranges lie within the content. The first byte says how the rest is cut.
 */
#include "core/wire/wire.h"
#include "fuzz.h"

#include <apr_strings.h>

#define SIZE 1000 /* bytes of the content that ranges are of */

typedef struct heard_t {
    apr_pool_t *p;
    forge_buf_t *b;
} heard_t;

static bool hear_part(void *baton, const forge_part_t *part)
{
    heard_t *heard = baton;
    FORGE_PROMISE(part->name && part->media);
    forge_util_buf_printf(heard->b, "[%s|%s|%s]", part->name, part->filename ? part->filename : "", part->media);
    if (!part->filename)
        return true;
    const char *shown = forge_core_file_name(heard->p, part->filename);
    apr_size_t points = 0;
    FORGE_PROMISE(forge_util_utf8(shown, strlen(shown), &points) && points <= FORGE_FILE_NAME_MAX);
    FORGE_PROMISE(forge_util_line(shown) && !strpbrk(shown, "/\\"));
    FORGE_PROMISE(forge_util_line(forge_core_disposition(heard->p, shown)));
    return true;
}

static bool hear_data(void *baton, const char *data, apr_size_t len)
{
    forge_util_buf_add(((heard_t *)baton)->b, data, len);
    return true;
}

static forge_multipart_state_t read_in(apr_pool_t *p, const char *body, size_t size, size_t piece, forge_buf_t **b)
{
    heard_t heard = {p, forge_util_buf_make(p, 1024, 64 << 20)};
    const forge_part_sink_t sink = {hear_part, hear_data, &heard};
    forge_multipart_t *m = forge_core_multipart_make(p, "B", &sink);
    forge_multipart_state_t state = FORGE_MULTIPART_MORE;
    for (size_t at = 0; at < size; at += piece)
        state = forge_core_multipart_feed(m, body + at, size - at < piece ? size - at : piece);
    FORGE_PROMISE((state == FORGE_MULTIPART_BROKEN) == (*forge_core_multipart_why(m) != '\0'));
    *b = heard.b;
    return state;
}

static void read_header(apr_pool_t *p, const char *text)
{
    const char *boundary;
    apr_int64_t from = 0, length = 0;
    if (forge_core_multipart_type(p, text, &boundary) && boundary)
        FORGE_PROMISE(strlen(boundary) >= 1 && strlen(boundary) <= FORGE_MULTIPART_BOUNDARY_MAX);
    if (forge_core_ranges(text, SIZE, &from, &length) == FORGE_RANGES_ONE)
        FORGE_PROMISE(from >= 0 && length >= 1 && from + length <= SIZE);
}

int forge_fuzz_multipart(const uint8_t *data, size_t size)
{
    apr_pool_t *p = forge_fuzz_pool();
    if (size > 1) {
        forge_buf_t *whole, *cut;
        const char *body = (const char *)data + 1;
        forge_multipart_state_t state = read_in(p, body, size - 1, size, &whole);
        FORGE_PROMISE(read_in(p, body, size - 1, (size_t)data[0] + 1, &cut) == state);
        FORGE_PROMISE(whole->len == cut->len && (whole->len == 0 || memcmp(whole->data, cut->data, cut->len) == 0));
        read_header(p, apr_pstrmemdup(p, body, size - 1));
    }
    apr_pool_destroy(p);
    return 0;
}
