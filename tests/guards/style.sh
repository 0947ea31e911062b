#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: C in one hand. Lines of at most 120 characters; !x, strcmp(a, b) == 0 and sizeof(x); letters fold by their code,
# in C and in SQL, whatever locale httpd, a module beside us or the database has.
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
none "depends on setlocale: forge_util_is_…, forge_util_lower, apr_cstr_casecmp" "$(sources | grep '^mod_forge/' | xargs grep -nE \
    '\<((apr_)?(is(alpha|alnum|upper|lower|digit|space|xdigit|print|cntrl|punct|graph|blank)|to(lower|upper))|str(n)?casecmp|strcasestr|strcoll|strxfrm|strto(d|f|ld)|ap_str_to(lower|upper)|ap_strcase[a-z_]+)\(' |
    grep -v '^mod_forge/util/json.c:.*strtod')" # json.c writes and reads in the same locale, and mends the comma
none "keeps the address of a key that may go with the module: apr_pool_userdata_set" "$(sources | grep '^mod_forge/' | xargs grep -n 'userdata_setn(')"
none "depends on the database's locale: lower(x COLLATE \"C\"), forge.fold(x)" "$(find mod_forge -name '*.[ch]' | sort | xargs grep -nE \
    '(^|[^_a-z.])(lower|upper|initcap)\((.*[^"]|)"|(^|[^_a-z.])(lower|upper|initcap)\([a-z$]|ILIKE|~\*' | grep -vE 'COLLATE \\?"C')"
exit $failed
