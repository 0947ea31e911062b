#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# httpd -t with good and bad values of every directive: a bad one stops it, and the message names the directive and what is accepted.
# Environment: HTTPD (the httpd binary), MODULE (mod_forge.so), HTTPD_MODULES (directory of httpd's own modules; asked of apxs when not set).
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
: "${HTTPD:?names no httpd binary}" "${MODULE:?names no mod_forge.so}"
modules=${HTTPD_MODULES:-$(apxs -q LIBEXECDIR)} || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
faults=0
cases=0

umask 077
mkdir "$tmp/logs" "$tmp/assets" "$tmp/modules"
echo 'wT7q-9LkzP2mXc4VbN8rJd6Hs1YfGa3E' >"$tmp/secret"
echo 'Correct-Horse-7-Battery' >"$tmp/password"
echo 'password1A!' >"$tmp/weak"
printf '\357\273\277Correct-Horse-7-Battery\n' >"$tmp/marked" # by an editor of Windows
printf 'Corr\351ct-Horse-7-Battery\n' >"$tmp/latin1"
printf 'Correct-Horse-7-Battery\000\n' >"$tmp/nul"
printf '' >"$tmp/empty"
cp "$tmp/secret" "$tmp/open"
chmod 0644 "$tmp/open"
cp "$tmp/secret" "$tmp/group"
chmod 0640 "$tmp/group"
echo 'Lr3pW8sXc5kD1nQz7tVg2hJm9yBf4uEa' >"$tmp/other"
echo '-----BEGIN CERTIFICATE-----' >"$tmp/authorities.pem"
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$tmp/es.pem" || exit 1
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$tmp/rs.pem" || exit 1
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$tmp/short.pem" || exit 1
openssl pkey -in "$tmp/es.pem" -pubout -out "$tmp/public.pem" || exit 1
cp "$tmp/es.pem" "$tmp/open.pem"
chmod 0644 "$tmp/open.pem"
FORGE_TEST_SECRET=$(cat "$tmp/secret")
export FORGE_TEST_SECRET
APACHE_LOG_DIR=$tmp/logs # of the examples, as Debian's apachectl sets it
export APACHE_LOG_DIR

static=$("$HTTPD" -l) || exit 1
load() {
    printf '%s\n' "$static" | grep -q "mod_$1\.c\|^  $1\.c" || echo "LoadModule ${2:-$1}_module \"$modules/mod_$1.so\""
}
{
    echo "ServerRoot \"$tmp\""
    echo "DefaultRuntimeDir \"$tmp\""
    echo "ServerName localhost"
    echo "Listen 127.0.0.1:1"
    echo "ErrorLog logs/error.log"
    printf '%s\n' "$static" | grep -q '^  \(event\|worker\|prefork\)\.c' || load mpm_event
    load unixd
    load authn_core
    load authz_core
    load authz_host
} >"$tmp/base.conf"
{
    cat "$tmp/base.conf"
    load watchdog
    load dbd
    echo "LoadModule forge_module \"$MODULE\""
} >"$tmp/forge.conf"

fault() {
    faults=$((faults + 1))
    echo "configtest: $1" >&2
}

# A module built with sanitizers wants their run time before all else.
httpd() { LD_PRELOAD=${FORGE_TEST_PRELOAD:-} "$HTTPD" "$@"; }

# Runs httpd -t on forge.conf and the lines given; its words are in $said.
try() {
    cases=$((cases + 1))
    cat "$tmp/forge.conf" >"$tmp/case.conf"
    printf '%s\n' "$1" >>"$tmp/case.conf"
    said=$(httpd -t -f "$tmp/case.conf" 2>&1)
}

good() {
    try "$1" || fault "'$1' is refused: $said"
}

# bad 'lines' 'what the message must say beside the directive's name'
bad() {
    if try "$1"; then
        fault "'$1' is accepted"
        return
    fi
    name=${1##*Forge}
    name=Forge${name%%[!A-Za-z]*} # the last one
    case $said in
    *"$name"*"$2"*) ;;
    *) fault "'$1' is refused without naming $name and '$2': $said" ;;
    esac
}

both() { # both Directive 'accepted' good... -- bad...
    directive=$1 accepted=$2 judge=good
    shift 2
    for value in "$@"; do
        if [ "$value" = -- ]; then
            judge=bad
        elif [ $judge = good ]; then
            good "$directive $value"
        else
            bad "$directive $value" "$accepted"
        fi
    done
    # A line without values, and one with an empty value, say the same as a value that is refused.
    for value in '' ' ""'; do
        try "$directive$value" && fault "'$directive$value' is accepted"
        case $said in
        *"$directive: it has no value, or an empty one; accepted: "*"$accepted"*) ;;
        *) fault "'$directive$value' is refused without saying '$accepted': $said" ;;
        esac
    done
}

both ForgeEnvironment '1 to 64' production test a.b-c_d -- '"a b"' '-x' "$(printf '%065d' 0)"
both ForgeSecret 'at least 32' "file:$tmp/secret" "file:$tmp/group" env:FORGE_TEST_SECRET "$FORGE_TEST_SECRET" -- \
    secret changeme aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "file:$tmp/empty" env:FORGE_TEST_NO_SUCH file:relative "file:$tmp/nothing" "file:$tmp"
bad "ForgeSecret file:$tmp/open" '0600 or 0640'
good "ForgeSecret file:$tmp/secret file:$tmp/other"
bad "ForgeSecret file:$tmp/secret file:$tmp/secret" 'another'
bad "ForgeSecret file:$tmp/secret secret" 'at least 32'
bad "ForgeSecret file:$tmp/secret file:$tmp/empty" 'at least 32'
bad "ForgeSecret file:$tmp/secret file:$tmp/other file:$tmp/group" '3 values are too many: it takes at most 2'
# A mistyped place of a secret does not become the secret, wherever one is taken.
for place in "$tmp/secret" ./forge/secret ../forge/secret \~/forge/secret "File:$tmp/secret" "FILE:$tmp/secret" "file=$tmp/secret" "fiel:$tmp/secret" \
    ENV:FORGE_TEST_SECRET Env:FORGE_TEST_SECRET env=FORGE_TEST_SECRET "file://$tmp/secret" "file:/$tmp/secret" "\" file:$tmp/secret\""; do
    for line in 'ForgeSecret %' "ForgeSecret file:$tmp/other %" 'ForgeFirstSuperuser root@example.org %' 'ForgeLLM https://llm.example.org/v1 m %'; do
        bad "$(printf '%s' "$line" | sed "s|%|$place|")" 'write file:/absolute/path'
    done
done
for place in "$tmp/secret" ./forge/secret "File:$tmp/secret" ENV:FORGE_TEST_SECRET "file://$tmp/secret"; do
    bad "ForgePublicURL https://learn.example.org
ForgeMail smtps://mail.example.org user=learn password=$place" 'write file:/absolute/path'
    bad "ForgeSentryDSN $place" 'accepted: '
done
good 'ForgeSecret wT7q-9LkzP2m/c4VbN8rJd6Hs/YfGa3E+Q7'
good 'ForgeSecret wT7q:9LkzP2mXc4VbN8rJd6Hs1YfGa3E://'
good 'ForgeSecret files-9LkzP2mXc4VbN8rJd6Hs1YfGa3E'
both ForgeJWTKey '1 to 64' "a ES256 $tmp/es.pem" "a.Z_0-9 RS256 file:$tmp/rs.pem" "a es256 $tmp/public.pem" -- "a RS256 $tmp/es.pem" \
    "a ES256 $tmp/rs.pem" "a HS256 $tmp/secret" "a none $tmp/es.pem" "a/b ES256 $tmp/es.pem" "$(printf '%065d' 0) ES256 $tmp/es.pem" '"" ES256 /x' \
    "a ES256 $tmp/nothing" "a ES256 $tmp/secret" "a ES256 es.pem" "a ES256 $tmp" "a RS256 $tmp/short.pem"
