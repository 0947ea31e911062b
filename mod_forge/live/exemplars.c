/* SPDX-License-Identifier: Apache-2.0
 * Exemplars: for each bucket of the response times a recent request that it counts, known by its trace id. Whoever sees
 * a slow bucket finds the request in the logs.
 *
 * There is no lock: a process may die while it writes. Whoever moves `at` on writes, at most once a second. A reader
 * believes the words only together with their check, so that words of two requests are never taken for one.
 */
#include "live_private.h"
#include <apr_strings.h>
#include <string.h>

#define RENEW       1000000  /* microseconds */
#define RENEW_ERROR 60000000 /* the same where an error would make room for another class: errors are rare */
#define CLASS_SHIFT 56
#define CLASS_ERROR 5

static uint64_t check_of(uint64_t at, uint64_t took, const uint64_t trace[2])
{
    uint64_t mixed = at * 0x9e3779b97f4a7c15u ^ trace[0];
    mixed = (mixed << 23 | mixed >> 41) * 0xbf58476d1ce4e5b9u ^ trace[1];
    mixed = (mixed << 31 | mixed >> 33) * 0x94d049bb133111ebu ^ took;
    return mixed ^ mixed >> 29;
}

static bool trace_read(const char *text, uint64_t trace[2])
{
    if (strlen(text) != FORGE_LIVE_TRACE_DIGITS)
        return false;
    for (int i = 0; i < FORGE_LIVE_TRACE_DIGITS; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = strchr(digits, text[i]);
        if (!digit)
            return false;
        trace[i / 16] = trace[i / 16] << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

/* A clock that was set back renews as well. */
void forge_live_exemplar_put(forge_live_exemplar_t *exemplar, const char *trace_id, int class, apr_interval_time_t took,
                             apr_time_t now)
{
    uint64_t trace[2] = {0}, was = forge_live_load(&exemplar->at), at = (uint64_t)now;
    uint64_t word = (uint64_t) class << CLASS_SHIFT | (took > 0 ? (uint64_t)took : 0);
    bool error = forge_live_load(&exemplar->took) >> CLASS_SHIFT == CLASS_ERROR;
    if (at >= was && at - was < (error && class != CLASS_ERROR ? RENEW_ERROR : RENEW))
        return;
    if (!trace_read(trace_id, trace) || !forge_live_swap(&exemplar->at, was, at))
        return;
    forge_live_store(&exemplar->took, word);
    forge_live_store(&exemplar->trace[0], trace[0]);
    forge_live_store(&exemplar->trace[1], trace[1]);
    forge_live_store(&exemplar->check, check_of(at, word, trace));
}

bool forge_live_exemplar_get(const forge_live_exemplar_t *exemplar, forge_live_seen_t *seen)
{
    const uint64_t trace[2] = {forge_live_load(&exemplar->trace[0]), forge_live_load(&exemplar->trace[1])};
    uint64_t word = forge_live_load(&exemplar->took);
    seen->at = forge_live_load(&exemplar->at);
    if (seen->at == 0 || forge_live_load(&exemplar->check) != check_of(seen->at, word, trace))
        return false;
    seen->class = (int)(word >> CLASS_SHIFT);
    seen->took = word & ((UINT64_C(1) << CLASS_SHIFT) - 1);
    apr_snprintf(seen->trace_id, sizeof(seen->trace_id), "%016" APR_UINT64_T_HEX_FMT "%016" APR_UINT64_T_HEX_FMT,
                 (apr_uint64_t)trace[0], (apr_uint64_t)trace[1]);
    return true;
}
