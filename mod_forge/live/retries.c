/* SPDX-License-Identifier: Apache-2.0
 * How many requests may be sent once more (ForgeRetry), and which members fail one request after another.
 *
 * A budget is a number of tokens in one word. Each request puts its share in, each retry takes one out. What is above
 * or below the reserve (ten seconds of `least`) moves back towards it by a tenth a second. So a quiet day saves up
 * nothing for an outage, and retries never are more than the reserve, `least` a second, and the share of all requests.
 */
#include "live_private.h"

#define THOUSAND 1000
#define SPAN     APR_INT64_C(10000) /* milliseconds within which a request counts as recent */
#define MOST     APR_INT64_C(2000000000)
#define EARLIER  60000 /* milliseconds by which a thread may have looked at the clock before the one that wrote last */

/* The entry of a name: its own, or a free one that becomes its own. With all in use, the one that it would have had:
 * then two share it, which errs on the side of fewer retries. */
static uint64_t key_of(const char *name)
{
    uint64_t key = forge_util_hash(FORGE_HASH_START, name);
    return key ? key : 1;
}

static bool is_mine(uint64_t *at, uint64_t key)
{
    uint64_t there = __atomic_load_n(at, __ATOMIC_ACQUIRE);
    return there == key || (!there && (forge_live_swap(at, 0, key) || __atomic_load_n(at, __ATOMIC_ACQUIRE) == key));
}

static forge_live_budget_t *budget_of(forge_live_t *live, const char *name)
{
    forge_live_budget_t *budgets = live->segment->retries.budgets;
    uint64_t key = key_of(name);
    for (unsigned i = 0; i < FORGE_LIVE_BUDGETS; i++) {
        forge_live_budget_t *at = &budgets[(key + i) & (FORGE_LIVE_BUDGETS - 1)];
        if (is_mine(&at->key, key))
            return at;
    }
    return &budgets[key & (FORGE_LIVE_BUDGETS - 1)];
}

static forge_live_failing_t *member_of(forge_live_t *live, const char *name)
{
    forge_live_failing_t *members = live->segment->retries.members;
    uint64_t key = key_of(name);
    for (unsigned i = 0; i < FORGE_LIVE_MEMBERS; i++) {
        forge_live_failing_t *at = &members[(key + i) & (FORGE_LIVE_MEMBERS - 1)];
        if (is_mine(&at->key, key))
            return at;
    }
    return NULL;
}

/* By how much the tokens have moved towards the reserve since the time in the word. */
static int64_t moved(uint64_t word, int64_t reserve, apr_int64_t ms)
{
    const uint32_t since = (uint32_t)ms - (uint32_t)word;
    const int64_t tokens = (int64_t)(word >> 32), passed = since > UINT32_MAX - EARLIER ? 0 : (int64_t)since;
    return (reserve - tokens) * (passed < SPAN ? passed : SPAN) / SPAN;
}

/* Adds `more` thousandths, unless fewer than none would be left. A word of 0 was never used: it begins with the
 * reserve. A time that is too short to move anything is not lost: the word keeps its own. */
static bool add(forge_live_budget_t *budget, int64_t reserve, int64_t more, apr_int64_t now)
{
    apr_int64_t ms = now / THOUSAND;
    for (;;) {
        uint64_t was = forge_live_load(&budget->tokens);
        uint64_t from = was ? was : (uint64_t)reserve << 32 | (uint32_t)ms;
        int64_t by = moved(from, reserve, ms), tokens = (int64_t)(from >> 32) + by + more;
        if (tokens < 0)
            return false;
        uint64_t time = by ? (uint32_t)ms : (uint32_t)from;
        uint64_t is = (uint64_t)(tokens < MOST ? tokens : MOST) << 32 | time;
        if (forge_live_swap(&budget->tokens, was, is ? is : 1))
            return true;
    }
}

static int64_t reserve_of(forge_retry_rule_t rule)
{
    return (int64_t)rule.least * SPAN;
}

void forge_live_retry_request_at(forge_live_t *live, const char *balancer, forge_retry_rule_t rule, apr_int64_t now)
{
    add(budget_of(live, balancer), reserve_of(rule), (int64_t)rule.percent * THOUSAND / 100, now);
}

bool forge_live_retry_take_at(forge_live_t *live, const char *balancer, forge_retry_rule_t rule, apr_int64_t now)
{
    return add(budget_of(live, balancer), reserve_of(rule), -THOUSAND, now);
}

void forge_live_retry_request(forge_live_t *live, const char *balancer, forge_retry_rule_t rule)
{
    forge_live_retry_request_at(live, balancer, rule, forge_util_monotonic());
}

bool forge_live_retry_take(forge_live_t *live, const char *balancer, forge_retry_rule_t rule)
{
    return forge_live_retry_take_at(live, balancer, rule, forge_util_monotonic());
}

/* With more members than the table has room for, those without an entry are never put out. */
bool forge_live_member_told(forge_live_t *live, const char *member, bool good)
{
    forge_live_failing_t *at = member_of(live, member);
    if (!at)
        return false;
    if (good) {
        if (forge_live_load(&at->failures))
            forge_live_store(&at->failures, 0);
        return false;
    }
    return __atomic_add_fetch(&at->failures, 1, __ATOMIC_RELAXED) >= FORGE_EJECT_AFTER;
}
