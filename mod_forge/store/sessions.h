/* SPDX-License-Identifier: Apache-2.0
 * Sessions, refresh tokens, guests, API keys and tickets (SPEC 3).
 */
#ifndef FORGE_STORE_SESSIONS_H
#define FORGE_STORE_SESSIONS_H

#endif
