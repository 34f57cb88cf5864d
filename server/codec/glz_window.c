/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/glz_window.h"

#include "base/check.h"

#define SIZE_MIN 16384u /* pixels; the first text needs no more */
#define GROW_LAST 4u    /* the ring's latest step, at least; the smaller one is that part of it */
#define IMAGES_MIN 64u  /* a power of 2, as all sizes of the list are */
#define BLOCK_SHIFT 8u  /* pixels of a block, as a power of 2; text runs are larger */
#define TABLE_BITS_MIN 10u
#define TABLE_BITS_MAX 15u /* 128 KiB: more is seldom in a near cache, and text and UI get no smaller by it */
#define TABLE_BITS_MAX_16                                                                                    \
    18u /* 1 MiB, where pixels of 16 bits came: photographs have few colours then, and repeat them far away */

static uint32_t blocks_of(uint32_t pixels)
{
    return (pixels >> BLOCK_SHIFT) + 1;
}

static void memory_drop(GlzWindow *window, void *memory)
{
    if (memory != NULL) {
        window->memory.free(window->memory.owner, memory);
    }
}

void glz_window_init(GlzWindow *window, const CodecMemory *memory, uint32_t capacity)
{
    *window = (GlzWindow){.memory = *memory, .capacity = capacity, .size_max = capacity + capacity / 4 + 1};
}

void glz_window_free(GlzWindow *window)
{
    memory_drop(window, window->pixels);
    memory_drop(window, window->images);
    memory_drop(window, window->owners);
    memory_drop(window, window->table);
    glz_window_init(window, &window->memory, window->capacity);
}

const GlzImage *glz_window_oldest(const GlzWindow *window)
{
    return window->count > 0 ? &window->images[window->first] : NULL;
}

static void oldest_drop(GlzWindow *window)
{
    window->used -= window->images[window->first].count;
    window->first = (window->first + 1) % window->images_size;
    window->first_number++;
    window->count--;
}

/* Memory beyond what was written stays untouched, and so takes no room. The latest step is the largest, as for the time of the
 * copy both rings are there. */
static Status ring_grow(GlzWindow *window, uint64_t wanted)
{
    const CodecMemory *memory = &window->memory;
    uint64_t size = window->size > 0 ? (uint64_t)window->size * 2 : SIZE_MIN;
    size = size > wanted ? size : wanted;
    size = size <= window->size_max / GROW_LAST ? size : window->size_max;
    const size_t owners_bytes = (size_t)blocks_of((uint32_t)size) * 4;
    uint32_t *pixels = memory->alloc(memory->owner, ((size_t)size + GLZ_SLACK) * 4);
    uint32_t *owners = memory->alloc(memory->owner, owners_bytes);
    if (pixels == NULL || owners == NULL) {
        memory_drop(window, pixels);
        memory_drop(window, owners);
        return STATUS_IO;
    }
    memset(owners, 0, owners_bytes);
    if (window->size > 0) {
        memcpy(pixels, window->pixels, ((size_t)window->written + GLZ_SLACK) * 4);
        memcpy(owners, window->owners, (size_t)blocks_of(window->size) * 4);
    }
    memory_drop(window, window->pixels);
    memory_drop(window, window->owners);
    window->pixels = pixels;
    window->owners = owners;
    window->size = (uint32_t)size;
    return STATUS_OK;
}

static Status images_grow(GlzWindow *window)
{
    const uint32_t size = window->images_size > 0 ? window->images_size * 2 : IMAGES_MIN;
    GlzImage *images = window->memory.alloc(window->memory.owner, (size_t)size * sizeof(*images));
    if (images == NULL) {
        return STATUS_IO;
    }
    for (uint32_t i = 0; i < window->count; i++) {
        images[i] = window->images[(window->first + i) % window->images_size];
    }
    memory_drop(window, window->images);
    window->images = images;
    window->images_size = size;
    window->first = 0;
    return STATUS_OK;
}

