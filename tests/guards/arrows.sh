#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: includes point downwards only (DESIGN, "The house"), and each library is included in its one room.
# shellcheck disable=SC2013
cd "${1:-.}" || exit 2
failed=0
wrong() { echo "  $1"; failed=1; }

# Rooms a room may include, besides itself, forge.h and errors.def.
allowed() {
    case "$1" in
        front) echo "api http doors work server config core store live net run util" ;;
        api) echo "http config core store live util" ;;
        http | doors) echo "server config core store live util" ;;
        work) echo "server jobs config core store live net run util" ;;
        server) echo "config core store live net run util" ;;
        jobs) echo "core store live net run util" ;;
        config) echo "core live net util" ;;
        core | live | net | run) echo "util" ;;
        store) echo "live util" ;;
        ctl) echo "jobs core store live net util" ;;
        util) echo "" ;;
    esac
}

for file in $(find mod_forge -name '*.[ch]' -o -name '*.def' | sort); do
    inside=${file#mod_forge/}
    case "$inside" in */*) room=${inside%%/*} ;; *) room=front ;; esac
    case "$inside" in forge.h | errors.def) room=shared ;; esac
    # "../core/core.h" and "core/core.h" name another room; a plain name is a neighbour.
    for header in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file"); do
        target=${header#../}
        case "$target" in
            forge.h | errors.def | config.h) continue ;;
            */*) other=${target%%/*} ;;
            *) continue ;;
        esac
        [ "$other" = "$room" ] && continue
        case " $(allowed "$room") " in
            *" $other "*) ;;
            *) wrong "$file includes \"$header\": $room may not know $other" ;;
        esac
        case "$target" in
            "$other/$other.h") ;;
            config/commands.h) [ "$room" = front ] || wrong "$file includes \"$header\": the directives are for the module record alone" ;;
            *) wrong "$file includes \"$header\": other rooms are entered by their door, $other/$other.h" ;;
        esac
    done
    for header in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*<\([^>]*\)>.*/\1/p' "$file"); do
        case "$header" in
            httpd.h | http_*.h | ap_*.h | mod_*.h | util_filter.h | util_script.h | util_time.h | util_md5.h | scoreboard.h | mpm_common.h | unixd.h)
                case "$room" in front | config | server | http | doors | work) ;; *) wrong "$file includes <$header>: httpd is known to mod_forge.c, start.c, config/, server/, http/, doors/ and work/ only" ;; esac ;;
            libpq-fe.h | libpq-events.h | libpq/* | postgres*)
                [ "$room" = store ] || wrong "$file includes <$header>: libpq is known to store/ only" ;;
            jansson.h)
                [ "$inside" = util/json.c ] || wrong "$file includes <$header>: jansson is known to util/json.c only" ;;
            liboath/* | oath.h | qrencode.h)
                [ "$room" = core ] || wrong "$file includes <$header>: liboath and libqrencode are known to core/ only" ;;
            openssl/* | cjose/*)
                [ "$room" = core ] || wrong "$file includes <$header>: OpenSSL and cjose are known to core/ only" ;;
            curl/*)
                [ "$room" = net ] || wrong "$file includes <$header>: libcurl is known to net/ only" ;;
        esac
    done
done
exit $failed
