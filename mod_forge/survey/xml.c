/* SPDX-License-Identifier: Apache-2.0
 * A walk over the elements and texts of an XML document. No document type, no entity but the five that XML knows:
 * nothing that a document defines is ever expanded.
 */
#include "survey.h"
#include <string.h>

typedef struct walk_t {
    const char *at, *end;
    unsigned depth; /* of open elements, also of those that are too deep to be told of */
    char keys[FORGE_SURVEY_LEVELS][FORGE_SURVEY_VALUE + 1];
    unsigned index[FORGE_SURVEY_LEVELS + 1]; /* elements that came before in the same parent */
    forge_survey_visit_t visit;
    void *baton;
} walk_t;

/* After the next `mark`, or the end. */
static const char *after(const walk_t *walk, const char *mark)
{
    const char *found = memmem(walk->at, (size_t)(walk->end - walk->at), mark, strlen(mark));
    return found ? found + strlen(mark) : walk->end;
}

static bool begins(const walk_t *walk, const char *with)
{
    const size_t len = strlen(with);
    return (size_t)(walk->end - walk->at) >= len && memcmp(walk->at, with, len) == 0;
}

static void tell(walk_t *walk, forge_survey_span_t text)
{
    forge_survey_at_t at = {.depth = walk->depth};
    text = forge_survey_trim(text);
    if (!text.len || !walk->depth || walk->depth > FORGE_SURVEY_LEVELS)
        return;
    text.len = text.len < FORGE_SURVEY_VALUE ? text.len : FORGE_SURVEY_VALUE;
    for (unsigned i = 0; i < walk->depth; i++) {
        at.keys[i] = walk->keys[i];
        at.index[i] = walk->index[i];
    }
    walk->visit(walk->baton, &at, text);
}

/* <name …>, <name …/> */
static void open_element(walk_t *walk)
{
    const char *name = walk->at + 1, *close = after(walk, ">");
    size_t len = 0;
    while (name + len < close && !forge_survey_is_blank(name[len]) && name[len] != '>' && name[len] != '/')
        len++;
    const bool empty = close - walk->at >= 2 && close[-2] == '/';
    if (walk->depth < FORGE_SURVEY_LEVELS) {
        const size_t kept = len < FORGE_SURVEY_VALUE ? len : FORGE_SURVEY_VALUE;
        memcpy(walk->keys[walk->depth], name, kept);
        walk->keys[walk->depth][kept] = '\0';
        walk->index[walk->depth]++;
        walk->index[walk->depth + 1] = 0;
    }
    walk->depth += !empty;
    walk->at = close;
}

static void mark(walk_t *walk)
{
    if (begins(walk, "<!--")) {
        walk->at = after(walk, "-->");
    } else if (begins(walk, "<![CDATA[")) {
        walk->at += strlen("<![CDATA[");
        const char *start = walk->at;
        walk->at = after(walk, "]]>");
        tell(walk, (forge_survey_span_t){start, (size_t)(walk->at - start) - (walk->at < walk->end ? 3 : 0)});
    } else if (begins(walk, "</")) {
        walk->depth -= walk->depth > 0;
        walk->at = after(walk, ">");
    } else if (begins(walk, "<!") || begins(walk, "<?")) {
        walk->at = after(walk, ">");
    } else {
        open_element(walk);
    }
}

void forge_survey_xml(const char *text, size_t len, forge_survey_visit_t visit, void *baton)
{
    static walk_t walk;
    memset(&walk, 0, sizeof(walk));
    walk.at = text;
    walk.end = text + len;
    walk.visit = visit;
    walk.baton = baton;
    while (walk.at < walk.end) {
        if (*walk.at == '<') {
            mark(&walk);
            continue;
        }
        const char *next = memchr(walk.at, '<', (size_t)(walk.end - walk.at));
        next = next ? next : walk.end;
        tell(&walk, (forge_survey_span_t){walk.at, (size_t)(next - walk.at)});
        walk.at = next;
    }
}
