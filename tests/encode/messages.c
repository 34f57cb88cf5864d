/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an encoder sends, to a client that is a list of what it was told to keep; and what becomes of memory. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <spice/enums.h>

#include "base/check.h"
#include "codec/glz.h"
#include "codec/zlib_glz.h"
#include "core/posix/posix.h"
#include "display/encode/draw_encoder.h"
#include "display/encode/image_encoder.h"
#include "tests/canvas/choices.h"
#include "tests/encode/encode_tests.h"
#include "wire/wire.h"

#define POOL 24u
#define PIXELS_MAX 3600u
#define GLZ_PIXELS 8000u
#define KNOWN_MAX 4096u
#define COPY_CAPS (1u << WIRE_CAP_DISPLAY_COMPOSITE | 1u << WIRE_CAP_DISPLAY_LZ4_COMPRESSION)

typedef struct Rig {
    Core core; /* first: it is how alloc() finds the rest */
    Choices choices;
    uint32_t fails_in; /* one allocation in so many; 0: none */
    uint32_t allocs;
    size_t in_use; /* bytes */
    Outgoing out;
    uint64_t serial;
    DrawEncoderConfig config;
    DrawEncoder *encoder;
    uint32_t caps, held, released;

    /* The guest. */
    uint8_t pixels[POOL][PIXELS_MAX * 4];
    QxlSpan spans[POOL][3];
    QxlPalette palettes[POOL];
    QxlImage images[POOL];

    /* The client. */
    struct {
        uint64_t id, pixels;
    } known[KNOWN_MAX];
    size_t known_len;
    uint64_t palettes_known[256];
    size_t palettes_len;
    uint32_t seen[256]; /* images by type */
    uint64_t glz_next;  /* the image that must come next */
    GlzDecoder *glz;
    ZlibDecoder *zlib;
    uint32_t messages;
    uint8_t bytes[1u << 20];
} Rig;

static void *rig_alloc(const Core *core, size_t size)
{
    Rig *rig = (Rig *)(uintptr_t)core;
    rig->allocs++;
    if (rig->fails_in > 0 && choose_rarely(&rig->choices, rig->fails_in)) {
        return NULL;
    }
    void *memory = malloc(size);
    rig->in_use += malloc_usable_size(memory);
    return memory;
}

static void rig_free(const Core *core, void *memory)
{
    Rig *rig = (Rig *)(uintptr_t)core;
    rig->in_use -= malloc_usable_size(memory);
    free(memory);
}

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

static const CodecMemory heap = {heap_alloc, heap_free, NULL};

static void *rig_hold(void *opaque, const QxlDrawable *drawable)
{
    Rig *rig = opaque;
    assert_non_null(drawable);
    rig->held++;
    return rig;
}

static void rig_release(void *owner)
{
    Rig *rig = owner;
    assert_true(rig->released < rig->held);
    rig->released++;
}

/* Pixels of half the images are runs, which can be coded. */
static void image_paint(Rig *rig, uint32_t i)
{
    for (size_t k = 0; k < sizeof rig->pixels[i]; k++) {
        rig->pixels[i][k] = (uint8_t)(i % 2 == 0 ? k / 64 : choose32(&rig->choices));
    }
}

static void image_make(Rig *rig, uint32_t i, uint8_t format, uint32_t width, uint32_t height)
{
    QxlImage *image = &rig->images[i];
    const uint32_t stride = (width * qxl_bitmap_depth(format) + 7) / 8;
    const uint32_t bytes = stride * height;
    *image = (QxlImage){
        .id = (uint64_t)(i + 1) << 32, .type = SPICE_IMAGE_TYPE_BITMAP, .width = width, .height = height};
    image->u.bitmap = (QxlBitmap){.format = format,
                                  .top_down = i % 3 != 0,
                                  .stride = stride,
                                  .data = {.spans = rig->spans[i], .count = 1, .bytes = bytes}};
    const uint32_t cut = bytes > 2 && i % 4 == 0 ? bytes / 3 : 0;
    rig->spans[i][0] = (QxlSpan){(uintptr_t)rig->pixels[i], 0, cut > 0 ? cut : bytes};
    if (cut > 0) {
        rig->spans[i][1] = (QxlSpan){(uintptr_t)rig->pixels[i] + cut, cut, bytes - cut};
        image->u.bitmap.data.count = 2;
    }
    if (qxl_bitmap_is_indexed(format)) {
        rig->palettes[i] = (QxlPalette){.unique = i % 5, .count = 16, .entries = {i, 1, 2}};
        image->u.bitmap.palette = &rig->palettes[i];
    }
}

static void rig_encoder(Rig *rig)
{
    draw_encoder_free(rig->encoder);
    rig->config.core = &rig->core;
    rig->config.channel_caps = &rig->caps;
    rig->config.framing = (Framing){.mini_header = true, .serial = &rig->serial};
    rig->config.opaque = rig;
    rig->encoder = draw_encoder_new(&rig->config);
    assert_non_null(rig->encoder);
}

static int rig_setup(void **state)
{
    Rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->core = *core_posix();
    rig->core.alloc = rig_alloc;
    rig->core.free = rig_free;
    rig->choices = choices_of_seed(1);
    rig->caps = COPY_CAPS;
    rig->config = (DrawEncoderConfig){.compression = DRAW_COMPRESSION_LZ,
                                      .cache_pixels = 5000,
                                      .glz_pixels = GLZ_PIXELS,
                                      .hold = rig_hold,
                                      .release = rig_release};
    rig->glz = glz_decoder_new(&heap, GLZ_PIXELS, 0);
    rig->zlib = zlib_decoder_new(&heap);
    assert_non_null(rig->glz);
    assert_non_null(rig->zlib);
    outgoing_init(&rig->out, &rig->core);
    static const uint8_t formats[] = {SPICE_BITMAP_FMT_32BIT, SPICE_BITMAP_FMT_8BIT,
                                      SPICE_BITMAP_FMT_RGBA,  SPICE_BITMAP_FMT_4BIT_BE,
                                      SPICE_BITMAP_FMT_24BIT, SPICE_BITMAP_FMT_16BIT};
    for (uint32_t i = 0; i < POOL; i++) {
        image_paint(rig, i);
        image_make(rig, i, formats[choose(&rig->choices, 6)], 1 + choose(&rig->choices, 60),
                   1 + choose(&rig->choices, 60));
    }
    rig_encoder(rig);
    *state = rig;
    return 0;
}

static int rig_teardown(void **state)
{
    Rig *rig = *state;
    draw_encoder_free(rig->encoder);
    outgoing_finish(&rig->out);
    assert_int_equal(rig->held, rig->released);
    glz_decoder_free(rig->glz);
    zlib_decoder_free(rig->zlib);
    free(rig);
    return 0;
}

/* ---- The client ---- */

static size_t rig_take(Rig *rig)
{
    size_t len = 0;
    while (!outgoing_is_empty(&rig->out)) {
        struct iovec iov[8];
        const int n = outgoing_vectors(&rig->out, iov, 8);
        size_t some = 0;
        for (int i = 0; i < n; i++) {
            assert_true(len + iov[i].iov_len <= sizeof rig->bytes);
            memcpy(rig->bytes + len, iov[i].iov_base, iov[i].iov_len);
            len += iov[i].iov_len;
            some += iov[i].iov_len;
        }
        outgoing_taken(&rig->out, some);
    }
    return len;
}

