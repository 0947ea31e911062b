/* SPDX-License-Identifier: Apache-2.0
 * The file in a multipart/form-data body. While it comes it is parsed, counted, hashed and put into a file without a
 * name (spool.c), a few kilobytes at a time; only when all of it is there does the database hear of it. A client that
 * takes its time holds no thread where the MPM allows it, and one that falls behind is cut off (body.c).
 *
 * What the file says it is must agree three times: the type of its part, the ending of its name, and the signature
 * among its first bytes. That is judged as soon as it is known, so that nothing else is taken in.
 */
#include "http_private.h"
#include "core/identity/identity.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <apr_strings.h>
#include <string.h>

#define AROUND_MAX (64 * 1024)           /* bytes of a body besides its file: boundaries, headers, other fields */
#define FAREWELL   apr_time_from_sec(60) /* a child that is to stop takes in what is on its way for so long */

/* One file on its way in. */
typedef struct receipt_t {
    forge_req_t *q;
    const forge_upload_rule_t *rule;
    const char *field; /* that carries the file */
    forge_served_fn serve;
    forge_reader_t reader;
    forge_multipart_t *parser;
    forge_digest_t *digest;
    forge_upload_t *upload; /* NULL until the part begins */
    bool inside;            /* of that part */
    char first[FORGE_UPLOAD_SIGNED_WITHIN];
    apr_size_t first_len;
    bool signed_;          /* the signature was there */
    forge_status_t status; /* of the first thing that was wrong */
} receipt_t;

/* --- what it must be --- */

static const char *pointer_of(const receipt_t *r)
{
    return apr_pstrcat(r->q->pool, "/", r->field, NULL);
}

static bool refuse(receipt_t *r, forge_status_t status)
{
    if (r->status == FORGE_OK)
        r->status = status;
    return false;
}

static bool refuse_file(receipt_t *r, const char *code, const char *detail)
{
    return refuse(r, forge_fail_field(r->q, FORGE_E_VALIDATION, pointer_of(r), code, detail));
}

static forge_status_t unsupported(forge_req_t *q, const char *detail)
{
    q->reply->accept = FORGE_MULTIPART_MEDIA;
    return forge_fail_detail(q, FORGE_E_UNSUPPORTED_MEDIA, detail);
}

static bool ends_with(const char *name, const char *ending)
{
    apr_size_t len = strlen(name), wanted = strlen(ending);
    return len >= wanted && apr_cstr_casecmp(name + len - wanted, ending) == 0;
}

/* The signature, and a digit of the version behind it, as far as that is seen. */
static bool has_signature(const receipt_t *r)
{
    const apr_size_t len = strlen(r->rule->signature);
    for (apr_size_t i = 0; i + len <= r->first_len; i++)
        if (memcmp(r->first + i, r->rule->signature, len) == 0 &&
            (i + len == FORGE_UPLOAD_SIGNED_WITHIN ||
             (i + len < r->first_len && forge_util_is_digit(r->first[i + len]))))
            return true;
    return false;
}

/* Whether the first bytes are those of another format: a program, an archive, a picture, or a text in markup. Readers
 * that look for those would take the file for it. */
static bool is_other(const receipt_t *r)
{
    static const char *const others[] = {"\177ELF", "MZ", "PK\3\4", "\211PNG", "GIF8", "\377\330\377", "#!", "<", NULL};
    apr_size_t at = r->first_len >= 3 && memcmp(r->first, "\357\273\277", 3) == 0 ? 3 : 0;
    while (at < r->first_len && forge_util_is_space(r->first[at]))
        at++;
    for (const char *const *other = others; *other; other++)
        if (r->first_len - at >= strlen(*other) && memcmp(r->first + at, *other, strlen(*other)) == 0)
            return true;
    return false;
}

static bool judge_signature(receipt_t *r)
{
    r->signed_ = has_signature(r) && !is_other(r);
    return r->signed_ ||
           refuse_file(r, "type",
                       apr_psprintf(r->q->pool, "the content is not what the name %s promises", r->rule->ending));
}

/* --- the parts --- */

