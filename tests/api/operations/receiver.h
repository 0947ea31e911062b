/* SPDX-License-Identifier: Apache-2.0
 * For the tests of what is sent to others: a receiver of the test (receiver.py) behind the second node.
 */
#ifndef FORGE_TESTS_RECEIVER_H
#define FORGE_TESTS_RECEIVER_H

#include "harness.h"

/* Starts it in a mode of receiver.py, and the second node with directives in which %s is its host and port. */
void receiver_start(const char *mode, const char *directives);
void receiver_mode(const char *mode);
void receiver_stop(void);                   /* it is away; the node stays. Idempotent */
char *receiver_text(void);                  /* all that it got */
json_t *receiver_posts(void);               /* the same as an array: path, headers, body, mode */
double receiver_metric(const char *sample); /* a sample of the second node, as "name{labels}" */
/* Waits for it to become so large. */
void receiver_metric_wait(const char *sample, double least);
#define ON_SECOND(method, path, ...) CALL(method, path, .port = PORT_SECOND, __VA_ARGS__)

#endif
