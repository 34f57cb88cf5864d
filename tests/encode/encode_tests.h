/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int run_browser(void);
int run_caches(void);
int run_choice(void);
int run_messages(void);
int run_shared(void);
