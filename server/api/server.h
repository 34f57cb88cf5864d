/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.h: what is behind a host's SpiceServer: the session (RedsState), its channels, its devices and its
 * settings.
 *
 * SpiceServer is the RedsState that every Server begins with; api_server() goes from one to the other. The
 * files of this folder are the functions of the public headers, by subject; what they do beyond checking
 * arguments and keeping settings is done below.
 *
 * Ownership  spice_server_new() ... spice_server_destroy(); borrows the host's instances until they are
 * removed.
 * Thread     the main domain; workers report through their hooks, which run there too.
 * Errors     a wrong argument or moment: the documented result, mostly with a warning. Nothing here ends the
 *            process but exit_on_disconnect.
 * Source     reference/api-and-behaviour.md sections 1 and 2.
 */
#pragma once

#include <spice.h>

#include "channels/inputs.h"
#include "channels/main.h"
#include "channels/pointer.h"
#include "display/worker.h"
#include "net/tls.h"
#include "session/reds.h"

#define API_PATH_BYTES                                                                                       \
    256u /* of set_addr and set_tls strings, NUL included: what the existing library keeps */

/* Systems that are not built yet; an instance of one is accepted and does nothing. */
typedef enum LaterSystem {
    LATER_PLAYBACK,
    LATER_RECORD,
    LATER_CHAR_DEVICE,
    LATER_MIGRATION,
    LATER_SYSTEMS,
} LaterSystem;

/* What a host said of its sound, and where its machine goes: kept. */
typedef struct LaterSound {
    uint16_t volume[UINT8_MAX];
    uint8_t volume_len; /* sound channels; 0: nothing was said */
    uint8_t mute;
    uint32_t rate_hz; /* 0: nothing was said */
} LaterSound;

typedef struct LaterTarget {
    char *host; /* NULL: none */
    char *subject;
    int port, secure_port;
} LaterTarget;

typedef struct Server {
    RedsState reds; /* first: see above */
    const Core *core;

    /* Channels and devices; NULL before spice_server_init(). */
    MainChannel *main;
    InputsChannel *inputs;
    Pointer pointer;
    ListNode workers; /* RedWorker.in_server, newest first */
    bool running;     /* the machine, as vm_start and vm_stop say */
    bool destroying;
    SpiceMigrateInstance *migration;
    bool later_said[LATER_SYSTEMS];
    GPtrArray *later_instances;           /* SpiceBaseInstance of those systems, but for `migration` */
    uint32_t screen_width, screen_height; /* of the one primary surface that matters to the tablet */
    bool screen_wants_pointer;

    /* Settings until init. */
    char address[API_PATH_BYTES];
    int family;
    int port, tls_port; /* -1: none */
    int listen_fd;      /* -1: none */
    struct {
        char ca[API_PATH_BYTES], cert[API_PATH_BYTES], key[API_PATH_BYTES];
        char key_password[API_PATH_BYTES], dh[API_PATH_BYTES], ciphers[API_PATH_BYTES];
        bool has_key_password, has_dh, has_ciphers;
    } tls_files;
    TlsContext *tls; /* NULL: no TLS */

    bool security_named[REDS_CHANNEL_TYPES]; /* set by name, which "all others" does not reach */

    /* Settings for clients. */
    char *name; /* NULL: none */
    uint8_t uuid[16];
    bool has_uuid;
    bool exit_on_disconnect;
    bool multiple_clients_chosen; /* by the host: the environment is not asked */
    bool renderer_added;

    /* Kept for systems that come later. */
    SpiceImageCompression image_compression;
    spice_wan_compression_t jpeg_compression, zlib_glz_compression;
    int streaming_video;
    char *video_codecs; /* NULL: the default list */
    bool playback_compression, agent_mouse, agent_copypaste, agent_file_xfer, seamless_migration;
    char *sasl_appname; /* NULL: nothing was said */
    LaterSound playback, record;
    LaterTarget target;
} Server;

static inline Server *api_server(SpiceServer *spice)
{
    return (Server *)spice;
}

/* NULL with a warning that names the function, when the host passed NULL. */
Server *api_check(SpiceServer *spice, const char *function);
void api_warn(const Server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Declares `name`, the server of an entry of the public API, checks it, and says that the main domain is entered until
 * the function returns (core/host.h). `name` may be NULL. */
#define API_ENTRY(name, spice) API_ENTRY_OF(name, api_check((spice), __func__))
#define API_ENTRY_OF(name, server)                                                                           \
    Server *name = (server);                                                                                 \
    __attribute__((cleanup(api_leave), unused)) CoreLoop *name##_entered = api_enter(name)
CoreLoop *api_enter(Server *server);
void api_leave(CoreLoop **entered);

/* The internal constructor: everything from outside comes through `core`, which outlives the server. */
SpiceServer *server_new(const Core *core);

/* Ends the worker of a device, and with it the device's clients. */
void interfaces_free_worker(Server *server, RedWorker *worker);

/* At the server's end: the instances that are still plugged in no longer point to it. */
void interfaces_unplug(Server *server);

/* Interfaces of later systems (later.c). */
void later_say(Server *server, LaterSystem system);
void later_forget_target(Server *server);

/* Tells the workers what set_image_compression and set_streaming_video amount to for the guest's driver. */
int server_compression_level(const Server *server);
void server_push_compression_level(Server *server);
