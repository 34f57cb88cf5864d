/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest_copy.h: the one place where bytes of guest memory are read.
 *
 * The guest's processors may write while we read, so every byte is copied once into memory of our own, and all checks
 * act on the copy. What is behind this function is opaque to the compiler, which could otherwise read the original a
 * second time where the program names the copy. A test takes its place by defining a function of the same name
 * (tests/qxl/guest.c): there, memory that is read in any other way, or twice, is a failure.
 *
 * Thread     any; a copy of memory that changes meanwhile is a mixture of old and new bytes, and as good as any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What reading costs, in the steps of about 20 ns that drawing counts (display/canvas/canvas.h). */
#define QXL_BYTES_PER_STEP 64u /* that are copied */
#define QXL_CHUNK_STEPS 8u     /* to find one of a chain: its header lies anywhere in the guest's memory */

/* `host` ... `host + len` lies inside a memslot; see memslots_find(). */
void guest_copy(void *copy, uintptr_t host, size_t len);