bad "ForgeJWTKey a ES256 $tmp/open.pem" '0600 or 0640'
bad "ForgeJWTKey a RS256 $tmp/short.pem" '1024 bits'
good "ForgeSecret file:$tmp/secret
ForgeJWTKey es ES256 $tmp/es.pem
ForgeJWTKey rs RS256 $tmp/rs.pem"
bad "ForgeJWTKey a ES256 $tmp/es.pem
ForgeJWTKey a RS256 $tmp/rs.pem" "the kid 'a' stands in an earlier line too"
bad "ForgeSecret file:$tmp/secret
ForgeJWTKey a ES256 $tmp/es.pem
ForgeJWTKey b ES256 $tmp/public.pem" 'the same key'
both ForgeIssuer '1 to 64' mod_forge https://learn.example.org -- '"a b"' '"a<b"'
both ForgeAudience '1 to 64' forge -- '"a b"'
both ForgeAccessTokenTTL '10s to 1d' 10s 15m 1d 24h -- 9s 25h 15 300x 15mm '"15 m"' -1s 99999999999999999999d
both ForgeRefreshTokenTTL '1m to 90d' 1m 7d 90d -- 59s 91d 7 7w
both ForgeRefreshReuseWindow '0s to 1m' 0s 10s 60s 1m -- 61s 2m 10 -1s
both ForgeFreshLogin '0s to 1d' 0s 5m 24h 1d -- 25h 2d 5 -1s always
both ForgeGuests 'Off|On' On off -- yes 0
both ForgeBcryptCost '10 to 15' 10 12 15 -- 9 4 3 16 12x 1e1 18446744073709551628
good "ForgeEnvironment test
ForgeBcryptCost 4"
bad "ForgeEnvironment test
ForgeBcryptCost 3" '10 to 15'
both ForgeBcryptConcurrency '1 to 64' 1 64 -- 0 65 two
both ForgePasswordPolicy 'min=8..64' 'min=8' 'min=12 max=256 lower upper digit symbol score=4' 'score=0' -- min=7 min=65 max=63 max=257 score=5 letters
both ForgeSelfRoles 'student, instructor' student instructor 'student instructor' -- admin guest teacher
both ForgeTermsRequired 'Off|On' On off -- yes 1
both ForgeFirstSuperuser '' "root@example.org file:$tmp/password" 'root@example.org Correct-Horse-7-Battery' -- \
    'root@example.org short' "root@example.org file:$tmp/weak" "root@example.org file:$tmp/nothing" 'root@ Correct-Horse-7-Battery' root@example.org
bad "ForgeFirstSuperuser root@example.org file:$tmp/latin1" 'the password is not UTF-8'
# A byte order mark or a NUL byte in a password or key is the doing of an editor, wherever one is taken; a ForgeSecret is any bytes.
for line in "ForgeFirstSuperuser root@example.org file:" "ForgeLLM https://llm.example.org/v1 m file:" "ForgeSentryDSN file:" \
    'ForgeRateLimitStore file:' 'ForgeRateLimitStore redis://redis.example.org password=file:' \
    "ForgePublicURL https://learn.example.org
ForgeMail smtps://mail.example.org user=learn password=file:"; do
    bad "$line$tmp/marked" 'begins with a byte order mark (save the file without one)'
    bad "$line$tmp/nul" 'holds a NUL byte'
done
both ForgeAggregateTimeout '100ms to 1m' 100ms 10s 60s -- 99ms 61s 10 off
both ForgeUserQuota 'bytes' 1M 1024G '100M 10' '10M 10000000' -- 1023K 1025G '100M 9' '100M 10000001' '100M ten' off
bad 'ForgeUserQuota 100M 10 1' '3 values are too many: it takes at most 2; accepted: 1M to 1024G bytes [10 to 10000000 rows]'
both ForgeQueue 'duration' '60s 1000' '1s 0' '10m 10000' -- '999ms 1' '601s 1' '60s 10001' '60s -1' '60s' '1000 60s' 'off' '60s 10 1'
both ForgeSandbox 'On, Off, or the absolute path' On off /usr/libexec/mod_forge/forge-runner -- yes 1 forge-runner ./forge-runner
both ForgeExecutorURL 'http:// or https://' https://runner.example.org/execute http://127.0.0.1:2000 -- runner.example.org ftp://runner.example.org \
    https://user@runner.example.org 'https://runner.example.org/?a=1' off
both ForgeLanguages 'python|c|javascript' python 'python c javascript' 'C JavaScript' -- perl 'python perl' 'c javascript,python'
both ForgeExecLimits 'wall=100ms..5m' 'wall=10s' 'wall=100ms cpu=5m memory=16M processes=1 output=1K files=64K' \
    'memory=8G processes=1024 output=1M files=1G' -- wall=99ms wall=301s cpu=99ms cpu=6m memory=15M memory=9G processes=0 processes=1025 output=1023 \
    output=2M files=63K files=2G wall=10 disk=1M wall
both ForgeLLM 'base-url model' off Off 'https://llm.example.org/v1 m none' 'http://127.0.0.1:11434/v1 m:7b none' \
    'https://llm.example.org/v1/ m sk-1 embeddings=e dimensions=256 answer=16 timeout=10m tokens=1 prices=0.15/0.6 cost=2.5' -- \
    on 'https://llm.example.org/v1 m' 'llm.example.org m none' 'ftp://llm.example.org m none' 'http://llm.example.org/v1 m sk-1' \
    'https://llm.example.org/v1 m none answer=15' 'https://llm.example.org/v1 m none timeout=11m' 'https://llm.example.org/v1 m none cost=1' \
    'https://llm.example.org/v1 m none dimensions=0' 'https://llm.example.org/v1 m none tokens=0' 'https://llm.example.org/v1 m none what=1'
both ForgeDockerSocket 'off, unix:/path, or tcp://host:port' off Off unix:/var/run/docker.sock tcp://127.0.0.1:2375 tcp://proxy:2375 'tcp://[::1]:2375' -- on \
    /var/run/docker.sock unix:docker.sock unix: tcp://proxy tcp://proxy:0 tcp://proxy:2375/v1.43 http://proxy:2375 tcp://user@proxy:2375 \
    "unix:/$(printf '%0108d' 0)"
both ForgeAlert '' 'cpu 70' 'cpu 70%' 'memory 0.5% for 0s' 'disk 100 for 1d' 'load 8.5' 'error_rate 1%' 'error_rate 0.01 for 5m' 'p95 200ms' \
    'database_p95 1s for 30s' 'pool 90' 'queue 100' 'jobs_late 5m' 'mail_late 1h' 'containers_unhealthy 0' 'cpu off' \
    'cpu 90 https://hooks.example.org/services/T0/B0' 'cpu 90 for 1m http://127.0.0.1:9000/hook' 'cpu 90 http://localhost:9000' -- \
    'cpu' 'cpus 70' 'cpu 101' 'cpu 70%%' 'cpu -1' 'cpu 7e1' 'cpu 70ms' 'cpu .5' 'load 80%' 'error_rate 2' 'error_rate 101%' 'p95 200' 'p95 20%' \
    'queue 10%' 'cpu 70 for' 'cpu 70 for 5' 'cpu 70 for 25h' 'cpu 70 5m' 'cpu off https://hooks.example.org/' 'cpu 70 http://hooks.example.org/x' \
    'cpu 70 ftp://hooks.example.org/x' 'cpu 70 https://' 'cpu 70 https://user@hooks.example.org/' 'cpu 70 mailto:' 'cpu 70 mailto:nobody' \
    'cpu 70 https://a.example.org/ https://b.example.org/' 'cpu 70 operator@example.org'
bad 'ForgeAlert cpu 70 mailto:operator@example.org' 'needs ForgeMail'
good "ForgePublicURL https://learn.example.org
ForgeMail file:$tmp
ForgeAlert cpu 70 for 1m mailto:operator@example.org https://hooks.example.org/x"
bad '<VirtualHost *:9>
ForgeAlert cpu 70
</VirtualHost>' 'cannot occur within <VirtualHost>'
both ForgeTraces 'ratio of 0 to 1' off Off http://127.0.0.1:4318 'http://collector:4318/ 0.1' 'https://tempo.example.org/otlp/v1/traces 1' 'http://[::1]:4318 0' -- \
    on collector:4318 ftp://collector 'http://collector 1.1' 'http://collector -1' 'http://collector ten' 'http://user:word@collector' 'http://collector/?a=1' 'off 1'
printf 'https://key@sentry.example.org/42\n' > "$tmp/dsn"
printf 'https://sentry.example.org/42\n' > "$tmp/no-dsn"
replica='"host=replica dbname=forge user=forge_app"'
both ForgeReadDBD 'off|connection string of libpq [max=1..10000] [lag=5s..1h]' off Off -- 'off max=3' "$replica max=0" "$replica max=10001" "$replica max=" \
    "$replica lag=4s" "$replica lag=2h" "$replica 8" "$replica max=1 size=2"
both ForgeSentryDSN 'key@host' off Off https://key@o1.ingest.sentry.io/42 'http://key:old@glitchtip:8000/errors/7 0.25' "file:$tmp/dsn" "file:$tmp/dsn 0" -- \
    on https://sentry.example.org/42 https://key@sentry.example.org https://key@sentry.example.org/ ftp://key@sentry.example.org/42 'https://key@s/1 2' \
    'https://key@s/1 x' "file:$tmp/no-dsn" "file:$tmp/nothing" env:FORGE_TEST_NOTHING 'https://key@s/1 1 1'
both ForgeDrainFile 'absolute path' /run/forge/drain "$tmp/nothing/drain" -- drain ./drain off
both ForgeJobWorkers '0 to 16' 0 16 -- -1 17 two
both ForgeOCR 'On, Off, or languages of tesseract' On off eng deu+eng chi_sim -- eng,deu +eng _eng en Eng ../eng abcdefghijklmnopqrstuvwxyzabcdefg
both ForgeGitHosts 'host, host:port, private:host' github.com 'github.com gitlab.com git.example.org:8443' 'private:git.example.org:8443 private:git' none -- '*' \
    https://github.com github.com/owner 127.0.0.1 '[::1]' 0x7f000001 git.example.org:0 git.example.org:65536 git.example.org: user@github.com 'github.com none' \
    .github.com github.com. git..hub -git.example.org private: private:10.0.0.1
