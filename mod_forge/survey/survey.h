/* SPDX-License-Identifier: Apache-2.0
 * forge-survey: a program of its own that looks through a folder, which is a repository that was just cloned, and
 * prints what it saw as one JSON document. It runs inside the sandbox, in the run that made the clone, and links
 * nothing of libforge. The folder is somebody else's: no link is followed, nothing but plain files is opened, and
 * whatever is read, kept or printed has a limit in this file.
 */
#ifndef FORGE_SURVEY_H
#define FORGE_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FORGE_SURVEY_DEPTH_MAX   32          /* folders within folders */
#define FORGE_SURVEY_PATH_MAX    1024        /* bytes of a path */
#define FORGE_SURVEY_ENTRIES_MAX 20000       /* files, folders, links that are looked at */
#define FORGE_SURVEY_FILE_MAX    (1 << 20)   /* bytes of a file that is read; of larger ones only the size is known */
#define FORGE_SURVEY_LOCK_MAX    (8 << 20)   /* bytes of a lock file, which lists licences */
#define FORGE_SURVEY_READ_MAX    (256 << 20) /* bytes that are read in all */
#define FORGE_SURVEY_NAME_MAX    200         /* bytes of a name in the document */
#define FORGE_SURVEY_TREE_MAX    1000        /* rows of the tree in the document */
#define FORGE_SURVEY_TOP         20          /* rows of the largest and of the most complex files */
#define FORGE_SURVEY_MANIFESTS   50          /* manifests in the document */
#define FORGE_SURVEY_NEEDS       1000        /* dependencies in the document, of all manifests together */
#define FORGE_SURVEY_OUTLINE     100         /* headings of the README */
#define FORGE_SURVEY_PATHS       20          /* examples of tests, continuous integration, licences */
#define FORGE_SURVEY_TEXTS       200         /* texts for questions */
#define FORGE_SURVEY_TEXT_MAX    (24 << 10)  /* bytes of one of them */
#define FORGE_SURVEY_TEXTS_MAX   (1 << 20)   /* bytes of all of them */

/* --- memory.c: what is kept until the program ends --- */

/* Memory that is only given back by forge_survey_forget. No memory ends the program with status 3. */
void *forge_survey_keep(size_t size);
char *forge_survey_keep_text(const char *text, size_t len);
void forge_survey_forget(void);

/* --- text.c: letters by their code, whatever the locale --- */

typedef struct forge_survey_span_t {
    const char *at;
    size_t len;
} forge_survey_span_t;

bool forge_survey_is_word(char c); /* a letter, a digit, an underscore */
bool forge_survey_is_blank(char c);
char forge_survey_lower(char c);
/* The next line of `rest`, without its end, trimmed of blanks when `trim`; false at the end of the text. */
bool forge_survey_line(forge_survey_span_t *rest, forge_survey_span_t *line, bool trim);
forge_survey_span_t forge_survey_trim(forge_survey_span_t span);
bool forge_survey_is(forge_survey_span_t span, const char *text);
bool forge_survey_starts(forge_survey_span_t span, const char *text);
/* The text between the first pair of quotes, of either kind; {NULL, 0} when there is none. *rest is what follows. */
forge_survey_span_t forge_survey_quoted(forge_survey_span_t in, forge_survey_span_t *rest);
/* Whether `text` ends in `end`, by bytes. */
bool forge_survey_ends(const char *text, const char *end);

/* --- out.c: the document --- */

/* Members of the object or array that is open. `key` is NULL in an array. Bytes that are no UTF-8 and control
 * characters become U+FFFD, except line ends and tabs. A text is cut after `max` bytes, never within a character. */
void forge_survey_open(const char *key, char bracket);
void forge_survey_close(char bracket);
void forge_survey_text(const char *key, const char *text, size_t len, size_t max);
void forge_survey_name(const char *key, const char *text); /* at most FORGE_SURVEY_NAME_MAX; NULL writes nothing */
void forge_survey_number(const char *key, int64_t number);
void forge_survey_bool(const char *key, bool is);
/* The document so far. */
forge_survey_span_t forge_survey_document(void);
void forge_survey_document_drop(void);

