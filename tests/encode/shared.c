/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Codings that several encoders share: coded once, the same bytes, and kept as long as somebody needs them. */
#include <stdlib.h>
#include <string.h>

#include <spice/enums.h>

#include "core/posix/posix.h"
#include "display/encode/coding_pool.h"
#include "display/encode/draw_encoder.h"
#include "display/encode/shared.h"
#include "tests/canvas/choices.h"
#include "tests/encode/encode_tests.h"
#include "wire/wire.h"

#define SIDE 256
#define CLIENTS 3u
#define SHARES 40u

typedef struct Rig {
    Core core; /* first: it is how alloc() finds the rest */
    Choices choices;
    uint32_t fails_in; /* one allocation in so many; 0: none */
    int64_t blocks;    /* of memory that are out */
    ShareStore store;
    DrawEncoder *encoders[CLIENTS];
    Outgoing outs[CLIENTS];
    uint64_t serials[CLIENTS];
    uint32_t caps;
    uint8_t pixels[SIDE * SIDE * 4];
    QxlSpan span;
    QxlImage image;
    QxlDrawable drawable;
} Rig;

static void *rig_alloc(const Core *core, size_t size)
{
    Rig *rig = (Rig *)(uintptr_t)core;
    if (rig->fails_in > 0 && choose_rarely(&rig->choices, rig->fails_in)) {
        return NULL;
    }
    rig->blocks++;
    return malloc(size);
}

static void rig_free(const Core *core, void *memory)
{
    Rig *rig = (Rig *)(uintptr_t)core;
    rig->blocks -= memory != NULL;
    free(memory);
}

static void rig_encoders(Rig *rig, DrawCompression compression)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const DrawEncoderConfig config = {
            .core = &rig->core,
            .channel_caps = &rig->caps,
            .framing = {.mini_header = true, .serial = &rig->serials[i]},
            .compression = compression,
            .cache_pixels = i == 0 ? 0 : 1u << 20, /* what they keep makes no difference */
            .glz_pixels = 1u << 20,
        };
        draw_encoder_free(rig->encoders[i]);
        rig->encoders[i] = draw_encoder_new(&config);
        assert_non_null(rig->encoders[i]);
    }
}

static void paint(Rig *rig, bool photo)
{
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        const uint32_t x = i % SIDE, y = i / SIDE;
        const uint32_t pixel = photo ? ((x + choose(&rig->choices, 8)) & 255) << 16 |
                                           ((y + choose(&rig->choices, 8)) & 255) << 8 | ((x + y) / 2 & 255)
                               : (x / 7 * 31 + y / 5 * 17) % 11 == 0 ? 0xf0f0f0
                                                                     : 0x102030;
        memcpy(rig->pixels + 4 * (size_t)i, &pixel, 4);
    }
}

static int rig_setup(void **state)
{
    Rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->core = *core_posix();
    rig->core.alloc = rig_alloc;
    rig->core.free = rig_free;
    rig->choices = choices_of_seed(1);
    rig->caps = 1u << WIRE_CAP_DISPLAY_COMPOSITE | 1u << WIRE_CAP_DISPLAY_LZ4_COMPRESSION;
    share_store_init(&rig->store, &rig->core);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        outgoing_init(&rig->outs[i], &rig->core);
    }
    rig->span = (QxlSpan){(uintptr_t)rig->pixels, 0, sizeof rig->pixels};
    rig->image = (QxlImage){.id = 1, .type = SPICE_IMAGE_TYPE_BITMAP, .width = SIDE, .height = SIDE};
    rig->image.u.bitmap = (QxlBitmap){.format = SPICE_BITMAP_FMT_32BIT,
                                      .top_down = true,
                                      .stride = 4 * SIDE,
                                      .data = {.spans = &rig->span, .count = 1, .bytes = sizeof rig->pixels}};
    rig->drawable = (QxlDrawable){.type = QXL_DRAW_COPY, .box = {.right = SIDE, .bottom = SIDE}};
    rig->drawable.u.copy =
        (QxlCopy){.src = &rig->image, .src_area = {.right = SIDE, .bottom = SIDE}, .rop = SPICE_ROPD_OP_PUT};
    paint(rig, true);
    rig_encoders(rig, DRAW_COMPRESSION_QUIC);
    *state = rig;
    return 0;
}

