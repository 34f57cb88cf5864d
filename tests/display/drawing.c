/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drawings: when they are on the canvas, when clients have them, when the guest has its memory back. */
#include "display/display_client.h"
#include "display/worker.h"
#include "tests/display/desk.h"

#define RED 0xcc2211u
#define GREEN 0x22cc33u
#define BLUE 0x1133ddu

static QXLRect box_of(int32_t left, int32_t top, int32_t right, int32_t bottom)
{
    return (QXLRect){.left = left, .top = top, .right = right, .bottom = bottom};
}

static void run_machine(Desk *desk)
{
    desk_create_primary(desk);
    desk_start_machine(desk);
}

/* What lies in the guest's memory. */
static uint32_t pixel_at(const Desk *desk, uint32_t x, uint32_t y)
{
    uint32_t pixel;

    memcpy(&pixel, desk->device.memory + DEVICE_BYTES / 2 + (y * 64 + x) * 4, sizeof pixel);
    return pixel & 0xffffff;
}

static void same_picture(const Desk *desk, const DeskClient *client)
{
    FakePicture picture;

    assert_true(fake_connection_picture(client->display.connection, 0, &picture));
    for (uint32_t y = 0; y < 48; y++) {
        for (uint32_t x = 0; x < 64; x++) {
            if (fake_picture_color(&picture, x, y) != pixel_at(desk, x, y)) {
                fail_msg("pixel %u,%u: the client shows %06x, the guest has %06x", x, y,
                         fake_picture_color(&picture, x, y), pixel_at(desk, x, y));
            }
        }
    }
}

static void update_all(Desk *desk)
{
    QXLRect all = box_of(0, 0, 64, 48), dirty[4];

    spice_qxl_update_area(&desk->device.instance, 0, &all, dirty, 4, 1);
    desk->value = (uint64_t)(uint32_t)dirty[0].right << 32 | (uint32_t)dirty[0].bottom;
}

static void wait_for_rings(Desk *desk)
{
    spice_qxl_wakeup(&desk->device.instance);
    while (desk->device.commands.first != desk->device.commands.end) {
        sim_sleep(desk->sim, NS_PER_MS);
    }
    sim_sleep(desk->sim, NS_PER_MS);
}

static void draw_three(Desk *desk)
{
    device_fill(&desk->device, 0, box_of(0, 0, 40, 40), RED);
    device_fill(&desk->device, 0, box_of(8, 8, 16, 16), GREEN);
    device_copy(&desk->device, 0, box_of(4, 4, 30, 20), BLUE);
    wait_for_rings(desk);
}

static const Current *current_of(const Desk *desk)
{
    return &((const RedWorker *)desk->device.instance.st)->current;
}

/* Drawn when somebody needs it, and what is covered not at all; what is dirty is reported once. */
static void lazily(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    desk_host(desk, draw_three);
    assert_int_equal(pixel_at(desk, 0, 0), 0);
    assert_int_equal(current_of(desk)->pending_len, 2);
    assert_int_equal(current_of(desk)->dropped, 1); /* the green one */
    desk_host(desk, update_all);
    assert_int_equal(pixel_at(desk, 0, 0), RED);
    assert_int_equal(pixel_at(desk, 10, 10), BLUE);
    assert_true(desk->value == ((uint64_t)40 << 32 | 40));
    assert_int_equal(current_of(desk)->drawn, 2);
    desk_host(desk, update_all);
    assert_int_equal(desk->value, 0);
}

static void draw_and_move(Desk *desk)
{
    Device *device = &desk->device;

    device_fill(device, 0, box_of(0, 0, 8, 8), RED);
    device_copy_bits(device, 0, box_of(20, 20, 28, 28), 0, 0);
    device_fill(device, 0, box_of(0, 0, 16, 16), GREEN);
    device_surface_create(device, 5, 8, 8);
    device_fill(device, 5, box_of(0, 0, 8, 8), BLUE);
    device_show(device, 0, box_of(40, 0, 48, 8), 5);
    device_fill(device, 5, box_of(0, 0, 8, 8), RED);
    device_show(device, 0, box_of(40, 20, 48, 28), 5);
    device_surface_destroy(device, 5);
    wait_for_rings(desk);
}

