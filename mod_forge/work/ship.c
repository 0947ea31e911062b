/* SPDX-License-Identifier: Apache-2.0
 * Sends what waits in the queues of this child (server/outgoing.c) to its receivers. One thread of each child does, and
 * it waits for nobody: a call of each receiver may be under way (net/client.c), and the thread looks what became of it.
 *
 * A receiver that is away or overloaded is asked again after a pause that doubles, at most three times for the same
 * pieces; meanwhile the queue fills, and what finds no room there is dropped and counted. What it refuses for good is
 * not sent again. The breaker of its host, which all children share, keeps it from being asked by each of them.
 */
#include "work_private.h"

#include <httpd.h>
#include <http_log.h>
#include <apr_strings.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define TICK         apr_time_from_msec(100)
#define NAP          100                  /* milliseconds that a step waits for answers */
#define GATHER       apr_time_from_sec(1) /* how long pieces may wait for more */
#define CONNECT      apr_time_from_sec(2)
#define TOTAL        apr_time_from_sec(10)
#define ANSWER_MAX   (64 << 10)
#define TRIES        3
#define PAUSE_FIRST  apr_time_from_sec(1)
#define PAUSE_MOST   apr_time_from_sec(60)
#define ASKED_MOST   3600  /* seconds that a receiver may ask to be left alone */
#define SILENCE_MOST 86400 /* the same of errors */
#define LAST_FLUSH   apr_time_from_sec(1)
#define TELL_EVERY   apr_time_from_sec(60)
#define BATCH        512 /* spans of a call */
#define BATCH_BYTES  (512 << 10)
#define DOCUMENT_MAX (1 << 20)

/* A kind of receiver. */
typedef struct cargo_t {
    const char *what;
    int batch; /* pieces of a call */
    apr_interval_time_t gather;
    forge_counter_t sent, dropped, failed;
    const char *(*host)(const forge_config_t *c);
    forge_call_spec_t (*spec)(apr_pool_t *p, const forge_server_t *server, const forge_crate_t *crates);
    /* Of an answer of success: how many pieces it did not take; NULL: it takes all. */
    apr_int64_t (*rejected)(apr_pool_t *p, const forge_call_result_t *result);
    /* For how many seconds it wants nothing, whatever comes; NULL: it never says so. */
    apr_int64_t (*silence)(const forge_call_result_t *result);
} cargo_t;

/* One receiver of this child. */
typedef struct lane_t {
    struct lane_t *next;
    const cargo_t *cargo;
    server_rec *s; /* the first host that names it */
    forge_outgoing_t *outgoing;
    forge_crate_t *crates; /* under way, or to be sent again */
    forge_call_t *call;
    forge_pass_t pass;
    int tries, failures;
    apr_int64_t retry_at, silent_until, told; /* forge_util_monotonic */
} lane_t;

/* Of this generation; made in post_config. */
static lane_t *lanes;
static server_rec *notary; /* the first host with a receiver of errors, who is told of crashes; NULL: none */

/* --- what is sent --- */

static forge_call_spec_t spec_of(const char *url, const forge_buf_t *b)
{
    return (forge_call_spec_t){.url = url,
                               .body = b->failed ? "" : b->data,
                               .len = b->failed ? 0 : b->len,
                               .connect = CONNECT,
                               .total = TOTAL,
                               .ceiling = ANSWER_MAX};
}

static forge_call_spec_t traces_spec(apr_pool_t *p, const forge_server_t *server, const forge_crate_t *crates)
{
    const forge_origin_t origin = forge_server_origin(server, p);
    forge_buf_t *b = forge_util_buf_make(p, BATCH_BYTES, DOCUMENT_MAX);
    forge_net_spans_open(b, &origin);
    for (const forge_crate_t *crate = crates; crate; crate = crate->next) {
        forge_util_buf_puts(b, crate == crates ? "" : ",");
        forge_util_buf_add(b, crate->data, crate->len);
    }
    forge_net_spans_close(b);
    return spec_of(forge_config_traces(server->config)->url, b);
}

