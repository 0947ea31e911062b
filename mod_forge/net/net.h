/* SPDX-License-Identifier: Apache-2.0
 * Interface of net/: outbound calls. No other room includes libcurl.
 */
#ifndef FORGE_NET_H
#define FORGE_NET_H

#include "forge.h"
#include "util/util.h"

/* --- client.c: calls of HTTP services, which nobody waits for on a thread --- */

typedef struct forge_call_t forge_call_t;
/* Calls that one asker makes by the dozen. They leave half of the places to all others, and only a few of their
 * connections are kept. It must live until all of its calls are dropped. */
typedef struct forge_crowd_t {
    apr_size_t left; /* bytes of all answers together, their headers too, that may still come; for client.c alone */
} forge_crowd_t;
typedef struct forge_call_spec_t {
    const char *url;    /* http or https */
    const char *socket; /* path of the Unix socket that leads there; NULL: by TCP */
    const char *body;   /* of a POST; NULL: the call is a GET */
    apr_size_t len;
    apr_interval_time_t connect, total; /* how long these may take */
    apr_size_t ceiling;                 /* bytes of the answer; a longer one is broken */
    const char *authorization;          /* the whole header; NULL: none */
    const char *type;                   /* media type of the body; NULL: JSON */
    const char *trace;                  /* the whole header traceparent; NULL: none */
    bool streams;                       /* the answer comes in pieces, and each of them rings */
    forge_crowd_t *crowd;               /* that it is one of; NULL: none */
} forge_call_spec_t;
typedef enum forge_call_outcome_t {
    FORGE_CALL_BROKEN,   /* no whole answer came */
    FORGE_CALL_ANSWERED, /* with any status */
    FORGE_CALL_LATE,     /* its time was over */
    FORGE_CALL_UNSENT    /* there was no connection: it may be made once more */
} forge_call_outcome_t;
typedef struct forge_call_result_t {
    forge_call_outcome_t outcome;
    int status;
    const char *body; /* lives as long as the call; without what forge_net_call_more has taken */
    apr_size_t len;
    const char *why;         /* of a failure, for the log; a literal */
    bool too_long;           /* broken: the answer is longer than was allowed */
    bool cut;                /* broken: the service broke off its answer */
    apr_int64_t retry_after; /* seconds that Retry-After asks for; 0: none */
    const char *limits;      /* X-Sentry-Rate-Limits, as long as the call; NULL: none */
} forge_call_result_t;
/* Begins a call. NULL: out of memory, too many at the same time, or the process ends. */
forge_call_t *forge_net_call(const forge_call_spec_t *spec);
int forge_net_call_fd(const forge_call_t *call); /* can be read when it has ended */
/* Whether it has ended; then with its result. */
bool forge_net_call_ended(forge_call_t *call, forge_call_result_t *result);
/* What has come of the answer since the last time, which is then kept no longer; the descriptor does not ring any more
 * until more comes. Returns the status of the answer, 0 before it has one. */
int forge_net_call_more(forge_call_t *call, forge_buf_t *b);
void forge_net_call_drop(forge_call_t *call); /* frees it, also when it has not ended */
void forge_net_calls_end(void);               /* before the process ends: all calls break off */

/* --- address.c: addresses of services --- */

/* "https://host:8443/path" as directives take it: no user, no query, nothing that a log would have to hide. */
bool forge_net_address_good(const char *url);
/* "host:8443" of such an address: what its breaker is called. */
const char *forge_net_address_host(apr_pool_t *p, const char *url);
bool forge_net_ratio_read(const char *text, double *ratio); /* a number of 0 to 1 in digits, as "0.25" */

/* --- members.c, dns.c: who is behind a service --- */

