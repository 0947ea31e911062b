#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: SQL is text of the program, and parameters travel apart from it (SECURITY 60).
cd "${1:-.}" || exit 2
failed=0
none() { # none WHY LINES
    [ -z "$2" ] && return
    echo "  $1:"
    printf '%s\n' "$2" | sed 's/^/    /'
    failed=1
}
sources() { grep -rnE "$1" mod_forge --include='*.c' --include='*.h'; }

# What reaches the server is a literal, a static literal (…_sql), or the text of a statement row. One function sends scripts.
none "text that is no literal goes to PostgreSQL" "$(sources '\bPQ(exec|execParams|prepare|sendQuery|sendQueryParams|sendPrepare)\(' |
    grep -vE '\bPQ[A-Za-z]+\([^,]*, *("|[a-z]+_sql,|[a-z]+(_stmt)?(\.|->)(name, *[a-z_]+(\.|->))?sql,)' | grep -vE '^mod_forge/store/engine/run\.c:[0-9]+:.*PQsendQuery\(db->conn, sql\)')"
# Scripts are literals, migrations and the demo data; nothing of a request is ever near one.
none "a script that is neither a literal nor read from a file of ours" "$(sources '\bforge_store_script\(' | grep -vE '\bforge_store_script\([^,]*, *[^,]*, *"|^mod_forge/store/(store\.h|engine/(run|migrate|tx)\.c)|^mod_forge/ctl/')"
# Every statement row and list has its text in place.
none "a static statement whose text is not a literal" "$(sources 'static const forge_stmt_t [a-z_]+ = \{' | grep -vE '= \{ *("|$|/\*)')"
# Nobody formats statements, but for the one place that numbers the parameters of a list.
none "a statement put together by formatting" "$(sources '(printf|strcat|buf_puts)\([^;]*"[^"]*\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|ALTER|DROP|GRANT) ' | grep -v '^mod_forge/store/engine/list\.c:')"
# SQL lives in store/.
none "SQL outside store/" "$(sources '"[^"]*\b(SELECT .* FROM|INSERT INTO|UPDATE [a-z_.]+ SET|DELETE FROM) ' | grep -v '^mod_forge/store/')"
# Above a statement with more than five parameters a line names them all: "$1 caller, $2 …".
# shellcheck disable=SC2016
none "a statement of more than five parameters without a line that names them" "$(find mod_forge/store -name '*.c' | sort | xargs awk '
    FNR == 1 { said = ""; name = "" }
    /^\/\*/ { said = "" }
    /^(\/| )\*/ { said = said $0; next }
    /^static const forge_stmt_t [a-z_]+ = \{$/ { name = $4; most = 0; line = FNR }
    name { for (rest = $0; match(rest, /\$[0-9]+/); rest = substr(rest, RSTART + RLENGTH))
               if (substr(rest, RSTART + 1, RLENGTH - 1) + 0 > most) most = substr(rest, RSTART + 1, RLENGTH - 1) + 0 }
    name && /\};$/ { for (i = 1; most > 5 && i <= most; i++)
                         if (!index(said " ", "$" i " ")) { print FILENAME ":" line ": " name " lacks $" i; break }
                     name = "" }
    !name { said = "" }')"
exit $failed
