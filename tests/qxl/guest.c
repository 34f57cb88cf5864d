/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "qxl/guest_copy.h"

static Guest *current; /* guest_copy() has no argument to find it by */

void guest_copy(void *copy, uintptr_t host, size_t len)
{
    Guest *guest = current;

    if (host < guest->start || host - guest->start > GUEST_BYTES) {
        memcpy(copy, (const void *)host, len); /* what was brought out of there */
        return;
    }
    assert_true(host >= guest->start && host - guest->start <= GUEST_BYTES &&
                len <= GUEST_BYTES - (host - guest->start));
    const size_t at = host - guest->start;
    for (size_t i = 0; i < len; i++) {
        if (guest->reads[at + i] != 0 && !guest->may_reread) {
            fail_msg("guest byte 0x%zx is read a second time", at + i);
        }
        guest->reads[at + i] = 1;
    }
    if (len > 0) {
        guest->reads_start = at < guest->reads_start ? at : guest->reads_start;
        guest->reads_end = at + len > guest->reads_end ? at + len : guest->reads_end;
        memcpy(copy, guest->shadow + at, len);
        if (!guest->may_reread) {
            memset(guest->shadow + at, 0xff, len);
        }
    }
}

static void *host_alloc(void *opaque, size_t bytes)
{
    Guest *guest = opaque;

    if (guest->allocs_left == 0) {
        return NULL;
    }
    guest->allocs_left--;
    guest->blocks++;
    void *memory = malloc(bytes);
    assert_non_null(memory);
    return memset(memory, 0xa5, bytes);
}

static void host_free(void *opaque, void *memory)
{
    ((Guest *)opaque)->blocks--;
    free(memory);
}

static bool host_find_surface(void *opaque, uint32_t id, QxlGeometry *ret_geometry)
{
    const Guest *guest = opaque;

    if (id >= GUEST_SURFACES || guest->surfaces[id].width == 0) {
        return false;
    }
    *ret_geometry = guest->surfaces[id];
    return true;
}

int guest_setup(void **state)
{
    static const MemslotsLayout layout = {.groups = 2, .slots = 8, .id_bits = 8, .generation_bits = 8};
    Guest *guest = calloc(1, sizeof *guest);
    assert_non_null(guest);
    void *memory = mmap(NULL, GUEST_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(memory != MAP_FAILED);
    guest->start = (uintptr_t)memory;
    guest->shadow = calloc(1, GUEST_BYTES);
    guest->reads = calloc(1, GUEST_BYTES);
    guest->slots = memslots_new(&layout);
    assert_true(guest->shadow != NULL && guest->reads != NULL && guest->slots != NULL);
    const Memslot slot = {.group = GUEST_GROUP,
                          .id = GUEST_SLOT,
                          .generation = GUEST_GENERATION,
                          .virt_start = guest->start,
                          .virt_end = guest->start + GUEST_BYTES,
                          .addr_delta = guest->start - GUEST_OFFSET};
    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_OK);
    guest->host = (QxlHost){{host_alloc, host_free, guest}, host_find_surface, guest};
    guest->allocs_left = SIZE_MAX;
    guest->reads_start = GUEST_BYTES;
    current = guest;
    *state = guest;
    return 0;
}

int guest_teardown(void **state)
{
    Guest *guest = *state;

    assert_int_equal(guest->blocks, 0);
    memslots_free(guest->slots);
    munmap((void *)guest->start, GUEST_BYTES);
    free(guest->shadow);
    free(guest->reads);
    free(guest);
    current = NULL;
    return 0;
}

Status guest_read(Guest *guest, QxlRing ring, uint32_t type, uint64_t address, uint32_t flags,
                  QxlCommand *ret)
{
    const QXLCommandExt command = {
        .cmd = {.data = address, .type = type}, .group_id = GUEST_GROUP, .flags = flags};

    if (guest->reads_start < guest->reads_end) {
        memset(guest->reads + guest->reads_start, 0, guest->reads_end - guest->reads_start);
    }
    guest->reads_start = GUEST_BYTES;
    guest->reads_end = 0;
    return qxl_command_read(guest->slots, &guest->host, ring, &command, ret, &guest->fault);
}

uint64_t guest_at(uint64_t offset)
{
    return (uint64_t)GUEST_SLOT << 56 | (uint64_t)GUEST_GENERATION << 48 | (GUEST_OFFSET + offset);
}

void *guest_memory(Guest *guest, uint64_t offset)
{
    return guest->shadow + offset;
}

bool guest_was_read(const Guest *guest, uint64_t offset, size_t len)
{
    return memchr(guest->reads + offset, 1, len) != NULL;
}
