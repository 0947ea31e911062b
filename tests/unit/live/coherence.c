/* SPDX-License-Identifier: Apache-2.0
 * Every order in which a node's readers and writer, another node, the listener, the clock and a fail-over may take
 * their steps, up to a bound: no answer from memory is older than promised (SPEC 21). The counts, the generations, the
 * freshness of the listener and the kept answers are those of live/; PostgreSQL is two numbers that writes raise.
 *
 * The invariant: an answer that is kept under generation g was read from a database that had, by then, every write that
 * is counted in g. It holds because the generation is read before the database is: a count in between makes g older,
 * never the answer. And whoever finds an answer under the generation that is true now misses no more than what is not
 * counted now. That is a write of this node that has not been answered yet; or a write of another one that the listener
 * has not heard of, which was answered after the question of its last ping, less than FORGE_LIVE_HEARD_MAX ago; else
 * nothing is looked for.
 *
 * Of a fail-over only the writes of others are promised: while a connection of this node still leads to the old server,
 * what is read there is as old from memory as without it, until the listener looks again (a fifth of a second).
 *
 * Each rule of that reasoning can be broken by name. The search must then find an order that gives a stale answer,
 * which shows that it sees what it looks for.
 */
#include "live/live_private.h"
#include "unit.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* What the code does, and the fault that stands for not doing it. */
typedef enum rule_t {
    ALL_KEPT,
    KEPT_UNDER_WHAT_WAS_READ, /* the generation is read anew when the answer is kept */
    COUNTED_BEFORE_ANSWERED,  /* a writer answers, and counts then */
    ALL_COUNTED_AT_BEGIN,     /* a new listener does not count what it may have missed */
    COUNTED_BEFORE_VOUCHED,   /* a new listener vouches, and counts then */
    ASKED_BEFORE_CHECKED,     /* it vouches for a time after it was seen to hear the primary */
    ASKED_BEFORE_PING,        /* the listener vouches up to the end of its ping, not up to its question */
    HEARD_BEFORE_VOUCHED,     /* it vouches, and hears then what has come */
    FRESH_OR_NOTHING,         /* what was heard long ago vouches too */
    ONE_SOURCE,               /* what was read from another database than the listener's is kept */
    RULES
} rule_t;

enum { REALM = 7, SEEN = 1 << 22 };

/* What may happen besides requests: writes of this node and of another, deaths of the listener, fail-overs, ticks. */
typedef struct bounds_t {
    int mine, far, losses, failovers, ticks;
} bounds_t;
static const bounds_t scenes[] = {{1, 1, 0, 0, 2}, {1, 1, 2, 0, 3}, {0, 1, 2, 1, 3}};
enum { SCENES = sizeof(scenes) / sizeof(*scenes) };
enum { OLD, NEW, NOWHERE }; /* databases; the second becomes the primary by a fail-over */

#define TICK apr_time_from_msec(600)
#define MINE FORGE_READS_COURSES   /* what this node writes */
#define FAR  FORGE_READS_EXERCISES /* what another one writes */

/* How many writes of each kind a database has, or an answer shows. */
typedef struct version_t {
    uint8_t mine, far;
} version_t;

typedef enum reading_t { BEGINS, COUNTS_MINE, COUNTS_FAR, NEXT, LAST, OVER } reading_t;
typedef enum listening_t { AWAY, LISTENS, CHECKS, COUNTS, VOUCHES, PINGS, PONGS, HEARS, SAYS } listening_t;

/* `version`: what the keeper has read, what the looker is owed. */
typedef struct reader_t {
    uint8_t at, sum;
    version_t version;
} reader_t;

/* All that a step depends on; bytes only, so that worlds are compared as they lie. */
typedef struct world_t {
    reader_t keeper, looker;
    version_t database[2];
    uint8_t primary, now;              /* ticks */
    uint8_t counts[2], heard, system;  /* of the segment; `heard` as a tick + 1, 0: nothing */
    uint8_t listener, source;          /* what it does, and the database that it listens to */
    uint8_t asked, told, come, losses; /* when it asked; far writes that it counted, and that have come; its deaths */
    uint8_t writer, other;             /* steps of the two writers */
    uint8_t answered, answered_at;     /* writes of this node; when the other node answered, as a tick + 1 */
    uint8_t kept, kept_sum;
    version_t kept_as;
} world_t;

static forge_live_t *live;
static forge_live_realm_t *realm;
static forge_cache_t *cache;
static forge_cache_key_t key;
static uint64_t systems[3], *seen;
static rule_t broken;
static bounds_t may;
static bool stale, full;
static long worlds;
static const reader_t done = {.at = OVER};

/* --- the world, and the functions of live/ --- */

