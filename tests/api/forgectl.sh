#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests of forgectl: every command and verb, its exit codes and what it leaves in the database.
# Needs FORGECTL (the program), PSQL, DSN (owner of an empty database in which role forge_app exists and may log in) and SRCDIR (the source tree).
set -u
: "${FORGECTL:?}" "${DSN:?}" "${SRCDIR:?}" "${PSQL:?}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
FORGE_DSN=$DSN FORGE_MIGRATIONS=$SRCDIR/sql/migrations FORGE_SQL=$SRCDIR/sql
export FORGE_DSN FORGE_MIGRATIONS FORGE_SQL
newest=$(find "$FORGE_MIGRATIONS" -name '*.up.sql' | wc -l)

# expect CODE PATTERN ARGUMENT...: runs forgectl; the exit code and a line of its output (extended regular expression) must match
expect() {
    code=$1 pattern=$2
    shift 2
    "$FORGECTL" "$@" >"$work/out" 2>"$work/err" </dev/null
    judge $? "$*"
}

# The same with a text on standard input.
expect_input() {
    text=$1 code=$2 pattern=$3
    shift 3
    printf '%s\n' "$text" | "$FORGECTL" "$@" >"$work/out" 2>"$work/err"
    judge $? "$*"
}

judge() {
    if [ "$1" = "$code" ] && cat "$work/out" "$work/err" | grep -Eq -- "$pattern"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: forgectl $2: exit code $1, wanted $code and /$pattern/"
        sed 's/^/    /' "$work/out" "$work/err"
    fi
}

# json CODE CONDITION ARGUMENT...: runs forgectl with --json; its output must be one JSON document of which the condition (Python, the document is d) is true.
json() {
    code=$1 condition=$2
    shift 2
    "$FORGECTL" "$@" --json >"$work/out" 2>"$work/err" </dev/null
    found=$?
    python3 -c 'import json, sys
d = json.load(open(sys.argv[1], encoding="utf-8"))
print("true" if eval(sys.argv[2]) else "not so: %s" % d)' "$work/out" "$condition" >>"$work/err" 2>&1
    pattern='^true$'
    judge $found "$* --json ($condition)"
}

# A condition in the shell.
holds() {
    what=$1
    shift
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $what"; fi
}

# Waits, a minute at most, until a condition in the shell is true.
wait_until() {
    for _ in $(seq 600); do
        if "$@"; then return; fi
        sleep 0.1
    done
}

# --- usage ---
expect 2 'a command is needed'
expect 0 'Usage: forgectl COMMAND' --help
expect 0 '^forgectl \(mod_forge\) .*schema [0-9]+' --version
expect 2 'no command "frobnicate"' frobnicate
expect 2 'migrate needs a verb' migrate
expect 2 'knows no verb "sideways"' migrate sideways
expect 2 'unrecognized option' migrate status --sideways
expect 2 'requires an argument' migrate status --dsn
expect 2 'no arguments accepted' migrate status now
expect 2 'EMAIL ROLE needed' user set-role a@example.org
expect 2 'FILE needed' backup
expect 2 'not a whole number' migrate apply --to ten
expect 2 "--to 9999: there is no such migration; the newest is $newest" migrate apply --to 9999
expect 2 'not a whole number' migrate rollback --steps 0
for command in migrate user secret reseal openapi check doctor backup restore jobs 'seed'; do expect 0 "forgectl $command" $command --help; done
for verb in 'migrate status' 'migrate apply' 'migrate rollback' 'migrate check' 'migrate new' 'migrate list' 'user create' 'user import' 'user set-role' \
    'user reset-password' 'user unlock' 'user list' 'jobs list' 'jobs retry' 'jobs cancel' 'seed demo'; do
    # shellcheck disable=SC2086
    expect 0 "Usage: forgectl $verb" $verb --help
done

# --- where the database is ---
expect 1 'could not connect' migrate status --dsn "host=$work/nowhere dbname=x"
FORGE_DSN=
for command in 'migrate status' 'user list' 'user create a@example.org' 'jobs list' 'seed demo' 'backup file'; do
    # shellcheck disable=SC2086
    expect 2 'no database named' $command
done
expect 1 '^FAIL +database: no connection' check
printf '# DBDParams "host=/wrong"\nDBDriver pgsql\n  dbdparams \\\n  "%s"\nDBDParams "host=/second"\n' "$DSN" >"$work/httpd.conf"
expect 0 "0 applied, $newest pending" migrate status --conf "$work/httpd.conf"
# shellcheck disable=SC2016
printf 'DBDParams "host=${RUN} dbname=x"\n' >"$work/define.conf"
expect 1 'only httpd expands' migrate status --conf "$work/define.conf"
printf 'Listen 80\n' >"$work/none.conf"
expect 1 'no DBDParams' migrate status --conf "$work/none.conf"
expect 1 'No such file' migrate status --conf "$work/absent.conf"
FORGE_DSN=$DSN

# --- before the first migration, and for a role without rights ---
for command in 'user list' 'user unlock bob' 'user set-role a@example.org admin' 'user create a@example.org --generate' 'jobs list' 'jobs retry 1' 'seed demo'; do
    # shellcheck disable=SC2086
    expect 1 "the database is at migration 0 and this forgectl needs $newest; run forgectl migrate apply" $command
done