/* The table has about as many entries as the ring has pixels. A place's index has one more bit in the larger table: each
 * entry goes to both halves, one of which is wrong, and found out when it is used. */
static Status table_grow(GlzWindow *window, uint64_t pixels, PixelFormat format)
{
    const unsigned most = format == PIXEL_16BIT ? TABLE_BITS_MAX_16 : TABLE_BITS_MAX;
    unsigned bits = window->table != NULL ? window->table_bits : TABLE_BITS_MIN;
    while (bits < most && UINT64_C(1) << bits < pixels) {
        bits++;
    }
    if (window->table != NULL && bits == window->table_bits) {
        return STATUS_OK;
    }
    uint32_t *table = window->memory.alloc(window->memory.owner, sizeof(*table) << bits);
    if (table == NULL) {
        return STATUS_IO;
    }
    if (window->table != NULL) {
        for (uint32_t i = 0; i < 1u << bits; i++) {
            table[i] = window->table[i >> (bits - window->table_bits)];
        }
        memory_drop(window, window->table);
    } else {
        memset(table, 0, sizeof(*table) << bits);
    }
    window->table = table;
    window->table_bits = bits;
    return STATUS_OK;
}

Status glz_window_open(GlzWindow *window, uint32_t count, PixelFormat format, uint32_t *ret_start)
{
    CHECK(count < window->capacity);
    Status status = STATUS_OK;
    if (window->count == window->images_size) {
        status = images_grow(window);
    }
    /* The ring goes round only when it is as large as it may be. */
    uint64_t end = (uint64_t)window->head + count;
    if (status == STATUS_OK && end > window->size && window->size < window->size_max) {
        status = ring_grow(window, end);
    }
    if (status == STATUS_OK) {
        status = table_grow(window, end < window->size ? end : window->size, format);
    }
    if (status != STATUS_OK) {
        return status;
    }
    while (window->used + count > window->capacity) {
        oldest_drop(window);
    }
    uint32_t start = window->head;
    if (end > window->size) {
        /* What is between here and the ring's end is older than what is at its start. */
        while (window->count > 0 && glz_window_oldest(window)->start >= window->head) {
            oldest_drop(window);
        }
        start = 0;
    }
    while (window->count > 0) {
        const GlzImage *oldest = glz_window_oldest(window);
        if (oldest->start >= start + count || oldest->start + oldest->count <= start) {
            break;
        }
        oldest_drop(window);
    }
    if (start + count > window->written) {
        window->written = start + count;
        memset(window->pixels + window->written, 0,
               GLZ_SLACK * 4); /* a look at the last pixel sees what follows */
    }
    *ret_start = start;
    return STATUS_OK;
}

void glz_window_close(GlzWindow *window, const GlzImage *image)
{
    const uint32_t number = window->first_number + window->count;
    const uint32_t end = image->start + image->count;
    for (uint32_t block = (image->start + (1u << BLOCK_SHIFT) - 1) >> BLOCK_SHIFT; block << BLOCK_SHIFT < end;
         block++) {
        window->owners[block] = number;
    }
    window->images[(window->first + window->count) % window->images_size] = *image;
    window->count++;
    window->used += image->count;
    window->head = end;
}

const GlzImage *glz_window_image(const GlzWindow *window, uint32_t place)
{
    const uint32_t block = place >> BLOCK_SHIFT;
    uint32_t n = window->owners[block] - window->first_number;
    if (n >= window->count) {
        n = 0; /* the block's start is nobody's now; then only the oldest image can start in it */
    }
    for (; n < window->count; n++) {
        const GlzImage *image = &window->images[(window->first + n) % window->images_size];
        if (image->start > place || image->start + image->count <= block << BLOCK_SHIFT) {
            break;
        }
        if (place < image->start + image->count) {
            return image;
        }
    }
    return NULL;
}
