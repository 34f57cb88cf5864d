/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/scenario/stage.h"

#include <stdio.h>
#include <string.h>

#include <sumac.h>

#include "base/check.h"
#include "base/list.h"

#define MONITORS_ALLOWED 4u /* as Linux's driver says; a server drops a config of more */

uint64_t stage_pick(Sim *sim, const char *site, Range range)
{
    const uint64_t span = range.high - range.low;
    if (span < UINT32_MAX) {
        return range.low + sim_choose_at(sim, site, (uint32_t)span + 1);
    }
    /* In steps, so that both ends stay reachable. */
    const uint64_t step = span / UINT32_MAX;
    const uint64_t value = range.low + sim_choose_at(sim, site, UINT32_MAX) * step;
    return value > range.high ? range.high : value;
}

/* ---- Input devices: they count ---- */

static void on_input(void *opaque, const FakeInputEvent *event)
{
    static const uint8_t counts[] = {
        [FAKE_INPUT_SCAN_CODE] = INPUT_SCANCODES,  [FAKE_INPUT_LEDS_ASKED] = INPUTS,
        [FAKE_INPUT_MOUSE_MOTION] = INPUT_MOTIONS, [FAKE_INPUT_MOUSE_BUTTONS] = INPUT_BUTTONS,
        [FAKE_INPUT_TABLET_SIZE] = INPUTS,         [FAKE_INPUT_TABLET_POSITION] = INPUT_MOTIONS,
        [FAKE_INPUT_TABLET_WHEEL] = INPUT_BUTTONS, [FAKE_INPUT_TABLET_BUTTONS] = INPUT_BUTTONS,
    };
    Stage *stage = opaque;

    if (counts[event->kind] != INPUTS) {
        atomic_fetch_add(&stage->inputs[counts[event->kind]], 1);
    }
}

/* ---- Devices ---- */

static uint32_t qxl_choose(void *opaque, const char *site, uint32_t n)
{
    return sim_choose_at(opaque, site, n);
}

static FakeQxl *qxl_new(Stage *stage, const StageDevice *device)
{
    return fake_qxl_new(&(FakeQxlConfig){.id = (int)(device - stage->devices),
                                         .ram_bytes = 512u << 10,
                                         .vram_bytes = 8u << 20,
                                         .strict = true,
                                         .choice = {qxl_choose, stage->sim}});
}

static void device_complains(Stage *stage, StageDevice *device)
{
    if (fake_qxl_check(device->qxl, true, NULL) > 0 && stage->failure[0] == '\0') {
        snprintf(stage->failure, sizeof stage->failure, "device %s: %s", device->name,
                 fake_qxl_violation(device->qxl, 0));
    }
}

static void device_add(Stage *stage, StageDevice *device)
{
    if (device->attached) {
        /* A second time: must be refused, and change nothing. */
        (void)spice_server_add_interface(stage->server, &fake_qxl_instance(device->qxl)->base);
        return;
    }
    if (device->qxl == NULL) {
        device->qxl = qxl_new(stage, device);
    }
    fake_qxl_running(device->qxl, stage->running); /* before: a running machine's worker starts at once */
    if (spice_server_add_interface(stage->server, &fake_qxl_instance(device->qxl)->base) != 0) {
        sim_fail(stage->sim, "device %s was not taken", device->name);
        return;
    }
    device->attached = true;
    fake_qxl_connect(device->qxl);
    if (device->has_size) {
        const FakeQxlPrimary primary = {.width = device->width, .height = device->height, .mouse_mode = 1};
        if (!fake_qxl_primary_create(device->qxl, &primary, false)) {
            sim_fail(stage->sim, "device %s has no room for a primary surface of %ux%u", device->name,
                     device->width, device->height);
        }
    }
}

static void device_remove(Stage *stage, StageDevice *device)
{
    if (device->qxl == NULL) {
        return;
    }
    (void)spice_server_remove_interface(&fake_qxl_instance(device->qxl)->base);
    if (device->attached) {
        device->attached = false;
        fake_qxl_running(device->qxl, false);
        device_complains(stage, device);
    }
}