static int rig_teardown(void **state)
{
    Rig *rig = *state;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        draw_encoder_free(rig->encoders[i]);
        outgoing_finish(&rig->outs[i]);
    }
    share_store_finish(&rig->store);
    assert_int_equal(rig->blocks, 0);
    free(rig);
    return 0;
}

static uint8_t *bytes_of(Rig *rig, uint32_t client, size_t *ret_len)
{
    Outgoing *out = &rig->outs[client];
    uint8_t *bytes = malloc(out->total);
    size_t len = 0;

    while (!outgoing_is_empty(out)) {
        struct iovec iov[8];
        const int n = outgoing_vectors(out, iov, 8);
        size_t some = 0;
        for (int i = 0; i < n; i++) {
            memcpy(bytes + len, iov[i].iov_base, iov[i].iov_len);
            len += iov[i].iov_len;
            some += iov[i].iov_len;
        }
        outgoing_taken(out, some);
    }
    *ret_len = len;
    return bytes;
}

/* The first shares nothing. */
static void draw_for_all(Rig *rig, Shared *shared)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        draw_encoder_share(rig->encoders[i], i > 0 ? shared : NULL);
        assert_true(draw_encoder_draw(rig->encoders[i], &rig->drawable, 0, &rig->outs[i]));
    }
}

static void all_have_the_same(Rig *rig)
{
    size_t first_len, len;
    uint8_t *first = bytes_of(rig, 0, &first_len);

    for (uint32_t i = 1; i < CLIENTS; i++) {
        uint8_t *bytes = bytes_of(rig, i, &len);
        assert_int_equal(len, first_len);
        assert_memory_equal(bytes, first, len);
        free(bytes);
    }
    free(first);
}

static void share_one(Rig *rig, DrawCompression compression, bool lossy, uint32_t coded)
{
    const uint64_t before = rig->store.coded, reused = rig->store.reused;

    rig_encoders(rig, compression);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        draw_encoder_set_lossy(rig->encoders[i], lossy);
    }
    Shared *shared = shared_new(&rig->store);
    draw_for_all(rig, shared);
    assert_int_equal(rig->store.coded - before, coded);
    assert_int_equal(rig->store.reused - reused, (CLIENTS - 2) * coded);
    shared_free(shared); /* what is on its way is not */
    assert_int_equal(rig->store.bytes, 0);
    all_have_the_same(rig);
}

static void test_coded_once(void **state)
{
    Rig *rig = *state;

    for (uint32_t photo = 0; photo < 2; photo++) {
        for (uint32_t format = 0; format < 2; format++) {
            rig->image.u.bitmap.format = format == 0 ? SPICE_BITMAP_FMT_32BIT : SPICE_BITMAP_FMT_RGBA;
            paint(rig, photo == 1);
            share_one(rig, DRAW_COMPRESSION_LZ, false, 1);
            share_one(rig, DRAW_COMPRESSION_LZ4, false, 1);
            share_one(rig, DRAW_COMPRESSION_QUIC, false, 1);
            share_one(rig, DRAW_COMPRESSION_QUIC, true, 1);
            share_one(rig, DRAW_COMPRESSION_AUTO_LZ, false, 1);
            share_one(rig, DRAW_COMPRESSION_OFF, false, 0);
            share_one(rig, DRAW_COMPRESSION_GLZ, false, 0); /* it depends on what was sent before */
        }
    }
}

/* Noise, of which no codec makes less: the first who found out tells the others. */
static void test_that_it_is_no_use(void **state)
{
    Rig *rig = *state;

    for (size_t i = 0; i < sizeof rig->pixels; i++) {
        rig->pixels[i] = (uint8_t)choose32(&rig->choices);
    }
    share_one(rig, DRAW_COMPRESSION_LZ, false, 1);
    share_one(rig, DRAW_COMPRESSION_LZ4, false, 1);
}

