/* SPDX-License-Identifier: Apache-2.0
 * Files: what goes up comes down, byte for byte and range by range; names and types that lie; quota and owners (SPEC 9,
 * SECURITY 45 to 47).
 */
#include "uploads.h"

#include <stdlib.h>
#include <string.h>

static char *path_of(json_int_t id)
{
    return F("/api/v1/files/%lld", (long long)id);
}

static char *content_of(json_int_t id)
{
    return F("/api/v1/files/%lld/content", (long long)id);
}

/* --- one file --- */

START_TEST(what_goes_up_comes_down)
{
    person_t me = person("student");
    bytes_t pdf = pdf_of(3 * 1024 * 1024 + 17, 1); /* of many pieces */
    reply_t *made = upload(me, pdf);
    expect_status(made, 201);
    json_int_t id = int_at(made->json, "/id");
    ck_assert_str_eq(header(made, "Location"), path_of(id));
    ck_assert_str_eq(text_at(made->json, "/filename"), "a.pdf");
    ck_assert_str_eq(text_at(made->json, "/content_type"), "application/pdf");
    ck_assert_int_eq(int_at(made->json, "/size"), (json_int_t)pdf.length);
    ck_assert(json_is_null(at(made->json, "/pages")));
    reply_t *read = CALL("GET", path_of(id), .token = me.access);
    expect_status(read, 200);
    ck_assert_str_eq(read->body, made->body);
    expect_status(
        CALL("GET", path_of(id), .token = me.access, .headers = {F("If-None-Match: %s", header(read, "ETag"))}), 304);
    reply_t *down = CALL("GET", content_of(id), .token = me.access);
    expect_status(down, 200);
    ck_assert_uint_eq(down->length, pdf.length);
    ck_assert(memcmp(down->body, pdf.data, pdf.length) == 0);
    ck_assert_str_eq(remains(), "0 0");
}
END_TEST

/* A file of several pieces, up and down, whatever carries it. */
static void round_trip(const call_t *carrier, unsigned seed)
{
    person_t me = person("student");
    bytes_t pdf = pdf_of(2500000, seed), body = body_of_pdf(pdf);
    call_t call = *carrier;
    call.token = me.access;
    call.type = MULTIPART;
    call.body = body.data;
    call.length = body.length;
    reply_t *made = call_with("POST", "/api/v1/files/upload", &call);
    expect_status(made, 201);
    call = *carrier;
    call.token = me.access;
    reply_t *down = call_with("GET", content_of(int_at(made->json, "/id")), &call);
    expect_status(down, 200);
    ck_assert_uint_eq(down->length, pdf.length);
    ck_assert(memcmp(down->body, pdf.data, pdf.length) == 0);
    call.headers[0] = "Range: bytes=-9";
    down = call_with("GET", content_of(int_at(made->json, "/id")), &call);
    expect_status(down, 206);
    ck_assert(down->length == 9 && memcmp(down->body, pdf.data + pdf.length - 9, 9) == 0);
}

START_TEST(over_tls_and_http2)
{
    round_trip(&(call_t){.port = PORT_TLS}, 1);
    round_trip(&(call_t){.port = PORT_TLS, .chunked = true}, 2);
    if (strcmp(env.mpm, "prefork") != 0)
        round_trip(&(call_t){.port = PORT_COOKIE, .http2 = true}, 3);
}
END_TEST

/* SECURITY 46: whatever else the bytes may be, a browser saves them and runs nothing. */
START_TEST(content_is_saved_and_never_run)
{
    person_t me = person("student");
    json_int_t id = uploaded(me, pdf_of(2000, 1));
    reply_t *down = CALL("GET", content_of(id), .token = me.access, .headers = {"Accept-Encoding: gzip"});
    ck_assert_str_eq(header(down, "Content-Type"), "application/pdf");
    ck_assert_str_eq(header(down, "Content-Disposition"), "attachment; filename=\"a.pdf\"");
    ck_assert_str_eq(header(down, "X-Content-Type-Options"), "nosniff");
    ck_assert_str_eq(header(down, "Content-Security-Policy"), "default-src 'none'; sandbox");
    ck_assert_int_eq(header_count(down, "Content-Security-Policy"), 1);
    ck_assert_str_eq(header(down, "Cache-Control"), "private, no-cache");
    ck_assert_ptr_null(header(down, "Content-Encoding"));
    ck_assert_str_eq(header(down, "ETag"), F("\"%s\"", sql("SELECT encode(sha256, 'hex') FROM forge.files")));
}
END_TEST

