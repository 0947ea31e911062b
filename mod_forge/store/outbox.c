/* SPDX-License-Identifier: Apache-2.0
 * Mails that wait to be sent.
 */
#include "store_private.h"
