/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every function of the library with every kind of wrong argument: it answers what the headers say, and everybody lives.
 *
 * There is one row for each function that the version script exports: one without a row fails the test, as does a row
 * without its function. Each row runs on a server that works, on one that was never initialised and, for the device
 * functions, on a device of the test's own; after each of them a client must still be let in.
 */
#define _GNU_SOURCE /* pipe2 */
#include "tests/api/rig.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "wire/wire.h"

#define ROWS_MAX 128
#define NOBODY UINT32_C(0x7fffffff)

static SpiceServer *fresh; /* never initialised; new for each row */

/* ---- A device whose answers are counted ---- */

static _Atomic uint64_t completed;

static void device_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    (void)qxl;
    *info = (QXLDevInitInfo){.num_memslots_groups = 2,
                             .num_memslots = 8,
                             .memslot_gen_bits = 8,
                             .memslot_id_bits = 8,
                             .qxl_ram_size = 1 << 20,
                             .n_surfaces = 16};
}

static void device_empty_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    (void)qxl;
    (void)info;
}

static void device_level(QXLInstance *qxl, int level)
{
    (void)qxl;
    (void)level;
}

static int device_no_command(QXLInstance *qxl, QXLCommandExt *command)
{
    (void)qxl;
    (void)command;
    return 0;
}

static int device_yes(QXLInstance *qxl)
{
    (void)qxl;
    return 1;
}

static void device_release(QXLInstance *qxl, QXLReleaseInfoExt info)
{
    (void)qxl;
    (void)info;
}

static void device_notify(QXLInstance *qxl, uint32_t update)
{
    (void)qxl;
    (void)update;
}

static void device_complete(QXLInstance *qxl, uint64_t cookie)
{
    (void)qxl;
    atomic_fetch_add(&completed, cookie);
}

static void device_area_complete(QXLInstance *qxl, uint32_t surface, QXLRect *rects, uint32_t len)
{
    (void)qxl;
    (void)surface;
    (void)rects;
    (void)len;
}

static void device_capabilities(QXLInstance *qxl, uint8_t present, uint8_t caps[SPICE_CAPABILITIES_SIZE])
{
    (void)qxl;
    (void)present;
    (void)caps;
}

static int device_monitors(QXLInstance *qxl, VDAgentMonitorsConfig *config)
{
    (void)qxl;
    (void)config;
    return 0;
}

static const QXLInterface device_interface = {
    .base = {SPICE_INTERFACE_QXL, "", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR},
    .set_compression_level = device_level,
    .get_init_info = device_init_info,
    .get_command = device_no_command,
    .req_cmd_notification = device_yes,
    .release_resource = device_release,
    .get_cursor_command = device_no_command,
    .req_cursor_notification = device_yes,
    .notify_update = device_notify,
    .flush_resources = device_yes,
    .async_complete = device_complete,
    .update_area_complete = device_area_complete,
    .set_client_capabilities = device_capabilities,
    .client_monitors_config = device_monitors,
};

static QXLInstance device = {.base = {&device_interface.base}, .id = 7};
static QXLInstance unplugged = {.base = {&device_interface.base}, .id = 8};

