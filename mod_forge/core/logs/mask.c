/* SPDX-License-Identifier: Apache-2.0
 * Secrets that other programs wrote into their logs. It is better to mask too much than too little: a line that says
 * *** is still of use.
 */
#include "logs.h"

#include <string.h>

#define MASK         "***"
#define BEARER_MIN   16 /* characters after the word Bearer that are no word of a sentence */
#define KEY_MIN      16
#define JWT_MIN      8 /* characters of each of the first two parts */
#define NAME_LONGEST 64

/* The text and how far it was read. A rule takes what it knows at .at, or nothing. */
typedef struct scan_t {
    const char *text;
    apr_size_t len, at;
    forge_buf_t *out;
} scan_t;

/* Names end so: "PGPASSWORD", "client_secret", "X-Api-Key". Of those with a sentence after a colon ("token: expired")
 * only what an equals sign or quotes gives is a value. */
static const struct {
    const char *name;
    bool sentences;
} names[] = {{"password", false},   {"passwd", false},     {"passphrase", false},  {"pwd", false},
             {"secret", false},     {"api_key", false},    {"api-key", false},     {"apikey", false},
             {"access_key", false}, {"secret_key", false}, {"private_key", false}, {"token", true},
             {"ticket", true},      {"otp", true},         {"signature", true},    {"sessionid", true}};
/* All of these headers is secret, to the end of the line. */
static const char *const headers[] = {"authorization", "proxy-authorization", "cookie", "set-cookie"};
static const char *const prefixes[] = {"fk_",  "sk-",         "sk_",    "rk_",   "ghp_",
                                       "gho_", "github_pat_", "glpat-", "xoxb-", "whsec_"};

static char char_at(const scan_t *s, apr_size_t i)
{
    return i < s->len ? s->text[i] : '\0';
}

static bool is_name(char c)
{
    return forge_util_is_alnum(c) || c == '_' || c == '-';
}

