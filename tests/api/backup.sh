#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The drill of backup and restore: a database with demo data and files is backed up while others write, restored elsewhere, and compared.
# Needs what forgectl.sh needs; BIN is the folder of PostgreSQL's programs, ADMIN the connection string of a superuser.
set -u
: "${FORGECTL:?}" "${DSN:?}" "${SRCDIR:?}" "${PSQL:?}" "${BIN:?}" "${ADMIN:?}"
work=$(mktemp -d) || exit 1
writer=
trap '[ -z "$writer" ] || kill $writer; rm -rf "$work"' EXIT
passed=0 failed=0
export FORGE_DSN=$DSN FORGE_MIGRATIONS=$SRCDIR/sql/migrations FORGE_SQL=$SRCDIR/sql
umask 022

holds() { # WHAT COMMAND...
    local what=$1
    shift
    if "$@" >"$work/held" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED: $what"
        sed 's/^/    /' "$work/held" "$work/out" "$work/err" | head -n 30
    fi
}
# expect CODE PATTERN ARGUMENT...: as in forgectl.sh
expect() {
    local code=$1 pattern=$2 found
    shift 2
    "$FORGECTL" "$@" >"$work/out" 2>"$work/err" </dev/null
    found=$?
    holds "forgectl $*: exit code $found, wanted $code and /$pattern/" sh -c '[ "$1" = "$2" ] && cat "$4" "$5" | grep -Eq -- "$3"' sh "$found" "$code" "$pattern" "$work/out" "$work/err"
}
sql() { "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
fresh() { # NAME: an empty database; its connection string
    sql "$ADMIN" -c "DROP DATABASE IF EXISTS $1" -c "CREATE DATABASE $1 OWNER forge_owner" >&2
    sed "s/dbname=[^ ]*/dbname=$1/" <<<"$DSN"
}
# Rows and a digest of each table, and the bytes of all files, of the database whose connection string is given.
digest() {
    sql "$1" -c "SELECT format('SELECT %L, count(*), md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '''')) FROM forge.%I t;', relname, relname)
        FROM pg_class WHERE relnamespace = 'forge'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname" | sql "$1" -f -
    sql "$1" -c "SELECT f.id, encode(f.sha256, 'hex') = encode(sha256(forge.file_bytes(f.id, 0, 1000000)), 'hex') FROM forge.files f ORDER BY f.id"
    sql "$1" -c "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'forge' ORDER BY 1"
}

# --- a platform with accounts, courses, a session and files ---
expect 1 'no schema forge' backup "$work/nothing.dump"
holds 'an extension that the schema uses' sql "$DSN" -c 'CREATE EXTENSION pg_trgm'
expect 0 'has its rights' migrate apply
expect 0 'instructor@example.org' seed demo --cost 10
sql "$DSN" >"$work/out" 2>"$work/err" <<'SQL'
INSERT INTO forge.sessions (user_id, expires_at) SELECT id, now() + interval '1 day' FROM forge.users WHERE email = 'student@example.org';
CREATE TABLE forge_test_counter (n bigint);
DO $$
DECLARE made oid; content bytea;
BEGIN
    FOR i IN 1..5 LOOP
        made := forge.file_object();
        content := convert_to(repeat('page ' || i || ' ', 2000), 'UTF8');
        PERFORM lo_put(made, 0, content);
        INSERT INTO forge.files (user_id, filename, content_type, size, sha256, object)
            SELECT id, i || '.pdf', 'application/pdf', length(content), sha256(content), made FROM forge.users WHERE email = 'student@example.org';
    END LOOP;
END $$;
SQL
holds 'the files are made' [ "$(sql "$DSN" -c 'SELECT count(*) FROM forge.files')" = 5 ]

# --- under writes: what was counted and what was written are of one moment ---
(while sql "$DSN" -c "INSERT INTO forge.courses (title, instructor_id) SELECT 'Written ' || clock_timestamp(), id FROM forge.users WHERE email = 'instructor@example.org'" 2>>"$work/writer.err"; do :; done) &
writer=$!
until [ "$(sql "$DSN" -c "SELECT count(*) FROM forge.courses WHERE title LIKE 'Written %'")" -gt 5 ]; do sleep 0.1; done
expect 0 'not in it, keep it elsewhere' backup "$work/live.dump" --bin "$BIN"
counted=$(sql "$DSN" -c "SELECT count(*) FROM forge.courses")
kill $writer && wait $writer 2>"$work/held"
writer=
holds 'somebody wrote all the time' [ ! -s "$work/writer.err" ]
holds 'the file is for its owner alone' [ "$(stat -c %a "$work/live.dump")$(stat -c %a "$work/live.dump.json")" = 600600 ]
holds 'the extension is written down' grep -q '"extensions": *\["pg_trgm"\]' "$work/live.dump.json"
holds 'nothing else is left' [ "$(find "$work" -name '*.part' | wc -l)" = 0 ]
written=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["tables"]["courses"])' "$work/live.dump.json")
holds "courses were written before ($written) and after ($counted) the snapshot" [ "$written" -gt 5 ]
live=$(fresh forge_live)
expect 0 'as many as were backed up' restore "$work/live.dump" --dsn "$live" --bin "$BIN"
holds 'all that is checked is good' grep -Eq 'ok +rights of forge_app: exactly' "$work/out"
holds 'nothing that is checked fails' sh -c '! grep FAIL "$1"' sh "$work/out"
holds 'the copy has the courses of the snapshot' [ "$(sql "$live" -c 'SELECT count(*) FROM forge.courses')" = "$written" ]

