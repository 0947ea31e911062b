/* SPDX-License-Identifier: Apache-2.0
 * Spans of a text, lines and letters. Everything here is by bytes: what a file holds need not be UTF-8.
 */
#include "survey.h"
#include <string.h>

bool forge_survey_is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool forge_survey_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

char forge_survey_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

forge_survey_span_t forge_survey_trim(forge_survey_span_t span)
{
    while (span.len && forge_survey_is_blank(*span.at)) {
        span.at++;
        span.len--;
    }
    while (span.len && forge_survey_is_blank(span.at[span.len - 1]))
        span.len--;
    return span;
}

bool forge_survey_line(forge_survey_span_t *rest, forge_survey_span_t *line, bool trim)
{
    if (!rest->len)
        return false;
    const char *end = memchr(rest->at, '\n', rest->len);
    const size_t len = end ? (size_t)(end - rest->at) : rest->len;
    *line = (forge_survey_span_t){rest->at, len};
    if (trim)
        *line = forge_survey_trim(*line);
    rest->at += len + (end ? 1 : 0);
    rest->len -= len + (end ? 1 : 0);
    return true;
}

bool forge_survey_is(forge_survey_span_t span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

bool forge_survey_starts(forge_survey_span_t span, const char *text)
{
    const size_t len = strlen(text);
    return span.len >= len && memcmp(span.at, text, len) == 0;
}

bool forge_survey_ends(const char *text, const char *end)
{
    const size_t len = strlen(text), of_end = strlen(end);
    return len >= of_end && strcmp(text + len - of_end, end) == 0;
}

forge_survey_span_t forge_survey_quoted(forge_survey_span_t in, forge_survey_span_t *rest)
{
    const char *end = in.at + in.len;
    *rest = (forge_survey_span_t){end, 0};
    for (const char *open = in.at; open < end; open++) {
        if (*open != '"' && *open != '\'')
            continue;
        const char *close = memchr(open + 1, *open, (size_t)(end - open - 1));
        if (!close)
            break;
        *rest = (forge_survey_span_t){close + 1, (size_t)(end - close - 1)};
        return (forge_survey_span_t){open + 1, (size_t)(close - open - 1)};
    }
    return (forge_survey_span_t){NULL, 0};
}
