/* SPDX-License-Identifier: Apache-2.0
 * Interface of ctl/: what the commands of forgectl share. A command is a table of verbs, and each verb is a row with
 * its options. Parsing and help are made from the rows.
 */
#ifndef FORGE_CTL_H
#define FORGE_CTL_H

#include "net/net.h"
#include "run/run.h"
#include "store/store.h"
#include <apr_tables.h>

#define FORGE_CTL_FILE_MAX     (8 * 1024 * 1024) /* largest file a command reads */
#define FORGE_CTL_PASSWORD_MAX 1024              /* bytes of a password */

enum { FORGE_CTL_OK = 0, FORGE_CTL_FAILED = 1, FORGE_CTL_USAGE = 2 }; /* exit codes */

typedef struct forge_ctl_t {
    apr_pool_t *pool;
    apr_table_t *options; /* name → value; "" for options without one */
    char **args;          /* the words that are not options */
    int n_args;
    bool from_conf;     /* the connection string was read from an httpd configuration */
    const char *source; /* where it was read, for people; NULL: nowhere yet */
} forge_ctl_t;

typedef struct forge_ctl_option_t {
    const char *name;  /* "dsn" is --dsn; NULL ends a table */
    const char *value; /* name of its value in the help; NULL: it has no value */
    const char *help;
} forge_ctl_option_t;

/* Whether a verb accepts --dsn and --conf, and whether it can do anything without them. */
typedef enum forge_ctl_database_t { FORGE_CTL_APART, FORGE_CTL_DATABASE, FORGE_CTL_DATABASE_TOO } forge_ctl_database_t;

typedef struct forge_ctl_verb_t {
    const char *name; /* NULL: the command has no verbs and this is its only row; a second NULL row ends every table */
    const char *args; /* "EMAIL ROLE", shown in help */
    int n_args;       /* the exact number of arguments */
    forge_ctl_database_t database;
    const forge_ctl_option_t *options; /* NULL: none */
    const char *help;                  /* one line */
    int (*run)(forge_ctl_t *ctl);      /* returns an exit code */
} forge_ctl_verb_t;

typedef struct forge_ctl_command_t {
    const char *name, *help;
    const forge_ctl_verb_t *verbs;
} forge_ctl_command_t;

/* One line per command, each in the file of its name. */
extern const forge_ctl_verb_t forge_ctl_migrate[];
extern const forge_ctl_verb_t forge_ctl_user[];
extern const forge_ctl_verb_t forge_ctl_secret[];
extern const forge_ctl_verb_t forge_ctl_reseal[];
extern const forge_ctl_verb_t forge_ctl_openapi[];
extern const forge_ctl_verb_t forge_ctl_check[];
extern const forge_ctl_verb_t forge_ctl_doctor[];
extern const forge_ctl_verb_t forge_ctl_backup[];
extern const forge_ctl_verb_t forge_ctl_restore[];
extern const forge_ctl_verb_t forge_ctl_seed[];
extern const forge_ctl_verb_t forge_ctl_jobs[];

/* --- options.c --- */

/* The value of an option, or NULL when it was not given. */
const char *forge_ctl_option(const forge_ctl_t *ctl, const char *name);
bool forge_ctl_flag(const forge_ctl_t *ctl, const char *name);
/* A whole number between min and max, or `otherwise` if the option was not given; false, with a message, for anything
 * else. */
bool forge_ctl_number(const forge_ctl_t *ctl, const char *name, int min, int max, int otherwise, int *n);
/* Reads argv[first..] by the verb's row. FORGE_CTL_OK, or FORGE_CTL_USAGE with a message; *help is set if --help was
 * given. */
int forge_ctl_parse(forge_ctl_t *ctl, const forge_ctl_verb_t *verb, int argc, char **argv, bool *help);
/* Options as help shows them, aligned. */
void forge_ctl_options_print(const forge_ctl_verb_t *verb);

/* --- connect.c --- */

/* Opens the database named by --dsn, the first DBDParams of --conf or FORGE_DSN, in this order; NULL with a message. */
forge_db_t *forge_ctl_connect(forge_ctl_t *ctl);
/* The same, if its schema is the one of this build or a newer one that it can live with; else NULL, with a message that
 * names both numbers. */
forge_db_t *forge_ctl_connect_current(forge_ctl_t *ctl);
/* First argument of the first `directive` line in an httpd configuration file, unquoted; NULL if there is none.
 * Included files are not read. A variable is what a Define above that line says, or the environment; others stay. */
