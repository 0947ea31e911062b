/* SPDX-License-Identifier: Apache-2.0
 * What makes a password acceptable: length, classes, strength (zxcvbn), and nothing that is known about its owner or
 * this product.
 */
#include "identity.h"
#include <apr_strings.h>
#include <math.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>
#include <zxcvbn.h>

/* zxcvbn's time grows with the fifth power of a zigzag on the keypad: 100 bytes of "1212…" take over a second, 24
 * take 2 ms. So a long password is rated in windows, and is at least as strong as the strongest of them. */
#define WINDOW_BYTES   24
#define WINDOWS_BYTES  (4 * WINDOW_BYTES)
#define NAME_MIN       3 /* a shorter e-mail name or username may stand in a password by chance */
#define RUN_MIN        3
#define WORDS_MAX      8
#define LISTED_MAX     40 /* characters of the longest entry of the list, and a few more */
#define DECOMPOSED_MAX 4  /* characters that one becomes when it is decomposed (UAX 15) */
#define DECORATION_MAX 2  /* digits and marks around a listed password that do not make it another one: "Linkedin1!" */

static const char *const common_passwords[] = {
#include "common_passwords.def"
};

/* The product's own names, which an attacker tries first (ASVS 6.2.11). */
static const char *const product_names[] = {"mod_forge", "mod-forge", "modforge"};
static const char product_word[] = "forge"; /* also part of common words: "never-forget-…" is fine */

typedef struct subject_t { /* one password under examination */
    const char *text;
    apr_size_t len, points;
    char *folded;                     /* case-folded, or NULL; wiped and freed at the end */
    const char *words[WORDS_MAX + 1]; /* what zxcvbn shall take for the commonest words, ended by NULL */
    int n_words;
} subject_t;

/* A NUL-terminated case-folded copy by malloc; NULL when there is none. */
static char *fold(const char *text, apr_size_t len)
{
    size_t n = 0;
    uint8_t *folded = u8_casefold((const uint8_t *)text, len, NULL, UNINORM_NFC, NULL, &n);
    uint8_t *ended = !folded ? NULL : realloc(folded, n + 1);
    if (!ended) {
        free(folded);
        return NULL;
    }
    ended[n] = '\0';
    return (char *)ended;
}

static void wipe(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

/* --- classes --- */

/* Which classes a password must have is for the directive to say. Letters of scripts without case are of no class:
 * they neither count as a symbol nor fail. */
static void check_classes(const forge_password_rules_t *rules, const subject_t *s, const char *pointer,
                          forge_faults_t *faults)
{
    bool lower = false, upper = false, digit = false, symbol = false;
    ucs4_t c;
    for (apr_size_t i = 0; i < s->len;) {
        i += (apr_size_t)u8_mbtouc(&c, (const uint8_t *)s->text + i, s->len - i);
        if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Ll))
            lower = true;
        else if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lt))
            upper = true;
        else if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Nd))
            digit = true;
        else if (!uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M))
            symbol = true;
    }
    if (rules->lower && !lower)
        forge_core_fault(faults, pointer, "needs_lower", "needs a lower-case letter");
    if (rules->upper && !upper)
        forge_core_fault(faults, pointer, "needs_upper", "needs an upper-case letter");
    if (rules->digit && !digit)
        forge_core_fault(faults, pointer, "needs_digit", "needs a digit");
    if (rules->symbol && !symbol)
        forge_core_fault(faults, pointer, "needs_symbol", "needs a character that is neither a letter nor a digit");
}

/* --- one character or one run --- */

/* Does the difference between neighbours stay 0, 1 or -1 from end to end ("aaaa", "abcdefgh", "87654321")? 0 follows 9
 * as on the keys. */
static bool is_steady(const char *folded)
{
    const uint8_t *at = (const uint8_t *)folded;
    apr_size_t left = strlen(folded);
    ucs4_t c, before = 0;
    int step = 0;
    for (apr_size_t n = 0; left > 0; n++) {
        int size = u8_mbtouc(&c, at, left);
        int delta = (before == '9' && c == '0') ? 1 : (before == '0' && c == '9') ? -1 : (int)c - (int)before;
        if ((n == 1 && (delta < -1 || delta > 1)) || (n > 1 && delta != step))
            return false;
        step = n == 1 ? delta : step;
        before = c;
        at += size;
        left -= (apr_size_t)size;
    }
    return true;
}