/* Those who want it otherwise have their own. */
static void test_of_two_minds(void **state)
{
    Rig *rig = *state;
    Shared *shared = shared_new(&rig->store);
    size_t len[CLIENTS];

    draw_encoder_set_compression(rig->encoders[1], DRAW_COMPRESSION_LZ);
    draw_for_all(rig, shared);
    assert_int_equal(rig->store.coded, 2);
    assert_int_equal(rig->store.reused, 0);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        free(bytes_of(rig, i, &len[i]));
    }
    assert_int_equal(len[0], len[2]);
    assert_true(len[1] > len[0]);
    shared_free(shared);
}

/* Whoever coded it may be gone before it is sent to others. */
static void test_the_coder_goes(void **state)
{
    Rig *rig = *state;
    Shared *shared = shared_new(&rig->store);

    draw_for_all(rig, shared);
    draw_encoder_free(rig->encoders[1]);
    rig->encoders[1] = NULL;
    shared_free(shared);
    all_have_the_same(rig);
}

static void test_the_store_is_bounded(void **state)
{
    Rig *rig = *state;
    Shared *shares[SHARES];
    size_t most = 0;

    for (uint32_t i = 0; i < SHARES; i++) {
        shares[i] = shared_new(&rig->store);
        for (uint32_t k = 0; k < 8; k++) {
            Coded coded = {.type = (uint8_t)k, .bytes = block_chain_of(block_pool_new(&rig->core))};
            const uint32_t blocks = 1 + choose(&rig->choices, 60);
            for (uint32_t b = 0; b < blocks; b++) {
                assert_true(block_chain_write(&coded.bytes, rig->pixels, BLOCK_BYTES));
            }
            BlockPool *pool = coded.bytes.pool;
            SharedCoding *coding =
                shared_put(shares[i], k % SHARED_IMAGES_MAX, (uint8_t)k, (SharedForm){0}, &coded);
            assert_int_equal(coding != NULL, k < SHARED_CODINGS_MAX);
            if (coding != NULL) {
                shared_coding_unref(coding);
            } else {
                block_chain_drop(&coded.bytes);
            }
            block_pool_free(pool);
            most = rig->store.bytes > most ? rig->store.bytes : most;
            assert_true(rig->store.bytes <= SHARED_BYTES_MAX);
        }
    }
    assert_true(most > SHARED_BYTES_MAX / 2);
    /* The newest is there, the oldest was forgotten. */
    SharedCoding *newest = shared_find(shares[SHARES - 1], 0, 0);
    assert_non_null(newest);
    shared_coding_unref(newest);
    assert_null(shared_find(shares[0], 0, 0));
    for (uint32_t i = 0; i < SHARES; i++) {
        shared_free(shares[i]);
    }
    assert_int_equal(rig->store.bytes, 0);
}

/* Each who could be sent it has what he would have had alone. */
static void test_without_memory(void **state)
{
    Rig *rig = *state;
    uint32_t sent = 0, plain = 0, failed = 0;
    size_t whole, len;

    draw_for_all(rig, NULL);
    uint8_t *bytes = bytes_of(rig, 0, &whole);
    free(bytes_of(rig, 1, &len));
    free(bytes_of(rig, 2, &len));
    for (uint32_t round = 0; round < 400; round++) {
        Shared *shared = shared_new(&rig->store);
        rig_encoders(rig, DRAW_COMPRESSION_QUIC);
        rig->fails_in = 5 + choose(&rig->choices, 60);
        for (uint32_t i = 0; i < CLIENTS; i++) {
            draw_encoder_share(rig->encoders[i], shared);
            const bool good = draw_encoder_draw(rig->encoders[i], &rig->drawable, 0, &rig->outs[i]);
            uint8_t *got = bytes_of(rig, i, &len);
            sent += good && len < sizeof rig->pixels;
            if (good && len == whole) {
                assert_memory_equal(got, bytes, len);
            } else if (good) {
                assert_true(len > sizeof rig->pixels); /* as it is */
                plain++;
            } else {
                assert_int_equal(len, 0);
                failed++;
            }
            free(got);
        }
        rig->fails_in = 0;
        shared_free(shared);
    }
    assert_true(sent > 100 && plain > 10 && failed > 10);
    free(bytes);
}

