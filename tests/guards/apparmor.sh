#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: AppArmor's parser reads the profile that is shipped. Parsers before 4.0, as Debian 12 has, know neither that ABI nor the rule userns: for these
# the two lines are left out, and the rest is read. packaging/check installs the parser; without it there is nothing that could read the profile.
cd "${1:-.}" || exit 2
PATH=$PATH:/usr/sbin:/sbin
profile=packaging/apparmor/forge-runner
grep -qx '  userns,' $profile || { echo "  $profile does not allow user namespaces, for which it is there"; exit 1; }
command -v apparmor_parser >/dev/null || exit 0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp $profile "$scratch/profile"
[ -e /etc/apparmor.d/abi/4.0 ] || sed -i -e '/^abi /d' -e '/^ *userns,$/d' "$scratch/profile"
apparmor_parser -Q -K "$scratch/profile" >"$scratch/said" 2>&1 || { grep -v '^Cache' "$scratch/said" | sed 's/^/  /'; exit 1; }