/* Is all of it neighbouring keys in one row, read either way? */
static bool is_key_row(const char *folded)
{
    static const char *const rows[] = {
        "1234567890-=",
        "qwertyuiop[]",
        "qwertyuiopasdfghjklzxcvbnm",
        "asdfghjkl;'",
        "zxcvbnm,./",
        "qwertzuiopasdfghjklyxcvbnm",
        "azertyuiopqsdfghjklmwxcvbn",
        "=-0987654321",
        "][poiuytrewq",
        "mnbvcxzlkjhgfdsapoiuytrewq",
        "';lkjhgfdsa",
        "/.,mnbvcxz",
        "mnbvcxylkjhgfdsapoiuztrewq",
        "nbvcxwmlkjhgfdsqpoiuytreza",
    };
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strstr(rows[i], folded))
            return true;
    return false;
}

/* --- what is known about the owner --- */

/* Is the case-folded `name` part of the password? It also becomes a word for zxcvbn, so that "ada" and "1!" around it
 * count little. */
static bool contains(apr_pool_t *p, subject_t *s, const char *name, apr_size_t len)
{
    char *folded;
    const char *word;
    if (len < NAME_MIN || !s->folded || !(folded = fold(name, len)))
        return false;
    word = apr_pstrdup(p, folded);
    free(folded);
    if (s->n_words < WORDS_MAX)
        s->words[s->n_words++] = word;
    return strstr(s->folded, word) != NULL;
}

static void check_owner(apr_pool_t *p, subject_t *s, const forge_password_t *password, const char *pointer,
                        forge_faults_t *faults)
{
    const char *email = password->email, *username = password->username;
    apr_size_t local = !email ? 0 : strcspn(email, "@"), plain = !email ? 0 : strcspn(email, "+@");
    bool whole = contains(p, s, email, local);
    if (whole || (plain < local && contains(p, s, email, plain)))
        forge_core_fault(faults, pointer, "contains_email", "must not contain the name in the e-mail address");
    if (username && contains(p, s, username, strlen(username)))
        forge_core_fault(faults, pointer, "contains_username", "must not contain the username");
}

/* Whether there is little else than the product's name. Without "forge" the rest must still be as long as a
 * password. */
static bool is_product(const forge_password_rules_t *rules, subject_t *s)
{
    apr_size_t times = 0;
    for (apr_size_t i = 0; i < sizeof(product_names) / sizeof(*product_names); i++)
        if (strstr(s->folded, product_names[i]))
            return true;
    for (const char *at = s->folded; (at = strstr(at, product_word)) != NULL; at += sizeof(product_word) - 1)
        times++;
    return times > 0 && s->points < (apr_size_t)rules->min + times * (sizeof(product_word) - 1);
}

/* --- strength --- */

/* The thresholds of zxcvbn's papers: 10^3, 10^6, 10^8 and 10^10 guesses. */
static int score_of(double bits)
{
    static const double guesses[] = {3, 6, 8, 10};
    int score = 0;
    while (score < 4 && bits * M_LN2 / M_LN10 >= guesses[score])
        score++;
    return score;
}

static int compare_listed(const void *name, const void *row)
{
    return strcmp(name, *(const char *const *)row);
}

/* Is this stretch of text one of the list? */
static bool is_listed_name(const char *text, apr_size_t len)
{
    char name[LISTED_MAX + 1];
    bool found;
    if (len > LISTED_MAX)
        return false;
    apr_cpystrn(name, text, len + 1);
    found = bsearch(name, common_passwords, sizeof(common_passwords) / sizeof(*common_passwords),
                    sizeof(*common_passwords), compare_listed) != NULL;
    OPENSSL_cleanse(name, sizeof(name));
    return found;
}

