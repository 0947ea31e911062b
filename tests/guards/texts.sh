#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: every sentence about a member, a password, an address or an account stands in core/texts/said.def, by which it is translated. Numbers count as equal.
cd "${1:-.}" || exit 2
tmp=$(mktemp) || exit 2
trap 'rm -f "$tmp"' EXIT
same='s/{[12]}/N/g; s/%d/N/g; s/%s/{*}/g; s/[0-9][0-9]*/N/g'
sed -n 's/^FORGE_SAID([A-Z_0-9]*, *"\(.*\)")$/\1/p' mod_forge/core/texts/said.def | sed "$same" >"$tmp"
[ "$(wc -l <"$tmp")" -gt 50 ] || { echo "  said.def cannot be read"; exit 1; }
failed=0
for file in mod_forge/core/wire/fields.c mod_forge/core/wire/scalar.c mod_forge/core/identity/password.c mod_forge/core/identity/email.c \
    mod_forge/api/identity/account.c mod_forge/api/identity/api_keys.c mod_forge/api/identity/login.c mod_forge/api/identity/mfa.c \
    mod_forge/api/identity/passwords.c mod_forge/api/users/profile.c; do
    missing=$(sed 's,/\*.*\*/,,' "$file" | tr '\n' ' ' | sed 's/[)"];/&\n/g' | grep -E 'fault[a-z_]*\(|forge_fail_|return |why = ' |
        sed 's/" *APR_[A-Z0-9_]*([A-Z_]*) *"/N/g; s/%" *APR_[A-Z0-9_]* *"/N/g; s/%" *APR_[A-Z0-9_]*/N"/g; s/" *"//g; s/"[^" ]*"//g' |
        grep -o '"[^"]* [^"]*"' | sed 's/^"//; s/"$//' | sed "$same" |
        grep -E '^(must|needs|is|this|there|the|it|a|send|names|another) ' | sort -u | grep -vxF -f "$tmp")
    [ -z "$missing" ] || { printf '%s\n' "$missing" | sed "s,^,  $file says what is not translated; add it to said.def: ,"; failed=1; }
done
exit $failed
