/* SPDX-License-Identifier: Apache-2.0
 * A site that is not ours, behind the doors of Apache: files, a CGI script, and a back end that answers with the
 * request it got.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the back end --- */

static void answer(int fd)
{
    static const char empty_line[] = "\r\n\r\n";
    char head[16384], top[256];
    size_t length = 0;
    for (ssize_t n; length < sizeof(head) - 1 && (n = recv(fd, head + length, sizeof(head) - 1 - length, 0)) > 0;) {
        length += (size_t)n;
        head[length] = 0;
        if (strstr(head, empty_line))
            break;
    }
    bool shared = length && strstr(head, "/shared ") != NULL;
    int n =
        snprintf(top, sizeof(top),
                 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
                 length, shared ? "Cache-Control: public, max-age=60\r\n" : "");
    if (send(fd, top, (size_t)n, MSG_NOSIGNAL) > 0 && length)
        (void)!send(fd, head, length, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while (recv(fd, head, sizeof(head), 0) > 0)
        ;
    close(fd);
}

static void *serve(void *baton)
{
    int listener = *(int *)baton;
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;)
        answer(fd);
    return NULL;
}

/* --- the files --- */

static void folder(const char *name)
{
    mkdir(F("%s/%s", env.dir, name), 0755);
}

static void page(const char *name, const char *text)
{
    char *path = F("%s/site/%s", env.dir, name);
    file_write(path, text);
    chmod(path, 0755);
}

static void files_make(void)
{
    static const char *const folders[] = {"open", "closed",    "closed/sub", "staff",  "org", "orgadmin",
                                          "orgs", "orgs/acme", "mfa",        "any",    "all", "none",
                                          "if",   "in",        "pages",      "course", NULL};
    folder("site");
    folder("cgi");
    for (const char *const *name = folders; *name; name++) {
        folder(F("site/%s", *name));
        page(F("%s/page.txt", *name), F("this is %s\n", *name));
    }
    page("closed/index.html", "<p>index of closed</p>\n");
    static const char includes[] =
        "user=<!--#echo var=\"REMOTE_USER\" --> role=<!--#echo var=\"FORGE_ROLE\" -->\n"
        "<!--#include virtual=\"/closed/page.txt\" --><!--#include virtual=\"/staff/page.txt\" -->\n"
        "<!--#include virtual=\"/cgi/env\" -->\n";
    folder("site/ht");
    page("ht/page.txt", "this is ht\n");
    page("ht/.htaccess", "AuthType Forge\nRequire forge-role instructor\nSetEnvIf FORGE_ROLE ^instructor$ "
                         "STAFF\nHeader set X-Staff yes env=STAFF\n");
    page("open/all.shtml", includes);
    page("closed/all.shtml", includes);
    page("course/7", "course 7\n");
    file_write(F("%s/cgi/env", env.dir),
               "#!/bin/sh\ncat >/dev/null\nprintf 'Content-Type: text/plain\\r\\n\\r\\n\\n'\nenv\n");
    chmod(F("%s/cgi/env", env.dir), 0755);
}

/* --- the directives --- */

