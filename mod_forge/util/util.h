/* SPDX-License-Identifier: Apache-2.0
 * Interface of util/: helpers that know no other room. Only util/json.c includes jansson.
 */
#ifndef FORGE_UTIL_H
#define FORGE_UTIL_H

#include "forge.h"
#include <apr_cstr.h>
#include <apr_tables.h>
#include <pthread.h>

/* --- error.c: the rows of errors.def --- */

typedef struct forge_error_t {
    int http;           /* HTTP status */
    const char *code;   /* stable public code */
    const char *detail; /* a sentence for a person */
} forge_error_t;

/* The row of a status; the row of FORGE_E_INTERNAL for FORGE_OK or a number out of range. */
const forge_error_t *forge_util_error(forge_status_t status);

/* The words of a status, as in httpd's status line: the title of a problem. NULL for a status without a row. */
const char *forge_util_reason(int http);

/* The most general code for an HTTP status that Apache raised (404 → FORGE_E_NOT_FOUND …);
 * unknown 4xx → FORGE_E_BAD_REQUEST, everything else → FORGE_E_INTERNAL. */
forge_status_t forge_util_error_for_http(int http);

/* --- buf.c: one growing flat buffer, malloc'd, freed with its pool --- */

typedef struct forge_buf_t {
    char *data; /* not NUL terminated; may be NULL while len is 0 */
    apr_size_t len, cap;
    bool failed; /* out of memory or past the ceiling: do not use the contents */
    apr_size_t ceiling;
} forge_buf_t;

