/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* draw.h: drawing commands of an honest guest, of every type, as values; and the same written to guest memory.
 *
 *   a FakeDrawing, by hand or from fake_drawing_random()  ->  fake_drawing_write()  ->  a command's address
 *
 * A drawing says all that the guest says, so whoever reads the command back can compare. Pixels, glyphs and colours are
 * functions of a seed: fake_draw_byte(), fake_draw_color().
 *
 * Ownership  a drawing owns nothing. Memory that was taken for writing stays taken, also when writing fails.
 * Units      pixels, bytes.
 * Source     <spice/qxl_dev.h>; reference/wire-protocol.md sections 5 and 6.
 */
#pragma once

#include <spice/qxl_dev.h>

#include "fake_qxl.h"

#define FAKE_DRAW_RECTS 6u
#define FAKE_DRAW_POINTS 48u
#define FAKE_DRAW_SEGMENTS 6u
#define FAKE_DRAW_DASHES 6u
#define FAKE_DRAW_GLYPHS 10u
#define FAKE_DRAW_SHAPE_BYTES 8u

typedef struct FakeDrawImage {
    bool present;
    uint64_t id;
    uint8_t type; /* SPICE_IMAGE_TYPE_BITMAP, _QUIC, _SURFACE */
    uint8_t flags;
    uint32_t width, height; /* a surface's own, if it is one */
    uint8_t format, bitmap_flags;
    uint32_t stride;
    uint16_t colors; /* in its palette */
    uint64_t palette_unique, palette_seed;
    uint32_t bytes; /* of pixels, or of QUIC data */
    bool noise;     /* of QUIC data: good for parsers, not for decoders */
    uint32_t surface_id;
    uint64_t seed;
    bool photo;      /* of 32BIT: as smooth and as grainy as a photograph, not noise */
    uint32_t moment; /* of a photograph that moves: where it has drifted to, in pixels */
    uint32_t chunks; /* that the pixels lie in, unless QXL_BITMAP_DIRECT */
} FakeDrawImage;

typedef struct FakeDrawBrush {
    uint8_t type;
    uint32_t color;
    FakeDrawImage pattern;
    QXLPoint pos;
} FakeDrawBrush;

typedef struct FakeDrawSegment {
    uint32_t flags;
    uint32_t count; /* of the path's points */
} FakeDrawSegment;

typedef struct FakeDrawGlyph {
    QXLPoint pos, origin;
    uint16_t width, height;
    uint32_t bytes;
    uint64_t seed;
    uint32_t shape_bytes; /* 0: rows are made from the seed, else from `shape` */
    uint8_t shape[FAKE_DRAW_SHAPE_BYTES];
} FakeDrawGlyph;

typedef struct FakeDrawing {
    uint8_t type; /* QXL_DRAW_*, QXL_COPY_BITS */
    bool compat;  /* in the older layout; then on surface 0 */
    uint32_t surface_id;
    uint8_t effect;
    QXLRect box;
    bool self_bitmap; /* `source` is absent */
    QXLRect self_bitmap_area;
    bool clipped;
    uint32_t rect_count, rect_chunks;
    QXLRect rects[FAKE_DRAW_RECTS];
    uint32_t mm_time;

    /* What the type has of it. */
    FakeDrawImage source;
    QXLRect source_area;
    FakeDrawBrush brush, back_brush;
    FakeDrawImage mask; /* also composite's */
    bool mask_inverse;
    QXLPoint mask_pos;
    uint16_t rop, back_rop; /* also fore_mode, back_mode */
    uint8_t rop3, scale_mode, alpha;
    uint16_t alpha_flags;
    uint32_t src_color, true_color;
    QXLPoint copy_from;
    uint32_t segment_count, point_count, path_chunks;
    FakeDrawSegment segments[FAKE_DRAW_SEGMENTS];
    QXLPointFix points[FAKE_DRAW_POINTS];
    uint8_t line_flags;
    uint8_t dash_count;
    int32_t dashes[FAKE_DRAW_DASHES];
    uint16_t string_flags;
    uint32_t glyph_count, string_chunks;
    FakeDrawGlyph glyphs[FAKE_DRAW_GLYPHS];
    QXLRect back_area;
    uint32_t composite_flags; /* without those that follow from what is there */
    bool has_src_transform, has_mask_transform;
    QXLTransform src_transform, mask_transform;
    QXLPoint16 src_origin, mask_origin;
} FakeDrawing;

/* What there is to draw on, and to draw from. */
typedef struct FakeDrawSurface {
    uint32_t id, width, height, format;
} FakeDrawSurface;

typedef struct FakeDrawWorld {
    const FakeDrawSurface *surfaces; /* at least one; ids below 2^31 */
    uint32_t surface_count;
    uint32_t edge_max; /* of boxes; at least 1; images are a little larger at most */
    bool
        parsers_only; /* also what reads well and draws badly: QUIC data of noise, and what known servers and clients do
                          not survive: rop3 codes that need less than three operands, glyphs of 8 bits */
    bool
        own_clients; /* also what this project's canvas and renderer agree on and others do not: those codes and glyphs,
                          colours that only the surface has, all filters, turned and masked composites */
} FakeDrawWorld;

/* `on` is an index of the world's surfaces. */
void fake_drawing_random(FakeDrawing *ret_drawing, uint8_t type, const FakeDrawWorld *world, uint32_t on,
                         const FakeQxlChoice *choice);

typedef struct FakeDrawMemory {
    /* Zeroes, and the guest address of the first one; NULL: there is none left. */
    void *(*take)(void *opaque, size_t bytes, uint64_t *ret_address);
    void *opaque;
} FakeDrawMemory;

/* The first memory taken is the command's. Returns its address; 0: no memory. */
uint64_t fake_drawing_write(const FakeDrawing *drawing, const FakeDrawMemory *memory);
/* What fake_drawing_write() takes, in pieces rounded up to `unit` (a power of two) each. */
size_t fake_drawing_bytes(const FakeDrawing *drawing, size_t unit);

/* ---- On a device: in the command ring ---- */

bool fake_qxl_draw(FakeQxl *qxl, const FakeDrawing *drawing);
/* Its choices are those of the device. What is not wanted is not drawn; NULL: all is. */
bool fake_qxl_draw_random(FakeQxl *qxl, uint32_t surface, uint8_t type, uint32_t edge_max,
                          bool (*wanted)(const FakeDrawing *drawing));

uint8_t fake_draw_byte(uint64_t seed, uint32_t at);
/* The same of a picture's pixels. Their bits that mean nothing (the fourth byte of 32BIT, the highest bit of 16BIT) are 0:
 * they are lost in some encodings, and count in some operations. */
uint8_t fake_draw_pixel_byte(const FakeDrawImage *image, uint32_t at);
uint32_t fake_draw_color(uint64_t seed, uint32_t at); /* 0x00RRGGBB */
/* The pixels of a QUIC image that is no noise, coded; the caller frees them. */
uint8_t *fake_draw_quic(const FakeDrawImage *image, uint32_t *ret_bytes);
