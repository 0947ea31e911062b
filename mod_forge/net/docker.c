/* SPDX-License-Identifier: Apache-2.0
 * How a container engine is asked: first for its containers, then for three things of each, all of it within one
 * deadline. Whoever asks holds a thread, so there is one who asks for all (live/engines.c). The calls are those of
 * client.c, a crowd: it says how many may be under way, and the next one begins when one has ended.
 *
 * Figures are asked for without `one-shot`: with it the engine leaves the earlier reading out, and a share of processor
 * time is the difference between two.
 */
#include "docker_private.h"

#include <apr_strings.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONNECT    apr_time_from_sec(2)
#define BRIEFEST   apr_time_from_msec(1) /* of a call: none would be no bound at all */
#define LOOK_EVERY 100                   /* milliseconds between two looks at what stops it */
#define LIST_MAX   (4 << 20)
#define ANSWER_MAX (512 << 10)
#define LOG_MAX    (4 << 20)  /* bytes of one log that are read */
#define ALL_MAX    (64 << 20) /* of all answers together */
#define TEXTS_MAX  (2 << 20)  /* of all lines that are kept */
#define GOOD       200
#define LATE       "the engine did not answer in time"

/* --- ForgeDockerSocket --- */

static bool path_good(const char *path)
{
    const struct sockaddr_un *at = NULL;
    return *path == '/' && path[1] && strlen(path) < sizeof(at->sun_path) && forge_util_line(path);
}

/* A name, or an address: with brackets if it has colons. */
static bool host_good(const char *host, apr_size_t len)
{
    bool brackets = len > 2 && host[0] == '[' && host[len - 1] == ']';
    if (len < 1 || len > 253 || (!brackets && !forge_util_is_alnum(*host)))
        return false;
    for (apr_size_t i = brackets; i < len - brackets; i++)
        if (brackets ? !forge_util_is_xdigit(host[i]) && host[i] != ':' && host[i] != '.'
                     : !forge_util_is_alnum(host[i]) && host[i] != '-' && host[i] != '.' && host[i] != '_')
            return false;
    return true;
}

static bool place_good(const char *place)
{
    apr_int64_t port;
    const char *colon = strrchr(place, ':');
    return colon && host_good(place, (apr_size_t)(colon - place)) && forge_util_is_digit(colon[1]) &&
           forge_util_atoi(colon + 1, strlen(colon + 1), &port) && port >= 1 && port <= 65535;
}

const forge_docker_t *forge_net_docker_parse(apr_pool_t *p, const char *word, const char **why)
{
    forge_docker_t *docker = apr_pcalloc(p, sizeof(*docker));
    if (apr_cstr_casecmp(word, "off") == 0)
        return docker;
    docker->name = word;
    docker->url = "http://localhost";
    if (strncmp(word, "unix:", 5) == 0) {
        docker->socket = word + 5;
        *why = apr_psprintf(p, "'%s' is no path of a socket, or longer than one may be", word);
        return path_good(docker->socket) ? docker : NULL;
    }
    *why = apr_psprintf(p, "'%s' is refused", word);
    if (strncmp(word, "tcp://", 6) != 0 || !place_good(word + 6))
        return NULL;
    docker->url = apr_pstrcat(p, "http://", word + 6, NULL);
    return docker;
}

/* --- questions --- */

typedef enum { FIGURES, STATE, LOG, KINDS, LIST = KINDS } kind_t;
static const char *const names[KINDS] = {"figures", "state", "log"};
static const apr_size_t ceilings[KINDS + 1] = {ANSWER_MAX, ANSWER_MAX, LOG_MAX, LIST_MAX};

typedef struct question_t {
    kind_t kind;
    const char *url;    /* NULL: it is none */
    forge_call_t *call; /* NULL: it was not asked */
    bool ended;
    forge_call_result_t result; /* of one that has ended */
    forge_docker_log_t *log;
} question_t;

