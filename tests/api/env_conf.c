/* SPDX-License-Identifier: Apache-2.0
 * The configuration of the httpd that the API tests talk to: one virtual host for each set of directives (PORT_…).
 */
#include "env_private.h"
#include "test_places.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GIT_BACKEND "/usr/lib/git-core/git-http-backend"
#ifndef FORGE_HTTPD_MODULES
#define FORGE_HTTPD_MODULES "/usr/lib/apache2/modules"
#endif

static const char *const modules[] = {
    "unixd",  "authn_core", "authz_core", "authz_host", "mime",     "setenvif",      "headers",
    "filter", "deflate",    "reqtimeout", "log_config", "remoteip", "socache_shmcb", "ssl",
    "dbd",    "alias",      "status",     "authz_user", "dir",      "env",           "rewrite",
    "proxy",  "proxy_http", "include",    "brotli",     NULL};

/* LoadModule lines for what this httpd has not compiled in. */
static char *modules_text(const char *dir, const char *compiled)
{
    char *text = F("LoadModule mpm_%s_module \"%s/mod_mpm_%s.so\"\n", env.mpm, dir, env.mpm);
    for (const char *const *name = modules; *name; name++)
        if (!strstr(compiled, F("mod_%s.c", *name)))
            text = F("%sLoadModule %s_module \"%s/mod_%s.so\"\n", text, *name, dir, *name);
    bool threads = strcmp(env.mpm, "prefork") != 0;
    const char *cgi = threads ? "cgid" : "cgi"; /* as httpd's own documentation pairs them */
    if (threads)
        text = F("%sLoadModule http2_module \"%s/mod_http2.so\"\n", text, dir);
    return F("%sLoadModule %s_module \"%s/mod_%s.so\"\n", text, cgi, dir, cgi);
}

static char *processes_text(void)
{
    if (strcmp(env.mpm, "prefork") == 0)
        return F("ServerLimit 64\nStartServers 6\nMinSpareServers 4\nMaxSpareServers 12\nMaxRequestWorkers 24\nDBDMin "
                 "0\nDBDKeep 1\nDBDMax 1\n");
    return F("%sServerLimit 10\nStartServers 2\nThreadsPerChild 16\nMinSpareThreads 16\nMaxSpareThreads "
             "32\nMaxRequestWorkers 32\nDBDMin "
             "0\nDBDKeep 4\nDBDMax 10\n",
             strcmp(env.mpm, "event") == 0 ? "AsyncRequestWorkerFactor 30\n" : "");
}

/* Connections of its own, on which a statement may wait for a lock of a test's. */
#define QUEUE_LINES \
    "DBDriver pgsql\nDBDParams \"host=%s/run port=5432 dbname=forge user=forge_app connect_timeout=2 options='-c " \
    "jit=off'\"\n" \
    "DBDMin 0\nDBDKeep 1\nDBDMax 4\nForgeStatementTimeout 20s\nForgeBcryptConcurrency 1\n"

