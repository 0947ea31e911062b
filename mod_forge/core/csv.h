/* SPDX-License-Identifier: Apache-2.0
 * Comma-separated values (RFC 4180), for imports.
 */
#ifndef FORGE_CORE_CSV_H
#define FORGE_CORE_CSV_H

#endif
