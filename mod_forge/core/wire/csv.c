/* SPDX-License-Identifier: Apache-2.0
 * Comma-separated values (RFC 4180): one pass, field by field, into one copy of the text.
 */
#include "wire.h"
#include <apr_strings.h>
#include <string.h>

/* The place in the text. What a field holds is written over its own beginning: it never gets longer. */
typedef struct reader_t {
    apr_pool_t *p;
    char *at;
    int line;
    const char **why;
} reader_t;

static bool wrong(const reader_t *r, int line, const char *what)
{
    *r->why = apr_psprintf(r->p, "line %d: %s", line, what);
    return false;
}

/* Past a quoted field, whose text goes to *field. */
static bool read_quoted(reader_t *r, const char **field)
{
    int begun = r->line;
    char *to = r->at;
    *field = to;
    for (r->at++;; r->at++) {
        if (!*r->at)
            return wrong(r, begun, "a quoted field has no end");
        if (*r->at == '"' && *++r->at != '"')
            break;
        r->line += *r->at == '\n';
        *to++ = *r->at;
    }
    *to = '\0'; /* before the closing quote, or on it: what follows is still to be read */
    bool good = !*r->at || *r->at == ',' || *r->at == '\n' || (*r->at == '\r' && r->at[1] == '\n');
    return good || wrong(r, r->line, "something follows a closing quote");
}

/* One field and the sign that ends it, which becomes *end: ',', '\n', or NUL at the end of the text. */
static bool read_field(reader_t *r, const char **field, char *end)
{
    char *close;
    if (*r->at == '"') {
        if (!read_quoted(r, field))
            return false;
        close = r->at;
    } else {
        *field = r->at;
        r->at += strcspn(r->at, ",\n\"");
        if (*r->at == '"')
            return wrong(r, r->line, "a quote stands inside a field that has none around it");
        close = r->at;
        if (*close == '\n' && close > *field && close[-1] == '\r')
            close--;
    }
    if (*r->at == '\r')
        r->at++;
    *end = *r->at;
    *close = '\0';
    r->at += *end ? 1 : 0;
    r->line += *end == '\n';
    return true;
}

/* One line into `fields`; *count is how many there were. */
static bool read_line(reader_t *r, const char **fields, int *count)
{
    char end = ',';
    int line = r->line;
    for (*count = 0; end == ','; ++*count) {
        if (*count == FORGE_CSV_COLUMNS_MAX)
            return wrong(r, line, apr_psprintf(r->p, "there are more than %d columns", FORGE_CSV_COLUMNS_MAX));
        if (!read_field(r, &fields[*count], &end))
            return false;
    }
    return true;
}

/* The name of a column without blanks around it, in lower case. */
static const char *name_of(apr_pool_t *p, const char *field)
{
    while (*field == ' ' || *field == '\t')
        field++;
    apr_size_t len = strlen(field);
    while (len && (field[len - 1] == ' ' || field[len - 1] == '\t'))
        len--;
    char *name = apr_pstrmemdup(p, field, len);
    for (char *c = name; *c; c++)
        *c = forge_util_lower(*c);
    return name;
}

/* The header line: each column has a name, and none comes twice. */
static bool read_header(reader_t *r, forge_csv_t *csv)
{
    const char *fields[FORGE_CSV_COLUMNS_MAX];
    if (!*r->at)
        return wrong(r, 1, "there is no header line");
    if (!read_line(r, fields, &csv->columns))
        return false;
    const char **names = apr_pcalloc(r->p, sizeof(*names) * (apr_size_t)csv->columns);
    csv->header = names;
    for (int i = 0; i < csv->columns; i++) {
        const char *name = name_of(r->p, fields[i]);
        if (!*name)
            return wrong(r, 1, "a column has no name");
        for (int other = 0; other < i; other++)
            if (strcmp(names[other], name) == 0)
                return wrong(r, 1, "a column name comes twice");
        names[i] = name;
    }
    return true;
}

/* An empty line is no row. With one column it would be a row with an empty field, which nobody means. */
static bool skip_empty(reader_t *r)
{
    while (*r->at == '\n' || (*r->at == '\r' && r->at[1] == '\n')) {
        r->at += *r->at == '\r' ? 2 : 1;
        r->line++;
    }
    return *r->at != '\0';
}

forge_csv_t *forge_core_csv_parse(apr_pool_t *p, const char *text, int max, bool *too_many, const char **why)
{
    static const char mark[] = "\xef\xbb\xbf";
    forge_csv_t *csv = apr_pcalloc(p, sizeof(*csv));
    reader_t r = {p, apr_pstrdup(p, strncmp(text, mark, 3) == 0 ? text + 3 : text), 1, why};
    csv->rows = apr_array_make(p, 64, sizeof(forge_csv_row_t));
    *too_many = false;
    if (!read_header(&r, csv))
        return NULL;
    while (skip_empty(&r)) {
        const char *fields[FORGE_CSV_COLUMNS_MAX];
        int count, line = r.line;
        if ((*too_many = csv->rows->nelts == max))
            break;
        if (!read_line(&r, fields, &count))
            return NULL;
        if (count != csv->columns) {
            wrong(&r, line, apr_psprintf(p, "there are %d fields, but %d columns", count, csv->columns));
            return NULL;
        }
        forge_csv_row_t *row = apr_array_push(csv->rows);
        row->line = line;
        row->fields = apr_pmemdup(p, fields, sizeof(*fields) * (apr_size_t)count);
    }
    return csv;
}

int forge_core_csv_column(const forge_csv_t *csv, const char *name)
{
    for (int i = 0; i < csv->columns; i++)
        if (strcmp(csv->header[i], name) == 0)
            return i;
    return -1;
}
