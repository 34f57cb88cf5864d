/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/workload/peripherals.h"

#include <spice/protocol.h>
#include <string.h>

#define BURST_MAX 2000u   /* bytes that a guest has to say at once */
#define CHANNELS_MAX 8u   /* of sound, with a volume each */
#define RECORDED_MAX 480u /* samples that are asked for at once */

static uint32_t choose(Peripherals *peripherals, const char *site, uint32_t n)
{
    return sim_choose_at(peripherals->sim, site, n);
}

/* ---- Callbacks ---- */

static PeripheralPort *port_of(SpiceCharDeviceInstance *instance)
{
    return SPICE_CONTAINEROF(instance, PeripheralPort, instance);
}

static void expect_plugged(const PeripheralPort *port, const char *callback)
{
    if (!port->plugged) {
        sim_outcome_fail(port->all->outcome, "%s() of a %s that is not plugged in", callback,
                         port->instance.subtype);
    }
}

static void on_state(SpiceCharDeviceInstance *instance, int connected)
{
    (void)connected;
    expect_plugged(port_of(instance), "state");
}

/* Guests take as much as they like. */
static int on_write(SpiceCharDeviceInstance *instance, const uint8_t *data, int len)
{
    PeripheralPort *port = port_of(instance);

    (void)data;
    expect_plugged(port, "write");
    if (len <= 0) {
        sim_outcome_fail(port->all->outcome, "a %s is to take %d bytes", instance->subtype, len);
        return 0;
    }
    return (int)choose(port->all, "taken", (uint32_t)len + 1);
}

static int on_read(SpiceCharDeviceInstance *instance, uint8_t *data, int len)
{
    PeripheralPort *port = port_of(instance);

    expect_plugged(port, "read");
    if (len <= 0) {
        sim_outcome_fail(port->all->outcome, "a %s is to give %d bytes", instance->subtype, len);
        return 0;
    }
    const uint32_t given = port->waiting < (uint32_t)len ? port->waiting : (uint32_t)len;
    memset(data, 'x', given);
    port->waiting -= given;
    return (int)given;
}

static void on_event(SpiceCharDeviceInstance *instance, uint8_t event)
{
    (void)event;
    expect_plugged(port_of(instance), "event");
}

/* ---- Plugging ---- */

static const SpicePlaybackInterface playback_interface = {
    .base = {SPICE_INTERFACE_PLAYBACK, "fake playback", SPICE_INTERFACE_PLAYBACK_MAJOR,
             SPICE_INTERFACE_PLAYBACK_MINOR},
};
static const SpiceRecordInterface record_interface = {
    .base = {SPICE_INTERFACE_RECORD, "fake record", SPICE_INTERFACE_RECORD_MAJOR,
             SPICE_INTERFACE_RECORD_MINOR},
};
static const SpiceCharDeviceInterface port_interface = {
    .base = {SPICE_INTERFACE_CHAR_DEVICE, "fake char device", SPICE_INTERFACE_CHAR_DEVICE_MAJOR,
             SPICE_INTERFACE_CHAR_DEVICE_MINOR},
    .state = on_state,
    .write = on_write,
    .read = on_read,
    .event = on_event,
    .flags = SPICE_CHAR_DEVICE_NOTIFY_WRITABLE,
};

void peripherals_init(Peripherals *peripherals, Sim *sim, SimOutcome *outcome)
{
    static const char *const subtypes[PERIPHERALS_PORTS] = {"vdagent", "usbredir", "smartcard", "port"};

    *peripherals = (Peripherals){.sim = sim, .outcome = outcome};
    peripherals->playback.base.sif = &playback_interface.base;
    peripherals->record.base.sif = &record_interface.base;
    for (uint32_t i = 0; i < PERIPHERALS_PORTS; i++) {
        PeripheralPort *port = &peripherals->ports[i];
        port->all = peripherals;
        port->instance.base.sif = &port_interface.base;
        port->instance.subtype = subtypes[i];
        port->instance.portname = strcmp(subtypes[i], "port") == 0 ? "org.spice-space.webdav.0" : NULL;
    }
}

/* Takes it out, or puts it in. */
static bool plug(Peripherals *peripherals, SpiceBaseInstance *instance, bool *plugged)
{
    if (*plugged) {
        const bool removed = spice_server_remove_interface(instance) == 0;
        *plugged = false;
        return removed;
    }
    *plugged = true; /* it may be called from now on */
    return spice_server_add_interface(peripherals->server, instance) == 0;
}

