/* SPDX-License-Identifier: Apache-2.0
 * The shared segment: created once, found again after a graceful restart.
 */
#include "live_private.h"
#include <apr_hash.h>
#include <apr_shm.h>
#include <apr_strings.h>
#include <string.h>

/* Sets the members of a zeroed segment that must not be zero. */
static void segment_init(forge_live_segment_t *segment)
{
    segment->layout = FORGE_LIVE_LAYOUT;
    segment->bytes = sizeof(*segment);
    segment->started = apr_time_now();
    segment->wall_offset = segment->started - forge_util_monotonic();
    segment->labelled = FORGE_LIVE_SLOT_OTHER + 1;
    apr_cpystrn(segment->slots[FORGE_LIVE_SLOT_OTHER].method, "other", FORGE_LIVE_METHOD_BYTES);
    apr_cpystrn(segment->slots[FORGE_LIVE_SLOT_OTHER].route, "other", FORGE_LIVE_ROUTE_BYTES);
    forge_util_random(segment->secret, sizeof(segment->secret));
    forge_util_random(&segment->birth, sizeof(segment->birth));
    segment->birth = segment->birth >> 2 | 1; /* no count makes it 0 */
    forge_live_gate_init(segment);
    forge_live_streams_init(segment);
    forge_live_breakers_init(segment);
    forge_live_engines_init(segment);
    forge_live_discovery_init(segment);
    forge_live_limits_init(segment);
    forge_live_revocations_init(segment);
}

/* Anonymous memory that forked children share; APR's own clean-up unmaps it with p. APR stores its size in front of it,
 * so that it starts inside a cache line. So one more line is requested, and the segment begins at the next line. */
forge_live_t *forge_live_open_private(apr_pool_t *p, const char **why)
{
    apr_shm_t *shm;
    apr_status_t rv = apr_shm_create(&shm, sizeof(forge_live_segment_t) + FORGE_LIVE_LINE, NULL, p);
    if (rv != APR_SUCCESS) {
        char reason[120];
        *why = apr_psprintf(p, "could not get %" APR_SIZE_T_FMT " bytes of shared memory: %s",
                            sizeof(forge_live_segment_t), apr_strerror(rv, reason, sizeof(reason)));
        return NULL;
    }
    forge_live_t *live = apr_pcalloc(p, sizeof(*live));
    uintptr_t base = (uintptr_t)apr_shm_baseaddr_get(shm);
    live->segment = (forge_live_segment_t *)((base + FORGE_LIVE_LINE - 1) & ~(uintptr_t)(FORGE_LIVE_LINE - 1));
    segment_init(live->segment);
    return live;
}

/* The counters of this build in their order: a new row of metrics.def moves those behind it, and the alignment of what
 * follows may hide that from the size. */
static const char counter_names[] =
#define FORGE_COUNTER(name, family, labels, help) #name " "
#define FORGE_GAUGE(name, family, labels, help)
#include "metrics.def"
#undef FORGE_COUNTER
#undef FORGE_GAUGE
    ;

/* The pool stores the segment under a name that contains its layout, so that another version of the module does not
 * find it and creates its own. No clean-up is registered, because a graceful restart unloads this code and the pool
 * outlives it. */
forge_live_t *forge_live_open(apr_pool_t *process_pool, const char **why)
{
    char name[64];
    void *known = NULL;
    apr_ssize_t len = APR_HASH_KEY_STRING;
    apr_snprintf(name, sizeof(name), "forge_live/%d/%" APR_SIZE_T_FMT "/%x", FORGE_LIVE_LAYOUT,
                 sizeof(forge_live_segment_t), apr_hashfunc_default(counter_names, &len));
    if (apr_pool_userdata_get(&known, name, process_pool) == APR_SUCCESS && known) {
        forge_live_t *live = known;
        if (live->segment->layout == FORGE_LIVE_LAYOUT && live->segment->bytes == sizeof(forge_live_segment_t))
            return live;
    }
    forge_live_t *live = forge_live_open_private(process_pool, why);
    if (live)
        apr_pool_userdata_set(live, name, NULL, process_pool);
    return live;
}