START_TEST(a_deleted_file_takes_its_bytes_along)
{
    person_t me = person("student");
    json_int_t id = uploaded(me, pdf_of(5000, 1));
    ck_assert_str_eq(objects(), "1");
    expect_problem(CALL("DELETE", path_of(id), .token = me.access, .headers = {"If-Match: \"v7\""}),
                   "precondition_failed");
    expect_status(CALL("DELETE", path_of(id), .token = me.access, .headers = {"If-Match: \"v1\""}), 204);
    expect_problem(CALL("DELETE", path_of(id), .token = me.access), "not_found");
    expect_problem(CALL("GET", path_of(id), .token = me.access), "not_found");
    expect_problem(CALL("GET", content_of(id), .token = me.access), "not_found");
    ck_assert_str_eq(objects(), "0");
    uploaded(me, pdf_of(5000, 1));
    sql("DELETE FROM forge.users WHERE id = %lld", (long long)me.id); /* by whomever */
    ck_assert_str_eq(objects(), "0");
}
END_TEST

START_TEST(the_same_bytes_are_one_file)
{
    person_t me = person("student"), other = person("student");
    bytes_t pdf = pdf_of(4000, 1);
    json_int_t id = uploaded(me, pdf);
    reply_t *again = upload_body(me, PORT_MAIN, body_of("name=file; filename=other.pdf", "application/pdf", pdf));
    expect_status(again, 200);
    ck_assert_int_eq(int_at(again->json, "/id"), id);
    ck_assert_str_eq(text_at(again->json, "/filename"), "a.pdf");
    ck_assert_str_eq(header(again, "Location"), path_of(id));
    ck_assert_int_ne(uploaded(other, pdf), id);
    ck_assert_int_ne(uploaded(me, pdf_of(4000, 2)), id);
    ck_assert_str_eq(objects(), "3");
}
END_TEST

static void same_one(int i, void *baton)
{
    reply_t *reply = upload(*(person_t *)baton, pdf_of(300000, 1));
    if (reply->status != 201 && reply->status != 200)
        fail_later("upload %d: %d %.200s", i, reply->status, reply->body);
}

START_TEST(the_same_bytes_at_once_are_one_file)
{
    person_t me = person("student");
    parallel(6, same_one, &me);
    fail_now();
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.files"), "1");
    ck_assert_str_eq(remains(), "0 0");
}
END_TEST

START_TEST(lists_are_of_ones_own)
{
    person_t me = person("student"), other = person("student");
    for (unsigned i = 1; i <= 3; i++)
        uploaded(me, pdf_of(1500, i));
    uploaded(other, pdf_of(1500, 9));
    reply_t *page = CALL("GET", "/api/v1/files?limit=2&count=true", .token = me.access);
    expect_status(page, 200);
    ck_assert_uint_eq(json_array_size(page->json), 2);
    ck_assert_str_eq(header(page, "X-Total-Count"), "3");
    const char *next = strstr(header(page, "Link"), "after=");
    ck_assert_ptr_nonnull(next);
    page = CALL("GET", F("/api/v1/files?%.*s", (int)strcspn(next, ">"), next), .token = me.access);
    ck_assert_uint_eq(json_array_size(page->json), 1);
    reply_t *newest = CALL("GET", "/api/v1/files?sort=-id&limit=1", .token = me.access);
    ck_assert_int_eq(int_at(newest->json, "/0/id"), int_at(page->json, "/0/id"));
    reply_t *mine = CALL("GET", "/api/v1/users/me/export", .token = me.access);
    ck_assert_uint_eq(json_array_size(at(mine->json, "/files")), 3);
}
END_TEST

