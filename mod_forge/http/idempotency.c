/* SPDX-License-Identifier: Apache-2.0
 * Idempotency-Key (SPEC 1): the key, the work and the stored answer are one transaction, so that a crash leaves all of
 * it or nothing. The transaction begins in a stage of its own before the handler (handler.c); the answer is sent after
 * its COMMIT.
 */
#include "http_private.h"
#include "core/identity/identity.h"
#include "store/operations/operations.h"

#include <httpd.h>
#include <apr_strings.h>
#include <string.h>

#define MARK_FOR apr_time_from_sec(900) /* longer than any request waits: ForgeQueue and what is run */
#define KEEP_MAX 4096 /* bytes of an answer that is kept; a larger one is read again where it can be */

struct forge_idem_t {
    const char *scope, *key, *fingerprint;
    const char *owner; /* of its mark; NULL: it has none */
};

static bool visible(const char *key)
{
    apr_size_t len = strlen(key);
    if (len < 1 || len > FORGE_IDEMPOTENCY_KEY_MAX)
        return false;
    for (const char *c = key; *c; c++)
        if (*c < 0x21 || *c > 0x7e)
            return false;
    return true;
}

/* What is asked of: a slash at the end is the same path, another query is another question. */
static const char *asked(const forge_req_t *q)
{
    const char *path = forge_server_raw_path(q->r), *args = q->r->args;
    const apr_size_t len = strlen(path), kept = len > 1 && path[len - 1] == '/' ? len - 1 : len;
    return apr_psprintf(q->pool, "%s %.*s%s%s\n", q->route->operation, (int)kept, path, args ? "?" : "",
                        args ? args : "");
}

forge_status_t forge_http_idempotency_begin(forge_req_t *q, const char *body, apr_size_t len)
{
    const char *key = forge_http_header(q, "Idempotency-Key");
    if (!key)
        return FORGE_OK;
    if (!visible(key))
        return forge_fail_field(q, FORGE_E_VALIDATION, "#Idempotency-Key", "format",
                                "Idempotency-Key must be 1 to 255 visible ASCII characters");
    q->idem = apr_pcalloc(q->pool, sizeof(*q->idem));
    q->idem->key = key;
    q->idem->scope = q->who.user_id ? apr_pstrcat(q->pool, "user:", forge_util_itoa(q->pool, q->who.user_id), NULL)
                                    : apr_pstrcat(q->pool, "ip:", q->client_ip, NULL);
    const char *head = asked(q);
    apr_size_t head_len = strlen(head);
    char *all = apr_palloc(q->pool, head_len + len + 1);
    memcpy(all, head, head_len);
    memcpy(all + head_len, body, len);
    /* A plain digest at rest would be a quick way to guess the password in the body. */
    unsigned char mac[32];
    forge_core_mac(q->keys, "idempotency fingerprint", all, head_len + len, mac);
    q->idem->fingerprint = forge_util_hex(q->pool, mac, sizeof(mac));
    return FORGE_OK;
}

/* Answers that carry tokens are sealed at rest; the context ties them to their key. */
static const char *context(forge_req_t *q)
{
    return apr_pstrcat(q->pool, q->idem->scope, " ", q->idem->key, NULL);
}

forge_status_t forge_reply_kept(forge_req_t *q)
{
    (void)q;
    return FORGE_OK;
}

/* What was kept of the answer replaces what .again has read. */
static forge_status_t put_kept(forge_req_t *q, const forge_stored_answer_t *answer, const char *etag)
{
    forge_reply_t *reply = q->reply;
    const char *body = answer->body;
    apr_size_t len = answer->body_len;
    if (!body)
        return reply->set ? FORGE_OK : FORGE_E_INTERNAL;
    if (q->route->flags & FORGE_R_TOKENS && !(body = forge_core_unseal(q->pool, q->keys, context(q), body, &len)))
        return FORGE_E_IDEMPOTENCY_MISMATCH; /* sealed under another ForgeSecret */
    reply->set = true;
    reply->media = "application/json";
    reply->body = forge_util_buf_make(q->pool, len + 1, len + 1);
    reply->etag = etag;
    forge_util_buf_add(reply->body, body, len);
    return FORGE_OK;
}

static apr_int64_t number_at_end(const char *location)
{
    const char *slash = location ? strrchr(location, '/') : NULL;
    apr_int64_t n = 0;
    return slash && forge_util_atoi(slash + 1, strlen(slash + 1), &n) ? n : 0;
}

