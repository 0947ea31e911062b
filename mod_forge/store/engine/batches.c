/* SPDX-License-Identifier: Apache-2.0
 * What is deleted a part at a time, so that nobody waits long for its locks.
 */
#include "store_private.h"
#include "store/store.h"

forge_status_t forge_store_in_batches(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *what, apr_int64_t most)
{
    apr_pool_t *turn;
    apr_int64_t n = most;
    forge_status_t status = FORGE_OK;
    apr_pool_create(&turn, p);
    for (int i = 0; n == most && i < FORGE_BATCHES_MAX && status == FORGE_OK; i++) {
        forge_rows_t *rows;
        status = forge_store_run(db, turn, what, FORGE_ARGS(forge_util_itoa(turn, most)), &rows);
        n = status == FORGE_OK ? forge_store_rows_int(rows, 0, "n", 0) : 0;
        if (status == FORGE_E_TIMEOUT && most > 1) {
            n = most /= 10;
            status = FORGE_OK;
        }
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
    return status;
}