/* What others have taken counts, although it was covered afterwards, or has gone. */
static void sources(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, draw_and_move);
    desk_host(desk, update_all);
    assert_int_equal(pixel_at(desk, 20, 20), RED);
    assert_int_equal(pixel_at(desk, 0, 0), GREEN);
    assert_int_equal(pixel_at(desk, 40, 0), BLUE);
    assert_int_equal(pixel_at(desk, 40, 20), RED);
    desk_run(desk, 50 * NS_PER_MS);
    same_picture(desk, client);
    same_picture(desk, desk_client(desk, NULL));
}

/* The left half of surface 5, twice as wide, while its right half is blue. */
static void show_wider(Desk *desk, int32_t top, bool at_once)
{
    Device *device = &desk->device;

    device_fill(device, 5, box_of(32, 0, 64, 48), BLUE);
    const uint64_t at = device_show(device, 0, box_of(0, top, 64, top + 24), 5);
    ((QXLDrawable *)(void *)(device->memory + at))->u.copy.src_area = box_of(0, 0, 32, 24);
    wait_for_rings(desk);
    if (at_once) {
        update_all(desk);
    }
    device_fill(device, 5, box_of(32, 0, 64, 48), GREEN);
    wait_for_rings(desk);
}

static void show_wider_twice(Desk *desk)
{
    device_surface_create(&desk->device, 5, 64, 48);
    device_fill(&desk->device, 5, box_of(0, 0, 64, 48), RED);
    wait_for_rings(desk);
    show_wider(desk, 0, false);
    show_wider(desk, 24, true);
}

/* What is scaled is made of pixels beside its area, too: what was there counts, although it was covered afterwards. */
static void sources_of_what_is_scaled(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, show_wider_twice);
    desk_host(desk, update_all);
    assert_int_equal(pixel_at(desk, 30, 1), RED);
    assert_int_not_equal(pixel_at(desk, 63, 25), RED);
    assert_int_equal(pixel_at(desk, 63, 1), pixel_at(desk, 63, 25));
    desk_run(desk, 50 * NS_PER_MS);
    same_picture(desk, client);
}

/* A client that keeps up is sent what the guest has said, as the guest has said it. */
static void as_commands(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    desk_host(desk, draw_and_move);
    desk_run(desk, 50 * NS_PER_MS);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_FILL, WIRE_MSG_DISPLAY_COPY_BITS,
                WIRE_MSG_DISPLAY_DRAW_FILL, WIRE_MSG_DISPLAY_SURFACE_CREATE, WIRE_MSG_DISPLAY_DRAW_FILL,
                WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_FILL, WIRE_MSG_DISPLAY_DRAW_COPY,
                WIRE_MSG_DISPLAY_SURFACE_DESTROY);
}

static int64_t (*writev_as_ever)(const Core *core, int handle, const struct iovec *iov, int iov_len);
static uint32_t writes;

static int64_t writev_counted(const Core *core, int handle, const struct iovec *iov, int iov_len)
{
    writes++;
    return writev_as_ever(core, handle, iov, iov_len);
}

#define MANY 100u

static void draw_many(Desk *desk)
{
    for (uint32_t i = 0; i < MANY; i++) {
        const int32_t x = (int32_t)(i % 16) * 4, y = (int32_t)(i / 16) * 4;
        device_fill(&desk->device, 0, box_of(x, y, x + 4, y + 4), i);
    }
    wait_for_rings(desk);
}

/* What the guest draws at once leaves at once: not with a write for each message. */
static void many_messages_in_one_write(void **state)
{
    Desk *desk = *state;
    Core *core = (Core *)(uintptr_t)sim_core(desk->sim);

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    writev_as_ever = core->writev;
    writes = 0;
    core->writev = writev_counted;
    desk_host(desk, draw_many);
    desk_run(desk, 50 * NS_PER_MS);
    core->writev = writev_as_ever;
    assert_int_equal(client->display_got.len, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(client->display_got.types[i], WIRE_MSG_DISPLAY_DRAW_FILL);
    }
    assert_true(writes > 0 && writes <= MANY / 20);
}

