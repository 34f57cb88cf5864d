/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory.c: guest memory: three areas, handed out in blocks, overwritten when they are given back.
 *
 * What the guest does not use yet can be read, and not written to: who does dies there. So universes that draw little
 * cost little. Memory of a device that is gone serves the next one: it looks the same, and the kernel need not make it.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"

#define RAM_BYTES_DEFAULT (4u << 20)
#define VRAM_BYTES_DEFAULT (16u << 20)
#define SPARE_BYTES (256u << 10)
#define SMALL_BYTES (64u << 10)
#define GROW_BYTES (512u << 10)

uint64_t address_of(uint32_t slot, uint32_t generation, uint64_t offset)
{
    return (uint64_t)slot << (64 - SLOT_BITS) | (uint64_t)generation << (64 - SLOT_BITS - GENERATION_BITS) |
           offset;
}

/* Sanitizers need not know of megabytes that nobody has touched yet, or touches any more, and would take their time.
 * The empty assembly keeps the compilers from calling memset(). */
#ifdef __clang__
#define UNSEEN __attribute__((noinline, no_sanitize("address", "thread"), disable_sanitizer_instrumentation))
#else
#define UNSEEN __attribute__((noinline, no_sanitize_address, no_sanitize_thread))
#endif

static UNSEEN void poison_unseen(uint8_t *memory, size_t bytes)
{
    for (uint64_t *at = (uint64_t *)memory, *end = at + bytes / sizeof *at; at < end; at += 4) {
        at[0] = at[1] = at[2] = at[3] = POISON_WORD;
        __asm__ volatile("" ::: "memory");
    }
}

static UNSEEN bool is_poison_unseen(const uint8_t *memory, size_t bytes)
{
    for (const uint64_t *at = (const uint64_t *)memory, *end = at + bytes / sizeof *at; at < end; at += 8) {
        if (((at[0] ^ POISON_WORD) | (at[1] ^ POISON_WORD) | (at[2] ^ POISON_WORD) | (at[3] ^ POISON_WORD) |
             (at[4] ^ POISON_WORD) | (at[5] ^ POISON_WORD) | (at[6] ^ POISON_WORD) | (at[7] ^ POISON_WORD)) !=
            0) {
            return false;
        }
    }
    return true;
}

/* Of devices that are gone: all poison. */
typedef struct Remains {
    uint8_t *memory;
    size_t bytes;
    bool writable; /* all of it, ever: small areas are used as a whole at once */
} Remains;

#define REMAINS_MAX 8u

static _Atomic(Remains *) remains[REMAINS_MAX];

/* The guest begins to use so much more. */
static bool area_grow(Area *area, size_t bytes)
{
    const size_t used = (size_t)area->used * UNIT_BYTES, left = area->bytes - used;
    const size_t rounded = (bytes + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
    const size_t more = rounded < left ? rounded : left;
    /* A multiple of GROW_BYTES was used: whole pages. */
    if (mprotect(area->memory + used, more, PROT_READ | PROT_WRITE) < 0) {
        return false;
    }
    area->used += (uint32_t)(more / UNIT_BYTES);
    return true;
}

static Remains *remains_new(size_t bytes, bool writable)
{
    Remains *made = malloc(sizeof *made);
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == NULL || memory == MAP_FAILED) {
        if (memory != MAP_FAILED) {
            munmap(memory, bytes);
        }
        free(made);
        return NULL;
    }
    *made = (Remains){memory, bytes, writable};
    poison_unseen(memory, bytes);
    if (!writable) {
        mprotect(memory, bytes, PROT_READ);
    }
    return made;
}

static void remains_free(Remains *old)
{
    if (old != NULL) {
        munmap(old->memory, old->bytes);
        free(old);
    }
}

static void remains_keep(Remains *left)
{
    for (unsigned i = 0; i < REMAINS_MAX && left != NULL; i++) {
        Remains *none = NULL;
        if (atomic_compare_exchange_strong(&remains[i], &none, left)) {
            left = NULL;
        }
    }
    remains_free(left);
}

static Remains *remains_take(size_t bytes, bool writable)
{
    for (unsigned i = 0; i < REMAINS_MAX; i++) {
        Remains *taken = atomic_exchange(&remains[i], NULL);
        if (taken != NULL && taken->bytes == bytes && taken->writable == writable) {
            return taken;
        }
        remains_keep(taken);
    }
    return remains_new(bytes, writable);
}

