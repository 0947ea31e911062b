/* SPDX-License-Identifier: Apache-2.0
 * What committed statements have done that others must hear of: audit and business events for the log files, voided
 * tokens for the shared memory.
 */
#include "store_private.h"
#include "store/store.h"
#include <apr_strings.h>
#include <string.h>

/* A copy: the result may be gone before the connection is given back. */
static void note(forge_db_t *db, apr_array_header_t **notes, const char *text)
{
    if (!text || !*text)
        return;
    if (!*notes)
        *notes = apr_array_make(db->pool, 2, sizeof(const char *));
    APR_ARRAY_PUSH(*notes, const char *) = apr_pstrdup(db->pool, text);
}

void forge_store_effects_note(forge_db_t *db, const forge_rows_t *rows)
{
    if (forge_store_rows_count(rows) == 0)
        return;
    note(db, &db->effects.audit, forge_store_rows_text(rows, 0, "_audit"));
    note(db, &db->effects.revoked, forge_store_rows_text(rows, 0, "_revoked"));
}

void forge_store_events_want(forge_db_t *db)
{
    db->events = true;
}

bool forge_store_events_wanted(const forge_db_t *db)
{
    return db->events;
}

void forge_store_event(forge_db_t *db, const forge_event_t *event)
{
    if (!db->events)
        return;
    if (!db->effects.events)
        db->effects.events = apr_array_make(db->pool, 2, sizeof(forge_event_t));
    forge_event_t *kept = apr_array_push(db->effects.events);
    *kept = *event;
    kept->name = apr_pstrdup(db->pool, event->name);
    for (size_t i = 0; i < sizeof(event->detail) / sizeof(*event->detail); i++) {
        kept->detail[i].name = apr_pstrdup(db->pool, event->detail[i].name);
        kept->detail[i].text = apr_pstrdup(db->pool, event->detail[i].text);
    }
}

static int length(const apr_array_header_t *notes)
{
    return notes ? notes->nelts : 0;
}

void forge_store_effects_mark(forge_db_t *db)
{
    db->marks[db->depth].audit = length(db->effects.audit);
    db->marks[db->depth].revoked = length(db->effects.revoked);
    db->marks[db->depth].events = length(db->effects.events);
}

void forge_store_effects_undo(forge_db_t *db)
{
    if (db->effects.audit)
        db->effects.audit->nelts = db->marks[db->depth].audit;
    if (db->effects.revoked)
        db->effects.revoked->nelts = db->marks[db->depth].revoked;
    if (db->effects.events)
        db->effects.events->nelts = db->marks[db->depth].events;
}

forge_effects_t forge_store_effects_take(forge_db_t *db, apr_pool_t *p)
{
    forge_effects_t taken = db->effects;
    memset(&db->effects, 0, sizeof(db->effects));
    if (!taken.audit)
        taken.audit = apr_array_make(p, 1, sizeof(const char *));
    if (!taken.revoked)
        taken.revoked = apr_array_make(p, 1, sizeof(const char *));
    if (!taken.events)
        taken.events = apr_array_make(p, 1, sizeof(forge_event_t));
    return taken;
}
