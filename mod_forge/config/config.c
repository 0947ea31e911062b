/* SPDX-License-Identifier: Apache-2.0
 * Life of a configuration: created per server and per location, merged, and finished after everything was read.
 */
#include "parse.h"
#include "core/identity/identity.h"
#include "core/mail/mail.h"
#include "table.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <string.h>

extern module AP_MODULE_DECLARE_DATA forge_module;

void *forge_config_server_make(apr_pool_t *p, server_rec *s)
{
    forge_config_t *c = forge_config_blank(p);
    (void)s;
    c->otherwise = forge_config_defaults(p);
    return c;
}

forge_limits_t *forge_config_limits_merge(apr_pool_t *p, const forge_limits_t *base, const forge_limits_t *add)
{
    forge_limits_t *limits;
    if (!base && !add)
        return NULL;
    limits = apr_pmemdup(p, base ? base : add, sizeof(*limits));
    for (int i = 0; add && i < FORGE_LIMIT_CLASSES; i++)
        if (add->of[i].set)
            limits->of[i] = add->of[i];
    return limits;
}

/* The values of the virtual host, and those of the server for everything that the virtual host does not set. */
void *forge_config_server_merge(apr_pool_t *p, void *base, void *add)
{
    const forge_config_t *over = add;
    forge_config_t *c = apr_pmemdup(p, base, sizeof(*c));
    forge_config_members_merge(c, over, false);
    c->limits = forge_config_limits_merge(p, ((const forge_config_t *)base)->limits, over->limits);
    if (over->api_sections)
        c->api_sections = over->api_sections;
    return c;
}

void *forge_config_dir_make(apr_pool_t *p, char *path)
{
    (void)path;
    return forge_config_place_blank(p);
}

void *forge_config_dir_merge(apr_pool_t *p, void *base, void *add)
{
    const forge_dir_t *outer = base, *inner = add;
    forge_dir_t *d = apr_pmemdup(p, outer, sizeof(*d));
    forge_config_members_merge(d, inner, true);
    d->limits = forge_config_limits_merge(p, outer->limits, inner->limits);
    return d;
}

forge_config_t *forge_config_of_server(server_rec *s)
{
    return ap_get_module_config(s->module_config, &forge_module);
}

forge_dir_t *forge_config_of_request(request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &forge_module);
}

/* --- checks that need several directives --- */

/* Reads one secret and checks its strength; *why is the message if it is refused. */
static char *secret_read(apr_pool_t *p, const char *spelled, apr_size_t *len, const char **why)
{
    char *secret = forge_core_secret_read(p, spelled, len, why);
    if (!*why)
        *why = forge_core_secret_problem(secret, *len);
    if (*why)
        *why = apr_psprintf(p, "ForgeSecret: %s; accepted: " FORGE_SECRET_FORM, *why);
    return secret;
}

/* Reads all key files and checks each key; *why is the message for the first one that is refused. */
static forge_key_spec_t *files_read(apr_pool_t *p, const apr_array_header_t *keys, const char **why)
{
    forge_key_spec_t *files = apr_pcalloc(p, sizeof(*files) * (apr_size_t)keys->nelts);
    for (int i = 0; i < keys->nelts && !*why; i++) {
        const forge_jwt_key_t *key = &APR_ARRAY_IDX(keys, i, forge_jwt_key_t);
        files[i].kid = key->kid;
        files[i].alg = key->alg;
        files[i].pem = forge_core_secret_read(p, key->file, &files[i].len, why);
        if (!*why)
            *why = forge_core_key_problem(p, &files[i]);
        if (*why)
            *why = apr_psprintf(p, "ForgeJWTKey: %s: %s; accepted: " FORGE_JWT_KEY_FORM, key->kid, *why);
    }
    return files;
}

