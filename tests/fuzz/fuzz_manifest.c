/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: what forge-survey reads by hand: every manifest reader, the outline of a README, licences, branches.
 * What is kept is bounded, and what is written of it is JSON in valid UTF-8.
 */
#include "fuzz.h"
#include "survey/survey.h"
#include "util/util.h"

static void report(const forge_survey_manifest_t *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        const forge_survey_need_t *need = &manifest->needs[i];
        FORGE_PROMISE(need->name && *need->name && strlen(need->name) <= FORGE_SURVEY_VALUE * 2 + 1);
        forge_survey_name(NULL, need->name);
        forge_survey_name(NULL, need->version);
        forge_survey_name(NULL, need->license);
    }
    forge_survey_name(NULL, manifest->name);
    forge_survey_name(NULL, manifest->license);
}

int forge_fuzz_manifest(const uint8_t *data, size_t size)
{
    static const char *const languages[] = {"C", "Python", "Ruby", "Shell", "PHP", "Lua", "SQL", "Haskell", "R"};
    const char *why;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    apr_pool_t *p = forge_fuzz_pool();
    forge_survey_open(NULL, '{');
    forge_survey_readme("README.rst", text, size);
    forge_survey_open("names", '[');
    for (size_t i = 0; i < 40; i++) {
        forge_survey_reader_t read = forge_survey_reader_at(i);
        forge_survey_manifest_t manifest = {.path = "x"};
        if (!read)
            continue;
        read(&manifest, text, size);
        FORGE_PROMISE(manifest.count <= FORGE_SURVEY_NEEDS);
        report(&manifest);
    }
    forge_survey_text(NULL, text, size, 1000);
    forge_survey_name(NULL, forge_survey_license(text, size));
    forge_survey_close(']');
    forge_survey_close('}');
    for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
        FORGE_PROMISE(forge_survey_complexity(languages[i], text, size) <= size + 1);
    forge_survey_language("x", text, size);
    const forge_survey_span_t document = forge_survey_document();
    FORGE_PROMISE(forge_util_json_parse(p, document.at, document.len, &why));
    forge_survey_document_drop();
    forge_survey_forget();
    apr_pool_destroy(p);
    free(text);
    return 0;
}
