/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory.c: guest memory: three areas, handed out in blocks, overwritten when they are given back. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define RAM_BYTES_DEFAULT (4u << 20)
#define VRAM_BYTES_DEFAULT (16u << 20)
#define SPARE_BYTES (256u << 10)

uint64_t address_of(uint32_t slot, uint32_t generation, uint64_t offset)
{
    return (uint64_t)slot << (64 - SLOT_BITS) | (uint64_t)generation << (64 - SLOT_BITS - GENERATION_BITS) |
           offset;
}

static bool area_init(Area *area, size_t bytes)
{
    area->units = (uint32_t)(bytes / UNIT_BYTES);
    area->bytes = (size_t)area->units * UNIT_BYTES;
    area->memory = malloc(area->bytes);
    area->owner = calloc(area->units, sizeof *area->owner);
    if (area->memory == NULL || area->owner == NULL) {
        return false;
    }
    memset(area->memory, POISON_BYTE, area->bytes);
    return true;
}

bool memory_init(FakeQxl *qxl)
{
    const size_t ram = qxl->config.ram_bytes != 0 ? qxl->config.ram_bytes : RAM_BYTES_DEFAULT;
    const size_t vram = qxl->config.vram_bytes != 0 ? qxl->config.vram_bytes : VRAM_BYTES_DEFAULT;
    if (!area_init(&qxl->areas[AREA_RAM], ram) || !area_init(&qxl->areas[AREA_VRAM], vram) ||
        !area_init(&qxl->areas[AREA_SPARE], SPARE_BYTES)) {
        return false;
    }
    /* The last unit of RAM is for commands that begin inside and end outside. */
    Area *area = &qxl->areas[AREA_RAM];
    area->next = area->units - 1;
    qxl->bait_end = block_new(qxl, AREA_RAM, UNIT_BYTES, "a command across the end of its slot");
    qxl->bait = block_new(qxl, AREA_RAM, 4 * UNIT_BYTES, "a command under a false address");
    if (qxl->bait_end == BLOCK_NONE || qxl->bait == BLOCK_NONE) {
        return false;
    }
    CHECK(qxl->blocks[qxl->bait_end].unit == area->units - 1);
    qxl->blocks[qxl->bait_end].optional = true;
    atomic_store(&qxl->blocks[qxl->bait_end].state, BLOCK_BAIT);
    atomic_store(&qxl->blocks[qxl->bait].state, BLOCK_BAIT);
    return true;
}

void memory_finish(FakeQxl *qxl)
{
    for (int i = 0; i < AREAS; i++) {
        free(qxl->areas[i].memory);
        free(qxl->areas[i].owner);
    }
}

/* The last used unit of the run, or UINT32_MAX when all of it is free. */
static uint32_t run_obstacle(const Area *area, uint32_t first, uint32_t units)
{
    for (uint32_t u = first + units; u > first; u--) {
        if (atomic_load_explicit(&area->owner[u - 1], memory_order_relaxed) != 0) {
            return u - 1;
        }
    }
    return UINT32_MAX;
}

static uint32_t find_between(const Area *area, uint32_t units, uint32_t first, uint32_t end)
{
    while (first < end && units <= end - first) {
        const uint32_t obstacle = run_obstacle(area, first, units);
        if (obstacle == UINT32_MAX) {
            return first;
        }
        first = obstacle + 1;
    }
    return UINT32_MAX;
}

/* Next fit: freed memory rests for a while, so that late users of it are seen. */
static uint32_t find_units(const Area *area, uint32_t units)
{
    const uint32_t unit = find_between(area, units, area->next, area->units);
    return unit != UINT32_MAX ? unit : find_between(area, units, 0, area->units);
}

static bool is_poison(const uint8_t *memory, size_t bytes)
{
    return bytes == 0 || (memory[0] == POISON_BYTE && memcmp(memory, memory + 1, bytes - 1) == 0);
}

uint32_t block_new(FakeQxl *qxl, AreaId area_id, size_t bytes, const char *what)
{
    Area *area = &qxl->areas[area_id];
    const size_t wanted = bytes == 0 ? 1 : (bytes + UNIT_BYTES - 1) / UNIT_BYTES;
    if (wanted > area->units) {
        return BLOCK_NONE;
    }
    const uint32_t units = (uint32_t)wanted;
    uint32_t index = BLOCK_NONE;
    for (uint32_t i = 0; i < BLOCKS_MAX && index == BLOCK_NONE; i++) {
        const uint32_t at = (qxl->blocks_next + i) % BLOCKS_MAX;
        if (atomic_load_explicit(&qxl->blocks[at].state, memory_order_relaxed) == BLOCK_FREE) {
            index = at;
        }
    }
    const uint32_t unit = index == BLOCK_NONE ? UINT32_MAX : find_units(area, units);
    if (unit == UINT32_MAX) {
        return BLOCK_NONE;
    }
    qxl->blocks_next = (index + 1) % BLOCKS_MAX;
    area->next = (unit + units) % area->units;

    Block *block = &qxl->blocks[index];
    block->optional = false;
    block->area = area_id;
    block->unit = unit;
    block->units = units;
    block->group = GROUP_GUEST;
    block->release_id = 0;
    block->what = what;
    for (uint32_t u = unit; u < unit + units; u++) {
        atomic_store_explicit(&area->owner[u], index + 1, memory_order_relaxed);
    }
    uint8_t *memory = area->memory + (size_t)unit * UNIT_BYTES;
    if (!is_poison(memory, (size_t)units * UNIT_BYTES)) {
        violation(qxl, "free guest memory was written to (area %u, offset 0x%zx)", (unsigned)area_id,
                  (size_t)unit * UNIT_BYTES);
    }
    memset(memory, 0, (size_t)units * UNIT_BYTES);
    atomic_store(&block->state, BLOCK_HELD);
    return index;
}