typedef enum forge_source_t { FORGE_SOURCE_DNS, FORGE_SOURCE_SRV, FORGE_SOURCE_FILE } forge_source_t;
/* ForgeDiscover: where the members of a balancer are looked up. */
typedef struct forge_service_t {
    const char *balancer; /* "balancer://labs" */
    const char *text;     /* of the source, as written: names it in logs */
    forge_source_t source;
    const char *name; /* host, name of the SRV records, or path */
    int port;         /* of FORGE_SOURCE_DNS */
    const char *scheme;
    const char *resolver;         /* "192.0.2.1:53"; NULL: those of /etc/resolv.conf */
    apr_interval_time_t interval; /* between two lookups, at most */
    apr_interval_time_t drain;    /* how long a member that is gone keeps the sessions that it has */
    bool loopback;                /* answers may name this machine itself */
} forge_service_t;
#define FORGE_SERVICE_FORM "dns:host:port, srv:_service._proto.name or file:/path"
/* Reads the source. NULL, or what is wrong with it. */
const char *forge_net_service_read(apr_pool_t *p, const char *text, forge_service_t *service);
/* "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53". */
bool forge_net_resolver_good(const char *text);
/* Whether a lookup may name an address as a member (RFC 6890): no unspecified, multicast, broadcast, reserved or
 * link-local one, and this machine's own only if `loopback`. IPv4 inside of IPv6 is judged as what it is. */
bool forge_net_member_allowed(const char *address, bool loopback);
/* Adds a member, once; what is one too many is counted as left out. Fills in the route. */
void forge_net_member_add(forge_members_t *members, const forge_member_t *member);
/* The name by which mod_proxy knows a member: "http://192.0.2.1:8080", without the port that the scheme implies. */
const char *forge_net_member_url(apr_pool_t *p, const char *scheme, const forge_member_t *member);
/* Reads the text of a file: "host:port [weight=1..100] [priority=0..99] [route=name]" a line, # begins a comment. With
 * *why if it cannot be used. */
forge_lookup_t forge_net_members_read(apr_pool_t *p, const char *text, forge_members_t *members, const char **why);
/* Priorities become sets 0, 1, 2 … in their order; weights of more than 100 are scaled down to it, and 0 is 1
 * (RFC 2782). */
void forge_net_members_rank(forge_members_t *members);
typedef bool (*forge_stop_fn)(void);
/* Asks the DNS; returns soon after `stop` says true. With *why if it found nothing. */
forge_lookup_t forge_net_dns(apr_pool_t *p, const forge_service_t *service, forge_members_t *members,
                             forge_stop_fn stop, const char **why);

/* --- otlp.c: spans as an OpenTelemetry collector takes them (OTLP/HTTP in JSON) --- */

typedef struct forge_traces_t {
    const char *url, *host; /* of the receiver; NULL: off */
    double ratio;           /* of the traces that begin here, how many are recorded: 0..1 */
} forge_traces_t;
#define FORGE_TRACES_FORM "off, or http://|https:// host[:port][/path] [ratio of 0 to 1]"
/* Reads the arguments of ForgeTraces. Without a path it is /v1/traces. NULL and *why in lower case if the form is
 * wrong. */
const forge_traces_t *forge_net_traces_parse(apr_pool_t *p, int n, const char *const *words, const char **why);
/* Whether a trace that begins here is recorded. Decided by its id, so that all who see it decide alike. */
bool forge_net_traces_sampled(const forge_traces_t *traces, const char *trace_id);

/* The numbers are those of the protocol. */
typedef enum forge_span_kind_t {
    FORGE_SPAN_INTERNAL = 1,
    FORGE_SPAN_SERVER = 2,
    FORGE_SPAN_CLIENT = 3,
    FORGE_SPAN_CONSUMER = 5
} forge_span_kind_t;
#define FORGE_SPAN_MARKS 12
typedef struct forge_span_t {
    struct forge_span_t *next;
    const char *name, *parent; /* parent: the id of a span, "": none */
    forge_span_kind_t kind;
    char id[17];
    apr_time_t begun, ended;
    bool failed;
    int count;
    struct {
        const char *name, *text; /* text NULL: the number */
        apr_int64_t number;
    } marks[FORGE_SPAN_MARKS]; /* attributes */
} forge_span_t;
/* One span as JSON. */
void forge_net_span_write(forge_buf_t *b, const char *trace_id, const forge_span_t *span);
/* Who sends them. */
typedef struct forge_origin_t {
    const char *version, *environment, *host, *instance;
} forge_origin_t;
/* The document around spans: what stands before them, separated by commas, and after them. */
void forge_net_spans_open(forge_buf_t *b, const forge_origin_t *origin);
void forge_net_spans_close(forge_buf_t *b);
/* How many spans of a request that was answered with 200 the receiver did not take (partial success). */
apr_int64_t forge_net_spans_rejected(apr_pool_t *p, const forge_call_result_t *result);

