/* SPDX-License-Identifier: Apache-2.0
 * How long a thread keeps a processor that others want too. Plain C, so that forge-init has it as well.
 */
#ifndef FORGE_SLICE_H
#define FORGE_SLICE_H

#include <stdbool.h>

/* Gives the calling thread a niceness (-20 to 19, sched(7)) and, from Linux 6.12 on, a slice in nanoseconds (100 000 to
 * 100 000 000; sched_setattr(2), sched_runtime): who has a long slice may be interrupted by who has a short one. Older
 * kernels pass the slice over. Whether the kernel took it. */
bool forge_util_slice(int niceness, long nanoseconds);

#endif
