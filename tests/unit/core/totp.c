/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/totp.c, core/qr.c and core/backup.c: the vectors of RFC 4226 and RFC 6238, oathtool as judge, the picture's modules.
 */
#include "core/identity/identity.h"
#include "unit.h"
#include <apr_strings.h>
#include <qrencode.h>
#include <stdio.h>

static const unsigned char rfc_secret[] = "12345678901234567890";

static const char *code_of(apr_int64_t step)
{
    char code[FORGE_TOTP_DIGITS + 1];
    forge_core_totp_code(rfc_secret, 20, step, code);
    return apr_pstrdup(forge_test_pool, code);
}

/* RFC 4226 appendix D */
START_TEST(hotp_vectors)
{
    static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"};
    for (int i = 0; i < 10; i++)
        ck_assert_str_eq(code_of(i), codes[i]);
}
END_TEST

/* RFC 6238 appendix B has eight digits; six are the last six of them. */
START_TEST(totp_vectors)
{
    static const struct {
        apr_int64_t at;
        const char *code;
    } rows[] = {{59, "94287082"},         {1111111109, "07081804"}, {1111111111, "14050471"},
                {1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"}};
    for (int i = 0; i < 6; i++) {
        ck_assert_str_eq(code_of(rows[i].at / FORGE_TOTP_PERIOD), rows[i].code + 2);
        ck_assert_int_eq(forge_core_totp_match(rfc_secret, 20, apr_time_from_sec(rows[i].at), rows[i].code + 2),
                         rows[i].at / FORGE_TOTP_PERIOD);
    }
}
END_TEST

/* What oathtool says of a secret in base32 at a time. */
static const char *oathtool(const char *secret, apr_int64_t at)
{
    char code[64] = "";
    FILE *out = popen(apr_psprintf(forge_test_pool, "oathtool --totp --base32 --now=@%" APR_INT64_T_FMT " %s", at, secret), "r");
    ck_assert_ptr_nonnull(out);
    ck_assert_ptr_nonnull(fgets(code, sizeof(code), out));
    pclose(out);
    code[strcspn(code, "\n")] = 0;
    return apr_pstrdup(forge_test_pool, code);
}

START_TEST(agrees_with_oathtool)
{
    for (int i = 0; i < 12; i++) {
        unsigned char secret[FORGE_TOTP_SECRET_BYTES];
        char code[FORGE_TOTP_DIGITS + 1];
        apr_int64_t at = 1700000000 + (apr_int64_t)i * 86413;
        forge_core_totp_secret(secret);
        const char *text = forge_core_base32(forge_test_pool, secret, sizeof(secret));
        ck_assert_uint_eq(strlen(text), FORGE_TOTP_SECRET_TEXT);
        ck_assert_uint_eq(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), FORGE_TOTP_SECRET_TEXT);
        forge_core_totp_code(secret, sizeof(secret), at / FORGE_TOTP_PERIOD, code);
        ck_assert_str_eq(code, oathtool(text, at));
    }
}
END_TEST

START_TEST(base32_without_padding)
{
    static const struct {
        const char *data, *text;
    } rows[] = {{"f", "MY"}, {"fo", "MZXQ"}, {"foo", "MZXW6"}, {"foob", "MZXW6YQ"}, {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        ck_assert_str_eq(forge_core_base32(forge_test_pool, rows[i].data, strlen(rows[i].data)), rows[i].text);
}
END_TEST

START_TEST(one_step_of_drift)
{
    apr_int64_t step = 1234567890 / FORGE_TOTP_PERIOD;
    apr_time_t begin = apr_time_from_sec(step * FORGE_TOTP_PERIOD), end = begin + apr_time_from_sec(FORGE_TOTP_PERIOD) - 1;
    for (int drift = -3; drift <= 3; drift++) {
        apr_int64_t wanted = drift >= -1 && drift <= 1 ? step + drift : -1;
        ck_assert_int_eq(forge_core_totp_match(rfc_secret, 20, begin, code_of(step + drift)), wanted);
        ck_assert_int_eq(forge_core_totp_match(rfc_secret, 20, end, code_of(step + drift)), wanted);
    }
}
END_TEST

START_TEST(codes_that_are_none)
{
    static const char *const bad[] = {"", "1", "00592", "0059244", "abcdef", "005924\n", "00592x", NULL};
    apr_time_t now = apr_time_from_sec(1234567890);
    ck_assert_int_gt(forge_core_totp_match(rfc_secret, 20, now, "005924"), 0);
    for (const char *const *code = bad; *code; code++)
        ck_assert_int_eq(forge_core_totp_match(rfc_secret, 20, now, *code), -1);
}
END_TEST

START_TEST(uri_is_encoded)
{
    ck_assert_str_eq(forge_core_totp_uri(forge_test_pool, "Uni K\xc3\xb6ln", "a+b&c@example.org", "JBSWY3DPEHPK3PXP"),
                     "otpauth://totp/Uni%20K%C3%B6ln:a%2Bb%26c%40example.org?secret=JBSWY3DPEHPK3PXP&issuer=Uni%20K%C3%B6ln"
                     "&algorithm=SHA1&digits=6&period=30");
}
END_TEST

/* Reads the rectangles of the path back into modules. */
static void modules_of(const char *svg, unsigned char *dark, int side)
{
    const char *at = strstr(svg, " d=\"");
    int x, y, run, again, used;
    ck_assert_ptr_nonnull(at);
    at += 4;
    for (; *at != '"'; at += used) {
        used = 0;
        ck_assert_msg(sscanf(at, "M%d %dh%dv1h-%dz%n", &x, &y, &run, &again, &used) == 4 && used > 0, "%.40s", at);
        ck_assert(run == again && x >= 0 && y >= 0 && x + run <= side && y < side);
        memset(dark + y * side + x, 1, (size_t)run);
    }
    ck_assert_str_eq(at, "\"/></svg>");
}

START_TEST(qr_has_every_module)
{
    const char *uri =
        forge_core_totp_uri(forge_test_pool, "mod_forge", "ada.lovelace@students.example.org", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
    const char *svg = forge_core_qr_svg(forge_test_pool, uri);
    QRcode *code = QRcode_encodeString8bit(uri, 0, QR_ECLEVEL_M);
    ck_assert_ptr_nonnull(svg);
    ck_assert_ptr_nonnull(code);
    int side = code->width + 8;
    ck_assert_ptr_nonnull(strstr(svg, apr_psprintf(forge_test_pool, "viewBox=\"0 0 %d %d\"", side, side)));
    unsigned char *dark = apr_pcalloc(forge_test_pool, (apr_size_t)(side * side));
    modules_of(svg, dark, side);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            bool inside = x >= 4 && y >= 4 && x < side - 4 && y < side - 4;
            bool wanted = inside && code->data[(y - 4) * code->width + x - 4] & 1;
            ck_assert_msg(dark[y * side + x] == wanted, "module %d %d", x, y);
        }
    QRcode_free(code);
    ck_assert_ptr_null(strstr(svg, "script"));
    ck_assert_ptr_null(strchr(svg, '&'));
    ck_assert_uint_eq(strcspn(svg, "<"), 0);
}
END_TEST

START_TEST(qr_of_too_much)
{
    char *text = apr_pcalloc(forge_test_pool, 4001);
    memset(text, 'x', 4000);
    ck_assert_ptr_null(forge_core_qr_svg(forge_test_pool, text));
}
END_TEST

START_TEST(backup_codes_are_made)
{
    const char *one = forge_core_backup_make(forge_test_pool), *two = forge_core_backup_make(forge_test_pool);
    char code[FORGE_BACKUP_CHARS + 1];
    ck_assert_uint_eq(strlen(one), FORGE_BACKUP_CHARS + 1);
    ck_assert_int_eq(one[5], '-');
    ck_assert_uint_eq(strspn(one, "0123456789abcdefghjkmnpqrstvwxyz-"), FORGE_BACKUP_CHARS + 1);
    ck_assert_str_ne(one, two);
    ck_assert_int_eq(forge_core_code_read(one, code), FORGE_CODE_BACKUP);
    ck_assert_mem_eq(code, one, 5);
    ck_assert_str_eq(code + 5, one + 6);
}
END_TEST

START_TEST(codes_are_read)
{
    static const struct {
        const char *typed;
        forge_code_kind_t kind;
        const char *code;
    } rows[] = {
        {"123456", FORGE_CODE_TOTP, "123456"},
        {" 123 456 ", FORGE_CODE_TOTP, "123456"},
        {"123-456", FORGE_CODE_TOTP, "123456"},
        {"k3m9x-7w2qd", FORGE_CODE_BACKUP, "k3m9x7w2qd"},
        {"K3M9X7W2QD", FORGE_CODE_BACKUP, "k3m9x7w2qd"},
        {" k3m9x 7w2qd - ", FORGE_CODE_BACKUP, "k3m9x7w2qd"},
        {"OIL0123456", FORGE_CODE_BACKUP, "0110123456"},
        {"0123456789", FORGE_CODE_BACKUP, "0123456789"},
        {"", FORGE_CODE_NONE, NULL},
        {"12345", FORGE_CODE_NONE, NULL},
        {"1234567", FORGE_CODE_NONE, NULL},
        {"o12345", FORGE_CODE_NONE, NULL},
        {"k3m9x-7w2q", FORGE_CODE_NONE, NULL},
        {"k3m9x-7w2qdd", FORGE_CODE_NONE, NULL},
        {"k3m9x-7w2qu", FORGE_CODE_NONE, NULL},
        {"k3m9x_7w2qd", FORGE_CODE_NONE, NULL},
        {"\xef\xbc\x91\xef\xbc\x92", FORGE_CODE_NONE, NULL},
        {"- - -", FORGE_CODE_NONE, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char code[FORGE_BACKUP_CHARS + 1];
        ck_assert_msg(forge_core_code_read(rows[i].typed, code) == rows[i].kind, "%s", rows[i].typed);
        if (rows[i].code)
            ck_assert_str_eq(code, rows[i].code);
    }
}
END_TEST

START_TEST(backup_macs)
{
    static const char secret[] = "Zq8vN2xT7mB4cL9wK1sD6fH3jP5rY0aE";
    forge_keys_t *keys = forge_core_keys_make(forge_test_pool, secret, 32);
    const char *mac = forge_core_backup_mac(forge_test_pool, keys, 7, "k3m9x7w2qd");
    ck_assert_uint_eq(strlen(mac), 64);
    ck_assert_str_eq(mac, forge_core_backup_mac(forge_test_pool, keys, 7, "k3m9x7w2qd"));
    ck_assert_str_ne(mac, forge_core_backup_mac(forge_test_pool, keys, 8, "k3m9x7w2qd"));
    ck_assert_str_ne(mac, forge_core_backup_mac(forge_test_pool, keys, 7, "k3m9x7w2qe"));
}
END_TEST

Suite *forge_test_core_totp(void)
{
    Suite *s = suite_create("core_totp");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 30);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, hotp_vectors);
    tcase_add_test(tc, totp_vectors);
    tcase_add_test(tc, agrees_with_oathtool);
    tcase_add_test(tc, base32_without_padding);
    tcase_add_test(tc, one_step_of_drift);
    tcase_add_test(tc, codes_that_are_none);
    tcase_add_test(tc, uri_is_encoded);
    tcase_add_test(tc, qr_has_every_module);
    tcase_add_test(tc, qr_of_too_much);
    tcase_add_test(tc, backup_codes_are_made);
    tcase_add_test(tc, codes_are_read);
    tcase_add_test(tc, backup_macs);
    suite_add_tcase(s, tc);
    return s;
}
