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

# The packages of a group ("demo" or "check", which includes demo) that are not installed.
packages_missing() {
    local package group have
    have=$(dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' 2>/dev/null | sed -n 's/^ii *\([^:]*\).*/\1/p')
    while read -r package group _; do
        case "$package" in '' | '#'*) continue ;; esac
        [ "$group" = demo ] || [ "$1" = check ] || continue
        if [ "$package" = npm ] && command -v npm >/dev/null; then continue; fi
        grep -qxF "$package" <<<"$have" || printf '%s\n' "$package"
    done <"$top/packaging/dependencies.txt"
}

# Installs what a group misses; says nothing to apt when everything is there.
packages_install() {
    local group=$1 log=$2 missing
    command -v dpkg-query >/dev/null || die "this needs Debian's dpkg and apt-get; elsewhere install what packaging/dependencies.txt names and build by hand"
    mapfile -t missing < <(packages_missing "$group")
    if [ ${#missing[@]} -eq 0 ]; then
        say "packages: all there"
        return 0
    fi
    command -v apt-get >/dev/null || die "apt-get is not here; install these packages by hand: ${missing[*]}"
    say "packages: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=120 update >"$log" 2>&1 || say "packages: apt-get update failed, going on with the lists that are here"
    apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 ||
        die "apt-get could not install the packages" "$log"
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
