/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* later.c: the functions of systems that are not built yet: sound, char devices, migration.
 *
 * Their interfaces are accepted and say so once in the log; no channel or capability of theirs is announced.
 * Their setters keep what the host said, for the day on which somebody asks; their other functions do what a
 * host sees with nobody listening. The README's table lists them as missing.
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

/* The server that an instance is plugged into; NULL with a warning that names the function. */
static Server *server_of(void *st, const char *function)
{
    if (st == NULL) {
        api_warn(NULL, "%s: called without an instance that is plugged in", function);
        return NULL;
    }
    return (Server *)st;
}

#define LATER_ENTRY(name, sin) API_ENTRY_OF(name, server_of((sin) != NULL ? (sin)->st : NULL, __func__))

/* ---- Sound: as with nobody listening ---- */

#define SOUND_BEST_RATE_HZ 48000u

static void keep_volume(Server *server, const char *function, LaterSound *sound, uint8_t nchannels,
                        const uint16_t *volume)
{
    if (nchannels > 0 && volume == NULL) {
        api_warn(server, "%s: %u channels without a volume", function, nchannels);
        return;
    }
    sound->volume_len = nchannels;
    for (uint8_t i = 0; i < nchannels; i++) {
        sound->volume[i] = volume[i];
    }
}

void spice_server_playback_start(SpicePlaybackInstance *sin)
{
    LATER_ENTRY(server, sin);
}

void spice_server_playback_stop(SpicePlaybackInstance *sin)
{
    LATER_ENTRY(server, sin);
}

void spice_server_playback_get_buffer(SpicePlaybackInstance *sin, uint32_t **samples, uint32_t *num_samples)
{
    LATER_ENTRY(server, sin);

    if (samples != NULL) {
        *samples = NULL;
    }
    if (num_samples != NULL) {
        *num_samples = 0;
    }
}

void spice_server_playback_put_samples(SpicePlaybackInstance *sin, uint32_t *samples)
{
    LATER_ENTRY(server, sin);

    (void)samples;
}

void spice_server_playback_set_volume(SpicePlaybackInstance *sin, uint8_t nchannels, uint16_t *volume)
{
    LATER_ENTRY(server, sin);

    if (server != NULL) {
        keep_volume(server, __func__, &server->playback, nchannels, volume);
    }
}

void spice_server_playback_set_mute(SpicePlaybackInstance *sin, uint8_t mute)
{
    LATER_ENTRY(server, sin);

    if (server != NULL) {
        server->playback.mute = mute;
    }
}

uint32_t spice_server_get_best_playback_rate(SpicePlaybackInstance *sin)
{
    (void)sin;
    return SOUND_BEST_RATE_HZ;
}

void spice_server_set_playback_rate(SpicePlaybackInstance *sin, uint32_t frequency)
{
    LATER_ENTRY(server, sin);

    if (server != NULL) {
        server->playback.rate_hz = frequency;
    }
}

void spice_server_record_start(SpiceRecordInstance *sin)
{
    LATER_ENTRY(server, sin);
}

void spice_server_record_stop(SpiceRecordInstance *sin)
{
    LATER_ENTRY(server, sin);
}

uint32_t spice_server_record_get_samples(SpiceRecordInstance *sin, uint32_t *samples, uint32_t bufsize)
{
    LATER_ENTRY(server, sin);

    (void)samples;
    (void)bufsize;
    return 0;
}

void spice_server_record_set_volume(SpiceRecordInstance *sin, uint8_t nchannels, uint16_t *volume)
{
    LATER_ENTRY(server, sin);

    if (server != NULL) {
        keep_volume(server, __func__, &server->record, nchannels, volume);
    }
}

void spice_server_record_set_mute(SpiceRecordInstance *sin, uint8_t mute)
{
    LATER_ENTRY(server, sin);

    if (server != NULL) {
        server->record.mute = mute;
    }
}

uint32_t spice_server_get_best_record_rate(SpiceRecordInstance *sin)
{
    (void)sin;
    return SOUND_BEST_RATE_HZ;
}

void spice_server_set_record_rate(SpiceRecordInstance *sin, uint32_t frequency)
{
    LATER_ENTRY(server, sin);

    if (server != NULL) {
        server->record.rate_hz = frequency;
    }
}

/* ---- Char devices ---- */

void spice_server_char_device_wakeup(SpiceCharDeviceInstance *sin)
{
    LATER_ENTRY(server, sin);
}

const char **spice_server_char_device_recognized_subtypes(void)
{
    /* Read-only, and the host is told so by its documentation; the type is the interface's. */
    static const char *const subtypes[] = {"vdagent", "smartcard", "usbredir", NULL};

    return (const char **)subtypes;
}

void spice_server_port_event(SpiceCharDeviceInstance *sin, uint8_t event)
{
    LATER_ENTRY(server, sin);

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

void later_forget_target(Server *server)
{
    g_free(server->target.host);
    g_free(server->target.subject);
    server->target = (LaterTarget){0};
}

/* False: that is nowhere; the former target is forgotten all the same, as the existing library does. */
static bool keep_target(Server *server, const char *host, int port, int secure_port, const char *subject)
{
    later_forget_target(server);
    if (host == NULL || (port <= 0 && secure_port <= 0)) {
        return false;
    }
    server->target = (LaterTarget){g_strdup(host), g_strdup(subject), port, secure_port};
    return true;
}

int spice_server_migrate_connect(SpiceServer *spice, const char *dest, int port, int secure_port,
                                 const char *subject)
{
    API_ENTRY(server, spice);

    if (server == NULL || server->migration == NULL) {
        api_warn(server, "spice_server_migrate_connect: there is no migration interface");
        return -1;
    }
    const bool kept = keep_target(server, dest, port, secure_port, subject);
    complete(server, false);
    return kept ? 0 : -1;
}

int spice_server_migrate_start(SpiceServer *spice)
{
    API_ENTRY(server, spice);

    if (server == NULL || server->target.host == NULL) {
        return -1;
    }
    later_say(server, LATER_MIGRATION); /* clients are not told where the machine goes: they stay */
    return 0;
}

int spice_server_migrate_end(SpiceServer *spice, int completed)
{
    API_ENTRY(server, spice);

    if (server == NULL || server->migration == NULL) {
        api_warn(server, "spice_server_migrate_end: there is no migration interface");
        return -1;
    }
    const bool had_clients = reds_clients_staying(&server->reds) > 0;
    later_forget_target(server);
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
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    if (server->migration != NULL) {
        api_warn(server, "spice_server_migrate_info: not with a migration interface");
        return -1;
    }
    later_say(server, LATER_MIGRATION);
    return keep_target(server, dest, port, secure_port, subject) ? 0 : -1;
}

int spice_server_migrate_switch(SpiceServer *spice)
{
    API_ENTRY(server, spice);

    if (server != NULL) {
        later_say(server, LATER_MIGRATION);
        later_forget_target(server);
    }
    return 0;
}