void *block_memory(FakeQxl *qxl, uint32_t index)
{
    const Block *block = &qxl->blocks[index];
    return qxl->areas[block->area].memory + (size_t)block->unit * UNIT_BYTES;
}

uint64_t block_address(FakeQxl *qxl, uint32_t index, size_t offset)
{
    const Block *block = &qxl->blocks[index];
    return address_of(1 + (uint32_t)block->area, qxl->areas[block->area].generation,
                      AREA_BASE + (uint64_t)block->unit * UNIT_BYTES + offset);
}

uint64_t host_address(FakeQxl *qxl, uint32_t index)
{
    return address_of(0, 0, AREA_BASE + (uint64_t)qxl->blocks[index].unit * UNIT_BYTES);
}

void block_poison(FakeQxl *qxl, const Block *block)
{
    memset(qxl->areas[block->area].memory + (size_t)block->unit * UNIT_BYTES, POISON_BYTE,
           (size_t)block->units * UNIT_BYTES);
}

static void block_return(FakeQxl *qxl, Block *block)
{
    Area *area = &qxl->areas[block->area];
    for (uint32_t u = block->unit; u < block->unit + block->units; u++) {
        atomic_store_explicit(&area->owner[u], 0, memory_order_relaxed);
    }
    atomic_store(&block->state, BLOCK_FREE);
}

void block_free(FakeQxl *qxl, uint32_t index)
{
    if (index != BLOCK_NONE) {
        Block *block = &qxl->blocks[index];
        CHECK(atomic_load(&block->state) == BLOCK_HELD);
        block_poison(qxl, block);
        block_return(qxl, block);
    }
}

uint32_t block_at(FakeQxl *qxl, const void *memory)
{
    const uintptr_t at = (uintptr_t)memory;
    for (int i = 0; i < AREAS; i++) {
        const Area *area = &qxl->areas[i];
        const uintptr_t start = (uintptr_t)area->memory;
        if (at >= start && at < start + area->bytes) {
            const uint32_t unit = (uint32_t)((at - start) / UNIT_BYTES);
            const uint32_t owner = atomic_load_explicit(&area->owner[unit], memory_order_relaxed);
            if (owner == 0 || (at - start) % UNIT_BYTES != 0 || qxl->blocks[owner - 1].unit != unit) {
                return BLOCK_NONE;
            }
            return owner - 1;
        }
    }
    return BLOCK_NONE;
}

/* A surface still has to see that its command came back: the server may release it between any two of our
 * looks. */
static bool is_watched_by_a_surface(const FakeQxl *qxl, uint32_t block)
{
    for (uint32_t id = 0; id < qxl->surface_count; id++) {
        if (qxl->surfaces[id].create == block || qxl->surfaces[id].destroy == block) {
            return true;
        }
    }
    return false;
}

void blocks_reclaim(FakeQxl *qxl)
{
    for (uint32_t i = 0; i < BLOCKS_MAX; i++) {
        if (atomic_load(&qxl->blocks[i].state) == BLOCK_RELEASED && !is_watched_by_a_surface(qxl, i)) {
            block_return(qxl, &qxl->blocks[i]);
        }
    }
}

void blocks_forget_optional(FakeQxl *qxl)
{
    for (uint32_t i = 0; i < BLOCKS_MAX; i++) {
        Block *block = &qxl->blocks[i];
        if (atomic_load(&block->state) == BLOCK_TAKEN && block->optional) {
            block_poison(qxl, block);
            block_return(qxl, block);
        }
    }
}

bool area_has(const FakeQxl *qxl, AreaId area, BlockState state)
{
    for (uint32_t i = 0; i < BLOCKS_MAX; i++) {
        const Block *block = &qxl->blocks[i];
        if (atomic_load(&block->state) == (uint32_t)state && block->area == area && !block->optional) {
            return true;
        }
    }
    return false;
}

void memory_check(FakeQxl *qxl)
{
    for (int i = 0; i < AREAS; i++) {
        const Area *area = &qxl->areas[i];
        for (uint32_t unit = 0; unit < area->units; unit++) {
            const uint8_t *memory = area->memory + (size_t)unit * UNIT_BYTES;
            if (atomic_load(&area->owner[unit]) == 0 && !is_poison(memory, UNIT_BYTES)) {
                violation(qxl, "free guest memory was written to (area %d, offset 0x%zx)", i,
                          (size_t)unit * UNIT_BYTES);
                break;
            }
        }
    }
}