both ForgeGitAuthorities 'certificates in PEM' authorities.pem "$tmp/authorities.pem" -- nothing "$tmp/secret" "$tmp/assets" "$tmp/es.pem"
both ForgeExecConcurrency '1 to 256 runs or auto' 'auto 1000 10' '1 1 1' '256 10000 10000' -- '0 1000 10' '257 1000 10' '2 0 10' '2 10001 10' '2 1000 0' \
    '2 1000 10001' '2 1000' '2' 'many 1000 10' '2 auto 10'
both ForgeLockout '3 to 100 failures and a duration of 1m to 1d' '5 30m' '3 1m' '100 24h' off Off -- '2 30m' '101 30m' '5 59s' '5 25h' '5' '5 30' '30m 5' 'on' \
    '-5 30m' '5x 30m'
both ForgeMFAIssuer '1 to 64' mod_forge '"Example University"' '"Universität Köln"' -- 'a:b' '" a"' '"a "' "$(printf '%065d' 0)"
both ForgeCourseCreators 'any|instructors' any instructors -- students
both ForgeRateLimit '1 to 1000000' 'default 1000/15m' 'default 1000/15m ip' 'user 5000/15m user' 'auth off' 'execute 1/1s' 'upload 1000000/7d' \
    'analysis 30/1h' 'stream 10 ip' 'stream off' -- 'default 0/15m' 'default 1000001/15m' 'default 10/999ms' 'default 10/8d' 'default 10' 'default 300x/1m' \
    'default 10/15' 'default /15m' 'stream 0' 'stream 10/1m' 'user -1/1m'
bad 'ForgeRateLimit logins 10/1m' 'default|user|auth|execute|upload|analysis|stream'
bad 'ForgeRateLimit auth 10/1m host' 'ip or user'
bad 'ForgeRateLimit auth' '1 of at least 2 are there; accepted: a class, default|user|auth'
good '<Location "/api/v1/auth">
ForgeRateLimit auth 5/1m ip
</Location>'
bad "<Directory \"$tmp\">
ForgeRateLimit auth 5/1m ip
</Directory>" 'Directory'
echo 'redis://:Correct-Horse-5@redis.example.org/1' >"$tmp/redis"
echo 'http://redis.example.org' >"$tmp/no-redis"
if try 'ForgeRateLimitStore redis://redis.example.org'; then # a build with hiredis
both ForgeRateLimitStore 'redis://|rediss://' shm SHM redis://redis.example.org 'redis://:word@10.0.0.1:6380/15' 'redis://forge:w%40rd@[::1]' \
    rediss://redis.example.org "redis+unix:///run/redis/redis.sock?db=1" "file:$tmp/redis" 'redis://redis.example.org timeout=5ms' \
    "redis://forge@redis.example.org password=file:$tmp/secret" 'redis://redis.example.org password=env:FORGE_TEST_SECRET' -- \
    off redis redis.example.org:6379 http://redis.example.org redis:// redis://redis.example.org:0 redis://redis.example.org:65536 \
    redis://redis.example.org/x redis://redis.example.org/65536 redis://redis.example.org/0/1 'redis://redis.example.org/?db=1' redis://user@redis.example.org \
    redis://:@redis.example.org redis://:w%zzrd@redis.example.org redis+unix://run/redis.sock 'shm timeout=5ms' 'redis://h timeout=5' 'redis://h timeout=2000ms' \
    'redis://h ca=/x' 'redis://h speed=1' 'redis://:a@h password=b' "file:$tmp/no-redis" "file:$tmp/nothing" "rediss://h ca=$tmp/secret" "rediss://h ca=$tmp/nothing"
bad 'ForgeRateLimitStore redis://redis.example.org:70000' 'the port is not 1 to 65535'
bad 'ForgeRateLimitStore redis://redis.example.org/70000' 'the database is not a number of 0 to 65535'
bad 'ForgeRateLimitStore redis://user@redis.example.org' 'a user needs a password'
bad "ForgeRateLimitStore redis://redis.example.org password=file:$tmp/open" '0600 or 0640'
bad "ForgeRateLimitStore file:$tmp/open" '0600 or 0640'
bad "ForgeRateLimitStore rediss://redis.example.org ca=$tmp/secret" 'ca= names no file with certificates in PEM'
else
bad 'ForgeRateLimitStore redis://redis.example.org' 'libhiredis-dev'
fi
both ForgeRateLimitOnError 'local|open|closed' local Open CLOSED -- off fail
both ForgeAllowedOrigins 'scheme://host[:port]' https://app.example.org 'https://a.example http://localhost:3000' -- '*' null https://a.example/ \
    'https://a.example *' 'https://*.example'
both ForgeCSP 'relaxed|strict|disabled' relaxed strict disabled -- off
both ForgeSecurityHeaders 'Off|On' On Off -- maybe
both ForgeMaxBody '1K to 64M' 1K 1024 1M 64M -- 1023 65M 1G 1Mx 300x 0 -1 99999999999999999999
both ForgeMaxBundle '1K to 64M' 1K 1024 8M 64M -- 1023 65M 1G 8Mx 0 -1 off
both ForgeCache 'off, or 1M to 16G' off Off 1M 32M 16G -- 1023K 17G 0 -1 On none 8Mx
both ForgeMaxUpload '1K to 1G' 1K 10M 1G -- 1023 1025M 2G 8Mx 0 -1 off
both ForgeAPI 'On [-health] [-metrics] [-docs] [-errors] [-jwks], or Off' On Off on 'On -docs' 'On -DOCS -health -metrics -errors -jwks' -- yes -docs \
    'On docs' 'On -api' 'On -metric' 'Off -docs' 'On -docs -docs -docs -docs -docs -docs -docs'
both ForgeDocs 'Off|On' On Off -- swagger
both ForgeDocsAssets 'a directory that exists' assets "$tmp/assets" -- nothing "$tmp/secret"
both ForgeCookie 'Off|On' On off -- yes 1
good '<Location "/intranet">
ForgeCookie On
ForgeLoginPage /login
</Location>'
both ForgeLoginPage 'a path of this site' /login '"/login?lang=en"' https://login.example.org/x none -- login //evil.example '/\evil' "'/a b'" ftp://a.example '/x#y'
both ForgeTransform 'rename path name, drop path, wrap [path] name, unwrap path, problems, or off alone' off problems 'rename a.b c' 'DROP user.password' \
    'wrap items' 'wrap a.b c' 'unwrap data' 'drop a.b.c.d.e.f.g.h' -- hide rename 'rename a' 'rename a b.c' 'rename a b c' drop 'drop a b' 'drop .a' 'drop a.' \
    'drop a..b' 'drop a.b.c.d.e.f.g.h.i' 'wrap a.b' unwrap 'unwrap a b' 'off a' 'problems a' "drop $(printf '%065d' 0)"
# The word that is wrong is the one that is named.
bad 'ForgeTransform remove a' "'remove' is refused; accepted: rename path name"
bad 'ForgeTransform drop a.' "'a.' is refused"
bad 'ForgeTransform rename a' "'rename a' is refused"
bad 'ForgeTransform rename a b.c' "'b.c' is refused"
bad 'ForgeTransform wrap a..b c' "'a..b' is refused"
bad 'ForgeTransform off a' "'a' is refused"
bad 'ForgeTransform problems a' "'a' is refused"
bad 'ForgeAPI maybe -docs' "'maybe' is refused"
bad 'ForgeAPI Off -docs' "'-docs' is refused"
bad 'ForgeRetry maybe budget=1%' "'maybe' is refused"
bad 'ForgeLockout "" 30m' "'' is refused"
bad 'ForgeLockout 5 30' "'30' is refused"
bad 'ForgeLockout off 30m' "'30m' is refused"
bad 'ForgeTransform drop a
ForgeTransform off' 'off alone'
bad 'ForgeTransform off
ForgeTransform drop a' 'off alone'
bad "$(for i in $(seq 33); do echo "ForgeTransform drop a$i"; done)" 'at most 32 rules'
good '<Location "/x">
ForgeTransform drop a
ForgeTransform problems
</Location>'
both ForgeDiscover 'interval=1s..1d' 'balancer://labs dns:labs.internal:8080' 'balancer://a.b-c_1 srv:_http._tcp.labs.internal interval=1s drain=0s' \
    'balancer://labs file:/etc/forge/labs.members scheme=https' 'balancer://labs dns:a:80 resolver=192.0.2.1:5353 loopback interval=1d drain=1d' \
    'balancer://labs dns:a:80 resolver=[2001:db8::1]' -- 'balancer://labs' 'balancer://labs dns:a:80 interval=0s' 'balancer://labs dns:a:80 interval=25h' \
    'balancer://labs dns:a:80 interval=30' 'balancer://labs dns:a:80 drain=25h' 'balancer://labs dns:a:80 scheme=ajp' \
    'balancer://labs dns:a:80 resolver=ns.example' 'balancer://labs dns:a:80 resolver=192.0.2.1:0' 'balancer://labs dns:a:80 often'