/* The cookies of this row add up: an asynchronous call completes, however wrong it was. */
static void expect_completed(uint64_t sum)
{
    for (int i = 0; i < 5000 && atomic_load(&completed) != sum; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(atomic_load(&completed), sum);
}

/* No instance, and one that was never plugged in. */
#define ON_NO_DEVICE(call)                                                                                   \
    do {                                                                                                     \
        QXLInstance *at = NULL;                                                                              \
        call;                                                                                                \
        at = &unplugged;                                                                                     \
        call;                                                                                                \
    } while (0)

/* ---- Life, listening, security ---- */

static void try_new(void)
{
    spice_server_destroy(spice_server_new()); /* which may be all that happens */
}

static void try_init(void)
{
    SpiceCoreInterface *core = rig.core;
    SpiceCoreInterface other = *core;

    assert_int_equal(spice_server_init(NULL, core), -1);
    assert_int_equal(spice_server_init(fresh, NULL), -1);
    for (uint32_t major = 0; major <= 2; major += 2) {
        other.base.major_version = major;
        assert_int_equal(spice_server_init(fresh, &other), -1);
    }
    assert_int_equal(spice_server_init(rig.server, core), -1); /* twice */
}

static void try_destroy(void)
{
    spice_server_destroy(NULL);
}

static void try_set_port(void)
{
    assert_int_equal(spice_server_set_port(NULL, 5900), -1);
    assert_int_equal(spice_server_set_port(fresh, -1), -1);
    assert_int_equal(spice_server_set_port(fresh, 65536), -1);
    assert_int_equal(spice_server_set_port(fresh, INT_MIN), -1);
    assert_int_equal(spice_server_set_port(fresh, INT_MAX), -1);
}

static void try_set_addr(void)
{
    char *huge = malloc(100001);

    memset(huge, 'x', 100000);
    huge[100000] = '\0';
    spice_server_set_addr(NULL, "127.0.0.1", 0);
    spice_server_set_addr(fresh, NULL, SPICE_ADDR_FLAG_IPV4_ONLY);
    spice_server_set_addr(fresh, huge, 0);
    const unsigned before = rig_warnings("spice_server_set_addr");
    spice_server_set_addr(fresh, "", 8);
    spice_server_set_addr(fresh, "", -1);
    spice_server_set_addr(fresh, "", SPICE_ADDR_FLAG_IPV4_ONLY | SPICE_ADDR_FLAG_IPV6_ONLY);
    assert_int_equal(rig_warnings("spice_server_set_addr"), before + 3);
    spice_server_set_addr(fresh, huge, SPICE_ADDR_FLAG_UNIX_ONLY);
    assert_int_equal(spice_server_init(fresh, rig.core), -1); /* what is left of it is no path */
    free(huge);
}

static void try_set_listen_socket_fd(void)
{
    assert_int_equal(spice_server_set_listen_socket_fd(NULL, 0), -1);
    assert_int_equal(spice_server_set_listen_socket_fd(fresh, 1000000), 0); /* only init looks at it */
    assert_int_equal(spice_server_init(fresh, rig.core), -1);
}

static void try_set_tls(void)
{
    const char *no = "/there/is/no/such/file";

    assert_int_equal(spice_server_set_tls(NULL, 5901, no, no, no, NULL, NULL, NULL), -1);
    assert_int_equal(spice_server_set_tls(fresh, 0, no, no, no, NULL, NULL, NULL), -1);
    assert_int_equal(spice_server_set_tls(fresh, -1, no, no, no, NULL, NULL, NULL), -1);
    assert_int_equal(spice_server_set_tls(fresh, 65536, no, no, no, NULL, NULL, NULL), -1);
    assert_int_equal(spice_server_set_tls(fresh, 5901, NULL, no, no, NULL, NULL, NULL), -1);
    assert_int_equal(spice_server_set_tls(fresh, 5901, no, NULL, no, NULL, NULL, NULL), -1);
    assert_int_equal(spice_server_set_tls(fresh, 5901, no, no, NULL, NULL, NULL, NULL), -1);
    assert_int_equal(spice_server_set_tls(fresh, 5901, no, no, no, no, no, "no such cipher"), 0);
    assert_int_equal(spice_server_init(fresh, rig.core), -1); /* which reads the files */
}

static void try_set_noauth(void)
{
    assert_int_equal(spice_server_set_noauth(NULL), -1);
}

static void try_set_ticket(void)
{
    char password[200];

    memset(password, 'p', sizeof password - 1);
    password[sizeof password - 1] = '\0';
    assert_int_equal(spice_server_set_ticket(NULL, "secret", 0, 0, 0), -1);
    assert_int_equal(spice_server_set_ticket(fresh, password, 0, 0, 0), -1);
    assert_int_equal(spice_server_set_ticket(rig.server, password, 0, 0, 0), -1); /* and changes nothing */
    assert_int_equal(spice_server_set_ticket(fresh, "secret", INT_MIN, -1, -1), 0);
    assert_int_equal(spice_server_set_ticket(fresh, "secret", INT_MAX, INT_MAX, INT_MIN), 0);
    assert_int_equal(spice_server_set_ticket(fresh, NULL, 0, 0, 0), 0);
}

static void try_set_sasl(void)
{
    assert_int_equal(spice_server_set_sasl(NULL, 1), -1);
    assert_int_equal(spice_server_set_sasl(NULL, 0), -1);
    const unsigned before = rig_warnings("SASL is not built yet");
    assert_int_equal(spice_server_set_sasl(fresh, 1), -1); /* as of a library that is built without */
    assert_int_equal(spice_server_set_sasl(fresh, -1), -1);
    assert_int_equal(rig_warnings("SASL is not built yet"), before + 2);
    assert_int_equal(spice_server_set_sasl(fresh, 0), 0);
}

static void try_set_sasl_appname(void)
{
    assert_int_equal(spice_server_set_sasl_appname(NULL, "qemu"), -1);
    assert_int_equal(spice_server_set_sasl_appname(fresh, "qemu"), 0);
    assert_int_equal(spice_server_set_sasl_appname(fresh, NULL), 0);
}

static void try_set_channel_security(void)
{
    assert_int_equal(spice_server_set_channel_security(NULL, "main", SPICE_CHANNEL_SECURITY_SSL), -1);
    assert_int_equal(spice_server_set_channel_security(NULL, NULL, SPICE_CHANNEL_SECURITY_SSL), -1);
    assert_int_equal(spice_server_set_channel_security(rig.server, "", SPICE_CHANNEL_SECURITY_SSL), -1);
    assert_int_equal(spice_server_set_channel_security(rig.server, "telephone", SPICE_CHANNEL_SECURITY_SSL),
                     -1);
    assert_int_equal(spice_server_set_channel_security(rig.server, "Main", SPICE_CHANNEL_SECURITY_SSL), -1);
    assert_int_equal(spice_server_set_channel_security(fresh, "main", 0), 0); /* lets nobody in: allowed */
    assert_int_equal(spice_server_set_channel_security(fresh, NULL, -1), 0);
}

/* Each call of `add` leaves the descriptor to its owner. */
static void try_descriptors(int (*add)(SpiceServer *server, int fd, int skip_auth))
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int pair[2];

    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    assert_int_equal(add(NULL, null, 0), -1);
    assert_int_equal(add(fresh, null, 0), -1); /* before init */
    assert_int_equal(add(rig.server, -1, 0), -1);
    assert_int_equal(add(rig.server, 1000000, 0), -1);
    assert_int_equal(add(rig.server, null, 1), -1);
    assert_int_equal(add(rig.server, pair[0], 1), -1);
    assert_int_equal(close(null) | close(pair[0]) | close(pair[1]), 0);
}

static void try_add_client(void)
{
    try_descriptors(spice_server_add_client);
}

static void try_add_ssl_client(void)
{
    try_descriptors(spice_server_add_ssl_client);
}

static void try_set_exit_on_disconnect(void)
{
    assert_int_equal(spice_server_set_exit_on_disconnect(NULL, 1), -1);
}

static void try_set_name(void)
{
    spice_server_set_name(NULL, "machine");
    spice_server_set_name(rig.server, NULL);
}

static void try_set_uuid(void)
{
    static const uint8_t uuid[16];

    spice_server_set_uuid(NULL, uuid);
    spice_server_set_uuid(NULL, NULL);
    spice_server_set_uuid(rig.server, NULL);
}

static void try_set_compat_version(void)
{
    assert_int_equal(spice_server_set_compat_version(fresh, SPICE_COMPAT_VERSION_0_4), -1);
    assert_int_equal(spice_server_set_compat_version(fresh, (spice_compat_version_t)999), -1);
    assert_int_equal(spice_server_set_compat_version(NULL, (spice_compat_version_t)-1), -1);
    assert_int_equal(spice_server_set_compat_version(NULL, SPICE_COMPAT_VERSION_0_6), 0);
}

static void try_get_current_compat_version(void)
{
    assert_int_equal(spice_get_current_compat_version(), SPICE_COMPAT_VERSION_0_6);
}

static void try_get_sock_info(void)
{
    struct sockaddr address = {.sa_family = 4711};
    socklen_t len = 17;

    assert_int_equal(spice_server_get_sock_info(NULL, NULL, NULL), -1);
    assert_int_equal(spice_server_get_sock_info(rig.server, &address, &len), -1);
    assert_true(address.sa_family == 4711 && len == 17);
}

