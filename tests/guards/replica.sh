#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: each route that says what it reads (.reads) may be sent to a replica, so tests/api/operations/replica.c has a row that sends it there: no
# statement of it may write.
cd "${1:-.}" || exit 2
failed=0
names=$(cat mod_forge/api/*/*.c | awk '/^ *\{FORGE_(GET|POST|PUT|PATCH|DELETE),/ { reads = 0 } /\.reads = / { reads = 1 }
    reads && match($0, /\.operation = "[a-z_]*"/) { print substr($0, RSTART + 14, RLENGTH - 15); reads = 0 }')
[ "$(printf '%s\n' "$names" | wc -l)" -eq "$(cat mod_forge/api/*/*.c | grep -c '\.reads = ')" ] || { echo "  a route with .reads cannot be read"; failed=1; }
for name in $names; do
    grep -q "{\"$name\", " tests/api/operations/replica.c || { echo "  $name has .reads, but no row in tests/api/operations/replica.c"; failed=1; }
done
exit $failed
