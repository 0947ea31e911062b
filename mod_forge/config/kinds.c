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

#define REPLICA_FORM    "off|connection string of libpq [max=1..10000] [lag=5s..1h]"
#define REPLICA_LAG     FORGE_SECONDS(10)
#define REPLICA_LAG_MIN FORGE_SECONDS(5) /* a pool looks every two seconds */
#define REPLICA_LAG_MAX FORGE_SECONDS(3600)

#define QUEUE_MIN FORGE_SECONDS(1)
#define QUEUE_MAX FORGE_SECONDS(600)

#define QUOTA_ROWS_MIN    10
#define QUOTA_ROWS_MAX    10000000
#define QUOTA_ROWS_PRESET 10000

#define WEBHOOK_MAX 2048 /* characters */

#define CERTIFICATES_MAX (1 << 20) /* bytes of a file of certificates */

#define EXEC_PLACES_FORM "1 to 256 runs or auto, a queue of 1 to 10000, and 1 to 10000 of one account"

#define refuse forge_config_refuse

static void put_text(const forge_setting_t *s, const char *text)
{
    *(const char **)s->member = text;
}

/* Stores a number if it lies in the range of its row. */
static const char *put_number(const forge_setting_t *s, apr_int64_t n, bool parsed, const char *low, const char *high)
{
    if (!parsed || n < s->row->low || n > s->row->high)
        return refuse(s, s->words[0], apr_pstrcat(s->p, low, " to ", high, NULL));
    *(apr_int64_t *)s->member = n;
    return NULL;
}

/* --- the readers --- */

static const char *read_name(const forge_setting_t *s)
{
    if (!forge_config_parse_name(s->words[0]))
        return refuse(s, s->words[0], "1 to 64 of A-Z a-z 0-9 . _ : / - that begin with a letter or digit");
    put_text(s, s->words[0]);
    return NULL;
}

/* Checks a literal secret at once; a secret in a file or in the environment is checked after the whole configuration
 * was read. No message repeats the value. */
