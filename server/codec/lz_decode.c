/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/lz.h"

#include "base/check.h"
#include "codec/lz_tokens.h"

typedef struct LzIn {
    const uint8_t *at, *end;
} LzIn;

/* How a plane is decoded: `literal` bytes become the low bytes of a pixel of `pixel` bytes. */
typedef struct Plane {
    unsigned pixel;
    unsigned literal;
    unsigned bias;
    bool swapped; /* 16-bit literals are big-endian */
    bool padded;  /* the fourth byte of a pixel becomes 0 */
} Plane;

/* Far enough from both ends that several units may be copied at a time. */
ALWAYS_INLINE void match_copy(Plane plane, uint8_t *to, size_t back, size_t len)
{
    const uint8_t *from = to - back;
    if (plane.literal != plane.pixel && !plane.padded) {
        /* Some bytes of each pixel must stay. */
        for (size_t i = 0; i < len; i += plane.pixel) {
            for (unsigned b = 0; b < plane.literal; b++) {
                to[i + b] = from[i + b];
            }
        }
    } else if (back >= len) {
        memcpy(to, from, len);
    } else {
        for (size_t i = 0; i < len; i++) {
            to[i] = from[i];
        }
    }
}

ALWAYS_INLINE Status plane_decode(Plane plane, LzIn *in, uint8_t *pixels, size_t units)
{
    const uint8_t *at = in->at;
    const uint8_t *const end = in->end;
    size_t done = 0;
    while (done < units) {
        if (at == end) {
            return STATUS_PEER_FAULT;
        }
        const unsigned control = *at++;
        uint8_t *to = pixels + done * plane.pixel;
        if (control < LZ_LITERALS_MAX) {
            const size_t count = control + 1;
            if (count > units - done || count * plane.literal > (size_t)(end - at)) {
                return STATUS_PEER_FAULT;
            }
            for (size_t i = 0; i < count; i++) {
                if (plane.swapped) {
                    to[0] = at[1];
                    to[1] = at[0];
                } else {
                    for (unsigned b = 0; b < plane.literal; b++) {
                        to[b] = at[b];
                    }
                }
                if (plane.padded) {
                    to[3] = 0;
                }
                at += plane.literal;
                to += plane.pixel;
            }
            done += count;
            continue;
        }
        size_t length = control >> 5;
        size_t back = (size_t)(control & 31) << 8;
        if (length == 7) {
            unsigned more;
            do {
                if (at == end) {
                    return STATUS_PEER_FAULT;
                }
                more = *at++;
                length += more;
            } while (more == 255);
        }
        if (at == end) {
            return STATUS_PEER_FAULT;
        }
        const unsigned low = *at++;
        back += low;
        if (low == 255 && (control & 31) == 31) {
            if (end - at < 2) {
                return STATUS_PEER_FAULT;
            }
            back = 8191 + (size_t)(at[0] << 8 | at[1]);
            at += 2;
        }
        back++;
        length += plane.bias;
        if (length > units - done || back > done) {
            return STATUS_PEER_FAULT;
        }
        match_copy(plane, to, back * plane.pixel, length * plane.pixel);
        done += length;
    }
    in->at = at;
    return STATUS_OK;
}

Status lz_info(Span data, ImageInfo *ret_info, bool *ret_alpha_alone)
{
    if (data.len < LZ_HEADER_BYTES || be32_get(data.data) != LZ_MAGIC ||
        be32_get(data.data + 4) != LZ_VERSION) {
        return STATUS_PEER_FAULT;
    }
    const uint32_t type = be32_get(data.data + 8);
    ImageInfo info = {
        .width = be32_get(data.data + 12),
        .height = be32_get(data.data + 16),
        .stride = be32_get(data.data + 20),
        .top_down = be32_get(data.data + 24) != 0,
    };
    if (type < 1 || type > LZ_TYPE_A8 || info.width == 0 || info.height == 0) {
        return STATUS_PEER_FAULT;
    }
    info.format = type == LZ_TYPE_A8 ? PIXEL_8BIT_A : type == LZ_TYPE_XXXA ? PIXEL_RGBA : (PixelFormat)type;
    if (info.stride != pixel_row_bytes(info.format, info.width) ||
        (uint64_t)info.stride * info.height >= UINT64_C(1) << 30 ||
        (uint64_t)info.width * info.height > CODEC_PIXELS_MAX) {
        return STATUS_PEER_FAULT;
    }
    *ret_info = info;
    *ret_alpha_alone = type == LZ_TYPE_XXXA;
    return STATUS_OK;
}

Status lz_decode(Span data, uint8_t *pixels, size_t size)
{
    ImageInfo info;
    bool alpha_alone;
    Status status = lz_info(data, &info, &alpha_alone);
    if (status != STATUS_OK) {
        return status;
    }
    if (size != (size_t)info.stride * info.height) {
        return STATUS_MISUSE;
    }
    LzIn in = {data.data + LZ_HEADER_BYTES, data.data + data.len};
    const size_t count = (size_t)info.width * info.height;
    const Plane alpha = {.pixel = 4, .literal = 1, .bias = 2};
    if (alpha_alone) {
        status = plane_decode(alpha, &in, pixels + 3, count);
    } else {
        switch (info.format) {
        case PIXEL_16BIT:
            status = plane_decode((Plane){.pixel = 2, .literal = 2, .bias = 1, .swapped = true}, &in, pixels,
                                  count);
            break;
        case PIXEL_24BIT:
            status = plane_decode((Plane){.pixel = 3, .literal = 3}, &in, pixels, count);
            break;
        case PIXEL_32BIT:
            status = plane_decode((Plane){.pixel = 4, .literal = 3, .padded = true}, &in, pixels, count);
            break;
        case PIXEL_RGBA:
            status = plane_decode((Plane){.pixel = 4, .literal = 3}, &in, pixels, count);
            if (status == STATUS_OK) {
                status = plane_decode(alpha, &in, pixels + 3, count);
            }
            break;
        default:
            status = plane_decode((Plane){.pixel = 1, .literal = 1, .bias = 2}, &in, pixels, size);
            break;
        }
    }
    return status == STATUS_OK && in.at != in.end ? STATUS_PEER_FAULT : status;
}
