/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/worker.h"

#include "core/host.h"

#define QXL_ID_MAX 255 /* channel ids are one byte */
#define GUEST_CAPS                                                                                           \
    (1u << WIRE_CAP_DISPLAY_SIZED_STREAM | 1u << WIRE_CAP_DISPLAY_MONITORS_CONFIG |                          \
     1u << WIRE_CAP_DISPLAY_COMPOSITE | 1u << WIRE_CAP_DISPLAY_A8_SURFACE)

/* ---- To the main domain: how the primary is ---- */

/* Outlives the worker while its message is on its way. Only the latest state matters, so there is one mailbox. */
struct WorkerReporter {
    Ref ref;
    PendingMessage ready; /* holds a reference while posted */
    RedWorkerHooks hooks;
    RedWorker *worker; /* main; NULL: gone */
    Dispatcher *main;
    _Atomic uint64_t primary; /* packed by report_pack() */
};

/* Sides have 31 bits (qxl/surface.h). */
static uint64_t report_pack(bool exists, uint32_t width, uint32_t height, bool mouse_mode)
{
    return (uint64_t)exists << 63 | (uint64_t)mouse_mode << 62 | (uint64_t)width << 31 | height;
}

static void reporter_unref(WorkerReporter *reporter)
{
    if (ref_drop(&reporter->ref)) {
        g_free(reporter);
    }
}

static void reporter_ready(Message *message, uint64_t now_ns)
{
    WorkerReporter *reporter = list_entry(message, WorkerReporter, ready.message);

    (void)now_ns;
    pending_message_taken(&reporter->ready);
    const uint64_t primary = atomic_load(&reporter->primary);
    if (reporter->worker != NULL) {
        reporter->hooks.primary_changed(reporter->hooks.opaque, reporter->worker, (primary >> 63 & 1) != 0,
                                        (uint32_t)(primary >> 31 & INT32_MAX),
                                        (uint32_t)(primary & INT32_MAX), (primary >> 62 & 1) != 0);
    }
    reporter_unref(reporter);
}

static WorkerReporter *reporter_new(RedWorker *worker, const RedWorkerHooks *hooks, Dispatcher *main)
{
    WorkerReporter *reporter = g_new0(WorkerReporter, 1);

    ref_init(&reporter->ref);
    pending_message_init(&reporter->ready, "primary changed", reporter_ready);
    reporter->hooks = *hooks;
    reporter->worker = worker;
    reporter->main = main;
    return reporter;
}

void worker_report_primary(RedWorker *worker, bool exists, uint32_t width, uint32_t height, bool mouse_mode)
{
    WorkerReporter *reporter = worker->reporter;

    atomic_store(&reporter->primary, report_pack(exists, width, height, mouse_mode));
    ref_take(&reporter->ref); /* the message's */
    if (!dispatcher_post_pending(reporter->main, &reporter->ready)) {
        reporter_unref(reporter);
    }
}

/* ---- To the guest ---- */

void worker_tell_guest_caps(RedWorker *worker)
{
    const SpiceBaseInterface *base = &worker->interface->base;
    uint8_t caps[SPICE_CAPABILITIES_SIZE] = {0};

    if (!worker->running || base->minor_version < 2 || worker->interface->set_client_capabilities == NULL) {
        return; /* a machine that stands still must not be interrupted (R42) */
    }
    caps[0] = (uint8_t)display_channel_common_caps(worker->display, GUEST_CAPS);
    worker->interface->set_client_capabilities(worker->qxl,
                                               display_channel_base(worker->display)->clients_len > 0, caps);
}

static void clients_changed(void *opaque)
{
    worker_tell_guest_caps(opaque);
}

/* ---- From other threads ---- */

typedef struct WorkerRequest {
    Message message;
    RedWorker *worker;
    WorkerJob job;
    void *args;
    bool completes;
    uint64_t cookie;
    _Alignas(max_align_t) uint8_t copy[]; /* of posted args */
} WorkerRequest;

static void request_run(Message *message, uint64_t now_ns)
{
    WorkerRequest *request = list_entry(message, WorkerRequest, message);

    request->job(request->worker, request->args, now_ns);
}

