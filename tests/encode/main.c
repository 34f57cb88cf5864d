/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/encode/encode_tests.h"

int main(void)
{
    return run_browser() | run_caches() | run_choice() | run_messages() | run_shared();
}
