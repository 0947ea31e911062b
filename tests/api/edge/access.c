/* SPDX-License-Identifier: Apache-2.0
 * Every operation as every kind of caller, against the table of access.def; what is not in the table fails (SECURITY
 * 41, 42).
 *
 * One world a group of rows: eleven callers, two organisations, courses, an invitation. Before each call SQL puts the
 * organisations back as they were, with the same ids. Where a row says 404 for somebody, an unknown id must be answered
 * with the same bytes.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    ANONYMOUS,
    GUEST,
    STUDENT,
    INSTRUCTOR,
    OTHER_MEMBER,
    OTHER_ADMIN,
    OTHER_OWNER,
    OWN_MEMBER,
    OWN_ADMIN,
    OWN_OWNER,
    ADMIN,
    CALLERS
};
static const char *const names[CALLERS] = {"anonymous",    "guest",       "student",     "instructor",
                                           "other_member", "other_admin", "other_owner", "own_member",
                                           "own_admin",    "own_owner",   "admin"};

typedef struct row_t {
    const char *method, *path, *situation, *body, *statuses;
} row_t;
static const row_t rows[] = {
#define ACCESS(method, path, situation, body, statuses) {method, path, situation, body, statuses},
#include "access.def"
#undef ACCESS
};
#define ROWS (sizeof(rows) / sizeof(*rows))

/* Rows are walked in groups, so that none takes too long. */
static const char *const groups[] = {"/api/v1/auth/", "/api/v1/users", "/api/v1/organizations", "/api/v1/courses", ""};
#define GROUPS (int)(sizeof(groups) / sizeof(*groups))

/* Ids of what SQL makes. */
enum { OWN = 1001, OTHER, INSIDE = 1001, PUBLIC, DRAFT, PLAIN_INVITATION = 1001, OWNER_INVITATION, ACHIEVEMENT = 1001 };
enum { LOOSE = DRAFT + 1 }; /* exercises have the numbers of their courses, and LOOSE is of none */
#define UNKNOWN "4611686018427387904"

static person_t people[CALLERS], subject, member,
    second;                 /* member and second: a member and another owner of the own organisation */
static bool spent[CALLERS]; /* the last call of this kind has ended its sessions */
static char *wrong;
static int wrongs;

static void complain(const row_t *row, const char *who, const char *what)
{
    if (wrongs++ < 60)
        wrong = F("%s\n  %s %s (%s) as %s: %s", wrong, row->method, row->path, row->situation, who, what);
}

static bool says(const row_t *row, const char *word)
{
    const char *found = strstr(row->situation, word);
    size_t n = strlen(word);
    return found && (found == row->situation || found[-1] == ' ') && (!found[n] || found[n] == ' ');
}

static int group_of(const row_t *row)
{
    for (int i = 0; i < GROUPS; i++)
        if (strncmp(row->path, groups[i], strlen(groups[i])) == 0)
            return i;
    return GROUPS - 1;
}

/* The operation of a row in the document, or NULL. */
static const json_t *operation_of(const char *method, const char *path)
{
    char lower[16];
    snprintf(lower, sizeof(lower), "%s", method);
    for (char *c = lower; *c; c++)
        *c = (char)(*c | 0x20);
    return json_object_get(json_object_get(json_object_get(schema_document(), "paths"), path), lower);
}

/* --- the world --- */

static person_t guest_make(void)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/guest");
    expect_status(reply, 201);
    return (person_t){
        .id = int_at(reply->json, "/user/id"), .access = text_at(reply->json, "/access_token"), .password = "none"};
}

static person_t caller_make(int kind)
{
    if (kind == ANONYMOUS)
        return (person_t){.password = "none"};
    return kind == GUEST ? guest_make()
                         : person_proven(kind == INSTRUCTOR ? "instructor"
                                         : kind == ADMIN    ? "admin"
                                                            : "student");
}

static void people_make(void)
{
    memset(spent, 0, sizeof(spent));
    for (int i = 0; i < CALLERS; i++)
        people[i] = caller_make(i);
    subject = person("student");
    member = person("student");
    second = person("student");
}