/* However wide or high something is, no part of it is too large, and together they are all of it. */
static void bands(void **state)
{
    static const pixman_box32_t boxes[] = {
        {0, 0, 64, 48},      {5, 7, 1005, 9},  {3, 3, 4, 4},
        {0, 9, 1 << 26, 10}, {1, 1, 70000, 4}, {2, 0, 3, 1 << 26},
    };

    (void)state;
    for (size_t i = 0; i < sizeof boxes / sizeof boxes[0]; i++) {
        pixman_region32_t left;
        uint32_t count = 0;
        int rects;
        const pixman_box32_t *box = &boxes[i];
        const uint64_t pixels = (uint64_t)(box->x2 - box->x1) * (uint64_t)(box->y2 - box->y1);
        pixman_region32_init_with_extents(&left, (pixman_box32_t *)box);
        while (pixman_region32_not_empty(&left)) {
            pixman_region32_t part;
            pixman_box32_t band = display_band(pixman_region32_rectangles(&left, &rects), 1u << 20);
            assert_true(band.x1 < band.x2 && band.y1 < band.y2);
            assert_true((int64_t)(band.x2 - band.x1) * (band.y2 - band.y1) <= 1 << 18);
            assert_true(box_covers(box, &band));
            pixman_region32_init_with_extents(&part, &band);
            pixman_region32_subtract(&left, &left, &part);
            pixman_region32_fini(&part);
            count++;
        }
        assert_true(count <= 2 * pixels / (1 << 18) + 4); /* nor are they too many */
        pixman_region32_fini(&left);
    }
}

/* Of wide ones on slow links, too, codecs get pictures and not lines. */
static void bands_are_pictures(void **state)
{
    static const struct {
        pixman_box32_t box, band;
    } rows[] = {
        {{0, 0, 1920, 1080}, {0, 0, 256, 16}}, {{100, 9, 1920, 16}, {100, 9, 685, 16}},
        {{7, 7, 207, 157}, {7, 7, 207, 27}},   {{7, 7, 17, 1007}, {7, 7, 17, 416}},
        {{0, 0, 256, 16}, {0, 0, 256, 16}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const pixman_box32_t band = display_band(&rows[i].box, 16384);
        assert_memory_equal(&band, &rows[i].band, sizeof band);
    }
    const pixman_box32_t all = {0, 0, 1920, 1080}, band = display_band(&all, 4);
    assert_memory_equal(&band, (&(pixman_box32_t){0, 0, 1, 1}), sizeof band);
}

#define TOO_MANY_RECTS 2100u /* in no order: the canvas draws nothing */

/* Pixels that are not there are taken elsewhere, and from there once more; and the other way round, what was there before is. */
static void draw_too_much(Desk *desk)
{
    Device *device = &desk->device;

    device_fill(device, 0, box_of(0, 0, 64, 48), RED);
    device_fill(device, 0, box_of(0, 40, 8, 48), BLUE);
    device_surface_create(device, 5, 8, 8);
    device_fill(device, 5, box_of(0, 0, 8, 8), GREEN);
    device_copy_bits(device, 0, box_of(56, 0, 64, 8), 0, 40);
    device_clipped(device, 0, box_of(0, 0, 16, 16), TOO_MANY_RECTS);
    device_copy_bits(device, 0, box_of(20, 20, 28, 28), 4, 4);
    device_copy_bits(device, 0, box_of(30, 30, 38, 38), 20, 20);
    device_clipped(device, 5, box_of(0, 0, 8, 8), TOO_MANY_RECTS);
    device_show(device, 0, box_of(40, 0, 48, 8), 5);
    device_fill(device, 0, box_of(0, 40, 4, 44), GREEN);
    if (desk->value == 1) { /* so it is drawn at once */
        device_surface_destroy(device, 5);
    }
    wait_for_rings(desk);
}

static void destroy_5(Desk *desk)
{
    device_surface_destroy(&desk->device, 5);
    wait_for_rings(desk);
}

/* Of a drawing that cannot be drawn, or not all of it, clients show what the canvas does. */
static void not_all_drawn(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *deaf = desk_client(desk, NULL), *client = desk_client(desk, NULL);
    desk_wire_listen(desk, &deaf->display, false);
    for (uint32_t round = 0; round < 3; round++) {
        desk->value = round;
        desk_host(desk, draw_too_much);
        desk_run(desk, 50 * NS_PER_MS); /* one of them has it */
        desk_host(desk, update_all);
        desk_run(desk, 50 * NS_PER_MS);
        if (round != 1) {
            desk_host(desk, destroy_5);
        }
        assert_int_equal(pixel_at(desk, 0, 0), RED);
        assert_int_equal(pixel_at(desk, 40, 0), GREEN);
        same_picture(desk, client);
    }
    desk_wire_listen(desk, &deaf->display, true);
    desk_run(desk, NS_PER_S);
    same_picture(desk, deaf);
}

/* 110 KiB that nothing covers, and then that. */
static void too_much_behind_others(Desk *desk)
{
    Device *device = &desk->device;

    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_OFF);
    for (uint32_t i = 0; i < 9; i++) {
        const uint64_t at = device_copy(device, 0, box_of(0, 0, 64, 48), 0x010101u << i);
        ((QXLDrawable *)(void *)(device->memory + at))->u.copy.rop_descriptor = SPICE_ROPD_OP_XOR;
    }
    wait_for_rings(desk);
    device_clipped(device, 0, box_of(0, 0, 16, 16), TOO_MANY_RECTS);
    wait_for_rings(desk);
}

