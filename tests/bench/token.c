/* SPDX-License-Identifier: Apache-2.0
 * What one access token costs: nanoseconds of one thread to check and to sign it, by algorithm, beside the bare signature check of OpenSSL.
 * usage: bench_token SECONDS KEY-FILE... (PEM; RSA or P-256)   prints "name metric value" lines as report.awk takes them
 */
#include "core/identity/identity.h"
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECRET "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aE"

#define RULES \
    { \
        "https://forge.example", "forge", 900 * APR_USEC_PER_SEC \
    }
static const forge_token_rules_t rules[2] = {RULES, RULES};
static double seconds;

typedef struct job_t {
    apr_pool_t *request; /* cleared after each turn, as httpd does with a request's pool */
    const forge_keys_t *keys;
    const char *token;
    apr_time_t now;
    EVP_PKEY *pkey;
    unsigned char sig[600];
    size_t sig_len;
} job_t;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_token: %s\n", what);
    exit(1);
}

static void check_under(job_t *job, const forge_token_rules_t *under)
{
    forge_who_t who;
    const char *why;
    if (forge_core_token_verify(job->request, job->keys, under, &(forge_shown_t){job->token, job->now, 0}, &who,
                                &why) != FORGE_OK)
        die(why);
}

/* What was verified is remembered under its rules: with two that take turns, nothing is known. */
static void first(job_t *job)
{
    static int turn;
    check_under(job, &rules[turn ^= 1]);
}

static void again(job_t *job)
{
    check_under(job, rules);
}

static void sign(job_t *job)
{
    const forge_who_t who = {.user_id = 42, .session_id = 4711, .role = FORGE_ROLE_STUDENT, .amr = "pwd otp"};
    if (!forge_core_token_sign(job->request, job->keys, rules, &who, job->now))
        die("a token cannot be signed");
}

static void bare(job_t *job)
{
    unsigned char mac[32];
    size_t len = strlen(job->token);
    if (!job->pkey) {
        HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, (const unsigned char *)job->token, len, mac, NULL);
        return;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, job->pkey) != 1 ||
        EVP_DigestVerify(ctx, job->sig, job->sig_len, (const unsigned char *)job->token, len) != 1)
        die("a bare signature does not verify");
    EVP_MD_CTX_free(ctx);
}

static void measure(const char *name, const char *metric, job_t *job, void (*turn)(job_t *))
{
    double begun = now_ns(), spent = 0;
    long turns = 0;
    while (spent < seconds * 1e9) {
        for (int i = 0; i < 50; i++, turns++) {
            turn(job);
            apr_pool_clear(job->request);
        }
        spent = now_ns() - begun;
    }
    printf("token_%s %s %.0f\n", name, metric, spent / (double)turns);
}

/* A signature of OpenSSL's own over the same bytes. */
static void bare_prepare(job_t *job, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    job->pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    job->sig_len = sizeof(job->sig);
    if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, job->pkey) != 1 ||
        EVP_DigestSign(ctx, job->sig, &job->sig_len, (const unsigned char *)job->token, strlen(job->token)) != 1)
        die("OpenSSL does not sign");
    EVP_MD_CTX_free(ctx);
    BIO_free(bio);
}

static void measure_key(apr_pool_t *p, forge_alg_t alg, const char *pem)
{
    const forge_key_spec_t file = {"key", alg, pem, strlen(pem)};
    const forge_keyring_spec_t spec = {.secret = SECRET, .secret_len = strlen(SECRET), .files = &file, .n_files = alg != FORGE_ALG_HS256};
    const forge_who_t who = {.user_id = 42, .session_id = 4711, .role = FORGE_ROLE_STUDENT, .amr = "pwd otp"};
    const char *why = NULL, *name = forge_core_alg_name(alg);
    job_t job = {.keys = forge_core_keyring_make(p, &spec, &why), .now = apr_time_now()};
    if (!job.keys)
        die(why);
    apr_pool_create(&job.request, p);
    job.token = forge_core_token_sign(p, job.keys, rules, &who, job.now);
    if (alg != FORGE_ALG_HS256)
        bare_prepare(&job, pem);
    measure(name, "first", &job, first);
    measure(name, "again", &job, again);
    measure(name, "bare", &job, bare);
    measure(name, "sign", &job, sign);
    EVP_PKEY_free(job.pkey);
}

static char *file_read(apr_pool_t *p, const char *path)
{
    char *text = apr_pcalloc(p, 65536);
    FILE *file = fopen(path, "r");
    if (!file || !fread(text, 1, 65535, file))
        die(path);
    fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    apr_pool_t *p;
    seconds = argc > 1 ? atof(argv[1]) : 0;
    if (seconds <= 0) {
        fprintf(stderr, "usage: bench_token SECONDS KEY-FILE...\n");
        return 2;
    }
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&p, NULL);
    forge_util_json_init();
    measure_key(p, FORGE_ALG_HS256, "");
    for (int i = 2; i < argc; i++) {
        const char *pem = file_read(p, argv[i]);
        const forge_key_spec_t rsa = {"key", FORGE_ALG_RS256, pem, strlen(pem)};
        measure_key(p, forge_core_key_problem(p, &rsa) ? FORGE_ALG_ES256 : FORGE_ALG_RS256, pem);
    }
    return 0;
}
