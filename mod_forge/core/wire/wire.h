/* SPDX-License-Identifier: Apache-2.0
 * Interface of core/wire: routes, fields, pages, conditional requests, traces, and the document that describes them
 * (SPEC 1, 13).
 */
#ifndef FORGE_CORE_WIRE_H
#define FORGE_CORE_WIRE_H

#include "core/core.h"
#include "csv.h"
#include "line.h"
#include "files.h"
#include "paths.h"
#include "transform.h"

/* --- walk.c: a field table row by row --- */

#define FORGE_INCLUDE_DEPTH 4 /* a table, what it includes, what that includes …: a start refuses more */

/* Where a walk is. Local to its function: for (const forge_field_t *f; (f = forge_core_walk_next(&walk));) */
typedef struct forge_walk_t {
    struct {
        const forge_field_t *next;
        unsigned flags; /* added by the inclusions above */
    } level[FORGE_INCLUDE_DEPTH];
    int depth;
    forge_field_t row; /* an included row with its flags */
} forge_walk_t;
/* Begins a walk over all rows of a table, those of included tables (FORGE_T_INCLUDE) in their place. NULL: no rows. */
forge_walk_t forge_core_walk(const forge_field_t *fields);
forge_walk_t forge_core_walk_shape(const forge_shape_t *shape); /* the same; NULL: no rows */
/* The next row, or NULL at the end; it is good until the next call. */
const forge_field_t *forge_core_walk_next(forge_walk_t *walk);
/* The number of the row of this name, counted as a walk does, or -1. *row (may be NULL) gets a copy of it. */
int forge_core_walk_find(const forge_field_t *fields, const char *name, forge_field_t *row);
int forge_core_walk_count(const forge_field_t *fields);
/* Why a start must refuse this table: two members of one name, inclusions too deep. NULL when it is good. */
const char *forge_core_walk_problem(apr_pool_t *p, const forge_field_t *fields);

/* --- fields.c: validate and bind by a field table --- */

typedef struct forge_input_t forge_input_t; /* the accepted members of one body or query */
typedef enum forge_input_mode_t {
    FORGE_INPUT_CREATE /* POST, PUT: required and presets apply */,
    FORGE_INPUT_PATCH /* only what is there, in objects too; null unsets what is nullable or RESETS, and puts others
                         back to their preset */
    ,
    FORGE_INPUT_QUERY
} forge_input_mode_t;

/* Checks every member of `body` that `fields` lists and is not READONLY; unknown members are ignored. Always returns an
 * input; faults gets one entry per failing member, codes: required, type, null, too_short, too_long, out_of_range,
 * format, enum, nul. Format "email" and "username" are checked here; "password" only as text (<= 1024 bytes; the policy
 * is password.c's). */
forge_input_t *forge_core_input_json(apr_pool_t *p, const forge_field_t *fields, forge_input_mode_t mode,
                                     const forge_json_t *body, forge_faults_t *faults);
/* The same from decoded pairs (form bodies with mode CREATE: pointers "/name"; queries with mode QUERY: pointers
 * "?name"). Unknown names are ignored. A listed name that is there twice has code duplicate. */
forge_input_t *forge_core_input_pairs(apr_pool_t *p, const forge_field_t *fields, forge_input_mode_t mode,
                                      const apr_table_t *pairs, forge_faults_t *faults);

/* Reading: the name must be in the table (asserted). */
bool forge_core_input_has(const forge_input_t *in, const char *name);  /* was sent (null counts), or has a preset */
bool forge_core_input_null(const forge_input_t *in, const char *name); /* was sent as null */
const char *
forge_core_input_text(const forge_input_t *in,
                      const char *name); /* text form of any scalar as SQL takes it; NULL when absent or null */
apr_int64_t forge_core_input_int(const forge_input_t *in, const char *name, apr_int64_t otherwise);
bool forge_core_input_bool(const forge_input_t *in, const char *name, bool otherwise);
const forge_json_t *forge_core_input_json_value(const forge_input_t *in,
                                                const char *name); /* OBJECT and ARRAY members */
/* The members of `names` (ended by NULL) that were sent, as the text of a JSON object. A member that the client
 * took away is null. With `whole`, so is one that was not sent. A name that is not in the table counts as not sent. */
const char *forge_core_input_members(apr_pool_t *p, const forge_input_t *in, const char *const *names, bool whole);