/* Who was not sent it yet never is. */
static void not_sent_any_more(void **state)
{
    static const SimNet narrow = {.send_buffer = 4096, .receive_buffer = 4096};
    Desk *desk = *state;

    sim_set_net(desk->sim, &narrow);
    desk_host(desk, run_machine);
    DeskClient *deaf = desk_client(desk, NULL);
    desk_wire_listen(desk, &deaf->display, false);
    desk_host(desk, too_much_behind_others);
    desk_host(desk, update_all);
    desk_wire_listen(desk, &deaf->display, true);
    desk_run(desk, NS_PER_S);
    assert_true(deaf->display_got.len >= 9);
    assert_true(deaf->display_got.largest < TOO_MANY_RECTS * 16);
    same_picture(desk, deaf);
}

static void covered_many_times(Desk *desk)
{
    for (uint32_t i = 0; i < 200; i++) {
        device_fill(&desk->device, 0, box_of(0, 0, 64, 48), i);
        if (i % 50 == 49) {
            wait_for_rings(desk);
        }
    }
}

/* Much more than waits for anybody; next to nothing is covered by anything else. */
static void storm(Desk *desk)
{
    for (uint32_t i = 0; i < 6000; i++) {
        const int32_t x = (int32_t)(i * 7 % 60), y = (int32_t)(i * 5 % 44);
        if (i % 3 == 0) {
            device_copy_bits(&desk->device, 0, box_of(x, y, x + 4, y + 4), 60 - x, 44 - y);
        } else {
            device_fill(&desk->device, 0, box_of(x, y, x + 4, y + 3), i * 131);
        }
        if (i % 100 == 99) {
            wait_for_rings(desk);
        }
    }
}

static const RedChannelClient *first_client(const Desk *desk)
{
    const RedWorker *worker = desk->device.instance.st;
    const RedChannel *channel = display_channel_base(worker->display);

    return list_first(&channel->clients, RedChannelClient, in_channel);
}

