/* SPDX-License-Identifier: Apache-2.0
 * Who is enrolled in a course.
 */
#include "store_private.h"
