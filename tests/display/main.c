/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/display/desk.h"

int main(void)
{
    return run_rings() + run_commands() + run_requests() + run_clients() + run_drawing() + run_merging() +
           run_sharing() + run_threads() + run_bands() + run_large() + run_recording() + run_lossy() +
           run_wan() + run_life() + run_pinning() + run_dictionary() + run_browsers();
}
