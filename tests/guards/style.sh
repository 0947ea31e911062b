#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: C in one hand. Lines of at most 120 characters; !x, strcmp(a, b) == 0 and sizeof(x).
cd "${1:-.}" || exit 2
failed=0
none() {
    [ -z "$2" ] || { echo "  $1:"; printf '%s\n' "$2" | sed 's/^/    /' | head -20; failed=1; }
}
sources() { find mod_forge tests -name '*.[ch]' | sort; }

none "longer than 120 characters" "$(sources | xargs python3 -c 'import sys
for name in sys.argv[1:]:
    for number, line in enumerate(open(name, encoding="utf-8"), 1):
        if len(line.rstrip("\n")) > 120: print(f"{name}:{number}")')"
none "write !x" "$(sources | grep '^mod_forge/' | xargs grep -nE '[^"]== NULL')"
none "write strcmp(a, b) == 0" "$(sources | xargs grep -nE '!(str(n|case|ncase)?cmp|memcmp)\(')"
none "write sizeof(x)" "$(sources | xargs grep -nE '\bsizeof [a-z*&][^.;]*[;,)]')"
exit $failed
