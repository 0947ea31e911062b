#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: an error code and its name stand once in errors.def, with one status, in ascending order of status.
cd "${1:-.}" || exit 2
rows=$(sed -n 's/^FORGE_ERROR( *\([A-Z_]*\) *, *\([0-9]*\) *, *"\([a-z_]*\)".*/\1 \2 \3/p' mod_forge/errors.def)
failed=0
[ "$(grep -c '^FORGE_ERROR' mod_forge/errors.def)" -eq "$(printf '%s\n' "$rows" | wc -l)" ] || { echo "  a row of errors.def cannot be read"; failed=1; }
for field in 1 3; do
    twice=$(printf '%s\n' "$rows" | cut -d' ' -f$field | sort | uniq -d)
    [ -z "$twice" ] || { echo "  twice in errors.def: $twice"; failed=1; }
done
printf '%s\n' "$rows" | awk '$2 < last { print "  " $1 " (" $2 ") stands after a row of " last; bad = 1 } { last = $2 } $2 < 400 || $2 > 599 { print "  " $1 " has status " $2; bad = 1 } END { exit bad }' || failed=1
exit $failed
