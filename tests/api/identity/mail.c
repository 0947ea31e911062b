/* SPDX-License-Identifier: Apache-2.0
 * Mail: addresses are proven and changed by it, and a mail server that is ill delays mail, never a request (SPEC 3).
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static reply_t *verify(const char *token)
{
    return CALL("POST", "/api/v1/auth/email/verify", .json = F("{\"token\":\"%s\"}", token));
}

static bool verified(person_t who)
{
    return strcmp(sql("SELECT email_verified FROM forge.users WHERE id = %lld", (long long)who.id), "t") == 0;
}

/* Waits until the outbox holds so many mails. */
static void outbox_wait(const char *count)
{
    for (int i = 0; i < 150 && strcmp(sql("SELECT count(*) FROM forge.mail_outbox"), count); i++)
        pause_ms(100);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.mail_outbox"), count);
}

/* --- verification --- */

START_TEST(verification)
{
    person_t me = person("student");
    char *mail = mail_wait(me.email, "Confirm your e-mail address"), *token = mail_token(mail);
    ck_assert_msg(strstr(mail, F("\r\nhttps://learn.example.org/verify-email?token=%s\r\n", token)) != NULL, "%s",
                  mail);
    ck_assert(!verified(me));
    expect_problem(verify(F("%s_", token)), "token_invalid");
    expect_status(verify(token), 204);
    ck_assert(verified(me));
    expect_problem(verify(token), "token_invalid");
    ck_assert_str_eq(sql("SELECT event || subject_id FROM forge.audit_events WHERE event = 'email.verified'"),
                     F("email.verified%lld", (long long)me.id));
    expect_fault(CALL("POST", "/api/v1/auth/email/verify", .json = "{\"token\":7}"), "/token", "type");
}
END_TEST

START_TEST(verification_again)
{
    person_t me = person("student");
    char *first = mail_token(mail_wait(me.email, "Confirm"));
    outbox_wait("0");
    reply_t *reply = CALL("POST", "/api/v1/auth/email/resend", .token = me.access);
    expect_status(reply, 202);
    ck_assert_str_eq(reply->body, "{\"status\":\"accepted\"}");
    char *second = first;
    for (int i = 0; i < 100 && strcmp(second, first) == 0; i++, pause_ms(100))
        second = mail_token(mail_wait(me.email, "Confirm"));
    expect_problem(verify(first), "token_invalid");
    expect_status(verify(second), 204);
    outbox_wait("0"); /* a mail is there before its row is gone */
    expect_status(CALL("POST", "/api/v1/auth/email/resend", .token = me.access), 202);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.mail_outbox"), "0");
    expect_problem(CALL("POST", "/api/v1/auth/email/resend"), "unauthenticated");
}
END_TEST

/* Registered once, however often it is said: one mail. */
START_TEST(registration_repeated)
{
    const char *body = "{\"email\":\"once@example.org\",\"password\":\"Vexing7-Walrus!Q\"}";
    expect_status(CALL("POST", "/api/v1/auth/register", .json = body, .headers = {"Idempotency-Key: once"}), 201);
    for (int i = 0; i < 3; i++)
        expect_problem(CALL("POST", "/api/v1/auth/register", .json = body, .headers = {"Idempotency-Key: once"}),
                       "email_taken");
    expect_problem(CALL("POST", "/api/v1/auth/register", .json = body), "email_taken");
    mail_wait("once@example.org", "Confirm");
    outbox_wait("0");
    ck_assert_int_eq(mail_count("once@example.org", "Confirm"), 1);
}
END_TEST

