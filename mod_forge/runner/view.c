/* SPDX-License-Identifier: Apache-2.0
 * What a program sees of the machine: bubblewrap's options, made once for each language of run/profiles.def and each
 * tool of run/tools.def.
 *
 * No /proc (nothing to hide, no way to reopen a pipe), no /dev but three nodes (bubblewrap's own would bring a tmpfs
 * without a limit), no /tmp, /etc, /run, /sys or /var.
 */
#include "runner.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define LIBRARIES "/usr/lib/x86_64-linux-gnu /usr/lib64"
#elif defined(__aarch64__)
#define LIBRARIES "/usr/lib/aarch64-linux-gnu /usr/lib/ld-linux-aarch64.so.1 /usr/lib64"
#else
#define LIBRARIES "/usr/lib /usr/lib64"
#endif

/* A document with a title and one word. */
#define FORGE_RUN_TRY_PDF \
    "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n" \
    "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n" \
    "4 0 obj<</Length 32>>stream\nBT/F 9 Tf 9 9 Td(forge)Tj ET     \nendstream endobj\n" \
    "5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj 6 0 obj<</Title(forge)>>endobj\n" \
    "xref\n0 1\n0000000000 65535 f \ntrailer<</Root 1 0 R/Info 6 0 R/Size 7>>\nstartxref\n9\n%%EOF\n"
#define TEXT(text) \
    { \
        text, sizeof(text) - 1 \
    }

static forge_runner_profile_t profiles[] = {
#define FORGE_RUN_PROFILE(name_, file_, command_, base_kb_, fences_, reads_, control) \
    {.name = #name_, \
     .file = file_, \
     .command = command_, \
     .reads = reads_, \
     .base_kb = base_kb_, \
     .fences = fences_, \
     .trial = {.code = TEXT(control), .says = "forge\n"}, \
     .missing = "it was not asked for"},
#include "run/profiles.def"
#undef FORGE_RUN_PROFILE
#define FORGE_RUN_TOOL(name_, command_, most_, fences_, reads_, carries_, args_, file_, says_) \
    {.name = #name_, \
     .carries = carries_, \
     .file = carries_, \
     .command = command_, \
     .reads = reads_, \
     .fences = fences_, \
     .tool = true, \
     .most = most_, \
     .trial = {.args = TEXT(args_), .input = TEXT(file_), .says = says_, .start = true}, \
     .missing = "it is not ready"},
#include "run/tools.def"
#undef FORGE_RUN_TOOL
};

forge_runner_profile_t *forge_runner_profile_at(size_t i)
{
    return i < sizeof(profiles) / sizeof(profiles[0]) ? &profiles[i] : NULL;
}

forge_runner_profile_t *forge_runner_profile(forge_run_bytes_t name)
{
    forge_runner_profile_t *profile;
    for (size_t i = 0; (profile = forge_runner_profile_at(i)); i++)
        if (strlen(profile->name) == name.len && memcmp(profile->name, name.data, name.len) == 0)
            return profile;
    return NULL;
}

/* Words, each ended by a NUL, as bubblewrap's --args and forge-init read them. */
static void add(forge_runner_bytes_t *to, const char *word)
{
    size_t len = strlen(word) + 1;
    to->bytes = realloc(to->bytes, to->len + len);
    if (!to->bytes)
        abort(); /* at the start: nothing runs yet */
    memcpy(to->bytes + to->len, word, len);
    to->len += len;
}

static void add_all(forge_runner_bytes_t *to, const char *const *words)
{
    for (; *words; words++)
        add(to, *words);
}

/* Calls `each` for every word of a text, with "@" in it replaced. */
static void split(const char *text, const char *instead, forge_runner_bytes_t *to,
                  void (*each)(forge_runner_bytes_t *to, const char *word))
{
    char word[PATH_MAX * 2];
    while (*text) {
        size_t len = 0;
        for (; *text && *text != ' '; text++)
            if (*text == '@')
                len += (size_t)snprintf(word + len, sizeof(word) - len, "%s", instead);
            else
                word[len++] = *text;
        word[len] = '\0';
        each(to, word);
        text += strspn(text, " ");
    }
}

