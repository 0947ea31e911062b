#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guard: no example of ours grants by a role that people give themselves, the example site lets nobody choose more than student, the configuration
# that is installed has no active line, and the file that people touch to drain a node lies in a folder that every system has.
cd "${1:-.}" || exit 2
failed=0
if ! grep -qx ' *ForgeSelfRoles student' conf/examples/site.conf; then
    echo "  conf/examples/site.conf does not say ForgeSelfRoles student"
    failed=1
fi
if grep -n '^ *[^# ]' conf/forge.conf; then
    echo "  conf/forge.conf changes a server by its installation"
    failed=1
fi
# README's first configuration is what people copy.
if ! sed -n '/^## A working configuration/,/^## /p' README.md | grep -qx 'ForgeSelfRoles student'; then
    echo "  the configuration at the head of README.md does not say ForgeSelfRoles student"
    failed=1
fi
granted=$(grep -nE '^#? *Require +forge-role +(instructor|guest)' README.md packaging/docs/*.md conf/*.conf conf/examples/*.conf packaging/demo mod_forge/README.md)
if [ -n "$granted" ]; then
    echo "  lets in whoever registers so:"
    printf '%s\n' "$granted" | sed 's/^/    /'
    failed=1
fi
drains=$(grep -nE '(touch|ForgeDrainFile) +/' conf/*.conf conf/examples/*.conf packaging/docs/*.md README.md | grep -vE '(touch|ForgeDrainFile) +(/path|/run/[^/ ]+( |$))')
if [ -n "$drains" ]; then
    echo "  is in a folder that nothing makes:"
    printf '%s\n' "$drains" | sed 's/^/    /'
    failed=1
fi
exit $failed
