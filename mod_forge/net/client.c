/* SPDX-License-Identifier: Apache-2.0
 * The outbound HTTP client: one thread of a process makes all calls (libcurl's multi interface), so that whoever waits
 * for one watches a descriptor and holds no thread.
 *
 * A call belongs to two: to its owner, who cancels or collects it, and to the thread. All that both touch is under one
 * lock; the last of the two frees it.
 */
#include "net.h"
#include <apr_strings.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CALLS_MAX    256  /* at the same time in one process */
#define CROWD_MAX    128  /* of these, of all crowds together */
#define CROWD_KEPT   16   /* connections of crowds that stay open for the next call */
#define IDLE_WAIT    1000 /* milliseconds; the thread is woken when there is something to do */
#define FIRST_SIZE   4096
#define HEAD_MAX     (64 << 10) /* bytes of an answer's headers, trailers included; libcurl keeps them all */
#define END_PATIENCE apr_time_from_sec(2)
#define LIMITS_MAX   256 /* bytes of a header that is kept */
#define TYPE_MAX     100

struct forge_call_t {
    forge_call_t *next; /* among the new ones, or among those under way */
    CURL *easy;
    struct curl_slist *headers;
    char *body, *answer;
    size_t len, cap;            /* of answer: what is not taken yet */
    size_t came, ceiling, head; /* of the whole answer */
    forge_crowd_t *crowd;       /* may be gone when the call is dropped */
    char limits[LIMITS_MAX];    /* X-Sentry-Rate-Limits */
    int fd;
    bool streams; /* rings with every piece */
    bool dropped; /* its owner does not wait any more */
    bool ended;   /* the thread has let go of it */
    forge_call_result_t result;
};

static struct {
    pthread_mutex_t lock;
    pthread_t thread;
    bool runs, stops;
    CURLM *multi;
    forge_call_t *fresh, *under_way;
    int count, crowded; /* all, and those of crowds */
} client = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void call_free(forge_call_t *call)
{
    if (call->easy)
        curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    if (call->fd >= 0)
        close(call->fd);
    free(call->body);
    free(call->answer);
    free(call);
}

/* --- on the client's thread --- */

static void ring(forge_call_t *call)
{
    const uint64_t one = 1;
    if (write(call->fd, &one, sizeof(one)) < 0)
        call->result.why = "the owner could not be told"; /* looks by itself when its time is over */
}

/* Under the lock: whether so many bytes more may come. What nobody waits for may not. */
static bool affords(forge_call_t *call, size_t more)
{
    if (call->dropped || !call->crowd)
        return !call->dropped;
    if (more > call->crowd->left)
        return false;
    call->crowd->left -= more;
    return true;
}

/* Under the lock. */
static size_t keep(forge_call_t *call, const char *data, size_t more)
{
    if (more > call->ceiling - call->came || !affords(call, more))
        return 0; /* too long: libcurl ends the call */
    if (call->len + more > call->cap) {
        size_t cap = call->cap ? call->cap : FIRST_SIZE;
        while (cap < call->len + more)
            cap *= 2;
        char *bigger = realloc(call->answer, cap);
        if (!bigger)
            return 0;
        call->answer = bigger;
        call->cap = cap;
    }
    memcpy(call->answer + call->len, data, more);
    call->len += more;
    call->came += more;
    return more;
}

static size_t receive(char *data, size_t size, size_t n, void *baton)
{
    long status = 0;
    forge_call_t *call = baton;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    pthread_mutex_lock(&client.lock);
    size_t kept = keep(call, data, size * n);
    call->result.status = (int)status;
    if (call->streams)
        ring(call);
    pthread_mutex_unlock(&client.lock);
    return kept;
}

static size_t receive_header(char *data, size_t size, size_t n, void *baton)
{
    forge_call_t *call = baton;
    (void)data;
    call->head += size * n;
    pthread_mutex_lock(&client.lock);
    bool good = call->head <= HEAD_MAX && affords(call, size * n);
    pthread_mutex_unlock(&client.lock);
    return good ? size * n : 0;
}

/* Nothing of the request has left this machine: it may be made once more. */
static bool unsent(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
}

