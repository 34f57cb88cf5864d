/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fidelity/tale_host.h"

#include <stdio.h>

#include <sumac.h>

#include "base/check.h"

#define SURFACES 63u        /* ids of a device's, from 1 */
#define MONITORS_ALLOWED 4u /* as Linux's driver says */

static uint32_t choose(TaleHost *host, uint32_t n)
{
    return fake_qxl_prng_choose(&host->seed, "tale", n);
}

/* ---- Devices ---- */

static void device_complains(TaleHost *host, const TaleDevice *device)
{
    if (fake_qxl_check(device->qxl, true, NULL) > 0) {
        transcript_fail(host->transcript, "device: %s", fake_qxl_violation(device->qxl, 0));
    }
}

static void device_add(TaleHost *host, uint32_t index)
{
    TaleDevice *device = &host->devices[index];

    if (device->attached) { /* the server knows what to do */
        const int result = spice_server_add_interface(host->server, &fake_qxl_instance(device->qxl)->base);
        part_addf(host->part, "a second time: %s", result == 0 ? "taken" : "refused");
        return;
    }
    fake_qxl_free(device->qxl); /* what was removed and comes again is a new device */
    device->qxl = fake_qxl_new(&(FakeQxlConfig){.id = (int)index,
                                                .ram_bytes = 512u << 10,
                                                .vram_bytes = 8u << 20,
                                                .strict = true,
                                                .choice = {fake_qxl_prng_choose, &host->device_seed}});
    CHECK(device->qxl != NULL);
    fake_qxl_running(device->qxl, host->running); /* before: a running machine's worker starts at once */
    if (spice_server_add_interface(host->server, &fake_qxl_instance(device->qxl)->base) != 0) {
        transcript_fail(host->transcript, "device %s was not taken", host->scenario->devices[index].name);
        return;
    }
    device->attached = true;
    fake_qxl_connect(device->qxl);
    for (const Phrase *trait = host->scenario->devices[index].traits; trait != NULL; trait = trait->next) {
        const Range *size = &trait->args[0].range;
        const FakeQxlPrimary primary = {
            .width = (uint32_t)size->low, .height = (uint32_t)size->high, .mouse_mode = 1};
        if (trait->form->id == DEVICE_PRIMARY && !fake_qxl_primary_create(device->qxl, &primary, false)) {
            transcript_fail(host->transcript, "device %s has no room for a primary surface",
                            host->scenario->devices[index].name);
        }
    }
}

static void device_remove(TaleHost *host, uint32_t index)
{
    TaleDevice *device = &host->devices[index];

    if (device->qxl != NULL) {
        (void)spice_server_remove_interface(&fake_qxl_instance(device->qxl)->base);
        if (device->attached) {
            device->attached = false;
            fake_qxl_running(device->qxl, false);
            device_complains(host, device);
        }
    }
}

/* ---- The server ---- */

static void on_channel_event(void *opaque, int event, const SpiceChannelEventInfo *info)
{
    TaleHost *host = opaque;

    (void)
        info; /* whose end comes first is a matter of time, where a client takes all its connections along */
    host->events[EVENT_CONNECTED] += event == SPICE_CHANNEL_EVENT_CONNECTED;
    host->events[EVENT_INITIALIZED] += event == SPICE_CHANNEL_EVENT_INITIALIZED;
    host->events[EVENT_DISCONNECTED] += event == SPICE_CHANNEL_EVENT_DISCONNECTED;
}

static void machine_runs(TaleHost *host, bool runs)
{
    if (!runs) {
        spice_server_vm_stop(host->server);
    }
    host->running = runs;
    for (uint32_t i = 0; i < host->scenario->devices_len; i++) {
        if (host->devices[i].attached) {
            fake_qxl_running(host->devices[i].qxl, runs);
        }
    }
    if (runs) {
        spice_server_vm_start(host->server);
    }
}

void tale_host_init(TaleHost *host, Stage *stage, const Scenario *scenario, Transcript *transcript)
{
    *host = (TaleHost){.scenario = scenario, .stage = stage, .transcript = transcript};
    host->part = part_new(transcript, "the host");
    desk_init(&host->desk, host->part);
    stage->channel_event = on_channel_event;
    stage->opaque = host;
}

void tale_host_finish(TaleHost *host)
{
    host->stage->channel_event = NULL;
    for (uint32_t i = 0; i < host->scenario->devices_len; i++) {
        fake_qxl_free(host->devices[i].qxl);
    }
}

