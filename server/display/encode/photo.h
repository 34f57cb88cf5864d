/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* photo.h: is a picture a photograph? The codecs differ most by that: QUIC and JPEG for those, LZ for what people draw.
 *
 * Neighbouring pixels are compared, one pair out of many. In a photograph they are nearly equal; in drawings and text they
 * are either the same or far apart. The pixels may change meanwhile: then any answer is as good as the other.
 *
 * Thread     any.
 * Source     reference/api-and-behaviour.md section 6.4, Graduality.
 */
#pragma once

#include <stdbool.h>

#include "codec/codec.h"
#include "qxl/image.h"

/* `data` has at least the rows' bytes. Formats without colours of their own (palettes, alpha) show none. */
bool pixels_are_photo(PixelFormat format, uint32_t width, uint32_t height, uint32_t stride,
                      const QxlData *data);
bool image_is_photo(const QxlImage *image);
