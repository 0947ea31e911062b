/* SPDX-License-Identifier: Apache-2.0
 * The mails that httpd has put into env.dir/mail, for tests that need what is in them.
 */
#include "harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECENT 180 /* seconds; what is older belongs to another case */

char *mail_header(const char *mail, const char *name)
{
    const char *end = strstr(mail, "\r\n\r\n"), *line = mail, *from = F("%s: ", name);
    for (; line && line < end; line = strstr(line, "\r\n") ? strstr(line, "\r\n") + 2 : NULL)
        if (strncasecmp(line, from, strlen(from)) == 0)
            return F("%.*s", (int)strcspn(line + strlen(from), "\r"), line + strlen(from));
    return F("%s", "");
}

static bool matches(const char *mail, const char *to, const char *subject)
{
    return strcmp(mail_header(mail, "To"), F("<%s>", to)) == 0 && strstr(mail_header(mail, "Subject"), subject);
}

/* The newest mail of those that match; names begin with the time. *count says how many there are. */
static char *newest(const char *to, const char *subject, int *count)
{
    char best[256] = "", *found = NULL;
    DIR *dir = opendir(F("%s/mail", env.dir));
    *count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (length < 4 || strcmp(entry->d_name + length - 4, ".eml") ||
            atoll(entry->d_name) / 1000000 < time(NULL) - RECENT)
            continue;
        char *mail = file_read(F("%s/mail/%s", env.dir, entry->d_name), 0);
        if (!matches(mail, to, subject))
            continue;
        ++*count;
        if (strcmp(entry->d_name, best) > 0) {
            snprintf(best, sizeof(best), "%s", entry->d_name);
            found = mail;
        }
    }
    if (dir)
        closedir(dir);
    return found;
}

int mail_count(const char *to, const char *subject)
{
    int count;
    newest(to, subject, &count);
    return count;
}

char *mail_wait(const char *to, const char *subject)
{
    int count;
    for (int i = 0; i < 150; i++) {
        char *mail = newest(to, subject, &count);
        if (mail)
            return mail;
        pause_ms(100);
    }
    ck_abort_msg("no mail \"%s\" came to %s", subject, to);
    return NULL;
}

char *mail_token(const char *mail)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (const char *line = mail; line; line = strstr(line, "\r\n") ? strstr(line, "\r\n") + 2 : NULL)
        if (strspn(line, digits) == 43 && line[43] == '\r') {
            char *token = F("%.43s", line);
            canary(token);
            return token;
        }
    ck_abort_msg("no token in the mail: %s", mail);
    return NULL;
}
