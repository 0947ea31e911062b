# SPDX-License-Identifier: Apache-2.0
# The figures of run as tables in Markdown; after median.awk. -v cost= -v sizes="1000 10000 …" -v only=
function together(a, b) { return 1 / (1 / a + 1 / b) }
function micro(name) { return sprintf("%d", median(name SUBSEP "cpu") + 0.5) }
function measured(title, name, against, what, target,   ratio, verdict) {
    ratio = rate(name) / against
    verdict = !target ? "" : (ratio >= target) ? "yes" : "**no**"
    printf "| %s | %s | %s | %s | %s | %s | %s = %s | %.2f | %s | %s |\n", title, number(rate(name)), spread(name), msec(name, "p50"), msec(name, "p99"), micro(name),
        what, number(against), ratio, target ? sprintf("≥ %.2f", target) : "", verdict
    if (target && ratio < target) missed++
}
function reference(title, name) {
    printf "| %s | %s | %s | %s | %s | %s |\n", title, number(rate(name)), spread(name), msec(name, "p50"), msec(name, "p99"), micro(name)
}
function growth(   n, size, i, late) {
    n = split(sizes, size, " ")
    if (n) {
        print "\n| courses | page 1 per second | last page, by cursor | page 1 ÷ last | newest first | by title | search, rare word | hello |"
        print "|--:|--:|--:|--:|--:|--:|--:|--:|"
    }
    for (i = 1; i <= n; i++)
        printf "| %d | %s | %s | %.2f | %s | %s | %s | %s |\n", size[i], number(rate("first" size[i])), number(rate("last" size[i])),
            rate("first" size[i]) / rate("last" size[i]), number(rate("newest" size[i])), number(rate("title" size[i])), number(rate("rare" size[i])),
            number(rate("hello" size[i]))
    if (n) {
        late = rate("first" size[n]) / rate("last" size[n])
        printf "\nPage %d by cursor costs %.2f × page 1 (target ≤ 1.20: %s); page 1 of %d courses costs %.2f × page 1 of %d, measured against hello.\n",
            size[n] / 100, late, (late <= 1.2) ? "yes" : "**no**", size[n],
            rate("first" size[1]) / rate("hello" size[1]) / (rate("first" size[n]) / rate("hello" size[n])), size[1]
        if (late > 1.2) missed++
    }
}
END {
    if (only == "growth") {
        growth()
        exit
    }
    print "| request | per second | spread | p50 ms | p99 ms | CPU µs | against | ratio | target | met |"
    print "|---|--:|--:|--:|--:|--:|---|--:|--:|---|"
    measured("GET /health/live", "live", rate("static"), "S", 2)
    measured("the same, both with an access log", "live_logged", rate("static_logged"), "S", 2)
    measured("GET /auth/me", "me", together(rate("hello"), rate("sql_me")), "hello + SQL", 0.85)
    measured("GET one course", "get", together(rate("hello"), rate("sql_get")), "hello + SQL", 0.85)
    measured("list of 100 courses", "list", together(rate("hello"), rate("sql_list")), "hello + SQL", 0.85)
    measured("one course, against SQL in httpd", "get", rate("plain_get"), "bare + SQL", 0.85)
    measured("list of 100, against SQL in httpd", "list", rate("plain_list"), "bare + SQL", 0.85)
    measured("POST a course", "post", together(rate("hello"), rate("sql_post")), "hello + SQL", 0.85)
    measured("login, bcrypt cost " cost, "login", rate("bcrypt"), "bare bcrypt", 0)

    print "\n| out of memory | per second | spread | p50 ms | p99 ms | CPU µs | against | ratio | target | met |"
    print "|---|--:|--:|--:|--:|--:|---|--:|--:|---|"
    measured("GET /health/live", "live", rate("flushed"), "claimed hello that flushes", 0.95)
    measured("GET one course", "kept_get", rate("flushed_get"), "the same, as many bytes", 0.85)
    measured("GET one course", "kept_get", rate("static"), "S", 2)
    measured("list of 100 courses", "kept_list", rate("flushed_list"), "the same, as many bytes", 0.85)
    measured("list of 100 courses", "kept_list", rate("static_list"), "a file of that size", 2)
    split("tls h2", version, " ")
    split("TLS, HTTP/1.1|TLS, HTTP/2", word, "|")
    for (i = 1; i <= 2; i++) {
        measured("GET /health/live, " word[i], version[i] "_live", rate(version[i] "_static"), "S, the same", 2)
        measured("GET one course, " word[i], version[i] "_get", rate(version[i] "_static"), "S, the same", 2)
        measured("list of 100 courses, " word[i], version[i] "_list", rate(version[i] "_static_list"), "a file of that size, the same", 2)
        measured("GET /health/live, " word[i], version[i] "_live", rate(version[i] "_flushed"), "claimed hello that flushes", 0.95)
        measured("list of 100 courses, " word[i], version[i] "_list", rate(version[i] "_flushed_list"), "the same, as many bytes", 0.85)
        measured("claimed hello, " word[i], version[i] "_flushed", rate(version[i] "_static"), "S, the same", 0)
    }

    print "\n| what it is compared with | per second | spread | p50 ms | p99 ms | CPU µs |"
    print "|---|--:|--:|--:|--:|--:|"
    reference("S: static file of 200 bytes", "static")
    reference("S with an access log", "static_logged")
    reference("hello: bare handler, 200 bytes", "hello")
    reference("hello, claimed before httpd looks for a file", "claimed")
    reference("bare + SQL: a bare handler that runs the statement of one course", "plain_get")
    reference("bare + SQL: the same with the list of 100, unrendered", "plain_list")
    split("me get list post", sql, " ")
    split("/auth/me|one course|list of 100|POST a course", title, "|")
    for (i = 1; i <= 4; i++) printf "| pgbench: %s | %s | %s | | | |\n", title[i], number(rate("sql_" sql[i])), spread("sql_" sql[i])
    printf "| pgbench: one course, and application_name before it | %s | %s | | | |\n", number(rate("named_get")), spread("named_get")
    printf "| bcrypt alone | %s | %s | | | |\n", number(rate("bcrypt")), spread("bcrypt")

    growth()
    printf "\nMemory of one child after the load: RSS %.1f MB, PSS %.1f MB.", median("child" SUBSEP "rss") / 1024, median("child" SUBSEP "pss") / 1024
    if (values["idle", "open"] != "")
        printf " One of %d idle keep-alive connections: %.1f KB.", median("idle" SUBSEP "open"), median("idle" SUBSEP "bytes") / 1024
    print ""
    printf "%s\n", missed ? missed " targets missed" : "all targets met"
}
