#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every row of directives.def has its entry in conf/forge.reference.conf, whole and true to the row, and every entry has its row.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
rows=$top/mod_forge/config/directives.def
doc=$top/conf/forge.reference.conf

# What a row says: name|scope|default (NULL for none). Rows may go over several lines.
table=$(awk '
    /^FORGE_DIRECTIVE\(/ { row = "" }
    /^FORGE_DIRECTIVE\(/, /\)$/ { row = row $0 }
    /\)$/ && row != "" {
        line = row; row = ""
        sub(/^FORGE_DIRECTIVE\(/, "", line)
        split(line, part, / *, */)
        rest = line
        preset = "NULL"
        if (match(rest, /, *"[^"]*", *"[^"]*"\)$/)) {
            preset = substr(rest, RSTART)
            sub(/^, *"/, "", preset)
            sub(/", *"[^"]*"\)$/, "", preset)
        }
        print part[1] "|" part[2] "|" preset
    }' "$rows")

# What an entry says, judged on the spot: one line of fault each, and "entry NAME".
report=$(printf '%s\n' "$table" | awk -F'|' -v doc="$doc" '
    { scope[$1] = $2; preset[$1] = $3 }
    function fault(text) { print "conf/forge.reference.conf: " name ": " text }
    function judge(   i, context) {
        if (name == "") return
        print "entry " name
        if (!(name in scope)) { fault("is no row of directives.def"); return }
        for (i = 1; i <= 5; i++)
            if (value[label[i]] == "") fault(label[i] " is missing")
        if (index(value["Syntax"], name " ") != 1) fault("Syntax does not begin with the name")
        if (index(value["Example"], name " ") != 1) fault("Example does not begin with the name")
        if (preset[name] != "NULL" && value["Default"] != preset[name]) fault("Default is not \"" preset[name] "\"")
        context = "server config" (scope[name] == "WHOLE" ? "" : ", virtual host") (scope[name] == "LOCATION" ? ", location" : "")
        if (value["Context"] != context) fault("Context is not \"" context "\"")
    }
    END {
        split("Description Syntax Default Context Example", label, " ")
        while ((getline line < doc) > 0) {
            if (line ~ /^# Forge[A-Za-z]+$/) {
                judge()
                name = substr(line, 3)
                for (i = 1; i <= 5; i++) value[label[i]] = ""
            } else if (match(line, /^#   [A-Z][a-z]+: +/)) {
                key = substr(line, 5); sub(/:.*/, "", key)
                value[key] = substr(line, RLENGTH + 1)
            }
        }
        judge()
    }')

faults=$(printf '%s\n' "$report" | grep -v '^entry ')
for name in $(printf '%s\n' "$table" | cut -d'|' -f1); do
    count=$(printf '%s\n' "$report" | grep -c "^entry $name\$")
    [ "$count" -eq 1 ] || faults="$faults
conf/forge.reference.conf: $name has $count entries; wanted: 1"
done
faults=$(printf '%s\n' "$faults" | sed '/^$/d')
if [ -n "$faults" ]; then
    printf '%s\n' "$faults" >&2
    exit 1
fi
echo "directives: $(printf '%s\n' "$table" | wc -l) rows, each described"
