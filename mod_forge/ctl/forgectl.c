/* SPDX-License-Identifier: Apache-2.0
 * forgectl: the commands of mod_forge for the shell. Finds the command and its verb, prints help, returns 0, 1 or 2.
 */
#include "ctl.h"
#include "util/standard.h"
#include "store/store.h"
#include <apr_general.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef FORGE_VERSION
#define FORGE_VERSION "unversioned"
#endif

static const forge_ctl_command_t commands[] = {
    {"migrate", "update the database schema, or roll it back", forge_ctl_migrate},
    {"user", "accounts: create, list, change role or password", forge_ctl_user},
    {"secret", "print a good value for ForgeSecret", forge_ctl_secret},
    {"reseal", "encrypt second factors under a new ForgeSecret", forge_ctl_reseal},
    {"openapi", "print the OpenAPI document of this build", forge_ctl_openapi},
    {"check", "check everything an installation needs, one line each", forge_ctl_check},
    {"doctor", "print a support bundle without secrets", forge_ctl_doctor},
    {"backup", "back up the database into a file", forge_ctl_backup},
    {"restore", "restore a backup into an empty database", forge_ctl_restore},
    {"jobs", "work beside requests: list, retry, cancel", forge_ctl_jobs},
    {"seed", "load demonstration data", forge_ctl_seed},
    {NULL, NULL, NULL},
};

/* Prints the help lines of one command: one for each verb, or one for the command itself. */
static void command_usage(const forge_ctl_command_t *command)
{
    const forge_ctl_verb_t *verb = command->verbs;
    do {
        char line[128];
        snprintf(line, sizeof(line), "%s%s%s%s%s", command->name, verb->name ? " " : "", verb->name ? verb->name : "",
                 *verb->args ? " " : "", verb->args);
        printf("  forgectl %-34s %s\n", line, verb->help);
    } while (verb->name && (++verb)->name);
}

static int usage(void)
{
    puts("Usage: forgectl COMMAND [VERB] [OPTION]...\n\nCommands:");
    for (const forge_ctl_command_t *command = commands; command->name; command++)
        command_usage(command);
    puts("\n\"forgectl COMMAND --help\" and \"forgectl COMMAND VERB --help\" show more. Exit codes: 0 success, 1 "
         "failure, 2 wrong usage.");
    return FORGE_CTL_OK;
}

static int command_help(const forge_ctl_command_t *command)
{
    printf("forgectl %s: %s\n\n", command->name, command->help);
    command_usage(command);
    return FORGE_CTL_OK;
}

static int verb_help(const forge_ctl_command_t *command, const forge_ctl_verb_t *verb)
{
    printf("Usage: forgectl %s%s%s [OPTION]...%s%s\n\n%s.\n\nOptions:\n", command->name, verb->name ? " " : "",
           verb->name ? verb->name : "", *verb->args ? " " : "", verb->args, verb->help);
    forge_ctl_options_print(verb);
    return FORGE_CTL_OK;
}

static const forge_ctl_command_t *command_find(const char *name)
{
    for (const forge_ctl_command_t *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

/* The verb with this name, and the number of words it took; NULL if there is none. */
static const forge_ctl_verb_t *verb_find(const forge_ctl_command_t *command, const char *name, int *words)
{
    const forge_ctl_verb_t *verb = command->verbs;
    *words = verb->name ? 1 : 0;
    if (!verb->name)
        return verb;
    for (; verb->name; verb++)
        if (name && strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

/* Whether a verb that needs a database is told where that is. */
static bool database_named(const forge_ctl_t *ctl, const forge_ctl_verb_t *verb)
{
    const char *dsn = forge_ctl_option(ctl, "dsn"), *variable = getenv("FORGE_DSN");
    if (verb->database != FORGE_CTL_DATABASE || (dsn && *dsn) || (variable && *variable) || forge_ctl_flag(ctl, "conf"))
        return true;
    forge_ctl_error("no database named; use --dsn or --conf, or set FORGE_DSN");
    return false;
}

static int run(forge_ctl_t *ctl, const forge_ctl_command_t *command, int argc, char **argv)
{
    int words;
    bool help = false;
    const forge_ctl_verb_t *verb = verb_find(command, argc > 2 ? argv[2] : NULL, &words);
    if (!verb) {
        if (argc > 2 && strcmp(argv[2], "--help") == 0)
            return command_help(command);
        forge_ctl_error(argc > 2 ? "%s knows no verb \"%s\"" : "%s needs a verb", command->name,
                        argc > 2 ? argv[2] : "");
        fprintf(stderr, "Try \"forgectl %s --help\".\n", command->name);
        return FORGE_CTL_USAGE;
    }
    int status = forge_ctl_parse(ctl, verb, argc - 1 - words, argv + 1 + words, &help);
    if (help)
        return verb_help(command, verb);
    if (status == FORGE_CTL_OK && !database_named(ctl, verb))
        status = FORGE_CTL_USAGE;
    if (status != FORGE_CTL_OK) {
        fprintf(stderr, "Try \"forgectl %s%s%s --help\".\n", command->name, words ? " " : "", words ? verb->name : "");
        return status;
    }
    return verb->run(ctl);
}

static int command_run(forge_ctl_t *ctl, int argc, char **argv)
{
    if (argc < 2) {
        fputs("forgectl: a command is needed\nTry \"forgectl --help\".\n", stderr);
        return FORGE_CTL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return usage();
    if (strcmp(argv[1], "--version") == 0) {
        printf("forgectl (mod_forge) %s, schema %d\n", FORGE_VERSION, forge_store_schema_wanted());
        return FORGE_CTL_OK;
    }
    const forge_ctl_command_t *command = command_find(argv[1]);
    if (command)
        return run(ctl, command, argc, argv);
    forge_ctl_error("there is no command \"%s\"", argv[1]);
    fputs("Try \"forgectl --help\".\n", stderr);
    return FORGE_CTL_USAGE;
}

int main(int argc, char **argv)
{
    forge_ctl_t ctl = {0};
    if (!forge_util_standard_open()) { /* a password that was generated, for example, would be lost */
        forge_ctl_error("could not write the output: standard output is closed, so nothing was done");
        return FORGE_CTL_FAILED;
    }
    if (apr_initialize() != APR_SUCCESS)
        return FORGE_CTL_FAILED;
    atexit(apr_terminate);
    apr_pool_create(&ctl.pool, NULL);
    forge_util_json_init();
    int status = command_run(&ctl, argc, argv);
    /* Output that did not reach the pipe or the disk is a failure. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        forge_ctl_error("could not write the output");
        status = FORGE_CTL_FAILED;
    }
    apr_pool_destroy(ctl.pool);
    return status;
}
