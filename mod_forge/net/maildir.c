/* SPDX-License-Identifier: Apache-2.0
 * Mail into a directory: one .eml per message.
 */
#include "net.h"