static const char *name_of(uint8_t database)
{
    return database == OLD ? "old" : "new";
}

static apr_int64_t time_of(int tick)
{
    return apr_time_from_sec(1000) + tick * TICK;
}

static void to_segment(const world_t *w)
{
    realm->changes[0] = w->counts[0];
    realm->changes[2] = w->counts[1];
    realm->heard = w->heard ? (uint64_t)time_of(w->heard - 1) : 0;
    realm->system = systems[w->system];
}

static void from_segment(world_t *w)
{
    w->counts[0] = (uint8_t)realm->changes[0];
    w->counts[1] = (uint8_t)realm->changes[2];
    w->heard = realm->heard ? (uint8_t)(((apr_int64_t)realm->heard - time_of(0)) / TICK + 1) : 0;
    w->system = realm->system == systems[OLD] ? OLD : realm->system == systems[NEW] ? NEW : NOWHERE;
}

/* What is kept under one generation is found under no other. */
static bool found(const world_t *w, uint8_t sum, version_t *as)
{
    forge_buf_t b = {.ceiling = 64};
    if (!w->kept)
        return false;
    forge_live_cache_put(cache, &key, live->segment->birth + w->kept_sum, (const char *)&w->kept_as, sizeof(*as));
    if (!forge_live_cache_get(cache, &key, live->segment->birth + sum, &b))
        return false;
    memcpy(as, b.data, sizeof(*as));
    free(b.data);
    return true;
}

/* --- two requests: http/cache.c around a handler. A stale answer from memory has one that kept it and one that found
 * it; of the first it does not matter whether it looks, of the second not what becomes of it when it finds nothing ---
 */

/* Whoever finds that nothing is vouched for neither looks nor keeps. */
static bool begins(const world_t *w, reader_t *r)
{
    const apr_int64_t now = broken == FRESH_OR_NOTHING ? (apr_int64_t)realm->heard : time_of(w->now);
    r->at = COUNTS_MINE;
    if (!forge_live_vouched(realm, now))
        *r = done;
    return r->at != OVER;
}

static void counts(reader_t *r)
{
    if (r->at == COUNTS_MINE)
        r->sum = (uint8_t)forge_live_changes(realm, MINE);
    else
        r->sum = (uint8_t)(r->sum + forge_live_changes(realm, FAR));
    r->at++;
}

/* After a fail-over its connection may still lead to the old server. */
static void asks(const world_t *w, reader_t *r, uint8_t database)
{
    r->version = w->database[database];
    r->at = LAST;
    if (broken != ONE_SOURCE && !forge_live_events_from(live, REALM, name_of(database)))
        *r = done;
}

static void keeps(world_t *w, reader_t *r)
{
    w->kept = true;
    w->kept_sum = broken == KEPT_UNDER_WHAT_WAS_READ ? (uint8_t)forge_live_changes(realm, MINE | FAR) : r->sum;
    w->kept_as = r->version;
    *r = done;
}

static void keeper_goes_on(world_t *w, uint8_t database)
{
    reader_t *r = &w->keeper;
    if (r->at == BEGINS)
        begins(w, r);
    else if (r->at < NEXT)
        counts(r);
    else if (r->at == NEXT)
        asks(w, r, database);
    else
        keeps(w, r);
}

/* It is owed what was answered here before, and elsewhere more than a second ago. */
static void owe(const world_t *w, reader_t *r)
{
    r->version.mine = w->answered;
    r->version.far = w->answered_at && time_of(w->now) - time_of(w->answered_at - 1) > FORGE_LIVE_HEARD_MAX;
}

static void looker_goes_on(world_t *w)
{
    version_t as;
    reader_t *r = &w->looker;
    if (r->at == BEGINS && begins(w, r))
        owe(w, r);
    else if (r->at == COUNTS_MINE || r->at == COUNTS_FAR)
        counts(r);
    else if (r->at == NEXT) {
        stale |= found(w, r->sum, &as) && (as.mine < r->version.mine || as.far < r->version.far);
        *r = done;
    }
}

/* --- the writers: server/lease.c, and somebody else --- */

static void write_here(world_t *w)
{
    int count = broken == COUNTED_BEFORE_ANSWERED ? 2 : 1;
    if (w->writer == 0)
        w->database[w->primary].mine++;
    else if (w->writer == count)
        forge_live_changed(live, REALM, MINE);
    else
        w->answered = 1;
    w->writer++;
}

static void write_there(world_t *w)
{
    if (w->other == 0)
        w->database[w->primary].far++;
    else
        w->answered_at = (uint8_t)(w->now + 1);
    w->other++;
}

/* --- the listener: work/revoke.c --- */

