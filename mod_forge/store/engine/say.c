/* SPDX-License-Identifier: Apache-2.0
 * Messages for the error log reach out by callback; for the shell there are the words of the server.
 */
#include "store_private.h"
#include <stdarg.h>
#include <stdio.h>

void forge_store_say(const forge_db_t *db, bool is_error, const char *tag, const char *format, ...)
{
    char message[512];
    if (!db->log)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    db->log(db->baton, is_error, tag, message);
}

const char *forge_store_message(const forge_db_t *db)
{
    return db->message;
}

bool forge_store_denied(const forge_db_t *db)
{
    return db->denied;
}

const char *forge_store_role(const forge_db_t *db)
{
    const char *role = db->conn ? PQuser(db->conn) : NULL;
    return role ? role : "";
}