static bool is_later(const ScenarioDevice *device)
{
    for (const Phrase *trait = device->traits; trait != NULL; trait = trait->next) {
        if (trait->form->id == DEVICE_LATER) {
            return true;
        }
    }
    return false;
}

void tale_host_set_up(TaleHost *host)
{
    bool many = true;
    const char *name = "tale";

    for (const Step *step = host->scenario->settings; step != NULL; step = step->next) {
        for (const Phrase *phrase = step->kind == STEP_SERVER ? step->phrases : NULL; phrase != NULL;
             phrase = phrase->next) {
            const FormId id = phrase->form->id;
            host->tickets = id == SERVER_TICKETS || (host->tickets && id != SERVER_NO_TICKETS);
            many = id == SERVER_MANY_CLIENTS || (many && id != SERVER_ONE_CLIENT);
            name = id == SERVER_NAME ? phrase->args[0].text : name;
        }
    }
    host->server = host->stage->make_server(host->stage);
    spice_server_set_name(host->server, name);
    if (host->tickets) {
        spice_server_set_ticket(host->server, TALE_PASSWORD, 0, 0, 0);
    } else {
        spice_server_set_noauth(host->server);
    }
    spice_server_set_multiple_clients(host->server, many);
    if (spice_server_init(host->server, host->stage->core) != 0 ||
        !fake_input_add(&host->desk.input, host->server)) {
        transcript_fail(host->transcript, "the server could not be set up");
        return;
    }
    for (uint32_t i = 0; i < host->scenario->devices_len; i++) {
        if (!is_later(&host->scenario->devices[i])) {
            device_add(host, i);
        }
    }
    machine_runs(host, true);
}

void tale_host_tear_down(TaleHost *host)
{
    if (host->server != NULL) {
        spice_server_destroy(host->server);
        host->server = NULL;
        host->stage->unlisten(host->stage);
        for (uint32_t i = 0; i < host->scenario->devices_len; i++) {
            if (host->devices[i].attached) {
                device_complains(host, &host->devices[i]);
            }
            host->devices[i].attached = false;
        }
    }
}

/* ---- Acts ---- */

static void host_act(TaleHost *host, const Phrase *phrase)
{
    const Arg *arg = &phrase->args[0];
    SpiceBaseInstance *const things[] = {&host->desk.input.keyboard.base, &host->desk.input.mouse.base,
                                         &host->desk.input.tablet.base};

    switch (phrase->form->id) {
    case HOST_STARTS:
        machine_runs(host, true);
        break;
    case HOST_STOPS:
        machine_runs(host, false);
        break;
    case HOST_ADDS:
        if (arg->range.low == THING_DEVICE) {
            device_add(host, arg->who.index);
        } else {
            part_addf(host->part, "a thing is added: %d",
                      spice_server_add_interface(host->server, things[arg->range.low]));
        }
        break;
    case HOST_REMOVES:
        if (arg->range.low == THING_DEVICE) {
            device_remove(host, arg->who.index);
        } else {
            part_addf(host->part, "a thing is removed: %d",
                      spice_server_remove_interface(things[arg->range.low]));
        }
        break;
    case HOST_SETS_LEDS:
        host->desk.input.leds = arg->range.low & 7;
        spice_server_kbd_leds(&host->desk.input.keyboard, host->desk.input.leds);
        break;
    case HOST_DESTROYS:
        tale_host_tear_down(host);
        break;
    case HOST_ASKS:
        part_addf(host->part, "%d clients", spice_server_get_num_clients(host->server));
        break;
    case HOST_SETS_TICKET:
        spice_server_set_ticket(host->server, arg->text, 0, 0, 0);
        break;
    case HOST_ASKS_NO_TICKET:
        spice_server_set_noauth(host->server);
        break;
    case HOST_SETS_NAME:
        spice_server_set_name(host->server, arg->text);
        break;
    case HOST_ALLOWS_ONE:
        spice_server_set_multiple_clients(host->server, 0);
        break;
    case HOST_ALLOWS_MANY:
        spice_server_set_multiple_clients(host->server, 1);
        break;
    default:
        CHECK(false); /* accepted, and nobody carries it out */
    }
}

