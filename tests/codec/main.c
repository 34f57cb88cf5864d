/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/codec_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* test-codec [--images N]: so many random images of each format to each codec. */
int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--images") == 0) {
        char *end;
        codec_random_images = (unsigned)strtoul(argv[2], &end, 10);
        argc = *end == '\0' && end != argv[2] ? 1 : argc;
    }
    if (argc != 1) {
        fputs("usage: test-codec [--images N]\n", stderr);
        return 2;
    }
    /* What libjpeg's SIMD code reads behind its own rows does not reach the result, but valgrind cannot know that. */
    const char *preload = getenv("LD_PRELOAD");
    if (preload != NULL && strstr(preload, "vgpreload") != NULL) {
        setenv("JSIMD_FORCENONE", "1", 1);
    }
    return run_lz() + run_lz4() + run_quic() + run_glz() + run_zlib_glz() + run_jpeg() + run_changing();
}
