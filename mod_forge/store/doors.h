/* SPDX-License-Identifier: Apache-2.0
 * What the doors of Apache ask of the database: names and memberships of the one who is let in (SPEC 17).
 */
#ifndef FORGE_STORE_DOORS_H
#define FORGE_STORE_DOORS_H

#endif
