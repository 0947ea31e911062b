#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: an installation never overwrites a configuration file that was edited, and a removal leaves it.
cd "${1:-.}" || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
failed=0
wrong() { echo "  packaging/install-conf: $1"; failed=1; }
run() { said=$(sh packaging/install-conf "$1" "$tmp/dest" /etc/conf /share/shipped "$tmp/forge.conf" "$tmp/forge.load" 2>&1) || wrong "$1 fails: $said"; }
# ships VERSION: what the next installation brings. has FILE 'text', gone FILE: what is there.
ships() { echo "conf $1" >"$tmp/forge.conf"; echo "load $1" >"$tmp/forge.load"; }
conf=$tmp/dest/etc/conf
has() { [ "$(cat "$conf/$1" 2>/dev/null)" = "$2" ] || wrong "$3: $1 is '$(cat "$conf/$1" 2>/dev/null)' instead of '$2'"; }
gone() { [ ! -e "$conf/$1" ] || wrong "$2: $1 is there"; }
told() { case $said in *"$1"*) ;; *) wrong "$2: it says '$said' instead of '$1'" ;; esac; }

ships 1; run install
has forge.conf 'conf 1' 'a first installation'
[ -z "$said" ] || wrong "a first installation says '$said'"
ships 2; run install
has forge.conf 'conf 2' 'not edited'
gone forge.conf.new 'not edited'
echo mine >"$conf/forge.conf"
chmod 0600 "$conf/forge.load"
run install
has forge.conf mine 'edited, the same version again'
gone forge.conf.new 'edited, the same version again'
ships 3; run install
has forge.conf mine 'edited'
has forge.conf.new 'conf 3' 'edited'
has forge.load 'load 3' 'not edited beside an edited one'
[ "$(stat -c %a "$conf/forge.load")" = 600 ] || wrong 'the mode of a file that was not edited changes'
told "forge.conf was edited and stays; the new one is $conf/forge.conf.new" 'edited'
ships 4; run install
has forge.conf mine 'edited, two versions later'
has forge.conf.new 'conf 4' 'edited, two versions later'
cp "$conf/forge.conf.new" "$conf/forge.conf" # merged
ships 5; run install
has forge.conf 'conf 5' 'taken over'
gone forge.conf.new 'taken over'
rm "$conf/forge.load"; run install
has forge.load 'load 5' 'removed by hand'
echo mine >"$conf/forge.conf"
ships 6; run install
run uninstall
has forge.conf mine 'a removal'
gone forge.conf.new 'a removal'
gone forge.load 'a removal'
told "forge.conf was edited and stays; remove it yourself" 'a removal'
[ ! -e "$tmp/dest/share/shipped" ] || wrong 'a removal leaves its copies'
# A file of which nothing is known, as one installed before there were copies.
run install
has forge.conf mine 'unknown'
has forge.conf.new 'conf 6' 'unknown'
rm "$conf/forge.conf"; run uninstall
[ -z "$(ls "$conf")" ] || wrong "a removal leaves $(ls "$conf")"
run uninstall
exit $failed
