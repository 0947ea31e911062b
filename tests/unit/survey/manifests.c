/* SPDX-License-Identifier: Apache-2.0
 * Tests of survey/: what each reader of manifests finds, languages, licences, branches.
 */
#include "survey/survey.h"
#include "unit.h"
#include <apr_strings.h>

static void end(void)
{
    forge_survey_forget();
    forge_test_end();
}

/* "name version license: need@version(scope) …" */
static const char *flat(const forge_survey_manifest_t *manifest)
{
    const char *out =
        apr_psprintf(forge_test_pool, "%s %s %s:", manifest->name ? manifest->name : "-",
                     manifest->version ? manifest->version : "-", manifest->license ? manifest->license : "-");
    for (size_t i = 0; i < manifest->count; i++) {
        const forge_survey_need_t *need = &manifest->needs[i];
        out = apr_psprintf(forge_test_pool, "%s %s@%s(%s%s%s)", out, need->name, need->version ? need->version : "",
                           need->scope, need->license ? " " : "", need->license ? need->license : "");
    }
    return out;
}

static const char *read_by(forge_survey_reader_t read, const char *text)
{
    forge_survey_manifest_t manifest = {.path = "x"};
    read(&manifest, text, strlen(text));
    return flat(&manifest);
}

START_TEST(test_npm)
{
    ck_assert_str_eq(
        read_by(forge_survey_npm,
                "{\"name\":\"a\\u0062\",\"version\":\"1.0\",\"license\":{\"type\":\"MIT\"},"
                "\"dependencies\":{\"left-pad\":\"^1.3\",\"@x/y\":\"2\"},\"nested\":{\"dependencies\":{\"no\":\"1\"}},"
                "\"devDependencies\":{\"jest\":\"29\"},\"dependencies2\":{\"no\":\"1\"}}"),
        "ab 1.0 MIT: left-pad@^1.3(runtime) @x/y@2(runtime) jest@29(dev)");
    ck_assert_str_eq(read_by(forge_survey_npm, "{\"dependencies\":{\"a\":\"1\""), "- - -: a@1(runtime)");
    ck_assert_str_eq(read_by(forge_survey_npm, "[[[[{\"dependencies\":{\"a\":\"1\"}}"), "- - -:");
}
END_TEST

START_TEST(test_locks)
{
    static const char lock[] = "{\"packages\":{\"node_modules/a\":{\"version\":\"1\",\"license\":\"ISC\"},"
                               "\"node_modules/a/node_modules/b\":{\"license\":\"GPL-2.0\"},"
                               "\"node_modules/b\":{\"license\":\"MIT\"}}}";
    static const char composer[] = "{\"packages\":[{\"name\":\"m/m\",\"license\":[\"MIT\"]},{\"license\":[\"BSD\"]}],"
                                   "\"packages-dev\":[{\"name\":\"p/p\",\"license\":[\"BSD-3-Clause\"]}]}";
    forge_survey_manifest_t npm = {.path = "x"}, php = {.path = "x"};
    static const char needs[] = "{\"dependencies\":{\"a\":\"1\",\"b\":\"2\"}}";
    forge_survey_npm(&npm, needs, sizeof(needs) - 1);
    forge_survey_npm_lock(&npm, lock, sizeof(lock) - 1);
    ck_assert_str_eq(flat(&npm), "- - -: a@1(runtime ISC) b@2(runtime MIT)");
    const char *manifest =
        "{\"name\":\"v/n\",\"license\":[\"MIT\",\"X\"],\"require\":{\"m/m\":\"^3\"},\"require-dev\":{\"p/p\":\"1\"}}";
    forge_survey_composer(&php, manifest, strlen(manifest));
    forge_survey_composer_lock(&php, composer, sizeof(composer) - 1);
    ck_assert_str_eq(flat(&php), "v/n - MIT: m/m@^3(runtime MIT) p/p@1(dev BSD-3-Clause)");
}
END_TEST

