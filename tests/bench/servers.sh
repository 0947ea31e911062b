# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The servers of the benchmark in a temporary folder: one PostgreSQL on a Unix socket, one httpd on loopback ports; both always stopped.

dir='' httpd_up='' postgres_up=''

# Undoes everything, whatever happened before.
servers_stop() {
    httpd_stop
    [ -z "$postgres_up" ] || as "$db_user" "$(pg_bin)/pg_ctl" -D "$dir/pg" -m immediate stop >/dev/null 2>&1 || true
    [ -z "$dir" ] || rm -rf "$dir"
}

servers_prepare() {
    local program
    for program in wrk h2load pgbench psql pg_config curl pgrep cc openssl; do
        command -v "$program" >/dev/null || die "$program is not here; packaging/dependencies.txt names its package"
    done
    [ -f "$build/.libs/mod_forge.so" ] && [ -x "$build/forgectl" ] || die "no mod_forge in $build: run make first"
    httpd=$(makefile_word HTTPD) modules=$(makefile_word HTTPD_MODULES) apxs=$(makefile_word APXS)
    if [ "$(id -u)" -eq 0 ]; then db_user=postgres web_user=www-data; else db_user=$(id -un) web_user=$db_user; fi
    ulimit -n "$(ulimit -H -n)"
    trap servers_stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    dir=$(mktemp -d /tmp/forge-bench.XXXXXX)
    chmod 0755 "$dir"
    mkdir "$dir/sock" "$dir/htdocs"
    chown "$db_user" "$dir/sock"
    head -c 200 /dev/zero | tr '\0' x >"$dir/htdocs/static.txt"
}

makefile_word() { sed -n "s/^$1 = *//p" "$build/Makefile"; }

# The comparisons that have to be compiled.
helpers_build() {
    local log=$dir/build.log apr apu
    apr=$("$apxs" -q APR_CONFIG) apu=$("$apxs" -q APU_CONFIG)
    mkdir "$dir/hello" && cp "$here/mod_bench_hello.c" "$dir/hello"
    (cd "$dir/hello" && "$apxs" -c -I"$(pg_config --includedir)" mod_bench_hello.c -lpq) >"$log" 2>&1 || die "apxs cannot build mod_bench_hello" "$log"
    # shellcheck disable=SC2046 # words on purpose
    cc -O2 $("$apr" --cppflags --includes) $("$apu" --includes) -o "$dir/bcrypt" "$here/bcrypt.c" $("$apu" --link-ld --libs) $("$apr" --link-ld --libs) \
        -pthread >"$log" 2>&1 || die "cc cannot build bcrypt.c" "$log"
    cc -O2 -o "$dir/rush" "$here/rush.c" -pthread >"$log" 2>&1 || die "cc cannot build rush.c" "$log"
}

# Not durable, so that both sides of each comparison cost processor and not disk; nothing happens by itself while something is measured.
postgres_start() {
    local log=$dir/postgres.log user
    touch "$log" && chown "$db_user" "$log"
    install -d -o "$db_user" -m 0700 "$dir/pg"
    as "$db_user" "$(pg_bin)/initdb" -D "$dir/pg" -E UTF8 --locale=C.UTF-8 -U postgres -A peer >"$log" 2>&1 || die "initdb failed" "$log"
    printf 'local all all peer map=bench\n' >"$dir/pg/pg_hba.conf"
    for user in "$db_user" "$web_user" "$(id -un)"; do
        printf 'bench "%s" postgres\nbench "%s" forge_owner\nbench "%s" forge_app\n' "$user" "$user" "$user"
    done >"$dir/pg/pg_ident.conf"
    cat >>"$dir/pg/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$dir/sock'
port = 5432
max_connections = 200
shared_buffers = 512MB
max_wal_size = 8GB
checkpoint_timeout = 1h
fsync = off
autovacuum = off
log_line_prefix = ''
log_min_duration_statement = 0
END
    as "$db_user" "$(pg_bin)/pg_ctl" -D "$dir/pg" -l "$log" -w -t 60 start >"$dir/pg_ctl.log" 2>&1 || die "PostgreSQL does not start" "$log"
    postgres_up=yes
    query postgres -c "CREATE ROLE forge_owner LOGIN" -c "CREATE ROLE forge_app LOGIN" -c "CREATE DATABASE forge OWNER forge_owner"
    "$build/forgectl" migrate apply --dir "$top/sql/migrations" --app-role forge_app --dsn "host=$dir/sock dbname=forge user=forge_owner" \
        >"$dir/migrate.log" 2>&1 || die "the migrations failed" "$dir/migrate.log"
}

# psql as superuser: query DATABASE ARGUMENT...
query() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$dir/sock" -U postgres "$@"; }

