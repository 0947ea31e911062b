/* SPDX-License-Identifier: Apache-2.0
 * Taking turns: one statement waits for a row, the next one judges and changes what it then sees.
 */
#include "store_private.h"
#include "store/store.h"

const forge_stmt_t forge_store_hold_account = {
    "account_hold", "SELECT u.id FROM forge.users u WHERE u.id = $1::bigint FOR NO KEY UPDATE"};

typedef struct turn_t {
    const forge_stmt_t *wait, *then;
    forge_args_t args;
    forge_rows_t *rows;
} turn_t;

static forge_status_t take(forge_db_t *db, apr_pool_t *p, void *baton)
{
    turn_t *turn = baton;
    FORGE_TRY(forge_store_run(db, p, turn->wait, (forge_args_t){turn->args.values, 1, 0, false}, NULL));
    return forge_store_run(db, p, turn->then, turn->args, &turn->rows);
}

forge_status_t forge_store_in_turn(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *wait, const forge_stmt_t *then,
                                   forge_args_t args, forge_rows_t **rows)
{
    turn_t turn = {wait, then, args, NULL};
    FORGE_TRY(forge_store_tx(db, p, take, &turn));
    *rows = turn.rows;
    return FORGE_OK;
}