/* An envelope holds one event. */
static forge_call_spec_t errors_spec(apr_pool_t *p, const forge_server_t *server, const forge_crate_t *crates)
{
    const forge_sentry_t *sentry = forge_config_sentry(server->config);
    forge_buf_t *b = forge_util_buf_make(p, crates->len, DOCUMENT_MAX);
    forge_util_buf_add(b, crates->data, crates->len);
    forge_call_spec_t spec = spec_of(sentry->url, b);
    spec.type = "application/x-sentry-envelope";
    spec.authorization = sentry->authorization;
    return spec;
}

static const char *traces_host(const forge_config_t *c)
{
    return forge_config_traces(c)->host;
}

static const char *errors_host(const forge_config_t *c)
{
    return forge_config_sentry(c)->host;
}

static const cargo_t traces = {.what = "traces",
                               .batch = BATCH,
                               .gather = GATHER,
                               .sent = FORGE_C_SPAN_SENT,
                               .dropped = FORGE_C_SPAN_DROPPED,
                               .failed = FORGE_C_SPAN_FAILED,
                               .host = traces_host,
                               .spec = traces_spec,
                               .rejected = forge_net_spans_rejected};
static const cargo_t errors = {.what = "errors",
                               .batch = 1,
                               .sent = FORGE_C_ERROR_SENT,
                               .dropped = FORGE_C_ERROR_DROPPED,
                               .failed = FORGE_C_ERROR_FAILED,
                               .host = errors_host,
                               .spec = errors_spec,
                               .silence = forge_net_sentry_silence};

/* --- how it went --- */

static void tell(lane_t *lane, const char *what)
{
    const apr_int64_t now = forge_util_monotonic();
    if (lane->told && now - lane->told < TELL_EVERY)
        return;
    lane->told = now;
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, lane->s, "FG0650: could not send %s to %s: %s", lane->cargo->what,
                 lane->cargo->host(forge_server_of(lane->s)->config), what);
}

static void count(const lane_t *lane, forge_counter_t which, int n)
{
    forge_live_count_more(forge_server_of(lane->s)->live, which, n);
}

/* A receiver that is well takes it all, but for what it says. */
static void delivered(lane_t *lane, apr_pool_t *p, const forge_call_result_t *result)
{
    int n = forge_server_crates_free(lane->crates);
    const apr_int64_t said = lane->cargo->rejected ? lane->cargo->rejected(p, result) : 0;
    int rejected = said > n ? n : (int)said;
    lane->crates = NULL;
    lane->tries = lane->failures = 0;
    lane->retry_at = 0;
    count(lane, lane->cargo->sent, n - rejected);
    count(lane, lane->cargo->failed, rejected);
}

static void give_up(lane_t *lane, forge_counter_t which)
{
    count(lane, which, forge_server_crates_free(lane->crates));
    lane->crates = NULL;
    lane->tries = 0;
}

/* What it asks for, else a time that doubles and is another for each child. */
static apr_interval_time_t pause_of(const lane_t *lane, const forge_call_result_t *result)
{
    apr_uint16_t chance;
    apr_interval_time_t pause = PAUSE_FIRST;
    if (result->retry_after)
        return apr_time_from_sec(result->retry_after < ASKED_MOST ? result->retry_after : ASKED_MOST);
    for (int i = 1; i < lane->failures && pause < PAUSE_MOST; i++)
        pause *= 2;
    pause = pause < PAUSE_MOST ? pause : PAUSE_MOST;
    forge_util_random(&chance, sizeof(chance));
    return pause / 2 + pause * chance / 131072;
}

/* Whether the same may be taken later (OTLP: 429, 502, 503, 504, and no answer at all). */
static bool passing(const forge_call_result_t *result)
{
    return result->outcome != FORGE_CALL_ANSWERED || result->status == HTTP_TOO_MANY_REQUESTS ||
           result->status == HTTP_BAD_GATEWAY || result->status == HTTP_SERVICE_UNAVAILABLE ||
           result->status == HTTP_GATEWAY_TIME_OUT;
}

