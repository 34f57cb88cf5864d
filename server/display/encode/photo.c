/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/photo.h"

#include <spice/enums.h>
#include <string.h>

#include "base/span.h"

#define SAMPLE_EVERY 15u    /* pixels of a row; the existing server's number */
#define SAMPLES_ENOUGH 200u /* about; then rows are skipped, as each is memory that may be in no cache: */
#define ROW_STEP_MAX 32u    /* large pictures may be of many things */
#define CONTRAST_8 60       /* of 255: that much is an edge */
#define CONTRAST_5 8        /* of 31 */
#define PIXEL_BYTES_MAX 4u

/* What a pair of neighbours says, in quarters. */
#define SCORE_SAME 2
#define SCORE_EDGE 4
#define SCORE_GRADUAL (-1)

/* Reads ever further on. */
typedef struct Reader {
    const QxlSpan *span;
    uint8_t buffer[2 * PIXEL_BYTES_MAX];
} Reader;

/* Two pixels. Mostly they lie in one piece, and are looked at there. */
static inline const uint8_t *reader_get(Reader *reader, uint32_t offset, uint32_t bytes)
{
    while (offset - reader->span->offset >= reader->span->bytes) {
        reader->span++;
    }
    const QxlSpan *span = reader->span;
    uint32_t at = offset - span->offset;
    if (span->bytes - at >= bytes) {
        return (const uint8_t *)span->host + at;
    }
    for (uint32_t i = 0; i < bytes; i++, at++) {
        if (at == span->bytes) {
            span++;
            at = 0;
        }
        reader->buffer[i] = ((const uint8_t *)span->host)[at];
    }
    return reader->buffer;
}

/* `most` is the largest difference of a channel. No branches: in photographs nobody could predict them. */
static inline int score_of(int most, int contrast)
{
    return SCORE_GRADUAL + (most == 0) * (SCORE_SAME - SCORE_GRADUAL) +
           (most >= contrast) * (SCORE_EDGE - SCORE_GRADUAL);
}

static inline int abs_of(int a)
{
    return a < 0 ? -a : a;
}

static inline int larger(int a, int b)
{
    return a > b ? a : b;
}

static inline int score_wide(const uint8_t *a, const uint8_t *b)
{
    return score_of(larger(larger(abs_of(a[0] - b[0]), abs_of(a[1] - b[1])), abs_of(a[2] - b[2])),
                    CONTRAST_8);
}

static inline int score_555(const uint8_t *a, const uint8_t *b)
{
    const int left = le16_get(a), right = le16_get(b);

    return score_of(
        larger(larger(abs_of((left & 31) - (right & 31)), abs_of((left >> 5 & 31) - (right >> 5 & 31))),
               abs_of((left >> 10 & 31) - (right >> 10 & 31))),
        CONTRAST_5);
}

/* A pixel with those on its right, below it, and both. All the same says nothing. */
static inline int square_score(const uint8_t *top, const uint8_t *bottom, uint32_t pixel_bytes)
{
    const int sum = pixel_bytes == 2
                        ? score_555(top, top + 2) + score_555(top, bottom) + score_555(top, bottom + 2)
                        : score_wide(top, top + pixel_bytes) + score_wide(top, bottom) +
                              score_wide(top, bottom + pixel_bytes);

    return sum == 3 * SCORE_SAME ? 0 : sum;
}

bool pixels_are_photo(PixelFormat format, uint32_t width, uint32_t height, uint32_t stride,
                      const QxlData *data)
{
    if (format < PIXEL_16BIT || format > PIXEL_RGBA || width < 2 || height < 2 || data->count == 0) {
        return false;
    }
    const uint32_t pixel_bytes = pixel_bits(format) / 8;
    const uint64_t samples = (uint64_t)(1 + (width - 2) / SAMPLE_EVERY) * (height - 1);
    const uint64_t step = 1 + samples / SAMPLES_ENOUGH, row_step = step < ROW_STEP_MAX ? step : ROW_STEP_MAX;
    Reader above = {data->spans}, below = {data->spans};
    int64_t sum = 0, count = 0;

    for (uint64_t y = 0; y + 1 < height; y += row_step) {
        /* Not the same columns in every row. */
        for (uint64_t x = (width / 2 + 7 * y) % SAMPLE_EVERY % (width - 1); x + 1 < width;
             x += SAMPLE_EVERY) {
            const uint32_t at = (uint32_t)(y * stride + x * pixel_bytes);
            sum += square_score(reader_get(&above, at, 2 * pixel_bytes),
                                reader_get(&below, at + stride, 2 * pixel_bytes), pixel_bytes);
            count++;
        }
    }
    /* The mean of three pairs, in quarters, is below -0.03; of 5 bits, which are less fine, below 0. */
    return format == PIXEL_16BIT ? sum < 0 : 100 * sum < -3 * 4 * 3 * count;
}

bool image_is_photo(const QxlImage *image)
{
    const QxlBitmap *bitmap = &image->u.bitmap;

    return image->type == SPICE_IMAGE_TYPE_BITMAP &&
           pixels_are_photo((PixelFormat)bitmap->format, image->width, image->height, bitmap->stride,
                            &bitmap->data);
}
