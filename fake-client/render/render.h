/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* render.h: the fake client's pictures: display messages become pixels.
 *
 * A second opinion about what messages mean, so it is as plain as can be: every pixel is a 32-bit number, every operation a
 * loop over pixels, straight from reference/wire-protocol.md section 5. pixman is asked where that page leaves the arithmetic
 * to a library: smooth scaling and composite.
 *
 * A Renderer is one display connection: surfaces, palettes. A RenderCache is what displays of one client share: images
 * under their ids, the GLZ window.
 *
 * Ownership  a cache outlives its renderers.
 * Thread     one at a time.
 * Errors     renderer_message() says what could not be drawn, a constant text; NULL: all was drawn. Without memory the
 *            process ends.
 */
#pragma once

#include <stdbool.h>

#include "wire/wire.h"

typedef struct RenderCache RenderCache;
typedef struct Renderer Renderer;

/* `glz_pixels`: of the window that the client announced; 0: no GLZ image may come. */
RenderCache *render_cache_new(uint32_t glz_pixels);
void render_cache_free(RenderCache *cache); /* NULL is allowed */

Renderer *renderer_new(RenderCache *cache);
void renderer_free(Renderer *renderer); /* NULL is allowed */

const char *renderer_message(Renderer *renderer, const WireMsg *message);

/* A surface as it is now; pixels are in the surface's own format, one to a number, top line first. */
typedef struct RenderPicture {
    uint32_t width, height;
    uint32_t format; /* WIRE_SURFACE_FMT_* */
    uint32_t *pixels;
} RenderPicture;

/* NULL: there is none. Valid until the next message. */
RenderPicture *renderer_picture(Renderer *renderer, uint32_t surface_id);
/* 0xRRGGBB of a pixel of a picture, for people to look at. */
uint32_t render_color(const RenderPicture *picture, uint32_t pixel);
