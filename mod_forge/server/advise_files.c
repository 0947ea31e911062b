/* SPDX-License-Identifier: Apache-2.0
 * Warnings of files and folders that the children are to use and cannot: httpd's parent is root and can, and nothing
 * else would tell before a mail, a login or a drain is missed.
 */
#include "server_private.h"
#include "core/wire/wire.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <errno.h>
#include <httpd.h>
#include <http_config.h>
#include <string.h>
#include <unistd.h>

#define OTHERS \
    (APR_FPROT_GREAD | APR_FPROT_GWRITE | APR_FPROT_GEXECUTE | APR_FPROT_WREAD | APR_FPROT_WWRITE | APR_FPROT_WEXECUTE)

static bool is_folder(apr_pool_t *p, const char *path)
{
    apr_finfo_t info;
    return apr_stat(&info, path, APR_FINFO_TYPE, p) == APR_SUCCESS && info.filetype == APR_DIR;
}

/* Where a folder on the way is shut, the rights of the file itself do not matter. NULL: none is. */
static const char *shut(apr_pool_t *p, const char *directive, const char *path, const char *so)
{
    const char *folder = forge_server_shut_folder(p, path);
    return folder ? apr_psprintf(p, "%s: %s cannot enter the folder '%s', so that %s; chmod a+x '%s'", directive,
                                 forge_server_child_user(), folder, so, folder)
                  : NULL;
}

/* --- passwords of the database --- */

/* libpq passes over a passfile that it cannot use, and the database then blames the password. */
static const char *passfile_problem(apr_pool_t *p, const char *directive, const char *file)
{
    apr_finfo_t info;
    const char *user = forge_server_child_user();
    const char *folder = shut(p, directive, file, apr_psprintf(p, "libpq ignores passfile '%s'", file));
    if (folder)
        return folder;
    if (apr_stat(&info, file, APR_FINFO_TYPE | APR_FINFO_PROT, p) != APR_SUCCESS || info.filetype != APR_REG)
        return apr_psprintf(p, "%s: passfile '%s' is no file; make it, owned by %s and of mode 0600", directive, file,
                            user);
    if (info.protection & OTHERS)
        return apr_psprintf(p, "%s: libpq ignores passfile '%s', which others may use; chmod 0600 it, owned by %s",
                            directive, file, user);
    if (forge_server_as_child(file, R_OK) != 0)
        return apr_psprintf(p, "%s: %s cannot read passfile '%s', and children connect as that user; chown %s it",
                            directive, user, file, user);
    return NULL;
}

static const char *passfile_advice(apr_pool_t *p, const char *directive, const char *conninfo)
{
    const char *file = conninfo ? forge_store_passfile(p, conninfo) : NULL;
    return file ? passfile_problem(p, directive, file) : NULL;
}

static const char *primary_advice(apr_pool_t *p, server_rec *s)
{
    return passfile_advice(p, "DBDParams", forge_server_pool_database(p, s));
}

static const char *replica_advice(apr_pool_t *p, server_rec *s)
{
    const forge_replica_t *replica = forge_config_replica(forge_config_of_server(s));
    return passfile_advice(p, "ForgeReadDBD", replica ? replica->conninfo : NULL);
}

/* --- the sign to drain --- */

/* The file need not be there, but whoever makes it needs its folder, and the children must be able to look into that.
 */
static const char *drain_advice(apr_pool_t *p, server_rec *s)
{
    const char *file = forge_config_drain_file(forge_config_of_server(s));
    const char *slash = file ? strrchr(file, '/') : NULL;
    const char *folder = slash ? apr_pstrmemdup(p, file, slash > file ? (apr_size_t)(slash - file) : 1) : NULL;
    if (!folder)
        return NULL;
    const char *closed = shut(p, "ForgeDrainFile", file, "this node would never be drained");
    if (closed || is_folder(p, folder))
        return closed;
    return apr_psprintf(p,
                        "ForgeDrainFile: there is no folder '%s', so that nobody can make the file that drains this "
                        "node; mkdir it, also after each boot if it is below /run",
                        folder);
}

/* --- mail --- */

static const char *mail_advice(apr_pool_t *p, server_rec *s)
{
    const forge_mail_t *mail = forge_config_mail(forge_config_of_server(s));
    const char *path = !mail ? NULL : mail->directory ? mail->directory : mail->ca;
    const char *folder = path ? shut(p, "ForgeMail", path, "no mail is sent") : NULL, *user = forge_server_child_user();
    if (!path || folder)
        return folder;
    if (mail->directory && forge_server_as_child(path, W_OK | X_OK) != 0)
        return apr_psprintf(p, "ForgeMail: %s cannot write into '%s', so that no mail is sent; chown %s it", user, path,
                            user);
    if (!mail->directory && forge_server_as_child(path, R_OK) != 0)
        return apr_psprintf(p, "ForgeMail: %s cannot read '%s', so that no mail is sent; chmod a+r it", user, path);
    return NULL;
}

/* --- members of balancers --- */

/* A file that is not there yet is said by /health. */
static const char *service_advice(apr_pool_t *p, const forge_service_t *service)
{
    if (service->source != FORGE_SOURCE_FILE)
        return NULL;
    const char *folder =
        shut(p, "ForgeDiscover", service->name, apr_psprintf(p, "nobody reads the members of %s", service->balancer));
    if (folder || forge_server_as_child(service->name, R_OK) != EACCES)
        return folder;
    return apr_psprintf(p, "ForgeDiscover: %s cannot read '%s', so that nobody reads the members of %s; chmod a+r it",
                        forge_server_child_user(), service->name, service->balancer);
}

static const char *services_advice(apr_pool_t *p, server_rec *s)
{
    const apr_array_header_t *services = forge_config_services(forge_config_of_server(s));
    const char *advice = NULL;
    for (int i = 0; services && i < services->nelts && !advice; i++)
        advice = service_advice(p, &APR_ARRAY_IDX(services, i, forge_service_t));
    return advice;
}

/* --- pages --- */

static const char *docs_advice(apr_pool_t *p, server_rec *s)
{
    const forge_config_t *c = forge_config_of_server(s);
    const char *folder = forge_config_docs_assets(c);
    if (!forge_config_docs(c) || !*folder || !forge_config_line_of(s, "ForgeDocsAssets"))
        return NULL;
    const char *closed = shut(p, "ForgeDocsAssets", apr_pstrcat(p, folder, "/.", NULL), "/docs and /redoc are 404");
    const char *missing = closed ? NULL : forge_core_pages_missing(p, folder);
    return missing ? apr_psprintf(p,
                                  "ForgeDocsAssets: '%s' %s, so that /docs and /redoc are 404 or stay empty; name the "
                                  "folder that make install or the package filled, or write ForgeDocs Off",
                                  folder, missing)
                   : closed;
}

void forge_server_files_advise(const forge_told_t *told, server_rec *s)
{
    static const struct {
        const char *directive;
        const char *(*advice)(apr_pool_t *p, server_rec *s); /* NULL: none is needed */
    } all[] = {{"DBDParams", primary_advice}, {"ForgeReadDBD", replica_advice},   {"ForgeDrainFile", drain_advice},
               {"ForgeMail", mail_advice},    {"ForgeDiscover", services_advice}, {"ForgeDocsAssets", docs_advice}};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        const char *advice = all[i].advice(told->p, s);
        if (advice)
            forge_server_tell(told, s, forge_config_line_of(s, all[i].directive), advice);
    }
}
