/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/analysis: addresses of repositories, names of branches, pieces of files. Most of them are attacks.
 */
#include "core/analysis/analysis.h"
#include "unit.h"
#include <apr_strings.h>

static apr_array_header_t *hosts_of(const char *words)
{
    apr_array_header_t *hosts = apr_array_make(forge_test_pool, 4, sizeof(forge_git_host_t));
    char *last, *copy = apr_pstrdup(forge_test_pool, words);
    for (char *word = apr_strtok(copy, " ", &last); word; word = apr_strtok(NULL, " ", &last))
        ck_assert_msg(forge_core_git_host(forge_test_pool, word, apr_array_push(hosts)), "%s", word);
    return hosts;
}

/* What is fetched for an address; "" when it is refused. */
static const char *fetched(const char *url)
{
    forge_repository_t of;
    const char *why = forge_core_repository_url(forge_test_pool, url,
                                                hosts_of("github.com git.example.org:8443 private:git.intern"), &of);
    if (why) {
        ck_assert_msg(!of.host && !of.url, "%s", url);
        ck_assert_int_eq(strncmp(why, "must ", 5), 0);
        return "";
    }
    return apr_psprintf(forge_test_pool, "%s %s %d%s", of.url, of.path, of.host->port, of.host->own ? " own" : "");
}

START_TEST(test_addresses_that_are_fetched)
{
    ck_assert_str_eq(fetched("https://github.com/owner/name"), "https://github.com/owner/name owner/name 443");
    ck_assert_str_eq(fetched("https://GitHub.com:443/o/n.git"), "https://github.com/o/n o/n 443");
    ck_assert_str_eq(fetched("https://github.com/o-w/.github/"), "https://github.com/o-w/.github o-w/.github 443");
    ck_assert_str_eq(fetched("https://git.example.org:8443/O/a.b_c-d"),
                     "https://git.example.org:8443/O/a.b_c-d O/a.b_c-d 8443");
    ck_assert_str_eq(fetched("https://git.intern/o/n"), "https://git.intern/o/n o/n 443 own");
}
END_TEST

