/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/session/test.h"

#include "base/list.h"
#include "session/dispatcher.h"

#define POSTS 10000

typedef struct Receiving {
    const Core *core;
    CoreLoop *loop;
    Dispatcher dispatcher;
    int handled; /* the receiver's thread */
    int last;
    int wakeups;
    CoreGate half_way;
} Receiving;

typedef struct Numbered {
    Message message;
    Receiving *to;
    int number;
} Numbered;

static void handle_number(Message *message, uint64_t now_ns)
{
    Numbered *numbered = list_entry(message, Numbered, message);

    (void)now_ns;
    assert_int_equal(numbered->number, numbered->to->last + 1);
    numbered->to->last = numbered->number;
    numbered->to->handled++;
}

static void run_loop(void *arg)
{
    Receiving *receiving = arg;

    receiving->core->loop_run(receiving->loop);
}

static CoreThread *start(Receiving *receiving)
{
    *receiving = (Receiving){.core = core_posix()};
    receiving->loop = receiving->core->loop_new(receiving->core, "receiver");
    assert_non_null(receiving->loop);
    receiving->dispatcher = (Dispatcher){receiving->core, receiving->loop};
    CoreThread *thread = receiving->core->thread_start(receiving->core, "receiver", run_loop, receiving);
    assert_non_null(thread);
    return thread;
}

static void stop(Receiving *receiving, CoreThread *thread)
{
    receiving->core->loop_quit(receiving->loop);
    receiving->core->thread_join(receiving->core, thread);
    receiving->core->loop_free(receiving->loop);
}

static void test_posts_and_calls_arrive_in_order(void **state)
{
    static Numbered posted[POSTS];
    Receiving receiving;
    CoreThread *thread = start(&receiving);

    (void)state;
    for (int i = 0; i < POSTS; i++) {
        message_init(&posted[i].message, "number", handle_number);
        posted[i].to = &receiving;
        posted[i].number = i + 1;
        if (i % 100 == 99) {
            dispatcher_call(&receiving.dispatcher, &posted[i].message);
            assert_int_equal(receiving.handled, i + 1); /* the call returned after all that was before it */
        } else {
            dispatcher_post(&receiving.dispatcher, &posted[i].message);
        }
    }
    stop(&receiving, thread);
    assert_int_equal(receiving.handled, POSTS);
}

typedef struct Wakeup {
    PendingMessage pending;
    Receiving *to;
} Wakeup;

static void handle_wakeup(Message *message, uint64_t now_ns)
{
    Wakeup *wakeup = list_entry(message, Wakeup, pending.message);

    (void)now_ns;
    pending_message_taken(&wakeup->pending);
    wakeup->to->wakeups++;
}

static void handle_wait(Message *message, uint64_t now_ns)
{
    Numbered *numbered = list_entry(message, Numbered, message);

    (void)now_ns;
    numbered->to->core->gate_wait(numbered->to->core, &numbered->to->half_way);
}

static void test_a_pending_message_collapses_and_is_not_lost(void **state)
{
    Receiving receiving;
    CoreThread *thread = start(&receiving);
    Wakeup wakeup = {.to = &receiving};
    Numbered wait = {.to = &receiving};

    (void)state;
    pending_message_init(&wakeup.pending, "wakeup", handle_wakeup);
    message_init(&wait.message, "wait", handle_wait);
    dispatcher_post(&receiving.dispatcher, &wait.message); /* nothing is handled before the gate opens */
    assert_true(dispatcher_post_pending(&receiving.dispatcher, &wakeup.pending));
    for (int i = 0; i < 100; i++) {
        assert_false(dispatcher_post_pending(&receiving.dispatcher, &wakeup.pending));
    }
    receiving.core->gate_open(receiving.core, &receiving.half_way);
    for (int i = 0; i < POSTS; i++) {
        dispatcher_post_pending(&receiving.dispatcher, &wakeup.pending);
    }
    stop(&receiving, thread);
    assert_true(receiving.wakeups >= 1 && receiving.wakeups <= POSTS + 1);
    assert_false(wakeup.pending.pending);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_posts_and_calls_arrive_in_order),
        cmocka_unit_test(test_a_pending_message_collapses_and_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