/* What PATCH /users/me asks for, put there by hand: the token comes back. */
static char *change_asked(person_t who, const char *email)
{
    char *token = F("%s", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ");
    sql("INSERT INTO forge.one_time_tokens (user_id, kind, sha256, email, email_key, expires_at)"
        " VALUES (%lld, 'email_change', sha256('%s'), '%s', '%s', now() + interval '24 hours')",
        (long long)who.id, token, email, email);
    return token;
}

START_TEST(change_of_address)
{
    person_t me = person("student");
    expect_status(CALL("POST", "/api/v1/auth/password/forgot", .json = F("{\"email\":\"%s\"}", me.email)), 202);
    char *old_reset = mail_token(mail_wait(me.email, "Reset"));
    expect_status(verify(change_asked(me, "moved@example.org")), 204);
    ck_assert_str_eq(sql("SELECT email || ' ' || email_key || ' ' || email_verified FROM forge.users WHERE id = %lld",
                         (long long)me.id),
                     "moved@example.org moved@example.org true");
    expect_status(CALL("GET", "/api/v1/auth/me", .token = me.access), 200);
    expect_problem(CALL("POST", "/api/v1/auth/password/reset",
                        .json = F("{\"token\":\"%s\",\"new_password\":\"Quokka-Lantern-58\"}", old_reset)),
                   "token_invalid");
    char *notice = mail_wait(me.email, "Your e-mail address was changed");
    ck_assert_msg(strstr(notice, "moved@example.org") != NULL, "%s", notice);
    ck_assert_str_eq(sql("SELECT detail->>'from' FROM forge.audit_events WHERE event = 'email.changed'"), me.email);
}
END_TEST

/* Whoever was in a session and asked for it must not carry it out when all sessions have been ended because of that. */
START_TEST(change_ends_with_the_sessions)
{
    person_t me = person("student"), chief = person("admin");
    char *token = change_asked(me, "thief@example.org");
    expect_status(CALL("POST", "/api/v1/auth/logout-all", .token = me.access), 204);
    expect_problem(verify(token), "token_invalid");
    person_t other = person("student"), third = person("student");
    sql("DELETE FROM forge.one_time_tokens");
    token = change_asked(other, "robber@example.org");
    expect_status(CALL("POST", F("/api/v1/users/%lld/revoke-sessions", (long long)other.id), .token = chief.access),
                  204);
    expect_problem(verify(token), "token_invalid");
    sql("DELETE FROM forge.one_time_tokens");
    token = change_asked(third, "burglar@example.org");
    expect_status(CALL("POST", "/api/v1/users/bulk", .token = chief.access,
                       .json = F("{\"action\":\"revoke_sessions\",\"ids\":[%lld]}", (long long)third.id)),
                  200);
    expect_problem(verify(token), "token_invalid");
}
END_TEST

START_TEST(change_to_a_taken_address)
{
    person_t me = person("student");
    char *token = change_asked(me, "wanted@example.org");
    expect_status(CALL("POST", "/api/v1/auth/register",
                       .json = "{\"email\":\"wanted@example.org\",\"password\":\"Vexing7-Walrus!Q\"}"),
                  201);
    expect_problem(verify(token), "email_taken");
    sql("UPDATE forge.users SET email_key = 'gone@example.org', email = 'gone@example.org' WHERE email_key = "
        "'wanted@example.org'");
    expect_status(verify(token), 204); /* it was not spent */
}
END_TEST

/* --- the message --- */

START_TEST(message_form)
{
    person_t me = person("student");
    char *mail = mail_wait(me.email, "Confirm"), *out;
    static const char *const headers[] = {
        "Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted", NULL};
    for (const char *const *name = headers; *name; name++)
        ck_assert_msg(*mail_header(mail, *name), "%s is missing: %s", *name, mail);
    ck_assert_str_eq(mail_header(mail, "From"), "<no-reply@learn.example.org>");
    ck_assert_str_eq(mail_header(mail, "Auto-Submitted"), "auto-generated");
    file_write(F("%s/one.eml", env.dir), mail);
    const char *argv[] = {"python3", "-c",
                          "import email, email.policy, sys\n"
                          "m = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)\n"
                          "assert not m.defects, m.defects\n"
                          "parts = list(m.iter_parts())\n"
                          "assert [p.get_content_type() for p in parts] == ['text/plain', 'text/html'], parts\n"
                          "assert all('/verify-email?token=' in p.get_content() for p in parts)\n"
                          "assert m['date'].datetime.utcoffset().total_seconds() == 0\n"
                          "print('good')",
                          F("%s/one.eml", env.dir), NULL};
    ck_assert_msg(process_run(NULL, argv, &out) == 0 && strcmp(out, "good\n") == 0, "%s", out);
}
END_TEST

/* --- a mail server that is ill --- */

static char *sink_file(const char *name)
{
    return F("%s/sink/%s", env.dir, name);
}

static int sink; /* the process; 0: none */

static void sink_stop(void)
{
    if (sink > 0) {
        process_kill(sink, SIGKILL);
        process_wait(sink, 5);
    }
    sink = 0;
}

/* Starts the server in a mode; the folder is emptied. A case that failed may have left one. */
static void sink_start(const char *mode)
{
    sink_stop();
    process_run(NULL, (const char *[]){"rm", "-rf", F("%s/sink", env.dir), NULL}, NULL);
    mkdir(F("%s/sink", env.dir), 0755);
    file_write(sink_file("mode"), mode);
    const char *argv[] = {"python3", F("%s/tests/api/smtp_sink.py", env.source), F("%d", env.smtp_port),
                          F("%s/sink", env.dir), NULL};
    sink = process_start(NULL, argv, F("%s/logs/sink.log", env.dir));
    for (int i = 0; i < 200 && !strstr(file_read(sink_file("log"), 0), "ready"); i++)
        pause_ms(50);
}

static int sink_kept(void)
{
    int n = 0;
    while (*file_read(sink_file(F("%d.msg", n + 1)), 0))
        n++;
    return n;
}

/* How often somebody came in this mode. */
static int sink_seen(const char *mode)
{
    int n = 0;
    for (char *log = file_read(sink_file("log"), 0); (log = strstr(log, mode)); log += strlen(mode))
        n++;
    return n;
}

static void sink_seen_wait(const char *mode)
{
    for (int i = 0; i < 150 && !sink_seen(mode); i++)
        pause_ms(100);
    ck_assert_msg(sink_seen(mode) > 0, "nobody came to the mail server");
}

/* The next try is due now, for all that wait. */
static void hurry(void)
{
    sql("UPDATE forge.mail_outbox SET next_try_at = now()");
}

/* Everything that waits was tried once and failed. */
static void tried_wait(void)
{
    static const char question[] =
        "SELECT coalesce(bool_and(last_error IS NOT NULL AND tries = 1 AND next_try_at > now() + interval '5 seconds'),"
        " false) FROM forge.mail_outbox";
    for (int i = 0; i < 200 && strcmp(sql(question), "t"); i++)
        pause_ms(100);
    ck_assert_msg(strcmp(sql(question), "t") == 0, "%s", sql("SELECT json_agg(m)::text FROM forge.mail_outbox m"));
}

static void register_at_smtp(const char *email)
{
    expect_status(CALL("POST", "/api/v1/auth/register", .port = PORT_SMTP,
                       .json = F("{\"email\":\"%s\",\"password\":\"Vexing7-Walrus!Q\"}", email)),
                  201);
}

/* It arrives, once, and its token works. */
static void arrives_once(const char *email)
{
    hurry();
    outbox_wait("0");
    pause_ms(1500);
    ck_assert_int_eq(sink_kept(), 1);
    char *kept = file_read(sink_file("1.msg"), 0), *mail = strstr(kept, "\n\n");
    ck_assert_msg(strstr(kept, F("RCPT TO:<%s>", email)) && strstr(kept, "MAIL FROM:<learn@example.org>") && mail, "%s",
                  kept);
    ck_assert_msg(strstr(mail, "https://smtp.example.org/verify-email?token=") != NULL, "%s", kept);
    expect_status(verify(mail_token(mail + 2)), 204);
}

START_TEST(server_away)
{
    expect_log("FG0471");
    register_at_smtp("away@example.org");
    expect_status(
        CALL("POST", "/api/v1/auth/password/forgot", .port = PORT_SMTP, .json = "{\"email\":\"nobody@example.org\"}"),
        202);
    tried_wait();
    sink_start("accept");
    arrives_once("away@example.org");
    sink_stop();
}
END_TEST

/* A site with a name and texts of its own (env_conf.c): one in French. */
START_TEST(texts_of_the_site)
{
    sink_start("accept");
    expect_status(CALL("POST", "/api/v1/auth/register", .port = PORT_SMTP, .headers = {"Accept-Language: fr-BE"},
                       .json = "{\"email\":\"marie@example.org\",\"username\":\"marie\","
                               "\"password\":\"Vexing7-Walrus!Q\"}"),
                  201);
    arrives_once("marie@example.org");
    char *mail = file_read(sink_file("1.msg"), 0);
    ck_assert_msg(strstr(mail, "From: =?UTF-8?B?TGVybmVuICYgw5xiZW4=?=\r\n <learn@example.org>\r\n") != NULL, "%s",
                  mail);
    ck_assert_msg(strstr(mail, "Subject: =?UTF-8?B?QmllbnZlbnVlIMOgIExlcm5lbiAmIMOcYmVuLCBtYXJpZQ==?=\r\n"), "%s",
                  mail);
    ck_assert_msg(strstr(mail, "\nOuvrez ceci :\r\n\r\nhttps://smtp.example.org/verify-email?token=") != NULL, "%s",
                  mail);
    sink_stop();
}
END_TEST

START_TEST(server_greylists)
{
    expect_log("FG0471");
    sink_start("greylist");
    register_at_smtp("grey@example.org");
    tried_wait();
    ck_assert_int_eq(sink_kept(), 0);
    file_write(sink_file("mode"), "accept");
    arrives_once("grey@example.org");
    sink_stop();
}
END_TEST

START_TEST(server_drops_in_the_middle)
{
    expect_log("FG0471");
    sink_start("drop");
    register_at_smtp("drop@example.org");
    tried_wait();
    file_write(sink_file("mode"), "accept");
    arrives_once("drop@example.org");
    sink_stop();
}
END_TEST

/* The recipient does not exist: said once, not tried again. */
START_TEST(server_rejects)
{
    expect_log("FG0470");
    sink_start("reject");
    register_at_smtp("reject@example.org");
    outbox_wait("0");
    ck_assert_int_eq(sink_kept(), 0);
    ck_assert_msg(strstr(log_since("error.log"), "FG0470") != NULL, "the log tells of it");
    ck_assert_msg(!strstr(log_since("error.log"), "reject@example.org"), "without the address");
    sink_stop();
}
END_TEST

/* A server that says nothing holds up neither requests, nor other mails, nor a graceful restart; and the mail arrives
 * in the end. */
START_TEST(server_hangs)
{
    watchdog(120);
    expect_log("FG0471");
    int before[64], after[64], left = 1;
    sink_start("hang");
    register_at_smtp("hang@example.org");
    sink_seen_wait("hang");
    person_t other = person("student");
    mail_wait(other.email, "Confirm");
    outbox_wait("1"); /* a mail is there before its row is gone */
    file_write(sink_file("mode"), "accept");
    int old = env_children(before, 64);
    env_httpd_graceful();
    for (int tries = 0; tries < 100 && left; tries++, pause_ms(100)) {
        int now = env_children(after, 64);
        left = 0;
        for (int i = 0; i < old; i++)
            for (int j = 0; j < now; j++)
                left += before[i] == after[j];
    }
    ck_assert_msg(!left, "%d children did not end in 10 s", left);
    ck_assert(env_wait_ready(10));
    arrives_once("hang@example.org");
    sink_stop();
}
END_TEST

/* A child that is killed while it sends: the mail is not lost. */
START_TEST(sender_killed)
{
    watchdog(120);
    expect_log("exit signal");
    expect_log("FG0471");
    int pids[64];
    sink_start("stall");
    register_at_smtp("killed@example.org");
    sink_seen_wait("stall");
    for (int n = env_children(pids, 64); n > 0; n--)
        process_kill(pids[n - 1], SIGKILL);
    ck_assert(env_wait_ready(20));
    ck_assert_str_eq(sql("SELECT tries || ' ' || (next_try_at > now()) FROM forge.mail_outbox"), "1 true");
    file_write(sink_file("mode"), "accept");
    arrives_once("killed@example.org");
    sink_stop();
}
END_TEST

/* After a day a mail is given up, and one whose token is void is not sent at all. */
START_TEST(given_up)
{
    expect_log("FG0470");
    expect_log("FG0471");
    register_at_smtp("old@example.org");
    tried_wait();
    sql("UPDATE forge.mail_outbox SET kind = 'password_changed_notice', created_at = now() - interval '25 hours'");
    hurry();
    outbox_wait("0");
    register_at_smtp("void@example.org");
    tried_wait();
    sql("UPDATE forge.one_time_tokens SET used_at = now()");
    sink_start("accept");
    hurry();
    outbox_wait("0");
    ck_assert_int_eq(sink_seen("accept"), 0);
    sink_stop();
}
END_TEST

START_TEST(payload_of_another_secret)
{
    expect_log("FG0470");
    sql("INSERT INTO forge.mail_outbox (kind, sender, recipient, payload) VALUES ('verify', "
        "'https://learn.example.org', 'a@example.org', "
        "repeat('A', 64))");
    outbox_wait("0");
    ck_assert_msg(strstr(log_since("error.log"), "another ForgeSecret") != NULL, "the log tells of it");
}
END_TEST

START_TEST(health_tells)
{
    expect_log("FG0471");
    ck_assert_str_eq(text_at(CALL("GET", "/health")->json, "/checks/mail/status"), "pass");
    register_at_smtp("late@example.org");
    tried_wait();
    sql("UPDATE forge.mail_outbox SET created_at = now() - interval '2 minutes'");
    pause_ms(1200);
    reply_t *reply = CALL("GET", "/health", .port = PORT_SMTP);
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/checks/mail/status"), "warn");
    ck_assert_str_eq(text_at(reply->json, "/status"), "warn");
    ck_assert_str_eq(text_at(CALL("GET", "/health")->json, "/checks/mail/status"),
                     "pass"); /* it is not that host's mail */
}
END_TEST

Suite *suite_mail(void)
{
    Suite *suite = suite_create("mail");
    TCase *proof = case_make(suite, "proof"), *server = case_make(suite, "server");
    tcase_add_test(proof, verification);
    tcase_add_test(proof, verification_again);
    tcase_add_test(proof, registration_repeated);
    tcase_add_test(proof, change_of_address);
    tcase_add_test(proof, change_ends_with_the_sessions);
    tcase_add_test(proof, change_to_a_taken_address);
    tcase_add_test(proof, message_form);
    tcase_add_test(server, server_away);
    tcase_add_test(server, texts_of_the_site);
    tcase_add_test(server, server_greylists);
    tcase_add_test(server, server_drops_in_the_middle);
    tcase_add_test(server, server_rejects);
    tcase_add_test(server, server_hangs);
    tcase_add_test(server, sender_killed);
    tcase_add_test(server, given_up);
    tcase_add_test(server, payload_of_another_secret);
    tcase_add_test(server, health_tells);
    return suite;
}
