/* SPDX-License-Identifier: Apache-2.0
 * The checks of /health. What asks another program is bounded and kept for a second (http/probe.c); the machine's
 * figures were sampled beside requests.
 */
#include "health.h"
#include "core/identity/identity.h"
#include "store/store.h"

#include <math.h>

#define LOW_PERCENT 10.0 /* less than this left of disk or memory is a warning */

/* --- the operator's word --- */

static bool on_draining(const forge_req_t *q)
{
    return forge_config_drain_file(q->config) != NULL;
}

/* A node that is to be stopped says so before it stops: balancers that ask /health/ready send it nothing new. Where
 * nobody can tell, it stays: a wrong mode of a folder must not take all nodes out. */
static void ask_draining(forge_req_t *q, forge_health_found_t *found)
{
    const forge_drain_t drain = forge_http_drain_probe(q);
    if (drain == FORGE_DRAIN_YES)
        found->status = FORGE_HEALTH_FAIL;
    if (drain != FORGE_DRAIN_UNKNOWN)
        return;
    found->status = FORGE_HEALTH_WARN;
    found->why = "nobody can tell whether the operator takes this node out";
}

/* --- the database --- */

static void ask_database(forge_req_t *q, forge_health_found_t *found)
{
    int schema;
    apr_interval_time_t took;
    forge_status_t status = forge_http_db_probe(q, &schema, &took);
    bool reached = status == FORGE_OK || status == FORGE_E_SCHEMA_OUTDATED || status == FORGE_E_SCHEMA_AHEAD;
    found->status = reached ? FORGE_HEALTH_PASS : FORGE_HEALTH_FAIL;
    found->value = (double)took / 1000;
}

static void members_database(forge_json_t *part, const forge_health_found_t *found)
{
    forge_util_json_put_number(part, "time_ms", isnan(found->value) ? 0 : found->value);
}

static void ask_migrations(forge_req_t *q, forge_health_found_t *found)
{
    apr_interval_time_t took;
    int wanted = forge_store_schema_wanted(), schema;
    forge_status_t status = forge_http_db_probe(q, &schema, &took);
    found->status = status != FORGE_OK || schema < wanted ? FORGE_HEALTH_FAIL
                    : schema > wanted                     ? FORGE_HEALTH_WARN
                                                          : FORGE_HEALTH_PASS;
    found->value = schema < 0 ? NAN : schema;
    if (found->status == FORGE_HEALTH_WARN)
        found->why = "the schema is newer than this module";
}

/* Without an answer the version that was found is not known. */
static void members_migrations(forge_json_t *part, const forge_health_found_t *found)
{
    forge_util_json_put_int(part, "wanted", forge_store_schema_wanted());
    if (!isnan(found->value))
        forge_util_json_put_int(part, "found", (apr_int64_t)found->value);
}

static bool on_replica(const forge_req_t *q)
{
    return forge_config_replica(q->config) != NULL;
}

/* The primary answers what a replica does not: at worst this warns. */
static void ask_replica(forge_req_t *q, forge_health_found_t *found)
{
    const forge_replica_state_t state = forge_live_replica_look(q->live, q->server->replica_id);
    found->value = round((double)apr_time_as_msec(state.lag) / 100) / 10;
    found->status = FORGE_HEALTH_WARN;
    if (!state.known || !state.up)
        found->why = "it cannot be used";
    else if (state.lag > forge_config_replica(q->config)->lag)
        found->why = "it is too far behind";
    else
        found->status = FORGE_HEALTH_PASS;
}

static void members_replica(forge_json_t *part, const forge_health_found_t *found)
{
    if (!isnan(found->value))
        forge_util_json_put_number(part, "lag_seconds", found->value);
}

/* --- what waits in the database --- */

/* Workers may be few for the moment, or none of a kind on any node: only an operator can tell. */
static void ask_jobs(forge_req_t *q, forge_health_found_t *found)
{
    bool late = false;
    if (forge_http_jobs_probe(q, &late) != FORGE_OK || late)
        found->status = FORGE_HEALTH_WARN;
}

static bool on_mail(const forge_req_t *q)
{
    return forge_config_mail(q->config) != NULL;
}

/* By what waits in the outbox; the mail server is not asked. Nobody but an operator can tell whether late mail matters:
 * a warning. */
static void ask_mail(forge_req_t *q, forge_health_found_t *found)
{
    bool late = false;
    if (forge_http_mail_probe(q, &late) != FORGE_OK || late)
        found->status = FORGE_HEALTH_WARN;
}

/* --- other programs and hosts --- */

static bool on_sandbox(const forge_req_t *q)
{
    return q->server->runner != NULL;
}

/* Everything else goes on without it. */
static void ask_sandbox(forge_req_t *q, forge_health_found_t *found)
{
    if (!forge_http_sandbox_probe(q, &found->why))
        found->status = FORGE_HEALTH_FAIL;
}

static void members_sandbox(forge_json_t *part, const forge_health_found_t *found)
{
    if (found->status != FORGE_HEALTH_PASS)
        forge_util_json_put_text(part, "missing", found->why);
}

