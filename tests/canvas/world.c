/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/canvas/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint32_t world_formats[WORLD_FORMATS] = {
    SPICE_SURFACE_FMT_32_xRGB, SPICE_SURFACE_FMT_32_ARGB, SPICE_SURFACE_FMT_16_555,
    SPICE_SURFACE_FMT_16_565,  SPICE_SURFACE_FMT_8_A,     SPICE_SURFACE_FMT_1_A,
};

static void *coder_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size);
}

static void coder_free(void *owner, void *memory)
{
    (void)owner;
    free(memory);
}

static void *memory_or_exit(size_t bytes)
{
    void *memory = aligned_alloc(64, bytes);
    if (memory == NULL) {
        fputs("no memory for a world\n", stderr);
        exit(1);
    }
    memset(memory, 0, bytes);
    return memory;
}

void world_init(World *world)
{
    const CodecMemory memory = {.alloc = coder_alloc, .free = coder_free};
    *world = (World){.pixels = memory_or_exit(WORLD_PIXEL_BYTES),
                     .guest = memory_or_exit(WORLD_GUEST_BYTES),
                     .quic = quic_encoder_new(&memory)};
    if (world->quic == NULL) {
        exit(1);
    }
}

void world_finish(World *world)
{
    free(world->pixels);
    free(world->guest);
    quic_encoder_free(world->quic);
}

void world_forget(World *world)
{
    world->guest_bytes = 0;
}

void *world_take(World *world, size_t bytes)
{
    const size_t padded = (bytes + 31) / 16 * 16; /* something lies between what is taken */
    if (world->guest_bytes + padded > WORLD_GUEST_BYTES) {
        fputs("the world is too small for what is drawn\n", stderr);
        exit(1);
    }
    void *memory = world->guest + world->guest_bytes;
    memset(memory, 0, padded);
    world->guest_bytes += padded;
    return memory;
}

static void surface_make(World *world, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
    WorldSurface *surface = &world->surfaces[id];
    const uint32_t line = (width * qxl_surface_depth(format) + 31) / 32 * 4;
    const int32_t stride = (int32_t)(line + 4 * choose(world->choices, 3));

    surface->geometry = (QxlGeometry){.width = width,
                                      .height = height,
                                      .format = format,
                                      .stride = choose_rarely(world->choices, 3) ? -stride : stride};
    surface->offset = world->pixel_bytes;
    surface->bytes = (size_t)stride * height;
    world->pixel_bytes += (surface->bytes + 79) / 64 * 64;
    if (world->pixel_bytes > WORLD_PIXEL_BYTES) {
        fputs("the world is too small for its surfaces\n", stderr);
        exit(1);
    }
}

void world_surfaces(World *world, Choices *choices, uint32_t formats)
{
    uint32_t some[WORLD_FORMATS], count = 0;
    for (uint32_t i = 0; i < WORLD_FORMATS; i++) {
        if (formats & 1u << i) {
            some[count++] = world_formats[i];
        }
    }
    world->choices = choices;
    world->pixel_bytes = 0;
    for (uint32_t id = 1; id <= WORLD_DRAWN; id++) {
        surface_make(world, id, some[id % count], 1 + choose(choices, 80), 1 + choose(choices, 60));
    }
    for (uint32_t i = 0; i < WORLD_SOURCES; i++) {
        surface_make(world, WORLD_DRAWN + 1 + i, world_formats[i % WORLD_FORMATS], 81 + choose(choices, 30),
                     61 + choose(choices, 30));
    }
}

/* Noise, or few colours, or much black, white and full alpha. */
void world_pixels(World *world, Choices *choices)
{
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        uint8_t *bytes = world->pixels + world->surfaces[id].offset;
        const uint32_t kind = choose(choices, 4);
        const uint32_t first = choose32(choices), second = choose32(choices);
        for (size_t i = 0; i + 4 <= world->surfaces[id].bytes; i += 4) {
            uint32_t word = choose32(choices);
            if (kind == 1) {
                word = word & 1 ? first : second;
            } else if (kind == 2) {
                word = word & 1 ? 0xffffffff : word & 2 ? 0 : word;
            }
            memcpy(bytes + i, &word, 4);
        }
    }
}

/* ---- Chains ---- */

void world_chunk_first(World *world, QXLDataChunk *first, const uint8_t *bytes, size_t len)
{
    QXLDataChunk *chunk = first;
    /* The first one's bytes follow its header, where its owner made room for all of them. */
    const size_t here = choose_rarely(world->choices, 3) ? choose(world->choices, (uint32_t)len + 1) : len;
    chunk->data_size = (uint32_t)here;
    memcpy(chunk->data, bytes, here);
    for (size_t done = here; done < len;) {
        const size_t most = len - done;
        const size_t some =
            choose_rarely(world->choices, 2) ? most : choose(world->choices, (uint32_t)most + 1);
        QXLDataChunk *next = world_take(world, sizeof(*next) + some);
        next->data_size = (uint32_t)some;
        memcpy(next->data, bytes + done, some);
        next->prev_chunk = world_address(chunk);
        chunk->next_chunk = world_address(next);
        chunk = next;
        done += some;
    }
}

QXLPHYSICAL world_chunks(World *world, const uint8_t *bytes, size_t len)
{
    QXLDataChunk *chunk = world_take(world, sizeof(*chunk) + len);
    world_chunk_first(world, chunk, bytes, len);
    return world_address(chunk);
}
