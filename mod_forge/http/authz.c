/* SPDX-License-Identifier: Apache-2.0
 * Require forge-role, forge-org, forge-enrolled, forge-mfa.
 */
#include "http.h"
