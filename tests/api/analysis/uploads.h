/* SPDX-License-Identifier: Apache-2.0
 * Files of the tests: bodies that carry one, and what is left in the database.
 */
#ifndef FORGE_TESTS_UPLOADS_H
#define FORGE_TESTS_UPLOADS_H

#include "../harness.h"

typedef struct bytes_t {
    char *data;
    size_t length;
} bytes_t;

#define MULTIPART "multipart/form-data; boundary=B"

/* A PDF of so many bytes as far as anybody looks; another seed, other bytes. */
bytes_t pdf_of(size_t length, unsigned seed);
bytes_t bytes_of_text(const char *text);
/* A body with one file; `disposition` is what stands behind "form-data; ", type NULL is none. */
bytes_t body_of(const char *disposition, const char *type, bytes_t content);
bytes_t body_of_pdf(bytes_t content);
reply_t *upload_body(person_t who, port_t port, bytes_t body);
reply_t *upload(person_t who, bytes_t content); /* under the name "a.pdf", at PORT_MAIN */
json_int_t uploaded(person_t who, bytes_t content);
/* The head of such a request; its body is sent by hand. */
char *upload_head(person_t who, size_t length);
/* A connection on which these bytes were sent; how far, where the server ends it before. */
int connected(port_t port);
size_t sent(int fd, bytes_t bytes);

/* Rows without bytes that have their digest, and large objects without a row: "0 0" when all is well. */
char *remains(void);
char *objects(void); /* how many there are */

#endif
