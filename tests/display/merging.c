/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies side by side travel as one, but never past what they have to do with. */
#include "display/display_client.h"
#include "tests/display/desk.h"

static QXLRect box_of(int32_t left, int32_t top, int32_t right, int32_t bottom)
{
    return (QXLRect){.left = left, .top = top, .right = right, .bottom = bottom};
}

static void run_machine(Desk *desk)
{
    desk_create_primary(desk);
    desk_start_machine(desk);
}

static void update_all(Desk *desk)
{
    QXLRect all = box_of(0, 0, 64, 48), dirty;

    spice_qxl_update_area(&desk->device.instance, 0, &all, &dirty, 1, 0);
}

static void same_picture(Desk *desk, const DeskClient *client)
{
    FakePicture picture;

    desk_host(desk, update_all);
    desk_run(desk, 100 * NS_PER_MS);
    assert_true(fake_connection_picture(client->display.connection, 0, &picture));
    for (uint32_t y = 0; y < 48; y++) {
        for (uint32_t x = 0; x < 64; x++) {
            uint32_t pixel;
            memcpy(&pixel, desk->device.memory + DEVICE_BYTES / 2 + (y * 64 + x) * 4, sizeof pixel);
            if (fake_picture_color(&picture, x, y) != (pixel & 0xffffff)) {
                fail_msg("pixel %u,%u: the client shows %06x, the guest has %06x", x, y,
                         fake_picture_color(&picture, x, y), pixel & 0xffffff);
            }
        }
    }
}

/* What a host that compares pictures column by column finds in one tick. */
static void push_columns(Desk *desk, int32_t top, int32_t bottom, bool one_by_one)
{
    for (int32_t x = 0; x < 64; x += 8) {
        device_copy(&desk->device, 0, box_of(x, top, x + 8, bottom), (uint32_t)(x * 77777 + top));
        if (one_by_one) {
            desk_wake_and_wait(desk, 30 * NS_PER_MS);
        }
    }
}

static void columns(Desk *desk)
{
    push_columns(desk, 0, 40, false);
    desk_wake_and_wait(desk, 30 * NS_PER_MS);
}

static void columns_one_by_one(Desk *desk)
{
    push_columns(desk, 0, 40, true);
}

static void one_message(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got = (DeskMessages){0};
    desk_host(desk, columns_one_by_one);
    assert_int_equal(client->display_got.len, 8);
    const uint64_t apart = client->display_got.bytes;
    client->display_got = (DeskMessages){0};
    desk_host(desk, columns);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY);
    assert_true(client->display_got.bytes < apart);
    same_picture(desk, client);
    /* Each gives its memory back. */
    assert_int_equal(desk->device.releases.len, 16);
}

#define COLUMNS 100 /* of a screen of 3200 pixels, if they were as wide as a host's */
#define COLUMN 4

static void run_wide_machine(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(COLUMNS * COLUMN, 48);

    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
    desk_start_machine(desk);
}

static void many_columns(Desk *desk)
{
    for (int32_t i = 0; i < COLUMNS; i++) {
        device_copy(&desk->device, 0, box_of(i * COLUMN, 0, (i + 1) * COLUMN, 40), (uint32_t)i * 77777);
    }
    desk_wake_and_wait(desk, 100 * NS_PER_MS);
}

static void one_message_of_a_wide_screen(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_wide_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got = (DeskMessages){0};
    desk_host(desk, many_columns);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY);
}

typedef uint32_t Pattern(uint32_t x, uint32_t y);

static uint32_t noise(uint32_t x, uint32_t y)
{
    uint32_t v = (x * 64 + y + 1) * 2654435761u;

    v ^= v >> 15;
    v *= 2246822519u;
    return (v ^ v >> 13) & 0xffffff;
}

static uint32_t blocks(uint32_t x, uint32_t y)
{
    return noise(x / 13, y / 7);
}