static bool draw(TaleHost *host, FakeQxl *qxl)
{
    const int32_t left = (int32_t)choose(host, 16);
    const int32_t top = (int32_t)choose(host, 16);
    const QXLRect box = {.left = left, .top = top, .right = left + 16, .bottom = top + 16};
    const uint32_t color = choose(host, 1u << 24);
    return choose(host, 2) == 0 ? fake_qxl_fill(qxl, 0, &box, color) : fake_qxl_copy(qxl, 0, &box);
}

static bool destroy_first_surface(FakeQxl *qxl, bool call)
{
    for (uint32_t id = 1; id <= SURFACES; id++) {
        if (call ? fake_qxl_surface_destroy_call(qxl, id) : fake_qxl_surface_destroy(qxl, id)) {
            return true;
        }
    }
    return false;
}

/* False: not now. As everything before has been settled, that is no matter of time. */
static bool device_act(TaleHost *host, FakeQxl *qxl, const Phrase *phrase)
{
    static const QXLRect area = {.left = 0, .top = 0, .right = 32, .bottom = 32};
    const Range *range = &phrase->args[0].range;
    const FakeQxlPrimary primary = {.width = (uint32_t)range->low,
                                    .height = (uint32_t)range->high,
                                    .mouse_mode = 1,
                                    .painted = phrase->form->id == DEVICE_CREATES_PAINTED_PRIMARY};
    const int16_t x = (int16_t)choose(host, 300);
    const int16_t y = (int16_t)choose(host, 200);

    switch (phrase->form->id) {
    case DEVICE_SETS_CURSOR:
        return fake_qxl_cursor_set(qxl, 0, x, y, true);
    case DEVICE_SETS_CACHED_CURSOR: /* few, so that they come again */
        return fake_qxl_cursor_set(qxl, 1 + choose(host, 3), x, y, true);
    case DEVICE_MOVES_CURSOR:
        return fake_qxl_cursor_move(qxl, x, y);
    case DEVICE_HIDES_CURSOR:
        return fake_qxl_cursor_hide(qxl);
    case DEVICE_TRAILS_CURSOR:
        return fake_qxl_cursor_trail(qxl, (uint16_t)choose(host, 8), 20);
    case DEVICE_RESETS_CURSOR:
        spice_qxl_reset_cursor(fake_qxl_instance(qxl));
        return true;
    case DEVICE_CREATES_PRIMARY:
    case DEVICE_CREATES_PRIMARY_ASYNC:
    case DEVICE_CREATES_PAINTED_PRIMARY:
        return fake_qxl_primary_create(qxl, &primary, phrase->form->id == DEVICE_CREATES_PRIMARY_ASYNC);
    case DEVICE_DESTROYS_PRIMARY:
    case DEVICE_DESTROYS_PRIMARY_ASYNC:
        return fake_qxl_primary_destroy(qxl, phrase->form->id == DEVICE_DESTROYS_PRIMARY_ASYNC);
    case DEVICE_CREATES_SURFACE:
        return fake_qxl_surface_create(qxl, primary.width, primary.height, SPICE_SURFACE_FMT_32_xRGB);
    case DEVICE_DESTROYS_SURFACE:
    case DEVICE_DESTROYS_SURFACE_CALL:
        return destroy_first_surface(qxl, phrase->form->id == DEVICE_DESTROYS_SURFACE_CALL);
    case DEVICE_DESTROYS_ALL:
    case DEVICE_DESTROYS_ALL_ASYNC:
        return fake_qxl_surfaces_destroy_all(qxl, phrase->form->id == DEVICE_DESTROYS_ALL_ASYNC);
    case DEVICE_SETS_MONITORS:
        return fake_qxl_monitors(qxl, (uint32_t)range->low, MONITORS_ALLOWED);
    case DEVICE_DRAWS:
        return fake_qxl_has_primary(qxl) && draw(host, qxl);
    case DEVICE_UPDATES:
    case DEVICE_UPDATES_ASYNC:
        return fake_qxl_update_area(qxl, 0, &area, phrase->form->id == DEVICE_UPDATES_ASYNC);
    case DEVICE_UPDATES_COMMAND:
        return fake_qxl_has_primary(qxl) && fake_qxl_update(qxl, 0, &area);
    case DEVICE_FLUSHES:
        return fake_qxl_flush_surfaces(qxl);
    case DEVICE_ADDS_SLOT:
    case DEVICE_ADDS_SLOT_ASYNC:
        return fake_qxl_spare_slot_add(qxl, phrase->form->id == DEVICE_ADDS_SLOT_ASYNC);
    case DEVICE_DELETES_SLOT:
        return fake_qxl_spare_slot_delete(qxl);
    case DEVICE_RESETS:
        return fake_qxl_reset(qxl);
    case DEVICE_OOM:
        fake_qxl_oom(qxl);
        return true;
    case DEVICE_WAKES:
        spice_qxl_wakeup(fake_qxl_instance(qxl));
        return true;
    case DEVICE_STARTS:
        fake_qxl_running(qxl, true);
        spice_qxl_start(fake_qxl_instance(qxl));
        return true;
    case DEVICE_STOPS:
        spice_qxl_stop(fake_qxl_instance(qxl));
        fake_qxl_running(qxl, false);
        return true;
    default:
        CHECK(false); /* accepted, and nobody carries it out */
        return false;
    }
}

