/* SPDX-License-Identifier: Apache-2.0
 * /health: is this process alive, can it serve, and how are the parts it stands on. Says nothing of hosts, paths or versions of others.
 */
#include "shared.h"

#include <apr_strings.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define KEPT          apr_time_from_sec(1) /* one look at the machine a second in each child */
#define RETRY_SECONDS 5                    /* when a load balancer may ask an unfit server again */
#define LOW_PERCENT   10.0                 /* less than this left of disk or memory is a warning */

#define STATUSES "enum:pass|warn|fail|off"
#define CHECK_FIELD(part, what) \
    { \
        .name = part, .type = FORGE_T_OBJECT, .help = what, .fields = part_fields \
    }

static const forge_field_t part_fields[] = {
    {.name = "status", .type = FORGE_T_TEXT, .format = STATUSES, .example = "\"off\"", .help = "off: not configured"},
    {.name = NULL},
};
static const forge_field_t database_fields[] = {
    {.name = "status", .type = FORGE_T_TEXT, .format = STATUSES, .example = "\"pass\"", .help = "fail: it cannot be reached"},
    {.name = "time_ms", .type = FORGE_T_NUMBER, .example = "0.8", .help = "how long the last question took"},
    {.name = NULL},
};
static const forge_field_t migrations_fields[] = {
    {.name = "status",
     .type = FORGE_T_TEXT,
     .format = STATUSES,
     .example = "\"pass\"",
     .help = "fail: the schema is older than this module; warn: newer"},
    {.name = "wanted", .type = FORGE_T_INT, .example = "7", .help = "newest migration this module knows"},
    {.name = "found", .type = FORGE_T_INT, .flags = FORGE_F_OPTIONAL, .example = "7", .help = "newest migration in the database"},
    {.name = NULL},
};
static const forge_field_t room_fields[] = {
    {.name = "status", .type = FORGE_T_TEXT, .format = STATUSES, .example = "\"pass\"", .help = "warn: less than a tenth is free"},
    {.name = "free_percent", .type = FORGE_T_NUMBER, .flags = FORGE_F_OPTIONAL, .example = "61.5", .help = "per cent that is free"},
    {.name = NULL},
};
static const forge_field_t checks_fields[] = {
    {.name = "database", .type = FORGE_T_OBJECT, .help = "PostgreSQL", .fields = database_fields},
    {.name = "migrations", .type = FORGE_T_OBJECT, .help = "version of the schema", .fields = migrations_fields},
    CHECK_FIELD("redis", "shared rate limits"),
    CHECK_FIELD("sandbox", "execution of programs"),
    CHECK_FIELD("mail", "outgoing mail; warn: some waits for longer than it should"),
    CHECK_FIELD("llm", "language model"),
    CHECK_FIELD("upstreams", "services behind the gateway"),
    {.name = "disk", .type = FORGE_T_OBJECT, .help = "room on the root file system", .fields = room_fields},
    {.name = "memory", .type = FORGE_T_OBJECT, .help = "memory of the machine", .fields = room_fields},
    {.name = NULL},
};
static const forge_field_t ready_checks_fields[] = {
    {.name = "database", .type = FORGE_T_OBJECT, .help = "PostgreSQL", .fields = database_fields},
    {.name = "migrations", .type = FORGE_T_OBJECT, .help = "version of the schema", .fields = migrations_fields},
    {.name = NULL},
};

#define HEALTH_FIELDS \
    {.name = "status", .type = FORGE_T_TEXT, .format = "enum:pass|warn|fail", .example = "\"pass\"", .help = "the worst that matters"}, \
        {.name = "timestamp", .type = FORGE_T_TIME, .example = "\"2026-01-31T12:00:00.000Z\"", .help = "when this was said"}, \
    { \
        .name = "database", .type = FORGE_T_TEXT, .format = "enum:connected|disconnected", .example = "\"connected\"", \
        .help = "PostgreSQL" \
    }

static const forge_field_t health_fields[] = {
    HEALTH_FIELDS,
    {.name = "version", .type = FORGE_T_TEXT, .example = "\"1.0.0\"", .help = "of this module"},
    {.name = "environment", .type = FORGE_T_TEXT, .example = "\"production\"", .help = "as ForgeEnvironment says"},
    {.name = "checks", .type = FORGE_T_OBJECT, .help = "one by one", .fields = checks_fields},
    {.name = NULL},
};
static const forge_field_t ready_fields[] = {
    HEALTH_FIELDS,
    {.name = "checks", .type = FORGE_T_OBJECT, .help = "one by one", .fields = ready_checks_fields},
    {.name = NULL},
};
static const forge_field_t gate_fields[] = {
    {.name = "status", .type = FORGE_T_TEXT, .format = STATUSES, .example = "\"pass\"", .help = "warn: logins wait for their turn"},
    {.name = "places", .type = FORGE_T_INT, .example = "4", .help = "hashes that may be computed at once, in all processes"},
    {.name = "busy", .type = FORGE_T_INT, .example = "1", .help = "of them in use"},
    {.name = "waiting", .type = FORGE_T_INT, .example = "0", .help = "who waits for one"},
    {.name = NULL},
};
static const forge_field_t signing_fields[] = {
    {.name = "status", .type = FORGE_T_TEXT, .format = STATUSES, .example = "\"pass\"", .help = "access tokens can be signed"},
    {.name = "algorithms",
     .type = FORGE_T_ARRAY,
     .format = "text",
     .example = "[\"HS256\"]",
     .help = "that are accepted; new tokens have the first"},
    {.name = NULL},
};
static const forge_field_t auth_checks_fields[] = {
    {.name = "database", .type = FORGE_T_OBJECT, .help = "PostgreSQL", .fields = database_fields},
    {.name = "migrations", .type = FORGE_T_OBJECT, .help = "version of the schema", .fields = migrations_fields},
    {.name = "password_hash", .type = FORGE_T_OBJECT, .help = "the queue before password hashes", .fields = gate_fields},
    {.name = "signing", .type = FORGE_T_OBJECT, .help = "keys of access tokens", .fields = signing_fields},
    CHECK_FIELD("mail", "letters for verification and reset"),
    CHECK_FIELD("mfa", "second factors"),
    CHECK_FIELD("guests", "sessions without an account"),
    {.name = NULL},
};
static const forge_field_t auth_fields[] = {
    HEALTH_FIELDS,
    {.name = "checks", .type = FORGE_T_OBJECT, .help = "one by one", .fields = auth_checks_fields},
    {.name = NULL},
};
static const forge_field_t live_fields[] = {
    {.name = "status", .type = FORGE_T_TEXT, .format = "enum:pass", .example = "\"pass\"", .help = "this process answers"},
    {.name = NULL},
};

