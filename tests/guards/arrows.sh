#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: includes point downwards only (mod_forge/README.md, "The rooms"), families know each other by their interface headers alone, and each library is
# included in its one room.
# shellcheck disable=SC2013
cd "${1:-.}" || exit 2
failed=0
wrong() { echo "  $1"; failed=1; }

# Rooms a room may include, besides itself, forge.h and errors.def.
allowed() {
    case "$1" in
        front) echo "api http doors work server config core store live net run util" ;;
        api) echo "http config core store live run util" ;;
        http) echo "server config core store live net run util" ;;
        doors) echo "server config core store live util" ;;
        work) echo "server jobs config core store live net util" ;;
        server) echo "config core store live net util" ;;
        jobs) echo "core store live net run util" ;;
        config) echo "core live net util" ;;
        core | live | net | run) echo "util" ;;
        store) echo "live util" ;;
        ctl) echo "jobs core store live net run util" ;;
        runner) echo "run util" ;; # frames and standard descriptors alone: see below
        survey) echo "util" ;;     # the same descriptors
        util) echo "" ;;
    esac
}

# Families of one layer that a family may enter, by their interface headers, besides what the layer shares.
families() {
    case "$1" in
        api/users | api/organizations) echo "identity" ;;
        core/wire) echo "identity" ;;
        core/learning) echo "identity" ;;
        core/mail) echo "identity texts" ;;
        store/analysis) echo "operations" ;;
        store/identity | store/organizations) echo "mail" ;;
        *) echo "" ;;
    esac
}

# What all families of a layer share, besides the layer's own folder.
shared_by_all() {
    case "$1" in store/engine) return 0 ;; *) return 1 ;; esac
}

for file in $(find mod_forge -name '*.[ch]' -o -name '*.def' | sort); do
    inside=${file#mod_forge/}
    case "$inside" in */*) room=${inside%%/*} ;; *) room=front ;; esac
    case "$inside" in forge.h | errors.def) room=shared ;; esac
    folder=$(dirname "$inside")
    # "core/core.h" names a header from mod_forge/; a plain name is a neighbour in the same folder.
    for header in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file"); do
        case "$header" in
            forge.h | errors.def) continue ;;
            ../*) wrong "$file includes \"$header\": name it by its path from mod_forge/"; continue ;;
            */*) other=${header%%/*} place=$(dirname "$header") interface=$(basename "$header") ;;
            *) continue ;;
        esac
        if [ "$other" != "$room" ]; then
            case " $(allowed "$room") " in
                *" $other "*) ;;
                *) wrong "$file includes \"$header\": $room may not know $other" ;;
            esac
        elif [ "$place" != "$folder" ] && [ "$place" != "$room" ] && ! shared_by_all "$place"; then
            case " $(families "$folder") " in
                *" ${place#"$room"/} "*) ;;
                *) wrong "$file includes \"$header\": $folder may not know $place" ;;
            esac
        fi
        [ "$place" = "$folder" ] || [ "$place" = "$room" ] || { [ "$other" = "$room" ] && shared_by_all "$place"; } && continue
        case "$header" in
            run/frames.h | run/profiles.def | run/tools.def) [ "$room" = runner ] || wrong "$file includes \"$header\": run/ is entered by run/run.h" ;;
            run/run.h) [ "$room" != runner ] || wrong "$file includes \"$header\": of libforge, runner/ has run/frames.h, run/profiles.def and run/tools.def alone" ;;
            util/standard.h) case "$room" in ctl | runner | survey) ;; *) wrong "$file includes \"$header\": the standard descriptors are a program's, and httpd has its own" ;; esac ;;
            util/slice.h) [ "$room" = runner ] || wrong "$file includes \"$header\": of other folders runner/ alone sets slices; work that others may interrupt is forge_util_yielding()" ;;
            util/util.h) case "$room" in runner | survey) wrong "$file includes \"$header\": $room/ is plain C, and has the headers of util/ that say so alone" ;; esac ;;
            config/commands.h) [ "$room" = front ] || wrong "$file includes \"$header\": the directives are for the module record alone" ;;
            *) [ "$interface" = "$(basename "$place").h" ] || wrong "$file includes \"$header\": other folders are entered by their interface header, $place/$(basename "$place").h" ;;
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
            zlib.h)
                [ "$inside" = util/gzip.c ] || wrong "$file includes <$header>: zlib is known to util/gzip.c only" ;;
            liboath/* | oath.h | qrencode.h)
                [ "$folder" = core/identity ] || wrong "$file includes <$header>: liboath and libqrencode are known to core/identity/ only" ;;
            cmark.h)
                [ "$inside" = core/learning/markdown.c ] || wrong "$file includes <$header>: libcmark is known to core/learning/markdown.c only" ;;
            textcat.h)
                [ "$inside" = core/analysis/language.c ] || wrong "$file includes <$header>: libexttextcat is known to core/analysis/language.c only" ;;
            openssl/ssl.h | openssl/err.h | openssl/x509v3.h)
                [ "$inside" = net/redis_socket.c ] || [ "$folder" = core/identity ] || wrong "$file includes <$header>: OpenSSL is known to core/identity/ and, for TLS, to net/redis_socket.c only" ;;
            hiredis.h | hiredis/*)
                [ "$inside" = net/redis_wire.c ] || wrong "$file includes <$header>: hiredis is known to net/redis_wire.c only" ;;
            openssl/* | cjose/*)
                [ "$folder" = core/identity ] || wrong "$file includes <$header>: OpenSSL and cjose are known to core/identity/ only" ;;
            seccomp.h)
                [ "$room" = runner ] || wrong "$file includes <$header>: libseccomp is known to runner/ only" ;;
            apr*.h | apu*.h)
                case "$room" in runner | survey) wrong "$file includes <$header>: $room/ is plain C, without APR" ;; esac ;;
            ares.h | ares_*.h | arpa/nameser.h)
                [ "$inside" = net/dns.c ] || wrong "$file includes <$header>: c-ares is known to net/dns.c only" ;;
            curl/*)
                [ "$room" = net ] || wrong "$file includes <$header>: libcurl is known to net/ only" ;;
        esac
    done
done
exit $failed