/* A name without anything but the ending is none. */
static const char *name_of(const receipt_t *r, const char *sent)
{
    const char *name = forge_core_file_name(r->q->pool, sent);
    return *name && apr_cstr_casecmp(name, r->rule->ending + 1) != 0 ? name : r->rule->otherwise;
}

static bool begin_file(receipt_t *r, const forge_part_t *part)
{
    forge_req_t *q = r->q;
    if (r->upload)
        return refuse_file(r, "duplicate", "send one file at a time");
    if (!part->filename)
        return refuse_file(r, "type", "must be a file: its part needs a file name");
    if (strcmp(part->media, r->rule->media) != 0)
        return refuse(r, unsupported(q, apr_psprintf(q->pool, "the file must be declared as %s", r->rule->media)));
    const char *name = name_of(r, part->filename);
    if (!ends_with(name, r->rule->ending))
        return refuse_file(r, "format", apr_psprintf(q->pool, "the name must end in %s", r->rule->ending));
    r->upload = apr_pcalloc(q->pool, sizeof(*r->upload));
    r->upload->filename = name;
    r->upload->media = r->rule->media;
    r->inside = true;
    forge_status_t status = forge_http_spool_make(q, &r->upload->spool);
    return status == FORGE_OK || refuse(r, status);
}

/* Parts of other names are nobody's, like unknown members of a body. */
static bool begin_part(void *baton, const forge_part_t *part)
{
    receipt_t *r = baton;
    r->inside = false;
    return strcmp(part->name, r->field) != 0 || begin_file(r, part);
}

static bool part_data(void *baton, const char *data, apr_size_t len)
{
    receipt_t *r = baton;
    if (!r->inside)
        return true;
    apr_size_t room = sizeof(r->first) - r->first_len, more = len < room ? len : room;
    memcpy(r->first + r->first_len, data, more);
    r->first_len += more;
    if (more > 0 && r->first_len == sizeof(r->first) && !judge_signature(r))
        return false;
    r->upload->size += (apr_int64_t)len;
    if (r->upload->size > forge_config_max_upload(r->q->config))
        return refuse(r, FORGE_E_BODY_TOO_LARGE);
    forge_core_sha256_add(r->digest, data, len);
    forge_status_t status = forge_http_spool_add(r->upload->spool, data, len);
    return status == FORGE_OK || refuse(r, status);
}

/* --- the body --- */

static bool body_data(void *baton, const char *data, apr_size_t len)
{
    receipt_t *r = baton;
    forge_multipart_state_t state = forge_core_multipart_feed(r->parser, data, len);
    if (r->reader.got > (r->upload ? r->upload->size : 0) + AROUND_MAX)
        return refuse(r, FORGE_E_BODY_TOO_LARGE);
    if (state == FORGE_MULTIPART_BROKEN)
        return refuse(r, forge_fail_detail(r->q, FORGE_E_BAD_REQUEST, forge_core_multipart_why(r->parser)));
    return state != FORGE_MULTIPART_STOPPED; /* after its end the rest is read away */
}

static forge_status_t judge(receipt_t *r)
{
    FORGE_TRY(r->status);
    if (forge_core_multipart_feed(r->parser, "", 0) != FORGE_MULTIPART_END)
        return forge_fail_detail(r->q, FORGE_E_BAD_REQUEST, "the body ends before its closing boundary");
    if (!r->upload)
        refuse_file(r, "required", "is required");
    else if (!r->signed_)
        judge_signature(r);
    return r->status;
}

/* The fingerprint of an Idempotency-Key covers name and bytes. */
static forge_status_t take_over(receipt_t *r)
{
    forge_req_t *q = r->q;
    FORGE_TRY(forge_http_spool_end(r->upload->spool));
    forge_core_sha256_end(r->digest, r->upload->sha256);
    q->upload = r->upload;
    const char *body = apr_pstrcat(q->pool, forge_util_hex(q->pool, r->upload->sha256, sizeof(r->upload->sha256)), " ",
                                   r->upload->filename, NULL);
    return q->route->flags & FORGE_R_IDEMPOTENT ? forge_http_idempotency_begin(q, body, strlen(body)) : FORGE_OK;
}

