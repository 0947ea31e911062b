/* SPDX-License-Identifier: Apache-2.0
 * Rows become JSON in one flat buffer: how each column is written is decided once a result, then values are copied run
 * by run.
 */
#include "store_private.h"
#include "store/store.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef void (*write_fn)(forge_buf_t *b, const char *value, apr_size_t len);

struct forge_column_t {
    int number;      /* in the result */
    const char *key; /* ,"name": with the comma that the first one leaves out */
    apr_size_t key_len;
    write_fn write;
};

/* --- bytes --- */

/* forge_util_buf_add without the call when there is room, which is nearly always. */
static inline void put(forge_buf_t *b, const char *data, apr_size_t len)
{
    if (len < b->cap - b->len) {
        memcpy(b->data + b->len, data, len);
        b->len += len;
    } else {
        forge_util_buf_add(b, data, len);
    }
}

#define PUT(b, literal) put(b, literal, sizeof(literal) - 1)

/* Bytes that may need another spelling: controls, quote, backslash, DEL, and E2, which begins U+2028 and U+2029. */
static const unsigned char special[256] = {
    [0x00 ... 0x1f] = 1, ['"'] = 1, ['\\'] = 1, [0x7f] = 1, [0xe2] = 1,
};

/* Whether any of eight bytes is special: the usual trick of subtracting and looking at the high bits. It may err on the
 * safe side about a byte above a special one, never the other way. */
static inline bool special8(const char *at)
{
    const uint64_t low = 0x0101010101010101ULL, high = 0x8080808080808080ULL;
    uint64_t w;
    memcpy(&w, at, sizeof(w));
    uint64_t quote = w ^ low * '"', slash = w ^ low * '\\', del = w ^ low * 0x7f, e2 = w ^ low * 0xe2;
    return (((w - low * 0x20) & ~w) | ((quote - low) & ~quote) | ((slash - low) & ~slash) | ((del - low) & ~del) |
            ((e2 - low) & ~e2)) &
           high;
}

/* Length of the run that can be copied as it is. */
static inline apr_size_t clean_run(const char *text, apr_size_t len)
{
    apr_size_t i = 0;
    while (i + 8 <= len && !special8(text + i))
        i += 8;
    while (i < len && !special[(unsigned char)text[i]])
        i++;
    return i;
}

/* One special byte in its JSON spelling; returns how many bytes of the text it stands for. */
static apr_size_t put_special(forge_buf_t *b, const char *text, apr_size_t len)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[0x5d] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    unsigned char c = (unsigned char)*text;
    if (c == 0xe2) {
        bool separator = len >= 3 && (unsigned char)text[1] == 0x80 && ((unsigned char)text[2] & 0xfe) == 0xa8;
        put(b, separator ? (text[2] & 1 ? "\\u2029" : "\\u2028") : text, separator ? 6 : 1);
        return separator ? 3 : 1;
    }
    if (c < sizeof(letters) && letters[c]) {
        const char pair[2] = {'\\', letters[c]};
        put(b, pair, 2);
    } else {
        const char form[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        put(b, form, 6);
    }
    return 1;
}

/* --- one writer for each kind of column --- */

/* Text that the server guarantees to be UTF-8. */
static void write_text(forge_buf_t *b, const char *value, apr_size_t len)
{
    PUT(b, "\"");
    for (;;) {
        apr_size_t run = clean_run(value, len);
        put(b, value, run);
        value += run;
        len -= run;
        if (!len)
            break;
        apr_size_t used = put_special(b, value, len);
        value += used;
        len -= used;
    }
    PUT(b, "\"");
}

/* Integers, and JSON itself. */
static void write_raw(forge_buf_t *b, const char *value, apr_size_t len)
{
    put(b, value, len);
}

/* Floating point and numeric: JSON has no NaN and no infinity. */
static void write_number(forge_buf_t *b, const char *value, apr_size_t len)
{
    if (strpbrk(value, "NI"))
        PUT(b, "null");
    else
        put(b, value, len);
}

static void write_bool(forge_buf_t *b, const char *value, apr_size_t len)
{
    (void)len;
    if (*value == 't')
        PUT(b, "true");
    else
        PUT(b, "false");
}

/* "2026-11-21 22:19:22.12+00" → "2026-11-21T22:19:22.12Z". What has no RFC 3339 form (infinity, before Christ, past
 * 9999) is null. */
