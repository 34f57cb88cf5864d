/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-bands: how long a photograph as large as the screen takes, from the guest's command to its last byte at a client,
 * coded by the worker alone and by threads. Real threads and sockets; nothing is decoded while the clock runs.
 *
 *   bench-bands [FRAMES [alone|threads]]   so many each way, or only so (default 15); prints medians and their ratio
 *   bench-bands --check                    one each way; the client's picture must be the guest's, however long that takes
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <spice.h>

#include "api/server.h"
#include "core/posix/posix.h"
#include "fake-client/fake_client.h"
#include "fake-qxl/poll_core.h"
#include "fake-qxl/quiet_qxl.h"

#define WIDTH 1920u
#define HEIGHT 1080u
#define FRAMES 15u
#define FRAMES_MAX 1000u
#define PROCESSORS 2u
#define MS UINT64_C(1000000)
#define PATIENCE_NS (60000 * MS)

typedef struct Bench {
    QXLInstance qxl; /* first: callbacks get its address */
    Core core;
    SpiceServer *server;
    uint8_t *primary, *photo;
    struct {
        QXLDrawable drawable;
        QXLImage image;
    } command;
    _Atomic bool offered, released;
    FakeClient *client;
    FakeConnection *connections[2]; /* main, display */
    int fds[2];
    uint64_t pixels; /* of it that came */
    uint64_t images; /* messages */
} Bench;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench-bands: %s\n", what);
    exit(1);
}

/* ---- The device ---- */

static Bench *bench_of(QXLInstance *qxl)
{
    return (Bench *)qxl;
}

static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    (void)qxl;
    *info = (QXLDevInitInfo){.num_memslots_groups = 1, .num_memslots = 1, .n_surfaces = 1};
}

static int get_command(QXLInstance *qxl, QXLCommandExt *command)
{
    Bench *bench = bench_of(qxl);

    if (!atomic_exchange(&bench->offered, false)) {
        return 0;
    }
    *command = (QXLCommandExt){.cmd = {.type = QXL_CMD_DRAW, .data = (uintptr_t)&bench->command.drawable}};
    return 1;
}

static int req_cmd_notification(QXLInstance *qxl)
{
    return !atomic_load(&bench_of(qxl)->offered);
}

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt release)
{
    (void)release;
    atomic_store(&bench_of(qxl)->released, true);
}

static QXLInterface interface = {
    QUIET_QXL("bench"),
    .get_init_info = get_init_info,
    .get_command = get_command,
    .req_cmd_notification = req_cmd_notification,
    .get_cursor_command = quiet_qxl_no_command,
    .req_cursor_notification = quiet_qxl_always,
    .release_resource = release_resource,
};

/* Light that changes slowly, edges, texture, grain: what photographs are made of. */
static uint32_t light(uint32_t seed, uint32_t x, uint32_t y, uint32_t shift)
{
    const uint32_t size = 1u << shift, fx = x & (size - 1), fy = y & (size - 1);
    uint32_t corners[4];

    for (uint32_t i = 0; i < 4; i++) {
        uint32_t v = seed + ((x >> shift) + (i & 1)) * 73856093u + ((y >> shift) + (i >> 1)) * 19349663u;
        v = (v ^ v >> 16) * 0x45d9f3bu;
        corners[i] = (v ^ v >> 16) & 255;
    }
    const uint32_t top = corners[0] * (size - fx) + corners[1] * fx,
                   bottom = corners[2] * (size - fx) + corners[3] * fx;
    return (top * (size - fy) + bottom * fy) >> 2 * shift;
}

static void paint(Bench *bench, uint32_t seed)
{
    uint32_t random = seed * 2654435761u + 1;

    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
        const uint32_t x = i % WIDTH, y = i / WIDTH;
        const uint32_t bright =
            light(seed, x, y, 7) * 4 + light(seed + 1, x, y, 4) * 2 + light(seed + 2, x, y, 2);
        uint32_t pixel = 0;
        for (uint32_t channel = 0; channel < 3; channel++) {
            random = random * 1664525 + 1013904223;
            pixel = pixel << 8 | ((bright + light(seed + 3 + channel, x, y, 6)) / 9 + (random >> 29));
        }
        memcpy(bench->photo + 4 * (size_t)i, &pixel, 4);
    }
}

