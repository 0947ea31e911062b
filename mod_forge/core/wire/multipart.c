/* SPDX-License-Identifier: Apache-2.0
 * multipart/form-data piece by piece (RFC 7578, RFC 2046 §5.1): a machine of four states that keeps the headers of one
 * part and how much of a boundary it has seen, whatever the size of the body.
 *
 * It is strict: lines end with CRLF, header lines are not folded, each part has exactly one Content-Disposition, and a
 * body of two readings is refused. So no one behind can see another file than we do.
 */
#include "files.h"
#include <apr_strings.h>
#include <string.h>

#define BLANKS " \t"

typedef enum { DATA, AFTER, HEAD, OVER } where_t;

struct forge_multipart_t {
    apr_pool_t *p, *part; /* part: what the present headers say */
    forge_part_sink_t sink;
    forge_multipart_state_t state;
    const char *why;
    where_t where;
    char delimiter[4 + FORGE_MULTIPART_BOUNDARY_MAX + 1]; /* CRLF, two dashes, the boundary */
    apr_size_t delimiter_len, matched;                    /* so much of it was seen */
    char head[FORGE_MULTIPART_HEAD_MAX + 1];
    apr_size_t head_len; /* also of what stands behind a boundary */
    apr_size_t preamble;
    int parts;
};

static forge_multipart_state_t broken(forge_multipart_t *m, const char *why)
{
    m->why = why;
    return m->state = FORGE_MULTIPART_BROKEN;
}

/* --- headers and their parameters --- */

typedef struct parameter_t {
    const char *name;
    apr_size_t name_len;
    const char *value;
} parameter_t;

/* A quoted value. A backslash hides a quote or another backslash; before anything else it is one itself, as old clients
 * send paths. NULL when the quote is not closed. */
static const char *unquote(apr_pool_t *p, const char **at)
{
    const char *c = *at + 1;
    char *value = apr_palloc(p, strlen(c) + 1), *out = value;
    for (; *c && *c != '"'; c++) {
        if (*c == '\\' && (c[1] == '"' || c[1] == '\\'))
            c++;
        *out++ = *c;
    }
    *out = '\0';
    *at = c + 1;
    return *c ? value : NULL;
}

/* The next parameter: 1, 0 at the end, -1 for what is none. */
static int next_parameter(apr_pool_t *p, const char **at, parameter_t *found)
{
    const char *c = *at + strspn(*at, BLANKS ";");
    if (!*c)
        return 0;
    found->name = c;
    found->name_len = strcspn(c, "=;\"" BLANKS);
    c += found->name_len;
    if (*c != '=' || found->name_len == 0)
        return -1;
    c++;
    if (*c == '"') {
        found->value = unquote(p, &c);
    } else {
        apr_size_t len = strcspn(c, ";\"" BLANKS);
        found->value = apr_pstrmemdup(p, c, len);
        c += len;
    }
    c += found->value ? strspn(c, BLANKS) : 0;
    if (!found->value || (*c && *c != ';'))
        return -1;
    *at = c;
    return 1;
}

/* The value of a parameter, NULL without. False: the header is malformed, or has it twice. */
static bool parameter(apr_pool_t *p, const char *header, const char *name, const char **value)
{
    const char *at = header + strcspn(header, ";");
    apr_size_t len = strlen(name);
    parameter_t found;
    int more;
    *value = NULL;
    while ((more = next_parameter(p, &at, &found)) > 0) {
        if (found.name_len != len || apr_cstr_casecmpn(found.name, name, len) != 0)
            continue;
        if (*value)
            return false;
        *value = found.value;
    }
    return more == 0;
}

/* What stands before the parameters, in lower case. */
static const char *word_of(apr_pool_t *p, const char *header)
{
    char *word = apr_pstrmemdup(p, header, strcspn(header, ";" BLANKS));
    forge_util_lower_all(word);
    return word;
}

static bool boundary_good(const char *boundary)
{
    static const char others[] = "'()+_,-./:=? ";
    apr_size_t len = strlen(boundary);
    if (len < 1 || len > FORGE_MULTIPART_BOUNDARY_MAX || boundary[len - 1] == ' ')
        return false;
    for (const char *c = boundary; *c; c++)
        if (!forge_util_is_alnum(*c) && !strchr(others, *c))
            return false;
    return true;
}

bool forge_core_multipart_type(apr_pool_t *p, const char *type, const char **boundary)
{
    *boundary = NULL;
    if (!type || strcmp(word_of(p, type), FORGE_MULTIPART_MEDIA) != 0)
        return false;
    if (!parameter(p, type, "boundary", boundary) || !*boundary || !boundary_good(*boundary))
        *boundary = NULL;
    return true;
}

