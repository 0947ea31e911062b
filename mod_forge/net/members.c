/* SPDX-License-Identifier: Apache-2.0
 * Members of a balancer as files and answers name them: which are allowed, how they are ranked, what mod_proxy calls
 * them. Nothing here asks anybody.
 */
#include "net.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <string.h>

#define PORT_MAX     65535
#define WEIGHT_MAX   100
#define SET_MAX      99
#define LINES_MAX    1000
#define FIELD_MEMBER "host:port [weight=1..100] [priority=0..99] [route=name]"

/* --- names --- */

/* A host's name: labels of letters, digits, '-' and '_' (SRV has it), parted by dots. Addresses of IPv4 are that too.
 */
static bool name_good(const char *name)
{
    apr_size_t len = strlen(name);
    if (!len || len >= FORGE_MEMBER_HOST_BYTES || *name == '.' || *name == '-' || strstr(name, ".."))
        return false;
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")] == '\0';
}

static bool port_read(const char *text, int *port)
{
    apr_int64_t n;
    if (!forge_util_atoi(text, strlen(text), &n) || n < 1 || n > PORT_MAX)
        return false;
    *port = (int)n;
    return true;
}

/* "host:port" or "[::1]:port". The host is lowered and without brackets. */
static bool host_port(apr_pool_t *p, const char *text, const char **host, int *port)
{
    unsigned char six[16];
    const char *colon = strrchr(text, ':');
    if (!colon || !port_read(colon + 1, port))
        return false;
    apr_size_t len = (apr_size_t)(colon - text);
    bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
    char *name = brackets ? apr_pstrmemdup(p, text + 1, len - 2) : apr_pstrmemdup(p, text, len);
    forge_util_lower_all(name);
    *host = name;
    return brackets ? inet_pton(AF_INET6, name, six) == 1 : name_good(name);
}

bool forge_net_resolver_good(const char *text)
{
    unsigned char bytes[16];
    char host[64];
    int port = 53;
    bool six = *text == '[';
    const char *end = six ? strchr(text, ']') : text + strcspn(text, ":");
    apr_size_t len = end ? (apr_size_t)(end - text) - six : sizeof(host);
    if (len >= sizeof(host))
        return false;
    apr_cpystrn(host, text + six, len + 1);
    end += six;
    return (!*end || (*end == ':' && port_read(end + 1, &port))) &&
           inet_pton(six ? AF_INET6 : AF_INET, host, bytes) == 1;
}

const char *forge_net_service_read(apr_pool_t *p, const char *text, forge_service_t *service)
{
    service->text = text;
    if (strncmp(text, "dns:", 4) == 0) {
        service->source = FORGE_SOURCE_DNS;
        return host_port(p, text + 4, &service->name, &service->port) && text[4] != '['
                   ? NULL
                   : "dns: is followed by a host and a port, as in dns:labs.internal:8080";
    }
    service->name = text + 4;
    service->source = FORGE_SOURCE_SRV;
    if (strncmp(text, "srv:", 4) == 0)
        return text[4] == '_' && name_good(text + 4) ? NULL
                                                     : "srv: is followed by a name such as _http._tcp.labs.internal";
    service->name = text + 5;
    service->source = FORGE_SOURCE_FILE;
    if (strncmp(text, "file:", 5) == 0)
        return text[5] == '/' ? NULL : "file: is followed by a path that begins with a slash";
    return FORGE_SERVICE_FORM;
}

/* --- addresses --- */

/* RFC 6890, RFC 5771, RFC 1112: what is no single host, or only means one beside a link or this one. */
static bool four_allowed(const unsigned char *a, bool loopback)
{
    if (a[0] == 127)
        return loopback;
    return a[0] != 0 && a[0] < 224 && !(a[0] == 169 && a[1] == 254);
}

static bool six_allowed(const unsigned char *a, bool loopback)
{
    static const unsigned char zero[16], mapped[12] = {[10] = 0xff, [11] = 0xff},
                                         translated[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(a, mapped, sizeof(mapped)) == 0 || memcmp(a, translated, sizeof(translated)) == 0)
        return four_allowed(a + 12, loopback);
    if (memcmp(a, zero, 15) == 0 && a[15] == 1)
        return loopback;
    if (memcmp(a, zero, 12) == 0) /* unspecified, and IPv4-compatible ones, which nobody uses (RFC 4291) */
        return false;
    return a[0] != 0xff && !(a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

bool forge_net_member_allowed(const char *address, bool loopback)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, address, bytes) == 1)
        return four_allowed(bytes, loopback);
    return inet_pton(AF_INET6, address, bytes) == 1 && six_allowed(bytes, loopback);
}

/* --- lists --- */

