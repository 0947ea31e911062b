/* SPDX-License-Identifier: Apache-2.0
 * Reads the arguments of ForgeMail: a directory, or a mail server and how to connect to it.
 */
#include "net.h"
#include <apr_strings.h>
#include <string.h>

#define HOST_MAX 253

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (begins(host, "127.") && strspn(host, "0123456789.") == strlen(host));
}

/* A name or an IPv4 address; or an IPv6 address in brackets. */
bool forge_net_host_good(const char *host)
{
    apr_size_t len = strlen(host);
    if (*host == '[')
        return len > 3 && host[len - 1] == ']' && strspn(host + 1, "0123456789abcdefABCDEF:.") == len - 2;
    return len > 0 && len <= HOST_MAX && *host != '-' && *host != '.' &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == len;
}

/* "host[:port]" */
static const char *read_server(apr_pool_t *p, const char *text, forge_mail_t *mail)
{
    const char *close = *text == '[' ? strchr(text, ']') : text, *colon = close ? strchr(close, ':') : NULL;
    apr_int64_t port = mail->tls ? 465 : 25;
    if (colon && (!forge_util_atoi(colon + 1, strlen(colon + 1), &port) || port < 1 || port > 65535))
        return "the port is not 1 to 65535";
    mail->host = colon ? apr_pstrmemdup(p, text, (apr_size_t)(colon - text)) : text;
    mail->port = (int)port;
    mail->starttls = loopback(mail->host) ? FORGE_STARTTLS_OFF : FORGE_STARTTLS_REQUIRED;
    return forge_net_host_good(mail->host) ? NULL : "the host is not a name or an address";
}

#define NAME_BYTES_MAX 200

/* "Name <address>", or the address alone; the name may stand in quotes. */
static const char *read_from(apr_pool_t *p, const char *value, forge_address_fn address, forge_mail_t *mail)
{
    const char *open = strrchr(value, '<'), *why = NULL;
    apr_size_t end = strlen(value);
    if (open && value[end - 1] == '>') {
        apr_size_t len = (apr_size_t)(open - value);
        while (len > 0 && value[len - 1] == ' ')
            len--;
        if (len > 1 && *value == '"' && value[len - 1] == '"')
            value++, len -= 2;
        char *name = apr_pstrmemdup(p, value, len);
        if (len == 0 || len > NAME_BYTES_MAX || strpbrk(name, "<>\"") || !forge_util_line(name) ||
            !forge_util_utf8(name, len, NULL))
            return "from=: the name before the address is empty, longer than 200 bytes, no UTF-8, or has <, >, \" or a "
                   "control character";
        mail->name = name;
        value = apr_pstrmemdup(p, open + 1, strlen(open) - 2);
    }
    return (mail->from = address(p, value, &why)) ? NULL : apr_psprintf(p, "from=: %s", why);
}

static const char *read_option(apr_pool_t *p, const char *word, forge_address_fn address, forge_mail_t *mail)
{
    const char *value = strchr(word, '=');
    if (!value || !*++value)
        return apr_psprintf(p, "'%s' is not one of its arguments", word);
    if (begins(word, "from="))
        return read_from(p, value, address, mail);
    if (mail->directory)
        return apr_psprintf(p, "'%.*s' cannot be used with a directory", (int)(value - word), word);
    if (begins(word, "user="))
        mail->user = value;
    else if (begins(word, "password="))
        mail->password = value;
    else if (begins(word, "ca=") && *value == '/')
        mail->ca = value;
    else if (strcmp(word, "starttls=required") == 0)
        mail->starttls = FORGE_STARTTLS_REQUIRED;
    else if (strcmp(word, "starttls=optional") == 0)
        mail->starttls = FORGE_STARTTLS_OPTIONAL;
    else if (strcmp(word, "starttls=off") == 0)
        mail->starttls = FORGE_STARTTLS_OFF;
    else
        return apr_psprintf(p, "'%.*s' is not one of its arguments", (int)(value - word), word);
    return NULL;
}

/* Checks that need several arguments. */
static const char *judge(const forge_mail_t *mail)
{
    if ((!mail->user) != (!mail->password))
        return "user= and password= must be used together";
    if (mail->password && !mail->tls && mail->starttls != FORGE_STARTTLS_REQUIRED && !loopback(mail->host))
        return "the password could travel unencrypted; use smtps:// or starttls=required";
    return NULL;
}

const forge_mail_t *forge_net_mail_parse(apr_pool_t *p, int n, const char *const *words, forge_address_fn address,
                                         const char **why)
{
    forge_mail_t *mail = apr_pcalloc(p, sizeof(*mail));
    *why = n < 1 ? "it has no arguments" : NULL;
    if (n >= 1 && begins(words[0], "file:")) {
        mail->directory = words[0] + 5;
        *why = *mail->directory ? NULL : "it names no directory";
    } else if (n >= 1 && (begins(words[0], "smtp://") || begins(words[0], "smtps://"))) {
        mail->tls = words[0][4] == 's';
        *why = read_server(p, words[0] + (mail->tls ? 8 : 7), mail);
    } else if (n > 1 || (n == 1 && apr_cstr_casecmp(words[0], "off") != 0)) {
        *why = apr_psprintf(p, "'%s' is not one of its arguments", words[0]);
    }
    for (int i = 1; i < n && !*why; i++)
        *why = read_option(p, words[i], address, mail);
    if (!*why)
        *why = judge(mail);
    return *why ? NULL : mail;
}
