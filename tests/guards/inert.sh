#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With the module enabled as it is shipped, a server answers byte for byte as without it: its sites, their headers, paths that the API has elsewhere, TRACE,
# bodies of any size. configtest and the log say nothing (not that httpd is too small for our queue either, which it is), and no process is added.
# Environment: HTTPD (the httpd binary), MODULE (mod_forge.so), HTTPD_MODULES (directory of httpd's own modules; asked of apxs when not set).
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
: "${HTTPD:?names no httpd binary}" "${MODULE:?names no mod_forge.so}"
modules=${HTTPD_MODULES:-$(apxs -q LIBEXECDIR)} || exit 1
tmp=$(mktemp -d) || exit 1
pid=
stop() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    for _ in $(seq 200); do [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && sleep 0.05; done
    pid=
}
trap 'stop; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
fail() { echo "inert: $1" >&2; exit 1; }

chmod 0755 "$tmp"
mkdir -p "$tmp/modules" "$tmp/logs" "$tmp/site/docs" "$tmp/site/api/v1" "$tmp/site/errors" "$tmp/site/.well-known"
for file in index.html docs/index.html health metrics api/v1/courses errors/x .well-known/jwks.json openapi.json; do echo "ours: $file" >"$tmp/site/$file"; done
find "$tmp/site" -type f -exec touch -d '2020-01-01 UTC' {} + # a new file has a weak ETag for a moment

static=$("$HTTPD" -l) || exit 1
load() { printf '%s\n' "$static" | grep -q "mod_$1\.c\|^  $1\.c" || echo "LoadModule $1_module \"$modules/mod_$1.so\""; }
for file in dbd watchdog authn_core authz_core authz_host; do
    [ ! -e "$modules/mod_$file.so" ] || ln -s "$modules/mod_$file.so" "$tmp/modules/mod_$file.so"
done
ln -s "$MODULE" "$tmp/modules/mod_forge.so"
{
    echo "ServerRoot \"$tmp\""
    echo "DefaultRuntimeDir \"$tmp\""
    echo "PidFile \"$tmp/httpd.pid\""
    echo "ErrorLog logs/error.log"
    printf '%s\n' "$static" | grep -q '^  \(event\|worker\|prefork\)\.c' || load mpm_event
    for file in unixd authz_core authz_host dir mime headers reqtimeout reflector log_config; do load $file; done
    [ "$(id -u)" != 0 ] || printf 'User nobody\nGroup %s\n' "$(id -gn nobody)"
    cat <<END
ServerName localhost
TypesConfig /dev/null
StartServers 1
MaxRequestWorkers 25
<IfModule !mpm_prefork_module>
    MinSpareThreads 1
    MaxSpareThreads 100
</IfModule>
CustomLog logs/access.log "%v %r %>s %B %{X-Request-ID}o"
DocumentRoot "$tmp/site"
DirectoryIndex index.html
<Location "/echo">
    SetHandler reflector
    Header unset Last-Modified
</Location>
<VirtualHost *>
    ServerName first.example.org
    Header set X-Site first
</VirtualHost>
<VirtualHost *>
    ServerName second.example.org
    LimitRequestBody 1000
    TraceEnable Off
    ErrorDocument 404 "nothing here"
    <Location "/metrics">
        Require all denied
    </Location>
</VirtualHost>
END
} >"$tmp/base.conf"

# A module built with sanitizers wants their run time before all else.
httpd() { LD_PRELOAD=${FORGE_TEST_PRELOAD:-} "$HTTPD" "$@"; }

