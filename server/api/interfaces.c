/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* interfaces.c: what a host plugs in and out. */
#include "api/server.h"

#define INSTANCE_OF(type, sin) SPICE_CONTAINEROF((sin), type, base)

/* An instance's `st` says that it is plugged in, and where. The host sees only that it is not NULL. */
static void *state_of(Server *server)
{
    return server;
}

/* ---- The screen, as far as the pointer cares ---- */

static void update_screen(Server *server)
{
    const bool one = !list_is_empty(&server->workers) && server->workers.next == server->workers.prev;

    pointer_set_screen(&server->pointer, one, server->screen_wants_pointer, server->screen_width,
                       server->screen_height);
}

static void hook_primary_changed(void *opaque, RedWorker *worker, bool exists, uint32_t width,
                                 uint32_t height, bool mouse_mode)
{
    Server *server = opaque;

    (void)worker; /* with several devices there is no client mode, so the last one to speak may win */
    server->screen_wants_pointer = exists && mouse_mode;
    server->screen_width = exists ? width : 0;
    server->screen_height = exists ? height : 0;
    update_screen(server);
}

static int add_qxl(Server *server, SpiceBaseInstance *sin)
{
    QXLInstance *qxl = INSTANCE_OF(QXLInstance, sin);
    const RedWorkerHooks hooks = {hook_primary_changed, server};
    RedWorker *worker = red_worker_new(&server->reds, qxl, &hooks, server_compression_level(server));

    if (worker == NULL) {
        return -1;
    }
    list_prepend(&server->workers, &worker->in_server);
    red_worker_set_image_compression(worker, (int)server->image_compression);
    red_worker_set_wan_compression(worker, server->jpeg_compression, server->zlib_glz_compression);
    red_worker_set_mouse_mode(worker, server->pointer.mode == WIRE_MOUSE_MODE_CLIENT);
    update_screen(server);
    main_channel_push_new_channel(server->main, WIRE_CHANNEL_DISPLAY, (uint8_t)qxl->id);
    main_channel_push_new_channel(server->main, WIRE_CHANNEL_CURSOR, (uint8_t)qxl->id);
    if (server->running) {
        red_worker_start(worker);
    }
    return 0;
}

static RedWorker *find_worker(Server *server, const QXLInstance *qxl)
{
    list_each(&server->workers, node)
    {
        RedWorker *worker = list_entry(node, RedWorker, in_server);
        if (red_worker_instance(worker) == qxl) {
            return worker;
        }
    }
    return NULL;
}

/* False with a warning: the host left functions out. */
static bool is_whole(const Server *server, const SpiceBaseInstance *sin, bool whole)
{
    if (!whole) {
        api_warn(server, "interface %s: it lacks functions", sin->sif->type);
    }
    return whole;
}

static int add_keyboard(Server *server, SpiceBaseInstance *sin)
{
    SpiceKbdInstance *keyboard = INSTANCE_OF(SpiceKbdInstance, sin);
    const SpiceKbdInterface *sif = SPICE_CONTAINEROF(sin->sif, SpiceKbdInterface, base);

    if (!is_whole(server, sin, sif->push_scan_freg != NULL && sif->get_leds != NULL)) {
        return -1;
    }
    if (inputs_channel_keyboard(server->inputs) != NULL) {
        api_warn(server, "a keyboard is plugged in already");
        return -1;
    }
    inputs_channel_set_keyboard(server->inputs, keyboard);
    keyboard->st = state_of(server);
    return 0;
}

static int add_mouse(Server *server, SpiceBaseInstance *sin)
{
    SpiceMouseInstance *mouse = INSTANCE_OF(SpiceMouseInstance, sin);
    const SpiceMouseInterface *sif = SPICE_CONTAINEROF(sin->sif, SpiceMouseInterface, base);

    if (!is_whole(server, sin, sif->motion != NULL && sif->buttons != NULL)) {
        return -1;
    }
    if (server->pointer.mouse != NULL) {
        api_warn(server, "a mouse is plugged in already");
        return -1;
    }
    mouse->st = state_of(server);
    pointer_set_mouse(&server->pointer, mouse);
    return 0;
}

