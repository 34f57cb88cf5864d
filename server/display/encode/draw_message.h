/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* draw_message.h: a drawable as the message that says the same, with its images encoded.
 *
 * Ownership  a DrawMessage borrows from the drawable and the pad; the images' blocks are its own until they went to the stream.
 * Thread     one at a time.
 * Source     reference/wire-protocol.md section 3.2.
 */
#pragma once

#include "display/encode/image_encoder.h"
#include "wire/wire.h"

#define DRAW_IMAGES_MAX 3u

typedef struct DrawMessage {
    WireMsg wire;
    EncodedImage images[DRAW_IMAGES_MAX];
    uint32_t image_count;
    size_t inline_bytes; /* the most that the body takes, pieces aside */
} DrawMessage;

/* What the maker of a DrawMessage works with. */
typedef struct DrawMaker {
    ImageEncoder *images;
    ImageOptions options; /* of images that are not masks */
    Pad *pad;
    const QxlDrawable *drawable;
    uint32_t surface_id;
    const Raster *self_bitmap; /* NULL: not known */
} DrawMaker;

/* Strings of the drawable's that are no images go into the message: pieces must be longer than the longest of them. */
size_t draw_message_piece_min(const QxlDrawable *drawable);
/* How many bytes it takes if nothing is coded, but for its fixed fields, palettes and dashes. `options`: of images that are not
 * masks. */
uint64_t draw_message_plain_bytes(const QxlDrawable *drawable, const ImageOptions *options);
/* False: it cannot be said, or no memory. Drop it in any case. */
bool draw_message_make(DrawMaker *maker, DrawMessage *ret);
void draw_message_drop(DrawMessage *message);
/* The images' data, for outgoing_message_end(). Blocks are the payloads' then; one without release is the guest's. */
uint32_t draw_message_payloads(DrawMessage *message, Payload ret_payloads[DRAW_IMAGES_MAX]);

WireRect wire_rect_of(const QXLRect *rect);