static const char *const attacks[] = {
    "",
    " ",
    "https",
    "https:",
    "https:/",
    "https://",
    "https:///o/n",
    "https://github.com",
    "https://github.com/",
    "https://github.com/o",
    "https://github.com/o/",
    "https://github.com//n",
    "https://github.com//o/n",
    "https://github.com/o//n",
    "https://github.com/o/n/x",
    "https://github.com/o/n//",
    "https://github.com/o/n/.",
    /* other schemes, other spellings of this one */
    "http://github.com/o/n",
    "HTTPS://github.com/o/n",
    "git://github.com/o/n",
    "ssh://github.com/o/n",
    "ftp://github.com/o/n",
    "git@github.com:o/n.git",
    "file:///etc/passwd",
    "file://github.com/o/n",
    "ext::sh -c touch% /tmp/x",
    "fd::17",
    "gopher://github.com/o/n",
    "dict://github.com/o/n",
    "javascript:alert(1)",
    "data:text/plain,x",
    "//github.com/o/n",
    "github.com/o/n",
    "/etc/passwd",
    "../n",
    "--upload-pack=touch /tmp/x",
    "-o",
    " https://github.com/o/n",
    "\thttps://github.com/o/n",
    "https ://github.com/o/n",
    "https:\\\\github.com\\o\\n",
    "https:/\\github.com/o/n",
    "view-source:https://github.com/o/n",
    "git+https://github.com/o/n",
    "https::https://github.com/o/n",
    /* users and other hosts */
    "https://user@github.com/o/n",
    "https://user:pass@github.com/o/n",
    "https://@github.com/o/n",
    "https://:@github.com/o/n",
    "https://github.com@evil.example/o/n",
    "https://evil.example#@github.com/o/n",
    "https://evil.example?@github.com/o/n",
    "https://evil.example\\@github.com/o/n",
    "https://github.com%2eevil.example/o/n",
    "https://github.com.evil.example/o/n",
    "https://evil-github.com/o/n",
    "https://www.github.com/o/n",
    "https://gist.github.com/o/n",
    "https://github.com./o/n",
    "https://github.co/o/n",
    "https://github.comm/o/n",
    "https://githu\xd0\xb1.com/o/n",
    "https://github\xe3\x80\x82"
    "com/o/n",
    "https://g%69thub.com/o/n",
    "https://evil.example/github.com/o/n",
    "https://evil.example",
    /* addresses */
    "https://127.0.0.1/o/n",
    "https://127.1/o/n",
    "https://0/o/n",
    "https://0.0.0.0/o/n",
    "https://2130706433/o/n",
    "https://0x7f000001/o/n",
    "https://0177.0.0.1/o/n",
    "https://017700000001/o/n",
    "https://127.0.0.1.nip.io/o/n",
    "https://localhost/o/n",
    "https://localhost.localdomain/o/n",
    "https://[::1]/o/n",
    "https://[::]/o/n",
    "https://[::ffff:127.0.0.1]/o/n",
    "https://[0:0:0:0:0:ffff:7f00:1]/o/n",
    "https://[fe80::1%25eth0]/o/n",
    "https://[64:ff9b::7f00:1]/o/n",
    "https://[fd00::1]/o/n",
    "https://10.0.0.1/o/n",
    "https://172.16.0.1/o/n",
    "https://192.168.0.1/o/n",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/o/n",
    "https://metadata.google.internal/o/n",
    "https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/o/n",
    "https://[github.com]/o/n",
    /* ports */
    "https://github.com:80/o/n",
    "https://github.com:8443/o/n",
    "https://github.com:/o/n",
    "https://github.com:0443/o/n",
    "https://github.com:443:443/o/n",
    "https://github.com:65979/o/n",
    "https://github.com:-443/o/n",
    "https://github.com:+443/o/n",
    "https://github.com: 443/o/n",
    "https://github.com:443x/o/n",
    "https://git.example.org/o/n",
    "https://git.example.org:443/o/n",
    "https://git.intern:80/o/n",
    "https://github.com:99999999999999999999/o/n",
    /* paths */
    "https://github.com/../n",
    "https://github.com/o/..",
    "https://github.com/o/.",
    "https://github.com/./n",
    "https://github.com/o/../../x/y",
    "https://github.com/o/a..b",
    "https://github.com/o/-n",
    "https://github.com/-o/n",
    "https://github.com/o/--upload-pack=x",
    "https://github.com/o/n?x=1",
    "https://github.com/o/n#x",
    "https://github.com/o/n%00",
    "https://github.com/o/n%2f..",
    "https://github.com/%6f/n",
    "https://github.com/o/n;x",
    "https://github.com/o/n x",
    "https://github.com/o/n\n",
    "https://github.com/o/n\r\nHost: x",
    "https://github.com/o/n\t",
    "https://github.com/o\\n/x",
    "https://github.com/o/$(id)",
    "https://github.com/o/`id`",
    "https://github.com/o/n|x",
    "https://github.com/o/n&x",
    "https://github.com/o/n'x",
    "https://github.com/o/n\"x",
    "https://github.com/o/n<x>",
    "https://github.com/o/{n}",
    "https://github.com/o/~n",
    "https://github.com/o/*",
    "https://github.com/o/n@v1",
    "https://github.com/o:x/n",
    "https://github.com/o/.git",
    "https://github.com/o.x/n",
    "https://github.com/o_x/n",
    "https://github.com/o/\xc3\xa4",
    "https://github.com/o/n/tree/main",
    "https://github.com/o/n.git/info/refs",
    "https://github.com/o/n.git/x",
    "https://github.com/0123456789012345678901234567890123456789/n",
    "https://github.com/o/"
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
};

START_TEST(test_addresses_that_are_refused)
{
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
        ck_assert_msg(!*fetched(attacks[i]), "%s is fetched as %s", attacks[i], fetched(attacks[i]));
    for (int c = 1; c < 256; c++) {
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            continue;
        const char *in_host = apr_psprintf(forge_test_pool, "https://github.com%c/o/n", c);
        const char *before = apr_psprintf(forge_test_pool, "https://%cgithub.com/o/n", c);
        const char *in_owner = apr_psprintf(forge_test_pool, "https://github.com/%co/n", c);
        const char *in_name = apr_psprintf(forge_test_pool, "https://github.com/o/n%cn", c);
        ck_assert_msg(c == '/' || !*fetched(in_host), "%s", in_host);
        ck_assert_msg(!*fetched(before), "%s", before);
        ck_assert_msg(!*fetched(in_owner), "%s", in_owner);
        ck_assert_msg(strchr("._-", c) || !*fetched(in_name), "%s", in_name);
    }
}
END_TEST

