/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qxl_drawable.h: whether a drawable that was accepted is what its headers promise. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "qxl/drawable.h"

/* Guest memory is `len` bytes from `start` on; `host` is what the drawable was read with. Touches every byte that it
 * refers to. */
void check_drawable(QxlDrawable *drawable, const QxlHost *host, uintptr_t start, size_t len);