/* What has come is counted. Of what comes at any other time too. */
static void hear(world_t *w, uint8_t come)
{
    if (w->told < come) {
        forge_live_changed(live, REALM, FAR);
        w->told = come;
    }
}

static void count_missed(world_t *w)
{
    if (broken == ASKED_BEFORE_CHECKED)
        w->asked = w->now;
    if (broken != ALL_COUNTED_AT_BEGIN)
        forge_live_changed(live, REALM, ~0U);
}

static void vouch(const world_t *w)
{
    forge_live_events_heard(live, REALM, time_of(w->asked));
}

static void attend(world_t *w)
{
    w->source = w->primary;
    w->told = w->come = w->database[w->source].far;
}

/* A server that is the primary no more is given up. */
static bool refused(world_t *w)
{
    if (w->source == w->primary)
        return false;
    forge_live_events_lost(live, REALM);
    w->listener = AWAY;
    return true;
}

static void begin_to_hear(world_t *w)
{
    bool late = broken == COUNTED_BEFORE_VOUCHED;
    if (w->listener == AWAY)
        w->asked = w->now;
    else if (w->listener == LISTENS)
        attend(w);
    else if (w->listener == CHECKS && refused(w))
        return;
    else if (w->listener == CHECKS)
        forge_live_events_system(live, REALM, name_of(w->source), 1);
    else if ((w->listener == COUNTS) == late)
        vouch(w);
    else
        count_missed(w);
    w->listener++;
}

static void go_on(world_t *w)
{
    bool early = broken == HEARD_BEFORE_VOUCHED;
    if (w->listener == PINGS)
        w->asked = w->now;
    else if (w->listener == PONGS && refused(w))
        return;
    else if (w->listener == PONGS) /* the answer comes behind the news of all that was committed before it */
        w->come = w->database[w->source].far;
    else if ((w->listener == HEARS) != early)
        hear(w, w->come);
    else {
        if (broken == ASKED_BEFORE_PING)
            w->asked = w->now;
        vouch(w);
    }
    w->listener = w->listener == SAYS ? PINGS : (uint8_t)(w->listener + 1);
}

static void listen_on(world_t *w)
{
    if (w->listener < PINGS)
        begin_to_hear(w);
    else
        go_on(w);
}

/* --- what may happen next --- */

static void shift_one(reader_t *r, const uint8_t counts[2])
{
    if (r->at > COUNTS_MINE && r->at < OVER)
        r->sum = (uint8_t)(r->sum - counts[0] - (r->at > COUNTS_FAR ? counts[1] : 0));
}

/* Only differences between counts matter: they are made to begin at 0. */
static void shift(world_t *w)
{
    shift_one(&w->keeper, w->counts);
    shift_one(&w->looker, w->counts);
    w->kept_sum = w->kept ? (uint8_t)(w->kept_sum - w->counts[0] - w->counts[1]) : 0;
    w->counts[0] = w->counts[1] = 0;
}

/* Whether an answer that shows so much may be less than what the looker is, or will be, owed. */
static bool short_of(const reader_t *l, version_t shown)
{
    const version_t owed = l->at == BEGINS ? (version_t){1, 1} : l->version;
    return shown.mine < owed.mine || shown.far < owed.far;
}

/* Nothing stale can follow: nobody looks any more, or what is kept was overtaken or shows all that is owed. Counts only
 * grow, so that who has not read them yet will read no less than what they are. */
static bool over(const world_t *w)
{
    const reader_t *k = &w->keeper, *l = &w->looker;
    const int least = l->at == COUNTS_FAR || l->at == NEXT ? (int8_t)l->sum : 0;
    if (l->at == OVER || (k->at == OVER && !w->kept))
        return true;
    if (!short_of(l, w->kept ? w->kept_as : k->at == LAST ? k->version : (version_t){0, 0}))
        return true;
    if (w->kept)
        return (int8_t)w->kept_sum < least;
    return k->at > COUNTS_FAR && broken != KEPT_UNDER_WHAT_WAS_READ && (int8_t)k->sum < least;
}

/* Makes worlds the same that differ only in what no later step depends on. */
static void tidy(world_t *w)
{
    shift(w);
    if (w->listener <= LISTENS)
        w->source = w->told = 0;
    if (w->listener == AWAY || w->listener == PINGS)
        w->asked = 0;
    if (w->listener != HEARS && w->listener != SAYS)
        w->come = 0;
}

static bool step_readers(world_t *w, int which)
{
    if (which == 0 && w->looker.at != OVER)
        looker_goes_on(w);
    else if (which == 1 && w->keeper.at != OVER)
        keeper_goes_on(w, w->primary);
    else if (which == 2 && w->keeper.at == NEXT && w->primary == NEW)
        keeper_goes_on(w, OLD);
    else
        return false;
    return true;
}

