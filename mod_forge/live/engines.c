/* SPDX-License-Identifier: Apache-2.0
 * Container engines: whether they may be asked at the moment, who of all children asks now, and what was said last.
 *
 * A robust mutex guards the table. What is said is marked as nothing while it is written, so that a holder may die.
 * Who asks is a process: when it is gone, or takes longer than anybody may, the next one asks.
 */
#include "live_private.h"

#include <apr_strings.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ASKS_FOR (FORGE_ENGINE_PATIENCE + apr_time_from_sec(3))

void forge_live_engines_init(forge_live_segment_t *segment)
{
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&segment->engines.mutex, &shared);
    pthread_mutexattr_destroy(&shared);
    segment->engines.fd = memfd_create("forge-engines", MFD_CLOEXEC);
}

static void lock(forge_live_t *live)
{
    if (pthread_mutex_lock(&live->segment->engines.mutex) == EOWNERDEAD)
        pthread_mutex_consistent(&live->segment->engines.mutex);
}

static void unlock(forge_live_t *live)
{
    pthread_mutex_unlock(&live->segment->engines.mutex);
}

/* --- what they said, under the lock --- */

static off_t place_of(const forge_live_t *live, const forge_live_engine_t *engine)
{
    return (off_t)(engine - live->segment->engines.of) * FORGE_ENGINE_BYTES;
}

static bool text_put(const forge_live_t *live, const forge_live_engine_t *engine, const char *text, apr_size_t len)
{
    off_t at = place_of(live, engine);
    if (len > FORGE_ENGINE_BYTES)
        return false;
    for (ssize_t n; len; len -= (apr_size_t)n, text += n, at += n)
        if ((n = pwrite(live->segment->engines.fd, text, len, at)) <= 0)
            return false;
    return true;
}

static const char *text_get(const forge_live_t *live, const forge_live_engine_t *engine, apr_pool_t *p)
{
    char *text = apr_palloc(p, engine->said.len + 1);
    off_t at = place_of(live, engine);
    text[engine->said.len] = '\0';
    for (ssize_t got = 0, n; (apr_size_t)got < engine->said.len; got += n)
        if ((n = pread(live->segment->engines.fd, text + got, engine->said.len - (apr_size_t)got, at + got)) <= 0)
            return NULL;
    return text;
}

/* --- whose turn it is --- */

/* Under the lock: the engine of this name; NULL if there is none. With `make` it takes a place that nobody looks at any
 * more. */
static forge_live_engine_t *find(forge_live_t *live, const char *name, bool make, apr_int64_t now)
{
    forge_live_engine_t *all = live->segment->engines.of, *unused = NULL;
    for (int i = 0; i < FORGE_LIVE_ENGINES; i++) {
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
        if (!unused && all[i].until <= now && all[i].asked_until <= now)
            unused = &all[i];
    }
    if (!make || !unused || strlen(name) >= sizeof(unused->name))
        return NULL;
    unused->name[0] = '\0';
    unused->until = unused->asked_until = unused->said_at = 0;
    apr_cpystrn(unused->name, name, sizeof(unused->name));
    return unused;
}

/* Under the lock: the same, of one that is enabled. */
static forge_live_engine_t *enabled(forge_live_t *live, const char *name, apr_int64_t now)
{
    forge_live_engine_t *engine = find(live, name, false, now);
    return engine && engine->until > now ? engine : NULL;
}

bool forge_live_engine_enable_at(forge_live_t *live, const char *name, apr_interval_time_t span, apr_int64_t now)
{
    lock(live);
    forge_live_engine_t *engine = find(live, name, true, now);
    if (engine) {
        engine->until = now + span;
        engine->ends = apr_time_now() + span;
    }
    unlock(live);
    return engine != NULL;
}

bool forge_live_engine_enable(forge_live_t *live, const char *name, apr_interval_time_t span)
{
    return forge_live_engine_enable_at(live, name, span, forge_util_monotonic());
}

apr_time_t forge_live_engine_enabled_at(forge_live_t *live, const char *name, apr_int64_t now)
{
    lock(live);
    const forge_live_engine_t *engine = enabled(live, name, now);
    apr_time_t ends = engine ? engine->ends : 0;
    unlock(live);
    return ends;
}

apr_time_t forge_live_engine_enabled(forge_live_t *live, const char *name)
{
    return forge_live_engine_enabled_at(live, name, forge_util_monotonic());
}

static bool is_known(const forge_live_engine_t *engine, apr_int64_t now)
{
    return engine->said_at && now - engine->said_at < FORGE_ENGINE_KEPT;
}

