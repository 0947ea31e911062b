/* SPDX-License-Identifier: Apache-2.0
 * Interface of core/identity: keys, tokens, passwords, addresses and second factors (SPEC 3).
 */
#ifndef FORGE_CORE_IDENTITY_H
#define FORGE_CORE_IDENTITY_H

#include "core/core.h"
#include "keyring.h"
#include "mfa.h"

/* --- keys.c: everything secret that follows from one ForgeSecret; made once per server at start, read-only afterwards,
 * shared by threads. Several keys at once: keyring.h --- */

/* NULL when the secret may be used, else a sentence saying why not: shorter than 32 bytes, well known ("secret",
 * "changeme", "your-secret-key" … also repeated or padded), or of one repeated character (RFC 7518 §3.2, RFC 8725
 * §3.5). */
const char *forge_core_secret_problem(const char *secret, apr_size_t len);
/* Derives the purpose keys (HKDF-SHA-256, RFC 5869: "jwt" is the secret itself, "cursor", "seal" …) and wipes them
 * with the pool. */
forge_keys_t *forge_core_keys_make(apr_pool_t *p, const char *secret, apr_size_t len);

/* --- secret_file.c: where a secret is kept --- */

/* The bytes behind "file:/path", "env:NAME" or a literal, wiped when p goes. A file must be a regular one that belongs
 * to root or to who asks, of mode 0600 or 0640 at most; one newline at its end does not count. NULL, and *why in lower
 * case, when there are none. */
char *forge_core_secret_read(apr_pool_t *p, const char *spelled, apr_size_t *len, const char **why);
/* The same for a text that somebody else compares: a password, a key of a service, an address. A byte order mark before
 * it or a NUL byte in it is the doing of an editor: NULL, with *why. */
char *forge_core_secret_text(apr_pool_t *p, const char *spelled, const char **why);
/* Why nobody could type these bytes at a login: "is not UTF-8", "begins with a byte order mark …", "holds a NUL
 * byte". For passwords that come from a file or a terminal; those of the API are JSON. NULL: they are a text. */
const char *forge_core_password_garbled(const char *bytes, apr_size_t len);
/* "file:" or "env:": only the place is written in the configuration, not the secret. */
bool forge_core_secret_elsewhere(const char *spelled);
/* Why a value is neither of the two nor a secret: a path alone, "File:", "ENV:", "file://". NULL: it may be one. */
const char *forge_core_secret_mistyped(const char *spelled);

/* --- digest.c --- */

void forge_core_sha256(const void *data, apr_size_t len, unsigned char out[32]);
/* The same piece by piece; it is freed with p. */
typedef struct forge_digest_t forge_digest_t;
forge_digest_t *forge_core_sha256_begin(apr_pool_t *p);
void forge_core_sha256_add(forge_digest_t *digest, const void *data, apr_size_t len);
void forge_core_sha256_end(forge_digest_t *digest, unsigned char out[32]);
const char *forge_core_sha256_hex(apr_pool_t *p, const void *data, apr_size_t len);
/* HMAC-SHA-256 under the derived key for `purpose` ("cursor", "refresh" …). */
void forge_core_mac(const forge_keys_t *keys, const char *purpose, const void *data, apr_size_t len,
                    unsigned char out[32]);
/* AES-256-GCM under the derived key "seal": base64url(nonce ‖ ciphertext ‖ tag), `context` is authenticated too.
 * NULL when it cannot be opened. */
const char *forge_core_seal(apr_pool_t *p, const forge_keys_t *keys, const char *context, const void *data,
                            apr_size_t len);
char *forge_core_unseal(apr_pool_t *p, const forge_keys_t *keys, const char *context, const char *sealed,
                        apr_size_t *len);

/* --- token.c: access tokens (JWT by cjose, RFC 7519, RFC 8725, RFC 9068) --- */

typedef struct forge_token_rules_t { /* plain values from the configuration */
    const char *issuer, *audience;
    apr_interval_time_t access_ttl;
} forge_token_rules_t;

/* A token signed by the ring's first key that can: header {alg, typ:"at+jwt", kid}, claims iss aud sub sid role amr iat
 * nbf exp jti. NULL only when out of memory. */
const char *forge_core_token_sign(apr_pool_t *p, const forge_keys_t *keys, const forge_token_rules_t *rules,
                                  const forge_who_t *who, apr_time_t now);
/* A token as somebody shows it, and when. */
typedef struct forge_shown_t {
    const char *token;
    apr_time_t now;
    apr_interval_time_t grace; /* for forge_core_token_verify_late alone */
} forge_shown_t;
/* FORGE_OK and *who, or FORGE_E_INVALID_TOKEN with *why (for the log only, never names the token). Checks, in this
 * order: length, three parts of strict base64url, kid names a key of ours (absent only where there is but one), alg
 * exactly that of this key and typ at+jwt before anything else is believed, no crit/b64/zip/jku/jwk/x5u/x5c use,
 * signature, then every claim: iss, aud (text or array), sub, sid, role, jti, exp, iat, nbf present and of the right
 * type; leeway 60 s. */
forge_status_t forge_core_token_verify(apr_pool_t *p, const forge_keys_t *keys, const forge_token_rules_t *rules,
                                       const forge_shown_t *shown, forge_who_t *who, const char **why);
/* The same (late.c) for a token that may have ended up to shown->grace ago; who->expires says when it did. */
forge_status_t forge_core_token_verify_late(apr_pool_t *p, const forge_keys_t *keys, const forge_token_rules_t *rules,
                                            const forge_shown_t *shown, forge_who_t *who, const char **why);

/* --- one_time.c: secrets that open something once --- */

