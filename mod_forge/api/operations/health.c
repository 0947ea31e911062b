/* SPDX-License-Identifier: Apache-2.0
 * /health: is this process alive, can it serve, and how are the parts it stands on (health_checks.c). Says nothing of
 * hosts, paths or versions of others.
 */
#include "health.h"
#include "api/api.h"
#include "api/shared.h"

#include <math.h>

#define RETRY_SECONDS 5                    /* when a load balancer may ask an unfit server again */
#define PATIENCE      apr_time_from_sec(4) /* no further part is asked after it: the last one may take as long */

#define STATUSES "enum:pass|warn|fail|off"

/* clang-format off */
static const forge_field_t part_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "HealthStatus", .example = "off",
     .help = "off: not configured"},
    {.name = NULL},
};
static const forge_field_t sandbox_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "HealthStatus", .example = "pass",
     .help = "off: not configured; fail: no program is run"},
    {"missing", FORGE_T_TEXT, FORGE_F_OPTIONAL | FORGE_F_APART, .example = "user namespaces are not allowed",
     .help = "what fails"},
    {.name = NULL},
};
static const forge_field_t database_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "HealthStatus", .example = "pass",
     .help = "fail: it cannot be reached"},
    {"time_ms", FORGE_T_NUMBER, .example = "0.8", .help = "duration of the last query, in milliseconds"},
    {.name = NULL},
};
static const forge_field_t migrations_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "HealthStatus", .example = "pass",
     .help = "fail: the schema is older than this module, or has a newer breaking migration; warn: newer"},
    {"wanted", FORGE_T_INT, .example = "7", .help = "newest migration that this module knows"},
    {"found", FORGE_T_INT, FORGE_F_OPTIONAL, .example = "7", .help = "newest migration in the database"},
    {.name = NULL},
};
static const forge_field_t replica_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "HealthStatus", .example = "pass",
     .help = "off: not configured; warn: it cannot be used or is too far behind, and the primary answers"},
    {"lag_seconds", FORGE_T_NUMBER, FORGE_F_OPTIONAL, .example = "0", .help = "what is older than this it has"},
    {.name = NULL},
};
static const forge_field_t member_fields[] = {
    {"balancer", FORGE_T_TEXT, .example = "labs", .help = "its balancer"},
    {"member", FORGE_T_INT, .example = "1", .help = "its number in the balancer, in the order of the configuration"},
    {"route", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "node1", .help = "its route, where it has one"},
    {"state", FORGE_T_TEXT, .format = "enum:ok|standby|draining|disabled|in_error|unhealthy|stopped",
     .named = "UpstreamState", .example = "ok",
     .help = "in_error: a request failed, it is left alone for a while; unhealthy: its health checks fail; draining, "
             "disabled, stopped: by an operator"},
    {.name = NULL},
};
static const forge_field_t upstreams_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "HealthStatus", .example = "pass",
     .help = "off: not configured; warn: some have failed; fail: no member of a balancer can serve"},
    {"members", FORGE_T_ARRAY, FORGE_F_OPTIONAL, .fields = member_fields, .named = "HealthUpstream",
     .help = "members of balancers"},
    {.name = NULL},
};
static const forge_field_t room_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "HealthStatus", .example = "pass",
     .help = "warn: less than a tenth is free"},
    {"free_percent", FORGE_T_NUMBER, FORGE_F_OPTIONAL, .example = "61.5", .help = "percentage that is free"},
    {.name = NULL},
};
static const forge_field_t ready_checks_fields[] = {
    {"database", FORGE_T_OBJECT, .fields = database_fields, .named = "HealthDatabase", .help = "PostgreSQL"},
    {"migrations", FORGE_T_OBJECT, .fields = migrations_fields, .named = "HealthMigrations",
     .help = "version of the schema"},
    {.name = NULL},
};
static const forge_field_t node_checks_fields[] = {
    {"draining", FORGE_T_OBJECT, .fields = part_fields, .named = "HealthPart",
     .help = "whether the operator takes this node out (ForgeDrainFile): fail; /health alone still answers 200; warn: "
             "nobody can tell"},
    {.type = FORGE_T_INCLUDE, .fields = ready_checks_fields},
    {.name = NULL},
};
static const forge_field_t checks_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = node_checks_fields},
    {"replica", FORGE_T_OBJECT, .fields = replica_fields, .named = "HealthReplica",
     .help = "replica that answers public reads; warn: it cannot be used or is too far behind"},
    {"redis", FORGE_T_OBJECT, .fields = part_fields, .named = "HealthPart",
     .help = "shared rate limits; warn: it cannot be used"},
    {"sandbox", FORGE_T_OBJECT, .fields = sandbox_fields, .named = "HealthSandbox", .help = "execution of programs"},
    {"mail", FORGE_T_OBJECT, .fields = part_fields, .named = "HealthPart",
     .help = "outgoing mail; warn: mail waits for too long"},
    {"jobs", FORGE_T_OBJECT, .fields = part_fields, .named = "HealthPart",
     .help = "work beside requests; warn: a job has been due for more than five minutes"},
    {"llm", FORGE_T_OBJECT, .fields = part_fields, .named = "HealthPart",
     .help = "language model; warn: it is left alone for a while"},
    {"discovery", FORGE_T_OBJECT, .fields = part_fields, .named = "HealthPart",
     .help = "members of balancers; warn: a lookup fails, or a balancer has no room for all"},
    {"upstreams", FORGE_T_OBJECT, .fields = upstreams_fields, .named = "HealthUpstreams",
     .help = "services behind the gateway"},
    {"disk", FORGE_T_OBJECT, .fields = room_fields, .named = "HealthRoom",
     .help = "space on the fullest of the file systems of the root, of logs and of uploads"},
    {"memory", FORGE_T_OBJECT, .fields = room_fields, .named = "HealthRoom", .help = "memory of the machine"},
    {.name = NULL},
};

