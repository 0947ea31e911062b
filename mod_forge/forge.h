/* SPDX-License-Identifier: Apache-2.0
 * The vocabulary every room shares: statuses, roles, methods, fields and routes. No functions with a home of their own.
 */
#ifndef FORGE_H
#define FORGE_H

#include <apr.h>
#include <apr_pools.h>
#include <apr_time.h>
#include <stdbool.h>
#include <stddef.h>

/* Ceilings. Every buffer, body and list is born with one; those that a site may change are directives instead. */
#define FORGE_JSON_DEPTH_MAX      32   /* levels of nesting in a request body (SPEC 1) */
#define FORGE_JSON_MEMBERS_MAX    1000 /* members of one object in a request body */
#define FORGE_TOKEN_BYTES_MAX     8192 /* a bearer token longer than this is refused unread */
#define FORGE_PAGE_LIMIT          100  /* default and largest page of a list */
#define FORGE_PATH_IDS_MAX        4    /* ids in one route template */
#define FORGE_REQUEST_ID_MAX      128  /* characters of an X-Request-ID we echo */
#define FORGE_IDEMPOTENCY_KEY_MAX 255  /* characters of an Idempotency-Key */
#define FORGE_ROUTES_MAX          256  /* routes the shared metrics have room for */
#define FORGE_DEVICE_NAME_MAX     200  /* characters of what a client calls itself at login; as the tables have it */

#define FORGE_NDJSON "application/x-ndjson" /* media type of FORGE_R_NDJSON */
#define FORGE_CSV    "text/csv"             /* media type of FORGE_R_TABLE */
#define FORGE_EVENTS "text/event-stream"    /* media type of FORGE_R_EVENTS */
#define FORGE_HEALTH \
    "application/health+json" /* media type of FORGE_R_STATUS beside JSON (draft-inadarei-api-health-check) */

/* A member of a balancer, as a service's discovery names it. */
#define FORGE_MEMBERS_MAX       64  /* members that one service has at most */
#define FORGE_MEMBER_HOST_BYTES 256 /* of a host's name (RFC 1035) and a NUL */
#define FORGE_MEMBER_ROUTE      64  /* bytes; as mod_proxy has it */
typedef struct forge_member_t {
    char host[FORGE_MEMBER_HOST_BYTES]; /* lower case; an IPv6 address without brackets */
    char route[FORGE_MEMBER_ROUTE];     /* of sticky sessions */
    int port;
    int weight; /* 1 to 100: its share among those of its set */
    int set;    /* 0 to 99: a higher one serves only where all lower ones cannot */
} forge_member_t;
typedef struct forge_members_t {
    int count;
    int left_out;            /* more than FORGE_MEMBERS_MAX, or addresses that are not allowed */
    apr_interval_time_t ttl; /* for how long the answer holds; 0: it did not say */
    forge_member_t of[FORGE_MEMBERS_MAX];
} forge_members_t;

/* How a lookup ended. */
typedef enum forge_lookup_t {
    FORGE_FOUND,         /* members */
    FORGE_FOUND_NONE,    /* an answer without members */
    FORGE_FOUND_FAILURE, /* no answer */
    FORGE_FOUND_INVALID  /* an answer that cannot be used */
} forge_lookup_t;

/* Outcome of a call in any room: FORGE_OK, or a public error code from errors.def. */
typedef enum forge_status_t {
    FORGE_OK = 0,
#define FORGE_ERROR(name, http, code, detail) FORGE_E_##name,
#include "errors.def"
#undef FORGE_ERROR
    FORGE_E_COUNT,
    FORGE_ANSWERED /* internal: the answer is already in place, unwind without touching it */
} forge_status_t;

/* Pass a failure on to the caller. */
#define FORGE_TRY(call) \
    do { \
        forge_status_t forge_try_ = (call); \
        if (forge_try_ != FORGE_OK) \
            return forge_try_; \
    } while (0)