const char *forge_ctl_conf_find(forge_ctl_t *ctl, const char *file, const char *directive, const char **why);
/* Stores up to `max` arguments of that line in `words` and returns their number; 0 without such a line. */
int forge_ctl_conf_words(forge_ctl_t *ctl, const char *file, const char *directive, const char **words, int max);

/* How often each directive of mod_forge, of mod_dbd and of the size of the server stands in a configuration file: names
 * and counts, no values. NULL with *why. */
const apr_table_t *forge_ctl_conf_names(forge_ctl_t *ctl, const char *file, const char **why);

/* The connection string that --dsn, --conf or FORGE_DSN names; NULL with a message. */
const char *forge_ctl_conninfo(forge_ctl_t *ctl);

/* --- migrate.c --- */

/* The migrations of --dir, FORGE_MIGRATIONS or the installation; NULL with a message. */
apr_array_header_t *forge_ctl_migrations(forge_ctl_t *ctl);

/* --- child.c --- */

/* Runs a program of PostgreSQL and waits for it. It gets SIGTERM when this process is to end. Its messages go to
 * standard error; with `out` its standard output, of at most a page, is read instead. The exit code, or -1 when there
 * is no such program, or -2 when a signal ended it or came here. */
int forge_ctl_child(forge_ctl_t *ctl, const char *const *argv, const char **out);
/* Whether a signal that would have ended this process came since the first child was run. */
bool forge_ctl_interrupted(void);
/* How a child that did not end well has ended, by its name: "pg_dump was interrupted". */
const char *forge_ctl_child_end(forge_ctl_t *ctl, const char *name, int code);
/* The path of pg_dump or pg_restore, from --bin or PATH, whose major version is *major; NULL with a message. */
const char *forge_ctl_program(forge_ctl_t *ctl, const char *name, int *major);
/* The connection string without its password, which the children find in their environment; NULL with a message. */
const char *forge_ctl_child_conninfo(forge_ctl_t *ctl);

/* --- archive.c --- */

/* What is known of a backup; it stands beside it as FILE.json. */
typedef struct forge_ctl_archive_t {
    const char *sha256, *server_version, *made_at;
    apr_int64_t bytes, objects;     /* objects: large ones */
    int schema;                     /* migration of its database */
    const forge_json_t *tables;     /* name → rows */
    const forge_json_t *extensions; /* array of names */
} forge_ctl_archive_t;
/* Size and digest of a file; false, with a message. */
bool forge_ctl_archive_measure(forge_ctl_t *ctl, const char *path, forge_ctl_archive_t *archive);
forge_json_t *forge_ctl_archive_json(forge_ctl_t *ctl, const forge_ctl_archive_t *archive);
/* Writes FILE.json, for its owner alone, whole or not at all. */
bool forge_ctl_archive_write(forge_ctl_t *ctl, const char *file, const forge_ctl_archive_t *archive);
/* Reads FILE.json; *absent: there is none. False, with a message, for one that cannot be read or does not match. */
bool forge_ctl_archive_read(forge_ctl_t *ctl, const char *file, forge_ctl_archive_t *archive, bool *absent);
/* Rows by table as the database has them now; NULL with a message. *total: all of them. */
forge_json_t *forge_ctl_archive_tables(forge_ctl_t *ctl, forge_db_t *db, apr_int64_t *total);

/* --- bundle.c --- */

/* Makes the course of the bundle in this file, unless the account has one of its title already. *why, where it is not
 * NULL, says more than the status. */
forge_status_t forge_ctl_bundle_load(forge_ctl_t *ctl, forge_db_t *db, apr_int64_t account, const char *path,
                                     const char **why);

/* --- check.c --- */

/* Runs all checks; prints each, or adds it to `lines`, an array, unless that is NULL. Whether none of them failed. */
bool forge_ctl_check_all(forge_ctl_t *ctl, forge_json_t *lines);
/* The same for what a connection tells: server, schema, roles, clock, connections. */
bool forge_ctl_check_database(forge_ctl_t *ctl, forge_json_t *lines);
/* The options that the checks read. */
extern const forge_ctl_option_t forge_ctl_check_options[];

/* --- terminal.c --- */

