/* SPDX-License-Identifier: Apache-2.0
 * /health: is this process alive, can it serve, and how are the parts it stands on. Says nothing of hosts, paths or
 * versions of others.
 */
#include "api/api.h"
#include "core/identity/identity.h"
#include "store/store.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <math.h>
#include <string.h>

#define RETRY_SECONDS 5    /* when a load balancer may ask an unfit server again */
#define LOW_PERCENT   10.0 /* less than this left of disk or memory is a warning */

#define STATUSES "enum:pass|warn|fail|off"

/* clang-format off */
static const forge_field_t part_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .example = "off", .help = "off: not configured"},
    {.name = NULL},
};
static const forge_field_t sandbox_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .example = "pass",
     .help = "off: not configured; fail: no program is run"},
    {"missing", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "user namespaces are not allowed", .help = "what fails"},
    {.name = NULL},
};
static const forge_field_t database_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .example = "pass", .help = "fail: it cannot be reached"},
    {"time_ms", FORGE_T_NUMBER, .example = "0.8", .help = "duration of the last query, in milliseconds"},
    {.name = NULL},
};
static const forge_field_t migrations_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .example = "pass",
     .help = "fail: the schema is older than this module; warn: newer"},
    {"wanted", FORGE_T_INT, .example = "7", .help = "newest migration that this module knows"},
    {"found", FORGE_T_INT, FORGE_F_OPTIONAL, .example = "7", .help = "newest migration in the database"},
    {.name = NULL},
};
static const forge_field_t room_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .example = "pass", .help = "warn: less than a tenth is free"},
    {"free_percent", FORGE_T_NUMBER, FORGE_F_OPTIONAL, .example = "61.5", .help = "percentage that is free"},
    {.name = NULL},
};
static const forge_field_t ready_checks_fields[] = {
    {"database", FORGE_T_OBJECT, .fields = database_fields, .help = "PostgreSQL"},
    {"migrations", FORGE_T_OBJECT, .fields = migrations_fields, .help = "version of the schema"},
    {.name = NULL},
};
static const forge_field_t checks_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = ready_checks_fields},
    {"redis", FORGE_T_OBJECT, .fields = part_fields, .help = "shared rate limits"},
    {"sandbox", FORGE_T_OBJECT, .fields = sandbox_fields, .help = "execution of programs"},
    {"mail", FORGE_T_OBJECT, .fields = part_fields,
     .help = "outgoing mail; warn: mail waits for too long"},
    {"jobs", FORGE_T_OBJECT, .fields = part_fields,
     .help = "work beside requests; warn: a job has been due for more than five minutes"},
    {"llm", FORGE_T_OBJECT, .fields = part_fields, .help = "language model; warn: it is left alone for a while"},
    {"upstreams", FORGE_T_OBJECT, .fields = part_fields, .help = "services behind the gateway"},
    {"disk", FORGE_T_OBJECT, .fields = room_fields,
     .help = "space on the fullest of the file systems of the root, of logs and of uploads"},
    {"memory", FORGE_T_OBJECT, .fields = room_fields, .help = "memory of the machine"},
    {.name = NULL},
};

static const forge_field_t verdict_fields[] = {
    {"status", FORGE_T_TEXT, .format = "enum:pass|warn|fail", .example = "pass",
     .help = "the worst status of the parts that matter"},
    {"timestamp", FORGE_T_TIME, .example = "2026-01-31T12:00:00.000Z", .help = "when the report was made"},
    {"database", FORGE_T_TEXT, .format = "enum:connected|disconnected", .example = "connected", .help = "PostgreSQL"},
    {.name = NULL},
};

static const forge_field_t full_health_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = verdict_fields},
    {"version", FORGE_T_TEXT, .example = "1.0.0", .help = "version of this module"},
    {"environment", FORGE_T_TEXT, .example = "production", .help = "value of ForgeEnvironment"},
    {"checks", FORGE_T_OBJECT, .fields = checks_fields, .help = "result of each check"},
    {.name = NULL},
};
static const forge_shape_t full_health = {"Health", full_health_fields};

static const forge_field_t readiness_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = verdict_fields},
    {"checks", FORGE_T_OBJECT, .fields = ready_checks_fields, .help = "result of each check"},
    {.name = NULL},
};
static const forge_shape_t readiness = {"Readiness", readiness_fields};