/* Roles in ascending order of rights (SPEC 2): a comparison is the check. */
typedef enum forge_role_t {
    FORGE_ROLE_NONE = 0,
    FORGE_ROLE_GUEST,
    FORGE_ROLE_STUDENT,
    FORGE_ROLE_INSTRUCTOR,
    FORGE_ROLE_ADMIN
} forge_role_t;

typedef enum forge_method_t {
    FORGE_GET = 0,
    FORGE_POST,
    FORGE_PUT,
    FORGE_PATCH,
    FORGE_DELETE,
    FORGE_METHODS
} forge_method_t;

/* Rate-limit classes (SPEC 14). FORGE_LIMIT_NONE is for health, metrics and static documentation. */
typedef enum forge_limit_class_t {
    FORGE_LIMIT_DEFAULT = 0, /* by client address */
    FORGE_LIMIT_USER,        /* by account; what FORGE_LIMIT_DEFAULT becomes once a token was accepted */
    FORGE_LIMIT_AUTH,        /* logins and registrations, by client address */
    FORGE_LIMIT_EXECUTE,
    FORGE_LIMIT_UPLOAD,
    FORGE_LIMIT_ANALYSIS,
    FORGE_LIMIT_STREAM,
    FORGE_LIMIT_CLASSES,
    FORGE_LIMIT_NONE
} forge_limit_class_t;

/* Bounds of the configuration that the housekeeping of the database counts on. */
#define FORGE_ACCESS_HOURS_MAX  24 /* life of an access token */
#define FORGE_LOCKOUT_HOURS_MAX 24 /* for so long failed logins lock an account, and are remembered */

#define FORGE_API_KEY_PREFIX "fk_" /* what an API key begins with, which no access token does */

/* What a caller may do with what the role allows: an API key may be for reading only. */
enum { FORGE_SCOPE_READ = 1 << 0 /* GET */, FORGE_SCOPE_WRITE = 1 << 1 /* every other method */ };

/* The caller, as proven by an access token, an API key or a ticket; user_id 0 and FORGE_ROLE_NONE when there was none.
 */
typedef struct forge_who_t {
    apr_int64_t user_id;
    apr_int64_t session_id; /* 0 with an API key */
    apr_int64_t epoch;      /* of the account when the token was given; a lower one than the account's is void */
    apr_int64_t key_id;     /* the API key, or 0 */
    unsigned scopes;        /* FORGE_SCOPE_… */
    forge_role_t role;
    apr_time_t expires; /* when the token ends */
    apr_time_t issued;  /* when it was given; 0 when it was no access token */
    const char *jti;
    const char *amr; /* space separated authentication methods, "pwd" or "pwd otp" */
} forge_who_t;

/* How one program has ended, for whoever judges it; texts need no NUL, and may be NULL where their length is 0. */
typedef struct forge_ran_t {
    const char *status; /* "ok", "timeout" … */
    const char *output, *errors;
    apr_size_t output_len, errors_len;
    apr_int64_t duration_ms;
} forge_ran_t;

/* --- Fields: one row feeds validation, binding and the JSON Schema of OpenAPI --- */

typedef enum forge_type_t {
    FORGE_T_TEXT,
    FORGE_T_INT,
    FORGE_T_NUMBER,
    FORGE_T_BOOL,
    FORGE_T_TIME,   /* RFC 3339 text, always UTC with Z in answers */
    FORGE_T_OBJECT, /* an object; its members in .fields, or free when that is NULL. With .format "map" each member, by
                       whatever name, is an object of .fields, with "lists" an array of them; in answers only */
    FORGE_T_ARRAY,  /* an array of .fields objects, or of .format "text"/"int" scalars; of "figure", a number or null,
                       or of "object", free ones, in answers only */
    FORGE_T_ANY,    /* any JSON value; in answers only */
    FORGE_T_INCLUDE /* no member: all rows of .fields stand here, each with .flags added; the row has no name */
} forge_type_t;

