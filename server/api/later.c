/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* later.c: the functions of systems that are not built yet: sound, char devices, migration, replay.
 *
 * Their interfaces are accepted and say so once in the log; no channel or capability of theirs is announced;
 * their functions do nothing but what a host can see with nobody listening. The README's table lists them as
 * missing.
 */
#include "api/server.h"

void later_say(Server *server, LaterSystem system)
{
    static const char *const names[LATER_SYSTEMS] = {
        [LATER_PLAYBACK] = "playback",
        [LATER_RECORD] = "record",
        [LATER_CHAR_DEVICE] = "character device",
        [LATER_MIGRATION] = "migration",
    };

    if (!server->later_said[system]) {
        server->later_said[system] = true;
        api_warn(server, "%s is not built yet: the interface is accepted and does nothing", names[system]);
    }
}

/* ---- Sound: as with nobody listening ---- */

#define SOUND_BEST_RATE_HZ 48000u

void spice_server_playback_start(SpicePlaybackInstance *sin)
{
    (void)sin;
}

void spice_server_playback_stop(SpicePlaybackInstance *sin)
{
    (void)sin;
}

void spice_server_playback_get_buffer(SpicePlaybackInstance *sin, uint32_t **samples, uint32_t *num_samples)
{
    (void)sin;
    if (samples != NULL) {
        *samples = NULL;
    }
    if (num_samples != NULL) {
        *num_samples = 0;
    }
}

void spice_server_playback_put_samples(SpicePlaybackInstance *sin, uint32_t *samples)
{
    (void)sin;
    (void)samples;
}

void spice_server_playback_set_volume(SpicePlaybackInstance *sin, uint8_t nchannels, uint16_t *volume)
{
    (void)sin;
    (void)nchannels;
    (void)volume;
}

void spice_server_playback_set_mute(SpicePlaybackInstance *sin, uint8_t mute)
{
    (void)sin;
    (void)mute;
}

uint32_t spice_server_get_best_playback_rate(SpicePlaybackInstance *sin)
{
    (void)sin;
    return SOUND_BEST_RATE_HZ;
}

void spice_server_set_playback_rate(SpicePlaybackInstance *sin, uint32_t frequency)
{
    (void)sin;
    (void)frequency;
}

void spice_server_record_start(SpiceRecordInstance *sin)
{
    (void)sin;
}

void spice_server_record_stop(SpiceRecordInstance *sin)
{
    (void)sin;
}

uint32_t spice_server_record_get_samples(SpiceRecordInstance *sin, uint32_t *samples, uint32_t bufsize)
{
    (void)sin;
    (void)samples;
    (void)bufsize;
    return 0;
}

void spice_server_record_set_volume(SpiceRecordInstance *sin, uint8_t nchannels, uint16_t *volume)
{
    (void)sin;
    (void)nchannels;
    (void)volume;
}

void spice_server_record_set_mute(SpiceRecordInstance *sin, uint8_t mute)
{
    (void)sin;
    (void)mute;
}

uint32_t spice_server_get_best_record_rate(SpiceRecordInstance *sin)
{
    (void)sin;
    return SOUND_BEST_RATE_HZ;
}

void spice_server_set_record_rate(SpiceRecordInstance *sin, uint32_t frequency)
{
    (void)sin;
    (void)frequency;
}

/* ---- Char devices ---- */

void spice_server_char_device_wakeup(SpiceCharDeviceInstance *sin)
{
    (void)sin;
}

const char **spice_server_char_device_recognized_subtypes(void)
{
    /* Read-only, and the host is told so by its documentation; the type is the interface's. */
    static const char *const subtypes[] = {"vdagent", "smartcard", "usbredir", NULL};

    return (const char **)subtypes;
}

void spice_server_port_event(SpiceCharDeviceInstance *sin, uint8_t event)
{
    (void)sin;
    (void)event;
}

/* ---- Migration: no client can follow, so every step is complete at once ---- */

static void complete(Server *server, bool end)
{
    const SpiceMigrateInterface *sif = (const SpiceMigrateInterface *)server->migration->base.sif;
    void (*done)(SpiceMigrateInstance *) = end ? sif->migrate_end_complete : sif->migrate_connect_complete;

    if (done != NULL) {
        REDS_CALL_HOST(&server->reds, done(server->migration));
    }
}

int spice_server_migrate_connect(SpiceServer *spice, const char *dest, int port, int secure_port,
                                 const char *subject)
{
    API_ENTRY(server, spice);

    (void)subject;
    if (server == NULL || server->migration == NULL) {
        api_warn(server, "spice_server_migrate_connect: there is no migration interface");
        return -1;
    }
    complete(server, false);
    return dest == NULL || (port <= 0 && secure_port <= 0) ? -1 : 0;
}

int spice_server_migrate_start(SpiceServer *spice)
{
    (void)api_check(spice, __func__);
    return -1; /* no target is known: none is kept */
}

int spice_server_migrate_end(SpiceServer *spice, int completed)
{
    API_ENTRY(server, spice);

    if (server == NULL || server->migration == NULL) {
        api_warn(server, "spice_server_migrate_end: there is no migration interface");
        return -1;
    }
    const bool had_clients = reds_clients_staying(&server->reds) > 0;
    if (completed) {
        reds_drop_clients(&server->reds, "the machine moved, and clients cannot follow yet");
    }
    complete(server, true);
    return completed && had_clients ? -1 : 0;
}

void spice_server_set_seamless_migration(SpiceServer *spice, int enable)
{
    API_ENTRY(server, spice);

    if (server != NULL) {
        server->seamless_migration = enable != 0;
    }
}

int spice_server_migrate_info(SpiceServer *spice, const char *dest, int port, int secure_port,
                              const char *subject)
{
    (void)dest;
    (void)port;
    (void)secure_port;
    (void)subject;
    api_warn(api_check(spice, __func__), "spice_server_migrate_info: migration is not built yet");
    return -1;
}

int spice_server_migrate_switch(SpiceServer *spice)
{
    (void)api_check(spice, __func__);
    return 0;
}
