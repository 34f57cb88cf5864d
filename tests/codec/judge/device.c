/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The existing server's host, with a QXL device that draws what judge_draw() was given. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <unistd.h>

#include <spice.h>

#include "ci/bench.d/loop.h"
#include "tests/codec/judge/judge.h"
#include "fake-qxl/quiet_qxl.h"

#define SIDE 2048u /* of the primary surface; no image is larger */

/* The guest's memory of one drawing. Guest addresses are those of this process. */
typedef struct Drawing {
    QXLDrawable drawable; /* first: it is what is released */
    QXLImage image;
    struct {
        QXLPalette palette;
        uint32_t room[256];
    } colors;
    QXLDataChunk *chunks[16];
    unsigned chunk_count;
} Drawing;

static struct {
    QXLInstance qxl;
    int doorbell;
    Drawing *_Atomic offered;
    _Atomic int worker_thread;
    uint32_t serial;
    int (*client)(uint16_t port);
    uint16_t port;
} device;

_Noreturn void judge_fail(const char *what)
{
    fprintf(stderr, "codec-judge: %s\n", what);
    _exit(1);
}

static QXLPHYSICAL guest_address(const void *p)
{
    return (uintptr_t)p;
}

void judge_draw(const ImageSource *source)
{
    Drawing *drawing = calloc(1, sizeof(*drawing));
    if (drawing == NULL || source->chunk_count > 16) {
        judge_fail("a drawing cannot be made");
    }
    const QXLRect box = {.bottom = (int32_t)source->height, .right = (int32_t)source->width};
    /* The last row of a source may end without its padding; a guest's may not. */
    for (uint32_t c = 0; c < source->chunk_count; c++) {
        const uint32_t bytes = source->chunks[c].rows * source->stride;
        const uint32_t last = c + 1 < source->chunk_count
                                  ? 0
                                  : source->stride - (uint32_t)pixel_row_bytes(source->format, source->width);
        QXLDataChunk *chunk = calloc(1, sizeof(*chunk) + bytes);
        if (chunk == NULL) {
            judge_fail("no memory");
        }
        memcpy(chunk->data, source->chunks[c].data, bytes - last);
        chunk->data_size = bytes;
        chunk->prev_chunk = c > 0 ? guest_address(drawing->chunks[c - 1]) : 0;
        if (c > 0) {
            drawing->chunks[c - 1]->next_chunk = guest_address(chunk);
        }
        drawing->chunks[drawing->chunk_count++] = chunk;
    }
    QXLImage *image = &drawing->image;
    QXL_SET_IMAGE_ID(image, QXL_IMAGE_GROUP_DRIVER_DONT_CACHE, ++device.serial);
    image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
    image->descriptor.width = source->width;
    image->descriptor.height = source->height;
    image->bitmap = (QXLBitmap){
        .format = (uint8_t)source->format,
        .flags = source->top_down ? QXL_BITMAP_TOP_DOWN : 0,
        .x = source->width,
        .y = source->height,
        .stride = source->stride,
        .data = guest_address(drawing->chunks[0]),
    };
    if (source->format <= PIXEL_8BIT) {
        QXLPalette *palette = &drawing->colors.palette;
        palette->unique = device.serial;
        palette->num_ents = (uint16_t)(1u << pixel_bits(source->format));
        for (uint32_t i = 0; i < palette->num_ents; i++) {
            palette->ents[i] = i * 0x010203;
        }
        image->bitmap.palette = guest_address(palette);
    }
    QXLDrawable *drawable = &drawing->drawable;
    drawable->release_info.id = guest_address(drawing);
    drawable->effect = QXL_EFFECT_OPAQUE;
    drawable->type = QXL_DRAW_COPY;
    drawable->bbox = box;
    drawable->clip.type = SPICE_CLIP_TYPE_NONE;
    for (int i = 0; i < 3; i++) {
        drawable->surfaces_dest[i] = -1;
    }
    drawable->u.copy.src_bitmap = guest_address(image);
    drawable->u.copy.src_area = box;
    drawable->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
    atomic_store(&device.offered, drawing);
    const uint64_t one = 1;
    if (write(device.doorbell, &one, sizeof(one)) < 0) {
        judge_fail("the doorbell is broken");
    }
}

int judge_worker_thread(void)
{
    return atomic_load(&device.worker_thread);
}

/* ---- What the worker calls ---- */

