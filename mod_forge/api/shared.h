/* SPDX-License-Identifier: Apache-2.0
 * What the files of api/ share among themselves: accounts, which answer under /auth and under /users, and lists.
 */
#ifndef FORGE_API_SHARED_H
#define FORGE_API_SHARED_H

#include "http/http.h"
#include "store/identity/identity.h"

/* The table of a resource file from its array of rows and the group they belong to in OpenAPI. */
#define FORGE_API_ROUTES(rows, tag) \
    { \
        (rows), (int)(sizeof(rows) / sizeof(*(rows))), (tag) \
    }

#define FORGE_API_TIME          "2026-01-31T12:00:00.000000Z" /* example of a time */
#define FORGE_API_EMAIL_MAX     254                           /* octets (RFC 5321) */
#define FORGE_API_LOCALE_FORM   "must be a language tag such as en or de-CH"
#define FORGE_API_FULL_NAME_MAX 200 /* characters */

/* --- tags.c: the groups that several files belong to --- */

extern const forge_tag_t forge_api_tag_auth;
extern const forge_tag_t forge_api_tag_users;
extern const forge_tag_t forge_api_tag_organizations;
extern const forge_tag_t forge_api_tag_courses;
extern const forge_tag_t forge_api_tag_exercises;
extern const forge_tag_t forge_api_tag_achievements;
extern const forge_tag_t forge_api_tag_analysis;
extern const forge_tag_t forge_api_tag_monitoring;

/* --- mail.c --- */

extern const forge_shape_t forge_api_accepted_reply;
forge_status_t forge_api_accepted(forge_req_t *q); /* {"status":"accepted"}: it is taken up, whatever comes of it */
/* The mail of a change, with the facts of its template (core/mail/letters.def); its sender is NULL when ForgeMail is
 * off. For an account without a locale it notes the client's language in the facts, unless they have a "language". */
forge_new_mail_t forge_api_mail(forge_req_t *q, forge_json_t *facts);
/* An object with one fact, to which others may be added. */
forge_json_t *forge_api_mail_facts(forge_req_t *q, const char *name, const char *value);
/* The facts of a notice: when and from where it happened. */
forge_json_t *forge_api_mail_notice(forge_req_t *q);
/* A new account is to prove its address: token and mail for forge_store_user_create. */
void forge_api_mail_verify(forge_req_t *q, forge_new_user_t *user);
/* Changes the caller's address to `email` (PATCH /users/me). A mail goes there, and the account changes when its token
 * comes back to /auth/email/verify. With ForgeMail off it changes at once and counts as not verified. Fails with its
 * faults: FORGE_E_VALIDATION, FORGE_E_EMAIL_TAKEN, FORGE_E_RATE_LIMITED; FORGE_E_INVALID_TOKEN if the caller's session
 * has ended, or the password has changed since `set_at`. */
forge_status_t forge_api_email_change(forge_req_t *q, const char *email, const char *set_at);

/* --- operations/jobs.c --- */

extern const forge_shape_t forge_api_job;
extern const forge_next_t forge_api_job_next[];
/* Answers a request that has queued a job of the caller's (202): its state, and where to read it again. */
forge_status_t forge_api_job_accepted(forge_req_t *q, forge_db_t *db, apr_int64_t id);

/* --- actor.c --- */

/* Who asks, for the rights and for the audit log. */
forge_actor_t forge_api_actor(const forge_req_t *q);
/* The change that the body asks for, of the members in `names` (ended by NULL): those that were sent, and with PUT all
 * of them, null where one was not sent. */
forge_patch_t forge_api_patch(const forge_req_t *q, const char *const *names);

/* --- zones.c --- */

/* A fault at `pointer` where this is not the name of a time zone that the database knows; NULL: none was sent. */
forge_status_t forge_api_zone_check(forge_req_t *q, const char *pointer, const char *zone);

/* --- list.c --- */

/* Answers one page of the route's list: filters from q->query by their names, order and paging from q->page. `base`:
 * the list's arguments. */
forge_status_t forge_api_list(forge_req_t *q, forge_args_t base);
/* The same of another list than the row says, with the same filters and orders. */
forge_status_t forge_api_list_other(forge_req_t *q, const forge_list_t *list, forge_args_t base);
/* Its first half, for lists that must tell an empty page from one that is not the caller's to see; forge_reply_list is
 * the second. */
forge_status_t forge_api_list_rows(forge_req_t *q, const forge_list_t *list, forge_args_t base, forge_rows_t **rows,
                                   apr_int64_t *total);

#endif