typedef enum { PASS, WARN, FAIL } verdict_t;
static const char *const verdicts[] = {"pass", "warn", "fail"};

static verdict_t worse(verdict_t a, verdict_t b)
{
    return a > b ? a : b;
}

/* --- the machine --- */

typedef struct machine_t {
    apr_time_t seen;
    double disk, memory; /* per cent free, negative: not known */
} machine_t;

static double disk_free(void)
{
    struct statvfs fs;
    if (statvfs("/", &fs) != 0 || fs.f_blocks == 0)
        return -1;
    return 100.0 * (double)fs.f_bavail / (double)fs.f_blocks;
}

static double memory_free(void)
{
    char line[128];
    unsigned long long total = 0, available = 0;
    FILE *f = fopen("/proc/meminfo", "re");
    if (!f)
        return -1;
    while ((!total || !available) && fgets(line, sizeof(line), f))
        if (sscanf(line, "MemTotal: %llu", &total) != 1)
            sscanf(line, "MemAvailable: %llu", &available);
    fclose(f);
    return total ? 100.0 * (double)available / (double)total : -1;
}

/* What this child saw last, looked at again after a second. */
static machine_t machine(apr_time_t now)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static machine_t kept;
    pthread_mutex_lock(&lock);
    if (now - kept.seen >= KEPT || now < kept.seen)
        kept = (machine_t){.seen = now, .disk = disk_free(), .memory = memory_free()};
    machine_t copy = kept;
    pthread_mutex_unlock(&lock);
    return copy;
}

static verdict_t put_room(forge_json_t *checks, const char *name, double percent)
{
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

/* By what waits in the outbox; the mail server is not asked. Nobody but an operator can tell whether late mail matters: a warning. */
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
    static const char *const later[] = {"redis", "sandbox", "llm", "upstreams"}; /* not part of this build */
    forge_json_t *checks = forge_util_json_object(q->pool);
    machine_t seen = machine(apr_time_now());
    bool reached;
    verdict_t verdict = put_database(q, checks, &reached);
    for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++)
        forge_util_json_put_text(forge_util_json_put_object(checks, later[i]), "status", "off");
    verdict = worse(verdict, put_mail(q, checks));
    verdict = worse(verdict, put_room(checks, "disk", seen.disk));
    verdict = worse(verdict, put_room(checks, "memory", seen.memory));
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

#define HEALTH_ROW(where, at_root, id) \
    { \
        .method = FORGE_GET, .path = (where), .flags = FORGE_R_STATUS | (at_root), .limit = FORGE_LIMIT_NONE, .success = 200, \
        .reply = health_fields, .schema = "Health", .handle = health, .operation = (id), .tag = "health", \
        .summary = "Health of all parts", \
        .description = \
            "Open to anyone. 503 with the same body when the database or its schema is unfit; each part is asked once a second." \
    }

static const forge_route_t routes[] = {
    HEALTH_ROW("/health", FORGE_R_ROOT, "health"),
    HEALTH_ROW("/health", 0, "health_api"),
    HEALTH_ROW("/monitor/health", 0, "monitor_health"),
    {.method = FORGE_GET,
     .path = "/auth/health",
     .flags = FORGE_R_STATUS,
     .limit = FORGE_LIMIT_NONE,
     .success = 200,
     .reply = auth_fields,
     .schema = "AuthHealth",
     .handle = health_auth,
     .operation = "auth_health",
     .tag = "auth",
     .summary = "Health of identity",
     .description = "Open to anyone. 503 with the same body when the database or its schema is unfit; it is asked once a second."},
    {.method = FORGE_GET,
     .path = "/health/live",
     .flags = FORGE_R_ROOT,
     .limit = FORGE_LIMIT_NONE,
     .success = 200,
     .reply = live_fields,
     .schema = "Liveness",
     .handle = health_live,
     .operation = "health_live",
     .tag = "health",
     .summary = "Is the process alive",
     .description = "Open to anyone. Never touches the database."},
    {.method = FORGE_GET,
     .path = "/health/ready",
     .flags = FORGE_R_ROOT | FORGE_R_STATUS,
     .limit = FORGE_LIMIT_NONE,
     .success = 200,
     .reply = ready_fields,
     .schema = "Readiness",
     .handle = health_ready,
     .operation = "health_ready",
     .tag = "health",
     .summary = "Can requests be served",
     .description = "Open to anyone. 503 with the same body unless the database is reachable and migrated."},
};
const forge_routes_t forge_api_health = FORGE_API_ROUTES(routes);
