/* SPDX-License-Identifier: Apache-2.0
 * Which programs an interpreter cannot read from a pipe. Python goes back in its file where one of the first two lines
 * names an encoding (PEP 263), unless that is UTF-8, and for what is no text: an archive, or what it has compiled.
 */
#include "runner.h"
#include <string.h>

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

/* What may be in the name of an encoding. */
static bool in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
}

static void skip(forge_run_bytes_t *line, size_t n)
{
    line->data += n;
    line->len -= n;
}

static void skip_blanks(forge_run_bytes_t *line)
{
    while (line->len && blank(*line->data))
        skip(line, 1);
}

/* In letters of either case. */
static bool is_utf8(forge_run_bytes_t name)
{
    static const char utf8[] = "utf-8";
    size_t n = 0;
    while (n < name.len && utf8[n] && in_name(name.data[n]) && (name.data[n] | 0x20) == utf8[n])
        n++;
    return !utf8[n] && (n == name.len || !in_name(name.data[n]));
}

/* A comment with "coding:" or "coding=" in it. */
static bool names_another(forge_run_bytes_t line)
{
    skip_blanks(&line);
    if (!line.len || *line.data != '#')
        return false;
    for (; line.len > 7; skip(&line, 1))
        if (memcmp(line.data, "coding", 6) == 0 && (line.data[6] == ':' || line.data[6] == '=')) {
            skip(&line, 7);
            skip_blanks(&line);
            return !is_utf8(line);
        }
    return false;
}

/* Cuts the first line off, with its end: LF, CR or both. */
static forge_run_bytes_t take_line(forge_run_bytes_t *code)
{
    forge_run_bytes_t line = {code->data, 0};
    while (line.len < code->len && line.data[line.len] != '\n' && line.data[line.len] != '\r')
        line.len++;
    skip(code, line.len);
    if (code->len > 1 && code->data[0] == '\r' && code->data[1] == '\n')
        skip(code, 1);
    skip(code, code->len > 0);
    return line;
}

bool forge_runner_goes_back(forge_run_bytes_t code)
{
    if (!code.len)
        return false;
    if (memchr(code.data, 0, code.len))
        return true;
    return names_another(take_line(&code)) || names_another(take_line(&code));
}