static size_t known_find(const Rig *rig, uint64_t id)
{
    size_t at = 0;
    while (at < rig->known_len && rig->known[at].id != id) {
        at++;
    }
    return at;
}

static size_t palette_find(const Rig *rig, uint64_t id)
{
    size_t at = 0;
    while (at < rig->palettes_len && rig->palettes_known[at] != id) {
        at++;
    }
    return at;
}

static void palette_receive(Rig *rig, uint8_t flags, uint64_t id, const WirePalette *palette)
{
    if (flags & WIRE_BITMAP_FLAG_PAL_FROM_CACHE) {
        assert_true(palette_find(rig, id) < rig->palettes_len);
    } else if (flags & WIRE_BITMAP_FLAG_PAL_CACHE_ME) {
        assert_int_equal(palette_find(rig, palette->unique), rig->palettes_len);
        rig->palettes_known[rig->palettes_len++] = palette->unique;
        assert_true(rig->palettes_len <= 128);
    }
}

/* The fourth bytes of 32BIT pixels are 0, until the client sets them where the picture says so. */
static void glz_receive(Rig *rig, Span data, bool high_bits)
{
    ImageInfo info;
    uint64_t id;
    assert_int_equal(glz_info(data, &info, &id), STATUS_OK);
    assert_int_equal(id, rig->glz_next++);
    uint8_t *pixels = malloc((size_t)info.stride * info.height);
    assert_int_equal(glz_decode(rig->glz, data, pixels, (size_t)info.stride * info.height), STATUS_OK);
    for (size_t i = 3; info.format == PIXEL_32BIT && !high_bits && i < (size_t)info.stride * info.height;
         i += 4) {
        assert_int_equal(pixels[i], 0);
    }
    if (high_bits) {
        glz_decoder_set_high_bits(rig->glz, id);
    }
    free(pixels);
}

static void zlib_receive(Rig *rig, const WireImage *image)
{
    const size_t size = image->u.zlib_glz.glz_data_size;
    uint8_t *glz = malloc(size);
    assert_int_equal(zlib_decode(rig->zlib, image->u.zlib_glz.data, glz, size), STATUS_OK);
    glz_receive(rig, span_of(glz, size), (image->flags & WIRE_IMAGE_FLAG_HIGH_BITS_SET) != 0);
    free(glz);
}

static void image_receive(Rig *rig, const WireImage *image)
{
    if (image == NULL) {
        return;
    }
    rig->seen[image->type]++;
    if (image->type == WIRE_IMAGE_TYPE_FROM_CACHE) {
        assert_true(known_find(rig, image->id) < rig->known_len);
    } else if (image->type == WIRE_IMAGE_TYPE_BITMAP) {
        palette_receive(rig, image->u.bitmap.flags, image->u.bitmap.palette_id, image->u.bitmap.palette);
    } else if (image->type == WIRE_IMAGE_TYPE_GLZ_RGB) {
        glz_receive(rig, image->u.compressed.data, (image->flags & WIRE_IMAGE_FLAG_HIGH_BITS_SET) != 0);
    } else if (image->type == WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB) {
        zlib_receive(rig, image);
    } else if (image->type == WIRE_IMAGE_TYPE_LZ_PLT) {
        palette_receive(rig, image->u.lz_plt.flags, image->u.lz_plt.palette_id, image->u.lz_plt.palette);
    }
    if (image->flags & WIRE_IMAGE_FLAG_CACHE_ME) {
        uint64_t sum = (uint64_t)image->width * image->height;
        assert_int_equal(known_find(rig, image->id), rig->known_len);
        for (size_t i = 0; i < rig->known_len; i++) {
            sum += rig->known[i].pixels;
        }
        assert_true(sum <= rig->config.cache_pixels);
        rig->known[rig->known_len].id = image->id;
        rig->known[rig->known_len++].pixels = (uint64_t)image->width * image->height;
    }
}

static void message_receive(Rig *rig, const WireMsg *m)
{
    rig->messages++;
    switch (m->type) {
    case WIRE_MSG_DISPLAY_INVAL_LIST:
        for (uint32_t i = 0; i < m->u.display_inval_list.resources.n; i++) {
            const size_t at = known_find(rig, m->u.display_inval_list.resources.items[i].id);
            assert_true(at < rig->known_len);
            rig->known[at] = rig->known[--rig->known_len];
        }
        break;
    case WIRE_MSG_DISPLAY_INVAL_PALETTE: {
        const size_t at = palette_find(rig, m->u.display_inval_palette.id);
        assert_true(at < rig->palettes_len);
        rig->palettes_known[at] = rig->palettes_known[--rig->palettes_len];
        break;
    }
    case WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES:
        rig->palettes_len = 0;
        break;
    case WIRE_MSG_DISPLAY_DRAW_OPAQUE:
        image_receive(rig, m->u.display_draw_opaque.src);
        image_receive(rig, m->u.display_draw_opaque.brush.u.pattern.pat);
        break;
    case WIRE_MSG_DISPLAY_DRAW_COPY:
        image_receive(rig, m->u.display_draw_copy.src);
        break;
    default:
        fail_msg("message %u", m->type);
    }
}

/* The message that came last is in *ret_last (may be NULL) until the next call. */
static void rig_receive(Rig *rig, WireMsg *ret_last)
{
    static uint8_t room[1u << 20];
    const size_t len = rig_take(rig);
    for (size_t at = 0; at < len;) {
        WireArena arena;
        WireMsg message;
        WireFault fault = {0};
        const uint16_t type = le16_get(rig->bytes + at);
        const uint32_t size = le32_get(rig->bytes + at + 2);
        assert_true(size <= len - at - 6);
        wire_arena_init(&arena, room, sizeof room);
        if (wire_msg_decode(WIRE_CHANNEL_DISPLAY, type, span_of(rig->bytes + at + 6, size), &arena, &message,
                            &fault) != STATUS_OK) {
            fail_msg("%s.%s: %s", fault.message, fault.field, fault.why);
        }
        message_receive(rig, &message);
        if (ret_last != NULL) {
            *ret_last = message;
        }
        at += 6 + size;
    }
    assert_int_equal(rig->messages, rig->serial);
}

/* ---- Drawables ---- */

static QxlDrawable opaque_of(QxlImage *src, QxlImage *pattern)
{
    QxlDrawable drawable = {.type = QXL_DRAW_OPAQUE, .box = {.right = 10, .bottom = 10}};
    drawable.u.opaque = (QxlOpaque){.src = src,
                                    .src_area = {.right = 1, .bottom = 1},
                                    .brush = {.type = SPICE_BRUSH_TYPE_PATTERN, .pattern = pattern},
                                    .rop = SPICE_ROPD_OP_PUT};
    return drawable;
}

static QxlDrawable copy_of(QxlImage *src)
{
    QxlDrawable drawable = {.type = QXL_DRAW_COPY, .box = {.right = 10, .bottom = 10}};
    drawable.u.copy = (QxlCopy){.src = src, .src_area = {.right = 1, .bottom = 1}, .rop = SPICE_ROPD_OP_PUT};
    return drawable;
}

/* All of it, onto the screen. */
static QxlDrawable whole_copy_of(QxlImage *src)
{
    QxlDrawable drawable = copy_of(src);
    drawable.surface_format = SPICE_SURFACE_FMT_32_xRGB;
    drawable.box = (QXLRect){.right = (int32_t)src->width, .bottom = (int32_t)src->height};
    drawable.u.copy.src_area = drawable.box;
    return drawable;
}

/* ---- Tests ---- */

