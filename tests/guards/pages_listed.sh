#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: each page of packaging/docs is installed by Makefile.am and stands in README's contents.
cd "${1:-.}" || exit 2
failed=0
for page in packaging/docs/*.md packaging/docs/*.png; do
    grep -q "^	$page" Makefile.am || { echo "  $page is not in dist_doc_DATA of Makefile.am"; failed=1; }
    grep -qF "($page)" README.md || { echo "  $page is not in README.md"; failed=1; }
done
exit $failed