static const char *read_secret(const forge_setting_t *s)
{
    forge_secret_t *secret = apr_pcalloc(s->p, sizeof(*secret));
    for (int i = 0; i < s->n; i++) {
        const char *word = s->words[i];
        const char *problem = forge_core_secret_elsewhere(word) ? NULL : forge_core_secret_problem(word, strlen(word));
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
            return refuse(s, s->words[0], FORGE_JWT_KEY_FORM);
    APR_ARRAY_PUSH(*keys, forge_jwt_key_t) =
        (forge_jwt_key_t){.kid = s->words[0], .file = file, .alg = alg == 0 ? FORGE_ALG_RS256 : FORGE_ALG_ES256};
    return NULL;
}

static const char *read_duration(const forge_setting_t *s)
{
    apr_int64_t t = 0;
    bool parsed = forge_config_parse_duration(s->words[0], &t);
    return put_number(
        s, t, parsed, forge_config_show_duration(s->p, s->row->low),
        apr_pstrcat(s->p, forge_config_show_duration(s->p, s->row->high), ", with unit ms, s, m, h or d", NULL));
}

static const char *read_size(const forge_setting_t *s)
{
    apr_int64_t bytes = 0;
    bool parsed = forge_config_parse_size(s->words[0], &bytes);
    return put_number(s, bytes, parsed, forge_config_show_size(s->p, s->row->low),
                      forge_config_show_size(s->p, s->row->high));
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
    return put_number(s, bytes, parsed, apr_pstrcat(s->p, "off, or ", forge_config_show_size(s->p, s->row->low), NULL),
                      forge_config_show_size(s->p, s->row->high));
}

static const char *read_count(const forge_setting_t *s)
{
    apr_int64_t n = 0;
    bool parsed = forge_config_parse_count(s->words[0], &n);
    return put_number(s, n, parsed, forge_util_itoa(s->p, s->row->low), forge_util_itoa(s->p, s->row->high));
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
    return read_choice(s, "Off|On");
}

static const char *read_csp(const forge_setting_t *s)
{
    return read_choice(s, "relaxed|strict|disabled"); /* order of forge_csp_t */
}

static const char *read_creators(const forge_setting_t *s)
{
    return read_choice(s, "any|instructors");
}

static const char *read_log_format(const forge_setting_t *s)
{
    return read_choice(s, "json|ecs|otel|plain"); /* order of forge_line_format_t */
}

/* Stores the roles as a set of bits 1 << forge_role_t. */
static const char *read_roles(const forge_setting_t *s)
{
    apr_int64_t roles = 0;
    for (int i = 0; i < s->n; i++) {
        forge_role_t role = forge_core_role_parse(s->words[i]);
        if (role != FORGE_ROLE_STUDENT && role != FORGE_ROLE_INSTRUCTOR)
            return refuse(s, s->words[i], "student, instructor");
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
            return refuse(s, s->words[i], "scheme://host[:port], exactly as browsers send it; no '*', no path");
        APR_ARRAY_PUSH(*origins, const char *) = origin;
    }
    return NULL;
}

static const char *read_directory(const forge_setting_t *s)
{
    const char *path = ap_server_root_relative(s->p, s->words[0]);
    if (!path || !*s->words[0])
        return refuse(s, s->words[0], "a directory");
    put_text(s, path);
    return NULL;
}

/* It need not be there. A relative path is refused: what scripts make and remove is not below ServerRoot. */
static const char *read_file(const forge_setting_t *s)
{
    if (*s->words[0] != '/')
        return refuse(s, s->words[0], "the absolute path of a file");
    put_text(s, s->words[0]);
    return NULL;
}

static const char *read_url(const forge_setting_t *s)
{
    if (!forge_config_parse_url(s->words[0]))
        return refuse(s, s->words[0],
                      "http:// or https://, host, optional port and path; no slash at the end, no query");
    put_text(s, s->words[0]);
    return NULL;
}

/* Stores "none" as empty text, so that a location can override the server's page. */
static const char *read_page(const forge_setting_t *s)
{
    bool none = apr_cstr_casecmp(s->words[0], "none") == 0;
    if (!none && !forge_config_parse_page(s->words[0]))
        return refuse(s, s->words[0],
                      "a path of this site (/login), http:// or https:// with host and optional path, or none");
    put_text(s, none ? "" : s->words[0]);
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
        return refuse(s, s->words[0], "a file, \"|program arguments\" or off");
    put_text(s, word);
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
    const bool off = s->n == 1 && forge_config_parse_choice(s->words[0], "off") == 0;
    const bool problems = s->n == 1 && forge_config_parse_choice(s->words[0], "problems") == 0;
    if (t && (off || (t->rules->nelts == 0 && !t->problems)))
        return refuse(s, s->words[0], FORGE_TRANSFORM_FORM);
    if (!off && !problems && !forge_core_transform_read(s->p, s->n, s->words, &rule))
        return refuse(s, s->words[s->n > 1], FORGE_TRANSFORM_FORM);
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
    bool off = s->n == 1 && apr_cstr_casecmp(s->words[0], "off") == 0;
    if (!off && (s->n != 2 || !forge_config_parse_count(s->words[0], &n) || n < s->row->low || n > s->row->high ||
                 !forge_config_parse_duration(s->words[1], &lockout.duration) || lockout.duration < LOCKOUT_MIN ||
                 lockout.duration > LOCKOUT_MAX))
        return refuse(s, s->n == 2 ? apr_pstrcat(s->p, s->words[0], " ", s->words[1], NULL) : s->words[0],
                      "off, or 3 to 100 failures and a duration of 1m to 1d");
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
        return refuse(s, s->words[0], "a duration of 1s to 10m, and a number of requests");
    if (!forge_config_parse_count(s->words[1], &n) || n < s->row->low || n > s->row->high)
        return refuse(s, s->words[1], "a duration, and 0 to 10000 requests");
    queue.most = (int)n;
    *(void **)s->member = apr_pmemdup(s->p, &queue, sizeof(queue));
    return NULL;
}

/* Reads "100M 10000", or the bytes alone. */
static const char *read_quota(const forge_setting_t *s)
{
    forge_quota_t quota = {0, QUOTA_ROWS_PRESET};
    if (!forge_config_parse_size(s->words[0], &quota.bytes) || quota.bytes < s->row->low || quota.bytes > s->row->high)
        return refuse(s, s->words[0], "1M to 1024G bytes, and a number of rows");
    if (s->n > 1 && (!forge_config_parse_count(s->words[1], &quota.rows) || quota.rows < QUOTA_ROWS_MIN ||
                     quota.rows > QUOTA_ROWS_MAX))
        return refuse(s, s->words[1], "a number of bytes, and 10 to 10000000 rows");
    *(void **)s->member = apr_pmemdup(s->p, &quota, sizeof(quota));
    return NULL;
}

static const char *read_label(const forge_setting_t *s)
{
    if (!forge_config_parse_label(s->words[0]))
        return refuse(s, s->words[0], "1 to 64 characters, no ':', no control characters, no blank at either end");
    put_text(s, s->words[0]);
    return NULL;
}

/* The password is checked after the whole configuration was read, like other secrets. */
static const char *read_mail(const forge_setting_t *s)
{
    const char *why;
    const forge_mail_t *mail =
        forge_net_mail_parse(s->p, s->n, (const char *const *)s->words, forge_core_mail_address, &why);
    if (!mail)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_MAIL_FORM, s->row->name, why);
    if (mail->directory) {
        forge_mail_t *absolute = apr_pmemdup(s->p, mail, sizeof(*mail));
        absolute->directory = ap_server_root_relative(s->p, mail->directory);
        mail = absolute;
    }
    *(const void **)s->member = mail;
    return NULL;
}