START_TEST(files_are_private)
{
    person_t me = person("student"), teacher = person("instructor"), admin = person("admin");
    json_int_t id = uploaded(me, pdf_of(2000, 1));
    const char *guest = text_at(CALL("POST", "/api/v1/auth/guest")->json, "/access_token");
    const char *const paths[] = {path_of(id), content_of(id)};
    for (int i = 0; i < 2; i++) {
        expect_problem(CALL("GET", paths[i], .token = teacher.access), "not_found");
        expect_problem(CALL("GET", paths[i], .token = guest), "not_found");
        expect_problem(CALL("GET", paths[i]), "unauthenticated");
        expect_status(CALL("GET", paths[i], .token = admin.access), 200);
    }
    expect_problem(CALL("DELETE", path_of(id), .token = teacher.access), "not_found");
    bytes_t body = body_of_pdf(pdf_of(2000, 1));
    expect_problem(CALL("POST", "/api/v1/files/upload", .token = guest, .type = MULTIPART, .body = body.data,
                        .length = body.length),
                   "insufficient_scope");
    expect_status(CALL("GET", "/api/v1/files", .token = guest), 200);
    expect_status(CALL("DELETE", path_of(id), .token = admin.access), 204);
}
END_TEST

/* --- what lies about itself --- */

/* SECURITY 45: names that would leave a folder, a line or a reader's trust. */
START_TEST(hostile_names)
{
    static const struct {
        const char *disposition, *shown, *header;
    } names[] = {
        {"name=file; filename=\"../../etc/x.pdf\"", "x.pdf", "attachment; filename=\"x.pdf\""},
        {"name=file; filename=\"C:\\temp\\x.pdf\"", "x.pdf", "attachment; filename=\"x.pdf\""},
        {"name=file; filename=\"a%0d%0aX-Evil: 1.pdf\"", "aX-Evil: 1.pdf", "attachment; filename=\"aX-Evil: 1.pdf\""},
        {"name=file; filename=\"a\x01\x1b.pdf\"", "a__.pdf", "attachment; filename=\"a__.pdf\""},
        {"name=file; filename=\"exe.\xe2\x80\xae"
         "fdp.pdf\"",
         "exe.fdp.pdf", "attachment; filename=\"exe.fdp.pdf\""},
        {"name=file; filename=\"a\\\"; x=\\\"b.pdf\"", "a\"; x=\"b.pdf",
         "attachment; filename=\"a_; x=_b.pdf\"; filename*=UTF-8''a%22%3B%20x%3D%22b.pdf"},
        {"name=file; filename=\"\xff.pdf\"", "_.pdf", "attachment; filename=\"_.pdf\""},
        {"name=file; filename=\"Übung €.PDF\"", "Übung €.PDF",
         "attachment; filename=\"_bung _.PDF\"; filename*=UTF-8''%C3%9Cbung%20%E2%82%AC.PDF"},
        {"name=file; filename*=UTF-8''%e2%82%ac.pdf", "€.pdf",
         "attachment; filename=\"_.pdf\"; filename*=UTF-8''%E2%82%AC.pdf"},
        {"name=file; filename=\"\"", "document.pdf", "attachment; filename=\"document.pdf\""},
        {"name=file; filename=\"/.pdf\"", "document.pdf", "attachment; filename=\"document.pdf\""},
    };
    person_t me = person("student");
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        reply_t *made =
            upload_body(me, PORT_MAIN, body_of(names[i].disposition, "application/pdf", pdf_of(1100, i + 1)));
        expect_status(made, 201);
        ck_assert_str_eq(text_at(made->json, "/filename"), names[i].shown);
        reply_t *down = CALL("GET", content_of(int_at(made->json, "/id")), .token = me.access);
        expect_status(down, 200);
        ck_assert_str_eq(header(down, "Content-Disposition"), names[i].header);
    }
    reply_t *made = upload_body(
        me, PORT_MAIN, body_of(F("name=file; filename=\"%0300d.pdf\"", 7), "application/pdf", pdf_of(1100, 99)));
    expect_status(made, 201);
    ck_assert_uint_eq(strlen(text_at(made->json, "/filename")), 200);
    bytes_t body = body_of("name=file; filename=\"a?b.pdf\"", "application/pdf", pdf_of(1100, 98));
    *strchr(body.data, '?') = '\0';
    made = upload_body(me, PORT_MAIN, body);
    ck_assert_str_eq(text_at(made->json, "/filename"), "a_b.pdf");
}
END_TEST

