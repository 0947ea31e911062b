#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: the shared metrics have room for the names of all statements, long before the last one is taken: no query time lands in "other".
cd "${1:-.}" || exit 2
room=$(sed -n 's/^#define FORGE_LIVE_STATEMENTS  *\([0-9][0-9]*\).*/\1/p' mod_forge/live/live_private.h)
names=$(grep -rhoE 'const forge_(stmt|list)_t [a-z0-9_]+ = \{' mod_forge --include='*.c' | wc -l)
[ "${room:-0}" -gt 0 ] && [ "$names" -gt 0 ] || { echo "  FORGE_LIVE_STATEMENTS or the statements are not where this guard looks"; exit 1; }
[ $((names * 4)) -le $((room * 3)) ] && exit 0
echo "  $names statements and lists, but FORGE_LIVE_STATEMENTS is $room: less than a quarter is free"
exit 1
