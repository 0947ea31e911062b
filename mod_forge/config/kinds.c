/* SPDX-License-Identifier: Apache-2.0
 * The kinds of directive values: a reader fills the member of its row. The message for a refused value names the
 * directive, the value and the accepted form.
 */
#include "kinds.h"
#include "core/analysis/analysis.h"
#include "core/identity/identity.h"
#include "core/logs/logs.h"
#include "core/mail/mail.h"
#include "parse.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <string.h>

#define CLASS_NAMES "default|user|auth|execute|upload|analysis|stream"
const forge_class_t forge_config_classes[FORGE_LIMIT_CLASSES] = {
    [FORGE_LIMIT_DEFAULT] = {"default", false}, [FORGE_LIMIT_USER] = {"user", true},
    [FORGE_LIMIT_AUTH] = {"auth", false},       [FORGE_LIMIT_EXECUTE] = {"execute", true},
    [FORGE_LIMIT_UPLOAD] = {"upload", true},    [FORGE_LIMIT_ANALYSIS] = {"analysis", true},
    [FORGE_LIMIT_STREAM] = {"stream", false},
};

#define WINDOW_MIN FORGE_SECONDS(1)
#define WINDOW_MAX FORGE_SECONDS(7 * 86400)

#define LOCKOUT_MIN FORGE_SECONDS(60)
#define LOCKOUT_MAX FORGE_SECONDS(FORGE_LOCKOUT_HOURS_MAX * 3600)

#define QUEUE_MIN FORGE_SECONDS(1)
#define QUEUE_MAX FORGE_SECONDS(600)

#define QUOTA_ROWS_MIN    10
#define QUOTA_ROWS_MAX    10000000
#define QUOTA_ROWS_PRESET 10000

#define refuse forge_config_refuse

/* What is accepted: told of a line without values, and of a value that is refused. */
#define NAME_FORM      "1 to 64 of A-Z a-z 0-9 . _ : / - that begin with a letter or digit"
#define CREATORS_FORM  "any|instructors"
#define CSP_FORM       "relaxed|strict|disabled" /* order of forge_csp_t */
#define DIRECTORY_FORM "a directory that exists"
#define FILE_FORM      "the absolute path of a file"
#define FLAG_FORM      "Off|On"
#define FORMATS_FORM   "json|ecs|otel|plain" /* order of forge_line_format_t */
#define LABEL_FORM     "1 to 64 characters, no ':', no control characters, no blank at either end"
#define LOCKOUT_FORM   "off, or 3 to 100 failures and a duration of 1m to 1d"
#define LOG_FORM       "a file, \"|program arguments\" or off"
#define ON_ERROR_FORM  "local|open|closed" /* order of forge_on_error_t */
#define ORIGIN_FORM    "scheme://host[:port], exactly as browsers send it; no '*', no path"
#define PAGE_FORM      "a path of this site (/login), http:// or https:// with host and optional path, or none"
#define QUEUE_FORM     "a duration of 1s to 10m, and a number of 0 to 10000 requests"
#define QUOTA_FORM     "1M to 1024G bytes [10 to 10000000 rows]"
#define ROLES_FORM     "student, instructor"
#define SOURCE_FORM    "a service, " FORGE_CONFIG_SERVICES ", then a file [" FORGE_LOG_FORMATS "], or off"
#define SUPERUSER_FORM "an e-mail address and a password, file:/path|env:NAME|text"
#define URL_FORM       "http:// or https://, host, optional port and path; no slash at the end, no query"
#define LIMIT_FORM \
    "a class, " CLASS_NAMES ", then limit/window (1 to 1000000 requests in 1s to 7d; stream: a number alone) or off, " \
    "then [ip|user]"

/* Stores a number if it lies in the range of its row. */
static const char *put_number(const forge_setting_t *s, apr_int64_t n, bool parsed, const char *range)
{
    if (!parsed || n < s->row->low || n > s->row->high)
        return refuse(s, s->words[0], range);
    *(apr_int64_t *)s->member = n;
    return NULL;
}

static const char *duration_range(const forge_setting_t *s)
{
    return apr_psprintf(s->p, "%s to %s, with unit ms, s, m, h or d", forge_config_show_duration(s->p, s->row->low),
                        forge_config_show_duration(s->p, s->row->high));
}