/* --- sentry.c: errors as Sentry takes them --- */

typedef struct forge_sentry_t {
    const char *dsn;                        /* as written; NULL: off */
    const char *url, *host, *authorization; /* of the receiver; of forge_net_sentry_open */
    double ratio;                           /* of the events, how many are sent: 0..1 */
} forge_sentry_t;
#define FORGE_SENTRY_FORM \
    "off, or http(s)://key@host[:port][/path]/project [ratio of 0 to 1]; file:/path and env:NAME too"
/* Reads the arguments of ForgeSentryDSN; the DSN itself is not looked at yet. NULL and *why in lower case if the form
 * is wrong. */
const forge_sentry_t *forge_net_sentry_parse(apr_pool_t *p, int n, const char *const *words, const char **why);
/* Takes the DSN apart. False and *why, without a word of it. */
bool forge_net_sentry_open(apr_pool_t *p, forge_sentry_t *sentry, const char *dsn, const char **why);

#define FORGE_SENTRY_TAGS 12
typedef struct forge_sentry_event_t {
    const forge_origin_t *origin;
    apr_time_t when;
    const char *level, *message, *group;          /* group: events with the same text are one issue */
    const char *transaction, *trace_id, *span_id; /* NULL: none */
    int count;
    struct {
        const char *name, *text;
    } tags[FORGE_SENTRY_TAGS];
} forge_sentry_event_t;
void forge_net_sentry_tag(forge_sentry_event_t *event, const char *name, const char *text); /* NULL text: nothing */
/* The whole envelope, with an id of its own. */
void forge_net_sentry_write(forge_buf_t *b, apr_pool_t *p, const forge_sentry_event_t *event);
/* For how many seconds it wants no more errors, by X-Sentry-Rate-Limits, else by a 429 and its Retry-After; 0: it takes
 * more. */
apr_int64_t forge_net_sentry_silence(const forge_call_result_t *result);

/* --- llm.c: a language model behind an OpenAI-compatible interface --- */

typedef struct forge_llm_t {
    const char *url;     /* "https://llm.example.org/v1" */
    const char *host;    /* "llm.example.org", with the port where one is said: what its breaker is called */
    const char *model;   /* of answers */
    const char *key;     /* NULL: none. As written until the configuration is complete */
    const char *vectors; /* model of embeddings; NULL: none */
    int dimensions;      /* of embeddings; 0: the model's own */
    int answer;          /* tokens of an answer at most */
    apr_interval_time_t patience;
    apr_int64_t month_tokens;   /* of an account in a month; 0: no limit */
    double month_cost;          /* the same in the currency of the prices; 0: no limit */
    double price_in, price_out; /* of a million tokens */
} forge_llm_t;
#define FORGE_LLM_FORM \
    "off, or base-url model file:/path|env:NAME|key|none [embeddings=MODEL] [dimensions=1..4096] [answer=16..8192] " \
    "[timeout=1s..10m] [tokens=N] [prices=IN/OUT] [cost=N]"
/* Reads the arguments of ForgeLLM. A key must not travel unencrypted, unless to this machine. "off" gives no url. NULL
 * and *why in lower case if the form is wrong. */
const forge_llm_t *forge_net_llm_parse(apr_pool_t *p, int n, const char *const *words, const char **why);

/* A call that asks for an answer to two messages; with `streams` it comes in pieces. */
forge_call_spec_t forge_net_llm_chat(apr_pool_t *p, const forge_llm_t *llm, const char *system, const char *user,
                                     bool streams);
/* A call that asks for the embeddings of n texts. */
forge_call_spec_t forge_net_llm_embed(apr_pool_t *p, const forge_llm_t *llm, const char *const *texts, int n);

