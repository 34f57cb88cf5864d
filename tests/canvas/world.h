/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* world.h: a guest with surfaces, who draws on them whatever is legal.
 *
 * All lies in memory of this process, in the layout that a QXL driver writes; guest addresses are those of the process.
 * The same choices give the same world and the same drawings. What the existing server has no answer for (it stops the
 * process, or reads what is not there) is left out unless `beyond` is set: see tests/canvas/README.md.
 */
#pragma once

#include <spice/enums.h>
#include <spice/qxl_dev.h>

#include "codec/quic.h"
#include "qxl/surface.h"
#include "tests/canvas/choices.h"

#define WORLD_DRAWN 30u   /* surfaces 1 ... 30 are drawn on, */
#define WORLD_SOURCES 12u /* 31 ... 42 are shown by drawings: two of each format */
#define WORLD_SURFACES (WORLD_DRAWN + WORLD_SOURCES + 1u)
#define WORLD_PIXEL_BYTES (1u << 21)
#define WORLD_GUEST_BYTES (1u << 25)

typedef struct WorldSurface {
    QxlGeometry geometry;
    size_t offset; /* of its memory, in pixels */
    size_t bytes;
} WorldSurface;

typedef struct World {
    Choices *choices;
    bool beyond;
    WorldSurface surfaces[WORLD_SURFACES]; /* by id; 0 is nobody's */
    uint8_t *pixels;                       /* of all surfaces */
    size_t pixel_bytes;
    uint8_t *guest; /* what drawings are made of, until world_forget() */
    size_t guest_bytes;
    uint32_t serial;
    QuicEncoder *quic;
} World;

void world_init(World *world);
void world_finish(World *world);

/* New sizes and strides for all surfaces. For each format of `formats` (bits: 1 << world_format_index) some are drawn
 * on. */
void world_surfaces(World *world, Choices *choices, uint32_t formats);
/* New pixels everywhere. */
void world_pixels(World *world, Choices *choices);
void world_forget(World *world);

#define WORLD_FORMATS 6u
extern const uint32_t world_formats[WORLD_FORMATS]; /* SPICE_SURFACE_FMT_* */
#define WORLD_OF_32 (1u << 0 | 1u << 1)
#define WORLD_OF_16 (1u << 2 | 1u << 3)
#define WORLD_OF_8 (1u << 4)
#define WORLD_OF_1 (1u << 5)

/* A kind of drawing. */
typedef struct WorldOp {
    const char *name;
    uint32_t formats; /* that the existing server can draw it on */
    void (*make)(World *world, QXLDrawable *drawable);
    bool one_clip_per_band; /* lines: when a clip cuts one in two, the existing server forgets others */
} WorldOp;

extern const WorldOp world_ops[];
extern const unsigned world_op_count;

/* A drawing of that kind on that surface. */
QXLDrawable *world_drawing(World *world, Choices *choices, const WorldOp *op, uint32_t surface_id);

/* ---- For world_*.c ---- */

void *world_take(World *world, size_t bytes);
static inline QXLPHYSICAL world_address(const void *memory)
{
    return (uintptr_t)memory;
}
/* Chunks of a chain that are this long in all; fill(opaque, ...) is asked for the bytes. */
QXLPHYSICAL world_chunks(World *world, const uint8_t *bytes, size_t len);
/* In place of the header of a chain's first chunk. */
void world_chunk_first(World *world, QXLDataChunk *first, const uint8_t *bytes, size_t len);
