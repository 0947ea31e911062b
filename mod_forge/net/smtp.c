/* SPDX-License-Identifier: Apache-2.0
 * Mail by SMTP, through libcurl.
 */
#include "net.h"
#include <apr_strings.h>
#include <curl/curl.h>
#include <pthread.h>
#include <string.h>

#define CONNECT_MS 10000L
#define TOTAL_MS   30000L

struct forge_smtp_t {
    CURL *curl; /* keeps the connection */
    const forge_mail_t *mail;
    const char *url;
    char error[CURL_ERROR_SIZE];
};

/* The message that is being sent. */
typedef struct transfer_t {
    const forge_parcel_t *parcel;
    apr_size_t sent;
} transfer_t;

/* Called once in each process. curl_easy_init must not do this itself in a process with threads (libcurl-thread(3)). */
static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static apr_status_t smtp_close(void *data)
{
    forge_smtp_t *smtp = data;
    curl_easy_cleanup(smtp->curl);
    return APR_SUCCESS;
}

/* The path of the URL is the name that EHLO sends: the sender's domain. */
forge_smtp_t *forge_net_smtp_open(apr_pool_t *p, const forge_mail_t *mail)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *domain = mail->from ? strchr(mail->from, '@') : NULL;
    forge_smtp_t *smtp = apr_pcalloc(p, sizeof(*smtp));
    pthread_once(&once, global_init);
    smtp->mail = mail;
    smtp->url = apr_psprintf(p, "smtp%s://%s:%d/%s", mail->tls ? "s" : "", mail->host, mail->port,
                             domain ? domain + 1 : "localhost");
    smtp->curl = curl_easy_init();
    if (!smtp->curl)
        return NULL;
    apr_pool_cleanup_register(p, smtp, smtp_close, apr_pool_cleanup_null);
    return smtp;
}

static size_t give(char *to, size_t size, size_t n, void *baton)
{
    transfer_t *t = baton;
    apr_size_t left = t->parcel->len - t->sent, now = size * n < left ? size * n : left;
    memcpy(to, t->parcel->data + t->sent, now);
    t->sent += now;
    return now;
}

/* Discards the server's replies, which libcurl would otherwise print. */
static size_t swallow(char *data, size_t size, size_t n, void *baton)
{
    (void)data;
    (void)baton;
    return size * n;
}

static int progress(void *baton, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const forge_parcel_t *parcel = ((const transfer_t *)baton)->parcel;
    (void)a, (void)b, (void)c, (void)d;
    return parcel->stop && parcel->stop(parcel->baton);
}

/* Sets up the connection as configured. TLS is verified, and the environment (proxies, .netrc) has no influence. */
static void prepare(forge_smtp_t *smtp)
{
    static const long use_ssl[] = {[FORGE_STARTTLS_REQUIRED] = CURLUSESSL_ALL,
                                   [FORGE_STARTTLS_OPTIONAL] = CURLUSESSL_TRY,
                                   [FORGE_STARTTLS_OFF] = CURLUSESSL_NONE};
    const forge_mail_t *mail = smtp->mail;
    CURL *c = smtp->curl;
    curl_easy_reset(c); /* options only: the connection stays */
    *smtp->error = '\0';
    curl_easy_setopt(c, CURLOPT_URL, smtp->url);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#endif
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, TOTAL_MS);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, smtp->error);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(c, CURLOPT_USE_SSL, mail->tls ? (long)CURLUSESSL_ALL : use_ssl[mail->starttls]);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    if (mail->ca)
        curl_easy_setopt(c, CURLOPT_CAINFO, mail->ca);
    if (mail->user) {
        curl_easy_setopt(c, CURLOPT_USERNAME, mail->user);
        curl_easy_setopt(c, CURLOPT_PASSWORD, mail->password);
    }
}

/* libcurl's message, which contains the server's code but not the server's text. */
static const char *reason(const forge_smtp_t *smtp, apr_pool_t *p, CURLcode code)
{
    return apr_pstrdup(p, *smtp->error ? smtp->error : curl_easy_strerror(code));
}

/* Decides by libcurl's result and the server's code whether this mail was refused, must wait, or no mail can be sent.
 */
static forge_delivery_t judge(const forge_smtp_t *smtp, CURLcode code)
{
    long said = 0;
    curl_easy_getinfo(smtp->curl, CURLINFO_RESPONSE_CODE, &said);
    if (code == CURLE_OK)
        return FORGE_DELIVERED;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return FORGE_DELIVERY_STOPPED;
    if (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR && code != CURLE_WEIRD_SERVER_REPLY)
        return FORGE_DELIVERY_DOWN;
    if (said >= 500 &&
        strncmp(smtp->error, "RCPT", 4) == 0) /* no such mailbox: a retry cannot help (RFC 5321 §4.2.1) */
        return FORGE_DELIVERY_REFUSED;
    return said >= 400 ? FORGE_DELIVERY_LATER : FORGE_DELIVERY_DOWN;
}

forge_delivery_t forge_net_smtp_send(forge_smtp_t *smtp, apr_pool_t *p, const forge_parcel_t *parcel, const char **why)
{
    transfer_t transfer = {.parcel = parcel};
    struct curl_slist *to = curl_slist_append(NULL, apr_psprintf(p, "<%s>", parcel->to));
    CURL *c = smtp->curl;
    prepare(smtp);
    curl_easy_setopt(c, CURLOPT_MAIL_FROM, apr_psprintf(p, "<%s>", parcel->from));
    curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(c, CURLOPT_READDATA, &transfer);
    curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)parcel->len);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, &transfer);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    CURLcode code = to ? curl_easy_perform(c) : CURLE_OUT_OF_MEMORY;
    forge_delivery_t delivery = judge(smtp, code);
    if (delivery != FORGE_DELIVERED)
        *why = reason(smtp, p, code);
    curl_easy_reset(c); /* drops all pointers into this call */
    curl_slist_free_all(to);
    return delivery;
}

bool forge_net_smtp_probe(forge_smtp_t *smtp, apr_pool_t *p, const char **why)
{
    prepare(smtp);
    curl_easy_setopt(smtp->curl, CURLOPT_CUSTOMREQUEST, "NOOP");
    CURLcode code = curl_easy_perform(smtp->curl);
    if (code != CURLE_OK)
        *why = reason(smtp, p, code);
    curl_easy_reset(smtp->curl);
    return code == CURLE_OK;
}