static void try_get_peer_info(void)
{
    struct sockaddr address = {.sa_family = 4711};
    socklen_t len = 17;

    assert_int_equal(spice_server_get_peer_info(NULL, NULL, NULL), -1);
    assert_int_equal(spice_server_get_peer_info(rig.server, &address, &len), -1);
    assert_true(address.sa_family == 4711 && len == 17);
}

static void try_get_num_clients(void)
{
    assert_int_equal(spice_server_get_num_clients(NULL), 0);
    assert_int_equal(spice_server_get_num_clients(fresh), 0);
}

static void try_add_renderer(void)
{
    assert_int_equal(spice_server_add_renderer(NULL, "sw"), -1);
    assert_int_equal(spice_server_add_renderer(fresh, NULL), -1);
    assert_int_equal(spice_server_add_renderer(fresh, ""), -1);
    assert_int_equal(spice_server_add_renderer(fresh, "oglpbuf"), -1);
    assert_int_equal(spice_server_add_renderer(fresh, "sw"), 0);
    assert_int_equal(spice_server_add_renderer(fresh, "sw"), -1); /* twice */
}

static void try_vm_start(void)
{
    spice_server_vm_start(NULL);
    spice_server_vm_start(fresh);
    spice_server_vm_start(rig.server); /* it runs */
}

static void try_vm_stop(void)
{
    spice_server_vm_stop(NULL);
    spice_server_vm_stop(fresh);
}

static void try_set_multiple_clients(void)
{
    assert_int_equal(spice_server_set_multiple_clients(NULL, 1), -1);
}

/* ---- Interfaces ---- */

static void refuse_version(const char *type, uint32_t major, uint32_t minor)
{
    /* Whatever is read behind the base is there. */
    union {
        SpiceBaseInstance base;
        uint8_t bytes[256];
    } instance;
    union {
        SpiceBaseInterface base;
        uint8_t bytes[512];
    } interface;

    memset(&instance, 0, sizeof instance);
    memset(&interface, 0, sizeof interface);
    interface.base = (SpiceBaseInterface){type, "", major, minor};
    instance.base.sif = &interface.base;
    assert_int_equal(spice_server_add_interface(rig.server, &instance.base), -1);
}

static void try_add_interface(void)
{
    static const struct {
        const char *type;
        uint32_t major, minor;
    } kinds[] = {
        {SPICE_INTERFACE_QXL, SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR},
        {SPICE_INTERFACE_KEYBOARD, SPICE_INTERFACE_KEYBOARD_MAJOR, SPICE_INTERFACE_KEYBOARD_MINOR},
        {SPICE_INTERFACE_MOUSE, SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR},
        {SPICE_INTERFACE_TABLET, SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR},
        {SPICE_INTERFACE_PLAYBACK, SPICE_INTERFACE_PLAYBACK_MAJOR, SPICE_INTERFACE_PLAYBACK_MINOR},
        {SPICE_INTERFACE_RECORD, SPICE_INTERFACE_RECORD_MAJOR, SPICE_INTERFACE_RECORD_MINOR},
        {SPICE_INTERFACE_CHAR_DEVICE, SPICE_INTERFACE_CHAR_DEVICE_MAJOR, SPICE_INTERFACE_CHAR_DEVICE_MINOR},
        {SPICE_INTERFACE_MIGRATION, SPICE_INTERFACE_MIGRATION_MAJOR, SPICE_INTERFACE_MIGRATION_MINOR},
    };
    static const SpiceBaseInterface nameless = {.description = "no type"};
    static const SpiceBaseInterface unknown = {"telephone", "", 1, 0};
    static const QXLInterface empty = {.base = {SPICE_INTERFACE_QXL, "", SPICE_INTERFACE_QXL_MAJOR, 0}};
    static const SpiceMigrateInterface migrate_interface = {.base = {SPICE_INTERFACE_MIGRATION, "",
                                                                     SPICE_INTERFACE_MIGRATION_MAJOR,
                                                                     SPICE_INTERFACE_MIGRATION_MINOR}};
    SpiceBaseInstance instance = {NULL};
    FakeInput input;

    assert_int_equal(spice_server_add_interface(NULL, &device.base), -1);
    assert_int_equal(spice_server_add_interface(rig.server, NULL), -1);
    assert_int_equal(spice_server_add_interface(rig.server, &instance), -1);
    instance.sif = &nameless;
    assert_int_equal(spice_server_add_interface(rig.server, &instance), -1);
    instance.sif = &unknown;
    assert_int_equal(spice_server_add_interface(rig.server, &instance), 0); /* documented: ignored */
    assert_int_equal(spice_server_remove_interface(&instance), -1);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        refuse_version(kinds[i].type, kinds[i].major - 1, kinds[i].minor);
        refuse_version(kinds[i].type, kinds[i].major + 1, 0);
        refuse_version(kinds[i].type, kinds[i].major, kinds[i].minor + 1);
    }

    fake_input_init(&input, NULL, NULL);                                           /* a second one of each */
    assert_int_equal(spice_server_add_interface(fresh, &input.keyboard.base), -1); /* before init */
    assert_int_equal(spice_server_add_interface(rig.server, &input.keyboard.base), -1);
    assert_int_equal(spice_server_add_interface(rig.server, &input.mouse.base), -1);
    assert_int_equal(spice_server_add_interface(rig.server, &input.tablet.base), -1);
    assert_true(input.keyboard.st == NULL && input.mouse.st == NULL && input.tablet.st == NULL);

    SpiceMigrateInstance migrate[2] = {{.base = {&migrate_interface.base}},
                                       {.base = {&migrate_interface.base}}};
    SpiceServer *other = spice_server_new();
    assert_int_equal(spice_server_init(other, rig.core), 0);
    assert_int_equal(spice_server_add_interface(other, &migrate[0].base), 0);
    assert_int_equal(spice_server_add_interface(other, &migrate[1].base), -1);
    spice_server_destroy(other);
    assert_null(migrate[0].st);

    QXLInterface wrong = device_interface;
    QXLInstance bad = {.base = {&device_interface.base}, .id = -1};
    assert_int_equal(spice_server_add_interface(rig.server, &bad.base), -1);
    bad.id = INT_MAX;
    assert_int_equal(spice_server_add_interface(rig.server, &bad.base), -1);
    bad.id = device.id;
    assert_int_equal(spice_server_add_interface(rig.server, &bad.base), -1); /* taken */
    assert_int_equal(spice_server_add_interface(rig.server, &device.base), -1);
    bad.id = 9;
    bad.base.sif = &empty.base;
    assert_int_equal(spice_server_add_interface(rig.server, &bad.base), -1);
    wrong.get_init_info = device_empty_info; /* no memslots */
    bad.base.sif = &wrong.base;
    assert_int_equal(spice_server_add_interface(rig.server, &bad.base), -1);
    assert_null(bad.st);
}

