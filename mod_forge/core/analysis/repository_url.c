/* SPDX-License-Identifier: Apache-2.0
 * Which repositories may be asked for. The host comes out of a list and nowhere else; everything that two programs
 * could read in two ways is refused, never mended.
 */
#include "analysis.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define OWNER_CHARS 39
#define NAME_CHARS  100

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool made_of(const char *text, apr_size_t len, const char *others)
{
    for (apr_size_t i = 0; i < len; i++)
        if (!is_plain(text[i]) && (!text[i] || !strchr(others, text[i])))
            return false;
    return true;
}

/* --- hosts --- */

/* Labels of letters, digits and inner hyphens. No address: an authority signs names, and a number has many spellings
 * (127.1, 0x7f000001). The last label of a name begins with a letter. */
static bool is_host(const char *text)
{
    const char *last = strrchr(text, '.');
    last = last ? last + 1 : text;
    const apr_size_t len = strlen(text);
    if (!len || len > 200 || !made_of(text, len, ".-") || !is_plain(*text) || !is_plain(text[len - 1]) ||
        (*last >= '0' && *last <= '9'))
        return false;
    return !strstr(text, "..") && !strstr(text, ".-") && !strstr(text, "-.");
}

static bool port_of(const char *text, int *port)
{
    const apr_size_t len = strspn(text, "0123456789");
    *port = len && len <= 5 && !text[len] && *text != '0' ? atoi(text) : 0;
    return *port > 0 && *port <= 65535;
}

static char *in_small_letters(char *text)
{
    for (char *c = text; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return text;
}

bool forge_core_git_host(apr_pool_t *p, const char *word, forge_git_host_t *host)
{
    static const char own[] = "private:";
    forge_git_host_t read = {.port = 443, .own = strncmp(word, own, sizeof(own) - 1) == 0};
    char *name = in_small_letters(apr_pstrdup(p, word + (read.own ? sizeof(own) - 1 : 0))), *colon = strchr(name, ':');
    if (colon)
        *colon = '\0';
    if (!is_host(name) || (colon && !port_of(colon + 1, &read.port)))
        return false;
    read.name = name;
    *host = read;
    return true;
}

/* --- the address of a repository --- */

static const char *refuse(forge_repository_t *out, const char *why)
{
    *out = (forge_repository_t){.host = NULL};
    return why;
}

/* "host" or "host:port" as one of the list. */
static bool find_host(apr_pool_t *p, const apr_array_header_t *hosts, const char *authority, forge_repository_t *out)
{
    char *name = in_small_letters(apr_pstrdup(p, authority)), *colon = strchr(name, ':');
    int port = 443;
    if (colon)
        *colon = '\0';
    if (colon && !port_of(colon + 1, &port))
        return false;
    for (int i = 0; i < hosts->nelts; i++) {
        const forge_git_host_t *host = &APR_ARRAY_IDX(hosts, i, forge_git_host_t);
        if (strcmp(host->name, name) == 0 && host->port == port) {
            out->host = host;
            return true;
        }
    }
    return false;
}

static bool is_owner(const char *text, apr_size_t len)
{
    return len && len <= OWNER_CHARS && is_plain(*text) && made_of(text, len, "-");
}

static bool is_name(const char *text, apr_size_t len)
{
    return len && len <= NAME_CHARS && *text != '-' && made_of(text, len, "._-") && !strstr(text, "..") &&
           strcmp(text, ".") != 0;
}

/* "owner/name", "owner/name.git", "owner/name/" → "owner/name". */
static bool find_path(apr_pool_t *p, const char *path, forge_repository_t *out)
{
    char *copy = apr_pstrdup(p, path), *slash = strchr(copy, '/');
    if (!slash)
        return false;
    char *name = slash + 1;
    apr_size_t len = strlen(name);
    if (len && name[len - 1] == '/')
        name[--len] = '\0';
    if (len > 4 && strcmp(name + len - 4, ".git") == 0)
        name[len -= 4] = '\0';
    if (!is_owner(copy, (apr_size_t)(slash - copy)) || !is_name(name, len) || strcmp(name, ".git") == 0)
        return false;
    out->path = copy;
    return true;
}

const char *forge_core_repository_url(apr_pool_t *p, const char *url, const apr_array_header_t *hosts,
                                      forge_repository_t *out)
{
    static const char scheme[] = "https://";
    *out = (forge_repository_t){.host = NULL};
    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return "must begin with https://";
    const char *authority = url + sizeof(scheme) - 1;
    const apr_size_t len = strcspn(authority, "/");
    if (!made_of(authority, len, ".:-"))
        return "must name a host without user, password or other signs";
    if (!find_host(p, hosts, apr_pstrmemdup(p, authority, len), out))
        return refuse(out, "must be on a host from which this server fetches repositories");
    if (!authority[len] || !find_path(p, authority + len + 1, out))
        return refuse(out, "must be the address of a repository, https://host/owner/name, and nothing after it");
    out->url = out->host->port == 443
                   ? apr_psprintf(p, "https://%s/%s", out->host->name, out->path)
                   : apr_psprintf(p, "https://%s:%d/%s", out->host->name, out->host->port, out->path);
    return NULL;
}

/* As git check-ref-format has it, of letters, digits and few signs: each part begins with no dot and ends in no
 * ".lock". */
bool forge_core_repository_ref(const char *ref)
{
    const apr_size_t len = strlen(ref);
    if (!len || len > FORGE_REPOSITORY_REF_MAX || !is_plain(*ref) || !made_of(ref, len, "._-/+") || strstr(ref, "..") ||
        strstr(ref, "//") || strstr(ref, "/.") || ref[len - 1] == '/' || ref[len - 1] == '.')
        return false;
    for (const char *lock = strstr(ref, ".lock"); lock; lock = strstr(lock + 1, ".lock"))
        if (!lock[5] || lock[5] == '/')
            return false;
    return true;
}