typedef struct asking_t {
    apr_pool_t *pool;
    const forge_docker_ask_t *ask;
    apr_int64_t until;
    forge_crowd_t crowd;
    question_t **questions; /* in the order in which they are asked */
    int count, begun, ended;
    forge_buf_t *piece; /* of a log */
} asking_t;

static void will_ask(asking_t *a, question_t *q, kind_t kind, const char *path)
{
    *q = (question_t){.kind = kind, .url = apr_pstrcat(a->pool, a->ask->docker->url, path, NULL)};
    if (kind == LOG)
        q->log = forge_net_docker_log(a->pool);
    a->questions[a->count++] = q;
}

/* False: there is no place for it now. */
static bool begin(asking_t *a, question_t *q)
{
    const apr_interval_time_t rest = a->until - forge_util_monotonic();
    const forge_call_spec_t spec = {.url = q->url,
                                    .socket = a->ask->docker->socket,
                                    .connect = CONNECT,
                                    .total = rest > BRIEFEST ? rest : BRIEFEST,
                                    .ceiling = ceilings[q->kind],
                                    .streams = q->kind == LOG,
                                    .crowd = &a->crowd};
    q->call = forge_net_call(&spec);
    return q->call != NULL;
}

/* A log is taken as it comes: of one that never ends there is a part. What a refusal says is for nobody. */
static void look(asking_t *a, question_t *q)
{
    q->ended = forge_net_call_ended(q->call, &q->result);
    a->ended += q->ended;
    if (!q->log)
        return;
    a->piece->len = 0;
    int status = forge_net_call_more(q->call, a->piece);
    if (status == GOOD)
        forge_net_docker_log_feed(q->log, a->piece->data, a->piece->len);
}

/* Waits until some of those under way have something to say, and hears it. */
static void hear(asking_t *a, int milliseconds, struct pollfd *fds, question_t **open)
{
    int n = 0;
    for (int i = 0; i < a->begun; i++) {
        question_t *q = a->questions[i];
        if (q->ended)
            continue;
        fds[n] = (struct pollfd){.fd = forge_net_call_fd(q->call), .events = POLLIN};
        open[n++] = q;
    }
    poll(fds, (nfds_t)n, milliseconds);
    for (int i = 0; i < n; i++)
        if (fds[i].revents)
            look(a, open[i]);
}

/* Goes on until all have ended, or time is over. */
static void perform(asking_t *a)
{
    struct pollfd *fds = apr_palloc(a->pool, (apr_size_t)a->count * sizeof(*fds));
    question_t **open = apr_palloc(a->pool, (apr_size_t)a->count * sizeof(*open));
    while (a->ended < a->count) {
        while (a->begun < a->count && begin(a, a->questions[a->begun]))
            a->begun++;
        apr_int64_t rest = apr_time_as_msec(a->until - forge_util_monotonic());
        if (rest <= 0 || (a->ask->stop && a->ask->stop()))
            return;
        hear(a, rest < LOOK_EVERY ? (int)rest : LOOK_EVERY, fds, open);
    }
}

/* The questions of the next `most` answers. */
static void turn_to(asking_t *a, int most, apr_int64_t until)
{
    a->questions = apr_palloc(a->pool, (apr_size_t)most * sizeof(*a->questions));
    a->count = a->begun = a->ended = 0;
    a->until = until;
}

/* What is late has no end. */
static void drop(question_t *q)
{
    if (q->call)
        forge_net_call_drop(q->call);
    q->call = NULL;
}

static bool is_late(const asking_t *a, const question_t *q)
{
    return q->call ? !q->ended || q->result.outcome == FORGE_CALL_LATE : a->ended < a->begun;
}

/* Why it has no answer; NULL: it has one. One that was not begun has waited for others, unless there were none. */
static const char *failure(const asking_t *a, const question_t *q)
{
    if (is_late(a, q))
        return LATE;
    if (!q->call)
        return "it could not be asked";
    if (q->result.too_long || (q->log && a->piece->failed))
        return "the engine answered more than is read";
    if (q->result.cut)
        return "the engine broke off its answer";
    if (q->result.outcome != FORGE_CALL_ANSWERED)
        return q->result.why;
    return q->result.status == GOOD ? NULL
                                    : apr_psprintf(a->pool, "the engine answered with status %d", q->result.status);
}