static uint32_t four_processors(const Core *core)
{
    (void)core;
    return 4;
}

static uint32_t one_processor(const Core *core)
{
    (void)core;
    return 1;
}

/* However many begin pictures ahead, there is room for one of each; and whoever comes first leaves some for the others. */
static void ahead_of_time(void **state)
{
    Rig *rig = *state;
    CoreLoop *home = rig->core.loop_new(&rig->core, "home");

    rig->core.processors = four_processors;
    CodingPool *pool = coding_pool_new(&rig->core, home, NULL, NULL);
    assert_true(coding_pool_can(pool));
    assert_int_equal(coding_pool_ahead(pool, 1), 4 * CODING_AHEAD_EACH);
    for (uint32_t clients = 1; clients <= 100; clients++) {
        const uint32_t ahead = coding_pool_ahead(pool, clients);
        assert_true(ahead >= 1 && ahead <= 4 * CODING_AHEAD_EACH);
        assert_true(ahead * clients <= CODING_JOBS_MAX || ahead == 1);
    }
    coding_pool_stop(pool);
    assert_false(coding_pool_can(pool));
    coding_pool_free(pool);
    rig->core.processors = one_processor;
    pool = coding_pool_new(&rig->core, home, NULL, NULL);
    assert_false(coding_pool_can(pool));
    coding_pool_stop(pool);
    coding_pool_free(pool);
    rig->core.loop_free(home);
}

/* An area that was coded at once for one client is sent to another as if a thread had coded it: the very same message, fourth
 * bytes included, which QUIC has no place for. */
static void what_was_coded_at_once(void **state)
{
    Rig *rig = *state;
    const QXLRect all = {.right = SIDE, .bottom = SIDE};
    const Canvas canvas = {.raster = {.top = rig->pixels,
                                      .stride = 4 * SIDE,
                                      .width = SIDE,
                                      .height = SIDE,
                                      .format = PIXMAN_x8r8g8b8}};
    CoreLoop *home = rig->core.loop_new(&rig->core, "home");
    Shared *shared = shared_new(&rig->store);
    SharedCoding *coding;

    for (size_t i = 3; i < sizeof rig->pixels; i += 4) {
        rig->pixels[i] = 0xff;
    }
    rig->core.processors = four_processors;
    CodingPool *pool = coding_pool_new(&rig->core, home, NULL, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        draw_encoder_share(rig->encoders[i], i > 0 ? shared : NULL);
        assert_true(draw_encoder_area(rig->encoders[i], &canvas, 0, &all, &rig->outs[i]));
    }
    draw_encoder_share(rig->encoders[2], shared);
    assert_int_equal(draw_encoder_begin_area(rig->encoders[2], &canvas.raster, &all, pool, &coding),
                     CODING_BEGUN);
    assert_false(shared_coding_is_pending(coding));
    assert_true(draw_encoder_coded_area(rig->encoders[2], coding, 0, &all, &rig->outs[2]));
    shared_coding_unref(coding);
    shared_free(shared);
    all_have_the_same(rig);
    coding_pool_stop(pool);
    coding_pool_free(pool);
    rig->core.loop_free(home);
}

static void task_done(void *opaque, uint64_t now_ns)
{
    CoreLoop *home = opaque;

    (void)now_ns;
    home->core->loop_quit(home);
}

