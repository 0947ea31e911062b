/* SPDX-License-Identifier: Apache-2.0
 * Signing keys that others can check: the published set, tokens of RS256 and ES256, good and forged (SECURITY 19–23),
 * and their change. OpenSSL alone judges and forges here; the private keys are read from the files that the server was
 * given.
 */
#include "core/identity/identity.h"
#include "harness.h"

#include <apr_general.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char set_path[] = "/.well-known/jwks.json";
static const char me_path[] = "/api/v1/auth/me";

static void refused(const char *what, const char *token)
{
    reply_t *reply = CALL("GET", me_path, .port = PORT_KEYS, .token = token);
    ck_assert_msg(reply->status == 401, "%s: %d %.200s", what, reply->status, reply->body);
    ck_assert_str_eq(text_at(reply->json, "/code"), "invalid_token");
}

static void accepted(const char *what, const char *token)
{
    reply_t *reply = CALL("GET", me_path, .port = PORT_KEYS, .token = token);
    ck_assert_msg(reply->status == 200, "%s: %d %.200s", what, reply->status, reply->body);
}

/* --- OpenSSL's part --- */

static EVP_PKEY *private_key(const char *file)
{
    BIO *bio = BIO_new_file(F("%s/%s", env.dir, file), "r");
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ck_assert_ptr_nonnull(pkey);
    return pkey;
}

static char *public_pem(const char *file)
{
    char *out;
    ck_assert_int_eq(
        process_run(NULL, (const char *[]){"openssl", "pkey", "-in", F("%s/%s", env.dir, file), "-pubout", NULL}, &out),
        0);
    return out;
}

static bool is_ec(EVP_PKEY *pkey)
{
    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC;
}

/* header.payload.signature by a key file. */
static char *forged(const char *header_json, const char *payload_json, const char *file, const EVP_MD *digest)
{
    char *signing = F("%s.%s", b64url_text(header_json), b64url_text(payload_json));
    unsigned char sig[600], raw[64];
    const unsigned char *der = sig;
    size_t length = sizeof(sig);
    EVP_PKEY *pkey = private_key(file);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, digest, NULL, pkey), 1);
    ck_assert_int_eq(EVP_DigestSign(ctx, sig, &length, (unsigned char *)signing, strlen(signing)), 1);
    if (is_ec(pkey)) {
        ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)length);
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32), BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32);
        ECDSA_SIG_free(pair);
    }
    char *token = F("%s.%s", signing, is_ec(pkey) ? b64url(raw, sizeof(raw)) : b64url(sig, length));
    EVP_MD_CTX_free(ctx), EVP_PKEY_free(pkey);
    return token;
}

static unsigned char *bytes_of(const char *text, size_t *length)
{
    size_t n = strlen(text), room = (n + 3) / 4 * 4;
    char *padded = keep(malloc(room + 1));
    unsigned char *out = keep(calloc(1, room + 1));
    memset(padded, '=', room);
    for (size_t i = 0; i < n; i++)
        padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    ck_assert_int_ge(EVP_DecodeBlock(out, (unsigned char *)padded, (int)room), 0);
    *length = n * 3 / 4;
    return out;
}

static BIGNUM *number(const json_t *key, const char *pointer)
{
    size_t length;
    unsigned char *bytes = bytes_of(text_at(key, pointer), &length);
    return BN_bin2bn(bytes, (int)length, NULL);
}

/* A key of what the set says and nothing else. */
static EVP_PKEY *published_key(const json_t *key)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    const char *type = text_at(key, "/kty");
    BIGNUM *a = number(key, strcmp(type, "EC") == 0 ? "/x" : "/n"),
           *b = number(key, strcmp(type, "EC") == 0 ? "/y" : "/e");
    unsigned char point[65] = {4};
    if (strcmp(type, "EC") == 0) {
        BN_bn2binpad(a, point + 1, 32), BN_bn2binpad(b, point + 33, 32);
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
    } else {
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, a),
            OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, b);
    }
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    ck_assert(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1);
    EVP_PKEY_CTX_free(ctx), OSSL_PARAM_free(params), OSSL_PARAM_BLD_free(build), BN_free(a), BN_free(b);
    return pkey;
}