/* A client that does not read costs a constant, whatever is drawn; afterwards it shows what there is. */
static void stalled(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *deaf = desk_client(desk, NULL);
    DeskClient *quick = desk_client(desk, NULL);
    desk_wire_listen(desk, &deaf->display, false);
    for (int round = 0; round < 3; round++) {
        desk_host(desk, storm);
        const DisplayClient *client = list_entry(first_client(desk), DisplayClient, base);
        assert_true(client->base.pipe.len <= DISPLAY_DRAWABLES_MAX + 10);
        assert_true(client->bytes <= DISPLAY_DRAWABLES_BYTES_MAX);
    }
    desk_run(desk, NS_PER_S);
    desk_host(desk, update_all);
    same_picture(desk, quick);
    desk_wire_listen(desk, &deaf->display, true);
    desk_run(desk, 5 * NS_PER_S);
    assert_true(desk_wire_is_open(&deaf->display));
    same_picture(desk, deaf);
}

/* A fill whose brush is a picture covers, too. */
static void covered_by_patterns(Desk *desk)
{
    for (uint32_t i = 0; i < 200; i++) {
        const uint64_t at = device_copy(&desk->device, 0, box_of(0, 0, 64, 48), i);
        QXLDrawable *command = (QXLDrawable *)(void *)(desk->device.memory + at);
        const uint64_t picture = command->u.copy.src_bitmap;
        memset(&command->u, 0, sizeof command->u);
        command->type = QXL_DRAW_FILL;
        command->u.fill.brush.type = SPICE_BRUSH_TYPE_PATTERN;
        command->u.fill.brush.u.pattern.pat = picture;
        command->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
        if (i % 50 == 49) {
            wait_for_rings(desk);
        }
    }
}

/* What was covered while it waited leaves the pipe. */
static void leave_when_covered(Desk *desk, void (*cover)(Desk *desk))
{

    desk_host(desk, run_machine);
    DeskClient *deaf = desk_client(desk, NULL);
    desk_wire_listen(desk, &deaf->display, false);
    desk_host(desk, storm); /* until its socket and its pipe are full */
    const uint64_t before = current_of(desk)->dropped;
    desk_host(desk, cover);
    assert_true(current_of(desk)->dropped - before >= 199);
    desk_wire_listen(desk, &deaf->display, true);
    desk_run(desk, 5 * NS_PER_S);
    desk_host(desk, update_all);
    same_picture(desk, deaf);
}

static void covered_leaves(void **state)
{
    leave_when_covered(*state, covered_many_times);
}

static void covered_by_patterns_leaves(void **state)
{
    leave_when_covered(*state, covered_by_patterns);
}

/* Lines go up in a window, and now and then something is drawn over it or moved out of it. */
static void scroll(Desk *desk)
{
    Device *device = &desk->device;

    for (int32_t i = 0; i < 1500; i++) {
        device_copy_bits(device, 0, box_of(4, 4, 44, 40), 4, 8);
        device_fill(device, 0, box_of(4, 40, 44, 44), (uint32_t)i * 7919);
        device_fill(device, 0, box_of(4 + i % 36, 40, 8 + i % 36, 43), (uint32_t)i * 104729);
        if (i % 50 == 7) {
            device_copy_bits(device, 0, box_of(48, 4 + i % 30, 60, 16 + i % 30), 10, 20);
        }
        if (i % 20 == 19) {
            wait_for_rings(desk);
        }
    }
    wait_for_rings(desk);
}

/* Of what was scrolled away nothing is drawn, and what is left is as if it had been. */
static void scrolled(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, scroll);
    assert_true(current_of(desk)->pruned > 1000);
    desk_host(desk, update_all);
    desk_run(desk, NS_PER_S);
    same_picture(desk, client);
}

/* A window of 16 x 12 pixels is somewhere else now; what it uncovers is repaired. */
static void window_move(Device *device, int32_t from_x, int32_t from_y, int32_t x, int32_t y, uint32_t color)
{
    device_copy_bits(device, 0, box_of(x, y, x + 16, y + 12), from_x, from_y);
    if (x != from_x) {
        const int32_t left = x > from_x ? from_x : x + 16;
        device_fill(device, 0,
                    box_of(left, from_y, left + (x > from_x ? x - from_x : from_x - x), from_y + 12),
                    color * 7919);
    }
    if (y != from_y) {
        const int32_t top = y > from_y ? from_y : y + 12;
        device_fill(device, 0, box_of(from_x, top, from_x + 16, top + (y > from_y ? y - from_y : from_y - y)),
                    color * 104729);
    }
}