# --- migrate ---
expect 0 '^0001 +foundation' migrate list
expect 1 'could not read' migrate list --dir "$work/absent"
mkdir "$work/new"
expect 0 '0001_first.up.sql' migrate new first --dir "$work/new"
expect 0 '0002_second.down.sql' migrate new second --dir "$work/new"
expect 2 'is not 1 to 60' migrate new '../escape' --dir "$work/new"
expect 1 'schema is not what' migrate check
json 0 "len(d) == $newest and d[0]['number'] == 1 and d[0]['name'] == 'foundation' and d[0]['file'].endswith('0001_foundation.up.sql')" migrate list
json 0 "[f[-len('0003_third.up.sql'):] for f in d[:1]] == ['0003_third.up.sql'] and len(d) == 2" migrate new third --dir "$work/new"
json 1 "d['current'] is False and d['pending'] == $newest and len(d['migrations']) == $newest" migrate check
json 1 "d['good'] is False and {'check': 'schema', 'state': 'fail'}.items() <= d['checks'][2].items()" check
expect 1 'FAIL +schema: at migration 0' check
expect 1 'role "no_such_role" does not exist' migrate apply --to 1 --app-role no_such_role
expect 0 '^0002_identity applied' migrate apply --to 3
expect 0 "3 applied, $((newest - 3)) pending" migrate status
json 0 "d['applied'] == 3 and [m['state'] for m in d['migrations'][2:4]] == ['applied', 'pending'] and d['migrations'][3]['applied_at'] is None" migrate status
json 0 "d == {'schema': 4}" migrate apply --to 4
holds 'the steps are told beside the document' grep -q '^0004_.* applied' "$work/err"
json 0 "d == {'schema': 3}" migrate rollback
expect 0 'role forge_app has its rights' migrate apply
json 0 "d['current'] is True and d['migrations'] == []" migrate check
expect 0 "^nothing to do: the schema is at migration $newest" migrate apply
expect 0 "^nothing to do: the schema is at migration $newest" migrate apply --to 5
holds 'it is said that apply does not go back' grep -q 'note: --to 5 is behind the schema' "$work/err"
"$PSQL" -X -q "$DSN user=postgres" -c 'CREATE ROLE forge_stranger LOGIN' || failed=$((failed + 1))
stranger="$DSN user=forge_stranger"
expect 1 'the role "forge_stranger" lacks a right .*migrate apply --app-role forge_stranger' user list --dsn "$stranger"
expect 1 '^FAIL +schema: the role "forge_stranger" lacks a right .*migrate apply --app-role forge_stranger' check --dsn "$stranger"
expect 1 '^FAIL +role forge_app: can be checked only when the schema can be read' check --dsn "$stranger"
"$PSQL" -X -q "$DSN" -c 'GRANT USAGE ON SCHEMA forge TO forge_stranger' -c 'GRANT SELECT ON forge.migrations, forge.app_rights TO forge_stranger' || failed=$((failed + 1))
expect 1 '^ok +rights of forge_app: exactly' check --dsn "$stranger"
expect 1 '^FAIL +rights of forge_stranger: missing: .*; run forgectl migrate apply --app-role forge_stranger, as the owner' check --dsn "$stranger"
expect 0 'role forge_stranger has its rights' migrate apply --app-role forge_stranger
expect 1 '^ok +rights of forge_stranger: exactly' check --dsn "$stranger"
"$PSQL" -X -q "$DSN" -c 'REVOKE ALL ON forge.users FROM forge_app' || failed=$((failed + 1))
expect 1 '^FAIL +rights of forge_app: missing: .*; run forgectl migrate apply, as the owner' check
expect 0 'role forge_app has its rights' migrate apply
expect 0 'schema is up to date' migrate check
expect 0 '^0*'"$newest"'_[a-z_]+ rolled back' migrate rollback
expect 1 'schema is not what' migrate check
expect 0 "^done: the schema is at migration $newest" migrate apply
cp -r "$FORGE_MIGRATIONS" "$work/changed" && echo '-- more' >>"$work/changed/0002_identity.up.sql"
expect 1 'CHANGED' migrate check --dir "$work/changed"
expect 1 'was changed after it was applied' migrate apply --dir "$work/changed"

# --- secret, openapi ---
expect 0 '^[A-Za-z0-9_-]{64}$' secret
expect 0 'ForgeSecret file:' secret --output "$work/secret"
holds 'the secret is for its owner only' [ "$(stat -c %a "$work/secret")" = 600 ]
expect 1 'File exists' secret --output "$work/secret"
json 0 "len(d['secret']) == 64" secret
json 0 "d == {'file': '$work/secret.json'}" secret --output "$work/secret.json"
expect 2 '--secret: name its file' reseal
expect 2 '--old: .*absent' reseal --secret "$work/secret" --old "$work/absent"
expect 2 'the two secrets are the same' reseal --secret "$work/secret" --old "$work/secret"
expect 0 'ForgeSecret file:' secret --output "$work/secret.new"
expect 0 '^second factors: 0 re-encrypted, 0 already under the new secret, 0 under neither' reseal --secret "$work/secret.new" --old "$work/secret"
json 0 "d == {'reencrypted': 0, 'under_new': 0, 'under_neither': 0}" reseal --secret "$work/secret.new" --old "$work/secret"
echo '{"openapi":"3.1.0"}' >"$work/openapi.json"
expect 0 '"3.1.0"' openapi --file "$work/openapi.json"
json 0 "d['openapi'] == '3.1.0'" openapi --file "$work/openapi.json"
echo '{' >"$work/broken.json"
expect 1 'is not JSON' openapi --file "$work/broken.json"
expect 1 'could not read' openapi --file "$work/absent.json"

