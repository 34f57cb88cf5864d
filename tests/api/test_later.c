/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of a system that is not built yet the interface is accepted and said so once, what is set is kept, the other functions
 * do nothing, and no client hears of it.
 */
#include "api/server.h"
#include "tests/api/caller.h"

#include <unistd.h>

static unsigned moved; /* what the migration interface was told */

static void on_moved(SpiceMigrateInstance *migration)
{
    (void)migration;
    moved++;
}

static int no_bytes(SpiceCharDeviceInstance *device, uint8_t *bytes, int len)
{
    (void)device;
    (void)bytes;
    (void)len;
    fail_msg("a device that nobody uses was read");
    return 0;
}

static int no_write(SpiceCharDeviceInstance *device, const uint8_t *bytes, int len)
{
    return no_bytes(device, (uint8_t *)bytes, len);
}

static void no_state(SpiceCharDeviceInstance *device, int connected)
{
    (void)connected;
    (void)no_bytes(device, NULL, 0);
}

static const SpicePlaybackInterface playback_interface = {
    .base = {SPICE_INTERFACE_PLAYBACK, "", SPICE_INTERFACE_PLAYBACK_MAJOR, SPICE_INTERFACE_PLAYBACK_MINOR}};
static const SpiceRecordInterface record_interface = {
    .base = {SPICE_INTERFACE_RECORD, "", SPICE_INTERFACE_RECORD_MAJOR, SPICE_INTERFACE_RECORD_MINOR}};
static const SpiceCharDeviceInterface char_interface = {
    .base = {SPICE_INTERFACE_CHAR_DEVICE, "", SPICE_INTERFACE_CHAR_DEVICE_MAJOR,
             SPICE_INTERFACE_CHAR_DEVICE_MINOR},
    .state = no_state,
    .write = no_write,
    .read = no_bytes,
};
static const SpiceMigrateInterface migrate_interface = {
    .base = {SPICE_INTERFACE_MIGRATION, "", SPICE_INTERFACE_MIGRATION_MAJOR, SPICE_INTERFACE_MIGRATION_MINOR},
    .migrate_connect_complete = on_moved,
    .migrate_end_complete = on_moved,
};

typedef struct Things {
    SpicePlaybackInstance playback;
    SpiceRecordInstance record;
    SpiceCharDeviceInstance devices[6];
    SpiceMigrateInstance migration;
} Things;

static Things things_new(void)
{
    static const char *const subtypes[] = {"vdagent", "smartcard", "usbredir", "port", "port", "telephone"};
    static const char *const ports[] = {NULL, NULL, NULL, "org.spice-space.webdav.0", NULL, NULL};
    Things things = {.playback.base.sif = &playback_interface.base,
                     .record.base.sif = &record_interface.base,
                     .migration.base.sif = &migrate_interface.base};

    for (size_t i = 0; i < G_N_ELEMENTS(things.devices); i++) {
        things.devices[i] = (SpiceCharDeviceInstance){
            .base = {&char_interface.base}, .subtype = subtypes[i], .portname = ports[i]};
    }
    return things;
}

static void add_all(Things *things)
{
    assert_int_equal(spice_server_add_interface(rig.server, &things->playback.base), 0);
    assert_int_equal(spice_server_add_interface(rig.server, &things->record.base), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(things->devices); i++) {
        assert_int_equal(spice_server_add_interface(rig.server, &things->devices[i].base), 0);
        assert_non_null(things->devices[i].st);
    }
    assert_int_equal(spice_server_add_interface(rig.server, &things->migration.base), 0);
    assert_true(things->playback.st != NULL && things->record.st != NULL && things->migration.st != NULL);
}

static void remove_all(Things *things)
{
    assert_int_equal(spice_server_remove_interface(&things->playback.base), 0);
    assert_int_equal(spice_server_remove_interface(&things->record.base), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(things->devices); i++) {
        assert_int_equal(spice_server_remove_interface(&things->devices[i].base), 0);
        assert_null(things->devices[i].st);
    }
    assert_int_equal(spice_server_remove_interface(&things->migration.base), -1); /* documented: it stays */
    assert_true(things->playback.st == NULL && things->record.st == NULL);
}

