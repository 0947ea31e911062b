#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: a constant that is spelled into SQL must be known where that happens, else its name gets there instead of its number. Reads the
# texts of the built objects; needs FORGE_BUILDDIR, where the build has put them.
build=${FORGE_BUILDDIR:-.}
objects=$(find "$build/mod_forge/store" -path '*/.libs/*.o')
[ -n "$objects" ] || { echo "  no objects in $build/mod_forge/store: build first"; exit 1; }
# shellcheck disable=SC2086
found=$(strings -a $objects | grep -oE "[^A-Za-z_]FORGE_[A-Z_]+" | sort -u)
[ -z "$found" ] || { echo "  names of constants in texts of store/:"; printf '%s\n' "$found" | sed 's/^/    /'; exit 1; }