static bool verifies(EVP_PKEY *pkey, const char *token)
{
    const char *dot = strrchr(token, '.');
    unsigned char *der = NULL;
    size_t length;
    unsigned char *sig = bytes_of(dot + 1, &length);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (is_ec(pkey)) {
        ECDSA_SIG *pair = ECDSA_SIG_new();
        ck_assert_uint_eq(length, 64);
        ECDSA_SIG_set0(pair, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL));
        length = (size_t)i2d_ECDSA_SIG(pair, &der);
        sig = der;
        ECDSA_SIG_free(pair);
    }
    ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
    bool good = EVP_DigestVerify(ctx, sig, length, (const unsigned char *)token, (size_t)(dot - token)) == 1;
    EVP_MD_CTX_free(ctx), OPENSSL_free(der);
    return good;
}

/* --- the published set --- */

/* The key of that name at PORT_KEYS, or NULL. */
static json_t *published(const char *kid)
{
    size_t i;
    json_t *key;
    reply_t *reply = CALL("GET", set_path, .port = PORT_KEYS);
    expect_status(reply, 200);
    json_array_foreach(at(reply->json, "/keys"), i, key)
    {
        if (strcmp(text_at(key, "/kid"), kid) == 0)
            return key;
    }
    return NULL;
}

START_TEST(the_set)
{
    reply_t *reply = CALL("GET", set_path, .port = PORT_KEYS);
    expect_status(reply, 200);
    ck_assert_uint_eq(json_array_size(at(reply->json, "/keys")), 2);
    ck_assert_str_eq(text_at(reply->json, "/keys/0/kid"), "es");
    ck_assert_str_eq(text_at(reply->json, "/keys/0/alg"), "ES256");
    ck_assert_str_eq(text_at(reply->json, "/keys/0/use"), "sig");
    ck_assert_str_eq(text_at(reply->json, "/keys/1/kid"), "rs");
    ck_assert_str_eq(text_at(reply->json, "/keys/1/alg"), "RS256");
    static const char *const private_members[] = {"d", "p", "q", "dp", "dq", "qi", "k"};
    for (size_t i = 0; i < sizeof(private_members) / sizeof(*private_members); i++)
        for (size_t key = 0; key < 2; key++)
            ck_assert_ptr_null(json_object_get(at(reply->json, F("/keys/%zu", key)), private_members[i]));
    ck_assert_ptr_null(strstr(reply->body, "oct"));
    ck_assert_ptr_nonnull(header(reply, "Cache-Control"));
    ck_assert_int_eq(strncmp(header(reply, "Cache-Control"), "public, max-age=", 16), 0);
    ck_assert_int_eq(strncmp(header(reply, "Content-Type"), "application/json", 16), 0);
    const char *etag = header(reply, "ETag");
    ck_assert_ptr_nonnull(etag);
    expect_status(CALL("GET", set_path, .port = PORT_KEYS, .headers = {F("If-None-Match: %s", etag)}), 304);
}
END_TEST

START_TEST(the_set_without_keys)
{
    reply_t *reply = CALL("GET", set_path);
    expect_status(reply, 200);
    ck_assert_str_eq(reply->body, "{\"keys\":[]}");
    expect_status(CALL("GET", F("%s/", set_path)), 200);
    expect_status(CALL("HEAD", set_path), 200);
    expect_problem(CALL("POST", set_path, .json = "{}"), "method_not_allowed");
    expect_problem(CALL("GET", "/.well-known/jwks"), "not_found");
    expect_problem(CALL("GET", "/.well-known"), "not_found");
}
END_TEST

