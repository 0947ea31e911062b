/* SPDX-License-Identifier: Apache-2.0
 * What was written in the databases. A change of this node is counted before its answer is sent, and one of another
 * node when the listener hears of it. Whatever was made of older counts is no longer believed.
 *
 * A count is read before the database is, so that a change in between makes it look old. Only while the listener has
 * heard everything up to a moment ago does a count say that nothing has changed.
 */
#include "live_private.h"
#include <string.h>

static const char *const words[FORGE_TOPICS] = {"courses", "content", "exercises", "achievements"};

unsigned forge_live_topic(const char *word, apr_size_t len)
{
    for (unsigned i = 0; i < FORGE_TOPICS; i++)
        if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
            return 1U << i;
    return 0;
}

void forge_live_changed(forge_live_t *live, apr_uint64_t realm, unsigned topics)
{
    forge_live_realm_t *at = topics ? forge_live_realm(live, realm, true) : NULL;
    for (unsigned i = 0; at && i < FORGE_TOPICS; i++)
        if (topics & 1U << i)
            __atomic_fetch_add(&at->changes[i], 1, __ATOMIC_ACQ_REL);
}

/* The counts are read one after the other. That gives no sum which a later reader could take for its own: counts only
 * grow, so of two equal sums one has a count that the other one read later. */
uint64_t forge_live_changes(const forge_live_realm_t *at, unsigned topics)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < FORGE_TOPICS; i++)
        if (topics & 1U << i)
            sum += __atomic_load_n(&at->changes[i], __ATOMIC_ACQUIRE);
    return sum;
}

/* Counts begin with the segment, at a random number: answers may outlive it in theirs, when another version of the
 * module brings another layout of this one. */
apr_uint64_t forge_live_generation(forge_live_t *live, apr_uint64_t realm, unsigned topics)
{
    const forge_live_realm_t *at = forge_live_realm(live, realm, false);
    return at && forge_live_vouched(at, forge_util_uptime()) ? live->segment->birth + forge_live_changes(at, topics)
                                                             : 0;
}