static int add_tablet(Server *server, SpiceBaseInstance *sin)
{
    SpiceTabletInstance *tablet = INSTANCE_OF(SpiceTabletInstance, sin);
    const SpiceTabletInterface *sif = SPICE_CONTAINEROF(sin->sif, SpiceTabletInterface, base);

    if (!is_whole(server, sin,
                  sif->set_logical_size != NULL && sif->position != NULL && sif->wheel != NULL &&
                      sif->buttons != NULL)) {
        return -1;
    }
    if (server->pointer.tablet != NULL) {
        api_warn(server, "a tablet is plugged in already");
        return -1;
    }
    tablet->st = state_of(server);
    pointer_set_tablet(&server->pointer, tablet);
    return 0;
}

static int add_migration(Server *server, SpiceBaseInstance *sin)
{
    SpiceMigrateInstance *migration = INSTANCE_OF(SpiceMigrateInstance, sin);
    if (server->migration != NULL) {
        api_warn(server, "a migration interface is there already");
        return -1;
    }
    server->migration = migration;
    migration->st = state_of(server);
    later_say(server, LATER_MIGRATION);
    return 0;
}

/* ---- Systems that come later: where their instances are plugged in is all that is kept of them ---- */

static void set_state_of_later(SpiceBaseInstance *sin, Server *server)
{
    if (strcmp(sin->sif->type, SPICE_INTERFACE_PLAYBACK) == 0) {
        INSTANCE_OF(SpicePlaybackInstance, sin)->st = state_of(server);
    } else if (strcmp(sin->sif->type, SPICE_INTERFACE_RECORD) == 0) {
        INSTANCE_OF(SpiceRecordInstance, sin)->st = state_of(server);
    } else {
        INSTANCE_OF(SpiceCharDeviceInstance, sin)->st = state_of(server);
    }
}

static int add_later(Server *server, SpiceBaseInstance *sin, LaterSystem system)
{
    if (!g_ptr_array_find(server->later_instances, sin, NULL)) {
        g_ptr_array_add(server->later_instances, sin);
    }
    set_state_of_later(sin, server);
    later_say(server, system);
    return 0;
}

static int add_playback(Server *server, SpiceBaseInstance *sin)
{
    return add_later(server, sin, LATER_PLAYBACK);
}

static int add_record(Server *server, SpiceBaseInstance *sin)
{
    return add_later(server, sin, LATER_RECORD);
}

static int add_char_device(Server *server, SpiceBaseInstance *sin)
{
    return add_later(server, sin, LATER_CHAR_DEVICE);
}

/* False: it was not plugged in. `st` is the instance's. */
static bool remove_later(SpiceBaseInstance *sin, void *st)
{
    API_ENTRY_OF(server, (Server *)st);

    if (server == NULL) {
        return false;
    }
    g_ptr_array_remove(server->later_instances, sin);
    set_state_of_later(sin, NULL);
    return true;
}

typedef struct InterfaceKind {
    const char *type;
    uint32_t major, minor; /* the newest that is understood */
    int (*add)(Server *server, SpiceBaseInstance *sin);
} InterfaceKind;

static const InterfaceKind kinds[] = {
    {SPICE_INTERFACE_QXL, SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR, add_qxl},
    {SPICE_INTERFACE_KEYBOARD, SPICE_INTERFACE_KEYBOARD_MAJOR, SPICE_INTERFACE_KEYBOARD_MINOR, add_keyboard},
    {SPICE_INTERFACE_MOUSE, SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR, add_mouse},
    {SPICE_INTERFACE_TABLET, SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR, add_tablet},
    {SPICE_INTERFACE_MIGRATION, SPICE_INTERFACE_MIGRATION_MAJOR, SPICE_INTERFACE_MIGRATION_MINOR,
     add_migration},
    {SPICE_INTERFACE_PLAYBACK, SPICE_INTERFACE_PLAYBACK_MAJOR, SPICE_INTERFACE_PLAYBACK_MINOR, add_playback},
    {SPICE_INTERFACE_RECORD, SPICE_INTERFACE_RECORD_MAJOR, SPICE_INTERFACE_RECORD_MINOR, add_record},
    {SPICE_INTERFACE_CHAR_DEVICE, SPICE_INTERFACE_CHAR_DEVICE_MAJOR, SPICE_INTERFACE_CHAR_DEVICE_MINOR,
     add_char_device},
};

