/* SPDX-License-Identifier: Apache-2.0
 * What forge-runner tells its administrator: lines on standard error, which httpd has opened on its error log.
 */
#include "runner.h"
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* One write, so that lines of several processes do not mix. */
void forge_runner_say(const char *format, ...)
{
    static const char mine[] = "forge-runner: ";
    char line[FORGE_RUN_WHY_MAX + 128];
    va_list args;
    memcpy(line, mine, sizeof(mine) - 1);
    va_start(args, format);
    int len = vsnprintf(line + sizeof(mine) - 1, sizeof(line) - sizeof(mine), format, args);
    va_end(args);
    size_t size = sizeof(mine) - 1 + (size_t)(len < 0 ? 0 : len);
    if (size > sizeof(line) - 1)
        size = sizeof(line) - 1;
    for (size_t i = 0; i < size; i++)
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    line[size++] = '\n';
    if (write(STDERR_FILENO, line, size) < 0)
        return; /* nobody is left to be told */
}