/* A line stands for itself: hosts of another line, or of the server, do not stay allowed behind the back of this one.
 */
static const char *read_git_hosts(const forge_setting_t *s)
{
    apr_array_header_t *hosts = apr_array_make(s->p, s->n, sizeof(forge_git_host_t));
    const bool none = s->n == 1 && forge_config_parse_choice(s->words[0], "none") == 0;
    for (int i = 0; i < s->n && !none; i++)
        if (forge_config_parse_choice(s->words[i], "none") == 0 ||
            !forge_core_git_host(s->p, s->words[i], apr_array_push(hosts)))
            return refuse(s, s->words[i],
                          "host, host:port, private:host[:port]; names only, no address, no '*'; or none alone");
    *(apr_array_header_t **)s->member = hosts;
    return NULL;
}

/* Read once, at the start: who serves requests may not be able to. */
static const char *read_certificates(const forge_setting_t *s)
{
    const char *name = ap_server_root_relative(s->p, s->words[0]);
    char *text = NULL;
    apr_finfo_t is;
    apr_file_t *file;
    if (name && apr_stat(&is, name, APR_FINFO_TYPE | APR_FINFO_SIZE, s->p) == APR_SUCCESS && is.filetype == APR_REG &&
        is.size <= CERTIFICATES_MAX &&
        apr_file_open(&file, name, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, s->p) == APR_SUCCESS) {
        text = apr_pcalloc(s->p, (apr_size_t)is.size + 1);
        apr_file_read_full(file, text, (apr_size_t)is.size, NULL);
        apr_file_close(file);
    }
    if (!text || !strstr(text, "-----BEGIN CERTIFICATE-----"))
        return refuse(s, s->words[0], "a file with certificates in PEM, of at most 1 MB");
    put_text(s, text);
    return NULL;
}

static const char *read_docker(const forge_setting_t *s)
{
    const char *why = NULL;
    const forge_docker_t *docker = forge_net_docker_parse(s->p, s->words[0], &why);
    if (!docker)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_DOCKER_FORM, s->row->name, why);
    *(const void **)s->member = docker;
    return NULL;
}

/* The key is read after the whole configuration was read, like other secrets. No message repeats it. */
static const char *read_llm(const forge_setting_t *s)
{
    const char *why;
    const forge_llm_t *llm = forge_net_llm_parse(s->p, s->n, (const char *const *)s->words, &why);
    if (!llm)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_LLM_FORM, s->row->name, why);
    *(const void **)s->member = llm;
    return NULL;
}

