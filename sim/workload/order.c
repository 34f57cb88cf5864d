/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/workload/order.h"

#include <string.h>

#include <spice.h>
#include <spice/enums.h>

#include "api/server.h"
#include "base/check.h"
#include "draw.h"
#include "fake_qxl.h"
#include "sim/explore/plan.h"
#include "sim/workload/pictures.h"
#include "sim/workload/ticket_key.h"
#include "sim/workload/windows.h"

#define SURFACES 7u /* the primary among them; one of each format, and one more */
#define EDGE_MAX 64u
#define PATIENCE_MS 10000u /* schedulers starve whom they like */
#define STEPS_MIN 400u
#define STEPS_MAX 700u
#define EAGER_EACH 16u /* drawings; far fewer than are ever folded or pruned */

enum { LAZY, EAGER, DEVICES };

typedef struct Order {
    const SimPlan *plan;
    SimOutcome *outcome;
    Sim *sim;
    SpiceServer *server;
    bool windows; /* nothing disturbs: drawings pile up */
    OrderLook look;
    void *look_opaque;
    FakeQxl *qxl[DEVICES];
    FakeDrawSurface surfaces[SURFACES];
    uint64_t drawn;
    bool over;
} Order;

static const QXLRect everything = {.right = INT32_MAX, .bottom = INT32_MAX};

static uint32_t choose(void *opaque, const char *site, uint32_t n)
{
    const Order *order = opaque;

    return sim_choose_at(order->sim, site, n);
}

/* ---- Both devices do the same ---- */

static bool draw(Order *order, const FakeDrawing *drawing, unsigned device)
{
    for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
        if (fake_qxl_draw(order->qxl[device], drawing)) {
            return true;
        }
        /* As drivers do. A worker that pauses leaves a ring full for as long: nothing would ever pile up. */
        if (ms % 10 == 9 && !order->windows) {
            fake_qxl_oom(order->qxl[device]);
        }
        sim_sleep(order->sim, NS_PER_MS);
    }
    return false;
}

static bool draw_on_both(Order *order, const FakeDrawing *drawing)
{
    if (!draw(order, drawing, LAZY) || !draw(order, drawing, EAGER)) {
        sim_outcome_fail(order->outcome, "device: no room for a drawing in %u ms", PATIENCE_MS);
        order->over = true;
        return false;
    }
    order->drawn++;
    return true;
}

static void draw_both(Order *order)
{
    const FakeDrawWorld world = {
        .surfaces = order->surfaces, .surface_count = SURFACES, .edge_max = EDGE_MAX, .own_clients = true};
    const FakeQxlChoice choice = {choose, order};
    /* Much is copied, filled and moved, so that much covers much. */
    static const uint8_t frequent[] = {QXL_DRAW_FILL, QXL_DRAW_COPY, QXL_COPY_BITS};
    FakeDrawing drawing;

    const uint8_t type = choose(order, "frequent", 2) == 0
                             ? frequent[choose(order, "type", 3)]
                             : (uint8_t)choose(order, "type", QXL_DRAW_COMPOSITE + 1);
    fake_drawing_random(&drawing, type, &world, choose(order, "on", SURFACES), &choice);
    if (choose(order, "whole", 8) == 0 && type == QXL_DRAW_FILL) {
        const FakeDrawSurface *on = &order->surfaces[drawing.surface_id];
        drawing.box = (QXLRect){.right = (int32_t)on->width, .bottom = (int32_t)on->height};
        drawing.mask.present = false;
    }
    if (draw_on_both(order, &drawing)) {
        (void)fake_qxl_update_area(order->qxl[EAGER], drawing.surface_id, &everything, false);
    }
}

static bool surface_make(Order *order, uint32_t id)
{
    const FakeDrawSurface *surface = &order->surfaces[id];

    for (unsigned device = 0; device < DEVICES; device++) {
        unsigned ms = 0;
        while (
            !fake_qxl_surface_create(order->qxl[device], surface->width, surface->height, surface->format)) {
            if (ms++ == PATIENCE_MS) {
                sim_outcome_fail(order->outcome, "device: no room for a surface in %u ms", PATIENCE_MS);
                order->over = true;
                return false;
            }
            sim_sleep(order->sim, NS_PER_MS);
        }
    }
    return true;
}

