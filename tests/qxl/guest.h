/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest.h: a guest's memory that may be read once.
 *
 * The memory that the server is told of is mapped without access, so whoever reads it other than through guest_copy()
 * dies. guest_copy() is defined here instead of in the library: it takes the bytes from a shadow, fails the test when a
 * byte is asked for a second time, and changes what it handed out, as a hostile guest would.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <spice/enums.h>
#include <spice/qxl_dev.h>

#include "qxl/command.h"
#include "qxl/monitors.h"

#define GUEST_BYTES (12u * 1024u * 1024u)
#define GUEST_GROUP 1u
#define GUEST_SLOT 2u
#define GUEST_GENERATION 5u
#define GUEST_OFFSET UINT64_C(0x10000) /* guest address of the first byte */

#define GUEST_SURFACES 8u

typedef struct Guest {
    uintptr_t start; /* of what is mapped without access */
    uint8_t *shadow;
    uint8_t *reads;
    size_t reads_start, reads_end; /* all that are not 0 */
    bool may_reread;               /* for chains that lead back to themselves */
    Memslots *slots;
    QxlHost host;
    QxlGeometry surfaces[GUEST_SURFACES]; /* width 0: there is none */
    size_t blocks;                        /* that the host lent and did not get back */
    size_t allocs_left;                   /* then there is no memory */
    uint64_t work;                        /* steps of reading what is read in parts */
    QxlFault fault;
} Guest;

int guest_setup(void **state);
int guest_teardown(void **state);

/* A guest address in the slot. */
uint64_t guest_at(uint64_t offset);
/* What the guest writes; zeroes elsewhere. */
void *guest_memory(Guest *guest, uint64_t offset);
bool guest_was_read(const Guest *guest, uint64_t offset, size_t len);

/* Reads one command anew: what was read before may be read again. */
Status guest_read(Guest *guest, QxlRing ring, uint32_t type, uint64_t address, uint32_t flags,
                  QxlCommand *ret);

int run_memslots(void);
int run_chunks(void);
int run_cursor(void);
int run_command(void);
int run_drawable(void);
int run_roundtrip(void);
int run_surface(void);
int run_monitors(void);
