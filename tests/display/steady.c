/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* steady: what a command costs once a worker has drawn for a while. From the ring to the socket it takes no memory, and it
 * is compared with as few others whether few or many wait to be drawn.
 *
 * The server runs on the posix core, with a device that offers bursts of commands, and a client that reads them. Counted is
 * every malloc(), calloc() and realloc() of the worker's thread, whoever calls it: the server, GLib, pixman, libc.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <spice.h>

#include "display/display_internal.h"
#include "display/worker.h"
#include "fake-client/fake_client.h"
#include "fake-qxl/poll_core.h"
#include "fake-qxl/quiet_qxl.h"

#define MS UINT64_C(1000000)
#define SIDE 512u
#define SLOTS 4096u /* more than the server keeps at a time */
#define BURST 64u
#define PICTURE 16u     /* pixels of each side */
#define WARM_BURSTS 40u /* more commands than are pending at most */
#define COUNTED_BURSTS 150u
#define TURNS_MAX 20000 /* of 1 ms */
#define GLYPHS 6u       /* of a run, each of so many rows of one byte for each pixel: */
#define GLYPH_SIDE 8u
#define WINDOW 200 /* pixels of each side, of what scrolls and of what moves */
#define LINE 16    /* pixels that it scrolls */
#define STEP_X 5   /* pixels that it moves */
#define STEP_Y 3

/* ---- Counting ---- */

static _Atomic bool counting;
static _Atomic uint64_t allocations;
static __thread bool is_worker;

static void count(void)
{
    char name[16] = "";

    if (!atomic_load_explicit(&counting, memory_order_relaxed)) {
        return;
    }
    if (!is_worker) { /* a thread has its name only when it runs already */
        pthread_getname_np(pthread_self(), name, sizeof name);
        is_worker = strcmp(name, "spice-worker") == 0;
    }
    if (is_worker) {
        atomic_fetch_add(&allocations, 1);
    }
}

#include "tests/base/count_malloc.h"

/* ---- The device ---- */

typedef enum Kind {
    FILLS,
    PICTURES,
    GLYPH_RUNS,
    SCROLLING,    /* a copy upwards, and a line that appears */
    WINDOW_MOVES, /* a copy, and what it uncovers beside and above or below it */
} Kind;

typedef struct Slot {
    QXLDrawable drawable; /* first: its release info is the slot's address */
    QXLImage image;
    uint32_t pixels[PICTURE * PICTURE];
    uint8_t string[sizeof(QXLString) + GLYPHS * (sizeof(QXLRasterGlyph) + GLYPH_SIDE * GLYPH_SIDE)];
    bool is_out; /* the worker's, as all but `left` */
} Slot;

typedef struct Device {
    QXLInstance qxl; /* first */
    Kind kind;
    QXLPoint window, step; /* where it is, and what was its latest step */
    uint32_t columns;      /* fills: in a square of so many rows and columns, again and again; 0: anywhere */
    _Atomic uint32_t left; /* commands still to be offered */
    _Atomic uint32_t lost; /* there was no free slot for it */
    uint32_t next;
    uint64_t random;
    Slot slots[SLOTS];
} Device;

static uint32_t random_below(Device *device, uint32_t n)
{
    device->random = device->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(device->random >> 33) % n;
}

static QXLRect rect_at(int32_t x, int32_t y, int32_t width, int32_t height)
{
    return (QXLRect){.left = x, .top = y, .right = x + width, .bottom = y + height};
}

static void make_fill(Device *device, QXLDrawable *drawable, QXLRect box)
{
    drawable->bbox = box;
    drawable->type = QXL_DRAW_FILL;
    drawable->u.fill.brush =
        (QXLBrush){.type = SPICE_BRUSH_TYPE_SOLID, .u.color = random_below(device, 1u << 24)};
    drawable->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
}