void forge_ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Green "ok", yellow "warn" or red "FAIL", then a line; colours only on a terminal. */
typedef enum forge_ctl_mark_t { FORGE_CTL_GREEN, FORGE_CTL_YELLOW, FORGE_CTL_RED } forge_ctl_mark_t;
void forge_ctl_line(forge_ctl_mark_t mark, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The contents of a text file of at most FORGE_CTL_FILE_MAX bytes; NULL with *why. */
const char *forge_ctl_file_read(apr_pool_t *p, const char *path, apr_size_t *len, const char **why);

/* --- status.c --- */

/* The sentence for a status of store/, for messages: with what the server said, where that helps a person at the
 * shell. Valid until the next call. */
const char *forge_ctl_status(forge_status_t status);
/* Whether it is FORGE_OK. Else says "could not WHAT: *WHY" on standard error; without a reason, the status's
 * sentence. A pointer to the reason, because the call that gives the status may be what sets it. */
bool forge_ctl_done(forge_status_t status, const char *const *why, const char *what);
/* The connection whose failures the sentences are about, from now on. */
void forge_ctl_status_of(const forge_db_t *db);

/* --- json.c --- */

/* Whether --json was given: then standard output carries one JSON document and nothing else. */
bool forge_ctl_json(const forge_ctl_t *ctl);
/* A buffer for a document that is written piece by piece. */
forge_buf_t *forge_ctl_json_buf(apr_pool_t *p);
/* Prints what the buffer holds and empties it; false, with a message, if the buffer has failed. */
bool forge_ctl_json_flush(forge_buf_t *b);
/* Prints a document and a newline. FORGE_CTL_OK, or FORGE_CTL_FAILED with a message. */
int forge_ctl_json_print(forge_ctl_t *ctl, const forge_json_t *document);

/* --- secret.c --- */

/* Turns a path of the command line, which may be relative, into the form of ForgeSecret, for forge_core_secret_read. */
const char *forge_ctl_secret_spelled(forge_ctl_t *ctl, const char *path);

/* --- mail.c --- */

/* Checks whether mail can be sent as ForgeMail in `conf` says. Looks at the directory, or connects to the mail server
 * with TLS and login without sending mail. Returns green, yellow or red, and the line to show. */
forge_ctl_mark_t forge_ctl_mail_check(forge_ctl_t *ctl, const char *conf, const char **line);

/* --- import.c --- */

/* Whether a name can be shown: text in UTF-8 of at most 200 characters without control characters; NULL: it can. */
bool forge_ctl_full_name_good(const char *name);

/* The verb "user import". */
int forge_ctl_user_import(forge_ctl_t *ctl);

/* --- prompt.c --- */

/* One line from standard input, wiped with the pool; without echo, after a prompt on standard error, if it is a
 * terminal. Whatever ends or stops this process meanwhile gives the terminal its echo back. NULL: there is no line. At
 * most FORGE_CTL_PASSWORD_MAX + 1 bytes of it are kept. */
const char *forge_ctl_prompt(apr_pool_t *p, const char *prompt, apr_size_t *len);

/* --- password.c --- */

/* clang-format off */
/* Rows for the option table of a verb that needs one. */
#define FORGE_CTL_PASSWORD_OPTIONS                                                 \
    {"password-file", "FILE", "take the password from the first line of FILE"},    \
    {"generate", NULL, "make a password and print it once"},                       \
    {"cost", "N", "bcrypt cost, 10 to 15 (12)"}
/* clang-format on */
/* A password from --password-file, from --generate, or asked for without echo (or read from standard input that is not
 * a terminal); never from argv. It is checked against the rules. *generated: it must be shown. NULL with a message.
 * Wiped with ctl->pool. */
const char *forge_ctl_password(forge_ctl_t *ctl, const char *email, const char *username, bool *generated);
/* Makes four groups of letters and digits that satisfy every rule: about 95 bits. */
const char *forge_ctl_password_generate(apr_pool_t *p);
/* Whether a password satisfies the rules; prints a message for each broken rule. */
bool forge_ctl_password_good(apr_pool_t *p, const char *password, const char *email, const char *username);
/* The first rule that a password breaks, in words that do not quote it; NULL: none. */
const char *forge_ctl_password_fault(apr_pool_t *p, const char *password, const char *email, const char *username);
/* Reads --cost; false, with a message, if it is invalid or if options contradict each other. Call it before any slow
 * work. */
bool forge_ctl_password_options(const forge_ctl_t *ctl, int *cost);
/* The hash of a password; NULL with a message. */
const char *forge_ctl_password_hash(forge_ctl_t *ctl, const char *password, int cost);

#endif
