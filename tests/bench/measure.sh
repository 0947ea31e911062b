# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# One measurement each: a line "name metric value" in $results for report.awk, which takes the medians.

record() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$results"; }

# Ticks of processor time that httpd's children have used so far.
children_ticks() {
    local pid
    for pid in $(httpd_children); do sed 's/.*) //' "/proc/$pid/stat"; done | awk '{ n += $12 + $13 } END { print n }'
}

# Ticks that all processes have used, and those of this run, its servers and whatever they and it have started.
all_ticks() { awk '/^cpu / { print $2 + $3 + $4 }' /proc/stat; }
own_ticks() {
    local pid postmaster
    postmaster=$(head -n 1 "$dir/pg/postmaster.pid")
    for pid in $$ "$(cat "$dir/httpd.pid")" $(httpd_children) "$postmaster" $(pgrep -P "$postmaster"); do sed 's/.*) //' "/proc/$pid/stat" || true; done |
        awk '{ n += $12 + $13 + $14 + $15 } END { print n }'
}
# others_begin, others_end: per cent of the processors that went to anything else in between.
others_begin() { others_all=$(all_ticks) others_own=$(own_ticks) others_since=$(date +%s.%N); }
others_end() {
    awk -v all=$(($(all_ticks) - others_all)) -v own=$(($(own_ticks) - others_own)) -v since="$others_since" -v now="$(date +%s.%N)" \
        -v hz="$(getconf CLK_TCK)" -v cores="$cores" 'BEGIN { n = 100 * (all - own) / hz / cores / (now - since); printf "%d", (n > 0) ? n + 0.5 : 0 }'
}

# http NAME PATH [CONNECTIONS [PORT]]: wrk, with what BENCH_TOKEN, BENCH_BODY and BENCH_IDS say (load.lua), and BENCH_SCHEME (https). wrk leaves its last
# requests unanswered: the pause lets httpd end them, for it closes idle connections when all threads of a child are busy.
http() {
    local name=$1 url=${BENCH_SCHEME:-http}://127.0.0.1:${4:-$BENCH_PORT}$2 at=${3:-$connections} ticks requests took p50 p99 failures which
    ticks=$(children_ticks)
    read -r requests took p50 p99 failures which < <(wrk -t "$((at < cores ? at : cores))" -c "$at" -d "${seconds}s" --timeout 10s -s "$here/load.lua" "$url" |
        sed -n 's/^RESULT //p') || die "wrk did not measure $2"
    sleep 0.3
    ticks=$(($(children_ticks) - ticks))
    [ "$failures" -eq 0 ] || die "$failures of $requests requests for $2 failed $which" "$dir/error.log"
    record "$name" rate "$(awk "BEGIN { print $requests / $took }")"
    record "$name" p50 "$p50"
    record "$name" p99 "$p99"
    record "$name" cpu "$(awk "BEGIN { print 1e6 * $ticks / $(getconf CLK_TCK) / $requests }")"
}

bare() { http "$1" "$2" "$connections" "$BENCH_BARE_PORT"; }

# The bytes of an answer's body.
bytes_of() { curl -sS -f -o /dev/null -w '%{size_download}' "http://127.0.0.1:$BENCH_PORT$1" || die "a request that is to be measured fails" "$dir/error.log"; }

# secure NAME 1|2 PORT PATH: over TLS, by h2load, which speaks both versions of HTTP; with HTTP/2 four requests at once on each connection.
secure() {
    local name=$1 path=$4 log=$dir/h2load.log rate options=(--h1)
    [ "$2" -eq 1 ] || options=(-m 4)
    h2load "${options[@]}" -t "$cores" -c "$connections" -D "$seconds" "https://127.0.0.1:$3$path" >"$log" 2>&1 || die "h2load did not measure $path" "$log"
    rate=$(sed -n 's/^finished in .*, \([0-9.]*\) req\/s.*/\1/p' "$log")
    [ -n "$rate" ] && grep -q ' 0 failed, 0 errored, 0 timeout' "$log" && grep -q ' 0 3xx, 0 4xx, 0 5xx' "$log" || die "requests for $path failed" "$log"
    record "$name" rate "$rate"
}

# sql NAME SCRIPT: pgbench with statements that the server has prepared for mod_forge, on the same socket with the same settings.
sql() {
    local tps arguments
    mapfile -t arguments <"$dir/$2.args"
    tps=$(PGOPTIONS=$settings pgbench -h "$dir/sock" -U forge_app -n -M prepared \
        -c "$connections" -j "$cores" -T "$seconds" -f "$dir/$2.sql" "${arguments[@]}" forge 2>"$dir/pgbench.log" | sed -n 's/^tps = \([0-9.]*\).*/\1/p')
    [ -n "$tps" ] || die "pgbench did not measure $2" "$dir/pgbench.log"
    record "$1" rate "$tps"
}

bare_bcrypt() { record bcrypt rate "$("$dir/bcrypt" "$cost" "$cores" "$seconds")"; }

# --- the statements, as PostgreSQL sees them ---

log_close() {
    query postgres -c "ALTER SYSTEM SET log_min_duration_statement = -1" -c "SELECT pg_reload_conf()" >/dev/null
    sleep 0.5
}

