# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Functions that packaging/demo and packaging/check share: messages, packages, the build, and a private PostgreSQL.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
started=$(date +%s)

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }
# Ends the command with a message and, if given, the end of the log that explains it.
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

# Prints the rows of dependencies.txt that a group needs ("demo", or "check", which includes demo) as "package mark".
packages_of() {
    awk -v all="$1" '/^[^#]/ && ($2 ~ /^demo/ || all == "check") { print $1, ($2 ~ /[+]$/ ? "current" : "any") }' "$top/packaging/dependencies.txt"
}

# The packages of a group that are not installed.
packages_missing() {
    local package have
    have=$(dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' 2>/dev/null | sed -n 's/^ii *\([^:]*\).*/\1/p')
    while read -r package _; do
        if [ "$package" = npm ] && command -v npm >/dev/null; then continue; fi
        if [ "$package" = default-jdk-headless ] && command -v javac >/dev/null; then continue; fi
        grep -qxF "$package" <<<"$have" || printf '%s\n' "$package"
    done < <(packages_of "$1")
}

# The packages of a group that must be current (a "+" in dependencies.txt) and for which apt knows a newer version than the installed one.
packages_behind() {
    local package mark here there
    while read -r package mark; do
        [ "$mark" = current ] || continue
        { read -r here && read -r there; } < <(LC_ALL=C apt-cache policy "$package" | sed -n 's/^ *\(Installed\|Candidate\): //p')
        dpkg --compare-versions "${there:-0}" gt "${here:-0}" 2>/dev/null && printf '%s\n' "$package"
    done < <(packages_of "$1")
}

# Keeps the services of missing packages with a "-" in dependencies.txt from being started when they are installed. One that is installed already is not
# ours to stop.
services_off() {
    local package
    [ -d /run/systemd/system ] || return 0
    for package in "$@"; do
        grep -qE "^$package +[a-z]+-" "$top/packaging/dependencies.txt" || continue
        systemctl mask "$package.service" 2>&1 && say "packages: $package is installed without its service (systemctl unmask $package brings it back)"
    done
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -o Acquire::http::Timeout=30 -o Acquire::Retries=1 "$@"; }

# Updates apt's package lists once a day. Without a network the existing lists are used.
packages_lists() {
    local log=$1 stamp=$top/var/apt.stamp
    [ -z "$(find "$stamp" -mmin -1440 2>/dev/null)" ] || return 0
    if apt_get update >>"$log" 2>&1 && ! grep -q '^\(W\|E\): Failed to fetch' "$log"; then
        touch "$stamp"
    else
        say "packages: apt-get update failed; using the existing package lists"
    fi
}

# Installs the missing packages of a group and updates those that must match another package. Only a missing package ends the command.
packages_install() {
    local group=$1 log=$2 missing behind
    command -v dpkg-query >/dev/null || die "this command needs Debian's dpkg and apt-get; on other systems install the packages of packaging/dependencies.txt and build by hand"
    mapfile -t missing < <(packages_missing "$group")
    command -v apt-get >/dev/null || [ ${#missing[@]} -eq 0 ] || die "apt-get was not found; install these packages by hand: ${missing[*]}"
    mkdir -p "$top/var"
    : >"$log"
    [ ${#missing[@]} -eq 0 ] || rm -f "$top/var/apt.stamp"
    ! command -v apt-get >/dev/null || packages_lists "$log"
    if [ ${#missing[@]} -gt 0 ]; then
        say "packages: installing ${missing[*]}"
        services_off "${missing[@]}" | tee -a "$log"
        apt_get install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 || die "apt-get could not install the packages" "$log"
    fi
    mapfile -t behind < <(packages_behind "$group" 2>>"$log")
    if [ ${#behind[@]} -gt 0 ]; then
        say "packages: updating ${behind[*]}"
        apt_get install -y --no-install-recommends --only-upgrade --no-remove "${behind[@]}" >>"$log" 2>&1 ||
            say "packages: the update failed (see $log); using the installed versions"
    fi
    say "packages: complete"
}

# The directory of PostgreSQL's server programs, in the newest installed version.
pg_bin() {
    local dir
    dir=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$dir" ] || dir=$(pg_config --bindir 2>/dev/null)
    [ -x "$dir/postgres" ] || die "PostgreSQL's server programs were not found (package postgresql)"
    printf '%s\n' "$dir"
}

httpd_bin() {
    local name
    for name in apache2 httpd; do
        PATH=$PATH:/usr/sbin command -v "$name" && return 0
    done
    die "httpd was not found (package apache2-bin)"
}

# Runs a command as another account, without that account's shell or environment.
as() {
    local account=$1
    shift
    setpriv --reuid "$account" --regid "$(id -gn "$account")" --clear-groups env -C / HOME=/ LC_ALL=C.UTF-8 "$@"
}

# Whether the pid file names a living process of this program ("postgres", "apache2"). After a reboot another process may have the number.
pid_alive() {
    local pid exe
    [ -s "$1" ] && pid=$(head -n 1 "$1") && exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 1
    exe=${exe% (deleted)} # its package was upgraded meanwhile
    [ "${exe##*/}" = "$2" ]
}

# Waits until a process has ended, at most the given number of seconds.
pid_wait() {
    local pid=$1 left=$(($2 * 10))
    while kill -0 "$pid" 2>/dev/null; do
        [ $((left -= 1)) -gt 0 ] || return 1
        sleep 0.1
    done
}

# Whether a program listens on this loopback port.
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Copies the project's files into a folder, without anything that was built in the checkout.
sources_copy() {
    local to=$1
    rm -rf "$to" && mkdir -p "$to" || return 1
    if [ "$(git -C "$top" rev-parse --show-toplevel 2>/dev/null)" = "$top" ]; then
        (cd "$top" && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done | tar --null -T - -cf -) | tar -C "$to" -xf -
    else
        tar -C "$top" --exclude=./var --exclude=node_modules -cf - . | tar -C "$to" -xf -
    fi
}

# The time that stands for the sources in whatever is made of them, in seconds since 1970: SOURCE_DATE_EPOCH, the last commit, or Debian's changelog.
sources_epoch() {
    if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
        echo "$SOURCE_DATE_EPOCH"
    elif [ "$(git -C "$top" rev-parse --show-toplevel 2>/dev/null)" = "$top" ]; then
        git -C "$top" log -1 --format=%ct
    else
        date -d "$(sed -n 's/^ -- .*>  //p' "$top/packaging/debian/changelog" | head -n 1)" +%s
    fi
}

# Creates configure and the Makefile if they are missing or older than their sources, then builds.
build_in() {
    local dir=$1 log=$2
    shift 2
    mkdir -p "$dir"
    [ ! -f "$top/config.status" ] || die "this checkout was configured in place, so that it cannot be built in another folder; run make distclean first"
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