int spice_server_add_interface(SpiceServer *spice, SpiceBaseInstance *sin)
{
    API_ENTRY(server, spice);

    if (server == NULL || sin == NULL || sin->sif == NULL || sin->sif->type == NULL) {
        api_warn(server, "spice_server_add_interface: no interface given");
        return -1;
    }
    if (server->inputs == NULL || server->destroying) {
        api_warn(server, "spice_server_add_interface: the server is not initialised, or being destroyed");
        return -1;
    }
    const SpiceBaseInterface *sif = sin->sif;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const InterfaceKind *kind = &kinds[i];
        if (strcmp(sif->type, kind->type) != 0) {
            continue;
        }
        if (sif->major_version != kind->major || sif->minor_version > kind->minor) {
            api_warn(server, "interface %s: version %u.%u is not supported, %u.0 to %u.%u are", sif->type,
                     sif->major_version, sif->minor_version, kind->major, kind->major, kind->minor);
            return -1;
        }
        return kind->add(server, sin);
    }
    api_warn(server, "spice_server_add_interface: nothing is known of \"%s\": ignored", sif->type);
    return 0;
}

void interfaces_free_worker(Server *server, RedWorker *worker)
{
    list_remove(&worker->in_server);
    reds_home_ends(&server->reds, &worker->home);
    red_worker_free(worker);
}

static int remove_qxl(QXLInstance *qxl)
{
    if (qxl->st == NULL) {
        return -1;
    }
    RedWorker *worker = (RedWorker *)qxl->st;
    API_ENTRY_OF(server, api_server(red_worker_reds(worker)));
    if (find_worker(server, qxl) == NULL) {
        return -1;
    }
    interfaces_free_worker(server, worker);
    server->screen_wants_pointer = false;
    update_screen(server);
    return 0;
}

static int remove_tablet(SpiceTabletInstance *tablet)
{
    API_ENTRY_OF(server, (Server *)tablet->st);

    if (server == NULL || server->pointer.tablet != tablet) {
        return -1;
    }
    pointer_set_tablet(&server->pointer, NULL);
    tablet->st = NULL;
    return 0;
}

int spice_server_remove_interface(SpiceBaseInstance *sin)
{
    if (sin == NULL || sin->sif == NULL || sin->sif->type == NULL) {
        api_warn(NULL, "spice_server_remove_interface: no interface given");
        return -1;
    }
    const char *type = sin->sif->type;

    if (strcmp(type, SPICE_INTERFACE_QXL) == 0) {
        return remove_qxl(INSTANCE_OF(QXLInstance, sin));
    }
    if (strcmp(type, SPICE_INTERFACE_TABLET) == 0) {
        return remove_tablet(INSTANCE_OF(SpiceTabletInstance, sin));
    }
    if (strcmp(type, SPICE_INTERFACE_PLAYBACK) == 0) {
        (void)remove_later(sin, INSTANCE_OF(SpicePlaybackInstance, sin)->st);
        return 0;
    }
    if (strcmp(type, SPICE_INTERFACE_RECORD) == 0) {
        (void)remove_later(sin, INSTANCE_OF(SpiceRecordInstance, sin)->st);
        return 0;
    }
    if (strcmp(type, SPICE_INTERFACE_CHAR_DEVICE) == 0) {
        return remove_later(sin, INSTANCE_OF(SpiceCharDeviceInstance, sin)->st) ? 0 : -1;
    }
    api_warn(NULL, "spice_server_remove_interface: \"%s\" cannot be removed", type);
    return -1;
}

void interfaces_unplug(Server *server)
{
    SpiceKbdInstance *keyboard = server->inputs != NULL ? inputs_channel_keyboard(server->inputs) : NULL;

    if (keyboard != NULL) {
        keyboard->st = NULL;
    }
    if (server->pointer.mouse != NULL) {
        server->pointer.mouse->st = NULL;
    }
    if (server->pointer.tablet != NULL) {
        server->pointer.tablet->st = NULL;
    }
    if (server->migration != NULL) {
        server->migration->st = NULL;
    }
    for (guint i = 0; i < server->later_instances->len; i++) {
        set_state_of_later(g_ptr_array_index(server->later_instances, i), NULL);
    }
}