static void test_client_follows_whatever_happens(void **state)
{
    Rig *rig = *state;
    uint32_t failures = 0;
    for (uint32_t round = 0; round < 20000; round++) {
        if (outgoing_is_empty(
                &rig->out)) { /* which would keep its buffer, and there would be nothing to refuse */
            outgoing_finish(&rig->out);
        }
        QxlImage *src = &rig->images[choose(&rig->choices, POOL)];
        QxlImage *pattern = &rig->images[choose(&rig->choices, POOL)];
        src->flags = choose_rarely(&rig->choices, 4) ? 0 : QXL_IMAGE_CACHE;
        if (choose_rarely(&rig->choices, 50)) { /* the guest goes back on its word */
            const uint32_t i = choose(&rig->choices, POOL);
            image_make(rig, i, rig->images[i].u.bitmap.format, 1 + choose(&rig->choices, 60),
                       1 + choose(&rig->choices, 60));
        }
        if (choose_rarely(&rig->choices, 100)) {
            rig->palettes[choose(&rig->choices, POOL)].entries[5]++;
        }
        if (choose_rarely(&rig->choices, 1000)) {
            assert_true(draw_encoder_reset_images(rig->encoder, &rig->out));
            assert_true(draw_encoder_reset_palettes(rig->encoder, &rig->out));
            rig_receive(rig, NULL);
            assert_int_equal(rig->known_len, 0); /* by name: other displays keep theirs */
        }
        draw_encoder_set_compression(rig->encoder,
                                     (DrawCompression)choose(&rig->choices, DRAW_COMPRESSION_COUNT));
        const QxlDrawable drawable = opaque_of(src, pattern);
        const uint64_t serial = rig->serial, pixels = draw_encoder_cached_pixels(rig->encoder);
        const size_t total = rig->out.total;
        rig->fails_in = choose_rarely(&rig->choices, 3) ? 2 : 0;
        const bool sent = draw_encoder_draw(rig->encoder, &drawable, 0, &rig->out);
        if (!sent) {
            assert_true(rig->fails_in > 0);
            failures++;
            assert_int_equal(rig->serial, serial);
            assert_int_equal(rig->out.total, total);
            assert_int_equal(draw_encoder_cached_pixels(rig->encoder), pixels);
        }
        rig->fails_in = 0;
        if (choose_rarely(&rig->choices, 3)) {
            rig_receive(rig, NULL);
        }
    }
    rig_receive(rig, NULL);
    assert_true(failures > 100);
    assert_true(rig->seen[WIRE_IMAGE_TYPE_FROM_CACHE] > 1000);
    assert_true(rig->seen[WIRE_IMAGE_TYPE_BITMAP] > 1000);
    assert_true(rig->seen[WIRE_IMAGE_TYPE_LZ_RGB] > 1000);
    assert_true(rig->seen[WIRE_IMAGE_TYPE_LZ_PLT] > 1000);
    assert_true(rig->seen[WIRE_IMAGE_TYPE_LZ4] > 500);
    assert_true(rig->seen[WIRE_IMAGE_TYPE_QUIC] > 500);
    assert_true(rig->seen[WIRE_IMAGE_TYPE_GLZ_RGB] > 500);
}

static bool is_vector(Rig *rig, const void *base)
{
    struct iovec iov[16];
    const int n = outgoing_vectors(&rig->out, iov, 16);
    for (int i = 0; i < n; i++) {
        if (iov[i].iov_base == base) {
            return true;
        }
    }
    return false;
}

static void test_bare_pixels_go_from_where_they_lie(void **state)
{
    Rig *rig = *state;
    image_make(rig, 1, SPICE_BITMAP_FMT_32BIT, 60, 60);
    const QxlDrawable drawable = copy_of(&rig->images[1]);
    draw_encoder_set_compression(rig->encoder, DRAW_COMPRESSION_OFF);
    assert_true(draw_encoder_draw(rig->encoder, &drawable, 0, &rig->out));
    assert_true(is_vector(rig, rig->pixels[1]));
    assert_int_equal(rig->held, 1);
    assert_int_equal(rig->released, 0);
    outgoing_taken(&rig->out, rig->out.total - 1);
    assert_int_equal(rig->released, 0);
    outgoing_taken(&rig->out, 1);
    assert_int_equal(rig->released, 1);
    rig->messages = 1;
}

/* Rows as they lie in a larger picture travel without what lies beside them, also where the guest's memory is in pieces; rows
 * that only fill up a word stay where they are. */
static void test_rows_travel_packed(void **state)
{
    Rig *rig = *state;
    static const struct {
        uint8_t format;
        uint32_t width, height, stride, cut, packed;
    } cases[] = {
        {SPICE_BITMAP_FMT_32BIT, 30, 40, 160, 0, 120}, {SPICE_BITMAP_FMT_32BIT, 30, 40, 160, 333, 120},
        {SPICE_BITMAP_FMT_RGBA, 3, 5, 13, 14, 12},     {SPICE_BITMAP_FMT_24BIT, 25, 60, 100, 3001, 76},
        {SPICE_BITMAP_FMT_16BIT, 33, 60, 69, 70, 68},  {SPICE_BITMAP_FMT_4BIT_BE, 50, 60, 30, 41, 28},
        {SPICE_BITMAP_FMT_24BIT, 25, 60, 76, 0, 76},   {SPICE_BITMAP_FMT_16BIT, 33, 60, 67, 0, 67},
    };
    draw_encoder_set_compression(rig->encoder, DRAW_COMPRESSION_OFF);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static uint8_t before[PIXELS_MAX * 4];
        const uint32_t stride = cases[i].stride, bytes = stride * cases[i].height, cut = cases[i].cut;
        const uint32_t held = rig->held;
        QxlBitmap *bitmap = &rig->images[1].u.bitmap;
        WireMsg m;

        image_make(rig, 1, cases[i].format, cases[i].width, cases[i].height);
        bitmap->stride = stride;
        bitmap->data.bytes = bytes;
        bitmap->data.count = cut > 0 ? 2 : 1;
        rig->spans[1][0] = (QxlSpan){(uintptr_t)rig->pixels[1], 0, cut > 0 ? cut : bytes};
        rig->spans[1][1] = (QxlSpan){(uintptr_t)rig->pixels[2], cut, bytes - cut}; /* elsewhere */
        memcpy(before, rig->pixels[1], cut > 0 ? cut : bytes);
        memcpy(before + cut, cut > 0 ? rig->pixels[2] : rig->pixels[1], bytes - cut);

        QxlDrawable drawable = copy_of(&rig->images[1]);
        drawable.images[drawable.image_count++] = &rig->images[1];
        assert_int_equal(draw_encoder_plain_bytes(rig->encoder, &drawable),
                         cases[i].packed * cases[i].height);
        assert_true(draw_encoder_draw(rig->encoder, &drawable, 0, &rig->out));
        const bool stays = stride == cases[i].packed && bytes > OUTGOING_PIECE_BYTES_MIN;
        assert_int_equal(is_vector(rig, rig->pixels[1]), stays);
        assert_int_equal(rig->held - held, stays);
        rig_receive(rig, &m);
        const WireBitmap *sent = &m.u.display_draw_copy.src->u.bitmap;
        assert_int_equal(sent->stride, cases[i].packed);
        assert_int_equal(sent->data.len, cases[i].packed * cases[i].height);
        for (uint32_t y = 0; y < cases[i].height; y++) {
            assert_memory_equal(sent->data.data + y * cases[i].packed, before + y * stride, cases[i].packed);
        }
    }
}