/* The directives under which each host differs from the first. */
static const char *const host_lines[PORTS] = {
    [PORT_MAIN] = "ForgeCache off\n",
    [PORT_TLS] = "SSLEngine on\nSSLCertificateFile server.pem\nSSLCertificateKeyFile server.key\n",
    [PORT_LIMITS] =
        "RemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.3.250\nForgeRateLimit default 5/1m ip\nForgeRateLimit "
        "user 8/1m user\nForgeRateLimit auth 4/1m ip\nForgeRateLimit stream 2 ip\n"
        "<Location \"/api/v1/achievements\">\nForgeRateLimit default 3/2s ip\n</Location>\n"
        "<Location \"/api/v1/organizations\">\nForgeRateLimit default 4/1h ip\nForgeRateLimit user 3/1h "
        "user\n</Location>\n"
        "<LocationMatch \"^/api/v1/organizations/[0-9]+/members\">\nForgeRateLimit user 2/1h user\n</LocationMatch>\n",
    [PORT_STRICT] =
        "ForgeGuests Off\nForgeRefreshReuseWindow 0s\nForgeFreshLogin 0s\nForgeCSP strict\nForgeTermsRequired On\n"
        "ForgeSelfRoles student\nForgeCourseCreators instructors\nForgeMaxBody 2K\n"
        "<LocationMatch \"^/(metrics|api/v1/performance|api/v1/monitor(?!/health(/|$)))(/|$)\">\nRequire ip "
        "192.0.2.1\n</LocationMatch>\n",
    [PORT_POOL] =
        "DBDriver pgsql\nDBDParams \"host=%s/run port=5432 dbname=forge user=forge_app connect_timeout=2 options='-c "
        "geqo=on'\"\n"
        "DBDMin 0\nDBDKeep 1\nDBDMax 2\nForgePoolWait 200ms\nForgeLockout off\nForgeMFAIssuer \"Example University\"\n"
        "RequestReadTimeout body=0\n",
    [PORT_QUICK] = "ForgeAccessTokenTTL 10s\nForgeUserQuota 1M 40\nForgeBcryptConcurrency 1\nRemoteIPHeader "
                   "X-Client\nRemoteIPInternalProxy "
                   "127.0.0.0/8\n"
                   "<LocationMatch \"^/metrics(/|$)\">\nAuthType Forge\nRequire forge-role admin\n</LocationMatch>\n",
    [PORT_KEYS] = "ForgeJWTKey es ES256 %1$s/es.pem\nForgeJWTKey rs RS256 file:%1$s/rs.pem\n"
                  "AddOutputFilterByType BROTLI_COMPRESS application/json application/problem+json\n",
    [PORT_DOORS] = "RequestReadTimeout body=0\n",
    [PORT_COOKIE] = "SSLEngine on\nSSLCertificateFile server.pem\nSSLCertificateKeyFile server.key\nForgeCookie On\n"
                    "<IfModule http2_module>\nProtocols h2 http/1.1\n</IfModule>\n",
    [PORT_QUEUE] = QUEUE_LINES,
    [PORT_QUEUE_TLS] = QUEUE_LINES "SSLEngine on\nSSLCertificateFile server.pem\nSSLCertificateKeyFile server.key\n"
                                   "<IfModule http2_module>\nProtocols h2 http/1.1\n</IfModule>\n",
    [PORT_BRIEF] = QUEUE_LINES "ForgeQueue 2s 3\n",
    [PORT_GIT] = "SSLEngine on\nSSLCertificateFile git.pem\nSSLCertificateKeyFile git.key\nRequestReadTimeout body=0\n"
                 "SetEnv GIT_PROJECT_ROOT %s/git\nSetEnv GIT_HTTP_EXPORT_ALL 1\nSetEnv GIT_CONFIG_COUNT 1\n"
                 "SetEnv GIT_CONFIG_KEY_0 safe.directory\nSetEnv GIT_CONFIG_VALUE_0 *\n"
                 "Redirect 301 /moved/ https://example.org/owner/\nRedirect 502 /sick/\n"
                 "ScriptAliasMatch ^/([a-z]+/.*) " GIT_BACKEND "/$1\n"
                 "<Location \"/\">\nRequire all granted\n</Location>\n",
    [PORT_SMTP] =
        "ForgePublicURL https://smtp.example.org\nForgeMail smtp://127.0.0.1:%d starttls=off from=learn@example.org\n"
        "ForgeSiteName \"Lernen & Üben\"\nForgeMailTemplates texts\n",
};

bool port_is_tls(port_t port)
{
    return port == PORT_TLS || port == PORT_GIT || port == PORT_COOKIE || port == PORT_QUEUE_TLS;
}

const char *const env_own_headers[] = {"X-Content-Type-Options",
                                       "X-XSS-Protection",
                                       "Referrer-Policy",
                                       "Content-Security-Policy",
                                       "Strict-Transport-Security",
                                       "Cache-Control",
                                       "X-Request-ID",
                                       "traceparent",
                                       "RateLimit",
                                       "RateLimit-Policy",
                                       "X-RateLimit-Limit",
                                       "Access-Control-Allow-Origin",
                                       "ETag",
                                       NULL};

/* Header lines of a site for the whole host; a request says in X-Case which of them apply to it. */
static char *header_lines(void)
{
    static const char *const lines[][2] = {{"set", "set X-Frame-Options SAMEORIGIN"},
                                           {"always", "always set X-Frame-Options SAMEORIGIN"},
                                           {"append", "append X-Frame-Options ALLOW"},
                                           {"always-append", "always append X-Frame-Options ALLOW"},
                                           {"merge", "merge X-Frame-Options ALLOW"},
                                           {"add", "add X-Frame-Options SAMEORIGIN"},
                                           {"unset", "unset X-Frame-Options"},
                                           {"always-unset", "always unset X-Frame-Options"},
                                           {"edit", "edit X-Frame-Options DENY SAMEORIGIN"},
                                           {"always-edit", "always edit X-Frame-Options DENY SAMEORIGIN"},
                                           {"setifempty", "setifempty X-Frame-Options ALLOW"},
                                           {"both", "set X-Frame-Options SAMEORIGIN"},
                                           {"both", "always set X-Frame-Options SAMEORIGIN"},
                                           {"instead", "always unset X-Frame-Options"},
                                           {"instead", "set X-Frame-Options SAMEORIGIN"}};
    static const char *const kinds[][3] = {{"set", "set", "site"},
                                           {"always", "always set", "site"},
                                           {"unset", "unset", ""},
                                           {"always-unset", "always unset", ""}};
    char *text = F("%s", "");
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        text = F("%sHeader %s \"expr=%%{req:X-Case} == '%s'\"\n", text, lines[i][1], lines[i][0]);
    for (const char *const *name = env_own_headers; *name; name++)
        for (int i = 0; i < 4; i++)
            text = F("%sHeader %s %s %s \"expr=%%{req:X-Case} == '%s %s'\"\n", text, kinds[i][1], *name, kinds[i][2],
                     *name, kinds[i][0]);
    return text;
}