static const forge_field_t verdict_fields[] = {
    {"status", FORGE_T_TEXT, .format = "enum:pass|warn|fail", .named = "HealthVerdict", .example = "pass",
     .help = "the worst status of the parts that matter"},
    {"timestamp", FORGE_T_TIME, .example = "2026-01-31T12:00:00.000Z", .help = "when the report was made"},
    {"database", FORGE_T_TEXT, .format = "enum:connected|disconnected", .named = "DatabaseState",
     .example = "connected", .help = "PostgreSQL"},
    {.name = NULL},
};

static const forge_field_t full_health_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = verdict_fields},
    {"version", FORGE_T_TEXT, .example = "1.0.0", .help = "version of this module"},
    {"environment", FORGE_T_TEXT, .example = "production", .help = "value of ForgeEnvironment"},
    {"checks", FORGE_T_OBJECT, .fields = checks_fields, .named = "HealthChecks", .help = "result of each check"},
    {.name = NULL},
};
static const forge_shape_t full_health = {"Health", full_health_fields};

static const forge_field_t readiness_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = verdict_fields},
    {"checks", FORGE_T_OBJECT, .fields = node_checks_fields, .named = "ReadinessChecks",
     .help = "result of each check"},
    {.name = NULL},
};
static const forge_shape_t readiness = {"Readiness", readiness_fields};

