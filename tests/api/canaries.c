/* SPDX-License-Identifier: Apache-2.0
 * Every secret that a case sends or gets is a canary: it must not be found in any log of the servers, at the end of
 * that case or of a later one (SECURITY 56). The client notes them as they pass by.
 */
#include "harness.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST  12        /* characters; what is shorter may stand in a log by chance */
#define KEPT   (1 << 15) /* canaries; then all are forgotten */
#define SLOTS  (1 << 17) /* power of two */
#define LARGE  (1 << 16) /* bytes of a body that is not looked through */
#define PARTED '.'       /* what stands after the last one is the secret part of a token */

static const char *const logs[] = {"error.log",   "access.json", "audit.json",
                                   "events.json", "readers.log", "postgresql.log"};
#define LOGS ((int)(sizeof(logs) / sizeof(*logs)))

static char *kept[KEPT];
static int slots[SLOTS], count; /* slots: 1 + number, 0 is empty */
static long offsets[LOGS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned hash_of(const char *text)
{
    uint64_t a;
    uint32_t b;
    memcpy(&a, text, sizeof(a));
    memcpy(&b, text + sizeof(a), sizeof(b));
    return (unsigned)((a * UINT64_C(0x9e3779b97f4a7c15) ^ b * UINT64_C(0xc2b2ae3d27d4eb4f)) >> 40) & (SLOTS - 1);
}

/* Words and numbers are no secrets, nor are names of accounts (people.c), which some try as their password. */
static bool is_secret(const char *text)
{
    static const char *const roles[] = {"student_", "instructor_", "admin_"};
    bool digit = false, other = false;
    for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
        if (strncmp(text, roles[i], strlen(roles[i])) == 0)
            return false;
    for (const char *c = text; *c; c++) {
        digit |= isdigit((unsigned char)*c) != 0;
        other |= !isdigit((unsigned char)*c) && *c != ' ';
    }
    return strlen(text) >= LEAST && digit && other;
}

static void keep_one(const char *text)
{
    unsigned slot = hash_of(text);
    if (count == KEPT) {
        for (int i = 0; i < KEPT; i++)
            free(kept[i]);
        memset(slots, 0, sizeof(slots));
        count = 0;
    }
    for (; slots[slot]; slot = (slot + 1) & (SLOTS - 1))
        if (strcmp(kept[slots[slot] - 1], text) == 0)
            return;
    kept[count] = strdup(text);
    slots[slot] = ++count;
}

void canary(const char *text)
{
    const char *last = text ? strrchr(text, PARTED) : NULL;
    if (last && is_secret(last + 1))
        text = last + 1;
    if (!text || !is_secret(text))
        return;
    pthread_mutex_lock(&lock);
    keep_one(text);
    pthread_mutex_unlock(&lock);
}

/* --- where they are --- */

static bool named_secret(const char *name)
{
    static const char *const names[] = {
        "password", "current_password", "new_password", "access_token", "token", "refresh_token", "mfa_token", "secret",
        "ticket",   "backup_codes",     "otpauth_uri",  "code",         "key",   "csrf_token",    NULL};
    for (const char *const *one = names; *one; one++)
        if (strcmp(*one, name) == 0)
            return true;
    return false;
}

static void look(const json_t *value, bool secret)
{
    const char *name;
    json_t *member;
    size_t i;
    if (secret && json_is_string(value))
        canary(json_string_value(value));
    json_object_foreach((json_t *)value, name, member) look(member, named_secret(name));
    json_array_foreach(value, i, member) look(member, secret);
}

/* The values of "a=1; b=2". */
static void look_cookies(const char *text, size_t length)
{
    char *copy = strndup(text, length), *state;
    for (char *pair = strtok_r(copy, "; \r\n", &state); pair; pair = strtok_r(NULL, "; \r\n", &state))
        if (strchr(pair, '=') && strncasecmp(pair, "expires=", 8) && strncasecmp(pair, "path=", 5) &&
            strncasecmp(pair, "max-age=", 8))
            canary(strchr(pair, '=') + 1);
    free(copy);
}

void canaries_of(const call_t *options, const reply_t *reply)
{
    json_t *sent = options->json && strlen(options->json) < LARGE ? json_loads(options->json, 0, NULL) : NULL;
    canary(options->token);
    look(sent, false);
    json_decref(sent);
    if (reply->json && reply->length < LARGE)
        look(reply->json, false);
    for (int i = 0; i < 12 && options->headers[i]; i++)
        if (strncasecmp(options->headers[i], "Cookie:", 7) == 0)
            look_cookies(options->headers[i] + 7, strlen(options->headers[i] + 7));
        else if (strncasecmp(options->headers[i], "Authorization:", 14) == 0)
            canary(strrchr(options->headers[i], ' '));
    for (const char *line = strcasestr(reply->head, "\nSet-Cookie:"); line;
         line = strcasestr(line + 1, "\nSet-Cookie:"))
        look_cookies(line + 12, strcspn(line + 12, "\r"));
}

/* --- finding them --- */

const char *canary_in(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i + LEAST <= length && count; i++)
        for (unsigned slot = hash_of(text + i); slots[slot]; slot = (slot + 1) & (SLOTS - 1))
            if (strncmp(text + i, kept[slots[slot] - 1], strlen(kept[slots[slot] - 1])) == 0)
                return kept[slots[slot] - 1];
    return NULL;
}

/* The line around it, so that the failure tells where it comes from; the secret itself is one of a test. */
const char *canaries_found(void)
{
    const char *found = NULL;
    for (int i = 0; i < LOGS; i++) {
        const char *path = F("%s/logs/%s", env.dir, logs[i]);
        const char *text = file_read(path, offsets[i]), *secret = canary_in(text);
        offsets[i] = file_size(path);
        if (!secret || found)
            continue;
        const char *at = strstr(text, secret), *begin = at;
        while (begin > text && begin[-1] != '\n')
            begin--;
        found = F("%s: %s: %.*s", logs[i], secret, (int)strcspn(begin, "\n"), begin);
    }
    return found;
}
