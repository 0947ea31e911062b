/* SPDX-License-Identifier: Apache-2.0
 * Times as httpd and PostgreSQL write them.
 */
#include "logs.h"

#include <string.h>
#include <time.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Reads so many digits, after a blank in place of the first one. */
static bool digits(const char **text, int n, int *number)
{
    *number = 0;
    for (int i = 0; i < n; i++, (*text)++) {
        if (i == 0 && n == 2 && **text == ' ')
            continue;
        if (!forge_util_is_digit(**text))
            return false;
        *number = *number * 10 + (**text - '0');
    }
    return true;
}

static bool sign(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

static bool month(const char **text, int *number)
{
    for (int i = 0; i < 12; i++)
        if (strncmp(*text, months + i * 3, 3) == 0) {
            *number = i;
            *text += 3;
            return true;
        }
    return false;
}

static bool clock_time(const char **text, struct tm *tm)
{
    return digits(text, 2, &tm->tm_hour) && sign(text, ':') && digits(text, 2, &tm->tm_min) && sign(text, ':') &&
           digits(text, 2, &tm->tm_sec);
}

/* ".123" as microseconds; 0 without. */
static apr_time_t fraction(const char **text)
{
    apr_time_t part = 0, unit = APR_USEC_PER_SEC / 10;
    if (!sign(text, '.'))
        return 0;
    for (; forge_util_is_digit(**text); (*text)++, unit /= 10)
        part += (**text - '0') * unit;
    return part;
}

/* "+0100", "+01:00", "+01" in seconds. */
static bool offset(const char **text, int *seconds)
{
    int hours, minutes = 0, way = **text == '-' ? -1 : 1;
    if (**text != '+' && **text != '-')
        return false;
    (*text)++;
    if (!digits(text, 2, &hours))
        return false;
    if (**text == ':' || forge_util_is_digit(**text)) {
        if (**text == ':')
            (*text)++;
        if (!digits(text, 2, &minutes))
            return false;
    }
    *seconds = way * (hours * 3600 + minutes * 60);
    return true;
}

/* In the time zone of this process, which httpd's own logs are in too. */
static bool local(struct tm *tm, apr_time_t part, apr_time_t *t)
{
    tm->tm_isdst = -1;
    time_t at = mktime(tm);
    *t = apr_time_from_sec(at) + part;
    return at != (time_t)-1;
}

bool forge_core_log_time_apache(const char *text, apr_time_t *t)
{
    struct tm tm = {0};
    int year;
    for (int i = 0; i < 3; i++, text++)
        if (!forge_util_is_alpha(*text))
            return false;
    if (!sign(&text, ' ') || !month(&text, &tm.tm_mon) || !sign(&text, ' ') || !digits(&text, 2, &tm.tm_mday) ||
        !sign(&text, ' ') || !clock_time(&text, &tm))
        return false;
    apr_time_t part = fraction(&text);
    if (!sign(&text, ' ') || !digits(&text, 4, &year))
        return false;
    tm.tm_year = year - 1900;
    return local(&tm, part, t);
}

bool forge_core_log_time_access(const char *text, apr_time_t *t)
{
    struct tm tm = {0};
    int year, seconds;
    if (!digits(&text, 2, &tm.tm_mday) || !sign(&text, '/') || !month(&text, &tm.tm_mon) || !sign(&text, '/') ||
        !digits(&text, 4, &year) || !sign(&text, ':') || !clock_time(&text, &tm) || !sign(&text, ' ') ||
        !offset(&text, &seconds))
        return false;
    tm.tm_year = year - 1900;
    *t = apr_time_from_sec((apr_time_t)timegm(&tm) - seconds);
    return true;
}

/* Abbreviations of time zones mean several things. UTC and numbers are clear; any other is taken for the zone of this
 * machine, which initdb writes into log_timezone. */
bool forge_core_log_time_postgres(const char *text, apr_time_t *t)
{
    struct tm tm = {0};
    int year, seconds = 0;
    if (!digits(&text, 4, &year) || !sign(&text, '-') || !digits(&text, 2, &tm.tm_mon) || !sign(&text, '-') ||
        !digits(&text, 2, &tm.tm_mday) || !sign(&text, ' ') || !clock_time(&text, &tm))
        return false;
    apr_time_t part = fraction(&text);
    tm.tm_year = year - 1900;
    tm.tm_mon--;
    if (*text == ' ')
        text++;
    bool utc = strncmp(text, "UTC", 3) == 0 || strncmp(text, "GMT", 3) == 0 || *text == 'Z';
    if (!utc && !offset(&text, &seconds))
        return local(&tm, part, t);
    *t = apr_time_from_sec((apr_time_t)timegm(&tm) - seconds) + part;
    return true;
}
