/* SPDX-License-Identifier: Apache-2.0
 * Tests of survey/: the document of a folder that is made up, friendly or hostile.
 */
#include "survey/survey.h"
#include "unit.h"
#include "util/util.h"
#include <apr_file_info.h>
#include <apr_strings.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void begin(void)
{
    forge_test_begin();
    strcpy(folder, "/tmp/forge-survey-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void end(void)
{
    ck_assert_int_eq(system(apr_psprintf(forge_test_pool, "rm -rf %s", folder)), 0);
    forge_survey_document_drop();
    forge_survey_forget();
    forge_test_end();
}

static const char *at(const char *path)
{
    return apr_pstrcat(forge_test_pool, folder, "/", path, NULL);
}

static void put_bytes(const char *path, const char *bytes, size_t len)
{
    char *name = apr_pstrdup(forge_test_pool, at(path));
    for (char *slash = strchr(name + strlen(folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(name, 0700);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    ck_assert_msg(file, "%s", name);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void put(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

static const forge_json_t *survey(void)
{
    const char *why = "";
    forge_survey_t it = {.folder = open(folder, O_RDONLY | O_DIRECTORY)};
    forge_survey_walk(&it);
    forge_survey_look(&it);
    forge_survey_python(&it);
    forge_survey_report(&it);
    close(it.folder);
    const forge_survey_span_t text = forge_survey_document();
    const forge_json_t *document = forge_util_json_parse(forge_test_pool, text.at, text.len, &why);
    ck_assert_msg(document, "%s: %.*s", why, (int)text.len, text.at);
    return document;
}

/* A member below others: "tests.files", "languages.0.name". */
static const forge_json_t *member(const forge_json_t *document, const char *path)
{
    char *last, *copy = apr_pstrdup(forge_test_pool, path);
    for (char *key = apr_strtok(copy, ".", &last); key; key = apr_strtok(NULL, ".", &last))
        document = *key >= '0' && *key <= '9' ? forge_util_json_at(document, (apr_size_t)atoi(key))
                                              : forge_util_json_get(document, key);
    return document;
}

static void says(const forge_json_t *document, const char *path, const char *text)
{
    const char *said = forge_util_json_text(member(document, path), NULL);
    ck_assert_msg(said && strcmp(said, text) == 0, "%s is %s, not %s", path, said ? said : "absent", text);
}

static void counts(const forge_json_t *document, const char *path, apr_int64_t number)
{
    apr_int64_t said = -1;
    ck_assert_msg(forge_util_json_int(member(document, path), &said) && said == number, "%s is %d, not %d", path,
                  (int)said, (int)number);
}

START_TEST(test_an_ordinary_project)
{
    put("README.md", "# Title\n\ntext `x`\n\n```\n# no heading\n```\n\n## Use it\n\nMore\n----\n");
    put("LICENSE",
        "Permission is hereby granted, free of charge, to any person obtaining a copy\nThe above copyright notice and "
        "this permission notice\n");
    put("package.json", "{\"name\":\"n\",\"dependencies\":{\"a\":\"1\"}}");
    put("package-lock.json", "{\"packages\":{\"node_modules/a\":{\"license\":\"ISC\"}}}");
    put("src/main.py", "def f(x):\n    if x and x > 1:\n        return [y for y in x if y]\n\n    return 'if if if'\n");
    put("src/broken.py", "if x:\nwhile y:\n");
    put("tests/test_main.py", "assert True\n");
    put(".github/workflows/ci.yml", "on: push\n");
    put("node_modules/a/index.js", "if (x) {}\n");
    const forge_json_t *d = survey();
    says(d, "languages.0.name", "Python");
    counts(d, "languages.0.files", 3);
    counts(d, "languages.0.lines", 8);
    counts(d, "languages.0.blank_lines", 1);
    ck_assert_uint_eq(forge_util_json_size(member(d, "readme.outline")), 3);
    says(d, "readme.outline.1.title", "Use it");
    says(d, "readme.outline.2.title", "More");
    says(d, "licenses.0.spdx", "MIT");
    says(d, "manifests.0.dependencies.0.license", "ISC");
    counts(d, "tests.files", 1);
    says(d, "tests.paths.0", "tests/test_main.py");
    says(d, "ci.0.system", "GitHub Actions");
    says(d, "most_complex_files.0.path", "src/main.py");
    counts(d, "most_complex_files.0.complexity", 4);
    says(d, "most_complex_files.0.most_complex_function", "f");
    says(d, "most_complex_files.1.path", "src/broken.py");
    counts(d, "most_complex_files.1.complexity", 3);
    says(d, "texts.0.path", "README.md");
    ck_assert_ptr_null(member(d, "history"));
}
END_TEST

/* What is no plain file is told of and not opened; a loop of links ends nowhere. */
START_TEST(test_what_is_no_plain_file)
{
    put("a/x.c", "int x;\n");
    ck_assert_int_eq(symlink("..", at("a/up")), 0);
    ck_assert_int_eq(symlink("/etc/passwd", at("README.md")), 0);
    ck_assert_int_eq(symlink("loop", at("loop")), 0);
    ck_assert_int_eq(symlink("/etc", at("etc")), 0);
    ck_assert_int_eq(mkfifo(at("package.json"), 0600), 0);
    const forge_json_t *d = survey();
    counts(d, "links", 4);
    counts(d, "special_files", 1);
    counts(d, "files", 1);
    ck_assert_ptr_null(member(d, "readme"));
    ck_assert_uint_eq(forge_util_json_size(member(d, "manifests")), 0);
    const forge_survey_span_t all = forge_survey_document();
    ck_assert_ptr_null(memmem(all.at, all.len, "root:", 5));
}
END_TEST

START_TEST(test_texts_become_utf8)
{
    static const char bytes[] = "# T\xff\xc0\xaf\x1b[31m \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82\xac \xe2\x82\n";
    put_bytes("README.md", bytes, sizeof(bytes) - 1);
    put("new\nline\x01\xfe.c", "int x;\n");
    const forge_json_t *d = survey();
    says(d, "readme.outline.0.title",
         "T\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd[31m \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xe2\x82\xac \xef\xbf\xbd\xef\xbf\xbd");
    says(d, "tree.1.path", "new\nline\xef\xbf\xbd\xef\xbf\xbd.c");
}
END_TEST

START_TEST(test_limits)
{
    char *line = malloc(2 << 20), deep[512] = "";
    memset(line, 'a', 2 << 20);
    put_bytes("long.c", line, (1 << 20) - 1);
    put_bytes("large.c", line, 2 << 20);
    free(line);
    for (int i = 0; i < 40; i++)
        strcat(deep, "d/");
    put(apr_pstrcat(forge_test_pool, deep, "x.c", NULL), "int x;\n");
    put_bytes("picture.png", "\x89PNG\0\0", 6);
    put("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n");
    put(".gitmodules", "[submodule \"o\"]\n\tpath = libs/o\n\turl = https://e.org/o\n");
    ck_assert_int_eq(mkdir(at("libs"), 0700), 0);
    ck_assert_int_eq(mkdir(at("libs/o"), 0700), 0);
    const forge_json_t *d = survey();
    bool cut = false;
    counts(d, "large_files", 1);
    counts(d, "binary_files", 1);
    counts(d, "lfs_files", 1);
    says(d, "submodules.0", "libs/o");
    ck_assert(forge_util_json_bool(member(d, "cut"), &cut) && cut);
    counts(d, "languages.0.lines", 1);
    apr_size_t len = 0;
    ck_assert_ptr_nonnull(forge_util_json_text(member(d, "texts.0.text"), &len));
    ck_assert_uint_le(len, FORGE_SURVEY_TEXT_MAX);
}
END_TEST

START_TEST(test_many_files)
{
    for (int i = 0; i < 10000; i++)
        put(apr_psprintf(forge_test_pool, "f%03d/x%d.c", i / 100, i), "if (x) {}\n");
    const forge_json_t *d = survey();
    counts(d, "files", 10000);
    ck_assert_uint_eq(forge_util_json_size(member(d, "tree")), FORGE_SURVEY_TREE_MAX);
    ck_assert_uint_eq(forge_util_json_size(member(d, "texts")), FORGE_SURVEY_TEXTS);
    ck_assert_uint_eq(forge_util_json_size(member(d, "largest_files")), FORGE_SURVEY_TOP);
    ck_assert_uint_lt(forge_survey_document().len, 1 << 20);
}
END_TEST

/* A repository's own settings would have git run programs. */
START_TEST(test_history)
{
    const char *make = apr_psprintf(
        forge_test_pool,
        "cd %s && git init -q . && git config user.email a@example.org && git config user.name a && touch x && git add "
        "x &&"
        " GIT_COMMITTER_DATE='2024-01-02T03:04:05Z' git commit -qm 1 && GIT_COMMITTER_DATE='2024-02-03T04:05:06Z' git"
        " -c user.email=b@example.org commit -qm 2 --allow-empty && git config core.fsmonitor 'touch %s/ran' &&"
        " git config log.showSignature true && git config gpg.program 'touch %s/ran'",
        folder, folder, folder);
    ck_assert_int_eq(system(make), 0);
    const forge_json_t *d = survey();
    counts(d, "history.commits", 2);
    counts(d, "history.authors", 2);
    says(d, "history.first_at", "2024-01-02T03:04:05Z");
    says(d, "history.last_at", "2024-02-03T04:05:06Z");
    counts(d, "files", 1);
    ck_assert_int_ne(access(at("ran"), F_OK), 0);
}
END_TEST

START_TEST(test_an_empty_folder)
{
    const forge_json_t *d = survey();
    counts(d, "files", 0);
    ck_assert_uint_eq(forge_util_json_size(member(d, "languages")), 0);
}
END_TEST

Suite *forge_test_survey_folder(void)
{
    Suite *s = suite_create("survey_folder");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_test(tc, test_an_ordinary_project);
    tcase_add_test(tc, test_what_is_no_plain_file);
    tcase_add_test(tc, test_texts_become_utf8);
    tcase_add_test(tc, test_limits);
    tcase_add_test(tc, test_many_files);
    tcase_add_test(tc, test_history);
    tcase_add_test(tc, test_an_empty_folder);
    suite_add_tcase(s, tc);
    return s;
}
