#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: each page of packaging/docs is installed by Makefile.am and stands in README's contents. What refers to another place is a link, which tests/docs/run follows.
cd "${1:-.}" || exit 2
failed=0
for page in packaging/docs/*.md packaging/docs/*.png; do
    grep -q "^	$page" Makefile.am || { echo "  $page is not in dist_doc_DATA of Makefile.am"; failed=1; }
    grep -qF "($page)" README.md || { echo "  $page is not in README.md"; failed=1; }
done
words=$(grep -nE '(see|above,|below,) "|\((see )?(above|below)\)|: (see )?(above|below)[.;]|(next|previous) section|section (above|below)' README.md packaging/docs/*.md)
if [ -n "$words" ]; then
    echo "  refers to a place without a link:"
    printf '%s\n' "$words" | sed 's/^/    /'
    failed=1
fi
exit $failed