static const char *finish_ring(apr_pool_t *p, forge_config_t *c, forge_keyring_spec_t *spec)
{
    unsigned char digest[32];
    const char *why = NULL;
    spec->secret = secret_read(p, c->secret->first, &spec->secret_len, &why);
    if (!why && c->secret->second)
        spec->other = secret_read(p, c->secret->second, &spec->other_len, &why);
    if (why)
        return why;
    if (spec->other && spec->other_len == spec->secret_len && memcmp(spec->other, spec->secret, spec->secret_len) == 0)
        return "ForgeSecret: both secrets are the same; accepted: " FORGE_SECRET_FORM
               "; the second one must be another secret";
    forge_core_sha256(spec->secret, spec->secret_len, digest);
    memcpy(&c->tenant, digest, sizeof(c->tenant));
    c->keys = forge_core_keyring_make(p, spec, &why);
    return c->keys ? NULL : apr_psprintf(p, "ForgeJWTKey: %s; accepted: " FORGE_JWT_KEY_FORM, why);
}

/* Checks key files even without a secret that turns the module on, because a virtual host may have one. After the keys
 * are made, the contents of the files are not needed any more; their memory is wiped with the pool. */
static const char *finish_keys(apr_pool_t *p, forge_config_t *c)
{
    forge_keyring_spec_t spec = {0};
    const char *why = NULL;
    if (c->jwt_keys) {
        spec.files = files_read(p, c->jwt_keys, &why);
        spec.n_files = c->jwt_keys->nelts;
    }
    return why || !c->secret ? why : finish_ring(p, c, &spec);
}

static const char *finish_superuser(apr_pool_t *p, forge_config_t *c)
{
    forge_faults_t *faults = forge_core_faults_make(p);
    const char *why = NULL;
    c->superuser_password = forge_core_secret_text(p, c->superuser->password, &why);
    if (why)
        return apr_psprintf(p, "ForgeFirstSuperuser: the password: %s", why);
    const apr_size_t len = strlen(c->superuser_password);
    if ((why = forge_core_password_garbled(c->superuser_password, len)))
        return apr_psprintf(p, "ForgeFirstSuperuser: the password %s, so that nobody could log in with it", why);
    forge_core_password_check(p, forge_config_password_rules(c),
                              &(forge_password_t){c->superuser_password, len, c->superuser->email, NULL}, "/password",
                              faults);
    if (forge_core_faults_count(faults) > 0)
        return apr_psprintf(p, "ForgeFirstSuperuser: the password breaks ForgePasswordPolicy (%s)",
                            forge_core_faults_at(faults, 0)->detail);
    return NULL;
}

/* A configured directory must exist, so that a typing error shows at start and not as a 404. */
static const char *check_docs(apr_pool_t *p, const forge_config_t *c)
{
    apr_finfo_t info;
    if (!c->docs_assets || !forge_config_docs(c))
        return NULL;
    if (apr_stat(&info, c->docs_assets, APR_FINFO_TYPE, p) != APR_SUCCESS || info.filetype != APR_DIR)
        return apr_psprintf(p, "ForgeDocsAssets: '%s' is refused; accepted: a directory that exists", c->docs_assets);
    return NULL;
}

static const char *finish_mail(apr_pool_t *p, forge_config_t *c)
{
    apr_finfo_t info;
    const char *why = NULL;
    forge_mail_t *mail = c->mail ? apr_pmemdup(p, c->mail, sizeof(*mail)) : NULL;
    if (!mail || (!mail->directory && !mail->host))
        return NULL;
    if (!c->public_url)
        return "ForgeMail: the links in the mails need ForgePublicURL; set it too";
    if (mail->directory &&
        (apr_stat(&info, mail->directory, APR_FINFO_TYPE, p) != APR_SUCCESS || info.filetype != APR_DIR))
        return apr_psprintf(p, "ForgeMail: '%s' is refused; accepted: a directory that exists", mail->directory);
    if (mail->ca && !forge_config_certificates(p, mail->ca))
        return apr_psprintf(p, "ForgeMail: ca=%s is refused; accepted: " FORGE_CERTIFICATES_FORM, mail->ca);
    if (mail->password && !(mail->password = forge_core_secret_text(p, mail->password, &why)))
        return apr_psprintf(p, "ForgeMail: the password: %s", why);
    if (!mail->from)
        mail->from = forge_core_mail_from(p, c->public_url);
    if (!mail->name)
        mail->name = c->site_name;
    c->mailer = mail;
    return NULL;
}

