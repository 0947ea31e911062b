/* SPDX-License-Identifier: Apache-2.0
 * Comma-separated values (RFC 4180), for imports and for tables that people open in a spreadsheet.
 */
#ifndef FORGE_CORE_CSV_H
#define FORGE_CORE_CSV_H

#include "forge.h"
#include "util/util.h"
#include <apr_tables.h>

#define FORGE_CSV_COLUMNS_MAX 64 /* fields of one line */

typedef struct forge_csv_row_t {
    int line;                  /* where it begins, the first is 1 */
    const char *const *fields; /* as many as the header has */
} forge_csv_row_t;

typedef struct forge_csv_t {
    const char *const *header; /* names in lower case, without blanks around them */
    int columns;
    apr_array_header_t *rows; /* of forge_csv_row_t; empty lines are none */
} forge_csv_t;

/* Reads a text of valid UTF-8: a byte order mark is skipped; lines end with CRLF or LF, the last one may do without; a
 * field in quotes may hold commas, line ends and doubled quotes. NULL and *why, in lower case with the line, for what
 * is no such text: no header line, a name twice or empty, a quote that is not closed or stands inside a field,
 * characters after a closing quote, another number of fields than the header has, more than FORGE_CSV_COLUMNS_MAX
 * columns. *too_many: there are more than max rows; then those before are there. */
forge_csv_t *forge_core_csv_parse(apr_pool_t *p, const char *text, int max, bool *too_many, const char **why);
/* The column of that name, -1 without one. */
int forge_core_csv_column(const forge_csv_t *csv, const char *name);

/* Appends one cell of a table, in quotes, with a comma before it unless it is the first of its line. No spreadsheet
 * takes a part of it for a formula: an apostrophe stands before each = + - @ (and their full-width forms) at the
 * beginning, or where a program that parts cells by another sign (semicolon, tab, line end) would begin one, and before
 * a tab or CR at the beginning. NULL is an empty cell. */
void forge_core_csv_cell(forge_buf_t *b, bool first, const char *text);

#endif
