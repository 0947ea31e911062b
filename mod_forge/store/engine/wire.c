/* SPDX-License-Identifier: Apache-2.0
 * The one way to wait for the database: poll(2) on libpq's socket with a deadline, so that a server that hangs costs a
 * bounded time.
 */
#include "store_private.h"
#include "store/store.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

apr_int64_t forge_store_deadline(const forge_db_t *db)
{
    return db->settings.answer_timeout > 0 ? forge_util_monotonic() + db->settings.answer_timeout : 0;
}

/* poll(2) on one descriptor until the deadline (0: none), whatever signals arrive. 0 when time is up. */
static int wait_for(int fd, short events, apr_int64_t deadline)
{
    struct pollfd watch = {.fd = fd, .events = events};
    for (;;) {
        apr_int64_t left = deadline ? deadline - forge_util_monotonic() : 0;
        if (deadline && left <= 0)
            return 0;
        int ready = poll(&watch, 1, deadline ? (int)(left / 1000) + 1 : -1);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return ready;
    }
}

/* One step of an exchange: sends what is left to send, or reads what came. When it cannot go on the connection is
 * broken. */
static void advance(forge_db_t *db, apr_int64_t deadline)
{
    int unsent = PQflush(db->conn);
    int ready = unsent < 0 ? -1 : wait_for(PQsocket(db->conn), (short)(unsent ? POLLIN | POLLOUT : POLLIN), deadline);
    if (ready == 0 && db->link)
        db->link->unanswered = true;
    if (ready == 0)
        forge_store_say(db, true, "FG0201", "no answer from the database for %d ms, its connection is dropped",
                        (int)(db->settings.answer_timeout / 1000));
    /* PQconsumeInput without input is harmless, and after a failed send it finds the server's last words. */
    if (ready == 0 || !PQconsumeInput(db->conn) || ready < 0)
        forge_store_break(db);
}

PGresult *forge_store_next(forge_db_t *db, apr_int64_t deadline)
{
    while (PQstatus(db->conn) == CONNECTION_OK && PQisBusy(db->conn))
        advance(db, deadline);
    return PQgetResult(db->conn);
}

void forge_store_native_break(void *native)
{
    PGconn *conn = native;
    int fd = PQsocket(conn);
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
    /* What the kernel still holds for us comes before the end of file that libpq has to see; the bound is far above any
     * socket buffer. */
    for (int i = 0; i < 10000 && PQstatus(conn) == CONNECTION_OK; i++)
        PQconsumeInput(conn);
}

void forge_store_break(forge_db_t *db)
{
    forge_store_native_break(db->conn);
}

bool forge_store_alive(PGconn *conn)
{
    struct pollfd watch = {.fd = PQsocket(conn), .events = POLLIN};
    /* An idle connection is readable for a server's last words and the end of file behind them, or for a harmless
     * change of a parameter. */
    for (int i = 0; i < 8 && PQstatus(conn) == CONNECTION_OK && poll(&watch, 1, 0) > 0; i++) {
        if (!PQconsumeInput(conn))
            break;
        (void)PQisBusy(conn);
    }
    return PQstatus(conn) == CONNECTION_OK;
}

void forge_store_unwritable(forge_db_t *db)
{
    if (!db->link->unwritable && db->link->replica)
        forge_store_say(db, false, "FG0214", "the replica is a standby no more, its connection is dropped");
    else if (!db->link->unwritable)
        forge_store_say(db, true, "FG0210", "the database server is a standby or read-only, its connection is dropped");
    db->link->unwritable = true;
    forge_store_break(db);
}

bool forge_store_writable(forge_db_t *db)
{
    static const char *const reports[] = {"in_hot_standby", "default_transaction_read_only"};
    bool writable = true;
    for (int i = 0; i < (db->link->replica ? 1 : 2) && db->link->pooled; i++) {
        const char *value = PQparameterStatus(db->conn, reports[i]);
        writable = writable && !(value && strcmp(value, db->link->replica ? "off" : "on") == 0);
    }
    if (!writable)
        forge_store_unwritable(db);
    return writable;
}
