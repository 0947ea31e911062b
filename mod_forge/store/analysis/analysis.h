/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/analysis: files, analyses of them and of repositories, passages, questions (SPEC 9, 10).
 */
#ifndef FORGE_STORE_ANALYSIS_H
#define FORGE_STORE_ANALYSIS_H

#include "store/store.h"

/* --- files.c --- */

/* --- sessions.c --- */

/* --- passages.c --- */

/* --- messages.c --- */

#endif