enum {
    FORGE_F_REQUIRED = 1 << 0,  /* must be in the body of POST and PUT; always present in answers anyway */
    FORGE_F_NULLABLE = 1 << 1,  /* null is a value */
    FORGE_F_READONLY = 1 << 2,  /* only in answers; ignored in bodies */
    FORGE_F_WRITEONLY = 1 << 3, /* only in bodies (passwords) */
    FORGE_F_OPTIONAL = 1 << 4,  /* may be absent from answers */
    FORGE_F_JUDGED = 1 << 5,    /* TEXT: the handler refuses control characters itself, element by element */
    FORGE_F_APART = 1 << 6,     /* with OPTIONAL: left out of examples, for it does not come with the others there */
    FORGE_F_RESETS = 1 << 7     /* in PATCH null is allowed and left to the statement: it takes a member out of its
                                   object, or puts it back to a default that the row does not know */
};

/* One member. Zero is the default, so that a row says only what is not; its first members are positional:
 * {"title", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 200, .example = "Graphs and trees", .help = "title"}. Who reads a table
 * walks it with forge_core_walk, which knows its end and what it includes. */
typedef struct forge_field_t forge_field_t;
struct forge_field_t {
    const char *name; /* JSON member, query parameter and SQL column at once; {.name = NULL} ends a table */
    forge_type_t type;
    unsigned flags;
    apr_int64_t min, max; /* TEXT: Unicode code points; INT/NUMBER: value; ARRAY: items. max 0 means no bound for INT,
                             65536 for TEXT */
    const char *format;   /* NULL, "email", "username", "password", "uri", "line" (no control characters), "search" (no
                             blanks at its edges), "binary" (a file, with .upload), or "enum:a|b|c" */
    const char *preset;   /* text form of the default, applied on POST and PUT and to queries; NULL: none */
    const char *example; /* for the documentation: TEXT and TIME plain, "Ada"; all others as JSON, "3", "[7]". NULL of a
                            nullable: null */
    const char *help;    /* one line */
    const forge_field_t *fields; /* for OBJECT, ARRAY and INCLUDE */
    const char *named; /* name of the schema of its enum or its .fields in OpenAPI; NULL: described in place. One name
                          is one enum or one table, and that of a shape may be the same table */
};

/* An answer that can happen, for the documentation, where not all members of a reply come together. */
typedef struct forge_named_sample_t {
    const char *name;    /* "second_factor"; {.name = NULL} ends a list */
    const char *summary; /* one line */
    const char *without; /* members that are left out, joined by "|" */
} forge_named_sample_t;

/* A table of fields with the name of its schema in OpenAPI: {"Course", course_fields}. What is never answered needs no
 * name. */
typedef struct forge_shape_t {
    const char *name;
    const forge_field_t *fields;
} forge_shape_t;

/* --- Routes: one row feeds dispatch, 405/Allow, the guard, limits, idempotency, metrics and OpenAPI --- */

typedef struct forge_req_t forge_req_t; /* http/http.h */
typedef forge_status_t (*forge_handler_fn)(forge_req_t *q);

