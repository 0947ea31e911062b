#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: SQL is text of the program, parameters travel apart from it (SECURITY 60). No PQexec of anything but a literal or a script that was read
# from a migration, and no formatting of statements outside the one place that numbers the parameters of a list.
cd "${1:-.}" || exit 2
failed=0
wrong() { echo "  $1"; failed=1; }

# The calls that send text to the server, in the files that may send something other than a literal.
grep -rnE '\bPQ(exec|sendQuery|execParams|sendQueryParams|prepare|sendPrepare)\(' mod_forge --include='*.c' |
    grep -vE '\bPQ[A-Za-z]+\([^,]*, *(")' | grep -vE '^mod_forge/store/(wire|db|run|tx|migrate)\.c:' >/tmp/forge-guard.$$ || true
while IFS= read -r line; do
    [ -z "$line" ] || wrong "$line"
done </tmp/forge-guard.$$
rm -f /tmp/forge-guard.$$

# Formatting whose text is a statement.
hits=$(grep -rnE '(psprintf|snprintf|pstrcat|buf_printf|asprintf)\([^;]*"[^"]*\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|ALTER|DROP|GRANT) ' mod_forge --include='*.c' --include='*.h' | grep -vE '^mod_forge/store/list\.c:')
[ -z "$hits" ] || wrong "$hits"

# SQL belongs to store/ (and sql/).
hits=$(grep -rnE '"[^"]*\b(SELECT .* FROM|INSERT INTO|UPDATE [a-z_.]+ SET|DELETE FROM) ' mod_forge --include='*.c' --include='*.h' | grep -vE '^mod_forge/store/')
[ -z "$hits" ] || wrong "$hits"
exit $failed
