/* SPDX-License-Identifier: Apache-2.0
 * Streams that follow rows of the database. In each child one question a second asks for all rows that its streams
 * follow, whoever follows them: what comes is kept here, and the streams look into memory.
 *
 * The question is asked by one of the streams, the first one that finds that it is time. It says the state of a row as
 * a whole, so a stream that missed some of them, or comes again, gets the latest, and the id of an event is the digest
 * of what it says: a client that knows it already does not get it again, whichever child it comes to.
 */
#include "http_private.h"
#include "store/store.h"

#include <httpd.h>
#include <http_log.h>
#include <apr_strings.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define HEADS    4096                  /* chains of topics; a power of two */
#define EVERY    apr_time_from_sec(1)  /* between two questions … */
#define PART     20                    /* … which take a twentieth of the time at most */
#define PATIENCE apr_time_from_sec(10) /* after which another stream asks, if the one that was to did not */
#define DELETED  "deleted"             /* event of a row that is gone */
#define ID_BYTES 17                    /* sixteen hexadecimal digits */

/* What a row says: one block of memory, replaced as a whole. */
typedef struct state_t {
    char id[ID_BYTES];
    bool over;
    char *event, *data; /* behind this */
} state_t;

/* All rows of one kind in one database. Never freed: there are as many as kinds and databases. */
typedef struct group_t {
    struct group_t *next;
    const forge_follow_kind_t *kind;
    apr_uint64_t realm;
    apr_int64_t due; /* when the next question is to be asked; a time of forge_util_monotonic */
    apr_uint64_t round;
} group_t;

typedef struct topic_t {
    struct topic_t *next;
    group_t *group;
    apr_int64_t row;
    int followers;
    apr_uint64_t version; /* read without the lock */
    apr_uint64_t seen;    /* the last round in which it was there */
    state_t *state;
} topic_t;

typedef struct follower_t {
    forge_req_t *q;
    topic_t *topic; /* NULL: it follows no more */
    apr_uint64_t version;
    bool asks; /* this one is to ask the question */
    forge_events_source_t source;
} follower_t;

/* One in each child. */
static struct {
    pthread_mutex_t lock;
    group_t *groups;
    topic_t *heads[HEADS];
} board = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- states --- */

static state_t *state_make(const forge_rows_t *rows, int i)
{
    const char *event = forge_store_rows_text(rows, i, "event"), *data = forge_store_rows_text(rows, i, "data");
    if (!event || !data)
        return NULL;
    apr_size_t event_bytes = strlen(event) + 1, data_bytes = strlen(data) + 1;
    state_t *state = malloc(sizeof(*state) + event_bytes + data_bytes);
    if (!state)
        return NULL;
    state->event = (char *)(state + 1);
    state->data = state->event + event_bytes;
    memcpy(state->event, event, event_bytes);
    memcpy(state->data, data, data_bytes);
    state->over = forge_store_rows_bool(rows, i, "over");
    apr_uint64_t hash = forge_util_hash(forge_util_hash(FORGE_HASH_START, event), data);
    apr_snprintf(state->id, sizeof(state->id), "%016" APR_UINT64_T_HEX_FMT, hash);
    return state;
}

/* Under the lock. The same again changes nothing. */
static void state_set(topic_t *topic, state_t *state)
{
    if (!state)
        return; /* no memory, or no answer to the question: the next one brings it again */
    if (topic->state && strcmp(topic->state->id, state->id) == 0) {
        free(state);
        return;
    }
    free(topic->state);
    topic->state = state;
    __atomic_store_n(&topic->version, topic->version + 1, __ATOMIC_RELEASE);
}

/* --- topics; all of it under the lock --- */

static topic_t **head_of(const group_t *group, apr_int64_t row)
{
    apr_uint64_t mixed = ((apr_uint64_t)row ^ (apr_uint64_t)(apr_uintptr_t)group) * APR_UINT64_C(0x9E3779B97F4A7C15);
    return &board.heads[mixed >> 32 & (HEADS - 1)];
}