START_TEST(test_python)
{
    ck_assert_str_eq(
        read_by(forge_survey_requirements,
                "# c\nrequests[socks]>=2.31 ; python_version > '3'  # why\n-r other.txt\n--hash=x\n./local\n"
                "flask == 3.0 --hash=sha256:1\nhttps://e.org/x.zip\nzope.interface\npkg @ https://e.org/p.zip\n"),
        "- - -: requests@>=2.31(runtime) flask@== 3.0(runtime) zope.interface@(runtime) pkg@(runtime)");
    ck_assert_str_eq(read_by(forge_survey_pyproject,
                             "[project]\nname = \"p\"\nversion = '1'\nlicense = {text = \"MIT\"}\n"
                             "dependencies = [\n  \"a>=1\", # one\n  "
                             "'b[c]~=2',\n]\n[project.optional-dependencies]\ndocs = [\"sphinx\"]\n"
                             "[build-system]\nrequires=[\"setuptools>=61\"]\n"),
                     "p 1 MIT: a@>=1(runtime) b@~=2(runtime) sphinx@(optional) setuptools@>=61(build)");
    ck_assert_str_eq(
        read_by(forge_survey_pyproject,
                "[tool.poetry]\nname=\"q\"\nlicense=\"BSD-3-Clause\"\n[tool.poetry.dependencies]\npython=\"^3.11\"\n"
                "x = \"^1\"\ny = {version = \"2\", extras = [\"z\"]}\nw = {extras=[\"e\"], version = \"3\"}\n"
                "[tool.poetry.group.test.dependencies]\npytest = \"*\"\n"),
        "q - BSD-3-Clause: x@^1(runtime) y@2(runtime) w@3(runtime) pytest@*(test)");
    ck_assert_str_eq(read_by(forge_survey_pipfile, "[packages]\na=\"*\"\n[dev-packages]\nb={version=\"==1\"}\n"),
                     "- - -: a@*(runtime) b@==1(dev)");
}
END_TEST

START_TEST(test_cargo_and_go)
{
    ck_assert_str_eq(
        read_by(forge_survey_cargo,
                "[package]\nname=\"c\"\nversion=\"0.1\"\nlicense=\"MIT OR Apache-2.0\"\n[dependencies]\n"
                "serde = { version = \"1\", features = [\"derive\"] }\nlibc=\"0.2\"\n[dependencies.tokio]\n"
                "version=\"1\"\nfeatures=[\"full\"]\n[target.'cfg(unix)'.dev-dependencies]\nnix=\"0.27\"\n"),
        "c 0.1 MIT OR Apache-2.0: serde@1(runtime) libc@0.2(runtime) tokio@1(runtime) nix@0.27(dev)");
    ck_assert_str_eq(
        read_by(forge_survey_go,
                "module example.org/m\n\ngo 1.22\n\nrequire (\n\tgithub.com/a/b v1.2.3\n"
                "\t// no\n\tgolang.org/x/c v0.1.0 // indirect\n)\nrequire d.org/e v2.0.0\nreplace x => y v1\n"),
        "example.org/m 1.22 -: github.com/a/b@v1.2.3(runtime) golang.org/x/c@v0.1.0(indirect) "
        "d.org/e@v2.0.0(runtime)");
}
END_TEST

START_TEST(test_java_and_ruby)
{
    ck_assert_str_eq(
        read_by(
            forge_survey_maven,
            "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e \"boom\">]><project><!-- <artifactId>no</artifactId> -->"
            "<parent><artifactId>no</artifactId></parent><artifactId>app</artifactId><version>1</version>"
            "<licenses><license><name>MIT</name></license></licenses><dependencies><dependency>"
            "<groupId>g</groupId><artifactId>a</artifactId><version>2</version></dependency><dependency>"
            "<groupId>junit</groupId><artifactId>junit</artifactId><scope>test</scope>"
            "<exclusions><exclusion><artifactId>no</artifactId></exclusion></exclusions></dependency>"
            "</dependencies></project>"),
        "app 1 MIT: g:a@2(runtime) junit:junit@(test)");
    ck_assert_str_eq(
        read_by(forge_survey_gradle,
                "plugins { id 'java' }\ndependencies {\n  implementation 'g:a:1.0'\n  api(\"g:b:2\")\n"
                "  testImplementation(platform(\"o:bom:5\"))\n  implementation project(':x')\n  // api 'no:no:1'\n}\n"),
        "- - -: g:a@1.0(runtime) g:b@2(runtime) o:bom@5(test) :x@(runtime)");
    ck_assert_str_eq(
        read_by(forge_survey_gem,
                "source 'https://rubygems.org'\ngem 'rails', '~> 7.1'\ngem \"pg\"\ngroup :test do\n  gem 'rspec'\nend\n"
                "gem 'x', require: false\n"),
        "- - -: rails@~> 7.1(runtime) pg@(runtime) rspec@(test) x@(runtime)");
    ck_assert_str_eq(read_by(forge_survey_gem,
                             "Gem::Specification.new do |s|\n  s.name = 'n'\n  s.version='1'\n  s.license = "
                             "\"MIT\"\n  s.add_dependency 'a', '>= 1'\n  s.add_development_dependency('b')\nend\n"),
                     "n 1 MIT: a@>= 1(runtime) b@(dev)");
}
END_TEST