/* A new one: 256 random bits as 43 base64url characters, and the SHA-256 of that text in hex, which alone is stored. */
const char *forge_core_secret_make(apr_pool_t *p, const char **sha256_hex);
/* The successor of a refresh token: always the same one, and known to nobody without the server's secret. */
const char *forge_core_refresh_next(apr_pool_t *p, const forge_keys_t *keys, const char *token,
                                    const char **sha256_hex);

/* --- roles.c --- */

const char *forge_core_role_name(forge_role_t role);  /* "student"; NULL for FORGE_ROLE_NONE */
forge_role_t forge_core_role_parse(const char *name); /* FORGE_ROLE_NONE when unknown */
bool forge_core_factor_used(const forge_who_t *who);  /* a second factor was used in this session */

/* --- bearer.c: the Authorization header (RFC 6750 §2.1) --- */

/* *token is NULL when there is no header or another scheme. FORGE_E_INVALID_TOKEN: scheme Bearer with something that is
 * no b64token. FORGE_E_DUPLICATE_TOKEN: more than one bearer credential. `header` is httpd's merged value (several
 * headers come joined by ", "). */
forge_status_t forge_core_bearer(apr_pool_t *p, const char *header, const char **token);

/* --- composed.c: one password, however it was typed --- */

/* The canonical composition (NFC, Unicode UAX 15) of a password in the pool. `text` itself, so that the addresses can
 * be compared, when that is the same or the text is no UTF-8. */
const char *forge_core_password_composed(apr_pool_t *p, const char *text, apr_size_t len, apr_size_t *composed_len);

/* --- hash.c: bcrypt over base64(SHA-256(password)), stored as "{sha256}$2y$12$…"; a stored value without the marker
 * is an imported plain $2a/$2b/$2y hash --- */

/* A hash of the composed form, so that it does not matter how the password is typed later. NULL if the cost is out of
 * 4..17, or out of memory. Takes ~250 ms at cost 12: only a request that has its place (live/gate.c) may call it. */
const char *forge_core_hash_make(apr_pool_t *p, const char *password, apr_size_t len, int cost);
/* Compares the bytes as they are. Whoever checks what somebody typed tries the composed form, then what came. */
bool forge_core_hash_verify(apr_pool_t *p, const char *password, apr_size_t len, const char *stored);
/* A fixed valid hash of that cost which no password matches: for accounts that come without a password. */
const char *forge_core_hash_dummy(apr_pool_t *p, int cost);
/* True when the stored hash is of another cost or without the marker and should be made anew at this login. */
bool forge_core_hash_outdated(const char *stored, int cost);
/* The cost of a stored or imported hash, 4..17; 0 when it is none that can be checked. */
int forge_core_hash_cost(const char *hash);

typedef struct forge_hash_check_t {
    const char *password;
    const char *stored; /* NULL: there is none, nothing matches */
    int cost;           /* of new hashes here */
    bool renew;         /* make an outdated hash anew when the password is right */
} forge_hash_check_t;
/* Compares, and takes the work of `cost` whatever is stored (SECURITY 65): an unknown account, a hash that cannot be
 * read and a cheaper one cost as much. Only a hash of a higher cost takes longer, until its owner logs in. *renewed:
 * the new hash, in the place of the missing work; NULL: none. Returns the rounds that were run: 2^cost, and with a new
 * hash those of the old one too. */
apr_uint64_t forge_core_hash_check(apr_pool_t *p, const forge_hash_check_t *check, bool *good, const char **renewed);

/* --- password.c: what makes a password acceptable (SPEC 3, SECURITY 25–26) --- */

typedef struct forge_password_rules_t {
    int min, max;                     /* characters (code points) */
    bool lower, upper, digit, symbol; /* classes asked for */
    int score;                        /* least zxcvbn score 0..4 */
} forge_password_rules_t;
/* A password that somebody wants, and what it must not contain. */
typedef struct forge_password_t {
    const char *text;
    apr_size_t len;
    const char *email, *username; /* NULL: not known */
} forge_password_t;
/* Appends each broken rule as a fault at `pointer`: too_short, too_long, needs_lower, needs_upper, needs_digit,
 * needs_symbol, too_common, contains_email, contains_username, repetitive. Returns the zxcvbn score 0..4. Cost bounded:
 * zxcvbn sees at most 100 bytes. */
int forge_core_password_check(apr_pool_t *p, const forge_password_rules_t *rules, const forge_password_t *password,
                              const char *pointer, forge_faults_t *faults);

/* --- email.c: mailbox rules (RFC 5321/5322 without comments, quoted local parts and IP literals; 254 octets at most)
 * --- */

/* Trimmed and NFC. *shown is for display: as typed, only that a domain without letters beyond ASCII is lower-cased.
 * *key is the unique form: the local part case-folded (libunistring), the domain as lower-case A-labels (IDNA 2008,
 * libidn2). False, and *why in lower case, when it is no such address. */
bool forge_core_email_normalize(apr_pool_t *p, const char *typed, apr_size_t len, const char **shown, const char **key,
                                const char **why);
/* The address as mail servers take it: local part as typed, domain as A-labels. NULL, and *why, when it is none. */
const char *forge_core_email_wire(apr_pool_t *p, const char *shown, const char **why);
/* A name without the blanks at its edges, in the pool: they come from forms and phones. */
const char *forge_core_trimmed(apr_pool_t *p, const char *name, apr_size_t len);
/* 3–30 of [A-Za-z0-9_], and not "deleted_" with a number, as erased accounts are called. */
bool forge_core_username_valid(const char *name, apr_size_t len);
/* A username made from an e-mail's local part: letters, digits, '_' kept, 3..24 characters, plus '_' and `suffix` when
 * that is not empty.
 */
const char *forge_core_username_from_email(apr_pool_t *p, const char *email, const char *suffix);

#endif
