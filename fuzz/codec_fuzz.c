/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/codec_fuzz.h"

#include <stdlib.h>

static void *memory_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size);
}

static void memory_free(void *owner, void *memory)
{
    (void)owner;
    free(memory);
}

const CodecMemory codec_fuzz_memory = {memory_alloc, memory_free, NULL};

size_t codec_fuzz_size(const ImageInfo *info)
{
    const uint64_t size = (uint64_t)info->stride * info->height;
    return size <= CODEC_FUZZ_BYTES_MAX ? (size_t)size : 0;
}