/* What was removed and comes again is a new device. */
static void device_add_again(Stage *stage, StageDevice *device)
{
    if (!device->attached && device->qxl != NULL) {
        fake_qxl_free(device->qxl);
        device->qxl = NULL;
    }
    device_add(stage, device);
}

/* ---- The server ---- */

static void machine_starts(Stage *stage)
{
    stage->running = true;
    for (uint32_t i = 0; i < stage->scenario->devices_len; i++) {
        if (stage->devices[i].attached) {
            fake_qxl_running(stage->devices[i].qxl, true);
        }
    }
    spice_server_vm_start(stage->server);
}

static void machine_stops(Stage *stage)
{
    spice_server_vm_stop(stage->server);
    stage->running = false;
    for (uint32_t i = 0; i < stage->scenario->devices_len; i++) {
        if (stage->devices[i].attached) {
            fake_qxl_running(stage->devices[i].qxl, false);
        }
    }
}

void stage_init(Stage *stage, Sim *sim, const Scenario *scenario, const StageServer *given)
{
    *stage = (Stage){.scenario = scenario, .given = given, .sim = sim, .name = "scenario"};
    fake_input_init(&stage->input, on_input, stage);
    for (uint32_t i = 0; i < scenario->devices_len; i++) {
        StageDevice *device = &stage->devices[i];
        device->name = scenario->devices[i].name;
        for (const Phrase *trait = scenario->devices[i].traits; trait != NULL; trait = trait->next) {
            if (trait->form->id == DEVICE_LATER) {
                device->later = true;
            } else {
                device->has_size = true;
                device->width = (uint32_t)trait->args[0].range.low;
                device->height = (uint32_t)trait->args[0].range.high;
            }
        }
    }
    for (const Step *step = scenario->settings; step != NULL; step = step->next) {
        for (const Phrase *phrase = step->kind == STEP_SERVER ? step->phrases : NULL; phrase != NULL;
             phrase = phrase->next) {
            const FormId id = phrase->form->id;
            stage->tickets = id == SERVER_TICKETS || (stage->tickets && id != SERVER_NO_TICKETS);
            stage->one_client = id == SERVER_ONE_CLIENT || (stage->one_client && id != SERVER_MANY_CLIENTS);
            stage->name = id == SERVER_NAME ? phrase->args[0].text : stage->name;
            stage->compression =
                id == SERVER_COMPRESSION ? 1 + (int)phrase->args[0].range.low : stage->compression;
        }
    }
}

void stage_finish(Stage *stage)
{
    for (uint32_t i = 0; i < stage->scenario->devices_len; i++) {
        fake_qxl_free(stage->devices[i].qxl);
    }
}

void stage_set_up(void *opaque)
{
    Stage *stage = opaque;

    stage->server = stage->given->server_new(sim_core(stage->sim));
    CHECK(stage->server != NULL);
    spice_server_set_port(stage->server, STAGE_PORT);
    spice_server_set_name(stage->server, stage->name);
    if (stage->tickets) {
        spice_server_set_ticket(stage->server, STAGE_PASSWORD, 0, 0, 0);
    } else {
        spice_server_set_noauth(stage->server);
    }
    spice_server_set_multiple_clients(stage->server, !stage->one_client);
    if (stage->compression != 0) {
        spice_server_set_image_compression(stage->server, (SpiceImageCompression)stage->compression);
    }
    if (spice_server_init(stage->server, sim_host(stage->sim)) != 0) {
        sim_fail(stage->sim, "spice_server_init() failed");
        return;
    }
    if (!fake_input_add(&stage->input, stage->server)) {
        sim_fail(stage->sim, "spice_server_add_interface() failed");
        return;
    }
    for (uint32_t i = 0; i < stage->scenario->devices_len; i++) {
        if (!stage->devices[i].later) {
            device_add(stage, &stage->devices[i]);
        }
    }
    machine_starts(stage);
    stage->ready = true;
}

void stage_tear_down(void *opaque)
{
    Stage *stage = opaque;
    if (stage->server == NULL) {
        return;
    }
    SpiceServer *server = stage->server;
    stage->server = NULL; /* nobody else shall use it while this waits for its threads */
    spice_server_destroy(server);
    for (uint32_t i = 0; i < stage->scenario->devices_len; i++) {
        stage->devices[i].attached = false;
    }
}

