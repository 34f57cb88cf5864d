/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* error_text.h: what a -E... of core means, for logs. */
#pragma once

/* A constant English string for `error` < 0; strerror() would look for translations in files. */
const char *error_text(int error);