/* Asks for silence: what comes meanwhile is dropped (Sentry's rule), what was just refused as well. */
static void heed(lane_t *lane, const forge_call_result_t *result)
{
    const apr_int64_t seconds = lane->cargo->silence ? lane->cargo->silence(result) : 0;
    if (seconds > 0)
        lane->silent_until =
            forge_util_monotonic() + apr_time_from_sec(seconds < SILENCE_MOST ? seconds : SILENCE_MOST);
    if (seconds > 0 && lane->crates)
        give_up(lane, lane->cargo->dropped);
}

static void ended(lane_t *lane, apr_pool_t *p, const forge_call_result_t *result)
{
    const bool answered = result->outcome == FORGE_CALL_ANSWERED;
    forge_live_t *live = forge_server_of(lane->s)->live;
    forge_live_breaker_told(live, &lane->pass, answered && result->status < HTTP_INTERNAL_SERVER_ERROR);
    if (answered && result->status >= 200 && result->status < 300) {
        delivered(lane, p, result);
    } else {
        tell(lane, answered ? apr_psprintf(p, "it answered %d", result->status) : result->why);
        lane->failures++;
        lane->retry_at = forge_util_monotonic() + pause_of(lane, result);
        if (!passing(result) || ++lane->tries >= TRIES) /* a 429 of Sentry's is dropped below */
            give_up(lane, lane->cargo->failed);
    }
    heed(lane, result);
    forge_net_call_drop(lane->call); /* the result ends with it */
    lane->call = NULL;
}

/* --- the turns --- */

static void begin(lane_t *lane, apr_pool_t *p)
{
    forge_live_t *live = forge_server_of(lane->s)->live;
    const forge_server_t *server = forge_server_of(lane->s);
    lane->retry_at = forge_util_monotonic() + PAUSE_FIRST; /* where it does not begin */
    if (!forge_live_breaker_allows(live, forge_live_breaker(live, lane->cargo->host(server->config)), &lane->pass))
        return;
    if (!lane->crates)
        lane->crates = forge_server_outgoing_take(lane->outgoing, lane->cargo->batch, BATCH_BYTES);
    if (lane->crates) {
        const forge_call_spec_t spec = lane->cargo->spec(p, server, lane->crates);
        lane->call = spec.len ? forge_net_call(&spec) : NULL;
    }
    if (lane->call)
        return;
    forge_live_breaker_given_up(live, &lane->pass);
    if (++lane->tries >= TRIES)
        give_up(lane, lane->cargo->failed);
}

/* While it wants nothing. */
static void throw_away(lane_t *lane)
{
    while ((lane->crates = forge_server_outgoing_take(lane->outgoing, INT_MAX, (apr_size_t)-1)))
        give_up(lane, lane->cargo->dropped);
}

/* Whether there is something to send now. `last`: pieces do not wait for more. */
static bool due(const lane_t *lane, bool last)
{
    const apr_int64_t now = forge_util_monotonic();
    if (now < lane->retry_at)
        return false;
    if (lane->crates)
        return true;
    const forge_waiting_t waiting = forge_server_outgoing_waiting(lane->outgoing);
    return waiting.count > 0 &&
           (last || waiting.count >= lane->cargo->batch || now - waiting.since >= lane->cargo->gather);
}

/* Takes in what has come and sends what is due. True: a call is under way. */
static bool advance(lane_t *lane, apr_pool_t *p, bool last)
{
    forge_call_result_t result;
    if (lane->call && forge_net_call_ended(lane->call, &result))
        ended(lane, p, &result);
    if (!lane->call && forge_util_monotonic() < lane->silent_until)
        throw_away(lane);
    if (!lane->call && due(lane, last))
        begin(lane, p);
    return lane->call != NULL;
}