/* Both organisations and all in them, as they were; triggers are off, so that the way there does not matter. */
static void restore(void)
{
    sql("SET session_replication_role = replica");
    sql("DELETE FROM forge.invitations");
    sql("DELETE FROM forge.learners");
    sql("DELETE FROM forge.enrollments");
    sql("DELETE FROM forge.grades");
    sql("DELETE FROM forge.assignment_submissions");
    sql("DELETE FROM forge.assignments");
    sql("DELETE FROM forge.lessons");
    sql("DELETE FROM forge.modules");
    sql("DELETE FROM forge.memberships");
    sql("DELETE FROM forge.progress");
    sql("DELETE FROM forge.exercises");
    sql("DELETE FROM forge.jobs WHERE kind = 'nothing'");
    sql("DELETE FROM forge.courses");
    sql("DELETE FROM forge.organizations");
    sql("DELETE FROM forge.user_achievements");
    sql("DELETE FROM forge.achievements");
    sql("DELETE FROM forge.files");
    sql("INSERT INTO forge.organizations (id, name, slug) OVERRIDING SYSTEM VALUE VALUES (%d, 'Own', 'own'), (%d, "
        "'Other', 'other')",
        OWN, OTHER);
    sql("INSERT INTO forge.memberships VALUES (%d, %lld, 'member'), (%d, %lld, 'admin'), (%d, %lld, 'owner'), (%d, "
        "%lld, 'member'),"
        " (%d, %lld, 'admin'), (%d, %lld, 'owner'), (%d, %lld, 'member'), (%d, %lld, 'owner')",
        OTHER, (long long)people[OTHER_MEMBER].id, OTHER, (long long)people[OTHER_ADMIN].id, OTHER,
        (long long)people[OTHER_OWNER].id, OWN, (long long)people[OWN_MEMBER].id, OWN, (long long)people[OWN_ADMIN].id,
        OWN, (long long)people[OWN_OWNER].id, OWN, (long long)member.id, OWN, (long long)second.id);
    for (int i = 0; i < 3; i++)
        sql("INSERT INTO forge.courses (id, title, instructor_id, organization_id, status) OVERRIDING SYSTEM VALUE "
            "VALUES (%d, 'C', %lld, "
            "%s)",
            INSIDE + i, (long long)people[OWN_OWNER].id,
            i == 0   ? F("%d, 'published'", OWN)
            : i == 1 ? "NULL, 'published'"
                     : "NULL, 'draft'");
    sql("INSERT INTO forge.modules (id, course_id, title, position) OVERRIDING SYSTEM VALUE SELECT id, id, 'M', 1 FROM "
        "forge.courses");
    sql("INSERT INTO forge.lessons (id, course_id, module_id, title, position) OVERRIDING SYSTEM VALUE SELECT id, id, "
        "id, 'L', 1 FROM forge.courses");
    sql("INSERT INTO forge.assignments (id, course_id, title) OVERRIDING SYSTEM VALUE SELECT id, id, 'A' FROM "
        "forge.courses");
    sql("INSERT INTO forge.assignment_submissions (id, assignment_id, user_id, content) OVERRIDING SYSTEM VALUE SELECT "
        "id, id, %lld, 'S' FROM forge.assignments",
        (long long)subject.id);
    sql("INSERT INTO forge.exercises (id, course_id, author_id, title) OVERRIDING SYSTEM VALUE SELECT n, CASE WHEN n < "
        "%d THEN n END, CASE WHEN n < %d THEN %lld ELSE %lld END, 'E' FROM generate_series(%d, %d) n",
        LOOSE, LOOSE, (long long)people[OWN_OWNER].id, (long long)subject.id, INSIDE, LOOSE);
    sql("INSERT INTO forge.invitations (id, organization_id, email, email_key, role, sha256) OVERRIDING SYSTEM VALUE "
        "VALUES"
        " (%d, %d, 'a@example.org', 'a@example.org', 'member', sha256('known token')),"
        " (%d, %d, 'b@example.org', 'b@example.org', 'owner', sha256('another token'))",
        PLAIN_INVITATION, OWN, OWNER_INVITATION, OWN);
    sql("INSERT INTO forge.achievements (id, name) OVERRIDING SYSTEM VALUE VALUES (%d, 'An achievement')", ACHIEVEMENT);
    sql("SET session_replication_role = origin");
}

