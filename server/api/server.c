/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.c: the life of a server, and what its parts tell each other. */
#include "api/server.h"

#include <stdio.h>

#include "core/host.h"
#include "core/posix/posix.h"
#include "session/channel_client.h"

#define CLIENT_LEFT_EXIT_CODE 0

void api_warn(const Server *server, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    core_log(server != NULL ? server->core : core_posix(), CORE_LOG_WARNING, "%s", line);
}

Server *api_check(SpiceServer *spice, const char *function)
{
    if (spice == NULL) {
        api_warn(NULL, "%s: called without a server", function);
    }
    return api_server(spice);
}

CoreLoop *api_enter(Server *server)
{
    CoreLoop *loop = server != NULL ? server->reds.loop : NULL;

    if (loop != NULL) {
        host_loop_enter(loop);
    }
    return loop;
}

void api_leave(CoreLoop **entered)
{
    if (*entered != NULL) {
        host_loop_leave(*entered);
    }
}

/* ---- What the parts ask and tell ---- */

static void hook_client_arrived(void *opaque, RedClient *client)
{
    (void)opaque;
    (void)client;
}

static void hook_client_gone(void *opaque, RedClient *client)
{
    Server *server = opaque;

    (void)client;
    if (server->exit_on_disconnect && !server->destroying) {
        core_log(server->core, CORE_LOG_INFO,
                 "a client left: ending the process, as exit-on-disconnect asks");
        server->core->exit_process(server->core, CLIENT_LEFT_EXIT_CODE);
    }
}

static void hook_channel(void *opaque, ClientSlot *slot)
{
    (void)opaque;
    (void)slot;
}

static uint32_t count_workers(const Server *server)
{
    uint32_t n = 0;

    list_each(&server->workers, node)
    {
        n++;
    }
    return n;
}

static void hook_main_info(void *opaque, MainInfo *ret_info)
{
    Server *server = opaque;
    const RedWorker *newest = list_first(&server->workers, RedWorker, in_server);

    *ret_info = (MainInfo){
        .name = server->name,
        .uuid = server->has_uuid ? server->uuid : NULL,
        .displays = count_workers(server),
        .mouse_modes = pointer_modes(&server->pointer),
        .mouse_mode = server->pointer.mode,
        .ram_bytes = newest != NULL ? red_worker_ram_bytes(newest) : 0,
    };
}

static void hook_mouse_mode_request(void *opaque, uint32_t mode)
{
    Server *server = opaque;

    pointer_request_mode(&server->pointer, mode);
}

static void hook_pointer_changed(void *opaque)
{
    Server *server = opaque;

    if (server->main != NULL) {
        main_channel_push_mouse_mode(server->main);
    }
    list_each(&server->workers, node)
    {
        red_worker_set_mouse_mode(list_entry(node, RedWorker, in_server),
                                  server->pointer.mode == WIRE_MOUSE_MODE_CLIENT);
    }
}

/* ---- Life ---- */

SpiceServer *server_new(const Core *core)
{
    Server *server = g_new0(Server, 1);
    const RedsHooks hooks = {
        .client_arrived = hook_client_arrived,
        .client_gone = hook_client_gone,
        .channel_attached = hook_channel,
        .channel_detached = hook_channel,
        .opaque = server,
    };

    server->core = core;
    reds_init(&server->reds, core, &hooks);
    pointer_init(&server->pointer, &server->reds, &(PointerHooks){hook_pointer_changed, server});
    list_init(&server->workers);
    server->later_instances = g_ptr_array_new();
    server->family = AF_UNSPEC;
    server->port = server->tls_port = server->listen_fd = -1;
    server->image_compression = SPICE_IMAGE_COMPRESSION_AUTO_GLZ;
    server->jpeg_compression = server->zlib_glz_compression = SPICE_WAN_COMPRESSION_AUTO;
    server->streaming_video = SPICE_STREAM_VIDEO_FILTER;
    server->playback_compression = true;
    server->agent_mouse = server->agent_copypaste = server->agent_file_xfer = true;
    return &server->reds;
}

SpiceServer *spice_server_new(void)
{
    return server_new(core_posix());
}

static TlsContext *make_tls(Server *server)
{
    const TlsFiles files = {
        .ca_path = server->tls_files.ca,
        .cert_path = server->tls_files.cert,
        .key_path = server->tls_files.key,
        .key_password = server->tls_files.has_key_password ? server->tls_files.key_password : NULL,
        .dh_path = server->tls_files.has_dh ? server->tls_files.dh : NULL,
        .ciphers = server->tls_files.has_ciphers ? server->tls_files.ciphers : NULL,
    };

    return tls_context_new(server->core, server->reds.crypto, &files);
}

