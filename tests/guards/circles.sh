#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: no circles inside a room. Files of one room (families included) may use each other in one direction only; the symbols of the built
# objects tell who uses whom, in the module and in each program. Needs FORGE_BUILDDIR, where the build has put them.
build=${FORGE_BUILDDIR:-.}
source=${1:-$(dirname "$0")/../..}
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
failed=0

# "file T symbol" of everything defined and "file U symbol" of everything used; objects that an older build has left are none of ours.
(cd "$source/mod_forge" && find . -name '*.c' | sed 's,^\./,,') >"$tmp/sources"
(cd "$build/mod_forge" && find . -name '*.o' -exec nm -Ag {} +) |
    sed -n 's,\.libs/,,; s,^\./\(.*/\)*\([a-z_]*-\)*\([a-z_0-9]*\)\.o:.* \([A-Z]\) \(forge_[A-Za-z0-9_]*\)$,\1\3.c \4 \5,p' |
    awk 'FNR == NR { ours[$1]; next } $1 in ours' "$tmp/sources" - | sort -u >"$tmp/symbols"
[ -s "$tmp/symbols" ] || { echo "  no objects in $build/mod_forge: build first"; exit 1; }

for room in $(sed -n 's,/.*,,p' "$tmp/symbols" | sort -u); do
    awk -v room="$room/" 'index($1, room) != 1 { next } FNR == NR { if ($2 != "U") home[$3] = $1; next }
        $2 == "U" && $3 in home && home[$3] != $1 { print $1, home[$3] }' "$tmp/symbols" "$tmp/symbols" | sort -u >"$tmp/edges"
    tsort "$tmp/edges" >/dev/null 2>"$tmp/loop" && continue
    echo "  files of $room/ use each other in a circle:"
    grep -v 'contains a loop' "$tmp/loop" | sed 's/^tsort: /    /' | sort -u
    failed=1
done
exit $failed
