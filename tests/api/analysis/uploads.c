/* SPDX-License-Identifier: Apache-2.0
 * Bodies that carry a file, whole or in part, and the state of the table behind them.
 */
#include "uploads.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

bytes_t pdf_of(size_t length, unsigned seed)
{
    static const char magic[] = "%PDF-1.7\n";
    bytes_t pdf = {keep(malloc(length + 1)), length};
    for (size_t i = 0; i < length; i++) {
        seed = seed * 1103515245u + 12345u;
        pdf.data[i] = (char)(seed >> 16);
    }
    memcpy(pdf.data, magic, length < sizeof(magic) - 1 ? length : sizeof(magic) - 1);
    return pdf;
}

bytes_t bytes_of_text(const char *text)
{
    return (bytes_t){F("%s", text), strlen(text)};
}

bytes_t body_of(const char *disposition, const char *type, bytes_t content)
{
    char *head = F("--B\r\nContent-Disposition: form-data; %s\r\n%s%s%s\r\n", disposition, type ? "Content-Type: " : "",
                   type ? type : "", type ? "\r\n" : "");
    static const char tail[] = "\r\n--B--\r\n";
    size_t before = strlen(head);
    bytes_t body = {keep(malloc(before + content.length + sizeof(tail))), before + content.length + sizeof(tail) - 1};
    memcpy(body.data, head, before);
    memcpy(body.data + before, content.data, content.length);
    memcpy(body.data + before + content.length, tail, sizeof(tail));
    return body;
}

bytes_t body_of_pdf(bytes_t content)
{
    return body_of("name=\"file\"; filename=\"a.pdf\"", "application/pdf", content);
}

reply_t *upload_body(person_t who, port_t port, bytes_t body)
{
    return CALL("POST", "/api/v1/files/upload", .port = port, .token = who.access, .type = MULTIPART, .body = body.data,
                .length = body.length);
}

reply_t *upload(person_t who, bytes_t content)
{
    return upload_body(who, PORT_MAIN, body_of_pdf(content));
}

json_int_t uploaded(person_t who, bytes_t content)
{
    reply_t *reply = upload(who, content);
    expect_status(reply, 201);
    return int_at(reply->json, "/id");
}

char *upload_head(person_t who, size_t length)
{
    return F("POST /api/v1/files/upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: "
             "%s\r\nContent-Length: %zu\r\n\r\n",
             who.access, MULTIPART, length);
}

int connected(port_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)env.ports[port]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

size_t sent(int fd, bytes_t bytes)
{
    size_t done = 0;
    while (done < bytes.length) {
        ssize_t n = send(fd, bytes.data + done, bytes.length - done, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

char *remains(void)
{
    return sql("SELECT (SELECT count(*) FROM forge.files f WHERE sha256(lo_get(f.object)) <> f.sha256"
               " OR octet_length(lo_get(f.object)) <> f.size) || ' ' || (SELECT count(*) FROM pg_largeobject_metadata m"
               " WHERE NOT EXISTS (SELECT FROM forge.files f WHERE f.object = m.oid))");
}

char *objects(void)
{
    return sql("SELECT count(*) FROM pg_largeobject_metadata");
}
