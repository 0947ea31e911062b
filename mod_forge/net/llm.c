/* SPDX-License-Identifier: Apache-2.0
 * What is said to a language model behind an OpenAI-compatible interface, and how its answers are read. The key goes
 * into one header and nowhere else; what comes back is never quoted in a message, because it may repeat the key.
 */
#include "net.h"

#include <apr_strings.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT     apr_time_from_sec(5)
#define BODY_MAX    (4 << 20)
#define ANSWER_MAX  (1 << 20)
#define VECTORS_MAX (32 << 20)
#define PIECE_MAX   (256 << 10)
#define GOOD        200
#define VECTOR_MOST 4096

/* --- ForgeLLM --- */

/* A whole number of low to high after "name=". */
static bool number(const char *word, const char *name, apr_int64_t low, apr_int64_t high, apr_int64_t *n)
{
    apr_size_t len = strlen(name);
    apr_int64_t value;
    if (strncmp(word, name, len) != 0 || !forge_util_atoi(word + len, strlen(word + len), &value) || value < low ||
        value > high)
        return false;
    *n = value;
    return true;
}

/* "0.15", with at most six digits behind the point: what numeric(14, 6) keeps. */
static bool money(const char *text, apr_size_t len, double *amount)
{
    apr_size_t whole = strspn(text, "0123456789"), part = 0;
    if (whole < 1 || whole > 6 || whole > len)
        return false;
    if (whole < len)
        part = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    if (whole + (whole < len ? 1 + part : 0) != len || (whole < len && (part < 1 || part > 6)))
        return false;
    *amount = 0;
    for (apr_size_t i = 0; i < whole; i++)
        *amount = *amount * 10 + (text[i] - '0');
    for (apr_size_t i = part; i > 0; i--)
        *amount += (text[whole + i] - '0') / pow(10, (double)i);
    return true;
}

static bool prices(const char *word, forge_llm_t *llm)
{
    const char *in = word + strlen("prices="), *slash = strchr(word, '/');
    return strncmp(word, "prices=", 7) == 0 && slash && money(in, (apr_size_t)(slash - in), &llm->price_in) &&
           money(slash + 1, strlen(slash + 1), &llm->price_out);
}

static bool patience(const char *word, forge_llm_t *llm)
{
    apr_int64_t n;
    const char *text = word + strlen("timeout=");
    apr_size_t digits = strncmp(word, "timeout=", 8) == 0 ? strspn(text, "0123456789") : 0;
    bool minutes = digits && strcmp(text + digits, "m") == 0, seconds = digits && strcmp(text + digits, "s") == 0;
    if (!(minutes || seconds) || !forge_util_atoi(text, digits, &n) || n < 1 || n * (minutes ? 60 : 1) > 600)
        return false;
    llm->patience = apr_time_from_sec(n * (minutes ? 60 : 1));
    return true;
}

static bool model_name(const char *text)
{
    apr_size_t len = strlen(text);
    return len >= 1 && len <= 200 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+-") == len;
}

static bool option(const char *word, forge_llm_t *llm)
{
    apr_int64_t n;
    if (strncmp(word, "embeddings=", 11) == 0) {
        llm->vectors = word + 11;
        return model_name(llm->vectors);
    }
    if (strncmp(word, "cost=", 5) == 0)
        return money(word + 5, strlen(word + 5), &llm->month_cost) && llm->month_cost > 0;
    if (number(word, "dimensions=", 1, VECTOR_MOST, &n))
        llm->dimensions = (int)n;
    else if (number(word, "answer=", 16, 8192, &n))
        llm->answer = (int)n;
    else
        return number(word, "tokens=", 1, APR_INT64_C(1000000000000), &llm->month_tokens) || prices(word, llm) ||
               patience(word, llm);
    return true;
}

/* Whether nobody else can listen. */
static bool private_way(const forge_llm_t *llm)
{
    return strncmp(llm->url, "https:", 6) == 0 || strncmp(llm->host, "127.", 4) == 0 ||
           strncmp(llm->host, "[::1]", 5) == 0 ||
           (strncmp(llm->host, "localhost", 9) == 0 && (llm->host[9] == '\0' || llm->host[9] == ':'));
}

/* A slash at the end of the address is left out. */
static const char *bare(apr_pool_t *p, const char *url)
{
    apr_size_t len = strlen(url);
    return len > 0 && url[len - 1] == '/' ? apr_pstrmemdup(p, url, len - 1) : url;
}

