/* SPDX-License-Identifier: Apache-2.0
 * Programs that the API tests run or keep running, and the small file helpers around them.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* In the child, before exec: the account, and death with the parent (which a change of account would forget, so it
 * comes last). */
static void child_become(const char *account)
{
    if (account && geteuid() == 0) {
        struct passwd *entry = getpwnam(account);
        if (!entry || initgroups(account, entry->pw_gid) || setgid(entry->pw_gid) || setuid(entry->pw_uid))
            _exit(126);
    }
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("CK_FORK");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* Forks and executes; standard output and error go to fd. */
static pid_t launch(const char *account, const char *const *argv, int fd)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    alarm(0);
    setpgid(0, 0); /* httpd's prefork ends its whole process group: ours must not be in it */
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(fd, 1);
    dup2(fd, 2);
    for (int other = 3; other < 256; other++)
        close(other);
    child_become(account);
    if (account && chdir("/"))
        _exit(126);
    execvp(argv[0], (char *const *)argv);
    dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Reads a descriptor to its end into malloc'd text. */
static char *drain(int fd)
{
    size_t length = 0, room = 4096;
    char *text = malloc(room + 1);
    for (ssize_t n; (n = read(fd, text + length, room - length)) > 0 || (n < 0 && errno == EINTR);) {
        length += n > 0 ? (size_t)n : 0;
        if (length == room)
            text = realloc(text, (room *= 2) + 1);
    }
    text[length] = 0;
    return text;
}

int process_run(const char *account, const char *const *argv, char **out)
{
    int ends[2], status = 0;
    if (pipe(ends))
        return 126;
    pid_t pid = launch(account, argv, ends[1]);
    close(ends[1]);
    char *text = drain(ends[0]);
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    keep(text);
    if (out)
        *out = text;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int process_start(const char *account, const char *const *argv, const char *output)
{
    int fd = open(output, O_WRONLY | O_CREAT | O_APPEND, 0644);
    pid_t pid = launch(account, argv, fd);
    close(fd);
    return (int)pid;
}

bool process_alive(int pid)
{
    return pid > 0 && waitpid(pid, NULL, WNOHANG) == 0;
}

int process_kill(int pid, int number)
{
    if (pid < 1)
        ck_abort_msg("signal %d is for one process, not for %d", number, pid);
    return kill(pid, number);
}

bool process_wait(int pid, int seconds)
{
    for (int i = 0; i < seconds * 50; i++) {
        if (pid <= 0 || waitpid(pid, NULL, WNOHANG) != 0)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return false;
}

char *file_read(const char *path, long offset)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return keep(strdup(""));
    lseek(fd, offset, SEEK_SET);
    char *text = drain(fd);
    close(fd);
    return keep(text);
}

long file_size(const char *path)
{
    struct stat info;
    return stat(path, &info) ? 0 : (long)info.st_size;
}

void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file)) {
        fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
        exit(2);
    }
}

/* --- ports --- */

#define PORT_FIRST 10000
#define PORT_LAST  19999

/* As long as this process lives, an abstract socket of that name keeps the port from other test programs. */
static bool port_reserve(int port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "forge-test-port-%d", port);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) ==
        0)
        return true; /* kept open */
    close(fd);
    return false;
}

static bool port_unused(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool good = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1) == 0;
    close(fd);
    return good;
}

int back_end_start(void *(*serve)(void *listener), int *listener)
{
    pthread_t thread;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    *listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(*listener, (struct sockaddr *)&address, size) || listen(*listener, 64) ||
        getsockname(*listener, (struct sockaddr *)&address, &size) || pthread_create(&thread, NULL, serve, listener)) {
        fprintf(stderr, "api tests: a back end of the tests cannot listen\n");
        exit(2);
    }
    pthread_detach(thread);
    return ntohs(address.sin_port);
}

/* Not of the range that the system takes for clients: their connections would sit on a port whose server is just
 * stopped. */
int port_free(void)
{
    static int turn;
    if (!turn)
        turn = (int)getpid() * 37;
    for (int tries = 0; tries <= PORT_LAST - PORT_FIRST; tries++) {
        int port = PORT_FIRST + turn++ % (PORT_LAST - PORT_FIRST + 1);
        if (port_reserve(port) && port_unused(port))
            return port;
    }
    fprintf(stderr, "no port is free from %d to %d\n", PORT_FIRST, PORT_LAST);
    exit(2);
}