static const char *finish_llm(apr_pool_t *p, forge_config_t *c)
{
    const char *why = NULL;
    forge_llm_t *llm = c->llm && c->llm->url ? apr_pmemdup(p, c->llm, sizeof(*llm)) : NULL;
    if (llm && llm->key && !(llm->key = forge_core_secret_text(p, llm->key, &why)))
        return apr_psprintf(p, "ForgeLLM: the key: %s", why);
    for (const char *at = llm && llm->key ? llm->key : ""; *at; at++)
        if (*at < 0x21 || *at > 0x7e) /* it goes into a header */
            return "ForgeLLM: the key holds something else than visible ASCII characters";
    c->llm_whole = llm;
    return NULL;
}

static const char *finish_alerts(const forge_config_t *c)
{
    for (int i = 0; i < FORGE_ALERTS; i++)
        if (forge_config_alert(c, i)->mailto && !c->mailer)
            return "ForgeAlert: mailto: needs ForgeMail and ForgePublicURL at the level of the server";
    return NULL;
}

static const char *finish_sentry(apr_pool_t *p, forge_config_t *c)
{
    const char *why = NULL;
    if (!c->sentry || !c->sentry->dsn)
        return NULL;
    forge_sentry_t *sentry = apr_pmemdup(p, c->sentry, sizeof(*sentry));
    const char *dsn = forge_core_secret_text(p, sentry->dsn, &why);
    if (!dsn || !forge_net_sentry_open(p, sentry, dsn, &why))
        return apr_psprintf(p, "ForgeSentryDSN: %s; accepted: " FORGE_SENTRY_FORM, why);
    c->sentry_whole = sentry;
    return NULL;
}

/* Where only the place of address or password is written, both are read now. */
static const char *finish_redis(apr_pool_t *p, forge_config_t *c)
{
    const char *why = NULL, *password = NULL;
    if (!c->limit_store || !c->limit_store->url)
        return NULL;
    forge_redis_t *redis = apr_pmemdup(p, c->limit_store, sizeof(*redis));
    const char *url =
        forge_core_secret_elsewhere(redis->url) ? forge_core_secret_text(p, redis->url, &why) : redis->url;
    if (!why && redis->word && !(password = forge_core_secret_text(p, redis->word, &why)))
        return apr_psprintf(p, "ForgeRateLimitStore: the password: %s", why);
    if (why || !forge_net_redis_open(p, redis, url, password, &why))
        return apr_psprintf(p, "ForgeRateLimitStore: %s; accepted: " FORGE_REDIS_FORM, why);
    c->redis_whole = redis;
    return NULL;
}

const char *forge_config_finish(apr_pool_t *p, server_rec *s, forge_config_t *c)
{
    const char *problem;
    c->token_rules.issuer = c->issuer ? c->issuer : c->otherwise->issuer;
    c->token_rules.audience = c->audience ? c->audience : c->otherwise->audience;
    c->token_rules.access_ttl = c->access_ttl != FORGE_UNSET ? c->access_ttl : c->otherwise->access_ttl;
    if (c->keys) /* virtual hosts without their own directives share the server's */
        return NULL;
    if (forge_config_bcrypt_cost(c) < 10 && strcmp(forge_config_environment(c), "test") != 0)
        return apr_psprintf(p, "ForgeBcryptCost: '%d' is refused; accepted: " FORGE_COST_FORM,
                            forge_config_bcrypt_cost(c));
    problem = finish_keys(p, c);
    if (!problem && c->superuser)
        problem = finish_superuser(p, c);
    if (!problem)
        problem = finish_mail(p, c);
    if (!problem)
        problem = finish_llm(p, c);
    if (!problem && !s->is_virtual)
        problem = finish_alerts(c);
    if (!problem)
        problem = finish_sentry(p, c);
    if (!problem)
        problem = finish_redis(p, c);
    return problem ? problem : check_docs(p, c);
}
