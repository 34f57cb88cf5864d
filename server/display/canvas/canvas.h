/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* canvas.h: drawables become pixels, in memory, in software.
 *
 * A canvas is the pixels of one surface, wherever they lie: in memory of ours, or in the guest's. canvas_draw() does what
 * one drawable says, at once, and gives the same pixels as the existing server's canvas and its clients' (where those leave
 * a pixel open, docs in tests/canvas say what we do). Nothing here knows threads, clocks or clients.
 *
 * Pixels that lie in guest memory may change while we look: the picture is then a mixture, and nothing else goes wrong.
 *
 * Ownership  pixels are the caller's; a CanvasSet owns its scratch memory, which it keeps from drawable to drawable.
 * Thread     a set, its canvases and the drawables given to it: one at a time.
 * Units      pixels; stride in bytes.
 * Cost       is bounded by the size of what is drawn, and by CANVAS_WORK_*: guests say in few bytes what takes long.
 * Errors     STATUS_DEVICE_FAULT: the drawable asks for what cannot be drawn. STATUS_LIMIT: no memory, or a limit below.
 *            Nothing or only part of it was drawn then.
 * Source     reference/wire-protocol.md section 5.
 */
#pragma once

#include <pixman.h>

#include "codec/quic.h"
#include "qxl/drawable.h"

#define CANVAS_SCRATCH_KEEP_BYTES                                                                            \
    (8u << 20)                      /* bytes per kind of scratch kept between drawables: a 1920x1080 screen */
#define CANVAS_CLIP_RECTS_MAX 2048u /* rectangles in no order; sorted ones need no memory and have no limit */
/* What one drawable may cost, in steps of about 20 ns; what its size makes it cost does not count. */
#define CANVAS_WORK_MIN (UINT64_C(4) << 20) /* steps: 0.1 s; a map of 100,000 short lines, and more */
#define CANVAS_WORK_PER_PIXEL 2u       /* steps for each pixel of its box: slanted lines over half of them */
#define CANVAS_PIXELS_PER_STEP 16u     /* that are filled or copied */
#define CANVAS_QUIC_PIXELS_PER_STEP 1u /* that are decoded */
#define CANVAS_QUIC_WIDTH_MAX (1u << 16) /* pixels: of no screen, and 2 MiB of rows that the decoder keeps */

/* Pixels somewhere. Lines are multiples of 4 bytes apart and begin at multiples of 4, as pixman wants. */
typedef struct Raster {
    uint8_t *top;     /* the first byte of the uppermost line */
    ptrdiff_t stride; /* from line to the one below; may be negative */
    int32_t width, height;
    pixman_format_code_t format;
} Raster;

typedef struct Canvas {
    Raster raster;
    uint32_t format; /* SPICE_SURFACE_FMT_* */
} Canvas;

#define CANVAS_SCRATCHES 9u

/* What pixman is to know of a raster: kept, as most drawings want the same again, and each costs memory. */
typedef struct CanvasImage {
    Raster raster;
    pixman_image_t *image; /* NULL: none yet */
} CanvasImage;

typedef struct CanvasSet {
    QxlMemory memory;
    const Canvas *(*find)(void *opaque, uint32_t surface_id); /* NULL: there is none */
    void *opaque;
    uint64_t work;     /* steps, all that was done with it */
    QuicDecoder *quic; /* NULL: nothing was to be decoded yet */
    struct {
        uint8_t *memory;
        size_t bytes;
    } scratch[CANVAS_SCRATCHES];
    CanvasImage text_dest, text_mask;
    pixman_color_t text_color;
    pixman_image_t *text_ink; /* of that color; NULL: none yet */
} CanvasSet;

/* `pixels` is where the memory of the surface begins: the first byte of the lowest line if the stride is negative.
 * STATUS_DEVICE_FAULT: lines are not aligned, or it is no geometry at all. */
Status canvas_init(Canvas *canvas, const QxlGeometry *geometry, void *pixels,
                   QxlFault *ret_fault) STATUS_MUST_CHECK;

/* `find` is asked for other surfaces that drawables show; `memory` for scratch. */
CanvasSet canvas_set_of(const QxlMemory *memory, const Canvas *(*find)(void *opaque, uint32_t surface_id),
                        void *opaque);
void canvas_set_finish(CanvasSet *set);

/* Steps that it may cost, as far as that can be seen from outside. */
uint64_t canvas_work_of(const QxlDrawable *drawable);
/* Draws on `canvas`, which is what find(drawable->surface_id) would give. */
Status canvas_draw(CanvasSet *set, const Canvas *canvas, const QxlDrawable *drawable,
                   QxlFault *ret_fault) STATUS_MUST_CHECK;

/* Where a drawing that makes what lies in `from` as large as `box` takes pixels from: a little more than that, also beyond
 * the source, as pixels at the edges are made of their neighbours, too. `rounded`: as ROP3 does it. */
pixman_box32_t canvas_scales_from(const QXLRect *box, const QXLRect *from, bool rounded);

/* Can it? Pixels are bytes. */
bool canvas_can_move(const Canvas *canvas);
/* Copies what lies in `from` to (x, y), as if all were read before anything is written; both places lie on the canvas. */
void canvas_move(CanvasSet *set, const Canvas *canvas, const pixman_box32_t *from, int32_t x, int32_t y);
