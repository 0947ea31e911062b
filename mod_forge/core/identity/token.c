/* SPDX-License-Identifier: Apache-2.0
 * Access tokens: signed and verified by cjose, but believed only after every check of RFC 8725 was made here.
 *
 * Threads share one cjose_jwk_t without a lock. That is safe because signing and verifying take it const and read
 * nothing but its type, size and key data; only cjose_jwk_retain and cjose_jwk_release write to it (a plain counter),
 * and those are called at start and at the end alone. The key data of an "oct" key is bytes. Of an RSA key it is an
 * OpenSSL RSA, handed to RSA_sign and RSA_verify: what these keep in it for the next time (Montgomery contexts,
 * blinding) they guard by the RSA's own lock. Of an EC key it is an EC_KEY, handed to ECDSA_do_sign and
 * ECDSA_do_verify, which only read it; each call has a context of its own.
 */
#include "keys.h"
#include "identity.h"
#include <apr_strings.h>
#include <string.h>

#define TOKEN_LEEWAY     apr_time_from_sec(60) /* for clocks that run ahead; an ended token gets none */
#define TOKEN_TIME_MAX   1e11 /* seconds; a later date is a mistake, and would overflow microseconds some day */
#define TOKEN_JTI_MAX    128
#define TOKEN_AMR_MAX    8
#define TOKEN_CLAIMS_MAX 4096

/* --- cjose objects end with their scope --- */

static void jws_free(cjose_jws_t **jws)
{
    cjose_jws_release(*jws);
}

static void header_free(cjose_header_t **header)
{
    if (*header)
        cjose_header_release(*header);
}

/* --- signing --- */

/* "<epoch>.<random>": the epoch of the account travels in a claim that is there anyway. */
static const char *jti_make(apr_pool_t *p, apr_int64_t epoch)
{
    unsigned char bits[16];
    forge_util_random(bits, sizeof(bits));
    return apr_pstrcat(p, forge_util_itoa(p, epoch), ".", forge_util_b64url(p, bits, sizeof(bits)), NULL);
}

static void put_amr(apr_pool_t *p, forge_json_t *claims, const char *amr)
{
    forge_json_t *list = forge_util_json_put_array(claims, "amr");
    char *rest, *copy = apr_pstrdup(p, !amr ? "" : amr);
    for (char *word = apr_strtok(copy, " ", &rest); word != NULL; word = apr_strtok(NULL, " ", &rest))
        forge_util_json_add_text(list, word);
}

/* The claims of RFC 9068 §2.2 and ours as one JSON text; ids are text as RFC 7519 has them. */
static forge_buf_t *claims_write(apr_pool_t *p, const forge_token_rules_t *rules, const forge_who_t *who,
                                 apr_time_t now)
{
    forge_json_t *claims = forge_util_json_object(p);
    forge_buf_t *text = forge_util_buf_make(p, 512, TOKEN_CLAIMS_MAX);
    forge_util_json_put_text(claims, "iss", rules->issuer);
    forge_util_json_put_text(claims, "aud", rules->audience);
    forge_util_json_put_text(claims, "sub", forge_util_itoa(p, who->user_id));
    forge_util_json_put_text(claims, "sid", forge_util_itoa(p, who->session_id));
    forge_util_json_put_text(claims, "role", forge_core_role_name(who->role));
    put_amr(p, claims, who->amr);
    forge_util_json_put_int(claims, "iat", apr_time_sec(now));
    forge_util_json_put_int(claims, "nbf", apr_time_sec(now));
    forge_util_json_put_int(claims, "exp", apr_time_sec(now) + apr_time_sec(rules->access_ttl));
    forge_util_json_put_text(claims, "jti", who->jti ? who->jti : jti_make(p, who->epoch));
    forge_util_json_write(text, claims);
    return text;
}

