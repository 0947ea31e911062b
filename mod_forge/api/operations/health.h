/* SPDX-License-Identifier: Apache-2.0
 * The parts that /health reports on, one row each.
 */
#ifndef FORGE_API_HEALTH_H
#define FORGE_API_HEALTH_H

#include "http/http.h"

typedef enum forge_health_t {
    FORGE_HEALTH_PASS,
    FORGE_HEALTH_WARN,
    FORGE_HEALTH_FAIL,
    FORGE_HEALTH_OFF /* not configured */
} forge_health_t;

/* Which reports show a part: /health, /health/ready, /auth/health. */
enum { FORGE_HEALTH_FULL = 1, FORGE_HEALTH_READY = 2, FORGE_HEALTH_AUTH = 4 };

typedef struct forge_health_found_t {
    forge_health_t status;
    double value;    /* what was measured, in the unit of its row; NAN: nothing */
    const char *why; /* of a failure; NULL: the row's */
    int figures[3];  /* what .members shows beside it */
    const forge_keys_t *keys;
    const forge_upstream_t *upstreams; /* members of balancers */
    int upstreams_count;
} forge_health_found_t;

typedef struct forge_health_check_t {
    const char *name;
    /* In FORGE_HEALTH: "database:responseTime", "datastore", "ms" (NULL: it has no unit). */
    const char *measured, *type, *unit;
    const char *trouble; /* what its failure is, in a few words that name no host, path or version */
    unsigned reports;
    forge_health_t most;              /* what its failure means for the whole */
    bool is_database, asks_database;  /* those that ask it are not asked when it does not answer */
    bool (*on)(const forge_req_t *q); /* whether it is configured; NULL: always */
    /* Takes at most five seconds; whatever it asks is kept for a second. */
    void (*ask)(forge_req_t *q, forge_health_found_t *found);
    void (*members)(forge_json_t *part, const forge_health_found_t *found); /* further members; NULL: none */
} forge_health_check_t;
extern const forge_health_check_t forge_health_checks[]; /* ends with a row without a name */

#endif