static void make_picture(Device *device, Slot *slot)
{
    QXLDrawable *drawable = &slot->drawable;

    for (uint32_t i = 0; i < PICTURE * PICTURE; i++) {
        slot->pixels[i] = (i / 5 + device->next) * 0x10305u & 0xffffffu;
    }
    slot->image = (QXLImage){
        .descriptor = {.type = SPICE_IMAGE_TYPE_BITMAP, .width = PICTURE, .height = PICTURE},
        .bitmap = {.format = SPICE_BITMAP_FMT_32BIT,
                   .flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN,
                   .x = PICTURE,
                   .y = PICTURE,
                   .stride = PICTURE * 4,
                   .data = (uintptr_t)slot->pixels},
    };
    QXL_SET_IMAGE_ID(&slot->image, QXL_IMAGE_GROUP_DEVICE, device->next);
    drawable->bbox = rect_at((int32_t)random_below(device, SIDE - PICTURE),
                             (int32_t)random_below(device, SIDE - PICTURE), PICTURE, PICTURE);
    drawable->type = QXL_DRAW_COPY;
    drawable->u.copy.src_bitmap = (uintptr_t)&slot->image;
    drawable->u.copy.src_area = rect_at(0, 0, PICTURE, PICTURE);
    drawable->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
}

static void make_glyphs(Device *device, Slot *slot)
{
    const int32_t x = (int32_t)random_below(device, SIDE - GLYPHS * GLYPH_SIDE);
    const int32_t y = (int32_t)random_below(device, SIDE - GLYPH_SIDE);
    QXLString *string = (QXLString *)(void *)slot->string;
    QXLDrawable *drawable = &slot->drawable;

    *string = (QXLString){.data_size = sizeof slot->string - sizeof *string,
                          .length = GLYPHS,
                          .flags = SPICE_STRING_FLAGS_RASTER_A8,
                          .chunk.data_size = sizeof slot->string - sizeof *string};
    for (uint32_t i = 0; i < GLYPHS; i++) {
        uint8_t *at = slot->string + sizeof *string + i * (sizeof(QXLRasterGlyph) + GLYPH_SIDE * GLYPH_SIDE);
        const QXLRasterGlyph glyph = {.render_pos = {.x = x + (int32_t)(i * GLYPH_SIDE), .y = y},
                                      .width = GLYPH_SIDE,
                                      .height = GLYPH_SIDE};
        memcpy(at, &glyph, sizeof glyph);
        memset(at + sizeof glyph, 0x30 + (int)i, GLYPH_SIDE * GLYPH_SIDE);
    }
    drawable->effect = QXL_EFFECT_BLEND;
    drawable->bbox = rect_at(x, y, GLYPHS * GLYPH_SIDE, GLYPH_SIDE);
    drawable->type = QXL_DRAW_TEXT;
    drawable->u.text = (QXLText){.str = (uintptr_t)string,
                                 .fore_brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 0x204060},
                                 .fore_mode = SPICE_ROPD_OP_PUT,
                                 .back_mode = SPICE_ROPD_OP_PUT};
}

static void make_move(QXLDrawable *drawable, QXLRect box, int32_t from_x, int32_t from_y)
{
    drawable->bbox = box;
    drawable->type = QXL_COPY_BITS;
    drawable->u.copy_bits.src_pos = (QXLPoint){.x = from_x, .y = from_y};
    drawable->surfaces_dest[0] = 0; /* it reads the primary, too; drivers say so */
    drawable->surfaces_rects[0] = rect_at(from_x, from_y, box.right - box.left, box.bottom - box.top);
}

static void make_scrolling(Device *device, QXLDrawable *drawable)
{
    if (device->next % 2 == 0) {
        make_move(drawable, rect_at(LINE, LINE, WINDOW, WINDOW), LINE, 2 * LINE);
    } else {
        make_fill(device, drawable, rect_at(LINE, LINE + WINDOW, WINDOW, LINE));
    }
}

static int32_t bounce(int32_t at, int32_t step)
{
    return at + step < 0 || at + step + WINDOW > (int32_t)SIDE ? -step : step;
}

static void make_window_move(Device *device, QXLDrawable *drawable)
{
    QXLPoint *at = &device->window, *step = &device->step;
    const int32_t old_x = at->x - step->x, old_y = at->y - step->y;

    switch (device->next % 3) {
    case 0:
        *step = (QXLPoint){.x = bounce(at->x, step->x), .y = bounce(at->y, step->y)};
        make_move(drawable, rect_at(at->x + step->x, at->y + step->y, WINDOW, WINDOW), at->x, at->y);
        at->x += step->x;
        at->y += step->y;
        break;
    case 1:
        make_fill(device, drawable, rect_at(step->x > 0 ? old_x : at->x + WINDOW, old_y, STEP_X, WINDOW));
        break;
    default:
        make_fill(device, drawable, rect_at(old_x, step->y > 0 ? old_y : at->y + WINDOW, WINDOW, STEP_Y));
        break;
    }
}