static int done(receipt_t *r, forge_status_t status)
{
    forge_http_reader_leave(&r->reader);
    if (status == FORGE_OK)
        status = judge(r);
    if (status == FORGE_OK)
        status = take_over(r);
    if (status == FORGE_OK)
        return forge_http_files_admit(r->q, r->serve);
    r->q->r->connection->keepalive = AP_CONN_CLOSE; /* the answer does not wait for the rest */
    return r->serve(r->q, status);
}

/* --- waiting for it --- */

static int proceed(receipt_t *r);

static int go(forge_req_t *q, forge_wake_t why, void *baton)
{
    receipt_t *r = baton;
    (void)q;
    switch (why) {
    case FORGE_WAKE_GONE:
        return OK;
    case FORGE_WAKE_LATE:
        return done(r, FORGE_E_REQUEST_TIMEOUT);
    case FORGE_WAKE_STOP:
        return done(r, FORGE_E_UNAVAILABLE);
    default:
        return proceed(r);
    }
}

static int suspend(receipt_t *r)
{
    const forge_wait_t wait = {
        .go = go, .baton = r, .reads = true, .patience = forge_http_reader_left(&r->reader), .farewell = FAREWELL};
    return forge_http_pump_suspend(r->q, &wait);
}

/* Takes what is there. The first moments are waited for on the thread: most files come at once. */
static int proceed(receipt_t *r)
{
    forge_status_t status = FORGE_OK;
    while (status == FORGE_OK && !r->reader.end) {
        status = forge_http_reader_take(r->q, &r->reader);
        if (status != FORGE_OK || !r->reader.dry)
            continue;
        if (forge_http_reader_left(&r->reader) <= 0)
            status = FORGE_E_REQUEST_TIMEOUT;
        else if (!forge_http_reader_patient(&r->reader) && forge_http_pump_can(r->q))
            return suspend(r);
        else
            status = forge_http_reader_wait(r->q, &r->reader);
    }
    return done(r, status);
}

/* --- the beginning --- */

/* What can be refused before a byte is read. */
static forge_status_t expect(receipt_t *r)
{
    forge_req_t *q = r->q;
    const char *boundary, *coding = forge_http_header(q, "Content-Encoding");
    apr_off_t said;
    if (!forge_core_multipart_type(q->pool, forge_http_header(q, "Content-Type"), &boundary) ||
        (coding && apr_cstr_casecmp(coding, "identity") != 0))
        return unsupported(q, "send the file uncompressed as " FORGE_MULTIPART_MEDIA);
    if (!boundary)
        return forge_fail_detail(q, FORGE_E_BAD_REQUEST, "Content-Type names no boundary, or one that is none");
    FORGE_TRY(forge_http_body_announced(q, forge_config_max_upload(q->config) + AROUND_MAX, &said));
    FORGE_TRY(forge_http_files_enter(q));
    if (q->route->flags & FORGE_R_IDEMPOTENT)
        FORGE_TRY(forge_http_idempotency_begin(q, "", 0)); /* whether the key is one */
    const forge_part_sink_t sink = {begin_part, part_data, r};
    r->parser = forge_core_multipart_make(q->pool, boundary, &sink);
    r->digest = forge_core_sha256_begin(q->pool);
    r->reader = forge_http_reader_make(q, 0, body_data, r);
    return FORGE_OK;
}

int forge_http_upload_receive(forge_req_t *q, forge_served_fn serve)
{
    receipt_t *r = apr_pcalloc(q->pool, sizeof(*r));
    r->q = q;
    r->rule = q->route->upload;
    r->field = q->route->body->fields[0].name;
    r->serve = serve;
    forge_status_t status = expect(r);
    return status == FORGE_OK ? proceed(r) : serve(q, status);
}

bool forge_http_upload_read(void *upload, apr_int64_t at, void *to, apr_size_t len)
{
    return forge_http_spool_read(((forge_upload_t *)upload)->spool, at, to, len);
}
