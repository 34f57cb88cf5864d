/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* workload.c: random guests, one action at a time. */
#include "internal.h"

#include <spice/enums.h>

#include "draw.h"

/* More shapes than the protocol's cursor cache holds (256), so that it must evict. */
#define SHAPES 400u

static QXLRect random_box(FakeQxl *qxl, uint32_t width, uint32_t height, uint32_t edge_max)
{
    const uint32_t w = 1 + pick(qxl, "box width", width < edge_max ? width : edge_max);
    const uint32_t h = 1 + pick(qxl, "box height", height < edge_max ? height : edge_max);
    const int32_t left = (int32_t)pick(qxl, "box left", width - w + 1);
    const int32_t top = (int32_t)pick(qxl, "box top", height - h + 1);
    return (QXLRect){.left = left, .top = top, .right = left + (int32_t)w, .bottom = top + (int32_t)h};
}

/* A random surface that lives, among those from `first` on. */
static bool random_surface(FakeQxl *qxl, uint32_t first, uint32_t *ret_id)
{
    uint32_t live = 0;
    for (uint32_t id = first; id < qxl->surface_count; id++) {
        live += qxl->surfaces[id].state == SURFACE_LIVE;
    }
    if (live == 0) {
        return false;
    }
    uint32_t skip = pick(qxl, "surface", live);
    for (uint32_t id = first; id < qxl->surface_count; id++) {
        if (qxl->surfaces[id].state == SURFACE_LIVE && skip-- == 0) {
            *ret_id = id;
            return true;
        }
    }
    return false;
}

static bool step_cursor(FakeQxl *qxl)
{
    const int16_t x = (int16_t)((int)pick(qxl, "cursor x", 2000) - 100);
    const int16_t y = (int16_t)((int)pick(qxl, "cursor y", 1500) - 100);
    switch (pick(qxl, "cursor command", 12)) {
    case 0:
        return fake_qxl_cursor_hide(qxl);
    case 1:
        return fake_qxl_cursor_trail(qxl, (uint16_t)pick(qxl, "trail length", 8), 20);
    case 2:
        return fake_qxl_cursor_set(qxl, 0, x, y, true);
    case 3:
        return fake_qxl_cursor_set(qxl, 1 + pick(qxl, "shape", SHAPES), x, y, pick(qxl, "visible", 4) != 0);
    case 4:
    case 5:
        return fake_qxl_cursor_set(qxl, 1 + pick(qxl, "frequent shape", 4), x, y, true);
    default:
        return fake_qxl_cursor_move(qxl, x, y);
    }
}

static bool step_surfaces(FakeQxl *qxl)
{
    static const uint32_t formats[] = {SPICE_SURFACE_FMT_32_xRGB, SPICE_SURFACE_FMT_32_ARGB,
                                       SPICE_SURFACE_FMT_16_555,  SPICE_SURFACE_FMT_16_565,
                                       SPICE_SURFACE_FMT_8_A,     SPICE_SURFACE_FMT_1_A};
    uint32_t id;
    switch (pick(qxl, "surface command", 8)) {
    case 0:
    case 1:
        return random_surface(qxl, 1, &id) && fake_qxl_surface_destroy(qxl, id);
    case 2:
        return random_surface(qxl, 1, &id) && fake_qxl_surface_destroy_call(qxl, id);
    default:
        return fake_qxl_surface_create(
            qxl, 1 + pick(qxl, "surface width", 300), 1 + pick(qxl, "surface height", 200),
            formats[pick(qxl, "surface format", sizeof formats / sizeof formats[0])]);
    }
}

static bool step_primary(FakeQxl *qxl)
{
    if (fake_qxl_has_primary(qxl)) {
        /* A mode lasts a while. */
        return pick(qxl, "mode ends", 8) == 0 && fake_qxl_primary_destroy(qxl, pick(qxl, "async", 2) != 0);
    }
    static const uint32_t sizes[][2] = {{640, 480}, {800, 600}, {1024, 768}, {1, 1},
                                        {33, 17},   {641, 479}, {1280, 1024}};
    const uint32_t *size = sizes[pick(qxl, "mode", sizeof sizes / sizeof sizes[0])];
    /* Padded rows and bottom-up pictures are legal. */
    static const uint32_t formats[] = {SPICE_SURFACE_FMT_32_xRGB, SPICE_SURFACE_FMT_16_555,
                                       SPICE_SURFACE_FMT_16_565, SPICE_SURFACE_FMT_32_ARGB};
    const bool plain = !qxl->config.own_clients || pick(qxl, "plain primary", 2) == 0;
    const uint32_t format = formats[plain ? 0 : pick(qxl, "primary format", 4)];
    const bool narrow = format == SPICE_SURFACE_FMT_16_555 || format == SPICE_SURFACE_FMT_16_565;
    const int32_t row =
        (int32_t)((narrow ? (size[0] * 2 + 3) & ~3u : size[0] * 4) + 4 * pick(qxl, "row padding", 3));
    const FakeQxlPrimary primary = {
        .width = size[0],
        .height = size[1],
        .stride = pick(qxl, "bottom up", 4) == 0 ? -row : row,
        .format = format,
        .mouse_mode = pick(qxl, "mouse mode", 4) != 0,
        .host_group = pick(qxl, "host group", 8) == 0,
    };
    return fake_qxl_primary_create(qxl, &primary, pick(qxl, "async", 2) != 0);
}

