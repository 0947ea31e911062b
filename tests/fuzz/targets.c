/* SPDX-License-Identifier: Apache-2.0
 * The fuzz targets by name. Under libFuzzer the environment's FORGE_FUZZ names the one that runs.
 */
#include "fuzz.h"
#include <stdio.h>

static const struct {
    const char *name;
    forge_fuzz_fn run;
} targets[] = {
#define FUZZ_TARGET(name) {#name, forge_fuzz_##name},
#include "targets.def"
#undef FUZZ_TARGET
};

forge_fuzz_fn forge_fuzz_find(const char *name)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        if (strcmp(targets[i].name, name) == 0)
            return targets[i].run;
    fprintf(stderr, "no fuzz target is called \"%s\"\n", name);
    exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static forge_fuzz_fn run;
    if (!run) {
        const char *name = getenv("FORGE_FUZZ");
        run = forge_fuzz_find(name ? name : "");
    }
    return run(data, size);
}