/* It goes, with what waits for it, and what waits to take from it; and comes again. */
static void surface_anew(Order *order)
{
    const uint32_t id = 1 + choose(order, "anew", SURFACES - 1);

    for (unsigned device = 0; device < DEVICES; device++) {
        bool gone = false;
        for (unsigned ms = 0; ms < PATIENCE_MS && !gone; ms++) {
            (void)fake_qxl_surface_destroy(order->qxl[device], id);
            sim_sleep(order->sim, NS_PER_MS);
            fake_qxl_poll(order->qxl[device]);
            gone = !fake_qxl_has_surface(order->qxl[device], id);
        }
        if (!gone) {
            sim_outcome_fail(order->outcome, "device: a surface does not go in %u ms", PATIENCE_MS);
            order->over = true;
            return;
        }
    }
    (void)surface_make(order, id);
}

/* ---- What only the lazy one does ---- */

static void disturb(Order *order)
{
    FakeQxl *qxl = order->qxl[LAZY];

    switch (choose(order, "disturb", 4)) {
    case 0:
        fake_qxl_oom(qxl);
        break;
    case 1:
        spice_qxl_stop(fake_qxl_instance(qxl));
        fake_qxl_running(qxl, false);
        fake_qxl_running(qxl, true);
        spice_qxl_start(fake_qxl_instance(qxl));
        break;
    default:
        (void)fake_qxl_update_area(qxl, choose(order, "update", SURFACES), &everything, false);
        break;
    }
}

/* ---- Windows ---- */

static void put(void *opaque, const FakeDrawing *drawing)
{
    Order *order = opaque;

    if (!order->over && draw_on_both(order, drawing) && order->drawn % EAGER_EACH == 0) {
        for (uint32_t id = 0; id < SURFACES; id++) {
            (void)fake_qxl_update_area(order->qxl[EAGER], id, &everything, false);
        }
    }
}

static void play_windows(Order *order)
{
    const uint32_t steps = sim_plan_knob(order->plan, "steps");
    const FakeDrawWorld world = {
        .surfaces = order->surfaces, .surface_count = SURFACES, .edge_max = EDGE_MAX, .own_clients = true};
    Windows windows = {.world = &world, .choice = {choose, order}, .put = put, .opaque = order};

    windows_begin(&windows);
    for (uint32_t i = 0; i < steps && !order->over; i++) {
        windows_go_on(&windows);
    }
}

/* ---- The whole ---- */

static void compare(Order *order)
{
    for (uint32_t id = 0; id < SURFACES; id++) {
        FakeQxlPicture pictures[DEVICES];
        for (unsigned device = 0; device < DEVICES; device++) {
            (void)fake_qxl_update_area(order->qxl[device], id, &everything, false);
            if (!fake_qxl_picture(order->qxl[device], id, &pictures[device])) {
                sim_outcome_fail(order->outcome, "harness: surface %u is not there", id);
                return;
            }
        }
        const size_t row = picture_row_bytes(pictures[0].width, pictures[0].format);
        for (uint32_t y = 0; y < pictures[0].height; y++) {
            if (memcmp(pictures[LAZY].top + pictures[LAZY].stride * (ptrdiff_t)y,
                       pictures[EAGER].top + pictures[EAGER].stride * (ptrdiff_t)y, row) != 0) {
                sim_outcome_fail(
                    order->outcome,
                    "the canvas shows other pixels than the original order, from line %u of surface %u on", y,
                    id);
                return;
            }
        }
    }
}

static void play_acts(Order *order)
{
    const uint32_t acts = sim_plan_knob(order->plan, "acts");

    for (uint32_t i = 0; i < acts && !order->over; i++) {
        const uint32_t act = choose(order, "act", 40);
        if (act == 0) {
            surface_anew(order);
        } else if (act < 4) {
            disturb(order);
        } else {
            draw_both(order);
        }
    }
}

