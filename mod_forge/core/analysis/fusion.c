/* SPDX-License-Identifier: Apache-2.0
 * One order of passages out of several: by words, and by meaning.
 */
#include "analysis.h"

#include <apr_strings.h>
#include <math.h>
#include <string.h>

#define K 60 /* of reciprocal-rank fusion: how little the first places differ (Cormack, Clarke, Büttcher 2009) */

static forge_found_t *find(forge_ranking_t *fused, apr_int64_t id)
{
    for (int i = 0; i < fused->n; i++)
        if (fused->passages[i].id == id)
            return &fused->passages[i];
    return NULL;
}

static void add(forge_ranking_t *fused, const forge_found_t *passage, double score)
{
    forge_found_t *known = find(fused, passage->id);
    if (!known) {
        known = &fused->passages[fused->n++];
        *known = *passage;
        known->score = 0;
    }
    known->score += score;
}

/* Insertion keeps equals in the order of the first ranking that has them. */
static void sort(forge_ranking_t *fused)
{
    for (int i = 1; i < fused->n; i++) {
        forge_found_t moved = fused->passages[i];
        int j = i;
        for (; j > 0 && fused->passages[j - 1].score < moved.score; j--)
            fused->passages[j] = fused->passages[j - 1];
        fused->passages[j] = moved;
    }
}

forge_ranking_t forge_core_fuse(apr_pool_t *p, const forge_ranking_t *rankings, int n, int most)
{
    int room = 0;
    for (int i = 0; i < n; i++)
        room += rankings[i].n;
    forge_ranking_t fused = {apr_pcalloc(p, sizeof(forge_found_t) * (apr_size_t)(room + 1)), 0};
    for (int i = 0; i < n; i++)
        for (int j = 0; j < rankings[i].n; j++)
            add(&fused, &rankings[i].passages[j], (double)(K + 1) / (K + 1 + j) / n);
    sort(&fused);
    if (fused.n > most)
        fused.n = most;
    return fused;
}

bool forge_core_vector_unit(double *numbers, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += numbers[i] * numbers[i];
    double length = sqrt(sum);
    if (!isfinite(length) || length < 1e-12)
        return false;
    for (int i = 0; i < n; i++)
        numbers[i] /= length;
    return true;
}

/* Whole numbers of hundred-millionths: as fine as real keeps them, and no locale writes them with a comma. */
const char *forge_core_vector_text(apr_pool_t *p, const double *numbers, int n)
{
    forge_buf_t *b = forge_util_buf_make(p, (apr_size_t)n * 11 + 2, (apr_size_t)n * 24 + 2);
    forge_util_buf_puts(b, "{");
    for (int i = 0; i < n; i++) {
        forge_util_buf_puts(b, i ? "," : "");
        forge_util_buf_int(b, (apr_int64_t)llround(numbers[i] * 1e8));
        forge_util_buf_puts(b, "e-8");
    }
    forge_util_buf_puts(b, "}");
    return apr_pstrmemdup(p, b->data, b->len);
}
