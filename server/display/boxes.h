/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* boxes.h: boxes of pixels, and sets of few of them that take no memory.
 *
 * A set holds at most BOXES_MAX boxes, which may overlap. What has no room in it is answered in one direction: a set has all the
 * pixels that it should have, and maybe more, never less. While there is room it has exactly those. So a set is good for what
 * may be too much, as "what can still be seen": whoever trusts it does work that was not needed. For what may be too little, as
 * "what is covered for certain", there is boxes_add_exactly() alone, which leaves out what has no room; such a set must never
 * be subtracted from.
 *
 * Ownership  the caller's, who copies sets as he likes.
 * Thread     any, one at a time.
 * Units      pixels. Boxes without pixels are nobody's: adding or subtracting them changes nothing.
 * Cost       BOXES_MAX steps each, subtraction four times that.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <pixman.h>

#define BOXES_MAX 16u /* of a set */

bool box_meets(const pixman_box32_t *a, const pixman_box32_t *b);
bool box_covers(const pixman_box32_t *outer, const pixman_box32_t *inner);
bool box_has_pixels(const pixman_box32_t *box);
uint64_t box_area(const pixman_box32_t *box); /* in pixels; of one that has some */

typedef struct Boxes {
    uint32_t len;
    pixman_box32_t boxes[BOXES_MAX]; /* each has pixels */
} Boxes;

void boxes_clear(Boxes *boxes);
/* Without room for it, all become the one box around them. */
void boxes_add(Boxes *boxes, const pixman_box32_t *box);
/* False: there is no room for it, and the set is as it was. */
bool boxes_add_exactly(Boxes *boxes, const pixman_box32_t *box);
/* What is left of a box stays whole where there is no room for its parts. */
void boxes_subtract(Boxes *boxes, const pixman_box32_t *box);
/* Keeps what lies in the box. */
void boxes_cut(Boxes *boxes, const pixman_box32_t *box);
/* Coordinates must fit afterwards, too. */
void boxes_translate(Boxes *boxes, int32_t dx, int32_t dy);
bool boxes_meet(const Boxes *boxes, const pixman_box32_t *box);
