/* SPDX-License-Identifier: Apache-2.0
 * Changes the shape of JSON: members are renamed, dropped, wrapped and unwrapped in the text itself, so that numbers
 * and whatever no rule names stay as they were written.
 */
#include "wire.h"

#include <apr_strings.h>
#include <string.h>

/* --- reading --- */

static bool good_name(const char *name)
{
    const apr_size_t len = strlen(name);
    return len > 0 && len <= FORGE_TRANSFORM_NAME && forge_util_line(name) && forge_util_utf8(name, len, NULL) &&
           !strpbrk(name, ".\"\\ ");
}

static bool read_path(apr_pool_t *p, const char *text, forge_transform_rule_t *rule)
{
    for (;; text++) {
        const apr_size_t len = strcspn(text, ".");
        const char *name = apr_pstrmemdup(p, text, len);
        if (rule->depth == FORGE_TRANSFORM_DEPTH || !good_name(name))
            return false;
        rule->path[rule->depth++] = name;
        text += len;
        if (!*text)
            return true;
    }
}

static bool read_name(const char *name, forge_transform_rule_t *rule)
{
    rule->name = name;
    return good_name(name);
}

static const struct verb_t {
    const char *word;
    forge_transform_verb_t verb;
    int least, most; /* words */
} verbs[] = {{"rename", FORGE_TRANSFORM_RENAME, 3, 3},
             {"drop", FORGE_TRANSFORM_DROP, 2, 2},
             {"wrap", FORGE_TRANSFORM_WRAP, 2, 3},
             {"unwrap", FORGE_TRANSFORM_UNWRAP, 2, 2}};

static const struct verb_t *verb_of(const char *word)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
        if (apr_cstr_casecmp(word, verbs[i].word) == 0)
            return &verbs[i];
    return NULL;
}

static const char *joined(apr_pool_t *p, int n, char *const *words)
{
    const char *line = words[0];
    for (int i = 1; i < n; i++)
        line = apr_pstrcat(p, line, " ", words[i], NULL);
    return line;
}

const char *forge_core_transform_read(apr_pool_t *p, int n, char *const *words, forge_transform_rule_t *rule)
{
    const struct verb_t *verb = verb_of(words[0]);
    const bool whole = verb && verb->verb == FORGE_TRANSFORM_WRAP && n == 2; /* it has no path */
    *rule = (forge_transform_rule_t){.depth = 0};
    if (!verb)
        return words[0];
    if (n < verb->least || n > verb->most)
        return joined(p, n, words);
    rule->verb = verb->verb;
    if (!whole && !read_path(p, words[1], rule))
        return words[1];
    return (whole || n == 3) && !read_name(words[n - 1], rule) ? words[n - 1] : NULL;
}

/* --- applying --- */

/* One member of an object; the text was looked through before. */
typedef struct member_t {
    const char *name, *name_end, *value, *value_end;
} member_t;

/* The next member, from behind the brace or the last one; false at the end. */
static bool next_member(const char **at, const char *end, member_t *m)
{
    *at = forge_util_json_blank(*at, end);
    if (**at == ',')
        *at = forge_util_json_blank(*at + 1, end);
    if (**at == '}')
        return false;
    m->name = *at;
    m->name_end = forge_util_json_skip(*at, end);
    m->value = forge_util_json_blank(forge_util_json_blank(m->name_end, end) + 1, end);
    m->value_end = forge_util_json_skip(m->value, end);
    *at = m->value_end;
    return true;
}

static bool find_member(const char *object, const char *end, const char *name, member_t *m)
{
    for (const char *at = object + 1; next_member(&at, end, m);)
        if (forge_util_json_is(m->name, m->name_end, name))
            return true;
    return false;
}

static void add(forge_buf_t *b, const char *from, const char *to)
{
    forge_util_buf_add(b, from, (apr_size_t)(to - from));
}

static void add_wrapped(forge_buf_t *b, const char *name, const char *from, const char *to)
{
    forge_util_buf_add(b, "{", 1);
    forge_util_buf_json(b, name, strlen(name));
    forge_util_buf_add(b, ":", 1);
    add(b, from, to);
    forge_util_buf_add(b, "}", 1);
}

static void apply(const forge_transform_rule_t *rule, int level, const char *at, const char *end, forge_buf_t *b);

