/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* debian-host: a host program without a VM, compiled against the public headers that Debian ships.
 *
 * It knows nothing of this project: the dynamic linker decides whether it runs on Debian's
 * libspice-server.so.1 or, with LD_LIBRARY_PATH, on ours. So it serves twice: as the control that shows what
 * the existing server does under the very same test, and as a drop-in check of a host that was built long
 * before our library.
 *
 * Command line and output are those of fake-desktop: `ready` once it listens, then `key: 0xNN`, `mouse: dx dy
 * dz buttons`, `mouse-buttons: buttons`, `tablet: x y buttons`, `tablet-wheel: dz buttons`, `tablet-buttons:
 * buttons`; and `channel-event: name type=N id=N tls=N`.
 *
 * The main thread runs GLib's main loop and everything but the command callbacks, which the server calls in
 * its worker thread. Those share `Device` under its lock. The device draws one fill each 100 ms and shows one
 * cursor.
 */
#include <spice.h>

#include <glib.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake-qxl/fake_input.h"

enum { WIDTH = 640, HEIGHT = 480, CURSOR_SIZE = 16, TICK_MS = 100 };

/* ---- SpiceCoreInterface on GLib ---- */

struct SpiceTimer {
    SpiceTimerFunc func;
    void *opaque;
    guint source;
};

struct SpiceWatch {
    SpiceWatchFunc func;
    void *opaque;
    int fd;
    guint source;
};

static gboolean timer_fire(gpointer opaque)
{
    SpiceTimer *timer = opaque;
    timer->source = 0;
    timer->func(timer->opaque); /* may remove the timer */
    return G_SOURCE_REMOVE;
}

static SpiceTimer *timer_add(SpiceTimerFunc func, void *opaque)
{
    SpiceTimer *timer = g_new0(SpiceTimer, 1);
    timer->func = func;
    timer->opaque = opaque;
    return timer;
}

static void timer_cancel(SpiceTimer *timer)
{
    if (timer->source) {
        g_source_remove(timer->source);
        timer->source = 0;
    }
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
    timer_cancel(timer);
    timer->source = g_timeout_add(ms, timer_fire, timer);
}

static void timer_remove(SpiceTimer *timer)
{
    timer_cancel(timer);
    g_free(timer);
}

/* The callback may change or remove its own watch: after it, only what the callback left is looked at. */
static gboolean watch_fire(gint fd, GIOCondition condition, gpointer opaque)
{
    SpiceWatch *watch = opaque;
    int event = 0;
    if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)) {
        event |= SPICE_WATCH_EVENT_READ;
    }
    if (condition & G_IO_OUT) {
        event |= SPICE_WATCH_EVENT_WRITE;
    }
    watch->func(fd, event, watch->opaque);
    return G_SOURCE_CONTINUE;
}

static void watch_update_mask(SpiceWatch *watch, int mask)
{
    if (watch->source) {
        g_source_remove(watch->source);
        watch->source = 0;
    }
    GIOCondition condition = 0;
    condition |= mask & SPICE_WATCH_EVENT_READ ? G_IO_IN | G_IO_HUP | G_IO_ERR : 0;
    condition |= mask & SPICE_WATCH_EVENT_WRITE ? G_IO_OUT : 0;
    if (condition) {
        watch->source = g_unix_fd_add(watch->fd, condition, watch_fire, watch);
    }
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
    SpiceWatch *watch = g_new0(SpiceWatch, 1);
    watch->func = func;
    watch->opaque = opaque;
    watch->fd = fd;
    watch_update_mask(watch, mask);
    return watch;
}

static void watch_remove(SpiceWatch *watch)
{
    watch_update_mask(watch, 0);
    g_free(watch);
}

static void channel_event(int event, SpiceChannelEventInfo *info)
{
    static const char *const names[] = {"?", "connected", "initialized", "disconnected"};
    printf("channel-event: %s type=%d id=%d tls=%d\n", event >= 1 && event <= 3 ? names[event] : names[0],
           info->type, info->id, (info->flags & SPICE_CHANNEL_EVENT_FLAG_TLS) != 0);
}