static void slide(Desk *desk)
{
    int32_t x = 0, y = 0, dx = 1, dy = 1;

    device_photo(&desk->device, 0, box_of(0, 0, 64, 48), 5);
    for (uint32_t i = 0; i < 1500; i++) {
        dx = x + dx < 0 || x + dx > 48 ? -dx : dx;
        dy = y + dy < 0 || y + dy > 36 ? -dy : dy;
        window_move(&desk->device, x, y, x + dx, y + dy, i);
        x += dx;
        y += dy;
        if (i % 20 == 19) {
            wait_for_rings(desk);
        }
    }
    wait_for_rings(desk);
}

/* It is copied from where it was first to where it is last. */
static void slid(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, slide);
    assert_true(current_of(desk)->folded > 1000);
    desk_host(desk, update_all);
    desk_run(desk, NS_PER_S);
    same_picture(desk, client);
}

static int32_t choose(Desk *desk, int32_t limit)
{
    desk->value = desk->value * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int32_t)((desk->value >> 33) % (uint64_t)limit);
}

/* Between the moves, something looks at the places that they go through, or changes them. */
static void disturb(Desk *desk, int32_t x, int32_t y)
{
    Device *device = &desk->device;
    const int32_t at_x = choose(desk, 56), at_y = choose(desk, 40);
    const QXLRect box = box_of(at_x, at_y, at_x + 1 + choose(desk, 8), at_y + 1 + choose(desk, 8));
    uint64_t fill;

    switch (choose(desk, 7)) {
    case 0:
        device_photo(device, 0, box, (uint32_t)at_x);
        break;
    case 1:
        fill = device_fill(device, 0, box, (uint32_t)choose(desk, 1 << 24));
        ((QXLDrawable *)(void *)(device->memory + fill))->u.fill.rop_descriptor = SPICE_ROPD_OP_XOR;
        break;
    case 2:
        device_copy_bits(device, 0, box, x + choose(desk, 4), y + choose(desk, 4));
        break;
    case 3:
        device_copy_bits(device, 0, box_of(x, y, x + 16, y + 12), choose(desk, 48), choose(desk, 36));
        break;
    case 4: /* from where there is nothing, in part */
        device_copy_bits(device, 0, box_of(x, y, x + 16, y + 12), 64 - choose(desk, 16),
                         48 - choose(desk, 16));
        break;
    case 5: /* on another surface, which is seen at the end */
        device_show(device, 5, box_of(0, 0, 1 + choose(desk, 64), 1 + choose(desk, 48)), 0);
        break;
    default:
        device_fill(device, 0, box_of(x, y, x + 16, y + 2), (uint32_t)choose(desk, 1 << 24));
        break;
    }
}

static void wander(Desk *desk)
{
    int32_t x = 10, y = 10, dx = 1, dy = 1;

    device_surface_create(&desk->device, 5, 64, 48);
    device_fill(&desk->device, 5, box_of(0, 0, 64, 48), RED);
    device_photo(&desk->device, 0, box_of(0, 0, 64, 48), 5);
    for (uint32_t i = 0; i < 1500; i++) {
        if (choose(desk, 10) == 0) {
            dx = choose(desk, 5) - 2;
            dy = choose(desk, 5) - 2;
        }
        dx = x + dx < 0 || x + dx > 48 ? -dx : dx;
        dy = y + dy < 0 || y + dy > 36 ? -dy : dy;
        if (choose(desk, 20) == 0) {
            device_copy_bits(&desk->device, 0, box_of(x + dx, y + dy, x + dx + 16, y + dy + 12), x, y);
        } else {
            window_move(&desk->device, x, y, x + dx, y + dy, i);
        }
        x += dx;
        y += dy;
        if (choose(desk, 6) == 0) {
            disturb(desk, x, y);
        }
        if (i % 20 == 19) {
            wait_for_rings(desk);
        }
    }
    device_show(&desk->device, 0, box_of(0, 0, 64, 12), 5);
    device_surface_destroy(&desk->device, 5);
    wait_for_rings(desk);
}

