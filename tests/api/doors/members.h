/* SPDX-License-Identifier: Apache-2.0
 * For the tests of balancers: members of the tests' own (members.py) on 127.0.1.1 … with one port, a DNS server that
 * names them, and the second node before them.
 */
#ifndef FORGE_TESTS_MEMBERS_H
#define FORGE_TESTS_MEMBERS_H

#include "harness.h"

#define UPSTREAMS 6
#define NOBODY    9 /* 127.0.1.9: nobody listens there */

void upstreams_start(void); /* all members are well, the zone is empty */
void upstreams_stop(void);
int upstreams_port(void);
int upstreams_dns_port(void);
char *upstreams_file(const char *name);
/* A file of upstreams.py's, replaced as a whole. */
void upstreams_write(const char *name, const char *text);
void upstreams_mode(int member, const char *mode);
/* How many requests a member got (0: all) whose path has this part. */
int upstreams_hits(int member, const char *method, const char *part);
/* Starts the second node with these directives beside those that load mod_proxy_balancer. */
char *upstreams_lines(const char *directives);
void upstreams_node(const char *directives);
#define GATE(method, path, ...) CALL(method, path, .port = PORT_SECOND, .lenient = true, __VA_ARGS__)

#endif