static const char *size_range(const forge_setting_t *s)
{
    return apr_psprintf(s->p, "%s to %s", forge_config_show_size(s->p, s->row->low),
                        forge_config_show_size(s->p, s->row->high));
}

static const char *size_or_off_range(const forge_setting_t *s)
{
    return apr_pstrcat(s->p, "off, or ", size_range(s), NULL);
}

static const char *count_range(const forge_setting_t *s)
{
    return apr_psprintf(s->p, "%" APR_INT64_T_FMT " to %" APR_INT64_T_FMT, s->row->low, s->row->high);
}

/* --- the readers --- */

static const char *read_name(const forge_setting_t *s)
{
    if (!forge_config_parse_name(s->words[0]))
        return refuse(s, s->words[0], NAME_FORM);
    forge_config_put_text(s, s->words[0]);
    return NULL;
}

/* Checks a literal secret at once; a secret in a file or in the environment is checked after the whole configuration
 * was read. No message repeats the value. */
static const char *read_secret(const forge_setting_t *s)
{
    forge_secret_t *secret = apr_pcalloc(s->p, sizeof(*secret));
    for (int i = 0; i < s->n; i++) {
        const char *word = s->words[i];
        const char *problem = forge_core_secret_mistyped(word);
        if (!problem && !forge_core_secret_elsewhere(word))
            problem = forge_core_secret_problem(word, strlen(word));
        if (problem)
            return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_SECRET_FORM, s->row->name, problem);
    }
    secret->first = s->words[0];
    secret->second = s->n > 1 ? s->words[1] : NULL;
    *(void **)s->member = secret;
    return NULL;
}

/* Repeated lines add up. The files are read after the whole configuration was read. */
static const char *read_jwt_key(const forge_setting_t *s)
{
    apr_array_header_t **keys = s->member;
    int alg = forge_config_parse_choice(s->words[1], "RS256|ES256");
    if (!forge_core_kid_valid(s->words[0]))
        return refuse(s, s->words[0], FORGE_JWT_KEY_FORM);
    if (alg < 0)
        return refuse(s, s->words[1], FORGE_JWT_KEY_FORM);
    const char *file = *s->words[2] == '/' ? apr_pstrcat(s->p, "file:", s->words[2], NULL) : s->words[2];
    if (!forge_core_secret_elsewhere(file))
        return refuse(s, file, FORGE_JWT_KEY_FORM);
    if (!*keys)
        *keys = apr_array_make(s->p, 2, sizeof(forge_jwt_key_t));
    for (int i = 0; i < (*keys)->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(*keys, i, forge_jwt_key_t).kid, s->words[0]) == 0)
            return apr_psprintf(
                s->p,
                "%s: the kid '%s' stands in an earlier line too; give each key its own; accepted: " FORGE_JWT_KEY_FORM,
                s->row->name, s->words[0]);
    APR_ARRAY_PUSH(*keys, forge_jwt_key_t) =
        (forge_jwt_key_t){.kid = s->words[0], .file = file, .alg = alg == 0 ? FORGE_ALG_RS256 : FORGE_ALG_ES256};
    return NULL;
}

static const char *read_duration(const forge_setting_t *s)
{
    apr_int64_t t = 0;
    bool parsed = forge_config_parse_duration(s->words[0], &t);
    return put_number(s, t, parsed, duration_range(s));
}

static const char *read_size(const forge_setting_t *s)
{
    apr_int64_t bytes = 0;
    bool parsed = forge_config_parse_size(s->words[0], &bytes);
    return put_number(s, bytes, parsed, size_range(s));
}

/* Stores "off" as 0, which is below every range. */
static const char *read_size_or_off(const forge_setting_t *s)
{
    apr_int64_t bytes = 0;
    if (apr_cstr_casecmp(s->words[0], "off") == 0) {
        *(apr_int64_t *)s->member = 0;
        return NULL;
    }
    bool parsed = forge_config_parse_size(s->words[0], &bytes);
    return put_number(s, bytes, parsed, size_or_off_range(s));
}

