/* SPDX-License-Identifier: Apache-2.0
 * Python read by Python's own parser, in a process of its own: a file that this parser does not bear ends that process,
 * and the estimate stays.
 */
#include "survey.h"
#include <string.h>

#define FILES_MAX  2000
#define OUTPUT_MAX (1 << 20)
#define SECONDS    30

/* Reads paths, each ended by a NUL, and says for each file that parses: index, branches, functions, and of the function
 * that branches most its branches and its name. Names in Python are words. */
static const char script[] =
    "import ast, os, sys\n"
    "B = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.Assert, ast.comprehension)\n"
    "B += (getattr(ast, 'match_case', ast.If),)\n"
    "F = (ast.FunctionDef, ast.AsyncFunctionDef)\n"
    "def weigh(node):\n"
    "    return len(node.values) - 1 if isinstance(node, ast.BoolOp) else isinstance(node, B)\n"
    "for i, path in enumerate(sys.stdin.buffer.read().split(b'\\0')[:-1]):\n"
    "    try:\n"
    "        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)\n"
    "        with open(fd, 'rb') as f:\n"
    "            tree = ast.parse(f.read(1 << 20))\n"
    "        nodes = list(ast.walk(tree))\n"
    "        made = [(1 + sum(map(weigh, ast.walk(n))), n.name) for n in nodes[:20000] if isinstance(n, F)][:500]\n"
    "        worst = max(made, default=(0, '-'))\n"
    "        print(i, 1 + sum(map(weigh, nodes)), len(made), worst[0], worst[1][:100])\n"
    "    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):\n"
    "        pass\n"
    "    sys.stdout.flush()\n";

static bool is_python(const forge_survey_entry_t *entry)
{
    return entry->read && entry->language && strcmp(entry->language->name, "Python") == 0;
}

/* The next number of a line. */
static unsigned number(forge_survey_span_t *line)
{
    unsigned n = 0;
    *line = forge_survey_trim(*line);
    for (; line->len && *line->at >= '0' && *line->at <= '9'; line->at++, line->len--)
        n = n > 100000000 ? n : n * 10 + (unsigned)(*line->at - '0');
    return n;
}

static void take(forge_survey_entry_t *const *files, size_t count, forge_survey_span_t line)
{
    const unsigned i = number(&line);
    if (i >= count)
        return;
    files[i]->complexity = number(&line);
    files[i]->functions = number(&line);
    files[i]->worst = number(&line);
    files[i]->worst_name = files[i]->worst ? forge_survey_keep_span(forge_survey_trim(line)) : NULL;
}

void forge_survey_python(forge_survey_t *survey)
{
    static const char *const argv[] = {"/usr/bin/python3", "-I", "-S", "-B", "-c", script, NULL};
    forge_survey_entry_t **files = forge_survey_keep(FILES_MAX * sizeof(*files));
    char *paths = forge_survey_keep(FILES_MAX * FORGE_SURVEY_PATH_MAX);
    size_t count = 0, used = 0, len = 0;
    for (size_t i = 0; i < survey->count && count < FILES_MAX; i++) {
        if (!is_python(&survey->entries[i]))
            continue;
        files[count++] = &survey->entries[i];
        const size_t whole = strlen(survey->entries[i].path) + 1;
        memcpy(paths + used, survey->entries[i].path, whole);
        used += whole;
    }
    const char *said =
        count ? forge_survey_child(survey, argv, (forge_survey_span_t){paths, used}, OUTPUT_MAX, SECONDS, &len) : NULL;
    forge_survey_span_t rest = {said, said ? len : 0}, line;
    while (forge_survey_line(&rest, &line, true))
        take(files, count, line);
}
