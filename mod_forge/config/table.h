/* SPDX-License-Identifier: Apache-2.0
 * What the files of config/ share: the members of forge_config_t and the rows of directives.def. No other room includes
 * this file.
 */
#ifndef FORGE_CONFIG_TABLE_H
#define FORGE_CONFIG_TABLE_H

#include "config.h"
#include "core/identity/identity.h"

#include <apr_tables.h>

#define FORGE_UNSET             (-1) /* of a number; the other members are NULL when unset */
#define FORGE_COST_TEST_MIN     4    /* bcrypt's lowest cost; values below the row's range are for tests only */
#define FORGE_COST_FORM         "10 to 15; 4 to 9 only with ForgeEnvironment test"
#define FORGE_CERTIFICATES_FORM "a file with certificates in PEM, of at most 1 MB"
#define FORGE_SECRET_FORM \
    "file:/path, env:NAME or the text itself, of at least 32 random bytes (forgectl secret makes them)"
#define FORGE_JWT_KEY_FORM    "kid RS256|ES256 /path, with a kid of 1 to 64 of A-Z a-z 0-9 . _ - that no other key has"
#define FORGE_SECONDS(n)      ((apr_int64_t)(n)*APR_USEC_PER_SEC)
#define FORGE_QUOTA_BYTES_MAX ((apr_int64_t)1 << 40)
#define FORGE_SANDBOX_ON      "on"

/* The limits set in one place. A class that is not set there keeps the limit of the enclosing place and counts in that
 * place's quota. */
typedef struct forge_limits_t {
    struct {
        bool set, by_account;
        forge_limit_t rate;
        const char *place; /* the <Location> that sets it and counts its requests separately; NULL at server level */
    } of[FORGE_LIMIT_CLASSES];
} forge_limits_t;

/* The two arguments as written. */
typedef struct forge_secret_t {
    const char *first, *second; /* the second one only verifies and decrypts; NULL: none */
} forge_secret_t;

typedef struct forge_jwt_key_t {
    const char *kid, *file;
    forge_alg_t alg;
} forge_jwt_key_t;

/* By the rows of live/alerts.def. An alert that is not set keeps its default. */
typedef struct forge_alerts_t {
    bool set[FORGE_ALERTS];
    forge_alert_t of[FORGE_ALERTS];
} forge_alerts_t;

typedef struct forge_superuser_t {
    const char *email, *password;
} forge_superuser_t;

struct forge_config_t {
    /* one member per row of directives.def */
    const char *environment, *issuer, *audience, *docs_assets, *public_url, *access_log, *mfa_issuer;
    apr_int64_t access_ttl, refresh_ttl, bcrypt_cost, bcrypt_concurrency, self_roles, terms_required, course_creators;
    apr_int64_t refresh_window, fresh_login, guests;
    apr_int64_t api;                  /* bits of forge_api_part_t */
    apr_array_header_t *api_sections; /* of void *: what the ForgeAPI that counts here has put into httpd's list */
    apr_int64_t csp, security_headers, max_body, max_bundle, max_upload, cache, docs, statement_timeout, pool_wait;
    apr_int64_t aggregate_timeout;
    const forge_password_rules_t *policy;
    const forge_superuser_t *superuser;
    const forge_lockout_t *lockout;
    const forge_queue_t *queue;
    const forge_quota_t *user_quota;
    const forge_secret_t *secret;
    apr_array_header_t *jwt_keys; /* of forge_jwt_key_t */
    const char *audit_log, *event_log;
    apr_array_header_t *log_sources; /* of forge_log_source_t; path "": off */
    forge_limits_t *limits;
    const forge_redis_t *limit_store;
    apr_int64_t limit_on_error;  /* forge_on_error_t */
    apr_array_header_t *origins; /* of const char * */
    const forge_mail_t *mail;
    const char *site_name;
    const forge_letters_t *mail_templates;

    const char *executor_url;
    const char *sandbox; /* "" is Off, "on" is the forge-runner of the installation, else its path */
    apr_int64_t languages;
    const forge_exec_limits_t *exec_limits;
    const forge_exec_places_t *exec_places;
    apr_array_header_t *git_hosts; /* of forge_git_host_t */
    const char *git_authorities;   /* certificates in PEM */
    apr_int64_t job_workers;
    apr_int64_t log_format; /* forge_line_format_t */
    const char *ocr;        /* "" is Off, else languages */
    const char *drain_file;

    const forge_llm_t *llm;
    const forge_docker_t *docker;
    forge_alerts_t *alerts;
    const forge_traces_t *traces;
    const forge_sentry_t *sentry;
    const forge_replica_t *read_dbd; /* without a string: off */

    apr_int64_t cookie, upstream_header_timeout, upstream_timeout;
    const char *login_page;
    forge_transform_t *transform;