/* SECURITY 46: declared type, name and content agree, or it is none of ours. */
START_TEST(types_that_do_not_agree)
{
    static const char name[] = "name=file; filename=a.pdf";
    person_t me = person("student");
    bytes_t pdf = pdf_of(2000, 1), late = pdf_of(3000, 2), edge = pdf_of(3000, 3), cut = pdf_of(3000, 4);
    memset(late.data, ' ', 2000);
    memcpy(late.data + 1020, "%PDF-", 5);
    memset(edge.data, ' ', 2000);
    memcpy(edge.data + 1019, "%PDF-", 5);
    memset(cut.data, ' ', 2000);
    static const char *const types[] = {"text/html", "application/octet-stream", "image/png", "text/plain", NULL};
    for (int i = 0; i < 5; i++)
        expect_problem(upload_body(me, PORT_MAIN, body_of(name, types[i], pdf)), "unsupported_media_type");
    static const char *const names[] = {"a.html", "a.pdf.exe", "../../etc/passwd", "a_pdf"};
    for (int i = 0; i < 4; i++)
        expect_fault(
            upload_body(me, PORT_MAIN, body_of(F("name=file; filename=\"%s\"", names[i]), "application/pdf", pdf)),
            "/file", "format");
    static const char *const contents[] = {"\x7f"
                                           "ELF\x02\x01\x01",
                                           "<html><script>alert(1)</script>",
                                           "%PDF",
                                           "x",
                                           "",
                                           "%PDF-",
                                           "%PDF-x",
                                           "\x7f"
                                           "ELF\x02\x01\x01%PDF-1.4",
                                           "MZ%PDF-1.4",
                                           "PK\3\4%PDF-1.4",
                                           "\xef\xbb\xbf \n<html>%PDF-1.4</html>"};
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
        expect_fault(upload_body(me, PORT_MAIN, body_of(name, "application/pdf", bytes_of_text(contents[i]))), "/file",
                     "type");
    expect_fault(upload_body(me, PORT_MAIN, body_of(name, "application/pdf", late)), "/file", "type");
    expect_fault(upload_body(me, PORT_MAIN, body_of(name, "application/pdf", cut)), "/file", "type");
    expect_status(upload_body(me, PORT_MAIN, body_of(name, "application/pdf; x=1", edge)), 201);
    expect_status(upload_body(me, PORT_MAIN, body_of(name, "Application/PDF", bytes_of_text("%PDF-1"))), 201);
    ck_assert_str_eq(objects(), "2");
}
END_TEST

/* --- bodies --- */

static reply_t *post(person_t me, const char *type, bytes_t body, bool chunked)
{
    return CALL("POST", "/api/v1/files/upload", .token = me.access, .type = type, .body = body.data,
                .length = body.length, .chunked = chunked);
}

