/* SPDX-License-Identifier: Apache-2.0
 * The slice of a thread, by the system call itself, which glibc has no function for.
 */
#include "slice.h"

#if defined(__linux__)
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct sched_attr of linux/sched/types.h, which glibc's headers do not go together with. */
typedef struct sched_attr_t {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
} sched_attr_t;

bool forge_util_slice(int niceness, long nanoseconds)
{
    const sched_attr_t attr = {.size = sizeof(attr), .nice = niceness, .runtime = (uint64_t)nanoseconds};
    return syscall(SYS_sched_setattr, 0, &attr, 0) == 0;
}

#else

bool forge_util_slice(int niceness, long nanoseconds)
{
    (void)niceness, (void)nanoseconds;
    return false;
}

#endif
