/* SPDX-License-Identifier: Apache-2.0
 * The outline of a README: its headings.
 */
#include "survey.h"
#include <string.h>

typedef struct outline_t {
    unsigned headings;
    char marks[8]; /* of reStructuredText: which underlining came first is the first level */
    size_t marks_count;
} outline_t;

static void heading(outline_t *outline, forge_survey_span_t title, unsigned level)
{
    if (!title.len || outline->headings == FORGE_SURVEY_OUTLINE)
        return;
    outline->headings++;
    forge_survey_open(NULL, '{');
    forge_survey_number("level", level);
    forge_survey_text("title", title.at, title.len, FORGE_SURVEY_NAME_MAX);
    forge_survey_close('}');
}

/* "## Title ##" of Markdown, "== Title" of AsciiDoc. */
static unsigned marked(forge_survey_span_t line, char mark, forge_survey_span_t *title)
{
    size_t level = 0;
    while (level < line.len && line.at[level] == mark)
        level++;
    if (!level || level > 6 || level == line.len || line.at[level] != ' ')
        return 0;
    *title = forge_survey_trim((forge_survey_span_t){line.at + level, line.len - level});
    while (title->len && title->at[title->len - 1] == mark)
        title->len--;
    *title = forge_survey_trim(*title);
    return (unsigned)level;
}

/* A line of one mark alone, at least three of it: the title is the line before. */
static unsigned underlined(outline_t *outline, forge_survey_span_t line, bool markdown)
{
    if (line.len < 3 || !strchr("=-~^\"'`#*+", *line.at) || !*line.at)
        return 0;
    for (size_t i = 1; i < line.len; i++)
        if (line.at[i] != *line.at)
            return 0;
    if (markdown)
        return *line.at == '=' ? 1 : *line.at == '-' ? 2 : 0;
    const char *known = memchr(outline->marks, *line.at, outline->marks_count);
    if (known)
        return (unsigned)(known - outline->marks) + 1;
    if (outline->marks_count == sizeof(outline->marks))
        return 0;
    outline->marks[outline->marks_count++] = *line.at;
    return (unsigned)outline->marks_count;
}

static int64_t words_of(const char *text, size_t len)
{
    int64_t words = 0;
    for (size_t i = 0; i < len; i++)
        words += !forge_survey_is_blank(text[i]) && (!i || forge_survey_is_blank(text[i - 1]));
    return words;
}

static void outline_of(const char *path, const char *text, size_t len)
{
    const bool asciidoc = forge_survey_ends(path, ".adoc") || forge_survey_ends(path, ".asciidoc");
    const bool markdown = !asciidoc && !forge_survey_ends(path, ".rst") && !forge_survey_ends(path, ".txt");
    forge_survey_span_t rest = {text, len}, line, before = {NULL, 0}, title;
    outline_t outline = {.headings = 0};
    for (bool code = false; forge_survey_line(&rest, &line, true); before = line) {
        unsigned level = 0;
        if (markdown && (forge_survey_starts(line, "```") || forge_survey_starts(line, "~~~"))) {
            code = !code;
            line.len = 0;
        }
        if (code)
            continue;
        if (markdown || asciidoc)
            level = marked(line, asciidoc ? '=' : '#', &title);
        if (level) {
            heading(&outline, title, level);
        } else if (before.len && !asciidoc && line.len + 2 >= (markdown ? 3 : before.len)) {
            level = underlined(&outline, line, markdown);
            if (level)
                heading(&outline, before, level);
        }
    }
}

void forge_survey_readme(const char *path, const char *text, size_t len)
{
    forge_survey_open("readme", '{');
    forge_survey_name("path", path);
    forge_survey_number("words", words_of(text, len));
    forge_survey_open("outline", '[');
    outline_of(path, text, len);
    forge_survey_close(']');
    forge_survey_close('}');
}
