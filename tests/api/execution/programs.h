/* SPDX-License-Identifier: Apache-2.0
 * For the tests of execution: programs to have run, and clients that wait for them.
 */
#ifndef FORGE_TESTS_PROGRAMS_H
#define FORGE_TESTS_PROGRAMS_H

#include "harness.h"

char *quoted(const char *text); /* as a JSON string */
person_t guest_person(void);
reply_t *execute(person_t who, const char *code);
reply_t *execute_with(person_t who, const char *code, const char *limits); /* a JSON object */

#define PROGRAM_SECONDS 60 /* for an answer; see answer_read */
/* Sends a program to a port and returns the connection, on which its answer will come. */
int program_sent(port_t port, const char *token, const char *code);
/* The same of any POST with a body of JSON. */
int request_sent(port_t port, const char *token, const char *path, const char *body);
/* Until a metric of that port has this value; the case fails when it has not after 20 s. */
void metric_wait(port_t port, const char *name, long wanted);
long metric_of(port_t port, const char *name);
/* Living children of a process whose names begin so; how many. */
int children_of(int parent, const char *called, int *pids, int max);
int runner_pid(int httpd); /* the forge-runner of that httpd; 0: none */

#endif
