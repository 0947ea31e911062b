/* SPDX-License-Identifier: Apache-2.0
 * Private to core/wire: what the files of the OpenAPI document share.
 */
#ifndef FORGE_CORE_OPENAPI_H
#define FORGE_CORE_OPENAPI_H

#include "wire.h"

#define FORGE_JSON_MEDIA "application/json"

/* Names of security schemes: none is that of a schema, in whatever case, for generators of clients make types of both.
 */
#define FORGE_OPENAPI_BEARER "bearerToken"
#define FORGE_OPENAPI_LOGIN  "passwordLogin"
#define FORGE_OPENAPI_TICKET "queryTicket"

/* What a whole document is made with; components are listed only when something refers to them. */
typedef struct doc_t {
    apr_pool_t *pool;
    forge_json_t *schemas;
    bool failed[FORGE_E_COUNT];   /* the failures that some route can have */
    unsigned headers, parameters; /* bits of the rows used */
} doc_t;

/* --- openapi_parts.c: references, bodies, and what follows from a row's flags --- */

void forge_core_openapi_ref(forge_json_t *object, apr_pool_t *p, const char *kind, const char *name);
/* A body of that media type by the name of its schema; example may be NULL. */
void forge_core_openapi_content(const doc_t *d, forge_json_t *content, const char *media, const char *schema,
                                const forge_json_t *example);
/* A body that is text. Returns its schema, so that the caller can add to it. */
forge_json_t *forge_core_openapi_text(forge_json_t *content, const char *media, const char *example);
bool forge_core_openapi_etag(const forge_route_t *route);       /* the answer has an ETag */
bool forge_core_openapi_match(const forge_route_t *route);      /* If-Match counts */
bool forge_core_openapi_ranges(const forge_route_t *route);     /* Range and If-Range count */
bool forge_core_openapi_none_match(const forge_route_t *route); /* If-None-Match counts */

/* --- openapi_parameters.c: what goes in --- */

/* The parameters of an operation, and its body where it has one. */
void forge_core_openapi_input(doc_t *d, forge_json_t *operation, const forge_router_t *router, int index);
/* The components that several operations have referred to. */
void forge_core_openapi_shared_parameters(doc_t *d, forge_json_t *components);
/* The scheme of one-use tickets, where a route takes them. */
void forge_core_openapi_ticket(const doc_t *d, forge_json_t *schemes);

/* --- openapi_answers.c: what comes out --- */

/* Every answer that the row can give. */
void forge_core_openapi_answers(doc_t *d, forge_json_t *operation, const forge_router_t *router, int index);
/* One response for each status that routes have failed with, by the words of the status: "NotFound". */
void forge_core_openapi_shared_responses(doc_t *d, forge_json_t *components);
void forge_core_openapi_shared_headers(const doc_t *d, forge_json_t *components);

/* --- openapi_links.c: what can be called next --- */

/* The links of a success: those of the row, and from what was made to whatever its path takes. */
void forge_core_openapi_links(const doc_t *d, forge_json_t *response, const forge_router_t *router, int index);

#endif
