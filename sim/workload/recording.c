/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/workload/recording.h"

#include <stdlib.h>
#include <stdio.h>

#include "api/replay.h"

#define PAUSES_ONE_IN 16u /* commands; the rest come as fast as they are taken */
#define STOPS_ONE_IN 256u /* pauses */

/* Lets time pass; now and then the machine stops. */
static bool rest(void *opaque, bool must)
{
    Recording *recording = opaque;
    Sim *sim = recording->sim;

    if (!must && sim_choose_at(sim, "pauses", PAUSES_ONE_IN) != 0) {
        return !*recording->ends;
    }
    if (sim_fault(sim, SIM_F11_STOP, STOPS_ONE_IN, 1) != 0) {
        spice_server_vm_stop(recording->server);
        sim_sleep(sim, sim_choose_at(sim, "stopped", 20) * NS_PER_MS);
        if (*recording->ends) {
            return false;
        }
        spice_server_vm_start(recording->server);
    }
    sim_sleep(sim, sim_choose_at(sim, "rest", 8) * NS_PER_MS / 2 + NS_PER_MS / 4);
    return !*recording->ends;
}

bool recording_open(Recording *recording, Span text, Sim *sim, const bool *ends)
{
    *recording = (Recording){.sim = sim, .ends = ends};
    FILE *file = fmemopen((void *)(uintptr_t)text.data, text.len, "rb");
    recording->replay = file == NULL ? NULL : spice_replay_new(file, REPLAY_SURFACES);
    if (recording->replay == NULL) {
        if (file != NULL) {
            fclose(file);
        }
        return false;
    }
    replay_device_init(&recording->device, recording->replay, rest, recording);
    return true;
}

void recording_close(Recording *recording)
{
    spice_replay_free(recording->replay);
    recording->replay = NULL;
}

bool recording_add(Recording *recording, SpiceServer *server)
{
    recording->server = server;
    if (spice_server_add_interface(server, &recording->device.instance.base) != 0) {
        return false;
    }
    replay_device_connect(&recording->device);
    return true;
}

void recording_play(Recording *recording)
{
    recording->played = replay_device_play(&recording->device, UINT64_MAX);
    const QXLDevSurfaceCreate *primary = replay_primary(recording->replay);
    if (primary != NULL && !*recording->ends) {
        QXLRect dirty[1];
        QXLRect all = {.right = (int32_t)primary->width, .bottom = (int32_t)primary->height};
        spice_qxl_update_area(&recording->device.instance, 0, &all, dirty, 1, 0);
    }
    recording->over = !*recording->ends;
}

bool recording_picture(const Recording *recording, FakeQxlPicture *ret)
{
    const QXLDevSurfaceCreate *primary = replay_primary(recording->replay);
    if (primary == NULL) {
        return false;
    }
    const uint8_t *memory = (const uint8_t *)(uintptr_t)primary->mem; /* its lowest byte */
    const ptrdiff_t stride = primary->stride;
    *ret = (FakeQxlPicture){
        .top = stride < 0 ? memory - stride * (ptrdiff_t)(primary->height - 1) : memory,
        .stride = stride,
        .width = primary->width,
        .height = primary->height,
        .format = primary->format,
    };
    return true;
}

const char *recording_complaint(const Recording *recording)
{
    return replay_is_damaged(recording->replay)                            ? "the recording is damaged"
           : recording->played == 0                                        ? "nothing was played"
           : !recording->over                                              ? "not all of it was played"
           : atomic_load(&recording->device.released) != recording->played ? "commands did not come back"
                                                                           : NULL;
}