static Status open_listeners(Server *server)
{
    CoreListen where = {.address = server->address, .family = server->family};
    Status status = STATUS_OK;

    if (server->tls_port >= 0) {
        server->tls = make_tls(server);
        if (server->tls == NULL) {
            return STATUS_IO;
        }
    }
    if (server->listen_fd >= 0) {
        status = links_listen_handle(server->reds.links, server->listen_fd);
    } else if (server->port >= 0 || server->family == AF_UNIX) {
        where.port = server->port;
        status = links_listen(server->reds.links, &where, NULL);
    }
    /* A unix path can be bound once: with one, TLS has no listener of its own. */
    if (status == STATUS_OK && server->tls_port >= 0 && server->family != AF_UNIX) {
        where.port = server->tls_port;
        status = links_listen(server->reds.links, &where, server->tls);
    }
    return status;
}

static void close_channels(Server *server)
{
    const uint64_t now_ns = server->core->now_ns(server->core);

    /* Inputs first: releasing keys needs no main channel, and the host hears of main's end last. */
    RedChannel *channels[] = {inputs_channel_base(server->inputs), main_channel_base(server->main)};
    for (size_t i = 0; i < G_N_ELEMENTS(channels); i++) {
        red_channel_close_clients(channels[i], "the server ends", now_ns);
        red_channel_run_completions(channels[i], now_ns);
    }
}

static void server_free(Server *server)
{
    interfaces_unplug(server);
    g_ptr_array_free(server->later_instances, TRUE);
    inputs_channel_free(server->inputs);
    if (server->main != NULL) {
        main_channel_free(server->main);
    }
    tls_context_unref(server->tls);
    reds_finish(&server->reds);
    g_free(server->name);
    g_free(server->video_codecs);
    g_free(server->sasl_appname);
    later_forget_target(server);
    g_free(server);
}

static bool core_is_whole(const SpiceCoreInterface *host)
{
    return host->timer_add != NULL && host->timer_start != NULL && host->timer_cancel != NULL &&
           host->timer_remove != NULL && host->watch_add != NULL && host->watch_update_mask != NULL &&
           host->watch_remove != NULL;
}

int spice_server_init(SpiceServer *spice, SpiceCoreInterface *host)
{
    API_ENTRY(server, spice);

    if (server == NULL || host == NULL || host->base.major_version != SPICE_INTERFACE_CORE_MAJOR ||
        !core_is_whole(host)) {
        api_warn(server,
                 "spice_server_init: the core interface is missing, of another version, or lacks functions");
        return -1;
    }
    if (server->reds.loop != NULL) {
        api_warn(server, "spice_server_init: called twice");
        return -1;
    }
    if (!server->multiple_clients_chosen && server->core->env(server->core, "SPICE_DEBUG_ALLOW_MC") != NULL) {
        server->reds.multiple_clients = true;
    }
    if (reds_start(&server->reds, host) != STATUS_OK) {
        api_warn(server, "spice_server_init: the host gave no watch");
        return -1;
    }
    const MainHooks hooks = {hook_main_info, hook_mouse_mode_request, server};
    server->main = main_channel_new(&server->reds, &hooks);
    server->inputs = inputs_channel_new(&server->reds, &server->pointer);
    if (server->inputs == NULL) {
        api_warn(server, "spice_server_init: the host gave no timer");
        return -1;
    }
    return open_listeners(server) == STATUS_OK ? 0 : -1;
}

void spice_server_destroy(SpiceServer *spice)
{
    Server *server = api_check(spice, __func__); /* not left: it will be gone */

    if (server == NULL) {
        return;
    }
    if (server->reds.loop != NULL && host_loop_is_out(server->reds.loop)) {
        api_warn(server, "spice_server_destroy: called from inside a callback of this server: it stays");
        return;
    }
    (void)api_enter(server);
    server->destroying = true;
    links_free(server->reds.links);
    server->reds.links = NULL;
    reds_drop_clients(&server->reds, "the server ends");
    while (!list_is_empty(&server->workers)) {
        interfaces_free_worker(server, list_first(&server->workers, RedWorker, in_server));
    }
    if (server->inputs != NULL) {
        /* Connects that are still posted to us come first: they hold streams. */
        host_loop_drain(server->reds.loop);
        close_channels(server);
        host_loop_drain(server->reds.loop);
    }
    server_free(server);
}

void spice_server_vm_start(SpiceServer *spice)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return;
    }
    server->running = true;
    list_each(&server->workers, node)
    {
        red_worker_start(list_entry(node, RedWorker, in_server));
    }
}

void spice_server_vm_stop(SpiceServer *spice)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return;
    }
    server->running = false;
    list_each(&server->workers, node)
    {
        red_worker_stop(list_entry(node, RedWorker, in_server));
    }
}