START_TEST(bodies_that_carry_no_file)
{
    person_t me = person("student");
    bytes_t good = body_of_pdf(pdf_of(2000, 1));
    static const char *const types[] = {"application/json", "application/pdf", "multipart/mixed; boundary=B", ""};
    for (int i = 0; i < 4; i++) {
        reply_t *reply = post(me, types[i], good, false);
        expect_problem(reply, "unsupported_media_type");
        ck_assert_str_eq(header(reply, "Accept"), "multipart/form-data");
    }
    expect_problem(CALL("POST", "/api/v1/files/upload", .token = me.access, .type = MULTIPART, .body = good.data,
                        .length = good.length, .headers = {"Content-Encoding: gzip"}),
                   "unsupported_media_type");
    expect_problem(post(me, "multipart/form-data", good, false), "bad_request");
    expect_problem(post(me, "multipart/form-data; boundary=C", good, false), "bad_request");
    static const char *const texts[] = {"", "rubbish", "--B", "--B\r\n\r\n", "--B\r\nContent-Disposition: x\r\n\r\n"};
    for (int i = 0; i < 5; i++)
        expect_problem(post(me, MULTIPART, bytes_of_text(texts[i]), false), "bad_request");
    for (size_t cut = 1; cut < 30; cut += 7) {
        bytes_t part = {good.data, good.length - cut};
        if (cut > 4) /* "--\r\n" is the end already without its last two bytes */
            expect_problem(post(me, MULTIPART, part, cut % 2 == 0), "bad_request");
    }
    expect_fault(post(me, MULTIPART, bytes_of_text("--B--\r\n"), false), "/file", "required");
    expect_fault(post(me, MULTIPART, body_of("name=other; filename=a.pdf", "application/pdf", pdf_of(9, 1)), false),
                 "/file", "required");
    expect_fault(post(me, MULTIPART, body_of("name=file", "application/pdf", pdf_of(9, 1)), false), "/file", "type");
    bytes_t two = body_of("name=file; filename=a.pdf", "application/pdf",
                          bytes_of_text("%PDF-1\r\n--B\r\nContent-Disposition: form-data; name=file; filename=b.pdf\r\n"
                                        "Content-Type: application/pdf\r\n\r\n%PDF-2"));
    expect_fault(post(me, MULTIPART, two, false), "/file", "duplicate");
    ck_assert_str_eq(objects(), "0");
}
END_TEST

START_TEST(other_fields_do_not_count)
{
    person_t me = person("student");
    bytes_t body = body_of("name=note", NULL,
                           bytes_of_text("hello\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; "
                                         "filename=\"b.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7"));
    reply_t *made = post(me, MULTIPART, body, true);
    expect_status(made, 201);
    ck_assert_int_eq(int_at(made->json, "/size"), 8);
    ck_assert_str_eq(sql("SELECT convert_from(lo_get(object), 'UTF8') FROM forge.files"), "%PDF-1.7");
}
END_TEST

/* ForgeMaxUpload is 10M there: announced or not, and whatever is around the file. */
START_TEST(files_over_the_limit)
{
    enum { MOST = 10 * 1024 * 1024 };
    person_t me = person("student");
    bytes_t around = pdf_of(70000, 1);
    memset(around.data, 'x', around.length);
    expect_problem(post(me, MULTIPART, body_of_pdf(pdf_of(MOST + 1, 1)), false), "body_too_large");
    expect_problem(post(me, MULTIPART, body_of_pdf(pdf_of(MOST + 1, 1)), true), "body_too_large");
    expect_problem(post(me, MULTIPART, body_of_pdf(pdf_of(MOST + 200000, 1)), false), "body_too_large");
    expect_problem(post(me, MULTIPART, body_of("name=other", NULL, around), true), "body_too_large");
    ck_assert_str_eq(objects(), "0");
    expect_status(post(me, MULTIPART, body_of_pdf(pdf_of(MOST, 1)), true), 201);
    ck_assert_str_eq(remains(), "0 0");
}
END_TEST

