/* SPDX-License-Identifier: Apache-2.0
 * Options by table: both getopt_long and the help text are made from a verb's rows.
 */
#include "ctl.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { OPTIONS_MAX = 24 };

static const forge_ctl_option_t database_options[] = {
    {"dsn", "CONNINFO", "libpq connection string (else --conf, else FORGE_DSN)"},
    {"conf", "FILE", "httpd configuration whose first DBDParams names the database"},
    {NULL, NULL, NULL},
};
static const forge_ctl_option_t common_options[] = {
    {"json", NULL, "print the result as one JSON document"}, {"help", NULL, "show this text"}, {NULL, NULL, NULL}};

/* Collects all rows of a verb in one array and returns their number. */
static int collect(const forge_ctl_verb_t *verb, const forge_ctl_option_t **all)
{
    const forge_ctl_option_t *tables[] = {verb->options, verb->database ? database_options : NULL, common_options};
    int n = 0;
    for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
        for (const forge_ctl_option_t *row = tables[t]; row && row->name && n < OPTIONS_MAX; row++)
            all[n++] = row;
    return n;
}

const char *forge_ctl_option(const forge_ctl_t *ctl, const char *name)
{
    return apr_table_get(ctl->options, name);
}

bool forge_ctl_flag(const forge_ctl_t *ctl, const char *name)
{
    return apr_table_get(ctl->options, name) != NULL;
}

bool forge_ctl_number(const forge_ctl_t *ctl, const char *name, int min, int max, int otherwise, int *n)
{
    const char *text = forge_ctl_option(ctl, name);
    apr_int64_t value = otherwise;
    if (text && (!forge_util_atoi(text, strlen(text), &value) || value < min || value > max)) {
        forge_ctl_error("--%s \"%s\" is not a whole number from %d to %d", name, text, min, max);
        return false;
    }
    *n = (int)value;
    return true;
}

int forge_ctl_parse(forge_ctl_t *ctl, const forge_ctl_verb_t *verb, int argc, char **argv, bool *help)
{
    const forge_ctl_option_t *rows[OPTIONS_MAX];
    struct option table[OPTIONS_MAX + 1];
    int n = collect(verb, rows), found, which = 0;

    memset(table, 0, sizeof(table));
    for (int i = 0; i < n; i++) {
        table[i].name = rows[i]->name;
        table[i].has_arg = rows[i]->value ? required_argument : no_argument;
    }
    ctl->options = apr_table_make(ctl->pool, n);
    opterr = 1;
    optind = 1;
    argv[0] = (char *)"forgectl"; /* how getopt_long begins its messages */
    while ((found = getopt_long(argc, argv, "", table, &which)) == 0)
        apr_table_set(ctl->options, rows[which]->name, optarg ? optarg : "");
    if (found != -1)
        return FORGE_CTL_USAGE;
    *help = forge_ctl_flag(ctl, "help");
    ctl->args = argv + optind;
    ctl->n_args = argc - optind;
    if (!*help && ctl->n_args != verb->n_args) {
        forge_ctl_error(verb->n_args ? "%s needed, but %d given" : "no arguments accepted%.0s, but %d given",
                        verb->args, ctl->n_args);
        return FORGE_CTL_USAGE;
    }
    return FORGE_CTL_OK;
}

void forge_ctl_options_print(const forge_ctl_verb_t *verb)
{
    const forge_ctl_option_t *rows[OPTIONS_MAX];
    int n = collect(verb, rows);
    for (int i = 0; i < n; i++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", rows[i]->name, rows[i]->value ? " " : "",
                 rows[i]->value ? rows[i]->value : "");
        printf("  %-24s %s\n", left, rows[i]->help);
    }
}
