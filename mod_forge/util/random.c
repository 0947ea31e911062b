/* SPDX-License-Identifier: Apache-2.0
 * Randomness from the kernel, and from nowhere else.
 */
#include "util.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* Large requests may be cut short by a signal, so it is asked until all is there. */
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
