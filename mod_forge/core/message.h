/* SPDX-License-Identifier: Apache-2.0
 * Mails as text: templates, and the message around them (RFC 5322, MIME).
 */
#ifndef FORGE_CORE_MESSAGE_H
#define FORGE_CORE_MESSAGE_H

#endif
