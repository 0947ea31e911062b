/* SPDX-License-Identifier: Apache-2.0
 * The tree, level by level, so that what the limits cut off is deep and not the neighbour. Every folder and file is
 * opened component by component, and a link in any of them is a refusal.
 */
#include "survey.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MAX 5000 /* names that are read of one folder */

const char *forge_survey_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Opens what `path` leads to below the folder. Never waits: a pipe opens at once and is closed by who asks what it is.
 */
static int open_below(int folder, const char *path, int flags)
{
    char name[FORGE_SURVEY_PATH_MAX];
    int at = dup(folder);
    for (const char *slash; at >= 0 && *path; path = *slash ? slash + 1 : slash) {
        slash = path + strcspn(path, "/");
        const size_t len = (size_t)(slash - path);
        memcpy(name, path, len);
        name[len] = '\0';
        int next = openat(at, name, (*slash ? O_RDONLY | O_DIRECTORY : flags) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        close(at);
        at = next;
    }
    return at;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a folder, sorted; *cut when there are more. */
static size_t names_of(int fd, const char **names, bool *cut)
{
    size_t count = 0;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (count == FOLDER_MAX) {
            *cut = true;
            break;
        }
        names[count++] = forge_survey_keep_text(entry->d_name, strlen(entry->d_name));
    }
    closedir(dir);
    qsort(names, count, sizeof(*names), by_bytes);
    return count;
}

static forge_survey_kind_t kind_of(mode_t mode)
{
    return S_ISREG(mode)   ? FORGE_SURVEY_FILE
           : S_ISDIR(mode) ? FORGE_SURVEY_FOLDER
           : S_ISLNK(mode) ? FORGE_SURVEY_LINK
                           : FORGE_SURVEY_SPECIAL;
}

/* Folders with what others wrote or programs made. */
static bool foreign_folder(const char *name)
{
    static const char *const names[] = {"node_modules", "vendor",  "third_party",   "third-party", "bower_components",
                                        "Pods",         "dist",    "build",         "target",      "__pycache__",
                                        ".venv",        "venv",    "site-packages", ".git",        ".gradle",
                                        ".idea",        "Carthage"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool foreign_file(const char *name)
{
    static const char *const ends[] = {".min.js", ".min.css",   ".map",       ".pb.go", "_pb2.py",
                                       ".lock",   "-lock.json", "-lock.yaml", "go.sum", ".bundle.js"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (forge_survey_ends(name, ends[i]))
            return true;
    return false;
}

/* A name in a folder becomes an entry, unless its path is too long or the entries are used up. */
static void add_entry(forge_survey_t *survey, const forge_survey_entry_t *above, const char *name,
                      const struct stat *is)
{
    const char *folder = above ? above->path : "";
    const size_t len = strlen(folder), of_name = strlen(name), slash = len ? 1 : 0;
    if (survey->count == FORGE_SURVEY_ENTRIES_MAX || len + slash + of_name >= FORGE_SURVEY_PATH_MAX) {
        survey->cut = true;
        return;
    }
    char *path = forge_survey_keep(len + slash + of_name + 1);
    memcpy(path, folder, len);
    if (slash)
        path[len] = '/';
    memcpy(path + len + slash, name, of_name);
    forge_survey_entry_t *entry = &survey->entries[survey->count++];
    *entry = (forge_survey_entry_t){.path = path, .kind = kind_of(is->st_mode), .depth = above ? above->depth + 1 : 0};
    entry->bytes = entry->kind == FORGE_SURVEY_FILE ? (uint64_t)is->st_size : 0;
    entry->vendored = (above && above->vendored) || (entry->kind == FORGE_SURVEY_FOLDER && foreign_folder(name));
    entry->foreign = entry->vendored || (entry->kind == FORGE_SURVEY_FILE && foreign_file(name));
}

static void list(forge_survey_t *survey, const forge_survey_entry_t *above, const char **names)
{
    struct stat is;
    int fd = open_below(survey->folder, above ? above->path : ".", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return;
    int folder = dup(fd);
    const size_t count = names_of(fd, names, &survey->cut);
    for (size_t i = 0; i < count && folder >= 0; i++)
        if ((above || strcmp(names[i], ".git") != 0) && fstatat(folder, names[i], &is, AT_SYMLINK_NOFOLLOW) == 0)
            add_entry(survey, above, names[i], &is);
    if (folder >= 0)
        close(folder);
}

void forge_survey_walk(forge_survey_t *survey)
{
    const char **names = forge_survey_keep(FOLDER_MAX * sizeof(*names));
    survey->entries = forge_survey_keep(FORGE_SURVEY_ENTRIES_MAX * sizeof(*survey->entries));
    list(survey, NULL, names);
    for (size_t i = 0; i < survey->count; i++) {
        const forge_survey_entry_t *entry = &survey->entries[i];
        if (entry->kind == FORGE_SURVEY_FOLDER && entry->depth + 1 < FORGE_SURVEY_DEPTH_MAX)
            list(survey, entry, names);
        else if (entry->kind == FORGE_SURVEY_FOLDER)
            survey->cut = true;
    }
}

/* Reads at most `max` bytes into `to`, which has one more. */
static size_t read_into(int fd, char *to, size_t max)
{
    size_t len = 0;
    for (ssize_t n; len < max && (n = read(fd, to + len, max - len)) > 0;)
        len += (size_t)n;
    to[len] = '\0';
    return len;
}

const char *forge_survey_read(forge_survey_t *survey, const char *path, size_t max, size_t *len)
{
    static char buffer[FORGE_SURVEY_LOCK_MAX + 1];
    struct stat is;
    int fd = open_below(survey->folder, path, O_RDONLY | O_NOCTTY);
    if (fd < 0)
        return NULL;
    const bool plain = fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && is.st_size >= 0 && (uint64_t)is.st_size <= max &&
                       max < sizeof(buffer) && survey->read + (uint64_t)is.st_size <= FORGE_SURVEY_READ_MAX;
    if (plain) {
        *len = read_into(fd, buffer, max);
        survey->read += *len;
    }
    close(fd);
    return plain ? buffer : NULL;
}
