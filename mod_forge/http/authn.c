/* SPDX-License-Identifier: Apache-2.0
 * AuthType Forge: who asks for protected content.
 */
#include "http.h"