static void play(void *arg)
{
    Order *order = arg;

    order->server = server_new(sim_core(order->sim));
    spice_server_set_noauth(order->server);
    if (spice_server_init(order->server, sim_host(order->sim)) != 0) {
        sim_outcome_fail(order->outcome, "spice_server_init failed");
        return;
    }
    for (unsigned device = 0; device < DEVICES; device++) {
        FakeQxl *qxl = order->qxl[device];
        const FakeQxlPrimary primary = {.width = order->surfaces[0].width,
                                        .height = order->surfaces[0].height};
        if (spice_server_add_interface(order->server, &fake_qxl_instance(qxl)->base) != 0) {
            sim_outcome_fail(order->outcome, "spice_server_add_interface failed");
            return;
        }
        fake_qxl_connect(qxl);
        (void)fake_qxl_primary_create(qxl, &primary, false);
        fake_qxl_running(qxl, true);
    }
    spice_server_vm_start(order->server);
    for (uint32_t id = 1; id < SURFACES && !order->over; id++) {
        (void)surface_make(order, id);
    }
    if (order->windows) {
        play_windows(order);
    } else {
        play_acts(order);
    }
    if (!order->over) {
        compare(order);
    }
    if (order->look != NULL) {
        order->look(order->look_opaque, fake_qxl_instance(order->qxl[LAZY]));
    }
    spice_server_destroy(order->server);
    order->server = NULL;
}

static void run_looked_at(const SimPlan *plan, const SimConfig *base, OrderLook look, void *opaque,
                          SimOutcome *ret)
{
    const bool windows = plan->subject == &order_windows_subject;
    Order order = {.plan = plan,
                   .outcome = ret,
                   .windows = windows,
                   .look = look,
                   .look_opaque = opaque,
                   .surfaces = {{0, 120, 90, SPICE_SURFACE_FMT_32_xRGB},
                                {1, 64, 64, SPICE_SURFACE_FMT_32_ARGB},
                                {2, 80, 40, SPICE_SURFACE_FMT_32_xRGB},
                                {3, 33, 70, SPICE_SURFACE_FMT_16_555},
                                {4, 71, 50, SPICE_SURFACE_FMT_16_565},
                                {5, 45, 64, SPICE_SURFACE_FMT_8_A},
                                {6, 72, 66, SPICE_SURFACE_FMT_1_A}}};
    SimConfig config = *base;
    FakeQxlReport report;

    config.ticket_key = span_of(universe_ticket_key, sizeof universe_ticket_key);
    config.switch_one_in = 1 + sim_plan_draw(plan, "switch", 16);
    order.sim = sim_new(&config);
    CHECK(order.sim != NULL);
    for (unsigned device = 0; device < DEVICES; device++) {
        order.qxl[device] = fake_qxl_new(&(FakeQxlConfig){.id = (int)device,
                                                          .ram_bytes = windows ? 4u << 20 : 1u << 20,
                                                          .vram_bytes = 256u << 10,
                                                          .strict = true,
                                                          .choice = {choose, &order}});
    }
    sim_spawn(order.sim, "vcpu", play, &order);
    const bool going = sim_run(order.sim, sim_now_ns(order.sim) + 3600 * NS_PER_S);
    for (unsigned device = 0; device < DEVICES && going; device++) {
        if (fake_qxl_check(order.qxl[device], true, &report) > 0) {
            sim_outcome_fail(ret, "device: %s", fake_qxl_violation(order.qxl[device], 0));
        }
    }
    if (going && order.server != NULL && ret->failure[0] == '\0') {
        sim_outcome_fail(ret, "the server was not destroyed in an hour");
    }
    sim_outcome_take(ret, order.sim);
    ret->worth = order.drawn;
    sim_free(order.sim);
    for (unsigned device = 0; device < DEVICES; device++) {
        fake_qxl_free(order.qxl[device]);
    }
}

static void run(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    run_looked_at(plan, base, NULL, NULL, ret);
}

static const SimKnob knobs[] = {{"acts", 1, 200, "drawings, and what disturbs them"}},
                     windows_knobs[] = {
                         {"steps", STEPS_MIN, STEPS_MAX, "moves and lines, of some drawings each"}};

const SimSubject order_subject = {
    .name = "order",
    .about = "two devices draw the same, one of them at once: the canvas is as the original order makes it",
    .knobs = knobs,
    .knobs_len = sizeof knobs / sizeof knobs[0],
    .run = run,
};

const SimSubject order_windows_subject = {
    .name = "order-windows",
    .about = "the same of a window that moves and lines that scroll, more than may be pending",
    .knobs = windows_knobs,
    .knobs_len = sizeof windows_knobs / sizeof windows_knobs[0],
    .run = run,
};

void order_windows_run(const SimPlan *plan, const SimConfig *base, OrderLook look, void *opaque,
                       SimOutcome *ret)
{
    CHECK(plan->subject == &order_windows_subject);
    run_looked_at(plan, base, look, opaque, ret);
}
