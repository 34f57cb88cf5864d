/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Large pictures are coded by threads, and arrive whole whatever happens meanwhile. */
#include "display/display_internal.h"
#include "display/worker.h"
#include "tests/display/desk.h"

#define WIDTH 1024
#define HEIGHT 600
#define BANDS ((WIDTH * HEIGHT * 4u + DISPLAY_THREAD_BAND_BYTES - 1) / DISPLAY_THREAD_BAND_BYTES)

static QXLRect box_of(int32_t left, int32_t top, int32_t right, int32_t bottom)
{
    return (QXLRect){.left = left, .top = top, .right = right, .bottom = bottom};
}

static const QXLRect screen = {.right = WIDTH, .bottom = HEIGHT};

static void start_machine(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(WIDTH, HEIGHT);

    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_AUTO_GLZ);
    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
    desk_start_machine(desk);
}

/* Pictures take no more of it than they must. */
static void memory_again(Desk *desk)
{
    desk->device.next = 0;
}

static const DisplayChannel *display_of_desk(const Desk *desk)
{
    const RedWorker *worker = desk->device.instance.st;

    return worker->display;
}

static void update_all(Desk *desk)
{
    QXLRect all = screen, dirty;

    spice_qxl_update_area(&desk->device.instance, 0, &all, &dirty, 1, 0);
}

static void same_pictures(Desk *desk)
{
    desk_host(desk, update_all);
    desk_run(desk, 2 * NS_PER_S);
    for (uint32_t i = 0; i < desk->clients_len; i++) {
        FakePicture picture;
        if (!desk_wire_is_open(&desk->clients[i].display)) {
            continue;
        }
        assert_true(fake_connection_picture(desk->clients[i].display.connection, 0, &picture));
        for (uint32_t y = 0; y < HEIGHT; y++) {
            for (uint32_t x = 0; x < WIDTH; x++) {
                uint32_t pixel;
                memcpy(&pixel, desk->device.memory + DEVICE_BYTES / 2 + (y * WIDTH + x) * 4, sizeof pixel);
                if (fake_picture_color(&picture, x, y) != (pixel & 0xffffff)) {
                    fail_msg("pixel %u,%u: client %u shows %06x, the guest has %06x", x, y, i,
                             fake_picture_color(&picture, x, y), pixel & 0xffffff);
                }
            }
        }
    }
}

static void photo(Desk *desk)
{
    device_photo(&desk->device, 0, screen, 1);
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
    memory_again(desk);
}

static void bands_arrive(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got = (DeskMessages){0};
    desk_host(desk, photo);
    assert_int_equal(client->display_got.len, BANDS);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_QUIC], BANDS);
    same_pictures(desk);
}

/* The guest wishes that clients keep it, and names it the same each time. `value`: lines of it that are drawn. */
static void photo_to_keep(Desk *desk)
{
    const size_t image_at = (sizeof(QXLDrawable) + 15) & ~(size_t)15;
    uint8_t *memory = desk->device.memory + device_photo(&desk->device, 0, screen, 1);
    QXLDrawable *drawable = (QXLDrawable *)(void *)memory;
    QXLImage *image = (QXLImage *)(void *)(memory + image_at);

    image->descriptor.id = UINT64_C(0x1234) << 32;
    image->descriptor.flags |= QXL_IMAGE_CACHE;
    drawable->bbox.bottom = drawable->u.copy.src_area.bottom = (int32_t)desk->value;
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
    memory_again(desk);
}

static void compression_off(Desk *desk)
{
    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_OFF);
}

static void compression_quic(Desk *desk)
{
    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_QUIC);
}