static void make(Device *device, Slot *slot)
{
    const uint32_t side = device->columns > 0 ? 8 : 1 + random_below(device, 40);
    int32_t x = (int32_t)random_below(device, SIDE - side), y = (int32_t)random_below(device, SIDE - side);
    QXLDrawable *drawable = &slot->drawable;

    memset(drawable, 0, sizeof *drawable);
    drawable->clip.type = SPICE_CLIP_TYPE_NONE;
    drawable->surfaces_dest[0] = drawable->surfaces_dest[1] = drawable->surfaces_dest[2] = -1;
    drawable->effect = QXL_EFFECT_OPAQUE;
    switch (device->kind) {
    case FILLS:
        if (device->columns > 0) {
            x = (int32_t)(device->next % device->columns * 16);
            y = (int32_t)(device->next / device->columns % device->columns * 16);
        }
        make_fill(device, drawable, rect_at(x, y, (int32_t)side, (int32_t)side));
        break;
    case PICTURES:
        make_picture(device, slot);
        break;
    case GLYPH_RUNS:
        make_glyphs(device, slot);
        break;
    case SCROLLING:
        make_scrolling(device, drawable);
        break;
    case WINDOW_MOVES:
        make_window_move(device, drawable);
        break;
    }
}

static int get_command(QXLInstance *qxl, QXLCommandExt *command)
{
    Device *device = (Device *)qxl;
    Slot *slot = &device->slots[device->next % SLOTS];

    if (atomic_load(&device->left) == 0) {
        return 0;
    }
    if (slot->is_out) {
        atomic_fetch_add(&device->lost, 1);
        return 0;
    }
    make(device, slot);
    slot->is_out = true;
    device->next++;
    *command = (QXLCommandExt){.cmd = {.data = (uintptr_t)slot, .type = QXL_CMD_DRAW}};
    atomic_fetch_sub(&device->left, 1);
    return 1;
}

static int arm(QXLInstance *qxl)
{
    return atomic_load(&((Device *)qxl)->left) == 0;
}

static void release(QXLInstance *qxl, QXLReleaseInfoExt info)
{
    (void)qxl;
    ((Slot *)(void *)info.info)->is_out = false;
}

static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    (void)qxl;
    *info = (QXLDevInitInfo){.num_memslots_groups = 1,
                             .num_memslots = 1,
                             .memslot_gen_bits = 8,
                             .memslot_id_bits = 8,
                             .qxl_ram_size = 64u << 20,
                             .n_surfaces = 4};
}

static const QXLInterface interface = {
    QUIET_QXL("steady device"),
    .get_init_info = get_init_info,
    .get_command = get_command,
    .req_cmd_notification = arm,
    .release_resource = release,
    .get_cursor_command = quiet_qxl_no_command,
    .req_cursor_notification = quiet_qxl_always,
};

/* ---- The client ---- */

typedef struct Wire {
    FakeConnection *connection;
    int fd;
} Wire;

typedef struct Room {
    SpiceServer *server;
    Device *device;
    FakeClient *client;
    Wire main, display;
    uint64_t drawn; /* messages that the client was sent */
} Room;

static void on_message(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsg *message,
                       Span body)
{
    Room *room = opaque;

    (void)connection;
    (void)serial;
    (void)body;
    if (message->channel == WIRE_CHANNEL_DISPLAY &&
        (message->type == WIRE_MSG_DISPLAY_DRAW_FILL || message->type == WIRE_MSG_DISPLAY_DRAW_COPY ||
         message->type == WIRE_MSG_DISPLAY_DRAW_TEXT || message->type == WIRE_MSG_DISPLAY_COPY_BITS)) {
        room->drawn++;
    }
}

static void wire_open(Room *room, Wire *wire, uint8_t channel)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(spice_server_add_client(room->server, pair[0], 0), 0);
    *wire = (Wire){fake_client_connect(room->client, channel, 0, poll_core_now_ns()), pair[1]};
}

static void wire_move(Wire *wire)
{
    uint8_t buffer[8192];
    ssize_t n;

    while (wire->connection != NULL) {
        const Span out = fake_connection_output(wire->connection);
        if (out.len > 0 && (n = send(wire->fd, out.data, out.len, MSG_NOSIGNAL)) > 0) {
            fake_connection_sent(wire->connection, (size_t)n);
            continue;
        }
        n = recv(wire->fd, buffer, sizeof buffer, 0);
        if (n <= 0) {
            assert_true(n < 0 && errno == EAGAIN);
            return;
        }
        fake_connection_receive(wire->connection, span_of(buffer, (size_t)n), poll_core_now_ns());
    }
}