static bool is_asked(const forge_live_engine_t *engine, apr_int64_t now)
{
    return engine->asked_until > now && forge_live_process_alive(engine->asker);
}

static forge_engine_turn_t turn(const forge_live_engine_t *engine, apr_int64_t now)
{
    return !engine                  ? FORGE_ENGINE_OFF
           : is_known(engine, now)  ? FORGE_ENGINE_KNOWN
           : !is_asked(engine, now) ? FORGE_ENGINE_ASK
                                    : FORGE_ENGINE_WAIT;
}

forge_engine_turn_t forge_live_engine_look_at(forge_live_t *live, const char *name, apr_int64_t now)
{
    lock(live);
    forge_engine_turn_t is = turn(enabled(live, name, now), now);
    unlock(live);
    return is;
}

forge_engine_turn_t forge_live_engine_look(forge_live_t *live, const char *name)
{
    return forge_live_engine_look_at(live, name, forge_util_monotonic());
}

forge_engine_turn_t forge_live_engine_turn_at(forge_live_t *live, const char *name, apr_int64_t now)
{
    lock(live);
    forge_live_engine_t *engine = enabled(live, name, now);
    forge_engine_turn_t is = turn(engine, now);
    if (is == FORGE_ENGINE_ASK) {
        engine->asker = forge_live_process_self(live);
        engine->asked_until = now + ASKS_FOR;
    }
    unlock(live);
    return is;
}

forge_engine_turn_t forge_live_engine_turn(forge_live_t *live, const char *name)
{
    return forge_live_engine_turn_at(live, name, forge_util_monotonic());
}

bool forge_live_engine_told_at(forge_live_t *live, const char *name, const forge_engine_said_t *said, apr_int64_t now)
{
    bool news = false;
    lock(live);
    forge_live_engine_t *engine = find(live, name, false, now);
    if (engine) {
        news = !engine->said_at || engine->said.outcome != said->outcome;
        engine->said_at = 0;
        engine->said = *said;
        if (!text_put(live, engine, said->text, said->len))
            engine->said = (forge_engine_said_t){.outcome = FORGE_E_UNAVAILABLE, .at = said->at};
        engine->said.text = NULL;
        engine->said_at = now;
        engine->asked_until = 0;
    }
    unlock(live);
    return news;
}

bool forge_live_engine_told(forge_live_t *live, const char *name, const forge_engine_said_t *said)
{
    return forge_live_engine_told_at(live, name, said, forge_util_monotonic());
}

bool forge_live_engine_said_at(forge_live_t *live, const char *name, apr_pool_t *p, forge_engine_said_t *said,
                               apr_int64_t now)
{
    lock(live);
    const forge_live_engine_t *engine = enabled(live, name, now);
    bool there = engine && engine->said_at;
    if (there) {
        *said = engine->said;
        said->text = text_get(live, engine, p);
    }
    unlock(live);
    return there && said->text;
}

bool forge_live_engine_said(forge_live_t *live, const char *name, apr_pool_t *p, forge_engine_said_t *said)
{
    return forge_live_engine_said_at(live, name, p, said, forge_util_monotonic());
}

/* Figures that nobody has asked for in the last minute say nothing about now. */
/* Whether its last figures are young enough to be told. */
static bool known(const forge_live_engine_t *engine, apr_int64_t now)
{
    return engine->said_at && now - engine->said_at < FORGE_ENGINE_FIGURES && engine->said.outcome == FORGE_OK;
}

forge_containers_t forge_live_containers_at(forge_live_t *live, const char *name, apr_int64_t now)
{
    forge_containers_t figures = {.total = -1, .running = -1, .unhealthy = -1};
    lock(live);
    const forge_live_engine_t *engine = name ? enabled(live, name, now) : NULL;
    figures.enabled = engine != NULL;
    if (engine && known(engine, now)) {
        figures.total = engine->said.total;
        figures.running = engine->said.running;
        figures.unhealthy = engine->said.unhealthy;
    }
    unlock(live);
    return figures;
}

forge_containers_t forge_live_containers(forge_live_t *live, const char *name)
{
    return forge_live_containers_at(live, name, forge_util_monotonic());
}

int forge_live_containers_unhealthy(forge_live_t *live)
{
    apr_int64_t now = forge_util_monotonic();
    int sum = -1;
    lock(live);
    for (int i = 0; i < FORGE_LIVE_ENGINES; i++) {
        const forge_live_engine_t *engine = &live->segment->engines.of[i];
        if (engine->until > now && known(engine, now) && engine->said.unhealthy >= 0)
            sum = (sum < 0 ? 0 : sum) + engine->said.unhealthy;
    }
    unlock(live);
    return sum;
}