/* A message may show the same memory twice, and images in pieces. */
static void test_the_same_pixels_twice(void **state)
{
    Rig *rig = *state;
    WireMsg m;
    image_make(rig, 4, SPICE_BITMAP_FMT_32BIT, 50, 60);
    image_make(rig, 5, SPICE_BITMAP_FMT_32BIT, 50, 60);
    rig->spans[5][0].host = rig->spans[4][0].host; /* in one piece here, in two there */
    const QxlDrawable drawable = opaque_of(&rig->images[4], &rig->images[5]);
    draw_encoder_set_compression(rig->encoder, DRAW_COMPRESSION_OFF);
    assert_true(draw_encoder_draw(rig->encoder, &drawable, 0, &rig->out));
    assert_int_equal(rig->held, 2);
    rig_receive(rig, &m);
    assert_memory_equal(m.u.display_draw_opaque.src->u.bitmap.data.data, rig->pixels[4], 50 * 60 * 4);
    assert_memory_equal(m.u.display_draw_opaque.brush.u.pattern.pat->u.bitmap.data.data, rig->pixels[4],
                        50 * 60 * 4);
}

static void test_owned_messages_need_no_guest(void **state)
{
    Rig *rig = *state;
    static uint8_t before[60 * 60 * 4];
    WireMsg m;
    image_make(rig, 4, SPICE_BITMAP_FMT_32BIT, 60, 60);
    memcpy(before, rig->pixels[4], sizeof before);
    const QxlDrawable drawable = copy_of(&rig->images[4]);
    draw_encoder_set_compression(rig->encoder, DRAW_COMPRESSION_OFF);
    assert_true(draw_encoder_draw(rig->encoder, &drawable, 0, &rig->out));
    assert_int_equal(outgoing_own(&rig->out), STATUS_OK);
    assert_int_equal(rig->released, 1);
    memset(rig->pixels[4], 0xee, sizeof rig->pixels[4]);
    rig_receive(rig, &m);
    assert_memory_equal(m.u.display_draw_copy.src->u.bitmap.data.data, before, sizeof before);
}

static void test_unstable_pixels_are_copied_first(void **state)
{
    Rig *rig = *state;
    image_make(rig, 1, SPICE_BITMAP_FMT_32BIT, 60, 60);
    rig->images[1].u.bitmap.unstable = true;
    const QxlDrawable drawable = copy_of(&rig->images[1]);
    draw_encoder_set_compression(rig->encoder, DRAW_COMPRESSION_OFF);
    assert_true(draw_encoder_draw(rig->encoder, &drawable, 0, &rig->out));
    assert_false(is_vector(rig, rig->pixels[1]));
    assert_int_equal(rig->held, 0);
    rig_receive(rig, NULL);
}

static void test_coded_bytes_outlive_the_encoder(void **state)
{
    Rig *rig = *state;
    for (size_t k = 0; k < sizeof rig->pixels[1]; k++) { /* codes to half: more than is copied */
        rig->pixels[1][k] = (uint8_t)(k % 8 < 4 ? choose32(&rig->choices) : 7);
    }
    image_make(rig, 1, SPICE_BITMAP_FMT_32BIT, 60, 60);
    const QxlDrawable drawable = copy_of(&rig->images[1]);
    assert_true(draw_encoder_draw(rig->encoder, &drawable, 0, &rig->out));
    assert_true(rig->out.total > OUTGOING_PIECE_BYTES_MIN);
    draw_encoder_free(rig->encoder);
    rig->encoder = NULL;
    rig_receive(rig, NULL);
    assert_int_equal(rig->seen[WIRE_IMAGE_TYPE_LZ_RGB], 1);
    assert_int_equal(rig->held, 0);
}

static void test_no_memory_is_taken_in_the_long_run(void **state)
{
    Rig *rig = *state;
    uint32_t allocs = 0;
    outgoing_init(&rig->out, core_posix()); /* gives back what it needs no more: another matter */
    for (uint32_t kind = 0; kind < DRAW_COMPRESSION_COUNT; kind++) {
        draw_encoder_set_compression(rig->encoder, (DrawCompression)kind);
        for (uint32_t round = 0; round < 6 * POOL; round++) {
            const QxlDrawable drawable =
                opaque_of(&rig->images[round % POOL], &rig->images[(round + 7) % POOL]);
            rig->images[round % POOL].flags = QXL_IMAGE_CACHE;
            assert_true(draw_encoder_draw(rig->encoder, &drawable, 0, &rig->out));
            rig_receive(rig, NULL);
            if (round == 3 * POOL) {
                allocs = rig->allocs;
            }
        }
        assert_int_equal(rig->allocs, allocs);
    }
}

/* Nor with what slow links are worth, whether pictures are small or larger than what is kept for the making of a message. */
static void test_no_memory_is_taken_for_slow_links(void **state)
{
    Rig *rig = *state;
    const QxlGeometry geometry = {100, 75, SPICE_SURFACE_FMT_32_xRGB, 100 * 4};
    const QXLRect all = {.right = 100, .bottom = 75};
    /* In turn: the window has room for one, so that neither is seen again. */
    static uint8_t pixels[2][100 * 75 * 4];
    uint32_t allocs = 0;
    Canvas canvases[2];
    QxlFault fault;

    /* Of few bytes, which zlib sees, and of many pixels, so that GLZ is large; the fourth bytes are no alpha. */
    for (size_t i = 0; i < sizeof pixels[0]; i++) {
        pixels[0][i] = (uint8_t)(i % 4 == 3 ? 0 : choose(&rig->choices, 16));
        pixels[1][i] = (uint8_t)(i % 4 == 3 ? 0 : choose(&rig->choices, 16));
    }
    assert_int_equal(canvas_init(&canvases[0], &geometry, pixels[0], &fault), STATUS_OK);
    assert_int_equal(canvas_init(&canvases[1], &geometry, pixels[1], &fault), STATUS_OK);
    for (uint32_t i = 0; i < PIXELS_MAX * 4; i++) { /* photographs */
        rig->pixels[0][i] = rig->pixels[1][i] = (uint8_t)(i % 240 / 4 + i / 240 + i % 4);
    }
    image_make(rig, 0, SPICE_BITMAP_FMT_32BIT, 60, 60);
    image_make(rig, 1, SPICE_BITMAP_FMT_RGBA, 60, 60);
    outgoing_finish(&rig->out);
    outgoing_init(&rig->out, core_posix());
    draw_encoder_set_zlib(rig->encoder, true);
    draw_encoder_set_lossy(rig->encoder, true);
    for (uint32_t kind = 0; kind < DRAW_COMPRESSION_COUNT; kind++) {
        draw_encoder_set_compression(rig->encoder, (DrawCompression)kind);
        for (uint32_t round = 0; round < 6 * POOL; round++) {
            const QxlDrawable copy = copy_of(&rig->images[round % POOL]);
            assert_true(draw_encoder_draw(rig->encoder, &copy, 0, &rig->out));
            rig_receive(rig, NULL);
            assert_true(draw_encoder_area(rig->encoder, &canvases[round % 2], 0, &all, &rig->out));
            rig_receive(rig, NULL);
            if (round == 3 * POOL) {
                allocs = rig->allocs;
            }
        }
        assert_int_equal(rig->allocs, allocs);
    }
    for (int i = 0; i < 256; i++)
        if (rig->seen[i])
            assert_true(rig->seen[WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB] > 6 * POOL);
    assert_true(rig->seen[WIRE_IMAGE_TYPE_JPEG] > 0);
    assert_true(rig->seen[WIRE_IMAGE_TYPE_JPEG_ALPHA] > 0);
}