typedef struct forge_llm_said_t {
    const char *text;
    apr_int64_t tokens_in, tokens_out; /* 0 when it does not say */
} forge_llm_said_t;
/* The answer, of a call that came in one piece. NULL or why it is none: never with a word of the answer, which may
 * repeat the key. */
const char *forge_net_llm_said(apr_pool_t *p, const forge_call_result_t *result, forge_llm_said_t *said);
/* The vectors of n texts, each of length *count, one after the other. NULL and *why. */
double *forge_net_llm_vectors(apr_pool_t *p, const forge_call_result_t *result, int n, int *count, const char **why);
/* An answer that comes in pieces: what has been said so far is in `text`. */
typedef struct forge_llm_stream_t {
    apr_pool_t *pool;
    forge_buf_t *line, *text;
    apr_int64_t tokens_in, tokens_out;
    bool ended;  /* it has said that this was all */
    bool broken; /* it is no such stream */
} forge_llm_stream_t;
forge_llm_stream_t *forge_net_llm_stream(apr_pool_t *p);
void forge_net_llm_stream_feed(forge_llm_stream_t *stream, const char *data, apr_size_t len);

/* --- redis_url.c: where Redis is --- */

typedef struct forge_redis_t {
    const char *url;  /* as written: an address, file:/path or env:NAME; NULL: there is none (shm) */
    const char *word; /* password= as written; NULL: none */
    const char *ca;   /* file of the authorities that certificates are checked by; NULL: those of the system */
    apr_interval_time_t patience; /* for a connection and an answer together */
    /* by forge_net_redis_open */
    const char *host; /* NULL: it is reached by the socket `path` */
    const char *path, *user, *password;
    const char *name; /* "redis.example.org:6379", or the path: what logs call it */
    int port, db;
    bool tls;
    void *trust; /* of certificates, where it is TLS */
} forge_redis_t;
#define FORGE_REDIS_FORM \
    "shm, or redis://|rediss://[[user]:password@]host[:port][/db] | redis+unix://[[user]:password@]/path[?db=N] " \
    "[password=file:/path|env:NAME|text] [ca=/path] [timeout=1ms..1000ms]; file:/path and env:NAME for the address " \
    "too"
bool forge_net_redis_built(void); /* this build has hiredis */
/* Reads the arguments of ForgeRateLimitStore. An address that stands there is checked, secrets are not read yet. NULL
 * and *why in lower case if the form is wrong. */
const forge_redis_t *forge_net_redis_parse(apr_pool_t *p, int n, const char *const *words, const char **why);
/* Takes the address apart, with the password of password= (NULL: none). False and *why, without a word of either. */
bool forge_net_redis_open(apr_pool_t *p, forge_redis_t *redis, const char *url, const char *password, const char **why);
bool forge_net_redis_same(const forge_redis_t *a, const forge_redis_t *b); /* both opened: they share connections */

/* --- redis.c: requests are counted in Redis, on connections of this process --- */

typedef enum forge_redis_end_t {
    FORGE_REDIS_OK,
    FORGE_REDIS_LATE,    /* no answer came in time */
    FORGE_REDIS_BROKEN,  /* no connection, or what came is no answer */
    FORGE_REDIS_REFUSED, /* the server answered with an error */
    FORGE_REDIS_BUSY,    /* all connections were in use until the deadline */
    FORGE_REDIS_AWAY     /* it was not asked, because it is away */
} forge_redis_end_t;
#define FORGE_REDIS_KEYS "forge:limit:" /* all keys begin so */
/* One counter (forge_live_limit_plan), and what was answered. */
typedef struct forge_redis_run_t {
    const char *key;
    apr_interval_time_t interval, span;
    bool take; /* false: only look */
    bool allowed;
    apr_interval_time_t reset; /* until the whole quota is back */
} forge_redis_run_t;
/* What is known of Redis outside this process, and who is told of it. May be called on any thread. */
typedef struct forge_redis_hooks_t {
    bool (*away)(void *baton);        /* it is not to be asked */
    apr_uint32_t (*era)(void *baton); /* a number that changes each time it goes away: older connections are not used */
    bool (*may_try)(void *baton);     /* while it is away: whether this process is to try it now */
    void (*good)(void *baton);        /* the try went well */
    void (*bad)(void *baton, const char *why); /* a call or a try went wrong; `why` in lower case, without secrets */
    void (*stuck)(void *baton); /* the process ends, but a name is still being looked up; must not return */
    void *baton;
} forge_redis_hooks_t;
typedef struct forge_redis_spec_t {
    const forge_redis_t *redis;
    int most; /* connections */
    forge_redis_hooks_t hooks;
} forge_redis_spec_t;
typedef struct forge_redis_client_t forge_redis_client_t;
/* The connections of a process, and the thread that makes and tries them: requests never do. They end before p. NULL:
 * out of memory, or no thread. */
