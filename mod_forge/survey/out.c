/* SPDX-License-Identifier: Apache-2.0
 * The document, as one growing text of JSON. What others wrote comes in as bytes and goes out as valid UTF-8.
 */
#include "survey.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static char *text;
static size_t used, size;
static bool comma;

static void add(const char *bytes, size_t len)
{
    if (size - used < len) {
        size = (used + len) * 2;
        text = realloc(text, size);
        if (!text)
            _exit(3);
    }
    memcpy(text + used, bytes, len);
    used += len;
}

static void add_words(const char *words)
{
    add(words, strlen(words));
}

/* Keys are ours: plain letters. */
static void begin(const char *key)
{
    if (comma)
        add(",", 1);
    comma = true;
    if (!key)
        return;
    add("\"", 1);
    add_words(key);
    add("\":", 2);
}

void forge_survey_open(const char *key, char bracket)
{
    begin(key);
    add(&bracket, 1);
    comma = false;
}

void forge_survey_close(char bracket)
{
    add(&bracket, 1);
    comma = true;
}

/* How many bytes the character at `at` has; 0 when it is none (overlong forms, surrogates, beyond U+10FFFF). */
static size_t character(const unsigned char *at, size_t len)
{
    static const unsigned char least[] = {0, 0, 0xa0, 0x90};
    if (*at < 0x80)
        return 1;
    const size_t n = *at >= 0xc2 && *at < 0xe0 ? 2 : *at >= 0xe0 && *at < 0xf0 ? 3 : *at >= 0xf0 && *at < 0xf5 ? 4 : 0;
    if (!n || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((*at == 0xe0 || *at == 0xf0) && at[1] < least[n - 1])
        return 0;
    return (*at == 0xed && at[1] > 0x9f) || (*at == 0xf4 && at[1] > 0x8f) ? 0 : n;
}

/* One character as it stands in a JSON text. */
static void add_character(const char *at, size_t n)
{
    if (n == 1 && (*at == '"' || *at == '\\')) {
        add("\\", 1);
        add(at, 1);
    } else if (n == 1 && *at == '\n') {
        add("\\n", 2);
    } else if (n == 1 && *at == '\t') {
        add("\\t", 2);
    } else if (n == 0 || (n == 1 && ((unsigned char)*at < ' ' || *at == 0x7f))) {
        add(REPLACEMENT, sizeof(REPLACEMENT) - 1);
    } else {
        add(at, n);
    }
}

void forge_survey_text(const char *key, const char *from, size_t len, size_t max)
{
    begin(key);
    add("\"", 1);
    const size_t start = used;
    for (size_t i = 0; i < len && used - start < max;) {
        const size_t n = character((const unsigned char *)from + i, len - i);
        const bool end_of_line = from[i] == '\r' && i + 1 < len && from[i + 1] == '\n';
        if (used - start + (n > 3 ? n : 3) > max)
            break;
        if (!end_of_line)
            add_character(from + i, n);
        i += n ? n : 1;
    }
    add("\"", 1);
}

void forge_survey_name(const char *key, const char *name)
{
    if (name)
        forge_survey_text(key, name, strlen(name), FORGE_SURVEY_NAME_MAX);
}

void forge_survey_number(const char *key, int64_t number)
{
    char digits[32];
    begin(key);
    snprintf(digits, sizeof(digits), "%" PRId64, number);
    add_words(digits);
}

void forge_survey_bool(const char *key, bool is)
{
    begin(key);
    add_words(is ? "true" : "false");
}

forge_survey_span_t forge_survey_document(void)
{
    return (forge_survey_span_t){text, used};
}

void forge_survey_document_drop(void)
{
    free(text);
    text = NULL;
    used = size = 0;
    comma = false;
}