static bool is_token(char c)
{
    return forge_util_is_alnum(c) || (c && strchr("-._~+/=", c));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Whether this word, in any case, stands at `i`. */
static bool word_at(const scan_t *s, apr_size_t i, const char *word)
{
    apr_size_t n = strlen(word);
    return i + n <= s->len && apr_cstr_casecmpn(s->text + i, word, n) == 0;
}

static bool word_begins(const scan_t *s)
{
    return s->at == 0 || !is_name(s->text[s->at - 1]);
}

static apr_size_t run_of(const scan_t *s, apr_size_t i, bool (*of)(char c))
{
    apr_size_t n = 0;
    while (i + n < s->len && of(s->text[i + n]))
        n++;
    return n;
}

/* Puts what is shown up to `from`, the mask for what is up to `to`, and goes on there. */
static bool hide(scan_t *s, apr_size_t from, apr_size_t to)
{
    forge_util_buf_add(s->out, s->text + s->at, from - s->at);
    if (to > from)
        forge_util_buf_puts(s->out, MASK);
    s->at = to;
    return true;
}

/* --- values of names: at the sign between the two --- */

/* The name before the sign at .at, without quotes and blanks. Its length, 0 when there is none. */
static apr_size_t name_before(const scan_t *s, const char **name)
{
    apr_size_t end = s->at, n = 0;
    while (end > 0 && (is_blank(s->text[end - 1]) || strchr("\"'\\", s->text[end - 1])))
        end--;
    while (n < end && n < NAME_LONGEST && is_name(s->text[end - n - 1]))
        n++;
    *name = s->text + end - n;
    return n;
}

static bool ends_with(const char *name, apr_size_t len, const char *end)
{
    apr_size_t n = strlen(end);
    return len >= n && apr_cstr_casecmpn(name + len - n, end, n) == 0;
}

static bool is_header(const char *name, apr_size_t len)
{
    for (apr_size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
        if (strlen(headers[i]) == len && ends_with(name, len, headers[i]))
            return true;
    return false;
}

/* Whether what follows this name and sign is secret: `bare` without quotes after a colon, as in a sentence. */
static bool is_secret(const char *name, apr_size_t len, bool bare)
{
    for (apr_size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (ends_with(name, len, names[i].name))
            return !bare || !names[i].sentences;
    return false;
}

/* The end of a value that begins at `i` behind a quote. Where that quote was escaped itself, as in JSON within a text,
 * an escaped one ends it; else an escaped one belongs to it. */
static apr_size_t quoted_end(const scan_t *s, apr_size_t i, char quote, bool escaped)
{
    while (i < s->len && s->text[i] != quote && s->text[i] != '\n') {
        bool pair = s->text[i] == '\\' && i + 1 < s->len;
        if (pair && escaped && s->text[i + 1] == quote)
            return i;
        i += pair ? 2 : 1;
    }
    return i < s->len ? i : s->len;
}

static apr_size_t value_end(const scan_t *s, apr_size_t i, bool whole)
{
    const char *stops = whole ? "\n\"" : " \t\n\"'`&;,)]}<>|";
    while (i < s->len && !strchr(stops, s->text[i]))
        i++;
    return i;
}

static bool take_value(scan_t *s)
{
    const char *name;
    char sign = s->text[s->at];
    if (sign != '=' && sign != ':')
        return false;
    apr_size_t len = name_before(s, &name), i = s->at + 1;
    while (is_blank(char_at(s, i)))
        i++;
    bool escaped = char_at(s, i) == '\\' && char_at(s, i + 1) == '"';
    if (escaped)
        i++;
    char quote = char_at(s, i) == '"' || char_at(s, i) == '\'' ? s->text[i] : '\0';
    bool header = len && is_header(name, len);
    if (!header && !(len && is_secret(name, len, sign == ':' && !quote)))
        return false;
    return quote ? hide(s, i + 1, quoted_end(s, i + 1, quote, escaped)) : hide(s, i, value_end(s, i, header));
}

/* ALTER ROLE … PASSWORD '…' */
static bool take_sql(scan_t *s)
{
    if (!word_begins(s) || !word_at(s, s->at, "password"))
        return false;
    apr_size_t i = s->at + strlen("password");
    apr_size_t blanks = run_of(s, i, is_blank);
    if (blanks == 0 || char_at(s, i + blanks) != '\'')
        return false;
    i += blanks + 1;
    return hide(s, i, quoted_end(s, i, '\'', false));
}

/* --- credentials that are known by their own form --- */

static bool looks_encoded(const char *text, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i++)
        if (forge_util_is_digit(text[i]) || (i > 0 && forge_util_is_upper(text[i])) || text[i] == '=')
            return true;
    return false;
}

/* "Bearer …" and "Basic …" (RFC 6750, RFC 7617), wherever they stand. */
static bool take_scheme(scan_t *s)
{
    bool basic = word_at(s, s->at, "basic ");
    if (!word_begins(s) || (!basic && !word_at(s, s->at, "bearer ")))
        return false;
    apr_size_t i = s->at + strlen(basic ? "basic" : "bearer");
    i += run_of(s, i, is_blank);
    apr_size_t n = run_of(s, i, is_token);
    if (basic ? n < 4 || !looks_encoded(s->text + i, n) : n < BEARER_MIN)
        return false;
    return hide(s, i, i + n);
}

/* Three parts in base64url, the first of which is an object ("eyJ"); also two, when the third was cut. */
static bool take_jwt(scan_t *s)
{
    if (!word_begins(s) || s->len - s->at < 3 || memcmp(s->text + s->at, "eyJ", 3) != 0)
        return false;
    apr_size_t first = run_of(s, s->at, is_name);
    if (first < JWT_MIN || char_at(s, s->at + first) != '.')
        return false;
    apr_size_t second = run_of(s, s->at + first + 1, is_name), end = s->at + first + 1 + second;
    if (second < JWT_MIN)
        return false;
    while (char_at(s, end) == '.')
        end += 1 + run_of(s, end + 1, is_name);
    return hide(s, s->at, end);
}

static bool take_key(scan_t *s)
{
    for (apr_size_t i = 0; word_begins(s) && i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        apr_size_t n = strlen(prefixes[i]);
        if (s->at + n > s->len || memcmp(s->text + s->at, prefixes[i], n) != 0)
            continue;
        apr_size_t rest = run_of(s, s->at + n, is_name);
        if (n + rest >= KEY_MIN)
            return hide(s, s->at + n, s->at + n + rest);
    }
    return false;
}

static bool is_authority(char c)
{
    return c && !strchr(" \t\n\"'`<>/?#", c);
}

/* scheme://user:password@host: the last @ before the path is the one that counts. */
static bool take_url(scan_t *s)
{
    if (!word_at(s, s->at, "://"))
        return false;
    apr_size_t begin = s->at + 3, end = begin + run_of(s, begin, is_authority), at = end, colon = begin;
    while (at > begin && char_at(s, at) != '@')
        at--;
    while (colon < at && s->text[colon] != ':')
        colon++;
    return at > begin && colon < at ? hide(s, colon + 1, at) : false;
}

static bool take_pem(scan_t *s)
{
    static const char label[] = "PRIVATE KEY-----";
    if (!word_at(s, s->at, "-----BEGIN "))
        return false;
    for (apr_size_t i = s->at; i < s->len && i < s->at + NAME_LONGEST; i++)
        if (word_at(s, i, label))
            return hide(s, i + strlen(label), s->len);
    return false;
}

void forge_core_log_mask(forge_buf_t *b, const char *text, apr_size_t len)
{
    static bool (*const rules[])(scan_t * s) = {take_value, take_sql, take_scheme, take_jwt,
                                                take_key,   take_url, take_pem};
    scan_t s = {.text = text, .len = len, .out = b};
    while (s.at < s.len) {
        bool taken = false;
        for (apr_size_t i = 0; i < sizeof(rules) / sizeof(*rules) && !taken; i++)
            taken = rules[i](&s);
        if (taken)
            continue;
        forge_util_buf_add(b, s.text + s.at, 1);
        s.at++;
    }
}