/* --- page.c: skip/limit and keyset cursors (SPEC 1) --- */

typedef struct forge_page_t {
    int limit;             /* 1..FORGE_PAGE_LIMIT */
    apr_int64_t skip;      /* 0.. */
    bool by_skip;          /* the client sent skip: links keep to skip/limit */
    bool count;            /* X-Total-Count wanted */
    const char *sort;      /* name of the order, or NULL for the list's first */
    const char *scope;     /* what cursors of this list and order are bound to */
    const char *after_key; /* value of the sort column in the last row seen, text form; NULL on the first page */
    const char *after_id;  /* its id */
} forge_page_t;
/* The parameters every list takes (skip, limit, after, count) besides sort; also what OpenAPI shows. */
extern const forge_field_t forge_core_page_fields[];
/* Reads them from the validated query `in` plus the cursor, bound by MAC to `scope` (route and sort): a cursor that was
 * tampered with or belongs to another list is a fault at "?after". after and skip together are a fault. */
forge_page_t forge_core_page_read(apr_pool_t *p, const forge_keys_t *keys, const char *scope, const forge_input_t *in,
                                  const char *sort, forge_faults_t *faults);
const char *forge_core_cursor_make(apr_pool_t *p, const forge_keys_t *keys, const char *scope, const char *key,
                                   const char *id);

/* --- etag.c: conditional requests (RFC 9110 §13) --- */

const char *forge_core_etag_bytes(apr_pool_t *p, const char *data, apr_size_t len); /* from the content */
/* "\"v3.0b1cd\"": of an answer that may change without a new version of its resource; If-Match reads the version. */
const char *forge_core_etag_both(apr_pool_t *p, const char *version, const char *data, apr_size_t len);
/* Does the list in the header name this tag? weak: If-None-Match comparison; strong: If-Match. A suffix "-gzip"/"-br"
 * that compression added on the way out counts as the same in both, for it is the same version. "*" matches any
 * existing resource. */
bool forge_core_etag_match(const char *header, const char *etag, bool weak);

/* --- accept.c: content negotiation (RFC 9110 §12.5.1) --- */

/* Does the Accept header allow `media` ("application/json; charset=utf-8": parameters do not count)? NULL or empty
 * allows everything; the most specific range decides, q=0 refuses. */
bool forge_core_accepts(const char *header, const char *media);
/* Whether it wants the first type more than the other; as much is enough where it names it. */
bool forge_core_prefers(const char *header, const char *media, const char *other);
/* The same of a content coding, by Accept-Encoding (RFC 9110 §12.5.3): without the header none is taken. */
bool forge_core_accepts_coding(const char *header, const char *coding);

/* --- trace.c --- */

typedef struct forge_trace_t {
    char trace_id[33], parent_id[17], span_id[17];
    bool sampled;
} forge_trace_t;
/* W3C Trace Context level 1: continues a valid traceparent with a new span, else starts a new trace. */
void forge_core_trace_start(forge_trace_t *t, const char *traceparent);
const char *forge_core_trace_header(apr_pool_t *p, const forge_trace_t *t); /* "00-…-…-01" */
/* A client's own request id when it is 1–128 of [A-Za-z0-9._-], else 32 hex digits of new randomness. */
const char *forge_core_request_id(apr_pool_t *p, const char *given);

/* --- roots.c: what route tables claim of a site's paths --- */

/* "/api/v1/courses/{id}", "/health". */
const char *forge_core_route_path(apr_pool_t *p, const forge_route_t *route);
/* Of const char *: the paths at and below which all routes of a part lie, such as "/docs" and "/.well-known/jwks.json".
 * None lies below another. */
apr_array_header_t *forge_core_roots(apr_pool_t *p, const forge_routes_t *tables, int n_tables, forge_api_part_t part);

/* --- router.c: method and path → row --- */