/* One large picture does not cost every client its size for good. */
static void test_large_pictures_leave_nothing(void **state)
{
    Rig *rig = *state;
    const QxlGeometry geometry = {3000, 2000, SPICE_SURFACE_FMT_32_xRGB, 3000 * 4};
    const QXLRect few = {.right = 8, .bottom = 8}, many = {.right = 2900, .bottom = 2000};
    uint8_t *pixels = calloc(geometry.height, (size_t)geometry.stride);
    static const DrawCompression kinds[] = {DRAW_COMPRESSION_LZ, DRAW_COMPRESSION_LZ4, DRAW_COMPRESSION_QUIC,
                                            DRAW_COMPRESSION_AUTO_LZ};
    Canvas canvas;
    QxlFault fault;

    assert_int_equal(canvas_init(&canvas, &geometry, pixels, &fault), STATUS_OK);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        draw_encoder_set_compression(rig->encoder, kinds[i]);
        assert_true(draw_encoder_area(rig->encoder, &canvas, 0, &many, &rig->out));
        assert_true(draw_encoder_area(rig->encoder, &canvas, 0, &few, &rig->out));
        outgoing_finish(&rig->out);
        outgoing_init(&rig->out, &rig->core);
        assert_true(rig->in_use <= IMAGE_CODECS_KEEP_BYTES + (1u << 20));
    }
    free(pixels);
}

static size_t area_bytes(Rig *rig, const Canvas *canvas, const QXLRect *area)
{
    assert_true(draw_encoder_area(rig->encoder, canvas, 0, area, &rig->out));
    const size_t bytes = rig->out.total;
    outgoing_finish(&rig->out);
    outgoing_init(&rig->out, &rig->core);
    return bytes;
}

/* The GLZ window is larger than what codecs keep, and stays: pictures refer to it. */
static void test_large_pictures_leave_the_window(void **state)
{
    Rig *rig = *state;
    const QxlGeometry geometry = {3000, 2000, SPICE_SURFACE_FMT_32_xRGB, 3000 * 4};
    const QXLRect all = {.right = 3000, .bottom = 2000}, most = {.right = 1500, .bottom = 2000},
                  few = {.right = 64, .bottom = 64};
    const size_t size = (size_t)geometry.height * (size_t)geometry.stride;
    uint8_t *pixels = malloc(size);
    Canvas canvas;
    QxlFault fault;

    for (size_t i = 0; i < size; i += 4) {
        le32_put(pixels + i, choose32(&rig->choices) & 0xffffff);
    }
    assert_int_equal(canvas_init(&canvas, &geometry, pixels, &fault), STATUS_OK);
    rig->config.compression = DRAW_COMPRESSION_GLZ;
    rig->config.glz_pixels = 4000000;
    rig_encoder(rig);
    (void)area_bytes(rig, &canvas, &most);
    const size_t first = area_bytes(rig, &canvas, &few);
    assert_true(rig->in_use > IMAGE_CODECS_KEEP_BYTES);
    const size_t with_window = rig->in_use;
    (void)area_bytes(rig, &canvas, &all); /* does not fit the window: LZ */
    assert_true(rig->in_use <= with_window + IMAGE_CODECS_KEEP_BYTES + (1u << 20));
    assert_true(area_bytes(rig, &canvas, &few) < first / 10);
    free(pixels);
}

/* The client's window is the pictures themselves: fourth bytes that it sets must not come back in others. */
static void test_high_bits_and_the_window(void **state)
{
    Rig *rig = *state;
    rig->config.glz_pixels = GLZ_PIXELS;
    rig->config.compression = DRAW_COMPRESSION_GLZ;
    rig_encoder(rig);
    image_make(rig, 1, SPICE_BITMAP_FMT_32BIT, 40, 40);
    for (uint32_t i = 0; i < 6; i++) {
        rig->images[1].flags = i % 2 == 0 ? QXL_IMAGE_HIGH_BITS_SET : 0;
        QxlDrawable drawable = copy_of(&rig->images[1]);
        assert_true(draw_encoder_draw(rig->encoder, &drawable, 0, &rig->out));
        rig_receive(rig, NULL);
    }
    assert_int_equal(rig->seen[WIRE_IMAGE_TYPE_GLZ_RGB], 6);
}

static void area_send(Rig *rig, uint32_t *pixels, uint32_t spare)
{
    const QXLRect area = {.right = 40, .bottom = 40};
    Canvas canvas = {
        .raster = {
            .top = (uint8_t *)pixels, .stride = 160, .width = 40, .height = 40, .format = PIXMAN_x8r8g8b8}};
    for (uint32_t i = 0; i < 40 * 40; i++) {
        pixels[i] = spare | (i * 0x1357 & 0xffff00) | i / 40;
    }
    assert_true(draw_encoder_area(rig->encoder, &canvas, 0, &area, &rig->out));
    rig_receive(rig, NULL);
}

static void test_high_bits_of_areas_and_the_window(void **state)
{
    Rig *rig = *state;
    uint32_t pixels[40 * 40];
    rig->config.glz_pixels = GLZ_PIXELS;
    rig->config.compression = DRAW_COMPRESSION_GLZ;
    rig_encoder(rig);
    for (uint32_t i = 0; i < 6; i++) {
        area_send(rig, pixels, i % 2 == 0 ? 0xff000000 : 0);
    }
    assert_int_equal(rig->seen[WIRE_IMAGE_TYPE_GLZ_RGB], 6);
}

static void test_what_a_client_lacks(void **state)
{
    Rig *rig = *state;
    WireMsg m;
    rig->caps = 0;
    rig->config.compression = DRAW_COMPRESSION_LZ4;
    rig_encoder(rig);
    image_make(rig, 0, SPICE_BITMAP_FMT_32BIT, 60, 60);
    const QxlDrawable copy = whole_copy_of(&rig->images[0]);
    assert_true(draw_encoder_draw(rig->encoder, &copy, 0, &rig->out));
    rig_receive(rig, &m);
    assert_int_equal(m.u.display_draw_copy.src->type, WIRE_IMAGE_TYPE_LZ_RGB);

    QxlDrawable composite = {.type = QXL_DRAW_COMPOSITE, .box = {.right = 10, .bottom = 10}};
    composite.u.composite.src = &rig->images[0];
    assert_false(draw_encoder_draw(rig->encoder, &composite, 0, &rig->out));
    assert_true(outgoing_is_empty(&rig->out));
}

static uint8_t type_sent(Rig *rig, uint32_t image, uint8_t format)
{
    WireMsg m;
    image_make(rig, image, format, 60, 60);
    const QxlDrawable copy = whole_copy_of(&rig->images[image]);
    assert_true(draw_encoder_draw(rig->encoder, &copy, 0, &rig->out));
    rig_receive(rig, &m);
    return m.u.display_draw_copy.src->type;
}

/* On a surface with alpha nothing is coded that comes out with other fourth bytes; what spice-gtk does not know bare has the
 * leftmost pixel in its highest bits then. */