const char *forge_core_token_sign(apr_pool_t *p, const forge_keys_t *keys, const forge_token_rules_t *rules,
                                  const forge_who_t *who, apr_time_t now)
{
    forge_buf_t *claims = claims_write(p, rules, who, now);
    __attribute__((cleanup(header_free))) cjose_header_t *header = cjose_header_new(NULL);
    __attribute__((cleanup(jws_free))) cjose_jws_t *jws = NULL;
    const forge_key_t *key = keys->signer;
    const char *compact;

    if (claims->failed || !header || !cjose_header_set(header, CJOSE_HDR_ALG, forge_core_alg_name(key->alg), NULL) ||
        !cjose_header_set(header, "typ", FORGE_TOKEN_TYP, NULL) ||
        !cjose_header_set(header, CJOSE_HDR_KID, key->kid, NULL))
        return NULL;
    jws = cjose_jws_sign(key->jwk, header, (const uint8_t *)claims->data, claims->len, NULL);
    if (!jws || !cjose_jws_export(jws, &compact, NULL))
        return NULL;
    return apr_pstrdup(p, compact);
}

/* --- verifying: each check returns what is wrong, or NULL --- */

/* A JSON text of exactly these bytes; a NUL inside cannot cut it short. */
static bool text_is(const forge_json_t *v, const char *expected)
{
    apr_size_t len;
    const char *text = forge_util_json_text(v, &len);
    return text && len == strlen(expected) && memcmp(text, expected, len) == 0;
}

static bool text_is_nocase(const forge_json_t *v, const char *expected)
{
    apr_size_t len;
    const char *text = forge_util_json_text(v, &len);
    return text && len == strlen(expected) && apr_cstr_casecmpn(text, expected, len) == 0;
}

/* The key that a header names; without a name only where there is no other. NULL when it names none of ours. */
static const forge_key_t *key_named(const forge_keys_t *keys, const forge_json_t *kid)
{
    if (!kid)
        return keys->count == 1 ? keys->list : NULL;
    for (int i = 0; i < keys->count; i++)
        if (text_is(kid, keys->list[i].kid))
            return &keys->list[i];
    return NULL;
}

/* The members of a header, which anyone may have written: its kid chooses among our keys and nothing else in it a key
 * or an algorithm (RFC 8725 §3.1, §3.10). A public key, which everyone knows, is therefore never taken for the secret
 * of a MAC. */