static void try_remove_interface(void)
{
    static const SpiceBaseInterface nameless = {.description = "no type"};
    static const SpiceCharDeviceInterface port = {.base = {SPICE_INTERFACE_CHAR_DEVICE, "",
                                                           SPICE_INTERFACE_CHAR_DEVICE_MAJOR,
                                                           SPICE_INTERFACE_CHAR_DEVICE_MINOR}};
    SpiceCharDeviceInstance char_device = {.base = {&port.base}};
    SpiceBaseInstance instance = {NULL};
    FakeInput input;

    fake_input_init(&input, NULL, NULL);
    assert_int_equal(spice_server_remove_interface(NULL), -1);
    assert_int_equal(spice_server_remove_interface(&instance), -1);
    instance.sif = &nameless;
    assert_int_equal(spice_server_remove_interface(&instance), -1);
    assert_int_equal(spice_server_remove_interface(&rig.input.keyboard.base), -1);
    assert_int_equal(spice_server_remove_interface(&rig.input.mouse.base), -1);
    assert_int_equal(spice_server_remove_interface(&input.tablet.base), -1);
    assert_int_equal(spice_server_remove_interface(&unplugged.base), -1);
    assert_int_equal(spice_server_remove_interface(&char_device.base), -1);
    assert_int_equal(spice_server_add_interface(rig.server, &char_device.base), 0);
    assert_int_equal(spice_server_remove_interface(&char_device.base), 0);
    assert_int_equal(spice_server_remove_interface(&char_device.base), -1); /* twice */
}

static void try_char_device_wakeup(void)
{
    SpiceCharDeviceInstance char_device = {.subtype = "port"};

    spice_server_char_device_wakeup(NULL);
    spice_server_char_device_wakeup(&char_device);
}

static void try_char_device_recognized_subtypes(void)
{
    const char **subtypes = spice_server_char_device_recognized_subtypes();

    assert_string_equal(subtypes[0], "vdagent");
    for (int i = 0; subtypes[i] != NULL; i++) {
        assert_true(i < 4 && strcmp(subtypes[i], "port") != 0);
    }
}

static void try_port_event(void)
{
    SpiceCharDeviceInstance char_device = {.subtype = "port"};

    spice_server_port_event(NULL, 0);
    spice_server_port_event(&char_device, UINT8_MAX);
}

static void try_kbd_leds(void)
{
    SpiceKbdInstance keyboard = {.base = {NULL}};

    assert_int_equal(spice_server_kbd_leds(NULL, 7), 0);
    assert_int_equal(spice_server_kbd_leds(&keyboard, 7), 0);
    assert_int_equal(spice_server_kbd_leds(&rig.input.keyboard, -1), 0);
    assert_int_equal(spice_server_kbd_leds(&rig.input.keyboard, INT_MIN), 0);
}

static void try_is_server_mouse(void)
{
    assert_int_equal(spice_server_is_server_mouse(NULL), 0);
    assert_int_equal(spice_server_is_server_mouse(fresh), 1);
}

/* ---- Compression, video, agent ---- */

static void try_set_image_compression(void)
{
    assert_int_equal(spice_server_set_image_compression(NULL, SPICE_IMAGE_COMPRESSION_LZ), -1);
    assert_int_equal(spice_server_set_image_compression(rig.server, SPICE_IMAGE_COMPRESSION_LZ), 0);
    for (int wrong = -1; wrong <= 8; wrong += wrong == 0 ? 8 : 1) { /* documented: 0, and nothing changes */
        assert_int_equal(spice_server_set_image_compression(rig.server, (SpiceImageCompression)wrong), 0);
        assert_int_equal(spice_server_get_image_compression(rig.server), SPICE_IMAGE_COMPRESSION_LZ);
    }
}

static void try_get_image_compression(void)
{
    assert_int_equal(spice_server_get_image_compression(NULL), SPICE_IMAGE_COMPRESSION_INVALID);
    assert_int_equal(spice_server_get_image_compression(fresh), SPICE_IMAGE_COMPRESSION_AUTO_GLZ);
}

static void try_wan(int (*set)(SpiceServer *server, spice_wan_compression_t value))
{
    assert_int_equal(set(NULL, SPICE_WAN_COMPRESSION_AUTO), -1);
    assert_int_equal(set(rig.server, SPICE_WAN_COMPRESSION_INVALID), -1);
    assert_int_equal(set(rig.server, (spice_wan_compression_t)4), -1);
    assert_int_equal(set(rig.server, (spice_wan_compression_t)-1), -1);
}

static void try_set_jpeg_compression(void)
{
    try_wan(spice_server_set_jpeg_compression);
}

static void try_set_zlib_glz_compression(void)
{
    try_wan(spice_server_set_zlib_glz_compression);
}

static void try_set_streaming_video(void)
{
    assert_int_equal(spice_server_set_streaming_video(NULL, SPICE_STREAM_VIDEO_OFF), -1);
    assert_int_equal(spice_server_set_streaming_video(rig.server, SPICE_STREAM_VIDEO_INVALID), -1);
    assert_int_equal(spice_server_set_streaming_video(rig.server, 4), -1);
    assert_int_equal(spice_server_set_streaming_video(rig.server, -1), -1);
}