/* A route that no cookie or path would break: letters, digits and '-'. */
static void route_make(forge_member_t *member)
{
    apr_snprintf(member->route, sizeof(member->route), "%s-%d", member->host, member->port);
    for (char *at = member->route; *at; at++)
        if (!forge_util_is_alnum(*at))
            *at = '-';
}

void forge_net_member_add(forge_members_t *members, const forge_member_t *member)
{
    for (int i = 0; i < members->count; i++)
        if (members->of[i].port == member->port && strcmp(members->of[i].host, member->host) == 0)
            return;
    if (members->count == FORGE_MEMBERS_MAX) {
        members->left_out++;
        return;
    }
    forge_member_t *at = &members->of[members->count++];
    *at = *member;
    if (!*at->route)
        route_make(at);
}

const char *forge_net_member_url(apr_pool_t *p, const char *scheme, const forge_member_t *member)
{
    int implied = strcmp(scheme, "https") == 0 ? 443 : 80;
    const char *port = member->port == implied ? "" : apr_psprintf(p, ":%d", member->port);
    bool six = strchr(member->host, ':') != NULL;
    return apr_pstrcat(p, scheme, "://", six ? "[" : "", member->host, six ? "]" : "", port, NULL);
}

/* How many different priorities are lower. */
static int rank_of(const forge_members_t *members, int set)
{
    int rank = 0;
    for (int i = 0; i < members->count; i++) {
        bool first = members->of[i].set < set;
        for (int j = 0; j < i && first; j++)
            first = members->of[j].set != members->of[i].set;
        rank += first;
    }
    return rank < SET_MAX ? rank : SET_MAX;
}

void forge_net_members_rank(forge_members_t *members)
{
    int sets[FORGE_MEMBERS_MAX], most = 0;
    for (int i = 0; i < members->count; i++) {
        sets[i] = rank_of(members, members->of[i].set);
        most = members->of[i].weight > most ? members->of[i].weight : most;
    }
    for (int i = 0; i < members->count; i++) {
        int weight = members->of[i].weight, share = most > WEIGHT_MAX ? weight * WEIGHT_MAX / most : weight;
        members->of[i].set = sets[i];
        members->of[i].weight = share > 0 ? share : 1;
    }
}

/* --- a file --- */

static bool setting_read(const char *word, forge_member_t *member)
{
    apr_int64_t n = 0;
    const char *value = strchr(word, '=');
    apr_size_t len = value ? (apr_size_t)(value++ - word) : 0;
    if (len == 5 && strncmp(word, "route", len) == 0) {
        apr_cpystrn(member->route, value, sizeof(member->route));
        return *value && strlen(value) < sizeof(member->route) && name_good(value) && !strchr(value, '.');
    }
    if (!len || !forge_util_atoi(value, strlen(value), &n))
        return false;
    if (len == 6 && strncmp(word, "weight", len) == 0) {
        member->weight = (int)n;
        return n >= 1 && n <= WEIGHT_MAX;
    }
    member->set = (int)n;
    return len == 8 && strncmp(word, "priority", len) == 0 && n >= 0 && n <= SET_MAX;
}

/* One line without its comment. False with *wrong, the word that is. A blank line names nobody. */
static bool line_read(apr_pool_t *p, char *line, forge_members_t *members, const char **wrong)
{
    const char *host = NULL;
    char *last;
    forge_member_t member = {.weight = 1, .set = 0};
    for (char *word = apr_strtok(line, " \t\r", &last); word; word = apr_strtok(NULL, " \t\r", &last)) {
        *wrong = word;
        if (host ? !setting_read(word, &member) : !host_port(p, word, &host, &member.port))
            return false;
        if (strchr(host, ':') || host[strspn(host, "0123456789.")] == '\0')
            if (!forge_net_member_allowed(host, true))
                return false;
    }
    if (host) {
        apr_cpystrn(member.host, host, sizeof(member.host));
        forge_net_member_add(members, &member);
    }
    return true;
}

/* One bad line spoils the file: who wrote half of it may not have the other half drained. */
forge_lookup_t forge_net_members_read(apr_pool_t *p, const char *text, forge_members_t *members, const char **why)
{
    int number = 0;
    memset(members, 0, sizeof(*members));
    while (*text) {
        apr_size_t len = strcspn(text, "\n");
        char *line = apr_pstrmemdup(p, text, strcspn(text, "\n#") < len ? strcspn(text, "\n#") : len);
        const char *wrong = "";
        if (++number > LINES_MAX || !line_read(p, line, members, &wrong)) {
            *why = apr_psprintf(p, "line %d: '%.80s' is no part of " FIELD_MEMBER, number, wrong);
            return FORGE_FOUND_INVALID;
        }
        text += len + (text[len] == '\n');
    }
    forge_net_members_rank(members);
    *why = "it names no members";
    return members->count ? FORGE_FOUND : FORGE_FOUND_NONE;
}