/* Whoever has the set can check a token, and only a true one. */
START_TEST(the_set_verifies)
{
    person_t me = person_again(person("student"), PORT_KEYS);
    json_t *head = jwt_part(me.access, 0);
    ck_assert_str_eq(text_at(head, "/alg"), "ES256");
    ck_assert_str_eq(text_at(head, "/kid"), "es");
    ck_assert_str_eq(text_at(head, "/typ"), "at+jwt");
    EVP_PKEY *es = published_key(published("es")), *rs = published_key(published("rs"));
    ck_assert(verifies(es, me.access));
    char *changed = F("%s", me.access);
    changed[strlen(changed) / 2] ^= 1;
    ck_assert(!verifies(es, changed));
    char *claims = keep(json_dumps(jwt_part(me.access, 1), 0));
    char *token = forged("{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"rs\"}", claims, "rs.pem", EVP_sha256());
    ck_assert(verifies(rs, token));
    accepted("ES256", me.access);
    accepted("RS256", token);
    EVP_PKEY_free(es), EVP_PKEY_free(rs);
}
END_TEST

/* The whole way: register, refresh and log in give tokens of the new kind; the other hosts have not these keys. */
START_TEST(where_tokens_are_good)
{
    person_t me = person_again(person("student"), PORT_KEYS);
    accepted("its own", me.access);
    expect_problem(CALL("GET", me_path, .token = me.access), "invalid_token");
    person_t before = person_again(me, PORT_MAIN);
    ck_assert_str_eq(text_at(jwt_part(before.access, 0), "/alg"), "HS256");
    accepted("one that ForgeSecret signed before there was a key file", before.access);
}
END_TEST

/* --- forged tokens, for each key --- */

static const struct key_t {
    const char *kid, *alg, *file;
} key_files[] = {{"es", "ES256", "es.pem"}, {"rs", "RS256", "rs.pem"}};

static char *head_of(const struct key_t *key)
{
    return F("{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", key->alg, key->kid);
}

/* The claims with one changed, or removed when literal is NULL. */
static char *claims_with(person_t who, const char *claim, const char *literal)
{
    json_t *claims = jwt_part(who.access, 1);
    if (!literal)
        json_object_del(claims, claim);
    else if (*claim)
        json_object_set_new(claims, claim, json_loads(literal, JSON_DECODE_ANY, NULL));
    return keep(json_dumps(claims, 0));
}

/* SECURITY 19–20: what a header may say */
START_TEST(headers)
{
    const struct key_t *key = &key_files[_i], *other = &key_files[1 - _i];
    person_t me = person_again(person("student"), PORT_KEYS);
    char *claims = claims_with(me, "", "");
    accepted("the right one", forged(head_of(key), claims, key->file, EVP_sha256()));
    static const char *const algs[] = {"\"none\"",    "\"None\"",  "\"HS256\"", "\"HS384\"", "\"RS384\"",
                                       "\"RS512\"",   "\"PS256\"", "\"ES384\"", "\"EdDSA\"", "\"\"",
                                       "[\"ES256\"]", "256",       "null",      "true"};
    for (size_t i = 0; i < sizeof(algs) / sizeof(*algs); i++)
        refused(algs[i], forged(F("{\"alg\":%s,\"typ\":\"at+jwt\",\"kid\":\"%s\"}", algs[i], key->kid), claims,
                                key->file, EVP_sha256()));
    refused("no alg", forged(F("{\"typ\":\"at+jwt\",\"kid\":\"%s\"}", key->kid), claims, key->file, EVP_sha256()));
    refused("no kid", forged(F("{\"alg\":\"%s\",\"typ\":\"at+jwt\"}", key->alg), claims, key->file, EVP_sha256()));
    refused("the other's name", forged(F("{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", key->alg, other->kid),
                                       claims, key->file, EVP_sha256()));
    refused("the other's name and alg", forged(head_of(other), claims, key->file, EVP_sha256()));
    refused("another's signature", forged(head_of(key), claims, "next.pem", EVP_sha256()));
    refused("another digest", forged(head_of(key), claims, key->file, EVP_sha512()));
    static const char *const members[] = {"\"crit\":[\"exp\"]",
                                          "\"b64\":false",
                                          "\"zip\":\"DEF\"",
                                          "\"jku\":\"https://evil.example/\"",
                                          "\"x5u\":\"https://evil.example/\"",
                                          "\"x5c\":[\"AAAA\"]",
                                          "\"typ\":\"JWT\"",
                                          "\"kid\":\"../../es.pem\""};
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        bool kid = strstr(members[i], "kid") != NULL, typ = strstr(members[i], "typ") != NULL;
        refused(members[i], forged(F("{\"alg\":\"%s\",%s%s%s}", key->alg, typ ? "" : "\"typ\":\"at+jwt\",",
                                     kid ? "" : F("\"kid\":\"%s\",", key->kid), members[i]),
                                   claims, key->file, EVP_sha256()));
    }
}
END_TEST