/* --- ForgeAlert --- */

#define ALERT_FORM \
    "name threshold|off [for duration] [mailto:ADDRESS] [https://webhook], with a name of cpu memory disk load " \
    "error_rate " \
    "p95 database_p95 pool queue jobs_late mail_late containers_unhealthy"
#define ALERT_LASTING_MAX FORGE_SECONDS(86400)

/* A threshold in the unit of its alert: 70 or 70%, 0.01 or 1%, 200ms, 12. */
static bool read_threshold(const char *word, forge_unit_t unit, double *threshold)
{
    apr_int64_t t;
    apr_size_t len = strlen(word);
    bool percent = len > 0 && word[len - 1] == '%';
    if (unit == FORGE_UNIT_SECONDS) {
        if (!forge_config_parse_duration(word, &t))
            return false;
        *threshold = (double)t / APR_USEC_PER_SEC;
        return true;
    }
    if (!forge_config_parse_decimal(word, len - percent, threshold) || (percent && unit == FORGE_UNIT_NUMBER))
        return false;
    if (unit == FORGE_UNIT_RATIO && percent)
        *threshold /= 100;
    return unit == FORGE_UNIT_NUMBER || *threshold <= (unit == FORGE_UNIT_RATIO ? 1 : 100);
}

/* A webhook's address is as good as a key, so that it must not travel unencrypted, unless to this machine. */
static bool read_webhook(apr_pool_t *p, const char *word, forge_alert_t *alert)
{
    static const char *const near[] = {"http://127.", "http://localhost:", "http://localhost/", "http://[::1]", NULL};
    bool good = apr_cstr_casecmpn(word, "https://", 8) == 0;
    for (int i = 0; near[i] && !good; i++)
        good = strncmp(word, near[i], strlen(near[i])) == 0;
    if (!good || alert->webhook || strlen(word) > WEBHOOK_MAX)
        return false;
    const char *host = strstr(word, "://") + 3;
    for (const char *c = word; *c; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    alert->webhook = word;
    alert->host = apr_pstrmemdup(p, host, strcspn(host, "/?#"));
    return *alert->host != '\0' && !strchr(alert->host, '@');
}

static bool read_target(const forge_setting_t *s, const char *word, forge_alert_t *alert)
{
    const char *why;
    if (strncmp(word, "mailto:", 7) != 0)
        return read_webhook(s->p, word, alert);
    if (alert->mailto || !(alert->mailto = forge_core_mail_address(s->p, word + 7, &why)))
        return false;
    return true;
}

/* Repeated lines add up; a later one of the same name takes the place of an earlier one. */
static const char *read_alert(const forge_setting_t *s)
{
    forge_alerts_t **alerts = s->member;
    forge_alert_t alert = {.rule = {.on = strcmp(s->words[1], "off") != 0}};
    int which = 0, at = 2;
    while (which < FORGE_ALERTS && strcmp(forge_live_alert_row(which)->name, s->words[0]) != 0)
        which++;
    if (which == FORGE_ALERTS)
        return refuse(s, s->words[0], ALERT_FORM);
    if (alert.rule.on && !read_threshold(s->words[1], forge_live_alert_row(which)->unit, &alert.rule.threshold))
        return refuse(s, s->words[1],
                      "off; per cent of 0 to 100 for cpu, memory, disk and pool; 0 to 1 or per cent for error_rate; a "
                      "duration (200ms) for p95, database_p95, jobs_late and mail_late; else a number");
    if (s->n > at && strcmp(s->words[at], "for") == 0) {
        if (s->n == at + 1 || !forge_config_parse_duration(s->words[at + 1], &alert.rule.lasting) ||
            alert.rule.lasting > ALERT_LASTING_MAX)
            return refuse(s, s->n == at + 1 ? "for" : s->words[at + 1], "for and a duration of 0s to 1d");
        at += 2;
    }
    for (; at < s->n; at++)
        if (!alert.rule.on || !read_target(s, s->words[at], &alert))
            return refuse(s, s->words[at],
                          "mailto: and an e-mail address, and https:// (or http:// to this machine), each once");
    if (!*alerts)
        *alerts = apr_pcalloc(s->p, sizeof(**alerts));
    (*alerts)->set[which] = true;
    (*alerts)->of[which] = alert;
    return NULL;
}

/* The path of a webhook often is its key. */
static const char *secret_webhook(int i, const char *word)
{
    const char *host = i > 1 && strncmp(word, "http", 4) == 0 ? strstr(word, "://") : NULL;
    const char *path = host ? host + 3 + strcspn(host + 3, "/?#") : "";
    return *path && path[1] ? path : NULL; /* from its slash on */
}

/* The DSN is taken apart after the whole configuration was read, like other secrets. No message repeats it. */
static const char *read_sentry(const forge_setting_t *s)
{
    const char *why;
    const forge_sentry_t *sentry = forge_net_sentry_parse(s->p, s->n, (const char *const *)s->words, &why);
    if (!sentry)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_SENTRY_FORM, s->row->name, why);
    *(const void **)s->member = sentry;
    return NULL;
}

