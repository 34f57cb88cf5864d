/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/memslots.h"

#include <glib.h>

struct Memslots {
    MemslotsLayout layout;
    uint32_t id_shift, generation_shift;
    uint64_t id_mask, generation_mask, offset_mask;
    struct {
        bool used;
        Memslot slot;
    } table[]; /* group by group */
};

static uint64_t low_bits(unsigned count)
{
    return (UINT64_C(1) << count) - 1; /* count <= 63 */
}

Memslots *memslots_new(const MemslotsLayout *layout)
{
    const unsigned name_bits = (unsigned)layout->id_bits + layout->generation_bits;

    if (layout->groups == 0 || layout->groups > MEMSLOT_GROUPS_MAX || layout->slots == 0 ||
        layout->slots > MEMSLOTS_MAX || name_bits > 63) {
        return NULL;
    }
    const size_t count = (size_t)layout->groups * layout->slots;
    Memslots *slots = g_malloc0(sizeof *slots + count * sizeof slots->table[0]);
    slots->layout = *layout;
    /* A field of no bits is always 0; its shift must stay below 64 all the same. */
    slots->id_shift = layout->id_bits == 0 ? 0 : 64u - layout->id_bits;
    slots->id_mask = low_bits(layout->id_bits);
    slots->generation_shift = layout->generation_bits == 0 ? 0 : 64u - name_bits;
    slots->generation_mask = low_bits(layout->generation_bits);
    slots->offset_mask = UINT64_MAX >> name_bits;
    return slots;
}

void memslots_free(Memslots *slots)
{
    g_free(slots);
}

static bool slot_exists(const Memslots *slots, uint32_t group, uint32_t id)
{
    return group < slots->layout.groups && id < slots->layout.slots;
}

static size_t slot_index(const Memslots *slots, uint32_t group, uint32_t id)
{
    return (size_t)group * slots->layout.slots + id;
}

Status memslots_add(Memslots *slots, const Memslot *slot)
{
    if (!slot_exists(slots, slot->group, slot->id) || slot->virt_start > slot->virt_end) {
        return STATUS_MISUSE;
    }
    const size_t index = slot_index(slots, slot->group, slot->id);
    slots->table[index].slot = *slot;
    slots->table[index].used = true;
    return STATUS_OK;
}

Status memslots_remove(Memslots *slots, uint32_t group, uint32_t id)
{
    if (!slot_exists(slots, group, id)) {
        return STATUS_MISUSE;
    }
    slots->table[slot_index(slots, group, id)].used = false;
    return STATUS_OK;
}

void memslots_reset(Memslots *slots)
{
    const size_t count = (size_t)slots->layout.groups * slots->layout.slots;

    for (size_t i = 0; i < count; i++) {
        slots->table[i].used = false;
    }
}

uint64_t memslots_bytes(const Memslots *slots, uint32_t group, uint32_t id)
{
    if (!slot_exists(slots, group, id) || !slots->table[slot_index(slots, group, id)].used) {
        return 0;
    }
    const Memslot *slot = &slots->table[slot_index(slots, group, id)].slot;
    return slot->virt_end - slot->virt_start;
}

Status memslots_find(const Memslots *slots, uint32_t group, uint64_t address, uint64_t size,
                     GuestRange *ret_range, QxlFault *ret_fault)
{
    if (address == 0) {
        return qxl_fault(ret_fault, "the address is 0", 0);
    }
    if (group >= slots->layout.groups) {
        return qxl_fault(ret_fault, "no such slot group", group);
    }
    const uint64_t id = address >> slots->id_shift & slots->id_mask;
    if (id >= slots->layout.slots || !slots->table[slot_index(slots, group, (uint32_t)id)].used) {
        return qxl_fault(ret_fault, "no memslot at the address", address);
    }
    const Memslot *slot = &slots->table[slot_index(slots, group, (uint32_t)id)].slot;
    if ((address >> slots->generation_shift & slots->generation_mask) != slot->generation) {
        return qxl_fault(ret_fault, "an address from before its memslot was replaced", address);
    }
    /* The sum may wrap, as the delta stands for a difference; what it yields is then checked without adding. */
    const uint64_t host = (address & slots->offset_mask) + slot->addr_delta;
    if (host < slot->virt_start || host > slot->virt_end || host == 0 || size > slot->virt_end - host) {
        return qxl_fault(ret_fault, "it does not lie inside its memslot", address);
    }
    *ret_range = (GuestRange){(uintptr_t)host, slot->virt_end - host, (uint32_t)id};
    return STATUS_OK;
}