const forge_llm_t *forge_net_llm_parse(apr_pool_t *p, int n, const char *const *words, const char **why)
{
    forge_llm_t *llm = apr_pcalloc(p, sizeof(*llm));
    *why = "it takes an address, a model and a key";
    if (n == 1 && apr_cstr_casecmp(words[0], "off") == 0)
        return llm;
    if (n < 3)
        return NULL;
    *why = apr_psprintf(p, "'%s' is no address", words[0]);
    if (!forge_net_address_good(words[0]))
        return NULL;
    llm->url = bare(p, words[0]);
    llm->host = forge_net_address_host(p, llm->url);
    llm->model = words[1];
    llm->key = strcmp(words[2], "none") == 0 ? NULL : words[2];
    llm->answer = 800;
    llm->patience = apr_time_from_sec(60);
    *why = apr_psprintf(p, "'%s' is no name of a model", words[1]);
    if (!model_name(llm->model))
        return NULL;
    *why = "the key would travel unencrypted; use https, or none";
    if (llm->key && !private_way(llm))
        return NULL;
    for (int i = 3; i < n; i++) {
        *why = apr_psprintf(p, "'%s' is refused", words[i]);
        if (!option(words[i], llm))
            return NULL;
    }
    *why = "cost= needs prices=";
    return llm->month_cost > 0 && llm->price_in + llm->price_out <= 0 ? NULL : llm;
}

/* --- what it is asked --- */

static forge_call_spec_t spec_of(apr_pool_t *p, const forge_llm_t *llm, const char *path, const forge_buf_t *body)
{
    return (forge_call_spec_t){.url = apr_pstrcat(p, llm->url, path, NULL),
                               .body = body->failed ? "" : body->data,
                               .len = body->failed ? 0 : body->len,
                               .connect = CONNECT,
                               .total = llm->patience,
                               .ceiling = ANSWER_MAX,
                               .authorization =
                                   llm->key ? apr_pstrcat(p, "Authorization: Bearer ", llm->key, NULL) : NULL};
}

static void put(forge_buf_t *b, const char *name, const char *text)
{
    forge_util_buf_printf(b, "\"%s\":", name);
    forge_util_buf_json(b, text, strlen(text));
}