bad 'ForgeDiscover http://labs dns:a:80' 'a name in lower case'
bad 'ForgeDiscover balancer://Labs dns:a:80' 'a name in lower case'
bad 'ForgeDiscover balancer://labs/x dns:a:80' 'a name in lower case'
bad 'ForgeDiscover balancer://labs dns:labs.internal' 'a host and a port'
bad 'ForgeDiscover balancer://labs dns:labs.internal:65536' 'a host and a port'
bad 'ForgeDiscover balancer://labs srv:labs.internal' 'a name such as'
bad 'ForgeDiscover balancer://labs file:labs.members' 'begins with a slash'
bad 'ForgeDiscover balancer://labs consul:labs' 'dns:host:port, srv:_service._proto.name or file:/path'
bad 'ForgeDiscover balancer://labs dns:a:80
ForgeDiscover balancer://labs dns:b:80' 'a balancer once'
discovers="ForgeSecret file:$tmp/secret
DBDriver pgsql
ForgeDiscover balancer://labs dns:labs.internal:8080"
bad "$discovers" 'mod_proxy_balancer is not loaded'
balances="$(load proxy)
$(load slotmem_shm)
$(load proxy_balancer)
$(load lbmethod_byrequests)
$(load proxy_http)"
bad "$balances
$discovers" "'balancer://labs' is no balancer of this server; it needs <Proxy balancer://labs> with a line in it"
bad "$balances
<Proxy balancer://labs>
</Proxy>
$discovers" '<Proxy balancer://labs> (line 17 of '
case $said in *"has neither BalancerMember nor ProxySet in it, and without either httpd makes no balancer of it; write ProxySet growth=8 into it"*) ;; *) fault "an empty <Proxy> is refused without saying so: $said" ;; esac
bad "$balances
<VirtualHost *:1>
<Proxy \"balancer://labs\">
Require all granted
</Proxy>
$discovers
</VirtualHost>" '<Proxy balancer://labs> (line 18 of '
good "$balances
<Proxy balancer://labs>
ProxySet growth=8
</Proxy>
$discovers"
both ForgeRetry 'budget=0%..100%' off on 'on budget=20% min=3/s attempts=2' 'on budget=0% min=0/s' 'on budget=100% min=1000/s attempts=5 idempotent' -- \
    yes 'off budget=20%' 'on budget=101%' 'on budget=20' 'on budget=-1%' 'on min=3' 'on min=1001/s' 'on attempts=1' 'on attempts=6' 'on attempts=' 'on always'
good '<Location "/labs">
ForgeRetry on idempotent
</Location>'
good '<Location "/labs">
ForgeUpstreamHeaderTimeout 5s
ForgeUpstreamTimeout 0s
</Location>'
both ForgeUpstreamHeaderTimeout '100ms to 1h' 100ms 60s 1h -- 99ms 61m 0s off -1s 5
both ForgeUpstreamTimeout '0s to 1d' 0s 5m 24h 1d -- 25h off -1s 5
both ForgePublicURL 'no slash at the end' https://learn.example.org http://127.0.0.1:8080/x -- learn.example.org https://learn.example.org/ ftp://a.example
good "ForgePublicURL https://learn.example.org
ForgeMail off"
mail() { # mail good|bad 'accepted' 'words'...
    judge=$1 accepted=$2
    shift 2
    for value in "$@"; do
        $judge "ForgePublicURL https://learn.example.org
ForgeMail $value" "$accepted"
    done
}
both ForgeMail 'off, file:DIR' off -- mail file: 'off from=a@example.org' https://mail.example.org
bad 'ForgeMail file:assets' 'ForgePublicURL'
mail good '' file:assets "file:$tmp/assets from=learn@example.org" smtp://mail.example.org smtps://mail.example.org:465 'smtp://[::1]:25' \
    'smtp://10.0.0.1:2525 starttls=off' 'smtp://mail.example.org starttls=optional from=learn@example.org' \
    "smtp://mail.example.org:587 user=learn password=file:$tmp/secret ca=$tmp/authorities.pem" 'smtps://mail.example.org user=learn password=env:FORGE_TEST_SECRET' \
    'smtp://localhost starttls=off user=learn password=a-literal-word'
mail bad 'a directory that exists' file:nothing "file:$tmp/secret"
mail bad 'is refused; accepted: a file with certificates in PEM' "smtp://mail.example.org ca=$tmp/nothing" "smtp://mail.example.org ca=$tmp/assets" \
    "smtps://mail.example.org ca=$tmp/secret"
mail bad 'starttls=required|optional|off' smtp:// smtp://mail.example.org:0 smtp://mail.example.org:65536 smtp://user:word@mail.example.org smtp://a/b \
    'smtp://mail.example.org starttls=no' 'smtp://mail.example.org from=nobody' 'smtp://mail.example.org user=learn' 'smtp://mail.example.org ca=relative' \
    'smtp://mail.example.org starttls=off user=learn password=word' 'smtp://mail.example.org starttls=optional user=learn password=word' \
    'file:assets starttls=off' 'smtp://mail.example.org speed=high' 'smtp://mail.example.org from='
mail good '' '"file:assets" "from=Learn & Üben <learn@example.org>"' 'file:assets "from=Learn <learn@example.org>"'
mail bad 'the name before the address' 'file:assets "from=<learn@example.org>"' 'file:assets "from=A<B <learn@example.org>"'
mail bad 'accepted: off, file:DIR' 'file:assets "from=Learn <learn>"' 'file:assets "from=Learn <learn@example.org"'
both ForgeSiteName '1 to 64' Learn '"Universität Köln"' -- 'a:b' '" a"' '"a "' "$(printf '%065d' 0)"
texts() { # texts good|bad 'what is said' 'text of fr/verify.txt'
    rm -rf "$tmp/texts"
    mkdir -p "$tmp/texts/fr"
    printf '%b' "$3" >"$tmp/texts/fr/verify.txt"
    $1 'ForgeMailTemplates texts' "$2"
}
both ForgeMailTemplates 'a directory that exists' assets "$tmp/assets" -- nothing "$tmp/secret"
texts good '' 'Subject: Bonjour {username}\n\n{link}\n\n{token}\n\n{site} {url}\n'
texts bad 'texts/fr/verify.txt: there is nothing to put at {lnk}; this mail knows {link}' 'Subject: Bonjour\n\n{lnk}\n'
texts bad 'write {link} on a line of its own' 'Subject: Bonjour\n\nBienvenue\n'
texts bad "must begin with a line 'Subject: '" 'Bonjour\n\n{link}\n'
texts bad 'save it so' 'Subject: B\0351b\n\n{link}\n'
rm "$tmp/texts/fr/verify.txt"
mkdir "$tmp/texts/it"
bad 'ForgeMailTemplates texts' "texts/it' is the folder of no language"
rmdir "$tmp/texts/it"
touch "$tmp/texts/fr/verifier.txt"
bad 'ForgeMailTemplates texts' 'texts/fr/verifier.txt: no mail has this name; the names are: verify reset'
rm "$tmp/texts/fr/verifier.txt"
mail bad 'the password' "smtps://mail.example.org user=learn password=file:$tmp/nothing" "smtps://mail.example.org user=learn password=file:$tmp/open"
both ForgeStatementTimeout '100ms to 1m' 100ms 2s 60s -- 99ms 61s 2
both ForgePoolWait '10ms to 30s' 10ms 1s 30s -- 9ms 31s 0s
both ForgeAccessLog 'a file' logs/access.json '"|/bin/cat -u"' off -- '"|"' '"| "'
both ForgeLogSource 'backend|frontend|postgres' 'backend logs/x.log' 'frontend /x json' 'postgres x postgres' 'backend off' 'backend x GUESS' -- 'other x' \
    'all x' '"" x'
bad 'ForgeLogSource backend x csv' 'guess|json|apache|postgres|plain'
bad 'ForgeLogSource backend "|cat"' 'a file, or off'
bad "$(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do echo "ForgeLogSource backend x$i"; done)" 'at most 12 files'
echo line >"$tmp/readable.log"
try "ForgeSecret file:$tmp/secret
ForgeLogSource backend $tmp/readable.log
ForgeLogSource frontend $tmp/nothing.log
ForgeLogSource postgres $tmp/assets" || fault "sources that are missing stop the start: $said"
case $said in *FG0610*nothing.log*) ;; *) fault "a missing ForgeLogSource is not told: $said" ;; esac
case $said in *FG0612*assets*) ;; *) fault "a ForgeLogSource that is no file is not told: $said" ;; esac
if [ "$(id -u)" = 0 ]; then
    case $said in *FG0611*readable.log*) fault "told as unreadable: $said" ;; esac
    chmod 0600 "$tmp/readable.log"
    try "User nobody
Group $(id -gn nobody)
ForgeSecret file:$tmp/secret
ForgeLogSource backend $tmp/readable.log" || fault "a source that children cannot read stops the start: $said"
    case $said in *FG0611*readable.log*nobody*adm*) ;; *) fault "a ForgeLogSource that children cannot read is not told: $said" ;; esac
fi

