/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz.h: what a target defines. libFuzzer calls it; without libFuzzer standalone.c does, once per file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