static bool step_listener(world_t *w, int how)
{
    if (how == 0) {
        listen_on(w);
        return true;
    }
    if (w->listener == AWAY)
        return false;
    if (how == 1 && w->listener > LISTENS) { /* news come by themselves */
        const uint8_t come = w->database[w->source].far;
        bool new = w->told < come;
        hear(w, come);
        return new;
    }
    if (how == 1 || w->losses == may.losses)
        return false;
    w->losses++; /* its child is killed, and tells nobody */
    w->listener = AWAY;
    return true;
}

static bool step_rest(world_t *w, int what)
{
    if (what == 0 && w->writer < 3 * may.mine)
        write_here(w);
    else if (what == 1 && w->other < 2 * may.far)
        write_there(w);
    else if (what == 2 && w->now < may.ticks)
        w->now++;
    else if (what == 3 && w->primary == OLD && may.failovers) {
        w->primary = NEW;
        w->database[NEW] = w->database[OLD];
    } else
        return false;
    return true;
}

enum { STEPS = 3 + 3 + 4 };

/* Step n of those that may come next; false: it may not. */
static bool step(world_t *w, int n)
{
    to_segment(w);
    bool possible = n < 3 ? step_readers(w, n) : n < 6 ? step_listener(w, n - 3) : step_rest(w, n - 6);
    from_segment(w);
    tidy(w);
    return possible;
}

/* Whether a world is met for the first time. Its 64 bits of hash stand for it. */
static bool fresh(const world_t *w)
{
    uint64_t hash[2];
    forge_live_hash(live->segment->secret, 0, w, sizeof(*w), hash);
    for (uint64_t i = hash[0];; i++) {
        uint64_t *at = &seen[i & (SEEN - 1)];
        if (*at == hash[1])
            return false;
        if (!*at) {
            *at = hash[1];
            full |= ++worlds > SEEN / 4 * 3;
            return !full;
        }
    }
}

static const char *const names[STEPS] = {"looker",      "keeper",       "keeper at the old server",
                                         "listener",    "news",         "listener is killed",
                                         "writer here", "writer there", "tick",
                                         "fail-over"};

/* False: an answer was stale; then *order says how it came to that. */
static bool explore(const world_t *w, const char **order)
{
    for (int n = 0; n < STEPS; n++) {
        world_t next = *w;
        bool possible = step(&next, n);
        if (stale || (possible && !over(&next) && fresh(&next) && !explore(&next, order))) {
            *order = apr_pstrcat(forge_test_pool, names[n], ", ", *order, NULL);
            return false;
        }
    }
    return true;
}

static void setup(void)
{
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_ptr_nonnull(live);
    cache = forge_live_cache_open_private(forge_test_pool, 1 << 16, &why);
    ck_assert_ptr_nonnull(cache);
    key = forge_live_cache_key(cache, "k", 1);
    ck_assert(forge_live_events_lead(live, REALM));
    realm = forge_live_realm(live, REALM, false);
    for (uint8_t i = OLD; i <= NEW; i++) {
        forge_live_events_system(live, REALM, name_of(i), 1);
        systems[i] = realm->system;
    }
    seen = calloc(SEEN, sizeof(*seen));
    ck_assert_ptr_nonnull(seen);
    stale = full = false;
    worlds = 0;
}

static void teardown(void)
{
    free(seen);
    forge_test_end();
}

static const world_t first = {.system = NOWHERE};

/* An order of some scene that gives a stale answer; NULL: there is none. */
static const char *order_against(rule_t rule)
{
    const char *order = "";
    broken = rule;
    for (int i = 0; i < SCENES; i++) {
        may = scenes[i];
        memset(seen, 0, SEEN * sizeof(*seen));
        if (!explore(&first, &order))
            return order;
    }
    return NULL;
}

START_TEST(no_order_gives_a_stale_answer)
{
    const char *order = order_against(ALL_KEPT);
    ck_assert_msg(!order, "%s", order);
    ck_assert(!full);
    ck_assert_int_gt(worlds, 10000);
}
END_TEST

START_TEST(every_rule_is_needed)
{
    ck_assert_msg(order_against((rule_t)_i) != NULL, "rule %d may be broken: %ld worlds", _i, worlds);
}
END_TEST

Suite *forge_test_live_coherence(void)
{
    Suite *suite = suite_create("live_coherence");
    TCase *tc = tcase_create("orders");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, no_order_gives_a_stale_answer);
    tcase_add_loop_test(tc, every_rule_is_needed, ALL_KEPT + 1, RULES);
    suite_add_tcase(suite, tc);
    return suite;
}