typedef struct forge_router_t forge_router_t;
typedef struct forge_match_t {
    const forge_route_t *route; /* NULL: no such path, or wrong method */
    int index;                  /* number of the route, 0.., stable for one build: slot in the shared metrics */
    unsigned allowed;           /* bits 1 << forge_method_t of the methods this path takes; 0: unknown path */
    apr_int64_t ids[FORGE_PATH_IDS_MAX];
    int n_ids;
    const char *tail; /* text of a FORGE_R_TAIL segment */
} forge_match_t;
/* What core asks of the store's lists, of which it knows nothing else (lists.c). */
typedef struct forge_list_names_t {
    /* The name of an order, 0 is the default; NULL past the last. */
    const char *(*order)(const forge_list_t *list, int i);
    /* The query parameter of a filter, or a name that begins with '_' when the handler fills it by itself; NULL past
     * the last. */
    const char *(*filter)(const forge_list_t *list, int i);
    const char *(*problem)(const forge_list_t *list); /* why no query of it can be put together; NULL: it can */
} forge_list_names_t;
/* Built once at start. Returns NULL and *why when two rows collide, a row has no handler, operation id or summary, an
 * operation id or the name of a schema or group is used twice, a body row has no limit class, or a list and its query
 * do not belong together: a bad table does not start (SECURITY 42). `lists` may be NULL when no row has one. */
forge_router_t *forge_core_router_make(apr_pool_t *p, const forge_routes_t *tables, int n_tables,
                                       const forge_list_names_t *lists, const char **why);
/* `path` is the raw path of the request target, still percent-encoded, with or without one trailing slash. Anything
 * that is not plain [A-Za-z0-9._~/-] or has empty or dot segments matches nothing. Ids: 1..2^63-1 without leading
 * zeros; other segments in their place → unknown path. */
void forge_core_router_find(const forge_router_t *router, apr_pool_t *p, forge_method_t method, const char *path,
                            forge_match_t *match);
int forge_core_router_count(const forge_router_t *router);
const forge_route_t *forge_core_router_at(const forge_router_t *router, int index);
/* "/api/v1/courses/{id}": the full template, as metrics, logs and OpenAPI show it. */
const char *forge_core_router_template(const forge_router_t *router, int index);
const forge_tag_t *forge_core_router_tag(const forge_router_t *router, int index);
/* The parameter sort of a list that has several orders, as a table of this one field; NULL for all other routes. */
const forge_field_t *forge_core_router_sort(const forge_router_t *router, int index);
/* The status of a row's answer: 200 unless it says another one. */
int forge_core_success(const forge_route_t *route);
/* Whether a request's body is looked at. That of a POST must have the right form even where no member is taken. */
bool forge_core_reads_body(const forge_route_t *route);

/* --- pages.c: the files of the pages that show the OpenAPI document --- */

typedef struct forge_page_file_t {
    const char *name, *media;
} forge_page_file_t;
/* The file of that name; NULL: there is none. */
const forge_page_file_t *forge_core_page_file(const char *name);
/* "lacks 2 of 9 files (docs.css, ...)"; NULL: the folder has them all. */
const char *forge_core_pages_missing(apr_pool_t *p, const char *folder);

/* --- openapi.c, describe.c: OpenAPI 3.1 from the same tables (JSON Schema 2020-12) --- */

/* The whole document: info, servers [{url:"/"}], tags, paths, components.schemas (from field tables and Problem),
 * securitySchemes (oauth2 password flow with tokenUrl /api/v1/auth/login, and bearer JWT), headers, every status each
 * row can answer. */
void forge_core_openapi_write(forge_buf_t *b, apr_pool_t *p, const forge_router_t *router, const char *version,
                              bool dialect_3_0);
/* JSON Schema of one field table. for_body leaves READONLY members out, otherwise WRITEONLY ones. What has a name
 * (.named) is put into `schemas` once and referred to; NULL: everything is described in place. */
forge_json_t *forge_core_describe(apr_pool_t *p, forge_json_t *schemas, const forge_field_t *fields, bool for_body,
                                  bool all_optional);
/* The schema of a single field that is sent, with its default, put into the object `schema`. */
void forge_core_describe_field(apr_pool_t *p, forge_json_t *schemas, forge_json_t *schema, const forge_field_t *field);
/* Samples of a table as named examples of a media type. */
void forge_core_describe_samples(apr_pool_t *p, forge_json_t *into, const forge_field_t *fields,
                                 const forge_named_sample_t *samples);
/* An object made of the fields' examples. */
forge_json_t *forge_core_describe_example(apr_pool_t *p, const forge_field_t *fields, bool for_body);
/* A whole OpenAPI 3.1 document of ours as OpenAPI 3.0.3. */
forge_json_t *forge_core_describe_3_0(apr_pool_t *p, const forge_json_t *document);

#endif
