/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/boxes.h"

/* ---- One ---- */

bool box_meets(const pixman_box32_t *a, const pixman_box32_t *b)
{
    return a->x1 < b->x2 && b->x1 < a->x2 && a->y1 < b->y2 && b->y1 < a->y2;
}

bool box_covers(const pixman_box32_t *outer, const pixman_box32_t *inner)
{
    return outer->x1 <= inner->x1 && outer->y1 <= inner->y1 && outer->x2 >= inner->x2 &&
           outer->y2 >= inner->y2;
}

bool box_has_pixels(const pixman_box32_t *box)
{
    return box->x1 < box->x2 && box->y1 < box->y2;
}

uint64_t box_area(const pixman_box32_t *box)
{
    return (uint64_t)((int64_t)box->x2 - box->x1) * (uint64_t)((int64_t)box->y2 - box->y1);
}

static void box_extend(pixman_box32_t *box, const pixman_box32_t *by)
{
    box->x1 = by->x1 < box->x1 ? by->x1 : box->x1;
    box->y1 = by->y1 < box->y1 ? by->y1 : box->y1;
    box->x2 = by->x2 > box->x2 ? by->x2 : box->x2;
    box->y2 = by->y2 > box->y2 ? by->y2 : box->y2;
}

/* ---- Sets ---- */

void boxes_clear(Boxes *boxes)
{
    boxes->len = 0;
}

static void take_out(Boxes *boxes, uint32_t i)
{
    boxes->boxes[i] = boxes->boxes[--boxes->len];
}

bool boxes_add_exactly(Boxes *boxes, const pixman_box32_t *box)
{
    if (!box_has_pixels(box)) {
        return true;
    }
    for (uint32_t i = 0; i < boxes->len; i++) {
        if (box_covers(&boxes->boxes[i], box)) {
            return true;
        }
    }
    for (uint32_t i = boxes->len; i-- > 0;) {
        if (box_covers(box, &boxes->boxes[i])) {
            take_out(boxes, i);
        }
    }
    if (boxes->len == BOXES_MAX) {
        return false;
    }
    boxes->boxes[boxes->len++] = *box;
    return true;
}

void boxes_add(Boxes *boxes, const pixman_box32_t *box)
{
    if (!boxes_add_exactly(boxes, box)) {
        pixman_box32_t all = *box;
        for (uint32_t i = 0; i < boxes->len; i++) {
            box_extend(&all, &boxes->boxes[i]);
        }
        boxes->boxes[0] = all;
        boxes->len = 1;
    }
}

/* What is left of a box without another that it meets: above, below, to the left, to the right. */
static uint32_t parts_without(const pixman_box32_t *box, const pixman_box32_t *without,
                              pixman_box32_t ret_parts[4])
{
    const int32_t y1 = box->y1 > without->y1 ? box->y1 : without->y1;
    const int32_t y2 = box->y2 < without->y2 ? box->y2 : without->y2;
    const pixman_box32_t parts[4] = {{box->x1, box->y1, box->x2, y1},
                                     {box->x1, y2, box->x2, box->y2},
                                     {box->x1, y1, without->x1, y2},
                                     {without->x2, y1, box->x2, y2}};
    uint32_t len = 0;

    for (uint32_t i = 0; i < 4; i++) {
        if (box_has_pixels(&parts[i])) {
            ret_parts[len++] = parts[i];
        }
    }
    return len;
}

void boxes_subtract(Boxes *boxes, const pixman_box32_t *box)
{
    /* Backwards: parts that are appended, and boxes that take the place of those taken out, are done already. */
    for (uint32_t i = box_has_pixels(box) ? boxes->len : 0; i-- > 0;) {
        pixman_box32_t parts[4];
        if (!box_meets(&boxes->boxes[i], box)) {
            continue;
        }
        const uint32_t len = parts_without(&boxes->boxes[i], box, parts);
        if (len == 0) {
            take_out(boxes, i);
        } else if (boxes->len + len - 1 <= BOXES_MAX) {
            boxes->boxes[i] = parts[0];
            for (uint32_t j = 1; j < len; j++) {
                boxes->boxes[boxes->len++] = parts[j];
            }
        }
    }
}

void boxes_cut(Boxes *boxes, const pixman_box32_t *box)
{
    for (uint32_t i = boxes->len; i-- > 0;) {
        pixman_box32_t *at = &boxes->boxes[i];
        at->x1 = at->x1 > box->x1 ? at->x1 : box->x1;
        at->y1 = at->y1 > box->y1 ? at->y1 : box->y1;
        at->x2 = at->x2 < box->x2 ? at->x2 : box->x2;
        at->y2 = at->y2 < box->y2 ? at->y2 : box->y2;
        if (!box_has_pixels(at)) {
            take_out(boxes, i);
        }
    }
}

void boxes_translate(Boxes *boxes, int32_t dx, int32_t dy)
{
    for (uint32_t i = 0; i < boxes->len; i++) {
        boxes->boxes[i].x1 += dx;
        boxes->boxes[i].y1 += dy;
        boxes->boxes[i].x2 += dx;
        boxes->boxes[i].y2 += dy;
    }
}

bool boxes_meet(const Boxes *boxes, const pixman_box32_t *box)
{
    for (uint32_t i = 0; i < boxes->len; i++) {
        if (box_has_pixels(box) && box_meets(&boxes->boxes[i], box)) {
            return true;
        }
    }
    return false;
}