START_TEST(a_key_replays_an_upload)
{
    person_t me = person("student");
    bytes_t body = body_of_pdf(pdf_of(3000, 1)), other = body_of_pdf(pdf_of(3000, 2));
    const call_t call = {.token = me.access,
                         .type = MULTIPART,
                         .body = body.data,
                         .length = body.length,
                         .headers = {"Idempotency-Key: one"}};
    call_t changed = call;
    reply_t *first = call_with("POST", "/api/v1/files/upload", &call);
    expect_status(first, 201);
    reply_t *second = call_with("POST", "/api/v1/files/upload", &call);
    expect_status(second, 201);
    ck_assert_str_eq(header(second, "Idempotent-Replayed"), "true");
    ck_assert_str_eq(second->body, first->body);
    changed.body = other.data;
    expect_problem(call_with("POST", "/api/v1/files/upload", &changed), "idempotency_mismatch");
    changed.headers[0] = "Idempotency-Key: two";
    expect_status(call_with("POST", "/api/v1/files/upload", &changed), 201);
    expect_status(CALL("DELETE", path_of(int_at(first->json, "/id")), .token = me.access), 204);
    expect_problem(call_with("POST", "/api/v1/files/upload", &call), "not_found"); /* it is gone, and not given again */
    ck_assert_str_eq(remains(), "0 0");
}
END_TEST

/* --- quota: ForgeUserQuota is "1M 40" at PORT_QUICK --- */

static void crowd_one(int i, void *baton)
{
    reply_t *reply = upload_body(*(person_t *)baton, PORT_QUICK, body_of_pdf(pdf_of(300 * 1024, (unsigned)i + 1)));
    if (reply->status != 201 && reply->status != 413)
        fail_later("upload %d: %d %.200s", i, reply->status, reply->body);
}

/* SECURITY 47 */
START_TEST(uploads_at_once_keep_within_the_quota)
{
    person_t me = person("student"), other = person("student");
    parallel(8, crowd_one, &me);
    fail_now();
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.files"), "3");
    ck_assert_str_eq(sql("SELECT rows || ' ' || bytes FROM forge.usage WHERE user_id = %lld", (long long)me.id),
                     F("3 %d", 3 * (300 * 1024 + 5)));
    expect_problem(upload_body(me, PORT_QUICK, body_of_pdf(pdf_of(300 * 1024, 77))), "quota_exceeded");
    expect_status(upload_body(me, PORT_QUICK, body_of_pdf(pdf_of(1024, 77))), 201);
    expect_status(upload_body(other, PORT_QUICK, body_of_pdf(pdf_of(300 * 1024, 77))), 201);
    sql("DELETE FROM forge.files WHERE size > 200000 AND user_id = %lld", (long long)me.id);
    expect_status(upload_body(me, PORT_QUICK, body_of_pdf(pdf_of(900 * 1024, 78))), 201);
    ck_assert_str_eq(remains(), "0 0");
}
END_TEST

/* --- ranges --- */

typedef struct range_t {
    const char *headers[2];
    int status;
    size_t from, length; /* of the body */
} range_t;

static void expect_range(person_t me, const char *path, bytes_t pdf, const range_t *want)
{
    reply_t *reply = CALL("GET", path, .token = me.access, .headers = {want->headers[0], want->headers[1]});
    ck_assert_msg(reply->status == want->status, "%s: %d", want->headers[0], reply->status);
    ck_assert_uint_eq(reply->length, want->length);
    ck_assert(memcmp(reply->body, pdf.data + want->from, want->length) == 0);
    const char *said = header(reply, "Content-Range");
    if (want->status == 206)
        ck_assert_str_eq(said, F("bytes %zu-%zu/%zu", want->from, want->from + want->length - 1, pdf.length));
    else
        ck_assert_ptr_null(said);
}