static const char *read_count(const forge_setting_t *s)
{
    apr_int64_t n = 0;
    bool parsed = forge_config_parse_count(s->words[0], &n);
    return put_number(s, n, parsed, count_range(s));
}

/* Accepts 4 to 9 too, because only forge_config_finish knows the environment. */
static const char *read_cost(const forge_setting_t *s)
{
    apr_int64_t n = 0;
    if (!forge_config_parse_count(s->words[0], &n) || n < FORGE_COST_TEST_MIN || n > s->row->high)
        return refuse(s, s->words[0], FORGE_COST_FORM);
    *(apr_int64_t *)s->member = n;
    return NULL;
}

static const char *read_choice(const forge_setting_t *s, const char *choices)
{
    int choice = forge_config_parse_choice(s->words[0], choices);
    if (choice < 0)
        return refuse(s, s->words[0], choices);
    *(apr_int64_t *)s->member = choice;
    return NULL;
}

static const char *read_flag(const forge_setting_t *s)
{
    return read_choice(s, FLAG_FORM);
}

static const char *read_csp(const forge_setting_t *s)
{
    return read_choice(s, CSP_FORM);
}

static const char *read_creators(const forge_setting_t *s)
{
    return read_choice(s, CREATORS_FORM);
}

static const char *read_log_format(const forge_setting_t *s)
{
    return read_choice(s, FORMATS_FORM);
}

/* Stores the roles as a set of bits 1 << forge_role_t. */
static const char *read_roles(const forge_setting_t *s)
{
    apr_int64_t roles = 0;
    for (int i = 0; i < s->n; i++) {
        forge_role_t role = forge_core_role_parse(s->words[i]);
        if (role != FORGE_ROLE_STUDENT && role != FORGE_ROLE_INSTRUCTOR)
            return refuse(s, s->words[i], ROLES_FORM);
        roles |= 1 << role;
    }
    *(apr_int64_t *)s->member = roles;
    return NULL;
}

static const char *read_policy(const forge_setting_t *s)
{
    forge_password_rules_t rules = {.min = 8, .max = 128, .score = 2};
    for (int i = 0; i < s->n; i++)
        if (!forge_config_parse_policy(s->words[i], &rules))
            return refuse(s, s->words[i], FORGE_CONFIG_POLICY_FORM);
    *(void **)s->member = apr_pmemdup(s->p, &rules, sizeof(rules));
    return NULL;
}

static const char *read_superuser(const forge_setting_t *s)
{
    const char *email, *key, *why = "";
    forge_superuser_t *user = apr_pcalloc(s->p, sizeof(*user));
    if (!forge_core_email_normalize(s->p, s->words[0], strlen(s->words[0]), &email, &key, &why))
        return refuse(s, s->words[0], apr_pstrcat(s->p, "an e-mail address (", why, ")", NULL));
    user->email = email;
    user->password = s->words[1];
    *(void **)s->member = user;
    return NULL;
}

/* Reads "class limit/window [ip|user]", "class off" or "stream count [ip|user]". */
static const char *read_limit(const forge_setting_t *s)
{
    forge_limits_t **limits = s->member;
    forge_limit_t rate = {0, 0};
    int class = forge_config_parse_choice(s->words[0], CLASS_NAMES);
    int by = s->n > 2    ? forge_config_parse_choice(s->words[2], "ip|user")
             : class < 0 ? 0
                         : forge_config_classes[class].by_account;
    bool stream = class == FORGE_LIMIT_STREAM && apr_cstr_casecmp(s->words[1], "off") != 0;
    if (class < 0)
        return refuse(s, s->words[0], "one of the classes " CLASS_NAMES);
    if (by < 0)
        return refuse(s, s->words[2], "ip or user");
    if (stream &&
        (!forge_config_parse_count(s->words[1], &rate.limit) || rate.limit < s->row->low || rate.limit > s->row->high))
        return refuse(s, s->words[1], "off, or how many streams may be open: 1 to 1000000");
    if (!stream &&
        (!forge_config_parse_rate(s->words[1], &rate) ||
         (rate.limit && (rate.limit > s->row->high || rate.window < WINDOW_MIN || rate.window > WINDOW_MAX))))
        return refuse(s, s->words[1], "off, or limit/window with a limit of 1 to 1000000 and a window of 1s to 7d");
    if (!*limits)
        *limits = apr_pcalloc(s->p, sizeof(**limits));
    (*limits)->of[class].set = true;
    (*limits)->of[class].rate = rate;
    (*limits)->of[class].by_account = by == 1;
    (*limits)->of[class].place = s->place;
    return NULL;
}

