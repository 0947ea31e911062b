/* SPDX-License-Identifier: Apache-2.0
 * The client of the API tests: requests through libcurl, or byte by byte through a socket, and readers for what came
 * back.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (64 << 20) /* bytes of one answer */

typedef struct grow_t {
    char *data;
    size_t length, room;
} grow_t;

static pthread_key_t handle_key;
static pthread_once_t handle_once = PTHREAD_ONCE_INIT;

static void handle_free(void *handle)
{
    curl_easy_cleanup(handle);
}

static void handle_key_make(void)
{
    pthread_key_create(&handle_key, handle_free);
}

/* Each thread's own handle, so that its connection is kept alive between calls. */
static CURL *handle_get(void)
{
    pthread_once(&handle_once, handle_key_make);
    CURL *curl = pthread_getspecific(handle_key);
    if (!curl) {
        curl = curl_easy_init();
        pthread_setspecific(handle_key, curl);
    }
    curl_easy_reset(curl);
    return curl;
}

static size_t grow_add(grow_t *grow, const void *data, size_t n)
{
    if (grow->length + n > ANSWER_MAX)
        return 0;
    if (grow->length + n + 1 > grow->room) {
        grow->room = (grow->length + n + 1) * 2;
        grow->data = realloc(grow->data, grow->room);
    }
    memcpy(grow->data + grow->length, data, n);
    grow->length += n;
    grow->data[grow->length] = 0;
    return n;
}

static size_t on_body(char *data, size_t size, size_t n, void *baton)
{
    return grow_add(baton, data, size * n);
}

/* A new status line (100 Continue before the answer) starts the block again. */
static size_t on_head(char *data, size_t size, size_t n, void *baton)
{
    grow_t *head = baton;
    if (size * n > 5 && strncmp(data, "HTTP/", 5) == 0)
        head->length = 0;
    return grow_add(head, data, size * n);
}

/* --- one request --- */

static struct curl_slist *headers_of(const call_t *options, bool has_body)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    if (options->token)
        list = curl_slist_append(list, F("Authorization: Bearer %s", options->token));
    if (has_body && !(options->type && !*options->type))
        list = curl_slist_append(list, F("Content-Type: %s", options->type ? options->type : "application/json"));
    else if (has_body)
        list = curl_slist_append(list, "Content-Type:");
    if (options->chunked)
        list = curl_slist_append(list, "Transfer-Encoding: chunked");
    for (int i = 0; i < 12 && options->headers[i]; i++)
        list = curl_slist_append(list, options->headers[i]);
    return list;
}

typedef struct source_t {
    const char *data;
    size_t left;
} source_t;

static size_t on_read(char *room, size_t size, size_t n, void *baton)
{
    source_t *source = baton;
    size_t take = size * n < source->left ? size * n : source->left;
    memcpy(room, source->data, take);
    source->data += take;
    source->left -= take;
    return take;
}

static void body_set(CURL *curl, const call_t *options, source_t *source)
{
    if (!source->data)
        return;
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    if (options->chunked) {
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(curl, CURLOPT_READDATA, source);
        return;
    }
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, source->data);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)source->left);
}

static void request_set(CURL *curl, const char *method, const char *path, const call_t *options)
{
    curl_easy_setopt(
        curl, CURLOPT_URL,
        F("%s://127.0.0.1:%d%s", port_is_tls(options->port) ? "https" : "http", env.ports[options->port], path));
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOBODY, (long)strcmp(method, "HEAD") == 0);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, options->patience ? options->patience : env_patience(30) * 1000L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                     options->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, (long)options->http2);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, (long)options->http2); /* else curl keeps what it has given up open */
    /* Always: curl would give a call without one a connection that is bound to another address. */
    curl_easy_setopt(curl, CURLOPT_INTERFACE, F("host!%s", options->from ? options->from : "127.0.0.1"));
}

static json_t *json_of(const grow_t *body)
{
    json_t *json = body->length ? json_loadb(body->data, body->length,
                                             JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL)
                                : NULL;
    return json ? keep_json(json) : NULL;
}

reply_t *call_with(const char *method, const char *path, const call_t *options)
{
    CURL *curl = handle_get();
    grow_t head = {0}, body = {0};
    const char *text = options->json ? options->json : options->body;
    source_t source = {text, options->json ? strlen(options->json) : options->length};
    request_set(curl, method, path, options);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
    body_set(curl, options, &source);
    struct curl_slist *headers = headers_of(options, text != NULL);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(curl);
    reply_t *reply = keep(calloc(1, sizeof(*reply)));
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &reply->seconds);
    curl_slist_free_all(headers);
    grow_add(&head, "", 0);
    grow_add(&body, "", 0);
    reply->status = code == CURLE_OK ? (int)status : 0;
    reply->head = keep(head.data);
    reply->body = keep(body.data);
    reply->length = body.length;
    reply->json = json_of(&body);
    canaries_of(options, reply);
    if (code != CURLE_OK && !options->lenient)
        fail_later("%s %s: no answer: %s", method, path, curl_easy_strerror(code));
    else if (!options->lenient)
        rules_check(method, path, options, reply);
    return reply;
}

