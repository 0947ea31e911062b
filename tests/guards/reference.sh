#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: packaging/docs/reference.md is what the tables of directives, errors, metrics, events and messages say, and each of them has a text. A code span
# holds one form of a directive.
cd "${1:-.}" || exit 2
[ -f packaging/docs/reference.md ] || { echo "  packaging/docs/reference.md is not there"; exit 1; }
if grep -nE '`(Forge[A-Za-z]+) [^`]*\b\1 ' packaging/docs/reference.md; then
    echo "  packaging/docs/reference.md: several forms of a directive in one code span"
    exit 1
fi
python3 packaging/build-reference --check
