/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* boxes: sets of boxes against pixman's regions, on random boxes: never less than these, and the same while there was room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "display/boxes.h"

#define ROUNDS 20000u
#define STEPS 24u
#define SIDE 24u

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % n;
}

/* Sometimes of no pixels. */
static pixman_box32_t random_box(void)
{
    const int32_t x = (int32_t)random_below(SIDE) - (int32_t)SIDE / 2, y = (int32_t)random_below(SIDE);

    return (pixman_box32_t){x, y, x + (int32_t)random_below(SIDE / 2), y + (int32_t)random_below(SIDE / 2)};
}

/* pixman complains of boxes without pixels, where ours do nothing. */
static void region_of(pixman_region32_t *ret, const pixman_box32_t *box)
{
    pixman_region32_init(ret);
    if (box_has_pixels(box)) {
        pixman_region32_union_rect(ret, ret, box->x1, box->y1, (unsigned)(box->x2 - box->x1),
                                   (unsigned)(box->y2 - box->y1));
    }
}

static void region_of_boxes(pixman_region32_t *ret, const Boxes *boxes)
{
    assert_true(boxes->len <= BOXES_MAX);
    pixman_region32_init(ret);
    for (uint32_t i = 0; i < boxes->len; i++) {
        const pixman_box32_t *box = &boxes->boxes[i];
        assert_true(box_has_pixels(box));
        pixman_region32_union_rect(ret, ret, box->x1, box->y1, (unsigned)(box->x2 - box->x1),
                                   (unsigned)(box->y2 - box->y1));
    }
}

static bool has_all_of(pixman_region32_t *outer, pixman_region32_t *inner)
{
    pixman_region32_t rest;

    pixman_region32_init(&rest);
    pixman_region32_subtract(&rest, inner, outer);
    const bool none = pixman_region32_not_empty(&rest) == 0;
    pixman_region32_fini(&rest);
    return none;
}

typedef struct Pair {
    Boxes boxes;
    pixman_region32_t region;
    bool exact; /* there was room at each step, whatever the boxes were */
} Pair;

static void step(Pair *pair)
{
    const pixman_box32_t box = random_box();
    const uint32_t before = pair->boxes.len;
    pixman_region32_t operand;

    region_of(&operand, &box);
    switch (random_below(8)) {
    case 0:
    case 1:
    case 2:
        boxes_add(&pair->boxes, &box);
        pixman_region32_union(&pair->region, &pair->region, &operand);
        pair->exact = pair->exact && before < BOXES_MAX;
        break;
    case 3:
    case 4:
    case 5:
        boxes_subtract(&pair->boxes, &box);
        pixman_region32_subtract(&pair->region, &pair->region, &operand);
        pair->exact = pair->exact && before * 4 <= BOXES_MAX;
        break;
    case 6:
        boxes_translate(&pair->boxes, box.x1 % 4, box.y1 % 4);
        pixman_region32_translate(&pair->region, box.x1 % 4, box.y1 % 4);
        break;
    default:
        if (random_below(4) == 0) {
            boxes_cut(&pair->boxes, &box);
            pixman_region32_intersect(&pair->region, &pair->region, &operand);
        }
        break;
    }
    pixman_region32_fini(&operand);
}

static void check(Pair *pair)
{
    const pixman_box32_t box = random_box();
    pixman_region32_t ours, operand;

    region_of_boxes(&ours, &pair->boxes);
    assert_true(has_all_of(&ours, &pair->region));
    assert_true(!pair->exact || has_all_of(&pair->region, &ours));
    region_of(&operand, &box);
    pixman_region32_intersect(&operand, &operand, &ours);
    assert_int_equal(boxes_meet(&pair->boxes, &box), pixman_region32_not_empty(&operand) != 0);
    pixman_region32_fini(&operand);
    pixman_region32_fini(&ours);
}

static void like_regions(void **state)
{
    uint32_t exact = 0, full = 0;

    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        Pair pair = {.exact = true};
        pixman_region32_init(&pair.region);
        for (uint32_t i = 0; i < STEPS; i++) {
            step(&pair);
            check(&pair);
            exact += pair.exact;
            full += pair.boxes.len == BOXES_MAX;
        }
        pixman_region32_fini(&pair.region);
    }
    print_message("%u steps: %u exact, %u full\n", ROUNDS * STEPS, exact, full);
    assert_true(exact > ROUNDS && full > 100);
}

/* Never more than was added; and what has no room is left out. */
static void added_exactly(void **state)
{
    uint32_t refused = 0;

    (void)state;
    for (uint32_t round = 0; round < ROUNDS / 10; round++) {
        pixman_region32_t region, ours, added;
        Boxes boxes;
        boxes_clear(&boxes);
        pixman_region32_init(&region);
        for (uint32_t i = 0; i < 2 * BOXES_MAX; i++) {
            const pixman_box32_t box = random_box();
            region_of(&added, &box);
            if (boxes_add_exactly(&boxes, &box)) {
                pixman_region32_union(&region, &region, &added);
            } else {
                assert_int_equal(boxes.len, BOXES_MAX);
                refused++;
            }
            region_of_boxes(&ours, &boxes);
            assert_true(pixman_region32_equal(&ours, &region));
            pixman_region32_fini(&ours);
            pixman_region32_fini(&added);
        }
        pixman_region32_fini(&region);
    }
    assert_true(refused > 0);
}

/* One too many: the box around all. No parts where there is no room for them: what is covered goes all the same. */
static void full(void **state)
{
    Boxes boxes;

    (void)state;
    boxes_clear(&boxes);
    for (int32_t i = 0; i < (int32_t)BOXES_MAX; i++) {
        boxes_add(&boxes, &(pixman_box32_t){i * 10, 0, i * 10 + 5, 5});
    }
    boxes_subtract(&boxes, &(pixman_box32_t){1, 1, 15, 4}); /* no room for the parts of either */
    assert_int_equal(boxes.len, BOXES_MAX);
    assert_true(boxes_meet(&boxes, &(pixman_box32_t){2, 2, 3, 3}));
    boxes_subtract(&boxes, &(pixman_box32_t){0, 0, 15, 5});
    assert_int_equal(boxes.len, BOXES_MAX - 2);
    assert_false(boxes_meet(&boxes, &(pixman_box32_t){0, 0, 20, 100}));
    boxes_subtract(&boxes, &(pixman_box32_t){21, 1, 24, 4}); /* three more than there were: no room */
    assert_int_equal(boxes.len, BOXES_MAX - 2);
    boxes_add(&boxes, &(pixman_box32_t){0, 20, 1, 21});
    boxes_add(&boxes, &(pixman_box32_t){0, 30, 1, 31});
    assert_int_equal(boxes.len, BOXES_MAX);
    boxes_add(&boxes, &(pixman_box32_t){-7, 40, 1, 50});
    assert_int_equal(boxes.len, 1);
    assert_memory_equal(&boxes.boxes[0], (&(pixman_box32_t){-7, 0, 155, 50}), sizeof(pixman_box32_t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_regions),
        cmocka_unit_test(added_exactly),
        cmocka_unit_test(full),
    };

    return cmocka_run_group_tests_name("boxes", tests, NULL, NULL);
}
