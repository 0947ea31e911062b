/* SPDX-License-Identifier: Apache-2.0
 * Sessions and epochs that have ended, for as long as a token of theirs may still be unexpired.
 */
#include "live_private.h"
