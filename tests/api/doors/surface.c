/* SPDX-License-Identifier: Apache-2.0
 * ForgeAPI: which paths of a host it hands to the module, and who sees figures and monitor then. A second node, whose
 * hosts differ in that line alone.
 */
#include "harness.h"

#include <string.h>

/* To a host of the second node, as somebody from elsewhere. */
#define ASK(host, path, ...) \
    CALL("GET", path, .port = PORT_THIRD, .lenient = true, \
         .headers = {"Host: " host ".example.org", "X-Client: 192.0.2.7"}, __VA_ARGS__)

static const char hosts[] =
    "<Location \"/\">\nSetHandler None\n</Location>\nForgeAPI On\n" /* what all nodes hand over by hand, taken back */
    "Listen 127.0.0.1:%1$d\nRemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.0.0/8\n"
    "<VirtualHost *:%1$d>\nServerName off.example.org\nForgeAPI Off\n</VirtualHost>\n"
    "<VirtualHost *:%1$d>\nServerName all.example.org\n</VirtualHost>\n"
    "<VirtualHost *:%1$d>\nServerName part.example.org\nForgeAPI on -Docs -errors -metrics\n</VirtualHost>\n"
    "<VirtualHost *:%1$d>\nServerName last.example.org\nForgeAPI On -health\nForgeAPI On -docs\n</VirtualHost>\n"
    "<VirtualHost *:%1$d>\nServerName own.example.org\nForgeAPI On\n<Location \"/metrics\">\n"
    "Require ip 192.0.2.7\n</Location>\n</VirtualHost>\n"
    /* Nothing of httpd's core stands in these: they share nothing with the main server all the same. */
    "<VirtualHost *:%1$d>\nForgeAPI Off\n</VirtualHost>\n"
    "<VirtualHost *:%1$d>\nForgeAPI On -docs\n</VirtualHost>\n";

static void hosts_start(void)
{
    env_second_launch(F(hosts, env.ports[PORT_THIRD]));
    for (int i = 0; i < 600 && ASK("all", "/health/ready")->status != 200; i++)
        pause_ms(50);
    expect_status(ASK("all", "/health/ready"), 200);
}

static bool ours(const reply_t *reply)
{
    return reply->status > 0 && header(reply, "X-Request-ID") != NULL;
}

/* A path that the document names and no part has would be found here. */
START_TEST(every_path_of_the_api_is_handed_over)
{
    const char *path;
    json_t *item;
    hosts_start();
    reply_t *document = ASK("all", "/openapi.json");
    expect_status(document, 200);
    json_object_foreach(json_object_get(document->json, "paths"), path, item)
    {
        ck_assert_msg(ours(ASK("all", F("%s", path))), "ForgeAPI On does not hand over %s", path);
        ck_assert_msg(!ours(ASK("off", F("%s", path))), "ForgeAPI Off hands over %s", path);
    }
    env_second_stop();
}
END_TEST

START_TEST(parts_that_are_left_out_are_the_sites)
{
    static const char *const given[] = {"/api/v1/courses", "/health", "/.well-known/jwks.json", NULL};
    static const char *const kept[] = {"/docs",    "/redoc",   "/api/docs", "/openapi.json", "/errors/not_found",
                                       "/metrics", "/api/v1x", "/healthy",  "/x/health",     NULL};
    hosts_start();
    for (const char *const *path = given; *path; path++)
        expect_status(ASK("part", *path), 200);
    for (const char *const *path = kept; *path; path++)
        ck_assert_msg(!ours(ASK("part", *path)), "%s", *path);
    env_second_stop();
}
END_TEST

START_TEST(figures_are_for_this_machine_and_administrators)
{
    static const char *const closed[] = {"/metrics", "/api/v1/performance", "/api/v1/monitor/database/pool", NULL};
    person_t admin = person("admin"), student = person("student");
    expect_log("AH01631"); /* refused by Require */
    hosts_start();
    for (const char *const *path = closed; *path; path++) {
        expect_status(ASK("all", *path), 401);
        expect_status(ASK("all", *path, .token = student.access), 403);
        expect_status(ASK("all", *path, .token = admin.access), 200);
    }
    expect_status(CALL("GET", "/metrics", .port = PORT_THIRD, .lenient = true, .headers = {"Host: all.example.org"}),
                  200);
    expect_status(ASK("all", "/api/v1/monitor/health"), 200);
    expect_status(ASK("part", "/api/v1/performance"), 401);
    expect_status(ASK("own", "/metrics"), 200); /* the site's own section, after ours, is the last word */
    env_second_stop();
}
END_TEST

/* Off, and a part that is left out, take back what the main server's line gave, its Require too. */
START_TEST(a_hosts_own_line_is_the_only_one)
{
    static const char *const figures[] = {"/metrics", "/api/v1/performance", "/api/v1/monitor", NULL};
    expect_log("AH01631");
    hosts_start();
    for (const char *const *path = figures; *path; path++) {
        expect_status(ASK("all", *path), 401);
        expect_status(ASK("off", *path), 404);
        ck_assert_msg(!ours(ASK("off", *path)), "%s", *path);
    }
    expect_status(ASK("part", "/metrics"), 404);
    expect_status(ASK("part", "/api/v1/monitor"), 401);
    expect_status(ASK("last", "/health"), 200);
    ck_assert(!ours(ASK("last", "/docs")) && ours(ASK("all", "/docs")));
    env_second_stop();
}
END_TEST

Suite *suite_surface(void)
{
    Suite *suite = suite_create("surface");
    TCase *tc = case_make(suite, "all");
    tcase_add_checked_fixture(tc, NULL, env_second_stop);
    tcase_add_test(tc, every_path_of_the_api_is_handed_over);
    tcase_add_test(tc, parts_that_are_left_out_are_the_sites);
    tcase_add_test(tc, figures_are_for_this_machine_and_administrators);
    tcase_add_test(tc, a_hosts_own_line_is_the_only_one);
    return suite;
}