/* A wish that clients keep it does not make the worker code it, but what a client has goes by name. */
static void what_clients_are_to_keep(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_machine);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, compression_quic);
    /* Of a part, all would be coded, and kept. */
    desk->value = 32;
    desk_host(desk, photo_to_keep);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_QUIC], 1);
    desk->value = HEIGHT;
    client->display_got = (DeskMessages){0};
    desk_host(desk, photo_to_keep);
    assert_int_equal(client->display_got.len, BANDS + 1); /* from where the part ended, and around */
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_QUIC], 1 + BANDS + 1);

    desk_host(desk, compression_off);
    desk_host(desk, photo_to_keep);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_BITMAP], 1);
    desk_host(desk, compression_quic);
    client->display_got = (DeskMessages){0};
    desk_host(desk, photo_to_keep);
    assert_int_equal(client->display_got.len, 1);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_FROM_CACHE], 1);
    same_pictures(desk);
}

/* Two that want the same: a band is coded once. A third comes later. */
static void for_several(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_machine);
    desk_client(desk, NULL);
    desk_client(desk, NULL);
    desk_run(desk, NS_PER_S);
    const ShareStore before = display_of_desk(desk)->shares;
    desk_host(desk, photo);
    const ShareStore *after = &display_of_desk(desk)->shares;
    assert_int_equal(after->coded - before.coded, BANDS);
    assert_int_equal(after->reused - before.reused, BANDS);
    desk_client(desk, NULL);
    same_pictures(desk);
    assert_int_equal(after->coded - before.coded, BANDS);
}

static void draw_meanwhile(Desk *desk)
{
    for (uint32_t i = 0; i < 12; i++) {
        const int32_t at = (int32_t)i * 40;
        device_photo(&desk->device, 0, screen, i);
        desk_wake_and_wait(desk, i % 3 * NS_PER_MS);
        device_fill(&desk->device, 0, box_of(at, at, at + 300, at + 50), i * 1000003);
        device_copy_bits(&desk->device, 0, box_of(0, 300, 200, 400), at, at / 2);
        desk_wake_and_wait(desk, i % 5 * NS_PER_MS);
        if (i % 4 == 1) {
            device_fill(&desk->device, 0, screen, i * 77);
        }
        device_photo(&desk->device, 0, box_of(at, 100, at + 64, 164), i);
        spice_qxl_wakeup(&desk->device.instance);
        if (i % 2 == 0) {
            desk_stop_machine(desk);
            memset(desk->device.memory, 0xa5, DEVICE_BYTES / 2); /* nobody looks at it any more */
            desk_start_machine(desk);
        } else {
            desk_wake_and_wait(desk, 0);
            desk_stop_machine(desk);
            desk_start_machine(desk);
        }
        memory_again(desk);
    }
}

/* What is drawn while a band is coded, deadlines of the memory that it was drawn from, clients that go. */
static void what_happens_meanwhile(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_machine);
    desk_client(desk, NULL);
    DeskClient *leaver = desk_client(desk, NULL);
    desk_host(desk, draw_meanwhile);
    same_pictures(desk);
    desk_host(desk, photo);
    desk_wire_leave(desk, &leaver->display);
    desk_host(desk, draw_meanwhile);
    same_pictures(desk);
}

/* Of the first client. */
static const DisplayClient *display_client_of_desk(const Desk *desk)
{
    return display_client_of(
        list_first(&display_of_desk(desk)->channel->clients, RedChannelClient, in_channel));
}

#define BAND_LINES ((int32_t)(DISPLAY_THREAD_BAND_BYTES / (WIDTH * 4)))
#define REST_NS (200 * NS_PER_MS)

static void photo_only(Desk *desk)
{
    device_photo(&desk->device, 0, screen, 1);
    desk_wake_and_wait(desk, 0);
}

static void fill_lines(Desk *desk)
{
    const int32_t from = (int32_t)(desk->value >> 32), to = (int32_t)(desk->value & UINT32_MAX);

    device_fill(&desk->device, 0, box_of(0, from, WIDTH, to), (uint32_t)to * 1000003);
    desk_wake_and_wait(desk, 2 * NS_PER_MS);
}

static void fill(Desk *desk, int32_t from, int32_t to)
{
    desk->value = (uint64_t)from << 32 | (uint32_t)to;
    desk_host(desk, fill_lines);
}

/* What covers a band is sent in its place, but only if nothing has to wait for another band: else who draws fast enough would
 * have the same band begun again and again. */
