/* SPDX-License-Identifier: Apache-2.0
 * Goes into the network namespace of a run for a moment, and comes back with a socket that listens there. forge-runner
 * has no rights by then; but it owns the user namespace that it made around bubblewrap, and so may enter what lies
 * within. The one that enters is a process of its own, which ends at once: nothing extra runs inside.
 */
#include "runner.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKLOG 16

/* The only child of bubblewrap: forge-init. */
static int child_of(pid_t bubblewrap)
{
    char path[64], text[32] = "";
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)bubblewrap, (int)bubblewrap);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    return n > 0 ? (int)strtol(text, NULL, 10) : 0;
}

/* The namespace is that of bubblewrap's user namespace; forge-init is in another one below it. */
static bool go_inside(int init)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", init);
    int net = init > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int owner = net >= 0 ? ioctl(net, NS_GET_USERNS) : -1;
    return owner >= 0 && setns(owner, CLONE_NEWUSER) == 0 && setns(net, CLONE_NEWNET) == 0;
}

static int listen_on(uint16_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, BACKLOG) == 0 ? fd : -1;
}

typedef union control_t {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
} control_t;

static struct msghdr message(struct iovec *byte, control_t *control)
{
    return (struct msghdr){
        .msg_iov = byte, .msg_iovlen = 1, .msg_control = control->bytes, .msg_controllen = sizeof(control->bytes)};
}

static bool hand_out(int to, int fd)
{
    char byte = 'f';
    struct iovec one = {&byte, 1};
    control_t control = {.bytes = ""};
    struct msghdr m = message(&one, &control);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    return sendmsg(to, &m, MSG_NOSIGNAL) == 1;
}

static int take_over(int from)
{
    char byte;
    int fd = -1;
    struct iovec one = {&byte, 1};
    control_t control = {.bytes = ""};
    struct msghdr m = message(&one, &control);
    struct cmsghdr *c;
    if (recvmsg(from, &m, MSG_CMSG_CLOEXEC) == 1 && (c = CMSG_FIRSTHDR(&m)) && c->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(c), sizeof(int));
    return fd;
}

int forge_runner_listen_inside(pid_t bubblewrap, uint16_t port)
{
    int ends[2], fd;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    pid_t pid = forge_runner_child();
    if (!pid) {
        bool done = go_inside(child_of(bubblewrap)) && (fd = listen_on(port)) >= 0 && hand_out(ends[1], fd);
        exit(done ? 0 : 1);
    }
    close(ends[1]);
    fd = pid > 0 ? take_over(ends[0]) : -1;
    close(ends[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return fd;
}
