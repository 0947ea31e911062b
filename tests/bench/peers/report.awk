# SPDX-License-Identifier: Apache-2.0
# The figures of run as one table in Markdown; after ../median.awk. -v deployed= what stands before the peers, or nothing
function verdict(good) {
    if (!good) missed++
    return good ? "yes" : "**no**"
}
# As run names its lines: the side and the call. The faster peer is the one that answers more; its median is what our slowest are held against.
function row(title, forge, call, before, target, tail,   f, a, g, faster, late) {
    f = forge "_" call; a = before "axum_" call; g = before "go_" call
    faster = (rate(a) >= rate(g)) ? a : g
    late = median(f SUBSEP "p99") / median(faster SUBSEP "p50")
    printf "| %s | %s | %s | %s | %s | %.2f | %.2f | %s | %s |", title, number(rate(f)), spread(f), number(rate(a)), number(rate(g)),
        rate(f) / rate(a), rate(f) / rate(g), target ? sprintf("≥ %.2f", target) : "",
        target ? verdict(rate(f) >= target * rate(a) && rate(f) >= target * rate(g)) : ""
    printf " %s | %s | %.2f | %s |", msec(f, "p99"), msec(faster, "p50"), late, tail ? verdict(late <= 2) : ""
    printf " %d | %d | %d |\n", median(f SUBSEP "cpu") + 0.5, median(a SUBSEP "cpu") + 0.5, median(g SUBSEP "cpu") + 0.5
}
END {
    print "| call | mod_forge per second | spread | axum | Go | ÷ axum | ÷ Go | target | met | p99 ms | p50 ms of the faster peer | p99 ÷ p50" \
        " | ≤ 2.00 | CPU µs: mod_forge | axum | Go |"
    print "|---|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|--:|---|--:|--:|--:|"
    row("GET one course, out of memory", "kept", "get", "", 2.5, 1)
    row("list of 100, out of memory", "kept", "list", "", 2.5, 1)
    row("GET /health/live", "asked", "live", "", 0, 1)
    row("GET one course", "asked", "get", "", 1, 1)
    row("list of 100", "asked", "list", "", 1.2, 1)
    row("GET /auth/me", "asked", "me", "", 1, 1)
    row("POST a course", "asked", "post", "", 1, 1)
    row("login", "asked", "login", "", 0, 0)
    if (deployed) {
        row("TLS: GET /health/live", "tls_asked", "live", "tls_", 0, 1)
        row("TLS: GET one course", "tls_asked", "get", "tls_", 1.2, 1)
        row("TLS: list of 100", "tls_asked", "list", "tls_", 1.2, 1)
        row("TLS: GET /auth/me", "tls_asked", "me", "tls_", 1.2, 1)
    }
    printf "\n%s\n", missed ? missed " targets missed" : "all targets met"
}
