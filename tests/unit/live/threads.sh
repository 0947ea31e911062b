#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The short run of the stress on the shared structures; `make test-tsan` is the long one.
exec "$FORGE_BUILDDIR/live_threads"