/* SECURITY 19–20: a key in the token's own header is never used. */
START_TEST(own_key_in_the_header)
{
    const struct key_t *key = &key_files[_i];
    person_t me = person_again(person("student"), PORT_KEYS);
    json_t *head = json_loads(head_of(key), 0, NULL), *jwk = json_deep_copy(published(key->kid));
    json_object_set_new(head, "jwk", jwk);
    refused("jwk", forged(keep(json_dumps(head, 0)), claims_with(me, "", ""), key->file, EVP_sha256()));
    json_object_set_new(jwk, "kid", json_string("mine"));
    json_object_set_new(head, "kid", json_string("mine"));
    refused("jwk of a name of its own",
            forged(keep(json_dumps(keep_json(head), 0)), claims_with(me, "", ""), "next.pem", EVP_sha256()));
}
END_TEST

/* SECURITY 20–21: spellings and lengths of a signature */
START_TEST(signatures)
{
    const struct key_t *key = &key_files[_i];
    person_t me = person_again(person("student"), PORT_KEYS);
    char *good = forged(head_of(key), claims_with(me, "", ""), key->file, EVP_sha256()), *dot = strrchr(good, '.');
    char *body = F("%.*s", (int)(dot - good), good);
    size_t length;
    unsigned char *sig = bytes_of(dot + 1, &length), *longer = keep(calloc(1, length + 2));
    accepted("the right one", good);
    refused("none", F("%s.", body));
    refused("padding", F("%s=", good));
    refused("one byte less", F("%s.%s", body, b64url(sig, length - 1)));
    refused("half of it", F("%s.%s", body, b64url(sig, length / 2)));
    memcpy(longer + 1, sig, length);
    refused("a zero before it", F("%s.%s", body, b64url(longer, length + 1)));
    refused("a zero behind it", F("%s.%s", body, b64url(memcpy(longer, sig, length), length + 1)));
    refused("zeros", F("%s.%s", body, b64url(keep(calloc(1, length)), length)));
    sig[length / 3] ^= 0x10;
    refused("one bit", F("%s.%s", body, b64url(sig, length)));
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *trailing = F("%s", good), *last = trailing + strlen(trailing) - 1;
    *last = alphabet[(strchr(alphabet, *last) - alphabet) ^ 1];
    refused("trailing bits", trailing);
    if (strcmp(key->alg, "ES256") == 0) { /* DER, as OpenSSL would give it */
        ECDSA_SIG *pair = ECDSA_SIG_new();
        unsigned char *der = NULL;
        sig = bytes_of(dot + 1, &length);
        ECDSA_SIG_set0(pair, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL));
        int n = i2d_ECDSA_SIG(pair, &der);
        refused("DER", F("%s.%s", body, b64url(der, (size_t)n)));
        ECDSA_SIG_free(pair), OPENSSL_free(der);
    }
}
END_TEST

