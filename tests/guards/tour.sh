#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: the endpoint that mod_forge/README.md adds ("Add an endpoint") compiles. Its four blocks of C go, in their order, into a copy of learning.h,
# of courses.c of store/ and of courses.c of api/ (twice: before its routes, and among them). Needs FORGE_BUILDDIR, whose Makefile knows compiler and flags.
build=$(cd "${FORGE_BUILDDIR:-.}" && pwd) || exit 2
cd "${1:-.}" || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT

awk -v into="$tmp/block" '/^## / { wanted = /^## Add an endpoint/ } !wanted { next }
    /^```c$/ { number++; file = into number; next } /^```$/ { file = ""; next } file != "" { print >file }' mod_forge/README.md
[ -s "$tmp/block4" ] && [ ! -e "$tmp/block5" ] || { echo "  mod_forge/README.md, Add an endpoint: not four blocks of C"; exit 1; }

cp -R mod_forge "$tmp/mod_forge" && chmod -R u+w "$tmp/mod_forge"
# put BLOCK FILE PATTERN: the block before the first line that matches.
put() {
    awk -v block="$tmp/block$1" -v pattern="$3" '!done && $0 ~ pattern { while ((getline line <block) > 0) print line; done = 1 } { print }
        END { exit !done }' "mod_forge/$2" >"$tmp/mod_forge/$2" || { echo "  mod_forge/$2 has no line $3: where does block $1 of the tour go?"; exit 1; }
}
put 1 store/learning/learning.h '^forge_status_t forge_store_course_get' || exit 1
put 2 store/learning/courses.c '^forge_status_t forge_store_course_get' || exit 1
put 3 api/learning/courses.c '^static const forge_route_t routes' || exit 1
cp "$tmp/mod_forge/api/learning/courses.c" "$tmp/before"
put_again() { awk -v block="$tmp/block4" '{ print } /FORGE_GET, "\/courses\/{id}"/ { inside = 1 } inside && /}, *$/ { while ((getline line <block) > 0) print line; inside = 0; done = 1 }
    END { exit !done }' "$tmp/before" >"$tmp/mod_forge/api/learning/courses.c"; }
put_again || { echo "  api/learning/courses.c has no row GET /courses/{id}"; exit 1; }

# shellcheck disable=SC2016 # make's variables
rule='tour:
	$(CC) $(DEFS) -I$(TOUR) $(libforge_la_CPPFLAGS) $(HTTPD_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS) -fsyntax-only $(TOUR)/store/learning/courses.c
	$(CC) $(DEFS) -I$(TOUR) $(libforge_la_CPPFLAGS) $(HTTPD_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS) -fsyntax-only $(TOUR)/api/learning/courses.c'
printf '%s\n' "$rule" | make -s -C "$build" -f Makefile -f - tour TOUR="$tmp/mod_forge" >"$tmp/said" 2>&1 || {
    echo "  the tour's endpoint does not compile:"
    grep -E 'error|warning|\*\*\*' "$tmp/said" | head -n 10 | sed "s,$tmp/,,; s/^/    /"
    exit 1
}