/* --- languages.c --- */

typedef struct forge_survey_language_t {
    const char *name, *type; /* programming, markup, data or prose */
} forge_survey_language_t;

/* By the name of a file, else by the interpreter that its first line names. NULL: unknown. */
const forge_survey_language_t *forge_survey_language(const char *path, const char *text, size_t len);
const forge_survey_language_t *forge_survey_language_at(size_t i); /* NULL after the last one */
size_t forge_survey_language_index(const forge_survey_language_t *language);

/* --- complexity.c --- */

/* How often a text of that language branches, plus one: its cyclomatic number, taken as one piece. Words in comments
 * and strings do not count. 0 for a language that does not branch or is not known here. */
unsigned forge_survey_complexity(const char *language, const char *text, size_t len);

/* --- walk.c --- */

typedef enum forge_survey_kind_t {
    FORGE_SURVEY_FILE,
    FORGE_SURVEY_FOLDER,
    FORGE_SURVEY_LINK,
    FORGE_SURVEY_SPECIAL,  /* a pipe, a socket, a device */
    FORGE_SURVEY_SUBMODULE /* a folder whose content is in another repository */
} forge_survey_kind_t;

typedef struct forge_survey_entry_t {
    const char *path; /* from the folder, without "./" */
    uint64_t bytes;
    forge_survey_kind_t kind;
    unsigned depth; /* 0: in the folder itself */
    bool vendored;  /* below node_modules, vendor and the like */
    bool foreign;   /* vendored, or made by a program: not counted as the project's own */
    bool binary, read, lfs;
    unsigned lines, blank, complexity, functions, worst; /* of the most complex function */
    const char *worst_name;
    const forge_survey_language_t *language;
} forge_survey_entry_t;

typedef struct forge_survey_t {
    int folder;
    forge_survey_entry_t *entries; /* level by level, sorted by bytes within a folder */
    size_t count;
    bool cut; /* there is more than the limits let be seen */
    uint64_t read;
    const char *const *submodules; /* paths */
    size_t submodules_count;
} forge_survey_t;

/* Lists the tree below survey->folder, except .git of the top. */
void forge_survey_walk(forge_survey_t *survey);
/* The bytes of a plain file, at most `max`, each component opened without following links; NULL when that is not what
 * it is or it is larger. Ends with a NUL that *len does not count. Valid until the next call. */
const char *forge_survey_read(forge_survey_t *survey, const char *path, size_t max, size_t *len);
const char *forge_survey_base(const char *path);

/* --- needs.c: what a manifest needs --- */

typedef struct forge_survey_need_t {
    const char *name, *version, *scope, *license; /* scope: runtime, dev, build, optional, test; may be NULL */
} forge_survey_need_t;

typedef struct forge_survey_manifest_t {
    const char *path, *ecosystem, *name, *version, *license;
    forge_survey_need_t *needs;
    size_t count;
    bool cut;
} forge_survey_manifest_t;

/* Adds a dependency; empty names and those after FORGE_SURVEY_NEEDS are left out. Spans may be {NULL, 0}. */
forge_survey_need_t *forge_survey_need(forge_survey_manifest_t *manifest, forge_survey_span_t name,
                                       forge_survey_span_t version, const char *scope);
/* Writes a licence that a lock file states at the dependency of that name. */
void forge_survey_need_license(forge_survey_manifest_t *manifest, forge_survey_span_t name, const char *license);

/* --- manifests.c: who finds which reader; manifest_*.c: the readers, by the form of the file --- */

typedef void (*forge_survey_reader_t)(forge_survey_manifest_t *manifest, const char *text, size_t len);

