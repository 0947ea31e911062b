/* SPDX-License-Identifier: Apache-2.0
 * The bare rate of bcrypt: THREADS threads check a password of cost COST for SECONDS seconds and nothing else; prints
 * checks per second. usage: bcrypt COST THREADS SECONDS
 */
#include <apr_md5.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS_MAX = 64 };
static const char password[] =
    "the base64 of 32 bytes, as mod_forge hands it over"; /* cut to 72 bytes by bcrypt: length costs nothing */
static char hash[100];
static double until;
static atomic_long checks;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *work(void *baton)
{
    (void)baton;
    while (now() < until) {
        if (apr_password_validate(password, hash) != APR_SUCCESS)
            exit(1);
        checks++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static const unsigned char salt[16] = "constant is fine";
    pthread_t threads[THREADS_MAX];
    int cost = argc == 4 ? atoi(argv[1]) : 0, n = argc == 4 ? atoi(argv[2]) : 0;
    if (n < 1 || n > THREADS_MAX ||
        apr_bcrypt_encode(password, (unsigned)cost, salt, sizeof(salt), hash, sizeof(hash)) != APR_SUCCESS) {
        fprintf(stderr, "usage: bcrypt COST THREADS SECONDS\n");
        return 2;
    }
    double begun = now();
    until = begun + atof(argv[3]);
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 1;
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    printf("%.3f\n", (double)checks / (now() - begun));
    return 0;
}
