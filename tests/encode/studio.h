/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* studio.h: the same drawings twice: by the server's canvas, and as messages that the fake client's renderer gets.
 *
 * What lies between is real: the encoder, the bytes as they would leave, the wire decoder.
 */
#pragma once

#include "display/encode/draw_encoder.h"
#include "render.h"
#include "qxl/command.h"
#include "tests/canvas/world.h"

typedef struct Studio {
    World world;
    uint8_t *pixels; /* of the canvases */
    Canvas canvases[WORLD_SURFACES];
    Memslots *slots;
    CanvasSet set;
    DrawEncoder *encoder;
    Outgoing out;
    uint64_t serial, received;
    bool mini_header;
    uint32_t caps;
    uint32_t held, releases; /* drawables */
    Raster self_bitmap;
    bool know_self;
    uint8_t *self_pixels;
    RenderCache *cache;
    Renderer *renderer;
    /* What the latest call of studio_receive() got. */
    uint32_t messages;
    uint64_t bytes;
    uint32_t images[256]; /* by type */
    char why[200];
} Studio;

typedef struct StudioConfig {
    DrawCompression compression;
    bool hold, know_self, mini_header;
    uint64_t cache_pixels, glz_pixels;
    bool zlib, lossy;
} StudioConfig;

void studio_init(Studio *studio);
void studio_finish(Studio *studio);
/* Another encoder, and a client that has nothing yet. */
void studio_connect(Studio *studio, const StudioConfig *config);
/* New surfaces on both sides, with the same new pixels. */
void studio_surfaces(Studio *studio, Choices *choices, uint32_t formats);
/* The client's surface becomes what the canvas is. */
void studio_copy_surface(Studio *studio, uint32_t id);
QxlDrawable *studio_drawing(Studio *studio, Choices *choices, const WorldOp *op, uint32_t surface_id);
/* A quarter of the bytes at a time, in message and in writes. False: `why` says what is wrong. */
bool studio_receive(Studio *studio);
/* Bits that must agree. *ret_x, *ret_y: the first pixel that does not. */
bool studio_agrees(const Studio *studio, uint32_t id, uint32_t bits, int32_t *ret_x, int32_t *ret_y,
                   uint32_t *ret_canvas, uint32_t *ret_client);
/* Of a drawing and of what may not survive: which bits of a pixel must agree. */
uint32_t studio_bits(const Studio *studio, uint32_t id);