forge_call_spec_t forge_net_llm_chat(apr_pool_t *p, const forge_llm_t *llm, const char *system, const char *user,
                                     bool streams)
{
    forge_buf_t *b = forge_util_buf_make(p, 1024 + strlen(system) + strlen(user), BODY_MAX);
    forge_util_buf_puts(b, "{");
    put(b, "model", llm->model);
    forge_util_buf_puts(b, ",\"messages\":[{\"role\":\"system\",");
    put(b, "content", system);
    forge_util_buf_puts(b, "},{\"role\":\"user\",");
    put(b, "content", user);
    forge_util_buf_printf(b, "}],\"temperature\":0,\"max_tokens\":%d", llm->answer);
    if (streams)
        forge_util_buf_puts(b, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    forge_util_buf_puts(b, "}");
    forge_call_spec_t spec = spec_of(p, llm, "/chat/completions", b);
    spec.streams = streams;
    return spec;
}

forge_call_spec_t forge_net_llm_embed(apr_pool_t *p, const forge_llm_t *llm, const char *const *texts, int n)
{
    forge_buf_t *b = forge_util_buf_make(p, 4096, BODY_MAX);
    forge_util_buf_puts(b, "{");
    put(b, "model", llm->vectors);
    forge_util_buf_puts(b, ",\"encoding_format\":\"float\",\"input\":[");
    for (int i = 0; i < n; i++) {
        forge_util_buf_puts(b, i ? "," : "");
        forge_util_buf_json(b, texts[i], strlen(texts[i]));
    }
    forge_util_buf_puts(b, "]");
    if (llm->dimensions)
        forge_util_buf_printf(b, ",\"dimensions\":%d", llm->dimensions);
    forge_util_buf_puts(b, "}");
    forge_call_spec_t spec = spec_of(p, llm, "/embeddings", b);
    spec.ceiling = VECTORS_MAX;
    return spec;
}

/* --- what it says --- */

static void read_usage(const forge_json_t *answer, apr_int64_t *in, apr_int64_t *out)
{
    apr_int64_t n;
    const forge_json_t *usage = forge_util_json_get(answer, "usage");
    if (forge_util_json_int(forge_util_json_get(usage, "prompt_tokens"), &n) && n >= 0)
        *in = n;
    if (forge_util_json_int(forge_util_json_get(usage, "completion_tokens"), &n) && n >= 0)
        *out = n;
}

/* The answer as JSON, or why there is none. */
static const forge_json_t *json_of(apr_pool_t *p, const forge_call_result_t *result, const char **why)
{
    const char *wrong;
    const forge_json_t *answer = NULL;
    if (result->outcome != FORGE_CALL_ANSWERED)
        *why = result->why;
    else if (result->status != GOOD)
        *why = apr_psprintf(p, "it answered with status %d", result->status);
    else if (!(answer = forge_util_json_parse(p, result->body, result->len, &wrong)))
        *why = "its answer is no JSON";
    return answer;
}

const char *forge_net_llm_said(apr_pool_t *p, const forge_call_result_t *result, forge_llm_said_t *said)
{
    apr_size_t len;
    const char *why = NULL;
    const forge_json_t *answer = json_of(p, result, &why);
    memset(said, 0, sizeof(*said));
    if (!answer)
        return why;
    read_usage(answer, &said->tokens_in, &said->tokens_out);
    const forge_json_t *choice = forge_util_json_at(forge_util_json_get(answer, "choices"), 0);
    said->text = forge_util_json_text(forge_util_json_get(forge_util_json_get(choice, "message"), "content"), &len);
    return said->text && strlen(said->text) == len ? NULL : "its answer has no text";
}

/* One vector at its place; all of them have one length. */
static bool read_vector(apr_pool_t *p, const forge_json_t *item, int n, int *count, double **all)
{
    apr_int64_t index = -1;
    const forge_json_t *numbers = forge_util_json_get(item, "embedding");
    int size = (int)forge_util_json_size(numbers);
    if (!forge_util_json_int(forge_util_json_get(item, "index"), &index) || index < 0 || index >= n || size < 1 ||
        size > VECTOR_MOST || (*count && size != *count))
        return false;
    if (!*all)
        *all = apr_pcalloc(p, sizeof(double) * (apr_size_t)size * (apr_size_t)n);
    *count = size;
    for (int i = 0; i < size; i++)
        if (!forge_util_json_number(forge_util_json_at(numbers, (apr_size_t)i), &(*all)[index * size + i]))
            return false;
    return true;
}

double *forge_net_llm_vectors(apr_pool_t *p, const forge_call_result_t *result, int n, int *count, const char **why)
{
    double *all = NULL;
    *count = 0;
    const forge_json_t *answer = json_of(p, result, why);
    if (!answer)
        return NULL;
    const forge_json_t *data = forge_util_json_get(answer, "data");
    *why = "its answer has not as many vectors as there are texts";
    if (forge_util_json_type(data) != FORGE_JSON_ARRAY || forge_util_json_size(data) != (apr_size_t)n)
        return NULL;
    *why = "its answer holds something else than vectors of one length";
    for (int i = 0; i < n; i++)
        if (!read_vector(p, forge_util_json_at(data, (apr_size_t)i), n, count, &all))
            return NULL;
    return all;
}

/* --- in pieces --- */

forge_llm_stream_t *forge_net_llm_stream(apr_pool_t *p)
{
    forge_llm_stream_t *stream = apr_pcalloc(p, sizeof(*stream));
    apr_pool_create(&stream->pool, p);
    stream->line = forge_util_buf_make(p, 1024, PIECE_MAX);
    stream->text = forge_util_buf_make(p, 1024, ANSWER_MAX);
    return stream;
}

static void read_data(forge_llm_stream_t *stream, const char *data, apr_size_t len)
{
    const char *why;
    apr_size_t n;
    if (len == 6 && memcmp(data, "[DONE]", 6) == 0) {
        stream->ended = true;
        return;
    }
    apr_pool_clear(stream->pool);
    const forge_json_t *piece = forge_util_json_parse(stream->pool, data, len, &why);
    const forge_json_t *choices = forge_util_json_get(piece, "choices");
    if (!piece || forge_util_json_type(piece) != FORGE_JSON_OBJECT || !choices) {
        stream->broken = true;
        return;
    }
    read_usage(piece, &stream->tokens_in, &stream->tokens_out);
    const forge_json_t *delta = forge_util_json_get(forge_util_json_at(choices, 0), "delta");
    const char *text = forge_util_json_text(forge_util_json_get(delta, "content"), &n);
    if (text)
        forge_util_buf_add(stream->text, text, strlen(text));
}

/* Comments and other fields of an event are of no account. */
static void read_line(forge_llm_stream_t *stream)
{
    const char *line = stream->line->data;
    apr_size_t len = stream->line->len;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len > 5 && memcmp(line, "data:", 5) == 0) {
        apr_size_t from = line[5] == ' ' ? 6 : 5;
        read_data(stream, line + from, len - from);
    }
    stream->line->len = 0;
}

void forge_net_llm_stream_feed(forge_llm_stream_t *stream, const char *data, apr_size_t len)
{
    for (apr_size_t i = 0; i < len && !stream->broken && !stream->ended; i++) {
        if (data[i] == '\n')
            read_line(stream);
        else
            forge_util_buf_add(stream->line, &data[i], 1);
        stream->broken |= stream->line->failed || stream->text->failed;
    }
}
