/* SPDX-License-Identifier: Apache-2.0
 * What the configuration says to mod_dbd, which shows it to nobody: read from the directives as Apache reads them.
 */
#include "server_private.h"

#include <httpd.h>
#include <http_config.h>
#include <ap_mpm.h>
#include <apr_cstr.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_IN_TRANSACTION apr_time_from_sec(10) /* longest silence inside a transaction */

#define MOST 10000 /* connections of one child: more is a slip of the pen */

/* The first argument of a mod_dbd directive for this server: from its <VirtualHost> block, else from server level, else
 * NULL. Quotes and backslashes are taken off as Apache does it. */
static const char *argument(apr_pool_t *p, server_rec *s, const char *name)
{
    const char *said = NULL, *own = NULL;
    for (ap_directive_t *d = ap_conftree; d; d = d->next) {
        bool own_host = apr_cstr_casecmp(d->directive, "<VirtualHost") == 0 && s->defn_name &&
                        strcmp(d->filename, s->defn_name) == 0 && d->line_num == (int)s->defn_line_number;
        if (apr_cstr_casecmp(d->directive, name) == 0)
            said = d->args;
        for (ap_directive_t *in = own_host ? d->first_child : NULL; in; in = in->next)
            if (apr_cstr_casecmp(in->directive, name) == 0)
                own = in->args;
    }
    const char *words = own ? own : said;
    return words ? ap_getword_conf(p, &words) : NULL;
}

static int number(server_rec *s, const char *name, int otherwise)
{
    apr_pool_t *p;
    if (apr_pool_create_unmanaged(&p) != APR_SUCCESS)
        return otherwise;
    const char *said = argument(p, s, name);
    int n = said ? atoi(said) : otherwise;
    apr_pool_destroy(p);
    return n;
}

forge_dbd_t forge_server_dbd(server_rec *s)
{
    return (forge_dbd_t){.min = number(s, "DBDMin", 1), /* otherwise mod_dbd's defaults */
                         .keep = number(s, "DBDKeep", 2),
                         .max = number(s, "DBDMax", 10),
                         .expire = apr_time_from_sec(number(s, "DBDExptime", 300))};
}

int forge_server_pool_dbd_max(server_rec *s)
{
    return forge_server_dbd(s).max;
}

const char *forge_server_pool_database(apr_pool_t *p, server_rec *s)
{
    const char *params = argument(p, s, "DBDParams");
    return params ? params : "";
}

const char *forge_server_pool_identity(apr_pool_t *p, server_rec *s)
{
    forge_dbd_t dbd = forge_server_dbd(s);
    const char *driver = argument(p, s, "DBDriver"), *persist = argument(p, s, "DBDPersist");
    return apr_psprintf(p, "%s %s %d %d %d %" APR_TIME_T_FMT " %s", driver ? driver : "", persist ? persist : "",
                        dbd.min, dbd.keep, dbd.max, dbd.expire, forge_server_pool_database(p, s));
}

const char *forge_server_replica_identity(apr_pool_t *p, server_rec *s)
{
    const forge_replica_t *replica = forge_config_replica(forge_config_of_server(s));
    return apr_psprintf(p, "replica %d %d %s %s", replica->max, forge_server_pool_dbd_max(s), replica->conninfo,
                        forge_store_database_name(p, forge_server_pool_database(p, s)));
}

bool forge_server_has_dbd(apr_pool_t *p, server_rec *s)
{
    return argument(p, s, "DBDriver") != NULL;
}

/* mod_dbd hands each string on, and the driver of another database has another form. Without the string there is a
 * warning. */
static const char *params_problem(apr_pool_t *p, server_rec *s)
{
    const char *driver = argument(p, s, "DBDriver"), *params = forge_server_pool_database(p, s);
    const bool ours = *params && (!driver || strcmp(driver, "pgsql") == 0);
    const char *problem = ours ? forge_store_primary_problem(p, params) : NULL;
    return problem ? apr_psprintf(p, "DBDParams: %s", problem) : NULL;
}

/* mod_dbd takes every number and then has no pool; its log blames the database for that. */
static const char *numbers_problem(apr_pool_t *p, server_rec *s)
{
    int threaded = 0;
    forge_dbd_t dbd = forge_server_dbd(s);
    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    int least = threaded ? 2 : 1;
    if (dbd.max < least || dbd.max > MOST)
        return apr_psprintf(p, "DBDMax %d cannot work%s; it must be %d to %d", dbd.max,
                            threaded ? " where a child has threads" : "", least, MOST);
    if (dbd.keep < 0 || dbd.keep > dbd.max)
        return apr_psprintf(p, "DBDKeep %d (2 if not set) cannot work with DBDMax %d; it must be 0 to %d", dbd.keep,
                            dbd.max, dbd.max);
    if (dbd.min < 0 || dbd.min > dbd.keep)
        return apr_psprintf(p, "DBDMin %d (1 if not set) cannot work with DBDKeep %d; it must be 0 to %d", dbd.min,
                            dbd.keep, dbd.keep);
    if (dbd.expire < 0)
        return "DBDExptime must be 0 to 2147483647 seconds";
    return NULL;
}

/* Without its pool mod_dbd opens a connection in the memory of whoever asks, which is gone long before ours give one
 * back. */
const char *forge_server_dbd_problem(apr_pool_t *p, server_rec *s)
{
    const char *persist = argument(p, s, "DBDPersist");
    if (persist && apr_cstr_casecmp(persist, "off") == 0)
        return "DBDPersist Off cannot work, because the module keeps its connections over requests; write DBDPersist "
               "On, or leave the line out";
    const char *problem = numbers_problem(p, s);
    return problem ? problem : params_problem(p, s);
}

forge_db_settings_t forge_server_db_settings(const forge_server_t *server, apr_interval_time_t answer_timeout)
{
    const forge_quota_t *quota = forge_config_user_quota(server->config);
    return (forge_db_settings_t){.statement_timeout = forge_config_statement_timeout(server->config),
                                 .answer_timeout = answer_timeout,
                                 .idle_timeout = IDLE_IN_TRANSACTION,
                                 .quota_rows = quota->rows,
                                 .quota_bytes = quota->bytes,
                                 .live = server->live};
}

#define REPLICA_SLACK apr_time_from_msec(100) /* how long after its own time-out a hanging replica is given up */

forge_db_settings_t forge_server_replica_settings(const forge_server_t *server)
{
    apr_interval_time_t wait = forge_config_pool_wait(server->config);
    forge_db_settings_t settings = forge_server_db_settings(server, wait + REPLICA_SLACK);
    if (settings.statement_timeout > wait)
        settings.statement_timeout = wait;
    settings.replica = true;
    return settings;
}
