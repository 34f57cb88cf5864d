/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* draw_encoder.h: turns drawables, and areas of canvases, into messages for one client's display channel.
 *
 * A DrawEncoder is what one client of one display knows: which images and palettes its caches hold, what it can decode,
 * what it prefers. Calls are made at commit, in the order in which the client is to receive: whatever a call writes is
 * sent, and the state has advanced with it. A call that returns false has written nothing and changed nothing.
 *
 *   draw_encoder_draw()    a drawable as the guest gave it, preceded by what the caches must forget for it
 *   draw_encoder_area()    pixels of a canvas as they are now, as a copy onto the client's surface
 *
 * What a client is sent of a drawable's own surface (a self bitmap, a source) are the pixels before the drawing; a client
 * that has received everything before it has them too. Where that does not hold, send the area instead.
 *
 * Pixels that need no coding are not copied, if the drawable can be held: they go to the socket from where they lie.
 *
 * Ownership  its maker owns it. What it has put into an Outgoing may outlive it.
 * Thread     the home of the display channel.
 * Units      bytes; pixels.
 * Errors     false: the client lacks what it takes, or there is no memory. The caller sends the area, or gives up on the client.
 * Source     reference/wire-protocol.md section 3.2, reference/api-and-behaviour.md sections 6.4 and 6.5.
 */
#pragma once

#include "display/canvas/canvas.h"
#include "session/outgoing_message.h"

typedef struct DrawEncoder DrawEncoder;
typedef struct Shared Shared;             /* shared.h */
typedef struct SharedCoding SharedCoding; /* shared.h */
typedef struct CodingPool CodingPool;     /* coding_pool.h */

/* Of what a thread is to code. */
typedef enum CodingStart {
    CODING_NOT,   /* not by a thread: it is too small, does not take long, or there is none */
    CODING_LATER, /* jobs are many: when one is done the pool says so */
    CODING_BEGUN,
} CodingStart;

/* Is a picture a photograph? */
typedef enum DrawPhoto { DRAW_PHOTO_UNKNOWN, DRAW_PHOTO_NO, DRAW_PHOTO_YES } DrawPhoto;

#define DRAW_GLZ_PIXELS_MAX                                                                                  \
    (UINT32_C(4) << 20) /* pixels of a client's GLZ window: two screens of 1920 x 1080; 21 MiB of ours */

/* Of images (image_coder.h). */
typedef enum DrawCompression {
    DRAW_COMPRESSION_OFF,
    DRAW_COMPRESSION_LZ,
    DRAW_COMPRESSION_LZ4, /* LZ for a client, or an image, that cannot */
    DRAW_COMPRESSION_QUIC,
    DRAW_COMPRESSION_GLZ, /* LZ for a client, or an image, that cannot */
    DRAW_COMPRESSION_AUTO_LZ,
    DRAW_COMPRESSION_AUTO_GLZ,
    DRAW_COMPRESSION_COUNT,
} DrawCompression;

/* What a SPICE_IMAGE_COMPRESSION_* comes to; AUTO_GLZ for what there is no such thing as. */
DrawCompression draw_compression_of(int image_compression);

typedef struct DrawEncoderConfig {
    const Core *core;
    const uint32_t
        *channel_caps; /* one word: what the client announced, bits of 1 << WIRE_CAP_DISPLAY_*; copied */
    Framing framing;   /* how this connection's messages begin */
    DrawCompression compression;
    bool is_local;         /* a unix socket: the guest's images are not worth coding, areas are */
    uint8_t display_id;    /* keeps the ids of a client's displays apart in the cache that they share */
    uint64_t cache_pixels; /* this display's part of what the client announced; 0: nothing is cached */
    /* Of the client's GLZ window, if this display is the one that uses it (only one may: what is coded must arrive in order);
     * at most DRAW_GLZ_PIXELS_MAX are used. 0: LZ instead of GLZ. */
    uint64_t glz_pixels;
    uint64_t glz_next_id; /* of the first image for it */
    /* Keeps a drawable, and so its pixels, until release(owner), which may come after the encoder has gone. hold() returns
     * the owner. Both NULL: pixels are always copied. */
    void *(*hold)(void *opaque, const QxlDrawable *drawable);
    void (*release)(void *owner);
    /* What the drawable's surface showed in its self_bitmap_area before it. NULL, or gives NULL: the client's own
     * surface is named as the source, which is good if source and destination coincide; else the draw is refused. */
    const Raster *(*self_bitmap)(void *opaque, const QxlDrawable *drawable);
    void *opaque;
} DrawEncoderConfig;

/* NULL: no memory. */
DrawEncoder *draw_encoder_new(const DrawEncoderConfig *config);
void draw_encoder_free(DrawEncoder *encoder); /* NULL is allowed */

/* Does the client show what this drawing's message says? Else that is not sent. */
bool draw_encoder_shows(const DrawEncoder *encoder, const QxlDrawable *drawable);
/* The format (SPICE_SURFACE_FMT_*) that the client is told of a surface; false: it does not know such surfaces. */
bool draw_encoder_surface_format(const DrawEncoder *encoder, uint32_t format, uint32_t *ret_format);

