/* SPDX-License-Identifier: Apache-2.0
 * Walks a field table row by row, with the rows of the tables it includes in their place. Whoever reads a table does it by this.
 */
#include "wire.h"
#include <apr_strings.h>
#include <string.h>

forge_walk_t forge_core_walk(const forge_field_t *fields)
{
    return (forge_walk_t){.level[0].next = fields, .depth = fields ? 1 : 0};
}

forge_walk_t forge_core_walk_shape(const forge_shape_t *shape)
{
    return forge_core_walk(shape ? shape->fields : NULL);
}

/* Goes one table down; what the inclusions above have added holds there too. A table that is too deep is left out, and a start has
 * refused it. */
static void descend(forge_walk_t *walk, const forge_field_t *include, unsigned flags)
{
    if (walk->depth == FORGE_INCLUDE_DEPTH || !include->fields)
        return;
    walk->level[walk->depth].next = include->fields;
    walk->level[walk->depth++].flags = include->flags | flags;
}

const forge_field_t *forge_core_walk_next(forge_walk_t *walk)
{
    while (walk->depth > 0) {
        unsigned flags = walk->level[walk->depth - 1].flags;
        const forge_field_t *row = walk->level[walk->depth - 1].next++;
        if (row->type == FORGE_T_INCLUDE) {
            descend(walk, row, flags);
        } else if (!row->name) {
            walk->depth--;
        } else if ((row->flags | flags) == row->flags) {
            return row;
        } else {
            walk->row = *row;
            walk->row.flags |= flags;
            return &walk->row;
        }
    }
    return NULL;
}

int forge_core_walk_find(const forge_field_t *fields, const char *name, forge_field_t *row)
{
    forge_walk_t walk = forge_core_walk(fields);
    const forge_field_t *f;
    for (int i = 0; (f = forge_core_walk_next(&walk)); i++) {
        if (strcmp(f->name, name) != 0)
            continue;
        if (row)
            *row = *f;
        return i;
    }
    return -1;
}

int forge_core_walk_count(const forge_field_t *fields)
{
    forge_walk_t walk = forge_core_walk(fields);
    int n = 0;
    while (forge_core_walk_next(&walk))
        n++;
    return n;
}

/* Do its inclusions end within the depth that a walk can go? */
static bool shallow(const forge_field_t *fields, int depth)
{
    for (; fields->name || fields->type == FORGE_T_INCLUDE; fields++)
        if (fields->type == FORGE_T_INCLUDE && (depth == FORGE_INCLUDE_DEPTH || !fields->fields || !shallow(fields->fields, depth + 1)))
            return false;
    return true;
}

const char *forge_core_walk_problem(apr_pool_t *p, const forge_field_t *fields)
{
    int i = 0;
    const char *problem;
    if (!shallow(fields, 1))
        return "its fields include nothing, or tables too deep";
    forge_walk_t walk = forge_core_walk(fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk)); i++) {
        if (forge_core_walk_find(fields, f->name, NULL) != i)
            return apr_pstrcat(p, "two of its fields have the name ", f->name, NULL);
        if (f->fields && (problem = forge_core_walk_problem(p, f->fields)))
            return problem;
    }
    return NULL;
}