both ForgeAuditLog 'a file' logs/audit.json '"|/bin/cat -u"' off -- '"|"' '"| "'
both ForgeEventLog 'a file' logs/events.json '"|/bin/cat -u"' off -- '"|"' '"| "'
# A log in a directory that is not there would end the start, and a graceful restart too. The message says where the line stands.
for name in ForgeAccessLog ForgeAuditLog ForgeEventLog; do
    here="line $(($(wc -l <"$tmp/forge.conf") + 2)) of $tmp/case.conf; main server localhost"
    bad "ForgeSecret file:$tmp/secret
$name nothing/forge.json" "there is no directory '$tmp/nothing'; make it (the server does not), or name a file in one that exists ($here)"
    bad "ForgeSecret file:$tmp/secret
$name $tmp/secret/forge.json" "there is no directory '$tmp/secret'"
    bad "ForgeSecret file:$tmp/secret
$name $tmp/assets" 'is a directory; name a file in it'
    bad "<VirtualHost *:1>
ServerName learn.example.org
ForgeSecret file:$tmp/secret
$name nothing/forge.json
</VirtualHost>" "virtual host learn.example.org of $tmp/case.conf:$(($(wc -l <"$tmp/forge.conf") + 1))"
    good "ForgeSecret file:$tmp/secret
$name logs/forge.json"
    good "ForgeSecret file:$tmp/secret
$name \"|/bin/cat -u\""
    good "$name nothing/forge.json
<VirtualHost *:1>
ForgeSecret file:$tmp/secret
$name off
</VirtualHost>"
done
# What a start would hang or die of, or a program that would never run: the message says which word it is.
mkfifo "$tmp/fifo" || exit 1
echo '#!/bin/sh' >"$tmp/script"
printf '#! /nope/sh -u\n' >"$tmp/unread"
printf '#! /bin/sh -u\n' >"$tmp/read"
chmod 0700 "$tmp/read" "$tmp/unread"
for name in ForgeAccessLog ForgeAuditLog ForgeEventLog; do
    here="line $(($(wc -l <"$tmp/forge.conf") + 2)) of $tmp/case.conf; main server localhost"
    bad "ForgeSecret file:$tmp/secret
$name fifo" "'$tmp/fifo' is a FIFO, and a start would wait for a program that reads it; name a file, or the program itself: \"|/path/of/program\" ($here)"
    for one in "/nope/prog -x|'/nope/prog' is not there" "$tmp/script/prog|'$tmp/script/prog' is not there" "$tmp/script|'$tmp/script' cannot be executed" \
        "$tmp/unread|'$tmp/unread' is a script, and its interpreter '/nope/sh' is not there" "$tmp|'$tmp' is no file" "|/nope|'/nope' is not there" "nope -x|'nope' is not there"; do
        bad "ForgeSecret file:$tmp/secret
$name \"|${one%|*}\"" "cannot be started: ${one##*|}; name a program that is there by its absolute path, or write \"|\$command\" for a command of the shell ($here)"
    done
    bad "<VirtualHost *:1>
ServerName learn.example.org
ForgeSecret file:$tmp/secret
$name \"|/nope/prog\"
</VirtualHost>" "virtual host learn.example.org of $tmp/case.conf:$(($(wc -l <"$tmp/forge.conf") + 1))"
    for log in /dev/null /dev/stderr /proc/self/fd/2 '"|$exec cat >/dev/null"' '"|/bin/sh -c true"' '"|bin/sh -c true"' "\"|$tmp/read\"" '"||/bin/cat"'; do
        good "ForgeSecret file:$tmp/secret
$name $log"
    done
    good "$name \"|/nope/prog\"
<VirtualHost *:1>
ForgeSecret file:$tmp/secret
$name off
</VirtualHost>"
done
both ForgeLogFormat 'json|ecs|otel|plain' json ECS otel plain -- logfmt 'json ecs' ecs8

# Two databases number their accounts alike: hosts that use different ones must have no key in common, unless issuer or audience tell tokens apart.
hosts() { # hosts 'lines of one' 'lines of the other'
    for lines in "$1" "$2"; do
        printf '<VirtualHost *:1>\nDBDriver pgsql\nDBDParams dbname=%s\n%s\n</VirtualHost>\n' "$(printf '%s' "$lines" | cksum | tr -d ' ')" "$lines"
    done
}
bad "$(hosts "ForgeSecret file:$tmp/secret" "ForgeSecret file:$tmp/group")" 'issuer and audience'
bad "$(hosts "ForgeSecret file:$tmp/secret" "ForgeSecret file:$tmp/other file:$tmp/secret")" 'issuer and audience'
bad "$(hosts "ForgeSecret file:$tmp/secret
ForgeJWTKey a ES256 $tmp/public.pem" "ForgeSecret file:$tmp/other
ForgeJWTKey b ES256 $tmp/es.pem")" 'issuer and audience'
good "$(hosts "ForgeSecret file:$tmp/secret
ForgeJWTKey a RS256 $tmp/rs.pem" "ForgeSecret file:$tmp/other
ForgeJWTKey a ES256 $tmp/es.pem")"
good "$(hosts "ForgeSecret file:$tmp/secret" "ForgeSecret file:$tmp/secret
ForgeIssuer b")"
bad "$(for user in a b; do
    printf '<VirtualHost *:1>\nDBDriver pgsql\nDBDParams "host=h user=%s"\nForgeSecret file:%s\n</VirtualHost>\n' $user "$tmp/secret"
done)" 'issuer and audience'
good "$(for user in a b; do
    printf '<VirtualHost *:1>\nDBDriver pgsql\nDBDParams "host=h dbname=d user=%s"\nForgeSecret file:%s\n</VirtualHost>\n' $user "$tmp/secret"
done)"
# Who serves nothing accepts no tokens: the ForgeSecret of the virtual hosts may stand at server level, and DBDriver too, unless a path is handed over.
inherits() { # inherits good|bad 'lines of the server'
    "$1" "$2
<VirtualHost *:1>
DBDriver pgsql
DBDParams dbname=forge
ForgeAPI On
</VirtualHost>
ForgeSecret file:$tmp/secret" 'use different databases but share a key'
}
inherits good ''
[ "$said" = 'Syntax OK' ] || fault "a ForgeSecret at server level for a virtual host is warned of: $said"
inherits good 'DBDMax 4'
inherits good 'DBDriver pgsql'
[ "$said" = 'Syntax OK' ] || fault "a ForgeSecret and a DBDriver at server level for a virtual host are warned of: $said"
inherits good 'ForgeAPI On'
case $said in *FG0425*'there is no DBDriver'*) ;; *) fault "ForgeAPI at server level without a database is not told: $said" ;; esac
for lines in 'DBDParams dbname=other' 'ForgeAPI On' 'SetHandler forge' '<Location "/x">
AuthType Forge
Require forge-mfa
</Location>' "<Directory \"$tmp\">
AllowOverride All
</Directory>"; do
    inherits bad "DBDriver pgsql
$lines"
done
# Require lines of ours: what they accept, and a sentence for what they do not.
require() { # require line 'accepted', or '' for a good one
    text="<Location \"/x\">
AuthType Forge
Require $1
</Location>"
    if [ -z "$2" ]; then
        good "$text"
    elif try "$text"; then
        fault "'Require $1' is accepted"
    else
        case $said in
        *"Require ${1%% *}: "*"$2"*) ;;
        *) fault "'Require $1' is refused without naming '$2': $said" ;;
        esac
    fi
}
for line in 'forge-role student' 'forge-role admin instructor' 'forge-org acme' 'forge-org acme:owner b-2:member' 'forge-org #7' 'forge-org #7:admin acme' \
    'forge-org #%{env:MATCH_ID}' 'forge-user #12' 'forge-user #12 #9223372036854775807' 'forge-user "#%{env:MATCH_ID}"' 'forge-org "%{env:MATCH_SLUG}:admin"' \
    'forge-enrolled 7' 'forge-enrolled 7 9223372036854775807' 'forge-enrolled %{env:MATCH_ID}' forge-mfa; do
    require "$line" ''
done
for line in 'forge-role teacher' 'forge-role student Admin' forge-role; do require "$line" 'guest, student, instructor or admin'; done
for line in 'forge-org Acme' 'forge-org acme:guest' 'forge-org acme:' 'forge-org -a' 'forge-org a--b' 'forge-org :owner' 'forge-org a_b' \
    'forge-org #' 'forge-org #0' 'forge-org #07' 'forge-org #7:guest' 'forge-org #7:' 'forge-org #x' 'forge-org 7#' 'forge-org #9223372036854775808' forge-org; do
    require "$line" 'slug, slug:role, #number or #number:role'
done
for line in 'forge-user 12' 'forge-user ada' 'forge-user #' 'forge-user #0' 'forge-user #012' 'forge-user #-1' 'forge-user #9223372036854775808' forge-user; do
    require "$line" '# and the number of an account'
done
for line in 'forge-enrolled 0' 'forge-enrolled x' 'forge-enrolled 07' 'forge-enrolled 9223372036854775808' 'forge-enrolled -1' forge-enrolled; do
    require "$line" 'the number of a course'
done
require 'forge-mfa otp' 'no arguments'
require 'forge-org %{nonsense' 'refused'

