/* SPDX-License-Identifier: Apache-2.0
 * Every route of the document was called with success by some suite (SPEC 13). Workers tell what they never called;
 * what none of them called was forgotten.
 */
#include "harness.h"
#include "shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NEVER_MAX 65536 /* bytes of operationIds */

/* One worker's report, in memory of all of them. */
typedef struct report_t {
    bool there;
    char never[NEVER_MAX]; /* operationIds, a blank around each */
} report_t;

static report_t *reports;

void coverage_begin(void)
{
    reports = mmap(NULL, SHARDS_MAX * sizeof(*reports), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reports == MAP_FAILED) {
        perror("api tests");
        exit(2);
    }
}

void coverage_report(int worker)
{
    report_t *mine = &reports[worker];
    if (snprintf(mine->never, NEVER_MAX, " %s ", schema_never_called()) < NEVER_MAX)
        mine->there = true;
}

/* Did every worker that reported say so? */
static bool never_by_all(const char *id)
{
    for (int i = 0; i < SHARDS_MAX; i++)
        if (reports[i].there && !strstr(reports[i].never, F(" %s ", id)))
            return false;
    return true;
}

/* A worker without a report has failed already, and what it called is missing here. */
bool coverage_complete(void)
{
    char *never = F("%s", ""), *rest = NULL;
    report_t *first = NULL;
    for (int i = SHARDS_MAX - 1; i >= 0; i--)
        first = reports[i].there ? &reports[i] : first;
    if (!first) {
        printf("not ok coverage: no worker has said what it called\n");
        return false;
    }
    for (char *id = strtok_r(F("%s", first->never), " ", &rest); id; id = strtok_r(NULL, " ", &rest))
        if (never_by_all(id))
            never = F("%s %s", never, id);
    printf(*never ? "not ok coverage: never called:%s\n" : "ok coverage: every operation was called with success%s\n",
           never);
    return !*never;
}
