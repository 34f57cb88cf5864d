/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/canvas/easel.h"

#include <stdlib.h>

static void *easel_alloc(void *opaque, size_t bytes)
{
    Easel *easel = opaque;
    return easel->allocs++ < easel->most ? malloc(bytes) : NULL;
}

static void easel_free(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

static const Canvas *easel_find(void *opaque, uint32_t id)
{
    const Easel *easel = opaque;
    return id < EASEL_SURFACES && easel->canvases[id].format != 0 ? &easel->canvases[id] : NULL;
}

int easel_setup(void **state)
{
    Easel *easel = calloc(1, sizeof(*easel));
    const QxlMemory memory = {.alloc = easel_alloc, .free = easel_free, .opaque = easel};
    assert_non_null(easel);
    easel->most = 1000;
    easel->set = canvas_set_of(&memory, easel_find, easel);
    *state = easel;
    return 0;
}

int easel_teardown(void **state)
{
    Easel *easel = *state;
    canvas_set_finish(&easel->set);
    free(easel);
    return 0;
}

static void surface_make(Easel *easel, unsigned id, const QxlGeometry *geometry)
{
    memset(easel->pixels[id], 0, sizeof(easel->pixels[id]));
    assert_int_equal(canvas_init(&easel->canvases[id], geometry, easel->pixels[id], &easel->fault),
                     STATUS_OK);
    if (id == 0) {
        easel->drawable.box = easel_rect(0, 0, (int32_t)geometry->width, (int32_t)geometry->height);
    }
}

void easel_surface(Easel *easel, unsigned id, uint32_t format, uint32_t width, uint32_t height)
{
    surface_make(easel, id, &(QxlGeometry){width, height, format, 32});
}

void easel_surface_below(Easel *easel, unsigned id, uint32_t format, uint32_t width, uint32_t height)
{
    surface_make(easel, id, &(QxlGeometry){width, height, format, -32});
}

static void pixel_at(const Easel *easel, unsigned id, int32_t x, int32_t y, uint8_t **ret_at,
                     unsigned *ret_bits)
{
    const Raster *raster = &easel->canvases[id].raster;
    *ret_bits = PIXMAN_FORMAT_BPP(raster->format);
    *ret_at = raster->top + raster->stride * y + (unsigned)x * *ret_bits / 8;
}

void easel_set(Easel *easel, unsigned id, const uint32_t *pixels)
{
    const Raster *raster = &easel->canvases[id].raster;
    for (int32_t y = 0; y < raster->height; y++) {
        for (int32_t x = 0; x < raster->width; x++, pixels++) {
            uint8_t *at;
            unsigned bits;
            pixel_at(easel, id, x, y, &at, &bits);
            if (bits == 1) {
                *at = (uint8_t)((*at & ~(1u << x % 8)) | (*pixels & 1) << x % 8);
            } else {
                memcpy(at, pixels, bits / 8);
            }
        }
    }
}

void easel_expect_(Easel *easel, const uint32_t *pixels, const char *file, int line)
{
    const Raster *raster = &easel->canvases[0].raster;
    for (int32_t y = 0; y < raster->height; y++) {
        for (int32_t x = 0; x < raster->width; x++, pixels++) {
            uint8_t *at;
            unsigned bits;
            uint32_t value = 0;
            pixel_at(easel, 0, x, y, &at, &bits);
            if (bits == 1) {
                value = *at >> x % 8 & 1;
            } else {
                memcpy(&value, at, bits / 8);
            }
            if (value != *pixels) {
                print_error("pixel %d,%d is %08x, not %08x\n", x, y, value, *pixels);
                _fail(file, line);
            }
        }
    }
}

Status easel_try(Easel *easel, uint8_t type)
{
    easel->drawable.type = type;
    return canvas_draw(&easel->set, &easel->canvases[0], &easel->drawable, &easel->fault);
}

void easel_draw(Easel *easel, uint8_t type)
{
    const Status status = easel_try(easel, type);
    if (status != STATUS_OK) {
        fail_msg("not drawn: %s (%llu)", easel->fault.why, (unsigned long long)easel->fault.value);
    }
}

QxlImage *easel_image(EaselImage *image, uint8_t format, uint32_t width, uint32_t height, uint32_t stride,
                      const void *bytes)
{
    image->span = (QxlSpan){.host = (uintptr_t)bytes, .bytes = stride * height};
    image->image = (QxlImage){.type = SPICE_IMAGE_TYPE_BITMAP, .width = width, .height = height};
    image->image.u.bitmap =
        (QxlBitmap){.format = format,
                    .top_down = true,
                    .stride = stride,
                    .data = {.spans = &image->span, .count = 1, .bytes = stride * height}};
    return &image->image;
}

QxlImage easel_surface_image(const Easel *easel, unsigned id)
{
    QxlImage image = {.type = SPICE_IMAGE_TYPE_SURFACE,
                      .width = (uint32_t)easel->canvases[id].raster.width,
                      .height = (uint32_t)easel->canvases[id].raster.height};
    image.u.surface_id = id;
    return image;
}

QXLRect easel_rect(int32_t left, int32_t top, int32_t right, int32_t bottom)
{
    return (QXLRect){.left = left, .top = top, .right = right, .bottom = bottom};
}