static const forge_field_t gate_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .example = "pass", .help = "warn: logins wait for their turn"},
    {"places", FORGE_T_INT, .example = "4", .help = "hashes that may be computed at once, in all processes"},
    {"busy", FORGE_T_INT, .example = "1", .help = "places in use"},
    {"waiting", FORGE_T_INT, .example = "0", .help = "requests that wait for a place"},
    {.name = NULL},
};
static const forge_field_t signing_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .example = "pass", .help = "access tokens can be signed"},
    {"algorithms", FORGE_T_ARRAY, .format = "text", .example = "[\"HS256\"]",
     .help = "accepted algorithms; the first signs new tokens"},
    {.name = NULL},
};
static const forge_field_t auth_checks_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = ready_checks_fields},
    {"password_hash", FORGE_T_OBJECT, .fields = gate_fields, .help = "the queue for password hashing"},
    {"signing", FORGE_T_OBJECT, .fields = signing_fields, .help = "keys that sign access tokens"},
    {"mail", FORGE_T_OBJECT, .fields = part_fields, .help = "mails for verification and password reset"},
    {"mfa", FORGE_T_OBJECT, .fields = part_fields, .help = "second factors"},
    {"guests", FORGE_T_OBJECT, .fields = part_fields, .help = "sessions without an account"},
    {.name = NULL},
};
static const forge_field_t auth_health_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = verdict_fields},
    {"checks", FORGE_T_OBJECT, .fields = auth_checks_fields, .help = "result of each check"},
    {.name = NULL},
};
static const forge_shape_t auth_health = {"AuthHealth", auth_health_fields};

static const forge_field_t liveness_fields[] = {
    {"status", FORGE_T_TEXT, .format = "enum:pass", .example = "pass", .help = "this process answers"},
    {.name = NULL},
};
static const forge_shape_t liveness = {"Liveness", liveness_fields};
/* clang-format on */

typedef enum { PASS, WARN, FAIL } verdict_t;
static const char *const verdicts[] = {"pass", "warn", "fail"};

static verdict_t worse(verdict_t a, verdict_t b)
{
    return a > b ? a : b;
}

/* --- the machine --- */

/* The same figure as GET /performance has, told as what is left of it. */
static verdict_t put_room(forge_json_t *checks, const char *name, double used)
{
    double percent = isnan(used) ? -1 : 100 - used;
    forge_json_t *check = forge_util_json_put_object(checks, name);
    verdict_t verdict = percent >= 0 && percent < LOW_PERCENT ? WARN : PASS;
    forge_util_json_put_text(check, "status", percent < 0 ? "off" : verdicts[verdict]);
    if (percent >= 0)
        forge_util_json_put_number(check, "free_percent", (double)(long)(percent * 10 + 0.5) / 10);
    return verdict;
}

/* --- the database --- */

/* Puts the checks database and migrations; only their failure makes this server unfit. */
static verdict_t put_database(forge_req_t *q, forge_json_t *checks, bool *reached)
{
    int found = -1, wanted = forge_store_schema_wanted();
    apr_interval_time_t took = 0;
    forge_status_t status = forge_http_db_probe(q, &found, &took);
    *reached = status == FORGE_OK || status == FORGE_E_SCHEMA_OUTDATED;
    verdict_t schema = status != FORGE_OK || found < wanted ? FAIL : found > wanted ? WARN : PASS;
    forge_json_t *check = forge_util_json_put_object(checks, "database");
    forge_util_json_put_text(check, "status", verdicts[*reached ? PASS : FAIL]);
    forge_util_json_put_number(check, "time_ms", (double)took / 1000);
    check = forge_util_json_put_object(checks, "migrations");
    forge_util_json_put_text(check, "status", verdicts[schema]);
    forge_util_json_put_int(check, "wanted", wanted);
    if (found >= 0)
        forge_util_json_put_int(check, "found", found);
    return worse(*reached ? PASS : FAIL, schema);
}

/* --- mail --- */

/* By what waits in the outbox; the mail server is not asked. Nobody but an operator can tell whether late mail matters:
 * a warning. */
static verdict_t put_mail(forge_req_t *q, forge_json_t *checks)
{
    bool late = false;
    forge_json_t *check = forge_util_json_put_object(checks, "mail");
    if (!forge_config_mail(q->config)) {
        forge_util_json_put_text(check, "status", "off");
        return PASS;
    }
    verdict_t verdict = forge_http_mail_probe(q, &late) != FORGE_OK || late ? WARN : PASS;
    forge_util_json_put_text(check, "status", verdicts[verdict]);
    return verdict;
}

/* --- execution --- */

