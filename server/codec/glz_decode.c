/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/glz.h"

#include "base/check.h"
#include "codec/lz_tokens.h"
#include "codec/source.h"

#define IMAGES_MIN 64u
/* Windows' worth of pixels that may be held: images of other channels may come early, and nothing can go while an older one
 * is still missing. */
#define WINDOWS_HELD 2u
/* What an image counts at least when memory is bounded, as one of a pixel takes some, too. Servers make few that are smaller. */
#define IMAGE_PIXELS_MIN 16u
#define WEIGHT_MIN 65536u /* so many always may, however small the window */
/* Images that may come before the one that is next: others' drawings that overtook it. */
#define IMAGES_EARLY_MAX 4096u

typedef struct Held {
    uint64_t id;
    uint64_t oldest_needed; /* by it, and by all that come after it */
    uint32_t *pixels;       /* in coding order, 32 bits each */
    uint32_t count;
    PixelFormat format;
} Held;

struct GlzDecoder {
    CodecMemory memory;
    uint32_t window_pixels;
    uint64_t next_id;       /* all before it were decoded */
    uint64_t oldest_needed; /* what is older is dropped */
    uint64_t pixels;        /* held */
    uint64_t weight;        /* the same, as they count for the bound */
    Held *held;             /* by increasing id, from `first` to `end`; places before `first` are free */
    size_t first, next, end, size; /* next: where next_id is, or would have to be */
};

GlzDecoder *glz_decoder_new(const CodecMemory *memory, uint32_t window_pixels, uint64_t first_id)
{
    GlzDecoder *decoder = memory->alloc(memory->owner, sizeof(*decoder));
    if (decoder != NULL) {
        *decoder = (GlzDecoder){.memory = *memory, .window_pixels = window_pixels, .next_id = first_id};
    }
    return decoder;
}

void glz_decoder_free(GlzDecoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    const CodecMemory memory = decoder->memory;
    for (size_t i = decoder->first; i < decoder->end; i++) {
        memory.free(memory.owner, decoder->held[i].pixels);
    }
    if (decoder->held != NULL) {
        memory.free(memory.owner, decoder->held);
    }
    memory.free(memory.owner, decoder);
}

uint64_t glz_decoder_pixels(const GlzDecoder *decoder)
{
    return decoder->pixels;
}