static void try_set_video_codecs(void)
{
    static const char *const wrong[] = {
        "",           ";",          ";;;;",        "mjpeg",         "spice",  "spice:",     ":mjpeg",
        "spice:h265", "nvenc:h264", "spice mjpeg", "spice:mjpeg:x", "%s%n%d", "SPICE:mjpeg"};
    char *huge = malloc(1 << 20);
    const char *kept;

    memset(huge, ':', (1 << 20) - 1);
    huge[(1 << 20) - 1] = '\0';
    assert_int_equal(spice_server_set_video_codecs(NULL, "spice:mjpeg"), -1);
    assert_int_equal(spice_server_set_video_codecs(fresh, NULL), -1);
    assert_int_equal(spice_server_set_video_codecs(fresh, "spice:mjpeg"), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(spice_server_set_video_codecs(fresh, wrong[i]), -1);
    }
    assert_int_equal(spice_server_set_video_codecs(fresh, huge), -1);
    kept = spice_server_get_video_codecs(fresh);
    assert_string_equal(kept, "spice:mjpeg"); /* the former list stays */
    spice_server_free_video_codecs(fresh, kept);
    assert_int_equal(spice_server_set_video_codecs(fresh, ";gstreamer:vp8;;nonsense;"), 0);
    kept = spice_server_get_video_codecs(fresh);
    assert_string_equal(kept, "gstreamer:vp8");
    spice_server_free_video_codecs(fresh, kept);
    free(huge);
}

static void try_get_video_codecs(void)
{
    const char *none = spice_server_get_video_codecs(NULL);

    assert_string_equal(none, "");
    spice_server_free_video_codecs(NULL, none);
}

static void try_free_video_codecs(void)
{
    spice_server_free_video_codecs(NULL, NULL);
    spice_server_free_video_codecs(rig.server, NULL);
}

static void try_set_playback_compression(void)
{
    assert_int_equal(spice_server_set_playback_compression(NULL, 1), -1);
}

static void try_set_agent_mouse(void)
{
    assert_int_equal(spice_server_set_agent_mouse(NULL, 1), -1);
}

static void try_set_agent_copypaste(void)
{
    assert_int_equal(spice_server_set_agent_copypaste(NULL, 1), -1);
}

static void try_set_agent_file_xfer(void)
{
    assert_int_equal(spice_server_set_agent_file_xfer(NULL, 1), -1);
}

/* ---- The device ---- */

static void try_wakeup(void)
{
    ON_NO_DEVICE(spice_qxl_wakeup(at));
}

static void try_oom(void)
{
    ON_NO_DEVICE(spice_qxl_oom(at));
}

static void try_start(void)
{
    ON_NO_DEVICE(spice_qxl_start(at));
    spice_qxl_start(&device); /* it runs */
}

static void try_stop(void)
{
    ON_NO_DEVICE(spice_qxl_stop(at));
    spice_qxl_stop(&device);
    spice_qxl_stop(&device); /* twice */
    spice_qxl_start(&device);
}

static const QXLRect nowhere = {INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX};
static const QXLRect inside_out = {100, 100, -100, -100};

static void try_update_area(void)
{
    QXLRect area = nowhere, dirty[2], wrong = inside_out;

    ON_NO_DEVICE(spice_qxl_update_area(at, 0, &area, NULL, 0, 1));
    spice_qxl_update_area(&device, 0, NULL, NULL, 0, 0);
    spice_qxl_update_area(&device, 0, &area, NULL, NOBODY, 1);
    spice_qxl_update_area(&device, NOBODY, &area, dirty, 2, 1);
    spice_qxl_update_area(&device, UINT32_MAX, &wrong, dirty, 2, UINT32_MAX);
}

static void try_update_area_async(void)
{
    QXLRect area = nowhere, wrong = inside_out;

    ON_NO_DEVICE(spice_qxl_update_area_async(at, 0, &area, 1, 1000));
    spice_qxl_update_area_async(&device, 0, NULL, 0, 1);
    spice_qxl_update_area_async(&device, NOBODY, &area, 1, 2);
    spice_qxl_update_area_async(&device, UINT32_MAX, &wrong, 1, 4);
    expect_completed(7);
}

static QXLDevMemSlot wrong_slot(uint32_t group, uint32_t id)
{
    return (QXLDevMemSlot){.slot_group_id = group, .slot_id = id, .virt_start = 4096, .virt_end = 1};
}

static void try_add_memslot(void)
{
    QXLDevMemSlot group = wrong_slot(NOBODY, 0), id = wrong_slot(0, NOBODY), backwards = wrong_slot(0, 1);

    ON_NO_DEVICE(spice_qxl_add_memslot(at, &group));
    spice_qxl_add_memslot(&device, NULL);
    spice_qxl_add_memslot(&device, &group);
    spice_qxl_add_memslot(&device, &id);
    spice_qxl_add_memslot(&device, &backwards);
}

static void try_add_memslot_async(void)
{
    QXLDevMemSlot group = wrong_slot(UINT32_MAX, 0), id = wrong_slot(0, UINT32_MAX),
                  backwards = wrong_slot(0, 1);

    ON_NO_DEVICE(spice_qxl_add_memslot_async(at, &group, 1000));
    spice_qxl_add_memslot_async(&device, NULL, 1);
    spice_qxl_add_memslot_async(&device, &group, 2);
    spice_qxl_add_memslot_async(&device, &id, 4);
    spice_qxl_add_memslot_async(&device, &backwards, 8);
    expect_completed(15);
}

static void try_del_memslot(void)
{
    ON_NO_DEVICE(spice_qxl_del_memslot(at, 0, 0));
    spice_qxl_del_memslot(&device, 0, NOBODY);
    spice_qxl_del_memslot(&device, UINT32_MAX, UINT32_MAX);
    spice_qxl_del_memslot(&device, 0, 3); /* never added */
}

static void try_reset_memslots(void)
{
    ON_NO_DEVICE(spice_qxl_reset_memslots(at));
}

static void try_create_primary_surface(void)
{
    QXLDevSurfaceCreate create = {
        .width = UINT32_MAX, .height = UINT32_MAX, .stride = INT32_MIN, .format = 77};

    ON_NO_DEVICE(spice_qxl_create_primary_surface(at, 0, &create));
    spice_qxl_create_primary_surface(&device, 0, NULL);
    spice_qxl_create_primary_surface(&device, 0, &create);
    spice_qxl_create_primary_surface(&device, UINT32_MAX, &create);
    create =
        (QXLDevSurfaceCreate){.width = 64, .height = 64, .stride = 256, .format = 32, .group_id = NOBODY};
    spice_qxl_create_primary_surface(&device, 0, &create);
    create.group_id = 0;
    create.mem = UINT64_MAX;
    spice_qxl_create_primary_surface(&device, 0, &create);
}