/* Passwords are read after the whole configuration was read, like other secrets. No message repeats one. */
static const char *read_limit_store(const forge_setting_t *s)
{
    const char *why;
    const forge_redis_t *redis = forge_net_redis_parse(s->p, s->n, (const char *const *)s->words, &why);
    if (!redis)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_REDIS_FORM, s->row->name, why);
    *(const void **)s->member = redis;
    return NULL;
}

static const char *read_on_error(const forge_setting_t *s)
{
    return read_choice(s, "local|open|closed"); /* order of forge_on_error_t */
}

static const char *read_traces(const forge_setting_t *s)
{
    const char *why;
    const forge_traces_t *traces = forge_net_traces_parse(s->p, s->n, (const char *const *)s->words, &why);
    if (!traces)
        return apr_psprintf(s->p, "%s: %s; accepted: " FORGE_TRACES_FORM, s->row->name, why);
    *(const void **)s->member = traces;
    return NULL;
}

/* Stores Off as empty text, so that a virtual host can override the server. */
static const char *read_sandbox(const forge_setting_t *s)
{
    const char *word = s->words[0];
    int flag = forge_config_parse_choice(word, "Off|On");
    if (flag < 0 && *word != '/')
        return refuse(s, word, "On, Off, or the absolute path of forge-runner");
    put_text(s, flag == 0 ? "" : flag == 1 ? FORGE_SANDBOX_ON : word);
    return NULL;
}

/* Stores Off as empty text, and On as the language that tesseract always has. The words go to its command line. */
static const char *read_ocr(const forge_setting_t *s)
{
    const char *word = s->words[0];
    const apr_size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyz_+");
    int flag = forge_config_parse_choice(word, "Off|On");
    if (flag < 0 && (len < 3 || len > 31 || word[len] || *word == '_' || *word == '+'))
        return refuse(s, word, "On, Off, or languages of tesseract such as deu+eng");
    put_text(s, flag == 0 ? "" : flag == 1 ? "eng" : word);
    return NULL;
}

/* Stores the languages as a set of bits. */
static const char *read_languages(const forge_setting_t *s)
{
    apr_int64_t languages = 0;
    for (int i = 0; i < s->n; i++) {
        int language = forge_config_parse_choice(s->words[i], FORGE_CONFIG_LANGUAGES);
        if (language < 0)
            return refuse(s, s->words[i], FORGE_CONFIG_LANGUAGES);
        languages |= (apr_int64_t)1 << language;
    }
    *(apr_int64_t *)s->member = languages;
    return NULL;
}

