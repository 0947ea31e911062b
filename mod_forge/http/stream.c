/* SPDX-License-Identifier: Apache-2.0
 * Answers that are sent while they are read: NDJSON, in constant memory.
 */
#include "http.h"