/* SECURITY 22 */
START_TEST(claims_one_by_one)
{
    const struct key_t *key = &key_files[_i];
    person_t me = person_again(person("student"), PORT_KEYS);
    long now = time(NULL);
    static const char *const needed[] = {"iss", "aud", "sub", "sid", "role", "iat", "nbf", "exp", "jti", NULL};
    for (const char *const *name = needed; *name; name++) {
        refused(F("no %s", *name), forged(head_of(key), claims_with(me, *name, NULL), key->file, EVP_sha256()));
        refused(F("%s null", *name), forged(head_of(key), claims_with(me, *name, "null"), key->file, EVP_sha256()));
    }
    const char *rows[][2] = {{"iss", "\"https://evil.example\""},
                             {"aud", "\"other\""},
                             {"exp", F("%ld", now - 120)},
                             {"exp", F("\"%ld\"", now + 600)},
                             {"nbf", F("%ld", now + 300)},
                             {"iat", F("%ld", now + 300)},
                             {"role", "\"root\""},
                             {"sub", "\"-1\""},
                             {"sid", "\"0\""}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        refused(F("%s %s", rows[i][0], rows[i][1]),
                forged(head_of(key), claims_with(me, rows[i][0], rows[i][1]), key->file, EVP_sha256()));
    accepted("a fraction in exp",
             forged(head_of(key), claims_with(me, "exp", F("%ld.5", now + 600)), key->file, EVP_sha256()));
}
END_TEST

/* RFC 8725 §2.1: the public key, which everyone knows, as the secret of a MAC. */
START_TEST(public_key_as_secret)
{
    const struct key_t *key = &key_files[_i];
    person_t me = person_again(person("student"), PORT_KEYS), before = person_again(me, PORT_MAIN);
    const char *secret_kid = text_at(jwt_part(before.access, 0), "/kid");
    char *pem = public_pem(key->file), *claims = claims_with(me, "", "");
    const char *spellings[] = {pem, F("%.*s", (int)strlen(pem) - 1, pem),
                               keep(json_dumps(published(key->kid), JSON_COMPACT)), key->kid, ""};
    const char *kids[] = {F(",\"kid\":\"%s\"", key->kid), F(",\"kid\":\"%s\"", secret_kid), ""};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++)
        for (size_t k = 0; k < 3; k++)
            refused(F("spelling %zu under%s", i, kids[k]),
                    jwt(F("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"%s}", kids[k]), claims, spellings[i]));
    accepted("the secret itself", jwt(F("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"%s}", kids[1]), claims, env.secret));
    refused("the secret under the key's name",
            jwt(F("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"%s}", kids[0]), claims, env.secret));
    refused("the secret without a name", jwt("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", claims, env.secret));
}
END_TEST

/* --- the change of keys, without a moment in which somebody is sent away --- */

/* A graceful restart with this configuration; back when every child answers by it. */
static void restart_with(const char *conf, const char *kid, bool there)
{
    int in_a_row = 0;
    file_write(F("%s/httpd.conf", env.dir), conf);
    env_httpd_graceful();
    for (int i = 0; i < 400 && in_a_row < 20; i++) {
        in_a_row = (published(kid) != NULL) == there ? in_a_row + 1 : 0;
        if (!in_a_row)
            pause_ms(50);
    }
    ck_assert_msg(in_a_row == 20, "the key %s is %s", kid, there ? "not published" : "still published");
    ck_assert(env_wait_ready(10));
}

START_TEST(rotation)
{
    static const char fresh[] = "Rw4n-Hy7bT2vLq9xZc5mKp8sDg3jFu6e";
    char *conf = file_read(F("%s/httpd.conf", env.dir), 0), *line = strstr(conf, "ForgeJWTKey es ES256");
    person_t me = person_again(person("student"), PORT_KEYS), before = person_again(me, PORT_MAIN);
    ck_assert_ptr_nonnull(line);
    restart_with(F("%.*sForgeSecret \"%s\" \"%s\"\nForgeJWTKey next ES256 %s/next.pem\n%s", (int)(line - conf), conf,
                   fresh, env.secret, env.dir, line),
                 "next", true);
    person_t after = person_again(me, PORT_KEYS);
    ck_assert_str_eq(text_at(jwt_part(after.access, 0), "/kid"), "next");
    accepted("the new key's", after.access);
    accepted("the old key's", me.access);
    accepted("the old secret's", before.access);
    expect_problem(CALL("GET", me_path, .token = after.access), "invalid_token");

    /* and the old one is taken away, by a host that has only the new one */
    char *rest = strstr(line, "</VirtualHost>");
    restart_with(F("%.*sForgeSecret \"%s\"\nForgeJWTKey next ES256 %s/next.pem\n%s", (int)(line - conf), conf, fresh,
                   env.dir, rest),
                 "es", false);
    refused("the old key's", me.access);
    refused("the old secret's", before.access);
    accepted("the new key's", after.access);
    restart_with(conf, "es", true);
    accepted("the old key's", me.access);
}
END_TEST

/* --- forgectl reseal --- */

static json_int_t factor_make(apr_pool_t *p, forge_keys_t *keys, const char *context)
{
    person_t me = person("student");
    const char *sealed =
        forge_core_seal(p, keys, context ? context : F("mfa:%lld", (long long)me.id), "twenty secret bytes.", 20);
    sql("INSERT INTO forge.mfa_factors (user_id, secret) VALUES (%lld, '%s')", (long long)me.id, sealed);
    return me.id;
}

/* What was sealed under the old secret opens under the new one alone; what was not ours, or new already, stays as it
 * is. */
START_TEST(resealed)
{
    static const char fresh[] = "Rw4n-Hy7bT2vLq9xZc5mKp8sDg3jFu6e";
    apr_pool_t *p;
    apr_size_t len;
    char *out;
    apr_initialize();
    apr_pool_create(&p, NULL);
    forge_keys_t *old = forge_core_keys_make(p, env.secret, strlen(env.secret)),
                 *new = forge_core_keys_make(p, fresh, strlen(fresh));
    json_int_t first = factor_make(p, old, NULL), second = factor_make(p, new, NULL),
               third = factor_make(p, old, "mfa:0");
    char *kept = sql("SELECT secret FROM forge.mfa_factors WHERE user_id = %lld", (long long)second);
    char *foreign = sql("SELECT secret FROM forge.mfa_factors WHERE user_id = %lld", (long long)third);
    file_write(F("%s/new.secret", env.dir), F("%s\n", fresh));
    file_write(F("%s/old.secret", env.dir), F("%s\n", env.secret));
    ck_assert_int_eq(chmod(F("%s/new.secret", env.dir), 0600), 0);
    ck_assert_int_eq(chmod(F("%s/old.secret", env.dir), 0640), 0);
    const char *argv[] = {
        env.ctl, "reseal", "--secret", F("%s/new.secret", env.dir), "--old", F("%s/old.secret", env.dir), NULL};
    ck_assert_int_eq(process_run(NULL, argv, &out), 0);
    ck_assert_msg(strstr(out, "1 re-encrypted, 1 already under the new secret, 1 under neither"), "%s", out);
    char *sealed = sql("SELECT secret FROM forge.mfa_factors WHERE user_id = %lld", (long long)first);
    ck_assert_str_eq(forge_core_unseal(p, new, F("mfa:%lld", (long long)first), sealed, &len), "twenty secret bytes.");
    ck_assert_ptr_null(forge_core_unseal(p, old, F("mfa:%lld", (long long)first), sealed, &len));
    ck_assert_str_eq(sql("SELECT secret FROM forge.mfa_factors WHERE user_id = %lld", (long long)second), kept);
    ck_assert_str_eq(sql("SELECT secret FROM forge.mfa_factors WHERE user_id = %lld", (long long)third), foreign);
    ck_assert_int_eq(process_run(NULL, argv, &out), 0);
    ck_assert_msg(strstr(out, "0 re-encrypted, 2 already under the new secret, 1 under neither"), "%s", out);
    apr_pool_destroy(p);
}
END_TEST

Suite *suite_jwks(void)
{
    Suite *suite = suite_create("jwks");
    TCase *set = case_make(suite, "set");
    tcase_add_test(set, the_set);
    tcase_add_test(set, the_set_without_keys);
    tcase_add_test(set, the_set_verifies);
    tcase_add_test(set, where_tokens_are_good);
    TCase *tokens = case_make(suite, "tokens");
    tcase_add_loop_test(tokens, headers, 0, 2);
    tcase_add_loop_test(tokens, own_key_in_the_header, 0, 2);
    tcase_add_loop_test(tokens, signatures, 0, 2);
    tcase_add_loop_test(tokens, claims_one_by_one, 0, 2);
    tcase_add_loop_test(tokens, public_key_as_secret, 0, 2);
    TCase *change = case_make(suite, "change");
    tcase_add_test(change, rotation);
    tcase_add_test(change, resealed);
    return suite;
}