static void write_time(forge_buf_t *b, const char *value, apr_size_t len)
{
    apr_size_t tail = len > 19 && len < 40 ? 19 + strspn(value + 19, ".0123456789") : len;
    if (len < 19 || value[10] != ' ' || value[len - 1] == 'C') {
        PUT(b, "null");
        return;
    }
    if (tail < len && strcmp(value + tail, "+00") != 0) { /* somebody changed the session's time zone */
        apr_time_t t;
        char form[40];
        apr_size_t got = 0;
        apr_time_exp_t e;
        if (forge_store_timestamp(value, &t) && apr_time_exp_gmt(&e, t) == APR_SUCCESS)
            got = (apr_size_t)snprintf(form, sizeof(form), "%04d-%02d-%02d %02d:%02d:%02d.%06d", e.tm_year + 1900,
                                       e.tm_mon + 1, e.tm_mday, e.tm_hour, e.tm_min, e.tm_sec, e.tm_usec);
        write_time(b, form, got);
        return;
    }
    PUT(b, "\"");
    put(b, value, 10);
    PUT(b, "T");
    put(b, value + 11, tail - 11);
    PUT(b, "Z\"");
}

/* "{1,2,NULL}" of integers, of any dimensions, → "[1,2,null]"; "[0:1]={…}" has its bounds first. */
static void write_ints(forge_buf_t *b, const char *value, apr_size_t len)
{
    for (const char *c = memchr(value, '{', len); c && *c; c++) {
        if (*c == '{')
            PUT(b, "[");
        else if (*c == '}')
            PUT(b, "]");
        else if (*c == 'N') {
            PUT(b, "null");
            c += 3;
        } else
            put(b, c, 1);
    }
}

/* Type numbers are fixed in PostgreSQL's catalogue (pg_type.dat). What is not here is text. */
static write_fn writer_of(Oid type, bool utf8)
{
    static const struct {
        Oid type;
        write_fn write;
    } table[] = {
        {16, write_bool},   {20, write_raw},    {21, write_raw},     {23, write_raw},     {26, write_raw},
        {114, write_raw},   {3802, write_raw},  {700, write_number}, {701, write_number}, {1700, write_number},
        {1114, write_time}, {1184, write_time}, {1005, write_ints},  {1007, write_ints},  {1016, write_ints},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (table[i].type == type)
            return table[i].write;
    return utf8 ? write_text : forge_util_buf_json;
}

/* --- rows --- */

/* The shown columns of a result with everything that is the same for each row. */
static void plan_make(forge_rows_t *rows)
{
    int n = PQnfields(rows->result);
    rows->plan = apr_pcalloc(rows->pool, (apr_size_t)(n ? n : 1) * sizeof(*rows->plan));
    for (int i = 0; i < n; i++) {
        const char *name = PQfname(rows->result, i);
        if (*name == '_')
            continue;
        forge_column_t *column = &rows->plan[rows->shown++];
        apr_size_t len = strlen(name);
        forge_buf_t *key = forge_util_buf_make(rows->pool, len + 4, 1024); /* names have at most 63 bytes */
        PUT(key, ",");
        forge_util_buf_json(key, name, len);
        PUT(key, ":");
        column->number = i;
        column->key = key->data;
        column->key_len = key->len;
        column->write = writer_of(PQftype(rows->result, i), rows->utf8);
    }
}

/* rows is only logically const: the plan is a cache that belongs to the result and so to one thread. */
static const forge_rows_t *planned(const forge_rows_t *rows)
{
    if (!rows->plan)
        plan_make((forge_rows_t *)rows);
    return rows;
}

static void render(forge_buf_t *b, const forge_rows_t *rows, int i)
{
    PGresult *result = rows->result;
    PUT(b, "{");
    for (int c = 0; c < rows->shown; c++) {
        const forge_column_t *column = &rows->plan[c];
        put(b, column->key + (c == 0), column->key_len - (c == 0));
        if (PQgetisnull(result, i, column->number))
            PUT(b, "null");
        else
            column->write(b, PQgetvalue(result, i, column->number), (apr_size_t)PQgetlength(result, i, column->number));
    }
    PUT(b, "}");
}

void forge_store_render_row(forge_buf_t *b, const forge_rows_t *rows, int i)
{
    render(b, planned(rows), i);
}

int forge_store_render_list(forge_buf_t *b, const forge_rows_t *rows, int n, apr_size_t most)
{
    int have = PQntuples(rows->result), i = 0;
    planned(rows);
    PUT(b, "[");
    for (; i < n && i < have && (i == 0 || b->len < most); i++) {
        if (i)
            PUT(b, ",");
        render(b, rows, i);
    }
    PUT(b, "]");
    return i;
}
