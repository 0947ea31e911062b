/* SPDX-License-Identifier: Apache-2.0
 * What the prepared folder of the servers holds besides the cluster: certificates, keys and the documentation pages.
 */
#include "env_private.h"
#include "test_places.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef FORGE_BUILDDIR
#define FORGE_BUILDDIR "."
#endif

/* The documentation pages, copied to where httpd's account can read them whatever the build folder's rights are. */
static void assets_copy(void)
{
    const char *built = env_setting("FORGE_TEST_ASSETS", FORGE_BUILDDIR "/docs-ui");
    const char *copy[] = {"cp", "-r", built, env_path("docs-ui"), NULL},
               *open[] = {"chmod", "-R", "a+rX", env_path("docs-ui"), NULL};
    static char there[512];
    if (access(built, R_OK) || process_run(NULL, copy, NULL) || process_run(NULL, open, NULL))
        return;
    snprintf(there, sizeof(there), "%s", env_path("docs-ui"));
    env.assets = there;
}

/* A certificate of its own for the TLS host. */
static void certificate_make(void)
{
    char *out;
    const char *argv[] = {"openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:P-256",
                          "-nodes",
                          "-days",
                          "2",
                          "-subj",
                          "/CN=localhost",
                          "-addext",
                          "basicConstraints=critical,CA:FALSE",
                          "-keyout",
                          env_path("server.key"),
                          "-out",
                          env_path("server.pem"),
                          NULL};
    if (process_run(NULL, argv, &out))
        env_give_up("openssl could not make a certificate", out);
}

/* An authority of its own, and what it says of the host of PORT_GIT. */
static void git_certificate_make(void)
{
    static const char script[] =
        "set -e; cd \"$1\"; ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2';"
        "openssl req -x509 $ec -subj /CN=Authority -addext basicConstraints=critical,CA:TRUE -keyout git-authority.key"
        " -out git-authority.pem; openssl req $ec -new -subj /CN=localhost -keyout git.key -out git.csr;"
        "echo subjectAltName=DNS:localhost >git.ext;"
        "openssl x509 -req -in git.csr -CA git-authority.pem -CAkey git-authority.key -CAcreateserial -days 2"
        " -extfile git.ext -out git.pem; mkdir git; chmod 755 git";
    char *out;
    if (process_run(NULL, (const char *[]){"sh", "-c", script, "sh", env.dir, NULL}, &out))
        env_give_up("openssl could not make the certificate of the Git server", out);
}

/* What signs at PORT_KEYS, and next.pem, which will. */
static void signing_keys_make(void)
{
    static const char *const made[][3] = {{"es.pem", "EC", "ec_paramgen_curve:P-256"},
                                          {"rs.pem", "RSA", "rsa_keygen_bits:2048"},
                                          {"next.pem", "EC", "ec_paramgen_curve:P-256"}};
    char *out;
    for (int i = 0; i < 3; i++) {
        const char *argv[] = {"openssl",  "genpkey", "-algorithm",         made[i][1], "-pkeyopt",
                              made[i][2], "-out",    env_path(made[i][0]), NULL};
        if (process_run(NULL, argv, &out))
            env_give_up("openssl could not make a key", out);
        chmod(env_path(made[i][0]), 0600);
    }
}

void env_files_make(void)
{
    certificate_make();
    git_certificate_make();
    signing_keys_make();
    assets_copy();
}
