#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: the Containerfile installs what packaging/dependencies.txt names, and builds with every library of the demo; what httpd.conf loads of the
# container and compose.yaml runs are files that the image has.
cd "${1:-.}" || exit 2
failed=0
none() {
    [ -z "$2" ] || { echo "  $1:"; printf '%s\n' "$2" | sed 's/^/    /'; failed=1; }
}
file=packaging/container/Containerfile
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
awk '/^[^#]/ { print $1 }' packaging/dependencies.txt | sort >"$scratch/known"
awk '/^[^#]/ && $2 ~ /^demo/ && $1 ~ /-dev$/ { print $1 }' packaging/dependencies.txt | sort >"$scratch/wanted"
# The lines between "apt-get install" and the next command, of both stages.
awk '/apt-get install/ { on = 1; next } /&&/ { on = 0 } on && $1 !~ /^\$/ && NF { print $1 }' $file | sort -u >"$scratch/installed"
[ "$(wc -l <"$scratch/installed")" -gt 20 ] || none "no packages were found in" $file
none "in $file, but not in packaging/dependencies.txt" "$(comm -23 "$scratch/installed" "$scratch/known")"
none "a library of packaging/dependencies.txt that $file does not build with" "$(comm -13 "$scratch/installed" "$scratch/wanted")"
none "not as an account of its own" "$(grep -q '^USER 10001:10001$' $file || echo "$file")"
none "no health check" "$(grep -q '^HEALTHCHECK .*entry", "health"' $file || echo "$file")"
none "no file" "$(for name in entry httpd.conf app-role compose.yaml; do [ -f packaging/container/$name ] || echo "packaging/container/$name"; done)"
none "a secret in the image or in its environment" "$(grep -nE '^(ARG|ENV) .*(PASSWORD|SECRET)|(PASSWORD|SECRET): ' $file packaging/container/compose.yaml)"
exit $failed
