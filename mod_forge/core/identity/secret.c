/* SPDX-License-Identifier: Apache-2.0
 * Which secrets are refused: short ones, well-known ones, and those that are made of placeholder words.
 */
#include "keys.h"
#include "identity.h"
#include <openssl/crypto.h>
#include <string.h>

#define SECRET_BYTES_MIN    32 /* RFC 7518 §3.2: not shorter than the hash */
#define SECRET_BYTES_MAX    4096
#define SECRET_DISTINCT_MIN 8 /* 32 random hex digits have fewer different ones than this once in 10^8 */

/* A secret whose letters are nothing but these words, whatever digits and marks stand between them, is a placeholder.
 */
static const char *const placeholder_words[] = {
    "a",          "access",      "admin",    "an",          "and",         "api",       "app",       "application",
    "at",         "auth",        "backend",  "be",          "before",      "bit",       "bits",      "byte",
    "bytes",      "cat",         "change",   "changed",     "changeit",    "changeme",  "character", "characters",
    "chars",      "default",     "demo",     "deploying",   "deployment",  "dev",       "develop",   "development",
    "django",     "do",          "dummy",    "env",         "environment", "example",   "express",   "fake",
    "fastapi",    "fixme",       "flask",    "foobar",      "for",         "forge",     "generate",  "here",
    "hmac",       "httpd",       "in",       "insecure",    "insert",      "is",        "it",        "jwt",
    "key",        "keyboard",    "keys",     "learning",    "least",       "length",    "local",     "long",
    "me",         "min",         "minimum",  "mod",         "must",        "my",        "mykey",     "mysecret",
    "never",      "node",        "not",      "of",          "one",         "only",      "or",        "our",
    "pass",       "passphrase",  "password", "placeholder", "platform",    "please",    "private",   "prod",
    "production", "random",      "real",     "refresh",     "replace",     "replaceme", "safe",      "sample",
    "secret",     "secretkey",   "secrets",  "secure",      "security",    "server",    "session",   "sha",
    "should",     "sign",        "signing",  "some",        "something",   "staging",   "string",    "strong",
    "super",      "supersecret", "temp",     "temporary",   "test",        "testing",   "than",      "that",
    "the",        "this",        "to",       "todo",        "token",       "tokens",    "top",       "topsecret",
    "unsafe",     "use",         "value",    "very",        "with",        "you",       "your",
};

/* Values that tutorials and standards have published; random enough to pass every other rule. */
static const char *const published_secrets[] = {
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "abcdefghijklmnopqrstuvwxyz123456",
    "abcdefghijklmnopqrstuvwxyz012345",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "0123456789abcdef0123456789abcdef",
    "0123456789abcdefghijklmnopqrstuv",
    "00112233445566778899aabbccddeeff",
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
};

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The letters of a secret in lower case, and how many there are; runs of three or more of one letter are padding and
 * left out. */
static apr_size_t letters_of(const char *secret, apr_size_t len, char *letters)
{
    apr_size_t n = 0;
    for (apr_size_t i = 0; i < len;) {
        apr_size_t run = 1;
        while (i + run < len && secret[i + run] == secret[i])
            run++;
        for (apr_size_t j = 0; run < 3 && j < run && is_letter((unsigned char)secret[i]); j++)
            letters[n++] = (char)(secret[i] | 0x20);
        i += run;
    }
    return n;
}

/* Does a sequence of placeholder words spell the letters out, from the first to the last? */
static bool is_placeholder(const char *letters, apr_size_t n)
{
    bool reached[SECRET_BYTES_MAX + 1] = {true};
    for (apr_size_t i = 0; i < n; i++) {
        for (apr_size_t w = 0; reached[i] && w < sizeof(placeholder_words) / sizeof(*placeholder_words); w++) {
            apr_size_t len = strlen(placeholder_words[w]);
            if (len <= n - i && memcmp(letters + i, placeholder_words[w], len) == 0)
                reached[i + len] = true;
        }
    }
    return n > 0 && reached[n];
}

/* Is the secret a published value, alone or repeated or cut at its end? */
static bool is_published(const char *secret, apr_size_t len)
{
    for (apr_size_t i = 0; i < sizeof(published_secrets) / sizeof(*published_secrets); i++) {
        apr_size_t known = strlen(published_secrets[i]), same = 0;
        while (same < len && secret[same] == published_secrets[i][same % known])
            same++;
        if (same == len)
            return true;
    }
    return false;
}

static int distinct_bytes(const char *secret, apr_size_t len)
{
    bool seen[256] = {false};
    int n = 0;
    for (apr_size_t i = 0; i < len; i++) {
        n += !seen[(unsigned char)secret[i]];
        seen[(unsigned char)secret[i]] = true;
    }
    return n;
}

const char *forge_core_secret_problem(const char *secret, apr_size_t len)
{
    char letters[SECRET_BYTES_MAX];
    const char *problem = NULL;

    if (!secret || len < SECRET_BYTES_MIN)
        return "the secret is shorter than 32 bytes";
    if (len > SECRET_BYTES_MAX)
        return "the secret is longer than 4096 bytes";
    if (distinct_bytes(secret, len) < SECRET_DISTINCT_MIN)
        problem = "the secret repeats a few characters; use random ones";
    else if (is_published(secret, len) || (len > 16 && memcmp(secret, "django-insecure-", 16) == 0))
        problem = "the secret is well known";
    else if (is_placeholder(letters, letters_of(secret, len, letters)))
        problem = "the secret is a well-known placeholder or made of such words; use random bytes";
    OPENSSL_cleanse(letters, sizeof(letters));
    return problem;
}