static const char lines[] =
    "DocumentRoot \"%1$s/site\"\n"
    "<Directory \"%1$s/site\">\nRequire all granted\nDirectoryIndex index.html\nOptions +Includes\nAddOutputFilter "
    "INCLUDES "
    ".shtml\n</Directory>\n"
    "<Directory \"%1$s/site/ht\">\nAllowOverride AuthConfig FileInfo\n</Directory>\n"
    "<Directory \"%1$s/cgi\">\nRequire all granted\n</Directory>\n"
    "ScriptAlias /cgi/ \"%1$s/cgi/\"\nScriptAlias /greet/ \"%1$s/cgi/\"\nScriptAlias /setenvif/ "
    "\"%1$s/cgi/\"\nScriptAlias /opencgi/ "
    "\"%1$s/cgi/\"\n"
    "<Location \"/closed\">\nAuthType Forge\nAuthName closed\nRequire valid-user\n</Location>\n"
    "<Location \"/closed/sub\">\nForgeRateLimit user 3/1m user\n</Location>\n"
    "<Location \"/cgi\">\nAuthType Forge\nRequire valid-user\n</Location>\n"
    "<Location \"/greet\">\nAuthType Forge\nRequire all granted\n</Location>\n"
    "<Location \"/setenvif\">\nAuthType Forge\nRequire valid-user\nSetEnvIf FORGE_ROLE ^instructor$ BY_SETENVIF=yes\n"
    "SetEnvIfExpr \"reqenv('FORGE_ROLE') == 'instructor'\" BY_EXPR=yes\n</Location>\n"
    "<Location \"/staff\">\nAuthType Forge\nRequire forge-role instructor\n</Location>\n"
    "<Location \"/org\">\nAuthType Forge\nRequire forge-org acme\n</Location>\n"
    "<Location \"/orgadmin\">\nAuthType Forge\nRequire forge-org acme:admin beta:owner\n</Location>\n"
    "<Location \"/by-email\">\nAuthType Forge\nRequire expr \"%%{FORGE_EMAIL} =~ /@example\\.org$/\"\n</Location>\n"
    "<LocationMatch \"^/orgid/(?<ORG>[^/]+)/\">\nAuthType Forge\nRequire forge-org "
    "#%%{env:MATCH_ORG}:admin\n</LocationMatch>\n"
    "<LocationMatch \"^/userid/(?<WHO>[^/]+)/\">\nAuthType Forge\nRequire forge-user "
    "#%%{env:MATCH_WHO}\n</LocationMatch>\n"
    "<LocationMatch \"^/orgs/(?<SLUG>[^/]+)/\">\nAuthType Forge\nRequire forge-org "
    "%%{env:MATCH_SLUG}:member\n</LocationMatch>\n"
    "<LocationMatch \"^/course/(?<COURSE>[^/]+)\">\nAuthType Forge\nRequire forge-enrolled "
    "%%{env:MATCH_COURSE}\n</LocationMatch>\n"
    "<Location \"/mfa\">\nAuthType Forge\nRequire forge-mfa\n</Location>\n"
    "<Location \"/any\">\nAuthType Forge\n<RequireAny>\nRequire forge-role admin\nRequire forge-org "
    "acme:owner\nRequire ip "
    "127.0.3.1\n</RequireAny>\n</Location>\n"
    "<Location \"/all\">\nAuthType Forge\n<RequireAll>\nRequire forge-role instructor\nRequire forge-org "
    "acme\n</RequireAll>\n</Location>\n"
    "<Location \"/none\">\nAuthType Forge\n<RequireAll>\nRequire valid-user\n<RequireNone>\nRequire forge-role "
    "admin\n</RequireNone>\n</RequireAll>\n</Location>\n"
    "<Location \"/pages\">\nAuthType Forge\nRequire valid-user\nForgeLoginPage /open/page.txt\n</Location>\n"
    "<Location \"/if\">\n<If \"%%{FORGE_ROLE} == 'instructor' && %%{FORGE_ORGS} =~ /acme:/\">\nHeader set X-If "
    "staff\n</If>\n</Location>\n"
    "<Location \"/in\">\nAuthType Forge\nRequire expr \"%%{REMOTE_USER} != '' && %%{FORGE_ROLE} == "
    "'instructor'\"\n</Location>\n"
    "ProxyPass \"/proxy/\" \"http://127.0.0.1:%2$d/\"\nProxyPass \"/openproxy/\" \"http://127.0.0.1:%2$d/\"\n"
    "<Location \"/proxy\">\nAuthType Forge\nRequire valid-user\n</Location>\n"
    "RewriteEngine On\nRewriteRule \"^/rewritten$\" \"/closed/page.txt\" [PT]\n"
    "<Directory \"%1$s/site/closed\">\nRewriteEngine On\nRewriteRule \"^inner$\" \"/cgi/env\" [L]\n</Directory>\n"
    "<Location \"/missing\">\nErrorDocument 404 /cgi/env\n</Location>\n"
    "<Location \"/api/v1/achievements\">\nAuthType Forge\nRequire forge-role instructor\n</Location>\n"
    "<LocationMatch \"^/(metrics|api/v1/performance|api/v1/monitor(?!/health(/|$)))(/|$)\">\nAuthType "
    "Forge\n<RequireAny>\nRequire ip "
    "127.0.3.1\nRequire forge-role "
    "admin\n"
    "</RequireAny>\n</LocationMatch>\n"
    "<Location \"/server-status\">\nSetHandler server-status\n</Location>\n";

/* --- every documented reader of every variable --- */

const char *const site_variables[] = {"FORGE_USER_ID", "FORGE_USERNAME",         "FORGE_EMAIL",
                                      "FORGE_ROLE",    "FORGE_SESSION",          "FORGE_ORGS",
                                      "FORGE_AMR",     "FORGE_EMAIL_UNVERIFIED", NULL};

/* /readers is open, /greeted knows its visitors, /known wants one; each has a page, a script and a back end. */
static const char readers[] =
    "MergeTrailers On\nRemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.9.1\n"
    "ScriptAliasMatch \"^/(readers|greeted|known)/env$\" \"%1$s/cgi/env\"\n"
    "ProxyPassMatch \"^/(readers|greeted|known)/proxy$\" \"http://127.0.0.1:%2$d/\"\n"
    "<Location \"/greeted\">\nAuthType Forge\nRequire all granted\n</Location>\n"
    "<Location \"/known\">\nAuthType Forge\nRequire valid-user\n</Location>\n"
    "<Location \"/isadmin\">\nAuthType Forge\nSetEnvIf FORGE_ROLE ^admin$ is_admin\nRequire env is_admin\n</Location>\n"
    "<Location \"/isanybody\">\nSetEnvIf FORGE_USER_ID . somebody\nRequire env somebody FORGE_USER_ID\n</Location>\n"
    "SetEnvIfNoCase \"^(REDIRECT_)*(HTTP_)?(X[-_.])?FORGE[-_.]\" forged SERVER_SAW=forged\n"
    "Header set X-Server-Saw %%{SERVER_SAW}e env=SERVER_SAW\n"
    "ProxyPass \"/api/v1/labs/\" \"http://127.0.0.1:%2$d/\"\nProxyPass \"/api/v1/gone/\" \"http://127.0.0.1:1/\"\n"
    "<Location \"/api/v1/labs\">\nAuthType Forge\nRequire forge-role student\nForgeLoginPage "
    "/open/page.txt\n</Location>\n"
    "<Location \"/api/v1/handed\">\nSetHandler \"proxy:http://127.0.0.1:%2$d/\"\nAuthType Forge\nRequire "
    "valid-user\n</Location>\n"
    "<LocationMatch \"^/closed/few/(one|two)$\">\nForgeRateLimit default 3/1m ip\n</LocationMatch>\n";

