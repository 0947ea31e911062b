#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target over its seeds: what was once found stays fixed.
set -u
failed=0
for seeds in "$FORGE_SRCDIR"/tests/fuzz/seeds/*; do
    name=${seeds##*/}
    if "$FORGE_BUILDDIR/replay" "${name#fuzz_}" "$seeds"; then
        echo "ok $name"
    else
        echo "not ok $name"
        failed=1
    fi
done
exit $failed
