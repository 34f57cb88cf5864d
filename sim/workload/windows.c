/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/workload/windows.h"

#include <spice/enums.h>

#define WIDTH 40 /* pixels of the window */
#define HEIGHT 30
#define LINE 5
#define STEP_MAX 3u       /* pixels that it moves at a time, at a walk */
#define STRIDE_MAX 15u    /* and in strides */
#define STRIDES_ONE_IN 3u /* directions */
#define PHASE_ONE_IN 24u  /* steps it goes on to scroll, or to move */
#define TURN_ONE_IN 8u    /* moves it goes on in another direction */
#define LEAVES_ONE_IN 12u /* moves it leaves a copy of itself behind */
#define LOOKED_ONE_IN 8u  /* moves somebody looks at where it was before that is repaired */
#define BETWEEN_ONE_IN 4u /* steps something comes between */

static uint32_t chosen(const Windows *windows, const char *site, uint32_t n)
{
    return windows->choice.choose(windows->choice.opaque, site, n);
}

static QXLRect rect_of(int32_t left, int32_t top, int32_t width, int32_t height)
{
    return (QXLRect){.left = left, .top = top, .right = left + width, .bottom = top + height};
}

/* ---- Drawings ---- */

static void fill(const Windows *windows, const FakeDrawSurface *on, const QXLRect *box, uint16_t rop)
{
    const FakeDrawing drawing = {
        .type = QXL_DRAW_FILL,
        .surface_id = on->id,
        .effect = rop == SPICE_ROPD_OP_PUT ? QXL_EFFECT_OPAQUE : QXL_EFFECT_BLEND,
        .box = *box,
        .brush = {.type = SPICE_BRUSH_TYPE_SOLID, .color = chosen(windows, "colour", 1u << 24)},
        .rop = rop,
    };

    if (box->left < box->right && box->top < box->bottom) {
        windows->put(windows->opaque, &drawing);
    }
}

static void copy_bits(const Windows *windows, const QXLRect *box, int32_t from_x, int32_t from_y)
{
    const FakeDrawing drawing = {.type = QXL_COPY_BITS,
                                 .surface_id = windows->world->surfaces[0].id,
                                 .effect = QXL_EFFECT_OPAQUE,
                                 .box = *box,
                                 .copy_from = {from_x, from_y}};

    windows->put(windows->opaque, &drawing);
}

/* What lies there on the other surface. */
static void show(const Windows *windows, const FakeDrawSurface *on, const QXLRect *box,
                 const FakeDrawSurface *of, const QXLRect *area)
{
    const FakeDrawing drawing = {
        .type = QXL_DRAW_COPY,
        .surface_id = on->id,
        .effect = QXL_EFFECT_OPAQUE,
        .box = *box,
        .source = {.present = true,
                   .id = (uint64_t)chosen(windows, "image id", 1u << 16) << 32 |
                         QXL_IMAGE_GROUP_DRIVER_DONT_CACHE,
                   .type = SPICE_IMAGE_TYPE_SURFACE,
                   .width = of->width,
                   .height = of->height,
                   .surface_id = of->id},
        .source_area = *area,
        .rop = SPICE_ROPD_OP_PUT,
    };

    windows->put(windows->opaque, &drawing);
}

/* ---- What happens ---- */

static int32_t chosen_step(const Windows *windows, uint32_t most)
{
    return (int32_t)chosen(windows, "step", 2 * most + 1) - (int32_t)most;
}

/* Where it went out of the picture it comes back. */
static int32_t turned(int32_t step, int32_t at, int32_t room)
{
    return at + step < 0 || at + step > room ? -step : step;
}

static void repair(const Windows *windows, const QXLRect *from)
{
    const FakeDrawSurface *on = &windows->world->surfaces[0];
    const int32_t x = windows->step.x, y = windows->step.y;
    const QXLRect side =
        x > 0 ? rect_of(from->left, from->top, x, HEIGHT) : rect_of(from->right + x, from->top, -x, HEIGHT);
    const QXLRect edge =
        y > 0 ? rect_of(from->left, from->top, WIDTH, y) : rect_of(from->left, from->bottom + y, WIDTH, -y);

    fill(windows, on, &side, SPICE_ROPD_OP_PUT);
    fill(windows, on, &edge, SPICE_ROPD_OP_PUT);
}

/* It is copied, and what it uncovers is repaired. */
static void move(Windows *windows)
{
    const FakeDrawSurface *on = &windows->world->surfaces[0], *hidden = &windows->world->surfaces[1];
    const QXLRect whole = rect_of(0, 0, WIDTH, HEIGHT), from = windows->window;

    if (chosen(windows, "turn", TURN_ONE_IN) == 0) {
        const uint32_t most = chosen(windows, "strides", STRIDES_ONE_IN) == 0 ? STRIDE_MAX : STEP_MAX;
        windows->step.x = chosen_step(windows, most);
        windows->step.y = chosen_step(windows, most);
    }
    windows->step.x = turned(windows->step.x, from.left, (int32_t)on->width - WIDTH);
    windows->step.y = turned(windows->step.y, from.top, (int32_t)on->height - HEIGHT);
    windows->window = rect_of(from.left + windows->step.x, from.top + windows->step.y, WIDTH, HEIGHT);
    copy_bits(windows, &windows->window, from.left, from.top);
    if (chosen(windows, "looked at", LOOKED_ONE_IN) == 0) {
        show(windows, hidden, &whole, on, &from);
    }
    if (chosen(windows, "leaves", LEAVES_ONE_IN) != 0) {
        repair(windows, &from);
    }
}