void stage_channel_event(Stage *stage, int event, const SpiceChannelEventInfo *info)
{
    channel_order_note(&stage->order, event, info);
    if (event == SPICE_CHANNEL_EVENT_CONNECTED) {
        atomic_fetch_add(&stage->events[EVENT_CONNECTED], 1);
        atomic_fetch_add(&stage->events_open, 1);
    } else if (event == SPICE_CHANNEL_EVENT_DISCONNECTED) {
        atomic_fetch_add(&stage->events[EVENT_DISCONNECTED], 1);
        atomic_fetch_sub(&stage->events_open, 1);
    } else if (event == SPICE_CHANNEL_EVENT_INITIALIZED) {
        atomic_fetch_add(&stage->events[EVENT_INITIALIZED], 1);
    }
}

const char *stage_check(Stage *stage)
{
    for (uint32_t i = 0; i < stage->scenario->devices_len; i++) {
        if (stage->devices[i].qxl != NULL) {
            device_complains(stage, &stage->devices[i]);
        }
    }
    if (stage->failure[0] == '\0') {
        snprintf(stage->failure, sizeof stage->failure, "%s", stage->order.fault);
    }
    return stage->failure;
}

/* ---- Acts ---- */

static void host_act(Stage *stage, const Phrase *phrase)
{
    const Arg *arg = &phrase->args[0];
    SpiceBaseInstance *const things[] = {&stage->input.keyboard.base, &stage->input.mouse.base,
                                         &stage->input.tablet.base};

    switch (phrase->form->id) {
    case HOST_STARTS:
        machine_starts(stage);
        break;
    case HOST_STOPS:
        machine_stops(stage);
        break;
    case HOST_ADDS:
        if (arg->range.low == THING_DEVICE) {
            device_add_again(stage, &stage->devices[arg->who.index]);
        } else {
            (void)spice_server_add_interface(stage->server, things[arg->range.low]);
        }
        break;
    case HOST_REMOVES:
        if (arg->range.low == THING_DEVICE) {
            device_remove(stage, &stage->devices[arg->who.index]);
        } else {
            (void)spice_server_remove_interface(things[arg->range.low]);
        }
        break;
    case HOST_SETS_LEDS:
        spice_server_kbd_leds(&stage->input.keyboard, (int)stage_pick(stage->sim, "leds", arg->range) & 7);
        break;
    case HOST_DESTROYS:
        stage_tear_down(stage);
        break;
    case HOST_ASKS:
        (void)spice_server_get_num_clients(stage->server);
        break;
    case HOST_SETS_TICKET:
        spice_server_set_ticket(stage->server, arg->text, 0, 0, 0);
        break;
    case HOST_ASKS_NO_TICKET:
        spice_server_set_noauth(stage->server);
        break;
    case HOST_SETS_NAME:
        spice_server_set_name(stage->server, arg->text);
        break;
    case HOST_ALLOWS_ONE:
        spice_server_set_multiple_clients(stage->server, 0);
        break;
    case HOST_SETS_COMPRESSION:
        spice_server_set_image_compression(stage->server, (SpiceImageCompression)(1 + arg->range.low));
        break;
    case HOST_ALLOWS_MANY:
        spice_server_set_multiple_clients(stage->server, 1);
        break;
    default:
        CHECK(false); /* the table has a form that nobody carries out */
    }
}

static bool draw(const StageDevice *device, Sim *sim)
{
    const int32_t left = (int32_t)sim_choose_at(sim, "left", 16),
                  top = (int32_t)sim_choose_at(sim, "top", 16);
    const QXLRect box = {.left = left, .top = top, .right = left + 16, .bottom = top + 16};
    return sim_choose_at(sim, "draw", 2) == 0
               ? fake_qxl_fill(device->qxl, 0, &box, sim_choose_at(sim, "color", 1u << 24))
               : fake_qxl_copy(device->qxl, 0, &box);
}