/* --- one call --- */

/* A key of an account, made by the API; "1" while there is none. */
static char *key_of(person_t who)
{
    reply_t *made = CALL("POST", "/api/v1/auth/api-keys", .token = who.access, .json = "{\"name\":\"one of mine\"}");
    return made->status == 201 ? F("%lld", (long long)int_at(made->json, "/id")) : F("1");
}

static char *session_of(person_t who, bool another)
{
    if (another)
        return sql(
            "INSERT INTO forge.sessions (user_id, expires_at) VALUES (%lld, now() + interval '1 hour') RETURNING id",
            (long long)who.id);
    return sql("SELECT max(id) FROM forge.sessions WHERE user_id = %lld", (long long)who.id);
}

/* A file of an account. */
static char *file_of(person_t who)
{
    sql("DELETE FROM forge.files");
    char *object = sql("SELECT forge.file_object()");
    sql("SELECT lo_put(%s, 0, '%%PDF-')", object);
    return sql("INSERT INTO forge.files (user_id, filename, content_type, size, sha256, object) VALUES"
               " (%lld, 'a.pdf', 'application/pdf', 5, sha256('%%PDF-'), %s) RETURNING id",
               (long long)who.id, object);
}

/* The achievement, as one that this account has made. */
static char *achievement_of(person_t who)
{
    sql("UPDATE forge.achievements SET created_by = %lld", (long long)who.id);
    return F("%d", ACHIEVEMENT);
}

/* A job that nobody works on. */
static char *job_of(person_t who)
{
    return sql("INSERT INTO forge.jobs (kind, user_id) VALUES ('nothing', %lld) RETURNING id", (long long)who.id);
}

/* The exercise of the row's course, or the one of no course. */
static char *exercise_of(const row_t *row, person_t who)
{
    if (says(row, "mine"))
        sql("UPDATE forge.exercises SET author_id = %lld WHERE id = %d", (long long)who.id, LOOSE);
    return F("%d", says(row, "loose") ? LOOSE : says(row, "public") ? PUBLIC : says(row, "draft") ? DRAFT : INSIDE);
}

/* What stands for a parameter of the template, by the segment before it. */
static char *id_for(const row_t *row, const char *segment, person_t caller)
{
    bool mine = says(row, "mine") && caller.access;
    if (strcmp(segment, "organizations") == 0)
        return F("%d", OWN);
    if (strcmp(segment, "members") == 0)
        return F("%lld", (long long)(says(row, "owner") ? second.id : member.id));
    if (strcmp(segment, "invitations") == 0)
        return F("%d", says(row, "owner") ? OWNER_INVITATION : PLAIN_INVITATION);
    if (strcmp(segment, "courses") == 0 || strcmp(segment, "modules") == 0 || strcmp(segment, "lessons") == 0 ||
        strcmp(segment, "assignments") == 0 || strcmp(segment, "submissions") == 0)
        return F("%d", says(row, "public") ? PUBLIC : says(row, "draft") ? DRAFT : INSIDE);
    if (strstr(row->path, "/exercises/{id}/submissions"))
        return F("%s", UNKNOWN); /* what it takes to be judged is in execution/submissions.c */
    if (strcmp(segment, "jobs") == 0)
        return job_of(mine ? caller : subject);
    if (strcmp(segment, "exercises") == 0)
        return exercise_of(row, mine ? caller : subject);
    if (strcmp(segment, "files") == 0)
        return file_of(mine ? caller : subject);
    if (strcmp(segment, "logs") == 0)
        return F("%s", "frontend");
    if (strcmp(segment, "stream") == 0)
        return F("%s", "nothing");
    if (strcmp(segment, "achievements") == 0)
        return achievement_of(mine ? caller : subject);
    if (strcmp(segment, "users") == 0)
        return F("%lld", (long long)subject.id);
    if (strstr(row->path, "/analysis/sessions/"))
        return F("%lld", (long long)analysis_of(mine ? caller : subject, "done"));
    if (strcmp(segment, "sessions") == 0)
        return session_of(mine ? caller : subject, mine);
    if (strcmp(segment, "api-keys") == 0)
        return key_of(mine ? caller : subject);
    ck_abort_msg("access.c does not know what stands after /%s/ in %s", segment, row->path);
    return NULL;
}