enum {
    FORGE_R_LIST =
        1
        << 0, /* answers an array of .reply; takes skip, limit, after, count, and sort where .list has several orders */
    FORGE_R_IDEMPOTENT = 1 << 1, /* honours Idempotency-Key */
    FORGE_R_FORM = 1 << 2,       /* body may be application/x-www-form-urlencoded too */
    FORGE_R_TOKENS = 1 << 3,     /* the answer carries secrets: no-store, never compressed */
    FORGE_R_ROOT = 1 << 4,       /* the template is not under /api/v1 */
    FORGE_R_ETAG = 1 << 5,       /* single resource: If-None-Match; If-Match where it has a version */
    FORGE_R_RAW = 1 << 6,        /* answer is no JSON (.media says what); for metrics and documentation pages */
    FORGE_R_HIDDEN = 1 << 7,     /* left out of OpenAPI (documentation pages and their assets) */
    FORGE_R_PUBLIC = 1 << 8,     /* anonymous answers may be cached by anyone for a short time */
    FORGE_R_TAIL = 1 << 9,       /* the template ends in a {name} of text, [A-Za-z0-9._-]{1,64}, not an id */
    FORGE_R_CHECKS = 1 << 10,    /* the handler has rules of its own for members: it is called although some failed, and
                                    adds to q->faults */
    FORGE_R_STATUS = 1 << 11,    /* 503 may come with the body of .reply instead of a problem (health), or of .draft for
                                    those who accept FORGE_HEALTH (q->health) */
    FORGE_R_SESSION =
        1 << 12, /* for a session that someone logged in to: an API key is refused, 403 session_required */
    FORGE_R_STEP_UP =
        1 << 13,           /* an account with a second factor must have used it in this session: else 401 (RFC 9470) */
    FORGE_R_CSV = 1 << 14, /* body may be text/csv too: then q->body is empty and q->csv holds the text */
    FORGE_R_TICKET =
        1 << 15, /* GET that a one-use ?ticket= opens too (for what cannot send headers: EventSource, links) */
    FORGE_R_AGAIN =
        1 << 16, /* answers 200 instead of 201 when what is to be made was there already (forge_reply_again) */
    FORGE_R_WAY_IN =
        1 << 17, /* serves whoever has lost their way: a token or key that is not good counts as none (q->stale) */
    FORGE_R_NDJSON =
        1
        << 18, /* a list that "Accept: application/x-ndjson" gets whole, one element a line, whatever the paging says */
    FORGE_R_HASHES = 1 << 19, /* its handler hashes the passwords of the body, if there are any: then it is called when
                                it is this request's turn (http/queue.c) */
    FORGE_R_OPEN = 1 << 20,   /* who asks changes nothing: no credential is needed, and one that is not good counts as
                                none. A GET does not even look at them */
    FORGE_R_LANGUAGE = 1 << 21, /* Accept-Language decides more than how problems speak: what is made, or a mail */
    FORGE_R_WORDED = 1 << 22,   /* Accept-Language decides how a good answer speaks, if it has a sentence
                                   (forge_reply_sentence) */
    FORGE_R_PATIENT = 1 << 23,  /* it may delete very much: its statements have more time (http/db.c), as those of each
                                   DELETE */
    FORGE_R_TABLE = 1 << 24,    /* a list that "Accept: text/csv" gets whole, as a table, whatever the paging says */
    FORGE_R_BUNDLE = 1 << 25,   /* its body is a whole course: bounded by ForgeMaxBundle instead of ForgeMaxBody */
    FORGE_R_FILE = 1 << 26,     /* the bytes of a file come or go: it uses the connections that are for those, after its
                                   turn (http/files.c). A GET answers ranges */
    FORGE_R_EVENTS = 1 << 27, /* "Accept: text/event-stream" gets its answer as events, while it is made (q->events) */
    FORGE_R_FOLLOW = 1 << 28, /* answers a stream of events; takes Last-Event-ID, and answers 204 when nothing more will
                                 come. With FORGE_R_RAW */
    FORGE_R_ARRAY = 1 << 29   /* answers an array of .reply as a whole, without paging */
};

/* What a route takes as multipart/form-data: one file in the field of its body's first row, which must be what it is
 * called. It may be as large as ForgeMaxUpload says. */
typedef struct forge_upload_rule_t {
    const char *media;     /* that its part declares: "application/pdf" */
    const char *ending;    /* of its name: ".pdf" */
    const char *signature; /* that its first bytes have somewhere, before a digit: "%PDF-" */
    const char *otherwise; /* the name of a file that was sent without one */
} forge_upload_rule_t;
#define FORGE_UPLOAD_SIGNED_WITHIN 1024 /* bytes in which the signature must be */

typedef struct forge_list_t forge_list_t; /* store/store.h */

/* What an anonymous answer may be made of: tables whose changes the database tells every node (migration 0026). The
 * words stand in live/changes.c in this order. */
enum {
    FORGE_READS_COURSES = 1 << 0,
    FORGE_READS_CONTENT = 1 << 1, /* modules, lessons and prerequisites */
    FORGE_READS_EXERCISES = 1 << 2,
    FORGE_READS_ACHIEVEMENTS = 1 << 3
};
#define FORGE_TOPICS 4

/* What can be called next with what an answer says (a link in OpenAPI): one member of the answer is a parameter or a
 * member of the body there. What is made gets links to its own path by itself. */
