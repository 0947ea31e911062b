/* SPDX-License-Identifier: Apache-2.0
 * Directives of programs that run in the sandbox.
 */
#include "kinds.h"
#include "parse.h"

#include <string.h>

#define refuse forge_config_refuse

/* Stores Off as empty text, so that a virtual host can override the server. */
const char *forge_config_read_sandbox(const forge_setting_t *s)
{
    const char *word = s->words[0];
    int flag = forge_config_parse_choice(word, "Off|On");
    if (flag < 0 && *word != '/')
        return refuse(s, word, FORGE_SANDBOX_FORM);
    forge_config_put_text(s, flag == 0 ? "" : flag == 1 ? FORGE_SANDBOX_ON : word);
    return NULL;
}

/* Stores Off as empty text, and On as the language that tesseract always has. The words go to its command line. */
const char *forge_config_read_ocr(const forge_setting_t *s)
{
    const char *word = s->words[0];
    const apr_size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyz_+");
    int flag = forge_config_parse_choice(word, "Off|On");
    if (flag < 0 && (len < 3 || len > 31 || word[len] || *word == '_' || *word == '+'))
        return refuse(s, word, FORGE_OCR_FORM);
    forge_config_put_text(s, flag == 0 ? "" : flag == 1 ? "eng" : word);
    return NULL;
}

/* Stores the languages as a set of bits. */
const char *forge_config_read_languages(const forge_setting_t *s)
{
    apr_int64_t languages = 0;
    for (int i = 0; i < s->n; i++) {
        int language = forge_config_parse_choice(s->words[i], FORGE_CONFIG_LANGUAGES);
        if (language < 0)
            return refuse(s, s->words[i], FORGE_CONFIG_LANGUAGES);
        languages |= (apr_int64_t)1 << language;
    }
    *(apr_int64_t *)s->member = languages;
    return NULL;
}

/* What is not named keeps its default. */
const char *forge_config_read_exec_limits(const forge_setting_t *s)
{
    forge_exec_limits_t limits = {
        .wall_ms = 10000, .cpu_ms = 5000, .memory = 128 << 20, .processes = 64, .output = 64 << 10, .files = 10 << 20};
    for (int i = 0; i < s->n; i++)
        if (!forge_config_parse_exec_limit(s->words[i], &limits))
            return refuse(s, s->words[i], FORGE_CONFIG_EXEC_FORM);
    *(void **)s->member = apr_pmemdup(s->p, &limits, sizeof(limits));
    return NULL;
}

/* Reads "auto 1000 10". */
const char *forge_config_read_exec_places(const forge_setting_t *s)
{
    apr_int64_t n[3] = {0, 0, 0};
    static const apr_int64_t low[3] = {1, 1, 1}, high[3] = {256, 10000, 10000};
    for (int i = 0; i < 3; i++) {
        bool automatic = i == 0 && apr_cstr_casecmp(s->words[0], "auto") == 0;
        if (!automatic && (!forge_config_parse_count(s->words[i], &n[i]) || n[i] < low[i] || n[i] > high[i]))
            return refuse(s, s->words[i], FORGE_EXEC_PLACES_FORM);
    }
    const forge_exec_places_t places = {(int)n[0], (int)n[1], (int)n[2]};
    *(void **)s->member = apr_pmemdup(s->p, &places, sizeof(places));
    return NULL;
}
