/* SPDX-License-Identifier: Apache-2.0
 * E-mail addresses and the usernames made from them: one shown form, one unique form.
 *
 * The local part may hold letters of any script (SMTPUTF8, RFC 6531), as the domain may (IDNA 2008).
 */
#include "identity.h"
#include <apr_strings.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define EMAIL_BYTES_MAX   254  /* RFC 5321 §4.5.3.1.3 less the angle brackets */
#define LOCAL_BYTES_MAX   64   /* RFC 5321 §4.5.3.1.1 */
#define TYPED_BYTES_MAX   1024 /* before trimming and composing; more is not looked at */
#define DOMAIN_BYTES_MAX  253
#define LABEL_BYTES_MAX   63
#define USERNAME_MIN      3
#define USERNAME_MAX      30
#define USERNAME_BASE_MAX 24

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What libunistring has allocated, moved into the pool; NULL stays NULL. */
static char *moved(apr_pool_t *p, uint8_t *text, size_t len)
{
    char *copy = text ? apr_pstrmemdup(p, (const char *)text, len) : NULL;
    free(text);
    return copy;
}

/* Canonical composition into the pool; NULL when it is no UTF-8. */
static char *nfc(apr_pool_t *p, const char *text, apr_size_t len, apr_size_t *out_len)
{
    size_t n = 0;
    uint8_t *composed = u8_normalize(UNINORM_NFC, (const uint8_t *)text, len, NULL, &n);
    *out_len = n;
    return moved(p, composed, n);
}

/* Full case folding, composed, into the pool. */
static char *folded(apr_pool_t *p, const char *text)
{
    size_t n = 0;
    uint8_t *fold = u8_casefold((const uint8_t *)text, strlen(text), NULL, UNINORM_NFC, NULL, &n);
    return moved(p, fold, n);
}

/* One character of an atom: RFC 5322 §3.2.3 atext, or a letter, mark or digit of any script. Returns its bytes, 0 when
 * it is none. */
static int atext(const char *at, apr_size_t len)
{
    ucs4_t c;
    int n;
    if ((unsigned char)*at < 0x80)
        return *at != '\0' && (is_alnum(*at) || strchr("!#$%&'*+-/=?^_`{|}~", *at));
    n = u8_mbtoucr(&c, (const uint8_t *)at, len);
    return n > 0 && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_Nd)
               ? n
               : 0;
}

/* RFC 5321 §4.1.2 Dot-string: atoms with single dots between them. */
static const char *local_problem(const char *local, apr_size_t len)
{
    bool atom = false; /* something stands since the last dot */
    if (len == 0)
        return "there is nothing before the @";
    if (len > LOCAL_BYTES_MAX)
        return "the part before the @ is longer than 64 bytes";
    for (apr_size_t i = 0; i < len;) {
        int n = local[i] == '.' ? 0 : atext(local + i, len - i);
        if (n == 0 && (local[i] != '.' || !atom))
            return local[i] == '.' ? "a dot stands at the start, at the end or beside another"
                                   : "the part before the @ has a character that is not allowed";
        atom = n > 0;
        i += n > 0 ? (apr_size_t)n : 1;
    }
    return atom ? NULL : "a dot stands at the start, at the end or beside another";
}

/* Letters, digits and inner hyphens (RFC 1123 §2.1), two labels or more, and a last label that is no number, as an
 * address would have. */
static const char *ascii_domain_problem(const char *domain)
{
    int labels = 0;
    bool numeric = true;
    if (strlen(domain) > DOMAIN_BYTES_MAX)
        return "the domain is longer than 253 bytes";
    for (const char *label = domain; label != NULL; labels++) {
        const char *end = strchr(label, '.');
        apr_size_t len = !end ? strlen(label) : (apr_size_t)(end - label);
        numeric = true;
        if (len == 0 || len > LABEL_BYTES_MAX || label[0] == '-' || label[len - 1] == '-')
            return "a label of the domain is empty, too long or has a hyphen at its edge";
        for (apr_size_t i = 0; i < len; i++) {
            if (!is_alnum(label[i]) && label[i] != '-')
                return "the domain has a character that is not allowed";
            numeric = numeric && label[i] >= '0' && label[i] <= '9';
        }
        label = !end ? NULL : end + 1;
    }
    return labels < 2 || numeric ? "the domain is no full host name" : NULL;
}

/* The domain as lower-case A-labels, checked both ways: what is written "xn--…" must be what its Unicode form turns
 * into. */
static const char *domain_normalize(apr_pool_t *p, const char *domain, const char **ascii)
{
    const int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
    char *labels = NULL, *shown = NULL, *again = NULL;
    bool same;

    if (idn2_to_ascii_8z(domain, &labels, flags) != IDN2_OK)
        return "the domain is no valid name";
    same = idn2_to_unicode_8z8z(labels, &shown, 0) == IDN2_OK && idn2_to_ascii_8z(shown, &again, flags) == IDN2_OK &&
           strcmp(labels, again) == 0;
    *ascii = apr_pstrdup(p, labels);
    idn2_free(labels);
    idn2_free(shown);
    idn2_free(again);
    return same ? ascii_domain_problem(*ascii) : "the domain is no valid name";
}