# --- at rest: the copy is the same to the last byte ---
expect 0 'files of accounts' backup "$work/rest.dump" --bin "$BIN"
copy=$(fresh forge_copy)
expect 0 'as many as were backed up' restore "$work/rest.dump" --dsn "$copy" --bin "$BIN"
digest "$DSN" >"$work/before"
digest "$copy" >"$work/after"
holds 'rows, digests, files and sequences are equal' diff "$work/before" "$work/after"
holds 'five files are whole' [ "$(grep -c '|t$' "$work/after")" -ge 5 ]
holds 'the schema is what the migrations make' "$FORGECTL" migrate check --dsn "$copy"
holds 'the index of the extension is there' [ "$(sql "$copy" -c "SELECT to_regclass('forge.users_search') IS NOT NULL")" = t ]
holds 'tables beside the schema stay out' [ "$(sql "$copy" -c "SELECT to_regclass('public.forge_test_counter') IS NULL")" = t ]
app=$(sed 's/user=[^ ]*/user=forge_app/' <<<"$copy")
holds 'the application deletes a file and its bytes' [ "$(sql "$app" -c 'DELETE FROM forge.files WHERE id = 1' -c "SELECT forge.file_bytes(2, 0, 4)")" = '\x70616765' ]
holds 'four large objects are left' [ "$(sql "$copy" -c 'SELECT count(*) FROM pg_largeobject_metadata')" = 4 ]

# --- a second life: nothing is overwritten unless that is said; sessions may end ---
expect 1 'not empty' restore "$work/rest.dump" --dsn "$copy" --bin "$BIN"
expect 0 '^1 sessions ended' restore "$work/rest.dump" --dsn "$copy" --bin "$BIN" --replace --end-sessions
holds 'no session lives' [ "$(sql "$copy" -c 'SELECT count(*) FROM forge.sessions WHERE revoked_at IS NULL')" = 0 ]
holds 'tokens of before are void' [ "$(sql "$copy" -c 'SELECT min(epoch) >= 1000 FROM forge.users')" = t ]
holds 'the files are those of the backup' [ "$(sql "$copy" -c 'SELECT count(*) FROM pg_largeobject_metadata')" = 5 ]
"$FORGECTL" restore "$work/rest.dump" --dsn "$copy" --bin "$BIN" --replace --json >"$work/out" 2>"$work/err"
holds 'a document says the same' python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(not (d["good"] and d["compared"] and d["sessions_ended"] is None and d["rows"] > 100 and {c["check"]: c["state"] for c in d["checks"]}["clock"] == "ok"))' "$work/out"