/* Everything else goes on without it, so that as a whole it is a warning. */
static verdict_t put_sandbox(forge_req_t *q, forge_json_t *checks)
{
    const char *why;
    forge_json_t *check = forge_util_json_put_object(checks, "sandbox");
    bool on = q->server->runner != NULL, works = on && forge_http_sandbox_probe(q, &why);
    forge_util_json_put_text(check, "status", !on ? "off" : verdicts[works ? PASS : FAIL]);
    if (on && !works)
        forge_util_json_put_text(check, "missing", why);
    return on && !works ? WARN : PASS;
}

/* Workers may be few for the moment, or none of a kind on any node: only an operator can tell. */
static verdict_t put_jobs(forge_req_t *q, forge_json_t *checks)
{
    bool late = false;
    verdict_t verdict = forge_http_jobs_probe(q, &late) != FORGE_OK || late ? WARN : PASS;
    forge_util_json_put_text(forge_util_json_put_object(checks, "jobs"), "status", verdicts[verdict]);
    return verdict;
}

/* What is asked from outside: the external executor. It is not asked for this; its breaker knows. */
static verdict_t put_upstreams(forge_req_t *q, forge_json_t *checks)
{
    bool on = forge_config_executor_url(q->config) != NULL, sick = on && forge_http_executor_sick(q);
    forge_util_json_put_text(forge_util_json_put_object(checks, "upstreams"), "status",
                             !on ? "off" : verdicts[sick ? WARN : PASS]);
    return sick ? WARN : PASS;
}

/* The same of the language model, without which questions are answered too. */
static verdict_t put_llm(forge_req_t *q, forge_json_t *checks)
{
    bool on = forge_config_llm(q->config) != NULL, sick = on && forge_http_llm_sick(q);
    forge_util_json_put_text(forge_util_json_put_object(checks, "llm"), "status",
                             !on ? "off" : verdicts[sick ? WARN : PASS]);
    return sick ? WARN : PASS;
}

/* --- answers --- */

/* What both reports begin with. */
static forge_json_t *report(forge_req_t *q, verdict_t verdict, bool reached)
{
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_text(answer, "status", verdicts[verdict]);
    forge_util_json_put_text(answer, "timestamp", forge_util_time(q->pool, apr_time_now(), 3));
    forge_util_json_put_text(answer, "database", reached ? "connected" : "disconnected");
    return answer;
}

static forge_status_t reply(forge_req_t *q, forge_json_t *answer, const forge_json_t *checks, verdict_t verdict)
{
    forge_util_json_put_copy(answer, "checks", checks);
    forge_reply_header(q, "Cache-Control", "no-store");
    if (verdict == FAIL)
        forge_http_retry_after(q, RETRY_SECONDS);
    return forge_reply_json_status(q, verdict == FAIL ? 503 : 200, answer);
}

static forge_status_t health(forge_req_t *q)
{
    static const char *const later[] = {"redis"}; /* not part of this build */
    forge_json_t *checks = forge_util_json_object(q->pool);
    forge_sample_t seen;
    bool reached;
    forge_live_sample_last(q->live, &seen);
    verdict_t verdict = put_database(q, checks, &reached);
    for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++)
        forge_util_json_put_text(forge_util_json_put_object(checks, later[i]), "status", "off");
    verdict = worse(verdict, put_sandbox(q, checks));
    verdict = worse(verdict, put_llm(q, checks));
    verdict = worse(verdict, put_jobs(q, checks));
    verdict = worse(verdict, put_upstreams(q, checks));
    verdict = worse(verdict, put_mail(q, checks));
    verdict = worse(verdict, put_room(checks, "disk", seen.of[FORGE_S_DISK]));
    verdict = worse(verdict, put_room(checks, "memory", seen.of[FORGE_S_MEMORY]));
    forge_json_t *answer = report(q, verdict, reached);
    forge_util_json_put_text(answer, "version", FORGE_VERSION);
    forge_util_json_put_text(answer, "environment", forge_config_environment(q->config));
    return reply(q, answer, checks, verdict);
}

static forge_status_t health_ready(forge_req_t *q)
{
    forge_json_t *checks = forge_util_json_object(q->pool);
    bool reached;
    verdict_t verdict = put_database(q, checks, &reached);
    return reply(q, report(q, verdict, reached), checks, verdict);
}