static bool destroy_some_surface(const StageDevice *device, Sim *sim, bool call)
{
    enum { IDS = 63 };
    const uint32_t first = sim_choose_at(sim, "surface", IDS);
    for (uint32_t i = 0; i < IDS; i++) {
        const uint32_t id = 1 + (first + i) % IDS;
        if (call ? fake_qxl_surface_destroy_call(device->qxl, id)
                 : fake_qxl_surface_destroy(device->qxl, id)) {
            return true;
        }
    }
    return true; /* there is none */
}

#define CHUNKS_EDGE 48 /* pixels of a side of a picture in chunks: enough to be sent from where it lies */
#define SURFACES 64u   /* ids that devices announce */

static uint32_t drawing_of(const Arg *arg)
{
    return arg->range.low == DRAWING_ANYTHING ? FAKE_QXL_ANY : (uint32_t)arg->range.low;
}

static uint32_t surface_of(Sim *sim, const Arg *arg)
{
    return (uint32_t)stage_pick(sim, "surface", arg->range);
}

static bool covers(FakeQxl *qxl, uint32_t id, Sim *sim, bool with_noise)
{
    FakeQxlPicture picture;
    if (!fake_qxl_picture(qxl, id, &picture)) {
        return true; /* there is none */
    }
    const QXLRect all = {.right = (int32_t)picture.width, .bottom = (int32_t)picture.height};
    return with_noise ? fake_qxl_copy(qxl, id, &all)
                      : fake_qxl_fill(qxl, id, &all, sim_choose_at(sim, "color", 1u << 24));
}

static void updates_all(FakeQxl *qxl)
{
    const QXLRect all = {.right = INT32_MAX, .bottom = INT32_MAX};
    for (uint32_t id = 0; id < SURFACES; id++) {
        (void)fake_qxl_update_area(qxl, id, &all, false);
    }
}

static void device_restarts(StageDevice *device, bool loads)
{
    spice_qxl_stop(fake_qxl_instance(device->qxl));
    fake_qxl_running(device->qxl, false);
    fake_qxl_save(device->qxl);
    fake_qxl_poison(device->qxl);
    if (loads) {
        (void)fake_qxl_load(device->qxl);
    }
    fake_qxl_running(device->qxl, true);
    spice_qxl_start(fake_qxl_instance(device->qxl));
}

/* False: not now. What it has no use for now, does nothing. */
static bool device_calls(Stage *stage, StageDevice *device, CallWord call)
{
    const QXLRect all = {.right = INT32_MAX, .bottom = INT32_MAX};
    FakeQxl *qxl = device->qxl;

    switch (call) {
    case CALL_STOP_AND_START:
    case CALL_LOADVM_COMMANDS:
        device_restarts(device, call == CALL_LOADVM_COMMANDS);
        return true;
    case CALL_DESTROY_PRIMARY:
    case CALL_DESTROY_PRIMARY_ASYNC:
        return !fake_qxl_has_primary(qxl) ||
               fake_qxl_primary_destroy(qxl, call == CALL_DESTROY_PRIMARY_ASYNC);
    case CALL_DESTROY_SURFACES:
    case CALL_DESTROY_SURFACES_ASYNC:
        return fake_qxl_surfaces_destroy_all(qxl, call == CALL_DESTROY_SURFACES_ASYNC);
    case CALL_DESTROY_SURFACE_WAIT:
        return !fake_qxl_has_surface(qxl, 1) || fake_qxl_surface_destroy_wait(qxl, 1);
    case CALL_DESTROY_SURFACE_ASYNC:
        return !fake_qxl_has_surface(qxl, 1) || fake_qxl_surface_destroy_call(qxl, 1);
    case CALL_RESET_MEMSLOTS:
        return fake_qxl_reset(qxl);
    case CALL_DEL_MEMSLOT: /* once what lies in it was taken */
        return !fake_qxl_has_spare_slot(qxl) || fake_qxl_spare_slot_delete(qxl);
    case CALL_OOM:
        fake_qxl_oom(qxl);
        return true;
    case CALL_RESET_IMAGE_CACHE:
        spice_qxl_reset_image_cache(fake_qxl_instance(qxl));
        return true;
    case CALL_RESET_CURSOR:
        fake_qxl_cursor_reset(qxl);
        return true;
    case CALL_UPDATE_AREA:
    case CALL_UPDATE_AREA_ASYNC:
        (void)fake_qxl_update_area(qxl, 0, &all, call == CALL_UPDATE_AREA_ASYNC);
        return true;
    case CALL_FLUSH_SURFACES_ASYNC:
        return fake_qxl_flush_surfaces(qxl);
    case CALL_DRIVER_UNLOAD:
        spice_qxl_driver_unload(fake_qxl_instance(qxl));
        return true;
    case CALL_REMOVE_INTERFACE:
        device_remove(stage, device);
        device_add_again(stage, device);
        return true;
    case CALL_ANY:
        break;
    }
    return true;
}