/* What a thread found out of noise is known; who knows it sends an area as it is, and no codec looks at it. */
static void no_use_twice(void **state)
{
    Rig *rig = *state;
    const QXLRect all = {.right = SIDE, .bottom = SIDE};
    const Canvas canvas = {.raster = {.top = rig->pixels,
                                      .stride = 4 * SIDE,
                                      .width = SIDE,
                                      .height = SIDE,
                                      .format = PIXMAN_x8r8g8b8}};
    SharedCoding *coding;

    Core core = *core_posix(); /* threads allocate, too */

    core.processors = four_processors;
    rig->caps = 1u << WIRE_CAP_DISPLAY_COMPOSITE;
    rig_encoders(rig, DRAW_COMPRESSION_QUIC);
    CoreLoop *home = core.loop_new(&core, "home");
    CodingPool *pool = coding_pool_new(&core, home, task_done, home);
    for (uint32_t noise = 0; noise < 2; noise++) {
        for (size_t i = 0; noise == 1 && i < sizeof rig->pixels; i++) {
            rig->pixels[i] = (uint8_t)choose32(&rig->choices); /* the fourth, too: else it has 3 of 4 bytes */
        }
        assert_int_equal(draw_encoder_begin_area(rig->encoders[0], &canvas.raster, &all, pool, &coding),
                         CODING_BEGUN);
        assert_false(shared_coding_is_no_use(coding));
        core.loop_run(home);
        assert_false(shared_coding_is_pending(coding));
        assert_int_equal(shared_coding_is_no_use(coding), noise);
        shared_coding_unref(coding);
    }
    coding_pool_stop(pool);
    coding_pool_free(pool);
    core.loop_free(home);
}

/* Memory is kept for the next job, but not for good. */
static void at_rest(void **state)
{
    Rig *rig = *state;
    const QXLRect all = {.right = SIDE, .bottom = SIDE};
    const Canvas canvas = {.raster = {.top = rig->pixels,
                                      .stride = 4 * SIDE,
                                      .width = SIDE,
                                      .height = SIDE,
                                      .format = PIXMAN_x8r8g8b8}};
    SharedCoding *coding;

    rig->core.processors = four_processors;
    CoreLoop *home = rig->core.loop_new(&rig->core, "home");
    CodingPool *pool = coding_pool_new(&rig->core, home, task_done, home);
    for (uint32_t round = 0; round < 2; round++) { /* one job at a time: who allocates is alone */
        assert_int_equal(draw_encoder_begin_area(rig->encoders[0], &canvas.raster, &all, pool, &coding),
                         CODING_BEGUN);
        if (round == 1) {
            coding_pool_rest(pool);
        }
        rig->core.loop_run(home);
        shared_coding_unref(coding);
        const int64_t before = rig->blocks;
        coding_pool_rest(pool);
        assert_int_equal(before - rig->blocks, 1 - round);
    }
    coding_pool_stop(pool);
    coding_pool_free(pool);
    rig->core.loop_free(home);
}

/* So is what a codec would shorten, if one is wrong about it. */
static void as_it_is(void **state)
{
    Rig *rig = *state;
    const QXLRect all = {.right = SIDE, .bottom = SIDE};
    const Canvas canvas = {.raster = {.top = rig->pixels,
                                      .stride = 4 * SIDE,
                                      .width = SIDE,
                                      .height = SIDE,
                                      .format = PIXMAN_x8r8g8b8}};

    draw_encoder_set_as_is(rig->encoders[0], true);
    assert_true(draw_encoder_area(rig->encoders[0], &canvas, 0, &all, &rig->outs[0]));
    assert_true(rig->outs[0].total > sizeof rig->pixels);
    draw_encoder_set_as_is(rig->encoders[0], false);
    const size_t before = rig->outs[0].total;
    assert_true(draw_encoder_area(rig->encoders[0], &canvas, 0, &all, &rig->outs[0]));
    assert_true(rig->outs[0].total - before < sizeof rig->pixels);
}

int run_shared(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_coded_once, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_that_it_is_no_use, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_of_two_minds, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_the_coder_goes, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_the_store_is_bounded, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_without_memory, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(what_was_coded_at_once, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(no_use_twice, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(at_rest, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(as_it_is, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(ahead_of_time, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