static bool on_llm(const forge_req_t *q)
{
    return forge_config_llm(q->config) != NULL;
}

/* It is not asked for this; its breaker knows. Questions are answered without it, too. */
static void ask_llm(forge_req_t *q, forge_health_found_t *found)
{
    if (forge_http_llm_sick(q))
        found->status = FORGE_HEALTH_WARN;
}

static bool on_upstreams(const forge_req_t *q)
{
    return forge_config_executor_url(q->config) || forge_http_has_members();
}

/* Whether no member of this one's balancer can serve. */
static bool is_balancer_down(const forge_health_found_t *found, const forge_upstream_t *member)
{
    for (int i = 0; i < found->upstreams_count; i++)
        if (found->upstreams[i].of == member->of && forge_live_member_serves(found->upstreams[i].state))
            return false;
    return true;
}

/* What is asked from outside, the external executor, whose breaker knows; and the members of balancers, of whom
 * mod_proxy knows. Nobody is asked for this. A member that has failed is a warning; a balancer without any that serves
 * has failed, which is a warning for the whole: everything else goes on. */
static void ask_upstreams(forge_req_t *q, forge_health_found_t *found)
{
    if (forge_config_executor_url(q->config) && forge_http_executor_sick(q))
        found->status = FORGE_HEALTH_WARN;
    found->upstreams = forge_http_members(q, &found->upstreams_count);
    for (int i = 0; i < found->upstreams_count; i++) {
        const forge_upstream_t *member = &found->upstreams[i];
        if (is_balancer_down(found, member))
            found->status = FORGE_HEALTH_FAIL;
        else if (forge_live_member_failed(member->state) && found->status == FORGE_HEALTH_PASS)
            found->status = FORGE_HEALTH_WARN;
    }
    if (found->status == FORGE_HEALTH_FAIL)
        found->why = "no member of a balancer can serve";
}

/* Anyone may read this: a member is called by its route or its number, never by its address. */
static void members_upstreams(forge_json_t *part, const forge_health_found_t *found)
{
    forge_json_t *rows = forge_util_json_put_array(part, "members");
    for (int i = 0; i < found->upstreams_count; i++) {
        const forge_upstream_t *member = &found->upstreams[i];
        forge_json_t *row = forge_util_json_add_object(rows);
        forge_util_json_put_text(row, "balancer", member->balancer);
        forge_util_json_put_int(row, "member", member->number);
        if (*member->route)
            forge_util_json_put_text(row, "route", member->route);
        forge_util_json_put_text(row, "state", forge_live_member_word(member->state));
    }
}

static bool on_discovery(const forge_req_t *q)
{
    return forge_live_discovery_used(q->live);
}

static void ask_discovery(forge_req_t *q, forge_health_found_t *found)
{
    found->why = forge_live_discovery_trouble(q->live);
    if (found->why)
        found->status = FORGE_HEALTH_WARN;
}

static bool on_redis(const forge_req_t *q)
{
    return forge_config_redis(q->config) != NULL;
}

/* It is not asked for this: whoever keeps its connections tries it all the time. What becomes of requests meanwhile is
 * configured. */
static void ask_redis(forge_req_t *q, forge_health_found_t *found)
{
    if (forge_http_redis_away(q))
        found->status = FORGE_HEALTH_WARN;
}

/* --- the machine --- */

/* The same figure as GET /monitor has, told as what is left of it. */
static void put_room(const forge_req_t *q, forge_figure_t which, forge_health_found_t *found)
{
    forge_sample_t sample;
    forge_live_sample_last(q->live, &sample);
    double left = 100 - sample.of[which];
    found->value = round(left * 10) / 10;
    if (isnan(left))
        found->status = FORGE_HEALTH_OFF;
    else if (left < LOW_PERCENT)
        found->status = FORGE_HEALTH_WARN;
}

static void ask_disk(forge_req_t *q, forge_health_found_t *found)
{
    put_room(q, FORGE_S_DISK, found);
}

static void ask_memory(forge_req_t *q, forge_health_found_t *found)
{
    put_room(q, FORGE_S_MEMORY, found);
}

static void members_room(forge_json_t *part, const forge_health_found_t *found)
{
    if (!isnan(found->value))
        forge_util_json_put_number(part, "free_percent", found->value);
}

/* --- what identity stands on --- */

enum { PLACES, BUSY, WAITING };

static void ask_gate(forge_req_t *q, forge_health_found_t *found)
{
    found->figures[PLACES] = forge_http_password_places(q);
    found->figures[BUSY] = forge_live_gate_held(q->live);
    found->figures[WAITING] = forge_live_gate_waiting(q->live);
    found->value = found->figures[WAITING];
    if (found->figures[WAITING] > found->figures[PLACES])
        found->status = FORGE_HEALTH_WARN;
}

