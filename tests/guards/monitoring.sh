#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: packaging/monitoring speaks of metrics that exist, each alert has its texts and its test, and each panel of the dashboard can be shown.
cd "${1:-.}" || exit 2
here=packaging/monitoring
dashboard=$here/grafana/forge.json
failed=0
wrong() { echo "  $1"; failed=1; }

# What /metrics shows: the families of the table and those that exposition.c writes itself, with what the samples of a type add; and what is recorded.
exported() {
    sed -n 's/^FORGE_GAUGE([A-Z_]*, *"\(forge_[a-z0-9_]*\)".*/\1/p; s/^FORGE_COUNTER([A-Z_]*, *"\(forge_[a-z0-9_]*\)".*/\1_total/p' mod_forge/live/metrics.def
    grep -oE '"forge_[a-z0-9_]+' mod_forge/live/exposition.c | tr -d '"' | while read -r name; do
        printf '%s\n' "$name" "${name}_total" "${name}_bucket" "${name}_sum" "${name}_count"
    done
    sed -n 's/.*record: *//p' $here/rules/recording.yml
}
known=$(exported | sort -u)
for name in $(grep -ohE '\bforge[_:][a-z0-9_:]+' $here/rules/recording.yml $here/rules/alerts.yml $dashboard tests/monitoring/rules.yml | sort -u); do
    printf '%s\n' "$known" | grep -qxF "$name" || wrong "$name is no metric: it stands in $(grep -lF "$name" $here/rules/*.yml $dashboard tests/monitoring/rules.yml | tr '\n' ' ')"
done

# What SPEC 12 names is on the page.
for name in http_requests_total http_requests_in_flight http_request_duration_seconds_bucket build_info db_pool_connections db_wait_timeouts_total \
    db_query_duration_seconds_bucket password_hash_waiting sandbox_runs_total rate_limited_total sessions jobs jobs_ended_total breaker_state sse_streams cache_requests_total; do
    grep -qE "\\bforge_$name\\b" $dashboard || wrong "forge_$name is on no panel of $dashboard"
done

alerts=$(sed -n 's/.*- alert: *//p' $here/rules/alerts.yml)
count=$(printf '%s\n' "$alerts" | wc -l)
[ "$count" -ge 20 ] || wrong "there are only $count alerts"
for member in expr for severity summary description runbook; do
    [ "$(grep -cE "^ +(labels: \\{)?$member:" $here/rules/alerts.yml)" -eq "$count" ] || wrong "not every alert has $member"
done
for alert in $alerts; do
    grep -qF "alertname=\"$alert\"" tests/monitoring/rules.yml || wrong "$alert has no test in tests/monitoring/rules.yml"
done

jq -e '.schemaVersion >= 36 and .uid != null and ([.templating.list[].name] == ["datasource", "instance"])' $dashboard >/dev/null || wrong "$dashboard: no schema of Grafana 9, or not its two variables"
jq -e '[.panels[].id] | length == (unique | length)' $dashboard >/dev/null || wrong "$dashboard: two panels have one id"
for title in $(jq -r '.panels[] | select(.type != "row")
        | select((.description // "") == "" or (.targets | length) == 0 or .gridPos.x + .gridPos.w > 24
            or any(.targets[]; .datasource.uid != "${datasource}" or (.expr | contains("$instance") | not))) | .title | gsub(" "; "_")' $dashboard); do
    wrong "$dashboard: $title has no description, no query, no place, or asks another source or all instances"
done
for part in Traffic Latency Errors Identity Database Sandbox Jobs Streams Machine; do
    jq -e --arg part "$part" 'any(.panels[]; .type == "row" and (.title | startswith($part)))' $dashboard >/dev/null || wrong "$dashboard: no row $part"
done
jq -e 'any(.annotations.list[]; (.expr // "") | startswith("ALERTS"))' $dashboard >/dev/null || wrong "$dashboard: alerts are no annotations"

# The judge of rules and configuration, where it is installed; the file of the key need not be there.
if command -v promtool >/dev/null; then
    out=$(promtool check rules $here/rules/*.yml 2>&1) || wrong "$out"
    out=$(promtool test rules tests/monitoring/rules.yml 2>&1) || wrong "$out"
    out=$(promtool check config --syntax-only $here/prometheus.yml 2>&1) || wrong "$out"
fi
exit $failed