/* What is not named keeps its default. */
static const char *read_exec_limits(const forge_setting_t *s)
{
    forge_exec_limits_t limits = {
        .wall_ms = 10000, .cpu_ms = 5000, .memory = 128 << 20, .processes = 64, .output = 64 << 10, .files = 10 << 20};
    for (int i = 0; i < s->n; i++)
        if (!forge_config_parse_exec_limit(s->words[i], &limits))
            return refuse(s, s->words[i], FORGE_CONFIG_EXEC_FORM);
    *(void **)s->member = apr_pmemdup(s->p, &limits, sizeof(limits));
    return NULL;
}

/* Reads "auto 1000 10". */
static const char *read_exec_places(const forge_setting_t *s)
{
    apr_int64_t n[3] = {0, 0, 0};
    static const apr_int64_t low[3] = {1, 1, 1}, high[3] = {256, 10000, 10000};
    for (int i = 0; i < 3; i++) {
        bool automatic = i == 0 && apr_cstr_casecmp(s->words[0], "auto") == 0;
        if (!automatic && (!forge_config_parse_count(s->words[i], &n[i]) || n[i] < low[i] || n[i] > high[i]))
            return refuse(s, s->words[i], EXEC_PLACES_FORM);
    }
    const forge_exec_places_t places = {(int)n[0], (int)n[1], (int)n[2]};
    *(void **)s->member = apr_pmemdup(s->p, &places, sizeof(places));
    return NULL;
}

/* One word behind the connection string. */
static bool replica_option(const forge_setting_t *s, const char *word, forge_replica_t *replica)
{
    apr_int64_t n = 0;
    if (strncmp(word, "max=", 4) == 0 && forge_config_parse_count(word + 4, &n) && n >= s->row->low &&
        n <= s->row->high) {
        replica->max = (int)n;
        return true;
    }
    if (strncmp(word, "lag=", 4) == 0 && forge_config_parse_duration(word + 4, &n) && n >= REPLICA_LAG_MIN &&
        n <= REPLICA_LAG_MAX) {
        replica->lag = n;
        return true;
    }
    return false;
}

/* The connection string itself is judged once DBDParams is known (start.c). It may hold a password: no message repeats
 * it. */