static const forge_field_t gate_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "HealthStatus", .example = "pass",
     .help = "warn: logins wait for their turn"},
    {"places", FORGE_T_INT, .example = "4", .help = "hashes that may be computed at once, in all processes"},
    {"busy", FORGE_T_INT, .example = "1", .help = "places in use"},
    {"waiting", FORGE_T_INT, .example = "0", .help = "requests that wait for a place"},
    {.name = NULL},
};
static const forge_field_t signing_fields[] = {
    {"status", FORGE_T_TEXT, .format = STATUSES, .named = "HealthStatus", .example = "pass",
     .help = "access tokens can be signed"},
    {"algorithms", FORGE_T_ARRAY, .format = "text", .example = "[\"HS256\"]",
     .help = "accepted algorithms; the first signs new tokens"},
    {.name = NULL},
};
static const forge_field_t auth_checks_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = ready_checks_fields},
    {"password_hash", FORGE_T_OBJECT, .fields = gate_fields, .named = "HealthHashing",
     .help = "the queue for password hashing"},
    {"signing", FORGE_T_OBJECT, .fields = signing_fields, .named = "HealthSigning",
     .help = "keys that sign access tokens"},
    {"mail", FORGE_T_OBJECT, .fields = part_fields, .named = "HealthPart",
     .help = "mails for verification and password reset"},
    {"mfa", FORGE_T_OBJECT, .fields = part_fields, .named = "HealthPart", .help = "second factors"},
    {"guests", FORGE_T_OBJECT, .fields = part_fields, .named = "HealthPart", .help = "sessions without an account"},
    {.name = NULL},
};
static const forge_field_t auth_health_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = verdict_fields},
    {"checks", FORGE_T_OBJECT, .fields = auth_checks_fields, .named = "AuthHealthChecks",
     .help = "result of each check"},
    {.name = NULL},
};
static const forge_shape_t auth_health = {"AuthHealth", auth_health_fields};

static const forge_field_t measured_fields[] = {
    {"componentType", FORGE_T_TEXT, .example = "datastore", .help = "what it is"},
    {"status", FORGE_T_TEXT, .format = "enum:pass|warn|fail", .named = "HealthVerdict", .example = "pass",
     .help = "its verdict"},
    {"observedValue", FORGE_T_NUMBER, FORGE_F_OPTIONAL, .example = "0.8", .help = "what was measured"},
    {"observedUnit", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "ms", .help = "in which unit"},
    {"time", FORGE_T_TIME, .example = "2026-01-31T12:00:00.000Z", .help = "when"},
    {"output", FORGE_T_TEXT, FORGE_F_OPTIONAL | FORGE_F_APART, .example = "it cannot be reached",
     .help = "what is wrong, where the status is not pass"},
    {.name = NULL},
};
static const forge_field_t draft_fields[] = {
    {"status", FORGE_T_TEXT, .format = "enum:pass|warn|fail", .named = "HealthVerdict", .example = "pass",
     .help = "the worst status of the parts that matter"},
    {"version", FORGE_T_TEXT, .example = "1.0.0", .help = "version of this module"},
    {"releaseId", FORGE_T_TEXT, .example = "1.0.0", .help = "the same"},
    {"checks", FORGE_T_OBJECT, .format = "lists", .fields = measured_fields, .named = "HealthMeasurement",
     .example = "{\"database:responseTime\":[{\"componentType\":\"datastore\",\"status\":\"pass\","
         "\"observedValue\":0.8,\"observedUnit\":\"ms\",\"time\":\"2026-01-31T12:00:00.000Z\"}]}",
     .help = "by component and measurement, one of each; what is not configured is not there"},
    {.name = NULL},
};
static const forge_shape_t draft = {"HealthDraft", draft_fields};

static const forge_field_t liveness_fields[] = {
    {"status", FORGE_T_TEXT, .format = "enum:pass", .example = "pass", .help = "this process answers"},
    {.name = NULL},
};
static const forge_shape_t liveness = {"Liveness", liveness_fields};
/* clang-format on */

static const char *const statuses[] = {"pass", "warn", "fail", "off"};

/* What was found of all parts of a report. */
typedef struct report_t {
    forge_health_t status;
    bool connected; /* the database answers */
    forge_json_t *checks;
} report_t;

static forge_health_t worse(forge_health_t a, forge_health_t b)
{
    return a > b ? a : b;
}

/* --- one part --- */

