/* SPDX-License-Identifier: Apache-2.0
 * RFC 3339 times, written and read without the C library's calendar, which takes locks and depends on the
 * locale; and a monotonic clock for time spans.
 */
#include "util.h"
#include <apr_strings.h>
#include <time.h>

#define DAY          86400
#define FIRST_SECOND (-62167219200LL) /* 0000-01-01T00:00:00Z */
#define LAST_SECOND  253402300799LL   /* 9999-12-31T23:59:59Z */

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar, computed in eras of 400 years that begin in
 * March. */
static apr_int64_t days_of(int year, int month, int day)
{
    year -= month <= 2;
    int era = (year >= 0 ? year : year - 399) / 400;
    int of_era = year - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (apr_int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* The reverse of days_of. */
static void date_of(apr_int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    apr_int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int of_era = (int)(days - era * 146097);
    int y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * y + y / 4 - y / 100);
    int m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = (int)(y + era * 400) + (*month <= 2);
}

/* A time outside the years 0 to 9999 has no RFC 3339 form; the nearest time that has one is written. */
const char *forge_util_time(apr_pool_t *p, apr_time_t t, int fraction)
{
    apr_int64_t seconds = t / APR_USEC_PER_SEC, micros = t % APR_USEC_PER_SEC;
    int year, month, day;
    if (micros < 0) {
        micros += APR_USEC_PER_SEC;
        seconds--;
    }
    seconds = seconds < FIRST_SECOND ? FIRST_SECOND : seconds > LAST_SECOND ? LAST_SECOND : seconds;
    apr_int64_t days = seconds / DAY;
    int rest = (int)(seconds % DAY);
    if (rest < 0) {
        rest += DAY;
        days--;
    }
    date_of(days, &year, &month, &day);
    const char *whole =
        apr_psprintf(p, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, rest / 3600, rest / 60 % 60, rest % 60);
    if (fraction == 6)
        return apr_psprintf(p, "%s.%06dZ", whole, (int)micros);
    if (fraction == 3)
        return apr_psprintf(p, "%s.%03dZ", whole, (int)(micros / 1000));
    return apr_pstrcat(p, whole, "Z", NULL);
}

/* Reads exactly `digits` digits and, unless `after` is NUL, that character. */
static bool number(const char **at, const char *end, int digits, char after, int *n)
{
    *n = 0;
    if (end - *at < digits + (after != 0))
        return false;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *n = *n * 10 + (**at - '0');
    }
    if (after && *(*at)++ != after)
        return false;
    return true;
}

static int month_days(int year, int month)
{
    static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool date_read(const char **at, const char *end, apr_int64_t *days)
{
    int year, month, day;
    if (!number(at, end, 4, '-', &year) || !number(at, end, 2, '-', &month) || !number(at, end, 2, 0, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    *days = days_of(year, month, day);
    return true;
}

/* Digits beyond the sixth are dropped. */
static bool fraction_read(const char **at, const char *end, int *micros)
{
    int unit = 100000;
    const char *start = ++*at;
    *micros = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
        *micros += (**at - '0') * unit;
    return *at > start;
}

/* The offset "Z" or "+hh:mm". An offset of 24 hours or more is none. */
static bool offset_read(const char **at, const char *end, int *seconds)
{
    int hours, minutes;
    *seconds = 0;
    if (*at == end)
        return false;
    char sign = *(*at)++;
    if (sign == 'Z' || sign == 'z')
        return true;
    if ((sign != '+' && sign != '-') || !number(at, end, 2, ':', &hours) || !number(at, end, 2, 0, &minutes))
        return false;
    *seconds = (hours * 60 + minutes) * (sign == '+' ? 60 : -60);
    return hours < 24 && minutes < 60;
}

/* Accepts a leap second only at the end of a day in UTC, and counts it as the second after it. */
bool forge_util_time_parse(const char *text, apr_size_t len, apr_time_t *t)
{
    const char *at = text, *end = text + len;
    apr_int64_t days;
    int hour, minute, second, micros = 0, offset;
    if (!date_read(&at, end, &days) || at == end || (*at != 'T' && *at != 't'))
        return false;
    at++;
    if (!number(&at, end, 2, ':', &hour) || !number(&at, end, 2, ':', &minute) || !number(&at, end, 2, 0, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    if (at < end && *at == '.' && !fraction_read(&at, end, &micros))
        return false;
    if (!offset_read(&at, end, &offset) || at != end)
        return false;
    apr_int64_t seconds = days * DAY + hour * 3600 + minute * 60 + second - offset;
    if ((second == 60 && seconds % DAY) || seconds < FIRST_SECOND || seconds > LAST_SECOND)
        return false;
    *t = seconds * APR_USEC_PER_SEC + micros;
    return true;
}

static apr_int64_t shown_by(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (apr_int64_t)t.tv_sec * APR_USEC_PER_SEC + t.tv_nsec / 1000;
}

apr_int64_t forge_util_monotonic(void)
{
    return shown_by(CLOCK_MONOTONIC);
}

apr_int64_t forge_util_uptime(void)
{
    return shown_by(CLOCK_BOOTTIME);
}

/* ThreadSanitizer of LLVM 14 does not know pthread_mutex_clocklock: it takes what is locked so for unlocked. */
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 30) && !defined(FORGE_TSAN)
#define LOCK_CLOCK               CLOCK_MONOTONIC /* a step of the wall clock must not make the wait longer */
#define LOCK_UNTIL(mutex, until) pthread_mutex_clocklock(mutex, LOCK_CLOCK, until)
#else
#define LOCK_CLOCK               CLOCK_REALTIME
#define LOCK_UNTIL(mutex, until) pthread_mutex_timedlock(mutex, until)
#endif

int forge_util_lock(pthread_mutex_t *mutex, apr_interval_time_t patience)
{
    const apr_int64_t until = shown_by(LOCK_CLOCK) + patience;
    const struct timespec t = {.tv_sec = until / APR_USEC_PER_SEC, .tv_nsec = until % APR_USEC_PER_SEC * 1000};
    return LOCK_UNTIL(mutex, &t);
}
