/* SPDX-License-Identifier: Apache-2.0
 * What the tests of accounts share: an administrator, a student and an instructor.
 */
#ifndef FORGE_UNIT_STORE_ACCOUNTS_H
#define FORGE_UNIT_STORE_ACCOUNTS_H

#include "schema.h"
#include "store/users/users.h"

static forge_rows_t *rows;
static const forge_actor_t root = {.id = 1, .ip = "fe80::1%eth0", .request_id = "req-9"};

/* Account 1 is the administrator root, 2 student ada, 3 instructor bob. */
__attribute__((unused)) static void accounts_setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, email_key, username, full_name, role, password_hash) SELECT n || "
        "'@example.org', n || "
        "'@example.org',"
        " n, initcap(n) || ' 100%_x', r, '" FORGE_TEST_HASH
        "' FROM (VALUES ('root', 'admin'), ('ada', 'student'), ('bob', 'instructor')) AS v(n, r);"
        "INSERT INTO forge.sessions (user_id, expires_at, ip, user_agent) SELECT id, now() + interval '1 day', "
        "'192.0.2.1', 'curl' FROM "
        "forge.users;"
        "INSERT INTO forge.courses (title, instructor_id) VALUES ('C', 3)");
}

__attribute__((unused)) static const char *column(const char *name)
{
    const char *text = forge_store_rows_text(rows, 0, name);
    return text ? text : "NULL";
}

__attribute__((unused)) static forge_status_t update(apr_int64_t id, const char *members)
{
    const forge_patch_t patch = {.members = members};
    return forge_store_account_update(db, forge_test_pool, &root, id, &patch, &rows);
}

__attribute__((unused)) static const char *events(void)
{
    const char *text = ask("SELECT string_agg(event || ':' || coalesce(actor_id::text, '-') || '>' || "
                           "coalesce(subject_id::text, '-'), ' ' ORDER BY id)"
                           " FROM forge.audit_events");
    return text ? text : "";
}

#endif
