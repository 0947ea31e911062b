/* SPDX-License-Identifier: Apache-2.0
 * net/smtp.c against a server of a few lines, and net/maildir.c.
 */
#include "net/net.h"
#include "unit.h"
#include <apr_strings.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define P forge_test_pool

/* --- a server: one thread, one connection after the other --- */

typedef struct server_t {
    int listener, port;
    const char *ehlo; /* what follows EHLO */
    const char *rcpt; /* what follows RCPT TO */
    bool silent;      /* takes connections and says nothing */
    char heard[65536];
    size_t length;
    int connections;
    pthread_t thread;
} server_t;

static bool say(int fd, const char *text)
{
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* One line into what was heard; NULL at the end. */
static char *hear(server_t *s, int fd)
{
    char *line = s->heard + s->length;
    while (s->length + 2 < sizeof(s->heard) && read(fd, s->heard + s->length, 1) == 1)
        if (s->heard[s->length++] == '\n') {
            s->heard[s->length] = 0;
            return line;
        }
    return NULL;
}

static void serve(server_t *s, int fd)
{
    say(fd, "220 here\r\n");
    for (char *line; (line = hear(s, fd));) {
        if (strncmp(line, "EHLO", 4) == 0) {
            say(fd, s->ehlo);
        } else if (strncmp(line, "RCPT", 4) == 0) {
            say(fd, s->rcpt);
        } else if (strncmp(line, "DATA", 4) == 0) {
            say(fd, "354 go on\r\n");
            while ((line = hear(s, fd)) && strcmp(line, ".\r\n") != 0)
                ;
            say(fd, "250 kept\r\n");
        } else if (strncmp(line, "QUIT", 4) == 0) {
            say(fd, "221 bye\r\n");
            return;
        } else {
            say(fd, "250 ok\r\n");
        }
    }
}

static void *serve_all(void *baton)
{
    server_t *s = baton;
    for (int fd; (fd = accept(s->listener, NULL, NULL)) >= 0; close(fd)) {
        s->connections++;
        if (s->silent)
            pause();
        serve(s, fd);
    }
    return NULL;
}

static void server_start(server_t *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    s->ehlo = s->ehlo ? s->ehlo : "250 here\r\n";
    s->rcpt = s->rcpt ? s->rcpt : "250 ok\r\n";
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert(bind(s->listener, (struct sockaddr *)&address, len) == 0 && listen(s->listener, 5) == 0);
    ck_assert(getsockname(s->listener, (struct sockaddr *)&address, &len) == 0);
    s->port = ntohs(address.sin_port);
    ck_assert(pthread_create(&s->thread, NULL, serve_all, s) == 0);
}

static forge_mail_t mail_to(const server_t *s, forge_starttls_t starttls)
{
    return (forge_mail_t){.host = "127.0.0.1", .port = s->port, .starttls = starttls, .from = "learn@example.org"};
}

static const char message[] = "Subject: x\r\n\r\n.one\r\n..two\r\n";

static forge_parcel_t parcel_to(const char *to)
{
    return (forge_parcel_t){
        .from = "learn@example.org", .to = to, .data = message, .len = sizeof(message) - 1, .id = "id-1"};
}

START_TEST(smtp_sends)
{
    static server_t s;
    const char *why = NULL;
    server_start(&s);
    forge_mail_t mail = mail_to(&s, FORGE_STARTTLS_OFF);
    forge_smtp_t *smtp = forge_net_smtp_open(P, &mail);
    forge_parcel_t one = parcel_to("ada@example.org"), two = parcel_to("bob@example.org");
    ck_assert_int_eq(forge_net_smtp_send(smtp, P, &one, &why), FORGE_DELIVERED);
    ck_assert_int_eq(forge_net_smtp_send(smtp, P, &two, &why), FORGE_DELIVERED);
    ck_assert(forge_net_smtp_probe(smtp, P, &why));
    ck_assert_int_eq(s.connections, 1); /* used again */
    ck_assert(strstr(s.heard, "EHLO example.org\r\n") != NULL);
    ck_assert(strstr(s.heard, "MAIL FROM:<learn@example.org>") && strstr(s.heard, "RCPT TO:<ada@example.org>\r\n"));
    ck_assert(strstr(s.heard, "\r\n\r\n..one\r\n...two\r\n.\r\n") != NULL); /* dots are doubled (RFC 5321 §4.5.2) */
    ck_assert(strstr(s.heard, "RCPT TO:<bob@example.org>\r\n") && strstr(s.heard, "NOOP\r\n"));
}
END_TEST

/* Nothing of a mail goes out when TLS is required and not offered: no downgrade, whoever sits in between. */
START_TEST(smtp_needs_tls)
{
    static server_t s;
    const char *why = NULL;
    server_start(&s);
    forge_mail_t mail = mail_to(&s, FORGE_STARTTLS_REQUIRED);
    forge_parcel_t parcel = parcel_to("ada@example.org");
    ck_assert_int_eq(forge_net_smtp_send(forge_net_smtp_open(P, &mail), P, &parcel, &why), FORGE_DELIVERY_DOWN);
    ck_assert_ptr_nonnull(why);
    ck_assert(!strstr(s.heard, "MAIL") && !strstr(s.heard, "AUTH"));
    mail.starttls = FORGE_STARTTLS_OPTIONAL;
    ck_assert_int_eq(forge_net_smtp_send(forge_net_smtp_open(P, &mail), P, &parcel, &why), FORGE_DELIVERED);
}
END_TEST

START_TEST(smtp_refusals)
{
    static server_t later = {.rcpt = "451 4.7.1 later\r\n"}, never = {.rcpt = "550 5.1.1 nobody\r\n"};
    const char *why = NULL;
    forge_parcel_t parcel = parcel_to("ada@example.org");
    server_start(&later);
    server_start(&never);
    forge_mail_t mail = mail_to(&later, FORGE_STARTTLS_OFF);
    ck_assert_int_eq(forge_net_smtp_send(forge_net_smtp_open(P, &mail), P, &parcel, &why), FORGE_DELIVERY_LATER);
    mail.port = never.port;
    ck_assert_int_eq(forge_net_smtp_send(forge_net_smtp_open(P, &mail), P, &parcel, &why), FORGE_DELIVERY_REFUSED);
    ck_assert_msg(strstr(why, "550") != NULL, "%s", why);
    close(never.listener);
    shutdown(never.listener, SHUT_RDWR);
    mail.port = 1; /* nobody listens there */
    ck_assert_int_eq(forge_net_smtp_send(forge_net_smtp_open(P, &mail), P, &parcel, &why), FORGE_DELIVERY_DOWN);
    ck_assert(!forge_net_smtp_probe(forge_net_smtp_open(P, &mail), P, &why));
}
END_TEST

static bool at_once(const void *asked)
{
    ++*(int *)(intptr_t)asked;
    return true;
}

START_TEST(smtp_stops)
{
    static server_t s = {.silent = true};
    const char *why = NULL;
    int asked = 0;
    server_start(&s);
    forge_mail_t mail = mail_to(&s, FORGE_STARTTLS_OFF);
    forge_parcel_t parcel = parcel_to("ada@example.org");
    parcel.stop = at_once;
    parcel.baton = &asked;
    ck_assert_int_eq(forge_net_smtp_send(forge_net_smtp_open(P, &mail), P, &parcel, &why), FORGE_DELIVERY_STOPPED);
    ck_assert_int_gt(asked, 0);
}
END_TEST

/* Addresses with letters beyond ASCII need a server that says SMTPUTF8. */
START_TEST(smtp_utf8)
{
    static server_t old, new = {.ehlo = "250-here\r\n250 SMTPUTF8\r\n"};
    const char *why = NULL;
    forge_parcel_t parcel = parcel_to("gr\xc3\xbc\xc3\x9f@example.org");
    server_start(&old);
    server_start(&new);
    forge_mail_t mail = mail_to(&new, FORGE_STARTTLS_OFF);
    ck_assert_int_eq(forge_net_smtp_send(forge_net_smtp_open(P, &mail), P, &parcel, &why), FORGE_DELIVERED);
    ck_assert(strstr(new.heard, "MAIL FROM:<learn@example.org> SMTPUTF8") != NULL ||
              strstr(new.heard, " SMTPUTF8\r\n") != NULL);
}
END_TEST

START_TEST(directory)
{
    char place[] = "/tmp/forge-unit-mail-XXXXXX";
    const char *why = NULL;
    struct stat st;
    char read_back[200] = "";
    ck_assert_ptr_nonnull(mkdtemp(place));
    forge_parcel_t parcel = parcel_to("ada@example.org");
    ck_assert_int_eq(forge_net_maildir_put(P, place, 1769860800000000, &parcel, &why), FORGE_DELIVERED);
    ck_assert_int_eq(forge_net_maildir_put(P, place, 1769860800000000, &parcel, &why),
                     FORGE_DELIVERED); /* the same again: one file */
    const char *path = apr_psprintf(P, "%s/1769860800000000-id-1.eml", place);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777 & ~0640, 0);
    FILE *file = fopen(path, "r");
    ck_assert_int_eq((int)fread(read_back, 1, sizeof(read_back) - 1, file), (int)sizeof(message) - 1);
    ck_assert_str_eq(read_back, message);
    fclose(file);
    int entries = 0;
    DIR *dir = opendir(place);
    for (struct dirent *entry; (entry = readdir(dir));)
        entries += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    ck_assert_int_eq(entries, 1);
    unlink(path);
    rmdir(place);
    ck_assert_int_eq(forge_net_maildir_put(P, place, 1, &parcel, &why), FORGE_DELIVERY_DOWN);
    ck_assert_msg(strstr(why, place) != NULL, "%s", why);
}
END_TEST

Suite *forge_test_net_mail(void)
{
    Suite *s = suite_create("net_mail");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, smtp_sends);
    tcase_add_test(tc, smtp_needs_tls);
    tcase_add_test(tc, smtp_refusals);
    tcase_add_test(tc, smtp_stops);
    tcase_add_test(tc, smtp_utf8);
    tcase_add_test(tc, directory);
    suite_add_tcase(s, tc);
    return s;
}
