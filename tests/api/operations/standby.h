/* SPDX-License-Identifier: Apache-2.0
 * Another PostgreSQL beside the one of the tests, in a folder of its own and on port 5433: a copy of it as it is now,
 * or a replica that follows it.
 */
#ifndef FORGE_TESTS_STANDBY_H
#define FORGE_TESTS_STANDBY_H

#include <stdbool.h>

char *standby_data(void);
char *standby_run(void); /* the folder of its socket */
void standby_make(bool replica);
void standby_start(void);        /* returns when it accepts connections */
void standby_stop(void);         /* at once; idempotent */
void standby_freeze(bool still); /* all its processes stand still, or go on */
/* A statement there, as its superuser; the first column of the first row. */
char *standby_sql(const char *format, ...) __attribute__((format(printf, 1, 2)));
void standby_wait_replayed(void); /* until it has all that was committed */

#endif
