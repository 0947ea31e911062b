/* SPDX-License-Identifier: Apache-2.0
 * Checks single values by their row: texts and their formats, times, numbers, booleans.
 */
#include "fields.h"
#include "core/identity/identity.h"
#include <apr_strings.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#define TEXT_POINTS    65536 /* code points of a text whose field names no bound */
#define PASSWORD_BYTES 1024  /* the policy counts characters; this only bounds the work */

/* The first second of year 1: PostgreSQL has no year 0. */
#define FIRST_TIME (-APR_INT64_C(62135596800) * APR_USEC_PER_SEC)

bool forge_core_scalar_fault(const check_t *c, const char *code, const char *detail)
{
    forge_core_fault(c->faults, c->pointer, code, detail);
    return false;
}

/* --- text and its formats --- */

static bool fault_length(const check_t *c, const char *code, apr_int64_t min, apr_int64_t max)
{
    if (min == max)
        return forge_core_scalar_fault(c, code,
                                       apr_psprintf(c->pool, "must be %" APR_INT64_T_FMT " characters long", min));
    if (min > 0)
        return forge_core_scalar_fault(
            c, code,
            apr_psprintf(c->pool, "must be %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT " characters long", min, max));
    return forge_core_scalar_fault(c, code,
                                   apr_psprintf(c->pool, "must be at most %" APR_INT64_T_FMT " characters long", max));
}

/* The text must be one of the words of "a|b|c". The fault names them all. */
static bool check_enum(const check_t *c, const char *list, const char *text, apr_size_t len)
{
    for (const char *at = list;; at++) {
        apr_size_t n = strcspn(at, "|");
        if (n == len && memcmp(at, text, len) == 0)
            return true;
        at += n;
        if (!*at)
            break;
    }
    char *shown = apr_palloc(c->pool, strlen(list) * 2 + 1), *out = shown;
    for (const char *at = list; *at; at++) {
        *out++ = *at == '|' ? ',' : *at;
        if (*at == '|')
            *out++ = ' ';
    }
    *out = '\0';
    return forge_core_scalar_fault(c, "enum", apr_psprintf(c->pool, "must be one of: %s", shown));
}

static bool check_email(const check_t *c, slot_t *slot, const char *text, apr_size_t len)
{
    const char *shown, *key, *why;
    if (!forge_core_email_normalize(c->pool, text, len, &shown, &key, &why))
        return forge_core_scalar_fault(c, "format", apr_psprintf(c->pool, "must be an e-mail address: %s", why));
    slot->text = shown;
    return true;
}

/* The characters of RFC 3986, with whole escapes. */
static bool uri_characters(const char *text)
{
    for (; *text; text++) {
        if (*text == '%') {
            if (!forge_util_is_xdigit(text[1]) || !forge_util_is_xdigit(text[2]))
                return false;
        } else if (!forge_util_is_alnum(*text) && !strchr("-._~:/?#[]@!$&'()*+,;=", *text)) {
            return false;
        }
    }
    return true;
}

/* "host", "host:port" or "[address]:port". An account in front is refused, because it only serves to mislead people. */
static bool uri_authority(const char *text, apr_size_t len)
{
    const char *end = text + len, *at = text;
    apr_int64_t port;
    if (at < end && *at == '[') {
        at += strspn(at + 1, "0123456789abcdefABCDEF:.") + 1;
        if (at >= end || *at != ']' || at - text < 3)
            return false;
        at++;
    } else {
        while (at < end && (forge_util_is_alnum(*at) || *at == '-' || *at == '.'))
            at++;
        if (at == text || *text == '.' || *text == '-')
            return false;
    }
    if (at == end)
        return true;
    return *at == ':' && forge_util_atoi(at + 1, (apr_size_t)(end - at - 1), &port) && port >= 1 && port <= 65535;
}

/* Only http and https: other schemes (javascript:, data:) would run where somebody shows the address as a link. */
static bool check_uri(const check_t *c, const char *text)
{
    const char *at = apr_cstr_casecmpn(text, "https://", 8) == 0  ? text + 8
                     : apr_cstr_casecmpn(text, "http://", 7) == 0 ? text + 7
                                                                  : NULL;
    if (at && uri_characters(text)) {
        apr_size_t host = strcspn(at, "/?#");
        if (uri_authority(at, host) && !strpbrk(at + host, "[]"))
            return true;
    }
    return forge_core_scalar_fault(c, "format", "must be a web address that begins with https:// or http://");
}

/* The text by the format of its row. "password" is not checked here: that is for the policy. */
static bool check_format(const check_t *c, const forge_field_t *f, slot_t *slot, const char *text, apr_size_t len)
{
    if (!f->format)
        return true;
    if (strncmp(f->format, "enum:", 5) == 0)
        return check_enum(c, f->format + 5, text, len);
    if (strcmp(f->format, "email") == 0)
        return check_email(c, slot, text, len);
    if (strcmp(f->format, "username") == 0 && !forge_core_username_valid(text, len))
        return forge_core_scalar_fault(c, "format",
                                       "must be 3 to 30 letters of the English alphabet, digits or underscores");
    if (strcmp(f->format, "uri") == 0)
        return check_uri(c, text);
    if (strcmp(f->format, "line") == 0 && !forge_util_line(text))
        return forge_core_scalar_fault(c, "format", "must not contain control characters");
    return true;
}

/* The policy judges the length of a password in characters. */
static bool check_text_length(const check_t *c, const forge_field_t *f, apr_size_t len, apr_size_t points)
{
    if (f->format && strcmp(f->format, "password") == 0)
        return len <= PASSWORD_BYTES ||
               forge_core_scalar_fault(c, "too_long", "must be at most " APR_STRINGIFY(PASSWORD_BYTES) " bytes long");
    apr_int64_t max = f->max ? f->max : TEXT_POINTS;
    if ((apr_int64_t)points < f->min)
        return fault_length(c, "too_short", f->min, max);
    if ((apr_int64_t)points > max)
        return fault_length(c, "too_long", f->min, max);
    return true;
}

/* Whether there is nothing that anybody could see. Blanks of any script, and characters that are never shown, do not
 * count. */
static bool is_blank(const char *text, apr_size_t len)
{
    ucs4_t point;
    for (apr_size_t i = 0; i < len;) {
        int n = u8_mbtoucr(&point, (const uint8_t *)text + i, len - i);
        if (n <= 0 || (!uc_is_property_white_space(point) && !uc_is_property_default_ignorable_code_point(point)))
            return false;
        i += (apr_size_t)n;
    }
    return true;
}

/* A name or title that must have a character must have one that is seen. */
static bool check_seen(const check_t *c, const forge_field_t *f, const char *text, apr_size_t len)
{
    bool named = f->min > 0 && f->format && strcmp(f->format, "line") == 0;
    return !named || !is_blank(text, len) ||
           forge_core_scalar_fault(c, "blank", "must have a character that is not blank");
}

/* A control character is six bytes in an answer and a trap for whoever prints it (SPEC 1). */
static bool check_controls(const check_t *c, const forge_field_t *f, const char *text, apr_size_t len)
{
    if (f->flags & FORGE_F_JUDGED || forge_util_printable(text, len))
        return true;
    return forge_core_scalar_fault(c, "control", "must not contain control characters other than tab, CR and LF");
}

bool forge_core_scalar_text(const check_t *c, const forge_field_t *f, slot_t *slot, const char *text, apr_size_t len)
{
    apr_size_t points;
    if (memchr(text, 0, len))
        return forge_core_scalar_fault(c, "nul", "must not contain the character U+0000");
    if (f->format && (strcmp(f->format, "username") == 0 || strcmp(f->format, "search") == 0)) {
        text = forge_core_trimmed(c->pool, text, len);
        len = strlen(text);
    }
    if (!forge_util_utf8(text, len, &points))
        return forge_core_scalar_fault(c, "format", "must be UTF-8");
    if (!check_text_length(c, f, len, points))
        return false;
    slot->text = text;
    return check_seen(c, f, text, len) && check_format(c, f, slot, text, len) && check_controls(c, f, text, len);
}

bool forge_core_scalar_time(const check_t *c, slot_t *slot, const char *text, apr_size_t len)
{
    apr_time_t t;
    if (!forge_util_time_parse(text, len, &t))
        return forge_core_scalar_fault(c, "format", "must be a time such as 2026-01-31T12:00:00Z");
    if (t < FIRST_TIME)
        return forge_core_scalar_fault(c, "out_of_range", "must be a time in the years 1 to 9999");
    slot->text = forge_util_time(c->pool, t, t % APR_USEC_PER_SEC ? 6 : 0);
    return true;
}

/* --- numbers --- */

static bool fault_range(const check_t *c, const forge_field_t *f)
{
    if (f->max)
        return forge_core_scalar_fault(
            c, "out_of_range",
            apr_psprintf(c->pool, "must be between %" APR_INT64_T_FMT " and %" APR_INT64_T_FMT, f->min, f->max));
    return forge_core_scalar_fault(c, "out_of_range",
                                   apr_psprintf(c->pool, "must be %" APR_INT64_T_FMT " or more", f->min));
}

bool forge_core_scalar_int(const check_t *c, const forge_field_t *f, slot_t *slot, apr_int64_t n)
{
    if (n < f->min || (f->max && n > f->max))
        return fault_range(c, f);
    slot->n = n;
    slot->text = forge_util_itoa(c->pool, n);
    return true;
}

bool forge_core_scalar_number(const check_t *c, const forge_field_t *f, slot_t *slot, const forge_json_t *v)
{
    double n;
    if (!forge_util_json_number(v, &n))
        return forge_core_scalar_fault(c, "type", "must be a number");
    if (n < (double)f->min || (f->max && n > (double)f->max))
        return fault_range(c, f);
    forge_buf_t *b = forge_util_buf_make(c->pool, 0, 64);
    forge_util_json_write(b, v);
    slot->text = apr_pstrmemdup(c->pool, b->data, b->len);
    return true;
}

bool forge_core_scalar_bool(slot_t *slot, bool b)
{
    slot->b = b;
    slot->text = b ? "true" : "false";
    return true;
}