static topic_t *topic_find(const group_t *group, apr_int64_t row)
{
    topic_t *topic = *head_of(group, row);
    while (topic && (topic->group != group || topic->row != row))
        topic = topic->next;
    return topic;
}

static group_t *group_of(apr_uint64_t realm, const forge_follow_kind_t *kind)
{
    for (group_t *group = board.groups; group; group = group->next)
        if (group->realm == realm && group->kind == kind)
            return group;
    group_t *group = calloc(1, sizeof(*group));
    if (!group)
        return NULL;
    *group = (group_t){.next = board.groups, .kind = kind, .realm = realm, .due = forge_util_monotonic() + EVERY};
    board.groups = group;
    return group;
}

/* The topic of a row, with one follower more; what is known of it already may be newer than `rows`. */
static topic_t *topic_join(group_t *group, apr_int64_t row, const forge_rows_t *rows)
{
    topic_t *topic = group ? topic_find(group, row) : NULL;
    if (!topic && group && (topic = calloc(1, sizeof(*topic)))) {
        *topic = (topic_t){.group = group, .row = row, .seen = group->round, .next = *head_of(group, row)};
        *head_of(group, row) = topic;
        state_set(topic, state_make(rows, 0));
    }
    if (topic)
        topic->followers++;
    return topic;
}

static void topic_leave(topic_t *topic)
{
    if (--topic->followers > 0)
        return;
    topic_t **at = head_of(topic->group, topic->row);
    while (*at != topic)
        at = &(*at)->next;
    *at = topic->next;
    free(topic->state);
    free(topic);
}

/* --- the question for all of a group --- */

static const char *rows_of(const group_t *group, apr_pool_t *p)
{
    forge_buf_t *b = forge_util_buf_make(p, 1024, FORGE_FOLLOW_BYTES);
    forge_util_buf_add(b, "{", 1);
    pthread_mutex_lock(&board.lock);
    for (int i = 0; i < HEADS; i++)
        for (const topic_t *topic = board.heads[i]; topic; topic = topic->next)
            if (topic->group == group) {
                if (b->len > 1)
                    forge_util_buf_add(b, ",", 1);
                forge_util_buf_int(b, topic->row);
            }
    pthread_mutex_unlock(&board.lock);
    forge_util_buf_add(b, "}", 2); /* and its NUL */
    return b->failed ? NULL : b->data;
}

/* Under the lock: who was asked for and did not come is gone. Those who joined since were not asked for. */
static void bury(const group_t *group, apr_uint64_t round)
{
    for (int i = 0; i < HEADS; i++)
        for (topic_t *topic = board.heads[i]; topic; topic = topic->next) {
            if (topic->group != group || topic->seen >= round || !topic->state || topic->state->over)
                continue;
            state_t *gone = malloc(sizeof(*gone));
            if (gone)
                *gone = (state_t){.id = DELETED, .over = true, .event = (char *)DELETED, .data = (char *)"{}"};
            state_set(topic, gone);
        }
}

/* One question and what it brings. */
typedef struct question_t {
    group_t *group;
    apr_uint64_t round;
    const char *ids;
} question_t;

static forge_status_t ask_all(forge_db_t *db, apr_pool_t *p, void *data)
{
    const question_t *question = data;
    forge_rows_t *rows;
    FORGE_TRY(question->group->kind->look(db, p, question->ids, &rows));
    pthread_mutex_lock(&board.lock);
    for (int i = 0; i < forge_store_rows_count(rows); i++) {
        topic_t *topic = topic_find(question->group, forge_store_rows_int(rows, i, "id", 0));
        if (!topic)
            continue;
        if (topic->seen < question->round)
            topic->seen = question->round;
        state_set(topic, state_make(rows, i));
    }
    bury(question->group, question->round);
    pthread_mutex_unlock(&board.lock);
    return FORGE_OK;
}

