/* SPDX-License-Identifier: Apache-2.0
 * Memory of a program that ends soon: nothing is given back before all is.
 */
#include "survey.h"
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 65536

typedef struct block_t {
    struct block_t *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
} block_t;

static block_t *blocks;

static void add_block(size_t size)
{
    block_t *block = malloc(sizeof(*block) + size);
    if (!block)
        _exit(3);
    block->next = blocks;
    block->used = 0;
    block->size = size;
    blocks = block;
}

void *forge_survey_keep(size_t size)
{
    const size_t whole = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!blocks || blocks->size - blocks->used < whole)
        add_block(whole > BLOCK ? whole : BLOCK);
    void *at = blocks->bytes + blocks->used;
    blocks->used += whole;
    return memset(at, 0, size);
}

char *forge_survey_keep_text(const char *text, size_t len)
{
    char *kept = forge_survey_keep(len + 1);
    memcpy(kept, text, len);
    return kept;
}

const char *forge_survey_keep_span(forge_survey_span_t span)
{
    const size_t len = strnlen(span.at ? span.at : "", span.len < FORGE_SURVEY_VALUE ? span.len : FORGE_SURVEY_VALUE);
    return len ? forge_survey_keep_text(span.at, len) : NULL;
}

void forge_survey_forget(void)
{
    for (block_t *next; blocks; blocks = next) {
        next = blocks->next;
        free(blocks);
    }
}