static const char *members_problem(const forge_keys_t *keys, const forge_json_t *header, const forge_key_t **key)
{
    static const char *const refused[] = {"crit", "b64", "zip", "jku", "jwk", "x5u", "x5c"};
    const forge_json_t *typ = forge_util_json_get(header, "typ");

    *key = key_named(keys, forge_util_json_get(header, "kid"));
    if (!*key)
        return "kid names no key of ours";
    if (!text_is(forge_util_json_get(header, "alg"), forge_core_alg_name((*key)->alg)))
        return "alg is not that of the key";
    if (!text_is_nocase(typ, FORGE_TOKEN_TYP) && !text_is_nocase(typ, "application/" FORGE_TOKEN_TYP))
        return "typ is not " FORGE_TOKEN_TYP;
    for (apr_size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        if (forge_util_json_get(header, refused[i]))
            return "the header has a member that is refused (crit, b64, zip, jku, jwk, x5u, x5c)";
    return NULL;
}

typedef struct parts_t { /* the token cut in three, decoded */
    unsigned char *header, *payload, *signature;
    apr_size_t header_len, payload_len, signature_len;
} parts_t;

/* Exactly three parts of strict base64url, so that a token has one spelling only (a second one would slip past a list
 * of revoked ones). */
static const char *parts_problem(apr_pool_t *p, const char *token, apr_size_t len, parts_t *parts)
{
    const char *one = memchr(token, '.', len),
               *two = !one ? NULL : memchr(one + 1, '.', len - (apr_size_t)(one + 1 - token));
    apr_size_t rest = !two ? 0 : len - (apr_size_t)(two + 1 - token);

    if (!two || memchr(two + 1, '.', rest))
        return "it has not three parts";
    parts->header = forge_util_b64url_decode(p, token, (apr_size_t)(one - token), &parts->header_len);
    parts->payload = forge_util_b64url_decode(p, one + 1, (apr_size_t)(two - one - 1), &parts->payload_len);
    parts->signature = forge_util_b64url_decode(p, two + 1, rest, &parts->signature_len);
    if (!parts->header || !parts->payload || !parts->signature)
        return "a part is not strict base64url";
    return NULL;
}

/* A header that is byte for byte one of ours passes before it is parsed, which saves a sixth of the time. */
static const forge_key_t *own_header(const forge_keys_t *keys, const char *token)
{
    for (int i = 0; i < keys->count; i++) {
        apr_size_t len = strlen(keys->list[i].header);
        if (strncmp(token, keys->list[i].header, len) == 0 && token[len] == '.')
            return &keys->list[i];
    }
    return NULL;
}

static const char *header_problem(apr_pool_t *p, const forge_keys_t *keys, const char *token, const parts_t *parts,
                                  const forge_key_t **key)
{
    const char *ignored;
    forge_json_t *header;

    *key = own_header(keys, token);
    if (*key)
        return NULL;
    header = forge_util_json_parse(p, (const char *)parts->header, parts->header_len, &ignored);
    if (!header || forge_util_json_type(header) != FORGE_JSON_OBJECT)
        return "the header is no JSON object";
    return members_problem(keys, header, key);
}

/* cjose sees a token only after its header passed: its import leaks memory when alg is missing. It compares MACs in
 * constant time. The length comes first, for cjose cuts an ES256 signature in the middle wherever that is. (Who knows
 * one ES256 signature can make a second one for the same claims; what is revoked is therefore named by its claims,
 * never by its text.) */
static const char *signature_problem(const forge_key_t *key, const parts_t *parts, const char *token, apr_size_t len)
{
    __attribute__((cleanup(jws_free))) cjose_jws_t *jws = NULL;
    if (parts->signature_len != key->signature_len)
        return "the signature has another length than the key's";
    jws = cjose_jws_import(token, len, NULL);
    if (!jws)
        return "it cannot be read as a JWS";
    return cjose_jws_verify(jws, key->jwk, NULL) ? NULL : "the signature does not match";
}

/* aud is one text or an array of them, one of which must be ours (RFC 7519 §4.1.3). */
static bool audience_is(const forge_json_t *aud, const char *expected)
{
    if (!aud)
        return false;
    if (forge_util_json_type(aud) != FORGE_JSON_ARRAY)
        return text_is(aud, expected);
    for (apr_size_t i = 0; i < forge_util_json_size(aud); i++)
        if (text_is(forge_util_json_at(aud, i), expected))
            return true;
    return false;
}

/* An id as text in the one form we write: 1..2^63-1 without sign or leading zeros. */
static bool claim_id(const forge_json_t *claims, const char *name, apr_int64_t *id)
{
    apr_size_t len;
    const char *text = forge_util_json_text(forge_util_json_get(claims, name), &len);
    return text && len > 0 && text[0] >= '1' && text[0] <= '9' && forge_util_atoi(text, len, id);
}

/* A NumericDate (RFC 7519 §2): a number, a fraction allowed; text is refused. */
static bool claim_time(const forge_json_t *claims, const char *name, apr_time_t *t)
{
    double seconds;
    if (!forge_util_json_number(forge_util_json_get(claims, name), &seconds) ||
        !(seconds >= 0 && seconds < TOKEN_TIME_MAX))
        return false;
    *t = (apr_time_t)(seconds * APR_USEC_PER_SEC);
    return true;
}

static const char *times_problem(const forge_json_t *claims, apr_time_t now, forge_who_t *who)
{
    apr_time_t iat, nbf;
    if (!claim_time(claims, "exp", &who->expires) || !claim_time(claims, "iat", &iat) ||
        !claim_time(claims, "nbf", &nbf))
        return "exp, iat or nbf is missing or no number";
    if (who->expires <= now)
        return "it has expired";
    if (iat > now + TOKEN_LEEWAY || nbf > now + TOKEN_LEEWAY)
        return "it is not valid yet";
    who->issued = iat;
    return NULL;
}

/* Digits before the first dot of jti; without them the token is of the first epoch, and void as soon as there is
 * another. */
static apr_int64_t epoch_of(const char *jti)
{
    apr_int64_t epoch;
    apr_size_t len = strcspn(jti, ".");
    return jti[len] == '.' && strspn(jti, "0123456789") == len && forge_util_atoi(jti, len, &epoch) ? epoch : 0;
}

/* Visible ASCII: such text may stand in a log line or a key without further thought. */
static bool is_visible(const char *text, apr_size_t len, apr_size_t max)
{
    for (apr_size_t i = 0; text && i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return text && len > 0 && len <= max;
}

/* The methods joined by blanks; an absent amr is none. */
static const char *amr_problem(apr_pool_t *p, const forge_json_t *claims, forge_who_t *who)
{
    const forge_json_t *amr = forge_util_json_get(claims, "amr");
    who->amr = "";
    if (!amr)
        return NULL;
    if (forge_util_json_type(amr) != FORGE_JSON_ARRAY || forge_util_json_size(amr) > TOKEN_AMR_MAX)
        return "amr is no short array";
    for (apr_size_t i = 0; i < forge_util_json_size(amr); i++) {
        apr_size_t len;
        const char *method = forge_util_json_text(forge_util_json_at(amr, i), &len);
        if (!is_visible(method, len, 32))
            return "amr has an item that is no method";
        who->amr = i == 0 ? apr_pstrdup(p, method) : apr_pstrcat(p, who->amr, " ", method, NULL);
    }
    return NULL;
}

/* Every claim present, of the right type, and ours. */
static const char *claims_problem(apr_pool_t *p, const forge_token_rules_t *rules, const forge_json_t *claims,
                                  apr_time_t now, forge_who_t *who)
{
    apr_size_t jti_len, role_len;
    const char *jti = forge_util_json_text(forge_util_json_get(claims, "jti"), &jti_len);
    const char *role = forge_util_json_text(forge_util_json_get(claims, "role"), &role_len);
    const char *problem;

    if (!text_is(forge_util_json_get(claims, "iss"), rules->issuer))
        return "iss is missing or another's";
    if (!audience_is(forge_util_json_get(claims, "aud"), rules->audience))
        return "aud is missing or another's";
    if (!claim_id(claims, "sub", &who->user_id) || !claim_id(claims, "sid", &who->session_id))
        return "sub or sid is missing or no id";
    who->role = role && strlen(role) == role_len ? forge_core_role_parse(role) : FORGE_ROLE_NONE;
    if (who->role == FORGE_ROLE_NONE)
        return "role is missing or unknown";
    if (!is_visible(jti, jti_len, TOKEN_JTI_MAX))
        return "jti is missing or no short text";
    who->jti = apr_pstrmemdup(p, jti, jti_len);
    who->epoch = epoch_of(who->jti);
    problem = times_problem(claims, now, who);
    return problem ? problem : amr_problem(p, claims, who);
}

/* The checks in the order that identity.h promises. */
static const char *token_problem(apr_pool_t *p, const forge_keys_t *keys, const forge_token_rules_t *rules,
                                 const char *token, apr_time_t now, forge_who_t *who)
{
    apr_size_t len = strlen(token);
    const char *problem, *ignored;
    const forge_key_t *key;
    forge_json_t *claims;
    parts_t parts;

    if ((problem = parts_problem(p, token, len, &parts)))
        return problem;
    if ((problem = header_problem(p, keys, token, &parts, &key)) ||
        (problem = signature_problem(key, &parts, token, len)))
        return problem;
    claims = forge_util_json_parse(p, (const char *)parts.payload, parts.payload_len, &ignored);
    if (!claims || forge_util_json_type(claims) != FORGE_JSON_OBJECT)
        return "the claims are no JSON object";
    return claims_problem(p, rules, claims, now, who);
}

forge_status_t forge_core_token_verify(apr_pool_t *p, const forge_keys_t *keys, const forge_token_rules_t *rules,
                                       const forge_shown_t *shown, forge_who_t *who, const char **why)
{
    apr_size_t len = strnlen(shown->token, FORGE_TOKEN_BYTES_MAX + 1);
    unsigned char digest[32];
    forge_who_t found = {0};

    *why = "it is longer than 8192 bytes";
    if (len > FORGE_TOKEN_BYTES_MAX)
        return FORGE_E_INVALID_TOKEN;
    *why = NULL;
    forge_core_sha256(shown->token, len, digest);
    if (!forge_core_verified_find(p, keys->verified, rules, digest, shown->now, &found)) {
        *why = token_problem(p, keys, rules, shown->token, shown->now, &found);
        if (*why)
            return FORGE_E_INVALID_TOKEN;
        found.scopes = FORGE_SCOPE_READ | FORGE_SCOPE_WRITE;
        forge_core_verified_keep(keys->verified, rules, digest, shown->now, &found);
    }
    *who = found;
    return FORGE_OK;
}