static SpiceCoreInterface core = {
    .base = {SPICE_INTERFACE_CORE, "debian-host", SPICE_INTERFACE_CORE_MAJOR, SPICE_INTERFACE_CORE_MINOR},
    .timer_add = timer_add,
    .timer_start = timer_start,
    .timer_cancel = timer_cancel,
    .timer_remove = timer_remove,
    .watch_add = watch_add,
    .watch_update_mask = watch_update_mask,
    .watch_remove = watch_remove,
    .channel_event = channel_event,
};

/* ---- a QXL device: one memslot that maps addresses to themselves ---- */

/* The release info's id is the address of the block to free; a command with its data is one allocation. */
typedef struct DrawBlock {
    QXLDrawable drawable;
} DrawBlock;

typedef struct CursorBlock {
    QXLCursorCmd cmd;
    QXLCursor cursor; /* last: its chunk's data follows */
} CursorBlock;

typedef struct Device {
    QXLInstance instance; /* first: the callbacks get its address */
    GMutex lock;
    bool draw_pending, cursor_pending, cmd_armed, cursor_armed; /* under lock */
    uint32_t tick;                                              /* under lock */
    uint32_t *primary;
} Device;

static void qxl_attached(QXLInstance *q)
{
    (void)q;
}

static void qxl_set_compression_level(QXLInstance *q, int level)
{
    (void)q, (void)level;
}

static void qxl_init_info(QXLInstance *q, QXLDevInitInfo *info)
{
    (void)q;
    memset(info, 0, sizeof(*info));
    info->num_memslots_groups = 1;
    info->num_memslots = 1;
    info->memslot_gen_bits = 8;
    info->memslot_id_bits = 8;
    info->qxl_ram_size = 16 << 20;
    info->n_surfaces = 16;
}

static int qxl_get_command(QXLInstance *q, QXLCommandExt *ext)
{
    Device *d = (Device *)q;
    g_mutex_lock(&d->lock);
    bool pending = d->draw_pending;
    d->draw_pending = false;
    uint32_t tick = d->tick;
    g_mutex_unlock(&d->lock);
    if (!pending) {
        return 0;
    }
    DrawBlock *block = g_new0(DrawBlock, 1);
    QXLDrawable *draw = &block->drawable;
    draw->release_info.id = (uintptr_t)block;
    draw->effect = QXL_EFFECT_OPAQUE;
    draw->type = QXL_DRAW_FILL;
    draw->bbox.left = (int32_t)(tick * 24 % (WIDTH - 32));
    draw->bbox.top = (int32_t)(tick * 8 % (HEIGHT - 32));
    draw->bbox.right = draw->bbox.left + 32;
    draw->bbox.bottom = draw->bbox.top + 32;
    draw->clip.type = SPICE_CLIP_TYPE_NONE;
    draw->mm_time = tick * TICK_MS;
    for (int i = 0; i < 3; i++) {
        draw->surfaces_dest[i] = -1;
    }
    draw->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    draw->u.fill.brush.u.color = tick * 0x010305 & 0xffffff;
    draw->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
    memset(ext, 0, sizeof(*ext));
    ext->cmd.type = QXL_CMD_DRAW;
    ext->cmd.data = (uintptr_t)block;
    return 1;
}

static int qxl_get_cursor_command(QXLInstance *q, QXLCommandExt *ext)
{
    Device *d = (Device *)q;
    g_mutex_lock(&d->lock);
    bool pending = d->cursor_pending;
    d->cursor_pending = false;
    g_mutex_unlock(&d->lock);
    if (!pending) {
        return 0;
    }
    const uint32_t pixel_bytes = CURSOR_SIZE * CURSOR_SIZE * 4;
    CursorBlock *block = g_malloc0(sizeof(*block) + pixel_bytes);
    block->cmd.release_info.id = (uintptr_t)block;
    block->cmd.type = QXL_CURSOR_SET;
    block->cmd.u.set.position.x = 100;
    block->cmd.u.set.position.y = 100;
    block->cmd.u.set.visible = 1;
    block->cmd.u.set.shape = (uintptr_t)&block->cursor;
    block->cursor.header.unique = 1;
    block->cursor.header.type = SPICE_CURSOR_TYPE_ALPHA;
    block->cursor.header.width = CURSOR_SIZE;
    block->cursor.header.height = CURSOR_SIZE;
    block->cursor.data_size = pixel_bytes;
    block->cursor.chunk.data_size = pixel_bytes;
    memset(block->cursor.chunk.data, 0xc0, pixel_bytes);
    memset(ext, 0, sizeof(*ext));
    ext->cmd.type = QXL_CMD_CURSOR;
    ext->cmd.data = (uintptr_t)block;
    return 1;
}

