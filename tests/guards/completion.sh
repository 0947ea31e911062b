#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The completions for bash and zsh offer what the help of forgectl names: each command, verb and option, and no other. Needs FORGE_BUILDDIR.
set -u
top=$(cd "${1:-$(dirname "$0")/../..}" && pwd) || exit 1
forgectl=$FORGE_BUILDDIR/forgectl
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# --- what the help says: "place|word" for each word that may follow it; "=" behind an option that takes a value ---
"$forgectl" --help | sed -n 's/^  forgectl //p' | sed 's/  .*//; s/ [A-Z].*//' >"$work/places"
options() { # COMMAND [VERB]
    "$forgectl" "$@" --help | sed -nE "s/^  (--[a-z-]+)( [A-Z]+)? .*/$*|\1\2/p" | sed 's/ [A-Z][A-Z]*$/=/'
}
{
    printf '|%s\n' --help --version
    sed 's/ .*//; s/^/|/' "$work/places"
    grep ' ' "$work/places" | sed 's/ /|/'
    grep ' ' "$work/places" | sed 's/ .*/|--help/'
    while read -r place; do
        # shellcheck disable=SC2086
        options $place </dev/null
    done <"$work/places"
} | sort -u >"$work/wanted"
[ "$(wc -l <"$work/wanted")" -gt 100 ] || {
    echo "the help of $forgectl could not be read" >&2
    exit 1
}
{ printf '\n' && cut -d' ' -f1 "$work/places" && cat "$work/places"; } | sort -u >"$work/asked"

# --- what bash offers; an option takes a value if no option is offered behind it ---
cat >"$work/ask.bash" <<'END'
. "$1"
offers() { # WORD...: what may follow
    COMP_WORDS=(forgectl "$@" "") COMP_CWORD=$(($# + 1)) COMPREPLY=()
    _forgectl
}
while read -r place; do
    offers $place
    for word in "${COMPREPLY[@]}"; do
        offers $place "$word"
        case $place:$word in
            *:--help) ;;
            ?*:--*) case " ${COMPREPLY[*]} " in *" --json "*) ;; *) word+== ;; esac ;;
        esac
        echo "$place|$word"
    done
done
END
mkdir "$work/empty" && cd "$work/empty" && bash ../ask.bash "$top/packaging/completion/forgectl.bash" <"$work/asked" | sort -u >"$work/bash"

# --- what zsh offers: its helpers are replaced by some that tell what they were given ---
cat >"$work/ask.zsh" <<'END'
_describe() { local name=${@[-1]}; print -rl -- "$at|"${^${(P)name}%%:*} }
_arguments() { local spec; for spec; do [[ $spec == --* ]] && print -r -- "$at|${${spec%%\[*}}"; done }
while read -r place; do
    words=(forgectl ${=place} '') CURRENT=$(($#words))
    at=$place
    . "$1"
done
END
zsh -f ../ask.zsh "$top/packaging/completion/_forgectl" <"$work/asked" | sort -u >"$work/zsh"

failed=0
for shell in bash zsh; do
    if ! diff "$work/wanted" "$work/$shell" >"$work/diff"; then
        echo "the completion for $shell (\">\") and the help of forgectl (\"<\") differ:" >&2
        grep '^[<>]' "$work/diff" >&2
        failed=1
    fi
done
[ "$failed" = 0 ] && echo "completion: $(wc -l <"$work/wanted") words, in both shells"
exit "$failed"