char *env_conf_hosts(void)
{
    char *text = F("%s", "");
    for (int i = 0; i < PORT_SECOND; i++) {
        const char *lines = i == PORT_POOL || i == PORT_KEYS || (i >= PORT_QUEUE && i <= PORT_GIT)
                                ? F(host_lines[i], env.dir)
                            : i == PORT_SMTP ? F(host_lines[i], env.smtp_port)
                                             : host_lines[i];
        if (i == PORT_DOORS || i == PORT_COOKIE)
            lines = F("%s%s", lines, site_lines());
        if (i == PORT_TLS)
            lines = F("%s%s", lines, header_lines());
        text = F("%sListen 127.0.0.1:%d\n<VirtualHost *:%d>\nServerName localhost\n%s</VirtualHost>\n", text,
                 env.ports[i], env.ports[i], lines);
    }
    return text;
}

/* One configuration for both nodes, but for their run-time files and their hosts. */
void env_conf_write(const char *name, const char *run, const char *hosts)
{
    char *compiled;
    process_run(NULL, (const char *[]){env.httpd, "-l", NULL}, &compiled);
    char *conf =
        F("ServerRoot \"%s\"\nPidFile %s.pid\nDefaultRuntimeDir \"%s/%s\"\n%sLoadModule forge_module \"%s\"\n%s"
          "ServerName localhost\nServerTokens Prod\nHttpProtocolOptions Strict Require1.0\nErrorLog "
          "logs/error.log\nLogLevel warn forge:debug\nTypesConfig "
          "/dev/null\n%s"
          "DirectoryIndex disabled\nTimeout 10\nKeepAliveTimeout 3\nMaxKeepAliveRequests 0\nGracefulShutdownTimeout "
          "10\nRequestReadTimeout header=3 body=4\nSendBufferSize 65536\n"
          "SSLSessionCache shmcb:%s/ssl_scache(512000)\nLimitRequestBody 16777216\nTraceEnable "
          "off\nAddOutputFilterByType DEFLATE "
          "application/json application/problem+json text/event-stream\n"
          "DBDriver pgsql\nDBDParams \"host=%s/run port=5432 dbname=forge user=forge_app "
          "connect_timeout=2\"\nDBDExptime 60\n",
          env.dir, name, env.dir, run, modules_text(env_setting("FORGE_TEST_MODULES", FORGE_HTTPD_MODULES), compiled),
          env.module, env.root ? F("User %s\nGroup %s\n", "www-data", "www-data") : "", processes_text(), run, env.dir);
    conf = F(
        "%sForgeSecret \"%s\"\nForgeEnvironment test\nForgeBcryptCost 4\nForgeBcryptConcurrency 16\nForgeCSP relaxed\n"
        "ForgeAllowedOrigins https://app.example.org https://other.example.org\nForgeAccessLog "
        "logs/access.json\nForgeAuditLog "
        "logs/audit.json\nForgeEventLog logs/events.json\n"
        "ForgePublicURL https://learn.example.org\nForgeMail file:mail\nForgeDrainFile %s/drain\n"
        "ForgeRateLimit default 1000000/1m ip\nForgeRateLimit user 1000000/1m user\nForgeRateLimit auth 1000000/1m "
        "ip\nForgeRateLimit execute 1000000/1m user\nForgeRateLimit upload 1000000/1m user\n"
        "ForgeLogSource frontend logs/frontend.log\nForgeLogSource postgres logs/database.log postgres\n"
        "ForgeRateLimit stream 1000000 ip\nForgeSandbox %s\nForgeExecConcurrency auto 1000 500\n%s"
        "ForgeGitHosts github.com private:localhost:%d localhost:9\nForgeGitAuthorities git-authority.pem\n"
        "<LocationMatch "
        "\"^/(api/v1|api/docs|api/redoc|health|metrics|docs|redoc|errors|"
        "openapi\\.json|\\.well-known)(/|$)\">\nSetHandler "
        "forge\nRequire all granted\n</LocationMatch>\n"
        "<Location \"/static\">\nRequire all granted\n</Location>\n%s",
        conf, env.secret, env.dir, env.runner, env.assets ? F("ForgeDocsAssets \"%s\"\n", env.assets) : "",
        env.ports[PORT_GIT], hosts);
    const char *copy[] = {"cp", "-R", F("%s/conf/mail", env.source), env_path("texts"), NULL};
    if (access(env_path("texts"), F_OK) != 0)
        process_run(NULL, copy, NULL);
    file_write(env_path("texts/fr/verify.txt"),
               "Subject: Bienvenue à {site}, {username}\n\nOuvrez ceci :\n\n{link}\n\n{token}\n");
    file_write(env_path("logs/frontend.log"), "");
    file_write(env_path("logs/database.log"), "");
    file_write(env_path(F("%s.conf", name)), conf);
}
