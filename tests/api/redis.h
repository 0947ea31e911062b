/* SPDX-License-Identifier: Apache-2.0
 * A Redis of the tests' own, and nodes that count in it.
 */
#ifndef FORGE_TESTS_REDIS_H
#define FORGE_TESTS_REDIS_H

#include "harness.h"

extern int redis_port;                      /* of the case at hand; the same after a restart */
void redis_start(const char *const *more);  /* with further arguments, NULL: none; returns when it answers */
void redis_launch(const char *const *argv); /* another program in its place; returns at once */
void redis_stop(int signal);                /* SIGKILL, or SIGTERM */
void redis_freeze(bool still);              /* SIGSTOP, SIGCONT */
char *redis_ask(const char *const *words);  /* what redis-cli says */
#define REDIS(...) redis_ask((const char *[]){__VA_ARGS__, NULL})

/* The second or the third node, with these lines; returns when it serves. */
void redis_node(port_t port, const char *lines);
/* Until /health of a node says so of Redis. */
void redis_health(port_t port, const char *wanted);
long redis_metric(port_t port, const char *sample); /* "forge_redis_round_trips_total{result=\"ok\"}" */
int log_count(const char *part);                    /* how often the error log says it since the case began */
bool log_waits(const char *part);                   /* until it does */
void redis_tidy(void);                              /* nodes and Redis are stopped; the clean-up of each case */

#endif
