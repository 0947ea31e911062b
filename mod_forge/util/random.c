/* SPDX-License-Identifier: Apache-2.0
 * Random bytes, only from the kernel.
 */
#include "util.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* Repeats the call until all bytes are there, because a signal may cut a large request short. */
void forge_util_random(void *data, apr_size_t len)
{
    unsigned char *at = data;
    while (len) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            abort();
        at += n;
        len -= (apr_size_t)n;
    }
}
