/* SPDX-License-Identifier: Apache-2.0
 * Parsing of directive values: durations, sizes, rates, origins, password policies.
 */
#include "parse.h"
#include "core/identity/identity.h"

#include <apr_strings.h>
#include <string.h>

#define NAME_MAX_LEN 64
#define HOST_MAX_LEN 253 /* RFC 1035 §2.3.4, in text form */

typedef struct unit_t {
    const char *name;
    apr_int64_t factor;
} unit_t;

/* Ascending, ended by NULL. */
static const unit_t durations[] = {{"ms", 1000},
                                   {"s", APR_USEC_PER_SEC},
                                   {"m", 60 * APR_USEC_PER_SEC},
                                   {"h", 3600 * APR_USEC_PER_SEC},
                                   {"d", 86400 * APR_USEC_PER_SEC},
                                   {NULL, 0}};
static const unit_t sizes[] = {{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};

/* Digits followed by exactly one of the units. */
static bool parse_quantity(const char *text, const unit_t *units, apr_int64_t *value)
{
    apr_size_t digits = strspn(text, "0123456789");
    apr_int64_t n;
    if (!digits || !forge_util_atoi(text, digits, &n))
        return false;
    for (; units->name; units++)
        if (strcmp(text + digits, units->name) == 0)
            return !__builtin_mul_overflow(n, units->factor, value);
    return false;
}

bool forge_config_parse_count(const char *text, apr_int64_t *n)
{
    static const unit_t one[] = {{"", 1}, {NULL, 0}};
    apr_int64_t value;
    bool good = parse_quantity(text, one, &value);
    if (good)
        *n = value;
    return good;
}

bool forge_config_parse_decimal(const char *text, apr_size_t len, double *n)
{
    apr_size_t whole = strspn(text, "0123456789"), digits = 0;
    apr_int64_t value = 0;
    double unit = 1;
    if (whole == 0 || whole > 12 || whole > len)
        return false;
    if (whole < len) {
        digits = strspn(text + whole + 1, "0123456789");
        if (text[whole] != '.' || digits == 0 || digits > 6 || whole + 1 + digits != len)
            return false;
    }
    for (apr_size_t i = 0; i < whole; i++)
        value = value * 10 + (text[i] - '0');
    *n = (double)value;
    for (apr_size_t i = 0; i < digits; i++) {
        unit /= 10;
        *n += (text[whole + 1 + i] - '0') * unit;
    }
    return true;
}

bool forge_config_parse_duration(const char *text, apr_int64_t *t)
{
    apr_int64_t value;
    bool good = parse_quantity(text, durations, &value);
    if (good)
        *t = value;
    return good;
}

bool forge_config_parse_size(const char *text, apr_int64_t *bytes)
{
    apr_int64_t value;
    bool good = parse_quantity(text, sizes, &value);
    if (good)
        *bytes = value;
    return good;
}

bool forge_config_parse_rate(const char *text, forge_limit_t *rate)
{
    const char *slash = strchr(text, '/');
    forge_limit_t value = {0, 0};
    if (apr_cstr_casecmp(text, "off") == 0) {
        *rate = value;
        return true;
    }
    if (!slash || !forge_util_atoi(text, (apr_size_t)(slash - text), &value.limit) || value.limit <= 0)
        return false;
    if (!forge_config_parse_duration(slash + 1, &value.window) || value.window <= 0)
        return false;
    *rate = value;
    return true;
}

int forge_config_parse_choice(const char *text, const char *choices)
{
    apr_size_t len = strlen(text);
    for (int i = 0;; i++) {
        apr_size_t word = strcspn(choices, "|");
        if (word == len && apr_cstr_casecmpn(text, choices, len) == 0)
            return i;
        if (!choices[word])
            return -1;
        choices += word + 1;
    }
}

bool forge_config_parse_name(const char *text)
{
    apr_size_t len = strlen(text);
    return len > 0 && len <= NAME_MAX_LEN && forge_util_is_alnum(*text) &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/-") == len;
}

/* Length of "host" or "[v6]" at the start of text; 0 if there is none. */
static apr_size_t host_length(const char *text)
{
    apr_size_t len;
    if (*text == '[') {
        len = strspn(text + 1, "0123456789abcdefABCDEF:.");
        return len > 1 && text[len + 1] == ']' ? len + 2 : 0;
    }
    len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");
    return len <= HOST_MAX_LEN && *text != '.' && *text != '-' ? len : 0;
}

/* Length of ":port" at the start of text, 0 without one; -1 if it is not a valid port. */
static int port_length(const char *text, apr_int64_t *port)
{
    apr_size_t digits;
    if (*text != ':')
        return 0;
    digits = strspn(text + 1, "0123456789");
    if (digits < 1 || digits > 5 || !forge_util_atoi(text + 1, digits, port) || *port < 1 || *port > 65535)
        return -1;
    return (int)digits + 1;
}

bool forge_config_parse_label(const char *text)
{
    apr_size_t points, len = strlen(text);
    if (!forge_util_line(text) || strchr(text, ':'))
        return false;
    return forge_util_utf8(text, len, &points) && points >= 1 && points <= 64 && text[0] != ' ' && text[len - 1] != ' ';
}

const char *forge_config_parse_origin(apr_pool_t *p, const char *text)
{
    apr_size_t scheme = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-."), host;
    apr_int64_t number = 0;
    char *origin;
    int port;
    if (!scheme || !forge_util_is_alpha(*text) || strncmp(text + scheme, "://", 3) != 0)
        return NULL;
    host = host_length(text + scheme + 3);
    port = host ? port_length(text + scheme + 3 + host, &number) : -1;
    if (port < 0 || text[scheme + 3 + host + (apr_size_t)port])
        return NULL;
    origin = apr_pstrdup(p, text);
    for (char *c = origin; *c; c++)
        *c = forge_util_lower(*c);
    if ((number == 443 && strncmp(origin, "https:", 6) == 0) || (number == 80 && strncmp(origin, "http:", 5) == 0))
        origin[scheme + 3 + host] = '\0';
    return origin;
}

bool forge_config_parse_url(const char *text)
{
    apr_size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0, host;
    apr_int64_t number;
    const char *path;
    int port;
    host = scheme ? host_length(text + scheme) : 0;
    port = host ? port_length(text + scheme + host, &number) : -1;
    if (port < 0)
        return false;
    path = text + scheme + host + port;
    if (!*path)
        return true;
    return *path == '/' && path[strlen(path) - 1] != '/' &&
           path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~/-")] == '\0';
}

bool forge_config_parse_page(const char *text)
{
    if (*text != '/')
        return forge_config_parse_url(text);
    return text[1] != '/' &&
           text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~/?&=%+-")] == '\0';
}

/* Reads the number after "key=" if it lies in low..high. */
static bool policy_number(const char *word, const char *key, int low, int high, int *target)
{
    apr_size_t len = strlen(key);
    apr_int64_t n;
    if (strncmp(word, key, len) != 0 || word[len] != '=' || !forge_config_parse_count(word + len + 1, &n) || n < low ||
        n > high)
        return false;
    *target = (int)n;
    return true;
}

bool forge_config_parse_policy(const char *word, forge_password_rules_t *rules)
{
    switch (forge_config_parse_choice(word, "lower|upper|digit|symbol")) {
    case 0:
        return rules->lower = true;
    case 1:
        return rules->upper = true;
    case 2:
        return rules->digit = true;
    case 3:
        return rules->symbol = true;
    default:
        return policy_number(word, "min", 8, 64, &rules->min) || policy_number(word, "max", 64, 256, &rules->max) ||
               policy_number(word, "score", 0, 4, &rules->score);
    }
}

/* What a word of ForgeExecLimits may say. */
typedef struct exec_word_t {
    const char *key;
    bool (*read)(const char *text, apr_int64_t *n);
    apr_int64_t unit, low, high; /* of the stored value */
    apr_size_t offset;           /* of its member */
} exec_word_t;

static const exec_word_t exec_words[] = {
    {"wall=", forge_config_parse_duration, 1000, 100, 300000, offsetof(forge_exec_limits_t, wall_ms)},
    {"cpu=", forge_config_parse_duration, 1000, 100, 300000, offsetof(forge_exec_limits_t, cpu_ms)},
    {"memory=", forge_config_parse_size, 1, 16 << 20, APR_INT64_C(8) << 30, offsetof(forge_exec_limits_t, memory)},
    {"processes=", forge_config_parse_count, 1, 1, 1024, offsetof(forge_exec_limits_t, processes)},
    {"output=", forge_config_parse_size, 1, 1 << 10, 1 << 20, offsetof(forge_exec_limits_t, output)},
    {"files=", forge_config_parse_size, 1, 64 << 10, 1 << 30, offsetof(forge_exec_limits_t, files)},
};

bool forge_config_parse_exec_limit(const char *word, forge_exec_limits_t *limits)
{
    for (size_t i = 0; i < sizeof(exec_words) / sizeof(*exec_words); i++) {
        const exec_word_t *known = &exec_words[i];
        apr_size_t len = strlen(known->key);
        apr_int64_t n;
        if (strncmp(word, known->key, len) != 0)
            continue;
        if (!known->read(word + len, &n) || n / known->unit < known->low || n / known->unit > known->high)
            return false;
        *(apr_int64_t *)((char *)limits + known->offset) = n / known->unit;
        return true;
    }
    return false;
}

/* Writes a value with the largest unit that divides it. */
static const char *show_quantity(apr_pool_t *p, apr_int64_t value, const unit_t *units)
{
    const unit_t *best = units;
    for (; units->name; units++)
        if (value && value % units->factor == 0)
            best = units;
    return apr_psprintf(p, "%" APR_INT64_T_FMT "%s", value / best->factor, best->name);
}

const char *forge_config_show_duration(apr_pool_t *p, apr_int64_t t)
{
    return t ? show_quantity(p, t, durations) : "0s";
}

const char *forge_config_show_size(apr_pool_t *p, apr_int64_t bytes)
{
    return show_quantity(p, bytes, sizes);
}
