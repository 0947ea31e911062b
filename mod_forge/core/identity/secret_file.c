/* SPDX-License-Identifier: Apache-2.0
 * Secrets that directives name: "file:/path", "env:NAME" or the text itself. The server reads them as root while it
 * starts, forgectl reads them by the same rules. Wiped with their pool.
 */
#include "identity.h"

#include <apr_cstr.h>
#include <apr_errno.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX  16384 /* bytes; the largest key file with a page of comment */
#define FILE_PREFIX "file:"
#define ENV_PREFIX  "env:"

typedef struct wipe_t {
    char *data;
    apr_size_t len;
} wipe_t;

static apr_status_t wipe(void *data)
{
    wipe_t *w = data;
    explicit_bzero(w->data, w->len);
    return APR_SUCCESS;
}

/* A buffer of the pool that is overwritten before its memory is used again. */
static char *wiped_buffer(apr_pool_t *p, apr_size_t len)
{
    wipe_t *w = apr_palloc(p, sizeof(*w));
    w->data = apr_pcalloc(p, len);
    w->len = len;
    apr_pool_cleanup_register(p, w, wipe, apr_pool_cleanup_null);
    return w->data;
}

static const char *failure(apr_pool_t *p, const char *path, const char *what, int error)
{
    char text[120];
    return apr_psprintf(p, "%s %s: %s", path, what, apr_strerror(error, text, sizeof(text)));
}

/* What is wrong with the file as a place for a secret; NULL: nothing. */
static const char *file_problem(apr_pool_t *p, const char *path, const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return apr_psprintf(p, "%s is no regular file", path);
    if (st->st_mode & (S_IRWXO | S_IWGRP))
        return apr_psprintf(p, "%s has mode %04o, so that others can read or change it; make it 0600 or 0640", path,
                            st->st_mode & 07777);
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return apr_psprintf(p, "%s belongs to neither root nor the user that starts the server", path);
    if (st->st_size > SECRET_MAX)
        return apr_psprintf(p, "%s is larger than %d bytes", path, SECRET_MAX);
    return NULL;
}

/* Reads until the end; the file was measured, but may change while it is read. */
static bool read_whole(int fd, char *data, apr_size_t *len)
{
    ssize_t got;
    *len = 0;
    while (*len < SECRET_MAX && (got = read(fd, data + *len, SECRET_MAX - *len)) != 0) {
        if (got < 0 && errno != EINTR)
            return false;
        if (got > 0)
            *len += (apr_size_t)got;
    }
    return true;
}

/* O_NONBLOCK, so that a named pipe is refused instead of waited for. The open file is examined, not its name, which
 * could be replaced in between. */
static char *read_file(apr_pool_t *p, const char *path, apr_size_t *len, const char **why)
{
    struct stat st;
    char *data = wiped_buffer(p, SECRET_MAX + 1);
    int fd = *path == '/' ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    *why = *path != '/' ? apr_psprintf(p, "'%s' is no absolute path", path)
           : fd < 0     ? failure(p, path, "cannot be opened", errno)
                        : NULL;
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0)
        *why = failure(p, path, "cannot be examined", errno);
    else if (!(*why = file_problem(p, path, &st)) && !read_whole(fd, data, len))
        *why = failure(p, path, "cannot be read", errno);
    close(fd);
    if (*why)
        return NULL;
    return data;
}

/* The end of a last line belongs to the editor or the shell that wrote it, not to the secret. */
static void drop_line_end(char *data, apr_size_t *len)
{
    if (*len && data[*len - 1] == '\n')
        data[--*len] = '\0';
    if (*len && data[*len - 1] == '\r')
        data[--*len] = '\0';
}

bool forge_core_secret_elsewhere(const char *spelled)
{
    return strncmp(spelled, FILE_PREFIX, strlen(FILE_PREFIX)) == 0 ||
           strncmp(spelled, ENV_PREFIX, strlen(ENV_PREFIX)) == 0;
}

/* A word of at most six letters and a colon, before a path: "fiel:/etc/secret". An address has two slashes there. */
static bool path_after_word(const char *spelled)
{
    apr_size_t n = strspn(spelled, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return n > 0 && n <= 6 && spelled[n] == ':' && spelled[n + 1] == '/' && spelled[n + 2] != '/';
}

static bool begins(const char *spelled, const char *prefix)
{
    apr_size_t len = strlen(prefix) - 1;
    return apr_cstr_casecmpn(spelled, prefix, len) == 0 && spelled[len] && strchr(":=;", spelled[len]);
}

/* What was meant as the place of a secret would be taken for the secret itself, and a path is known to many. No
 * sentence repeats the value: it may be a secret all the same. */
const char *forge_core_secret_mistyped(const char *spelled)
{
    const char *word = spelled + strspn(spelled, " \t");
    if (strncmp(word, FILE_PREFIX "//", strlen(FILE_PREFIX "//")) == 0)
        return "'file://' begins no place of a secret; write file:/absolute/path, with one slash";
    if (forge_core_secret_elsewhere(spelled))
        return NULL;
    if (*word == '/' || strncmp(word, "./", 2) == 0 || strncmp(word, "../", 3) == 0 || strncmp(word, "~/", 2) == 0)
        return "it looks like a path, which would itself be the secret; write file:/absolute/path (a secret that "
               "begins "
               "like a path belongs into a file)";
    if (begins(word, FILE_PREFIX) || begins(word, ENV_PREFIX) || path_after_word(word))
        return "its beginning is neither 'file:' nor 'env:' but looks like one of them mistyped, so that the whole "
               "would "
               "be the secret; write file:/absolute/path or env:NAME, in lower case and without blanks";
    return NULL;
}

char *forge_core_secret_read(apr_pool_t *p, const char *spelled, apr_size_t *len, const char **why)
{
    const char *value = spelled;
    char *copy;
    if ((*why = forge_core_secret_mistyped(spelled)))
        return NULL;
    if (strncmp(spelled, FILE_PREFIX, strlen(FILE_PREFIX)) == 0) {
        copy = read_file(p, spelled + strlen(FILE_PREFIX), len, why);
    } else {
        if (strncmp(spelled, ENV_PREFIX, strlen(ENV_PREFIX)) == 0)
            value = getenv(spelled + strlen(ENV_PREFIX));
        if (!value)
            *why = apr_psprintf(p, "the environment has no variable '%s'", spelled + strlen(ENV_PREFIX));
        *len = value ? strlen(value) : 0;
        copy = value ? memcpy(wiped_buffer(p, *len + 1), value, *len) : NULL;
    }
    if (copy && forge_core_secret_elsewhere(spelled))
        drop_line_end(copy, len);
    if (copy && *len == 0)
        *why = "it is empty";
    return *why ? NULL : copy;
}

/* What an editor does to a text, and nobody types; NULL: nothing. */
static const char *mark_of_editor(const char *text, apr_size_t len)
{
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return "begins with a byte order mark (save the file without one)";
    return memchr(text, '\0', len) ? "holds a NUL byte" : NULL;
}

char *forge_core_secret_text(apr_pool_t *p, const char *spelled, const char **why)
{
    apr_size_t len;
    char *text = forge_core_secret_read(p, spelled, &len, why);
    const char *mark = text ? mark_of_editor(text, len) : NULL;
    if (mark)
        *why = apr_pstrcat(p, "it ", mark, NULL);
    return *why ? NULL : text;
}

const char *forge_core_password_garbled(const char *bytes, apr_size_t len)
{
    const char *mark = mark_of_editor(bytes, len);
    return mark ? mark : forge_util_utf8(bytes, len, NULL) ? NULL : "is not UTF-8";
}