# --- user ---
good='Quiet-Otter-71-lamp'
expect 2 'is not an e-mail address' user create nobody
expect 2 'is not student, instructor or admin' user create a@example.org --role guest
expect 2 'is not student, instructor or admin' user create a@example.org --role root
expect 2 'the username "a b"' user create a@example.org --username 'a b'
expect 2 'not a whole number from 10 to 15' user create a@example.org --cost 4
expect 1 'no password given' user create a@example.org
expect_input 'short' 1 'password is refused' user create a@example.org
expect_input "$good" 0 '^account [0-9]+: Ada@example.org, username Ada, role admin' user create ' Ada@Example.ORG' --role admin --cost 10
expect_input "$good" 1 'e-mail address already exists' user create ada@example.org --cost 10
expect_input "$good" 1 'username already exists' user create other@example.org --username aDA --cost 10
printf '%s\r\nsecond line\n' "$good" >"$work/password"
expect 0 'role student' user create bob@example.org --full-name 'Bob B.' --password-file "$work/password" --cost 10
expect 2 'cannot be used together' user reset-password bob@example.org --password-file "$work/password" --generate
expect 2 'cannot be used together' user create c@example.org --username cee --password-file "$work/password" --generate
expect 1 'absent: No such file' user create c@example.org --username cee --password-file "$work/absent"
expect 0 '^password: [A-Za-z0-9]{4}(-[A-Za-z0-9]{4}){3}$' user create cee@example.org --generate --cost 10
# What nobody could type at a login is no password, wherever it comes from.
garbled() { # BYTES PATTERN
    printf "$1" >"$work/garbled"
    expect 1 "the password $2" user create dan@example.org --password-file "$work/garbled" --cost 10
    expect 1 "the password $2" user reset-password bob@example.org --password-file "$work/garbled" --cost 10
    "$FORGECTL" user create dan@example.org --cost 10 <"$work/garbled" >"$work/out" 2>"$work/err"
    judge $? "user create, from standard input"
    expect 1 "garbled: it $2" seed demo --password-file "$work/garbled" --reset-passwords
}
garbled 'Qui\351t-Otter-71-lamp\n' 'is not UTF-8'
garbled '\357\273\277Quiet-Otter-71-lamp\n' 'begins with a byte order mark \(save the file without one\)'
garbled 'Quiet-Otter-71\000-lamp\n' 'holds a NUL byte'
expect 2 'full-name has more than 200 characters' user create dan@example.org --generate --full-name "$(printf '%0201d' 0)"
expect 2 'or is not UTF-8' user create dan@example.org --generate --full-name "$(printf 'Zo\353')"
expect 1 'the database does not take a value: invalid byte sequence' jobs list --kind "$(printf '\353')"
# A terminal has its echo back, whatever ends or stops the question.
for how in key INT TERM HUP QUIT TSTP; do
    holds "the echo is back after $how" python3 "$SRCDIR/tests/api/terminal.py" $how "$FORGECTL" user create dan@example.org --cost 10
done
holds 'no such account was made' [ "$("$PSQL" -X -At "$DSN" -c "SELECT count(*) FROM forge.users WHERE email = 'dan@example.org'")" = 0 ]
expect 0 '^BOB@example.org: instructor, was student' user set-role BOB@example.org instructor
expect 0 'nobody has verified this address; make sure that account [0-9]+ \(bob\) is who you mean' user set-role bob@example.org instructor
expect 1 'no account with the address' user set-role nobody@example.org admin
expect 0 'new password set, 0 sessions ended' user reset-password bob@example.org --generate --cost 10
expect 1 'no account with the address' user reset-password nobody@example.org --generate --cost 10
expect 0 '^bob: failed logins cleared' user unlock bob
expect 0 '^Bob@example.org: failed logins cleared' user unlock Bob@Example.org
expect 0 '^bob: failed logins cleared' user unlock ' bob '
expect 1 'there is no account "nobody"' user unlock nobody
expect 2 'neither an e-mail address nor a username' user unlock 'b b'
expect 2 'is not an e-mail address' user unlock 'b@'
expect 0 '^ +[0-9]+  bob@example.org +bob +instructor +active +never' user list
expect 0 '^3 accounts' user list
json 0 "[u['username'] for u in d] == ['Ada', 'bob', 'cee'] and d[1]['last_login_at'] is None" user list
json 0 "d['email'] == 'bob@example.org' and d['role'] == d['old_role'] == 'instructor' and d['email_verified'] is False" user set-role bob@example.org instructor
json 0 "d['sessions_ended'] == 0 and len(d['password']) == 19" user reset-password bob@example.org --generate --cost 10
json 0 "d['sessions_ended'] == 0 and d['password'] is None" user reset-password bob@example.org --password-file "$work/password" --cost 10
json 0 "d['account'] == 'bob' and d['id'] > 0" user unlock bob
json 0 "d['username'] == 'dee' and d['role'] == 'student' and len(d['password']) == 19" user create dee@example.org --username dee --generate --cost 10
"$PSQL" -X -q "$DSN" -c "DELETE FROM forge.users WHERE username = 'dee'"

