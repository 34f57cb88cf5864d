/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

int main(void)
{
    return run_memslots() + run_chunks() + run_cursor() + run_command() + run_drawable() + run_roundtrip() +
           run_surface() + run_monitors();
}
