/* SPDX-License-Identifier: Apache-2.0
 * How a container engine is asked: first for its containers, then for three things of each at once, all of it within
 * one deadline. Whoever asks holds a thread, so there is one who asks for all (live/engines.c).
 *
 * Figures are asked for without `one-shot`: with it the engine leaves the earlier reading out, and a share of processor
 * time is the difference between two.
 */
#include "docker_private.h"

#include <apr_strings.h>
#include <curl/curl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONNECT_MS  2000
#define LOOK_EVERY  100 /* milliseconds between two looks at what stops it */
#define CONNECTIONS 128L
#define LIST_MAX    (4 << 20)
#define ANSWER_MAX  (512 << 10)
#define LOG_MAX     (4 << 20)  /* bytes of one log that are read */
#define ALL_MAX     (64 << 20) /* of all answers together */
#define TEXTS_MAX   (2 << 20)  /* of all lines that are kept */
#define GOOD        200

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

/* --- one question --- */

typedef enum { FIGURES, STATE, LOG, KINDS, LIST = KINDS } kind_t;
static const char *const names[KINDS] = {"figures", "state", "log"};

typedef struct question_t {
    CURL *easy; /* NULL: it was not asked */
    struct asking_t *asking;
    kind_t kind;
    bool ended;
    CURLcode code;
    long status;
    apr_size_t left; /* bytes that may still come */
    forge_buf_t *body;
    forge_docker_log_t *log;
} question_t;

typedef struct asking_t {
    apr_pool_t *pool;
    const forge_docker_ask_t *ask;
    CURLM *multi;
    apr_size_t left; /* bytes of all answers that may still come */
    apr_int64_t until;
} asking_t;

static size_t receive(char *data, size_t size, size_t n, void *baton)
{
    question_t *q = baton;
    size_t len = size * n;
    if (len > q->left || len > q->asking->left)
        return 0; /* libcurl ends it */
    q->left -= len;
    q->asking->left -= len;
    curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &q->status);
    if (q->status != GOOD)
        return len; /* what a refusal says is for nobody */
    if (q->log)
        forge_net_docker_log_feed(q->log, data, len);
    else
        forge_util_buf_add(q->body, data, len);
    return len;
}

/* Headers count as the answer does: libcurl keeps them all. */
static size_t receive_header(char *data, size_t size, size_t n, void *baton)
{
    question_t *q = baton;
    size_t len = size * n;
    (void)data;
    if (len > q->left || len > q->asking->left)
        return 0;
    q->left -= len;
    q->asking->left -= len;
    return len;
}

/* The proxies of the environment are not for this, and redirects are not followed. QUICK_EXIT: a name that is still
 * being looked up when time is over is left to libcurl's own thread. */
