/* SPDX-License-Identifier: Apache-2.0
 * Converts the text of directive values into plain values and back. It knows neither httpd nor ranges, so that it can
 * be tested without a server.
 */
#ifndef FORGE_CONFIG_PARSE_H
#define FORGE_CONFIG_PARSE_H

#include "config.h"

/* All of these are strict: for blanks, signs, empty text, trailing characters and overflow they return false and leave
 * the target unchanged. */

bool forge_config_parse_count(const char *text, apr_int64_t *n);
/* "500ms", "10s", "15m", "2h", "7d" → microseconds. The unit is required. */
/* "70", "0.5", of at most six decimals. */
bool forge_config_parse_decimal(const char *text, apr_size_t len, double *n);
bool forge_config_parse_duration(const char *text, apr_int64_t *t);
/* "4096", "512K", "10M", "1G" → bytes, in powers of 2^10. */
bool forge_config_parse_size(const char *text, apr_int64_t *bytes);
/* "1000/15m" → limit and window; "off" → limit 0. */
bool forge_config_parse_rate(const char *text, forge_limit_t *rate);
/* The index of `text` in a list such as "off|on", ignoring case; -1 if it is not in the list. */
int forge_config_parse_choice(const char *text, const char *choices);
/* Names of environments, issuers, audiences: 1–64 of [A-Za-z0-9._:/-], beginning with a letter or digit. */
bool forge_config_parse_name(const char *text);
/* Names that people read: 1–64 characters of UTF-8 without ':' and control characters, and without a blank at either
 * end. */
bool forge_config_parse_label(const char *text);
/* An origin as browsers send it (RFC 6454 §6.2): "https://app.example.org", "http://localhost:3000". Letters are
 * lowered and a port that the scheme implies is dropped. NULL for anything else: "*", "null", a path, a user, letters
 * beyond ASCII. */
const char *forge_config_parse_origin(apr_pool_t *p, const char *text);
/* http or https, host, optional port and path, without query, fragment, user or trailing slash. */
bool forge_config_parse_url(const char *text);
/* A page to which a browser may be sent: "/login", "/login?lang=en", or a URL as above. "//…" is refused, because it
 * names another host. */
bool forge_config_parse_page(const char *text);
/* One word of a password policy: "min=8", "max=128", "score=2", "lower", "upper", "digit", "symbol". Changes *rules;
 * false when it is none or out of range. */
bool forge_config_parse_policy(const char *word, forge_password_rules_t *rules);
#define FORGE_CONFIG_POLICY_FORM "min=8..64, max=64..256, score=0..4, lower, upper, digit, symbol"

/* One word of the limits of a run: "wall=10s", "memory=128M". Changes *limits; false when it is none or out of range.
 */
bool forge_config_parse_exec_limit(const char *word, forge_exec_limits_t *limits);
#define FORGE_CONFIG_LANGUAGES "python|c|javascript" /* in the order of their bits */

/* The shortest spelling that gives the same value again: "15m", "10M". */
const char *forge_config_show_duration(apr_pool_t *p, apr_int64_t t);
const char *forge_config_show_size(apr_pool_t *p, apr_int64_t bytes);

#endif