/* The path of a row with its ids filled in; `unknown`: with ids of nothing. */
static char *path_for(const row_t *row, person_t caller, bool unknown)
{
    char *path = F("%s", ""), *state, *segment, *before = F("%s", "");
    for (segment = strtok_r(F("%s", row->path), "/", &state); segment; segment = strtok_r(NULL, "/", &state)) {
        const char *text = *segment != '{' ? segment : unknown ? UNKNOWN : id_for(row, before, caller);
        path = F("%s/%s", path, text);
        before = segment;
    }
    return path;
}

static char *refresh_of(person_t who)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/login",
                          .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", who.username, who.password));
    expect_status(reply, 200);
    return F("%s", text_at(reply->json, "/refresh_token"));
}

/* What stands for $name in a body. */
static char *value_for(const char *name, size_t length, person_t caller)
{
    static int turn;
    const struct {
        const char *name;
        char *value;
    } values[] = {
        {"new", F("new_%d_%d", (int)getpid(), ++turn)},
        {"password", F("%s", caller.username ? caller.password : subject.password)},
        {"username", F("%s", subject.username)},
        {"subject", F("%lld", (long long)subject.id)},
        {"member", F("%lld", (long long)member.id)},
        {"organization", F("%d", OWN)},
        {"inside", F("%d", INSIDE)},
        {"public", F("%d", PUBLIC)},
        {"draft", F("%d", DRAFT)},
        {"git", F("https://localhost:%d/owner/nothing", env.ports[PORT_GIT])},
        {"refresh", NULL},
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        if (strlen(values[i].name) == length && strncmp(values[i].name, name, length) == 0)
            return values[i].value ? values[i].value : refresh_of(subject);
    ck_abort_msg("access.c does not know $%.*s", (int)length, name);
    return NULL;
}

static char *body_for(const row_t *row, person_t caller)
{
    char *body = F("%s", "");
    if (!*row->body)
        return NULL;
    for (const char *c = row->body; *c;) {
        size_t n = *c == '$' ? strspn(c + 1, "abcdefghijklmnopqrstuvwxyz") : 0;
        body = n ? F("%s%s", body, value_for(c + 1, n, caller)) : F("%s%c", body, *c == '\'' ? '"' : *c);
        c += n + 1;
    }
    return body;
}

/* What the words of the situation ask for. */
static void situation_make(const row_t *row, int kind)
{
    bool ends = says(row, "ends");
    if (ends || spent[kind]) {
        people[kind] = caller_make(kind);
        subject = person("student");
    }
    spent[kind] = ends;
    restore();
    if (says(row, "empty"))
        sql("DELETE FROM forge.courses");
    if (says(row, "hidden"))
        sql("UPDATE forge.modules SET published = false");
    if (says(row, "enrolled") && people[kind].email)
        sql("INSERT INTO forge.enrollments (course_id, user_id) SELECT id, %lld FROM forge.courses",
            (long long)people[kind].id);
    if (says(row, "unpublished"))
        sql("UPDATE forge.exercises SET published = false WHERE id = %d", LOOSE);
    if (says(row, "mine") && people[kind].email)
        sql("UPDATE forge.assignment_submissions SET user_id = %lld", (long long)people[kind].id);
    if (says(row, "mine") && people[kind].email)
        sql("UPDATE forge.invitations SET email_key = '%s' WHERE id = %d", people[kind].email, PLAIN_INVITATION);
}

/* Of an answer, all that may not differ between what is hidden and what does not exist. */
static char *essence(const reply_t *reply)
{
    static const char *const free_ones[] = {
        "Date:", "X-Request-ID:", "traceparent:", "RateLimit", "X-RateLimit", "Content-Length:", NULL};
    json_t *body = keep_json(json_deep_copy(reply->json));
    char *text = F("%s", ""), *state;
    json_object_del(body, "request_id");
    json_object_del(body, "instance");
    for (char *line = strtok_r(F("%s", reply->head), "\r\n", &state); line; line = strtok_r(NULL, "\r\n", &state)) {
        bool matters = true;
        for (const char *const *name = free_ones; *name; name++)
            matters &= strncasecmp(line, *name, strlen(*name)) != 0;
        if (matters)
            text = F("%s%s\n", text, line);
    }
    return F("%s%s", text, (char *)keep(json_dumps(body, JSON_COMPACT)));
}

static void call_row(const row_t *row, int kind, int wanted)
{
    situation_make(row, kind);
    person_t caller = people[kind];
    reply_t *reply =
        CALL(row->method, path_for(row, caller, false), .token = caller.access, .json = body_for(row, caller));
    if (reply->status != wanted)
        complain(row, names[kind],
                 F("wanted %d, got %d %.120s", wanted, reply->status, reply->body ? reply->body : ""));
    if (wanted != 404 || reply->status != 404 || !strchr(row->path, '{'))
        return;
    reply_t *unknown =
        CALL(row->method, path_for(row, caller, true), .token = caller.access, .json = body_for(row, caller));
    if (strcmp(essence(reply), essence(unknown)))
        complain(row, names[kind], F("hidden and unknown differ:\n%s\n%s", essence(reply), essence(unknown)));
}

/* The statuses of a row; false when there are not as many as callers. */
static bool statuses_read(const row_t *row, int *statuses)
{
    char *end;
    const char *from = row->statuses;
    for (int i = 0; i < CALLERS; i++, from = end) {
        statuses[i] = (int)strtol(from, &end, 10);
        if (end == from || statuses[i] < 200 || statuses[i] > 499)
            return false;
    }
    return strspn(from, " ") == strlen(from);
}

START_TEST(every_row_as_every_caller)
{
    int statuses[CALLERS];
    watchdog(900);
    wrong = F("%s", "");
    wrongs = 0;
    people_make();
    for (const row_t *row = rows; row < rows + ROWS; row++) {
        if (group_of(row) != _i || !operation_of(row->method, row->path))
            continue; /* told by nothing_is_left_out */
        ck_assert_msg(statuses_read(row, statuses), "%s %s does not have a status for each caller", row->method,
                      row->path);
        for (int kind = 0; kind < CALLERS; kind++)
            call_row(row, kind, statuses[kind]);
    }
    ck_assert_msg(!wrongs, "%d of the table do not hold:%s", wrongs, wrong);
}
END_TEST

/* Denied by default: an operation that nobody has thought about does not pass. */
START_TEST(nothing_is_left_out)
{
    const char *path, *method;
    json_t *item, *operation;
    char *missing = F("%s", "");
    json_object_foreach(json_object_get(schema_document(), "paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            bool found = false;
            for (size_t i = 0; i < ROWS; i++)
                found = found || (strcasecmp(rows[i].method, method) == 0 && strcmp(rows[i].path, path) == 0);
            if (!found)
                missing = F("%s\n  no row for %s %s", missing, method, path);
        }
    }
    for (size_t i = 0; i < ROWS; i++)
        if (!operation_of(rows[i].method, rows[i].path))
            missing = F("%s\n  no operation for %s %s", missing, rows[i].method, rows[i].path);
    ck_assert_msg(!*missing, "access.def and the document differ:%s", missing);
}
END_TEST

Suite *suite_access(void)
{
    Suite *suite = suite_create("access");
    TCase *table = case_make(suite, "table");
    tcase_add_test(table, nothing_is_left_out);
    tcase_add_loop_test(table, every_row_as_every_caller, 0, GROUPS);
    return suite;
}