void tale_host_act(TaleHost *host, const Who *who, const Phrase *phrase)
{
    if (host->server == NULL) {
        return;
    }
    if (who->kind == WHO_HOST) {
        host_act(host, phrase);
    } else if (host->devices[who->index].attached &&
               !device_act(host, host->devices[who->index].qxl, phrase)) {
        part_addf(host->part, "%s could not: %s", host->scenario->devices[who->index].name,
                  phrase->form->pattern);
    }
}

/* ---- What is true ---- */

static bool in_range(uint64_t value, Range range)
{
    return value >= range.low && value <= range.high;
}

static bool device_value(const TaleDevice *device, const Phrase *phrase)
{
    FakeQxlReport report = {0};

    if (device->qxl == NULL) {
        return phrase->form->id == DEVICE_SEES_NO_CLIENT || phrase->form->id == DEVICE_IS_IDLE;
    }
    (void)fake_qxl_check(device->qxl, false, &report);
    switch (phrase->form->id) {
    case DEVICE_SEES_CLIENT:
        return report.client_present;
    case DEVICE_SEES_NO_CLIENT:
        return !report.client_present;
    case DEVICE_IS_IDLE:
        return report.pushed == report.taken && report.cookies == 0;
    case DEVICE_TAKEN:
        return report.taken >= phrase->args[0].range.low;
    default:
        CHECK(false); /* accepted, and nobody knows */
        return false;
    }
}

bool tale_host_value(const TaleHost *host, const Who *who, const Phrase *phrase)
{
    const Arg *first = &phrase->args[0], *second = &phrase->args[1];
    const uint64_t inputs[INPUTS] = {host->desk.scan_codes, host->desk.motions, host->desk.buttons};

    if (who->kind == WHO_DEVICE) {
        return device_value(&host->devices[who->index], phrase);
    }
    switch (phrase->form->id) {
    case HOST_SAW:
        return in_range(host->events[first->range.low], second->range);
    case HOST_SAW_AT_LEAST:
        return host->events[first->range.low] >= second->range.low;
    case HOST_SAW_AT_MOST:
        return host->events[first->range.low] <= second->range.high;
    case HOST_SAW_EVERY_END:
        return host->events[EVENT_CONNECTED] == host->events[EVENT_DISCONNECTED];
    case HOST_GOT:
        return in_range(inputs[second->range.low], first->range);
    case HOST_GOT_AT_LEAST:
        return inputs[second->range.low] >= first->range.low;
    case HOST_COUNTS:
        return host->server != NULL &&
               in_range((uint64_t)spice_server_get_num_clients(host->server), first->range);
    default:
        CHECK(false); /* accepted, and nobody knows */
        return false;
    }
}

void tale_host_look(const TaleHost *host, Mark *ret)
{
    for (unsigned i = 0; i < EVENTS; i++) {
        ret->events[i] = host->events[i];
    }
    ret->clients = host->server != NULL ? spice_server_get_num_clients(host->server) : 0;
    for (uint32_t i = 0; i < host->scenario->devices_len; i++) {
        FakeQxlReport report = {0};
        if (host->devices[i].qxl != NULL) {
            (void)fake_qxl_check(host->devices[i].qxl, false, &report);
        }
        ret->devices[i].taken = report.taken;
        ret->devices[i].cookies = report.cookies;
        /* Whether a device that is let go hears of its last client's end is a matter of time. */
        ret->devices[i].sees_client = host->devices[i].attached && report.client_present;
    }
}
