/* SPDX-License-Identifier: Apache-2.0
 * Tokens that were verified a moment ago: a client sends the same one with every request, and the second look at it costs a digest instead
 * of a signature (a tenth of HS256, a hundredth of ES256).
 *
 * One table for each ring of keys, in each process: what is in it was verified with just these keys, and a restart begins with none. It
 * remembers what a token says, never that a session lives: whoever revokes is asked with each request, after this. It cannot overflow: a
 * newcomer takes the place of whoever had it.
 */
#include "keys.h"
#include "identity.h"
#include <apr_strings.h>
#include <pthread.h>
#include <string.h>

#define PLACES  1024 /* some 200 bytes each, untouched until used */
#define LOCKS   32
#define JTI_MAX 64 /* with its NUL; tokens of other makers with longer ones are verified each time */
#define AMR_MAX 48

typedef struct place_t {
    unsigned char digest[32];         /* of the whole token; SHA-256, so that no other token can be made to match */
    const forge_token_rules_t *rules; /* NULL: nobody is here */
    apr_time_t seen;
    forge_who_t who;
    char jti[JTI_MAX], amr[AMR_MAX];
} place_t;

struct forge_verified_t {
    pthread_mutex_t locks[LOCKS];
    place_t places[PLACES];
};

forge_verified_t *forge_core_verified_make(apr_pool_t *p)
{
    forge_verified_t *table = apr_pcalloc(p, sizeof(*table));
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&table->locks[i], NULL);
    return table;
}

static unsigned index_of(const unsigned char digest[32])
{
    return ((unsigned)digest[0] << 8 | digest[1]) % PLACES;
}

/* The clock may have been set back since: then everything is looked at anew. */
bool forge_core_verified_find(apr_pool_t *p, forge_verified_t *table, const forge_token_rules_t *rules, const unsigned char digest[32],
                              apr_time_t now, forge_who_t *who)
{
    unsigned at = index_of(digest);
    const place_t *place = &table->places[at];
    bool found;
    pthread_mutex_lock(&table->locks[at % LOCKS]);
    found = place->rules == rules && place->seen <= now && now < place->who.expires &&
            memcmp(place->digest, digest, sizeof(place->digest)) == 0;
    if (found) {
        *who = place->who;
        who->jti = apr_pstrdup(p, place->jti);
        who->amr = apr_pstrdup(p, place->amr);
    }
    pthread_mutex_unlock(&table->locks[at % LOCKS]);
    return found;
}

void forge_core_verified_keep(forge_verified_t *table, const forge_token_rules_t *rules, const unsigned char digest[32], apr_time_t now,
                              const forge_who_t *who)
{
    unsigned at = index_of(digest);
    place_t *place = &table->places[at];
    apr_size_t jti_len = strlen(who->jti), amr_len = strlen(who->amr);
    if (jti_len >= JTI_MAX || amr_len >= AMR_MAX)
        return;
    pthread_mutex_lock(&table->locks[at % LOCKS]);
    memcpy(place->digest, digest, sizeof(place->digest));
    place->rules = rules;
    place->seen = now;
    place->who = *who;
    place->who.jti = place->who.amr = NULL; /* the caller's memory; the copies are below */
    memcpy(place->jti, who->jti, jti_len + 1);
    memcpy(place->amr, who->amr, amr_len + 1);
    pthread_mutex_unlock(&table->locks[at % LOCKS]);
}