/* False: no room now. */
static bool device_act(Stage *stage, StageDevice *device, const Phrase *phrase)
{
    static const QXLRect area = {.left = 0, .top = 0, .right = 32, .bottom = 32};
    FakeQxl *qxl = device->qxl;
    Sim *sim = stage->sim;
    const Arg *arg = &phrase->args[0];
    const FakeQxlPrimary primary = {.width = (uint32_t)arg->range.low,
                                    .height = (uint32_t)arg->range.high,
                                    .mouse_mode = 1,
                                    .painted = phrase->form->id == DEVICE_CREATES_PAINTED_PRIMARY};
    const int16_t x = (int16_t)((int)sim_choose_at(sim, "x", 700) - 20),
                  y = (int16_t)((int)sim_choose_at(sim, "y", 500) - 20);

    switch (phrase->form->id) {
    case DEVICE_SETS_CURSOR:
        return fake_qxl_cursor_set(qxl, 0, x, y, true);
    case DEVICE_SETS_CACHED_CURSOR:
        return fake_qxl_cursor_set(qxl, 1 + sim_choose_at(sim, "shape", 8), x, y, true);
    case DEVICE_SETS_SHAPE:
        return fake_qxl_cursor_set(qxl, 1 + stage_pick(sim, "shape", arg->range), x, y, true);
    case DEVICE_MOVES_CURSOR:
        return fake_qxl_cursor_move(qxl, x, y);
    case DEVICE_HIDES_CURSOR:
        return fake_qxl_cursor_hide(qxl);
    case DEVICE_TRAILS_CURSOR:
        return fake_qxl_cursor_trail(qxl, (uint16_t)sim_choose_at(sim, "trail", 8), 20);
    case DEVICE_RESETS_CURSOR:
        fake_qxl_cursor_reset(qxl);
        break;
    case DEVICE_CREATES_PRIMARY:
    case DEVICE_CREATES_PRIMARY_ASYNC:
    case DEVICE_CREATES_PAINTED_PRIMARY:
        (void)fake_qxl_primary_create(qxl, &primary, phrase->form->id == DEVICE_CREATES_PRIMARY_ASYNC);
        break;
    case DEVICE_DESTROYS_PRIMARY:
    case DEVICE_DESTROYS_PRIMARY_ASYNC:
        (void)fake_qxl_primary_destroy(qxl, phrase->form->id == DEVICE_DESTROYS_PRIMARY_ASYNC);
        break;
    case DEVICE_CREATES_SURFACE:
        return fake_qxl_surface_create(qxl, primary.width, primary.height, SPICE_SURFACE_FMT_32_xRGB);
    case DEVICE_CREATES_SURFACE_16:
        return fake_qxl_surface_create(qxl, primary.width, primary.height, SPICE_SURFACE_FMT_16_565);
    case DEVICE_DESTROYS_SURFACE:
    case DEVICE_DESTROYS_SURFACE_CALL:
        return destroy_some_surface(device, sim, phrase->form->id == DEVICE_DESTROYS_SURFACE_CALL);
    case DEVICE_DESTROYS_ALL:
    case DEVICE_DESTROYS_ALL_ASYNC:
        (void)fake_qxl_surfaces_destroy_all(qxl, phrase->form->id == DEVICE_DESTROYS_ALL_ASYNC);
        break;
    case DEVICE_SETS_MONITORS:
        (void)fake_qxl_monitors(qxl, (uint32_t)stage_pick(sim, "monitors", arg->range), MONITORS_ALLOWED);
        break;
    case DEVICE_DRAWS:
        return !fake_qxl_has_primary(qxl) || draw(device, sim);
    case DEVICE_PAINTS:
        return !fake_qxl_has_primary(qxl) || fake_qxl_paint(qxl, FAKE_QXL_ANY, drawing_of(arg));
    case DEVICE_PAINTS_ON: {
        const uint32_t id = surface_of(sim, &phrase->args[1]);
        return !fake_qxl_has_surface(qxl, id) || fake_qxl_paint(qxl, id, drawing_of(arg));
    }
    case DEVICE_COVERS:
        return covers(qxl, surface_of(sim, arg), sim, false);
    case DEVICE_COPIES_NOISE:
        return covers(qxl, surface_of(sim, arg), sim, true);
    case DEVICE_COPIES_SURFACE: {
        const uint32_t from = surface_of(sim, arg), to = surface_of(sim, &phrase->args[1]);
        return !fake_qxl_has_surface(qxl, from) || !fake_qxl_has_surface(qxl, to) ||
               fake_qxl_copy_surface(qxl, to, from);
    }
    case DEVICE_COPIES_CHUNKS: {
        const uint32_t chunks = (uint32_t)stage_pick(sim, "chunks", arg->range);
        const uint32_t id = surface_of(sim, &phrase->args[1]);
        const QXLRect box = {.left = 0, .top = 0, .right = CHUNKS_EDGE, .bottom = CHUNKS_EDGE};
        return !fake_qxl_has_surface(qxl, id) || fake_qxl_copy_chunks(qxl, id, &box, chunks);
    }
    case DEVICE_COPIES_PICTURE: {
        const uint32_t number = (uint32_t)stage_pick(sim, "picture", arg->range);
        const uint32_t id = surface_of(sim, &phrase->args[1]);
        return !fake_qxl_has_surface(qxl, id) || fake_qxl_copy_picture(qxl, id, number);
    }
    case DEVICE_COPIES_PALETTE: {
        const uint32_t number = 1 + (uint32_t)stage_pick(sim, "palette", arg->range);
        const uint32_t id = surface_of(sim, &phrase->args[1]);
        return !fake_qxl_has_surface(qxl, id) || fake_qxl_copy_palette(qxl, id, number);
    }
    case DEVICE_UPDATES_ALL:
        updates_all(qxl);
        break;
    case DEVICE_RESETS_IMAGES:
        spice_qxl_reset_image_cache(fake_qxl_instance(qxl));
        break;
    case DEVICE_UNLOADS:
        spice_qxl_driver_unload(fake_qxl_instance(qxl));
        break;
    case DEVICE_SAVES:
        fake_qxl_save(qxl);
        break;
    case DEVICE_LOADS:
        return fake_qxl_load(qxl); /* once the rings are empty */
    case DEVICE_POISONS:
        fake_qxl_poison(qxl);
        break;
    case DEVICE_CALLS:
        return device_calls(stage, device,
                            arg->range.low == CALL_ANY ? (CallWord)sim_choose_at(sim, "call", CALL_ANY)
                                                       : (CallWord)arg->range.low);
    case DEVICE_UPDATES:
    case DEVICE_UPDATES_ASYNC:
        (void)fake_qxl_update_area(qxl, 0, &area, phrase->form->id == DEVICE_UPDATES_ASYNC);
        break;
    case DEVICE_UPDATES_COMMAND:
        return !fake_qxl_has_primary(qxl) || fake_qxl_update(qxl, 0, &area);
    case DEVICE_FLUSHES:
        (void)fake_qxl_flush_surfaces(qxl);
        break;
    case DEVICE_ADDS_SLOT:
    case DEVICE_ADDS_SLOT_ASYNC:
        (void)fake_qxl_spare_slot_add(qxl, phrase->form->id == DEVICE_ADDS_SLOT_ASYNC);
        break;
    case DEVICE_DELETES_SLOT:
        return !fake_qxl_has_spare_slot(qxl) || fake_qxl_spare_slot_delete(qxl);
    case DEVICE_RESETS:
        return fake_qxl_reset(qxl); /* if the machine stands still: once the rings are empty */
    case DEVICE_OOM:
        fake_qxl_oom(qxl);
        break;
    case DEVICE_WAKES:
        spice_qxl_wakeup(fake_qxl_instance(qxl));
        break;
    case DEVICE_STARTS:
        fake_qxl_running(qxl, true);
        spice_qxl_start(fake_qxl_instance(qxl));
        break;
    case DEVICE_STOPS:
        spice_qxl_stop(fake_qxl_instance(qxl));
        fake_qxl_running(qxl, false);
        break;
    case DEVICE_LIES:
        (void)fake_qxl_lie(qxl, (FakeQxlLie)sim_choose_at(sim, "lie", FAKE_QXL_LIES));
        break;
    case DEVICE_LIES_ABOUT:
        (void)fake_qxl_lie(qxl, (FakeQxlLie)arg->range.low);
        break;
    case DEVICE_WORKS:
        (void)fake_qxl_step(qxl, FAKE_QXL_WORK_HONEST);
        break;
    case DEVICE_WORKS_ON:
        (void)fake_qxl_step(qxl, (uint32_t)arg->range.low);
        break;
    default:
        CHECK(false);
    }
    return true;
}

