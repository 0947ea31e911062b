/* SPDX-License-Identifier: Apache-2.0
 * What the three files about container engines share: docker.c asks, docker_said.c and docker_logs.c read. All that an
 * engine says is taken for what a stranger says.
 */
#ifndef FORGE_NET_DOCKER_PRIVATE_H
#define FORGE_NET_DOCKER_PRIVATE_H

#include "net.h"

#define FORGE_DOCKER_LINE 1000 /* bytes of one line of a log; what is longer is cut */

/* --- docker_logs.c --- */

/* At most `most` bytes of a text, without control characters and escape sequences' remains, well-formed. */
const char *forge_net_docker_text(apr_pool_t *p, const char *text, apr_size_t len, apr_size_t most);

/* The last lines of a log that comes in pieces, either as frames of both streams or as the bytes of a terminal. */
typedef struct forge_docker_log_t forge_docker_log_t;
forge_docker_log_t *forge_net_docker_log(apr_pool_t *p);
void forge_net_docker_log_feed(forge_docker_log_t *log, const char *data, apr_size_t len);
/* The lines, oldest first, the newest of them with at most `most` bytes together. False: what came was no whole log;
 * the lines are those that were. */
bool forge_net_docker_log_end(forge_docker_log_t *log, apr_size_t most, const char *const **lines, int *count);

/* --- docker_said.c: each returns NULL, or why it cannot be read --- */

const char *forge_net_docker_read_list(apr_pool_t *p, const forge_call_result_t *answer, forge_docker_said_t *said);
const char *forge_net_docker_read_figures(apr_pool_t *p, const forge_call_result_t *answer,
                                          forge_container_t *container);
const char *forge_net_docker_read_state(apr_pool_t *p, const forge_call_result_t *answer, forge_container_t *container);

#endif