static void what_covers_a_band(void **state)
{
    Desk *desk = *state;

    desk->coders_rest_ns = REST_NS;
    desk_host(desk, start_machine);
    DeskClient *client = desk_client(desk, NULL);
    desk_client(desk, NULL);
    desk_run(desk, NS_PER_S);
    const ShareStore before = display_of_desk(desk)->shares;
    const ShareStore *after = &display_of_desk(desk)->shares;
    client->display_got = (DeskMessages){0};
    const uint64_t start_ns = sim_now_ns(desk->sim);
    desk_host(desk, photo_only);
    assert_int_equal(after->coded - before.coded, BANDS);
    for (int32_t i = 0; i < 3; i++) {
        fill(desk, 0, BAND_LINES + 40 + i);
        assert_int_equal(after->coded - before.coded, BANDS);
        assert_int_equal(display_client_of_desk(desk)->bands_len, BANDS);
    }
    fill(desk, 2 * BAND_LINES, 3 * BAND_LINES);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_FILL);
    assert_int_equal(display_client_of_desk(desk)->bands_len, BANDS - 1);
    assert_true(sim_now_ns(desk->sim) - start_ns < REST_NS);
    desk_run(desk, NS_PER_S);
    assert_int_equal(display_client_of_desk(desk)->bands_len, 0);
    same_pictures(desk);
}

static void draw_at_the_top(Desk *desk)
{
    for (uint32_t i = 0; i < 200; i++) {
        device_fill(&desk->device, 0, box_of(0, 0, WIDTH, 60), i * 1000003);
        desk_wake_and_wait(desk, NS_PER_MS);
        memory_again(desk);
    }
}

static uint32_t count_type(const DeskMessages *messages, uint16_t type)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < messages->len; i++) {
        count += messages->types[i] == type;
    }
    return count;
}

/* The first that is drawn on the primary is all of it: some programs look at that, and at nothing else. */
static void expect_whole(const DeskClient *client)
{
    const WireRect *box = &client->first_copy;

    assert_int_equal(box->left, 0);
    assert_int_equal(box->top, 0);
    assert_int_equal(box->right, WIDTH);
    assert_int_equal(box->bottom, HEIGHT);
}

/* Who comes late has the picture, all of it at once, before MARK, and the worker does other things while that is coded. */
static void late_client(void **state)
{
    Desk *desk = *state;

    desk->coders_rest_ns = REST_NS;
    desk_host(desk, start_machine);
    desk_host(desk, photo);
    DeskClient *client = desk_client(desk, NULL);
    DESK_EXPECT(&client->display_got, WIRE_MSG_SET_ACK, WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES,
                WIRE_MSG_DISPLAY_SURFACE_CREATE);
    desk_host(desk, update_all);
    desk_run(desk, NS_PER_S);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_COPY,
                WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_COPY,
                WIRE_MSG_DISPLAY_SURFACE_CREATE, WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_SURFACE_DESTROY,
                WIRE_MSG_DISPLAY_MONITORS_CONFIG, WIRE_MSG_DISPLAY_MARK);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_QUIC], BANDS);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_SURFACE], 1);
    expect_whole(client);
    same_pictures(desk);
}

/* What is drawn again and again meanwhile does not keep MARK back. */
static void late_client_of_a_film(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_machine);
    desk_host(desk, photo);
    DeskClient *client = desk_client(desk, NULL);
    desk->coders_rest_ns = 50 * NS_PER_MS;
    client->display_got = (DeskMessages){0};
    desk_wire_leave(desk, &client->display);
    desk_run(desk, 10 * NS_PER_MS);
    desk_display_again(desk, client);
    desk_host(desk, draw_at_the_top);
    assert_int_equal(count_type(&client->display_got, WIRE_MSG_DISPLAY_MARK), 1);
    same_pictures(desk);
}

static void another_primary(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(WIDTH / 2, HEIGHT / 2);

    spice_qxl_destroy_primary_surface(&desk->device.instance, 0);
    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
}

