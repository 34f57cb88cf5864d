/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that the guest gives as QUIC. */
#include "tests/canvas/easel.h"

#include <stdlib.h>

#include "codec/quic.h"

#define RGB SPICE_SURFACE_FMT_32_xRGB
#define ARGB SPICE_SURFACE_FMT_32_ARGB
#define CODED_BYTES_MAX 4096u

typedef struct CodedImage {
    QxlImage image;
    QxlSpan spans[2];
    uint8_t bytes[CODED_BYTES_MAX];
} CodedImage;

static void *heap_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size);
}

static void heap_free(void *owner, void *memory)
{
    (void)owner;
    free(memory);
}

static const CodecMemory *heap(void)
{
    static const CodecMemory memory = {.alloc = heap_alloc, .free = heap_free};
    return &memory;
}

/* In two pieces, the first of 7 bytes. */
static QxlImage *coded_image(CodedImage *image, PixelFormat format, uint32_t width, uint32_t height,
                             const void *pixels)
{
    const uint32_t stride = (uint32_t)pixel_row_bytes(format, width);
    const ImageChunk chunk = {pixels, height};
    const ImageSource source = {.format = format,
                                .width = width,
                                .height = height,
                                .stride = stride,
                                .top_down = true,
                                .chunks = &chunk,
                                .chunk_count = 1};
    QuicEncoder *encoder = quic_encoder_new(heap());
    CodecSink sink;

    assert_non_null(encoder);
    sink_init(&sink, image->bytes, sizeof image->bytes);
    assert_int_equal(quic_encode(encoder, &source, &sink), STATUS_OK);
    quic_encoder_free(encoder);
    const uint32_t bytes = (uint32_t)sink.total;
    image->spans[0] = (QxlSpan){.host = (uintptr_t)image->bytes, .bytes = 7};
    image->spans[1] = (QxlSpan){.host = (uintptr_t)image->bytes + 7, .offset = 7, .bytes = bytes - 7};
    image->image = (QxlImage){.type = SPICE_IMAGE_TYPE_QUIC, .width = width, .height = height};
    image->image.u.quic = (QxlData){.spans = image->spans, .count = 2, .bytes = bytes};
    return &image->image;
}

static void copy_of(Easel *easel, const QxlImage *image)
{
    easel->drawable.u.copy =
        (QxlCopy){.src = image,
                  .src_area = easel_rect(0, 0, (int32_t)image->width, (int32_t)image->height),
                  .rop = SPICE_ROPD_OP_PUT};
}

static void expect_fault(Easel *easel, const char *why)
{
    assert_int_equal(easel_try(easel, QXL_DRAW_COPY), STATUS_DEVICE_FAULT);
    assert_string_equal(easel->fault.why, why);
}

static const uint32_t colors[] = {0x11020304, 0x22fe00ff, 0xff808182, 0x00ffffff, 0x44123456, 0x557f7f7f};

static void test_32_bits(void **state)
{
    Easel *easel = *state;
    CodedImage image;
    easel_surface(easel, 0, ARGB, 3, 2);
    copy_of(easel, coded_image(&image, PIXEL_RGBA, 3, 2, colors));
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, colors[0], colors[1], colors[2], colors[3], colors[4], colors[5]);
    copy_of(easel, coded_image(&image, PIXEL_32BIT, 3, 2, colors)); /* which has no place for fourth bytes */
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 0x020304, 0xfe00ff, 0x808182, 0xffffff, 0x123456, 0x7f7f7f);
    image.image.flags = QXL_IMAGE_HIGH_BITS_SET;
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 0xff020304, 0xfffe00ff, 0xff808182, 0xffffffff, 0xff123456, 0xff7f7f7f);
}

/* Rows of an odd number of bytes. */
static void test_24_bits(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 250, 251, 252, 0, 0, 0, 255, 254, 253};
    Easel *easel = *state;
    CodedImage image;
    easel_surface(easel, 0, RGB, 3, 2);
    copy_of(easel, coded_image(&image, PIXEL_24BIT, 3, 2, bytes));
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 0x030201, 0x060504, 0x090807, 0xfcfbfa, 0, 0xfdfeff);
    easel_surface(easel, 0, SPICE_SURFACE_FMT_16_565, 3, 2);
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 0x0000, 0x0020, 0x0840, 0xffdf, 0, 0xffff);
}

/* Widened by whoever decodes it, who invents no alpha; a bitmap's would be 255. */
static void test_16_bits(void **state)
{
    static const uint16_t bits[] = {0x7c00, 0x03e0, 0x001f, 0x7fff, 0x0421, 0x0000};
    Easel *easel = *state;
    CodedImage image;
    easel_surface(easel, 0, ARGB, 3, 2);
    copy_of(easel, coded_image(&image, PIXEL_16BIT, 3, 2, bits));
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 0xff0000, 0x00ff00, 0x0000ff, 0xffffff, 0x080808, 0);
    image.image.flags = QXL_IMAGE_HIGH_BITS_SET;
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 0xffff0000, 0xff00ff00, 0xff0000ff, 0xffffffff, 0xff080808, 0xff000000);
    easel_surface(easel, 0, SPICE_SURFACE_FMT_16_555, 3, 2);
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, bits[0], bits[1], bits[2], bits[3], bits[4], bits[5]);
}

