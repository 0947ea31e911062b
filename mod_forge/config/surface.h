/* SPDX-License-Identifier: Apache-2.0
 * Private to config/: what ForgeAPI does when it is read.
 */
#ifndef FORGE_CONFIG_SURFACE_H
#define FORGE_CONFIG_SURFACE_H

#include <httpd.h>
#include <http_config.h>

/* Reads the sections that hand these parts (0: none any more) of the API to the module. NULL, or what httpd refused. */
const char *forge_config_api_open(cmd_parms *cmd, apr_int64_t bits);

#endif
