/* SPDX-License-Identifier: Apache-2.0
 * Lockout, second factors and backup codes (SPEC 3).
 */
#ifndef FORGE_STORE_LOGIN_H
#define FORGE_STORE_LOGIN_H

#endif
