/* SPDX-License-Identifier: Apache-2.0
 * Members of mod_proxy's balancers: what their states are called, and which state of each was last told of, so that a
 * change is told of once by whichever child sees it first.
 */
#include "live_private.h"
#include <apr_strings.h>
#include <string.h>

#define TWEAK_MEMBER 3000 /* of the hash; see limits.c and revocations.c */

const char *forge_live_member_word(forge_member_state_t state)
{
    static const char *const words[FORGE_MEMBER_STATES] = {"ok",       "standby",   "draining", "disabled",
                                                           "in_error", "unhealthy", "stopped"};
    return words[state];
}

/* A draining member still serves the sessions that it has, but no new ones. */
bool forge_live_member_serves(forge_member_state_t state)
{
    return state == FORGE_MEMBER_OK || state == FORGE_MEMBER_STANDBY || state == FORGE_MEMBER_DRAINING;
}

bool forge_live_member_failed(forge_member_state_t state)
{
    return state == FORGE_MEMBER_ERROR || state == FORGE_MEMBER_UNHEALTHY;
}

/* The place of a member, found by open addressing; places are never freed. NULL: all are in use. */
static forge_live_member_t *place_of(forge_live_segment_t *segment, const forge_upstream_t *member)
{
    char key[1024];
    uint64_t hash[2];
    int len = apr_snprintf(key, sizeof(key), "%s %s %s", member->host, member->balancer, member->name);
    forge_live_hash(segment->secret, TWEAK_MEMBER, key, (apr_size_t)len, hash);
    hash[0] |= 1; /* 0 means free */
    for (uint64_t n = 0; n < FORGE_LIVE_STATES; n++) {
        forge_live_member_t *place = &segment->members[(hash[1] + n) % FORGE_LIVE_STATES];
        uint64_t holder = forge_live_load(&place->key);
        if (holder == hash[0] || (holder == 0 && forge_live_swap(&place->key, 0, hash[0])))
            return place;
        if (forge_live_load(&place->key) == hash[0]) /* another child was faster */
            return place;
    }
    return NULL;
}

bool forge_live_member_changed(forge_live_t *live, const forge_upstream_t *member, forge_member_state_t *was)
{
    forge_live_member_t *place = place_of(live->segment, member);
    uint64_t known = place ? forge_live_load(&place->told) : 0, now = (uint64_t)member->state + 1;
    if (!place || known == now || !forge_live_swap(&place->told, known, now))
        return false;
    *was = known ? (forge_member_state_t)(known - 1) : FORGE_MEMBER_OK;
    return known != 0 || forge_live_member_failed(member->state);
}