bool peripherals_add(Peripherals *peripherals, SpiceServer *server)
{
    peripherals->server = server;
    bool added = plug(peripherals, &peripherals->playback.base, &peripherals->playback_plugged);
    added = plug(peripherals, &peripherals->record.base, &peripherals->record_plugged) && added;
    for (uint32_t i = 0; i < PERIPHERALS_PORTS; i++) {
        PeripheralPort *port = &peripherals->ports[i];
        added = plug(peripherals, &port->instance.base, &port->plugged) && added;
    }
    return added;
}

/* ---- Calls ---- */

static void play(Peripherals *peripherals)
{
    SpicePlaybackInstance *playback = &peripherals->playback;
    uint16_t volume[CHANNELS_MAX] = {0};
    uint32_t *samples = NULL, len = 0;

    switch (choose(peripherals, "playback", 6)) {
    case 0:
        spice_server_playback_start(playback);
        break;
    case 1:
        spice_server_playback_stop(playback);
        break;
    case 2:
        spice_server_playback_set_volume(playback, (uint8_t)choose(peripherals, "channels", CHANNELS_MAX + 1),
                                         volume);
        spice_server_playback_set_mute(playback, (uint8_t)choose(peripherals, "mute", 2));
        break;
    case 3:
        spice_server_set_playback_rate(playback, spice_server_get_best_playback_rate(playback));
        break;
    default:
        spice_server_playback_get_buffer(playback, &samples, &len);
        if (samples != NULL) {
            memset(samples, 0x11, len * sizeof *samples);
            spice_server_playback_put_samples(playback, samples);
        }
    }
}

static void record(Peripherals *peripherals)
{
    SpiceRecordInstance *instance = &peripherals->record;
    uint16_t volume[CHANNELS_MAX] = {0};
    uint32_t samples[RECORDED_MAX];
    const uint32_t wanted = choose(peripherals, "samples", RECORDED_MAX + 1);

    switch (choose(peripherals, "record", 6)) {
    case 0:
        spice_server_record_start(instance);
        break;
    case 1:
        spice_server_record_stop(instance);
        break;
    case 2:
        spice_server_record_set_volume(instance, (uint8_t)choose(peripherals, "channels", CHANNELS_MAX + 1),
                                       volume);
        spice_server_record_set_mute(instance, (uint8_t)choose(peripherals, "mute", 2));
        break;
    case 3:
        spice_server_set_record_rate(instance, spice_server_get_best_record_rate(instance));
        break;
    default:
        if (spice_server_record_get_samples(instance, samples, wanted) > wanted) {
            sim_outcome_fail(peripherals->outcome, "more was recorded than there is room for");
        }
    }
}

static void talk(Peripherals *peripherals, PeripheralPort *port)
{
    const bool is_port = port->instance.portname != NULL;

    if (!port->plugged) {
        return;
    }
    if (is_port && choose(peripherals, "port event", 3) == 0) {
        spice_server_port_event(&port->instance,
                                (uint8_t)(SPICE_PORT_EVENT_OPENED + choose(peripherals, "event", 3)));
        return;
    }
    port->waiting += choose(peripherals, "burst", BURST_MAX);
    spice_server_char_device_wakeup(&port->instance);
}

void peripherals_act(Peripherals *peripherals)
{
    PeripheralPort *port = &peripherals->ports[choose(peripherals, "device", PERIPHERALS_PORTS)];
    bool plugged = true;

    switch (choose(peripherals, "peripheral", 12)) {
    case 0:
        plugged = plug(peripherals, &port->instance.base, &port->plugged);
        break;
    case 1:
        plugged = plug(peripherals, &peripherals->playback.base, &peripherals->playback_plugged);
        break;
    case 2:
        plugged = plug(peripherals, &peripherals->record.base, &peripherals->record_plugged);
        break;
    case 3:
    case 4:
    case 5:
        if (peripherals->playback_plugged) {
            play(peripherals);
        }
        break;
    case 6:
    case 7:
        if (peripherals->record_plugged) {
            record(peripherals);
        }
        break;
    default:
        talk(peripherals, port);
    }
    if (!plugged) {
        sim_outcome_fail(peripherals->outcome, "a device cannot be plugged in, or out");
    }
}