static void test_surfaces_with_alpha(void **state)
{
    static const struct {
        uint8_t format, flags, type, bare;
    } sent[] = {
        {SPICE_BITMAP_FMT_1BIT_LE, 0, WIRE_IMAGE_TYPE_BITMAP, SPICE_BITMAP_FMT_1BIT_BE},
        {SPICE_BITMAP_FMT_1BIT_BE, 0, WIRE_IMAGE_TYPE_BITMAP, SPICE_BITMAP_FMT_1BIT_BE},
        {SPICE_BITMAP_FMT_4BIT_LE, 0, WIRE_IMAGE_TYPE_BITMAP, SPICE_BITMAP_FMT_4BIT_BE},
        {SPICE_BITMAP_FMT_8BIT, 0, WIRE_IMAGE_TYPE_BITMAP, SPICE_BITMAP_FMT_8BIT},
        {SPICE_BITMAP_FMT_16BIT, 0, WIRE_IMAGE_TYPE_BITMAP, SPICE_BITMAP_FMT_16BIT},
        {SPICE_BITMAP_FMT_24BIT, 0, WIRE_IMAGE_TYPE_LZ_RGB, 0},
        {SPICE_BITMAP_FMT_32BIT, 0, WIRE_IMAGE_TYPE_BITMAP, SPICE_BITMAP_FMT_32BIT},
        {SPICE_BITMAP_FMT_32BIT, QXL_IMAGE_HIGH_BITS_SET, WIRE_IMAGE_TYPE_LZ_RGB, 0},
        {SPICE_BITMAP_FMT_RGBA, 0, WIRE_IMAGE_TYPE_LZ_RGB, 0},
    };
    Rig *rig = *state;
    WireMsg m;
    draw_encoder_set_compression(rig->encoder, DRAW_COMPRESSION_LZ);
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        image_make(rig, 4, sent[i].format, 60, 60);
        rig->images[4].flags = sent[i].flags;
        QxlDrawable copy = copy_of(&rig->images[4]);
        copy.surface_format = SPICE_SURFACE_FMT_32_ARGB;
        assert_true(draw_encoder_draw(rig->encoder, &copy, 0, &rig->out));
        rig_receive(rig, &m);
        const WireImage *image = m.u.display_draw_copy.src;
        assert_int_equal(image->type, sent[i].type);
        if (image->type == WIRE_IMAGE_TYPE_BITMAP) {
            assert_int_equal(image->u.bitmap.format, sent[i].bare);
        }
    }
    rig->pixels[4][0] = 0x1d;
    for (uint32_t depth = 1; depth <= 4; depth += 3) {
        image_make(rig, 4, depth == 1 ? SPICE_BITMAP_FMT_1BIT_LE : SPICE_BITMAP_FMT_4BIT_LE, 64, 60);
        QxlDrawable copy = copy_of(&rig->images[4]);
        copy.surface_format = SPICE_SURFACE_FMT_32_ARGB;
        assert_true(draw_encoder_draw(rig->encoder, &copy, 0, &rig->out));
        rig_receive(rig, &m);
        assert_int_equal(m.u.display_draw_copy.src->u.bitmap.data.data[0], depth == 1 ? 0xb8 : 0xd1);
    }
}

/* Clients keep images as they decoded them for one kind of surface: on another they are sent again, but for those whose pixels
 * are the same everywhere. */
static void test_kept_for_one_kind_of_surface(void **state)
{
    static const uint8_t formats[] = {SPICE_BITMAP_FMT_8BIT, SPICE_BITMAP_FMT_16BIT, SPICE_BITMAP_FMT_RGBA};
    static const uint32_t kinds[] = {SPICE_SURFACE_FMT_32_xRGB, SPICE_SURFACE_FMT_32_xRGB,
                                     SPICE_SURFACE_FMT_32_ARGB, SPICE_SURFACE_FMT_32_ARGB,
                                     SPICE_SURFACE_FMT_16_555};
    Rig *rig = *state;
    WireMsg m;
    for (uint32_t i = 0; i < 3; i++) {
        image_make(rig, i, formats[i], 10, 10);
        rig->images[i].flags = QXL_IMAGE_CACHE;
        QxlDrawable copy = copy_of(&rig->images[i]);
        for (uint32_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            const bool has = k == 1 || k == 3 || (k > 0 && formats[i] == SPICE_BITMAP_FMT_RGBA);
            copy.surface_format = kinds[k];
            assert_int_equal(draw_encoder_has_image(rig->encoder, &copy), has);
            assert_true(draw_encoder_draw(rig->encoder, &copy, 0, &rig->out));
            rig_receive(rig, &m);
            assert_int_equal(m.u.display_draw_copy.src->type == WIRE_IMAGE_TYPE_FROM_CACHE, has);
        }
    }
}

/* spice-gtk does not look at a brush that paints nothing, and would miss what it should have kept. */
static void test_brushes_are_not_kept(void **state)
{
    Rig *rig = *state;
    WireMsg m;
    image_make(rig, 0, SPICE_BITMAP_FMT_RGBA, 10, 10);
    image_make(rig, 1, SPICE_BITMAP_FMT_8BIT, 10, 10);
    rig->images[1].flags = QXL_IMAGE_CACHE;
    draw_encoder_set_compression(rig->encoder, DRAW_COMPRESSION_OFF);
    const QxlDrawable opaque = opaque_of(&rig->images[0], &rig->images[1]);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(draw_encoder_draw(rig->encoder, &opaque, 0, &rig->out));
        rig_receive(rig, &m);
        const WireImage *pattern = m.u.display_draw_opaque.brush.u.pattern.pat;
        assert_int_equal(pattern->type, WIRE_IMAGE_TYPE_BITMAP);
        assert_int_equal(pattern->flags & WIRE_IMAGE_FLAG_CACHE_ME, 0);
        assert_int_equal(pattern->u.bitmap.flags & ~WIRE_BITMAP_FLAG_TOP_DOWN, 0);
    }
    const QxlDrawable copy = copy_of(&rig->images[1]); /* then it has both, for brushes too */
    assert_true(draw_encoder_draw(rig->encoder, &copy, 0, &rig->out));
    rig_receive(rig, &m);
    assert_int_equal(m.u.display_draw_copy.src->flags, WIRE_IMAGE_FLAG_CACHE_ME);
    assert_int_equal(m.u.display_draw_copy.src->u.bitmap.flags & WIRE_BITMAP_FLAG_PAL_CACHE_ME,
                     WIRE_BITMAP_FLAG_PAL_CACHE_ME);
    assert_true(draw_encoder_draw(rig->encoder, &opaque, 0, &rig->out));
    rig_receive(rig, &m);
    assert_int_equal(m.u.display_draw_opaque.brush.u.pattern.pat->type, WIRE_IMAGE_TYPE_FROM_CACHE);
}

/* Browsers show QUIC's alpha upside down. */
static void test_quic_for_browsers(void **state)
{
    Rig *rig = *state;
    rig->config.compression = DRAW_COMPRESSION_QUIC;
    for (uint32_t browser = 0; browser < 2; browser++) {
        rig->caps = browser ? 0 : COPY_CAPS;
        rig_encoder(rig);
        assert_int_equal(type_sent(rig, 0, SPICE_BITMAP_FMT_32BIT), WIRE_IMAGE_TYPE_QUIC);
        assert_int_equal(type_sent(rig, 0, SPICE_BITMAP_FMT_RGBA),
                         browser ? WIRE_IMAGE_TYPE_LZ_RGB : WIRE_IMAGE_TYPE_QUIC);
    }
}

