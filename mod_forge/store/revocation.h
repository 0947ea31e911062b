/* SPDX-License-Identifier: Apache-2.0
 * Sessions and epochs that have ended, as every node must know them (DESIGN 3).
 */
#ifndef FORGE_STORE_REVOCATION_H
#define FORGE_STORE_REVOCATION_H

#endif