# Neither none nor too many, nor where it cannot work.
sed -n 's/^FORGE_DIRECTIVE(\([A-Za-z]*\),.*/\1/p' "$top/mod_forge/config/directives.def" >"$tmp/names"
while IFS= read -r name; do
    bad "$name" 'accepted: '
    case $name in ForgeRateLimit | ForgeCookie | ForgeLoginPage | ForgeRetry | ForgeTransform | ForgeUpstreamHeaderTimeout | ForgeUpstreamTimeout) false ;; esac && bad "<Location \"/x\">
$name x
</Location>" 'not allowed'
    grep -q "^both $name " "$0" || fault "$name has no case here"
done <"$tmp/names"

# A literal secret is blotted out where the configuration can be read; a good one makes the same server refuse nothing else.
try "$(load info)
ForgeSecret \"$FORGE_TEST_SECRET\"
ForgeFirstSuperuser root@example.org Correct-Horse-7-Battery
ForgePublicURL https://learn.example.org
ForgeAlert cpu 70 https://hooks.example.org/Correct-Horse-9-Battery
ForgeSentryDSN https://Correct-Horse-9@sentry.example.org/42 0.5
DBDParams \"host=primary dbname=forge\"
ForgeReadDBD \"host=replica dbname=forge password=Correct-Horse-10\" max=3
ForgeRateLimitStore redis://forge:Correct-Horse-6@redis.example.org/1
ForgeMail smtps://mail.example.org user=learn password=Correct-Horse-8-Battery" || fault "literal secrets are refused: $said"
dump=$(httpd -t -D DUMP_CONFIG -f "$tmp/case.conf" 2>&1)
try "$(load info)
ForgeSecret file:$tmp/secret \"$(cat "$tmp/other")\"" || fault "a literal second secret is refused: $said"
dump=$dump$(httpd -t -D DUMP_CONFIG -f "$tmp/case.conf" 2>&1)
case $dump in
*"$(cat "$tmp/other")"* | *"$FORGE_TEST_SECRET"* | *Correct-Horse*) fault "DUMP_CONFIG shows a literal secret" ;;
esac
for line in 'ForgeSecret (not shown)' 'ForgeFirstSuperuser root@example.org (not shown)' \
    'ForgeReadDBD (not shown) max=3' 'ForgeAlert cpu 70 https://hooks.example.org(not shown)' 'ForgeRateLimitStore redis://forge:(not shown)' \
    'ForgeMail smtps://mail.example.org user=learn password=(not shown)' 'ForgeSentryDSN (not shown) 0.5' "ForgeSecret file:$tmp/secret (not shown)"; do
    case $dump in *"$line"*) ;; *) fault "DUMP_CONFIG hides more than the secret: no '$line'" ;; esac
done

# What is only suspicious is told, with line and host, and stops nothing; what is right is passed over in silence.
told() { # told 'lines' 'what the warning says', or '' for none
    try "ForgeSecret file:$tmp/secret
$1" || fault "'$1' is refused: $said"
    case $said in
    *FG0425*"$2"*"of $tmp/case.conf; "*"localhost)"*) [ -n "$2" ] || fault "'$1' is warned of: $said" ;;
    *) [ -z "$2" ] || fault "'$1' is not told '$2': $said" ;;
    esac
    case $1 in *User\ * | *ServerName* | *'<VirtualHost'*) return ;; esac
    # The same in a virtual host: line and host are those of the host.
    try "<VirtualHost *:1>
ServerName learn.example.org
ForgeSecret file:$tmp/secret
$1
</VirtualHost>" || fault "'$1' is refused in a virtual host: $said"
    case $said in
    *FG0425*"$2"*" (line "*" of $tmp/case.conf; virtual host learn.example.org of $tmp/case.conf:"*) [ -n "$2" ] || fault "'$1' is warned of in a virtual host: $said" ;;
    *) [ -z "$2" ] || fault "'$1' is not told '$2' with line and virtual host: $said" ;;
    esac
}
handed='ForgeAPI On'
whole="DBDriver pgsql
DBDParams dbname=forge
$handed"
told "$whole" ''
told "ForgeMailTemplates $top/conf/mail
$whole" ''
told "ForgeMailTemplates assets
$whole" "lacks 65 of 65 texts (en/verify.txt, en/reset.txt, en/email_change.txt, ...)"
told "$handed" 'there is no DBDriver'
told "DBDriver pgsql
$handed" 'DBDriver stands without DBDParams'
told 'DBDriver pgsql
DBDParams dbname=forge' 'nothing hands it a path'
told 'DBDriver pgsql
DBDParams dbname=forge
ForgeAPI On -docs' ''
told 'DBDriver pgsql
DBDParams dbname=forge
ForgeAPI Off' 'nothing hands it a path'
# A virtual host in which nothing of httpd's core stands, before or at all.
for line in 'ForgeAPI On' 'ForgeAPI Off' 'ForgeAPI On -docs'; do
    try "DBDriver pgsql
DBDParams dbname=forge
ForgeAPI On
<VirtualHost *:1>
ForgeSecret file:$tmp/secret
$line
</VirtualHost>" || fault "a virtual host with nothing but '$line' is refused: $said"
done
try 'ForgeAPI On' || fault "'ForgeAPI On' is refused without ForgeSecret: $said"
case $said in *FG0425*'this host has no ForgeSecret'*) ;; *) fault "'ForgeAPI On' without ForgeSecret is not told: $said" ;; esac
told 'DBDriver pgsql
DBDParams dbname=forge
<Location "/handbook">
AuthType Forge
Require forge-role admin
</Location>' ''
# Sections that need a secret, in hosts without: those of the main server are for the files of any host.
for line in 'AuthType Forge' 'SetHandler forge' 'AddHandler forge .course'; do
    for host in "main server localhost" "virtual host learn.example.org of $tmp/case.conf:13"; do
        lines="<Directory \"$tmp\">
$line
</Directory>"
        case $host in virtual*) lines="<VirtualHost *:1>
ServerName learn.example.org
$lines
</VirtualHost>" ;; esac
        try "$(load mime)
$lines" || fault "'$lines' is refused without ForgeSecret: $said"
        case $said in
        *"FG0425: ${line%% .*} "*"this host has no ForgeSecret, so that each such request is answered 503; write ForgeSecret "*" of $tmp/case.conf; $host"*) ;;
        *) fault "'$lines' without ForgeSecret is not told: $said" ;;
        esac
    done
    try "$(load mime)
<Directory \"$tmp\">
$line
</Directory>
<VirtualHost *:1>
ForgeSecret file:$tmp/secret
</VirtualHost>" || fault "'$line' is refused beside a host with ForgeSecret: $said"
    case $said in *'has no ForgeSecret'*) fault "'$line' is warned of, although a host has ForgeSecret: $said" ;; esac
done
# SetHandler forge by hand: too wide, too narrow, and right.
pool='DBDriver pgsql
DBDParams dbname=forge'
told "$pool
SetHandler forge" 'SetHandler forge stands outside of <Location>, so that the module takes pages of the site too'
for section in 'Location "/"' 'LocationMatch "^/"' 'Location ~ "html$"' 'Location "/*"' "Directory \"$tmp\"" 'DirectoryMatch "^/"' 'Files "*"' 'FilesMatch "."'; do
    told "$pool
<$section>
SetHandler forge
</${section%% *}>" "SetHandler forge stands in"
done
for one in '"/api/v1"!such as /health' '"/api/v1/auth"!operations of the API' '"/health"!such as /api/v1/' '~ "^/(api/v1|health)(/|$)"!such as /'; do
    told "$pool
