/* SPDX-License-Identifier: Apache-2.0
 * Interface of core/analysis: what can be said of a text or of a repository, without SQL and without httpd.
 */
#ifndef FORGE_CORE_ANALYSIS_H
#define FORGE_CORE_ANALYSIS_H

#include "core/core.h"

#endif
