/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* easel.h: small surfaces, and drawables made by hand, for tests that say what every pixel becomes. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <spice/enums.h>

#include "display/canvas/canvas.h"

#define EASEL_SURFACES 4u

typedef struct Easel {
    CanvasSet set;
    Canvas canvases[EASEL_SURFACES]; /* the one drawn on is 0 */
    uint32_t pixels[EASEL_SURFACES][64];
    unsigned allocs;      /* that the set has made */
    unsigned most;        /* of them may succeed */
    QxlDrawable drawable; /* its box is the whole surface, and everything else is 0 */
    QxlFault fault;
} Easel;

int easel_setup(void **state);
int easel_teardown(void **state);

/* A surface of these pixels; lines are 8 pixels of 32 bits apart, upside down if `below`. */
void easel_surface(Easel *easel, unsigned id, uint32_t format, uint32_t width, uint32_t height);
void easel_surface_below(Easel *easel, unsigned id, uint32_t format, uint32_t width, uint32_t height);
void easel_set(Easel *easel, unsigned id, const uint32_t *pixels);
void easel_draw(Easel *easel, uint8_t type);
Status easel_try(Easel *easel, uint8_t type);
/* Compares all pixels of surface 0. */
#define easel_expect(easel, ...) easel_expect_(easel, (const uint32_t[]){__VA_ARGS__}, __FILE__, __LINE__)
void easel_expect_(Easel *easel, const uint32_t *pixels, const char *file, int line);

/* An image of bytes, packed lines, top line first. */
typedef struct EaselImage {
    QxlImage image;
    QxlSpan span;
} EaselImage;

QxlImage *easel_image(EaselImage *image, uint8_t format, uint32_t width, uint32_t height, uint32_t stride,
                      const void *bytes);
QxlImage easel_surface_image(const Easel *easel, unsigned id);
QXLRect easel_rect(int32_t left, int32_t top, int32_t right, int32_t bottom);

int run_bits(void);
int run_blends(void);
int run_coded(void);
int run_lines(void);
int run_properties(void);
int run_work(void);
