/* SPDX-License-Identifier: Apache-2.0
 * What every API test uses: a real httpd and a real PostgreSQL of their own, a client whose answers are all checked
 * against the OpenAPI document and the rules of the wire, and short ways to accounts, tokens and SQL.
 *
 * Check runs without fork: a worker's servers start once, tables are emptied before each case, and a case fails when
 * the error log holds a line at warn or above that it did not announce. Everything handed out lives until the end of
 * the case; nobody frees.
 */
#ifndef FORGE_TESTS_HARNESS_H
#define FORGE_TESTS_HARNESS_H

#include <check.h>
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* --- env.c: the servers --- */

/* Virtual hosts of the one httpd, each on a port of its own; and the other node. */
typedef enum port_t {
    PORT_MAIN,   /* plain, limits too high to be met, ForgeCache off: a case may write with psql and read at once */
    PORT_TLS,    /* the same over TLS; Header lines of the site for a request with X-Case (headers.c) */
    PORT_LIMITS, /* small rate limits (limits.c) */
    PORT_STRICT, /* ForgeCSP strict, terms required, students only, courses by instructors, bodies of at most 2K, no
                  * guests, no reuse window, no login that is fresh
                  */
    PORT_POOL, /* two database connections per child, a wait of 200 ms; no lockout, ForgeMFAIssuer "Example University",
                * no time-out of mod_reqtimeout for bodies
                */
    PORT_QUICK, /* access tokens that live 10 s; one hash at a time; ForgeUserQuota 1M 40; believes the header X-Client
                   (mod_remoteip); /metrics for administrators alone */
    PORT_KEYS,  /* tokens signed by es.pem (kid es, ES256), rs.pem (kid rs, RS256) verifies too; mod_brotli compresses
                 */
    PORT_SMTP,  /* ForgePublicURL https://smtp.example.org, mail to a server on env.smtp_port; elsewhere it goes to
                   env.dir/mail */
    PORT_DOORS, /* content that is not ours, behind AuthType Forge (site.c); no time-out of mod_reqtimeout for bodies */
    PORT_COOKIE,    /* the same over TLS, ForgeCookie On */
    PORT_QUEUE,     /* one hash at a time, statements that may take 20 s */
    PORT_QUEUE_TLS, /* the same over TLS, HTTP/2 too */
    PORT_BRIEF,     /* the same, but only 3 wait, for 2 s */
    PORT_GIT,       /* repositories of env.dir/git over TLS; git-authority.pem has signed its certificate
                     * (analysis/repository.c) */
    PORT_SECOND,    /* another node: an httpd of its own on the same database, after env_second_start() */
    PORT_THIRD,     /* one more, after env_third_launch() */
    PORTS
} port_t;
bool port_is_tls(port_t port);

typedef struct env_t {
    char dir[256]; /* everything lives here, gone at the end */
    char bin[256]; /* PostgreSQL's programs */
    int ports[PORTS];
    int smtp_port;   /* nobody listens there unless a test does */
    const char *mpm; /* FORGE_TEST_MPM */
    const char *module, *ctl, *source, *httpd, *runner;
    const char *assets; /* documentation pages; NULL when they were not built */
    const char *secret; /* ForgeSecret of every host */
    bool root;          /* servers run under accounts of their own */
    bool quick;         /* FORGE_TEST_QUICK: fewer rounds (second and third MPM) */
} env_t;
extern env_t env;
/* Headers of ours that Header lines of PORT_TLS replace or remove; NULL ends them. */
extern const char *const env_own_headers[];