/* --- the list --- */

static forge_docker_end_t list(asking_t *a, forge_docker_said_t *said, const char **why)
{
    question_t q;
    turn_to(a, 1, forge_util_monotonic() + a->ask->patience * 3 / 5);
    will_ask(a, &q, LIST, "/containers/json?all=true");
    perform(a);
    bool late = is_late(a, &q);
    *why = failure(a, &q);
    if (!*why)
        *why = forge_net_docker_read_list(a->pool, &q.result, said);
    drop(&q);
    return !*why ? FORGE_DOCKER_OK : late ? FORGE_DOCKER_LATE : FORGE_DOCKER_BROKEN;
}

/* --- the containers --- */

/* Figures of what does not run are all zero, and some engines wait for it to begin. */
static bool has_figures(const forge_container_t *container)
{
    return strcmp(container->state, "running") == 0 || strcmp(container->state, "paused") == 0;
}

static void will_ask_of(asking_t *a, question_t *q, kind_t kind, const forge_container_t *container)
{
    static const char *const paths[KINDS] = {"/stats?stream=false", "/json", "/logs?stdout=1&stderr=1&tail=50"};
    will_ask(a, q, kind, apr_pstrcat(a->pool, "/containers/", container->id, paths[kind], NULL));
}

/* Takes in what has come of one container; the first thing that is missing is its error. Half a log is better than
 * none. */
static void read_of(asking_t *a, question_t questions[KINDS], forge_container_t *container, apr_size_t share)
{
    for (int i = 0; i < KINDS; i++) {
        question_t *q = &questions[i];
        if (!q->url)
            continue;
        const char *why = failure(a, q);
        if (q->log && !forge_net_docker_log_end(q->log, share, &container->logs, &container->log_count) && !why)
            why = "the engine answered something that is no log";
        if (i == FIGURES && !why)
            why = forge_net_docker_read_figures(a->pool, &q->result, container);
        if (i == STATE && !why)
            why = forge_net_docker_read_state(a->pool, &q->result, container);
        if (why && !container->error)
            container->error = apr_pstrcat(a->pool, names[i], ": ", why, NULL);
        drop(q);
    }
}

/* Figures come first: the engine takes a second or two for each, while it waits for another reading. */
static void ask_all(asking_t *a, forge_docker_said_t *said, apr_int64_t until)
{
    question_t(*questions)[KINDS] = apr_pcalloc(a->pool, ((apr_size_t)said->count + 1) * sizeof(*questions));
    turn_to(a, said->count * KINDS, until);
    for (int i = 0; i < said->count; i++)
        if (has_figures(&said->containers[i]))
            will_ask_of(a, &questions[i][FIGURES], FIGURES, &said->containers[i]);
    for (int i = 0; i < said->count; i++)
        for (kind_t kind = STATE; kind < KINDS; kind++)
            will_ask_of(a, &questions[i][kind], kind, &said->containers[i]);
    perform(a);
    for (int i = 0; i < said->count; i++) {
        forge_container_t *container = &said->containers[i];
        read_of(a, questions[i], container, TEXTS_MAX / (apr_size_t)said->count);
        said->unhealthy += container->health && strcmp(container->health, "unhealthy") == 0;
    }
}

forge_docker_end_t forge_net_docker_ask(apr_pool_t *p, const forge_docker_ask_t *ask, forge_docker_said_t *said,
                                        const char **why)
{
    asking_t a = {.pool = p, .ask = ask, .crowd = {ALL_MAX}, .piece = forge_util_buf_make(p, 0, LOG_MAX)};
    const apr_int64_t until = forge_util_monotonic() + ask->patience;
    forge_docker_end_t end = list(&a, said, why);
    if (end == FORGE_DOCKER_OK)
        ask_all(&a, said, until);
    return end;
}
