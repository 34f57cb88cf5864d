/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quic_plain.h: QUIC as its description says it, a channel, a bit and a counter at a time: the oracle for the encoder's blocks,
 * words of bytes and vectors. The decoder shares its model with the encoder, so a round trip alone says nothing about that.
 *
 * Source  reference/image-codecs.md section 2.
 */
#pragma once

#include "codec/codec.h"

/* `pixels` are packed, top row first. Returns the coded size; `room` must be large enough for it (CHECK). */
size_t quic_plain_encode(PixelFormat format, uint32_t width, uint32_t height, const uint8_t *pixels,
                         uint8_t *out, size_t room);
