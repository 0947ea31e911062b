/* SPDX-License-Identifier: Apache-2.0
 * What services were last found to have (ForgeDiscover): for health and metrics, and for a graceful restart, which
 * begins with the members of before. The clock is that of the wall, because people read it.
 */
#include "live_private.h"
#include <errno.h>
#include <string.h>

#define PATIENCE apr_time_from_sec(10) /* after a start, before a service without members is a warning */

void forge_live_discovery_init(forge_live_segment_t *segment)
{
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&segment->services.mutex, &shared);
    pthread_mutexattr_destroy(&shared);
}

/* A holder that died while it copied members left a list that is part old, part new: each of them was found once. */
static forge_live_services_t *lock(forge_live_t *live)
{
    forge_live_services_t *services = &live->segment->services;
    if (pthread_mutex_lock(&services->mutex) == EOWNERDEAD)
        pthread_mutex_consistent(&services->mutex);
    return services;
}

void forge_live_discovery_begin(forge_live_t *live)
{
    forge_live_services_t *services = lock(live);
    for (int i = 0; i < FORGE_LIVE_SERVICES; i++)
        services->of[i].since = 0;
    pthread_mutex_unlock(&services->mutex);
}

/* The place that has this name; else one that no service ever used; else one that this configuration does not use. */
static int place_of(const forge_live_services_t *services, const char *name)
{
    int fresh = -1, old = -1;
    for (int i = FORGE_LIVE_SERVICES - 1; i >= 0; i--) {
        const forge_live_service_t *at = &services->of[i];
        if (strcmp(at->name, name) == 0)
            return i;
        if (!at->name[0])
            fresh = i;
        else if (!at->since)
            old = i;
    }
    return fresh >= 0 ? fresh : old;
}

int forge_live_discovery(forge_live_t *live, const char *name)
{
    if (strlen(name) >= FORGE_LIVE_SERVICE_BYTES)
        return -1;
    forge_live_services_t *services = lock(live);
    int which = place_of(services, name);
    if (which >= 0) {
        forge_live_service_t *at = &services->of[which];
        if (strcmp(at->name, name) != 0) {
            memset(at, 0, sizeof(*at));
            memcpy(at->name, name, strlen(name) + 1);
        }
        at->since = (uint64_t)apr_time_now();
        at->failing = at->no_room = 0;
    }
    pthread_mutex_unlock(&services->mutex);
    return which;
}

void forge_live_discovery_told(forge_live_t *live, int which, forge_lookup_t result, const forge_members_t *members)
{
    forge_live_count(live, (forge_counter_t)(FORGE_C_DISCOVERY_FOUND + (int)result));
    if (which < 0)
        return;
    forge_live_services_t *services = lock(live);
    forge_live_service_t *at = &services->of[which];
    at->failing = result != FORGE_FOUND;
    if (result == FORGE_FOUND) {
        at->members = *members;
        at->found = (uint64_t)apr_time_now();
    }
    pthread_mutex_unlock(&services->mutex);
}

void forge_live_discovery_room(forge_live_t *live, int which, bool enough)
{
    if (which < 0)
        return;
    forge_live_services_t *services = lock(live);
    services->of[which].no_room = !enough;
    pthread_mutex_unlock(&services->mutex);
}

bool forge_live_discovery_last(forge_live_t *live, int which, forge_members_t *members)
{
    if (which < 0)
        return false;
    forge_live_services_t *services = lock(live);
    const forge_live_service_t *at = &services->of[which];
    *members = at->members;
    bool known = at->found != 0 && at->members.count > 0 && at->members.count <= FORGE_MEMBERS_MAX;
    pthread_mutex_unlock(&services->mutex);
    return known;
}

/* The worst first: nobody to ask at all, then members that get no requests, then members that may be out of date. */
const char *forge_live_discovery_trouble(forge_live_t *live)
{
    static const char *const sentences[] = {
        NULL, "members of a service could not be looked up; the last known ones stay",
        "a service has more members than its balancer has room for", "a service has no members yet"};
    int worst = 0;
    forge_live_services_t *services = lock(live);
    for (int i = 0; i < FORGE_LIVE_SERVICES; i++) {
        const forge_live_service_t *at = &services->of[i];
        bool waits = !at->found && (at->failing || (uint64_t)apr_time_now() > at->since + (uint64_t)PATIENCE);
        int here = !at->since ? 0 : waits ? 3 : at->no_room ? 2 : at->failing ? 1 : 0;
        worst = here > worst ? here : worst;
    }
    pthread_mutex_unlock(&services->mutex);
    return sentences[worst];
}

bool forge_live_discovery_used(forge_live_t *live)
{
    bool used = false;
    forge_live_services_t *services = lock(live);
    for (int i = 0; i < FORGE_LIVE_SERVICES; i++)
        used |= services->of[i].since != 0;
    pthread_mutex_unlock(&services->mutex);
    return used;
}

void forge_live_discovery_gauges(forge_live_t *live, apr_int64_t *last, apr_int64_t *full)
{
    *last = FORGE_GAUGE_UNKNOWN;
    *full = 0;
    forge_live_services_t *services = lock(live);
    for (int i = 0; i < FORGE_LIVE_SERVICES; i++) {
        const forge_live_service_t *at = &services->of[i];
        apr_int64_t found = apr_time_sec((apr_time_t)at->found);
        if (!at->since)
            continue;
        *full += at->no_room;
        if (*last == FORGE_GAUGE_UNKNOWN || found < *last)
            *last = found;
    }
    pthread_mutex_unlock(&services->mutex);
}