/* Repeated lines add up. */
static const char *read_origins(const forge_setting_t *s)
{
    apr_array_header_t **origins = s->member;
    if (!*origins)
        *origins = apr_array_make(s->p, s->n, sizeof(const char *));
    for (int i = 0; i < s->n; i++) {
        const char *origin = forge_config_parse_origin(s->p, s->words[i]);
        if (!origin)
            return refuse(s, s->words[i], ORIGIN_FORM);
        APR_ARRAY_PUSH(*origins, const char *) = origin;
    }
    return NULL;
}

static const char *read_directory(const forge_setting_t *s)
{
    const char *path = ap_server_root_relative(s->p, s->words[0]);
    if (!path || !*s->words[0])
        return refuse(s, s->words[0], DIRECTORY_FORM);
    forge_config_put_text(s, path);
    return NULL;
}

/* It need not be there. A relative path is refused: what scripts make and remove is not below ServerRoot. */
static const char *read_file(const forge_setting_t *s)
{
    if (*s->words[0] != '/')
        return refuse(s, s->words[0], FILE_FORM);
    forge_config_put_text(s, s->words[0]);
    return NULL;
}

static const char *read_url(const forge_setting_t *s)
{
    if (!forge_config_parse_url(s->words[0]))
        return refuse(s, s->words[0], URL_FORM);
    forge_config_put_text(s, s->words[0]);
    return NULL;
}

/* Stores "none" as empty text, so that a location can override the server's page. */
static const char *read_page(const forge_setting_t *s)
{
    bool none = apr_cstr_casecmp(s->words[0], "none") == 0;
    if (!none && !forge_config_parse_page(s->words[0]))
        return refuse(s, s->words[0], PAGE_FORM);
    forge_config_put_text(s, none ? "" : s->words[0]);
    return NULL;
}

/* Stores "off" as empty text, so that a virtual host can override the server's log. */
static const char *read_log(const forge_setting_t *s)
{
    const char *word = s->words[0];
    if (apr_cstr_casecmp(word, "off") == 0)
        word = "";
    else if (*word != '|')
        word = *word ? ap_server_root_relative(s->p, word) : NULL;
    else if (!word[1 + strspn(word + 1, " \t")])
        word = NULL;
    if (!word)
        return refuse(s, s->words[0], LOG_FORM);
    forge_config_put_text(s, word);
    return NULL;
}

/* Repeated lines add up, also for one service. */
static const char *read_log_source(const forge_setting_t *s)
{
    apr_array_header_t **sources = s->member;
    const char *path = s->words[1];
    bool off = s->n == 2 && apr_cstr_casecmp(path, "off") == 0;
    int format = s->n > 2 ? forge_config_parse_choice(s->words[2], FORGE_LOG_FORMATS) : FORGE_LOG_GUESS;
    if (forge_config_parse_choice(s->words[0], FORGE_CONFIG_SERVICES) < 0)
        return refuse(s, s->words[0], "a service, " FORGE_CONFIG_SERVICES);
    if (format < 0)
        return refuse(s, s->words[2], "a format, " FORGE_LOG_FORMATS);
    if (!off && (!*path || *path == '|' || !(path = ap_server_root_relative(s->p, path))))
        return refuse(s, s->words[1], "a file, or off");
    if (!*sources)
        *sources = apr_array_make(s->p, 1, sizeof(forge_log_source_t));
    if ((*sources)->nelts == FORGE_LOG_FILES_MAX)
        return refuse(s, path, "at most " APR_STRINGIFY(FORGE_LOG_FILES_MAX) " files");
    APR_ARRAY_PUSH(*sources, forge_log_source_t) = (forge_log_source_t){
        .service = s->words[0], .path = off ? "" : path, .format = (forge_log_format_t)format, .fd = -1};
    return NULL;
}

