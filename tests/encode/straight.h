/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* straight.h: what JPEG alone makes of pixels: through libjpeg and back, without the encoder or any code of the server's.
 *
 * How much is lost depends on the picture, so that no number bounds it well: of noise in strong colours it is much, of smooth
 * ones nearly nothing. But libjpeg loses the same every time: pixels that clients get must be these, to the bit.
 *
 * Errors     libjpeg's end the program.
 */
#pragma once

#include "display/canvas/canvas.h"
#include "qxl/image.h"

/* An area of a canvas of 16 or 32 bits becomes what is left of it. Fourth bytes stay. */
void straight_area(const Canvas *canvas, const QXLRect *area);

/* An image with other pixels. */
typedef struct StraightImage {
    QxlImage *image, original;
    QxlSpan span;
    uint8_t *pixels;
} StraightImage;

/* Does the image have colours of its own, so that JPEG takes it? */
bool straight_takes(const QxlImage *image);
/* The image becomes what is left of it, in 32 bits, until straight_restore(). */
void straight_replace(StraightImage *straight, QxlImage *image);
void straight_restore(StraightImage *straight);