# start NAME: with a port that nobody has, the same for all.
port=$(shuf -i 20000-29999 -n 1)
start() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        rm -f "$tmp"/logs/*
        { echo "Listen 127.0.0.1:$port"; cat "$tmp/$1.conf"; } >"$tmp/run.conf"
        if httpd -f "$tmp/run.conf" >"$tmp/said" 2>&1; then
            for _ in $(seq 200); do [ -s "$tmp/httpd.pid" ] && break; sleep 0.05; done
            pid=$(cat "$tmp/httpd.pid")
            for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/" && return 0; sleep 0.1; done
        fi
        [ "$1" = base ] || break
        port=$(shuf -i 20000-29999 -n 1)
    done
    cat "$tmp/said" "$tmp"/logs/error.log >&2
    fail "httpd does not start with $1.conf"
}

# What a client and the logs see, but for times and process numbers.
ask() {
    echo "=== $*"
    curl -s -i --raw -H "Host: $host.example.org" "$@" >"$tmp/whole"
    sed '/^Date: /d; /^Allow: /d' "$tmp/whole" >"$tmp/said"
    sed -n 's/^Allow: //p' "$tmp/whole" | tr -d '\r' | tr ',' '\n' | sort # httpd says them in no order
    head -c 2000 "$tmp/said" | tr -d '\000'
    echo
    cksum <"$tmp/said"
}
answers() {
    for host in first second other; do
        echo "--- $host"
        for path in / /docs/ /docs /health /health/ready /metrics /api/v1/courses /api/v1/auth/login /api/docs /errors/x /redoc /openapi.json \
            /.well-known/jwks.json /nothing /%2f /a%00b; do
            ask "http://127.0.0.1:$port$path"
        done
        ask -H 'Host: a b' "http://127.0.0.1:$port/"
        ask -X OPTIONS "http://127.0.0.1:$port/health"
        ask -X TRACE "http://127.0.0.1:$port/health"
        ask -H 'Authorization: Bearer x' -H 'X-Request-ID: mine' -H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' \
            "http://127.0.0.1:$port/api/v1/courses"
        ask -H 'Expect:' --data-binary '{"email":"a"}' "http://127.0.0.1:$port/api/v1/auth/register"
        size=70000000 # more than any limit of ours
        [ $host != second ] || size=2000 # more than its LimitRequestBody; what is refused fits into the socket, so curl always sees the answer
        head -c $size /dev/zero >"$tmp/body"
        ask -H 'Expect:' --data-binary "@$tmp/body" "http://127.0.0.1:$port/echo"
    done
    # A line is written after its answer, so the next one's may stand before it, and the last one's comes a moment later.
    echo '--- logs'
    for _ in $(seq 600); do [ "$(wc -l <"$tmp/logs/access.log")" -lt 67 ] || break; sleep 0.05; done
    sort "$tmp/logs/access.log"
    sed 's/^\[[^]]*\] //; s/\[pid [^]]*\] //; s/:[0-9]*\] /] /; s/pid [0-9]*//' "$tmp/logs/error.log"
    echo '--- processes'
    pgrep -P "$pid" -l | sed 's/^[0-9]* //'
}

{
    cat "$tmp/base.conf"
    echo "Define FORGE_MODULES \"$tmp/modules\""
    echo "Include \"$top/conf/forge.load\""
    echo "Include \"$top/conf/forge.conf\""
} >"$tmp/forge.conf"
for kind in base forge; do
    start $kind
    httpd -t -f "$tmp/run.conf" >"$tmp/$kind.answers" 2>&1
    answers >>"$tmp/$kind.answers"
    stop
done
[ "$(grep -c '^===' "$tmp/base.answers")" = 66 ] || fail "not all was asked: $(cat "$tmp/base.answers")"
[ "$(head -n 1 "$tmp/forge.answers")" = 'Syntax OK' ] || fail "configtest says: $(head -n 5 "$tmp/forge.answers")"
# A server whose answers the sum cannot see would make this test blind: with the API on, they differ.
cp "$tmp/forge.conf" "$tmp/on.conf"
echo 'ForgeAPI On' >>"$tmp/on.conf"
echo "ForgeSecret $(head -c 32 /dev/urandom | base64)" >>"$tmp/on.conf"
start on
host=first
seen=$(ask "http://127.0.0.1:$port/nothing" "http://127.0.0.1:$port/health")
grep -q FG0493 "$tmp/logs/error.log" || fail "a server too small for its queue says nothing: $(cat "$tmp/logs/error.log")"
stop
case $seen in *X-Request-ID*) ;; *) fail "the API that is turned on is not seen: $seen" ;; esac
diff "$tmp/base.answers" "$tmp/forge.answers" >&2 || fail 'the module changes what the server says (<: without it)'
echo "ok inert"
