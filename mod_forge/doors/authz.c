/* SPDX-License-Identifier: Apache-2.0
 * Require forge-role, forge-org, forge-user, forge-enrolled and forge-mfa. Their arguments are read at configtest,
 * those with %{…} at each request, so that one <LocationMatch> can protect the folders of all organisations or
 * courses.
 */
#include "doors_private.h"
#include "core/identity/identity.h"
#include "store/learning/learning.h"

#include <httpd.h>
#include <ap_expr.h>
#include <ap_provider.h>
#include <http_config.h>
#include <http_log.h>
#include <http_request.h>
#include <mod_auth.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define SLUG_MAX 63

typedef struct word_t { /* one argument of a Require line */
    const char *text;
    ap_expr_info_t *expression; /* NULL: the plain text */
} word_t;

/* How one kind of Require line is read and decided. */
typedef struct kind_t {
    const char *name, *form;
    bool (*good)(apr_pool_t *p, const char *word);
    bool (*holds)(request_rec *r, forge_visitor_t *visitor, const char *word); /* one word that holds is enough */
    bool bare;                                                                 /* accepts no arguments */
    bool for_admins; /* always holds for platform administrators */
} kind_t;

/* --- forge-role: at least that role --- */

static bool role_good(apr_pool_t *p, const char *word)
{
    (void)p;
    return forge_core_role_parse(word) != FORGE_ROLE_NONE;
}

static bool role_holds(request_rec *r, forge_visitor_t *visitor, const char *word)
{
    forge_role_t least = forge_core_role_parse(word);
    (void)r;
    return least != FORGE_ROLE_NONE && visitor->who.role >= least;
}

/* --- forge-org: at least that role in the organisation --- */

/* The rank of an organisation role; 0: not a role. */
static int rank_of(const char *role, apr_size_t len)
{
    static const char *const names[] = {"member", "admin", "owner"};
    for (int i = 0; i < 3; i++)
        if (strlen(names[i]) == len && strncmp(names[i], role, len) == 0)
            return i + 1;
    return 0;
}

/* Whether the text is "#" and a number as the database gives them. */
static bool number_read(const char *word, apr_size_t len, apr_int64_t *id)
{
    return len > 1 && word[0] == '#' && word[1] >= '1' && word[1] <= '9' && forge_util_atoi(word + 1, len - 1, id);
}