static void offer(Bench *bench)
{
    const QXLRect all = {.right = WIDTH, .bottom = HEIGHT};
    QXLDrawable *drawable = &bench->command.drawable;

    *drawable = (QXLDrawable){.type = QXL_DRAW_COPY, .bbox = all, .surfaces_dest = {-1, -1, -1}};
    drawable->u.copy = (QXLCopy){
        .src_bitmap = (uintptr_t)&bench->command.image, .src_area = all, .rop_descriptor = SPICE_ROPD_OP_PUT};
    bench->command.image = (QXLImage){
        .descriptor = {.id = 1, .type = SPICE_IMAGE_TYPE_BITMAP, .width = WIDTH, .height = HEIGHT}};
    bench->command.image.bitmap = (QXLBitmap){.format = SPICE_BITMAP_FMT_32BIT,
                                              .flags = QXL_BITMAP_TOP_DOWN | QXL_BITMAP_DIRECT,
                                              .x = WIDTH,
                                              .y = HEIGHT,
                                              .stride = 4 * WIDTH,
                                              .data = (uintptr_t)bench->photo};
    bench->pixels = bench->images = 0;
    atomic_store(&bench->released, false);
    atomic_store(&bench->offered, true);
    spice_qxl_wakeup(&bench->qxl);
}

/* ---- The client ---- */

static void on_message(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsg *message,
                       Span body)
{
    Bench *bench = opaque;

    (void)connection;
    (void)serial;
    (void)body;
    if (message->channel == WIRE_CHANNEL_DISPLAY && message->type == WIRE_MSG_DISPLAY_DRAW_COPY) {
        const WireRect *box = &message->u.display_draw_copy.base.box;
        bench->pixels += (uint64_t)(box->right - box->left) * (uint64_t)(box->bottom - box->top);
        bench->images++;
    }
}

/* On a unix socket nothing would be coded. */
static int tcp_pair(int *ret_server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0 ||
        connect(client, (struct sockaddr *)&address, sizeof address) != 0) {
        fail("no sockets");
    }
    *ret_server = accept(listener, NULL, NULL);
    close(listener);
    return client;
}

static void wire_open(Bench *bench, int i, uint8_t channel)
{
    int theirs;

    bench->fds[i] = tcp_pair(&theirs);
    if (spice_server_add_client(bench->server, theirs, 0) != 0) {
        fail("the server takes no client");
    }
    bench->connections[i] = fake_client_connect(bench->client, channel, 0, poll_core_now_ns());
}

static void wire_move(Bench *bench, int i)
{
    static uint8_t buffer[1u << 18];
    FakeConnection *connection = bench->connections[i];
    ssize_t n;

    while (connection != NULL) {
        const Span out = fake_connection_output(connection);
        if (out.len > 0 && (n = send(bench->fds[i], out.data, out.len, MSG_NOSIGNAL)) > 0) {
            fake_connection_sent(connection, (size_t)n);
            continue;
        }
        n = recv(bench->fds[i], buffer, sizeof buffer, MSG_DONTWAIT);
        if (n <= 0) {
            if (n == 0 || errno != EAGAIN) {
                fail("the server has closed a connection");
            }
            return;
        }
        fake_connection_receive(connection, span_of(buffer, (size_t)n), poll_core_now_ns());
    }
}

static void turn(Bench *bench)
{
    poll_core_run(poll_core_now_ns() + MS, NULL);
    wire_move(bench, 0);
    wire_move(bench, 1);
    if (bench->connections[1] == NULL && fake_client_main(bench->client)->session_id != 0) {
        wire_open(bench, 1, WIRE_CHANNEL_DISPLAY);
    }
}

/* The time until all of a picture is there; the host's loop rests meanwhile. */
static uint64_t frame(Bench *bench)
{
    const uint64_t start_ns = poll_core_now_ns();

    offer(bench);
    while (bench->pixels < (uint64_t)WIDTH * HEIGHT) {
        struct pollfd pollfd = {.fd = bench->fds[1], .events = POLLIN};
        (void)poll(&pollfd, 1, 1000);
        wire_move(bench, 1);
        if (poll_core_now_ns() - start_ns > PATIENCE_NS) {
            fail("the picture does not come");
        }
    }
    const uint64_t took_ns = poll_core_now_ns() - start_ns;
    for (int i = 0; i < 20; i++) {
        turn(bench);
    }
    return took_ns;
}

/* ---- A server ---- */

static uint32_t one_processor(const Core *core)
{
    (void)core;
    return 1;
}

static uint32_t two_processors(const Core *core)
{
    (void)core;
    return PROCESSORS;
}

