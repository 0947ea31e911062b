/* SPDX-License-Identifier: Apache-2.0
 * What configtest and the start say of a configuration that is no error of its own but cannot do what it seems to be
 * meant for. Warnings only: other files, a proxy or .htaccess may make it right.
 */
#include "server_private.h"

#include <ap_mpm.h>
#include <apr_cstr.h>
#include <apr_dbd.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <string.h>

APLOG_USE_MODULE(forge);

/* --- mails --- */

static void advise_mail(const forge_told_t *told, server_rec *s)
{
    const forge_letters_t *letters = forge_config_mail_templates(forge_config_of_server(s));
    const char *missing = letters ? forge_core_letters_missing(letters) : NULL;
    if (missing)
        forge_server_tell(told, s, forge_config_line_of(s, "ForgeMailTemplates"), missing);
}

/* --- the database --- */

/* The server level has the ForgeSecret of virtual hosts, and these have the database. */
static bool stands_back(apr_pool_t *p, server_rec *s)
{
    bool others = false;
    for (server_rec *host = s->next; host; host = host->next)
        others |= forge_config_enabled(forge_config_of_server(host)) && *forge_server_pool_database(p, host);
    return !s->is_virtual && others && !forge_server_serves(p, s) && !forge_server_handed(p, s);
}

static void advise_dbd(const forge_told_t *told, server_rec *s)
{
    const ap_directive_t *driver = forge_config_line_of(s, "DBDriver");
    if (stands_back(told->p, s))
        return;
    if (!driver)
        forge_server_tell(
            told, s, forge_config_line_of(s, "ForgeSecret"),
            "ForgeSecret turns the module on, but there is no DBDriver, so that no request reaches a database; write "
            "DBDriver pgsql and DBDParams, with mod_dbd loaded (a2enmod dbd)");
    else if (strcmp(forge_server_line_word(told->p, driver), "pgsql") != 0)
        forge_server_tell(told, s, driver,
                          "DBDriver is not pgsql, but the module works with PostgreSQL only; write DBDriver pgsql");
    else if (!*forge_server_pool_database(told->p, s))
        forge_server_tell(
            told, s, driver,
            "DBDriver stands without DBDParams, so that libpq would try its defaults; write DBDParams \"host=127.0.0.1 "
            "dbname=forge user=forge_app passfile=/etc/forge/pgpass connect_timeout=2\"");
}

/* `most` where this pool was not counted yet. */
static apr_int64_t once(apr_pool_t *p, apr_hash_t *counted, const char *pool, int most)
{
    if (apr_hash_get(counted, pool, APR_HASH_KEY_STRING))
        return 0;
    apr_hash_set(counted, apr_pstrdup(p, pool), APR_HASH_KEY_STRING, "");
    return most;
}

/* The connections that one child may have: those of each pool, and those of each pool of a replica. */
static apr_int64_t connections_most(apr_pool_t *p, server_rec *s)
{
    apr_hash_t *counted = apr_hash_make(p);
    apr_int64_t sum = 0;
    for (; s; s = s->next) {
        const forge_config_t *c = forge_config_of_server(s);
        const forge_replica_t *replica = forge_config_replica(c);
        const int most = forge_server_pool_dbd_max(s);
        if (!forge_config_enabled(c) || !forge_server_serves(p, s))
            continue;
        sum += once(p, counted, forge_server_pool_identity(p, s), most);
        if (replica)
            sum += once(p, counted, forge_server_replica_identity(p, s), replica->max ? replica->max : most);
    }
    return sum;
}

/* A warning and no bound: connections without a place serve like the others. */
static void advise_places(const forge_told_t *told, server_rec *main_server, server_rec *first)
{
    int children = 1;
    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &children);
    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    const apr_int64_t most = children * connections_most(told->p, main_server);
    if (most > FORGE_LIVE_LEASES)
        forge_server_tell(told, first, forge_config_line_of(first, "DBDMax"),
                          apr_psprintf(told->p,
                                       "DBDMax lets %d children have %" APR_INT64_T_FMT
                                       " connections together, but only %d are watched: of the others nobody is told "
                                       "who holds one for long; lower DBDMax",
                                       children, most, FORGE_LIVE_LEASES));
}

/* --- the paths --- */

static bool handed_over(apr_pool_t *p, const ap_directive_t *d)
{
    for (; d; d = d->next)
        if (forge_server_line_hands_over(p, d) || handed_over(p, d->first_child))
            return true;
    return false;
}