static void apply_to_items(const forge_transform_rule_t *rule, int level, const char *array, const char *end,
                           forge_buf_t *b)
{
    const char *at = forge_util_json_blank(array + 1, end);
    forge_util_buf_add(b, "[", 1);
    while (*at != ']') {
        const char *item_end = forge_util_json_skip(at, end);
        if (*at == '[') /* a table is no list of objects, and looking into each level anew would have no bound */
            add(b, at, item_end);
        else
            apply(rule, level, at, item_end, b);
        at = forge_util_json_blank(item_end, end);
        if (*at == ',') {
            forge_util_buf_add(b, ",", 1);
            at = forge_util_json_blank(at + 1, end);
        }
    }
    forge_util_buf_add(b, "]", 1);
}

/* The member that the path ends at. */
static void apply_last(const forge_transform_rule_t *rule, const member_t *m, forge_buf_t *b)
{
    if (rule->verb == FORGE_TRANSFORM_RENAME)
        forge_util_buf_json(b, rule->name, strlen(rule->name));
    else
        add(b, m->name, m->name_end);
    forge_util_buf_add(b, ":", 1);
    if (rule->verb == FORGE_TRANSFORM_WRAP)
        add_wrapped(b, rule->name, m->value, m->value_end);
    else
        add(b, m->value, m->value_end);
}

/* A member that has the name already gives way to the one that is renamed to it: no name is there twice. */
static bool is_left_out(const forge_transform_rule_t *rule, const member_t *m, bool here, bool renamed)
{
    if (here)
        return rule->verb == FORGE_TRANSFORM_DROP;
    return renamed && forge_util_json_is(m->name, m->name_end, rule->name);
}

static void apply_to_members(const forge_transform_rule_t *rule, int level, const char *object, const char *end,
                             forge_buf_t *b)
{
    const bool last = level + 1 == rule->depth;
    bool first = true;
    member_t m;
    const bool renamed =
        last && rule->verb == FORGE_TRANSFORM_RENAME && find_member(object, end, rule->path[level], &m);
    forge_util_buf_add(b, "{", 1);
    for (const char *at = object + 1; next_member(&at, end, &m);) {
        const bool here = forge_util_json_is(m.name, m.name_end, rule->path[level]);
        if (last && is_left_out(rule, &m, here, renamed))
            continue;
        if (!first)
            forge_util_buf_add(b, ",", 1);
        first = false;
        if (here && last) {
            apply_last(rule, &m, b);
            continue;
        }
        add(b, m.name, m.name_end);
        forge_util_buf_add(b, ":", 1);
        if (here)
            apply(rule, level + 1, m.value, m.value_end, b);
        else
            add(b, m.value, m.value_end);
    }
    forge_util_buf_add(b, "}", 1);
}

/* One value, at this level of the path. What the path does not lead into stays as it is. */
static void apply(const forge_transform_rule_t *rule, int level, const char *at, const char *end, forge_buf_t *b)
{
    member_t m;
    const bool unwraps = rule->verb == FORGE_TRANSFORM_UNWRAP && level + 1 == rule->depth;
    if (*at == '[')
        apply_to_items(rule, level, at, end, b);
    else if (*at != '{' || (unwraps && !find_member(at, end, rule->path[level], &m)))
        add(b, at, end);
    else if (unwraps)
        add(b, m.value, m.value_end);
    else
        apply_to_members(rule, level, at, end, b);
}

static forge_buf_t *apply_rule(apr_pool_t *p, const forge_transform_rule_t *rule, const char *text, apr_size_t len)
{
    const char *end = text + len, *at = forge_util_json_blank(text, end), *value_end = forge_util_json_skip(at, end);
    forge_buf_t *b = forge_util_buf_make(p, len + 64, FORGE_TRANSFORM_BYTES);
    if (!value_end) /* wrapped too often */
        return NULL;
    if (rule->depth == 0)
        add_wrapped(b, rule->name, at, value_end);
    else
        apply(rule, 0, at, value_end, b);
    return b->failed ? NULL : b;
}

forge_buf_t *forge_core_transform(apr_pool_t *p, const apr_array_header_t *rules, const char *text, apr_size_t len)
{
    if (len > FORGE_TRANSFORM_BYTES || !forge_util_json_valid(text, len))
        return NULL;
    forge_buf_t *b = NULL;
    for (int i = 0; i < rules->nelts; i++) {
        b = apply_rule(p, &APR_ARRAY_IDX(rules, i, forge_transform_rule_t), b ? b->data : text, b ? b->len : len);
        if (!b)
            return NULL;
    }
    if (!b) {
        b = forge_util_buf_make(p, len, FORGE_TRANSFORM_BYTES);
        forge_util_buf_add(b, text, len);
    }
    return b->failed ? NULL : b;
}