/* The tags of changed answers name the rules, in the order of the lines. */
static void sign_transform(const forge_setting_t *s, forge_transform_t *t)
{
    for (int i = 0; i < s->n; i++)
        t->hash = forge_util_hash(forge_util_hash(t->hash, s->words[i]), " ");
    t->mark = apr_psprintf(s->p, "-t%016" APR_UINT64_T_HEX_FMT, t->hash);
}

/* Lines add up; "off" stands alone and takes away what the place around has. */
static const char *read_transform(const forge_setting_t *s)
{
    forge_transform_t **member = s->member, *t = *member;
    forge_transform_rule_t rule;
    const bool off = forge_config_parse_choice(s->words[0], "off") == 0;
    const bool problems = forge_config_parse_choice(s->words[0], "problems") == 0;
    if (t && (off || (t->rules->nelts == 0 && !t->problems)))
        return refuse(s, s->words[0], FORGE_TRANSFORM_FORM);
    if ((off || problems) && s->n > 1)
        return refuse(s, s->words[1], FORGE_TRANSFORM_FORM);
    const char *wrong = off || problems ? NULL : forge_core_transform_read(s->p, s->n, s->words, &rule);
    if (wrong)
        return refuse(s, wrong, FORGE_TRANSFORM_FORM);
    if (!t) {
        *member = t = apr_pcalloc(s->p, sizeof(*t));
        t->rules = apr_array_make(s->p, 4, sizeof(forge_transform_rule_t));
        t->hash = FORGE_HASH_START;
    }
    if (t->rules->nelts == FORGE_TRANSFORM_RULES)
        return refuse(s, s->words[0], "at most " APR_STRINGIFY(FORGE_TRANSFORM_RULES) " rules");
    if (!off && !problems)
        APR_ARRAY_PUSH(t->rules, forge_transform_rule_t) = rule;
    t->problems = t->problems || problems;
    sign_transform(s, t);
    return NULL;
}

/* Reads "5 30m" or "off". */
static const char *read_lockout(const forge_setting_t *s)
{
    forge_lockout_t lockout = {0, 0};
    apr_int64_t n = 0;
    const bool off = apr_cstr_casecmp(s->words[0], "off") == 0;
    if (!off && (!forge_config_parse_count(s->words[0], &n) || n < s->row->low || n > s->row->high || s->n == 1))
        return refuse(s, s->words[0], LOCKOUT_FORM);
    if (s->n == 2 && (off || !forge_config_parse_duration(s->words[1], &lockout.duration) ||
                      lockout.duration < LOCKOUT_MIN || lockout.duration > LOCKOUT_MAX))
        return refuse(s, s->words[1], LOCKOUT_FORM);
    lockout.failures = (int)n;
    *(void **)s->member = apr_pmemdup(s->p, &lockout, sizeof(lockout));
    return NULL;
}

/* Reads "60s 1000". */
static const char *read_queue(const forge_setting_t *s)
{
    forge_queue_t queue = {0, 0};
    apr_int64_t n = 0;
    if (!forge_config_parse_duration(s->words[0], &queue.patience) || queue.patience < QUEUE_MIN ||
        queue.patience > QUEUE_MAX)
        return refuse(s, s->words[0], QUEUE_FORM);
    if (!forge_config_parse_count(s->words[1], &n) || n < s->row->low || n > s->row->high)
        return refuse(s, s->words[1], QUEUE_FORM);
    queue.most = (int)n;
    *(void **)s->member = apr_pmemdup(s->p, &queue, sizeof(queue));
    return NULL;
}

/* Reads "100M 10000", or the bytes alone. */
static const char *read_quota(const forge_setting_t *s)
{
    forge_quota_t quota = {0, QUOTA_ROWS_PRESET};
    if (!forge_config_parse_size(s->words[0], &quota.bytes) || quota.bytes < s->row->low || quota.bytes > s->row->high)
        return refuse(s, s->words[0], QUOTA_FORM);
    if (s->n > 1 && (!forge_config_parse_count(s->words[1], &quota.rows) || quota.rows < QUOTA_ROWS_MIN ||
                     quota.rows > QUOTA_ROWS_MAX))
        return refuse(s, s->words[1], QUOTA_FORM);
    *(void **)s->member = apr_pmemdup(s->p, &quota, sizeof(quota));
    return NULL;
}