bool forge_survey_is_manifest(const char *path);
/* Reads a manifest, and the lock file beside it. False: it is none, or cannot be read. */
bool forge_survey_manifest(forge_survey_t *survey, const char *path, forge_survey_manifest_t *manifest);
/* The i-th reader, for the fuzzer; NULL where there is none. */
forge_survey_reader_t forge_survey_reader_at(size_t i);
const char *forge_survey_keep_span(forge_survey_span_t span); /* up to its first NUL; NULL for an empty one */

void forge_survey_npm(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_npm_lock(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_composer(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_composer_lock(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_pyproject(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_pipfile(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_cargo(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_requirements(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_go(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_maven(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_gradle(forge_survey_manifest_t *manifest, const char *text, size_t len);
void forge_survey_gem(forge_survey_manifest_t *manifest, const char *text, size_t len);
/* Splits "requests[socks]>=2.31; python_version>'3'" (PEP 508) and adds it. */
void forge_survey_pep508(forge_survey_manifest_t *manifest, forge_survey_span_t line, const char *scope);

/* --- json.c, toml.c, xml.c: what the readers stand on. They never fail: what is no such text ends the walk. --- */

#define FORGE_SURVEY_LEVELS 16  /* deeper values are passed over */
#define FORGE_SURVEY_VALUE  256 /* bytes of a key or a value; longer ones are cut */

typedef struct forge_survey_at_t {
    unsigned depth; /* keys[0] to keys[depth - 1] lead to the value; in an array the key is "" */
    const char *keys[FORGE_SURVEY_LEVELS];
    unsigned index[FORGE_SURVEY_LEVELS]; /* of the value among its siblings */
} forge_survey_at_t;

/* Called for each value that is no object and no array. */
typedef void (*forge_survey_visit_t)(void *baton, const forge_survey_at_t *at, forge_survey_span_t value);
void forge_survey_json(const char *text, size_t len, forge_survey_visit_t visit, void *baton);
/* keys[0] is the section as it stands ("tool.poetry.dependencies", "" before the first), keys[1] the key, keys[2] that
 * of an inline table. Of an array each text is a visit. */
void forge_survey_toml(const char *text, size_t len, forge_survey_visit_t visit, void *baton);
/* keys are the names of the elements around a text. index[depth - 1] counts elements of that level within one parent.
 */
void forge_survey_xml(const char *text, size_t len, forge_survey_visit_t visit, void *baton);

/* --- license.c --- */

/* The SPDX identifier of a licence's text, or NULL. */
const char *forge_survey_license(const char *text, size_t len);

/* --- readme.c --- */

/* Writes title, outline and the number of words of a README (Markdown, reStructuredText or plain). */
void forge_survey_readme(const char *path, const char *text, size_t len);

/* --- child.c --- */

/* Runs a program with the folder as its current one and no environment but PATH and HOME; what `input` has is its
 * standard input. Returns what it wrote, at most `max` bytes; NULL when it is not there, fails or takes more than
 * `seconds`. */
const char *forge_survey_child(forge_survey_t *survey, const char *const *argv, forge_survey_span_t input, size_t max,
                               unsigned seconds, size_t *len);

/* --- history.c, python.c: what other programs say, when they are there --- */

/* Writes commits and dates by git log. */
void forge_survey_history(forge_survey_t *survey);
/* Replaces the estimate for Python by what Python's own parser says. */
void forge_survey_python(forge_survey_t *survey);

/* --- texts.c, look.c, report.c --- */

/* A README; the first one of a list that begins at the top is the project's. */
bool forge_survey_is_readme(const forge_survey_entry_t *entry);
bool forge_survey_is_test(const char *path);
/* Writes the texts that questions can be answered from: the README, documents, sources. */
void forge_survey_texts(forge_survey_t *survey);

/* Reads the files and fills in what is said of each. */
void forge_survey_look(forge_survey_t *survey);
/* Writes the document. */
void forge_survey_report(forge_survey_t *survey);

#endif