# --- an older schema is brought up to date, a newer one is refused ---
newest=$(find "$FORGE_MIGRATIONS" -name '*.up.sql' | wc -l)
old=$(fresh forge_old)
holds 'an older schema' "$FORGECTL" migrate apply --dsn "$old" --to $((newest - 1))
expect 0 "schema $((newest - 1))," backup "$work/old.dump" --dsn "$old" --bin "$BIN"
expect 0 'which was brought up to date' restore "$work/old.dump" --dsn "$(fresh forge_older)" --bin "$BIN"
sed "s/\"schema\": *[0-9]*/\"schema\":9999/" "$work/rest.dump.json" >"$work/new.dump.json" && cp "$work/rest.dump" "$work/new.dump"
expect 1 'is at migration 9999' restore "$work/new.dump" --dsn "$(fresh forge_older)" --bin "$BIN"

# --- what goes wrong is said in a sentence, and no half file stays ---
foreign=$(fresh forge_foreign)
sql "$(sed 's/user=[^ ]*/user=postgres/' <<<"$foreign")" -c 'CREATE SCHEMA forge' -c 'CREATE TABLE forge.users (id int)'
expect 1 'could not delete what is there: .*must be owner of schema forge' restore "$work/rest.dump" --dsn "$foreign" --bin "$BIN" --replace
expect 1 'is there already' backup "$work/rest.dump" --bin "$BIN"
expect 1 'could not write ".*absent/x.part": No such file' backup "$work/absent/x" --bin "$BIN"
expect 1 'could not connect to the database' backup "$work/x" --bin "$BIN" --dsn "host=$work/nowhere dbname=x"
expect 1 'connection string cannot be read' backup "$work/x" --bin "$BIN" --dsn "host=$work/nowhere planted"
expect 1 'no program pg_dump in' backup "$work/x" --bin "$work"
expect 1 'no program pg_restore in' restore "$work/rest.dump" --bin "$work"
forgectl=$FORGECTL
mkdir "$work/bin" "$work/none"
PATH=$work/none "$forgectl" backup "$work/x" >"$work/out" 2>"$work/err"
holds 'without pg_dump on PATH a package is named' grep -q 'no program pg_dump on PATH; install the client' "$work/err"
printf '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.24"\n' >"$work/bin/pg_dump"
chmod +x "$work/bin/pg_dump"
expect 1 'pg_dump is of PostgreSQL 9 and the server of 1[0-9]: install the client' backup "$work/x" --bin "$work/bin"
printf '#!/bin/sh\necho hello\n' >"$work/bin/pg_dump"
expect 1 'does not say its version' backup "$work/x" --bin "$work/bin"
# A limit on the size of files stands for a full disk: the write fails.
(trap '' XFSZ && ulimit -f 16 && "$FORGECTL" backup "$work/x" --bin "$BIN") >"$work/out" 2>"$work/err"
holds 'a full disk is a failure' grep -q 'pg_dump failed for the reason above' "$work/err"
holds 'and leaves no file' [ "$(find "$work" -name 'x*' | wc -l)" = 0 ]
# A pg_dump that is in the middle of its work when somebody stops it; what it was given is kept.
cat >"$work/bin/pg_dump" <<END
#!/bin/sh
[ "\$1" != --version ] || exec "$BIN/pg_dump" --version
printf '%s\n' "\$@" >"$work/arguments" && env >"$work/environment"
echo half >"$work/x.part" && touch "$work/begun"
exec sleep 60
END
"$FORGECTL" backup "$work/x" --bin "$work/bin" --dsn "$DSN password=planted-word" >"$work/out" 2>"$work/err" &
ctl=$!
until [ -e "$work/begun" ]; do sleep 0.1; done
kill -TERM $ctl
wait $ctl
holds 'an interrupted backup is a failure' [ $? = 1 ]
holds 'it says so' grep -q 'pg_dump was interrupted' "$work/err"
holds 'and leaves no half file' [ "$(find "$work" -name 'x*' | wc -l)" = 0 ]
holds 'no password is on a command line' sh -c '! grep planted "$1"' sh "$work/arguments"
holds 'the password is in the environment' grep -q '^PGPASSWORD=planted-word$' "$work/environment"
# A restore that is stopped says so, and how the database is left, in whatever it was. The shell is told to give what runs beside it the usual signals.
cat >"$work/bin/pg_restore" <<END
#!/bin/sh
case \$1 in --version | --list) step=\$1 ;; *) step=load ;; esac
[ "\$step" != "\$(cat "$work/stop_at")" ] || { touch "$work/begun" && exec sleep 60; }
[ "\$step" != "\$(cat "$work/die_at")" ] || kill -KILL \$\$
exec "$BIN/pg_restore" "\$@"
END
chmod +x "$work/bin/pg_restore" && : >"$work/stop_at" && : >"$work/die_at"
stopped=$(fresh forge_stopped)
set -m
while read -r step signal sentence; do
    echo "$step" >"$work/stop_at" && rm -f "$work/begun"
    "$FORGECTL" restore "$work/rest.dump" --bin "$work/bin" --dsn "$stopped" --replace >"$work/out" 2>"$work/err" </dev/null &
    ctl=$!
    until [ -e "$work/begun" ]; do sleep 0.1; done
    kill -"$signal" $ctl
    wait $ctl
    holds "a restore that $signal stops in $step is a failure" [ $? = 1 ]
    holds "it says that it was interrupted" grep -q "^forgectl: pg_restore was interrupted; $sentence" "$work/err"
