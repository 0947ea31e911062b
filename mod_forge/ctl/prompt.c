/* SPDX-License-Identifier: Apache-2.0
 * Asks for a line that nobody is to see: the terminal is without echo meanwhile, and whatever ends or stops the process
 * gives it back.
 */
#include "ctl.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int endings[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
enum { ENDINGS = sizeof(endings) / sizeof(*endings) };

static struct termios usual, silent;
static const char *asked;

/* The signal does what it does to anybody, as soon as this returns: SA_RESETHAND has taken the handler away. */
static void leave(int signal)
{
    const int before = errno;
    tcsetattr(STDIN_FILENO, TCSANOW, &usual);
    raise(signal);
    errno = before;
}

/* A signal that was ignored stays so: nohup, for example. */
static void handle(int signal, void (*handler)(int), int flags, struct sigaction *old)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, old);
    if (old && old->sa_handler == SIG_IGN)
        sigaction(signal, old, NULL);
}

/* After a stop the question is asked again. */
static void come_back(int signal)
{
    (void)signal;
    const int before = errno;
    handle(SIGTSTP, leave, SA_RESETHAND | SA_RESTART, NULL);
    tcsetattr(STDIN_FILENO, TCSANOW, &silent);
    if (write(STDERR_FILENO, asked, strlen(asked)) >= 0)
        errno = before;
}

static apr_status_t wipe(void *line)
{
    explicit_bzero(line, FORGE_CTL_PASSWORD_MAX + 2);
    return APR_SUCCESS;
}

static const char *line_read(apr_pool_t *p, apr_size_t *len)
{
    char *line = apr_pcalloc(p, FORGE_CTL_PASSWORD_MAX + 2);
    int c;
    apr_pool_cleanup_register(p, line, wipe, apr_pool_cleanup_null);
    *len = 0;
    while ((c = getchar()) != EOF && c != '\n')
        if (*len <= FORGE_CTL_PASSWORD_MAX)
            line[(*len)++] = (char)c;
    return c == EOF && *len == 0 ? NULL : line;
}

const char *forge_ctl_prompt(apr_pool_t *p, const char *prompt, apr_size_t *len)
{
    struct sigaction old[ENDINGS], old_come_back;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &usual) != 0)
        return line_read(p, len);
    asked = prompt;
    silent = usual;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    for (int i = 0; i < ENDINGS; i++)
        handle(endings[i], leave, SA_RESETHAND | SA_RESTART, &old[i]);
    handle(SIGCONT, come_back, SA_RESTART, &old_come_back);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    fputs(prompt, stderr);
    const char *line = line_read(p, len);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &usual);
    sigaction(SIGCONT, &old_come_back, NULL);
    for (int i = 0; i < ENDINGS; i++)
        sigaction(endings[i], &old[i], NULL);
    fputc('\n', stderr);
    return line;
}