static void members_gate(forge_json_t *part, const forge_health_found_t *found)
{
    forge_util_json_put_int(part, "places", found->figures[PLACES]);
    forge_util_json_put_int(part, "busy", found->figures[BUSY]);
    forge_util_json_put_int(part, "waiting", found->figures[WAITING]);
}

/* A server without keys does not start. */
static void ask_signing(forge_req_t *q, forge_health_found_t *found)
{
    found->keys = q->keys;
}

static void members_signing(forge_json_t *part, const forge_health_found_t *found)
{
    forge_json_t *algorithms = forge_util_json_put_array(part, "algorithms");
    for (int i = 0; found->keys && forge_core_keys_alg(found->keys, i); i++)
        forge_util_json_add_text(algorithms, forge_core_keys_alg(found->keys, i));
}

static bool on_guests(const forge_req_t *q)
{
    return forge_config_guests(q->config);
}

/* What works wherever it is configured. */
static void ask_nobody(forge_req_t *q, forge_health_found_t *found)
{
    (void)q, (void)found;
}

/* clang-format off */
#define EVERY (FORGE_HEALTH_FULL | FORGE_HEALTH_READY | FORGE_HEALTH_AUTH)
const forge_health_check_t forge_health_checks[] = {
    {"draining", "node:draining", "component", NULL, "the operator takes this node out", FORGE_HEALTH_READY,
     FORGE_HEALTH_FAIL, .on = on_draining, .ask = ask_draining},
    {"draining", "node:draining", "component", NULL, "the operator takes this node out", FORGE_HEALTH_FULL,
     FORGE_HEALTH_WARN, .on = on_draining, .ask = ask_draining},
    {"database", "database:responseTime", "datastore", "ms", "it cannot be reached", EVERY, FORGE_HEALTH_FAIL,
     .is_database = true, .ask = ask_database, .members = members_database},
    {"migrations", "migrations:version", "datastore", NULL, "the schema is older than this module", EVERY,
     FORGE_HEALTH_FAIL, .ask = ask_migrations, .members = members_migrations},
    {"replica", "replica:lag", "datastore", "s", "it cannot be used", FORGE_HEALTH_FULL, FORGE_HEALTH_WARN,
     .on = on_replica, .ask = ask_replica, .members = members_replica},
    {"redis", "redis:availability", "datastore", NULL, "it cannot be used", FORGE_HEALTH_FULL, FORGE_HEALTH_WARN,
     .on = on_redis, .ask = ask_redis},
    {"sandbox", "sandbox:availability", "component", NULL, "no program is run", FORGE_HEALTH_FULL, FORGE_HEALTH_WARN,
     .on = on_sandbox, .ask = ask_sandbox, .members = members_sandbox},
    {"mail", "mail:delay", "component", NULL, "mail waits for too long", FORGE_HEALTH_FULL | FORGE_HEALTH_AUTH,
     FORGE_HEALTH_WARN, .asks_database = true, .on = on_mail, .ask = ask_mail},
    {"jobs", "jobs:delay", "component", NULL, "a job has been due for more than five minutes", FORGE_HEALTH_FULL,
     FORGE_HEALTH_WARN, .asks_database = true, .ask = ask_jobs},
    {"llm", "llm:availability", "component", NULL, "it is left alone for a while", FORGE_HEALTH_FULL, FORGE_HEALTH_WARN,
     .on = on_llm, .ask = ask_llm},
    {"discovery", "discovery:availability", "component", NULL, "a lookup fails", FORGE_HEALTH_FULL, FORGE_HEALTH_WARN,
     .on = on_discovery, .ask = ask_discovery},
    {"upstreams", "upstreams:availability", "component", NULL, "one is left alone for a while", FORGE_HEALTH_FULL,
     FORGE_HEALTH_WARN, .on = on_upstreams, .ask = ask_upstreams, .members = members_upstreams},
    {"disk", "disk:free", "system", "percent", "less than a tenth is free", FORGE_HEALTH_FULL, FORGE_HEALTH_WARN,
     .ask = ask_disk, .members = members_room},
    {"memory", "memory:free", "system", "percent", "less than a tenth is free", FORGE_HEALTH_FULL, FORGE_HEALTH_WARN,
     .ask = ask_memory, .members = members_room},
    {"password_hash", "password_hash:waiting", "component", "requests", "logins wait for their turn", FORGE_HEALTH_AUTH,
     FORGE_HEALTH_WARN, .ask = ask_gate, .members = members_gate},
    {"signing", "signing:availability", "component", NULL, "there is no key", FORGE_HEALTH_AUTH, FORGE_HEALTH_FAIL,
     .ask = ask_signing, .members = members_signing},
    {"mfa", "mfa:availability", "component", NULL, "it is off", FORGE_HEALTH_AUTH, FORGE_HEALTH_WARN,
     .ask = ask_nobody},
    {"guests", "guests:availability", "component", NULL, "they are off", FORGE_HEALTH_AUTH, FORGE_HEALTH_WARN,
     .on = on_guests, .ask = ask_nobody},
    {.name = NULL},
};
/* clang-format on */
