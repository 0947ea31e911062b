/* SPDX-License-Identifier: Apache-2.0
 * What each mail says, in text and HTML.
 */
#include "core.h"
