/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parts.h: what the files of the renderer share.
 *
 *   render.c   surfaces, messages      images.c  decoding, caches      draw.c  operations on bits
 *   pixels.c   kinds of pixels         blend.c   operations on colours stroke.c lines
 */
#pragma once

#include <pixman.h>

#include "internal.h"
#include "codec/glz.h"
#include "codec/jpeg.h"
#include "codec/quic.h"
#include "codec/zlib_glz.h"
#include "render.h"

/* What a pixel's number means. */
typedef enum Kind {
    KIND_X32, /* 0x??RRGGBB */
    KIND_A32, /* 0xAARRGGBB, premultiplied */
    KIND_555,
    KIND_565,
    KIND_A8,
    KIND_BIT,
    KIND_COLOR, /* of a palette: it is whatever a pixel of the surface is */
} Kind;

Kind kind_of_surface(uint32_t format);
uint32_t kind_mask(Kind kind); /* the bits that there are */
uint32_t kind_to_argb(Kind kind, uint32_t pixel);
uint32_t kind_from_argb(Kind kind, uint32_t argb);
uint32_t pixel_convert(Kind from, uint32_t pixel, Kind to);

typedef struct Image {
    uint32_t width, height;
    Kind kind;
    bool is_surface; /* a surface's pixels: where those drawn on are as wide, they are taken as they are */
    bool is_coded;   /* as 32 bits its colours, or 16 bits, have 0 in the highest byte */
    bool high_bits;  /* as 32_xRGB it is to have its highest byte set */
    uint32_t *pixels;
} Image;

Image *image_new(uint32_t width, uint32_t height, Kind kind); /* all 0 */
void image_free(Image *image);                                /* NULL is allowed */
/* The same in a kind for surfaces of `surface`, as all operations want it that do not blend. */
Image *image_converted(const Image *image, Kind surface);
pixman_image_t *image_to_pixman(const Image *image, Kind as);
void image_from_pixman(Image *image, pixman_image_t *pixman);

struct RenderCache {
    IdSet images; /* value: address of an Image */
    uint32_t glz_pixels;
    GlzDecoder *glz;
    QuicDecoder *quic;
    JpegDecoder *jpeg;
    ZlibDecoder *zlib;
};

#define TEMPORARIES_MAX 16u

struct Renderer {
    RenderCache *cache;
    RenderPicture surfaces[FAKE_SURFACES_MAX]; /* pixels NULL: there is none */
    IdSet palettes;                            /* value: address of a WirePalette's entries, 256 of them */
    const char *why;                           /* what went wrong with this message first */
    Image *temporaries[TEMPORARIES_MAX];       /* of this message */
    uint32_t temporaries_len;
};

/* Always NULL, so that callers can return it. */
void *render_fail(Renderer *r, const char *why);
Image *render_keep(Renderer *r, Image *image); /* until the message is done */

/* images.c: decodes, and obeys the flags about caches. NULL: it failed. A surface is given as it is now, as a copy. */
const Image *render_image(Renderer *r, const WireImage *image);
void render_images_drop(RenderCache *cache, uint64_t id);
void render_images_clear(RenderCache *cache);
void render_palettes_clear(Renderer *r);
void render_palettes_drop(Renderer *r, uint64_t id);

/* Where a message draws: a byte for each pixel of the box, not 0 inside of the clip and the mask. */
typedef struct Target {
    RenderPicture *surface;
    Kind kind;
    WireRect box;           /* the message's */
    int32_t x1, y1, x2, y2; /* the part that lies on the surface */
    uint8_t *inside;
} Target;

bool target_open(Renderer *r, const WireDisplayBase *base, Target *target);
void target_mask(Renderer *r, Target *target, const WireQMask *mask, const Image *bits);
void target_close(Target *target);

static inline bool target_has(const Target *target, int32_t x, int32_t y)
{
    return x >= target->x1 && x < target->x2 && y >= target->y1 && y < target->y2 &&
           target->inside[(size_t)(y - target->y1) * (size_t)(target->x2 - target->x1) +
                          (size_t)(x - target->x1)] != 0;
}

static inline uint32_t *target_at(const Target *target, int32_t x, int32_t y)
{
    return &target->surface->pixels[(size_t)y * target->surface->width + (size_t)x];
}

#define TARGET_EACH(target, x, y)                                                                            \
    for (int32_t y = (target)->y1; y < (target)->y2; y++)                                                    \
        for (int32_t x = (target)->x1; x < (target)->x2; x++)                                                \
            if (target_has((target), x, y))

/* A brush, ready: a colour, or a picture in the surface's kind. */
typedef struct Brush {
    bool none;
    uint32_t color;
    const Image *pattern;
    WirePoint pos;
} Brush;

bool brush_open(Renderer *r, const WireBrush *wire, Kind kind, Brush *brush);
uint32_t brush_at(const Brush *brush, int64_t x, int64_t y);

/* A source in the size of the box. The pixel (x, y) of the surface is that of (x - left, y - top). */
typedef struct Placed {
    const Image *image;
    int64_t left, top;
} Placed;

typedef struct Scaling {
    uint8_t mode; /* WIRE_IMAGE_SCALE_MODE_* */
    Kind kind;    /* of the result */
    bool rounded; /* as ROP3 begins */
} Scaling;

bool source_place(Renderer *r, const Target *target, const Image *source, const WireRect *area,
                  const Scaling *scaling, Placed *placed);
/* False: there is no such pixel in it. */
bool placed_get(const Placed *placed, int32_t x, int32_t y, uint32_t *ret_pixel);
uint32_t rop_apply(uint16_t rop, uint32_t a, uint32_t d, uint16_t invert_a, uint16_t invert_d);

/* The operations. */
void render_fill(Renderer *r, const WireMsgDisplayDrawFill *m);
void render_opaque(Renderer *r, const WireMsgDisplayDrawOpaque *m);
void render_copy(Renderer *r, const WireMsgDisplayDrawCopy *m); /* blend, too */
void render_masked(Renderer *r, const WireDisplayBase *base, const WireQMask *mask, uint16_t rop);
void render_copy_bits(Renderer *r, const WireMsgDisplayCopyBits *m);
void render_rop3(Renderer *r, const WireMsgDisplayDrawRop3 *m);
void render_transparent(Renderer *r, const WireMsgDisplayDrawTransparent *m);
void render_alpha_blend(Renderer *r, const WireMsgDisplayDrawAlphaBlend *m);
void render_text(Renderer *r, const WireMsgDisplayDrawText *m);
void render_composite(Renderer *r, const WireMsgDisplayDrawComposite *m);
void render_stroke(Renderer *r, const WireMsgDisplayDrawStroke *m);
