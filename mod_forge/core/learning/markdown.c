/* SPDX-License-Identifier: Apache-2.0
 * Markdown of lessons as safe HTML, by libcmark, within a bound of memory.
 *
 * A lesson of a hundred thousand quotation marks inside each other asks for a hundred times its size, and libcmark ends
 * the process when memory is refused. So it gets its memory here, from a list with a ceiling, and is left by longjmp
 * when it asks for more; it holds nothing else that would have to be given back.
 */
#include "learning.h"
#include "core/identity/identity.h"

#include <apr_strings.h>
#include <cmark.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX (16 * 1024 * 1024) /* many are rendered at once */
#define HTML_MAX   (4 * 1024 * 1024)
#define PLACES     256         /* pages that a process remembers … */
#define KEPT_MAX   (64 * 1024) /* … if they are not longer */
#define LOCKS      16

/* --- the memory of one rendering --- */

typedef struct block_t block_t;
struct block_t {
    block_t *next, *before;
    apr_size_t size;
    void *unused; /* so that what follows is aligned as malloc's */
};

typedef struct arena_t {
    block_t blocks; /* the ring's head */
    apr_size_t held;
    jmp_buf out;
} arena_t;

/* libcmark's allocators know no baton. */
static _Thread_local arena_t *arena;

static void take(apr_size_t size)
{
    if (size > MEMORY_MAX - arena->held)
        longjmp(arena->out, 1);
    arena->held += size;
}

static void *link_block(block_t *block, apr_size_t size)
{
    if (!block)
        longjmp(arena->out, 1);
    block->size = size;
    block->next = arena->blocks.next;
    block->before = &arena->blocks;
    block->next->before = block;
    arena->blocks.next = block;
    return block + 1;
}

static block_t *unlink_block(void *memory)
{
    block_t *block = (block_t *)memory - 1;
    block->next->before = block->before;
    block->before->next = block->next;
    arena->held -= block->size;
    return block;
}

static void *arena_calloc(size_t n, size_t size)
{
    if (size && n > MEMORY_MAX / size)
        longjmp(arena->out, 1);
    size = sizeof(block_t) + n * size;
    take(size);
    return link_block(calloc(1, size), size);
}

/* Both blocks are held while it moves, as they are in truth. */
static void *arena_realloc(void *memory, size_t size)
{
    if (size > MEMORY_MAX - sizeof(block_t))
        longjmp(arena->out, 1);
    size += sizeof(block_t);
    take(size);
    block_t *moved = malloc(size);
    void *fresh = link_block(moved, size);
    if (memory) {
        apr_size_t had = ((block_t *)memory - 1)->size;
        memcpy(fresh, memory, (had < size ? had : size) - sizeof(block_t));
        free(unlink_block(memory));
    }
    return fresh;
}

static void arena_free(void *memory)
{
    if (memory)
        free(unlink_block(memory));
}

static void arena_end(arena_t *a)
{
    for (block_t *block = a->blocks.next, *next; block != &a->blocks; block = next) {
        next = block->next;
        free(block);
    }
    arena = NULL;
}

/* The HTML in p; NULL when it would need too much. */
static const char *render(apr_pool_t *p, const char *text, apr_size_t len)
{
    static cmark_mem memory = {arena_calloc, arena_realloc, arena_free};
    arena_t mine = {.held = 0};
    const char *volatile html = NULL; /* its value outlives the longjmp */
    mine.blocks.next = mine.blocks.before = &mine.blocks;
    arena = &mine;
    if (setjmp(mine.out) == 0) {
        cmark_parser *parser = cmark_parser_new_with_mem(CMARK_OPT_DEFAULT, &memory);
        cmark_parser_feed(parser, text, len);
        cmark_node *root = cmark_parser_finish(parser);
        const char *made = cmark_render_html(root, CMARK_OPT_DEFAULT); /* in the memory of its nodes */
        html = strlen(made) <= HTML_MAX ? apr_pstrdup(p, made) : NULL;
    }
    arena_end(&mine);
    return html;
}

/* --- what was rendered a moment ago, by the digest of its Markdown: no other text and no other site can meet it --- */

typedef struct place_t {
    unsigned char digest[32];
    char *html; /* malloc'd; NULL: nobody is here */
} place_t;

static place_t places[PLACES];
static pthread_mutex_t locks[LOCKS] = {
    [0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER,
};

static const char *remembered(apr_pool_t *p, const unsigned char digest[32])
{
    place_t *place = &places[digest[0] % PLACES];
    const char *html = NULL;
    pthread_mutex_lock(&locks[digest[0] % LOCKS]);
    if (place->html && memcmp(place->digest, digest, sizeof(place->digest)) == 0)
        html = apr_pstrdup(p, place->html);
    pthread_mutex_unlock(&locks[digest[0] % LOCKS]);
    return html;
}

static void remember(const unsigned char digest[32], const char *html)
{
    place_t *place = &places[digest[0] % PLACES];
    char *copy = strlen(html) <= KEPT_MAX ? strdup(html) : NULL;
    if (!copy)
        return;
    pthread_mutex_lock(&locks[digest[0] % LOCKS]);
    free(place->html);
    place->html = copy;
    memcpy(place->digest, digest, sizeof(place->digest));
    pthread_mutex_unlock(&locks[digest[0] % LOCKS]);
}

/* The text itself, with the five characters that mean something to HTML told by their names. */
static const char *plain(apr_pool_t *p, const char *text, apr_size_t len)
{
    char *out = apr_palloc(p, len * 6 + 16), *to = apr_cpystrn(out, "<pre>", 6);
    for (; *text; text++) {
        const char *name = *text == '<'   ? "&lt;"
                           : *text == '>' ? "&gt;"
                           : *text == '&' ? "&amp;"
                           : *text == '"' ? "&quot;"
                                          : NULL;
        if (name)
            to = apr_cpystrn(to, name, 8);
        else
            *to++ = *text;
    }
    apr_cpystrn(to, "</pre>\n", 8);
    return out;
}

const char *forge_core_markdown_html(apr_pool_t *p, const char *text)
{
    unsigned char digest[32];
    apr_size_t len = strlen(text);
    forge_core_sha256(text, len, digest);
    const char *html = remembered(p, digest);
    if (html)
        return html;
    html = render(p, text, len);
    if (!html)
        html = plain(p, text, len);
    remember(digest, html);
    return html;
}