/* A source and a pattern at once, and what pixman blends. */
static void test_places(void **state)
{
    static const uint32_t stripes[] = {0x0f, 0xf0, 0x33};
    Easel *easel = *state;
    CodedImage image, pattern;
    easel_surface(easel, 0, RGB, 3, 2);
    easel->drawable.u.rop3 =
        (QxlRop3){.src = coded_image(&image, PIXEL_32BIT, 3, 2, colors),
                  .src_area = easel_rect(0, 0, 3, 2),
                  .brush = {.type = SPICE_BRUSH_TYPE_PATTERN,
                            .pattern = coded_image(&pattern, PIXEL_32BIT, 3, 1, stripes)},
                  .rop3 = 0x3c}; /* the one or the other */
    easel_draw(easel, QXL_DRAW_ROP3);
    easel_expect(easel, 0x020304 ^ 0x0f, 0xfe00ff ^ 0xf0, 0x808182 ^ 0x33, 0xffffff ^ 0x0f, 0x123456 ^ 0xf0,
                 0x7f7f7f ^ 0x33);
    static const uint32_t half[] = {0xff010203, 0x00000000, 0x80808080};
    easel_surface(easel, 0, ARGB, 3, 1);
    easel->drawable.u.alpha_blend = (QxlAlphaBlend){.src = coded_image(&image, PIXEL_RGBA, 3, 1, half),
                                                    .src_area = easel_rect(0, 0, 3, 1),
                                                    .alpha = 0xff};
    easel_draw(easel, QXL_DRAW_ALPHA_BLEND);
    easel_expect(easel, half[0], half[1], half[2]);
}

static void test_damaged(void **state)
{
    static const char damaged[] = "a QUIC image that cannot be decoded";
    Easel *easel = *state;
    CodedImage image;
    easel_surface(easel, 0, RGB, 3, 2);
    copy_of(easel, coded_image(&image, PIXEL_32BIT, 3, 2, colors));
    image.bytes[0] ^= 1; /* the magic */
    expect_fault(easel, damaged);
    image.bytes[0] ^= 1;
    image.bytes[16] ^= 1; /* the height, of which nothing else speaks */
    expect_fault(easel, "a QUIC image of another size than was said");
    image.bytes[16] ^= 1;
    image.image.width++;
    expect_fault(easel, "a QUIC image of another size than was said");
    image.image.width--;
    image.image.u.quic.bytes -= 4;
    image.spans[1].bytes -= 4;
    expect_fault(easel, damaged);
    image.image.u.quic.bytes += 4;
    image.spans[1].bytes += 4;
    easel_expect(easel, 0, 0, 0, 0, 0, 0);
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 0x020304, 0xfe00ff, 0x808182, 0xffffff, 0x123456, 0x7f7f7f);
}

/* The existing server and spice-gtk know no gray one either. */
static void test_gray(void **state)
{
    Easel *easel = *state;
    CodedImage image;
    easel_surface(easel, 0, RGB, 3, 2);
    copy_of(easel, coded_image(&image, PIXEL_8BIT_A, 3, 2, colors));
    expect_fault(easel, "a QUIC image of gray, which nobody draws");
}

/* Little is said, much is meant: it is refused before memory is taken. */
static void test_bounds(void **state)
{
    Easel *easel = *state;
    CodedImage image;
    easel_surface(easel, 0, RGB, 3, 2);
    copy_of(easel, coded_image(&image, PIXEL_32BIT, 3, 2, colors));
    easel->most = easel->allocs;
    image.image.width = 1u << 25;
    expect_fault(easel, "a QUIC image too wide to decode");
    image.image.width = 1u << 13;
    image.image.height = 1u << 13;
    assert_int_equal(easel_try(easel, QXL_DRAW_COPY), STATUS_LIMIT);
    assert_string_equal(easel->fault.why, "a drawing of more work than its size is worth");
    image.image.width = image.image.height = 2;
    image.image.u.quic.bytes = 1u << 30; /* it is not looked at */
    expect_fault(easel, "a QUIC image of more data than its pixels can be");
}

static void test_memory(void **state)
{
    Easel *easel = *state;
    CodedImage image;
    unsigned needed = 0;
    easel_surface(easel, 0, RGB, 3, 2);
    copy_of(easel, coded_image(&image, PIXEL_RGBA, 3, 2, colors));
    for (easel->most = 0; easel_try(easel, QXL_DRAW_COPY) != STATUS_OK; easel->most = ++needed) {
        assert_string_equal(easel->fault.why, "no memory to draw with");
        easel->allocs = 0;
        canvas_set_finish(&easel->set);
        assert_true(needed < 10);
    }
    assert_true(needed >= 3);
    const unsigned allocs = easel->allocs;
    for (unsigned i = 0; i < 10; i++) { /* what one took, others take again */
        easel_draw(easel, QXL_DRAW_COPY);
    }
    assert_int_equal(easel->allocs, allocs);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, easel_setup, easel_teardown)

int run_coded(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_32_bits), UNIT(test_24_bits), UNIT(test_16_bits), UNIT(test_places),
        UNIT(test_damaged), UNIT(test_gray),    UNIT(test_bounds),  UNIT(test_memory),
    };
    return cmocka_run_group_tests_name("coded", tests, NULL, NULL);
}
