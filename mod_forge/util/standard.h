/* SPDX-License-Identifier: Apache-2.0
 * The standard descriptors of a program. Plain C, so that forge-runner and forge-survey have it too.
 */
#ifndef FORGE_STANDARD_H
#define FORGE_STANDARD_H

#include <stdbool.h>

/* Opens those of 0 to 2 that are closed on /dev/null: the next file or connection would get their numbers, and what is
 * meant for people would go into it. Whether standard output could be written to before. */
bool forge_util_standard_open(void);

#endif