/* Its lines go up, and there is a new one, with something in it. */
static void scroll(const Windows *windows)
{
    const FakeDrawSurface *on = &windows->world->surfaces[0];
    const QXLRect *window = &windows->window;
    const QXLRect upper = rect_of(window->left, window->top, WIDTH, HEIGHT - LINE);
    const QXLRect line = rect_of(window->left, window->bottom - LINE, WIDTH, LINE);
    const QXLRect word =
        rect_of(line.left + (int32_t)chosen(windows, "word", WIDTH - 8), line.top + 1, 8, LINE - 2);

    copy_bits(windows, &upper, window->left, window->top + LINE);
    fill(windows, on, &line, SPICE_ROPD_OP_PUT);
    fill(windows, on, &word, SPICE_ROPD_OP_PUT);
}

/* Drawn where nobody sees it, shown in the window, and drawn over. */
static void repaint(const Windows *windows)
{
    const FakeDrawSurface *on = &windows->world->surfaces[0], *hidden = &windows->world->surfaces[1];
    const QXLRect whole = rect_of(0, 0, WIDTH, HEIGHT);
    const int32_t x = (int32_t)chosen(windows, "part x", WIDTH / 2);
    const int32_t y = (int32_t)chosen(windows, "part y", HEIGHT / 2);
    const QXLRect part = rect_of(x, y, WIDTH / 2, HEIGHT / 2);
    const QXLRect place = rect_of(windows->window.left + x, windows->window.top + y, WIDTH / 2, HEIGHT / 2);

    fill(windows, hidden, &part, SPICE_ROPD_OP_PUT);
    show(windows, on, &place, hidden, &part);
    fill(windows, hidden, &whole, SPICE_ROPD_OP_PUT);
}

/* In the window's place, or near it, as large as that or smaller. */
static QXLRect chosen_near(const Windows *windows)
{
    const FakeDrawSurface *on = &windows->world->surfaces[0];
    const int32_t width = 1 + (int32_t)chosen(windows, "width", WIDTH);
    const int32_t height = 1 + (int32_t)chosen(windows, "height", HEIGHT);
    int32_t left = windows->window.left - 4 + (int32_t)chosen(windows, "left", WIDTH);
    int32_t top = windows->window.top - 4 + (int32_t)chosen(windows, "top", HEIGHT);

    left = left < 0 ? 0 : left + width > (int32_t)on->width ? (int32_t)on->width - width : left;
    top = top < 0 ? 0 : top + height > (int32_t)on->height ? (int32_t)on->height - height : top;
    return rect_of(left, top, width, height);
}

/* Any drawing, anywhere. */
static void draw_any(const Windows *windows)
{
    const uint8_t type = (uint8_t)chosen(windows, "type", QXL_DRAW_COMPOSITE + 1);
    const uint32_t on = chosen(windows, "on", windows->world->surface_count);
    FakeDrawing drawing;

    fake_drawing_random(&drawing, type, windows->world, on, &windows->choice);
    windows->put(windows->opaque, &drawing);
}

/* A copy that is no move of the window. */
static void copy_from_elsewhere(const Windows *windows, const QXLRect *box)
{
    const FakeDrawSurface *on = &windows->world->surfaces[0];
    const uint32_t x = chosen(windows, "from x", on->width - (uint32_t)(box->right - box->left) + 1);
    const uint32_t y = chosen(windows, "from y", on->height - (uint32_t)(box->bottom - box->top) + 1);

    copy_bits(windows, box, (int32_t)x, (int32_t)y);
}

/* Something looks at the places that the window goes through, or changes them. */
static void come_between(const Windows *windows)
{
    const FakeDrawSurface *on = &windows->world->surfaces[0], *hidden = &windows->world->surfaces[1];
    const QXLRect near = chosen_near(windows);
    const QXLRect taken = rect_of(0, 0, near.right - near.left, near.bottom - near.top);

    switch (chosen(windows, "between", 6)) {
    case 0:
        fill(windows, on, &near, SPICE_ROPD_OP_PUT);
        break;
    case 1:
        fill(windows, on, &near, SPICE_ROPD_OP_XOR);
        break;
    case 2:
        copy_from_elsewhere(windows, &near);
        break;
    case 3:
        show(windows, hidden, &taken, on, &near);
        break;
    case 4:
        repaint(windows);
        break;
    default:
        draw_any(windows);
        break;
    }
}

void windows_begin(Windows *windows)
{
    windows->window = rect_of(10, 10, WIDTH, HEIGHT);
    windows->step = (QXLPoint){1, 1};
    windows->scrolls = chosen(windows, "scrolls", 2) == 0;
    repaint(windows);
}

void windows_go_on(Windows *windows)
{
    if (chosen(windows, "phase", PHASE_ONE_IN) == 0) {
        windows->scrolls = !windows->scrolls;
    }
    if (windows->scrolls) {
        scroll(windows);
    } else {
        move(windows);
    }
    if (chosen(windows, "comes between", BETWEEN_ONE_IN) == 0) {
        come_between(windows);
    }
}
