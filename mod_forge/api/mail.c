/* SPDX-License-Identifier: Apache-2.0
 * Mails that go with a change: what they need is sealed here, the statement of the change puts them into the outbox.
 */
#include "shared.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"

#include <string.h>

#define PAYLOAD_MAX 8192

/* clang-format off */
static const forge_field_t accepted_fields[] = {
    {"status", FORGE_T_TEXT, .format = "enum:accepted", .example = "accepted",
     .help = "the same whether a mail is sent or not"},
    {.name = NULL},
};
const forge_shape_t forge_api_accepted_reply = {"Accepted", accepted_fields};
/* clang-format on */

forge_status_t forge_api_accepted(forge_req_t *q)
{
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_text(answer, "status", "accepted");
    return forge_reply_json(q, answer);
}

forge_new_mail_t forge_api_mail(forge_req_t *q, forge_json_t *facts)
{
    forge_new_mail_t mail = {NULL, NULL};
    forge_buf_t *b = forge_util_buf_make(q->pool, 256, PAYLOAD_MAX);
    const char *range;
    if (!forge_config_mail(q->config))
        return mail;
    forge_http_language(q, &range);
    if (range && !forge_util_json_get(facts, "language"))
        forge_util_json_put_text(facts, "language", range);
    forge_util_json_write(b, facts);
    if (b->failed) /* the caller's members are bounded: cannot be */
        return mail;
    mail.payload = forge_core_seal(q->pool, q->keys, "mail", b->data, b->len);
    mail.sender = mail.payload ? forge_config_public_url(q->config) : NULL;
    return mail;
}

forge_json_t *forge_api_mail_facts(forge_req_t *q, const char *name, const char *value)
{
    forge_json_t *facts = forge_util_json_object(q->pool);
    forge_util_json_put_text(facts, name, value);
    return facts;
}

forge_json_t *forge_api_mail_notice(forge_req_t *q)
{
    forge_json_t *facts = forge_api_mail_facts(q, "at", forge_util_time(q->pool, q->now, 0));
    forge_util_json_put_text(facts, "ip", q->client_ip);
    return facts;
}

void forge_api_mail_verify(forge_req_t *q, forge_new_user_t *user)
{
    const char *sha256, *token = forge_core_secret_make(q->pool, &sha256);
    forge_new_mail_t mail = forge_api_mail(q, forge_api_mail_facts(q, "token", token));
    user->verify_sha256 = mail.sender ? sha256 : NULL;
    user->mail_sender = mail.sender;
    user->mail_payload = mail.payload;
}

forge_status_t forge_api_email_change(forge_req_t *q, const char *email, const char *set_at)
{
    forge_one_time_t in = {.user_id = q->who.user_id,
                           .session_id = q->who.session_id,
                           .set_at = set_at,
                           .ip = q->client_ip,
                           .request_id = q->request_id};
    const char *why, *token = forge_core_secret_make(q->pool, &in.sha256);
    forge_db_t *db;
    if (!forge_core_email_normalize(q->pool, email, strlen(email), &in.email, &in.email_key, &why))
        return forge_fail_field(q, FORGE_E_VALIDATION, "/email", "format", why);
    in.mail = forge_api_mail(q, forge_api_mail_facts(q, "token", token));
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_email_change_request(db, q->pool, &in);
    if (status == FORGE_E_RATE_LIMITED)
        forge_http_retry_after(q, 3600);
    return status == FORGE_E_NOT_FOUND ? FORGE_E_INVALID_TOKEN : status;
}