void env_prepare(void);     /* once: what the servers of all workers begin with */
void env_start(int worker); /* a worker's own servers; exits with a message when it cannot */
void env_stop(bool failed); /* idempotent; also at exit and on signals. failed: the logs are kept beside the program */
void env_heal(void);   /* starts again what a test left stopped; after an outage all children serve when it returns */
void env_outage(void); /* the case at hand takes the database away from the server */
const char *env_preload(void); /* libraries that httpd needs before all others: a sanitizer's run time, or "" */
int env_httpd_pid(void);
void env_httpd_graceful(void);             /* a graceful restart; returns at once */
void env_httpd_restart(void);              /* stopped and started again: shared memory is lost */
void env_second_start(void);               /* the second node, when it is not running yet */
void env_second_launch(const char *lines); /* anew, with further directives; returns at once */
bool env_second_ready(int seconds);        /* until its /health/ready is 200 */
void env_second_stop(void);
int env_second_pid(void);
int env_second_children(int *pids, int max); /* as env_children */
void env_second_change(const char *lines);   /* its directives anew, taken up by a graceful restart; returns at once */
void env_third_launch(const char *lines);    /* as env_second_launch */
bool env_third_ready(int seconds);
void env_third_stop(void);
int env_children(int *pids, int max); /* processes that serve requests; the number found */
void env_postgres_stop(bool immediate);
void env_postgres_start(void);                     /* returns when it accepts connections */
void env_processes_freeze(int parent, bool still); /* it and its children */
void env_postgres_freeze(bool still);              /* all its processes stand still, or go on */
bool env_wait_ready(int seconds);                  /* until /health/ready is 200 */
int env_patience(int time); /* before one calls something hung: CK_TIMEOUT_MULTIPLIER times as long */
const char *env_dsn(void);  /* the schema's owner */

/* --- site.c: what the doors protect --- */

/* The names of the visitor's variables; NULL ends them. */
extern const char *const site_variables[];
char *site_lines(void); /* makes the files and starts the back end; the directives of the hosts that serve them */

/* --- parts.c: a back end below the API, well and sick --- */

char *parts_lines(void); /* starts it; the directives of the hosts that have it */

/* --- process.c: programs and files --- */

/* Runs a program to its end; what it wrote to both streams in *out, kept until the end of the case, when out is not
 * NULL. Returns the exit code, 128 + n for signal n. `account` is NULL for our own. */
int process_run(const char *account, const char *const *argv, char **out);
/* Starts one that ends with us; its output goes to a file. The main thread only. */
int process_start(const char *account, const char *const *argv, const char *output);
bool process_alive(int pid);
int process_kill(int pid, int number);   /* kill(2) of one process: no number below 1, which means many, gets through */
bool process_wait(int pid, int seconds); /* reaps a child */
char *file_read(const char *path, long offset); /* from offset to its end, "" when it cannot be read */
long file_size(const char *path);
void file_write(const char *path, const char *text);
/* A back end of the tests' own on a free port of 127.0.0.1: `serve` runs with the address of *listener until the
 * program ends. Returns the port. */
int back_end_start(void *(*serve)(void *listener), int *listener);
int port_free(void);

/* --- cases.c --- */

/* This case may leave such lines (any substring: a tag, a message) at warn or above in the error log. */
void expect_log(const char *part);
void expect_outage(void); /* what a database that is away leaves there */
/* What logs/<name> got since the case began. */
char *log_since(const char *name);
/* A node has been stopped: what the error log got since it was `from` bytes long may be httpd's last words. */
void log_stopped(long from);
/* The first line of a log at warn or above that neither the case announced nor log_remarks.def explains, or NULL. The
 * text begins at byte `from` of the error log and is cut. */
char *log_surprise(char *text, long from);
/* A case with set-up and clean-up, added to the suite: use instead of tcase_create. */
TCase *case_make(Suite *suite, const char *name);
/* A test that takes longer than 60 s says so at its beginning; past its time everything ends. */
void watchdog(int seconds);

