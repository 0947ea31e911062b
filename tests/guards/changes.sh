#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: each note of packaging/changes.d is named by its number in CHANGELOG.md, alone or in "0001 to 0006", and no two have one number.
cd "${1:-.}" || exit 2
failed=0
named=" $(grep -oE '[0-9]{4}( to [0-9]{4})?' CHANGELOG.md | awk '{ for (n = $1 + 0; n <= (NF > 1 ? $3 : $1) + 0; n++) printf "%04d ", n }')"
for note in packaging/changes.d/[0-9]*.md; do
    [ -e "$note" ] || continue # just released
    number=$(basename "$note" | cut -c1-4)
    case "$named" in *" $number "*) ;; *) echo "  CHANGELOG.md does not name $note"; failed=1 ;; esac
    set -- packaging/changes.d/"$number"-*.md
    [ $# -eq 1 ] || { echo "  one number: $*"; failed=1; }
done
exit $failed
