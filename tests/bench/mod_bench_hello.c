/* SPDX-License-Identifier: Apache-2.0
 * The least that a handler can do: 200 constant bytes, to compare with. /hello goes the way of every handler, /claimed is taken
 * before httpd looks for a file.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>

#define SIZE 200

static int claims(request_rec *r)
{
    return r->uri && strcmp(r->uri, "/claimed") == 0;
}

static int translate(request_rec *r)
{
    if (!claims(r))
        return DECLINED;
    r->filename = r->uri;
    return OK;
}

static int storage(request_rec *r)
{
    return claims(r) ? OK : DECLINED;
}

static int type(request_rec *r)
{
    if (!claims(r))
        return DECLINED;
    r->handler = "bench-hello";
    return OK;
}

static int hello(request_rec *r)
{
    char text[SIZE];
    if (!r->handler || strcmp(r->handler, "bench-hello") != 0)
        return DECLINED;
    memset(text, 'x', sizeof text);
    ap_set_content_type(r, "text/plain");
    ap_set_content_length(r, sizeof text);
    ap_rwrite(text, sizeof text, r);
    return OK;
}

static void hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_translate_name(translate, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_map_to_storage(storage, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_type_checker(type, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(hello, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(bench_hello) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks, AP_MODULE_FLAG_NONE};
