/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/codec_tests.h"

#include <stdlib.h>
#include <string.h>

int main(void)
{
    /* What libjpeg's SIMD code reads behind its own rows does not reach the result, but valgrind cannot know that. */
    const char *preload = getenv("LD_PRELOAD");
    if (preload != NULL && strstr(preload, "vgpreload") != NULL) {
        setenv("JSIMD_FORCENONE", "1", 1);
    }
    return run_lz() + run_lz4() + run_quic() + run_glz() + run_zlib_glz() + run_jpeg() + run_changing();
}