/* They show a JPEG later than what was drawn on it since: no picture loses, whatever is asked for. */
static void test_no_jpeg_for_browsers(void **state)
{
    Rig *rig = *state;
    rig->config.compression = DRAW_COMPRESSION_QUIC;
    for (uint32_t i = 0; i < PIXELS_MAX * 4; i++) {
        rig->pixels[0][i] = (uint8_t)(i % 240 / 4 + i / 240 + i % 4);
    }
    for (uint32_t browser = 0; browser < 2; browser++) {
        rig->caps = browser ? 0 : COPY_CAPS;
        rig_encoder(rig);
        draw_encoder_set_lossy(rig->encoder, true);
        assert_int_equal(draw_encoder_has_lossy(rig->encoder), !browser);
        assert_int_equal(type_sent(rig, 0, SPICE_BITMAP_FMT_32BIT),
                         browser ? WIRE_IMAGE_TYPE_QUIC : WIRE_IMAGE_TYPE_JPEG);
        assert_int_equal(draw_encoder_was_lossy(rig->encoder), !browser);
    }
}

/* Who has looked whether a drawing puts a photograph says so, and nobody looks again: what was said counts. */
static void test_photo_is_looked_at_once(void **state)
{
    Rig *rig = *state;
    for (uint32_t i = 0; i < PIXELS_MAX * 4; i++) {
        rig->pixels[0][i] = (uint8_t)(i % 240 / 4 + i / 240 + i % 4);
    }
    rig->config.compression = DRAW_COMPRESSION_AUTO_LZ;
    rig_encoder(rig);
    draw_encoder_set_lossy(rig->encoder, true);
    image_make(rig, 0, SPICE_BITMAP_FMT_32BIT, 60, 60);
    QxlDrawable copy = copy_of(&rig->images[0]);
    assert_int_equal(draw_encoder_photo(&copy), DRAW_PHOTO_YES);
    copy.u.copy.rop = SPICE_ROPD_OP_XOR;
    assert_int_equal(draw_encoder_photo(&copy), DRAW_PHOTO_UNKNOWN);
    assert_int_equal(type_sent(rig, 0, SPICE_BITMAP_FMT_32BIT), WIRE_IMAGE_TYPE_JPEG);
    draw_encoder_set_photo(rig->encoder, DRAW_PHOTO_NO);
    assert_int_equal(type_sent(rig, 0, SPICE_BITMAP_FMT_32BIT), WIRE_IMAGE_TYPE_LZ_RGB);
    assert_false(draw_encoder_was_lossy(rig->encoder));
    memset(rig->pixels[0], 0, sizeof rig->pixels[0]);
    draw_encoder_set_photo(rig->encoder, DRAW_PHOTO_YES);
    assert_int_equal(type_sent(rig, 0, SPICE_BITMAP_FMT_32BIT), WIRE_IMAGE_TYPE_JPEG);
    assert_true(draw_encoder_was_lossy(rig->encoder));
    draw_encoder_set_photo(rig->encoder, DRAW_PHOTO_UNKNOWN);
    assert_int_equal(type_sent(rig, 0, SPICE_BITMAP_FMT_32BIT), WIRE_IMAGE_TYPE_LZ_RGB);
}

/* Next to the server the guest's images are sent as they are; areas are not. */
static void test_local_clients(void **state)
{
    Rig *rig = *state;
    static uint32_t pixels[64 * 64];
    WireMsg m;
    const QxlGeometry geometry = {64, 64, SPICE_SURFACE_FMT_32_xRGB, 256};
    Canvas canvas;
    QxlFault fault;
    rig->config.is_local = true;
    rig_encoder(rig);
    image_make(rig, 0, SPICE_BITMAP_FMT_32BIT, 60, 60);
    const QxlDrawable copy = copy_of(&rig->images[0]);
    assert_true(draw_encoder_draw(rig->encoder, &copy, 0, &rig->out));
    rig_receive(rig, &m);
    assert_int_equal(m.u.display_draw_copy.src->type, WIRE_IMAGE_TYPE_BITMAP);
    assert_int_equal(canvas_init(&canvas, &geometry, pixels, &fault), STATUS_OK);
    const QXLRect area = {.left = 3, .top = 4, .right = 60, .bottom = 50};
    assert_true(draw_encoder_area(rig->encoder, &canvas, 0, &area, &rig->out));
    rig_receive(rig, &m);
    assert_int_equal(m.u.display_draw_copy.src->type, WIRE_IMAGE_TYPE_LZ_RGB);
}

static void test_displays_share_no_ids(void **state)
{
    Rig *rig = *state;
    WireMsg m;
    rig->config.display_id = 3;
    rig_encoder(rig);
    image_make(rig, 0, SPICE_BITMAP_FMT_32BIT, 6, 6);
    rig->images[0].flags = QXL_IMAGE_CACHE;
    const QxlDrawable copy = copy_of(&rig->images[0]);
    assert_true(draw_encoder_draw(rig->encoder, &copy, 0, &rig->out));
    rig_receive(rig, &m);
    assert_int_equal(m.u.display_draw_copy.src->id, UINT64_C(1) << 32 | 3u << 24);
    assert_int_equal(m.u.display_draw_copy.src->flags, WIRE_IMAGE_FLAG_CACHE_ME);
    rig->images[0].id |= 1u << 24; /* a group as no driver uses it */
    assert_true(draw_encoder_draw(rig->encoder, &copy, 0, &rig->out));
    rig_receive(rig, &m);
    assert_int_equal(m.u.display_draw_copy.src->flags, 0);
}

/* What it draws with lies where it draws: the client's surface has it. Elsewhere it might be overdrawn already. */
static void test_self_bitmaps(void **state)
{
    Rig *rig = *state;
    WireMsg m;
    QxlDrawable copy = copy_of(NULL);
    copy.self_bitmap = true;
    copy.box = copy.self_bitmap_area = (QXLRect){.left = 5, .top = 6, .right = 15, .bottom = 16};
    copy.u.copy.src_area = (QXLRect){.right = 10, .bottom = 10};
    assert_true(draw_encoder_draw(rig->encoder, &copy, 9, &rig->out));
    rig_receive(rig, &m);
    assert_int_equal(m.u.display_draw_copy.src->type, WIRE_IMAGE_TYPE_SURFACE);
    assert_int_equal(m.u.display_draw_copy.src->u.surface_id, 9);
    assert_int_equal(m.u.display_draw_copy.src_area.left, 5);
    assert_int_equal(m.u.display_draw_copy.src_area.bottom, 16);
    copy.self_bitmap_area.left = 4;
    copy.self_bitmap_area.right = 14;
    assert_false(draw_encoder_draw(rig->encoder, &copy, 9, &rig->out));
}

/* ---- What no pixel tells ---- */

/* The one message that there is. */
static void only_message(Rig *rig, const QxlDrawable *drawable, WireMsg *ret)
{
    static uint8_t room[1u << 16];
    WireArena arena;
    assert_true(draw_encoder_draw(rig->encoder, drawable, 5, &rig->out));
    const size_t len = rig_take(rig);
    assert_int_equal(le32_get(rig->bytes + 2), len - 6);
    wire_arena_init(&arena, room, sizeof room);
    assert_int_equal(wire_msg_decode(WIRE_CHANNEL_DISPLAY, le16_get(rig->bytes),
                                     span_of(rig->bytes + 6, len - 6), &arena, ret, NULL),
                     STATUS_OK);
}