/* Is the case-folded password on the list, as it is or without a few digits and marks around it (ASVS 6.2.4)? */
static bool is_listed(const char *folded)
{
    apr_size_t len = strlen(folded);
    for (apr_size_t from = 0; from <= DECORATION_MAX && from < len; from++) {
        for (apr_size_t cut = 0; from + cut <= DECORATION_MAX && from + cut < len; cut++) {
            if (is_listed_name(folded + from, len - from - cut))
                return true;
            if (forge_util_is_alpha(folded[len - 1 - cut]))
                break;
        }
        if (forge_util_is_alpha(folded[from]))
            break;
    }
    return false;
}

/* Rates one window; *whole when all of it is one entry of zxcvbn's lists, plain, disguised, backwards or repeated. */
static int window_score(const subject_t *s, apr_size_t from, apr_size_t len, bool *whole)
{
    char window[WINDOW_BYTES + 1];
    ZxcMatch_t *info = NULL;
    double bits;
    int kind;

    memcpy(window, s->text + from, len);
    window[len] = '\0';
    bits = ZxcvbnMatch(window, (const char **)s->words, &info);
    kind = !info ? NON_MATCH : (int)info->Type & ~MULTIPLE_MATCH;
    *whole = info && !info->Next && kind >= DICTIONARY_MATCH && kind <= USER_LEET_MATCH;
    ZxcvbnFreeInfo(info);
    OPENSSL_cleanse(window, sizeof(window));
    return score_of(bits);
}

/* The score of the strongest window; *common when the password is one entry of the lists. */
static int password_score(const subject_t *s, bool *common)
{
    apr_size_t end = s->len < WINDOWS_BYTES ? s->len : WINDOWS_BYTES;
    int best = 0;
    *common = end > 0;
    for (apr_size_t from = 0; from < end && best < 4; from += WINDOW_BYTES) {
        bool whole;
        int score = window_score(s, from, end - from < WINDOW_BYTES ? end - from : WINDOW_BYTES, &whole);
        best = score > best ? score : best;
        *common = *common && whole;
    }
    return best;
}

/* Runs, strength and lists, told as one fault each; a run needs no rating. */
static int check_strength(const forge_password_rules_t *rules, subject_t *s, const char *pointer,
                          forge_faults_t *faults)
{
    bool common;
    int score;

    if (s->points >= RUN_MIN && s->folded && (is_steady(s->folded) || is_key_row(s->folded))) {
        forge_core_fault(faults, pointer, "repetitive", "must not be one character or one run of neighbours");
        return 0;
    }
    score = password_score(s, &common);
    if (common || score < rules->score || (s->folded && (is_product(rules, s) || is_listed(s->folded))))
        forge_core_fault(faults, pointer, "too_common", "is too easy to guess; take something longer and less usual");
    return score;
}

int forge_core_password_check(apr_pool_t *p, const forge_password_rules_t *rules, const forge_password_t *password,
                              const char *pointer, forge_faults_t *faults)
{
    subject_t s = {.words = {product_word, "mod_forge", "modforge"}, .n_words = 3};
    apr_size_t max = (apr_size_t)rules->max;
    int score;

    /* more bytes than `max` characters can have, however they were typed: nothing else is looked at */
    if (password->len > 4 * max * DECOMPOSED_MAX) {
        forge_core_fault(faults, pointer, "too_long", apr_psprintf(p, "must have at most %d characters", rules->max));
        return 0;
    }
    s.text = forge_core_password_composed(p, password->text, password->len, &s.len);
    if (s.len > 4 * max) {
        forge_core_fault(faults, pointer, "too_long", apr_psprintf(p, "must have at most %d characters", rules->max));
        return 0;
    }
    if (!forge_util_utf8(s.text, s.len, &s.points))
        s.points = s.len;
    if (s.points < (apr_size_t)rules->min)
        forge_core_fault(faults, pointer, "too_short", apr_psprintf(p, "must have at least %d characters", rules->min));
    if (s.points > max)
        forge_core_fault(faults, pointer, "too_long", apr_psprintf(p, "must have at most %d characters", rules->max));
    s.folded = fold(s.text, s.len);
    check_classes(rules, &s, pointer, faults);
    check_owner(p, &s, password, pointer, faults);
    score = check_strength(rules, &s, pointer, faults);
    wipe(s.folded);
    return score;
}
