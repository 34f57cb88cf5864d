/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/codec_tests.h"

int main(void)
{
    return run_lz() + run_lz4() + run_quic() + run_glz() + run_zlib_glz() + run_jpeg() + run_changing();
}