static uint32_t stripes(uint32_t x, uint32_t y)
{
    (void)y;
    return noise(x, 0);
}

static uint32_t text(uint32_t x, uint32_t y)
{
    return y % 12 < 8 && noise(x / 2, y / 12) % 2 == 0 ? 0 : 0xffffff;
}

/* Each column has lines that come again, but not those of its neighbours. */
static uint32_t periods(uint32_t x, uint32_t y)
{
    return noise(x, y % (2 + x / 8));
}

static Pattern *const patterns[] = {noise, blocks, stripes, text, periods};

static void push_pattern(Desk *desk, Pattern *pattern, bool one_by_one)
{
    const size_t image_at = (sizeof(QXLDrawable) + 15) & ~(size_t)15;
    const size_t pixels_at = image_at + ((sizeof(QXLImage) + 15) & ~(size_t)15);

    for (uint32_t x = 0; x < 64; x += 8) {
        const QXLRect box = box_of((int32_t)x, 0, (int32_t)x + 8, 48);
        const uint64_t at = device_copy(&desk->device, 0, box, 0);
        for (uint32_t i = 0; i < 8 * 48; i++) {
            const uint32_t pixel = pattern(x + i % 8, i / 8);
            memcpy(desk->device.memory + at + pixels_at + 4 * (size_t)i, &pixel, 4);
        }
        if (one_by_one) {
            desk_wake_and_wait(desk, 30 * NS_PER_MS);
        }
    }
    desk_wake_and_wait(desk, 30 * NS_PER_MS);
}

static void pattern_one_by_one(Desk *desk)
{
    push_pattern(desk, patterns[desk->value], true);
}

static void pattern_at_once(Desk *desk)
{
    push_pattern(desk, patterns[desk->value], false);
}

static void run_machine_lz(Desk *desk)
{
    run_machine(desk);
    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_LZ);
}

static void run_machine_glz(Desk *desk)
{
    run_machine(desk);
    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_GLZ);
}

/* Together they never take more bytes than apart. */
static void never_larger(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine_lz);
    DeskClient *client = desk_client(desk, NULL);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        desk->value = i;
        client->display_got = (DeskMessages){0};
        desk_host(desk, pattern_one_by_one);
        assert_int_equal(client->display_got.len, 8);
        const uint64_t apart = client->display_got.bytes;
        client->display_got = (DeskMessages){0};
        desk_host(desk, pattern_at_once);
        if (client->display_got.bytes > apart) {
            fail_msg("pattern %zu: %llu bytes in %u messages, %llu apart", i,
                     (unsigned long long)client->display_got.bytes, client->display_got.len,
                     (unsigned long long)apart);
        }
        assert_int_equal(client->display_got.len, patterns[i] == periods ? 8 : 1);
        same_picture(desk, client);
    }
}

static uint64_t bytes_at_once(Desk *desk, DeskClient *client, uint64_t pattern, uint32_t messages)
{
    desk->value = pattern;
    client->display_got = (DeskMessages){0};
    desk_host(desk, pattern_at_once);
    assert_int_equal(client->display_got.len, messages);
    same_picture(desk, client);
    return client->display_got.bytes;
}

/* To find out whether they are worth merging takes nothing from the GLZ window, whatever comes of it. */
static void glz_window_stays(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine_glz);
    DeskClient *client = desk_client(desk, NULL);
    const uint64_t first = bytes_at_once(desk, client, 0, 1);
    assert_int_equal(patterns[0] == noise && patterns[4] == periods, true);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_GLZ_RGB], 1);
    assert_true(bytes_at_once(desk, client, 0, 1) < first / 4);
    (void)bytes_at_once(desk, client, 4, 8);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_GLZ_RGB], 10);
    assert_true(bytes_at_once(desk, client, 0, 1) < first / 4);
}

