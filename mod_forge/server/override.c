/* SPDX-License-Identifier: Apache-2.0
 * The administrator's Header lines and our own headers: the lines win, and each header is sent once.
 *
 * httpd has two tables of response headers and sends both. "Header set" works on the one for successes, "Header always
 * set" on the one for all answers. So what we set in one of them is neither replaced nor removed by a line that works
 * on the other, and the client gets both. Therefore both tables get a copy of each of our headers before mod_headers
 * runs; after it a filter keeps one of the two, and sees from them what the lines wanted.
 */
#include "server_private.h"

#include <httpd.h>
#include <apr_cstr.h>
#include <apr_strings.h>
#include <string.h>
#include <util_filter.h>

/* One header as we set it. */
typedef struct offer_t {
    const char *name, *value;
} offer_t;

/* What the lines made of the copy in one table. */
typedef struct copy_t {
    const offer_t *offer;
    bool there;
    const char *changed; /* the last value that is not ours; NULL: none */
} copy_t;

static ap_filter_rec_t *settle_handle;

static int look(void *baton, const char *name, const char *value)
{
    copy_t *copy = baton;
    (void)name;
    copy->there = true;
    if (strcmp(value, copy->offer->value) != 0)
        copy->changed = value;
    return 1;
}

static copy_t copy_in(const apr_table_t *table, const offer_t *offer)
{
    copy_t copy = {.offer = offer};
    apr_table_do(look, &copy, table, offer->name, NULL);
    return copy;
}

/* A value that a line has set wins, that of an "always" line first; else the header is gone if a line has removed it
 * from either table. */
static const char *verdict_on(const copy_t *always, const copy_t *success)
{
    if (always->changed || success->changed)
        return always->changed ? always->changed : success->changed;
    return always->there && success->there ? always->offer->value : NULL;
}

static apr_status_t settle(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    const apr_array_header_t *offers = f->ctx;
    for (int i = 0; i < offers->nelts; i++) {
        const offer_t *offer = &APR_ARRAY_IDX(offers, i, offer_t);
        const copy_t always = copy_in(r->err_headers_out, offer), success = copy_in(r->headers_out, offer);
        const char *value = verdict_on(&always, &success);
        apr_table_unset(r->headers_out, offer->name);
        if (value)
            apr_table_setn(r->err_headers_out, offer->name, value);
        else
            apr_table_unset(r->err_headers_out, offer->name);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

/* Lists may be sent in several lines, and what httpd's filters say about the body stays theirs. */
static bool is_exempt(const char *name)
{
    static const char *const names[] = {
        "Vary",          "Set-Cookie",   "Link",        "Content-Length", "Content-Encoding",
        "Content-Range", "Content-Type", "Content-MD5", "Accept-Ranges",  "Transfer-Encoding"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (apr_cstr_casecmp(name, names[i]) == 0)
            return true;
    return false;
}

static void collect(apr_array_header_t *offers, const apr_table_t *table, const apr_table_t *other)
{
    const apr_array_header_t *all = apr_table_elts(table);
    for (int i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(all, i, apr_table_entry_t);
        const offer_t offer = {entry->key, entry->val};
        if (!is_exempt(entry->key) && !apr_table_get(other, entry->key) && !copy_in(table, &offer).changed)
            APR_ARRAY_PUSH(offers, offer_t) = offer;
    }
}

/* mod_headers adds its filter only where Header lines apply. */
static bool lines_apply(const request_rec *r)
{
    for (const ap_filter_t *f = r->output_filters; f; f = f->next)
        if (apr_cstr_casecmp(f->frec->name, "fixup_headers_out") == 0)
            return true;
    return false;
}

void forge_server_override_offer(request_rec *r)
{
    if (!lines_apply(r))
        return;
    apr_array_header_t *offers = apr_array_make(r->pool, 32, sizeof(offer_t));
    collect(offers, r->err_headers_out, r->headers_out);
    collect(offers, r->headers_out, r->err_headers_out);
    for (int i = 0; i < offers->nelts; i++) {
        const offer_t *offer = &APR_ARRAY_IDX(offers, i, offer_t);
        apr_table_setn(r->headers_out, offer->name, offer->value);
        apr_table_setn(r->err_headers_out, offer->name, offer->value);
    }
    ap_add_output_filter_handle(settle_handle, offers, r, r->connection);
}

void forge_server_override_register(void)
{
    settle_handle = ap_register_output_filter("FORGE_SETTLE", settle, NULL, AP_FTYPE_CONTENT_SET);
}
