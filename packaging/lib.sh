# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What packaging/demo and packaging/check share: steps that say what they do, packages, the build, a private PostgreSQL.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
started=$(date +%s)

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }
# Ends the command: a sentence and, when there is one, the tail of the log that explains it.
die() {
    printf '%s: error: %s\n' "$(basename "$0")" "$1" >&2
    if [ -n "${2:-}" ] && [ -s "$2" ]; then
        printf '%s: the last lines of %s:\n' "$(basename "$0")" "$2" >&2
        tail -n 25 "$2" | sed 's/^/    /' >&2
    fi
    exit 1
}
seconds() { echo $(($(date +%s) - started)); }

need_root() { [ "$(id -u)" -eq 0 ] || die "run this as root (sudo packaging/$(basename "$0")): it installs packages and starts servers under their own accounts"; }

# The rows of dependencies.txt that a group needs ("demo" or "check", which includes demo): "package mark" each.
packages_of() {
    awk -v all="$1" '/^[^#]/ && ($2 ~ /^demo/ || all == "check") { print $1, ($2 ~ /[+]$/ ? "current" : "any") }' "$top/packaging/dependencies.txt"
}

# The packages of a group that are not installed.
packages_missing() {
    local package have
    have=$(dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' 2>/dev/null | sed -n 's/^ii *\([^:]*\).*/\1/p')
    while read -r package _; do
        if [ "$package" = npm ] && command -v npm >/dev/null; then continue; fi
        grep -qxF "$package" <<<"$have" || printf '%s\n' "$package"
    done < <(packages_of "$1")
}

# Those of a group that must be of the day (a "+" in dependencies.txt) and for which apt knows a newer version than the installed one.
packages_behind() {
    local package mark here there
    while read -r package mark; do
        [ "$mark" = current ] || continue
        { read -r here && read -r there; } < <(LC_ALL=C apt-cache policy "$package" | sed -n 's/^ *\(Installed\|Candidate\): //p')
        dpkg --compare-versions "${there:-0}" gt "${here:-0}" 2>/dev/null && printf '%s\n' "$package"
    done < <(packages_of "$1")
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -o Acquire::http::Timeout=30 -o Acquire::Retries=1 "$@"; }

# apt's lists of today: they are asked for when the last time is a day ago or not known. Without a network those that are here must do.
packages_lists() {
    local log=$1 stamp=$top/var/apt.stamp
    [ -z "$(find "$stamp" -mmin -1440 2>/dev/null)" ] || return 0
    if apt_get update >>"$log" 2>&1 && ! grep -q '^\(W\|E\): Failed to fetch' "$log"; then
        touch "$stamp"
    else
        say "packages: apt-get update failed, going on with the lists that are here"
    fi
}

# Installs what a group misses, and brings up to date what must match something else. Only a missing package ends the command.
packages_install() {
    local group=$1 log=$2 missing behind
    command -v dpkg-query >/dev/null || die "this needs Debian's dpkg and apt-get; elsewhere install what packaging/dependencies.txt names and build by hand"
    mapfile -t missing < <(packages_missing "$group")
    command -v apt-get >/dev/null || [ ${#missing[@]} -eq 0 ] || die "apt-get is not here; install these packages by hand: ${missing[*]}"
    mkdir -p "$top/var"
    : >"$log"
    [ ${#missing[@]} -eq 0 ] || rm -f "$top/var/apt.stamp"
    ! command -v apt-get >/dev/null || packages_lists "$log"
    if [ ${#missing[@]} -gt 0 ]; then
        say "packages: installing ${missing[*]}"
        apt_get install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 || die "apt-get could not install the packages" "$log"
    fi
    mapfile -t behind < <(packages_behind "$group" 2>>"$log")
    if [ ${#behind[@]} -gt 0 ]; then
        say "packages: bringing up to date ${behind[*]}"
        apt_get install -y --no-install-recommends --only-upgrade --no-remove "${behind[@]}" >>"$log" 2>&1 ||
            say "packages: that failed (see $log), going on with what is installed"
    fi
    say "packages: all there"
}

# The directory with PostgreSQL's server programs, the newest that is installed.
pg_bin() {
    local dir
    dir=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$dir" ] || dir=$(pg_config --bindir 2>/dev/null)
    [ -x "$dir/postgres" ] || die "PostgreSQL's server programs are not here (package postgresql)"
    printf '%s\n' "$dir"
}

httpd_bin() {
    local name
    for name in apache2 httpd; do
        PATH=$PATH:/usr/sbin command -v "$name" && return 0
    done
    die "httpd is not here (package apache2-bin)"
}

# Runs a command as another account, without that account's shell or environment.
as() {
    local account=$1
    shift
    setpriv --reuid "$account" --regid "$(id -gn "$account")" --clear-groups env -C / HOME=/ LC_ALL=C.UTF-8 "$@"
}

# The pid file names a living process that runs such a program ("postgres", "apache2"): after a reboot the number may be another's.
pid_alive() {
    local pid
    [ -s "$1" ] && pid=$(head -n 1 "$1") && [ "$(basename "$(readlink "/proc/$pid/exe" 2>/dev/null)" 2>/dev/null)" = "$2" ]
}

# Waits until a process has gone, at most so many seconds.
pid_wait() {
    local pid=$1 left=$(($2 * 10))
    while kill -0 "$pid" 2>/dev/null; do
        [ $((left -= 1)) -gt 0 ] || return 1
        sleep 0.1
    done
}

# Somebody listens on this loopback port.
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Makes configure and the Makefile in a build folder when they are missing or older than their source, then builds.
build_in() {
    local dir=$1 log=$2
    shift 2
    mkdir -p "$dir"
    [ ! -f "$top/config.status" ] || die "this checkout was configured in place, which rules out a build beside it; run make distclean first"
    if [ ! -x "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ] || [ "$top/Makefile.am" -nt "$top/Makefile.in" ]; then
        say "build: autoreconf"
        (cd "$top" && autoreconf -fi) >"$log" 2>&1 || die "autoreconf failed" "$log"
    fi
    if [ ! -f "$dir/Makefile" ] || [ "$top/configure" -nt "$dir/config.status" ]; then
        say "build: configure"
        (cd "$dir" && "$top/configure" "$@") >>"$log" 2>&1 || die "configure failed" "$log"
    fi
    say "build: make"
    make -C "$dir" -j"$(nproc)" >>"$log" 2>&1 || die "the build failed" "$log"
}