static int qxl_arm_cmd(QXLInstance *q)
{
    Device *d = (Device *)q;
    g_mutex_lock(&d->lock);
    bool empty = !d->draw_pending;
    d->cmd_armed = empty;
    g_mutex_unlock(&d->lock);
    return empty;
}

static int qxl_arm_cursor(QXLInstance *q)
{
    Device *d = (Device *)q;
    g_mutex_lock(&d->lock);
    bool empty = !d->cursor_pending;
    d->cursor_armed = empty;
    g_mutex_unlock(&d->lock);
    return empty;
}

static void qxl_release(QXLInstance *q, QXLReleaseInfoExt info)
{
    (void)q;
    g_free((void *)(uintptr_t)info.info->id);
}

static void qxl_notify_update(QXLInstance *q, uint32_t id)
{
    (void)q, (void)id;
}

static int qxl_flush_resources(QXLInstance *q)
{
    (void)q;
    return 0;
}

static void qxl_async_complete(QXLInstance *q, uint64_t cookie)
{
    (void)q, (void)cookie;
}

static void qxl_update_area_complete(QXLInstance *q, uint32_t surface, QXLRect *rects, uint32_t n)
{
    (void)q, (void)surface, (void)rects, (void)n;
}

static void qxl_client_capabilities(QXLInstance *q, uint8_t present, uint8_t caps[SPICE_CAPABILITIES_SIZE])
{
    (void)q, (void)present, (void)caps;
}

static int qxl_client_monitors(QXLInstance *q, VDAgentMonitorsConfig *config)
{
    (void)q, (void)config;
    return 0;
}

static const QXLInterface qxl_interface = {
    .base = {SPICE_INTERFACE_QXL, "qxl", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR},
    .attached_worker = qxl_attached,
    .set_compression_level = qxl_set_compression_level,
    .get_init_info = qxl_init_info,
    .get_command = qxl_get_command,
    .req_cmd_notification = qxl_arm_cmd,
    .release_resource = qxl_release,
    .get_cursor_command = qxl_get_cursor_command,
    .req_cursor_notification = qxl_arm_cursor,
    .notify_update = qxl_notify_update,
    .flush_resources = qxl_flush_resources,
    .async_complete = qxl_async_complete,
    .update_area_complete = qxl_update_area_complete,
    .set_client_capabilities = qxl_client_capabilities,
    .client_monitors_config = qxl_client_monitors,
};

static gboolean device_tick(gpointer opaque)
{
    Device *d = opaque;
    g_mutex_lock(&d->lock);
    d->tick++;
    d->draw_pending = true;
    d->cursor_pending = d->cursor_pending || d->tick % 10 == 1;
    bool wake = d->cmd_armed || (d->cursor_pending && d->cursor_armed);
    d->cmd_armed = d->cursor_armed = false;
    g_mutex_unlock(&d->lock);
    if (wake) {
        spice_qxl_wakeup(&d->instance);
    }
    return G_SOURCE_CONTINUE;
}

static void device_start(Device *d, SpiceServer *server)
{
    g_mutex_init(&d->lock);
    d->instance.base.sif = &qxl_interface.base;
    spice_server_add_interface(server, &d->instance.base);

    QXLDevMemSlot slot;
    memset(&slot, 0, sizeof(slot));
    slot.virt_end =
        UINTPTR_MAX; /* addresses are our own pointers; slot id and generation, the top 16 bits, are 0 */
    spice_qxl_add_memslot(&d->instance, &slot);

    d->primary = g_new(uint32_t, WIDTH * HEIGHT);
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
        d->primary[i] = (i % WIDTH * 255 / WIDTH) << 16 | (i / WIDTH * 255 / HEIGHT) << 8 | 0x40;
    }
    QXLDevSurfaceCreate surface;
    memset(&surface, 0, sizeof(surface));
    surface.width = WIDTH;
    surface.height = HEIGHT;
    surface.stride = WIDTH * 4;
    surface.format = SPICE_SURFACE_FMT_32_xRGB;
    surface.mouse_mode = 1;
    surface.type = QXL_SURF_TYPE_PRIMARY;
    surface.mem = (uintptr_t)d->primary;
    spice_qxl_create_primary_surface(&d->instance, 0, &surface);
    spice_server_vm_start(server);
    g_timeout_add(TICK_MS, device_tick, d);
}

