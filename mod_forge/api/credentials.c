/* SPDX-License-Identifier: Apache-2.0
 * The password of the one who asks, checked once more before something grave; with the lockout of logins.
 */
#include "shared.h"