/* What the answer says of when to come again. */
static void note_patience(forge_call_t *call)
{
    curl_off_t seconds = 0;
    struct curl_header *limits;
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &seconds);
    call->result.retry_after = seconds > 0 ? (apr_int64_t)seconds : 0;
    if (curl_easy_header(call->easy, "X-Sentry-Rate-Limits", 0, CURLH_HEADER, -1, &limits) != CURLHE_OK)
        return;
    apr_cpystrn(call->limits, limits->value, sizeof(call->limits));
    call->result.limits = call->limits;
}

static void judge(forge_call_t *call, CURLcode code)
{
    long status = 0;
    forge_call_result_t *result = &call->result;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    result->status = (int)status;
    result->outcome = code == CURLE_OK                   ? FORGE_CALL_ANSWERED
                      : code == CURLE_OPERATION_TIMEDOUT ? FORGE_CALL_LATE
                      : unsent(code)                     ? FORGE_CALL_UNSENT
                                                         : FORGE_CALL_BROKEN;
    result->why = curl_easy_strerror(code);
    result->too_long = code == CURLE_WRITE_ERROR;
    result->cut = code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR;
    note_patience(call);
    result->body = call->answer ? call->answer : "";
    result->len = call->len;
}

static void unlink_call(forge_call_t *call)
{
    for (forge_call_t **at = &client.under_way; *at; at = &(*at)->next)
        if (*at == call) {
            *at = call->next;
            return;
        }
}

/* Under the lock. */
static void let_go(forge_call_t *call)
{
    curl_multi_remove_handle(client.multi, call->easy);
    unlink_call(call);
    client.count--;
    client.crowded -= call->crowd != NULL;
    call->ended = true;
    if (call->dropped)
        call_free(call);
    else
        ring(call);
}

/* Under the lock: takes in new calls, and drops those that nobody waits for. */
static void tidy(void)
{
    for (forge_call_t *call; (call = client.fresh);) {
        client.fresh = call->next;
        call->next = client.under_way;
        client.under_way = call;
        curl_multi_add_handle(client.multi, call->easy);
    }
    for (forge_call_t *call = client.under_way, *next; call; call = next) {
        next = call->next;
        if (call->dropped || client.stops)
            let_go(call);
    }
}

static void finish(void)
{
    int left;
    for (CURLMsg *said; (said = curl_multi_info_read(client.multi, &left));) {
        forge_call_t *call = NULL;
        if (said->msg != CURLMSG_DONE)
            continue;
        CURLcode code = said->data.result;
        curl_easy_getinfo(said->easy_handle, CURLINFO_PRIVATE, &call);
        judge(call, code);
        let_go(call);
    }
}

static void *work(void *unused)
{
    int running;
    (void)unused;
    for (bool stops = false; !stops;) {
        pthread_mutex_lock(&client.lock);
        tidy();
        stops = client.stops;
        pthread_mutex_unlock(&client.lock);
        curl_multi_perform(client.multi, &running);
        pthread_mutex_lock(&client.lock);
        finish();
        pthread_mutex_unlock(&client.lock);
        if (!stops)
            curl_multi_poll(client.multi, NULL, 0, IDLE_WAIT, NULL);
    }
    return NULL;
}

/* --- for the owners --- */

/* Under the lock: the thread begins with the first call, after all forks. */
static bool begin(void)
{
    if (client.runs || client.stops)
        return client.runs;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    client.multi = curl_multi_init();
    client.runs = client.multi && pthread_create(&client.thread, NULL, work, NULL) == 0;
    return client.runs;
}

static void add_header(forge_call_t *call, const char *header)
{
    if (header)
        call->headers = curl_slist_append(call->headers, header);
}

/* A GET has no headers but libcurl's own and those that are asked for. */
static void prepare_request(forge_call_t *call, const forge_call_spec_t *spec)
{
    char type[TYPE_MAX];
    if (spec->body) {
        apr_snprintf(type, sizeof(type), "Content-Type: %s", spec->type ? spec->type : "application/json");
        add_header(call, type);
        add_header(call, spec->streams ? "Accept: text/event-stream, application/json" : "Accept: application/json");
        add_header(call, "Expect:");
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)spec->len);
    } else {
        curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L);
    }
    add_header(call, spec->authorization);
    add_header(call, spec->trace);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