static void request_run_posted(Message *message, uint64_t now_ns)
{
    WorkerRequest *request = list_entry(message, WorkerRequest, message);
    const QXLInterface *interface = request->worker->interface;

    request->job(request->worker, request->args, now_ns);
    if (request->completes && interface->async_complete != NULL) {
        interface->async_complete(request->worker->qxl, request->cookie);
    }
    g_free(request);
}

void red_worker_call(RedWorker *worker, const char *name, WorkerJob job, void *args)
{
    WorkerRequest request = {.worker = worker, .job = job, .args = args};

    message_init(&request.message, name, request_run);
    dispatcher_call(&worker->home, &request.message);
}

static void post(RedWorker *worker, const char *name, WorkerJob job, const void *args, size_t args_bytes,
                 bool completes, uint64_t cookie)
{
    WorkerRequest *request = g_malloc0(sizeof *request + args_bytes);

    message_init(&request->message, name, request_run_posted);
    request->worker = worker;
    request->job = job;
    request->args = request->copy;
    request->completes = completes;
    request->cookie = cookie;
    if (args_bytes > 0) {
        memcpy(request->copy, args, args_bytes);
    }
    dispatcher_post(&worker->home, &request->message);
}

void red_worker_post(RedWorker *worker, const char *name, WorkerJob job, const void *args, size_t args_bytes)
{
    post(worker, name, job, args, args_bytes, false, 0);
}

void red_worker_post_async(RedWorker *worker, const char *name, WorkerJob job, const void *args,
                           size_t args_bytes, uint64_t cookie)
{
    post(worker, name, job, args, args_bytes, true, cookie);
}

static void handle_wakeup(Message *message, uint64_t now_ns)
{
    RedWorker *worker = list_entry(message, RedWorker, wakeup.message);

    pending_message_taken(&worker->wakeup);
    if (worker->running) {
        rings_wake(worker, now_ns);
    }
}

/* The guest lacks memory: it gets all that drawables hold, and what went back must reach it (R95). */
static void handle_oom(Message *message, uint64_t now_ns)
{
    RedWorker *worker = list_entry(message, RedWorker, oom.message);

    pending_message_taken(&worker->oom);
    if (!worker->running) {
        return;
    }
    rings_drain_commands(worker, now_ns);
    worker_let_go(worker, now_ns);
    if (worker->interface->flush_resources != NULL) {
        (void)worker->interface->flush_resources(worker->qxl);
    }
}

/* Clients change the mode as fast as they like: all that counts is the last one. */
static void handle_mouse_mode(Message *message, uint64_t now_ns)
{
    RedWorker *worker = list_entry(message, RedWorker, mouse_mode.message);

    (void)now_ns;
    pending_message_taken(&worker->mouse_mode);
    cursor_channel_set_client_mode(worker->cursor, atomic_load(&worker->client_mode));
}

void red_worker_wakeup(RedWorker *worker)
{
    (void)dispatcher_post_pending(&worker->home, &worker->wakeup);
}

void red_worker_oom(RedWorker *worker)
{
    (void)dispatcher_post_pending(&worker->home, &worker->oom);
}

/* ---- Owner's requests ---- */

static void job_start(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    if (worker->running) {
        return;
    }
    worker->running = true;
    worker_tell_guest_caps(worker);
    rings_wake(worker, now_ns);
}

/* What refers to guest memory afterwards: held commands, whose memory is not touched until they are given back on the
 * host's own request, and canvases, which are read for clients. */
static void job_stop(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    worker->running = false;
    rings_stop(worker);
    worker_let_go(worker, now_ns);
}

static void job_image_compression(RedWorker *worker, void *args, uint64_t now_ns)
{
    const int *compression = args;

    (void)now_ns;
    display_channel_set_compression(worker->display, *compression);
}

void red_worker_start(RedWorker *worker)
{
    red_worker_post(worker, "start", job_start, NULL, 0);
}

void red_worker_stop(RedWorker *worker)
{
    red_worker_call(worker, "stop", job_stop, NULL);
}

