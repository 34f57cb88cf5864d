/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* workloads.h: what the benchmark's guest draws.
 *
 * Pictures are made once, before the clock starts, from a fixed seed; making the next command costs a few
 * dozen instructions, since that time counts as the server's. Every image has an id of its own and asks for
 * no caching, as text and window contents do in practice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <spice.h>

/* The guest memory of one command. What the server was given is the address of `u`. */
typedef struct Slot {
    union {
        QXLReleaseInfo release; /* the first field of each of the others */
        QXLDrawable drawable;
        QXLCursorCmd cursor;
    } u;
    QXLImage image;
    bool is_out; /* with the server */
    uint32_t next_free;
} Slot;

typedef struct Picture {
    uint32_t width;
    uint32_t height;
    uint8_t *pixels; /* 32 bit xRGB, top down, no padding; or a QXLCursor */
} Picture;

/* Where a workload stands. Only the worker thread uses it once commands flow. */
typedef struct Scene {
    uint32_t width, height; /* of the primary surface */
    Picture *pictures;
    uint32_t picture_count;
    uint64_t random;
    uint32_t step;
    int32_t x, y;
    int32_t dx, dy;
    uint32_t image_serial;
} Scene;

typedef struct Workload {
    const char *name;
    bool is_cursor;  /* its commands go through the cursor ring */
    uint32_t window; /* commands the device may be ahead of the clients; fewer than overdraw each other */
    void (*prepare)(Scene *scene);
    void (*next)(Scene *scene, Slot *slot); /* NULL: it has no commands */
} Workload;

const Workload *workload_find(const char *name); /* NULL: no such workload */
void scene_init(Scene *scene, const Workload *workload, uint32_t width, uint32_t height);