static void rows_and_columns(Desk *desk)
{
    Device *device = &desk->device;

    device_copy(device, 0, box_of(8, 8, 16, 16), 1);
    device_copy(device, 0, box_of(8, 16, 16, 20), 2); /* below */
    device_copy(device, 0, box_of(8, 4, 16, 8), 3);   /* above */
    device_copy(device, 0, box_of(0, 4, 8, 20), 4);   /* left of all */
    device_copy(device, 0, box_of(16, 4, 20, 19), 5); /* not as high */
    device_copy(device, 0, box_of(21, 4, 24, 19), 6); /* a gap */
    desk_wake_and_wait(desk, 30 * NS_PER_MS);
}

static void all_around(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    desk_host(desk, rows_and_columns);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_COPY,
                WIRE_MSG_DISPLAY_DRAW_COPY);
    same_picture(desk, client);
}

static void with_others_between(Desk *desk)
{
    Device *device = &desk->device;

    /* It reads what was there before the second copy. */
    device_copy(device, 0, box_of(0, 0, 8, 8), 1);
    device_copy_bits(device, 0, box_of(40, 40, 48, 48), 8, 0);
    device_copy(device, 0, box_of(8, 0, 16, 8), 2);
    /* It writes into the first; and one that has nothing to do with them. */
    device_copy(device, 0, box_of(0, 16, 8, 24), 3);
    device_fill(device, 0, box_of(4, 20, 12, 28), 4);
    device_copy(device, 0, box_of(8, 16, 16, 24), 5);
    /* Another surface between. */
    device_surface_create(device, 3, 8, 8);
    device_copy(device, 0, box_of(0, 32, 8, 40), 6);
    device_copy(device, 3, box_of(0, 0, 8, 8), 7);
    device_copy(device, 0, box_of(8, 32, 16, 40), 8);
    device_show(device, 0, box_of(16, 32, 24, 40), 3); /* pixels that are nobody's copy */
    desk_wake_and_wait(desk, 30 * NS_PER_MS);
}

static void never_past_others(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    desk_host(desk, with_others_between);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_COPY_BITS,
                WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_FILL,
                WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_SURFACE_CREATE, WIRE_MSG_DISPLAY_DRAW_COPY,
                WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_COPY);
    same_picture(desk, client);
}

static void change_last(Desk *desk, void (*change)(QXLDrawable *drawable, QXLImage *image))
{
    Device *device = &desk->device;
    const size_t image_at = (sizeof(QXLDrawable) + 15) & ~(size_t)15;

    device_copy(device, 0, box_of(0, 0, 8, 8), 0x123456);
    const uint64_t at = device_copy(device, 0, box_of(8, 0, 16, 8), 0x654321);
    uint8_t *memory = device->memory + at;
    change((QXLDrawable *)(void *)memory, (QXLImage *)(void *)(memory + image_at));
    desk_wake_and_wait(desk, 30 * NS_PER_MS);
}

static void inverted(QXLDrawable *drawable, QXLImage *image)
{
    (void)image;
    drawable->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT | SPICE_ROPD_INVERS_SRC;
}

static void mixed(QXLDrawable *drawable, QXLImage *image)
{
    (void)image;
    drawable->u.copy.rop_descriptor = SPICE_ROPD_OP_XOR;
}

static void scaled(QXLDrawable *drawable, QXLImage *image)
{
    (void)image;
    drawable->u.copy.src_area.right = 4;
}

static void kept(QXLDrawable *drawable, QXLImage *image)
{
    (void)drawable;
    image->descriptor.flags |= QXL_IMAGE_CACHE;
}

static void with_alpha(QXLDrawable *drawable, QXLImage *image)
{
    (void)drawable;
    image->bitmap.format = SPICE_BITMAP_FMT_RGBA;
}

static void (*const changes[])(QXLDrawable *drawable, QXLImage *image) = {inverted, mixed, scaled, kept,
                                                                          with_alpha};

static void all_changes(Desk *desk)
{
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        change_last(desk, changes[i]);
    }
}