bool draw_encoder_draw(DrawEncoder *encoder, const QxlDrawable *drawable, uint32_t surface_id, Outgoing *ret);
/* The same if its images, without the GLZ window, take no more than so many bytes. False and *ret_too_large: they take more;
 * nothing has changed. */
bool draw_encoder_draw_within(DrawEncoder *encoder, const QxlDrawable *drawable, uint32_t surface_id,
                              size_t images_max, Outgoing *ret, bool *ret_too_large);
/* How many bytes its images would take without the GLZ window; 0: it cannot be said. */
size_t draw_encoder_measure(DrawEncoder *encoder, const QxlDrawable *drawable);
/* `area` lies in the canvas and is not empty. The client's surface becomes equal in it, alpha included. */
bool draw_encoder_area(DrawEncoder *encoder, const Canvas *canvas, uint32_t surface_id, const QXLRect *area,
                       Outgoing *ret);
/* The same in two steps: the area of `pixels`, which is what the canvas shows there, or will, is coded by a thread, and later sent
 * as it was (coding_pool.h). NOT: it is to be sent at once. */
CodingStart draw_encoder_begin_area(DrawEncoder *encoder, const Raster *pixels, const QXLRect *area,
                                    CodingPool *pool, SharedCoding **ret_coding);
/* False: also if no codec makes it shorter. */
bool draw_encoder_coded_area(DrawEncoder *encoder, SharedCoding *coding, uint32_t surface_id,
                             const QXLRect *area, Outgoing *ret);
/* That no codec makes the next areas shorter is known: they are sent as they are. Not at first. */
void draw_encoder_set_as_is(DrawEncoder *encoder, bool as_is);
/* Does coding such a picture take long? */
bool draw_encoder_takes_long(const DrawEncoder *encoder, bool is_photo);
/* How many bytes of pixels are coded within some 20 ms, while whoever codes them does nothing else; UINT32_MAX: so many that it does
 * not matter. `zlib`: as of draw_encoder_set_zlib(). */
uint32_t draw_encoder_coding_max(const DrawEncoder *encoder, bool is_photo, bool zlib);
/* From the next message on: the host's setting, or the client's wish (PREFERRED_COMPRESSION); the later one counts. */
void draw_encoder_set_compression(DrawEncoder *encoder, DrawCompression compression);

/* From now on the client's GLZ window is this display's, as if glz_pixels and glz_next_id had said so. */
void draw_encoder_take_window(DrawEncoder *encoder, uint64_t glz_pixels, uint64_t next_id);
/* It is not any more; another one goes on with image *ret_next_id. False: not all that was coded for it lies in messages up to this
 * serial, which are known to have come. */
bool draw_encoder_leave_window(DrawEncoder *encoder, uint64_t seen_serial, uint64_t *ret_next_id);

/* The next drawings and areas show what these codings are of (shared.h); NULL, as at first: nobody else is sent them. */
void draw_encoder_share(DrawEncoder *encoder, Shared *shared);
/* What draw_encoder_photo() said of the next drawings; UNKNOWN, as at first: whoever codes them looks. */
void draw_encoder_set_photo(DrawEncoder *encoder, DrawPhoto photo);

/* For the messages from now on, which is what a slow link is worth: GLZ images go through zlib, too; and pictures of a canvas
 * or in drawings that only put them where they are to be may lose (JPEG). Neither at first. */
void draw_encoder_set_zlib(DrawEncoder *encoder, bool zlib);
void draw_encoder_set_lossy(DrawEncoder *encoder, bool lossy);
/* Is there anything that would lose, by the compression that counts? Not for a client that may show it too late. */
bool draw_encoder_has_lossy(const DrawEncoder *encoder);
/* Did the latest draw or area lose something? */
bool draw_encoder_was_lossy(const DrawEncoder *encoder);
/* Is what this drawing puts a photograph, so that it would lose something if it may? To look costs a fifth of what JPEG
 * does. UNKNOWN: it loses nothing, whatever it is, and nobody looked. */
DrawPhoto draw_encoder_photo(const QxlDrawable *drawable);
/* Does the client have the image of this copy, so that it would go by name? */
bool draw_encoder_has_image(DrawEncoder *encoder, const QxlDrawable *copy);
/* How many bytes its message takes if nothing is coded, a thousand more or less: images that do not go by name, glyphs, paths,
 * clips. No pixel is looked at. */
uint64_t draw_encoder_plain_bytes(DrawEncoder *encoder, const QxlDrawable *drawable);

/* The client forgets all images of this display, by name: INVAL_ALL_PIXMAPS would take those of its other displays, too. */
bool draw_encoder_reset_images(DrawEncoder *encoder, Outgoing *ret);
/* The client forgets all palettes: INVAL_ALL_PALETTES. */
bool draw_encoder_reset_palettes(DrawEncoder *encoder, Outgoing *ret);

/* For tests and figures. */
uint64_t draw_encoder_cached_pixels(const DrawEncoder *encoder);