static const char *read_label(const forge_setting_t *s)
{
    if (!forge_config_parse_label(s->words[0]))
        return refuse(s, s->words[0], LABEL_FORM);
    forge_config_put_text(s, s->words[0]);
    return NULL;
}

static const char *read_on_error(const forge_setting_t *s)
{
    return read_choice(s, ON_ERROR_FORM);
}

/* --- where each kind has its secret --- */

static const char *secret_whole(int i, const char *word)
{
    (void)i;
    return word;
}

/* But for off. */
static const char *secret_first(int i, const char *word)
{
    return i == 0 && apr_cstr_casecmp(word, "off") != 0 ? word : NULL;
}

/* After an e-mail address. */
static const char *secret_second(int i, const char *word)
{
    return i > 0 ? word : NULL;
}

/* After an address and a model. */
static const char *secret_third(int i, const char *word)
{
    return i == 2 && strcmp(word, "none") != 0 ? word : NULL;
}

static const char *secret_password(int i, const char *word)
{
    static const char name[] = "password=";
    (void)i;
    return strncmp(word, name, strlen(name)) == 0 ? word + strlen(name) : NULL;
}

/* In an address from its password on, which hides the host too; else after password=. */
static const char *secret_redis(int i, const char *word)
{
    const char *host = i == 0 ? strstr(word, "://") : NULL, *at = host ? strrchr(host, '@') : NULL,
               *colon = at ? strchr(host + 3, ':') : NULL;
    if (i > 0)
        return secret_password(i, word);
    return colon && colon < at ? colon + 1 : NULL;
}

