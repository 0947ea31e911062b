/* SPDX-License-Identifier: Apache-2.0
 * Another PostgreSQL beside the one of the tests.
 */
#include "standby.h"
#include "harness.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES (20 * env_patience(20)) /* of 50 ms; a generous end, not a promise about time */

static int other_pid; /* the other PostgreSQL */

char *standby_data(void)
{
    return F("%s/pgdata-other", env.dir);
}

char *standby_run(void)
{
    return F("%s/run-other", env.dir);
}

static char *run_as_postgres(const char *const *argv)
{
    char *out;
    ck_assert_msg(process_run("postgres", argv, &out) == 0, "%s: %s", argv[0], out);
    return out;
}

void standby_start(void)
{
    const char *argv[] = {F("%s/postgres", env.bin), "-D", standby_data(), "-k", standby_run(), "-p", "5433", NULL};
    other_pid = process_start("postgres", argv, F("%s/logs/postgresql-other.log", env.dir));
    for (int i = 0; i < TRIES; i++) {
        if (PQping(F("host=%s port=5433 dbname=postgres user=postgres", standby_run())) == PQPING_OK)
            return;
        pause_ms(50);
    }
    ck_abort_msg("the other server does not start: %s", file_read(F("%s/logs/postgresql-other.log", env.dir), 0));
}

void standby_stop(void)
{
    if (other_pid <= 0)
        return;
    process_kill(other_pid, SIGCONT);
    process_kill(other_pid, SIGQUIT);
    ck_assert(process_wait(other_pid, 20));
    other_pid = 0;
}

/* A copy of the running cluster; as a replica of it with `replica`. */
void standby_make(bool replica)
{
    const char *folders[] = {"mkdir", "-p", standby_run(), NULL}, *remove[] = {"rm", "-rf", standby_data(), NULL};
    const char *own[] = {"chown", "postgres", standby_run(), NULL};
    ck_assert_int_eq(process_run(NULL, folders, NULL), 0);
    ck_assert_int_eq(process_run(NULL, remove, NULL), 0);
    if (env.root)
        ck_assert_int_eq(process_run(NULL, own, NULL), 0);
    const char *make[] = {"install", "-d", "-m", "0700", standby_data(), NULL};
    const char *give[] = {"chown", "postgres", standby_data(), NULL};
    ck_assert_int_eq(process_run(NULL, make, NULL), 0);
    if (env.root)
        ck_assert_int_eq(process_run(NULL, give, NULL), 0);
    const char *copy[] = {F("%s/pg_basebackup", env.bin),
                          "-h",
                          F("%s/run", env.dir),
                          "-p",
                          "5432",
                          "-U",
                          "postgres",
                          "-D",
                          standby_data(),
                          "-c",
                          "fast",
                          "-X",
                          "stream",
                          replica ? "-R" : NULL,
                          NULL};
    run_as_postgres(copy);
}

char *standby_sql(const char *format, ...)
{
    char *statement;
    va_list args;
    va_start(args, format);
    ck_assert_int_ge(vasprintf(&statement, format, args), 0);
    va_end(args);
    PGconn *conn = PQconnectdb(F("host=%s port=5433 dbname=forge user=postgres", standby_run()));
    PGresult *result = PQexec(conn, statement);
    ExecStatusType status = PQresultStatus(result);
    char *value = F("%s", status == PGRES_TUPLES_OK && PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    char *message = F("%s: %s", statement, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
    free(statement);
    ck_assert_msg(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s", message);
    return value;
}

void standby_freeze(bool still)
{
    env_processes_freeze(other_pid, still);
}

void standby_wait_replayed(void)
{
    char *end = F("%s", sql("SELECT pg_current_wal_insert_lsn()"));
    for (int i = 0; i < TRIES; i++) {
        if (strcmp(standby_sql("SELECT coalesce(pg_last_wal_replay_lsn() >= '%s', true)", end), "t") == 0)
            return;
        pause_ms(50);
    }
    ck_abort_msg("the replica does not follow");
}
