/* SPDX-License-Identifier: Apache-2.0
 * Watches what is behind the gateway. Tells the error log when a member of a balancer of mod_proxy changes its state:
 * one line for each change, by whichever child sees it first. Closes upgraded connections of ended sessions.
 */
#include "work_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

APLOG_USE_MODULE(forge);

#define LOOK apr_time_from_msec(500)

static void tell(const server_rec *s, const forge_upstream_t *member, forge_member_state_t was)
{
    int level = forge_live_member_failed(member->state) ? APLOG_WARNING : APLOG_NOTICE;
    ap_log_error(APLOG_MARK, level, 0, s, "FG0790: member %s of balancer://%s at %s: %s, was %s", member->name,
                 member->balancer, member->host, forge_live_member_word(member->state), forge_live_member_word(was));
}

static void step(void *data, apr_pool_t *p)
{
    const forge_server_t *server = data;
    int n;
    forge_server_sockets_judge();
    const forge_upstream_t *members = forge_server_members(p, &n);
    for (int i = 0; i < n; i++) {
        forge_member_state_t was;
        if (forge_live_member_changed(server->live, &members[i], &was))
            tell(server->s, &members[i], was);
    }
}

int forge_work_members_register(apr_pool_t *pconf, server_rec *main_server)
{
    server_rec *s = main_server;
    while (s && !forge_server_of(s))
        s = s->next;
    if (!s || !ap_find_linked_module("mod_proxy.c"))
        return OK;
    const forge_background_t task = {
        .thread = "_forge_members_", .every = LOOK, .step = step, .data = forge_server_of(s)};
    return forge_work_background_register(pconf, s, &task);
}
