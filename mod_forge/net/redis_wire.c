/* SPDX-License-Identifier: Apache-2.0
 * Redis's protocol, by hiredis: commands become bytes, bytes become answers. Ours are texts, statuses and errors; an
 * array is never one of them, so that nobody can have this process make a large one.
 */
#include "redis_private.h"

#ifdef FORGE_HIREDIS

#include <hiredis.h>
#include <string.h>

#define WORDS_MAX 16

bool forge_net_redis_built(void)
{
    return true;
}

void forge_net_redis_command(forge_buf_t *b, int n, const char *const *words)
{
    char *command = NULL;
    size_t lengths[WORDS_MAX];
    const char *list[WORDS_MAX];
    for (int i = 0; i < n && i < WORDS_MAX; i++) {
        list[i] = words[i];
        lengths[i] = strlen(words[i]);
    }
    apr_int64_t len = redisFormatCommandArgv(&command, n < WORDS_MAX ? n : WORDS_MAX, list, lengths);
    if (len > 0)
        forge_util_buf_add(b, command, (apr_size_t)len);
    else
        b->failed = true;
    redisFreeCommand(command);
}

void *forge_net_redis_reader(void)
{
    return redisReaderCreate();
}

void forge_net_redis_reader_free(void *reader)
{
    if (reader)
        redisReaderFree(reader);
}

void forge_net_redis_feed(void *reader, const char *data, apr_size_t len)
{
    redisReaderFeed(reader, data, len);
}

/* Errors go to the log: no control characters. */
static void keep(forge_redis_reply_t *to, const redisReply *from)
{
    apr_size_t len = (apr_size_t)from->len < sizeof(to->text) ? (apr_size_t)from->len : sizeof(to->text) - 1;
    for (apr_size_t i = 0; i < len; i++)
        to->text[i] = from->str[i] >= ' ' && from->str[i] <= '~' ? from->str[i] : '?';
    to->text[len] = '\0';
}

/* What the next answer begins with; '\0': nothing is there. */
static char first_byte(const redisReader *reader)
{
    return reader->pos < reader->len ? reader->buf[reader->pos] : '\0';
}

void forge_net_redis_take(void *reader, forge_redis_reply_t *reply)
{
    void *got = NULL;
    const redisReader *state = reader;
    char first = state->ridx < 0 ? first_byte(state) : '$'; /* not within an answer whose head was read already */
    *reply = (forge_redis_reply_t){.kind = FORGE_REDIS_GARBAGE};
    if (first && !strchr("+-:$", first))
        return;
    if (redisReaderGetReply(reader, &got) != REDIS_OK)
        return;
    const redisReply *answer = got;
    if (!answer) {
        reply->kind = FORGE_REDIS_MORE;
    } else if (answer->type == REDIS_REPLY_STRING || answer->type == REDIS_REPLY_STATUS) {
        reply->kind = FORGE_REDIS_TEXT_REPLY;
        keep(reply, answer);
    } else if (answer->type == REDIS_REPLY_ERROR) {
        reply->kind = FORGE_REDIS_ERROR;
        keep(reply, answer);
    }
    freeReplyObject(got);
}

#else

bool forge_net_redis_built(void)
{
    return false;
}

/* Nobody comes here: without hiredis no configuration names a Redis. */
void forge_net_redis_command(forge_buf_t *b, int n, const char *const *words)
{
    (void)n, (void)words;
    b->failed = true;
}

void *forge_net_redis_reader(void)
{
    return NULL;
}

void forge_net_redis_reader_free(void *reader)
{
    (void)reader;
}

void forge_net_redis_feed(void *reader, const char *data, apr_size_t len)
{
    (void)reader, (void)data, (void)len;
}

void forge_net_redis_take(void *reader, forge_redis_reply_t *reply)
{
    (void)reader;
    reply->kind = FORGE_REDIS_GARBAGE;
}

#endif