/* Splits "slug:role", "slug", "#7:role" or "#7"; the slug must have the form of the database. */
static bool org_read(const char *word, apr_size_t *name_len, int *rank)
{
    apr_size_t len = strcspn(word, ":");
    apr_int64_t id;
    *name_len = len;
    *rank = word[len] ? rank_of(word + len + 1, strlen(word + len + 1)) : 1;
    if (*rank > 0 && number_read(word, len, &id))
        return true;
    if (len == 0 || len > SLUG_MAX || *rank == 0 || strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") < len)
        return false;
    for (apr_size_t i = 0; i < len; i++)
        if (word[i] == '-' && (i == 0 || i + 1 == len || word[i + 1] == '-'))
            return false;
    return true;
}

static bool org_good(apr_pool_t *p, const char *word)
{
    apr_size_t len;
    int rank;
    (void)p;
    return org_read(word, &len, &rank);
}

/* Looks the slug up in "slug:role slug:role", the number in "#7:role #9:role". */
static bool org_holds(request_rec *r, forge_visitor_t *visitor, const char *word)
{
    apr_size_t len;
    int least;
    (void)r;
    if (!org_read(word, &len, &least))
        return false;
    for (const char *at = *word == '#' ? visitor->org_ids : visitor->orgs; *at; at += strspn(at, " ")) {
        apr_size_t whole = strcspn(at, " ");
        if (whole > len && at[len] == ':' && strncmp(at, word, len) == 0)
            return rank_of(at + len + 1, whole - len - 1) >= least;
        at += whole;
    }
    return false;
}

/* --- forge-user: this account, whatever it is called today --- */

static bool user_good(apr_pool_t *p, const char *word)
{
    apr_int64_t id;
    (void)p;
    return number_read(word, strlen(word), &id);
}

static bool user_holds(request_rec *r, forge_visitor_t *visitor, const char *word)
{
    apr_int64_t id;
    (void)r;
    return number_read(word, strlen(word), &id) && visitor->who.user_id == id;
}

/* --- forge-enrolled: enrolled in a course that the account can see, or its instructor --- */

static bool course_read(const char *word, apr_int64_t *id)
{
    return *word >= '1' && *word <= '9' && forge_util_atoi(word, strlen(word), id);
}

static bool course_good(apr_pool_t *p, const char *word)
{
    apr_int64_t id;
    (void)p;
    return course_read(word, &id);
}

/* Asks the database. If that fails, the line is undecided: visitor->trouble says why, and the answer becomes 503. */
static bool course_holds(request_rec *r, forge_visitor_t *visitor, const char *word)
{
    apr_int64_t id;
    forge_lease_t *lease;
    forge_db_t *db;
    bool enrolled = false;
    if (!course_read(word, &id) || visitor->trouble != FORGE_OK)
        return false;
    const forge_activity_t activity = forge_server_activity_as(r, r->pool, "forge door ");
    visitor->trouble = forge_server_lease_traced(r, activity, &lease, &db);
    if (visitor->trouble != FORGE_OK)
        return false;
    visitor->trouble = forge_store_enrolled(db, r->pool, &visitor->who, id, &enrolled);
    forge_server_lease_return(lease);
    return enrolled;
}

/* --- forge-mfa: a second factor was used in this session --- */

static bool factor_holds(request_rec *r, forge_visitor_t *visitor, const char *word)
{
    (void)r;
    (void)word;
    bool used = forge_core_factor_used(&visitor->who);
    visitor->lacks_factor |= !used;
    return used;
}

/* --- lines --- */

static const kind_t kinds[] = {
    {"forge-role", "guest, student, instructor or admin", role_good, role_holds, false, true},
    {"forge-org", "slug, slug:role, #number or #number:role (member, admin or owner), as in 'forge-org #7:admin'",
     org_good, org_holds, false, true},
    {"forge-user", "# and the number of an account, as in 'forge-user #12'", user_good, user_holds, false, false},
    {"forge-enrolled", "the number of a course, as in 'forge-enrolled 7'", course_good, course_holds, false, true},
    {"forge-mfa", "no arguments", NULL, factor_holds, true, false},
};

/* Takes the next word from the line. Blanks inside %{…} do not end it. */
static char *next_word(apr_pool_t *p, const char **line)
{
    int depth = 0;
    const char *end = *line += strspn(*line, " \t");
    if (*end == '"' || *end == '\'')
        return ap_getword_conf(p, line);
    for (; *end && (depth > 0 || !forge_util_is_space(*end)); end++)
        depth += *end == '{' ? 1 : *end == '}' && depth > 0 ? -1 : 0;
    char *word = apr_pstrmemdup(p, *line, (apr_size_t)(end - *line));
    *line = end + strspn(end, " \t");
    return word;
}

static const char *parse_word(const kind_t *kind, cmd_parms *cmd, word_t *word)
{
    const char *problem = NULL;
    if (strstr(word->text, "%{") && !kind->bare) {
        word->expression = ap_expr_parse_cmd(cmd, word->text, AP_EXPR_FLAG_STRING_RESULT, &problem, NULL);
        return problem ? apr_psprintf(cmd->pool, "Require %s: '%s' is refused: %s", kind->name, word->text, problem)
                       : NULL;
    }
    if (kind->bare || !kind->good(cmd->pool, word->text))
        return apr_psprintf(cmd->pool, "Require %s: '%s' is refused; accepted: %s", kind->name, word->text, kind->form);
    return NULL;
}

static const char *parse(const kind_t *kind, cmd_parms *cmd, const char *line, const void **parsed)
{
    apr_array_header_t *words = apr_array_make(cmd->pool, 2, sizeof(word_t));
    const char *problem = NULL;
    for (*parsed = words; *(line += strspn(line, " \t")) && !problem;) {
        word_t *word = apr_array_push(words);
        word->text = next_word(cmd->pool, &line);
        problem = parse_word(kind, cmd, word);
    }
    if (problem || words->nelts > 0 || kind->bare)
        return problem;
    return apr_psprintf(cmd->pool, "Require %s: an argument is missing; accepted: %s", kind->name, kind->form);
}

/* The value of a word. The result of an expression is always one word: the client writes the text of
 * "%{env:MATCH_COURSE}", and a blank in it must not add another course. NULL: the expression failed. */
static const char *value_of(const kind_t *kind, request_rec *r, const word_t *word)
{
    const char *problem = NULL, *value = word->text;
    if (word->expression && (!(value = ap_expr_str_exec(r, word->expression, &problem)) || problem)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "FG0512: Require %s: the expression failed: %s", kind->name,
                      problem ? problem : "");
        return NULL;
    }
    return value;
}

/* Decides one Require line. For AUTHZ_DENIED_NO_USER httpd authenticates (AuthType) and then asks again. */
static authz_status check(const kind_t *kind, request_rec *r, const apr_array_header_t *words)
{
    forge_visitor_t *visitor;
    if (!r->user)
        return AUTHZ_DENIED_NO_USER;
    visitor = forge_doors_guarded(r) ? forge_doors_visitor(r) : NULL; /* users of another AuthType are not ours */
    if (!visitor || visitor->status != FORGE_OK)
        return AUTHZ_DENIED;
    if (kind->bare)
        return kind->holds(r, visitor, "") ? AUTHZ_GRANTED : AUTHZ_DENIED;
    if (kind->for_admins && visitor->who.role >= FORGE_ROLE_ADMIN)
        return AUTHZ_GRANTED;
    for (int i = 0; i < words->nelts; i++) {
        const char *value = value_of(kind, r, &APR_ARRAY_IDX(words, i, word_t));
        if (!value)
            return AUTHZ_GENERAL_ERROR;
        if (kind->holds(r, visitor, value))
            return AUTHZ_GRANTED;
    }
    return visitor->trouble == FORGE_OK ? AUTHZ_DENIED : AUTHZ_GENERAL_ERROR;
}

/* httpd passes no argument to its providers, so each kind needs its own two functions. */
#define PROVIDER(name, index) \
    static const char *name##_parse(cmd_parms *cmd, const char *line, const void **parsed) \
    { \
        return parse(&kinds[index], cmd, line, parsed); \
    } \
    static authz_status name##_check(request_rec *r, const char *line, const void *parsed) \
    { \
        (void)line; \
        return check(&kinds[index], r, parsed); \
    } \
    static const authz_provider name = {name##_check, name##_parse}

PROVIDER(role, 0);
PROVIDER(org, 1);
PROVIDER(user, 2);
PROVIDER(course, 3);
PROVIDER(factor, 4);

void forge_doors_authz_register(apr_pool_t *p)
{
    static const authz_provider *const providers[] = {&role, &org, &user, &course, &factor};
    for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++)
        ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, kinds[i].name, AUTHZ_PROVIDER_VERSION, providers[i],
                                  AP_AUTH_INTERNAL_PER_CONF);
}