static void try_create_primary_surface_async(void)
{
    QXLDevSurfaceCreate create = {.format = 32, .group_id = UINT32_MAX};

    ON_NO_DEVICE(spice_qxl_create_primary_surface_async(at, 0, &create, 1000));
    spice_qxl_create_primary_surface_async(&device, 0, NULL, 1);
    spice_qxl_create_primary_surface_async(&device, 0, &create, 2);
    spice_qxl_create_primary_surface_async(&device, NOBODY, &create, 4);
    expect_completed(7);
}

static void try_destroy_primary_surface(void)
{
    ON_NO_DEVICE(spice_qxl_destroy_primary_surface(at, 0));
    spice_qxl_destroy_primary_surface(&device, 0); /* there is none */
    spice_qxl_destroy_primary_surface(&device, UINT32_MAX);
}

static void try_destroy_primary_surface_async(void)
{
    ON_NO_DEVICE(spice_qxl_destroy_primary_surface_async(at, 0, 1000));
    spice_qxl_destroy_primary_surface_async(&device, 0, 1);
    spice_qxl_destroy_primary_surface_async(&device, UINT32_MAX, 2);
    expect_completed(3);
}

static void try_destroy_surface_wait(void)
{
    ON_NO_DEVICE(spice_qxl_destroy_surface_wait(at, 0));
    spice_qxl_destroy_surface_wait(&device, 5); /* there is none */
    spice_qxl_destroy_surface_wait(&device, UINT32_MAX);
}

static void try_destroy_surface_async(void)
{
    ON_NO_DEVICE(spice_qxl_destroy_surface_async(at, 0, 1000));
    spice_qxl_destroy_surface_async(&device, 5, 1);
    spice_qxl_destroy_surface_async(&device, UINT32_MAX, 2);
    expect_completed(3);
}

static void try_destroy_surfaces(void)
{
    ON_NO_DEVICE(spice_qxl_destroy_surfaces(at));
    spice_qxl_destroy_surfaces(&device); /* there are none */
}

static void try_destroy_surfaces_async(void)
{
    ON_NO_DEVICE(spice_qxl_destroy_surfaces_async(at, 1000));
    spice_qxl_destroy_surfaces_async(&device, 1);
    expect_completed(1);
}

static void try_flush_surfaces_async(void)
{
    ON_NO_DEVICE(spice_qxl_flush_surfaces_async(at, 1000));
    spice_qxl_flush_surfaces_async(&device, 1);
    expect_completed(1);
}

static void try_reset_image_cache(void)
{
    ON_NO_DEVICE(spice_qxl_reset_image_cache(at));
}

static void try_reset_cursor(void)
{
    ON_NO_DEVICE(spice_qxl_reset_cursor(at));
}

static void try_loadvm_commands(void)
{
    QXLCommandExt wrong[3] = {{.cmd = {.data = UINT64_MAX, .type = QXL_CMD_CURSOR}},
                              {.cmd = {.data = 8, .type = QXL_CMD_SURFACE}, .group_id = UINT32_MAX},
                              {.cmd = {.type = NOBODY}}};

    ON_NO_DEVICE(spice_qxl_loadvm_commands(at, wrong, 3));
    spice_qxl_loadvm_commands(&device, NULL, 0);
    spice_qxl_loadvm_commands(&device, NULL, 3);
    spice_qxl_loadvm_commands(&device, wrong, 3);
}

static void try_monitors_config_async(void)
{
    ON_NO_DEVICE(spice_qxl_monitors_config_async(at, 0, 0, 1000));
    spice_qxl_monitors_config_async(&device, UINT64_MAX, 0, 1);
    spice_qxl_monitors_config_async(&device, 0, -1, 2);
    spice_qxl_monitors_config_async(&device, 8, INT_MAX, 4);
    expect_completed(7);
}

static void try_driver_unload(void)
{
    ON_NO_DEVICE(spice_qxl_driver_unload(at));
    spice_qxl_driver_unload(&device); /* it never said anything */
}

static void try_set_max_monitors(void)
{
    ON_NO_DEVICE(spice_qxl_set_max_monitors(at, 1));
    spice_qxl_set_max_monitors(&device, 0);
    spice_qxl_set_max_monitors(&device, UINT_MAX);
}

static void try_set_device_info(void)
{
    char address[300];

    memset(address, 'a', sizeof address - 1);
    address[sizeof address - 1] = '\0';
    ON_NO_DEVICE(spice_qxl_set_device_info(at, "pci/0000/02.0", 0, 1));
    spice_qxl_set_device_info(&device, NULL, 0, 1);
    const unsigned before = rig_warnings("spice_qxl_set_device_info");
    spice_qxl_set_device_info(&device, address, 0, 1);
    spice_qxl_set_device_info(&device, "pci/0000/02.0", 0, 17);
    spice_qxl_set_device_info(&device, "pci/0000/02.0", UINT32_MAX, UINT32_MAX);
    assert_int_equal(rig_warnings("spice_qxl_set_device_info"), before + 3);
}

static bool is_closed(int fd)
{
    return fcntl(fd, F_GETFD) < 0;
}

static void try_gl_scanout(void)
{
    const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    ON_NO_DEVICE(spice_qxl_gl_scanout(at, -1, 64, 64, 256, 0, 0));
    spice_qxl_gl_scanout(&device, -1, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, -1);
    spice_qxl_gl_scanout(&device, fd, 0, 0, 0, 0, 0);
    assert_true(is_closed(fd)); /* it was the library's */
}

static void try_gl_scanout2(void)
{
    const uint32_t zeros[4] = {0};
    int fds[5];

    for (int i = 0; i < 5; i++) {
        fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
    }
    const int kept = fds[3], behind = fds[4];
    fds[3] = -1;
    ON_NO_DEVICE(spice_qxl_gl_scanout2(at, NULL, 64, 64, NULL, NULL, 0, 0, 0, 0));
    spice_qxl_gl_scanout2(&device, NULL, 64, 64, NULL, NULL, 0, 0, 0, 0); /* documented: disables */
    spice_qxl_gl_scanout2(&device, NULL, 64, 64, zeros, zeros, 4, 0, 0, 0);
    spice_qxl_gl_scanout2(&device, fds, UINT32_MAX, UINT32_MAX, NULL, NULL, UINT32_MAX, UINT32_MAX,
                          UINT64_MAX, -1);
    for (int i = 0; i < 3; i++) {
        assert_true(is_closed(fds[i]));
    }
    assert_int_equal(close(kept), 0);
    assert_int_equal(close(behind), 0); /* a caller's array has four entries: the fifth is not the call's */
}

