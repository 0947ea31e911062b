/* SPDX-License-Identifier: Apache-2.0
 * A job on its way into a sandbox that was built before it came: one message, with the client's connection.
 */
#include "runner.h"
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

typedef union control_t {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
} control_t;

bool forge_runner_gift_give(int channel, const forge_runner_gift_t *gift, forge_run_bytes_t members, int client)
{
    struct iovec parts[] = {{(void *)(uintptr_t)gift, sizeof(*gift)}, {(void *)(uintptr_t)members.data, members.len}};
    control_t control = {.bytes = ""};
    struct msghdr m = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &client, sizeof(int));
    return sendmsg(channel, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)(sizeof(*gift) + members.len);
}

/* A message with its descriptor. 0: there is none, and will be none. */
static size_t receive(int channel, char *bytes, size_t room, int *client)
{
    struct iovec all = {bytes, room};
    control_t control = {.bytes = ""};
    struct msghdr m = {
        .msg_iov = &all, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(channel, &m, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n > (ssize_t)sizeof(forge_runner_gift_t) ? CMSG_FIRSTHDR(&m) : NULL;
    if (!c || c->cmsg_type != SCM_RIGHTS)
        return 0;
    memcpy(client, CMSG_DATA(c), sizeof(int));
    return (size_t)n;
}

bool forge_runner_gift_take(int channel, forge_runner_gift_t *gift, forge_run_job_t *job, int *client)
{
    static char bytes[sizeof(*gift) + FORGE_RUNNER_GIFT_MAX];
    shutdown(channel, SHUT_RD); /* before the look: what comes later is its sender's again, and none is lost between */
    const size_t len = receive(channel, bytes, sizeof(bytes), client);
    close(channel);
    if (!len || !forge_run_frame_read(FORGE_RUN_JOB, bytes + sizeof(*gift), len - sizeof(*gift), job))
        return false;
    memcpy(gift, bytes, sizeof(*gift));
    return true;
}