/* A failure is not the streams': they go on with what they know, and the next question may be answered. */
static void look(forge_req_t *q, apr_pool_t *p, group_t *group)
{
    apr_int64_t begun = forge_util_monotonic();
    pthread_mutex_lock(&board.lock);
    question_t question = {.group = group, .round = ++group->round}; /* who joins from here on counts as seen in it */
    pthread_mutex_unlock(&board.lock);
    question.ids = rows_of(group, p);
    forge_status_t status = question.ids ? forge_http_db_lend(q, p, ask_all, &question) : FORGE_E_INTERNAL;
    if (status != FORGE_OK)
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, q->r, "FG0497: could not look at what streams follow: %s [request %s]",
                      forge_util_error(status)->code, q->request_id);
    apr_int64_t now = forge_util_monotonic(), pause = (now - begun) * PART;
    __atomic_store_n(&group->due, now + (pause > EVERY ? pause : EVERY), __ATOMIC_RELEASE);
}

/* --- the source of one stream --- */

/* Whether this stream is to ask: the first one that finds that it is time. */
static bool claim(group_t *group)
{
    apr_int64_t now = forge_util_monotonic(), due = __atomic_load_n(&group->due, __ATOMIC_ACQUIRE);
    return now >= due &&
           __atomic_compare_exchange_n(&group->due, &due, now + PATIENCE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static bool ready(void *baton)
{
    follower_t *f = baton;
    if (__atomic_load_n(&f->topic->version, __ATOMIC_ACQUIRE) != f->version)
        return true;
    f->asks = f->asks || claim(f->topic->group);
    return f->asks;
}

/* Under the lock. */
static void tell(follower_t *f, forge_events_t *e)
{
    const state_t *state = f->topic->state;
    if (f->version == f->topic->version || !state)
        return;
    if (!forge_events_put(e, state->id, state->event, state->data, strlen(state->data)))
        return;
    f->version = f->topic->version;
    if (state->over)
        forge_events_end(e);
}

static forge_status_t ask(forge_req_t *q, apr_pool_t *p, forge_events_t *e, void *baton)
{
    follower_t *f = baton;
    if (f->asks)
        look(q, p, f->topic->group);
    f->asks = false;
    pthread_mutex_lock(&board.lock);
    tell(f, e);
    pthread_mutex_unlock(&board.lock);
    return FORGE_OK;
}

static void unfollow(void *baton)
{
    follower_t *f = baton;
    if (f->asks)
        __atomic_store_n(&f->topic->group->due, 0, __ATOMIC_RELEASE);
    pthread_mutex_lock(&board.lock);
    topic_leave(f->topic);
    pthread_mutex_unlock(&board.lock);
}

static follower_t *follow(forge_req_t *q, const forge_follow_kind_t *kind, apr_int64_t row, const forge_rows_t *rows)
{
    follower_t *f = apr_pcalloc(q->pool, sizeof(*f));
    const char *last = forge_events_last_id(q);
    f->q = q;
    f->source = (forge_events_source_t){.ask = ask, .ready = ready, .end = unfollow, .baton = f};
    pthread_mutex_lock(&board.lock);
    f->topic = topic_join(group_of(q->server->realm, kind), row, rows);
    if (f->topic && f->topic->state && last && strcmp(last, f->topic->state->id) == 0)
        f->version = f->topic->version; /* the client has it already */
    pthread_mutex_unlock(&board.lock);
    return f;
}

/* A client that was told the end comes again all the same; an answer without content tells it not to (9.2.3). */
static bool knows_the_end(forge_req_t *q, const forge_rows_t *rows)
{
    const char *last = forge_events_last_id(q);
    state_t *state = last && forge_store_rows_bool(rows, 0, "over") ? state_make(rows, 0) : NULL;
    bool knows = state && strcmp(last, state->id) == 0;
    free(state);
    return knows;
}

forge_status_t forge_reply_follow(forge_req_t *q, const forge_follow_kind_t *kind, apr_int64_t row,
                                  const forge_rows_t *rows)
{
    if (knows_the_end(q, rows))
        return forge_reply_none(q);
    forge_http_db_done(q);
    follower_t *f = follow(q, kind, row, rows);
    return f->topic ? forge_reply_events(q, &f->source) : FORGE_E_UNAVAILABLE;
}
