#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: the lists of mod_forge/README.md are those of the tree. Each room has its row, and nothing else has; each file of http/, work/ and server/ is
# in the row of its room; "may include" says what arrows.sh allows; a file that is named with its path is there.
cd "${1:-.}" || exit 2
readme=mod_forge/README.md
failed=0
wrong() { echo "  $1"; failed=1; }

rooms=$(cd mod_forge && echo */ | tr -d /)
for room in $rooms; do
    grep -q "^$room/ " $readme || wrong "$readme, The rooms: no row for $room/"
    allowed=$(sed -n "/^allowed()/,/^}/s/^ *\(.* | \)\{0,1\}$room\( | .*\)\{0,1\}) echo \"\(.*\)\" ;;.*/\3/p" tests/guards/arrows.sh)
    said=$(sed -n "/^| room | may include |/,/^\$/s/^| .*\`$room\`.* | \(.*\) |\$/\1/p" $readme | sed 's/: of .*//; s/,//g')
    [ "$said" = "$allowed" ] || [ "$room" = util ] || wrong "$readme: $room may include \"$said\", and arrows.sh allows \"$allowed\""
done
for row in $(sed -n 's,^\([a-z]*\)/  .*,\1,p' $readme); do
    [ -d "mod_forge/$row" ] || wrong "$readme, The rooms: there is no mod_forge/$row"
done

for room in http work server; do
    row=$(grep "^$room/ " $readme)
    for file in mod_forge/"$room"/*.c; do
        name=$(basename "$file" .c)
        case "$name" in "$room" | log | access_log | audit_log | event_log) continue ;; esac # the room itself; "the JSON logs"
        printf '%s' "$row" | grep -qw "$name" || wrong "$readme, The rooms: the row of $room/ does not have $name"
    done
done
# shellcheck disable=SC2016 # no variable: the marks around a path
for file in $(grep -o '`[a-z_]*/[a-z_/]*\.\(c\|h\|def\|sh\)`' $readme | tr -d '`' | sort -u); do
    [ -e "mod_forge/$file" ] || [ -e "$file" ] || [ -e "tests/$file" ] || wrong "$readme names $file, which is not there"
done
exit $failed
