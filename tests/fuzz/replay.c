/* SPDX-License-Identifier: Apache-2.0
 * A main for fuzz targets without libFuzzer: runs a target over every file of the directories (or the files) it is given.
 * usage: replay TARGET PATH...
 */
#include "fuzz.h"
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SEED_MAX (1 << 20)

static forge_fuzz_fn target;

/* The bytes are copied to a block of just their size, so that a checker sees a read beyond. */
static int replay_file(const char *path)
{
    static uint8_t bytes[SEED_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    uint8_t *exact = malloc(size ? size : 1);
    for (size_t i = 0; i < size; i++)
        exact[i] = bytes[i];
    target(exact, size);
    free(exact);
    fclose(file);
    return 0;
}

static int replay_directory(const char *path, int *count)
{
    char name[PATH_MAX];
    int failed = 0;
    DIR *dir = opendir(path);
    if (!dir) {
        perror(path);
        return 1;
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] == '.' || snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= (int)sizeof(name))
            continue;
        failed |= replay_file(name);
        (*count)++;
    }
    closedir(dir);
    return failed;
}

/* An empty directory is a failure: a test that runs nothing proves nothing. */
int main(int argc, char **argv)
{
    int failed = argc < 3;
    target = forge_fuzz_find(argc > 1 ? argv[1] : "");
    for (int i = 2; i < argc; i++) {
        struct stat st;
        int count = 0;
        if (stat(argv[i], &st) == 0 && !S_ISDIR(st.st_mode))
            failed |= replay_file(argv[i]);
        else if (replay_directory(argv[i], &count) || !count)
            failed = 1;
    }
    return failed;
}
