/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* glz_window.h: the encoder's window: a ring of pixels, the images in it, and a table of where pixels were seen.
 * Inside codec/ only.
 *
 * Images lie in the ring in one piece each, one behind the other, in the order of their ids; where one does not fit before
 * the ring's end it starts again at 0. The table's entries are places in the ring and are never taken out: a place holds some
 * pixels or other, which are compared before use, and glz_window_image() says whose they are now.
 */
#pragma once

#include "codec/source.h"

typedef struct GlzImage {
    uint64_t id;
    uint32_t start, count; /* pixels of the ring */
    PixelFormat format;
    bool high_bits; /* the client's copy has other fourth bytes than those that were coded */
} GlzImage;

typedef struct GlzWindow {
    CodecMemory memory;
    uint32_t capacity; /* pixels of all images together */
    uint32_t *pixels;  /* the ring; GLZ_SLACK more may be read behind its end */
    uint32_t size, size_max;
    uint32_t written; /* behind it nothing was ever written but zeros, GLZ_SLACK of them */
    uint32_t head;    /* where the next image goes, if it fits */
    uint64_t used;    /* pixels of all images */

    GlzImage *images; /* image n of those that are there: (first + n) % images_size */
    uint32_t images_size, first, count;
    /* For each block of the ring, the image of its first pixel: its number since the start, modulo 2^32. */
    uint32_t *owners;
    uint32_t first_number;

    uint32_t *table;
    unsigned table_bits;
} GlzWindow;

#define GLZ_SLACK 8u /* pixels */

void glz_window_init(GlzWindow *window, const CodecMemory *memory, uint32_t capacity);
/* Also makes it empty. */
void glz_window_free(GlzWindow *window);

/* Makes room for an image: older ones go, memory comes. *ret_start says where its pixels are to be put. */
Status glz_window_open(GlzWindow *window, uint32_t count, PixelFormat format,
                       uint32_t *ret_start) STATUS_MUST_CHECK;
/* The image is in the window from now on. */
void glz_window_close(GlzWindow *window, const GlzImage *image);

/* The image that has this place of the ring; NULL: none. */
const GlzImage *glz_window_image(const GlzWindow *window, uint32_t place);
/* NULL: the window is empty. */
const GlzImage *glz_window_oldest(const GlzWindow *window);