static void use_all(Things *things)
{
    uint32_t dummy = 0, *samples = &dummy, len = 480, recorded[16];

    spice_server_playback_start(&things->playback);
    spice_server_playback_start(&things->playback); /* twice, as no host should */
    spice_server_playback_get_buffer(&things->playback, &samples, &len);
    assert_true(samples == NULL && len == 0); /* as with nobody listening */
    spice_server_playback_put_samples(&things->playback, recorded);
    spice_server_playback_stop(&things->playback);
    spice_server_playback_stop(&things->playback);
    assert_int_equal(spice_server_get_best_playback_rate(&things->playback), 48000);
    spice_server_record_start(&things->record);
    assert_int_equal(spice_server_record_get_samples(&things->record, recorded, G_N_ELEMENTS(recorded)), 0);
    spice_server_record_stop(&things->record);
    assert_int_equal(spice_server_get_best_record_rate(&things->record), 48000);
    for (size_t i = 0; i < G_N_ELEMENTS(things->devices); i++) {
        spice_server_char_device_wakeup(&things->devices[i]);
        for (uint8_t event = 0; event < 4; event++) {
            spice_server_port_event(&things->devices[i], event);
        }
    }
}

/* ---- Accepted, once in the log, and nobody hears of it ---- */

static void test_each_system_is_accepted_and_said_to_be_missing_once(void **state)
{
    static const char *const lines[] = {"playback is not built yet", "record is not built yet",
                                        "character device is not built yet", "migration is not built yet"};
    Things things = things_new();

    (void)state;
    rig_start();
    assert_int_equal(rig_warnings("is not built yet"), 0);
    for (int round = 0; round < 3; round++) {
        if (round == 0) {
            add_all(&things);
        } else { /* what can be removed can come again */
            assert_int_equal(spice_server_add_interface(rig.server, &things.playback.base), 0);
            assert_int_equal(spice_server_add_interface(rig.server, &things.record.base), 0);
            for (size_t i = 0; i < G_N_ELEMENTS(things.devices); i++) {
                assert_int_equal(spice_server_add_interface(rig.server, &things.devices[i].base), 0);
            }
        }
        use_all(&things);
        remove_all(&things);
        use_all(&things); /* not plugged in: logged, and no more */
    }
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        assert_int_equal(rig_warnings(lines[i]), 1);
    }
    rig_end();
}

static void test_no_client_hears_of_what_is_missing(void **state)
{
    static const uint8_t missing[] = {WIRE_CHANNEL_PLAYBACK, WIRE_CHANNEL_RECORD, WIRE_CHANNEL_SMARTCARD,
                                      WIRE_CHANNEL_USBREDIR, WIRE_CHANNEL_PORT,   WIRE_CHANNEL_WEBDAV};
    Things things = things_new();
    Caller caller;

    (void)state;
    rig_start();
    add_all(&things);
    use_all(&things);
    assert_true(caller_start(&caller, &(CallerTarget){.server = rig.server}));
    const FakeMainModel *model = fake_client_main(caller.client);
    assert_false(model->agent_connected);
    assert_int_equal(model->channels_len, 3);
    for (size_t i = 0; i < model->channels_len; i++) {
        const uint8_t type = model->channels[i].type;
        assert_true(type == WIRE_CHANNEL_DISPLAY || type == WIRE_CHANNEL_CURSOR ||
                    type == WIRE_CHANNEL_INPUTS);
    }
    FakeConnection *main_connection = caller.lines[0].connection;
    assert_true(fake_connection_server_has(main_connection, WIRE_CAP_MAIN_NAME_AND_UUID));
    for (unsigned cap = 0; cap < 32; cap++) { /* neither migration's nor the agent's */
        assert_true(cap == WIRE_CAP_MAIN_NAME_AND_UUID || !fake_connection_server_has(main_connection, cap));
    }
    FakeConnection *display = caller_open(&caller, WIRE_CHANNEL_DISPLAY, 0);
    assert_non_null(display);
    for (unsigned cap = 0; cap < 32; cap++) { /* neither of video streams nor of a GPU */
        assert_int_equal(fake_connection_server_has(display, cap),
                         cap == WIRE_CAP_DISPLAY_MONITORS_CONFIG || cap == WIRE_CAP_DISPLAY_PREF_COMPRESSION);
    }
    use_all(&things);
    caller_serve_ms(&caller, 20);
    caller_end(&caller);

    const int main_fd = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
    const uint32_t session = visitor_session(main_fd);
    for (size_t i = 0; i < G_N_ELEMENTS(missing); i++) { /* documented: closed without an answer */
        const int fd = visitor_begin(rig.server, session, missing[i]);
        assert_false(visitor_is_let_in(fd));
        close(fd);
    }
    close(main_fd);
    rig_end(); /* with all of them still plugged in */
    assert_true(things.playback.st == NULL && things.record.st == NULL && things.migration.st == NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(things.devices); i++) {
        assert_null(things.devices[i].st);
    }
    use_all(&things); /* a host may be late */
}