static bool area_init(Area *area, size_t bytes, bool at_once)
{
    area->writable = at_once || bytes <= SMALL_BYTES;
    area->units = (uint32_t)(bytes / UNIT_BYTES);
    area->bytes = (size_t)area->units * UNIT_BYTES;
    area->owner = calloc(area->units, sizeof *area->owner);
    Remains *taken = remains_take(area->bytes, area->writable);
    area->memory = taken != NULL ? taken->memory : NULL;
    free(taken);
    area->used = area->writable ? area->units : 0;
    return area->memory != NULL && area->owner != NULL;
}

static void area_finish(Area *area)
{
    const size_t used = (size_t)area->used * UNIT_BYTES;
    Remains *left = area->memory != NULL ? malloc(sizeof *left) : NULL;
    if (left != NULL) {
        *left = (Remains){area->memory, area->bytes, area->writable};
        poison_unseen(area->memory, used);
        if (!area->writable && used > 0) {
            mprotect(area->memory, used, PROT_READ);
        }
        remains_keep(left);
    } else if (area->memory != NULL) {
        munmap(area->memory, area->bytes);
    }
    free(area->owner);
}

bool memory_init(FakeQxl *qxl)
{
    const size_t ram = qxl->config.ram_bytes != 0 ? qxl->config.ram_bytes : RAM_BYTES_DEFAULT;
    const size_t vram = qxl->config.vram_bytes != 0 ? qxl->config.vram_bytes : VRAM_BYTES_DEFAULT;
    if (!area_init(&qxl->areas[AREA_RAM], ram, true) || !area_init(&qxl->areas[AREA_VRAM], vram, false) ||
        !area_init(&qxl->areas[AREA_SPARE], SPARE_BYTES, false)) {
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
        area_finish(&qxl->areas[i]);
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
static uint32_t find_units(Area *area, uint32_t units)
{
    uint32_t unit = find_between(area, units, area->next, area->used);
    if (unit == UINT32_MAX) {
        unit = find_between(area, units, 0, area->used);
    }
    if (unit == UINT32_MAX && area->used < area->units && area_grow(area, (size_t)units * UNIT_BYTES)) {
        unit = find_between(area, units, 0, area->used);
    }
    return unit;
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
    area->next = (unit + units) % area->used;

    Block *block = &qxl->blocks[index];
    block->optional = block->refused = block->shape = block->drawing = false;
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

/* What is just being given back is overwritten already, and so has no release id any more. */
static UNSEEN bool is_lent(const FakeQxl *qxl, const Block *block)
{
    const uint8_t *memory = qxl->areas[block->area].memory + (size_t)block->unit * UNIT_BYTES;
    return block->drawing && !block->optional && atomic_load(&block->state) == BLOCK_TAKEN &&
           *(const volatile uint64_t *)memory == block->release_id;
}

bool fake_qxl_lends(const FakeQxl *qxl)
{
    for (uint32_t i = 0; i < BLOCKS_MAX; i++) {
        if (is_lent(qxl, &qxl->blocks[i])) {
            return true;
        }
    }
    return false;
}

/* Between finding it and writing nobody may give it back: no thread is switched in here at any level. */
UNSEEN bool block_meddle(FakeQxl *qxl, uint32_t n, uint32_t at, uint8_t bits)
{
    uint32_t lent[BLOCKS_MAX], count = 0;
    for (uint32_t i = 0; i < BLOCKS_MAX; i++) {
        if (is_lent(qxl, &qxl->blocks[i])) {
            lent[count++] = i;
        }
    }
    if (count > 0) {
        const Block *block = &qxl->blocks[lent[n % count]];
        uint8_t *memory = qxl->areas[block->area].memory + (size_t)block->unit * UNIT_BYTES;
        const size_t bytes = (size_t)block->units * UNIT_BYTES - sizeof(QXLReleaseInfo);
        memory[sizeof(QXLReleaseInfo) + at % bytes] ^= bits;
    }
    return count > 0;
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
        for (uint32_t unit = 0; unit < area->used; unit++) {
            const uint8_t *memory = area->memory + (size_t)unit * UNIT_BYTES;
            if (atomic_load_explicit(&area->owner[unit], memory_order_relaxed) == 0 &&
                !is_poison_unseen(memory, UNIT_BYTES)) {
                violation(qxl, "free guest memory was written to (area %d, offset 0x%zx)", i,
                          (size_t)unit * UNIT_BYTES);
                break;
            }
        }
    }
}