/* "database": {"status": "pass", …} */
static void put_plain(forge_json_t *checks, const forge_health_check_t *check, const forge_health_found_t *found)
{
    forge_json_t *part = forge_util_json_put_object(checks, check->name);
    forge_util_json_put_text(part, "status", statuses[found->status]);
    if (check->members && found->status != FORGE_HEALTH_OFF)
        check->members(part, found);
}

/* "database:responseTime": [{…}], as the draft has it; what is off is not there. */
static void put_draft(forge_req_t *q, forge_json_t *checks, const forge_health_check_t *check,
                      const forge_health_found_t *found)
{
    if (found->status == FORGE_HEALTH_OFF)
        return;
    forge_json_t *part = forge_util_json_add_object(forge_util_json_put_array(checks, check->measured));
    forge_util_json_put_text(part, "componentType", check->type);
    forge_util_json_put_text(part, "status", statuses[found->status]);
    if (!isnan(found->value))
        forge_util_json_put_number(part, "observedValue", found->value);
    if (!isnan(found->value) && check->unit)
        forge_util_json_put_text(part, "observedUnit", check->unit);
    forge_util_json_put_text(part, "time", forge_util_time(q->pool, apr_time_now(), 3));
    if (found->status != FORGE_HEALTH_PASS)
        forge_util_json_put_text(part, "output", found->why ? found->why : check->trouble);
}

/* What cannot be asked any more counts as failed: the answer does not wait for everything that hangs. */
static forge_health_found_t look(forge_req_t *q, const forge_health_check_t *check, bool connected, apr_int64_t until)
{
    forge_health_found_t found = {.status = FORGE_HEALTH_PASS, .value = NAN};
    bool late = forge_util_monotonic() >= until;
    if (check->on && !check->on(q)) {
        found.status = FORGE_HEALTH_OFF;
    } else if (late || (check->asks_database && !connected)) {
        found.status = check->most;
        found.why = late ? "there was no time left to ask" : "the database cannot be used";
    } else {
        check->ask(q, &found);
    }
    return found;
}

/* --- a report: the rows of one kind, in their order --- */

static void add(forge_req_t *q, report_t *report, const forge_health_check_t *check, const forge_health_found_t *found)
{
    if (check->is_database)
        report->connected = found->status == FORGE_HEALTH_PASS;
    if (found->status != FORGE_HEALTH_OFF)
        report->status = worse(report->status, found->status < check->most ? found->status : check->most);
    if (q->health)
        put_draft(q, report->checks, check, found);
    else
        put_plain(report->checks, check, found);
}

static report_t look_at_all(forge_req_t *q, unsigned reports)
{
    const apr_int64_t until = forge_util_monotonic() + PATIENCE;
    report_t report = {.status = FORGE_HEALTH_PASS, .connected = true, .checks = forge_util_json_object(q->pool)};
    for (const forge_health_check_t *check = forge_health_checks; check->name; check++)
        if (check->reports & reports) {
            const forge_health_found_t found = look(q, check, report.connected, until);
            add(q, &report, check, &found);
        }
    return report;
}

/* --- answers --- */

/* Both forms begin with the status; the draft has a name of its own for the version. */
static forge_json_t *begin(forge_req_t *q, unsigned reports, const report_t *report)
{
    forge_json_t *body = forge_util_json_object(q->pool);
    forge_util_json_put_text(body, "status", statuses[report->status]);
    if (q->health) {
        forge_util_json_put_text(body, "version", FORGE_VERSION);
        forge_util_json_put_text(body, "releaseId", FORGE_VERSION);
        return body;
    }
    forge_util_json_put_text(body, "timestamp", forge_util_time(q->pool, apr_time_now(), 3));
    forge_util_json_put_text(body, "database", report->connected ? "connected" : "disconnected");
    if (reports & FORGE_HEALTH_FULL) {
        forge_util_json_put_text(body, "version", FORGE_VERSION);
        forge_util_json_put_text(body, "environment", forge_config_environment(q->config));
    }
    return body;
}

