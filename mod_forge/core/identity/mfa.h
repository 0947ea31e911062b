/* SPDX-License-Identifier: Apache-2.0
 * Time-based one-time passwords (RFC 6238), their QR code, and backup codes.
 */
#ifndef FORGE_CORE_MFA_H
#define FORGE_CORE_MFA_H

#include "core/core.h"

typedef struct forge_keys_t forge_keys_t;

#define FORGE_TOTP_SECRET_BYTES 20 /* 160 bits, what RFC 4226 §4 recommends */
#define FORGE_TOTP_SECRET_TEXT  32 /* the same in base32 */
#define FORGE_TOTP_DIGITS       6
#define FORGE_TOTP_PERIOD       30 /* seconds of a step */
#define FORGE_TOTP_WINDOW       1  /* steps that a clock may be ahead or behind */
#define FORGE_BACKUP_CODES      10
#define FORGE_BACKUP_CHARS      10  /* of 32 letters and digits: 50 bits */
#define FORGE_CODE_TEXT_MAX     64  /* characters of a code as typed */

/* --- totp.c --- */

/* A new secret. */
void forge_core_totp_secret(unsigned char secret[FORGE_TOTP_SECRET_BYTES]);
/* Base32 without padding (RFC 4648 §6), as people type it into an app. NULL only when out of memory. */
const char *forge_core_base32(apr_pool_t *p, const void *data, apr_size_t len);
/* The code of a step, 6 digits (HMAC-SHA-1). */
void forge_core_totp_code(const unsigned char *secret, apr_size_t len, apr_int64_t step, char code[FORGE_TOTP_DIGITS + 1]);
/* The step whose code this is, of those within FORGE_TOTP_WINDOW of `now`; -1 when none is. Every step is compared, in constant time. The
 * newest that matches: a code that two steps share is not accepted twice. */
apr_int64_t forge_core_totp_match(const unsigned char *secret, apr_size_t len, apr_time_t now, const char *code);
/* otpauth://totp/Issuer:account?secret=…&issuer=…&algorithm=SHA1&digits=6&period=30 */
const char *forge_core_totp_uri(apr_pool_t *p, const char *issuer, const char *account, const char *secret);

/* --- qr.c --- */

/* The text as a QR code in SVG: one path on a white ground, quiet zone of four modules, no script and no style. NULL when it is too long.
 */
const char *forge_core_qr_svg(apr_pool_t *p, const char *text);

/* --- backup.c --- */

/* What kind of code was typed; blanks and hyphens do not count. FORGE_CODE_TOTP: six digits. FORGE_CODE_BACKUP: ten letters or digits,
 * told in lower case with look-alikes resolved (o is 0, i and l are 1). */
typedef enum forge_code_kind_t { FORGE_CODE_NONE, FORGE_CODE_TOTP, FORGE_CODE_BACKUP } forge_code_kind_t;
forge_code_kind_t forge_core_code_read(const char *typed, char code[FORGE_BACKUP_CHARS + 1]);
/* A new backup code as it is shown: "k3m9x-7w2qd". */
const char *forge_core_backup_make(apr_pool_t *p);
/* What is stored of a code as forge_core_code_read tells it: a MAC of account and code, in hex. */
const char *forge_core_backup_mac(apr_pool_t *p, const forge_keys_t *keys, apr_int64_t user_id, const char *code);

#endif