void red_worker_set_mouse_mode(RedWorker *worker, bool client_mode)
{
    atomic_store(&worker->client_mode, client_mode);
    (void)dispatcher_post_pending(&worker->home, &worker->mouse_mode);
}

void red_worker_set_image_compression(RedWorker *worker, int compression)
{
    red_worker_post(worker, "image compression", job_image_compression, &compression, sizeof compression);
}

typedef struct WanCompression {
    spice_wan_compression_t jpeg, zlib_glz;
} WanCompression;

static void job_wan_compression(RedWorker *worker, void *args, uint64_t now_ns)
{
    const WanCompression *wan = args;

    (void)now_ns;
    display_channel_set_wan(worker->display, wan->jpeg, wan->zlib_glz);
}

void red_worker_set_wan_compression(RedWorker *worker, spice_wan_compression_t jpeg,
                                    spice_wan_compression_t zlib_glz)
{
    const WanCompression wan = {jpeg, zlib_glz};

    red_worker_post(worker, "wan compression", job_wan_compression, &wan, sizeof wan);
}

void red_worker_set_compression_level(RedWorker *worker, int level)
{
    host_loop_call_out(worker->reds->loop);
    worker->interface->set_compression_level(worker->qxl, level);
    host_loop_call_back(worker->reds->loop);
}

RedsState *red_worker_reds(const RedWorker *worker)
{
    return worker->reds;
}

QXLInstance *red_worker_instance(const RedWorker *worker)
{
    return worker->qxl;
}

uint32_t red_worker_ram_bytes(const RedWorker *worker)
{
    return worker->init_info.qxl_ram_size;
}

const WorkerDeviceInfo *red_worker_device_info(const RedWorker *worker)
{
    return &worker->device_info;
}

/* ---- Life ---- */

static void job_open(RedWorker *worker, void *args, uint64_t now_ns)
{
    bool *opened = args;

    (void)now_ns;
    *opened = rings_init(worker);
}

static void job_close(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    worker->running = false;
    red_channel_close_clients(display_channel_base(worker->display), "its device is removed", now_ns);
    red_channel_close_clients(cursor_channel_base(worker->cursor), "its device is removed", now_ns);
    current_clear(&worker->current);
    display_channel_stop(worker->display);
    CHECK(list_is_empty(&worker->drawables)); /* nobody else is left to need one */
    worker_release(worker, &worker->cursor_command);
    for (uint32_t id = 0; id < worker->surfaces.len; id++) {
        worker_release(worker, &worker->surfaces.surfaces[id].create);
    }
    rings_finish(worker);
}

static void worker_thread(void *arg)
{
    RedWorker *worker = arg;

    worker->core->loop_run(worker->loop);
}

/* Ends the thread, if there is one, and frees everything; whatever was made so far. */
static void worker_finish(RedWorker *worker)
{
    if (worker->thread != NULL) {
        worker->core->loop_quit(worker->loop);
        worker->core->thread_join(worker->core, worker->thread);
    }
    /* Not before the thread has ended: a client that was closing by itself is disposed by a task of the loop. */
    const uint64_t now_ns = worker->core->now_ns(worker->core);
    if (worker->display != NULL) {
        red_channel_run_completions(display_channel_base(worker->display), now_ns);
        display_channel_free(worker->display);
    }
    if (worker->cursor != NULL) {
        red_channel_run_completions(cursor_channel_base(worker->cursor), now_ns);
        cursor_channel_free(worker->cursor);
    }
    worker->reporter->worker = NULL;
    reporter_unref(worker->reporter);
    memslots_free(worker->slots);
    worker_finish_drawing(worker);
    surfaces_finish(&worker->surfaces);
    if (worker->loop != NULL) {
        worker->core->loop_free(worker->loop);
    }
    recorder_free(worker->recorder);
    g_free(worker->pinned);
    g_free(worker);
}

