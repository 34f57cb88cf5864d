/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memslots.h: which memory of the guest a device may point into, and where that lies in this process.
 *
 * A guest address (QXLPHYSICAL) is [slot id][generation][offset], from the uppermost bit down; each command comes with a
 * slot group. An offset plus the slot's addr_delta is an address of this process, valid when the whole of what is asked
 * for lies between virt_start and virt_end. The host announces the slots; the guest writes the addresses.
 *
 * Ownership  the table owns nothing of the guest's. A GuestRange is good until its slot is removed or replaced.
 * Thread     one: the worker's.
 * Units      bytes.
 * Errors     STATUS_DEVICE_FAULT: the guest's address is none. STATUS_MISUSE: the host announced nonsense.
 * Source     reference/wire-protocol.md section 6.1.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "qxl/fault.h"

#define MEMSLOT_GROUPS_MAX 256u /* groups; devices have 2 */
#define MEMSLOTS_MAX 1024u      /* slots per group; devices have 8 */

typedef struct MemslotsLayout {
    uint32_t groups;         /* 1 ... MEMSLOT_GROUPS_MAX */
    uint32_t slots;          /* per group, 1 ... MEMSLOTS_MAX */
    uint8_t id_bits;         /* of an address, the uppermost */
    uint8_t generation_bits; /* below those; together at most 63 */
} MemslotsLayout;

typedef struct Memslot {
    uint32_t group;
    uint32_t id;
    uint32_t generation;
    uintptr_t virt_start;
    uintptr_t virt_end; /* first byte behind */
    uint64_t addr_delta;
} Memslot;

/* Guest memory that may be copied from: see guest_copy.h. */
typedef struct GuestRange {
    uintptr_t host;
    uint64_t left; /* bytes from `host` to the slot's end */
    uint32_t slot; /* its id */
} GuestRange;

typedef struct Memslots Memslots;

/* NULL: the layout is outside its limits. */
Memslots *memslots_new(const MemslotsLayout *layout);
void memslots_free(Memslots *slots); /* NULL is allowed */

/* Replaces what had this group and id. */
Status memslots_add(Memslots *slots, const Memslot *slot) STATUS_MUST_CHECK;
/* Nothing happens when there is none. */
Status memslots_remove(Memslots *slots, uint32_t group, uint32_t id) STATUS_MUST_CHECK;
void memslots_reset(Memslots *slots);

/* Of the whole slot; 0: there is none. */
uint64_t memslots_bytes(const Memslots *slots, uint32_t group, uint32_t id);

/* At least `size` bytes from this guest address on. Address 0 is nobody's. */
Status memslots_find(const Memslots *slots, uint32_t group, uint64_t address, uint64_t size,
                     GuestRange *ret_range, QxlFault *ret_fault) STATUS_MUST_CHECK;
