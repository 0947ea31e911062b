/* SPDX-License-Identifier: Apache-2.0
 * What a manifest needs, as its reader finds it: name, version, scope and licence of each.
 */
#include "survey.h"

forge_survey_need_t *forge_survey_need(forge_survey_manifest_t *manifest, forge_survey_span_t name,
                                       forge_survey_span_t version, const char *scope)
{
    if (manifest->count == FORGE_SURVEY_NEEDS) {
        manifest->cut = true;
        return NULL;
    }
    const char *kept = forge_survey_keep_span(forge_survey_trim(name));
    if (!kept)
        return NULL;
    if (!manifest->needs)
        manifest->needs = forge_survey_keep(FORGE_SURVEY_NEEDS * sizeof(*manifest->needs));
    forge_survey_need_t *need = &manifest->needs[manifest->count++];
    need->name = kept;
    need->version = forge_survey_keep_span(forge_survey_trim(version));
    need->scope = scope;
    return need;
}

void forge_survey_need_license(forge_survey_manifest_t *manifest, forge_survey_span_t name, const char *license)
{
    for (size_t i = 0; i < manifest->count; i++)
        if (!manifest->needs[i].license && forge_survey_is(name, manifest->needs[i].name))
            manifest->needs[i].license = license;
}