START_TEST(test_no_host_is_allowed)
{
    forge_repository_t of;
    ck_assert_ptr_nonnull(forge_core_repository_url(forge_test_pool, "https://github.com/o/n", hosts_of(""), &of));
}
END_TEST

START_TEST(test_hosts)
{
    static const char *const wrong[] = {"",
                                        ".",
                                        "*",
                                        "*.example.org",
                                        "a.",
                                        ".a",
                                        "a..b",
                                        "-a",
                                        "a-",
                                        "a.-b",
                                        "a-.b",
                                        "a b",
                                        "127.0.0.1",
                                        "1",
                                        "0x7f.1",
                                        "a.0x7f",
                                        "[::1]",
                                        "a:",
                                        "a:0",
                                        "a:65536",
                                        "a:1x",
                                        "a:01",
                                        "https://a",
                                        "a/b",
                                        "u@a",
                                        "private:",
                                        "private:private:a",
                                        "private:10.0.0.1",
                                        "\xc3\xa4.example"};
    forge_git_host_t host = {NULL, 0, false};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!forge_core_git_host(forge_test_pool, wrong[i], &host), "%s", wrong[i]);
    ck_assert_ptr_null(host.name);
    ck_assert(forge_core_git_host(forge_test_pool, "private:Git.Example.org:65535", &host));
    ck_assert_str_eq(host.name, "git.example.org");
    ck_assert(host.port == 65535 && host.own);
}
END_TEST

START_TEST(test_refs)
{
    static const char *const right[] = {"main", "v1.0",        "feature/x_y-z", "1",
                                        "a+b",  "release/1.x", "a.locked",      "0a1b2c"};
    static const char *const wrong[] = {"",         "-x",      "--upload-pack=x",
                                        ".x",       "a/.x",    "a..b",
                                        "a//b",     "/a",      "a/",
                                        "a.",       "a.lock",  "a.lock/b",
                                        "a b",      "a~1",     "a^",
                                        "a:b",      "a?",      "a*",
                                        "a[",       "a\\b",    "a@{1}",
                                        "@",        "a\n",     "a\x7f",
                                        "a;b",      "$(id)",   "a'b",
                                        "\xc3\xa4", "refs\tx", "a%s"};
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        ck_assert_msg(forge_core_repository_ref(right[i]), "%s", right[i]);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!forge_core_repository_ref(wrong[i]), "%s", wrong[i]);
    char *longest = apr_palloc(forge_test_pool, FORGE_REPOSITORY_REF_MAX + 2);
    memset(longest, 'a', FORGE_REPOSITORY_REF_MAX + 1);
    longest[FORGE_REPOSITORY_REF_MAX + 1] = '\0';
    ck_assert(!forge_core_repository_ref(longest));
    ck_assert(forge_core_repository_ref(longest + 1));
}
END_TEST

/* All pieces, with their length in front, parted by '|'. */
static const char *pieces(const char *text)
{
    apr_size_t len = strlen(text);
    const char *out = "", *piece;
    while ((piece = forge_core_piece(forge_test_pool, &text, &len)))
        out = apr_psprintf(forge_test_pool, "%s%d|", out, (int)strlen(piece));
    return out;
}

START_TEST(test_pieces)
{
    char *text = apr_pcalloc(forge_test_pool, 5001);
    ck_assert_str_eq(pieces(""), "");
    ck_assert_str_eq(pieces("\n\n  ---\n"), "");
    ck_assert_str_eq(pieces("\na\n  b\n\n"), "5|");
    memset(text, 'a', 3200);
    ck_assert_str_eq(pieces(text), "1500|1500|200|");
    text[1000] = text[1001] = text[1400] = '\n';
    ck_assert_str_eq(pieces(text), "1000|1500|698|");
    for (int i = 0; i < 1666; i++)
        memcpy(text + (ptrdiff_t)(3 * i), "\xe2\x82\xac", 3);
    memmove(text + 1, text, 3000);
    *text = 'a';
    text[3001] = '\0';
    ck_assert_str_eq(pieces(text), "1498|1500|3|");
}
END_TEST

Suite *forge_test_core_repository_url(void)
{
    Suite *s = suite_create("core_repository_url");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, test_addresses_that_are_fetched);
    tcase_add_test(tc, test_addresses_that_are_refused);
    tcase_add_test(tc, test_no_host_is_allowed);
    tcase_add_test(tc, test_hosts);
    tcase_add_test(tc, test_refs);
    tcase_add_test(tc, test_pieces);
    suite_add_tcase(s, tc);
    return s;
}