/* Under the lock: whether a connection is closed after the call. libcurl would keep about as many as there were at
 * once; of a crowd that is too many. A connection that is to stay is made only while there are few. */
static bool once(const forge_call_spec_t *spec)
{
    return spec->crowd && client.crowded >= CROWD_KEPT;
}

/* Under the lock. The proxies of the environment are not for this. Redirects are not followed: an address is
 * configured, not told. A name that is still being looked up when the process ends is left to libcurl's own thread
 * (QUICK_EXIT). A connection is used again only for the same socket, or the same host and port. */
static void prepare(forge_call_t *call, const forge_call_spec_t *spec)
{
    CURL *easy = call->easy;
    prepare_request(call, spec);
    curl_easy_setopt(easy, CURLOPT_URL, spec->url);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, spec->socket);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, once(spec) ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)apr_time_as_msec(spec->connect));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)apr_time_as_msec(spec->total));
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
}

static forge_call_t *make(const forge_call_spec_t *spec)
{
    forge_call_t *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    call->ceiling = spec->ceiling;
    call->streams = spec->streams;
    call->crowd = spec->crowd;
    call->result.why = "the process ends"; /* unless it comes to another end */
    call->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    call->body = malloc(spec->len + 1);
    call->easy = curl_easy_init();
    if (call->fd < 0 || !call->body || !call->easy) {
        call_free(call);
        return NULL;
    }
    if (spec->body)
        memcpy(call->body, spec->body, spec->len);
    prepare(call, spec);
    return call;
}

/* The signal that ends a prefork child may have interrupted this very thread inside the lock; then it never opens. */
static bool lock_in_time(void)
{
    return forge_util_lock(&client.lock, END_PATIENCE) == 0;
}

/* Under the lock. */
static bool has_place(const forge_call_spec_t *spec)
{
    return client.count < CALLS_MAX && (!spec->crowd || client.crowded < CROWD_MAX);
}

forge_call_t *forge_net_call(const forge_call_spec_t *spec)
{
    if (!lock_in_time())
        return NULL;
    forge_call_t *call = begin() && has_place(spec) ? make(spec) : NULL;
    if (call) {
        client.count++;
        client.crowded += call->crowd != NULL;
        call->next = client.fresh;
        client.fresh = call;
        curl_multi_wakeup(client.multi);
    }
    pthread_mutex_unlock(&client.lock);
    return call;
}

int forge_net_call_fd(const forge_call_t *call)
{
    return call->fd;
}

bool forge_net_call_ended(forge_call_t *call, forge_call_result_t *result)
{
    if (!lock_in_time())
        return false;
    bool ended = call->ended;
    *result = call->result;
    pthread_mutex_unlock(&client.lock);
    return ended;
}

int forge_net_call_more(forge_call_t *call, forge_buf_t *b)
{
    uint64_t rung;
    pthread_mutex_lock(&client.lock);
    if (call->len)
        forge_util_buf_add(b, call->answer, call->len);
    call->len = 0;
    int status = call->result.status;
    if (!call->ended && read(call->fd, &rung, sizeof(rung)) < 0)
        rung = 0; /* it had not rung */
    pthread_mutex_unlock(&client.lock);
    return status;
}

void forge_net_call_drop(forge_call_t *call)
{
    if (!lock_in_time())
        return;
    call->dropped = true;
    if (call->ended)
        call_free(call);
    else
        curl_multi_wakeup(client.multi);
    pthread_mutex_unlock(&client.lock);
}

void forge_net_calls_end(void)
{
    if (!lock_in_time())
        return;
    bool runs = client.runs;
    client.stops = true;
    if (runs)
        curl_multi_wakeup(client.multi);
    pthread_mutex_unlock(&client.lock);
    if (!runs)
        return;
    pthread_join(client.thread, NULL);
    client.runs = false;
    curl_multi_cleanup(client.multi);
}