# --- seed ---
expect 1 'could not load' seed demo --sql "$work/absent"
expect 0 '^admin@example.org +admin +admin +[A-Za-z0-9-]{19}$' seed demo --cost 10
expect 0 '^student@example.org .*\(password unchanged\)' seed demo
expect 0 '^course 3 of 3: text-and-data-with-python' seed demo
mkdir "$work/bare" && cp "$FORGE_SRCDIR/sql/demo.sql" "$work/bare"
expect 1 'could not load .*/bare/demo/first-steps-in-python.json' seed demo --sql "$work/bare"
mkdir "$work/bare/demo" && echo '{}' >"$work/bare/demo/first-steps-in-python.json"
expect 1 'could not load .*this is no bundle of a course' seed demo --sql "$work/bare"
expect 0 '"email":"admin@example.org","username":"admin","password":null,"role":"admin"' seed demo --json
printf 'Violet-Anchor-38-drum\nCopper-Meadow-52-kite\nSilver-Walnut-64-tram\n' >"$work/three"
expect 0 'instructor@example.org +instructor +instructor +Copper-Meadow-52-kite' seed demo --password-file "$work/three" --reset-passwords --cost 10
expect_input '' 0 '^6 accounts' user list
"$PSQL" -X -q "$DSN" -c "INSERT INTO forge.users (email, email_key, username, password_hash, role)
    SELECT n || '@many.example', n || '@many.example', 'many_' || n, password_hash, 'student' FROM generate_series(1, 600) n, forge.users WHERE username = 'bob'" || failed=$((failed + 1))
json 0 "len(d) == len({u['id'] for u in d}) == 606" user list
"$PSQL" -X -q "$DSN" -c "DELETE FROM forge.users WHERE username LIKE 'many\_%'"

# --- user import ---
cat >"$work/people.csv" <<END
email,username,full_name,role,password,password_hash
kay@people.example,,"Kay, Jr.",instructor,Planted-Otter-71-lamp,
kay@people2.example,,,,,
nobody,,,,Planted-Otter-72-lamp,
kay@people.example,other_kay,,,,
lee@people.example,bob,,,,
lee@people.example,l e,,,,
lee@people.example,,,Planted-Otter-73-lamp,,
lee@people.example,,,,planted,
lee@people.example,,,,Planted-Otter-74-lamp,$("$PSQL" -X -At "$DSN" -c "SELECT password_hash FROM forge.users WHERE username = 'bob'")
lee@people.example,,,,,planted-hash
,lee,,,,
lee@people.example,,,,,$("$PSQL" -X -At "$DSN" -c "SELECT replace(replace(password_hash, '{sha256}', ''), '\$2b\$', '\$2y\$') FROM forge.users WHERE username = 'bob'")
END
json 1 "d['created'] == 3 and [r['line'] for r in d['refused']] == [4, 5, 6, 7, 8, 9, 10, 11, 12]" user import "$work/people.csv" --cost 10
holds 'no password of the file is shown' sh -c '! grep -i planted "$1/out" "$1/err"' sh "$work"
expect 1 '^0 created, 12 refused' user import "$work/people.csv" --cost 10
expect 1 '^line 2: an account with this e-mail address already exists' user import "$work/people.csv" --cost 10
expect 1 '^line 8: the role is not student, instructor or admin' user import "$work/people.csv" --cost 10
holds 'no password of the file is shown to a person either' sh -c '! grep -i planted "$1/out" "$1/err"' sh "$work"
holds 'what is not a terminal gets no progress' [ "$(wc -c <"$work/err")" = 0 ]
holds 'the accounts are as the file says' [ "$("$PSQL" -X -At "$DSN" -c "SELECT count(*) FROM forge.users WHERE (email, full_name, role) =
    ('kay@people.example', 'Kay, Jr.', 'instructor') OR email = 'kay@people2.example' AND username ~ '^kay_[0-9a-f]{6}\$' OR email = 'lee@people.example' AND role = 'student'")" = 3 ]
printf 'mail,name\na@b.example,x\n' >"$work/strange.csv"
expect 1 'must have a column named email' user import "$work/strange.csv"
printf 'email,pasword\na@b.example,x\n' >"$work/strange.csv"
expect 1 'may name email, username' user import "$work/strange.csv"
printf 'email,role\na@b.example,student\nc@d.example\n' >"$work/strange.csv"
expect 1 'strange.csv: .*line 3' user import "$work/strange.csv"
printf 'email\n\377@b.example\n' >"$work/strange.csv"
expect 1 'not text in UTF-8' user import "$work/strange.csv"
expect 1 'absent.csv: No such file' user import "$work/absent.csv"
for separator in ';' '\t'; do
    printf "email${separator}role\nx@b.example${separator}student\n" >"$work/strange.csv"
    expect 1 'has semicolons or tabs between its columns, and needs commas' user import "$work/strange.csv"