START_TEST(ranges_of_a_file)
{
    enum { SIZE = 700000 };
    person_t me = person("student");
    bytes_t pdf = pdf_of(SIZE, 1);
    char *path = content_of(uploaded(me, pdf));
    const char *tag = header(CALL("HEAD", path, .token = me.access), "ETag");
    const range_t ranges[] = {
        {{"Range: bytes=0-0", NULL}, 206, 0, 1},
        {{"Range: bytes=262140-262150", NULL}, 206, 262140, 11}, /* over the edge of a piece */
        {{"Range: bytes=1000-699999", NULL}, 206, 1000, SIZE - 1000},
        {{"Range: bytes=699990-", NULL}, 206, SIZE - 10, 10},
        {{"Range: bytes=-7", NULL}, 206, SIZE - 7, 7},
        {{"Range: bytes=-9999999", NULL}, 206, 0, SIZE},
        {{"Range: bytes=0-9,9999999-", NULL}, 206, 0, 10},
        {{"Range: bytes=9-3", NULL}, 200, 0, SIZE},
        {{"Range: lines=1-2", NULL}, 200, 0, SIZE},
        {{"Range: bytes=x", NULL}, 200, 0, SIZE},
        {{"Range: bytes=5-9", F("If-Range: %s", tag)}, 206, 5, 5},
        {{"Range: bytes=5-9", "If-Range: \"other\""}, 200, 0, SIZE},
        {{"Range: bytes=5-9", F("If-Range: W/%s", tag)}, 200, 0, SIZE},
        {{"Range: bytes=5-9", "If-Range: Wed, 21 Oct 2037 07:28:00 GMT"}, 200, 0, SIZE},
        {{"Range: bytes=999999-", "If-Range: \"other\""}, 200, 0, SIZE},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        expect_range(me, path, pdf, &ranges[i]);
}
END_TEST

START_TEST(ranges_that_are_several_or_none)
{
    person_t me = person("student");
    bytes_t pdf = pdf_of(300000, 1);
    char *path = content_of(uploaded(me, pdf));
    static const char *const beyond[] = {"Range: bytes=300000-", "Range: bytes=-0", "Range: bytes=400000-500000,-0"};
    for (int i = 0; i < 3; i++) {
        reply_t *reply = CALL("GET", path, .token = me.access, .headers = {beyond[i]});
        expect_problem(reply, "range_not_satisfiable");
        ck_assert_str_eq(header(reply, "Content-Range"), "bytes */300000");
    }
    reply_t *several = CALL("GET", path, .token = me.access, .headers = {"Range: bytes=0-4,299998-"});
    expect_status(several, 206);
    ck_assert_msg(strncmp(header(several, "Content-Type"), "multipart/byteranges; boundary=", 31) == 0, "%s",
                  header(several, "Content-Type"));
    expect_says(several, "Content-range: bytes 0-4/300000\r\n\r\n%PDF-\r\n");
    expect_says(several, "bytes 299998-299999/300000");
    reply_t *head = CALL("HEAD", path, .token = me.access, .headers = {"Range: bytes=0-4"});
    expect_status(head, 200);
    ck_assert_str_eq(header(head, "Content-Length"), "300000");
    ck_assert_str_eq(header(head, "Accept-Ranges"), "bytes");
    expect_status(CALL("GET", path, .token = me.access,
                       .headers = {F("If-None-Match: \"x\", %s", header(head, "ETag")), "Range: bytes=0-4"}),
                  304);
}
END_TEST

Suite *suite_files(void)
{
    Suite *suite = suite_create("files");
    TCase *one = case_make(suite, "one"), *lies = case_make(suite, "lies"), *ranges = case_make(suite, "ranges");
    tcase_add_test(one, what_goes_up_comes_down);
    tcase_add_test(one, over_tls_and_http2);
    tcase_add_test(one, content_is_saved_and_never_run);
    tcase_add_test(one, a_deleted_file_takes_its_bytes_along);
    tcase_add_test(one, the_same_bytes_are_one_file);
    tcase_add_test(one, the_same_bytes_at_once_are_one_file);
    tcase_add_test(one, lists_are_of_ones_own);
    tcase_add_test(one, files_are_private);
    tcase_add_test(lies, hostile_names);
    tcase_add_test(lies, types_that_do_not_agree);
    tcase_add_test(lies, bodies_that_carry_no_file);
    tcase_add_test(lies, other_fields_do_not_count);
    tcase_add_test(lies, files_over_the_limit);
    tcase_add_test(lies, a_key_replays_an_upload);
    tcase_add_test(lies, uploads_at_once_keep_within_the_quota);
    tcase_add_test(ranges, ranges_of_a_file);
    tcase_add_test(ranges, ranges_that_are_several_or_none);
    return suite;
}