forge_redis_client_t *forge_net_redis_client(apr_pool_t *p, const forge_redis_spec_t *spec);
/* Asks for n counters (at most 8) in one round trip, within the patience of the configuration, the wait for a
 * connection included. */
forge_redis_end_t forge_net_redis_run(forge_redis_client_t *client, apr_pool_t *p, forge_redis_run_t *runs, int n);
/* Connects and counts once, in at most two seconds and the time for a name. False and *why. */
bool forge_net_redis_probe(apr_pool_t *p, const forge_redis_t *redis, const char **why);

/* --- docker.c: what a container engine says (Docker Engine API). It is only ever asked: no function takes a method, a
 * path or a body, and all that is sent is GET --- */

typedef struct forge_docker_t {
    const char *name;   /* as configured: "unix:/var/run/docker.sock"; NULL: off */
    const char *socket; /* its path; NULL: it is reached by tcp */
    const char *url;    /* "http://localhost", "http://proxy:2375" */
} forge_docker_t;
#define FORGE_DOCKER_FORM "off, unix:/path, or tcp://host:port"
/* Reads the argument of ForgeDockerSocket. "off" gives no name. NULL and *why in lower case if the form is wrong. */
const forge_docker_t *forge_net_docker_parse(apr_pool_t *p, const char *word, const char **why);

#define FORGE_DOCKER_CONTAINERS 100 /* of which more than their number is told */
#define FORGE_DOCKER_LINES      50  /* of a container's log */
#define FORGE_UNKNOWN_FIGURE    (-1.0)
typedef struct forge_container_t {
    const char *id, *name, *image, *state; /* id: 12 to 64 hexadecimal digits; "" where the others are missing */
    const char *health;                    /* healthy, unhealthy, starting; NULL: it has no check */
    const char *error;                     /* a sentence about what is missing; NULL: nothing */
    double cpu_percent;                    /* of one processor, as `docker stats` shows it */
    double memory, memory_limit;           /* bytes; without the cache of files */
    double rx, tx, read, written;          /* bytes since it was started */
    const char *const *logs;               /* oldest first */
    int log_count;
} forge_container_t;
typedef struct forge_docker_said_t {
    int total, running, unhealthy; /* of all containers */
    int count;                     /* of those below; the ones that run come first */
    forge_container_t *containers;
} forge_docker_said_t;
typedef struct forge_docker_ask_t {
    const forge_docker_t *docker;
    apr_interval_time_t patience; /* for all of it; three fifths for the list */
    bool (*stop)(void);           /* asked ten times a second; NULL: never stop */
} forge_docker_ask_t;
typedef enum forge_docker_end_t {
    FORGE_DOCKER_OK,     /* what single containers lack is their error */
    FORGE_DOCKER_BROKEN, /* no list came: nobody listens, or it is no such engine */
    FORGE_DOCKER_LATE    /* no list came in time */
} forge_docker_end_t;
/* Asks for the list, and then for figures, state and log of each container, as many at once as client.c has places for.
 * Holds this thread meanwhile. Unless it returns OK, *why says in lower case why not, for the log. */
forge_docker_end_t forge_net_docker_ask(apr_pool_t *p, const forge_docker_ask_t *ask, forge_docker_said_t *said,
                                        const char **why);