static Bench *bench_new(SpiceCoreInterface *host, bool threads, bool pictures)
{
    Bench *bench = calloc(1, sizeof *bench);
    FakeClientConfig config = fake_client_config_default();

    bench->core = *core_posix();
    bench->core.processors = threads ? two_processors : one_processor;
    bench->primary = calloc(WIDTH * HEIGHT, 4);
    bench->photo = calloc(WIDTH * HEIGHT, 4);
    bench->qxl.base.sif = &interface.base;
    bench->server = server_new(&bench->core);
    spice_server_set_noauth(bench->server);
    spice_server_set_image_compression(bench->server, SPICE_IMAGE_COMPRESSION_AUTO_GLZ);
    if (spice_server_init(bench->server, host) != 0 ||
        spice_server_add_interface(bench->server, &bench->qxl.base) != 0) {
        fail("no server");
    }
    QXLDevMemSlot slot = {.virt_end = UINTPTR_MAX};
    QXLDevSurfaceCreate primary = {.width = WIDTH,
                                   .height = HEIGHT,
                                   .stride = 4 * WIDTH,
                                   .format = SPICE_SURFACE_FMT_32_xRGB,
                                   .mem = (uintptr_t)bench->primary};
    spice_qxl_add_memslot(&bench->qxl, &slot);
    spice_qxl_create_primary_surface(&bench->qxl, 0, &primary);
    spice_server_vm_start(bench->server);
    config.behaviour.cheap_ticket = true;
    config.no_pictures = !pictures;
    config.on_message = on_message;
    config.opaque = bench;
    bench->client = fake_client_new(&config);
    wire_open(bench, 0, WIRE_CHANNEL_MAIN);
    for (int i = 0; i < 300 || bench->connections[1] == NULL; i++) {
        turn(bench);
    }
    return bench;
}

static void bench_free(Bench *bench)
{
    const FakeViolation *violation;

    spice_server_vm_stop(bench->server);
    spice_server_remove_interface(&bench->qxl.base);
    spice_server_destroy(bench->server);
    if (fake_client_violations(bench->client, &violation) > 0) {
        fail(violation->text);
    }
    for (int i = 0; i < 2; i++) {
        close(bench->fds[i]);
        fake_connection_closed(bench->connections[i], poll_core_now_ns());
    }
    fake_client_free(bench->client);
    poll_core_run(poll_core_now_ns(), NULL); /* frees what was removed */
    free(bench->primary);
    free(bench->photo);
    free(bench);
}

static void check(SpiceCoreInterface *host, bool threads)
{
    Bench *bench = bench_new(host, threads, true);
    FakePicture picture;

    paint(bench, 1);
    (void)frame(bench);
    if ((bench->images > 1) != threads) {
        fail("it came in bands, or not, as it should not");
    }
    if (!atomic_load(&bench->released)) {
        spice_server_vm_stop(bench->server);
        spice_server_vm_start(bench->server);
    }
    if (!atomic_load(&bench->released) || !fake_connection_picture(bench->connections[1], 0, &picture)) {
        fail("its memory is not given back, or there is no picture");
    }
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
        uint32_t pixel;
        memcpy(&pixel, bench->photo + 4 * (size_t)i, 4);
        if (fake_picture_color(&picture, i % WIDTH, i / WIDTH) != pixel) {
            fail("the client shows something else");
        }
    }
    bench_free(bench);
}

static int by_size(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static double median_ms(uint64_t *times_ns, uint32_t count)
{
    qsort(times_ns, count, sizeof *times_ns, by_size);
    const uint64_t middle_ns = times_ns[count / 2];
    return (double)middle_ns / (double)MS;
}

int main(int argc, char **argv)
{
    static uint64_t times_ns[2][FRAMES_MAX];
    SpiceCoreInterface *host = poll_core_init(NULL);
    Bench *benches[2];
    double medians[2];

    if (argc > 1 && strcmp(argv[1], "--check") == 0) {
        check(host, false);
        check(host, true);
        return 0;
    }
    const long asked = argc > 1 ? strtol(argv[1], NULL, 10) : (long)FRAMES;
    const uint32_t frames = asked > 0 && asked <= (long)FRAMES_MAX ? (uint32_t)asked : FRAMES;
    const uint32_t first = argc > 2 && strcmp(argv[2], "threads") == 0, last = argc > 2 ? first : 1;
    for (uint32_t k = first; k <= last; k++) {
        benches[k] = bench_new(host, k == 1, false);
    }
    for (uint32_t i = 0; i < frames + 2; i++) { /* two to warm up */
        for (uint32_t k = first; k <= last; k++) {
            paint(benches[k], i);
            times_ns[k][i > 1 ? i - 2 : 0] = frame(benches[k]);
        }
    }
    for (uint32_t k = first; k <= last; k++) {
        medians[k] = median_ms(times_ns[k], frames);
        printf("%s: %.1f ms (fastest %.1f), %u x %u, the last in %llu messages\n",
               k == 0 ? "worker alone" : "threads", medians[k], (double)times_ns[k][0] / (double)MS, WIDTH,
               HEIGHT, (unsigned long long)benches[k]->images);
        bench_free(benches[k]);
    }
    if (first < last) {
        printf("ratio %.2f\n", medians[1] / medians[0]);
    }
    return 0;
}
