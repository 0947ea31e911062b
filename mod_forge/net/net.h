/* SPDX-License-Identifier: Apache-2.0
 * Door of net/: outbound calls. libcurl is included here and nowhere else.
 */
#ifndef FORGE_NET_H
#define FORGE_NET_H

#include "../forge.h"
#include "../util/util.h"

#endif
