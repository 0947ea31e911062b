# SPDX-License-Identifier: Apache-2.0
# The figures of identity as tables in Markdown; after median.awk. -v cost= -v flood= -v entries= -v rush=
function figure(what, value, against, ratio, target, met) { printf "| %s | %s | %s | %s | %s | %s |\n", what, value, against, ratio, target, met }
function verdict(good) { if (!good) missed++; return good ? "yes" : "**no**" }
function ns(alg, metric) { return sprintf("%d", median("token_" alg SUBSEP metric)) }
function kib(bytes) { return sprintf("%.0f", bytes / 1024) }
END {
    print "| one token, ns of one thread | checked for the first time | again by the same child | OpenSSL's check of the signature alone | signed |"
    print "|---|--:|--:|--:|--:|"
    n = split("HS256 RS256 ES256", alg, " ")
    for (i = 1; i <= n; i++) printf "| %s | %s | %s | %s | %s |\n", alg[i], ns(alg[i], "first"), ns(alg[i], "again"), ns(alg[i], "bare"), ns(alg[i], "sign")

    print "\n| what | figure | against | ratio | target | met |"
    print "|---|--:|---|--:|--:|---|"
    late = rate("me_0") / rate("me_" entries)
    figure("time of GET /auth/me, " entries " sessions revoked", number(rate("me_" entries)) " per second", "none revoked: " number(rate("me_0")) " per second", sprintf("%.2f", late), "≤ 1.10", verdict(late <= 1.1))
    share = rate("login") / rate("bcrypt")
    figure("logins, bcrypt cost " cost, sprintf("%.2f per second", rate("login")), sprintf("bare bcrypt: %.2f per second", rate("bcrypt")), sprintf("%.2f", share), "≥ 0.95", verdict(share >= 0.95))
    p99 = median("flooded" SUBSEP "p99") / 1000
    figure("p99 of GET /auth/me while " flood " clients log in", sprintf("%.1f ms", p99), sprintf("alone: %.1f ms", median("quiet" SUBSEP "p99") / 1000),
        sprintf("%.1f", median("flooded" SUBSEP "p99") / median("quiet" SUBSEP "p99")), "≤ 250 ms", verdict(p99 <= 250))
    slow = median("flood" SUBSEP "max") / 1000
    figure("longest answer to a login of the flood, granted ones among them", sprintf("%.0f ms", slow), sprintf("p99 %.0f ms, p50 %.1f ms", median("flood" SUBSEP "p99") / 1000, median("flood" SUBSEP "p50") / 1000), "", "", "")
    took = median("rush" SUBSEP "took")
    most = 1.2 * rush / rate("bcrypt") + 1
    figure(rush " logins within 2 s, to the last answer", sprintf("%.1f s", took), sprintf("bare bcrypt: %.1f s", rush / rate("bcrypt")), sprintf("%.2f", took * rate("bcrypt") / rush), sprintf("≤ 1.2 × that + 1 s = %.1f s", most), verdict(took <= most))
    figure("of them answered with 200 at the first try", median("rush" SUBSEP "granted"), rush, "", "all", verdict(median("rush" SUBSEP "failed") == 0 && median("rush" SUBSEP "granted") == rush))
    calm = median("rush" SUBSEP "idle") / 1000; hard = median("rush" SUBSEP "p99") / 1000
    figure("p99 of GET /auth/me every 4 ms meanwhile", sprintf("%.2f ms", hard), sprintf("alone: %.2f ms", calm), sprintf("%.1f", hard / calm), "≤ 2", verdict(hard <= 2 * calm))
    figure("p99 of the same beside loops of the least weight, one a processor", sprintf("%.2f ms", median("loops" SUBSEP "p99") / 1000), sprintf("alone: %.2f ms", calm), sprintf("%.1f", median("loops" SUBSEP "p99") / 1000 / calm), "", "")
    printf "\nThe flood: %d logins granted and %d refused with 429 or 503 and Retry-After, per round; GET /auth/me %s per second meanwhile, %s alone.\n",
        median("flood" SUBSEP "granted"), median("flood" SUBSEP "refused"), number(rate("flooded")), number(rate("quiet"))

    print "\n| memory of " entries " sessions | KiB | bytes each |"
    print "|---|--:|--:|"
    m = split("sessions revocations", part, " ")
    split("in PostgreSQL: the sessions, each with a refresh token, and their indexes|in PostgreSQL: that all of them were revoked, for nodes that start within the life of a token", title, "|")
    for (i = 1; i <= m; i++) printf "| %s | %s | %d |\n", title[i], kib(median("memory" SUBSEP part[i])), median("memory" SUBSEP part[i]) / entries
    printf "\nAll that httpd and its children share: %s KiB, of a size that is fixed at start, the table of revocations among it. A session that is alive takes nothing there.\n",
        kib(median("memory" SUBSEP "shared"))
    printf "%s\n", missed ? missed " targets missed" : "all targets met"
}