typedef struct forge_next_t {
    const char *operation; /* that can be called; {.operation = NULL} ends a list */
    const char *member;    /* of the answer; NULL: nothing is handed over */
    const char *parameter; /* of the path that takes it; NULL: the member of this name in the body does */
    const char *help;      /* one line */
} forge_next_t;

/* Which word of ForgeAPI leaves the paths of a route to the site. Zero is the API itself, all that lies below /api/v1;
 * a route with FORGE_R_ROOT belongs to one of the others. */
typedef enum forge_api_part_t {
    FORGE_PART_API,
    FORGE_PART_HEALTH,
    FORGE_PART_METRICS,
    FORGE_PART_DOCS,
    FORGE_PART_ERRORS,
    FORGE_PART_JWKS,
    FORGE_PARTS
} forge_api_part_t;

/* One operation. Zero is the default, so that a row says only what is not; its first members are positional:
 * {FORGE_GET, "/courses/{id}", FORGE_ROLE_NONE, .flags = FORGE_R_ETAG, .reply = &course, .handle = course_get, …}. */
typedef struct forge_route_t {
    forge_method_t method;
    const char *path;  /* "/courses/{id}"; every {…} is a positive 64-bit integer (but see FORGE_R_TAIL) */
    forge_role_t role; /* least role; FORGE_ROLE_NONE lets anyone in (a token, when sent, must still be good) */
    unsigned flags;
    forge_api_part_t part; /* with FORGE_R_ROOT */
    unsigned reads; /* FORGE_READS_…: all that an anonymous answer depends on besides the request; then it is kept in
                       shared memory (http/cache.c). 0: it is not kept */
    forge_limit_class_t limit;
    int success; /* 200 (also when it is 0), 201, 202 or 204: ask forge_core_success */
    const forge_list_t
        *list; /* with FORGE_R_LIST: what is answered; its filters are parameters of .query, its orders make sort */
    const forge_shape_t *query;        /* parameters beyond paging and sort; NULL: none */
    const forge_shape_t *body;         /* NULL: no body is read */
    const forge_upload_rule_t *upload; /* the body is a file (forge_http_upload); NULL: it is not */
    const forge_shape_t *reply;        /* the answer (one element of it for lists); NULL with 204 or FORGE_R_RAW */
    const forge_shape_t *draft;        /* with FORGE_R_STATUS: the answer in FORGE_HEALTH */
    const char *media;                 /* with FORGE_R_RAW: the media type, or several joined by "|" */
    const char *sample; /* with FORGE_R_RAW, FORGE_R_TABLE or FORGE_R_EVENTS: an example of the answer, for OpenAPI; it
                           suits all of .media, or is the table or the events */
    forge_handler_fn
        prepare; /* NULL, or what comes before .handle and holds no connection: with FORGE_R_IDEMPOTENT, the hashing.
                    The programs that it asks for (forge_http_runs_add) are run before .handle is called */
    forge_handler_fn handle;
    forge_handler_fn again;  /* with FORGE_R_IDEMPOTENT, before an answer is given once more: may the caller still have
                                it?  It answers anew what can be read again (q->made); forge_reply_kept where the guard
                                has  asked all there is to ask */
    const char *operation;   /* operationId: "course_get" */
    const char *summary;     /* one line */
    const char *description; /* a sentence or two; who may call it, what it does besides */
    const forge_status_t *errors; /* special errors, ended by FORGE_OK; the general ones are added from the flags */
    const forge_named_sample_t *samples; /* answers that can happen; NULL: one with all members of .reply can */
    const forge_next_t *next;            /* what can be called next; NULL: only what follows from the paths */
} forge_route_t;

/* A group of operations in OpenAPI, with a sentence on it. Several tables may be of one group. */
typedef struct forge_tag_t {
    const char *name, *text;
} forge_tag_t;

/* One resource's table; the list of tables is forge_api_tables(). */
typedef struct forge_routes_t {
    const forge_route_t *rows;
    int count;
    const forge_tag_t *tag;
} forge_routes_t;

#endif