static int get_command(QXLInstance *qxl, QXLCommandExt *ext)
{
    (void)qxl;
    Drawing *drawing = atomic_exchange(&device.offered, NULL);
    if (drawing == NULL) {
        return 0;
    }
    atomic_store(&device.worker_thread, gettid());
    *ext = (QXLCommandExt){.cmd = {.data = guest_address(&drawing->drawable), .type = QXL_CMD_DRAW}};
    return 1;
}

static int req_cmd_notification(QXLInstance *qxl)
{
    (void)qxl;
    return atomic_load(&device.offered) == NULL;
}

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt release)
{
    (void)qxl;
    Drawing *drawing = (Drawing *)(uintptr_t)release.info->id;
    for (unsigned c = 0; c < drawing->chunk_count; c++) {
        free(drawing->chunks[c]);
    }
    free(drawing);
}

static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    (void)qxl;
    *info = (QXLDevInitInfo){.num_memslots_groups = 1,
                             .num_memslots = 1,
                             .memslot_gen_bits = 8,
                             .memslot_id_bits = 8,
                             .qxl_ram_size = 64u << 20,
                             .n_surfaces = 16};
}

static const QXLInterface interface = {
    QUIET_QXL("codec judge"),
    .get_init_info = get_init_info,
    .get_command = get_command,
    .req_cmd_notification = req_cmd_notification,
    .release_resource = release_resource,
    .get_cursor_command = quiet_qxl_no_command,
    .req_cursor_notification = quiet_qxl_always,
};

/* ---- The host ---- */

static void doorbell_answer(int fd, int event, void *opaque)
{
    uint64_t rings;
    (void)event;
    (void)opaque;
    if (read(fd, &rings, sizeof(rings)) == sizeof(rings)) {
        spice_qxl_wakeup(&device.qxl);
    }
}

static uint16_t port_find(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        judge_fail("no free port");
    }
    close(fd);
    return ntohs(address.sin_port);
}

static void *client_thread(void *opaque)
{
    (void)opaque;
    const int result = device.client(device.port);
    fflush(stdout);
    _exit(result); /* tearing the server down is not what is judged */
}

int judge_run(const JudgeSettings *settings, int (*client)(uint16_t port))
{
    SpiceServer *server = spice_server_new();
    device.port = port_find();
    device.client = client;
    if (server == NULL || spice_server_set_port(server, device.port) != 0) {
        judge_fail("no server");
    }
    spice_server_set_addr(server, "127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY);
    spice_server_set_image_compression(server, (SpiceImageCompression)settings->compression);
    spice_server_set_jpeg_compression(server, settings->jpeg ? SPICE_WAN_COMPRESSION_ALWAYS
                                                             : SPICE_WAN_COMPRESSION_NEVER);
    spice_server_set_zlib_glz_compression(server, settings->zlib_glz ? SPICE_WAN_COMPRESSION_ALWAYS
                                                                     : SPICE_WAN_COMPRESSION_NEVER);
    spice_server_set_streaming_video(server, SPICE_STREAM_VIDEO_OFF);
    if (spice_server_set_noauth(server) != 0 || spice_server_init(server, loop_core()) != 0) {
        judge_fail("the server does not start");
    }
    device.qxl.base.sif = &interface.base;
    device.doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop_core()->watch_add(device.doorbell, SPICE_WATCH_EVENT_READ, doorbell_answer, NULL);
    if (spice_server_add_interface(server, &device.qxl.base) != 0) {
        judge_fail("the server refused the QXL device");
    }
    QXLDevMemSlot everything = {.virt_end = UINTPTR_MAX};
    spice_qxl_add_memslot(&device.qxl, &everything);
    uint8_t *pixels = calloc(SIDE, SIDE * 4);
    QXLDevSurfaceCreate surface = {
        .width = SIDE,
        .height = SIDE,
        .stride = (int32_t)SIDE * 4,
        .format = SPICE_SURFACE_FMT_32_xRGB,
        .mouse_mode = 1,
        .type = QXL_SURF_TYPE_PRIMARY,
        .mem = (uintptr_t)pixels,
    };
    spice_qxl_create_primary_surface(&device.qxl, 0, &surface);
    spice_server_vm_start(server);
    pthread_t thread;
    if (pixels == NULL || pthread_create(&thread, NULL, client_thread, NULL) != 0) {
        judge_fail("no memory");
    }
    loop_run();
    return 1;
}
