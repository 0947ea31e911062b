/* SPDX-License-Identifier: Apache-2.0
 * Accounts as administrators and their owners manage them, and the audit log (SPEC 4).
 */
#ifndef FORGE_STORE_ACCOUNTS_H
#define FORGE_STORE_ACCOUNTS_H

#endif
