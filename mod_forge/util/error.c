/* SPDX-License-Identifier: Apache-2.0
 * The rows of errors.def: HTTP status, public code and detail of every failure, and the words of each status.
 */
#include "util.h"

static const forge_error_t rows[FORGE_E_COUNT] = {
#define FORGE_ERROR(name, http, code, detail) [FORGE_E_##name] = {http, code, detail},
#include "errors.def"
#undef FORGE_ERROR
};

const forge_error_t *forge_util_error(forge_status_t status)
{
    if (status <= FORGE_OK || status >= FORGE_E_COUNT)
        return &rows[FORGE_E_INTERNAL];
    return &rows[status];
}

/* Takes the first row of a status, which is its most general one in errors.def. */
forge_status_t forge_util_error_for_http(int http)
{
    for (int i = FORGE_OK + 1; i < FORGE_E_COUNT; i++)
        if (rows[i].http == http)
            return (forge_status_t)i;
    return http >= 400 && http < 500 ? FORGE_E_BAD_REQUEST : FORGE_E_INTERNAL;
}

const char *forge_util_reason(int http)
{
    static const struct {
        int http;
        const char *words;
    } reasons[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {414, "Request-URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Requested Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Entity"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (reasons[i].http == http)
            return reasons[i].words;
    return NULL;
}
