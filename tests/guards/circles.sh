#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: no circles inside a room. Files of one room (families included) may use each other in one direction only; the symbols of the built
# objects tell who uses whom. Needs FORGE_BUILDDIR, where the build has put them.
build=${FORGE_BUILDDIR:-.}
source=${1:-$(dirname "$0")/../..}
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
failed=0

# "room file symbol" of everything defined and of everything used.
symbols() {
    find "$build/mod_forge" -name '*.o' | while read -r object; do
        file=$(echo "${object#"$build/mod_forge/"}" | sed 's,\.libs/,,; s,/[a-z_]*-\([^/]*\)$,/\1,; s,\.o$,.c,')
        case "$file" in */*) room=${file%%/*} ;; *) continue ;; esac
        [ -f "$source/mod_forge/$file" ] || continue # left by an older build
        nm -g "$1" "$object" | sed -n "s,.* \(forge_[A-Za-z0-9_]*\)$,$room $file \1,p"
    done
}

symbols --defined-only >"$tmp/defined"
symbols --undefined-only >"$tmp/used"
[ -s "$tmp/defined" ] || { echo "  no objects in $build/mod_forge: build first"; exit 1; }

for room in $(cut -d' ' -f1 "$tmp/defined" | sort -u); do
    awk -v room="$room" '$1 != room { next } FNR == NR { home[$3] = $2; next } $3 in home && home[$3] != $2 { print $2, home[$3] }' \
        "$tmp/defined" "$tmp/used" | sort -u >"$tmp/edges"
    tsort "$tmp/edges" >/dev/null 2>"$tmp/loop" && continue
    echo "  files of $room/ use each other in a circle:"
    grep -v 'contains a loop' "$tmp/loop" | sed 's/^tsort: /    /' | sort -u
    failed=1
done
exit $failed