/* Whatever comes between, the picture is as if each had been done in its turn. */
static void wandered(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const uint64_t before = current_of(desk)->folded;
        desk->value = seed;
        desk_host(desk, wander);
        assert_true(current_of(desk)->folded > before + 20);
        desk_host(desk, update_all);
        desk_run(desk, NS_PER_S);
        same_picture(desk, client);
    }
}

static void pictures(Desk *desk)
{
    for (uint32_t i = 0; i < 60; i++) {
        device_copy(
            &desk->device, 0,
            box_of((int32_t)i % 8 * 8, (int32_t)i / 8 * 6, (int32_t)i % 8 * 8 + 8, (int32_t)i / 8 * 6 + 6),
            i * 1234567);
    }
    wait_for_rings(desk);
}

static void stop_then_spoil(Desk *desk)
{
    desk_stop_machine(desk);
    desk->value = desk->device.releases.len;
    memset(desk->device.memory, 0xdb, DEVICE_BYTES / 2);
}

/* When stop returns the guest has everything back, however little a client reads; which shows all of it later. */
static void stop_gives_back(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *deaf = desk_client(desk, NULL);
    desk_wire_listen(desk, &deaf->display, false);
    desk_host(desk, storm);
    const uint32_t before = desk->device.releases.len;
    desk_host(desk, pictures);
    assert_true(desk->device.releases.len < before + 60); /* their pixels are waited for */
    desk_host(desk, stop_then_spoil);
    assert_int_equal(desk->value, 6000 + 60);
    desk_wire_listen(desk, &deaf->display, true);
    desk_run(desk, 5 * NS_PER_S);
    same_picture(desk, deaf);
}

#define FAILING 24u

/* Pictures that nobody can decode, one upon the other, which somebody wants to see at once. */
static void draw_what_fails(Desk *desk)
{
    const RedWorker *worker = desk->device.instance.st;
    QXLRect dot = {.right = 1, .bottom = 1}, dirty;

    for (uint32_t i = 0; i < FAILING; i++) {
        const uint64_t at = device_copy(&desk->device, 0, dot, i);
        QXLCopy *copy = &((QXLDrawable *)(void *)(desk->device.memory + at))->u.copy;
        QXLImage *image = (QXLImage *)(void *)(desk->device.memory + (copy->src_bitmap - device_address(0)));
        copy->rop_descriptor = SPICE_ROPD_OP_XOR;
        image->descriptor.type = SPICE_IMAGE_TYPE_QUIC;
        image->quic.data_size = 4;
        *(QXLDataChunk *)(void *)image->quic.data = (QXLDataChunk){.data_size = 4};
    }
    desk->value = worker->current.set.work;
    spice_qxl_update_area(&desk->device.instance, 0, &dot, &dirty, 1, 0);
    desk->value = worker->current.set.work - desk->value;
}

/* For each that fails, those that came later are looked through: that is work, for each client. */
static void failures_are_work(void **state)
{
    Desk *desk = *state;
    const RedWorker *worker = desk->device.instance.st;

    desk_host(desk, run_machine);
    desk_client(desk, NULL);
    desk_client(desk, NULL);
    desk_run(desk, NS_PER_S);
    desk_host(desk, draw_what_fails);
    assert_int_equal(desk->device.releases.len, FAILING);
    assert_int_equal(worker->current.drawn, FAILING);
    assert_true(desk->value >= FAILING * (FAILING - 1));
}

int run_drawing(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(failures_are_work, desk_setup, desk_teardown),
        cmocka_unit_test(bands),
        cmocka_unit_test(bands_are_pictures),
        cmocka_unit_test_setup_teardown(lazily, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(sources, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(sources_of_what_is_scaled, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(as_commands, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(many_messages_in_one_write, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(stalled, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(covered_leaves, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(covered_by_patterns_leaves, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(not_all_drawn, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(not_sent_any_more, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(scrolled, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(slid, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(wandered, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(stop_gives_back, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("drawing", tests, NULL, NULL);
}