static void draw_around(Desk *desk)
{
    Device *device = &desk->device;

    device_fill(device, 0, box_of(0, 0, 500, 50), 0x123456);
    device_surface_create(device, 1, 200, 200);
    device_show(device, 1, box_of(0, 0, 200, 200), 0); /* from the primary */
    device_fill(device, 1, box_of(50, 50, 100, 100), 0x654321);
    device_show(device, 0, box_of(300, 300, 500, 500), 1); /* and to it */
    device_copy_bits(device, 0, box_of(600, 0, 700, 100), 310, 310);
    device_fill(device, 0, box_of(0, 0, WIDTH, HEIGHT), 0xabcdef);
    device_show(device, 0, box_of(700, 100, 900, 300), 1);
    desk_wake_and_wait(desk, 2 * NS_PER_MS);
}

/* What is drawn to and from a primary while its first picture is coded comes after that; what is not is sent meanwhile. */
static void late_client_while_drawing(void **state)
{
    Desk *desk = *state;

    desk->coders_rest_ns = REST_NS;
    desk_host(desk, start_machine);
    desk_host(desk, photo);
    DeskClient *client = desk_client(desk, NULL);
    DESK_EXPECT(&client->display_got, WIRE_MSG_SET_ACK, WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES,
                WIRE_MSG_DISPLAY_SURFACE_CREATE);
    desk_host(desk, draw_around);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_SURFACE_CREATE);
    assert_int_equal(client->first_copy.right, 0);
    desk_run(desk, NS_PER_S);
    assert_int_equal(count_type(&client->display_got, WIRE_MSG_DISPLAY_SURFACE_CREATE), 1);
    assert_int_equal(count_type(&client->display_got, WIRE_MSG_DISPLAY_SURFACE_DESTROY), 1);
    assert_int_equal(count_type(&client->display_got, WIRE_MSG_DISPLAY_MARK), 1);
    expect_whole(client);
    same_pictures(desk);
    /* From now on commands are commands. */
    client->display_got = (DeskMessages){0};
    fill(desk, 0, HEIGHT);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_FILL);
}

static void squash(Desk *desk)
{
    const RedWorker *worker = desk->device.instance.st;
    RedChannel *channel = display_channel_base(worker->display);

    list_each(&channel->clients, node)
    {
        display_client_squash(display_client_of(list_entry(node, RedChannelClient, in_channel)));
    }
}

/* A client over its budget has the stage still. */
static void late_client_over_budget(void **state)
{
    Desk *desk = *state;

    desk->coders_rest_ns = REST_NS;
    desk_host(desk, start_machine);
    desk_host(desk, photo);
    DeskClient *client = desk_client(desk, NULL);
    squash(desk);
    desk_host(desk, draw_around);
    squash(desk);
    desk_run(desk, NS_PER_S);
    assert_int_equal(count_type(&client->display_got, WIRE_MSG_DISPLAY_MARK), 1);
    expect_whole(client);
    same_pictures(desk);
}

/* The picture that MARK waits for goes with its surface. */
static void late_client_of_what_goes(void **state)
{
    Desk *desk = *state;

    desk->coders_rest_ns = REST_NS;
    desk_host(desk, start_machine);
    desk_host(desk, photo);
    DeskClient *client = desk_client(desk, NULL);
    DESK_EXPECT(&client->display_got, WIRE_MSG_SET_ACK, WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES,
                WIRE_MSG_DISPLAY_SURFACE_CREATE);
    desk_host(desk, another_primary);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_SURFACE_DESTROY, WIRE_MSG_DISPLAY_SURFACE_CREATE,
                WIRE_MSG_DISPLAY_MONITORS_CONFIG, WIRE_MSG_DISPLAY_MARK);
    desk_run(desk, NS_PER_S);
    assert_int_equal(client->display_got.len, 0);
}

/* ---- From the guest's own pictures ---- */

