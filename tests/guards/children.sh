#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: what we ship leaves places for children that finish. A graceful restart replaces all children at once, and one with a slow client keeps its
# place until that client is done; where no other place is, nobody serves. With all places taken, the database must still have room for everyone.
cd "${1:-.}" || exit 2
generations=4
max_connections=97 # PostgreSQL's default without those of superusers
per_child=$(sed -n 's/^#define CONNECTIONS_MAX *\([0-9]*\).*/\1/p' mod_forge/store/operations/inspect.c)
failed=0
[ -n "$per_child" ] || { echo "  mod_forge/store/operations/inspect.c does not say CONNECTIONS_MAX"; failed=1; }
value() { sed -n "s/^ *$2 \([0-9]*\)\$/\1/p" "$1"; }
for file in conf/examples/mpm.conf packaging/demo; do
    places=$(value "$file" ServerLimit)
    children=$(($(value "$file" MaxRequestWorkers) / $(value "$file" ThreadsPerChild)))
    if [ "$places" -lt $((children * generations)) ]; then
        echo "  $file: ServerLimit $places is less than $generations times its $children children"
        failed=1
    fi
    if [ $((places * per_child)) -ge $max_connections ]; then
        echo "  $file: $places children with $per_child connections each are more than PostgreSQL takes"
        failed=1
    fi
done
exit $failed
