#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: no prototype without its header. What a .c file lends to others is declared in a header that it includes itself: the compiler
# compares the two; and it stands in one header. (-Wmissing-prototypes sees to that for functions; nothing before gcc 14 does for tables.)
cd "${1:-.}" || exit 2
# shellcheck disable=SC2046 # no name here has a blank
awk '
    FNR == 1 { file = FILENAME; files[++n_files] = file; dir = file; sub(/[^\/]*$/, "", dir) }
    # "core/core.h" is a path from mod_forge/, "shared.h" and "../forge.h" are paths from here.
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, part, "\"")
        header = "mod_forge/" part[2]
        if (part[2] !~ /\// || part[2] ~ /^\.\.\//) near[file] = near[file] " " dir part[2]
        includes[file] = includes[file] " " header
        next
    }
    { line = $0; sub(/[ \t]*\/[*\/].*$/, "", line) }
    file ~ /\.h$/ && line ~ /^extern / {
        name = line; sub(/[[;].*$/, "", name); sub(/^.*[ *]/, "", name)
        declared[name] = file
    }
    file ~ /\.h$/ && line ~ /^[a-z][A-Za-z0-9_ *]*[ *]forge_[a-z0-9_]+\(/ {
        name = line; sub(/\(.*$/, "", name); sub(/^.*[ *]/, "", name)
        if (name in promised) { print "  " file ":" FNR ": " name " stands in " promised[name] " too"; bad = 1 }
        promised[name] = file
    }
    file ~ /\.c$/ && line ~ /^extern / && line !~ / forge_module;$/ { # httpd gives the module record no header
        print "  " file ":" FNR ": extern belongs in a header"; bad = 1
    }
    file ~ /\.c$/ && line ~ /^[a-z][A-Za-z0-9_ *]*\(.*\);$/ && line !~ /^(static|typedef|return|extern) / {
        print "  " file ":" FNR ": a prototype belongs in a header"; bad = 1
    }
    file ~ /\.c$/ && line ~ /^[a-z][A-Za-z0-9_ *]* \*?[a-z_0-9]+(\[[^]]*\])*( =.*|;)$/ && line !~ /^(static|typedef|extern|return|struct|enum|union|goto) / {
        name = line; sub(/(\[.*)?( =.*|;)$/, "", name); sub(/\[.*$/, "", name); sub(/^.*[ *]/, "", name)
        defined[++n_defined] = name; where[n_defined] = file; at[n_defined] = FNR
    }
    # Does `from` see `header`, by whatever way?
    function sees(from, header, seen,    list, i, n, next_one) {
        if (from == header) return 1
        if (from in visited) return 0
        visited[from] = 1
        n = split(includes[from] near[from], list, " ")
        for (i = 1; i <= n; i++) {
            next_one = list[i]
            while (sub(/[^\/]+\/\.\.\//, "", next_one)) { }
            if (sees(next_one, header)) return 1
        }
        return 0
    }
    END {
        for (k = 1; k <= n_defined; k++) {
            split("", visited)
            if (!(defined[k] in declared)) { print "  " where[k] ":" at[k] ": " defined[k] " is declared in no header: make it static"; bad = 1 }
            else if (!sees(where[k], declared[defined[k]])) { print "  " where[k] ":" at[k] ": " defined[k] " is declared in " declared[defined[k]] ", which is not included here"; bad = 1 }
        }
        if (n_defined < 20) { print "  only " n_defined " tables found: this guard looks in the wrong way"; bad = 1 }
        exit bad
    }' $(find mod_forge -name '*.[ch]' | sort)
