/* SPDX-License-Identifier: Apache-2.0
 * How Redis counts requests: the arithmetic of live/limits.c in Lua. A script runs alone, and the clock is that of
 * Redis, so that parallel requests of all nodes together get no more than the quota.
 */
#include "redis_private.h"
#include <string.h>

/* KEYS[1] holds the time at which the whole quota is back, and when that was written. ARGV: the interval of one
 * request and the span of all, in microseconds; "take" or "look". A clock that was set back, or is another server's
 * after a fail-over, neither blocks nor opens: the time moves with it. Answers whether the request is allowed, and in
 * how many microseconds the whole quota is back. */
const char forge_net_redis_script[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000000 + t[2]\n"
    "local interval, span = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
    "local tat, changed = now, false\n"
    "local tat_kept, at = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+)$')\n"
    "if tat_kept then\n"
    "  tat, at = tonumber(tat_kept), tonumber(at)\n"
    "  if now < at then tat = tat - (at - now); changed = true end\n"
    "end\n"
    "if tat < now then tat = now end\n"
    "if tat > now + span then tat = now + span; changed = true end\n"
    "local allowed = tat + interval <= now + span\n"
    "if ARGV[3] == 'take' and allowed then tat = tat + interval; changed = true end\n"
    "if changed and ARGV[3] == 'take' and tat > now then\n"
    "  redis.call('SET', KEYS[1], string.format('%.0f %.0f', tat, now), 'PX',\n"
    "    string.format('%.0f', math.ceil((tat - now) / 1000)))\n"
    "end\n"
    "return string.format('%d %.0f', allowed and 1 or 0, tat - now)\n";

bool forge_net_redis_answer(const char *text, forge_redis_run_t *run)
{
    if ((*text != '0' && *text != '1') || text[1] != ' ' || !forge_util_atoi(text + 2, strlen(text + 2), &run->reset))
        return false;
    run->allowed = *text == '1';
    return run->reset >= 0 && run->reset <= run->span;
}