static void try_gl_draw_async(void)
{
    ON_NO_DEVICE(spice_qxl_gl_draw_async(at, 0, 0, 1, 1, 1000));
    spice_qxl_gl_draw_async(&device, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 1);
    spice_qxl_gl_draw_async(&device, 0, 0, 0, 0, 2); /* no scanout, and one after the other */
    expect_completed(3);
}

/* ---- Sound ---- */

static SpicePlaybackInstance quiet_playback; /* not plugged in */
static SpiceRecordInstance quiet_record;

static void try_playback_start(void)
{
    spice_server_playback_start(NULL);
    spice_server_playback_start(&quiet_playback);
}

static void try_playback_stop(void)
{
    spice_server_playback_stop(NULL);
    spice_server_playback_stop(&quiet_playback);
}

static void try_playback_get_buffer(void)
{
    uint32_t dummy = 0, *samples = &dummy, len = 480;

    spice_server_playback_get_buffer(NULL, NULL, NULL);
    spice_server_playback_get_buffer(&quiet_playback, &samples, &len);
    assert_true(samples == NULL && len == 0);
}

static void try_playback_put_samples(void)
{
    uint32_t sample = 0;

    spice_server_playback_put_samples(NULL, NULL);
    spice_server_playback_put_samples(&quiet_playback, &sample);
}

static void try_playback_set_volume(void)
{
    uint16_t volume[2] = {1, 2};

    spice_server_playback_set_volume(NULL, 2, volume);
    spice_server_playback_set_volume(&quiet_playback, 2, NULL);
}

static void try_playback_set_mute(void)
{
    spice_server_playback_set_mute(NULL, 1);
    spice_server_playback_set_mute(&quiet_playback, UINT8_MAX);
}

static void try_get_best_playback_rate(void)
{
    assert_int_equal(spice_server_get_best_playback_rate(NULL), 48000);
}

static void try_set_playback_rate(void)
{
    spice_server_set_playback_rate(NULL, 44100);
    spice_server_set_playback_rate(&quiet_playback, 0);
}

static void try_record_start(void)
{
    spice_server_record_start(NULL);
    spice_server_record_start(&quiet_record);
}

static void try_record_stop(void)
{
    spice_server_record_stop(NULL);
    spice_server_record_stop(&quiet_record);
}

static void try_record_get_samples(void)
{
    uint32_t sample = 0;

    assert_int_equal(spice_server_record_get_samples(NULL, NULL, 0), 0);
    assert_int_equal(spice_server_record_get_samples(NULL, &sample, UINT32_MAX), 0);
    assert_int_equal(spice_server_record_get_samples(&quiet_record, NULL, UINT32_MAX), 0);
}

static void try_record_set_volume(void)
{
    uint16_t volume[2] = {1, 2};

    spice_server_record_set_volume(NULL, 2, volume);
    spice_server_record_set_volume(&quiet_record, UINT8_MAX, NULL);
}

static void try_record_set_mute(void)
{
    spice_server_record_set_mute(NULL, 1);
    spice_server_record_set_mute(&quiet_record, 1);
}

static void try_get_best_record_rate(void)
{
    assert_int_equal(spice_server_get_best_record_rate(NULL), 48000);
}

static void try_set_record_rate(void)
{
    spice_server_set_record_rate(NULL, 44100);
    spice_server_set_record_rate(&quiet_record, UINT32_MAX);
}

/* ---- Migration ---- */

static void try_set_seamless_migration(void)
{
    spice_server_set_seamless_migration(NULL, 1);
}

static void try_migrate_connect(void)
{
    assert_int_equal(spice_server_migrate_connect(NULL, "host", 1, 2, NULL), -1);
    assert_int_equal(spice_server_migrate_connect(rig.server, "host", 1, 2, NULL), -1); /* no interface */
}

static void try_migrate_info(void)
{
    assert_int_equal(spice_server_migrate_info(NULL, "host", 1, 2, NULL), -1);
    assert_int_equal(spice_server_migrate_info(fresh, NULL, 1, 2, NULL), -1);
    assert_int_equal(spice_server_migrate_info(fresh, "host", -1, -1, NULL), -1);
}

static void try_migrate_start(void)
{
    assert_int_equal(spice_server_migrate_start(NULL), -1);
    assert_int_equal(spice_server_migrate_start(fresh), -1); /* to where? */
}

static void try_migrate_end(void)
{
    assert_int_equal(spice_server_migrate_end(NULL, 1), -1);
    assert_int_equal(spice_server_migrate_end(rig.server, 1), -1); /* no interface */
}

static void try_migrate_switch(void)
{
    assert_int_equal(spice_server_migrate_switch(NULL), 0);
    assert_int_equal(spice_server_migrate_switch(fresh), 0);
}

/* ---- Replay ---- */

static SpiceReplay *replay_of(const char *text)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    fputs(text, file);
    rewind(file);
    SpiceReplay *replay = spice_replay_new(file, 4);
    if (replay == NULL) {
        fclose(file);
    }
    return replay;
}

static void try_replay_new(void)
{
    assert_null(spice_replay_new(NULL, 1));
    assert_null(replay_of(""));
    assert_null(replay_of("SPICE_REPLAY 2\n"));
    assert_null(replay_of("telephone 1\n"));
}

static void try_replay_next_cmd(void)
{
    SpiceReplay *replay = replay_of("SPICE_REPLAY 1\nevent 0 0 77 0\n");

    assert_non_null(replay);
    assert_null(spice_replay_next_cmd(NULL, &device));
    assert_null(spice_replay_next_cmd(replay, NULL));
    assert_null(spice_replay_next_cmd(replay, &device)); /* a command that does not exist */
    assert_null(spice_replay_next_cmd(replay, &device));
    spice_replay_free(replay);
}