/* What is not the same kind of plain copy goes by itself. */
static void only_plain_ones(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    desk_host(desk, all_changes);
    assert_int_equal(client->display_got.len, 2 * sizeof changes / sizeof changes[0]);
    same_picture(desk, client);
}

static void parts_of_pictures(Desk *desk)
{
    Device *device = &desk->device;
    const size_t image_at = (sizeof(QXLDrawable) + 15) & ~(size_t)15;
    const size_t pixels_at = image_at + ((sizeof(QXLImage) + 15) & ~(size_t)15);

    for (int32_t x = 0; x < 24; x += 8) {
        const uint64_t at = device_copy(device, 0, box_of(x, 0, x + 8, 8), 0);
        QXLDrawable *drawable = (QXLDrawable *)(void *)(device->memory + at);
        QXLImage *image = (QXLImage *)(void *)(device->memory + at + image_at);
        for (uint32_t i = 0; i < 64; i++) {
            const uint32_t pixel = ((uint32_t)x << 12) + i * 3;
            memcpy(device->memory + at + pixels_at + 4 * (size_t)i, &pixel, 4);
        }
        image->bitmap.flags = x == 8 ? QXL_BITMAP_DIRECT : QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN;
        drawable->bbox = box_of(x / 8 * 5, 0, x / 8 * 5 + 5, 6);
        drawable->u.copy.src_area = box_of(2, 1, 7, 7);
    }
    desk_wake_and_wait(desk, 30 * NS_PER_MS);
}

static void parts(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    desk_host(desk, parts_of_pictures);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY);
    same_picture(desk, client);
}

static void many_kinds(Desk *desk)
{
    uint32_t random = 1;

    for (uint32_t i = 0; i < 2000; i++) {
        random = random * 1664525 + 1013904223;
        const int32_t x = (int32_t)(random >> 8 & 7) * 8, y = (int32_t)(random >> 12 & 3) * 12;
        const QXLRect box = box_of(x, y, x + 8, y + 12);
        switch (random >> 24 & 7) {
        case 0:
            device_copy_bits(&desk->device, 0, box, 56 - x, 36 - y);
            break;
        case 1:
            device_fill(&desk->device, 0, box_of(x, y, x + 5, y + 5), random);
            break;
        default:
            for (int32_t k = 0; x + k < 64 && k < (int32_t)(random >> 28) * 8; k += 8) {
                device_copy(&desk->device, 0, box_of(x + k, y, x + k + 8, y + 12), random + (uint32_t)k);
            }
            break;
        }
        if (i % 16 == 15) {
            desk_wake_and_wait(desk, 30 * NS_PER_MS);
            spice_qxl_oom(&desk->device.instance); /* all that it lent comes back: it will be written over */
            sim_sleep(desk->sim, NS_PER_MS);
        }
    }
    desk_wake_and_wait(desk, 30 * NS_PER_MS);
}

/* Whatever comes between, whoever stops to read. */
static void in_any_order(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *deaf = desk_client(desk, NULL);
    DeskClient *quick = desk_client(desk, NULL);
    desk_wire_listen(desk, &deaf->display, false);
    sim_spawn(desk->sim, "many kinds", (void (*)(void *))many_kinds, desk);
    desk_run(desk, 10 * NS_PER_S);
    assert_true(log_count(&desk->device.commands.looks, LOOK_TAKEN) > 5000);
    desk_wire_listen(desk, &deaf->display, true);
    desk_run(desk, 5 * NS_PER_S);
    assert_true(desk_wire_is_open(&deaf->display));
    same_picture(desk, quick);
    same_picture(desk, deaf);
}

int run_merging(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_message, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(one_message_of_a_wide_screen, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(never_larger, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(glz_window_stays, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(all_around, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(never_past_others, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(only_plain_ones, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(parts, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(in_any_order, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("merging", tests, NULL, NULL);
}
