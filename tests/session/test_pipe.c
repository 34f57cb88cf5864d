/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/session/test.h"

#include "session/pipe.h"

static int freed;

static void count_free(PipeItem *item)
{
    (void)item;
    freed++;
}

static const PipeItemType red = {"red", NULL, count_free};
static const PipeItemType blue = {"blue", NULL, count_free};

static void test_items_leave_in_the_order_they_came(void **state)
{
    PipeItem items[50];
    Pipe pipe;

    (void)state;
    pipe_init(&pipe, core_posix());
    freed = 0;
    for (int round = 0; round < 10; round++) { /* so that the ring wraps at different places */
        for (int i = 0; i < 50; i++) {
            pipe_item_init(&items[i], &red);
            assert_int_equal(pipe_push(&pipe, &items[i]), STATUS_OK);
            pipe_item_unref(&items[i]);
        }
        for (int i = 0; i < 50 - round; i++) {
            PipeItem *item = pipe_pop(&pipe);
            assert_ptr_equal(item, &items[i]);
            pipe_item_unref(item);
        }
        pipe_drop_type(&pipe, &red);
    }
    assert_int_equal(freed, 500);
    assert_null(pipe_pop(&pipe));
    pipe_clear(&pipe);
}

static void test_an_item_in_two_pipes_is_freed_once(void **state)
{
    PipeItem item;
    Pipe one, two;

    (void)state;
    freed = 0;
    pipe_init(&one, core_posix());
    pipe_init(&two, core_posix());
    pipe_item_init(&item, &red);
    assert_int_equal(pipe_push(&one, &item), STATUS_OK);
    assert_int_equal(pipe_push(&two, &item), STATUS_OK);
    pipe_item_unref(&item);
    pipe_clear(&one);
    assert_int_equal(freed, 0);
    assert_true(pipe_contains(&two, &item));
    pipe_clear(&two);
    assert_int_equal(freed, 1);
}

static void test_drop_type_keeps_the_others_in_order(void **state)
{
    PipeItem items[9];
    Pipe pipe;

    (void)state;
    freed = 0;
    pipe_init(&pipe, core_posix());
    for (int i = 0; i < 9; i++) {
        pipe_item_init(&items[i], i % 3 == 0 ? &blue : &red);
        assert_int_equal(pipe_push(&pipe, &items[i]), STATUS_OK);
        pipe_item_unref(&items[i]);
    }
    assert_int_equal(pipe_drop_type(&pipe, &red), 6);
    for (int i = 0; i < 9; i += 3) {
        PipeItem *item = pipe_pop(&pipe);
        assert_ptr_equal(item, &items[i]);
        pipe_item_unref(item);
    }
    assert_int_equal(freed, 9);
    pipe_clear(&pipe);
}

static void test_a_full_pipe_refuses_and_keeps_what_it_has(void **state)
{
    PipeItem item;
    Pipe pipe;

    (void)state;
    freed = 0;
    pipe_init(&pipe, core_posix());
    pipe_item_init(&item, &red);
    for (unsigned i = 0; i < PIPE_ITEMS_MAX; i++) {
        assert_int_equal(pipe_push(&pipe, &item), STATUS_OK);
    }
    assert_int_equal(pipe_push(&pipe, &item), STATUS_LIMIT);
    assert_int_equal(item.refs, PIPE_ITEMS_MAX + 1);
    pipe_clear(&pipe);
    assert_int_equal(item.refs, 1);
    pipe_item_unref(&item);
    assert_int_equal(freed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_leave_in_the_order_they_came),
        cmocka_unit_test(test_an_item_in_two_pipes_is_freed_once),
        cmocka_unit_test(test_drop_type_keeps_the_others_in_order),
        cmocka_unit_test(test_a_full_pipe_refuses_and_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
