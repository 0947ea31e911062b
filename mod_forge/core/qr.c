/* SPDX-License-Identifier: Apache-2.0
 * A QR code as SVG, by libqrencode.
 */
#include "core.h"