<Location ${one%%!*}>
SetHandler forge
</Location>" "${one#*!}"
done
told "$pool
<LocationMatch \"^/(api/v1|health|errors|\\.well-known/jwks\\.json)(/|\$)\">
SetHandler forge
</LocationMatch>" ''
told "$pool
<Location \"/api/v1\">
SetHandler \"expr=forge\"
</Location>" ''
told "$whole
<Location \"/api/v1/auth\">
SetHandler forge
</Location>" ''
for name in mod_forge forge_module forge-handler; do
    told "$whole
<Location \"/x\">
SetHandler $name
</Location>" "names no handler of this module with '$name'; write SetHandler forge"
done
: >"$tmp/open.pgpass"
chmod 0644 "$tmp/open.pgpass"
: >"$tmp/pgpass"
for one in 'nothing|is no file; make it' 'assets|is no file; make it' 'open.pgpass|which others may use; chmod 0600'; do
    told "DBDriver pgsql
DBDParams \"dbname=forge passfile=$tmp/${one%%|*}\"
$handed" "${one#*|}"
done
[ "$(id -u)" = 0 ] || told "DBDriver pgsql
DBDParams \"dbname=forge passfile=$tmp/pgpass\"
$handed" ''
told "DBDriver pgsql
DBDParams dbname=forge
ForgeReadDBD \"host=replica dbname=forge passfile=$tmp/nothing\"
$handed" "ForgeReadDBD: passfile '$tmp/nothing' is no file; make it"
# Folders that httpd's user cannot enter are at fault, whatever the rights of what is in them.
mkdir "$tmp/mail"
told "$whole
ForgeDrainFile $tmp/nothing/drain" "ForgeDrainFile: there is no folder '$tmp/nothing'"
told "$whole
ForgeDrainFile $tmp/drain" ''
told "$whole
ForgeDocsAssets assets" "lacks 9 of 9 files (swagger.html, redoc.html, swagger-ui-bundle.js, ...), so that /docs and /redoc are 404"
told "$whole
ForgeDocs Off
ForgeDocsAssets assets" ''
told "$whole
ForgePublicURL https://learn.example.org
ForgeMail file:$tmp/mail" ''
told "$whole
ForgePublicURL https://learn.example.org
ForgeMail smtp://mail.example.org ca=$tmp/authorities.pem" ''
if [ "$(id -u)" = 0 ]; then
    nobody="User nobody
Group $(id -gn nobody)
$handed"
    chown nobody "$tmp/pgpass"
    for lines in "DBDParams \"dbname=forge passfile=$tmp/pgpass\"" "DBDParams dbname=forge
ForgeReadDBD \"host=replica dbname=forge passfile=$tmp/pgpass\""; do
        told "$nobody
DBDriver pgsql
$lines" "nobody cannot enter the folder '$tmp', so that libpq ignores passfile '$tmp/pgpass'; chmod a+x '$tmp'"
    done
    nobody="$nobody
DBDriver pgsql
DBDParams dbname=forge
ForgePublicURL https://learn.example.org"
    told "$nobody
ForgeDrainFile $tmp/logs/drain" "nobody cannot enter the folder '$tmp', so that this node would never be drained"
    told "$nobody
ForgeMail file:$tmp/mail" "ForgeMail: nobody cannot enter the folder '$tmp', so that no mail is sent"
    told "$nobody
ForgeMail smtp://mail.example.org ca=$tmp/authorities.pem" "ForgeMail: nobody cannot enter the folder '$tmp'"
    told "$nobody
ForgeDocsAssets assets" "ForgeDocsAssets: nobody cannot enter the folder '$tmp', so that /docs and /redoc are 404"
    told "$nobody
$balances
<Proxy balancer://labs>
ProxySet growth=8
</Proxy>
ForgeDiscover balancer://labs file:$tmp/members" "ForgeDiscover: nobody cannot enter the folder '$tmp', so that nobody reads the members of balancer://labs"
    chmod a+x "$tmp"
    : >"$tmp/members"
    told "$nobody
$balances
<Proxy balancer://labs>
ProxySet growth=8
</Proxy>
ForgeDiscover balancer://labs file:$tmp/members" "ForgeDiscover: nobody cannot read '$tmp/members', so that nobody reads the members of balancer://labs; chmod a+r it"
    chown root "$tmp/pgpass"
    told "User nobody
Group $(id -gn nobody)
DBDriver pgsql
DBDParams \"dbname=forge passfile=$tmp/pgpass\"
$handed" "nobody cannot read passfile '$tmp/pgpass', and children connect as that user; chown nobody it"
    told "$nobody
ForgeMail file:$tmp/mail" "nobody cannot write into '$tmp/mail', so that no mail is sent; chown nobody it"
    told "$nobody
ForgeMail smtp://mail.example.org ca=$tmp/authorities.pem" "nobody cannot read '$tmp/authorities.pem', so that no mail is sent; chmod a+r it"
    told "$nobody
ForgeDrainFile $tmp/drain" ''
    chown nobody "$tmp/mail"
    told "$nobody
ForgeMail file:$tmp/mail" ''
    chmod go-x "$tmp"
fi
told "$whole
ForgeCookie On" 'ForgeCookie sets no cookie without TLS'
told "$whole
ServerName https://localhost
ForgeCookie On
ForgeLoginPage /login" ''
told "$whole
ForgeLoginPage /login" 'there is no ForgeCookie; write ForgeCookie On'
told "$whole
ForgeLoginPage none" ''
told "$whole
<Location \"/x\">
<RequireAny>
Require forge-role admin
</RequireAny>
</Location>" 'Require forge-role stands in a section without AuthType'
told "$whole
<Location \"/x\">
AuthType Forge
<RequireAny>
Require forge-role admin
</RequireAny>
</Location>
<Location \"/x/y\">
Require forge-mfa
</Location>" ''
bad '<VirtualHost *:1>
ForgeGuests maybe
</VirtualHost>' "(virtual host without a name of $tmp/case.conf:"

# A driver that is not installed is named by its package. It is hidden where this machine lets us.
find /usr/lib* -name 'apr_dbd_pgsql*.so' -printf 'mount --bind /dev/null %p &&\n' >"$tmp/hide" 2>/dev/null
if [ -s "$tmp/hide" ] && unshare -m true 2>/dev/null; then
    try "$whole"
    echo "LD_PRELOAD=\${FORGE_TEST_PRELOAD:-} exec '$HTTPD' -t -f '$tmp/case.conf'" >>"$tmp/hide"
    said=$(unshare -m sh "$tmp/hide" 2>&1) && fault 'a driver that is not installed is accepted'
    case $said in
    *FG0426*libaprutil1-dbd-pgsql*"of $tmp/case.conf"*) ;;
    *) fault "a driver that is not installed is refused without naming its package: $said" ;;
    esac
else
    echo 'configtest: the driver cannot be hidden here, so that its absence is not tried'
fi

# mod_dbd's numbers, which it takes whatever they are: those of which it can make no pool are refused, with what is accepted.
pool() { # pool 'lines of mod_dbd', and what the message says of bad ones
    lines="ForgeSecret file:$tmp/secret
DBDriver pgsql
$1"
    if [ -z "${2:-}" ]; then
        good "$lines"
    elif try "$lines"; then
        fault "'$1' is accepted"
    else
        case $said in *"$2"*) ;; *) fault "'$1' is refused without saying '$2': $said" ;; esac
    fi
}
pool 'DBDMax 6'
pool 'DBDMax "6"'
pool 'DBDMax 2'
pool 'DBDMin "0"
DBDKeep "0"
DBDMax "2"'
pool 'DBDMin 12
DBDKeep 12
DBDMax 12'
pool 'DBDMax 1' 'DBDMax 1 cannot work where a child has threads; it must be 2 to 10000'
pool 'DBDMax "0"' 'DBDMax 0 cannot work where a child has threads; it must be 2 to 10000'
pool 'DBDMax 10001' 'DBDMax 10001 cannot work where a child has threads; it must be 2 to 10000'
pool 'DBDKeep 7
DBDMax "6"' 'DBDKeep 7 (2 if not set) cannot work with DBDMax 6; it must be 0 to 6'
pool 'DBDKeep 11' 'DBDKeep 11 (2 if not set) cannot work with DBDMax 10; it must be 0 to 10'
pool 'DBDKeep 0' 'DBDMin 1 (1 if not set) cannot work with DBDKeep 0; it must be 0 to 0'
pool 'DBDMin "5"
DBDKeep 4
DBDMax 12' 'DBDMin 5 (1 if not set) cannot work with DBDKeep 4; it must be 0 to 4'
pool 'DBDMax 6
<VirtualHost *:1>
DBDMax "1"
</VirtualHost>' 'DBDMax 1 cannot work where a child has threads; it must be 2 to 10000'
pool 'DBDPersist On'
for value in Off off OFF '"Off"'; do
    pool "DBDPersist $value" 'DBDPersist Off cannot work, because the module keeps its connections over requests; write DBDPersist On, or leave the line out (line '
done
pool 'DBDPersist On
<VirtualHost *:1>
ServerName learn.example.org
DBDPersist off
</VirtualHost>' "DBDPersist Off cannot work"
case $said in *'virtual host learn.example.org'*) ;; *) fault "DBDPersist Off of a virtual host is refused without its name: $said" ;; esac
pool 'DBDPersist Off
<VirtualHost *:1>
DBDPersist On
</VirtualHost>' "DBDPersist Off cannot work"

# More connections than are watched are told: all children of all pools together.
crowd() { # crowd told|silent 'lines'
    try "ServerLimit 4
StartServers 1
ThreadsPerChild 8
MaxRequestWorkers 32
ForgeSecret file:$tmp/secret
DBDriver pgsql
DBDParams \"host=primary dbname=forge user=forge_app\"
ForgeAPI On
$2" || fault "'$2' is refused: $said"
    case $1:$said in
    told:*FG0425*'DBDMax lets 4 children have '*' connections together, but only 4096 are watched'*"of $tmp/case.conf; main server localhost)"* | silent:'Syntax OK') ;;
    *) fault "'$2' is not $1: $said" ;;
    esac
}
crowd silent 'DBDMax 1024'
crowd told 'DBDMax 1025'
crowd silent 'DBDMax 512
ForgeReadDBD "host=replica dbname=forge user=forge_app"'
crowd told 'DBDMax 512
ForgeReadDBD "host=replica dbname=forge user=forge_app" max=513'
crowd silent 'DBDMax 1024
<VirtualHost *:1>
ForgeAPI On
</VirtualHost>'
crowd told "DBDMax 600
<VirtualHost *:1>
DBDParams dbname=other
ForgeSecret file:$tmp/other
ForgeAPI On
</VirtualHost>"