const forge_value_kind_t forge_config_kinds[FORGE_KINDS] = {
    [FORGE_KIND_NAME] = {read_name, false, 1, 1, .form = NAME_FORM},
    [FORGE_KIND_API] = {forge_config_read_api, true, 1, 6, .form = FORGE_API_FORM},
    [FORGE_KIND_SECRET] = {read_secret, false, 1, 2, .form = FORGE_SECRET_FORM, .secret_in = secret_whole},
    [FORGE_KIND_JWT_KEY] = {read_jwt_key, false, 3, 3, .form = FORGE_JWT_KEY_FORM},
    [FORGE_KIND_DURATION] = {read_duration, true, 1, 1, .range = duration_range},
    [FORGE_KIND_COUNT] = {read_count, true, 1, 1, .range = count_range},
    [FORGE_KIND_COST] = {read_cost, true, 1, 1, .form = FORGE_COST_FORM},
    [FORGE_KIND_SIZE] = {read_size, true, 1, 1, .range = size_range},
    [FORGE_KIND_SIZE_OR_OFF] = {read_size_or_off, true, 1, 1, .range = size_or_off_range},
    [FORGE_KIND_FLAG] = {read_flag, true, 1, 1, .form = FLAG_FORM},
    [FORGE_KIND_CSP] = {read_csp, true, 1, 1, .form = CSP_FORM},
    [FORGE_KIND_CREATORS] = {read_creators, true, 1, 1, .form = CREATORS_FORM},
    [FORGE_KIND_ROLES] = {read_roles, true, 1, 2, .form = ROLES_FORM},
    [FORGE_KIND_POLICY] = {read_policy, false, 1, 7, .form = FORGE_CONFIG_POLICY_FORM},
    [FORGE_KIND_SUPERUSER] = {read_superuser, false, 2, 2, .form = SUPERUSER_FORM, .secret_in = secret_second},
    [FORGE_KIND_LIMIT] = {read_limit, false, 2, 3, .form = LIMIT_FORM},
    [FORGE_KIND_ORIGINS] = {read_origins, false, 1, 0, .form = ORIGIN_FORM},
    [FORGE_KIND_DIRECTORY] = {read_directory, false, 1, 1, .form = DIRECTORY_FORM},
    [FORGE_KIND_FILE] = {read_file, false, 1, 1, .form = FILE_FORM},
    [FORGE_KIND_URL] = {read_url, false, 1, 1, .form = URL_FORM},
    [FORGE_KIND_PAGE] = {read_page, false, 1, 1, .form = PAGE_FORM},
    [FORGE_KIND_LOG] = {read_log, false, 1, 1, .form = LOG_FORM},
    [FORGE_KIND_LOG_FORMAT] = {read_log_format, true, 1, 1, .form = FORMATS_FORM},
    [FORGE_KIND_LOG_SOURCE] = {read_log_source, false, 2, 3, .form = SOURCE_FORM},
    [FORGE_KIND_LOCKOUT] = {read_lockout, false, 1, 2, .form = LOCKOUT_FORM},
    [FORGE_KIND_QUOTA] = {read_quota, false, 1, 2, .form = QUOTA_FORM},
    [FORGE_KIND_QUEUE] = {read_queue, false, 2, 2, .form = QUEUE_FORM},
    [FORGE_KIND_LABEL] = {read_label, false, 1, 1, .form = LABEL_FORM},
    [FORGE_KIND_OCR] = {forge_config_read_ocr, false, 1, 1, .form = FORGE_OCR_FORM},
    [FORGE_KIND_SANDBOX] = {forge_config_read_sandbox, false, 1, 1, .form = FORGE_SANDBOX_FORM},
    [FORGE_KIND_LANGUAGES] = {forge_config_read_languages, true, 1, 3, .form = FORGE_CONFIG_LANGUAGES},
    [FORGE_KIND_EXEC_LIMITS] = {forge_config_read_exec_limits, false, 1, 6, .form = FORGE_CONFIG_EXEC_FORM},
    [FORGE_KIND_EXEC_PLACES] = {forge_config_read_exec_places, false, 3, 3, .form = FORGE_EXEC_PLACES_FORM},
    [FORGE_KIND_GIT_HOSTS] = {forge_config_read_git_hosts, false, 1, 0, .form = FORGE_GIT_HOSTS_FORM},
    [FORGE_KIND_CERTIFICATES] = {forge_config_read_certificates, false, 1, 1, .form = FORGE_CERTIFICATES_FORM},
    [FORGE_KIND_DISCOVER] = {forge_config_read_discover, false, 2, 7, .form = FORGE_DISCOVER_FORM},
    [FORGE_KIND_RETRY] = {forge_config_read_retry, false, 1, 5, .form = FORGE_RETRY_FORM},
    [FORGE_KIND_DOCKER] = {forge_config_read_docker, false, 1, 1, .form = FORGE_DOCKER_FORM},
    [FORGE_KIND_REPLICA] = {forge_config_read_replica, false, 1, 3, .form = FORGE_REPLICA_FORM,
                            .secret_in = secret_first},
    [FORGE_KIND_TRANSFORM] = {read_transform, false, 1, 3, .form = FORGE_TRANSFORM_FORM},
    [FORGE_KIND_LIMIT_STORE] = {forge_config_read_limit_store, false, 1, 4, .form = FORGE_REDIS_FORM,
                                .secret_in = secret_redis},
    [FORGE_KIND_ON_ERROR] = {read_on_error, true, 1, 1, .form = ON_ERROR_FORM},
    [FORGE_KIND_LLM] = {forge_config_read_llm, false, 1, 10, .form = FORGE_LLM_FORM, .secret_in = secret_third},
    [FORGE_KIND_ALERT] = {forge_config_read_alert, false, 2, 6, .form = FORGE_ALERT_FORM,
                          .secret_in = forge_config_secret_webhook},
    [FORGE_KIND_TRACES] = {forge_config_read_traces, false, 1, 2, .form = FORGE_TRACES_FORM},
    [FORGE_KIND_SENTRY] = {forge_config_read_sentry, false, 1, 2, .form = FORGE_SENTRY_FORM, .secret_in = secret_first},
    [FORGE_KIND_MAIL] = {forge_config_read_mail, false, 1, 6, .form = FORGE_MAIL_FORM, .secret_in = secret_password},
    [FORGE_KIND_MAIL_TEMPLATES] = {forge_config_read_mail_templates, false, 1, 1, .form = DIRECTORY_FORM},
};
