/* SPDX-License-Identifier: Apache-2.0
 * Door of net/: outbound calls. libcurl is included here and nowhere else.
 */
#ifndef FORGE_NET_H
#define FORGE_NET_H

#include "forge.h"
#include "util/util.h"

/* --- mail: where it goes, and the ways there --- */

typedef enum forge_starttls_t { FORGE_STARTTLS_REQUIRED, FORGE_STARTTLS_OPTIONAL, FORGE_STARTTLS_OFF } forge_starttls_t;

typedef struct forge_mail_t {
    const char *directory; /* one file per message there; NULL: by SMTP */
    const char *host;      /* NULL with directory; both NULL: no mail */
    int port;
    bool tls; /* TLS from the first byte (smtps) */
    forge_starttls_t starttls;
    const char *user, *password; /* NULL: no login */
    const char *ca;   /* file of the certificate authorities to trust instead of the system's; NULL: the system's */
    const char *from; /* sender address; NULL until the configuration is complete */
} forge_mail_t;

typedef struct forge_parcel_t {
    const char *from, *to; /* envelope, bare addresses */
    const char *data;      /* the message, lines end in CRLF */
    apr_size_t len;
    const char *id;                  /* names the file in a directory: letters, digits, '-' */
    bool (*stop)(const void *baton); /* asked while waiting, several times a second; NULL: nobody stops it */
    const void *baton;
} forge_parcel_t;

typedef enum forge_delivery_t {
    FORGE_DELIVERED,
    FORGE_DELIVERY_LATER,   /* this one was not taken for now (greylisting, mailbox busy) */
    FORGE_DELIVERY_REFUSED, /* the recipient was refused for good */
    FORGE_DELIVERY_DOWN,    /* no mail goes at present: no connection, no TLS, no login, no answer */
    FORGE_DELIVERY_STOPPED  /* parcel.stop said so */
} forge_delivery_t;

/* --- transport.c: the words of ForgeMail --- */

#define FORGE_MAIL_FORM \
    "off, file:DIR [from=ADDRESS], or smtp://host[:port] | smtps://host[:port] [from=ADDRESS] [user=NAME " \
    "password=file:/path|env:NAME|text] " \
    "[starttls=required|optional|off] [ca=/path]"
/* How an address is judged (this room has no rules): what becomes of the one that was typed, or NULL and *why. */
typedef const char *(*forge_address_fn)(apr_pool_t *p, const char *typed, const char **why);
/* Reads them. "off" gives neither directory nor host. starttls is required unless the host is this machine; a password
 * is refused where it could travel in the clear. The password is as spelled, not yet read. NULL and *why in lower case
 * when they are not of that form. */
const forge_mail_t *forge_net_mail_parse(apr_pool_t *p, int n, const char *const *words, forge_address_fn address,
                                         const char **why);

/* --- smtp.c --- */

/* One connection, made when it is first needed and used again; closed with p. For one thread at a time. NULL: out of
 * memory. */
typedef struct forge_smtp_t forge_smtp_t;
forge_smtp_t *forge_net_smtp_open(apr_pool_t *p, const forge_mail_t *mail);
/* Sends one message; at most 10 s for the connection and 30 s in all. *why is in lower case, from p, unless it was
 * delivered. */
forge_delivery_t forge_net_smtp_send(forge_smtp_t *smtp, apr_pool_t *p, const forge_parcel_t *parcel, const char **why);
/* Connects, with TLS and login as configured, and says NOOP. */
bool forge_net_smtp_probe(forge_smtp_t *smtp, apr_pool_t *p, const char **why);

/* --- maildir.c --- */

/* Writes the message as <time>-<id>.eml, mode 0640: under another name first, so that no reader ever sees half a file;
 * the same id again replaces the file. DELIVERED, or DOWN with *why. */
forge_delivery_t forge_net_maildir_put(apr_pool_t *p, const char *directory, apr_time_t when,
                                       const forge_parcel_t *parcel, const char **why);

#endif
