/* SPDX-License-Identifier: Apache-2.0
 * QR codes as SVG, by libqrencode.
 */
#include "identity.h"
#include <qrencode.h>

#define QUIET   4     /* modules of white around it (ISO/IEC 18004 §5.3.8) */
#define PIXELS  4     /* of a module, where the page says no size */
#define SVG_MAX 65536 /* bytes; the largest code of an otpauth URI has a fifth of it */

/* Each run of dark modules in a row is one rectangle of the path. */
static void add_row(forge_buf_t *b, const unsigned char *modules, int width, int y)
{
    for (int x = 0; x < width;) {
        int run = 0;
        while (x + run < width && modules[x + run] & 1)
            run++;
        if (run > 0)
            forge_util_buf_printf(b, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, run, run);
        x += run > 0 ? run : 1;
    }
}

const char *forge_core_qr_svg(apr_pool_t *p, const char *text)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    forge_buf_t *b = forge_util_buf_make(p, 8192, SVG_MAX);
    if (!code)
        return NULL;
    int side = code->width + 2 * QUIET;
    forge_util_buf_printf(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">", side * PIXELS,
                          side * PIXELS, side, side);
    forge_util_buf_printf(b, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/><path fill=\"#000\" d=\"", side, side);
    for (int y = 0; y < code->width; y++)
        add_row(b, code->data + y * code->width, code->width, y);
    forge_util_buf_add(b, "\"/></svg>", sizeof("\"/></svg>"));
    QRcode_free(code);
    return b->failed ? NULL : b->data;
}
