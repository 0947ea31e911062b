#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: the demo's PDF files are those that sql/demo/pdf/make.py makes out of the texts beside them.
cd "${1:-.}" || exit 2
failed=0
made=$(mktemp -d) || exit 2
trap 'rm -rf "$made"' EXIT
python3 sql/demo/pdf/make.py "$made" || exit 1
for file in sql/demo/pdf/*.pdf "$made"/*.pdf; do
    name=$(basename "$file")
    cmp -s "sql/demo/pdf/$name" "$made/$name" || { echo "  sql/demo/pdf/$name: is not what its text makes; run sql/demo/pdf/make.py"; failed=1; }
done
exit $failed
