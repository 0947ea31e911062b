/* SPDX-License-Identifier: Apache-2.0
 * The mail line of forgectl check: whether mail can be sent as ForgeMail says.
 */
#include "ctl.h"
#include "core/identity/identity.h"
#include "core/mail/mail.h"
#include <apr_file_info.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 8 };

#define TEXT(...) apr_psprintf(ctl->pool, __VA_ARGS__)

static forge_ctl_mark_t look_at_directory(forge_ctl_t *ctl, const char *path, const char **line)
{
    apr_finfo_t info;
    *line = TEXT("mail: \"%s\" is relative to httpd's ServerRoot and was not checked", path);
    if (*path != '/')
        return FORGE_CTL_YELLOW;
    *line = TEXT("mail: \"%s\" is not a directory", path);
    if (apr_stat(&info, path, APR_FINFO_TYPE | APR_FINFO_PROT | APR_FINFO_OWNER, ctl->pool) != APR_SUCCESS ||
        info.filetype != APR_DIR)
        return FORGE_CTL_RED;
    *line = TEXT("mail: everybody can read the mails in \"%s\"; run chmod o-rx", path);
    if (info.protection & APR_FPROT_WREAD)
        return FORGE_CTL_YELLOW;
    *line = TEXT("mail: into \"%s\", which belongs to user %u", path, (unsigned)info.user);
    return FORGE_CTL_GREEN;
}

static forge_ctl_mark_t ask_server(forge_ctl_t *ctl, const forge_mail_t *configured, const char **line)
{
    forge_mail_t mail = *configured;
    const char *why = "out of memory";
    if (mail.password && !(mail.password = forge_core_secret_text(ctl->pool, mail.password, &why))) {
        *line = TEXT("mail: the password: %s", why);
        return FORGE_CTL_RED;
    }
    forge_smtp_t *smtp = forge_net_smtp_open(ctl->pool, &mail);
    bool good = smtp && forge_net_smtp_probe(smtp, ctl->pool, &why);
    *line = good ? TEXT("mail: %s port %d answers%s", mail.host, mail.port, mail.user ? " and accepts the login" : "")
                 : TEXT("mail: %s port %d: %s", mail.host, mail.port, why);
    return good ? FORGE_CTL_GREEN : FORGE_CTL_RED;
}

forge_ctl_mark_t forge_ctl_mail_check(forge_ctl_t *ctl, const char *conf, const char **line)
{
    const char *words[WORDS_MAX], *why;
    int n = forge_ctl_conf_words(ctl, conf, "ForgeMail", words, WORDS_MAX);
    const forge_mail_t *mail = n > 0 ? forge_net_mail_parse(ctl->pool, n, words, forge_core_mail_address, &why) : NULL;
    if (n > 0 && !mail) {
        *line = TEXT("mail: ForgeMail: %s", why);
        return FORGE_CTL_RED;
    }
    if (mail && mail->directory)
        return look_at_directory(ctl, mail->directory, line);
    if (mail && mail->host)
        return ask_server(ctl, mail, line);
    *line = "mail: off; nobody can reset a forgotten password";
    return FORGE_CTL_YELLOW;
}