/* ---- What is set is kept ---- */

static void test_sound_settings_are_kept(void **state)
{
    uint16_t volume[UINT8_MAX], two[] = {7, 9};
    Things things = things_new();

    (void)state;
    for (size_t i = 0; i < UINT8_MAX; i++) {
        volume[i] = (uint16_t)(i * 257);
    }
    rig_start();
    add_all(&things);
    const Server *server = api_server(rig.server);
    spice_server_playback_set_volume(&things.playback, UINT8_MAX, volume);
    spice_server_playback_set_mute(&things.playback, 1);
    spice_server_set_playback_rate(&things.playback, 44100);
    spice_server_record_set_volume(&things.record, 2, two);
    spice_server_record_set_mute(&things.record, 0);
    spice_server_set_record_rate(&things.record, 8000);
    assert_int_equal(server->playback.volume_len, UINT8_MAX);
    assert_memory_equal(server->playback.volume, volume, sizeof volume);
    assert_true(server->playback.mute == 1 && server->playback.rate_hz == 44100);
    assert_int_equal(server->record.volume_len, 2);
    assert_memory_equal(server->record.volume, two, sizeof two);
    assert_true(server->record.mute == 0 && server->record.rate_hz == 8000);

    spice_server_playback_set_volume(&things.playback, 2, NULL); /* refused: nothing changes */
    assert_int_equal(server->playback.volume_len, UINT8_MAX);
    spice_server_playback_set_volume(&things.playback, 0, NULL); /* documented: kept, too */
    assert_int_equal(server->playback.volume_len, 0);

    assert_int_equal(spice_server_remove_interface(&things.playback.base), 0); /* outlives the instance */
    assert_int_equal(server->playback.rate_hz, 44100);
    spice_server_set_playback_rate(&things.playback, 1);
    assert_int_equal(server->playback.rate_hz, 44100);
    rig_end();
}

static void test_other_settings_are_kept(void **state)
{
    (void)state;
    rig_start();
    const Server *server = api_server(rig.server);
    for (int on = 1; on >= 0; on--) {
        assert_int_equal(spice_server_set_playback_compression(rig.server, on), 0);
        assert_int_equal(spice_server_set_agent_mouse(rig.server, on), 0);
        assert_int_equal(spice_server_set_agent_copypaste(rig.server, on), 0);
        assert_int_equal(spice_server_set_agent_file_xfer(rig.server, on), 0);
        spice_server_set_seamless_migration(rig.server, on);
        assert_true(server->playback_compression == on && server->agent_mouse == on &&
                    server->agent_copypaste == on && server->agent_file_xfer == on &&
                    server->seamless_migration == on);
    }
    for (int video = SPICE_STREAM_VIDEO_OFF; video <= SPICE_STREAM_VIDEO_FILTER; video++) {
        assert_int_equal(spice_server_set_streaming_video(rig.server, video), 0);
        assert_int_equal(server->streaming_video, video);
    }
    assert_int_equal(spice_server_set_sasl_appname(rig.server, "qemu"), 0);
    assert_string_equal(server->sasl_appname, "qemu");
    assert_int_equal(spice_server_set_sasl_appname(rig.server, NULL), 0);
    assert_null(server->sasl_appname);
    rig_end();
}

