/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with a connection string by itself. libpq judges the values of its options only when it connects, and
 * then each request would be told that there is no database. Nothing is connected and no name is looked up.
 */
#include "store_private.h"
#include "store/store.h"
#include <apr_strings.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* --- single values --- */

/* Options with few values, as the newest libpq has them: an older one may refuse one of these, none takes another. */
static const struct {
    const char *name, *accepted;
} chosen[] = {{"sslmode", "disable, allow, prefer, require, verify-ca, verify-full"},
              {"target_session_attrs", "any, read-write, read-only, primary, standby, prefer-standby"},
              {"gssencmode", "disable, prefer, require"},
              {"channel_binding", "disable, prefer, require"},
              {"sslcertmode", "disable, allow, require"},
              {"sslnegotiation", "postgres, direct"},
              {"load_balance_hosts", "disable, random"}};

static const char *const numbers[] = {"connect_timeout",     "keepalives",       "keepalives_idle",
                                      "keepalives_interval", "keepalives_count", "tcp_user_timeout"};

/* The same case of letters, and the whole of one of "a, b, c". */
static bool listed(const char *accepted, const char *value)
{
    const size_t len = strlen(value);
    for (const char *at = accepted; *at;) {
        const size_t item = strcspn(at, ",");
        if (item == len && strncmp(at, value, len) == 0)
            return true;
        at += item;
        at += strspn(at, ", ");
    }
    return false;
}

/* As libpq reads it: white space may stand around. */
static bool number(const char *text, long least, long most)
{
    char *end;
    errno = 0;
    const long n = strtol(text, &end, 10);
    if (end == text || errno)
        return false;
    end += strspn(end, " \t\n\v\f\r");
    return !*end && n >= least && n <= most;
}

static const char *value_problem(apr_pool_t *p, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof(chosen) / sizeof(*chosen); i++)
        if (strcmp(chosen[i].name, name) == 0 && !listed(chosen[i].accepted, value))
            return apr_psprintf(p, "%s=%s is none of its values; accepted: %s", name, value, chosen[i].accepted);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        if (strcmp(numbers[i], name) == 0 && !number(value, INT_MIN, INT_MAX))
            return apr_psprintf(p, "%s=%s is no whole number, so that libpq would not connect; accepted: a number%s",
                                name, value, strcmp(name, "connect_timeout") == 0 ? " of seconds without a unit" : "");
    return NULL;
}

/* --- lists of servers --- */

static int count(const char *list)
{
    int n = 1;
    for (; *list; list++)
        n += *list == ',';
    return n;
}

static const char *ports_problem(apr_pool_t *p, const char *ports)
{
    for (const char *at = ports; *at; at += *at == ',') {
        const char *port = apr_pstrmemdup(p, at, strcspn(at, ","));
        if (*port && !number(port, 1, 65535))
            return apr_psprintf(p, "port=%s is no port; accepted: 1 to 65535", port);
        at += strlen(port);
    }
    return NULL;
}

/* An empty item stands for the name beside it. */
static const char *addresses_problem(apr_pool_t *p, const char *addresses)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
    for (const char *at = addresses; *at; at += *at == ',') {
        const char *address = apr_pstrmemdup(p, at, strcspn(at, ","));
        struct addrinfo *found = NULL;
        if (*address && getaddrinfo(address, NULL, &hints, &found) != 0)
            return apr_psprintf(p,
                                "hostaddr=%s is no address; accepted: an IPv4 or IPv6 address; names go into "
                                "host=",
                                address);
        if (found)
            freeaddrinfo(found);
        at += strlen(address);
    }
    return NULL;
}

static const char *servers_problem(apr_pool_t *p, const char *hosts, const char *addresses, const char *ports)
{
    const int n = count(*addresses ? addresses : hosts);
    if (*addresses && *hosts && count(hosts) != n)
        return apr_psprintf(p, "%d names in host= do not belong to %d addresses in hostaddr=; write one for each",
                            count(hosts), n);
    if (*ports && count(ports) != 1 && count(ports) != n)
        return apr_psprintf(p, "%d numbers in port= do not belong to %d servers; write one for each, or one for all",
                            count(ports), n);
    const char *problem = ports_problem(p, ports);
    return problem ? problem : addresses_problem(p, addresses);
}

/* --- the whole string --- */

static const char *said(const PQconninfoOption *all, const char *name)
{
    for (; all->keyword; all++)
        if (strcmp(all->keyword, name) == 0 && all->val)
            return all->val;
    return "";
}

static const char *options_problem(apr_pool_t *p, const PQconninfoOption *all)
{
    const char *problem = NULL;
    for (const PQconninfoOption *one = all; one->keyword && !problem; one++)
        if (one->val)
            problem = value_problem(p, one->keyword, one->val);
    return problem ? problem : servers_problem(p, said(all, "host"), said(all, "hostaddr"), said(all, "port"));
}

/* libpq's own words may repeat what it could not read, a password too; only the name of an option is told. */
static const char *unreadable(apr_pool_t *p, const char *message)
{
    static const char option[] = "invalid connection option";
    return message && strncmp(message, option, strlen(option)) == 0
               ? apr_psprintf(p, "%.*s; accepted: a connection string of libpq", (int)strcspn(message, "\n"), message)
               : "the first word cannot be read; accepted: a connection string of libpq, like \"host=127.0.0.1 "
                 "dbname=forge user=forge_app\"";
}

const char *forge_store_conninfo_problem(apr_pool_t *p, const char *conninfo)
{
    char *message = NULL;
    PQconninfoOption *all = PQconninfoParse(conninfo, &message);
    const char *problem = all ? options_problem(p, all) : unreadable(p, message);
    PQfreemem(message);
    PQconninfoFree(all);
    return problem;
}

const char *forge_store_primary_problem(apr_pool_t *p, const char *conninfo)
{
    const char *problem = forge_store_conninfo_problem(p, conninfo);
    PQconninfoOption *all = problem ? NULL : PQconninfoParse(conninfo, NULL);
    const char *wants = all ? said(all, "target_session_attrs") : "";
    if (strcmp(wants, "read-only") == 0 || strcmp(wants, "standby") == 0)
        problem = apr_psprintf(p,
                               "target_session_attrs=%s would never lead to a server that can be written to; write "
                               "read-write, and name a replica in ForgeReadDBD",
                               wants);
    PQconninfoFree(all);
    return problem;
}