# LoadModule lines for what this httpd has not compiled in, and its account when it is started by root.
modules_write() {
    local name static
    static=$("$httpd" -l)
    for name in "mpm_$mpm" unixd authn_core authz_core authz_host alias dir mime setenvif headers filter deflate reqtimeout log_config status watchdog dbd socache_shmcb ssl http2; do
        grep -qE "^ *(mod_)?${name/mpm_/}\.c$" <<<"$static" || printf 'LoadModule %s_module "%s/mod_%s.so"\n' "$name" "$modules" "$name"
    done
    printf 'LoadModule bench_hello_module "%s"\nLoadModule forge_module "%s"\n' "$dir/hello/.libs/mod_bench_hello.so" "$build/.libs/mod_forge.so"
    [ "$(id -u)" -ne 0 ] || printf 'User %s\nGroup %s\n' "$web_user" "$(id -gn "$web_user")"
}

port_find() {
    local port
    for _ in $(seq 50); do
        port=$((20000 + RANDOM % 10000))
        port_taken "$port" || { echo "$port"; return 0; }
    done
    die "no free port between 20000 and 30000"
}

httpd_start() {
    modules_write >"$dir/modules.conf"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -addext basicConstraints=CA:FALSE -subj /CN=localhost -keyout "$dir/key.pem" -out "$dir/cert.pem" >"$dir/start.log" 2>&1 ||
        die "openssl makes no certificate" "$dir/start.log"
    cat "$dir/cert.pem" "$dir/key.pem" >"$dir/tls.pem"
    BENCH_PORT=$(port_find) BENCH_LOGGED_PORT=$(port_find) BENCH_BARE_PORT=$(port_find) BENCH_BARE_LOGGED_PORT=$(port_find)
    BENCH_ASKED_PORT=$(port_find) BENCH_TLS_PORT=$(port_find) BENCH_BARE_TLS_PORT=$(port_find)
    export BENCH_PORT BENCH_LOGGED_PORT BENCH_BARE_PORT BENCH_BARE_LOGGED_PORT BENCH_ASKED_PORT BENCH_TLS_PORT BENCH_BARE_TLS_PORT BENCH_DIR=$dir BENCH_CONF=$here \
        BENCH_CHILDREN=$children BENCH_THREADS=$threads BENCH_WORKERS=$((children * threads)) BENCH_CONNECTIONS=$connections \
        BENCH_COST=$cost BENCH_CORES=$cores
    "$httpd" -f "$here/httpd.conf" >"$dir/start.log" 2>&1 || die "httpd does not start" "$dir/start.log"
    httpd_up=yes
    for _ in $(seq 100); do
        if [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$BENCH_PORT/health/ready")" = 200 ]; then return 0; fi
        sleep 0.1
    done
    die "httpd does not get ready" "$dir/error.log"
}

httpd_children() { pgrep -P "$(cat "$dir/httpd.pid")"; }

httpd_stop() {
    local pid
    [ -n "$httpd_up" ] && [ -s "$dir/httpd.pid" ] || return 0
    pid=$(head -n 1 "$dir/httpd.pid")
    kill "$pid" && { pid_wait "$pid" 15 || kill -9 "$pid"; }
    httpd_up=''
}

# The account that reads and writes, and the one that logs in: each login adds a session, which /auth/me counts.
accounts() {
    local password=Wrk-4-the-Forge-bench!
    local api=http://127.0.0.1:$BENCH_PORT/api/v1/auth/register answer
    answer=$(curl -sS -f -H 'Content-Type: application/json' -d "{\"email\":\"owner@example.org\",\"password\":\"$password\",\"role\":\"instructor\"}" "$api") ||
        die "an account cannot be registered" "$dir/error.log"
    token=$(sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' <<<"$answer")
    owner=$(sed -n 's/.*"user":{"id":\([0-9]*\).*/\1/p' <<<"$answer")
    curl -sS -f -o /dev/null -H 'Content-Type: application/json' -d "{\"email\":\"guest@example.org\",\"password\":\"$password\"}" "$api" ||
        die "an account cannot be registered" "$dir/error.log"
    login="{\"email\":\"guest@example.org\",\"password\":\"$password\"}"
    # shellcheck disable=SC2034 # read by the scripts
    course='{"title":"Graphs and trees","description":"From paths to spanning trees, with an exercise for each lesson and a project of your own at the end."}'
}

# machine OTHERS: on what the figures were found.
machine() {
    printf '\n%s, %s cores (%s), %s, PostgreSQL %s; %s MPM, %s children of %s threads, %s connections, %s × %s s, %s s in all; other programs took %s %% of the processors\n\n' \
        "$(date +%F)" "$cores" "$(sed -n '/^model name/{s/.*: //p;q}' /proc/cpuinfo)" "$("$httpd" -v | sed -n 's/^Server version: //p')" \
        "$(query postgres -c 'SHOW server_version')" "$mpm" "$children" "$threads" "$connections" "$rounds" "$seconds" "$(seconds)" "$1"
}