/* Text that lives until the end of the case. */
char *F(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *keep(void *malloced);
json_t *keep_json(json_t *owned);
/* A failure from any thread: the main thread fails at once, others when they are joined. */
void fail_later(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fail_now(void); /* by the main thread, after it has joined others */
void pause_ms(int milliseconds);

/* --- client.c: requests --- */

typedef struct call_t {
    port_t port;
    const char *token; /* access token, sent as Bearer */
    const char *json;  /* body of type application/json (or .type) */
    const char *type;  /* its media type when it is another one; "" sends none */
    const void *body;  /* body of any bytes, with .length */
    size_t length;
    const char *headers[12]; /* "Name: value" */
    const char *from;        /* source address, for limits ("127.0.2.1") */
    bool http2;              /* over PORT_COOKIE and PORT_QUEUE_TLS; else HTTP/1.1 */
    long patience;           /* milliseconds for the answer; 0: half a minute, as env_patience() has it */
    bool chunked;            /* Transfer-Encoding: chunked instead of a length */
    bool lenient;            /* the connection may break; the answer is not checked against the documents */
} call_t;

typedef struct reply_t {
    int status; /* 0: no answer */
    char *head; /* header block as it came, status line first */
    char *body;
    size_t length;
    json_t *json; /* NULL when the body is no JSON */
    double seconds;
} reply_t;

/* One request. Fails the case when the answer breaks a rule of the wire, is not documented, or does not match its
 * schema. */
reply_t *call_with(const char *method, const char *path, const call_t *options);
#define CALL(method, path, ...) call_with(method, path, &(call_t){__VA_ARGS__})
/* The value of a header of the answer (the first), or NULL. */
const char *header(const reply_t *reply, const char *name);
int header_count(const reply_t *reply, const char *name);
/* A connection to a port, or -1. */
int raw_open(port_t port);
/* Bytes to a port, the answer's bytes back ("" when the server just closed). Waits at most 6 s. */
reply_t *raw(port_t port, const char *bytes, size_t length);
reply_t *raw_text(port_t port, const char *text);
/* From a connection: the whole answer, to its end or that of its body; "" when the connection just ended, or nothing
 * came for so many seconds. The connection is closed. */
char *answer_read(int fd, int seconds);
int answer_status(const char *answer); /* of HTTP; 0: there was none */
/* Runs fn in n threads at once and joins them. */
void parallel(int n, void (*fn)(int i, void *baton), void *baton);

/* Values in JSON by RFC 6901 pointer; a missing one fails the case. */
json_t *at(const json_t *root, const char *pointer);
json_t *maybe_at(const json_t *root, const char *pointer); /* NULL when it is not there */
const char *text_at(const json_t *root, const char *pointer);
json_int_t int_at(const json_t *root, const char *pointer);

#define expect_status(reply, wanted) expect_status_at(__FILE__, __LINE__, reply, wanted)
void expect_status_at(const char *file, int line, const reply_t *reply, int wanted);
/* A problem document with this code (its status is in errors.def). */
#define expect_problem(reply, code) expect_problem_at(__FILE__, __LINE__, reply, code)
void expect_problem_at(const char *file, int line, const reply_t *reply, const char *code);
/* errors[] of a problem names this pointer; code may be NULL for any. */
void expect_fault(const reply_t *reply, const char *pointer, const char *code);
/* A part of the body, for what is not JSON; or none, in any case of letters. */
#define expect_says(reply, text) \
    ck_assert_msg(strstr((reply)->body, text), "%s is missing: %d %.3000s", text, (reply)->status, (reply)->body)
#define expect_silent(reply, text) \
    ck_assert_msg(!strcasestr((reply)->body, text), "%s is there: %.3000s", text, (reply)->body)

/* Within 5 s every child answers a GET with 200: thirty in a row, each on a connection of its own. */
void expect_served(const char *path, const char *token);

/* --- rules.c: what is true of every answer --- */

void rules_check(const char *method, const char *path, const call_t *options, const reply_t *reply);
int rules_status_of(const char *code); /* of errors.def; 0 when there is no such code */

/* --- schema.c: the OpenAPI document as judge --- */

void schema_load(const json_t *document);
const json_t *schema_document(void);
/* Checks an answer; a sentence of what is wrong, or NULL. Takes note that the operation was called. */
const char *schema_check(const char *method, const char *path, const reply_t *reply);
/* Follows {"$ref": "#/…"}; NULL when it leads nowhere. */
const json_t *schema_resolve(const json_t *value);
/* Validates a value against a schema of the document; a sentence, or NULL. */
char *schema_validate(const json_t *schema, const json_t *value);
/* operationIds that never answered with success, separated by blanks; "" when there are none. */
char *schema_never_called(void);

/* --- canaries.c: no secret in any log --- */

void canary(const char *text); /* a secret that no log may have; NULL and what is no such thing are ignored */
void canaries_of(const call_t *options, const reply_t *reply); /* those of a request and its answer */
const char *canary_in(const char *text);                       /* one that the text holds, or NULL */
const char *canaries_found(void); /* in a log, since this was asked last: log, secret and line; or NULL */

/* --- people.c: accounts, tokens, SQL --- */

typedef struct person_t {
    json_int_t id;
    const char *email, *username, *password, *access, *refresh;
} person_t;
person_t person(const char *role);                /* a new account: student, instructor or admin */
person_t person_again(person_t who, port_t port); /* the same with another session */
person_t person_proven(const char *role);         /* a new account whose e-mail address is proven */
const char *totp(const char *secret, int shift);  /* the one-time password of now, or of so many steps later */
void member_of(person_t who, const char *slug,
               const char *role); /* of an organisation, which is made when there is none */
char *audited(const char *event); /* how often, as text */
long metric(const char *name);    /* the value of a metric without labels */
json_int_t course_of(person_t owner, const char *title);
json_int_t analysis_of(person_t owner, const char *status); /* of a repository, with a job that nobody works on */

/* One statement as the schema's owner; the first column of the first row ("" for NULL or no row). */
char *sql(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct pg_conn *sql_session(void); /* a connection of its own (superuser), closed at the end of the case */
void sql_on(struct pg_conn *session, const char *statement);
/* Until some session waits for a lock; ten seconds at most. */
void sql_until_waiting(void);
void sql_empty_tables(void); /* all but what the migrations themselves keep */
void sql_close(void);

char *b64url(const void *data, size_t length);
char *b64url_text(const char *text);
/* header.payload.HMAC-SHA-256(secret). */
char *jwt(const char *header_json, const char *payload_json, const char *secret);
json_t *jwt_part(const char *token, int part); /* 0 header, 1 payload, decoded */
/* A good token of this person with one claim replaced by a JSON literal (NULL removes it). */
char *jwt_with(person_t who, const char *claim, const char *literal);
char *jwt_with_header(person_t who, const char *member, const char *literal);

/* --- mailbox.c: the mails in env.dir/mail --- */

/* The newest mail to this address whose subject has this part, whole; waits up to 15 s for it, then the case fails. */
char *mail_wait(const char *to, const char *subject);
int mail_count(const char *to, const char *subject); /* how many there are now */
char *mail_token(const char *mail);                  /* the line that is a bare token */
char *mail_header(const char *mail, const char *name);

/* --- coverage.c: every operation was called --- */

void coverage_begin(void);        /* before the workers begin */
void coverage_report(int worker); /* in a worker, at its end */
bool coverage_complete(void);     /* after all of them: what none has called is printed */

/* --- optional.c: what is always there is required --- */

void optional_begin(void);                                     /* before the workers begin */
void optional_load(const json_t *document);                    /* in a worker: the document, which it keeps */
void optional_note(const json_t *schema, const json_t *value); /* an answer that fits its schema */
bool optional_judge(void);                                     /* after all of them: what is wrong is printed */

/* --- the suites --- */

#define SUITE(name, seconds, marks) Suite *suite_##name(void);
#include "suites.def"
#undef SUITE

#endif
