/* SPDX-License-Identifier: Apache-2.0
 * Files on the wire: multipart/form-data piece by piece (RFC 7578), names of files, and ranges of bytes (RFC 9110,
 * section 14).
 * Nothing here keeps more of a body than the headers of one part.
 */
#ifndef FORGE_CORE_FILES_H
#define FORGE_CORE_FILES_H

#include "core/core.h"

#define FORGE_MULTIPART_MEDIA        "multipart/form-data"
#define FORGE_MULTIPART_PARTS_MAX    16   /* of one body */
#define FORGE_MULTIPART_HEAD_MAX     4096 /* bytes of the header lines of one part */
#define FORGE_MULTIPART_PREAMBLE_MAX 1024 /* bytes before the first part */
#define FORGE_MULTIPART_BOUNDARY_MAX 70   /* characters (RFC 2046 §5.1.1) */
#define FORGE_FILE_NAME_MAX          200  /* characters of a name as it is shown */
#define FORGE_RANGES_MAX             16   /* ranges of one request that are looked at; with more there is none */

/* --- multipart.c --- */

/* Whether a Content-Type is multipart/form-data. *boundary is NULL when it names none that may be one. */
bool forge_core_multipart_type(apr_pool_t *p, const char *type, const char **boundary);

/* What the headers of a part say; valid for the call. */
typedef struct forge_part_t {
    const char *name;     /* of the field; "" without */
    const char *filename; /* as it was sent, with the escapes of browsers undone; NULL: it is no file */
    const char *media;    /* in lower case, without parameters; "text/plain" without one */
} forge_part_t;

/* Who hears of the parts. False ends the reading. */
typedef struct forge_part_sink_t {
    bool (*begin)(void *baton, const forge_part_t *part);
    bool (*data)(void *baton, const char *data, apr_size_t len); /* of the part that began last, in order */
    void *baton;
} forge_part_sink_t;

typedef enum forge_multipart_state_t {
    FORGE_MULTIPART_MORE,    /* so far, so good; a body that ends here was cut off */
    FORGE_MULTIPART_END,     /* the closing boundary was there; what follows is ignored */
    FORGE_MULTIPART_BROKEN,  /* no multipart body (forge_core_multipart_why) */
    FORGE_MULTIPART_STOPPED, /* the sink has said so */
} forge_multipart_state_t;
typedef struct forge_multipart_t forge_multipart_t;
forge_multipart_t *forge_core_multipart_make(apr_pool_t *p, const char *boundary, const forge_part_sink_t *sink);
/* Takes the next bytes of the body, cut anywhere. After anything but MORE it stays as it is. */
forge_multipart_state_t forge_core_multipart_feed(forge_multipart_t *m, const char *data, apr_size_t len);
const char *forge_core_multipart_why(const forge_multipart_t *m); /* a sentence for a person; "" unless BROKEN */

/* --- filename.c --- */

/* A name as it may be shown: what stands behind the last / or \, as UTF-8, without control characters and without those
 * that turn the direction of writing or are not seen, without blanks and dots at its edges, at most FORGE_FILE_NAME_MAX
 * characters; the ending stays when it is shortened. "" when nothing is left. */
const char *forge_core_file_name(apr_pool_t *p, const char *sent);
/* "attachment; filename="…"; filename*=UTF-8''…" (RFC 6266, RFC 8187); the second only where the first cannot say
 * it. */
const char *forge_core_disposition(apr_pool_t *p, const char *name);

/* --- ranges.c --- */

typedef enum forge_ranges_t {
    FORGE_RANGES_NONE,    /* the header is to be ignored: the whole content is answered */
    FORGE_RANGES_ONE,     /* *from and *length */
    FORGE_RANGES_SEVERAL, /* more than one can be satisfied */
    FORGE_RANGES_BEYOND   /* none can: 416 */
} forge_ranges_t;
/* What a Range header asks of so many bytes. NULL: no header. */
forge_ranges_t forge_core_ranges(const char *header, apr_int64_t size, apr_int64_t *from, apr_int64_t *length);

#endif
