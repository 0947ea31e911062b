#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: each log message has a tag of its own, FGnnnn, so that a line of a log leads to one place in the source.
cd "${1:-.}" || exit 2
twice=$(find mod_forge -name '*.[ch]' -exec sed -e 's,//.*,,' -e 's,/\*.*\*/,,' -e '/^ \* /d' {} + | grep -oE '"FG[0-9]{4}|[^A-Z0-9"]FG[0-9]{4}' | grep -oE 'FG[0-9]{4}' | sort | uniq -d)
[ -z "$twice" ] && exit 0
for tag in $twice; do
    echo "  $tag is used more than once: $(grep -rln "$tag" mod_forge | tr '\n' ' ')"
done
exit 1