static void test_fields_that_change_no_pixel(void **state)
{
    Rig *rig = *state;
    WireMsg m;
    const QxlDrawable text = {
        .type = QXL_DRAW_TEXT,
        .box = {.left = 1, .top = 2, .right = 3, .bottom = 4},
        .u.text = {.string = {.flags = SPICE_STRING_FLAGS_RASTER_A4 | SPICE_STRING_FLAGS_RASTER_TOP_DOWN},
                   .back_area = {.left = 5, .top = 6, .right = 7, .bottom = 8},
                   .fore_mode = SPICE_ROPD_OP_XOR,
                   .back_mode = SPICE_ROPD_OP_AND},
    };
    only_message(rig, &text, &m);
    const WireMsgDisplayDrawText *t = &m.u.display_draw_text;
    assert_int_equal(m.type, WIRE_MSG_DISPLAY_DRAW_TEXT);
    assert_int_equal(t->base.surface_id, 5);
    assert_int_equal(t->base.clip.type, WIRE_CLIP_TYPE_NONE);
    assert_int_equal(t->str->flags, WIRE_STRING_FLAG_RASTER_A4 | WIRE_STRING_FLAG_RASTER_TOP_DOWN);
    assert_int_equal(t->back_area.top, 6);
    assert_int_equal(t->fore_mode, SPICE_ROPD_OP_XOR);
    assert_int_equal(t->back_mode, SPICE_ROPD_OP_AND);

    image_make(rig, 1, SPICE_BITMAP_FMT_32BIT, 3, 3);
    const QxlDrawable transparent = {
        .type = QXL_DRAW_TRANSPARENT,
        .box = {.right = 3, .bottom = 3},
        .clip = {.rects_given = true},
        .u.transparent = {.src = &rig->images[1], .src_color = 0x1234, .true_color = 0x5678},
    };
    only_message(rig, &transparent, &m);
    assert_int_equal(m.u.display_draw_transparent.src_color, 0x1234);
    assert_int_equal(m.u.display_draw_transparent.true_color, 0x5678);
    assert_int_equal(m.u.display_draw_transparent.base.clip.type, WIRE_CLIP_TYPE_RECTS);
    assert_int_equal(m.u.display_draw_transparent.base.clip.rects.n, 0);

    const QXLPointFix points[2] = {{16, 32}, {48, 64}};
    const QxlPathSegment segment = {.flags = SPICE_PATH_BEGIN | SPICE_PATH_END, .count = 2, .points = points};
    const int32_t dashes[2] = {16, 32};
    const QxlDrawable stroke = {
        .type = QXL_DRAW_STROKE,
        .box = {.right = 3, .bottom = 3},
        .u.stroke = {.path = {.segments = &segment, .count = 1, .points = 2},
                     .line = {.flags = SPICE_LINE_FLAGS_STYLED, .dash_count = 2, .dash = dashes},
                     .fore_mode = SPICE_ROPD_OP_PUT,
                     .back_mode = SPICE_ROPD_OP_OR},
    };
    only_message(rig, &stroke, &m);
    const WireMsgDisplayDrawStroke *s = &m.u.display_draw_stroke;
    assert_int_equal(s->back_mode, SPICE_ROPD_OP_OR);
    assert_int_equal(s->attr.style.n, 2);
    assert_int_equal(s->attr.style.items[1], 32);
    assert_int_equal(s->path->segments.items[0].points.items[1].y, 64);
}

/* How large a message will be is known before it is made, but for little. */
static void plain_bytes_are(Rig *rig, const QxlDrawable *drawable, uint64_t bytes)
{
    WireMsg m;

    assert_int_equal(draw_encoder_plain_bytes(rig->encoder, drawable), bytes);
    only_message(rig, drawable, &m);
    assert_in_range(le32_get(rig->bytes + 2), bytes, bytes + 256);
}

static void test_how_large_before_it_is_made(void **state)
{
    static const uint8_t rows[900];
    static const QXLRect rects[40];
    static const QXLPointFix points[50];
    Rig *rig = *state;
    QxlImage *const images = rig->images;
    WireMsg m;

    draw_encoder_set_compression(rig->encoder, DRAW_COMPRESSION_OFF);
    image_make(rig, 0, SPICE_BITMAP_FMT_32BIT, 20, 30);
    image_make(rig, 1, SPICE_BITMAP_FMT_16BIT, 30, 40);
    image_make(rig, 2, SPICE_BITMAP_FMT_1BIT_BE, 64, 50);
    images[2].u.bitmap.palette = NULL;
    images[0].flags = images[1].flags = images[2].flags = QXL_IMAGE_CACHE;
    QxlDrawable opaque = opaque_of(&images[0], &images[1]);
    opaque.u.opaque.mask.image = &images[2];
    opaque.image_count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        opaque.images[i] = &images[i];
    }
    plain_bytes_are(rig, &opaque, 2400 + 2400 + 400);
    plain_bytes_are(rig, &opaque, 2400 + 400); /* it has the source */
    const QxlDrawable copy = copy_of(&images[1]);
    only_message(rig, &copy, &m);
    plain_bytes_are(rig, &opaque, 400); /* both; masks always travel */

    const QxlGlyph glyphs[2] = {{.width = 30, .height = 30, .row_bytes = 30, .rows = rows},
                                {.width = 10, .height = 30, .row_bytes = 10, .rows = rows}};
    const QxlDrawable text = {.type = QXL_DRAW_TEXT,
                              .clip = {.rects_given = true, .count = 40, .rects = rects},
                              .u.text.string = {.flags = SPICE_STRING_FLAGS_RASTER_A8,
                                                .count = 2,
                                                .depth = 8,
                                                .glyph_bytes = 1200,
                                                .glyphs = glyphs}};
    plain_bytes_are(rig, &text, 40 * 16 + 3 + 2 * 20 + 1200);

    const QxlPathSegment segment = {.flags = SPICE_PATH_BEGIN, .count = 50, .points = points};
    const QxlDrawable stroke = {.type = QXL_DRAW_STROKE,
                                .u.stroke.path = {.segments = &segment, .count = 1, .points = 50}};
    plain_bytes_are(rig, &stroke, 4 + 5 + 50 * 8);

    QxlSpan span = {.host = (uintptr_t)rig->pixels[3], .bytes = 777};
    QxlImage quic = {.type = SPICE_IMAGE_TYPE_QUIC,
                     .width = 60,
                     .height = 60,
                     .u.quic = {.spans = &span, .count = 1, .bytes = 777}};
    QxlDrawable shown = copy_of(&quic);
    shown.images[shown.image_count++] = &quic;
    plain_bytes_are(rig, &shown, 777);
    quic = (QxlImage){.type = SPICE_IMAGE_TYPE_SURFACE, .width = 60, .height = 60, .u.surface_id = 3};
    plain_bytes_are(rig, &shown, 0);
}

int run_messages(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_how_large_before_it_is_made, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_client_follows_whatever_happens, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_bare_pixels_go_from_where_they_lie, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_rows_travel_packed, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_the_same_pixels_twice, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_owned_messages_need_no_guest, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_unstable_pixels_are_copied_first, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_coded_bytes_outlive_the_encoder, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_is_taken_in_the_long_run, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_is_taken_for_slow_links, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_large_pictures_leave_nothing, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_large_pictures_leave_the_window, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_high_bits_and_the_window, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_high_bits_of_areas_and_the_window, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_what_a_client_lacks, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_surfaces_with_alpha, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_kept_for_one_kind_of_surface, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_brushes_are_not_kept, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_quic_for_browsers, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_photo_is_looked_at_once, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_no_jpeg_for_browsers, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_local_clients, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_displays_share_no_ids, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_self_bitmaps, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_fields_that_change_no_pixel, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