#define PATIENCE_MS 50u

void stage_act(Stage *stage, const Who *who, const Phrase *phrase)
{
    if (who->kind == WHO_HOST) {
        if (stage->server != NULL) {
            host_act(stage, phrase);
        }
        return;
    }
    StageDevice *device = &stage->devices[who->index];
    for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
        if (!device->attached || stage->server == NULL || device_act(stage, device, phrase)) {
            return;
        }
        sim_sleep(stage->sim, NS_PER_MS);
    }
}

/* ---- What is true ---- */

static bool in_range(uint64_t value, Range range)
{
    return value >= range.low && value <= range.high;
}

static bool device_value(const Stage *stage, const StageDevice *device, const Phrase *phrase)
{
    FakeQxlReport report = {0};

    if (device->qxl == NULL) {
        return phrase->form->id == DEVICE_SEES_NO_CLIENT || phrase->form->id == DEVICE_IS_IDLE;
    }
    (void)stage;
    (void)fake_qxl_check(device->qxl, false, &report);
    switch (phrase->form->id) {
    case DEVICE_SEES_CLIENT:
        return report.client_present;
    case DEVICE_SEES_NO_CLIENT:
        return !report.client_present;
    case DEVICE_IS_IDLE:
        return report.pushed == report.taken + report.lies && report.cookies == 0;
    case DEVICE_RELEASED:
        return report.released >= phrase->args[0].range.low;
    case DEVICE_WAS_TOLD:
        return report.unflushed == 0;
    case DEVICE_TAKEN:
        return report.taken >= phrase->args[0].range.low;
    default:
        CHECK(false);
        return false;
    }
}

