/* SPDX-License-Identifier: Apache-2.0
 * Effects of a committed statement outside the database: shared memory learns of ended sessions and tokens, and audit
 * and business events are written to their logs.
 */
#include "server_private.h"
#include "store/store.h"

#include <string.h>

/* Reads a number that ends exactly at `end`; false for anything else. */
static bool number(const char *at, const char *end, apr_int64_t *n)
{
    return end > at && *at >= '0' && *at <= '9' && forge_util_atoi(at, (apr_size_t)(end - at), n);
}

/* Applies one word to shared memory. Ignores unknown words, because a later version of this module may use the same
 * channel. */
static void apply_word(const forge_server_t *server, const char *word, apr_size_t len, apr_time_t until)
{
    const char *end = word + len, *colon = memchr(word, ':', len);
    apr_int64_t id, epoch;
    if (len > 1 && *word == 's' && number(word + 1, end, &id))
        forge_live_revoke_session(server->live, server->realm, id, until);
    else if (len > 1 && *word == 'u' && colon && number(word + 1, colon, &id) && number(colon + 1, end, &epoch))
        forge_live_revoke_user(server->live, server->realm, id, epoch, until);
    else if (len > 2 && *word == 'c' && word[1] == ':')
        forge_live_changed(server->live, server->realm, forge_live_topic(word + 2, len - 2));
    else if (len == 1 && *word == 'q')
        forge_live_jobs_ring(server->live, server->realm);
    else if (len > 1 && *word == 'j')
        forge_live_jobs_changed(server->live, server->realm);
}

void forge_server_revoked_apply(const forge_server_t *server, const char *words)
{
    apr_time_t until =
        forge_live_steady(server->live) + forge_live_ahead(server->live) + server->longest + FORGE_REVOKED_LEEWAY;
    while (*words) {
        apr_size_t len = strcspn(words, " ");
        apply_word(server, words, len, until);
        words += len + strspn(words + len, " ");
    }
}

void forge_server_effects_apply(const forge_server_t *server, const forge_effects_t *effects, const forge_note_t *note)
{
    forge_live_changed(server->live, server->realm, effects->changed);
    for (int i = 0; i < effects->revoked->nelts; i++)
        forge_server_revoked_apply(server, APR_ARRAY_IDX(effects->revoked, i, const char *));
    forge_server_audit_write(server, effects, note);
    forge_server_events_write(server, effects, note);
}
