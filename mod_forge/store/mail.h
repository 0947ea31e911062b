/* SPDX-License-Identifier: Apache-2.0
 * One-use tokens, what they change, and the mails that wait to be sent (SPEC 3).
 */
#ifndef FORGE_STORE_MAIL_H
#define FORGE_STORE_MAIL_H

#endif
