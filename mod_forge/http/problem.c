/* SPDX-License-Identifier: Apache-2.0
 * Failures: how a handler states them, and the problem document that says so (RFC 9457).
 */
#include "http_private.h"
#include "core/core.h"
#include "core/texts/texts.h"

#include <httpd.h>
#include <http_log.h>
#include <http_protocol.h>
#include <apr_strings.h>
#include <stdarg.h>
#include <string.h>

APLOG_USE_MODULE(forge);

forge_status_t forge_fail_detail(forge_req_t *q, forge_status_t status, const char *detail)
{
    q->reply->detail = detail;
    return status;
}

forge_status_t forge_fail_field(forge_req_t *q, forge_status_t status, const char *pointer, const char *code,
                                const char *detail)
{
    forge_faults_t *faults = forge_core_faults_make(q->pool);
    forge_core_fault(faults, pointer, code, detail);
    return forge_fail_faults(q, status, faults);
}

forge_status_t forge_fail_faults(forge_req_t *q, forge_status_t status, const forge_faults_t *faults)
{
    q->reply->faults = faults;
    return status;
}

forge_status_t forge_fail_old_login(forge_req_t *q, apr_interval_time_t max_age)
{
    forge_note_t *note = forge_server_note(q->r);
    note->login_is_old = true;
    note->max_age = (int)apr_time_sec(max_age);
    return forge_fail_detail(q, FORGE_E_STEP_UP,
                             "this needs your password, or a login not longer ago than the seconds in max_age");
}

void forge_http_retry_after(forge_req_t *q, int seconds)
{
    forge_server_note(q->r)->retry_after = seconds;
}

void forge_http_warn(forge_req_t *q, const char *tag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = apr_pvsprintf(q->pool, format, args);
    va_end(args);
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, q->r, "%s: %s [request %s]", tag, text, q->request_id);
}

/* --- the language of the client --- */

static forge_language_t language_of(const request_rec *r, const char **range)
{
    return forge_core_language_accepted(r->pool, apr_table_get(r->headers_in, "Accept-Language"), range);
}

const char *forge_http_language(forge_req_t *q, const char **range)
{
    return forge_core_language_tag(language_of(q->r, range));
}

void forge_http_problem_languages(apr_table_t *headers, const char *languages)
{
    apr_table_setn(headers, "Content-Language", languages);
    apr_table_mergen(headers, "Vary", "Accept-Language");
}

const char *forge_reply_sentence(forge_req_t *q, const char *english)
{
    const forge_language_t language = language_of(q->r, NULL);
    const char *text = forge_core_text(q->pool, language, english);
    q->reply->languages = forge_core_language_tag(language);
    return text ? text : english;
}

/* --- the document --- */

/* What is said in one document, and whether all of it was found in the language of the client. */
typedef struct speech_t {
    apr_pool_t *p;
    forge_language_t language;
    bool translated, english;
} speech_t;

static const char *said(speech_t *speech, const char *sentence)
{
    const char *text = forge_core_text(speech->p, speech->language, sentence);
    speech->translated = speech->translated || text;
    speech->english = speech->english || !text;
    return text ? text : sentence;
}

/* "de", or "de, en" where something is said in English. */
static const char *languages_of(const speech_t *speech)
{
    const char *tag = forge_core_language_tag(speech->language);
    if (!speech->english)
        return tag;
    return speech->translated ? apr_pstrcat(speech->p, tag, ", en", NULL) : "en";
}

static void add_member(forge_buf_t *b, const char *name, const char *value)
{
    forge_util_buf_printf(b, ",\"%s\":", name);
    forge_util_buf_json(b, value, strlen(value));
}

static void add_faults(forge_buf_t *b, const forge_faults_t *faults, speech_t *speech)
{
    forge_util_buf_puts(b, ",\"errors\":[");
    for (int i = 0; i < forge_core_faults_count(faults); i++) {
        const forge_fault_t *fault = forge_core_faults_at(faults, i);
        forge_util_buf_puts(b, i ? ",{\"pointer\":" : "{\"pointer\":");
        forge_util_buf_json(b, fault->pointer, strlen(fault->pointer));
        add_member(b, "code", fault->code);
        add_member(b, "detail", said(speech, fault->detail));
        forge_util_buf_puts(b, "}");
    }
    forge_util_buf_puts(b, "]");
}

/* The status in words. Other modules may set one that none of our errors has; httpd has words for those. */
static const char *title(int http)
{
    const char *words = forge_util_reason(http), *line = words ? NULL : ap_get_status_line(http);
    return words ? words : line && strlen(line) > 4 ? line + 4 : "Error";
}

const char *forge_http_problem_write(forge_buf_t *b, const forge_problem_t *problem)
{
    speech_t speech = {.p = problem->r->pool, .language = language_of(problem->r, NULL)};
    const forge_error_t *error = forge_util_error(problem->status);
    forge_util_buf_printf(b, "{\"type\":\"/errors/%s\"", error->code);
    add_member(b, "title", title(problem->http));
    forge_util_buf_printf(b, ",\"status\":%d", problem->http);
    add_member(b, "code", error->code);
    add_member(b, "detail", said(&speech, problem->detail ? problem->detail : error->detail));
    add_member(b, "instance", problem->instance ? problem->instance : "/");
    if (problem->request_id)
        add_member(b, "request_id", problem->request_id);
    if (problem->faults && forge_core_faults_count(problem->faults) > 0)
        add_faults(b, problem->faults, &speech);
    forge_util_buf_puts(b, "}");
    return languages_of(&speech);
}
