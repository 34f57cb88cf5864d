/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* browser.h: what browsers show (spice-html5 0.3.0), that is clients without COMPOSITE. Of the rest they are sent pixels.
 *
 *   surfaces   of 32 bits: what has 16 is told as 32_xRGB; alpha or bits alone not at all, nor 32_ARGB, where it blends what is
 *              to be copied
 *   drawings   fills with a colour, copies of all of a picture, or of a part of a surface, and moves; on surfaces of 32 bits;
 *              without clip, mask, scale, or what was there before. Of clips and masks they take no notice, and other kinds of
 *              drawings they pass over
 *   pictures   of 32 bits (32BIT, RGBA), as they are, by LZ or QUIC; by QUIC only those without alpha
 *
 * Thread     any.
 * Source     spice-html5's display.js, lz.js, bitmap.js, quic.js.
 */
#pragma once

#include "qxl/drawable.h"

bool browser_shows(const QxlDrawable *drawable);
/* As what it knows a surface of this format; false: not at all. Formats are SPICE_SURFACE_FMT_*. */
bool browser_surface_format(uint32_t format, uint32_t *ret_format);
