/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/canvas/easel.h"

int main(void)
{
    return run_bits() + run_blends() + run_coded() + run_lines() + run_properties() + run_work();
}
