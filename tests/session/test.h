/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test.h: what every test program of this folder includes, cmocka's headers in the order that it wants. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/posix/posix.h"