/* "mod_forge", "forge_module", "forge-handler": httpd takes any name, and then serves a file. */
static void advise_names(const forge_told_t *told, server_rec *main_server, const ap_directive_t *d)
{
    for (; d; d = d->next) {
        const char *name = forge_server_line_named(d, "SetHandler") || forge_server_line_named(d, "AddHandler")
                               ? forge_server_line_word(told->p, d)
                               : "";
        char *lowered = apr_pstrdup(told->p, name);
        forge_util_lower_all(lowered);
        if (strcmp(lowered, "forge") != 0 && !strpbrk(lowered, "=:") && strstr(lowered, "forge"))
            forge_server_tell(told, forge_server_line_host(main_server, d), d,
                              apr_psprintf(told->p, "%s names no handler of this module with '%s'; write %s forge",
                                           d->directive, name, d->directive));
        advise_names(told, main_server, d->first_child);
    }
}

static void advise_handler(const forge_told_t *told, server_rec *s)
{
    if (!handed_over(told->p, ap_conftree))
        forge_server_tell(
            told, s, forge_config_line_of(s, "ForgeSecret"),
            "ForgeSecret turns the module on, but nothing hands it a path and no AuthType Forge asks it; write "
            "ForgeAPI On in the virtual host that is to answer");
}

static void advise_api(const forge_told_t *told, server_rec *s)
{
    if (forge_config_api(forge_config_of_server(s)))
        forge_server_tell(
            told, s, forge_config_line_of(s, "ForgeAPI"),
            "ForgeAPI hands paths to the module, but this host has no ForgeSecret, so that none of them is answered; "
            "write ForgeSecret file:/etc/forge/secret");
}

/* Whether a host with a secret has the lines of this one: those of the main server are in all hosts. */
static bool secret_within(server_rec *main_server, server_rec *host)
{
    bool found = forge_config_enabled(forge_config_of_server(host));
    for (server_rec *s = main_server->next; s && host == main_server && !found; s = s->next)
        found = forge_config_enabled(forge_config_of_server(s));
    return found;
}

/* What a line has the module do; NULL: nothing, or only a request knows. */
static const char *task(apr_pool_t *p, const ap_directive_t *d)
{
    const char *word = forge_server_line_word(p, d);
    if (forge_server_line_named(d, "AuthType") && apr_cstr_casecmp(word, "Forge") == 0)
        return "asks the module who a visitor is";
    if ((forge_server_line_named(d, "SetHandler") || forge_server_line_named(d, "AddHandler")) &&
        strcmp(word, "forge") == 0)
        return "hands requests to the module";
    return NULL;
}

/* The same of sections, whose lines may be for the files of one host. */
static void advise_secret(const forge_told_t *told, server_rec *main_server, const ap_directive_t *d)
{
    for (; d; d = d->next) {
        server_rec *host = forge_server_line_host(main_server, d);
        const char *does = task(told->p, d);
        if (does && !secret_within(main_server, host))
            forge_server_tell(told, host, d,
                              apr_psprintf(told->p,
                                           "%s %s %s, but this host has no ForgeSecret, so that each such request is "
                                           "answered 503; write ForgeSecret file:/etc/forge/secret",
                                           d->directive, forge_server_line_word(told->p, d), does));
        advise_secret(told, main_server, d->first_child);
    }
}

/* --- logins of browsers --- */

static bool tls(const forge_told_t *told, server_rec *s)
{
    static const char *const engines[] = {"SSLEngine", "GnuTLSEnable", "TLSEngine"};
    for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++) {
        const ap_directive_t *line = forge_config_line_of(s, engines[i]);
        if (line && apr_cstr_casecmp(forge_server_line_word(told->p, line), "off") != 0)
            return true;
    }
    return s->server_scheme && apr_cstr_casecmp(s->server_scheme, "https") == 0;
}

static void advise_cookie(const forge_told_t *told, server_rec *s)
{
    const ap_directive_t *cookie = forge_config_line_of(s, "ForgeCookie");
    const ap_directive_t *page = forge_config_line_of(s, "ForgeLoginPage");
    const bool on = cookie && apr_cstr_casecmp(forge_server_line_word(told->p, cookie), "on") == 0;
    if (on && !tls(told, s))
        forge_server_tell(
            told, s, cookie,
            "ForgeCookie sets no cookie without TLS, and this host has none; write SSLEngine on, or, where a proxy in "
            "front ends TLS, ServerName https://host");
    if (page && !cookie && apr_cstr_casecmp(forge_server_line_word(told->p, page), "none") != 0)
        forge_server_tell(
            told, s, page,
            "ForgeLoginPage sends browsers to a page whose login they cannot keep, because there is no ForgeCookie; "
            "write ForgeCookie On");
}