static void try_replay_free_cmd(void)
{
    SpiceReplay *replay = replay_of("SPICE_REPLAY 1\n");

    spice_replay_free_cmd(NULL, NULL);
    spice_replay_free_cmd(replay, NULL);
    spice_replay_free(replay);
}

static void try_replay_free(void)
{
    spice_replay_free(NULL);
}

/* ---- The table ---- */

typedef struct Row {
    const char *function;
    void (*try)(void);
} Row;

#define SERVER(name)                                                                                         \
    {                                                                                                        \
        "spice_server_" #name, try_##name                                                                    \
    }
#define QXL(name)                                                                                            \
    {                                                                                                        \
        "spice_qxl_" #name, try_##name                                                                       \
    }
#define REPLAY(name)                                                                                         \
    {                                                                                                        \
        "spice_replay_" #name, try_replay_##name                                                             \
    }

static const Row rows[] = {
    SERVER(new),
    SERVER(init),
    SERVER(destroy),
    SERVER(set_port),
    SERVER(set_addr),
    SERVER(set_listen_socket_fd),
    SERVER(set_tls),
    SERVER(set_noauth),
    SERVER(set_ticket),
    SERVER(set_sasl),
    SERVER(set_sasl_appname),
    SERVER(set_channel_security),
    SERVER(add_client),
    SERVER(add_ssl_client),
    SERVER(set_exit_on_disconnect),
    SERVER(set_name),
    SERVER(set_uuid),
    SERVER(set_compat_version),
    {"spice_get_current_compat_version", try_get_current_compat_version},
    SERVER(get_sock_info),
    SERVER(get_peer_info),
    SERVER(get_num_clients),
    SERVER(add_renderer),
    SERVER(vm_start),
    SERVER(vm_stop),
    SERVER(set_multiple_clients),
    SERVER(add_interface),
    SERVER(remove_interface),
    SERVER(char_device_wakeup),
    SERVER(char_device_recognized_subtypes),
    SERVER(port_event),
    SERVER(kbd_leds),
    SERVER(is_server_mouse),
    SERVER(set_image_compression),
    SERVER(get_image_compression),
    SERVER(set_jpeg_compression),
    SERVER(set_zlib_glz_compression),
    SERVER(set_streaming_video),
    SERVER(set_video_codecs),
    SERVER(get_video_codecs),
    SERVER(free_video_codecs),
    SERVER(set_playback_compression),
    SERVER(set_agent_mouse),
    SERVER(set_agent_copypaste),
    SERVER(set_agent_file_xfer),
    QXL(wakeup),
    QXL(oom),
    QXL(start),
    QXL(stop),
    QXL(update_area),
    QXL(update_area_async),
    QXL(add_memslot),
    QXL(add_memslot_async),
    QXL(del_memslot),
    QXL(reset_memslots),
    QXL(create_primary_surface),
    QXL(create_primary_surface_async),
    QXL(destroy_primary_surface),
    QXL(destroy_primary_surface_async),
    QXL(destroy_surface_wait),
    QXL(destroy_surface_async),
    QXL(destroy_surfaces),
    QXL(destroy_surfaces_async),
    QXL(flush_surfaces_async),
    QXL(reset_image_cache),
    QXL(reset_cursor),
    QXL(loadvm_commands),
    QXL(monitors_config_async),
    QXL(driver_unload),
    QXL(set_max_monitors),
    QXL(set_device_info),
    QXL(gl_scanout),
    QXL(gl_scanout2),
    QXL(gl_draw_async),
    SERVER(playback_start),
    SERVER(playback_stop),
    SERVER(playback_get_buffer),
    SERVER(playback_put_samples),
    SERVER(playback_set_volume),
    SERVER(playback_set_mute),
    SERVER(get_best_playback_rate),
    SERVER(set_playback_rate),
    SERVER(record_start),
    SERVER(record_stop),
    SERVER(record_get_samples),
    SERVER(record_set_volume),
    SERVER(record_set_mute),
    SERVER(get_best_record_rate),
    SERVER(set_record_rate),
    SERVER(set_seamless_migration),
    SERVER(migrate_connect),
    SERVER(migrate_info),
    SERVER(migrate_start),
    SERVER(migrate_end),
    SERVER(migrate_switch),
    REPLAY(new),
    REPLAY(next_cmd),
    REPLAY(free_cmd),
    REPLAY(free),
};

#define ROWS_LEN (sizeof rows / sizeof rows[0])

static void test_row(void **state)
{
    const Row *row = *state;

    atomic_store(&completed, 0);
    fresh = spice_server_new();
    row->try();
    spice_server_destroy(fresh);
    const int fd = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
    assert_true(fd >= 0);
    close(fd);
    rig_serve_ms(5);
}

/* Names of the version script: what stands alone in a line that ends with a semicolon. */
static size_t exported(char ret_names[ROWS_MAX][64])
{
    FILE *file = fopen(VERSION_SCRIPT, "r");
    char line[256];
    size_t len = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, " spice_%57[a-z0-9_];", ret_names[len] + 6) == 1) {
            memcpy(ret_names[len], "spice_", 6);
            assert_true(++len < ROWS_MAX);
        }
    }
    fclose(file);
    return len;
}

static void test_every_exported_function_has_a_row(void **state)
{
    static char names[ROWS_MAX][64];
    const size_t len = exported(names);

    (void)state;
    assert_true(len >= 99);
    for (size_t i = 0; i < len; i++) {
        size_t found = 0;
        for (size_t r = 0; r < ROWS_LEN; r++) {
            found += strcmp(rows[r].function, names[i]) == 0;
        }
        if (found != 1) {
            fail_msg("%s has %zu rows", names[i], found);
        }
    }
    assert_int_equal(ROWS_LEN, len);
}

static int start(void **state)
{
    (void)state;
    rig_start();
    assert_int_equal(spice_server_add_interface(rig.server, &device.base), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(spice_server_remove_interface(&device.base), 0);
    rig_end();
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[ROWS_LEN + 1] = {cmocka_unit_test(test_every_exported_function_has_a_row)};

    for (size_t i = 0; i < ROWS_LEN; i++) {
        tests[i + 1] = (struct CMUnitTest){
            .name = rows[i].function, .test_func = test_row, .initial_state = (void *)&rows[i]};
    }
    return cmocka_run_group_tests(tests, start, end);
}