/* Where `id` is, or would have to be. */
static size_t held_find(const GlzDecoder *decoder, uint64_t id)
{
    size_t low = decoder->first, high = decoder->end;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (decoder->held[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void glz_decoder_set_high_bits(GlzDecoder *decoder, uint64_t id)
{
    const size_t at = held_find(decoder, id);
    if (at == decoder->end || decoder->held[at].id != id ||
        (decoder->held[at].format != PIXEL_24BIT && decoder->held[at].format != PIXEL_32BIT)) {
        return;
    }
    for (uint32_t i = 0; i < decoder->held[at].count; i++) {
        decoder->held[at].pixels[i] |= 0xff000000u;
    }
}

/* ---- Tokens ---- */

typedef struct Decoding {
    GlzDecoder *decoder;
    const uint8_t *at, *end;
    uint32_t *pixels;
    uint32_t count;
    uint64_t id;
    PixelFormat format;
} Decoding;

/* Low byte first. */
static Status bytes_get(Decoding *in, unsigned bytes, uint32_t *ret_value)
{
    uint32_t value = 0;
    if ((size_t)(in->end - in->at) < bytes) {
        return STATUS_PEER_FAULT;
    }
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint32_t)*in->at++ << (8 * i);
    }
    *ret_value = value;
    return STATUS_OK;
}

typedef struct Token {
    uint64_t length;
    uint32_t offset, images;
} Token;

static Status token_get(Decoding *in, unsigned control, unsigned bias, Token *ret_token)
{
    uint32_t byte, more = 0;
    uint64_t length = control >> 5;
    uint32_t offset = control & 15;
    if (length == 7) {
        do {
            if (bytes_get(in, 1, &byte) != STATUS_OK) {
                return STATUS_PEER_FAULT;
            }
            length += byte;
        } while (byte == 255);
    }
    if (bytes_get(in, 1, &byte) != STATUS_OK) {
        return STATUS_PEER_FAULT;
    }
    offset |= byte << 4;
    if (bytes_get(in, 1, &byte) != STATUS_OK || bytes_get(in, byte >> 6, &more) != STATUS_OK) {
        return STATUS_PEER_FAULT;
    }
    uint32_t images = 0;
    if (control & 16) {
        uint32_t high = 0;
        if (byte & 32 && bytes_get(in, 1, &high) != STATUS_OK) {
            return STATUS_PEER_FAULT;
        }
        images = more;
        offset |= (byte & 31) << 12 | high << 17;
    } else {
        images = (byte & 63) | more << 6;
    }
    *ret_token = (Token){length + bias, offset, images};
    return STATUS_OK;
}

/* Where a token's pixels are, if all of them are there. */
static Status source_find(const Decoding *in, const Token *token, uint32_t done, const uint32_t **ret_from)
{
    if (token->images == 0) {
        if (token->offset >= done) {
            return STATUS_PEER_FAULT;
        }
        *ret_from = in->pixels + done - token->offset - 1;
        return STATUS_OK;
    }
    const GlzDecoder *decoder = in->decoder;
    if (token->images > in->id) {
        return STATUS_PEER_FAULT;
    }
    const uint64_t id = in->id - token->images;
    const size_t at = held_find(decoder, id);
    if (at == decoder->end || decoder->held[at].id != id) {
        return id < decoder->next_id ? STATUS_PEER_FAULT : STATUS_AGAIN;
    }
    const Held *image = &decoder->held[at];
    if (image->format != in->format || (uint64_t)token->offset + token->length > image->count) {
        return STATUS_PEER_FAULT;
    }
    *ret_from = image->pixels + token->offset;
    return STATUS_OK;
}

/* Literals of `literal` bytes; only the bits of `mask` are written. */
static Status plane_decode(Decoding *in, unsigned literal, unsigned bias, uint32_t mask)
{
    uint32_t done = 0;
    while (done < in->count) {
        uint32_t *to = in->pixels + done;
        uint32_t control;
        if (bytes_get(in, 1, &control) != STATUS_OK) {
            return STATUS_PEER_FAULT;
        }
        if (control < LZ_LITERALS_MAX) {
            const uint32_t run = control + 1;
            if (run > in->count - done || (size_t)run * literal > (size_t)(in->end - in->at)) {
                return STATUS_PEER_FAULT;
            }
            for (uint32_t i = 0; i < run; i++, in->at += literal) {
                const uint32_t value = literal == 1 ? (uint32_t)in->at[0] << 24
                                       : literal == 2
                                           ? (uint32_t)(in->at[0] << 8 | in->at[1])
                                           : (uint32_t)(in->at[0] | in->at[1] << 8 | in->at[2] << 16);
                to[i] = (to[i] & ~mask) | value;
            }
            done += run;
            continue;
        }
        Token token;
        const uint32_t *from = NULL;
        Status status = token_get(in, control, bias, &token);
        if (status == STATUS_OK && token.length > in->count - done) {
            status = STATUS_PEER_FAULT;
        }
        if (status == STATUS_OK) {
            status = source_find(in, &token, done, &from);
        }
        if (status != STATUS_OK) {
            return status;
        }
        for (uint32_t i = 0; i < token.length; i++) {
            to[i] = (to[i] & ~mask) | (from[i] & mask);
        }
        done += (uint32_t)token.length;
    }
    return STATUS_OK;
}

/* ---- Images ---- */

Status glz_info(Span data, ImageInfo *ret_info, uint64_t *ret_id)
{
    const uint8_t *head = data.data;
    if (data.len < GLZ_HEADER_BYTES || be32_get(head) != LZ_MAGIC || be32_get(head + 4) != LZ_VERSION) {
        return STATUS_PEER_FAULT;
    }
    const unsigned type = head[8];
    const ImageInfo info = {
        .format = (PixelFormat)(type & 15),
        .width = be32_get(head + 9),
        .height = be32_get(head + 13),
        .stride = be32_get(head + 17),
        .top_down = (type & 16) != 0,
    };
    const uint64_t id = (uint64_t)be32_get(head + 21) << 32 | be32_get(head + 25);
    if (type > 31 || info.format < PIXEL_16BIT || info.format > PIXEL_RGBA || info.width == 0 ||
        info.height == 0 || (uint64_t)info.width * info.height > GLZ_WINDOW_PIXELS_MAX ||
        info.stride != pixel_row_bytes(info.format, info.width) || be32_get(head + 29) > id) {
        return STATUS_PEER_FAULT;
    }
    *ret_info = info;
    *ret_id = id;
    return STATUS_OK;
}

static uint32_t image_weight(uint32_t pixels)
{
    return pixels > IMAGE_PIXELS_MIN ? pixels : IMAGE_PIXELS_MIN;
}

/* Drops what no image that is still to come may refer to. Each image is looked at once when it is its turn, and once more when
 * it goes, however many there are. */
static void held_trim(GlzDecoder *decoder)
{
    for (; decoder->next < decoder->end && decoder->held[decoder->next].id == decoder->next_id;
         decoder->next++) {
        const Held *image = &decoder->held[decoder->next];
        decoder->next_id++;
        if (image->oldest_needed > decoder->oldest_needed) {
            decoder->oldest_needed = image->oldest_needed;
        }
    }
    for (; decoder->first < decoder->next && decoder->held[decoder->first].id < decoder->oldest_needed;
         decoder->first++) {
        const Held *image = &decoder->held[decoder->first];
        decoder->pixels -= image->count;
        decoder->weight -= image_weight(image->count);
        decoder->memory.free(decoder->memory.owner, image->pixels);
    }
}

/* A free place at the end. Places at the front are given back when they are half of all. */
static Status held_room(GlzDecoder *decoder)
{
    if (decoder->end < decoder->size) {
        return STATUS_OK;
    }
    const size_t count = decoder->end - decoder->first;
    Held *held = decoder->held;
    if (decoder->first == 0 || decoder->first < decoder->size / 2) {
        const size_t size = decoder->size > 0 ? decoder->size * 2 : IMAGES_MIN;
        held = decoder->memory.alloc(decoder->memory.owner, size * sizeof(*held));
        if (held == NULL) {
            return STATUS_IO;
        }
        decoder->size = size;
    }
    if (count > 0) {
        memmove(held, decoder->held + decoder->first, count * sizeof(*held));
    }
    if (decoder->held != NULL && decoder->held != held) {
        decoder->memory.free(decoder->memory.owner, decoder->held);
    }
    decoder->held = held;
    decoder->next -= decoder->first;
    decoder->first = 0;
    decoder->end = count;
    return STATUS_OK;
}

static void pixels_give(const Decoding *in, uint8_t *to)
{
    for (size_t i = 0; i < in->count; i++) {
        const uint32_t pixel = in->pixels[i];
        switch (in->format) {
        case PIXEL_16BIT:
            le16_put(to + 2 * i, (uint16_t)pixel);
            break;
        case PIXEL_24BIT:
            to[3 * i] = (uint8_t)pixel;
            to[3 * i + 1] = (uint8_t)(pixel >> 8);
            to[3 * i + 2] = (uint8_t)(pixel >> 16);
            break;
        default:
            le32_put(to + 4 * i, pixel);
            break;
        }
    }
}

static Status image_decode(Decoding *in)
{
    /* Matches copy whole pixels, fourth bytes with them (glz_decoder_set_high_bits()); literals' are 0. */
    Status status =
        in->format == PIXEL_16BIT ? plane_decode(in, 2, 1, 0xffff) : plane_decode(in, 3, 0, UINT32_MAX);
    if (status == STATUS_OK && in->format == PIXEL_RGBA) {
        status = plane_decode(in, 1, 2, 0xff000000);
    }
    return status == STATUS_OK && in->at != in->end ? STATUS_PEER_FAULT : status;
}

Status glz_decode(GlzDecoder *decoder, Span data, uint8_t *pixels, size_t size)
{
    ImageInfo info;
    uint64_t id;
    Status status = glz_info(data, &info, &id);
    if (status != STATUS_OK) {
        return status;
    }
    if (size != (size_t)info.stride * info.height) {
        return STATUS_MISUSE;
    }
    const uint32_t count = info.width * info.height;
    status = held_room(decoder);
    if (status != STATUS_OK) {
        return status;
    }
    const uint64_t held_max = (uint64_t)decoder->window_pixels * WINDOWS_HELD;
    const size_t place = held_find(decoder, id);
    if (count >= decoder->window_pixels || id < decoder->next_id ||
        (place < decoder->end && decoder->held[place].id == id) || decoder->pixels + count > held_max ||
        decoder->weight + image_weight(count) > (held_max > WEIGHT_MIN ? held_max : WEIGHT_MIN) ||
        (id > decoder->next_id && decoder->end - decoder->next >= IMAGES_EARLY_MAX)) {
        return STATUS_PEER_FAULT;
    }
    Decoding in = {
        .decoder = decoder,
        .at = data.data + GLZ_HEADER_BYTES,
        .end = data.data + data.len,
        .count = count,
        .id = id,
        .format = info.format,
    };
    in.pixels = decoder->memory.alloc(decoder->memory.owner, (size_t)count * 4);
    if (in.pixels == NULL) {
        return STATUS_IO;
    }
    memset(in.pixels, 0, (size_t)count * 4);
    status = image_decode(&in);
    if (status != STATUS_OK) {
        decoder->memory.free(decoder->memory.owner, in.pixels);
        return status;
    }
    pixels_give(&in, pixels);
    memmove(decoder->held + place + 1, decoder->held + place,
            (decoder->end - place) * sizeof(*decoder->held));
    decoder->held[place] = (Held){
        .id = id,
        .oldest_needed = id - be32_get(data.data + 29),
        .pixels = in.pixels,
        .count = count,
        .format = info.format,
    };
    decoder->end++;
    decoder->pixels += count;
    decoder->weight += image_weight(count);
    held_trim(decoder);
    return STATUS_OK;
}
