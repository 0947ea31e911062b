/* SPDX-License-Identifier: Apache-2.0
 * Private to config/: what ForgeAPI does when it is read.
 */
#ifndef FORGE_CONFIG_SURFACE_H
#define FORGE_CONFIG_SURFACE_H

#include "table.h"

#include <httpd.h>
#include <http_config.h>

/* Reads the sections that hand the parts in c->api to the module, instead of those of an earlier line of the host.
 * NULL, or what httpd refused. */
const char *forge_config_api_open(cmd_parms *cmd, forge_config_t *c);

#endif