/* --- headers --- */

/* The n-th value of a header, or NULL. */
static const char *header_nth(const reply_t *reply, const char *name, int n)
{
    size_t length = strlen(name);
    for (const char *line = strchr(reply->head, '\n'); line; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, length) || line[length] != ':' || n-- > 0)
            continue;
        const char *value = line + length + 1;
        value += strspn(value, " \t");
        return F("%.*s", (int)strcspn(value, "\r\n"), value);
    }
    return NULL;
}

const char *header(const reply_t *reply, const char *name)
{
    return header_nth(reply, name, 0);
}

int header_count(const reply_t *reply, const char *name)
{
    int n = 0;
    while (header_nth(reply, name, n))
        n++;
    return n;
}

/* --- bytes --- */

int raw_open(port_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)env.ports[port]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        close(fd);
        return -1;
    }
    return fd;
}

reply_t *raw(port_t port, const char *bytes, size_t length)
{
    grow_t all = {0};
    char part[8192];
    int fd = raw_open(port);
    ck_assert_msg(fd >= 0, "cannot connect: %s", strerror(errno));
    for (size_t sent = 0; sent < length;) {
        ssize_t n = send(fd, bytes + sent, length - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    for (ssize_t n; poll(&wait, 1, 6000) > 0 && (n = recv(fd, part, sizeof(part), 0)) > 0;)
        grow_add(&all, part, (size_t)n);
    close(fd);
    grow_add(&all, "", 0);
    reply_t *reply = keep(calloc(1, sizeof(*reply)));
    char *end = strstr(keep(all.data), "\r\n\r\n");
    sscanf(all.data, "HTTP/1.%*d %d", &reply->status);
    reply->head = end ? F("%.*s", (int)(end + 2 - all.data), all.data) : all.data;
    reply->body = end ? end + 4 : all.data + all.length;
    reply->length = all.length - (size_t)(reply->body - all.data);
    reply->json = json_of(&(grow_t){.data = reply->body, .length = reply->length});
    return reply;
}

reply_t *raw_text(port_t port, const char *text)
{
    return raw(port, text, strlen(text));
}

char *answer_read(int fd, int seconds)
{
    char *text = F("%s", ""), part[8193];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (poll(&wait, 1, seconds * 1000) > 0) {
        ssize_t n = recv(fd, part, sizeof(part) - 1, 0);
        if (n <= 0)
            break;
        part[n] = 0;
        text = F("%s%s", text, part);
        char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\nContent-Length:");
        if (end && length && strlen(end + 4) >= strtoul(length + 17, NULL, 10))
            break;
    }
    close(fd);
    return text;
}

int answer_status(const char *answer)
{
    int status = 0;
    sscanf(answer, "HTTP/1.1 %d", &status);
    return status;
}

/* --- threads --- */

typedef struct worker_t {
    pthread_t thread;
    pthread_barrier_t *gate;
    void (*fn)(int i, void *baton);
    void *baton;
    int i;
} worker_t;

static void *worker_main(void *baton)
{
    worker_t *worker = baton;
    pthread_barrier_wait(worker->gate);
    worker->fn(worker->i, worker->baton);
    return NULL;
}

void parallel(int n, void (*fn)(int i, void *baton), void *baton)
{
    pthread_barrier_t gate;
    worker_t *workers = keep(calloc((size_t)n, sizeof(*workers)));
    pthread_barrier_init(&gate, NULL, (unsigned)n);
    for (int i = 0; i < n; i++) {
        workers[i] = (worker_t){.gate = &gate, .fn = fn, .baton = baton, .i = i};
        pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]);
    }
    for (int i = 0; i < n; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_barrier_destroy(&gate);
    fail_now();
}

/* --- JSON --- */

json_t *maybe_at(const json_t *root, const char *pointer)
{
    json_t *value = (json_t *)root;
    while (value && *pointer == '/') {
        char name[128];
        size_t n = 0;
        for (pointer++; *pointer && *pointer != '/' && n < sizeof(name) - 1; pointer++) {
            if (*pointer == '~' && (pointer[1] == '0' || pointer[1] == '1'))
                name[n++] = *++pointer == '1' ? '/' : '~';
            else
                name[n++] = *pointer;
        }
        name[n] = 0;
        value = json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10)) : json_object_get(value, name);
    }
    return value;
}

json_t *at(const json_t *root, const char *pointer)
{
    json_t *value = maybe_at(root, pointer);
    if (!value)
        ck_abort_msg("no member %s in %.800s", pointer,
                     root ? (char *)keep(json_dumps(root, JSON_ENCODE_ANY)) : "(no JSON)");
    return value;
}

const char *text_at(const json_t *root, const char *pointer)
{
    json_t *value = at(root, pointer);
    ck_assert_msg(json_is_string(value), "%s is no text", pointer);
    return json_string_value(value);
}

json_int_t int_at(const json_t *root, const char *pointer)
{
    json_t *value = at(root, pointer);
    ck_assert_msg(json_is_integer(value), "%s is no integer", pointer);
    return json_integer_value(value);
}