/* What reads one variable; %1$s is its name. mod_rewrite in folders reads all of them in one block. */
static const char reader[] =
    "SetEnvIf %1$s ^forged$ SERVER_SAW=forged\n"
    "RewriteCond %%{HTTP:%1$s} (.+)\nRewriteRule \"^/(readers|greeted|known)/\" - [E=SERVER_REWRITE_%1$s:%%1]\n"
    "RewriteCond expr \"%%{%1$s} == 'forged'\"\nRewriteRule \"^/(readers|greeted|known)/\" - [E=SERVER_SAW:forged]\n"
    "<LocationMatch \"^/(readers|greeted|known)/\">\nSetEnvIf %1$s ^(.+)$ SETENVIF_%1$s=$1\n"
    "SetEnvIfExpr \"reqenv('%1$s') =~ /^(.+)$/\" SETENVIFEXPR_%1$s=$1\n"
    "Header set X-Env-%1$s \"%%{%1$s}e\"\nHeader set X-Expr-%1$s \"expr=%%{%1$s}\"\n"
    "RequestHeader set X-Copy-%1$s \"%%{%1$s}e\"\n"
    "<If \"%%{%1$s} == 'forged' || env('%1$s') == 'forged' || http('%1$s') == 'forged'\">\nHeader set X-If "
    "forged\n</If>\n</LocationMatch>\n";

/* Pages that echo what mod_include and mod_rewrite hear. */
static void pages_make(void)
{
    static const char *const places[] = {"readers", "greeted", "known"};
    char *text = F("%s", "");
    for (const char *const *name = site_variables; *name; name++)
        text = F("%s<!--#if expr=\"v('%s') == 'forged'\" -->forged<!--#endif -->\n%s=<!--#echo var=\"%s\" -->;\n"
                 "rewrite %s=<!--#echo var=\"REWRITE_%s\" -->;\nserver %s=<!--#echo var=\"SERVER_REWRITE_%s\" -->;\n",
                 text, *name, *name, *name, *name, *name, *name, *name);
    for (int i = 0; i < 3; i++) {
        folder(F("site/%s", places[i]));
        page(F("%s/echo.shtml", places[i]), text);
    }
    static const char *const allowed[] = {"isadmin", "isanybody", "closed/few"};
    for (int i = 0; i < 3; i++) {
        folder(F("site/%s", allowed[i]));
        page(F("%s/page.txt", allowed[i]), F("this is %s\n", allowed[i]));
    }
    page("closed/few/one", "one\n");
    page("closed/few/two", "two\n");
    page("open/api.shtml",
         "<!--#include virtual=\"/api/v1/courses\" -->\n<!--#include virtual=\"/open/page.txt\" -->\n"
         "<!--#include virtual=\"/closed/page.txt\" -->\n<!--#include virtual=\"/greet/env\" -->\n"
         "<!--#include virtual=\"/api/v1/courses/424242\" -->\n<!--#include virtual=\"/open/page.txt\" "
         "-->\n<!--#include virtual=\"/staff/page.txt\" -->\n");
}

static char *readers_lines(int port)
{
    char *text = F(readers, env.dir, port), *format = F("%s", ""), *rules = F("%s", "");
    for (const char *const *name = site_variables; *name; name++) {
        rules = F("%sRewriteCond %%{ENV:%s} ^(.+)$\nRewriteRule \"echo\\.shtml$\" - [E=REWRITE_%s:%%1]\n", rules, *name,
                  *name);
        text = F("%s%s", text, F(reader, *name));
        format = F("%s%%{%s}e %%{%s}i ", format, *name, *name);
    }
    return F("%s<Directory \"%s/site\">\n%s</Directory>\nCustomLog logs/readers.log \"%%U %s\"\n", text, env.dir, rules,
             format);
}

char *site_lines(void)
{
    static int port, listener;
    if (!port) {
        port = back_end_start(serve, &listener);
        files_make();
        pages_make();
    }
    return F("%s%s%s", F(lines, env.dir, port), readers_lines(port), parts_lines());
}
