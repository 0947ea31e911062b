/* SPDX-License-Identifier: Apache-2.0
 * The Authorization header: finds the one bearer token in it, and refuses two (RFC 6750 §2.1, RFC 9110 §11.6.2).
 */
#include "identity.h"
#include <apr_strings.h>
#include <string.h>

typedef struct span_t {
    const char *at;
    apr_size_t len;
} span_t;

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* A character of an RFC 9110 §5.6.2 token. */
static bool is_tchar(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static span_t trimmed(const char *at, apr_size_t len)
{
    while (len > 0 && (*at == ' ' || *at == '\t'))
        at++, len--;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    return (span_t){at, len};
}

/* The next element up to a comma that stands in no quoted string; moves *header behind it, or to NULL after the last.
 */
static span_t next_element(const char **header)
{
    const char *start = *header, *end = start;
    bool quoted = false;
    for (; *end != '\0' && (quoted || *end != ','); end++) {
        if (*end == '"')
            quoted = !quoted;
        else if (*end == '\\' && quoted && end[1] != '\0')
            end++;
    }
    *header = *end == ',' ? end + 1 : NULL;
    return trimmed(start, (apr_size_t)(end - start));
}

/* Does the element begin credentials ("Scheme something")? A parameter ("name = value") of those before it does not. */
static bool is_credentials(span_t e)
{
    apr_size_t n = 0, next;
    while (n < e.len && is_tchar(e.at[n]))
        n++;
    for (next = n; next < e.len && (e.at[next] == ' ' || e.at[next] == '\t'); next++)
        ;
    return n > 0 && next > n && next < e.len && e.at[next] != '=';
}

static bool is_bearer(span_t e)
{
    return e.len >= 6 && apr_cstr_casecmpn(e.at, "Bearer", 6) == 0 && (e.len == 6 || !is_tchar(e.at[6]));
}

/* What follows "Bearer" must be 1*SP b64token (RFC 6750 §2.1). */
static bool bearer_token(span_t e, span_t *token)
{
    apr_size_t n = 0;
    *token = (span_t){e.at + 6, e.len - 6};
    while (token->len > 0 && *token->at == ' ')
        token->at++, token->len--;
    while (n < token->len && (is_alnum(token->at[n]) || strchr("-._~+/", token->at[n])))
        n++;
    if (n == 0)
        return false;
    while (n < token->len && token->at[n] == '=')
        n++;
    return n == token->len;
}

forge_status_t forge_core_bearer(apr_pool_t *p, const char *header, const char **token)
{
    span_t found = {NULL, 0};
    int elements = 0, credentials = 0, bearers = 0;

    *token = NULL;
    for (const char *rest = header; rest != NULL; elements++) {
        span_t e = next_element(&rest);
        bool bearer = is_bearer(e);
        if (bearer || is_credentials(e))
            credentials++;
        if (bearer && bearers++ == 0)
            found = e;
    }
    if (bearers == 0)
        return FORGE_OK;
    if (credentials > 1)
        return FORGE_E_DUPLICATE_TOKEN;
    if (elements > 1 || !bearer_token(found, &found))
        return FORGE_E_INVALID_TOKEN;
    *token = apr_pstrmemdup(p, found.at, found.len);
    return FORGE_OK;
}
