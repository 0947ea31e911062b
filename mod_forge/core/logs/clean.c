/* SPDX-License-Identifier: Apache-2.0
 * What others wrote becomes text that can be shown: in a terminal, on a page, in JSON.
 */
#include "logs.h"

#include <apr_strings.h>
#include <string.h>

#define CUT_MARK "\xe2\x80\xa6" /* where a line was cut */

/* C0 but line feed and tab, DEL, and C1, which some terminals obey as well. */
static bool is_control(const char *text, apr_size_t n)
{
    unsigned char c = (unsigned char)text[0];
    return (n == 1 && (c < 0x20 || c == 0x7f) && c != '\n' && c != '\t') ||
           (n == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0);
}

static void add_visible(forge_buf_t *b, const char *text, apr_size_t len)
{
    for (apr_size_t i = 0; i < len;) {
        apr_size_t n = forge_util_utf8_next(text + i, len - i);
        if (n == 0)
            forge_util_buf_puts(b, "\xef\xbf\xbd");
        else if (is_control(text + i, n))
            forge_util_buf_printf(b, "\\x%02x", (unsigned char)text[i + n - 1]);
        else
            forge_util_buf_add(b, text + i, n);
        i += n ? n : 1;
    }
}

const char *forge_core_log_clean(apr_pool_t *p, const char *line, apr_size_t len)
{
    apr_size_t kept = len < FORGE_LOG_CUT ? len : FORGE_LOG_CUT;
    while (kept < len && kept > FORGE_LOG_CUT - 4 && ((unsigned char)line[kept] & 0xc0) == 0x80)
        kept--; /* not within a character */
    forge_buf_t *plain = forge_util_buf_make(p, kept + 16, FORGE_LOG_CUT * 5);
    forge_buf_t *masked = forge_util_buf_make(p, kept + 16, FORGE_LOG_CUT * 6);
    add_visible(plain, line, kept);
    forge_core_log_mask(masked, plain->data ? plain->data : "", plain->len);
    if (kept < len)
        forge_util_buf_puts(masked, CUT_MARK);
    forge_util_buf_add(masked, "", 1);
    return masked->failed ? "" : apr_pstrmemdup(p, masked->data, masked->len - 1);
}