static bool step_monitors(FakeQxl *qxl)
{
    const uint32_t count = 1 + pick(qxl, "monitors", 4);
    return fake_qxl_monitors(qxl, count, pick(qxl, "monitors limit", 2) != 0 ? 0 : 4);
}

static bool step_memslots(FakeQxl *qxl)
{
    return qxl->areas[AREA_SPARE].mapped ? fake_qxl_spare_slot_delete(qxl)
                                         : fake_qxl_spare_slot_add(qxl, pick(qxl, "async", 2) != 0);
}

static bool step_draw(FakeQxl *qxl)
{
    uint32_t id;
    if (!random_surface(qxl, 0, &id)) {
        return false;
    }
    const QXLRect box = random_box(qxl, qxl->surfaces[id].width, qxl->surfaces[id].height, 128);
    return pick(qxl, "draw", 2) == 0 ? fake_qxl_fill(qxl, id, &box, pick(qxl, "color", 1u << 24))
                                     : fake_qxl_copy(qxl, id, &box);
}

/* On what is known to differ from one renderer to the next nobody can be judged: rounding in scaled ROP3, and alpha where it
 * may be the byte of xRGB that is nobody's. */
static bool renderers_agree(const FakeDrawing *drawing)
{
    if (drawing->type == QXL_DRAW_ALPHA_BLEND) {
        return drawing->alpha_flags == 0;
    }
    return drawing->type != QXL_DRAW_ROP3 ||
           (drawing->source_area.right - drawing->source_area.left ==
                drawing->box.right - drawing->box.left &&
            drawing->source_area.bottom - drawing->source_area.top == drawing->box.bottom - drawing->box.top);
}

bool fake_qxl_paint(FakeQxl *qxl, uint32_t surface, uint32_t type)
{
    uint32_t id = surface;
    if (surface == FAKE_QXL_ANY && !random_surface(qxl, 0, &id)) {
        return false;
    }
    if (type == FAKE_QXL_ANY) {
        type = pick(qxl, "paint", QXL_DRAW_COMPOSITE + 1);
    }
    return fake_qxl_draw_random(qxl, id, (uint8_t)type, 96, renderers_agree);
}

static bool step_paint(FakeQxl *qxl)
{
    return fake_qxl_paint(qxl, FAKE_QXL_ANY, FAKE_QXL_ANY);
}

static bool step_update(FakeQxl *qxl)
{
    uint32_t id;
    if (!random_surface(qxl, 0, &id)) {
        return false;
    }
    const QXLRect box = random_box(qxl, qxl->surfaces[id].width, qxl->surfaces[id].height, UINT32_MAX);
    switch (pick(qxl, "update", 5)) {
    case 0:
        return fake_qxl_flush_surfaces(qxl);
    case 1:
        return fake_qxl_update(qxl, id, &box);
    case 2:
        return fake_qxl_update_area(qxl, id, &box, true);
    case 3:
        return fake_qxl_message(qxl, "hello from the guest");
    default:
        return fake_qxl_update_area(qxl, id, &box, false);
    }
}

static bool step_reset(FakeQxl *qxl)
{
    switch (pick(qxl, "reset", 4)) {
    case 0:
        return fake_qxl_reset(qxl);
    case 1:
        return fake_qxl_surfaces_destroy_all(qxl, pick(qxl, "async", 2) != 0);
    default:
        fake_qxl_oom(qxl);
        return true;
    }
}

static bool step_lies(FakeQxl *qxl)
{
    return fake_qxl_lie(qxl, (FakeQxlLie)pick(qxl, "lie", FAKE_QXL_LIES));
}

bool fake_qxl_step(FakeQxl *qxl, uint32_t work)
{
    static bool (*const steps[])(FakeQxl *) = {step_cursor,   step_surfaces, step_primary, step_monitors,
                                               step_memslots, step_draw,     step_update,  step_reset,
                                               step_lies,     step_paint};
    enum { KINDS = sizeof steps / sizeof steps[0] };
    uint32_t enabled[KINDS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < KINDS; i++) {
        if (work >> i & 1) {
            enabled[count++] = i;
        }
    }
    fake_qxl_poll(qxl);
    return count > 0 && steps[enabled[pick(qxl, "work", count)]](qxl);
}
