/* SPDX-License-Identifier: Apache-2.0
 * Organisations, their members and invitations, and who is enrolled in a course (SPEC 5, 6).
 */
#ifndef FORGE_STORE_ORGANIZATIONS_H
#define FORGE_STORE_ORGANIZATIONS_H

#endif
