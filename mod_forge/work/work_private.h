/* SPDX-License-Identifier: Apache-2.0
 * What the files of work/ share among themselves.
 */
#ifndef FORGE_WORK_PRIVATE_H
#define FORGE_WORK_PRIVATE_H

#include "server/server.h"
#include "work.h"

/* --- background.c: the framework --- */

typedef struct forge_background_t {
    const char *thread; /* jobs of one name share a thread */
    bool one_child;     /* in one child at a time; another takes over ten seconds after its end */
    apr_interval_time_t every;
    void (*step)(void *data, apr_pool_t *p); /* p is gone afterwards */
    void (*end)(void *data);                 /* once, before the child's pools go, never beside a step; may be NULL */
    void *data;
} forge_background_t;
int forge_work_background_register(apr_pool_t *pconf, struct server_rec *s, const forge_background_t *what);
/* A step that waits for something asks several times a second, and returns when it is true. */
bool forge_work_background_stopping(void);

/* --- tasks.c: what one child at a time does: first administrator, housekeeping --- */

int forge_work_tasks_register(apr_pool_t *pconf, struct server_rec *s);

/* --- revoke.c: hears which sessions end on other nodes. One thread a database, at work in one child at a time: LISTEN forge_events, and the
 * reload after a start or an interruption --- */

int forge_work_events_register(apr_pool_t *pconf, struct server_rec *s);

/* --- mailer.c: sends what waits in the outbox; a thread of its own, for a mail server may be slow. A mail on its way when the child ends is
 * interrupted and goes again --- */

int forge_work_mailer_register(apr_pool_t *pconf, struct server_rec *s);

#endif
