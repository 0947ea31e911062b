/* SPDX-License-Identifier: Apache-2.0
 * The directives in httpd's form; made from directives.def.
 */
#ifndef FORGE_COMMANDS_H
#define FORGE_COMMANDS_H

#include <http_config.h>

extern const command_rec forge_config_commands[]; /* ended by a row of NULLs */

#endif
