/* SPDX-License-Identifier: Apache-2.0
 * What the files of the servers share: env.c starts and stops them, env_conf.c configures httpd, env_files.c
 * makes certificates and keys.
 */
#ifndef FORGE_TEST_ENV_PRIVATE_H
#define FORGE_TEST_ENV_PRIVATE_H

#include "harness.h"

/* Ends the program when the servers cannot be started: no test means anything then. */
void env_give_up(const char *what, const char *why);
/* A variable of the environment, or what counts without it. */
const char *env_setting(const char *name, const char *otherwise);
/* A name inside the worker's folder; good for eight more calls. */
const char *env_path(const char *name);

/* Certificates and keys in env.dir, and the documentation pages: env.assets. */
void env_files_make(void);

/* The virtual hosts of the first node. */
char *env_conf_hosts(void);
/* Writes NAME.conf for a node with its run-time files below `run`. */
void env_conf_write(const char *name, const char *run, const char *hosts);

#endif
