/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/jpeg_memory.h"

#include <jerror.h>

static _Noreturn void fail(j_common_ptr jpeg)
{
    jpeg->err->msg_code = JERR_OUT_OF_MEMORY;
    jpeg->err->error_exit(jpeg);
    __builtin_unreachable(); /* it does not return, by libjpeg's rules */
}

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + JPEG_ALIGN - 1) / JPEG_ALIGN * JPEG_ALIGN;
}

static void block_drop(JpegMemory *memory, JpegLent *lent)
{
    if (lent->block != NULL) {
        memory->codec.free(memory->codec.owner, lent->block);
        memory->bytes -= lent->size;
    }
    *lent = (JpegLent){0};
}

/* The next piece of this image. */
static uint8_t *lend(j_common_ptr jpeg, uint64_t size)
{
    JpegMemory *memory = jpeg->client_data;
    JpegLent *lent = &memory->lent[memory->next++];

    if (lent->block == NULL || lent->size < size) {
        block_drop(memory, lent);
        lent->block = size <= SIZE_MAX / 2
                          ? memory->codec.alloc(memory->codec.owner, (size_t)size + JPEG_ALIGN - 1)
                          : NULL;
        if (lent->block == NULL) {
            fail(jpeg);
        }
        lent->size = (size_t)size;
        memory->bytes += lent->size;
    }
    return lent->block + (0 - (uintptr_t)lent->block) % JPEG_ALIGN;
}

static bool is_lent(j_common_ptr jpeg, int pool)
{
    JpegMemory *memory = jpeg->client_data;
    const bool is_full = memory->next == JPEG_LENT_MAX;

    if (pool != JPOOL_IMAGE) {
        return false;
    }
    memory->foreign = memory->foreign || is_full;
    return !is_full;
}

static void *small_of(j_common_ptr jpeg, int pool, size_t size)
{
    const JpegMemory *memory = jpeg->client_data;

    return is_lent(jpeg, pool) ? lend(jpeg, aligned(size)) : memory->own.alloc_small(jpeg, pool, size);
}

static void *large_of(j_common_ptr jpeg, int pool, size_t size)
{
    const JpegMemory *memory = jpeg->client_data;

    return is_lent(jpeg, pool) ? lend(jpeg, aligned(size)) : memory->own.alloc_large(jpeg, pool, size);
}

/* Behind the table of rows. */
static JSAMPARRAY rows_of(j_common_ptr jpeg, int pool, JDIMENSION samples, JDIMENSION rows)
{
    const JpegMemory *memory = jpeg->client_data;

    if (!is_lent(jpeg, pool)) {
        return memory->own.alloc_sarray(jpeg, pool, samples, rows);
    }
    const uint64_t table = aligned((uint64_t)rows * sizeof(JSAMPROW));
    const uint64_t stride = aligned((uint64_t)samples * sizeof(JSAMPLE));
    uint8_t *at = lend(jpeg, table + rows * stride); /* JPEG's sides have 16 bits: no sum is too large */
    JSAMPROW *const array = (void *)at;
    for (JDIMENSION i = 0; i < rows; i++) {
        array[i] = at + table + i * stride;
    }
    return array;
}

/* What whole images of coefficients are for, which our settings do not need; some other libjpeg might. */
static JBLOCKARRAY blocks_of(j_common_ptr jpeg, int pool, JDIMENSION blocks, JDIMENSION rows)
{
    JpegMemory *memory = jpeg->client_data;

    memory->foreign = true;
    return memory->own.alloc_barray(jpeg, pool, blocks, rows);
}

static jvirt_sarray_ptr virtual_rows_of(j_common_ptr jpeg, int pool, boolean zero, JDIMENSION samples,
                                        JDIMENSION rows, JDIMENSION access)
{
    JpegMemory *memory = jpeg->client_data;

    memory->foreign = true;
    return memory->own.request_virt_sarray(jpeg, pool, zero, samples, rows, access);
}

static jvirt_barray_ptr virtual_blocks_of(j_common_ptr jpeg, int pool, boolean zero, JDIMENSION blocks,
                                          JDIMENSION rows, JDIMENSION access)
{
    JpegMemory *memory = jpeg->client_data;

    memory->foreign = true;
    return memory->own.request_virt_barray(jpeg, pool, zero, blocks, rows, access);
}

static void all_drop(JpegMemory *memory)
{
    for (unsigned i = 0; i < JPEG_LENT_MAX; i++) {
        block_drop(memory, &memory->lent[i]);
    }
}

/* What an image was lent is kept, unless that is too much. */
static void free_of(j_common_ptr jpeg, int pool)
{
    JpegMemory *memory = jpeg->client_data;

    if (pool != JPOOL_IMAGE || memory->foreign) {
        memory->own.free_pool(jpeg, pool);
    }
    if (pool == JPOOL_IMAGE) {
        memory->next = 0;
        memory->foreign = false;
        if (memory->bytes > JPEG_KEEP_BYTES) {
            all_drop(memory);
        }
    }
}

void jpeg_memory_init(JpegMemory *memory, const CodecMemory *codec, struct jpeg_compress_struct *jpeg)
{
    struct jpeg_memory_mgr *manager = jpeg->mem;

    *memory = (JpegMemory){.codec = *codec, .own = *manager};
    jpeg->client_data = memory;
    manager->alloc_small = small_of;
    manager->alloc_large = large_of;
    manager->alloc_sarray = rows_of;
    manager->alloc_barray = blocks_of;
    manager->request_virt_sarray = virtual_rows_of;
    manager->request_virt_barray = virtual_blocks_of;
    manager->free_pool = free_of;
}

void jpeg_memory_finish(JpegMemory *memory)
{
    all_drop(memory);
}