/* Cuts blanks off, composes, and splits at the only @. */
static const char *parts_problem(apr_pool_t *p, const char *typed, apr_size_t len, const char **local,
                                 const char **domain)
{
    apr_size_t n;
    char *text, *at;

    while (len > 0 && is_blank(*typed))
        typed++, len--;
    while (len > 0 && is_blank(typed[len - 1]))
        len--;
    if (len > TYPED_BYTES_MAX)
        return "it is longer than 254 bytes";
    if (memchr(typed, '\0', len) || !forge_util_utf8(typed, len, NULL) || !(text = nfc(p, typed, len, &n)))
        return "it is no text";
    if (!(at = strchr(text, '@')) || strchr(at + 1, '@'))
        return "it has not exactly one @";
    *at = '\0';
    *local = text;
    *domain = at + 1;
    return local_problem(text, (apr_size_t)(at - text));
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return !*text;
}

/* An address in its parts: the domain once more as typed. */
typedef struct parts_t {
    const char *local, *domain, *ascii;
} parts_t;

static bool parts_read(apr_pool_t *p, const char *typed, apr_size_t len, parts_t *parts, const char **why)
{
    return !(*why = parts_problem(p, typed, len, &parts->local, &parts->domain)) &&
           !(*why = domain_normalize(p, parts->domain, &parts->ascii));
}

bool forge_core_email_normalize(apr_pool_t *p, const char *typed, apr_size_t len, const char **shown, const char **key,
                                const char **why)
{
    parts_t parts;
    if (!parts_read(p, typed, len, &parts, why))
        return false;
    const char *fold = folded(p, parts.local);
    const char *domain = is_ascii(parts.domain) || !strstr(parts.ascii, "xn--") ? parts.ascii : parts.domain;
    apr_size_t longer = strlen(domain) > strlen(parts.ascii) ? strlen(domain) : strlen(parts.ascii);
    if (!fold || strlen(parts.local) + 1 + longer > EMAIL_BYTES_MAX ||
        strlen(fold) + 1 + strlen(parts.ascii) > EMAIL_BYTES_MAX) {
        *why = "it is longer than 254 bytes";
        return false;
    }
    *shown = apr_pstrcat(p, parts.local, "@", domain, NULL);
    *key = apr_pstrcat(p, fold, "@", parts.ascii, NULL);
    return true;
}

const char *forge_core_email_wire(apr_pool_t *p, const char *shown, const char **why)
{
    parts_t parts;
    return parts_read(p, shown, strlen(shown), &parts, why) ? apr_pstrcat(p, parts.local, "@", parts.ascii, NULL)
                                                            : NULL;
}

const char *forge_core_trimmed(apr_pool_t *p, const char *name, apr_size_t len)
{
    while (len > 0 && is_blank(*name))
        name++, len--;
    while (len > 0 && is_blank(name[len - 1]))
        len--;
    return apr_pstrmemdup(p, name, len);
}

static bool is_username_char(char c)
{
    return is_alnum(c) || c == '_';
}

/* The names that erased accounts have: "deleted_" and digits. */
static bool is_reserved(const char *name, apr_size_t len)
{
    static const char prefix[] = "deleted_";
    apr_size_t n = sizeof(prefix) - 1;

    if (len <= n || apr_cstr_casecmpn(name, prefix, n) != 0)
        return false;
    while (n < len && name[n] >= '0' && name[n] <= '9')
        n++;
    return n == len;
}

bool forge_core_username_valid(const char *name, apr_size_t len)
{
    for (apr_size_t i = 0; i < len && len <= USERNAME_MAX; i++)
        if (!is_username_char(name[i]))
            return false;
    return len >= USERNAME_MIN && len <= USERNAME_MAX && !is_reserved(name, len);
}

const char *forge_core_username_from_email(apr_pool_t *p, const char *email, const char *suffix)
{
    const apr_size_t suffix_max = USERNAME_MAX - USERNAME_MIN - 1;
    apr_size_t suffix_len = !suffix ? 0 : strnlen(suffix, suffix_max), n = 0, max = USERNAME_BASE_MAX;
    char base[USERNAME_BASE_MAX + 1];

    if (suffix_len > 0 && max > USERNAME_MAX - 1 - suffix_len)
        max = USERNAME_MAX - 1 - suffix_len;
    for (; *email != '\0' && *email != '@' && n < max; email++)
        if (is_username_char(*email))
            base[n++] = *email;
    if (n < USERNAME_MIN) /* "", "a", "ab" */
        apr_cpystrn(base + n, n == 0 ? "user" : "_user", max - n + 1);
    else
        base[n] = '\0';
    const char *name =
        suffix_len == 0 ? apr_pstrdup(p, base) : apr_psprintf(p, "%s_%.*s", base, (int)suffix_len, suffix);
    return is_reserved(name, strlen(name)) ? apr_psprintf(p, "was_%.26s", name) : name;
}