done
printf 'email;role\n' >"$work/strange.csv"
expect 1 'needs commas' user import "$work/strange.csv"
printf '\357\273\277email\nmay@people.example\n' >"$work/one.csv"
expect 0 '^1 created, 0 refused' user import "$work/one.csv" --cost 10
holds 'a terminal is shown how far it is' python3 -c 'import os, pty, subprocess, sys
ours, theirs = pty.openpty()
subprocess.run(sys.argv[1:], stderr=theirs, stdout=subprocess.DEVNULL)
sys.exit(b"1 of 1" not in os.read(ours, 4096))' "$FORGECTL" user import "$work/one.csv" --cost 10
"$PSQL" -X -q "$DSN" -c "DELETE FROM forge.users WHERE email LIKE '%people%'"

# --- jobs ---
expect 2 'the status "lost" is not queued' jobs list --status lost
expect 2 'not a whole number from 1 to 1000' jobs list --limit 0
expect 2 'is not the number of a job' jobs retry twelve
expect 2 'ID needed' jobs cancel
expect 0 '^0 jobs' jobs list
expect 0 '^\[\]$' jobs list --json
"$PSQL" -X -q "$DSN" -c "INSERT INTO forge.jobs (kind, status, attempts, finished_at, error_code, error_detail) VALUES
    ('rejudge', 'failed', 5, now(), 'sandbox_unavailable', 'no sandbox is working'), ('mail', 'queued', 0, NULL, NULL, NULL)"
expect 0 '^ +1  rejudge +- +failed +0%  +5/5 .*sandbox_unavailable: no sandbox is working' jobs list
expect 0 '^1 jobs' jobs list --status failed --kind rejudge
expect 0 '^\[\{"id":1,"kind":"rejudge".*"error_code":"sandbox_unavailable"' jobs list --json --status failed
expect 1 'job 1 has ended' jobs cancel 1
expect 1 'there is no job 3' jobs cancel 3
expect 1 'there is no job 3' jobs retry 3
expect 1 'job 2 has neither failed nor been cancelled' jobs retry 2
expect 0 '^job 1 \(rejudge\): queued' jobs retry 1
expect 0 '^job 1 \(rejudge\): cancelled' jobs cancel 1
expect 0 '^\{"id":2,"kind":"mail".*"status":"cancelled"' jobs cancel 2 --json

# --- check ---
runner=$FORGE_BUILDDIR/forge-runner
expect 0 '^ok +sandbox: .*forge-runner" holds' check --runner "$runner" --docs "$work"
mkdir "$work/lone" && cp "$runner" "$work/lone"
expect 1 '^FAIL +sandbox: .*: forge-init: .*lone/forge-init: No such file' check --runner "$work/lone/forge-runner" --docs "$work"
holds 'bubblewrap that is missing has a reason' sh -c '"$1" --check --bwrap /nowhere/bwrap | grep -q "^missing.bubblewrap./nowhere/bwrap: No such file"' sh "$runner"
expect 1 '^FAIL +sandbox: .*cannot be executed: No such file' check --runner "$work/absent" --docs "$work"
expect 1 '^FAIL +sandbox: .*without a report' check --runner /bin/true --docs "$work"
printf '#!/bin/sh\nprintf "ok\\tbubblewrap\\t/usr/bin/bwrap\\nmissing\\tuser namespaces\\trefused\\n"\nexit 1\n' >"$work/lame" && chmod 755 "$work/lame"
expect 1 '^FAIL +sandbox: .*lame": user namespaces: refused' check --runner "$work/lame" --docs "$work"
printf 'ForgeSandbox Off\n' >"$work/no_sandbox.conf"
expect 0 '^warn +sandbox: off' check --docs "$work" --conf "$work/no_sandbox.conf"
printf 'ForgeSandbox %s\n' "$runner" >"$work/sandbox.conf"
expect 0 '^ok +sandbox: ' check --docs "$work" --conf "$work/sandbox.conf"
json 0 "d['good'] is True and all(c['state'] in ('ok', 'warn') for c in d['checks']) and 'role forge_app' in [c['check'] for c in d['checks']]" check --runner "$runner" --docs "$work"
expect 0 '^ok +role forge_app: owns nothing, cannot create' check --runner "$runner" --docs "$work"
expect 0 '^ok +rights of forge_app: exactly' check --runner "$runner" --docs "$work"
expect 0 '^ok +clock:' check --runner "$runner" --docs "$work"
expect 0 "^ok +secret: .*64 bytes" check --runner "$runner" --docs "$work" --secret "$work/secret"
expect 0 '^warn +documentation: .*lacks 9 of 9 files' check --runner "$runner" --docs "$work"
mkdir "$work/pages"
for page in swagger.html redoc.html swagger-ui-bundle.js swagger-ui.css swagger-init.js redoc.standalone.js redoc-init.js docs.css; do : >"$work/pages/$page"; done
printf 'ForgeDocsAssets "%s"\nForgeSandbox %s\n' "$work/pages" "$runner" >"$work/pages.conf"
expect 0 '^warn +documentation: .*lacks 1 of 9 files \(favicon-32x32.png\)' check --conf "$work/pages.conf"
: >"$work/pages/favicon-32x32.png"
expect 0 '^ok +documentation: pages in .*/pages' check --conf "$work/pages.conf"
expect 1 '^FAIL +documentation:' check --runner "$runner" --docs "$work/absent"
chmod 640 "$work/secret"
expect 0 "^ok +secret: .*64 bytes" check --runner "$runner" --docs "$work" --secret "$work/secret"
holds 'a secret may be named by a relative path' sh -c 'cd "$1" && "$2" check --runner "$3" --docs . --secret secret >/dev/null' sh "$work" "$FORGECTL" "$runner"
for mode in 644 660 604; do
    chmod $mode "$work/secret"
    expect 1 "^FAIL +secret: .*has mode 0$mode" check --secret "$work/secret"