done <<END
--version INT nothing was changed
--list TERM the database was not changed
load HUP the database holds a part of the backup: restore again, with --replace
load INT the database holds a part of the backup: restore again, with --replace
END
set +m
: >"$work/stop_at" && echo load >"$work/die_at"
expect 1 'pg_restore was ended by signal 9 \(Killed\); the database holds a part of the backup' restore "$work/rest.dump" --bin "$work/bin" --dsn "$stopped" --replace
# A signal that comes while no program runs ends the restore before its next step: somebody's lock keeps it from deleting what is there.
sql "$copy" -c BEGIN -c 'LOCK TABLE forge.users' -c 'SELECT pg_sleep(600)' >"$work/held" 2>&1 &
until [ "$(sql "$ADMIN" -c "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'")" = 1 ]; do sleep 0.1; done
"$FORGECTL" restore "$work/rest.dump" --bin "$BIN" --dsn "$copy" --replace >"$work/out" 2>"$work/err" &
ctl=$!
until [ "$(sql "$ADMIN" -c "SELECT count(*) FROM pg_stat_activity WHERE datname = 'forge_copy' AND wait_event_type = 'Lock'")" = 1 ]; do sleep 0.1; done
kill -TERM $ctl
sql "$ADMIN" -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'" >"$work/held"
wait $ctl
holds 'a restore that is stopped between two programs is a failure' [ $? = 1 ]
holds 'it says how the database is left' grep -q 'the restore was interrupted; what was there is deleted, and nothing of the backup is in the database' "$work/err"
holds 'and it is so' [ "$(sql "$copy" -c "SELECT to_regnamespace('forge') IS NULL")" = t ]
# Files that are no backup.
echo text >"$work/text.dump"
expect 1 'is no backup that this pg_restore' restore "$work/text.dump" --dsn "$(fresh forge_older)" --bin "$BIN"
expect 1 'could not read' restore "$work/absent.dump" --bin "$BIN"
head -c 3000 "$work/rest.dump" >"$work/cut.dump" && cp "$work/rest.dump.json" "$work/cut.dump.json"
expect 1 'is not the file that was written' restore "$work/cut.dump" --bin "$BIN"
echo '{}' >"$work/cut.dump.json"
expect 1 'says nothing of a backup' restore "$work/cut.dump" --bin "$BIN"
cp "$work/rest.dump" "$work/alone.dump"
alone=$(fresh forge_older)
holds 'the extension is made by hand' sql "$alone" -c 'CREATE EXTENSION pg_trgm'
expect 0 'they were not compared' restore "$work/alone.dump" --dsn "$alone" --bin "$BIN"
sed 's/"courses": *[0-9]*/"courses":1/' "$work/rest.dump.json" >"$work/alone.dump.json"
expect 1 'table courses has not the rows' restore "$work/alone.dump" --dsn "$(fresh forge_older)" --bin "$BIN"
sed 's/"extensions": *\[[^]]*\]/"extensions":["vector_of_nobody"]/' "$work/rest.dump.json" >"$work/alone.dump.json"
expect 1 'uses the extension "vector_of_nobody"' restore "$work/alone.dump" --dsn "$(fresh forge_older)" --bin "$BIN"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
