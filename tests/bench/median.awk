# SPDX-License-Identifier: Apache-2.0
# What the reports share: "name metric value" lines are collected, and each figure is the median of its rounds.
function median(key,   n, i, j, t, v) {
    n = split(values[key], v, " ")
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
    return n % 2 ? v[(n + 1) / 2] : n ? (v[n / 2] + v[n / 2 + 1]) / 2 : 0
}
# How far the rounds are apart, in per cent of the median.
function spread(name,   n, i, v, low, high) {
    n = split(values[name, "rate"], v, " ")
    for (i = 1; i <= n; i++) {
        if (i == 1 || v[i] + 0 < low) low = v[i] + 0
        if (i == 1 || v[i] + 0 > high) high = v[i] + 0
    }
    return sprintf("%d %%", 100 * (high - low) / rate(name) + 0.5)
}
function rate(name) { return median(name SUBSEP "rate") }
function number(n) { return n >= 100 ? sprintf("%d", n + 0.5) : sprintf("%.1f", n) }
function msec(name, metric) { return sprintf("%.2f", median(name SUBSEP metric) / 1000) }
{ values[$1, $2] = values[$1, $2] " " $3 }