done
chmod 600 "$work/secret"
# One newline at the end is not part of the secret, a second one is: as the server counts.
{ cat "$work/secret" && echo; } >"$work/longer" && chmod 600 "$work/longer"
expect 0 "^ok +secret: .*65 bytes" check --runner "$runner" --docs "$work" --secret "$work/longer"
printf 'ForgeSecret file:secret\n' >"$work/relative.conf"
expect 1 '^FAIL +secret: .*no absolute path' check --conf "$work/relative.conf"
printf 'changeme' >"$work/weak" && chmod 600 "$work/weak"
expect 1 '^FAIL +secret:' check --secret "$work/weak"
expect 1 '^FAIL +role no_such_role: does not exist' check --app-role no_such_role
expect 1 '^FAIL +database: no connection' check --dsn "host=$work/nowhere"
printf 'DBDParams "%s"\nDBDMax 1000\nServerLimit 4\nForgeSecret literal\n' "$DSN" >"$work/site.conf"
FORGE_DSN=
expect 1 '^FAIL +connections: DBDMax [0-9]+ x [48] children . 1 is 4001 of' check --conf "$work/site.conf"
printf 'DBDParams "%s"\nDBDMax "1000"\nServerLimit "4"\nForgeSecret literal\n' "$DSN" >"$work/quoted.conf"
expect 1 '^FAIL +connections: DBDMax [0-9]+ x [48] children . 1 is 4001 of' check --conf "$work/quoted.conf"
# What stands for the number: a Define above the line, the environment, or what the module sets when it is loaded.
printf 'DBDParams "%s"\nDefine CONNECTIONS 500\nDefine FORGE_DB_CONNECTIONS "${CONNECTIONS}"\nDBDMax ${FORGE_DB_CONNECTIONS}\nServerLimit 8\n' "$DSN" >"$work/defined.conf"
expect 1 '^FAIL +connections: DBDMax [0-9]+ x [48] children . 1 is 4001 of' check --conf "$work/defined.conf"
printf 'DBDParams "%s"\nDBDMax ${FORGE_DB_CONNECTIONS}\nServerLimit 1000\nDefine FORGE_DB_CONNECTIONS 1\n' "$DSN" >"$work/module.conf"
usual=$(($(getconf _NPROCESSORS_ONLN) * 2))
[ "$usual" -ge 4 ] || usual=4
[ "$usual" -le 8 ] || usual=8
expect 1 "^FAIL +connections: DBDMax $usual x 1000 children . 1 is ${usual}001 of" check --conf "$work/module.conf"
FORGE_DB_CONNECTIONS=9
export FORGE_DB_CONNECTIONS
expect 1 '^FAIL +connections: DBDMax 9 x 1000 children . 1 is 9001 of' check --conf "$work/module.conf"
unset FORGE_DB_CONNECTIONS
printf 'DBDParams "%s"\nDBDMax ${NOBODY_KNOWS}\n' "$DSN" >"$work/unknown.conf"
expect 1 '^warn +connections: .*only httpd knows' check --conf "$work/unknown.conf"
printf 'DBDParams "%s"\nServerLimit 1000\n' "$DSN" >"$work/usual.conf"
expect 1 '^FAIL +connections: DBDMax 10 x 1000 children . 1 is 10001 of' check --conf "$work/usual.conf"
printf 'Define TO "%s"\nDBDParams "${TO}"\nDBDMax 1\nServerLimit 1\n' "$DSN" >"$work/params.conf"
expect 1 '^ok +connections: DBDMax 1 x 1 children . 1 is 2 of' check --conf "$work/params.conf"
# Children are MaxRequestWorkers / ThreadsPerChild, as sizing.md has it: ServerLimit only leaves places for those that end.
sized() { # CODE PATTERN LINES: what check says of the connections of a server with these lines
    printf 'DBDParams "%s"\n%s\n' "$DSN" "$3" >"$work/sized.conf"
    expect "$1" "^$2" check --conf "$work/sized.conf"
}
sized 1 'ok +connections: DBDMax 12 x 2 children . 1 is 25 of' "DBDMax 12
$(cat "$SRCDIR/conf/examples/mpm.conf")"
sized 1 'ok +connections: DBDMax 10 x 6 children . 1 is 61 of' 'MaxRequestWorkers 150'
sized 1 'ok +connections: DBDMax 10 x 1 children . 1 is 11 of' 'MaxRequestWorkers 20
ThreadsPerChild 64'
sized 1 'ok +connections: DBDMax 10 x 4 children . 1 is 41 of' 'MaxRequestWorkers 4000
ThreadsPerChild 25
ServerLimit 4'
sized 1 'FAIL +connections: DBDMax 10 x 16 children . 1 is 161 of .*lower DBDMax' 'MaxRequestWorkers 4000'
sized 1 'warn +connections: DBDMax 10 x 16 children .*are not in this file' ''
sized 1 'warn +connections: .*only httpd knows' 'MaxRequestWorkers ${NOBODY_KNOWS}'
# The command line goes before the environment, and the line says what was used.
expect 1 '^ok +database: .*\(DBDParams of .*/site.conf\)$' check --conf "$work/site.conf"
FORGE_DSN="host=$work/nowhere"
expect 1 '^ok +database: .*\(DBDParams of .*/site.conf, not FORGE_DSN\)$' check --conf "$work/site.conf"
expect 1 '^ok +database: .*\(--dsn\)$' check --conf "$work/site.conf" --dsn "$DSN"
FORGE_DSN=$DSN
printf 'DBDParams "host=%s"\n' "$work/nowhere" >"$work/wrong.conf"
expect 1 '^FAIL +database: no connection \(DBDParams of .*/wrong.conf, not FORGE_DSN\)' check --conf "$work/wrong.conf"
printf 'DBDParams "${NOBODY_KNOWS}"\n' >"$work/wrong.conf"
expect 0 '^ok +database: .*\(FORGE_DSN; .*/wrong.conf: DBDParams uses a variable' check --runner "$runner" --docs "$work" --conf "$work/wrong.conf"
expect 0 '^ok +database: .*\(FORGE_DSN; .*/no_sandbox.conf: no DBDParams in it\)$' check --docs "$work" --conf "$work/no_sandbox.conf"
FORGE_DSN=
expect 1 '^FAIL +role .*(superuser|owns)' check --conf "$work/site.conf"
expect 1 '^warn +secret: not in a separate file' check --conf "$work/site.conf"
FORGE_DSN=$DSN
conf_replica() { printf '%s\n' "$*" >"$work/replica.conf"; }
conf_replica "ForgeReadDBD \"host=$work/nowhere dbname=forge\" max=4"
expect 0 '^warn +replica: no connection: ' check --runner "$runner" --docs "$work" --conf "$work/replica.conf"
conf_replica "ForgeReadDBD \"$DSN\""
expect 0 '^warn +replica: .*no standby; public reads go to the primary' check --runner "$runner" --docs "$work" --conf "$work/replica.conf"
# shellcheck disable=SC2016
conf_replica 'ForgeReadDBD "host=${REPLICA}"'
expect 0 '^warn +replica: .*only httpd expands' check --runner "$runner" --docs "$work" --conf "$work/replica.conf"
mkdir -m 750 "$work/mail"
conf_mail() { printf '%s\n' "$*" >"$work/mail.conf"; }
conf_mail "ForgeMail \"file:$work/mail\" from=no-reply@example.org"
expect 0 "^ok +mail: into .*/mail" check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
conf_mail "ForgeMail file:$work/nothing"
expect 1 '^FAIL +mail: .*not a directory' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
conf_mail 'ForgeMail file:mail'
expect 0 '^warn +mail: .*ServerRoot' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
conf_mail '#'
expect 0 '^warn +mail: off' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
conf_mail 'ForgeMail smtp://mail.example.org speed=high'
expect 1 '^FAIL +mail: ForgeMail' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
conf_mail 'ForgeMail smtp://127.0.0.1:1'
expect 1 '^FAIL +mail: 127.0.0.1 port 1: ' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
conf_mail "ForgeMail smtps://127.0.0.1:1 user=a password=file:$work/nothing"
expect 1 '^FAIL +mail: the password' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
mkdir "$work/sink" && echo accept >"$work/sink/mode"
python3 "$SRCDIR/tests/api/smtp_sink.py" 0 "$work/sink" &
sink=$!
wait_until [ -s "$work/sink/log" ]
port=$(sed -n 's/^ready //p' "$work/sink/log")
conf_mail "ForgeMail smtp://127.0.0.1:$port"
expect 0 "^ok +mail: 127.0.0.1 port $port answers" check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
kill "$sink"

