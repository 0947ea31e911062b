#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: packaging/docs/reference.md is what the tables of directives, errors, metrics, events and messages say, and each of them has a text.
cd "${1:-.}" || exit 2
[ -f packaging/docs/reference.md ] || { echo "  packaging/docs/reference.md is not there"; exit 1; }
python3 packaging/build-reference --check