static bool interface_is_whole(const QXLInterface *interface)
{
    return interface->get_init_info != NULL && interface->set_compression_level != NULL &&
           interface->get_command != NULL && interface->req_cmd_notification != NULL &&
           interface->get_cursor_command != NULL && interface->req_cursor_notification != NULL &&
           interface->release_resource != NULL;
}

static void tell_attached(const QXLInterface *interface, QXLInstance *qxl)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    /* Hosts of long ago take a second argument, newer ones ignore it: the two are one member of a union. */
    if (interface->attache_worker != NULL) {
        interface->attache_worker(qxl, (QXLWorker *)qxl);
    }
#pragma GCC diagnostic pop
}

RedWorker *red_worker_new(RedsState *reds, QXLInstance *qxl, const RedWorkerHooks *hooks, int level)
{
    const Core *core = reds->core;
    const QXLInterface *interface = SPICE_CONTAINEROF(qxl->base.sif, QXLInterface, base);
    QXLDevInitInfo info = {0};

    if (qxl->id < 0 || qxl->id > QXL_ID_MAX || !interface_is_whole(interface)) {
        core_log(core, CORE_LOG_WARNING, "display %d: not an id, or an interface that lacks functions",
                 qxl->id);
        return NULL;
    }
    host_loop_call_out(reds->loop);
    interface->get_init_info(qxl, &info);
    host_loop_call_back(reds->loop);
    const MemslotsLayout layout = {info.num_memslots_groups, info.num_memslots, info.memslot_id_bits,
                                   info.memslot_gen_bits};
    Memslots *slots = memslots_new(&layout);
    if (slots == NULL) {
        core_log(core, CORE_LOG_WARNING,
                 "display %d: its device announces memslots that cannot be: %u groups of %u", qxl->id,
                 info.num_memslots_groups, info.num_memslots);
        return NULL;
    }

    RedWorker *worker = g_new0(RedWorker, 1);
    list_init(&worker->in_server);
    worker->reds = reds;
    worker->core = core;
    worker->qxl = qxl;
    worker->interface = interface;
    worker->init_info = info;
    worker->slots = slots;
    worker->pinned = g_malloc0_n(info.num_memslots_groups, sizeof *worker->pinned);
    worker->monitors_max = QXL_HEADS_MAX;
    worker->reporter = reporter_new(worker, hooks, &reds->main);
    surfaces_init(&worker->surfaces, core, info.n_surfaces);
    worker_init_drawing(worker);
    pending_message_init(&worker->wakeup, "wakeup", handle_wakeup);
    pending_message_init(&worker->oom, "oom", handle_oom);
    pending_message_init(&worker->mouse_mode, "mouse mode", handle_mouse_mode);

    bool opened = false;
    worker->loop = core->loop_new(core, "spice-worker");
    if (worker->loop != NULL) {
        const uint8_t id = (uint8_t)qxl->id;
        worker->home = (Dispatcher){core, worker->loop};
        worker->display = display_channel_new(reds, id, &worker->home, &worker->surfaces, &worker->current,
                                              clients_changed, worker);
        worker->cursor = worker->display != NULL ? cursor_channel_new(reds, id, &worker->home) : NULL;
        worker->thread =
            worker->cursor != NULL ? core->thread_start(core, "spice-worker", worker_thread, worker) : NULL;
    }
    if (worker->thread != NULL) {
        red_worker_call(worker, "open", job_open, &opened);
    }
    if (!opened) {
        core_log(core, CORE_LOG_WARNING, "display %d: its id is taken, or there is no loop, thread or timer",
                 qxl->id);
        worker_finish(worker);
        return NULL;
    }
    /* Only devices that there are have a number and a file. The worker looks at it when it is asked for something. */
    worker->recorder = recorder_new(core, reds->devices_made++);
    qxl->st = worker;
    host_loop_call_out(reds->loop);
    tell_attached(interface, qxl); /* which may call us back */
    host_loop_call_back(reds->loop);
    red_worker_set_compression_level(worker, level);
    return worker;
}

void red_worker_free(RedWorker *worker)
{
    red_worker_call(worker, "close", job_close, NULL);
    worker->qxl->st = NULL;
    worker_finish(worker);
}
