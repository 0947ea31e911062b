/* SPDX-License-Identifier: Apache-2.0
 * Time-based one-time passwords (RFC 6238), their QR code, and backup codes.
 */
#ifndef FORGE_CORE_MFA_H
#define FORGE_CORE_MFA_H

#endif