/* --- the headers of a part --- */

static int hex_of(char c)
{
    return forge_util_is_digit(c) ? c - '0' : forge_util_is_xdigit(c) ? forge_util_lower(c) - 'a' + 10 : -1;
}

/* Undoes percent escapes: all of them, or the three that browsers use in names (quote, CR and LF). No NUL comes of it.
 */
static const char *unescape(apr_pool_t *p, const char *text, bool all)
{
    char *out = apr_pstrdup(p, text), *to = out;
    for (const char *c = out; *c; c++) {
        int high = *c == '%' ? hex_of(c[1]) : -1, low = high >= 0 ? hex_of(c[2]) : -1;
        int byte = low >= 0 ? high * 16 + low : 0;
        bool wanted = all ? byte > 0 : byte == '"' || byte == '\r' || byte == '\n';
        *to++ = wanted ? (char)byte : *c;
        c += wanted ? 2 : 0;
    }
    *to = '\0';
    return out;
}

/* Some clients send the name in the form of RFC 8187 as well, which is the better one then. */
static bool read_filename(forge_multipart_t *m, const char *header, const char **filename)
{
    static const char charset[] = "UTF-8'";
    const char *plain, *extended;
    if (!parameter(m->part, header, "filename", &plain) || !parameter(m->part, header, "filename*", &extended))
        return false;
    const char *language =
        extended && apr_cstr_casecmpn(extended, charset, sizeof(charset) - 1) == 0 ? strchr(extended + 6, '\'') : NULL;
    *filename = language ? unescape(m->part, language + 1, true) : plain ? unescape(m->part, plain, false) : NULL;
    return true;
}

static bool read_disposition(forge_multipart_t *m, const char *value, forge_part_t *part)
{
    if (part->name || strcmp(word_of(m->part, value), "form-data") != 0)
        return false;
    if (!parameter(m->part, value, "name", &part->name) || !read_filename(m, value, &part->filename))
        return false;
    part->name = part->name ? unescape(m->part, part->name, false) : "";
    return true;
}

/* Nothing needs a coding over HTTP (RFC 7578 §4.7), and a coded part would be another file than its bytes. */
static bool coding_good(const char *value)
{
    return apr_cstr_casecmp(value, "binary") == 0 || apr_cstr_casecmp(value, "8bit") == 0 ||
           apr_cstr_casecmp(value, "7bit") == 0;
}

/* One line "Name: value". */
static bool read_line(forge_multipart_t *m, char *line, forge_part_t *part)
{
    apr_size_t len = strcspn(line, ":");
    if (len == 0 || !line[len] || strcspn(line, BLANKS) < len)
        return false;
    line[len] = '\0';
    char *value = line + len + 1 + strspn(line + len + 1, BLANKS);
    for (apr_size_t end = strlen(value); end > 0 && strchr(BLANKS, value[end - 1]); end--)
        value[end - 1] = '\0';
    if (apr_cstr_casecmp(line, "Content-Disposition") == 0)
        return read_disposition(m, value, part);
    if (apr_cstr_casecmp(line, "Content-Transfer-Encoding") == 0)
        return coding_good(value);
    if (apr_cstr_casecmp(line, "Content-Type") != 0)
        return true;
    if (part->media)
        return false;
    part->media = word_of(m->part, value);
    return true;
}

/* Control characters in a name are the sender's fault and none of ours; they do not get further than here. */
static void tame(char *head, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i++)
        if (((unsigned char)head[i] < 0x20 && !strchr("\t\r\n", head[i])) || head[i] == 0x7f || !head[i])
            head[i] = '_';
}

static bool read_lines(forge_multipart_t *m, forge_part_t *part)
{
    tame(m->head, m->head_len);
    m->head[m->head_len] = '\0';
    for (char *line = m->head, *end; *line; line = end + 2) {
        end = strstr(line, "\r\n");
        *end = '\0';
        if (strpbrk(line, "\r\n") || !read_line(m, line, part))
            return false;
    }
    return part->name != NULL;
}

static forge_multipart_state_t begin_part(forge_multipart_t *m)
{
    forge_part_t part = {NULL, NULL, NULL};
    apr_pool_clear(m->part);
    if (++m->parts > FORGE_MULTIPART_PARTS_MAX)
        return broken(m, "the body has too many parts");
    if (!read_lines(m, &part))
        return broken(m, "the headers of a part are malformed");
    if (!part.media)
        part.media = "text/plain";
    m->where = DATA;
    m->matched = 0;
    if (!m->sink.begin(m->sink.baton, &part))
        return m->state = FORGE_MULTIPART_STOPPED;
    return FORGE_MULTIPART_MORE;
}