# --- the Redis of rate limits ---
conf_mail 'ForgeRateLimitStore shm'
"$FORGECTL" check --runner "$runner" --docs "$work" --conf "$work/mail.conf" >"$work/out" 2>&1
holds 'without a Redis there is no line of one' [ "$(grep -cE '^[A-Za-z]+ +redis: ' "$work/out")" = 0 ]
conf_mail 'ForgeRateLimitStore redis://127.0.0.1:1'
expect 1 '^FAIL +redis: 127.0.0.1:1: no connection' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
conf_mail 'ForgeRateLimitStore redis://127.0.0.1:0'
expect 1 '^FAIL +redis: ForgeRateLimitStore: the port' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
conf_mail "ForgeRateLimitStore redis://127.0.0.1 password=file:$work/nothing"
expect 1 '^FAIL +redis: ForgeRateLimitStore: .*cannot be opened' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
mkdir "$work/redis"
redis-server --port 0 --unixsocket "$work/redis/socket" --save '' --requirepass the-word --dir "$work/redis" >"$work/redis/log" 2>&1 &
redis=$!
wait_until [ -S "$work/redis/socket" ]
conf_mail "ForgeRateLimitStore redis+unix://:the-word@$work/redis/socket"
expect 0 '^ok +redis: .*/redis/socket counts rate limits' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
conf_mail "ForgeRateLimitStore redis+unix://:another-word@$work/redis/socket"
expect 1 '^FAIL +redis: .*it refuses user or password' check --runner "$runner" --docs "$work" --conf "$work/mail.conf"
kill "$redis"