# What mod_forge says first on each connection, as options for pgbench's connections: both work under the same settings.
capture_settings() {
    settings=$(awk '
        /  execute <unnamed>: SELECT set_config\(/ { sql = $0; wanted = 1; next }
        wanted && /^DETAIL: / { values = $0; wanted = 0 }
        END {
            while (match(sql, /set_config\(\047[a-z_]+\047, (\$[0-9]+|\047[^\047]*\047), false\)/)) {
                split(substr(sql, RSTART, RLENGTH), word, "\047")
                value = word[4]
                if (value == "") {
                    match(word[3], /[0-9]+/)
                    number = substr(word[3], RSTART, RLENGTH)
                    match(values, "\\$" number " = \047[^\047]*\047")
                    value = substr(values, RSTART, RLENGTH)
                    gsub(/^[^\047]*\047|\047$/, "", value)
                }
                gsub(/ /, "\\ ", value)
                if (word[2] != "application_name") printf "-c %s=%s ", word[2], value
                match(sql, /set_config\(/)
                sql = substr(sql, RSTART + RLENGTH)
            }
        }' "$dir/postgres.log")
    printf '%s' "$settings" >"$dir/settings"
    [ -n "$settings" ] || die "the settings of mod_forge's connections are not in PostgreSQL's log" "$dir/error.log"
}

# capture STATEMENT [RANDOM [LETTER]]: from the log to a pgbench script. $n becomes the variable an, which is defined by an option unless it is NULL
# (pgbench passes NULL for what is not defined) or drawn anew each time: RANDOM is "n highest". A colon inside a literal would begin a variable too.
capture() {
    awk -v name="$1" -v draw="${2:-}" -v letter="${3:-a}" -v script="$dir/$1.sql" -v options="$dir/$1.args" \
        -v raw="$dir/$1.raw" -v arguments="$dir/$1.values" '
        function translated(sql,   n, part, i, out) {
            n = split(sql, part, "\047")
            for (i = 1; i <= n; i++)
                if (i % 2) {
                    gsub(/\$[0-9]+/, ":" letter "&", part[i])
                    gsub(":" letter "\\$", ":" letter, part[i])
                    out = out part[i]
                } else {
                    if (index(part[i], ":")) {
                        gsub(/\\/, "\\\\\\\\", part[i])
                        gsub(/:/, "\\x3a", part[i])
                        out = out "E"
                    }
                    out = out "\047" part[i] "\047"
                }
            return out
        }
        match($0, "  execute " name "(:[0-9a-f:]*)?: ") { sql = substr($0, RSTART + RLENGTH); values = ""; wanted = 1; next }
        wanted && /^DETAIL: / { values = $0 }
        { wanted = 0 }
        END {
            if (sql == "") exit 1
            sub(/^\/\*[^*]*\*\/ /, "", sql)
            split(draw, random, " ")
            if (draw != "") printf "\\set %s%d random(1, %d)\n", letter, random[1], random[2] >script
            print translated(sql) ";" >script
            printf "" >options
            print sql >raw
            printf "" >arguments
            for (i = 1; match(values, "\\$" i " = (NULL|\047[^\047]*\047)"); i++) {
                value = substr(values, RSTART, RLENGTH)
                sub(/^[^=]*= /, "", value)
                if (value != "NULL") value = substr(value, 2, length(value) - 2)
                print value >arguments
                if (value != "NULL" && random[1] != i) printf "-D%s%d=%s\n", letter, i, value >options
            }
        }' "$dir/postgres.log" || die "PostgreSQL has not seen the statement $1" "$dir/error.log"
}

# The whole of what one request sends, in the same pipeline: before its statement goes the one that makes the request visible in pg_stat_activity.
capture_request() {
    capture "$@"
    {
        grep '^\\set ' "$dir/$1.sql" || true
        echo '\startpipeline'
        cat "$dir/forge_activity.sql"
        grep -v '^\\set ' "$dir/$1.sql"
        echo '\endpipeline'
    } >"$dir/$1.request.sql"
    cat "$dir/forge_activity.args" "$dir/$1.args" >"$dir/$1.request.args"
}

# --- memory ---

# memory FIELD: kilobytes of all children together, as /proc/PID/smaps_rollup calls it.
memory() {
    local pid
    for pid in $(httpd_children); do cat "/proc/$pid/smaps_rollup"; done | awk -v field="$1:" '$1 == field { n += $2 } END { print n }'
}

descriptors() {
    local pid
    for pid in $(httpd_children); do ls "/proc/$pid/fd"; done | wc -l
}

# What connections that wait for their next request cost: a hundred more every half second.
idle_connections() {
    local before open more pids=()
    before=$(memory Pss) open=$(descriptors)
    for _ in $(seq $((idle / 100))); do
        BENCH_CONNECTIONS=100 wrk -t 1 -c 100 -d 300s -s "$here/idle.lua" "http://127.0.0.1:$BENCH_PORT/health/live" >/dev/null 2>&1 &
        pids+=($!)
        sleep 0.5
    done
    sleep 1
    more=$(($(memory Pss) - before)) open=$(($(descriptors) - open))
    kill "${pids[@]}"
    wait "${pids[@]}" 2>/dev/null || true
    [ "$open" -ge $((idle * 9 / 10)) ] || die "only $open of $idle idle connections stayed open" "$dir/error.log"
    record idle open "$open"
    record idle bytes "$(awk "BEGIN { print 1024 * $more / $open }")"
}

children_memory() {
    local n
    n=$(httpd_children | wc -l)
    record child rss "$(($(memory Rss) / n))"
    record child pss "$(($(memory Pss) / n))"
}

# --- growth ---

# Follows the Link headers from the first page to the last one; says the last one's path.
last_page() {
    local word pages rows path
    read -r word pages rows path < <(wrk -t 1 -c 1 -d 300s -s "$here/walk.lua" "http://127.0.0.1:$BENCH_ASKED_PORT/api/v1/courses" | grep '^LAST') ||
        die "the walk through the pages did not end" "$dir/error.log"
    [ "$word" = LAST ] && [ "$rows" -eq "$1" ] && [ "$pages" -eq $((($1 + 99) / 100)) ] || die "the pages show $rows rows on $pages pages instead of $1"
    echo "$path"
}
