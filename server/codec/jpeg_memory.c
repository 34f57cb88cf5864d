/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/jpeg_memory.h"

static void *take_new(j_common_ptr jpeg, const JpegLent *lent)
{
    const struct jpeg_memory_mgr *own = &((JpegMemory *)jpeg->client_data)->own;

    return lent->kind == JPEG_SMALL ? own->alloc_small(jpeg, JPOOL_IMAGE, lent->size)
           : lent->kind == JPEG_LARGE
               ? own->alloc_large(jpeg, JPOOL_IMAGE, lent->size)
               : (void *)own->alloc_sarray(jpeg, JPOOL_IMAGE, (JDIMENSION)lent->size, lent->rows);
}

static void *lend(j_common_ptr jpeg, JpegKind kind, size_t size, JDIMENSION rows)
{
    JpegMemory *memory = jpeg->client_data;
    const JpegLent asked = {.kind = kind, .size = size, .rows = rows};

    if (memory->next == JPEG_LENT_MAX) {
        memory->foreign = true;
        return take_new(jpeg, &asked);
    }
    JpegLent *lent = &memory->lent[memory->next++];
    if (memory->next > memory->count || lent->kind != kind) {
        *lent = asked;
        memory->count = memory->next > memory->count ? memory->next : memory->count;
    }
    if (lent->size < size || lent->rows < rows) {
        lent->size = lent->size > size ? lent->size : size;
        lent->rows = lent->rows > rows ? lent->rows : rows;
        lent->memory = NULL; /* what is too small waits in libjpeg's pool until all goes */
    }
    if (lent->memory == NULL) {
        lent->memory = take_new(jpeg, lent);
        memory->bytes += lent->size * lent->rows;
    }
    return lent->memory;
}

static void *small_of(j_common_ptr jpeg, int pool, size_t size)
{
    const JpegMemory *memory = jpeg->client_data;

    return pool == JPOOL_IMAGE ? lend(jpeg, JPEG_SMALL, size, 1) : memory->own.alloc_small(jpeg, pool, size);
}

static void *large_of(j_common_ptr jpeg, int pool, size_t size)
{
    const JpegMemory *memory = jpeg->client_data;

    return pool == JPOOL_IMAGE ? lend(jpeg, JPEG_LARGE, size, 1) : memory->own.alloc_large(jpeg, pool, size);
}

static JSAMPARRAY rows_of(j_common_ptr jpeg, int pool, JDIMENSION samples, JDIMENSION rows)
{
    const JpegMemory *memory = jpeg->client_data;

    return pool == JPOOL_IMAGE ? lend(jpeg, JPEG_ROWS, samples, rows)
                               : memory->own.alloc_sarray(jpeg, pool, samples, rows);
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

/* Of what is kept the sizes stay known, so that all is large enough when it is taken again; but not if that would be too much. */
static void free_of(j_common_ptr jpeg, int pool)
{
    JpegMemory *memory = jpeg->client_data;
    size_t needed = 0;

    if (pool != JPOOL_IMAGE) {
        memory->own.free_pool(jpeg, pool);
        return;
    }
    memory->next = 0;
    if (!memory->foreign && memory->bytes <= JPEG_KEEP_BYTES) {
        return;
    }
    memory->own.free_pool(jpeg, pool);
    for (unsigned i = 0; i < memory->count; i++) {
        needed += memory->lent[i].size * memory->lent[i].rows;
        memory->lent[i].memory = NULL;
    }
    memory->bytes = 0;
    memory->foreign = false;
    memory->count = needed <= JPEG_KEEP_BYTES ? memory->count : 0;
}

void jpeg_memory_init(JpegMemory *memory, struct jpeg_compress_struct *jpeg)
{
    struct jpeg_memory_mgr *manager = jpeg->mem;

    *memory = (JpegMemory){.own = *manager};
    jpeg->client_data = memory;
    manager->alloc_small = small_of;
    manager->alloc_large = large_of;
    manager->alloc_sarray = rows_of;
    manager->alloc_barray = blocks_of;
    manager->request_virt_sarray = virtual_rows_of;
    manager->request_virt_barray = virtual_blocks_of;
    manager->free_pool = free_of;
}