bool stage_value_is_safe(const Who *who, const Phrase *phrase)
{
    return who->kind != WHO_DEVICE && phrase->form->id != HOST_COUNTS;
}

bool stage_value(Stage *stage, const Who *who, const Phrase *phrase)
{
    const Arg *first = &phrase->args[0], *second = &phrase->args[1];

    if (who->kind == WHO_DEVICE) {
        return device_value(stage, &stage->devices[who->index], phrase);
    }
    switch (phrase->form->id) {
    case HOST_SAW:
        return in_range(atomic_load(&stage->events[first->range.low]), second->range);
    case HOST_SAW_AT_LEAST:
        return atomic_load(&stage->events[first->range.low]) >= second->range.low;
    case HOST_SAW_AT_MOST:
        return atomic_load(&stage->events[first->range.low]) <= second->range.high;
    case HOST_SAW_EVERY_END:
        return atomic_load(&stage->events_open) == 0;
    case HOST_GOT:
        return in_range(atomic_load(&stage->inputs[second->range.low]), first->range);
    case HOST_GOT_AT_LEAST:
        return atomic_load(&stage->inputs[second->range.low]) >= first->range.low;
    case HOST_LOGGED:
        return atomic_load(&stage->log_lines) <= first->range.high;
    case HOST_COUNTS:
        return stage->server != NULL &&
               in_range((uint64_t)spice_server_get_num_clients(stage->server), first->range);
    default:
        CHECK(false);
        return false;
    }
}
