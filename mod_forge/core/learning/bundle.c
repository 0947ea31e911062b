/* SPDX-License-Identifier: Apache-2.0
 * What field tables cannot say of the exercises in a bundle: the database would refuse the bundle without naming the
 * member that is to blame.
 */
#include "learning.h"
#include <apr_hash.h>
#include <apr_strings.h>
#include <string.h>

/* What one look at an exercise or a test carries along. */
typedef struct look_t {
    apr_pool_t *pool;
    forge_faults_t *faults;
    const char *pointer;
    const forge_json_t *item;
} look_t;

static void blame(const look_t *look, const char *name, const char *code, const char *detail)
{
    forge_core_fault(look->faults, apr_pstrcat(look->pool, look->pointer, "/", name, NULL), code, detail);
}

/* Programs, inputs and outputs are bounded in bytes, other texts in characters. */
static void check_bytes(const look_t *look, const char *name)
{
    apr_size_t len;
    if (forge_util_json_text(forge_util_json_get(look->item, name), &len) && len > FORGE_PROGRAM_BYTES)
        blame(look, name, "too_long", apr_psprintf(look->pool, "must have at most %d bytes", (int)FORGE_PROGRAM_BYTES));
}

/* As the database has it: a small letter, then small letters, digits, '_', '+', '#' and '-'. */
static void check_language(const look_t *look)
{
    const char *name = forge_util_json_text(forge_util_json_get(look->item, "language"), NULL);
    if (name && (*name < 'a' || *name > 'z' || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_+#-")] != '\0'))
        blame(look, "language", "format", "must be the name of a language, in small letters");
}

static void check_test(const look_t *look, apr_hash_t *names)
{
    const char *name = forge_util_json_text(forge_util_json_get(look->item, "name"), NULL);
    if (name && apr_hash_get(names, name, APR_HASH_KEY_STRING))
        blame(look, "name", "duplicate", "another test of the exercise has this name");
    if (name)
        apr_hash_set(names, name, APR_HASH_KEY_STRING, look);
    check_bytes(look, "stdin");
    check_bytes(look, "expected_stdout");
}

static void check_exercise(const look_t *look)
{
    const forge_json_t *tests = forge_util_json_get(look->item, "tests");
    apr_hash_t *names = apr_hash_make(look->pool);
    check_language(look);
    check_bytes(look, "starter_code");
    check_bytes(look, "solution");
    for (apr_size_t i = 0; i < forge_util_json_size(tests); i++) {
        const look_t test = {look->pool, look->faults,
                             apr_psprintf(look->pool, "%s/tests/%" APR_SIZE_T_FMT, look->pointer, i),
                             forge_util_json_at(tests, i)};
        check_test(&test, names);
    }
}

void forge_core_bundle_check(apr_pool_t *p, const forge_json_t *exercises, forge_faults_t *faults)
{
    apr_pool_t *turn;
    apr_pool_create(&turn, p);
    for (apr_size_t i = 0; i < forge_util_json_size(exercises); i++) {
        const look_t look = {turn, faults, apr_psprintf(turn, "/exercises/%" APR_SIZE_T_FMT, i),
                             forge_util_json_at(exercises, i)};
        check_exercise(&look);
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
}
