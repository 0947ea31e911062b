# SPDX-License-Identifier: Apache-2.0
# Completion of forgectl for bash: commands, verbs, options, and values where a list or the file system knows them.
# shellcheck shell=bash

# The words that may follow "forgectl $1"; nothing for a command without verbs.
_forgectl_verbs() {
    case $1 in
        migrate) echo status apply rollback check new list ;;
        user) echo create import set-role reset-password unlock list ;;
        jobs) echo list retry cancel ;;
        seed) echo demo ;;
    esac
}

# The options of "forgectl $1", which is a command, or a command and its verb.
_forgectl_options() {
    local database="--dsn --conf" common="--json --help" password="--password-file --generate --cost"
    case $1 in
        "migrate status" | "migrate check") echo --dir "$database" "$common" ;;
        "migrate apply") echo --dir --to --app-role "$database" "$common" ;;
        "migrate rollback") echo --dir --steps "$database" "$common" ;;
        "migrate new" | "migrate list") echo --dir "$common" ;;
        "user create") echo --role --username --full-name "$password" "$database" "$common" ;;
        "user import") echo --cost "$database" "$common" ;;
        "user reset-password") echo "$password" "$database" "$common" ;;
        "user set-role" | "user unlock" | "user list") echo "$database" "$common" ;;
        secret) echo --output "$common" ;;
        reseal) echo --secret --old "$database" "$common" ;;
        openapi) echo --file "$common" ;;
        backup) echo --bin "$database" "$common" ;;
        restore) echo --replace --end-sessions --app-role --bin --dir "$database" "$common" ;;
        check | doctor) echo --app-role --secret --docs --runner "$database" "$common" ;;
        "jobs list") echo --status --kind --limit "$database" "$common" ;;
        "jobs retry" | "jobs cancel") echo "$database" "$common" ;;
        "seed demo") echo --sql --password-file --reset-passwords --cost "$database" "$common" ;;
    esac
}

_forgectl_files() { # -f or -d, and what was typed
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

# Values of the option $1, of which $2 was typed; false if it takes none.
_forgectl_value() {
    case $1 in
        --conf | --file | --old | --output | --password-file | --runner | --secret) _forgectl_files -f "$2" ;;
        --bin | --dir | --docs | --sql) _forgectl_files -d "$2" ;;
        --role) mapfile -t COMPREPLY < <(compgen -W "student instructor admin" -- "$2") ;;
        --status) mapfile -t COMPREPLY < <(compgen -W "queued running done failed cancelled" -- "$2") ;;
        --app-role | --cost | --dsn | --full-name | --kind | --limit | --steps | --to | --username) ;;
        *) return 1 ;;
    esac
}

_forgectl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} verbs place words
    COMPREPLY=()
    # "--option=value" comes as three words.
    if [ "$cur" = = ]; then
        cur=
    elif [ "$prev" = = ]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    verbs=$(_forgectl_verbs "$command")
    place=$command${verbs:+ ${COMP_WORDS[2]}}
    if [ "$COMP_CWORD" = 1 ]; then
        words="migrate user secret reseal openapi check doctor backup restore jobs seed --help --version"
    elif [ "$COMP_CWORD" = 2 ] && [ -n "$verbs" ]; then
        words="$verbs --help"
    elif _forgectl_value "$prev" "$cur"; then
        return
    else
        words=$(_forgectl_options "$place")
        case $place in "user import" | backup | restore) [ "${cur#-}" != "$cur" ] || _forgectl_files -f "$cur" ;; esac
        [ "$place" != "user set-role" ] || [ "$COMP_CWORD" = 3 ] || words="student instructor admin $words"
    fi
    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _forgectl forgectl