/* Until one of the calls has ended, or for a moment. */
static void wait_for_answers(apr_pool_t *p, int milliseconds)
{
    int n = 0;
    for (const lane_t *lane = lanes; lane; lane = lane->next)
        n += lane->call != NULL;
    struct pollfd *fds = apr_pcalloc(p, sizeof(*fds) * (apr_size_t)(n + 1));
    n = 0;
    for (const lane_t *lane = lanes; lane; lane = lane->next)
        if (lane->call)
            fds[n++] = (struct pollfd){.fd = forge_net_call_fd(lane->call), .events = POLLIN};
    poll(fds, (nfds_t)n, milliseconds);
}

static bool advance_all(apr_pool_t *p, bool last)
{
    bool busy = false;
    if (notary)
        forge_work_crash_report(forge_server_of(notary), p);
    for (lane_t *lane = lanes; lane; lane = lane->next)
        busy |= advance(lane, p, last);
    return busy;
}

/* Goes on as long as answers come, so that no answer waits for the next tick. */
static void step(void *unused, apr_pool_t *p)
{
    apr_pool_t *turn;
    bool busy = true;
    (void)unused;
    apr_pool_create(&turn, p);
    for (int i = 0; i < 10 && busy && !forge_work_background_stopping(); i++) {
        busy = advance_all(turn, false);
        if (busy)
            wait_for_answers(turn, NAP);
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
}

/* --- the end of a child --- */

static bool anything_left(void)
{
    bool left = false;
    for (const lane_t *lane = lanes; lane; lane = lane->next)
        left |= lane->call || lane->crates || forge_server_outgoing_waiting(lane->outgoing).count > 0;
    return left;
}

/* Sends once more what has come since the background work ended, within a second in all. A receiver that is left alone
 * at the moment is not asked. */
static apr_status_t flush(void *unused)
{
    apr_pool_t *p;
    const apr_int64_t until = forge_util_monotonic() + LAST_FLUSH;
    (void)unused;
    if (!anything_left() || apr_pool_create_unmanaged(&p) != APR_SUCCESS)
        return APR_SUCCESS;
    while (advance_all(p, true) && forge_util_monotonic() < until)
        wait_for_answers(p, NAP);
    for (lane_t *lane = lanes; lane; lane = lane->next) {
        if (lane->call)
            forge_net_call_drop(lane->call);
        lane->call = NULL;
        give_up(lane, lane->cargo->failed);
        throw_away(lane);
    }
    apr_pool_destroy(p);
    return APR_SUCCESS;
}

void forge_work_ship_child(apr_pool_t *pchild)
{
    apr_pool_pre_cleanup_register(pchild, NULL, flush);
}

/* --- registration --- */

/* The module may be unloaded with this pool, so no pointer into the pool may remain. */
static apr_status_t forget(void *unused)
{
    (void)unused;
    lanes = NULL;
    notary = NULL;
    return APR_SUCCESS;
}

static void lane_add(apr_pool_t *pconf, server_rec *s, forge_outgoing_t *outgoing, const cargo_t *cargo)
{
    if (!outgoing)
        return;
    for (const lane_t *lane = lanes; lane; lane = lane->next)
        if (lane->outgoing == outgoing)
            return;
    lane_t *lane = apr_pcalloc(pconf, sizeof(*lane));
    *lane = (lane_t){.next = lanes, .cargo = cargo, .s = s, .outgoing = outgoing};
    lanes = lane;
}

int forge_work_ship_register(apr_pool_t *pconf, server_rec *main_server)
{
    static const forge_background_t shipper = {.thread = "_forge_ship_", .every = TICK, .step = step};
    apr_pool_cleanup_register(pconf, NULL, forget, apr_pool_cleanup_null);
    for (server_rec *s = main_server; s; s = s->next) {
        const forge_server_t *server = forge_server_of(s);
        if (!server)
            continue;
        lane_add(pconf, s, server->traces, &traces);
        lane_add(pconf, s, server->errors, &errors);
        if (server->errors && !notary)
            notary = s;
    }
    return lanes ? forge_work_background_register(pconf, main_server, &shipper) : OK;
}