static forge_status_t replay(forge_req_t *q, const forge_stored_answer_t *answer)
{
    const char *why;
    forge_json_t *headers =
        answer->headers_json ? forge_util_json_parse(q->pool, answer->headers_json, strlen(answer->headers_json), &why)
                             : NULL;
    const char *location = headers ? forge_util_json_text(forge_util_json_get(headers, "Location"), NULL) : NULL;
    const char *etag = headers ? forge_util_json_text(forge_util_json_get(headers, "ETag"), NULL) : NULL;
    q->made = number_at_end(location);
    FORGE_TRY(q->route->again(q));
    FORGE_TRY(put_kept(q, answer, etag));
    q->reply->http = answer->status;
    q->reply->location = location;
    forge_reply_header(q, "Idempotent-Replayed", "true");
    return FORGE_ANSWERED;
}

static forge_idempotency_key_t key_of(const forge_req_t *q)
{
    return (forge_idempotency_key_t){q->idem->scope, q->idem->key, q->idem->fingerprint, q->idem->owner};
}

forge_status_t forge_http_idempotency_claim(forge_req_t *q)
{
    bool found = false;
    forge_stored_answer_t answer = {0};
    forge_db_t *db;
    if (!q->idem)
        return FORGE_OK;
    const forge_idempotency_key_t key = key_of(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_begin(db, q->pool));
    FORGE_TRY(forge_store_idempotency_claim(db, q->pool, &key, &found, &answer));
    q->claimed = true;
    return found ? replay(q, &answer) : FORGE_OK;
}

bool forge_http_idempotency_again(forge_req_t *q, int tries)
{
    if (!q->claimed || !forge_store_again(forge_server_lease_db(q->lease), tries))
        return false;
    q->claimed = false;
    return true;
}

forge_status_t forge_http_idempotency_reserve(forge_req_t *q)
{
    forge_db_t *db;
    unsigned char name[16];
    FORGE_TRY(forge_http_idempotency_claim(q));
    if (!q->idem)
        return FORGE_OK;
    forge_util_random(name, sizeof(name));
    q->idem->owner = forge_util_hex(q->pool, name, sizeof(name));
    const forge_idempotency_key_t key = key_of(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_idempotency_mark(db, q->pool, &key, MARK_FOR));
    FORGE_TRY(forge_store_commit(db, q->pool));
    q->claimed = false;
    forge_http_db_done(q);
    return FORGE_OK;
}

void forge_http_idempotency_release(forge_req_t *q)
{
    forge_db_t *db;
    if (!q->idem || !q->idem->owner)
        return;
    const forge_idempotency_key_t key = key_of(q);
    q->claimed = false;
    if (forge_http_db(q, &db) == FORGE_OK && forge_store_idempotency_unmark(db, q->pool, &key) != FORGE_OK)
        forge_http_warn(q, "FG0562", "could not take back the mark of an Idempotency-Key; it ends by itself");
    forge_http_db_done(q);
}

forge_status_t forge_http_idempotency_finish(forge_req_t *q)
{
    forge_db_t *db;
    forge_reply_t *reply = q->reply;
    if (!q->claimed)
        return FORGE_OK;
    if (!reply->set || !reply->body || reply->body->failed)
        return FORGE_E_INTERNAL;
    forge_json_t *headers = forge_util_json_object(q->pool);
    forge_util_json_put_text(headers, "Location", reply->location);
    forge_util_json_put_text(headers, "ETag", reply->etag);
    forge_buf_t *b = forge_util_buf_make(q->pool, 256, 64 * 1024);
    forge_util_json_write(b, headers);
    forge_stored_answer_t answer = {.status = reply->http,
                                    .headers_json = apr_pstrmemdup(q->pool, b->data, b->len),
                                    .body = reply->body->data,
                                    .body_len = reply->body->len};
    bool keeps = q->route->again == forge_reply_kept || q->route->flags & FORGE_R_TOKENS;
    if (!keeps && answer.body_len > KEEP_MAX)
        answer.body = NULL;
    if (q->route->flags & FORGE_R_TOKENS) {
        answer.body = forge_core_seal(q->pool, q->keys, context(q), answer.body, answer.body_len);
        answer.body_len = answer.body ? strlen(answer.body) : 0;
    }
    const forge_idempotency_key_t key = key_of(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_idempotency_keep(db, q->pool, &key, &answer));
    return forge_store_commit(db, q->pool);
}
