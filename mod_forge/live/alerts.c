/* SPDX-License-Identifier: Apache-2.0
 * Figures over their thresholds, and the changes that somebody is to be told of. Whoever took a sample judges it; any
 * process tells.
 *
 * The rule: an alert fires when its figure was over the threshold in every sample for as long as its rule says, and
 * ends with the first sample at or below nine tenths of the threshold. Between the two it stays what it is. A sample in
 * which the figure is unknown changes nothing, unless that lasts for five minutes: then the alert ends.
 */
#include "live_private.h"

#include <math.h>
#include <string.h>

#define CLEARS    0.9
#define FORGOTTEN apr_time_from_sec(300)

static uint64_t bits(double n)
{
    uint64_t word;
    memcpy(&word, &n, sizeof(word));
    return word;
}

static double number(uint64_t word)
{
    double n;
    memcpy(&n, &word, sizeof(n));
    return n;
}

static const forge_alert_row_t rows[FORGE_ALERTS] = {
#define FORGE_ALERT(name, word, unit, figure) {word, FORGE_UNIT_##unit, FORGE_S_##figure},
#include "alerts.def"
#undef FORGE_ALERT
};

const forge_alert_row_t *forge_live_alert_row(int which)
{
    return &rows[which];
}

/* --- who is to be told --- */

/* Only the newest changes are kept: one that nobody could be told of for so long is not news. */
static void change_put(forge_live_alerts_t *alerts, int which, bool firing, double value, double threshold)
{
    const uint64_t number = forge_live_load(&alerts->changes) + 1;
    forge_live_change_t *change = &alerts->told[number % FORGE_LIVE_CHANGES];
    __atomic_store_n(&change->number, 0, __ATOMIC_RELEASE);
    forge_live_store(&change->alert, (uint64_t)which);
    forge_live_store(&change->firing, firing);
    forge_live_store(&change->value, bits(value));
    forge_live_store(&change->threshold, bits(threshold));
    forge_live_store(&change->at, (uint64_t)apr_time_now());
    forge_live_store(&change->tries, 0);
    forge_live_store(&change->told, 0);
    forge_live_store(&change->due, 0);
    forge_live_store(&change->holder, 0);
    __atomic_store_n(&change->number, number, __ATOMIC_RELEASE);
    forge_live_store(&alerts->changes, number);
}

/* Whether an older change of the same alert has still to be told. */
static bool must_wait(const forge_live_alerts_t *alerts, const forge_live_change_t *change)
{
    for (int i = 0; i < FORGE_LIVE_CHANGES; i++) {
        const forge_live_change_t *other = &alerts->told[i];
        uint64_t number = __atomic_load_n(&other->number, __ATOMIC_ACQUIRE);
        if (number && number < forge_live_load(&change->number) &&
            forge_live_load(&other->alert) == forge_live_load(&change->alert))
            return true;
    }
    return false;
}

static bool change_take(forge_live_t *live, forge_live_change_t *change, uint64_t now)
{
    uint64_t holder = forge_live_load(&change->holder);
    if (!__atomic_load_n(&change->number, __ATOMIC_ACQUIRE) || now < forge_live_load(&change->due))
        return false;
    if (holder && forge_live_process_alive(holder))
        return false;
    return !must_wait(&live->segment->alerts, change) &&
           forge_live_swap(&change->holder, holder, forge_live_process_self(live));
}

bool forge_live_alert_change(forge_live_t *live, forge_alert_change_t *change)
{
    for (int i = 0; i < FORGE_LIVE_CHANGES; i++) {
        forge_live_change_t *at = &live->segment->alerts.told[i];
        if (!change_take(live, at, (uint64_t)forge_util_monotonic()))
            continue;
        *change = (forge_alert_change_t){.place = i,
                                         .number = forge_live_load(&at->number),
                                         .alert = (int)(forge_live_load(&at->alert) % FORGE_ALERTS),
                                         .firing = forge_live_load(&at->firing) != 0,
                                         .value = number(forge_live_load(&at->value)),
                                         .threshold = number(forge_live_load(&at->threshold)),
                                         .at = (apr_time_t)forge_live_load(&at->at),
                                         .tries = (int)forge_live_load(&at->tries),
                                         .told = (unsigned)forge_live_load(&at->told)};
        return true;
    }
    return false;
}

