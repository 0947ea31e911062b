/* SPDX-License-Identifier: Apache-2.0
 * The ring of samples: who writes, and what readers get while somebody does or died doing so.
 */
#include "live_private.h"
#include "machine.h"

#include <math.h>
#include <string.h>
#include <sys/statvfs.h>

#define STALE      3                     /* samples that may be missing before figures are unknown */
#define DISK_STALE apr_time_from_sec(30) /* the same for a file system */

/* Each word is released after the mark was cleared: a reader that has seen a new word sees a cleared or new mark. */
void forge_live_words_put(uint64_t *mark, uint64_t *words, int n, uint64_t id, const uint64_t *from)
{
    __atomic_store_n(mark, 0, __ATOMIC_RELAXED);
    for (int i = 0; i < n; i++)
        __atomic_store_n(&words[i], from[i], __ATOMIC_RELEASE);
    __atomic_store_n(mark, id, __ATOMIC_RELEASE);
}

uint64_t forge_live_words_get(const uint64_t *mark, const uint64_t *words, int n, uint64_t *to)
{
    uint64_t id = __atomic_load_n(mark, __ATOMIC_ACQUIRE);
    for (int i = 0; i < n; i++)
        to[i] = __atomic_load_n(&words[i], __ATOMIC_ACQUIRE);
    return __atomic_load_n(mark, __ATOMIC_RELAXED) == id ? id : 0;
}

/* --- samples --- */

uint64_t forge_live_sample_slot(const forge_live_samples_t *samples, int i, forge_sample_t *sample)
{
    uint64_t words[FORGE_FIGURES];
    uint64_t mark = forge_live_words_get(&samples->of[i].mark, samples->of[i].words, FORGE_FIGURES, words);
    memcpy(sample->of, words, sizeof(words));
    return mark;
}

static void unknown(forge_sample_t *sample)
{
    for (int i = 0; i < FORGE_FIGURES; i++)
        sample->of[i] = NAN;
}

/* The sample of these five seconds; unknown if there is none. */
static bool sample_of(const forge_live_t *live, uint64_t number, forge_sample_t *sample)
{
    if (forge_live_sample_slot(&live->segment->samples, (int)(number % FORGE_SAMPLES), sample) == number)
        return true;
    unknown(sample);
    return false;
}

void forge_live_sample_last_at(const forge_live_t *live, apr_int64_t now, forge_sample_t *sample)
{
    const uint64_t number = forge_live_sample_number(now);
    for (uint64_t i = 0; i <= STALE && i < number; i++)
        if (sample_of(live, number - i, sample))
            return;
    unknown(sample);
}

void forge_live_sample_last(const forge_live_t *live, forge_sample_t *sample)
{
    forge_live_sample_last_at(live, forge_util_monotonic(), sample);
}

/* The newest one may still be to come: then the history ends with the one before, and not with a hole. */
void forge_live_sample_history(const forge_live_t *live, int n, forge_sample_t *samples, apr_time_t *until)
{
    const apr_int64_t now = forge_util_monotonic();
    uint64_t newest = forge_live_sample_number(now);
    if (!sample_of(live, newest, &samples[0]))
        newest--;
    for (int i = 0; i < n; i++) {
        const uint64_t back = (uint64_t)(n - 1 - i);
        if (back < newest)
            sample_of(live, newest - back, &samples[i]);
        else
            unknown(&samples[i]);
    }
    *until = apr_time_now() - (now - (apr_int64_t)newest * FORGE_SAMPLE_EVERY);
}

/* --- file systems --- */

enum { TOTAL, USED, FREE, IDENTITY };

void forge_live_sample_disks_are(forge_live_t *live, const char *const *paths, int n)
{
    for (int i = 0; i < FORGE_DISKS_MAX; i++) {
        live->disks[i][0] = '\0';
        if (i < n && strlen(paths[i]) < FORGE_DISK_PATH)
            strcpy(live->disks[i], paths[i]);
        forge_live_store(&live->segment->samples.disks[i].mark, 0);
    }
}

static bool disk_ask(const char *path, uint64_t words[FORGE_LIVE_DISK])
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0 || fs.f_bfree > fs.f_blocks)
        return false;
    words[USED] = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
    words[FREE] = (uint64_t)fs.f_bavail * fs.f_frsize;
    words[TOTAL] = words[USED] + words[FREE];
    words[IDENTITY] = fs.f_fsid;
    return words[TOTAL] > 0;
}

void forge_live_sample_disks(forge_live_t *live)
{
    forge_live_samples_t *samples = &live->segment->samples;
    const uint64_t self = forge_live_process_self(live);
    for (int i = 0; i < FORGE_DISKS_MAX && live->disks[i][0]; i++) {
        uint64_t words[FORGE_LIVE_DISK], now = (uint64_t)forge_util_monotonic(), *holder = &samples->disks[i].holder,
                                         asked = forge_live_load(&samples->disks[i].mark),
                                         was = forge_live_load(holder);
        if ((asked && now - asked < FORGE_SAMPLE_EVERY) || (was && forge_live_process_alive(was)) ||
            !forge_live_swap(holder, was, self))
            continue;
        if (disk_ask(live->disks[i], words))
            forge_live_words_put(&samples->disks[i].mark, samples->disks[i].words, FORGE_LIVE_DISK, now, words);
        forge_live_swap(holder, self, 0);
    }
}

static bool same(const uint64_t a[FORGE_LIVE_DISK], const uint64_t b[FORGE_LIVE_DISK])
{
    return a[IDENTITY] == b[IDENTITY] && a[TOTAL] == b[TOTAL] && a[FREE] == b[FREE];
}

int forge_live_disks(const forge_live_t *live, forge_disk_t disks[FORGE_DISKS_MAX])
{
    const forge_live_samples_t *samples = &live->segment->samples;
    const uint64_t now = (uint64_t)forge_util_monotonic();
    uint64_t words[FORGE_DISKS_MAX][FORGE_LIVE_DISK];
    int n = 0;
    for (int i = 0; i < FORGE_DISKS_MAX && live->disks[i][0]; i++) {
        uint64_t asked =
            forge_live_words_get(&samples->disks[i].mark, samples->disks[i].words, FORGE_LIVE_DISK, words[n]);
        bool known = false;
        for (int k = 0; k < n && !known; k++)
            known = same(words[k], words[n]);
        if (!asked || known || now - asked > (uint64_t)DISK_STALE)
            continue;
        disks[n] = (forge_disk_t){live->disks[i], (double)words[n][TOTAL], (double)words[n][USED],
                                  (double)words[n][FREE], 100 * (double)words[n][USED] / (double)words[n][TOTAL]};
        n++;
    }
    return n;
}
