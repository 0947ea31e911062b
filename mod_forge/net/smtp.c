/* SPDX-License-Identifier: Apache-2.0
 * Mail by SMTP, through libcurl.
 */
#include "net.h"