/* ---- Where the machine goes ---- */

static void test_a_target_is_kept_until_the_machine_has_moved(void **state)
{
    Things things = things_new();

    (void)state;
    moved = 0;
    rig_start();
    const Server *server = api_server(rig.server);
    assert_int_equal(spice_server_migrate_start(rig.server), -1); /* there is none */
    assert_int_equal(rig_warnings("migration is not built yet"), 0);
    assert_int_equal(spice_server_migrate_info(rig.server, "there", 5900, 5901, "CN=there"), 0);
    assert_int_equal(rig_warnings("migration is not built yet"), 1); /* before anybody counts on it */
    assert_string_equal(server->target.host, "there");
    assert_string_equal(server->target.subject, "CN=there");
    assert_true(server->target.port == 5900 && server->target.secure_port == 5901);
    assert_int_equal(spice_server_migrate_start(rig.server), 0);
    assert_int_equal(spice_server_migrate_switch(rig.server), 0);
    assert_int_equal(spice_server_migrate_start(rig.server), -1); /* it is over */
    assert_int_equal(spice_server_migrate_info(rig.server, "there", 5900, -1, NULL), 0);
    assert_int_equal(spice_server_migrate_info(rig.server, NULL, 5900, -1, NULL), -1);
    assert_int_equal(spice_server_migrate_start(rig.server), -1);

    assert_int_equal(spice_server_add_interface(rig.server, &things.migration.base), 0);
    assert_int_equal(spice_server_migrate_info(rig.server, "there", 5900, 5901, NULL),
                     -1); /* not both ways */
    assert_int_equal(spice_server_migrate_connect(rig.server, NULL, 5900, 5901, NULL), -1);
    assert_int_equal(moved, 1); /* each step is complete at once, whatever it was */
    assert_int_equal(spice_server_migrate_connect(rig.server, "there", -1, 5901, NULL), 0);
    assert_int_equal(spice_server_migrate_start(rig.server), 0);
    assert_int_equal(spice_server_migrate_end(rig.server, 0), 0); /* it failed: clients stay */
    assert_int_equal(moved, 3);
    assert_int_equal(spice_server_migrate_start(rig.server), -1);
    rig_end();
}

static void test_clients_are_dropped_when_the_machine_has_moved(void **state)
{
    Things things = things_new();

    (void)state;
    moved = 0;
    rig_start();
    add_all(&things);
    const int fd = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
    assert_int_equal(spice_server_migrate_connect(rig.server, "there", 5900, -1, NULL), 0);
    assert_int_equal(spice_server_migrate_start(rig.server), 0);
    assert_int_equal(spice_server_get_num_clients(rig.server), 1);
    assert_int_equal(spice_server_migrate_end(rig.server, 1), -1); /* they could not follow */
    assert_int_equal(moved, 2);
    assert_true(visitor_is_thrown_out(fd));
    assert_int_equal(spice_server_get_num_clients(rig.server), 0);
    close(fd);
    rig_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_system_is_accepted_and_said_to_be_missing_once),
        cmocka_unit_test(test_no_client_hears_of_what_is_missing),
        cmocka_unit_test(test_sound_settings_are_kept),
        cmocka_unit_test(test_other_settings_are_kept),
        cmocka_unit_test(test_a_target_is_kept_until_the_machine_has_moved),
        cmocka_unit_test(test_clients_are_dropped_when_the_machine_has_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
