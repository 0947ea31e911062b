#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: no test is written and then not run. Every START_TEST is added to a case, every suite to a main, every test file to the build. Each
# folder of tests/ has its row in tests/README.md.
# shellcheck disable=SC2013
cd "${1:-.}/tests" || exit 2
failed=0
wrong() { echo "  $1"; failed=1; }

# A test is named where tcase_add… takes it, or in a table of tests.
unnamed=$(awk '
    function names(text, before, behind) {
        while (match(text, "[" before "][A-Za-z0-9_]+[" behind "]")) {
            named[substr(text, RSTART + 1, RLENGTH - 2)]
            text = substr(text, RSTART + RLENGTH - 1)
        }
    }
    function tell(name) { for (name in tests) if (!(name in named)) print "  " file ": " name " is in no test case"; split("", tests); split("", named) }
    FNR == 1 { tell(); file = FILENAME }
    match($0, /^START_TEST\([A-Za-z0-9_]+\)/) { tests[substr($0, 12, RLENGTH - 12)]; next }
    match($0, /tcase_add_[a-z_]*test[a-z_]*\(/) { names(substr($0, RSTART + RLENGTH - 1), " ,(", ",)") }
    { sub(/S.*/, ""); names($0, "{ ,", ",} ") }
    END { tell() }' unit/*.c unit/*/*.c api/*.c api/*/*.c)
[ -z "$unnamed" ] || { printf '%s\n' "$unnamed"; failed=1; }
for file in unit/*.c unit/*/*.c api/*.c api/*/*.c; do
    grep -qF "tests/$file" tests.am || wrong "tests/$file is not in tests/tests.am"
done
# Every case of Check is in its suite; in api/ case_make puts it there.
for file in unit/*/*.c; do
    for name in $(sed -n 's/^ *\(TCase \*\)\{0,1\}\([a-z0-9_]*\) = tcase_create(.*/\2/p' "$file"); do
        grep -q "suite_add_tcase([a-z0-9_]*, $name)" "$file" || wrong "$file: case $name is in no suite"
    done
done
# Every suite that a file makes has its row, and every fuzz target has its own and its seeds.
for suite in $(sed -n 's/^Suite \*forge_test_\([a-z0-9_]*\)(void).*/\1/p' unit/*/*.c); do
    grep -q "^SUITE($suite, " unit/suites.def || wrong "unit/suites.def has no row for $suite"
done
for suite in $(sed -n 's/^Suite \*suite_\([a-z_]*\)(void).*/\1/p' api/*.c api/*/*.c); do
    grep -q "^SUITE($suite, " api/suites.def || wrong "api/suites.def has no row for $suite"
done
for file in fuzz/fuzz_*.c; do
    name=${file#fuzz/fuzz_}
    name=${name%.c}
    grep -q "^FUZZ_TARGET($name)" fuzz/targets.def || wrong "fuzz/targets.def has no row for $name"
    [ -d "fuzz/seeds/fuzz_$name" ] || wrong "fuzz/seeds has no folder fuzz_$name"
    grep -qF "tests/$file" tests.am || wrong "tests/$file is not in tests/tests.am"
done
for folder in */; do
    grep -qF "| \`$folder" README.md || wrong "tests/README.md has no row for $folder"
done
exit $failed