# DBDParams, which mod_dbd hands on unread: what libpq would refuse, now or when it connects.
example='"host=127.0.0.1 dbname=forge user=forge_app"'
for one in 'foo|the first word cannot be read; accepted: a connection string of libpq, like '"$example" '"host=a password=Correct-Horse-9 Battery"|cannot be read' \
    'database=forge|invalid connection option "database"' 'port=abc|port=abc is no port; accepted: 1 to 65535' 'port=0|port=0 is no port' \
    '"host=a,b port=5432,65536"|port=65536 is no port' 'postgresql://h:99999/d|port=99999 is no port' '"host=a,b port=1,2,3"|3 numbers in port= do not belong to 2 servers' \
    '"host=a,b hostaddr=10.0.0.1"|2 names in host= do not belong to 1 addresses in hostaddr=' 'hostaddr=db1|hostaddr=db1 is no address' \
    'sslmode=yes|sslmode=yes is none of its values; accepted: disable, allow, prefer, require, verify-ca, verify-full' 'sslmode=Require|sslmode=Require is none' \
    "\"sslmode=''\"|sslmode= is none of its values" 'sslmode=verify|sslmode=verify is none' 'gssencmode=off|gssencmode=off is none of its values' \
    'channel_binding=yes|channel_binding=yes is none of its values' 'connect_timeout=2s|connect_timeout=2s is no whole number' 'connect_timeout=2.5|is no whole number' \
    'connect_timeout=99999999999|is no whole number' 'keepalives_idle=1m|keepalives_idle=1m is no whole number' \
    'target_session_attrs=master|target_session_attrs=master is none of its values; accepted: any, read-write' \
    'postgresql://h/d?target_session_attrs=standby|target_session_attrs=standby would never lead to a server that can be written to' \
    'target_session_attrs=read-only|would never lead to a server'; do
    pool "DBDParams ${one%%|*}" "FG0420: DBDParams: "
    case $said in *"${one#*|}"*' (line '*'; main server localhost)'*) ;; *) fault "'DBDParams ${one%%|*}' is refused without '${one#*|}': $said" ;; esac
    case $said in *Horse* | *Battery*) fault "a message about DBDParams repeats a password" ;; esac
    pool "DBDParams dbname=forge
<VirtualHost *:1>
ServerName learn.example.org
DBDParams ${one%%|*}
</VirtualHost>" 'FG0420: DBDParams: '
    case $said in *"${one#*|}"*' (line '*'; virtual host learn.example.org '*) ;; *) fault "'DBDParams ${one%%|*}' of a virtual host: $said" ;; esac
done
for params in dbname=forge '"host=a,b port=,5433 dbname=d sslmode=verify-full connect_timeout=2 target_session_attrs=read-write"' postgresql://u:w@a:5432,b/d?connect_timeout=3 \
    '"host=n hostaddr=10.0.0.1 connect_timeout=-1"' '"host=a,b hostaddr=fe80::1, keepalives=0 keepalives_idle=30 tcp_user_timeout=5000"' '"service=forge"' \
    '"host=/run/postgresql port=5433 target_session_attrs=any gssencmode=disable channel_binding=prefer"' 'target_session_attrs=prefer-standby'; do
    pool "DBDParams $params"
done

# A replica beside its primary.
replica() { # replica 'DBDParams' 'ForgeReadDBD and its words' ['what the message says of a bad one']
    pool "${1:+DBDParams $1
}ForgeReadDBD $2" "${3:-}"
}
primary='"host=primary dbname=forge user=forge_app"'
replica "$primary" '"host=replica dbname=forge user=forge_app"'
replica "$primary" '"host=replica dbname=forge user=forge_app" max=8 lag=1m'
replica "$primary" '"postgresql://forge_app@replica/forge"'
replica "$primary" off
replica '"host=a,b dbname=forge target_session_attrs=read-write"' '"host=a,b dbname=forge target_session_attrs=standby"'
replica '' '"host=replica dbname=forge"' 'ForgeReadDBD needs DBDParams'
replica "$primary" "$primary" 'lead to the same server'
replica "$primary" '"host=primary port=5432 dbname=forge user=other"' 'lead to the same server'
replica "$primary" '"host=replica dbname=other"' 'names database "other", but DBDParams names "forge"'
replica "$primary" '"host=replica dbname=forge target_session_attrs=read-write"' 'would never lead to a replica'
replica "$primary" '"host=replica dbname=forge port=x"' 'ForgeReadDBD: port=x is no port'
replica "$primary" '"host=replica dbname=forge sslmode=on"' 'ForgeReadDBD: sslmode=on is none of its values'
replica "$primary" '"host=replica dbname=forge connect_timeout=2s"' 'ForgeReadDBD: connect_timeout=2s is no whole number'
replica "$primary" '"host=replica no_such=1"' 'invalid connection option "no_such"'
replica "$primary" '"host=replica password=Correct-Horse-9 Battery"' 'cannot be read'
case $said in *Horse* | *Battery*) fault "a message about ForgeReadDBD repeats a password" ;; esac

# What is shipped and what is documented is accepted.
here() {
    sed "s|file:/etc/forge/mail.password|file:$tmp/password|; s|file:/etc/forge/superuser|file:$tmp/password|; s|file:/[^ ]*/forge/secret|file:$tmp/secret|; s|/etc/forge/2027.pem|$tmp/es.pem|; s|file:/etc/forge/sentry.dsn|file:$tmp/dsn|; s|/usr/share/forge/docs|$tmp/assets|; s|/etc/forge/mail$|$tmp/assets|"
}
sed -n 's/^#   Example:  *//p' "$top/conf/forge.reference.conf" | here >"$tmp/examples"
while IFS= read -r line; do
    case $line in ForgeMail*) line="ForgePublicURL https://learn.example.org
$line" ;; esac
    good "$line"
done <"$tmp/examples"
good "Include \"$top/conf/forge.reference.conf\""
for file in "$modules"/mod_dbd.so "$modules"/mod_watchdog.so "$modules"/mod_auth[nz]_core.so "$modules"/mod_authz_host.so "$MODULE"; do
    [ ! -e "$file" ] || ln -s "$file" "$tmp/modules/$(basename "$file")"
done
[ -e "$tmp/modules/mod_forge.so" ] || ln -s "$MODULE" "$tmp/modules/mod_forge.so"
here <"$top/conf/examples/site.conf" >"$tmp/site.conf"
cp "$tmp/base.conf" "$tmp/forge.conf"
good "Define FORGE_MODULES \"$tmp/modules\"
Include \"$top/conf/forge.load\"
Include \"$top/conf/forge.conf\""
[ "$said" = 'Syntax OK' ] || fault "the shipped configuration is warned of: $said"
good "Define FORGE_MODULES \"$tmp/modules\"
Include \"$top/conf/forge.load\"
Include \"$top/conf/forge.conf\"
Include \"$top/conf/examples/mpm.conf\"
Include \"$tmp/site.conf\""
case $said in
*FORGE_DB_CONNECTIONS*) fault "the module sets no FORGE_DB_CONNECTIONS for the shipped configuration: $said" ;;
esac

# The example of a cluster: a node, and the front, which does without the module.
sed "s|^</VirtualHost>|Include \"$top/conf/examples/cluster.conf\"\\n&|" "$tmp/site.conf" >"$tmp/node.conf"
load remoteip >>"$tmp/forge.conf"
good "Define FORGE_MODULES \"$tmp/modules\"
Include \"$top/conf/forge.load\"
Include \"$tmp/node.conf\""
{
    cat "$tmp/base.conf"
    for module in watchdog headers slotmem_shm proxy proxy_http proxy_balancer proxy_hcheck lbmethod_bybusyness; do load $module; done
} >"$tmp/forge.conf"
good "Define FORGE_FRONT
Include \"$top/conf/examples/cluster.conf\""

# What the sections of ForgeAPI need is named, not what they say.
for module in authn_core authz_core authz_host; do
    {
        sed "/mod_$module.so/d" "$tmp/base.conf"
        load watchdog
        load dbd
        echo "LoadModule forge_module \"$MODULE\""
    } >"$tmp/forge.conf"
    good 'ForgeAPI Off'
    if try "DBDriver pgsql
ForgeAPI On"; then
        fault "ForgeAPI is accepted without mod_$module"
    fi
    case $said in
    *"line 1"[0-9]" of $tmp/case.conf:"*"ForgeAPI needs mod_$module, which "*"load it (a2enmod $module)"*) ;;
    *) fault "ForgeAPI without mod_$module is refused without naming it: $said" ;;
    esac
done
# The shipped file loads what they need.
sed '/mod_auth._\(core\|host\).so/d' "$tmp/base.conf" >"$tmp/forge.conf"
good "Define FORGE_MODULES \"$tmp/modules\"
Include \"$top/conf/forge.load\"
ForgeSecret file:$tmp/secret
ForgeAPI On"
needs=$(sed -n 's/^# Depends: //p' "$top/conf/forge.load")
for module in authn_core authz_core authz_host; do
    case " $needs " in *" $module "*) ;; *) fault "the Depends line of forge.load, which a2enmod reads, lacks $module" ;; esac
done

# Where the module is gone, the example site is too, and the server starts.
good "Include \"$tmp/site.conf\""

[ "$faults" -eq 0 ] || exit 1
echo "configtest: $cases configurations judged as they should be"