/* Never touches the database: it says that this process answers, no more. */
static forge_status_t health_live(forge_req_t *q)
{
    forge_buf_t *b = forge_util_buf_make(q->pool, 32, 64);
    forge_util_buf_puts(b, "{\"status\":\"pass\"}");
    forge_reply_header(q, "Cache-Control", "no-store");
    return forge_reply_buf(q, b, NULL);
}

/* --- /auth/health: the parts that identity stands on --- */

static verdict_t put_gate(forge_req_t *q, forge_json_t *checks)
{
    forge_json_t *check = forge_util_json_put_object(checks, "password_hash");
    int places = forge_http_password_places(q), waiting = forge_live_gate_waiting(q->live);
    verdict_t verdict = waiting > places ? WARN : PASS;
    forge_util_json_put_text(check, "status", verdicts[verdict]);
    forge_util_json_put_int(check, "places", places);
    forge_util_json_put_int(check, "busy", forge_live_gate_held(q->live));
    forge_util_json_put_int(check, "waiting", waiting);
    return verdict;
}

static void put_signing(forge_req_t *q, forge_json_t *checks)
{
    forge_json_t *check = forge_util_json_put_object(checks, "signing");
    forge_util_json_put_text(check, "status", verdicts[PASS]); /* a server without keys does not start */
    forge_json_t *algorithms = forge_util_json_put_array(check, "algorithms");
    for (int i = 0; forge_core_keys_alg(q->keys, i); i++)
        forge_util_json_add_text(algorithms, forge_core_keys_alg(q->keys, i));
}

static void put_part(forge_json_t *checks, const char *name, bool on)
{
    forge_util_json_put_text(forge_util_json_put_object(checks, name), "status", on ? verdicts[PASS] : "off");
}

static forge_status_t health_auth(forge_req_t *q)
{
    forge_json_t *checks = forge_util_json_object(q->pool);
    bool reached;
    verdict_t verdict = put_database(q, checks, &reached);
    verdict = worse(verdict, put_gate(q, checks));
    put_signing(q, checks);
    verdict = worse(verdict, put_mail(q, checks));
    put_part(checks, "mfa", true);
    put_part(checks, "guests", forge_config_guests(q->config));
    return reply(q, report(q, verdict, reached), checks, verdict);
}

#define HEALTH_TEXT \
    "Open to anyone. Answers 503 with the same body when the database or its schema is not usable. Each part is " \
    "checked once a second."

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/health", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_STATUS | FORGE_R_ROOT, .limit = FORGE_LIMIT_NONE,
     .reply = &full_health, .handle = health, .operation = "health", .summary = "Health of all parts",
     .description = HEALTH_TEXT},
    {FORGE_GET, "/health", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_STATUS, .limit = FORGE_LIMIT_NONE, .reply = &full_health,
     .handle = health, .operation = "health_api", .summary = "Health of all parts", .description = HEALTH_TEXT},
    {FORGE_GET, "/monitor/health", FORGE_ROLE_NONE, .flags = FORGE_R_OPEN | FORGE_R_STATUS, .limit = FORGE_LIMIT_NONE,
     .reply = &full_health, .handle = health, .operation = "monitor_health", .summary = "Health of all parts",
     .description = HEALTH_TEXT},
    {FORGE_GET, "/health/live", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_ROOT, .limit = FORGE_LIMIT_NONE, .reply = &liveness,
     .handle = health_live, .operation = "health_live", .summary = "Check that the process is alive",
     .description = "Open to anyone. Does not use the database."},
    {FORGE_GET, "/health/ready", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_ROOT | FORGE_R_STATUS, .limit = FORGE_LIMIT_NONE,
     .reply = &readiness, .handle = health_ready, .operation = "health_ready",
     .summary = "Check that requests can be served",
     .description = "Open to anyone. Answers 503 with the same body unless the database is reachable and migrated."},
};
static const forge_route_t auth_routes[] = {
    {FORGE_GET, "/auth/health", FORGE_ROLE_NONE, .flags = FORGE_R_OPEN | FORGE_R_STATUS, .limit = FORGE_LIMIT_NONE,
     .reply = &auth_health, .handle = health_auth, .operation = "auth_health", .summary = "Health of authentication",
     .description = "Open to anyone. Answers 503 with the same body when the database or its schema is not usable. "
         "The database is checked once a second."},
};
/* clang-format on */

static const forge_tag_t tag = {"health", "Whether the service and its parts work."};
const forge_routes_t forge_api_health = FORGE_API_ROUTES(routes, &tag);
const forge_routes_t forge_api_auth_health = FORGE_API_ROUTES(auth_routes, &forge_api_tag_auth);