/* --- mail: where it is sent, and how --- */

typedef enum forge_starttls_t { FORGE_STARTTLS_REQUIRED, FORGE_STARTTLS_OPTIONAL, FORGE_STARTTLS_OFF } forge_starttls_t;

typedef struct forge_mail_t {
    const char *directory; /* directory for one file per message; NULL: send by SMTP */
    const char *host;      /* NULL with a directory; if both are NULL, no mail is sent */
    int port;
    bool tls; /* TLS from the first byte (smtps) */
    forge_starttls_t starttls;
    const char *user, *password; /* NULL: no login */
    const char *ca;   /* file of the certificate authorities to trust instead of the system's; NULL: the system's */
    const char *from; /* sender address; NULL until the configuration is complete */
    const char *name; /* that is shown instead of it; NULL: none */
} forge_mail_t;

typedef struct forge_parcel_t {
    const char *from, *to; /* envelope, bare addresses */
    const char *data;      /* the message, lines end in CRLF */
    apr_size_t len;
    const char *id;                  /* names the file in a directory: letters, digits, '-' */
    bool (*stop)(const void *baton); /* called several times a second while waiting; NULL: never stop */
    const void *baton;
} forge_parcel_t;

typedef enum forge_delivery_t {
    FORGE_DELIVERED,
    FORGE_DELIVERY_LATER,   /* this mail was refused for now (greylisting, mailbox busy) */
    FORGE_DELIVERY_REFUSED, /* the recipient was refused for good */
    FORGE_DELIVERY_DOWN,    /* no mail can be sent at the moment: no connection, no TLS, no login, no answer */
    FORGE_DELIVERY_STOPPED  /* parcel.stop returned true */
} forge_delivery_t;

/* --- transport.c: the arguments of ForgeMail --- */

bool forge_net_host_good(const char *host); /* a name or an IPv4 address; or an IPv6 address in brackets */

#define FORGE_MAIL_FORM \
    "off, file:DIR [from=SENDER], or smtp://host[:port] | smtps://host[:port] [from=SENDER] [user=NAME " \
    "password=file:/path|env:NAME|text] " \
    "[starttls=required|optional|off] [ca=/path], with a sender of ADDRESS or \"from=Name <ADDRESS>\" in quotes"
/* Checks an address, because this room has no rules for that: returns its normal form, or NULL and *why. */
typedef const char *(*forge_address_fn)(apr_pool_t *p, const char *typed, const char **why);
/* Reads the arguments. "off" gives neither directory nor host. STARTTLS is required unless the host is this machine; a
 * password is refused if it could travel unencrypted. The password is kept as written and not read yet. NULL and *why
 * in lower case if the form is wrong. */
const forge_mail_t *forge_net_mail_parse(apr_pool_t *p, int n, const char *const *words, forge_address_fn address,
                                         const char **why);

/* --- smtp.c --- */

/* One connection, opened at first use, reused, and closed with p. For one thread at a time. NULL: out of memory. */
typedef struct forge_smtp_t forge_smtp_t;
forge_smtp_t *forge_net_smtp_open(apr_pool_t *p, const forge_mail_t *mail);
/* Sends one message; takes at most 10 s for the connection and 30 s in all. Unless it was delivered, *why says in lower
 * case why not (allocated from p). */
forge_delivery_t forge_net_smtp_send(forge_smtp_t *smtp, apr_pool_t *p, const forge_parcel_t *parcel, const char **why);
/* Connects, with TLS and login as configured, and sends NOOP. */
bool forge_net_smtp_probe(forge_smtp_t *smtp, apr_pool_t *p, const char **why);

/* --- maildir.c --- */

/* Writes the message as <time>-<id>.eml, mode 0640. It is first written under another name, so that no reader sees half
 * a file. The same id replaces the file. DELIVERED, or DOWN with *why. */
forge_delivery_t forge_net_maildir_put(apr_pool_t *p, const char *directory, apr_time_t when,
                                       const forge_parcel_t *parcel, const char **why);

#endif