    apr_array_header_t *services; /* of forge_service_t */
    const forge_retry_t *retry;

    const forge_config_t *otherwise; /* values of the unset members: the defaults of directives.def */

    /* made by forge_config_finish */
    forge_keys_t *keys;
    const char *superuser_password;
    const forge_mail_t *mailer;         /* complete; NULL: off */
    const forge_llm_t *llm_whole;       /* the same */
    const forge_sentry_t *sentry_whole; /* the same */
    const forge_redis_t *redis_whole;   /* the same */
    forge_token_rules_t token_rules;
    apr_uint64_t tenant;
};

/* One member per row of directives.def with scope LOCATION, of the same name and type as in forge_config_t. */
struct forge_dir_t {
    forge_limits_t *limits;
    apr_int64_t cookie, upstream_header_timeout, upstream_timeout;
    const char *login_page;
    forge_transform_t *transform;
    const forge_retry_t *retry;
};

typedef enum forge_kind_t {
    FORGE_KIND_NAME,
    FORGE_KIND_API,
    FORGE_KIND_SECRET,
    FORGE_KIND_JWT_KEY,
    FORGE_KIND_DURATION,
    FORGE_KIND_COUNT,
    FORGE_KIND_COST,
    FORGE_KIND_SIZE,
    FORGE_KIND_FLAG,
    FORGE_KIND_CSP,
    FORGE_KIND_CREATORS,
    FORGE_KIND_ROLES,
    FORGE_KIND_POLICY,
    FORGE_KIND_SUPERUSER,
    FORGE_KIND_LIMIT,
    FORGE_KIND_ORIGINS,
    FORGE_KIND_DIRECTORY,
    FORGE_KIND_FILE,
    FORGE_KIND_URL,
    FORGE_KIND_PAGE,
    FORGE_KIND_LOG,
    FORGE_KIND_LOCKOUT,
    FORGE_KIND_QUEUE,
    FORGE_KIND_QUOTA,
    FORGE_KIND_SIZE_OR_OFF,
    FORGE_KIND_LABEL,
    FORGE_KIND_MAIL,
    FORGE_KIND_MAIL_TEMPLATES,
    FORGE_KIND_OCR,
    FORGE_KIND_SANDBOX,
    FORGE_KIND_LANGUAGES,
    FORGE_KIND_EXEC_LIMITS,
    FORGE_KIND_EXEC_PLACES,
    FORGE_KIND_GIT_HOSTS,
    FORGE_KIND_CERTIFICATES,
    FORGE_KIND_LLM,
    FORGE_KIND_ALERT,
    FORGE_KIND_TRACES,
    FORGE_KIND_SENTRY,
    FORGE_KIND_LOG_FORMAT,
    FORGE_KIND_LOG_SOURCE,
    FORGE_KIND_DOCKER,
    FORGE_KIND_REPLICA,
    FORGE_KIND_TRANSFORM,
    FORGE_KIND_DISCOVER,
    FORGE_KIND_RETRY,
    FORGE_KIND_LIMIT_STORE,
    FORGE_KIND_ON_ERROR,
    FORGE_KINDS
} forge_kind_t;

#define FORGE_NOWHERE ((apr_size_t)-1)

typedef struct forge_directive_t {
    const char *name;
    forge_kind_t kind;
    apr_size_t offset; /* of the member in forge_config_t */
    apr_size_t place;  /* of the member in forge_dir_t; FORGE_NOWHERE: the directive is not allowed in <Location> */
    bool whole;        /* it is not allowed in <VirtualHost> */
    apr_int64_t low, high;
    const char *preset, *help;
} forge_directive_t;

/* --- services.c --- */

/* The text of a file of certificates in PEM; NULL: it is none, or too large. */
const char *forge_config_certificates(apr_pool_t *p, const char *path);

/* --- kinds.c, commands.c --- */

/* Rate-limit classes by forge_limit_class_t: their name, and whether they count by account by default. */
typedef struct forge_class_t {
    const char *name;
    bool by_account;
} forge_class_t;
extern const forge_class_t forge_config_classes[FORGE_LIMIT_CLASSES];
extern const forge_directive_t forge_config_rows[];
extern const int forge_config_rows_count;
/* A configuration with all defaults of the table. */
forge_config_t *forge_config_defaults(apr_pool_t *p);
/* Configurations in which everything is unset. */
forge_config_t *forge_config_blank(apr_pool_t *p);
forge_dir_t *forge_config_place_blank(apr_pool_t *p);
/* Copies the members that `add` sets over those of `base`: two forge_dir_t if `places`, else two forge_config_t. */
void forge_config_members_merge(void *base, const void *add, bool places);
/* The limits of `base`, with those of `add` over them; either may be NULL. */
forge_limits_t *forge_config_limits_merge(apr_pool_t *p, const forge_limits_t *base, const forge_limits_t *add);

#endif
