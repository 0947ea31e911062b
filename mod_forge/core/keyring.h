/* SPDX-License-Identifier: Apache-2.0
 * Several signing keys: HS256, RS256, ES256, rotation, and the public ones as JWKS (RFC 7517).
 */
#ifndef FORGE_CORE_KEYRING_H
#define FORGE_CORE_KEYRING_H

#endif