/* A place that was used for a newer change meanwhile is left alone. */
void forge_live_alert_told(forge_live_t *live, const forge_alert_change_t *change, apr_interval_time_t again)
{
    forge_live_change_t *at = &live->segment->alerts.told[change->place];
    if (forge_live_load(&at->number) != change->number)
        return;
    forge_live_store(&at->tries, (uint64_t)change->tries + 1);
    forge_live_store(&at->told, change->told);
    if (again)
        forge_live_store(&at->due, (uint64_t)(forge_util_monotonic() + again));
    else
        forge_live_swap(&at->number, change->number, 0);
    forge_live_swap(&at->holder, forge_live_process_self(live), 0);
}

/* --- the rule --- */

static void begin(forge_live_alerts_t *alerts, int which, double value, const forge_alert_rule_t *rule)
{
    forge_live_store(&alerts->of[which].firing, 1);
    forge_live_store(&alerts->of[which].since, (uint64_t)apr_time_now());
    change_put(alerts, which, true, value, rule->threshold);
}

static void end(forge_live_alerts_t *alerts, int which, double value, const forge_alert_rule_t *rule)
{
    bool fired = forge_live_load(&alerts->of[which].firing);
    forge_live_store(&alerts->of[which].firing, 0);
    forge_live_store(&alerts->of[which].over, 0);
    forge_live_store(&alerts->of[which].since, 0);
    if (fired && rule->on)
        change_put(alerts, which, false, value, rule->threshold);
}

/* A figure that is known: it is over, at ease, or between the two. */
static void judge_known(forge_live_alerts_t *alerts, int which, double value, const forge_alert_rule_t *rule,
                        uint64_t now)
{
    forge_live_alert_t *alert = &alerts->of[which];
    bool firing = forge_live_load(&alert->firing);
    forge_live_store(&alert->known, now);
    if (firing && value <= rule->threshold * CLEARS)
        end(alerts, which, value, rule);
    if (firing)
        return;
    if (value <= rule->threshold) {
        end(alerts, which, value, rule);
        return;
    }
    if (!forge_live_load(&alert->over)) {
        forge_live_store(&alert->over, now);
        forge_live_store(&alert->since, (uint64_t)apr_time_now());
    }
    if (now - forge_live_load(&alert->over) >= (uint64_t)rule->lasting)
        begin(alerts, which, value, rule);
}

void forge_live_alerts_judge_at(forge_live_t *live, const forge_sample_t *sample, const forge_alert_rule_t *rules,
                                apr_int64_t now)
{
    forge_live_alerts_t *alerts = &live->segment->alerts;
    for (int i = 0; i < FORGE_ALERTS; i++) {
        const double value = sample->of[rows[i].figure];
        forge_live_store(&alerts->of[i].value, bits(value));
        if (rules[i].on && !isnan(value))
            judge_known(alerts, i, value, &rules[i], (uint64_t)now);
        else if (!rules[i].on || (uint64_t)now - forge_live_load(&alerts->of[i].known) > (uint64_t)FORGOTTEN)
            end(alerts, i, value, &rules[i]);
    }
}

void forge_live_alerts_judge(forge_live_t *live, const forge_alert_rule_t *rules)
{
    forge_sample_t sample;
    forge_live_sample_last(live, &sample);
    forge_live_alerts_judge_at(live, &sample, rules, forge_util_monotonic());
}

forge_alert_state_t forge_live_alert(const forge_live_t *live, int which)
{
    const forge_live_alert_t *alert = &live->segment->alerts.of[which];
    return (forge_alert_state_t){.firing = forge_live_load(&alert->firing) != 0,
                                 .pending = forge_live_load(&alert->over) != 0,
                                 .since = (apr_time_t)forge_live_load(&alert->since),
                                 .value =
                                     forge_live_load(&alert->known) ? number(forge_live_load(&alert->value)) : NAN};
}
