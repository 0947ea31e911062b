/* SPDX-License-Identifier: Apache-2.0
 * One call of a service under the breaker of its host, which all children share: what may be called, and what the end
 * of a call tells of its host.
 */
#include "http_private.h"

#define FIRST_PAUSE apr_time_from_msec(100)

forge_dialled_t forge_http_dial(forge_dial_t *dial, forge_live_t *live, const char *host, const forge_call_spec_t *spec)
{
    *dial = (forge_dial_t){.live = live, .breaker = forge_live_breaker(live, host)};
    if (!forge_live_breaker_allows(live, dial->breaker))
        return FORGE_DIAL_LEFT_ALONE;
    dial->call = forge_net_call(spec);
    if (dial->call)
        return FORGE_DIAL_BEGUN;
    forge_live_breaker_given_up(live, dial->breaker);
    return FORGE_DIAL_TOO_MANY;
}

const char *forge_http_dial_why(forge_dialled_t how)
{
    return how == FORGE_DIAL_LEFT_ALONE ? "it is left alone, because most calls have failed"
                                        : "too many calls are under way";
}

void forge_http_dial_end(forge_dial_t *dial, bool sound)
{
    forge_live_breaker_told(dial->live, dial->breaker, sound);
    forge_net_call_drop(dial->call);
    dial->call = NULL;
}

void forge_http_dial_drop(forge_dial_t *dial)
{
    if (!dial->call)
        return;
    forge_net_call_drop(dial->call);
    forge_live_breaker_given_up(dial->live, dial->breaker);
    dial->call = NULL;
}

apr_int64_t forge_http_dial_again_at(int sends)
{
    apr_uint16_t chance;
    apr_interval_time_t pause = FIRST_PAUSE << (sends - 1);
    forge_util_random(&chance, sizeof(chance));
    return forge_util_monotonic() + pause / 2 + pause * chance / 65536;
}