START_TEST(test_needs_are_bounded)
{
    forge_survey_manifest_t manifest = {.path = "x"};
    for (int i = 0; i < FORGE_SURVEY_NEEDS + 5; i++)
        forge_survey_requirements(&manifest, "abc\n", 4);
    ck_assert_uint_eq(manifest.count, FORGE_SURVEY_NEEDS);
    ck_assert(manifest.cut);
    char *deep = malloc(1 << 20);
    memset(deep, '[', 1 << 20);
    forge_survey_npm(&manifest, deep, 1 << 20);
    memset(deep, '<', 1 << 20);
    forge_survey_maven(&manifest, deep, 1 << 20);
    free(deep);
}
END_TEST

static const char *language(const char *path, const char *text)
{
    const forge_survey_language_t *found = forge_survey_language(path, text, text ? strlen(text) : 0);
    return found ? found->name : "";
}

START_TEST(test_languages)
{
    ck_assert_str_eq(language("a/b.c", NULL), "C");
    ck_assert_str_eq(language("X.PY", NULL), "Python");
    ck_assert_str_eq(language("a.b/Makefile", NULL), "Makefile");
    ck_assert_str_eq(language("page.html.erb", NULL), "HTML+ERB");
    ck_assert_str_eq(language("x.ts", NULL), "TypeScript");
    ck_assert_str_eq(language("README.md", NULL), "Markdown");
    ck_assert_str_eq(language("run", "#!/usr/bin/env -S python3 -u\n"), "Python");
    ck_assert_str_eq(language("run", "#! /bin/sh\n"), "Shell");
    ck_assert_str_eq(language("run", "#!"), "");
    ck_assert_str_eq(language("run", "#!/usr/bin/env"), "");
    ck_assert_str_eq(language("no.such-extension", "text"), "");
    for (size_t i = 1; forge_survey_language_at(i); i++)
        ck_assert_int_lt(strcmp(forge_survey_language_at(i - 1)->name, forge_survey_language_at(i)->name), 0);
}
END_TEST

static unsigned branches(const char *name, const char *text)
{
    return forge_survey_complexity(name, text, strlen(text));
}

START_TEST(test_complexity)
{
    ck_assert_uint_eq(branches("C", "int f(void) { return 0; }"), 1);
    ck_assert_uint_eq(
        branches("C", "if (a && b || c) while (x) ; // if if\n/* for */ puts(\"if && \\\" if\"); iffy();"), 5);
    ck_assert_uint_eq(branches("Rust", "fn f<'a>(x: &'a str) { if x { } }"), 2);
    ck_assert_uint_eq(branches("JavaScript", "const a = `if ${x} \n if`; if (a ?? b) {}"), 3);
    ck_assert_uint_eq(branches("Shell", "if true && x; then # if\n while y; do z; done; fi"), 4);
    ck_assert_uint_eq(branches("Lua", "--[[ if ]] if a and b then -- or\nend"), 3);
    ck_assert_uint_eq(branches("JSON", "if"), 0);
    char *quotes = malloc(1 << 20);
    for (int i = 0; i < 1 << 20; i++)
        quotes[i] = i % 2 ? '`' : '\\';
    ck_assert_uint_eq(forge_survey_complexity("C", quotes, 1 << 20), 1);
    free(quotes);
}
END_TEST

static const char *license(const char *text)
{
    const char *spdx = forge_survey_license(text, strlen(text));
    return spdx ? spdx : "";
}

START_TEST(test_licenses)
{
    ck_assert_str_eq(license("Permission is hereby granted, free of charge, to any "
                             "person\n obtaining a copy … The above copyright "
                             "notice and this permission notice shall be included"),
                     "MIT");
    ck_assert_str_eq(
        license("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007 … GNU Affero General Public License"),
        "GPL-3.0");
    ck_assert_str_eq(license("GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007"), "AGPL-3.0");
    ck_assert_str_eq(license("Apache License\nVersion 2.0, January 2004\nhttp://www.apache.org/licenses/"),
                     "Apache-2.0");
    ck_assert_str_eq(license("// SPDX-License-Identifier: LicenseRef-x.1+y\n"), "LicenseRef-x.1+y");
    ck_assert_str_eq(license("all rights reserved"), "");
    ck_assert_str_eq(license(""), "");
}
END_TEST

Suite *forge_test_survey_manifests(void)
{
    Suite *s = suite_create("survey_manifests");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, end);
    tcase_add_test(tc, test_npm);
    tcase_add_test(tc, test_locks);
    tcase_add_test(tc, test_python);
    tcase_add_test(tc, test_cargo_and_go);
    tcase_add_test(tc, test_java_and_ruby);
    tcase_add_test(tc, test_needs_are_bounded);
    tcase_add_test(tc, test_languages);
    tcase_add_test(tc, test_complexity);
    tcase_add_test(tc, test_licenses);
    suite_add_tcase(s, tc);
    return s;
}