static const char *read_replica(const forge_setting_t *s)
{
    bool off = apr_cstr_casecmp(s->words[0], "off") == 0;
    forge_replica_t replica = {.conninfo = off ? NULL : s->words[0], .lag = REPLICA_LAG};
    for (int i = 1; i < s->n; i++)
        if (off || !replica_option(s, s->words[i], &replica))
            return refuse(s, s->words[i], REPLICA_FORM);
    *(void **)s->member = apr_pmemdup(s->p, &replica, sizeof(replica));
    return NULL;
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
    [FORGE_KIND_NAME] = {read_name, false, 1, 1, "name", NULL},
    [FORGE_KIND_SECRET] = {read_secret, false, 1, 2, "file:/path|env:NAME|text [file:/path|env:NAME|text]",
                           secret_whole},
    [FORGE_KIND_JWT_KEY] = {read_jwt_key, false, 3, 3, "kid RS256|ES256 /path", NULL},
    [FORGE_KIND_DURATION] = {read_duration, true, 1, 1, "duration", NULL},
    [FORGE_KIND_COUNT] = {read_count, true, 1, 1, "number", NULL},
    [FORGE_KIND_COST] = {read_cost, true, 1, 1, "number", NULL},
    [FORGE_KIND_SIZE] = {read_size, true, 1, 1, "size", NULL},
    [FORGE_KIND_SIZE_OR_OFF] = {read_size_or_off, true, 1, 1, "size|off", NULL},
    [FORGE_KIND_FLAG] = {read_flag, true, 1, 1, "On|Off", NULL},
    [FORGE_KIND_CSP] = {read_csp, true, 1, 1, "relaxed|strict|disabled", NULL},
    [FORGE_KIND_CREATORS] = {read_creators, true, 1, 1, "any|instructors", NULL},
    [FORGE_KIND_ROLES] = {read_roles, true, 1, 2, "role [role]", NULL},
    [FORGE_KIND_POLICY] = {read_policy, false, 1, 7, "word ...", NULL},
    [FORGE_KIND_SUPERUSER] = {read_superuser, false, 2, 2, "e-mail file:/path|env:NAME|text", secret_second},
    [FORGE_KIND_LIMIT] = {read_limit, false, 2, 3, "class limit/window|off [ip|user]", NULL},
    [FORGE_KIND_ORIGINS] = {read_origins, false, 1, 0, "origin ...", NULL},
    [FORGE_KIND_DIRECTORY] = {read_directory, false, 1, 1, "directory", NULL},
    [FORGE_KIND_FILE] = {read_file, false, 1, 1, "/path", NULL},
    [FORGE_KIND_URL] = {read_url, false, 1, 1, "url", NULL},
    [FORGE_KIND_PAGE] = {read_page, false, 1, 1, "/path|url|none", NULL},
    [FORGE_KIND_LOG] = {read_log, false, 1, 1, "file|\"|program\"|off", NULL},
    [FORGE_KIND_LOG_FORMAT] = {read_log_format, true, 1, 1, "json|ecs|otel|plain", NULL},
    [FORGE_KIND_LOG_SOURCE] = {read_log_source, false, 2, 3, "service file [" FORGE_LOG_FORMATS "]|service off", NULL},
    [FORGE_KIND_LOCKOUT] = {read_lockout, false, 1, 2, "failures duration|off", NULL},
    [FORGE_KIND_QUOTA] = {read_quota, false, 1, 2, "size [number]", NULL},
    [FORGE_KIND_QUEUE] = {read_queue, false, 2, 2, "duration number", NULL},
    [FORGE_KIND_LABEL] = {read_label, false, 1, 1, "text", NULL},
    [FORGE_KIND_OCR] = {read_ocr, false, 1, 1, "On|Off|languages", NULL},
    [FORGE_KIND_SANDBOX] = {read_sandbox, false, 1, 1, "On|Off|/path", NULL},
    [FORGE_KIND_LANGUAGES] = {read_languages, true, 1, 3, "language ...", NULL},
    [FORGE_KIND_EXEC_LIMITS] = {read_exec_limits, false, 1, 6, "name=value ...", NULL},
    [FORGE_KIND_EXEC_PLACES] = {read_exec_places, false, 3, 3, EXEC_PLACES_FORM, NULL},
    [FORGE_KIND_GIT_HOSTS] = {read_git_hosts, false, 1, 0, "[private:]host[:port] ...|none", NULL},
    [FORGE_KIND_CERTIFICATES] = {read_certificates, false, 1, 1, "file", NULL},
    [FORGE_KIND_DISCOVER] = {forge_config_read_discover, false, 2, 7, FORGE_DISCOVER_FORM, NULL},
    [FORGE_KIND_RETRY] = {forge_config_read_retry, false, 1, 5, FORGE_RETRY_FORM, NULL},
    [FORGE_KIND_DOCKER] = {read_docker, false, 1, 1, FORGE_DOCKER_FORM, NULL},
    [FORGE_KIND_REPLICA] = {read_replica, false, 1, 3, REPLICA_FORM, secret_first},
    [FORGE_KIND_TRANSFORM] = {read_transform, false, 1, 3, FORGE_TRANSFORM_FORM, NULL},
    [FORGE_KIND_LIMIT_STORE] = {read_limit_store, false, 1, 4, FORGE_REDIS_FORM, secret_redis},
    [FORGE_KIND_ON_ERROR] = {read_on_error, true, 1, 1, "local|open|closed", NULL},
    [FORGE_KIND_LLM] = {read_llm, false, 1, 10, FORGE_LLM_FORM, secret_third},
    [FORGE_KIND_ALERT] = {read_alert, false, 2, 6, ALERT_FORM, secret_webhook},
    [FORGE_KIND_TRACES] = {read_traces, false, 1, 2, FORGE_TRACES_FORM, NULL},
    [FORGE_KIND_SENTRY] = {read_sentry, false, 1, 2, FORGE_SENTRY_FORM, secret_first},
    [FORGE_KIND_MAIL] = {read_mail, false, 1, 6, FORGE_MAIL_FORM, secret_password},
};
