/* SPDX-License-Identifier: Apache-2.0
 * What we know of a session, tied to its PGconn by libpq's events, so that a reconnect by the pool forgets it.
 */
#include "store_private.h"
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <libpq-events.h>

/* --- what a session has prepared --- */

/* The slot of a name, or the empty one where it would go (FNV-1a). */
static char **slot_of(const forge_link_t *link, const char *name)
{
    unsigned hash = 2166136261u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    for (unsigned i = hash;; i++) {
        char *const *slot = &link->names[i & (FORGE_STORE_SLOTS - 1)];
        if (!*slot || strcmp(*slot, name) == 0)
            return (char **)slot;
    }
}

bool forge_store_link_has(const forge_link_t *link, const char *name)
{
    return *slot_of(link, name) != NULL;
}

void forge_store_link_add(forge_link_t *link, const char *name)
{
    char **slot = slot_of(link, name);
    /* Without memory the name stays unknown and is prepared again, which the server then refuses as a duplicate: slow,
     * not wrong. */
    if (!*slot && link->count < FORGE_STORE_PREPARED_MAX && (*slot = strdup(name)))
        link->count++;
}

void forge_store_link_forget(forge_link_t *link)
{
    for (int i = 0; i < FORGE_STORE_SLOTS; i++) {
        free(link->names[i]);
        link->names[i] = NULL;
    }
    link->count = 0;
    link->suspect = false;
}

/* Another back end knows nothing of what the last one did. */
static void link_renew(forge_link_t *link)
{
    forge_store_link_forget(link);
    link->ready = link->pooled = link->unanswered = link->unwritable = link->mixed_up = link->pooler = false;
    link->system[0] = link->session[0] = '\0';
    link->named_at = 0;
    link->replayed = link->kin = 0;
    link->changed = 0;
}

/* --- the link between a PGconn and us --- */

/* libpq tells of a reset and of the end of a connection. */
static int on_event(PGEventId event, void *info, void *baton)
{
    (void)baton;
    if (event == PGEVT_CONNRESET) {
        forge_link_t *link = PQinstanceData(((PGEventConnReset *)info)->conn, on_event);
        if (link)
            link_renew(link);
    } else if (event == PGEVT_CONNDESTROY) {
        forge_link_t *link = PQinstanceData(((PGEventConnDestroy *)info)->conn, on_event);
        if (link) {
            forge_store_link_forget(link);
            free(link);
        }
    }
    return 1;
}

/* Triggers tell which topics a statement has written (forge.changed, migration 0026). libpq would print other notices
 * to stderr, which is the server's error log. */
static void on_notice(void *baton, const PGresult *notice)
{
    forge_link_t *link = baton;
    const char *state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    const char *word = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (state && word && strcmp(state, FORGE_STORE_CHANGED) == 0)
        link->changed |= forge_live_topic(word, strlen(word));
}

const forge_link_t *forge_store_link_kept(const PGconn *conn)
{
    return PQinstanceData(conn, on_event);
}

forge_link_t *forge_store_link_of(PGconn *conn)
{
    forge_link_t *link = PQinstanceData(conn, on_event);
    if (!link) {
        PQregisterEventProc(conn, on_event, "forge", NULL); /* refuses a second time, which is fine */
        if (!(link = calloc(1, sizeof(*link))))
            return NULL;
        if (!PQsetInstanceData(conn, on_event, link)) {
            free(link);
            return NULL;
        }
        PQsetNoticeReceiver(conn, on_notice, link);
    }
    if (link->pid != PQbackendPID(conn)) { /* a reset that no event has told of */
        link_renew(link);
        link->pid = PQbackendPID(conn);
    }
    if (!PQisnonblocking(conn)) /* a reset makes it blocking again */
        PQsetnonblocking(conn, 1);
    return link;
}

/* --- what is behind it --- */

bool forge_store_right_kind(bool replica, const char *unwritable, const char *standby)
{
    return replica ? standby && *standby == 't' : unwritable && *unwritable == 'f';
}

/* "cluster:timeline:database:start" without the start. */
apr_uint64_t forge_store_kin(const char *system)
{
    char log[FORGE_STORE_SYSTEM_MAX];
    apr_cpystrn(log, system, sizeof(log));
    char *start = strrchr(log, ':');
    if (start)
        *start = '\0';
    return forge_util_hash(FORGE_HASH_START, log);
}
