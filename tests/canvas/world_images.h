/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* world_images.h: pictures that the world's drawings show. */
#pragma once

#include "tests/canvas/world.h"

/* Now and then as QUIC, which knows neither palettes nor gray ones that anybody draws. `colours` false: a mask, without palette. */
QXLPHYSICAL world_bitmap(World *world, uint8_t format, uint32_t width, uint32_t height, bool colours);
QXLPHYSICAL world_surface_image(World *world, uint32_t id);
/* One that can be shown on such a surface. */
uint8_t world_bitmap_format(World *world, uint32_t surface_format);
uint32_t world_source_surface(World *world, uint32_t surface_format);
/* Something for the drawable's box, and which part of it. */
QXLPHYSICAL world_source(World *world, const QXLDrawable *drawable, bool may_scale, QXLRect *ret_area);