static gboolean on_signal(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

typedef struct Options {
    int port, tls_port, ticket_s;
    char *cert_dir, *key_password, *password, *unix_path;
    gboolean no_tablet;
} Options;

static bool server_configure(SpiceServer *server, const Options *o)
{
    if (o->unix_path) {
        spice_server_set_addr(server, o->unix_path, SPICE_ADDR_FLAG_UNIX_ONLY);
        spice_server_set_port(server, 1); /* any number but 0: there is to be a plain listener */
    } else {
        spice_server_set_addr(server, "127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY);
        if (o->port) {
            spice_server_set_port(server, o->port);
        }
    }
    if (o->tls_port) {
        char *ca = g_build_filename(o->cert_dir, "ca-cert.pem", NULL);
        char *cert = g_build_filename(o->cert_dir, "server-cert.pem", NULL);
        char *key = g_build_filename(o->cert_dir, "server-key.pem", NULL);
        int rc = spice_server_set_tls(server, o->tls_port, ca, cert, key, o->key_password, NULL, NULL);
        g_free(ca);
        g_free(cert);
        g_free(key);
        if (rc) {
            return false;
        }
    }
    if (o->password) {
        return spice_server_set_ticket(server, o->password, o->ticket_s, 0, 0) == 0;
    }
    return spice_server_set_noauth(server) == 0;
}

int main(int argc, char **argv)
{
    Options o = {0};
    const GOptionEntry entries[] = {
        {"port", 0, 0, G_OPTION_ARG_INT, &o.port, "Plain port", "PORT"},
        {"tls-port", 0, 0, G_OPTION_ARG_INT, &o.tls_port, "TLS port", "PORT"},
        {"tls-cert-dir", 0, 0, G_OPTION_ARG_STRING, &o.cert_dir,
         "Folder with ca-cert.pem, server-cert.pem, server-key.pem", "DIR"},
        {"key-password", 0, 0, G_OPTION_ARG_STRING, &o.key_password, "Password of server-key.pem", "TEXT"},
        {"password", 0, 0, G_OPTION_ARG_STRING, &o.password, "Ticket; without it nobody is asked", "TEXT"},
        {"ticket-seconds", 0, 0, G_OPTION_ARG_INT, &o.ticket_s, "The ticket's life, 0 for ever", "SECONDS"},
        {"unix", 0, 0, G_OPTION_ARG_STRING, &o.unix_path, "Listen on a unix socket", "PATH"},
        {"no-tablet", 0, 0, G_OPTION_ARG_NONE, &o.no_tablet, "Mouse only", NULL},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
    };
    GError *error = NULL;
    GOptionContext *context = g_option_context_new("- a SPICE host without a VM");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 1 || (o.tls_port && !o.cert_dir)) {
        fprintf(stderr, "debian-host: %s\n", error ? error->message : "bad arguments");
        return 2;
    }
    g_option_context_free(context);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* as QEMU does */

    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGTERM, on_signal, loop);
    g_unix_signal_add(SIGINT, on_signal, loop);

    SpiceServer *server = spice_server_new();
    if (!server_configure(server, &o) || spice_server_init(server, &core)) {
        fprintf(stderr, "debian-host: the server refused the configuration\n");
        return 1;
    }
    FakeInput input;
    fake_input_init(&input, fake_input_print, NULL);
    spice_server_add_interface(server, &input.keyboard.base);
    spice_server_add_interface(server, &input.mouse.base);
    if (!o.no_tablet) {
        spice_server_add_interface(server, &input.tablet.base);
    }
    static Device device;
    device_start(&device, server);
    printf("ready\n");
    g_main_loop_run(loop);

    /* Destroying the server with its interfaces attached is what QEMU's own exit never does: leave as QEMU
     * leaves. */
    printf("bye\n");
    return 0;
}
