#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Gives tests/api/forgectl.sh and backup.sh a PostgreSQL of their own, on a socket in a folder of its own, and takes both away again.
set -u
[ "${FORGE_TEST_ONLY:-}" != smoke ] || exit 77 # skipped where a smoke test is asked for
bin=${FORGE_PG_BINDIR:-$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)}
dir=$(mktemp -d)
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
stop() {
    as_postgres "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1
    rm -rf "$dir"
}
trap stop EXIT
[ "$(id -u)" != 0 ] || chown postgres "$dir"
chmod 0755 "$dir"
as_postgres "$bin/initdb" -D "$dir/data" -E UTF8 --locale=C.UTF-8 -A trust >"/dev/null" || exit 1
as_postgres "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" -o "-c listen_addresses='' -c unix_socket_directories='$dir' -c fsync=off" start >/dev/null || exit 1
"$bin/psql" -X -q -h "$dir" -U postgres postgres -c 'CREATE ROLE forge_owner LOGIN' -c 'CREATE ROLE forge_app LOGIN' -c 'CREATE DATABASE forge OWNER forge_owner' -c 'CREATE DATABASE drill OWNER forge_owner' || exit 1
code=0
export PSQL=$bin/psql SRCDIR=$FORGE_SRCDIR
DSN="host=$dir dbname=forge user=forge_owner" bash "$FORGE_SRCDIR/tests/api/forgectl.sh" || code=1
DSN="host=$dir dbname=drill user=forge_owner" ADMIN="host=$dir dbname=postgres user=postgres" BIN=$bin bash "$FORGE_SRCDIR/tests/api/backup.sh" || code=1
exit $code