/* A buffer of at most `ceiling` bytes; its memory is freed with `p`, unless forge_util_buf_release gives it away. */
forge_buf_t *forge_util_buf_make(apr_pool_t *p, apr_size_t hint, apr_size_t ceiling);
void forge_util_buf_add(forge_buf_t *b, const char *data, apr_size_t len);
void forge_util_buf_puts(forge_buf_t *b, const char *text);
void forge_util_buf_printf(forge_buf_t *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void forge_util_buf_int(forge_buf_t *b, apr_int64_t n);
/* `text` as a JSON string with its quotes: controls, quote, backslash, DEL, U+2028 and U+2029 escaped; UTF-8 is passed
 * on (RFC 8259 §7). Bytes that are not UTF-8 become U+FFFD. */
void forge_util_buf_json(forge_buf_t *b, const char *text, apr_size_t len);
/* Gives the malloc'd block to the caller, who frees it; the buffer is empty afterwards. NULL if empty or failed. */
char *forge_util_buf_release(forge_buf_t *b, apr_size_t *len);

/* --- json.c: jansson values tied to a pool at birth --- */

typedef struct forge_json_t forge_json_t; /* opaque; valid as long as the pool of the tree's root */
typedef enum forge_json_type_t {
    FORGE_JSON_NULL,
    FORGE_JSON_BOOL,
    FORGE_JSON_INT,
    FORGE_JSON_NUMBER,
    FORGE_JSON_TEXT,
    FORGE_JSON_ARRAY,
    FORGE_JSON_OBJECT
} forge_json_type_t;

/* Parses one JSON text (RFC 8259). Refused: duplicate keys, depth > FORGE_JSON_DEPTH_MAX (scanned before jansson sees
 * it), an object of more than FORGE_JSON_MEMBERS_MAX members, bad UTF-8, lone surrogates, numbers out of range,
 * trailing text. A \u0000 inside a string is kept (forge_util_json_text reports its length), so that the caller can
 * name the member. Any JSON value is accepted at the root. NULL on failure; then *why says what is wrong, in lower
 * case, with line and column, without quoting the input. */
forge_json_t *forge_util_json_parse(apr_pool_t *p, const char *data, apr_size_t len, const char **why);

forge_json_type_t forge_util_json_type(const forge_json_t *v);
forge_json_t *forge_util_json_get(const forge_json_t *object, const char *name); /* NULL if absent or not an object */
const char *forge_util_json_text(const forge_json_t *v, apr_size_t *len); /* NULL if not a text; len may be NULL */
bool forge_util_json_int(const forge_json_t *v, apr_int64_t *n);          /* false if not an integer */
bool forge_util_json_number(const forge_json_t *v, double *n);            /* integers too */
bool forge_util_json_bool(const forge_json_t *v, bool *b);
apr_size_t forge_util_json_size(const forge_json_t *v); /* items or members; 0 for scalars */
forge_json_t *forge_util_json_at(const forge_json_t *array, apr_size_t i);
/* Calls fn for every member, in the order of the text; stops when fn returns false. */
void forge_util_json_each(const forge_json_t *object, bool (*fn)(void *baton, const char *name, forge_json_t *value),
                          void *baton);

/* Builders for small composed answers. The root is freed with its pool; values put into a parent belong to the parent.
 */
forge_json_t *forge_util_json_object(apr_pool_t *p);
forge_json_t *forge_util_json_array(apr_pool_t *p);
void forge_util_json_put_text(forge_json_t *object, const char *name, const char *text); /* NULL text → null */
void forge_util_json_put_int(forge_json_t *object, const char *name, apr_int64_t n);
void forge_util_json_put_number(forge_json_t *object, const char *name, double n);
void forge_util_json_put_bool(forge_json_t *object, const char *name, bool b);
void forge_util_json_put_null(forge_json_t *object, const char *name);
forge_json_t *forge_util_json_put_object(forge_json_t *object,
                                         const char *name); /* a new empty object inside; valid as long as the root */
forge_json_t *forge_util_json_put_array(forge_json_t *object, const char *name);
void forge_util_json_put_copy(forge_json_t *object, const char *name,
                              const forge_json_t *value); /* a deep copy of any value */
/* Parses a JSON text (an example of a field table) and puts its value; a text that does not parse is put as a string.
 */
void forge_util_json_put_literal(forge_json_t *object, const char *name, const char *json);
void forge_util_json_add_text(forge_json_t *array, const char *text);
void forge_util_json_add_number(forge_json_t *array, double n); /* NAN and infinities → null */
forge_json_t *forge_util_json_add_object(forge_json_t *array);
void forge_util_json_add_copy(forge_json_t *array, const forge_json_t *value);
/* Appends a compact serialisation to b, members in the order they were put. */
void forge_util_json_write(forge_buf_t *b, const forge_json_t *v);
/* Once per process, before threads: seeds jansson's hash (json_object_seed). */
void forge_util_json_init(void);

/* --- json_text.c: JSON as text, walked over without a tree --- */

#define FORGE_JSON_TEXT_DEPTH 64 /* levels of nesting; what is deeper counts as no JSON */
/* Behind the blanks at `at`. */
const char *forge_util_json_blank(const char *at, const char *end);
/* Behind the JSON value that begins at `at`; NULL when none does. */
const char *forge_util_json_skip(const char *at, const char *end);
/* Whether the text is one JSON value in UTF-8, with blanks around it. A member may come twice. */
bool forge_util_json_valid(const char *text, apr_size_t len);
/* Whether a JSON string, from its first quote to behind its last, says `name`, however it is spelled. The string is
 * well-formed: forge_util_json_skip has passed it. */
bool forge_util_json_is(const char *at, const char *end, const char *name);

/* --- letters of ASCII, by their code: whatever another module has said to setlocale, an I is an i, and nothing beyond
 * ASCII is a letter. Texts without regard to case are compared by apr_cstr_casecmp and apr_cstr_casecmpn. --- */

static inline bool forge_util_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool forge_util_is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static inline bool forge_util_is_alpha(char c)
{
    return forge_util_is_upper(c) || (c >= 'a' && c <= 'z');
}

static inline bool forge_util_is_alnum(char c)
{
    return forge_util_is_alpha(c) || forge_util_is_digit(c);
}

static inline bool forge_util_is_xdigit(char c)
{
    return forge_util_is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static inline bool forge_util_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline char forge_util_lower(char c)
{
    return forge_util_is_upper(c) ? (char)(c + ('a' - 'A')) : c;
}

static inline char forge_util_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

static inline void forge_util_lower_all(char *text)
{
    for (; *text; text++)
        *text = forge_util_lower(*text);
}

/* --- text.c: small forms of text --- */

const char *forge_util_itoa(apr_pool_t *p, apr_int64_t n);
/* FNV-1a of a text, going on from `hash`; begin with FORGE_HASH_START or a number of your own. Strangers can make two
 * texts meet, so nothing may depend on it but who shares a place. */
#define FORGE_HASH_START APR_UINT64_C(0xcbf29ce484222325)
apr_uint64_t forge_util_hash(apr_uint64_t hash, const char *text);
/* Reads a whole decimal number and nothing else (only the sign '-', no blanks); false for anything else, or on
 * overflow. */
bool forge_util_atoi(const char *text, apr_size_t len, apr_int64_t *n);
/* base64url without padding (RFC 4648 §5). Decoding is strict: no padding, no other characters, unused trailing bits
 * zero; NULL otherwise.
 */
const char *forge_util_b64url(apr_pool_t *p, const void *data, apr_size_t len);
unsigned char *forge_util_b64url_decode(apr_pool_t *p, const char *text, apr_size_t len, apr_size_t *out_len);
const char *forge_util_hex(apr_pool_t *p, const void *data, apr_size_t len); /* lower case */
/* Whether the text is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). Counts its code points if points
 * is not NULL. */
bool forge_util_utf8(const char *text, apr_size_t len, apr_size_t *points);
/* Whether the text is a single line: no control characters (U+0000 to U+001F, U+007F). */
bool forge_util_line(const char *text);
/* Whether UTF-8 text has no control characters (U+0000 to U+001F, U+007F to U+009F) but tab, CR and LF. */
bool forge_util_printable(const char *text, apr_size_t len);
/* The length of the well-formed sequence at the start of `text`; 0 if it is ill-formed or len is 0. */
apr_size_t forge_util_utf8_next(const char *text, apr_size_t len);
/* Decodes application/x-www-form-urlencoded or a query string into pairs, in order. Limits: `max` pairs. Refused
 * (false): a bad escape, %00, bytes that are not UTF-8, too many pairs. '+' is a blank. A name that comes twice is in
 * the table twice: forge_core_input_pairs names it. */
bool forge_util_form(apr_pool_t *p, const char *text, apr_size_t len, int max, apr_table_t **pairs, const char **why);
/* Percent-encodes everything but unreserved characters (RFC 3986 §2.3). */
const char *forge_util_urlencode(apr_pool_t *p, const char *text);
/* Constant-time comparison of two blocks of equal length. */
bool forge_util_equal(const void *a, const void *b, apr_size_t len);

/* --- clock.c --- */

/* RFC 3339 in UTC: "2026-01-31T12:00:00.123456Z" ('fraction' digits 0, 3 or 6). */
const char *forge_util_time(apr_pool_t *p, apr_time_t t, int fraction);
/* RFC 3339 with any offset → microseconds since the epoch; false for anything else. */
bool forge_util_time_parse(const char *text, apr_size_t len, apr_time_t *t);
/* Microseconds of the monotonic clock, which all processes of a machine share; for time spans and deadlines. */
apr_int64_t forge_util_monotonic(void);
/* The same, but it goes on while the machine sleeps: for what must not look fresh when it wakes. Never behind the other
 * one. */
apr_int64_t forge_util_uptime(void);
/* pthread_mutex_lock within so much time, whatever is done to the wall clock meanwhile; its results, and ETIMEDOUT. */
int forge_util_lock(pthread_mutex_t *mutex, apr_interval_time_t patience);

/* --- gzip.c --- */

/* The bytes in gzip's format, as small as zlib makes them. NULL when they are too many (2 GiB). */
forge_buf_t *forge_util_gzip(apr_pool_t *p, const char *data, apr_size_t len);

/* --- yield.c --- */

/* Runs `work(data)` to its end on a thread of low priority, which sleeps for moments while others wait for a processor.
 * For computations of many milliseconds; a new thread for each call. `work` needs no more than 200 KiB of stack.
 * Returns how often it slept. Uses one real-time signal of the process that had no handler (Linux). */
int forge_util_yielding(void (*work)(void *data), void *data);

/* --- random.c --- */

/* Fills from the kernel's generator (getrandom). Aborts the process if the kernel has none, because continuing would be
 * unsafe. */
void forge_util_random(void *data, apr_size_t len);

#endif