/* The screen as the guest's driver may give it. */
typedef enum PictureForm {
    PICTURE_PLAIN,
    PICTURE_BOTTOM_UP,
    PICTURE_PART, /* of a larger one */
    PICTURE_FORMS_AS_ON_CANVAS,
    PICTURE_HIGH_BITS = PICTURE_FORMS_AS_ON_CANVAS,
    PICTURE_16BIT,
    PICTURE_UNSTABLE,
    PICTURE_CLIPPED,
    PICTURE_OTHER_ROP,
    PICTURE_FORMS
} PictureForm;

static uint64_t current_drawn(const Desk *desk)
{
    const RedWorker *worker = desk->device.instance.st;

    return worker->current.drawn;
}

static void clip_of_two(Desk *desk, QXLDrawable *drawable)
{
    uint64_t at;
    QXLClipRects *clip = device_put(&desk->device, sizeof *clip + 2 * sizeof(QXLRect), &at);
    QXLRect *rects = (QXLRect *)(void *)(clip + 1);

    *clip = (QXLClipRects){.num_rects = 2, .chunk.data_size = 2 * sizeof(QXLRect)};
    rects[0] = box_of(0, 0, WIDTH, 100);
    rects[1] = box_of(100, 100, WIDTH, HEIGHT);
    drawable->clip = (QXLClip){.type = SPICE_CLIP_TYPE_RECTS, .data = device_address(at)};
}

/* `value`: a PictureForm. */
static void photo_of_form(Desk *desk)
{
    const QXLRect larger = box_of(0, 0, WIDTH + 24, HEIGHT + 10);
    const size_t image_at = (sizeof(QXLDrawable) + 15) & ~(size_t)15;
    const QXLRect box = desk->value == PICTURE_PART ? larger : screen;
    uint8_t *memory = desk->device.memory + device_photo(&desk->device, 0, box, 1);
    QXLDrawable *drawable = (QXLDrawable *)(void *)memory;
    QXLImage *image = (QXLImage *)(void *)(memory + image_at);

    switch ((PictureForm)desk->value) {
    case PICTURE_BOTTOM_UP:
        image->bitmap.flags &= (uint8_t)~QXL_BITMAP_TOP_DOWN;
        break;
    case PICTURE_PART:
        drawable->bbox = screen;
        drawable->u.copy.src_area = box_of(24, 7, WIDTH + 24, HEIGHT + 7);
        break;
    case PICTURE_HIGH_BITS:
        image->descriptor.flags |= QXL_IMAGE_HIGH_BITS_SET;
        break;
    case PICTURE_16BIT:
        image->bitmap.format = SPICE_BITMAP_FMT_16BIT;
        break;
    case PICTURE_UNSTABLE:
        image->bitmap.flags |= QXL_BITMAP_UNSTABLE;
        break;
    case PICTURE_CLIPPED:
        clip_of_two(desk, drawable);
        break;
    case PICTURE_OTHER_ROP:
        drawable->u.copy.rop_descriptor = SPICE_ROPD_INVERS_SRC | SPICE_ROPD_OP_PUT;
        break;
    default:
        break;
    }
    desk_wake_and_wait(desk, 0);
}

static void nothing_there(Desk *desk)
{
    memory_again(desk);
    device_fill(&desk->device, 0, screen, 0x305070);
    desk_wake_and_wait(desk, 10 * NS_PER_MS);
    memory_again(desk);
}

/* A picture that a thread can copy as well as the canvas is not drawn for that; whatever form it has, clients see it. */
static void pictures_are_not_drawn_for_threads(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_machine);
    DeskClient *client = desk_client(desk, NULL);
    for (desk->value = 0; desk->value < PICTURE_FORMS; desk->value++) {
        desk_host(desk, nothing_there);
        desk_host(desk, update_all);
        desk_run(desk, NS_PER_S);
        const uint64_t drawn = current_drawn(desk);
        client->images[WIRE_IMAGE_TYPE_QUIC] = 0;
        desk_host(desk, photo_of_form);
        desk_run(desk, NS_PER_S);
        if (desk->value < PICTURE_FORMS_AS_ON_CANVAS) {
            assert_int_equal(client->images[WIRE_IMAGE_TYPE_QUIC], BANDS);
            assert_int_equal(current_drawn(desk), drawn);
        }
        same_pictures(desk);
    }
}

