/* SPDX-License-Identifier: Apache-2.0
 * forgectl doctor: what support asks for, in one text that may be handed to strangers. It is made only of what is known
 * to be harmless: versions, names of directives and variables, and results of checks; no value is copied from the
 * configuration or the environment.
 */
#include "ctl.h"
#include <apr_strings.h>
#include <apr_version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef FORGE_VERSION
#define FORGE_VERSION "unversioned"
#endif

static void add_versions(forge_ctl_t *ctl, forge_json_t *bundle)
{
    forge_json_t *versions = forge_util_json_put_object(bundle, "versions");
    forge_util_json_put_text(versions, "forgectl", FORGE_VERSION);
    forge_util_json_put_int(versions, "schema", forge_store_schema_wanted());
    forge_util_json_put_text(versions, "apr", apr_version_string());
    forge_util_json_put_text(bundle, "made_at", forge_util_time(ctl->pool, apr_time_now(), 0));
}

/* The distribution as it names itself; NULL where it does not. */
static const char *distribution(forge_ctl_t *ctl)
{
    static const char key[] = "PRETTY_NAME=\"";
    const char *why, *text = forge_ctl_file_read(ctl->pool, "/etc/os-release", NULL, &why);
    const char *at = text ? strstr(text, key) : NULL;
    if (!at)
        return NULL;
    at += sizeof(key) - 1;
    return apr_pstrndup(ctl->pool, at, strcspn(at, "\"\n"));
}

/* Without the name of the host: strangers need not know it. */
static void add_system(forge_ctl_t *ctl, forge_json_t *bundle)
{
    struct utsname name;
    forge_json_t *system = forge_util_json_put_object(bundle, "system");
    if (uname(&name) == 0) {
        forge_util_json_put_text(system, "kernel", apr_pstrcat(ctl->pool, name.sysname, " ", name.release, NULL));
        forge_util_json_put_text(system, "machine", name.machine);
    }
    forge_util_json_put_text(system, "distribution", distribution(ctl));
    forge_util_json_put_int(system, "processors", sysconf(_SC_NPROCESSORS_ONLN));
}

static int add_directive(void *baton, const char *name, const char *count)
{
    forge_util_json_put_int(baton, name, atoi(count));
    return 1;
}

static void add_configuration(forge_ctl_t *ctl, forge_json_t *bundle)
{
    const char *why = NULL, *conf = forge_ctl_option(ctl, "conf");
    if (!conf)
        return;
    const apr_table_t *counts = forge_ctl_conf_names(ctl, conf, &why);
    if (counts)
        apr_table_do(add_directive, forge_util_json_put_object(bundle, "directives"), counts, NULL);
    else
        forge_util_json_put_text(bundle, "configuration", why);
}

static void add_environment(forge_json_t *bundle)
{
    static const char *const names[] = {"FORGE_DSN",  "FORGE_MIGRATIONS", "FORGE_SQL",
                                        "PGPASSFILE", "PGPASSWORD",       "PGSERVICE"};
    forge_json_t *variables = forge_util_json_put_array(bundle, "variables_set");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (getenv(names[i]))
            forge_util_json_add_text(variables, names[i]);
}

/* Whether the text of a failed check may quote what the configuration says: a mistyped password, for example. */
static bool may_quote(const char *check)
{
    static const char *const quoting[] = {"configuration", "replica", "secret", "mail", "redis"};
    for (size_t i = 0; i < sizeof(quoting) / sizeof(*quoting); i++)
        if (strcmp(check, quoting[i]) == 0)
            return true;
    return false;
}

static void add_checks(forge_ctl_t *ctl, forge_json_t *bundle)
{
    forge_json_t *all = forge_util_json_array(ctl->pool), *shown = forge_util_json_put_array(bundle, "checks");
    forge_util_json_put_bool(bundle, "good", forge_ctl_check_all(ctl, all));
    for (apr_size_t i = 0; i < forge_util_json_size(all); i++) {
        const forge_json_t *line = forge_util_json_at(all, i);
        const char *check = forge_util_json_text(forge_util_json_get(line, "check"), NULL);
        const char *state = forge_util_json_text(forge_util_json_get(line, "state"), NULL);
        const char *text = forge_util_json_text(forge_util_json_get(line, "text"), NULL);
        forge_json_t *entry = forge_util_json_add_object(shown);
        forge_util_json_put_text(entry, "check", check);
        forge_util_json_put_text(entry, "state", state);
        forge_util_json_put_text(entry, "text",
                                 strcmp(state, "ok") != 0 && may_quote(check) ? "forgectl check says why" : text);
    }
}

/* --- for people: the same document, a line for each value --- */

static bool print_member(void *baton, const char *name, forge_json_t *value)
{
    const char *text = forge_util_json_text(value, NULL);
    apr_int64_t n;
    if (text)
        printf("%s%s: %s\n", (const char *)baton, name, text);
    else if (forge_util_json_int(value, &n))
        printf("%s%s: %" APR_INT64_T_FMT "\n", (const char *)baton, name, n);
    return true;
}

static void print_section(const forge_json_t *bundle, const char *name)
{
    const forge_json_t *section = forge_util_json_get(bundle, name);
    if (!section)
        return;
    printf("\n%s\n", name);
    forge_util_json_each(section, print_member, (void *)"  ");
}

static void print_variables(const forge_json_t *bundle)
{
    const forge_json_t *names = forge_util_json_get(bundle, "variables_set");
    printf("\nvariables set\n");
    for (apr_size_t i = 0; i < forge_util_json_size(names); i++)
        printf("  %s\n", forge_util_json_text(forge_util_json_at(names, i), NULL));
}

static void print_checks(const forge_json_t *bundle)
{
    const forge_json_t *checks = forge_util_json_get(bundle, "checks");
    printf("\nchecks\n");
    for (apr_size_t i = 0; i < forge_util_json_size(checks); i++) {
        const forge_json_t *line = forge_util_json_at(checks, i);
        printf("  %-4s  %s: %s\n", forge_util_json_text(forge_util_json_get(line, "state"), NULL),
               forge_util_json_text(forge_util_json_get(line, "check"), NULL),
               forge_util_json_text(forge_util_json_get(line, "text"), NULL));
    }
}

static int doctor(forge_ctl_t *ctl)
{
    forge_json_t *bundle = forge_util_json_object(ctl->pool);
    add_versions(ctl, bundle);
    add_system(ctl, bundle);
    add_configuration(ctl, bundle);
    add_environment(bundle);
    add_checks(ctl, bundle);
    if (forge_ctl_json(ctl))
        return forge_ctl_json_print(ctl, bundle);
    forge_util_json_each(bundle, print_member, (void *)"");
    print_section(bundle, "versions");
    print_section(bundle, "system");
    print_section(bundle, "directives");
    print_variables(bundle);
    print_checks(bundle);
    return FORGE_CTL_OK;
}

const forge_ctl_verb_t forge_ctl_doctor[] = {
    {NULL, "", 0, FORGE_CTL_DATABASE_TOO, forge_ctl_check_options,
     "print what support asks for: versions, names, checks; no secrets", doctor},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