static void turn(Room *room, uint64_t wait_ns)
{
    poll_core_run(poll_core_now_ns() + wait_ns, NULL);
    wire_move(&room->main);
    wire_move(&room->display);
}

/* All of them at once, and until the client has what becomes of them. */
static void burst(Room *room)
{
    const uint64_t before = room->drawn;

    atomic_store(&room->device->left, BURST);
    spice_qxl_wakeup(&room->device->qxl);
    for (int i = 0; i < TURNS_MAX && atomic_load(&room->device->left) > 0; i++) {
        turn(room, MS / 10);
    }
    /* Some are covered before they are sent. */
    for (int i = 0, quiet = 0; i < TURNS_MAX && quiet < 2 && room->drawn < before + BURST; i++) {
        const uint64_t now = room->drawn;
        turn(room, MS);
        quiet = now == room->drawn && room->drawn > before ? quiet + 1 : 0;
    }
    assert_int_equal(atomic_load(&room->device->left), 0);
}

typedef struct Figures {
    uint64_t looked; /* at drawings, for what others cover */
    uint32_t pending;
    uint64_t squashes;
} Figures;

static void look_at_figures(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)now_ns;
    *(Figures *)args =
        (Figures){worker->current.looked, worker->current.pending_len, worker->display->squashes};
}

typedef struct Steady {
    uint64_t commands, allocations, looked;
    uint32_t pending; /* at the end */
} Steady;

static Steady draw_steadily(Kind kind, uint32_t columns, SpiceImageCompression compression)
{
    Room room = {0};
    FakeClientConfig config = fake_client_config_default();
    QXLDevMemSlot everything = {.virt_end = UINTPTR_MAX};
    uint8_t *pixels = calloc(SIDE, (size_t)SIDE * 4);

    room.device = calloc(1, sizeof *room.device);
    assert_non_null(pixels);
    assert_non_null(room.device);
    room.device->qxl.base.sif = &interface.base;
    room.device->kind = kind;
    room.device->step = (QXLPoint){.x = STEP_X, .y = STEP_Y};
    room.device->columns = columns;
    room.server = spice_server_new();
    spice_server_set_noauth(room.server);
    assert_int_equal(spice_server_set_image_compression(room.server, compression), 0);
    assert_int_equal(spice_server_init(room.server, poll_core_init(NULL)), 0);
    assert_int_equal(spice_server_add_interface(room.server, &room.device->qxl.base), 0);
    spice_qxl_add_memslot(&room.device->qxl, &everything);
    spice_qxl_create_primary_surface(&room.device->qxl, 0,
                                     &(QXLDevSurfaceCreate){.width = SIDE,
                                                            .height = SIDE,
                                                            .stride = (int32_t)SIDE * 4,
                                                            .format = SPICE_SURFACE_FMT_32_xRGB,
                                                            .type = QXL_SURF_TYPE_PRIMARY,
                                                            .mem = (uintptr_t)pixels});
    spice_server_vm_start(room.server);
    config.behaviour.cheap_ticket = true;
    config.on_message = on_message;
    config.opaque = &room;
    room.client = fake_client_new(&config);
    wire_open(&room, &room.main, WIRE_CHANNEL_MAIN);
    for (int i = 0; i < TURNS_MAX && fake_client_main(room.client)->session_id == 0; i++) {
        turn(&room, MS);
    }
    wire_open(&room, &room.display, WIRE_CHANNEL_DISPLAY);
    for (int i = 0; i < TURNS_MAX && !fake_connection_display(room.display.connection)->surfaces[0].exists;
         i++) {
        turn(&room, MS);
    }
    for (uint32_t i = 0; i < WARM_BURSTS; i++) {
        burst(&room);
    }
    Figures start, end;
    red_worker_call(room.device->qxl.st, "figures", look_at_figures, &start);
    const uint64_t drawn = room.drawn, before = atomic_load(&allocations);
    atomic_store(&counting, true);
    for (uint32_t i = 0; i < COUNTED_BURSTS; i++) {
        burst(&room);
    }
    atomic_store(&counting, false);
    const uint64_t made = atomic_load(&allocations) - before, commands = (uint64_t)COUNTED_BURSTS * BURST;
    print_message("%lu commands, %lu messages, %lu allocations\n", (unsigned long)commands,
                  (unsigned long)(room.drawn - drawn), (unsigned long)made);
    assert_int_equal(atomic_load(&room.device->lost), 0);
    assert_true(room.drawn - drawn > commands / 2); /* they were sent as commands */

    red_worker_call(room.device->qxl.st, "figures", look_at_figures, &end);
    assert_int_equal(end.squashes, start.squashes); /* the client kept up */
    spice_server_vm_stop(room.server);
    spice_server_remove_interface(&room.device->qxl.base);
    spice_server_destroy(room.server);
    poll_core_run(poll_core_now_ns(), NULL); /* frees what was removed */
    const FakeViolation *violation;
    if (fake_client_violations(room.client, &violation) > 0) {
        fail_msg("%s", violation->text);
    }
    close(room.main.fd);
    close(room.display.fd);
    fake_client_free(room.client);
    free(room.device);
    free(pixels);
    return (Steady){commands, made, end.looked - start.looked, end.pending};
}

