#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: what configure asks for is what the package for Fedora and RHEL is built with, and packaging/docs/rhel.md installs each package of that list.
cd "${1:-.}" || exit 2
spec=packaging/rpm/mod_forge.spec
page=packaging/docs/rhel.md
failed=0
wrong() { echo "  $1"; failed=1; }
wanted=$(sed -n 's/^BuildRequires: *\([^ ]*\).*/\1/p' $spec)
[ -n "$wanted" ] || wrong "$spec has no BuildRequires"
installed=" $(sed -n '/^dnf install /,/[^\\]$/p' $page | tr -d "'\\\\" | tr '\n' ' ') "
for package in $wanted; do
    case "$installed" in *" $package "*) ;; *) wrong "$page does not install $package, which $spec builds with" ;; esac
done
for module in $(sed -n 's/.*PKG_CHECK_MODULES(\[[A-Z0-9]*\], \[\([a-z0-9]*\).*/\1/p' configure.ac); do
    [ "$module" != check ] || continue # the unit tests
    printf '%s\n' "$wanted" | grep -qxF "pkgconfig($module)" || wrong "$spec does not build with pkgconfig($module), which configure.ac asks for"
done
exit $failed