static forge_status_t reply(forge_req_t *q, unsigned reports)
{
    const report_t report = look_at_all(q, reports);
    forge_json_t *body = begin(q, reports, &report);
    bool fit = report.status != FORGE_HEALTH_FAIL;
    forge_util_json_put_copy(body, "checks", report.checks);
    forge_reply_header(q, "Cache-Control", "no-store");
    if (!fit)
        forge_http_retry_after(q, RETRY_SECONDS);
    return forge_reply_health(q, fit ? 200 : 503, body);
}

static forge_status_t health(forge_req_t *q)
{
    return reply(q, FORGE_HEALTH_FULL);
}

static forge_status_t health_ready(forge_req_t *q)
{
    return reply(q, FORGE_HEALTH_READY);
}

static forge_status_t health_auth(forge_req_t *q)
{
    return reply(q, FORGE_HEALTH_AUTH);
}

/* Never touches the database: it says that this process answers, no more. */
static forge_status_t health_live(forge_req_t *q)
{
    forge_buf_t *b = forge_util_buf_make(q->pool, 32, 64);
    forge_util_buf_puts(b, "{\"status\":\"pass\"}");
    forge_reply_header(q, "Cache-Control", "no-store");
    return forge_reply_buf(q, b, NULL);
}

#define HEALTH_TEXT \
    "Open to anyone. Answers 503 with the same body when the database or its schema is not usable. Each part is " \
    "checked once a second, and for five seconds at most. \"Accept: application/health+json\" gets the form of " \
    "draft-inadarei-api-health-check."

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/health", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_STATUS | FORGE_R_ROOT, .part = FORGE_PART_HEALTH, .limit = FORGE_LIMIT_NONE,
     .reply = &full_health, .draft = &draft, .handle = health, .operation = "health", .summary = "Health of all parts",
     .description = HEALTH_TEXT},
    {FORGE_GET, "/health", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_STATUS, .limit = FORGE_LIMIT_NONE, .reply = &full_health, .draft = &draft,
     .handle = health, .operation = "health_api", .summary = "Health of all parts", .description = HEALTH_TEXT},
    {FORGE_GET, "/monitor/health", FORGE_ROLE_NONE, .flags = FORGE_R_OPEN | FORGE_R_STATUS, .limit = FORGE_LIMIT_NONE,
     .reply = &full_health, .draft = &draft, .handle = health,
     .operation = "monitor_health", .summary = "Health of all parts",
     .description = HEALTH_TEXT},
    {FORGE_GET, "/health/live", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_ROOT, .part = FORGE_PART_HEALTH, .limit = FORGE_LIMIT_NONE, .reply = &liveness,
     .handle = health_live, .operation = "health_live", .summary = "Check that the process is alive",
     .description = "Open to anyone. Does not use the database."},
    {FORGE_GET, "/health/ready", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_ROOT | FORGE_R_STATUS, .part = FORGE_PART_HEALTH, .limit = FORGE_LIMIT_NONE,
     .reply = &readiness, .draft = &draft, .handle = health_ready, .operation = "health_ready",
     .summary = "Check that requests can be served",
     .description = "Open to anyone. Answers 503 with the same body unless the database is reachable and migrated, and "
         "while the operator takes this node out."},
};
static const forge_route_t auth_routes[] = {
    {FORGE_GET, "/auth/health", FORGE_ROLE_NONE, .flags = FORGE_R_OPEN | FORGE_R_STATUS, .limit = FORGE_LIMIT_NONE,
     .reply = &auth_health, .draft = &draft, .handle = health_auth,
     .operation = "auth_health", .summary = "Health of authentication",
     .description = "Open to anyone. Answers 503 with the same body when the database or its schema is not usable. "
         "The database is checked once a second."},
};
/* clang-format on */

static const forge_tag_t tag = {"health", "Whether the service and its parts work."};
const forge_routes_t forge_api_health = FORGE_API_ROUTES(routes, &tag);
const forge_routes_t forge_api_auth_health = FORGE_API_ROUTES(auth_routes, &forge_api_tag_auth);
