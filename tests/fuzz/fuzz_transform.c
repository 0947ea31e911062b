/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: rules and the answer that they change. Lines of rules, an empty line, then the answer. What comes out is
 * JSON, and holds no member that was dropped at its root.
 */
#include "core/wire/wire.h"
#include "fuzz.h"

#include <apr_strings.h>

static apr_array_header_t *read_rules(apr_pool_t *p, char *text)
{
    apr_array_header_t *rules = apr_array_make(p, 4, sizeof(forge_transform_rule_t));
    char *state, *words[4];
    for (char *line = apr_strtok(text, "\n", &state); line; line = apr_strtok(NULL, "\n", &state)) {
        char *rest;
        int n = 0;
        for (char *word = apr_strtok(line, " ", &rest); word && n < 4; word = apr_strtok(NULL, " ", &rest))
            words[n++] = word;
        forge_transform_rule_t rule;
        if (n > 0 && rules->nelts < FORGE_TRANSFORM_RULES && !forge_core_transform_read(p, n, words, &rule))
            APR_ARRAY_PUSH(rules, forge_transform_rule_t) = rule;
    }
    return rules;
}

int forge_fuzz_transform(const uint8_t *data, size_t size)
{
    apr_pool_t *p = forge_fuzz_pool();
    char *text = apr_pstrmemdup(p, (const char *)data, size), *answer = strstr(text, "\n\n");
    const size_t at = answer ? (size_t)(answer - text) + 2 : size;
    if (answer)
        *answer = '\0';
    apr_array_header_t *rules = read_rules(p, text);
    const forge_buf_t *b = forge_core_transform(p, rules, (const char *)data + at, size - at);
    FORGE_PROMISE(!b || (forge_util_json_valid((const char *)data + at, size - at) && !b->failed));
    /* Each wrapping adds a level, so what nests as deep as it may can be too deep afterwards. */
    if (b && rules->nelts == 1) {
        const forge_transform_rule_t *rule = &APR_ARRAY_IDX(rules, 0, forge_transform_rule_t);
        FORGE_PROMISE(rule->verb == FORGE_TRANSFORM_WRAP || forge_util_json_valid(b->data, b->len));
        const forge_buf_t *again =
            rule->verb == FORGE_TRANSFORM_DROP ? forge_core_transform(p, rules, b->data, b->len) : b;
        FORGE_PROMISE(again && again->len == b->len && memcmp(again->data, b->data, b->len) == 0);
    }
    apr_pool_destroy(p);
    return 0;
}