/* --- the states: each takes some bytes --- */

/* What stands before the first boundary is nobody's. */
static forge_multipart_state_t give(forge_multipart_t *m, const char *data, apr_size_t len)
{
    if (m->parts == 0)
        m->preamble += len;
    if (m->preamble > FORGE_MULTIPART_PREAMBLE_MAX)
        return broken(m, "the body does not begin with its boundary");
    if (m->parts > 0 && len > 0 && !m->sink.data(m->sink.baton, data, len))
        return m->state = FORGE_MULTIPART_STOPPED;
    return FORGE_MULTIPART_MORE;
}

/* A boundary holds no CR, so a delimiter begins nowhere but at a CR, and what was taken for one in vain begins none. */
static forge_multipart_state_t in_data(forge_multipart_t *m, const char **at, const char *end)
{
    const char *from = *at;
    if (m->matched == 0) {
        const char *cr = memchr(from, '\r', (apr_size_t)(end - from));
        *at = cr ? cr + 1 : end;
        m->matched = cr ? 1 : 0;
        return give(m, from, (apr_size_t)((cr ? cr : end) - from));
    }
    while (*at < end && m->matched < m->delimiter_len && **at == m->delimiter[m->matched]) {
        m->matched++;
        ++*at;
    }
    if (m->matched == m->delimiter_len) {
        m->where = AFTER;
        m->head_len = 0;
        return FORGE_MULTIPART_MORE;
    }
    if (*at == end)
        return FORGE_MULTIPART_MORE;
    apr_size_t vain = m->matched;
    m->matched = 0;
    return give(m, m->delimiter, vain);
}

/* Behind a boundary: two dashes end the body, a line end begins a part; blanks may stand before it. */
static forge_multipart_state_t in_after(forge_multipart_t *m, const char **at)
{
    char c = *(*at)++;
    m->head[m->head_len++] = c;
    if (m->head_len == 2 && memcmp(m->head, "--", 2) == 0) {
        m->where = OVER;
        return m->state = FORGE_MULTIPART_END;
    }
    if (c == '\n' && m->head_len > 1 && m->head[m->head_len - 2] == '\r') {
        m->where = HEAD;
        m->head_len = 0;
        return FORGE_MULTIPART_MORE;
    }
    bool blank = c == ' ' || c == '\t';
    bool after_cr = m->head_len > 1 && m->head[m->head_len - 2] == '\r';
    bool dash = c == '-' && m->head_len == 1;
    if ((m->head[0] == '-' && m->head_len > 1) || (!blank && c != '\r' && !dash) || after_cr ||
        m->head_len > FORGE_MULTIPART_BOUNDARY_MAX)
        return broken(m, "a boundary is followed by something else than the end of its line");
    return FORGE_MULTIPART_MORE;
}

static forge_multipart_state_t in_head(forge_multipart_t *m, const char **at)
{
    if (m->head_len == FORGE_MULTIPART_HEAD_MAX)
        return broken(m, "the headers of a part are too large");
    m->head[m->head_len++] = *(*at)++;
    if (m->head_len == 2 && memcmp(m->head, "\r\n", 2) == 0)
        return broken(m, "a part has no headers");
    if (m->head_len < 4 || memcmp(m->head + m->head_len - 4, "\r\n\r\n", 4) != 0)
        return FORGE_MULTIPART_MORE;
    m->head_len -= 2; /* the empty line */
    return begin_part(m);
}

forge_multipart_state_t forge_core_multipart_feed(forge_multipart_t *m, const char *data, apr_size_t len)
{
    const char *at = data, *end = data + len;
    while (at < end && m->state == FORGE_MULTIPART_MORE) {
        switch (m->where) {
        case DATA:
            in_data(m, &at, end);
            break;
        case AFTER:
            in_after(m, &at);
            break;
        case HEAD:
            in_head(m, &at);
            break;
        case OVER:
            return m->state;
        }
    }
    return m->state;
}

/* The first boundary may stand at the very beginning, as if a line had ended before it. */
forge_multipart_t *forge_core_multipart_make(apr_pool_t *p, const char *boundary, const forge_part_sink_t *sink)
{
    forge_multipart_t *m = apr_pcalloc(p, sizeof(*m));
    m->p = p;
    apr_pool_create(&m->part, p);
    m->sink = *sink;
    m->why = "";
    m->delimiter_len = (apr_size_t)apr_snprintf(m->delimiter, sizeof(m->delimiter), "\r\n--%s", boundary);
    m->where = DATA;
    m->matched = 2;
    return m;
}

const char *forge_core_multipart_why(const forge_multipart_t *m)
{
    return m->why;
}