static void begin(asking_t *a, question_t *q, const char *path)
{
    q->asking = a;
    q->left = q->kind == LIST ? LIST_MAX : q->kind == LOG ? LOG_MAX : ANSWER_MAX;
    if (q->kind == LOG)
        q->log = forge_net_docker_log(a->pool);
    else
        q->body = forge_util_buf_make(a->pool, 4096, q->left);
    q->easy = curl_easy_init();
    if (!q->easy)
        return;
    curl_easy_setopt(q->easy, CURLOPT_URL, apr_pstrcat(a->pool, a->ask->docker->url, path, NULL));
    curl_easy_setopt(q->easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(q->easy, CURLOPT_UNIX_SOCKET_PATH, a->ask->docker->socket);
    curl_easy_setopt(q->easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(q->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(q->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(q->easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(q->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(q->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(q->easy, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(q->easy, CURLOPT_HEADERDATA, q);
    curl_easy_setopt(q->easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(q->easy, CURLOPT_WRITEDATA, q);
    curl_easy_setopt(q->easy, CURLOPT_PRIVATE, q);
    curl_multi_add_handle(a->multi, q->easy);
}

static void ended(CURLMsg *said)
{
    question_t *q = NULL;
    CURLcode code = said->data.result;
    curl_easy_getinfo(said->easy_handle, CURLINFO_PRIVATE, &q);
    q->ended = true;
    q->code = code;
    curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &q->status);
}

/* Goes on until all have ended, or time is over. */
static void perform(asking_t *a)
{
    int running = 1, left;
    while (running) {
        curl_multi_perform(a->multi, &running);
        for (CURLMsg *said; (said = curl_multi_info_read(a->multi, &left));)
            if (said->msg == CURLMSG_DONE)
                ended(said);
        apr_int64_t rest = apr_time_as_msec(a->until - forge_util_monotonic());
        if (rest <= 0 || (a->ask->stop && a->ask->stop()))
            return;
        if (running)
            curl_multi_poll(a->multi, NULL, 0, rest < LOOK_EVERY ? (int)rest : LOOK_EVERY, NULL);
    }
}

static void drop(asking_t *a, question_t *q)
{
    if (q->easy) {
        curl_multi_remove_handle(a->multi, q->easy);
        curl_easy_cleanup(q->easy);
    }
    q->easy = NULL;
}

/* Why it has no answer; NULL: it has one. */
static const char *failure(apr_pool_t *p, const question_t *q)
{
    if (!q->easy)
        return "it could not be asked";
    if (!q->ended || q->code == CURLE_OPERATION_TIMEDOUT)
        return "the engine did not answer in time";
    if (q->code == CURLE_WRITE_ERROR || (q->body && q->body->failed))
        return "the engine answered more than is read";
    if (q->code == CURLE_PARTIAL_FILE || q->code == CURLE_RECV_ERROR)
        return "the engine broke off its answer";
    if (q->code != CURLE_OK)
        return curl_easy_strerror(q->code);
    return q->status == GOOD ? NULL : apr_psprintf(p, "the engine answered with status %ld", q->status);
}

/* --- the list --- */

static forge_docker_end_t list(asking_t *a, forge_docker_said_t *said, const char **why)
{
    question_t q = {.kind = LIST};
    a->until = forge_util_monotonic() + a->ask->patience * 3 / 5;
    begin(a, &q, "/containers/json?all=true");
    perform(a);
    bool late = q.easy && (!q.ended || q.code == CURLE_OPERATION_TIMEDOUT);
    *why = failure(a->pool, &q);
    if (!*why)
        *why = forge_net_docker_read_list(a->pool, q.body, said);
    drop(a, &q);
    return !*why ? FORGE_DOCKER_OK : late ? FORGE_DOCKER_LATE : FORGE_DOCKER_BROKEN;
}

/* --- the containers --- */

/* Figures of what does not run are all zero, and some engines wait for it to begin. */
static bool has_figures(const forge_container_t *container)
{
    return strcmp(container->state, "running") == 0 || strcmp(container->state, "paused") == 0;
}

static void ask_of(asking_t *a, const forge_container_t *container, question_t questions[KINDS])
{
    static const char *const paths[KINDS] = {"/stats?stream=false", "/json", "/logs?stdout=1&stderr=1&tail=50"};
    for (int i = 0; i < KINDS; i++) {
        questions[i].kind = (kind_t)i;
        if (i != FIGURES || has_figures(container))
            begin(a, &questions[i], apr_pstrcat(a->pool, "/containers/", container->id, paths[i], NULL));
    }
}

/* Takes in what has come of one container; the first thing that is missing is its error. Half a log is better than
 * none. */
static void read_of(asking_t *a, question_t questions[KINDS], forge_container_t *container, apr_size_t share)
{
    for (int i = 0; i < KINDS; i++) {
        question_t *q = &questions[i];
        if (!q->asking)
            continue;
        const char *why = failure(a->pool, q);
        if (q->log && !forge_net_docker_log_end(q->log, share, &container->logs, &container->log_count) && !why)
            why = "the engine answered something that is no log";
        if (i == FIGURES && !why)
            why = forge_net_docker_read_figures(a->pool, q->body, container);
        if (i == STATE && !why)
            why = forge_net_docker_read_state(a->pool, q->body, container);
        if (why && !container->error)
            container->error = apr_pstrcat(a->pool, names[i], ": ", why, NULL);
        drop(a, q);
    }
}

static void ask_all(asking_t *a, forge_docker_said_t *said)
{
    question_t(*questions)[KINDS] = apr_pcalloc(a->pool, ((apr_size_t)said->count + 1) * sizeof(*questions));
    for (int i = 0; i < said->count; i++)
        ask_of(a, &said->containers[i], questions[i]);
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
    asking_t a = {.pool = p, .ask = ask, .left = ALL_MAX};
    const apr_int64_t until = forge_util_monotonic() + ask->patience;
    *why = "out of memory";
    curl_global_init(CURL_GLOBAL_DEFAULT);
    a.multi = curl_multi_init();
    if (!a.multi)
        return FORGE_DOCKER_BROKEN;
    curl_multi_setopt(a.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS);
    forge_docker_end_t end = list(&a, said, why);
    a.until = until;
    if (end == FORGE_DOCKER_OK)
        ask_all(&a, said);
    curl_multi_cleanup(a.multi);
    return end;
}