/* --- Require --- */

/* Whether a section elsewhere gives this path its AuthType: one of a path that this path begins with. */
static bool covered(apr_pool_t *p, const ap_directive_t *d, const char *path)
{
    for (; d; d = d->next) {
        const char *outer = d->first_child ? forge_server_line_word(p, d) : "";
        outer = apr_pstrmemdup(p, outer, strcspn(outer, ">"));
        for (const ap_directive_t *in = d->first_child; in; in = in->next)
            if (forge_server_line_named(in, "AuthType") && *outer && strncmp(path, outer, strlen(outer)) == 0)
                return true;
        if (covered(p, d->first_child, path))
            return true;
    }
    return false;
}

static void advise_require(const forge_told_t *told, server_rec *main_server, const ap_directive_t *d, const char *path,
                           bool typed)
{
    for (const ap_directive_t *in = d; in; in = in->next)
        typed = typed || forge_server_line_named(in, "AuthType");
    for (; d; d = d->next) {
        const bool section = d->first_child && apr_cstr_casecmpn(d->directive, "<Require", 8) != 0;
        const char *name = section ? forge_server_line_word(told->p, d) : path;
        if (section)
            name = apr_pstrmemdup(told->p, name, strcspn(name, ">"));
        advise_require(told, main_server, d->first_child, name, typed);
        if (!typed && forge_server_line_named(d, "Require") &&
            strncmp(forge_server_line_word(told->p, d), "forge-", 6) == 0 && !covered(told->p, ap_conftree, path))
            forge_server_tell(
                told, forge_server_line_host(main_server, d), d,
                apr_psprintf(told->p,
                             "Require %s stands in a section without AuthType, so that nobody is asked who they "
                             "are; write AuthType Forge beside it",
                             forge_server_line_word(told->p, d)));
    }
}

/* --- all of it --- */

void forge_server_config_advise(apr_pool_t *p, server_rec *main_server, const forge_routes_t *tables, int n_tables)
{
    const forge_told_t told = {p, apr_table_make(p, 8)};
    server_rec *first = NULL;
    for (server_rec *s = main_server; s; s = s->next) {
        if (!forge_config_enabled(forge_config_of_server(s))) {
            advise_api(&told, s);
            continue;
        }
        first = first ? first : s;
        advise_mail(&told, s);
        advise_dbd(&told, s);
        forge_server_files_advise(&told, s);
        advise_cookie(&told, s);
        forge_server_narrow_advise(&told, s, tables, n_tables);
    }
    if (first) {
        advise_names(&told, main_server, ap_conftree);
        advise_places(&told, main_server, first);
        advise_handler(&told, first);
        forge_server_wide_advise(&told, main_server);
    }
    advise_secret(&told, main_server, ap_conftree);
    advise_require(&told, main_server, ap_conftree, "", false);
}

/* The lines of DBDriver wherever they stand; NULL: none is of pgsql. */
static const ap_directive_t *pgsql_line(apr_pool_t *p, const ap_directive_t *d)
{
    for (; d; d = d->next) {
        const ap_directive_t *in = pgsql_line(p, d->first_child);
        if (in || (forge_server_line_named(d, "DBDriver") && strcmp(forge_server_line_word(p, d), "pgsql") == 0))
            return in ? in : d;
    }
    return NULL;
}

/* Before mod_dbd reads its lines and says no more than that a file is not there. */
void forge_server_driver_advise(apr_pool_t *p)
{
    const apr_dbd_driver_t *driver = NULL;
    const ap_directive_t *line = pgsql_line(p, ap_conftree);
    if (line && apr_dbd_init(p) == APR_SUCCESS && apr_dbd_get_driver(p, "pgsql", &driver) != APR_SUCCESS)
        ap_log_perror(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, p,
                      "FG0426: DBDriver pgsql has no driver on this host; install the package libaprutil1-dbd-pgsql "
                      "(Debian, Ubuntu) or apr-util-pgsql (Fedora, RHEL) (line %d of %s)",
                      line->line_num, line->filename);
}