static void takes_no_memory(Kind kind, SpiceImageCompression compression)
{
    const Steady steady = draw_steadily(kind, 0, compression);

    /* What there may be is not for a command: buffers that a burst makes larger. */
    assert_true(steady.allocations * 4 < steady.commands);
}

static void fills(void **state)
{
    (void)state;
    takes_no_memory(FILLS, SPICE_IMAGE_COMPRESSION_OFF);
}

static void raw_pictures(void **state)
{
    (void)state;
    takes_no_memory(PICTURES, SPICE_IMAGE_COMPRESSION_OFF);
}

static void coded_pictures(void **state)
{
    (void)state;
    takes_no_memory(PICTURES, SPICE_IMAGE_COMPRESSION_LZ);
}

static void glyph_runs(void **state)
{
    (void)state;
    takes_no_memory(GLYPH_RUNS, SPICE_IMAGE_COMPRESSION_OFF);
}

static void scrolling(void **state)
{
    (void)state;
    takes_no_memory(SCROLLING, SPICE_IMAGE_COMPRESSION_OFF);
}

static void window_moves(void **state)
{
    (void)state;
    takes_no_memory(WINDOW_MOVES, SPICE_IMAGE_COMPRESSION_OFF);
}

/* Fills that cover those of a round before, as dense on a small part of the surface as on nearly all of it: twelve times as
 * many are pending, and each is compared with as many. */
static void work_does_not_grow(void **state)
{
    (void)state;
    const Steady few = draw_steadily(FILLS, 8, SPICE_IMAGE_COMPRESSION_OFF);
    const Steady many = draw_steadily(FILLS, 28, SPICE_IMAGE_COMPRESSION_OFF);
    print_message("%u pending: %lu looks; %u pending: %lu looks; at %lu commands\n", few.pending,
                  (unsigned long)few.looked, many.pending, (unsigned long)many.looked,
                  (unsigned long)few.commands);
    assert_true(few.pending <= 8 * 8 && many.pending > 10 * few.pending);
    assert_true(few.looked > few.commands / 2 && many.looked > few.commands / 2);
    assert_true(many.looked < few.looked * 3 / 2);
}

/* What is counted is counted: else the tests above could not fail. */
static void *allocate(void *opaque)
{
    void *volatile memory;

    pthread_setname_np(pthread_self(), opaque);
    memory = malloc(100);
    memory = realloc(memory, 5000);
    free(memory);
    memory = calloc(7, 9);
    free(memory);
    memory = strdup("by a library");
    free(memory);
    return NULL;
}

static uint64_t counted_in(const char *name)
{
    const uint64_t before = atomic_load(&allocations);
    pthread_t thread;

    atomic_store(&counting, true);
    assert_int_equal(pthread_create(&thread, NULL, allocate, (void *)name), 0);
    pthread_join(thread, NULL);
    atomic_store(&counting, false);
    return atomic_load(&allocations) - before;
}

static void counter(void **state)
{
    (void)state;
    hook();
    assert_int_equal(counted_in("spice-worker"), 4);
    assert_int_equal(counted_in("another"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counter),      cmocka_unit_test(fills),
        cmocka_unit_test(raw_pictures), cmocka_unit_test(coded_pictures),
        cmocka_unit_test(glyph_runs),   cmocka_unit_test(scrolling),
        cmocka_unit_test(window_moves), cmocka_unit_test(work_does_not_grow),
    };

    return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
