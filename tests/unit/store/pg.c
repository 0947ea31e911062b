/* SPDX-License-Identifier: Apache-2.0
 * Starts and stops the private PostgreSQL of the tests of store/.
 */
#include "pg.h"
#include "test_places.h"
#include "../turkish.h"
#include "store/store.h"
#include "unit.h"
#include <apr_strings.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64]; /* holds data and socket */
static pid_t owner, postmaster;
static char logged[1024];

/* --- processes --- */

/* The newest PostgreSQL's programs; FORGE_PG_BINDIR overrides. */
static void program(char *path, size_t size, const char *name)
{
    const char *dir = getenv("FORGE_PG_BINDIR");
    glob_t found;
    if (dir) {
        snprintf(path, size, "%s/%s", dir, name);
        return;
    }
    snprintf(path, size, "/usr/lib/postgresql/*/bin/%s", name);
    if (glob(path, 0, NULL, &found) == 0) {
        snprintf(path, size, "%s", found.gl_pathv[found.gl_pathc - 1]);
        globfree(&found);
    } else {
        snprintf(path, size, "%s", name);
    }
}

/* Runs a program quietly, as user postgres when we are root, which PostgreSQL refuses to be. It ends when we do. */
static pid_t spawn(char *const argv[])
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct passwd *pw = getuid() == 0 ? getpwnam("postgres") : NULL;
    if (pw && (setgroups(0, NULL) || setgid(pw->pw_gid) || setuid(pw->pw_uid)))
        _exit(126);
    if (chdir(folder) || !freopen("server.log", "a", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
        _exit(126);
    setenv("LOCPATH", folder, 1);     /* of forge_test_pg_turkish */
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* after setuid, which clears it */
    execvp(argv[0], argv);
    _exit(127);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* atexit runs in forked tests too: only the program that started the server stops it. */
static void stop(void)
{
    if (owner != getpid())
        return;
    if (postmaster > 0 && kill(postmaster, SIGQUIT) == 0)
        waitpid(postmaster, NULL, 0);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void refuse(const char *what)
{
    fprintf(stderr, "store tests: %s (see %s/server.log)\n", what, folder);
    exit(1);
}

static void initialise(void)
{
    char path[256], data[128];
    int status;
    program(path, sizeof(path), "initdb");
    snprintf(data, sizeof(data), "%s/data", folder);
    char *argv[] = {path, "-D", data, "-U", "forge", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", NULL};
    pid_t pid = spawn(argv);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        refuse("initdb failed");
}

/* In the file, not on the command line, so that a test can change it by ALTER SYSTEM. */
static void configure(void)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/data/postgresql.conf", folder);
    FILE *file = fopen(path, "a");
    if (!file || fputs("fsync = off\nfull_page_writes = off\nsynchronous_commit = off\nmax_connections = 40\n"
                       "shared_buffers = 16MB\nautovacuum = off\nshared_preload_libraries = pg_stat_statements\n"
                       "pg_stat_statements.track_planning = on\n",
                       file) < 0)
        refuse("could not write postgresql.conf");
    fclose(file);
}

static void serve(void)
{
    char path[256], data[128], conninfo[160];
    program(path, sizeof(path), "postgres");
    snprintf(data, sizeof(data), "%s/data", folder);
    char *argv[] = {path, "-D", data, "-k", folder, "-h", "", "-p", "5432", NULL};
    if ((postmaster = spawn(argv)) < 0)
        refuse("could not start postgres");
    snprintf(conninfo, sizeof(conninfo), "host=%s port=5432 user=forge dbname=postgres", folder);
    for (int i = 0; PQping(conninfo) != PQPING_OK; i++) {
        if (i == 600 || waitpid(postmaster, NULL, WNOHANG) != 0)
            refuse("postgres does not answer");
        usleep(50000);
    }
}

void forge_test_pg_start(void)
{
    if (owner)
        return;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%.40s/forge-pg-XXXXXX", tmp && strlen(tmp) <= 40 ? tmp : "/tmp");
    if (!mkdtemp(folder))
        refuse("could not make a folder");
    owner = getpid();
    atexit(stop);
    struct passwd *pw = getuid() == 0 ? getpwnam("postgres") : NULL;
    if (getuid() == 0 && (!pw || chown(folder, pw->pw_uid, pw->pw_gid)))
        refuse("there is no user postgres to run the server as");
    initialise();
    configure();
    serve();
}

/* --- databases and connections --- */

static apr_status_t finish(void *conn)
{
    PQfinish(conn);
    return APR_SUCCESS;
}

static void no_notice(void *baton, const char *message)
{
    (void)baton;
    (void)message;
}

PGconn *forge_test_pg_connect(apr_pool_t *p, const char *conninfo)
{
    PGconn *conn = PQconnectdb(conninfo);
    ck_assert_msg(PQstatus(conn) == CONNECTION_OK, "%s", PQerrorMessage(conn));
    PQsetNoticeProcessor(conn, no_notice, NULL);
    apr_pool_cleanup_register(p, conn, finish, apr_pool_cleanup_null);
    return conn;
}

static void command(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK, "%s", PQerrorMessage(conn));
    PQclear(result);
}

/* DROP and CREATE by a connection of its own, which is gone before the new database is used. */
static const char *database_make(apr_pool_t *p, const char *name, const char *like)
{
    apr_pool_t *scratch;
    apr_pool_create(&scratch, p);
    const char *where = apr_psprintf(p, "host=%s port=5432 user=forge dbname=", folder);
    PGconn *conn = forge_test_pg_connect(scratch, apr_pstrcat(scratch, where, "postgres", NULL));
    command(conn, apr_pstrcat(scratch, "DROP DATABASE IF EXISTS ", name, " WITH (FORCE)", NULL));
    command(conn, apr_pstrcat(scratch, "CREATE DATABASE ", name, like ? " TEMPLATE " : "", like, NULL));
    apr_pool_destroy(scratch);
    return apr_pstrcat(p, where, name, NULL);
}

const char *forge_test_pg_database(apr_pool_t *p, const char *name, bool schema)
{
    logged[0] = '\0'; /* every test begins with a database of its own, also without fork */
    const char *where = database_make(p, name, NULL);
    if (schema)
        command(forge_test_pg_connect(p, where), "CREATE SCHEMA forge; CREATE TABLE forge.migrations (number int "
                                                 "PRIMARY KEY, name text, sha256 text, applied_at timestamptz);"
                                                 "INSERT INTO forge.migrations VALUES (1000000, 'all', '', now())");
    return where;
}

static const char make_role[] =
    "DO $$ BEGIN IF to_regrole('forge_app') IS NULL THEN CREATE ROLE forge_app LOGIN; END IF; END $$";

/* Migrates a database as forgectl does; the role is of the whole cluster. */
static void migrate(apr_pool_t *p, const char *where)
{
    const char *why = "";
    apr_array_header_t *files = forge_store_migrations_read(p, FORGE_SRCDIR "/sql/migrations", &why);
    ck_assert_msg(files != NULL, "%s", why);
    forge_db_t *admin = forge_store_db_connect(p, where, &why);
    ck_assert_msg(admin != NULL, "%s", why);
    ck_assert_msg(forge_store_script(admin, p, make_role, &why) == FORGE_OK, "%s", why);
    ck_assert_msg(forge_store_migrations_apply(admin, p, &(forge_migrate_t){files, 0, "forge_app", NULL}, &why) ==
                      FORGE_OK,
                  "%s", why);
}

const char *forge_test_pg_migrated(apr_pool_t *p, const char *name)
{
    static bool made; /* the template, by the first suite of this program that asks */
    if (!made) {
        apr_pool_t *scratch; /* nobody may be connected to a template */
        apr_pool_create(&scratch, p);
        migrate(scratch, database_make(scratch, "migrated", NULL));
        apr_pool_destroy(scratch);
        made = true;
    }
    return database_make(p, name, "migrated");
}

const char *forge_test_pg_turkish(apr_pool_t *p, const char *name, bool icu)
{
    static bool made;
    apr_pool_t *scratch; /* no connection stays open */
    if (!icu && !made)
        forge_test_locale_make(folder, "UTF-8");
    made = made || !icu;
    apr_pool_create(&scratch, p);
    const char *where =
        database_make(p, name,
                      icu ? "template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'"
                          : "template0 ENCODING 'UTF8' LC_COLLATE 'tr_TR.UTF-8' LC_CTYPE 'tr_TR.UTF-8'");
    migrate(scratch, where);
    apr_pool_destroy(scratch);
    return where;
}

static void note(void *baton, bool is_error, const char *tag, const char *message)
{
    (void)baton;
    (void)is_error;
    ck_assert(strlen(message) > 0);
    if (strlen(logged) + strlen(tag) + 2 < sizeof(logged))
        strcat(strcat(logged, tag), " ");
}

const char *forge_test_pg_logged(void)
{
    return logged;
}

static forge_db_t *attach(apr_pool_t *p, PGconn *conn, const forge_db_settings_t *settings)
{
    forge_db_t *db;
    ck_assert_int_eq(forge_store_db_attach(p, conn, settings, &(forge_db_use_t){"unit-test", note, NULL}, &db),
                     FORGE_OK);
    return db;
}

forge_db_t *forge_test_pg_attach(apr_pool_t *p, PGconn *conn)
{
    static const forge_db_settings_t settings = {.statement_timeout = 20 * APR_USEC_PER_SEC,
                                                 .answer_timeout = 22 * APR_USEC_PER_SEC,
                                                 .idle_timeout = 30 * APR_USEC_PER_SEC};
    return attach(p, conn, &settings);
}

forge_db_t *forge_test_pg_attach_owner(apr_pool_t *p, PGconn *conn)
{
    static const forge_db_settings_t settings = {.statement_timeout = 60 * APR_USEC_PER_SEC,
                                                 .answer_timeout = 62 * APR_USEC_PER_SEC,
                                                 .idle_timeout = 70 * APR_USEC_PER_SEC};
    return attach(p, conn, &settings);
}

const char *forge_test_pg_ask(forge_db_t *db, apr_pool_t *p, const char *sql)
{
    const forge_stmt_t stmt = {"", apr_pstrcat(p, "SELECT x::text AS x FROM (", sql, ") q(x)", NULL)};
    forge_rows_t *rows;
    ck_assert_int_eq(forge_store_run(db, p, &stmt, FORGE_NO_ARGS, &rows), FORGE_OK);
    return forge_store_rows_text(rows, 0, "x");
}

void forge_test_pg_do(forge_db_t *db, apr_pool_t *p, const char *sql)
{
    const char *why = "";
    forge_status_t status = forge_store_script(db, p, sql, &why);
    ck_assert_msg(status == FORGE_OK, "%s: %s", sql, why);
}
