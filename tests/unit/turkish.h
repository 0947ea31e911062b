/* SPDX-License-Identifier: Apache-2.0
 * A Turkish locale of libc, where the small letter of I is another one than i: made from the sources of the package
 * locales, so that no test depends on what a machine has installed.
 */
#ifndef FORGE_UNIT_TURKISH_H
#define FORGE_UNIT_TURKISH_H

#include <check.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Makes <folder>/tr_TR.<charmap>; LOCPATH=<folder> finds it. */
__attribute__((unused)) static void forge_test_locale_make(const char *folder, const char *charmap)
{
    char path[256];
    int status = 0;
    snprintf(path, sizeof(path), "%s/tr_TR.%s", folder, charmap);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("localedef", "localedef", "--no-archive", "--quiet", "-i", "tr_TR", "-f", charmap, path, (char *)NULL);
        _exit(127);
    }
    ck_assert_msg(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "localedef could not make %s", path);
}

#endif