/* Who comes late is sent whatever is shown, while it is not drawn yet. */
static void late_clients_of_pictures(void **state)
{
    for (uint64_t form = 0; form < PICTURE_FORMS; form++) {
        Desk *desk = *state;
        desk->value = form;
        desk_host(desk, start_machine);
        desk_host(desk, nothing_there);
        desk_host(desk, photo_of_form);
        desk_client(desk, NULL);
        desk_run(desk, NS_PER_S);
        same_pictures(desk);
        assert_int_equal(desk_teardown(state), 0);
        assert_int_equal(desk_setup_processors(state), 0);
    }
}

/* All are there before the worker looks. `value`: what lies on the photograph, and where. */
static void photo_and_more(Desk *desk)
{
    const int32_t at = (int32_t)(desk->value / 4) * 150;
    const QXLRect box = box_of(at + 3, at + 5, at + 90, at + 60);

    device_photo(&desk->device, 0, screen, 1);
    switch (desk->value % 4) {
    case 0:
        device_fill(&desk->device, 0, box, 0x123456);
        break;
    case 1:
        device_copy_bits(&desk->device, 0, box, 700, 20);
        break;
    case 2:
        device_copy(&desk->device, 0, box, 0x654321);
        break;
    default:
        device_stroke(&desk->device, 0, box, 20);
        break;
    }
    desk_wake_and_wait(desk, 0);
}

static void what_lies_on_a_picture_is_seen(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_machine);
    desk_client(desk, NULL);
    for (desk->value = 0; desk->value < 16; desk->value++) {
        desk_host(desk, nothing_there);
        desk_host(desk, photo_and_more);
        desk_run(desk, NS_PER_S);
        same_pictures(desk);
    }
}

static void destroy(Desk *desk)
{
    spice_server_destroy(desk->server);
    desk->server = NULL;
}

/* What no thread has begun yet when the device goes is not begun any more. */
static void the_end_waits_for_little(void **state)
{
    Desk *desk = *state;
    SharedCoding *codings[BANDS];

    desk->coders_rest_ns = REST_NS;
    desk_host(desk, start_machine);
    desk_client(desk, NULL);
    desk_host(desk, photo_only);
    for (uint32_t i = 0; i < BANDS; i++) {
        codings[i] = shared_coding_ref(display_client_of_desk(desk)->bands[i].coding);
    }
    desk_host(desk, destroy);
    for (uint32_t i = 0; i < BANDS; i++) {
        assert_null(shared_coding_coded(codings[i]));
        shared_coding_unref(codings[i]);
    }
}

static void photo_and_away(Desk *desk)
{
    device_photo(&desk->device, 0, screen, 1);
    desk_wake_and_wait(desk, 0);
    if (desk->value == 1) {
        spice_qxl_destroy_surfaces(&desk->device.instance);
    }
    spice_server_destroy(desk->server);
    desk->server = NULL;
}

/* Threads end, and nothing is left, at whatever they were. */
static void the_end_comes_meanwhile(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_machine);
    desk_client(desk, NULL);
    desk_host(desk, photo_and_away);
}

static void the_surface_goes_meanwhile(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_machine);
    desk_client(desk, NULL);
    desk->value = 1;
    desk_host(desk, photo_and_away);
}

int run_threads(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bands_arrive, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(what_clients_are_to_keep, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(for_several, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(what_happens_meanwhile, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(what_covers_a_band, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(late_client, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(late_client_of_a_film, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(late_client_while_drawing, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(late_client_over_budget, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(late_client_of_what_goes, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(pictures_are_not_drawn_for_threads, desk_setup_processors,
                                        desk_teardown),
        cmocka_unit_test_setup_teardown(late_clients_of_pictures, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(what_lies_on_a_picture_is_seen, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(the_end_waits_for_little, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(the_end_comes_meanwhile, desk_setup_processors, desk_teardown),
        cmocka_unit_test_setup_teardown(the_surface_goes_meanwhile, desk_setup_processors, desk_teardown),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