# --- doctor: nothing of what was planted may be in the bundle, be the configuration good or mistyped ---
expect 0 '^  ok +schema: at migration' doctor --runner "$runner" --docs "$work"
expect 0 '^  schema: [0-9]+$' doctor --runner "$runner" --docs "$work"
expect 0 '^  fail +database: no connection' doctor --dsn "host=$work/nowhere"
bundle() { # FILE: both forms of the bundle of this configuration, in which nothing planted may be found
    PGPASSWORD=planted-environment "$FORGECTL" doctor --runner "$runner" --docs "$work" --conf "$1" >"$work/bundle" 2>"$work/err"
    holds "doctor prints a bundle of $1" [ $? = 0 ]
    PGPASSWORD=planted-environment "$FORGECTL" doctor --runner "$runner" --docs "$work" --conf "$1" --json >>"$work/bundle" 2>>"$work/err"
    holds "doctor prints a document of $1" [ $? = 0 ]
    holds "the bundle of $1 names the directives" grep -q '^  ForgeSecret: 2$' "$work/bundle"
    holds "the bundle of $1 names the variable" grep -q '^  PGPASSWORD$' "$work/bundle"
    holds "no secret is in the bundle of $1" sh -c '! grep -i planted "$1"' sh "$work/bundle"
}
FORGE_DSN=
cat >"$work/full.conf" <<END
DBDParams "$DSN password=planted-dsn"
ForgeSecret planted-secret-of-more-than-thirty-two-bytes
<VirtualHost *>
  ForgeSecret "planted-old" \\
    planted-continued
</VirtualHost>
ForgeReadDBD "host=$work/nowhere password=planted-replica dbname=forge"
ForgeMail smtp://planted-user:planted-mail@127.0.0.1:1 from=a@example.org password=planted-word
ForgeRateLimitStore redis://:planted-redis@127.0.0.1:1
ForgeSecretplantedPlantedPlantedPlantedPlantedPlanted x
planted-directive x
END
bundle "$work/full.conf"
json 0 "d['good'] is False and d['directives'] == {'DBDParams': 1, 'ForgeSecret': 2, 'ForgeReadDBD': 1, 'ForgeMail': 1, 'ForgeRateLimitStore': 1} and 'replica' in [c['check'] for c in d['checks']]" doctor --conf "$work/full.conf"
cat >"$work/mistyped.conf" <<END
DBDParams "$DSN password=planted-dsn planted-rest"
ForgeSecret file:planted-secret
ForgeSecret file:/planted/absent
ForgeReadDBD "postgresql://a:planted-replica@[planted"
ForgeMail planted-mail:x speed=planted
ForgeRateLimitStore redis://planted-redis:planted-port planted=x
END
bundle "$work/mistyped.conf"
FORGE_DSN=$DSN

# --- output that cannot be written is a failure ---
if [ -c /dev/full ]; then
    "$FORGECTL" secret >/dev/full 2>"$work/err"
    holds 'a full disk is exit code 1' [ $? = 1 ]
    "$FORGECTL" --help >/dev/full 2>"$work/err"
    holds 'of help too' [ $? = 1 ]
fi

# --- standard descriptors that are closed: no connection and no file gets their numbers ---
"$FORGECTL" user create gus@example.org --generate --cost 10 >&- 2>"$work/err"
holds 'a closed output is exit code 1' [ $? = 1 ]
holds 'it is said' grep -q 'could not write the output: standard output is closed, so nothing was done' "$work/err"
holds 'nothing was done' [ "$("$PSQL" -X -At "$DSN" -c "SELECT count(*) FROM forge.users WHERE email = 'gus@example.org'")" = 0 ]
"$FORGECTL" user list 1</dev/null 2>"$work/err"
holds 'an output that is open for reading alone is closed' grep -q 'standard output is closed' "$work/err"
"$FORGECTL" user list >&- 2>&- <&-
holds 'all three may be closed' [ $? = 1 ]
"$FORGECTL" user list >"$work/out" 2>"$work/err" <&-
holds 'nobody needs an input' grep -q ' accounts$' "$work/out"
"$FORGECTL" user set-role bob@example.org student >"$work/out" 2>&- # with a note beside the result
holds 'a note for nobody is lost' grep -q '^bob@example.org: student' "$work/out"
"$runner" --check >&- 2>"$work/err"
holds 'a report of forge-runner that nobody gets is a failure' [ $? = 1 ]
holds 'which it says' grep -q 'could not write the output' "$work/err"
"$runner" --check >"$work/out" 2>&- <&-
holds 'forge-runner needs neither input nor errors' [ $? = 0 ]
mkdir "$work/clone" && echo 'print(1)' >"$work/clone/a.py"
"$FORGE_BUILDDIR/forge-survey" "$work/clone" >"$work/survey"
"$FORGE_BUILDDIR/forge-survey" "$work/clone" >"$work/survey2" 2>&- <&-
holds 'forge-survey says the same' cmp "$work/survey" "$work/survey2"
"$FORGE_BUILDDIR/forge-survey" "$work/clone" >&-
holds 'and fails without an output' [ $? = 1 ]

# --- and back ---
expect 0 '^0001_foundation rolled back' migrate rollback --steps "$newest"
expect 0 "0 applied, $newest pending" migrate status

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