static void bind_read_only(forge_runner_bytes_t *to, const char *path)
{
    add_all(to, (const char *const[]){"--ro-bind-try", path, path, NULL});
}

/* Always so, whatever the language. Remounting comes last, when every other change of the view is made. */
static void add_view(const forge_runner_t *runner, forge_runner_profile_t *profile, const char *program)
{
    static const char *const alone[] = {"--unshare-all",
                                        "--unshare-user",
                                        "--uid",
                                        "65534",
                                        "--gid",
                                        "65534",
                                        "--hostname",
                                        "box",
                                        "--die-with-parent",
                                        "--as-pid-1",
                                        "--cap-drop",
                                        "ALL",
                                        "--clearenv",
                                        "--setenv",
                                        "PATH",
                                        "/usr/bin",
                                        "--setenv",
                                        "LANG",
                                        "C.UTF-8",
                                        "--setenv",
                                        "HOME",
                                        "/",
                                        "--setenv",
                                        "TMPDIR",
                                        "/w",
                                        "--setenv",
                                        "MALLOC_ARENA_MAX",
                                        "1",
                                        NULL};
    static const char *const nodes[] = {
        "--symlink",  "usr/lib",           "/lib",      "--symlink",  "usr/lib64",    "/lib64",
        "--symlink",  "usr/bin",           "/bin",      "--dev-bind", "/dev/null",    "/dev/null",
        "--dev-bind", "/dev/zero",         "/dev/zero", "--dev-bind", "/dev/urandom", "/dev/urandom",
        "--bind",     FORGE_RUNNER_FOLDER, "/w",        NULL};
    forge_runner_bytes_t *to = &profile->options;
    add_all(to, alone);
    if (!runner->nested_userns)
        add(to, "--disable-userns");
    bind_read_only(to, program);
    split(LIBRARIES, "", to, bind_read_only);
    const char *base = strrchr(program, '/') + 1;
    split(profile->reads, base, to, bind_read_only);
    add_all(to, nodes);
    add_all(to, (const char *const[]){"--ro-bind", FORGE_RUNNER_INIT, "/i", "--ro-bind", FORGE_RUNNER_CODE, "/p",
                                      "--remount-ro", "/", "--chdir", "/w", NULL});
}

/* The first word of the command becomes the real path of the program: /usr/bin/python3 is a link, and inside there is
 * what it names. */
static const char *make_ready(const forge_runner_t *runner, forge_runner_profile_t *profile)
{
    char first[PATH_MAX], program[PATH_MAX];
    size_t len = strcspn(profile->command, " ");
    snprintf(first, sizeof(first), "%.*s", (int)len, profile->command);
    if (!realpath(first, program) || access(program, X_OK) != 0)
        return "its program is not installed";
    if (profile->carries && !profile->carried.len)
        return "the program that goes with it is not beside forge-init";
    free(profile->words.bytes);
    free(profile->options.bytes);
    profile->words = profile->options = (forge_runner_bytes_t){NULL, 0};
    add(&profile->words, program);
    split(profile->command + len + strspn(profile->command + len, " "), "@", &profile->words, add);
    add_view(runner, profile, program);
    return NULL;
}

/* Whether `name` is one of the words of a list. */
static bool listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += len)
        if ((at == list || at[-1] == ',' || at[-1] == ' ') && (!at[len] || at[len] == ',' || at[len] == ' '))
            return true;
    return false;
}

void forge_runner_views(const forge_runner_t *runner)
{
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
        if (profiles[i].tool || listed(runner->options.languages, profiles[i].name))
            profiles[i].missing = make_ready(runner, &profiles[i]);
}
