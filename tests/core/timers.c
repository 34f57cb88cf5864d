/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "tests/core/contract.h"

#define TIMERS 6
#define MANY 1000

typedef struct TimerRig TimerRig;

typedef struct Slot {
    TimerRig *timers;
    int name;
    CoreTimer *timer;
    uint64_t deadline_ns;
    int fired;
    void (*then)(struct Slot *slot, uint64_t now_ns);
} Slot;

struct TimerRig {
    Rig *rig;
    Slot slots[TIMERS];
    int order[64];
    int fired;
    int quit_after;
};

static void fire(void *opaque, uint64_t now_ns)
{
    Slot *slot = opaque;
    TimerRig *timers = slot->timers;
    EXPECT(timers->rig, now_ns >= slot->deadline_ns);
    EXPECT(timers->rig, now_ns <= rig_now(timers->rig));
    slot->fired++;
    if (timers->fired < 64) {
        timers->order[timers->fired] = slot->name;
    }
    timers->fired++;
    if (timers->fired == timers->quit_after) {
        timers->rig->quit(timers->rig);
    }
    if (slot->then != NULL) {
        slot->then(slot, now_ns);
    }
}

static void setup(TimerRig *timers, Rig *rig)
{
    *timers = (TimerRig){.rig = rig};
    for (int i = 0; i < TIMERS; i++) {
        timers->slots[i] = (Slot){.timers = timers, .name = i};
        timers->slots[i].timer = loop_timer_new(rig->loop, fire, &timers->slots[i]);
        EXPECT(rig, timers->slots[i].timer != NULL);
    }
}

static void start(TimerRig *timers, int name, uint64_t deadline_ns)
{
    timers->slots[name].deadline_ns = deadline_ns;
    loop_timer_start(timers->rig->loop, timers->slots[name].timer, deadline_ns);
}

static void run_until(TimerRig *timers, int fired)
{
    timers->quit_after = fired;
    timers->rig->run(timers->rig);
}

static void teardown(TimerRig *timers)
{
    for (int i = 0; i < TIMERS; i++) {
        loop_timer_free(timers->rig->loop, timers->slots[i].timer);
    }
}

static void fire_in_order_of_deadlines(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    const uint64_t now_ns = rig_now(rig);
    start(&timers, 0, now_ns + 6 * NS_PER_MS);
    start(&timers, 1, now_ns + 2 * NS_PER_MS);
    start(&timers, 2, now_ns + 4 * NS_PER_MS);
    run_until(&timers, 3);
    EXPECT(rig, timers.order[0] == 1 && timers.order[1] == 2 && timers.order[2] == 0);
    teardown(&timers);
}

static void equal_deadlines_fire_in_order_of_starting(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    const uint64_t deadline_ns = rig_now(rig) + 2 * NS_PER_MS;
    static const int starts[] = {3, 1, 4, 0, 5, 3}; /* 3 is started again and counts as the last */
    static const int order[] = {1, 4, 0, 5, 3};
    for (int i = 0; i < 6; i++) {
        start(&timers, starts[i], deadline_ns);
    }
    run_until(&timers, 5);
    for (int i = 0; i < 5; i++) {
        /* A host that counts in milliseconds may have turned one between two starts. */
        EXPECT(rig, rig->is_host || timers.order[i] == order[i]);
    }
    teardown(&timers);
}

static void fires_once(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    start(&timers, 0, rig_now(rig) + NS_PER_MS);
    rig_run_for(rig, 4 * NS_PER_MS);
    rig_run_for(rig, 4 * NS_PER_MS);
    EXPECT(rig, timers.slots[0].fired == 1);
    teardown(&timers);
}

static void starting_again_replaces_the_deadline(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    const uint64_t now_ns = rig_now(rig);
    start(&timers, 0, now_ns + 3600 * NS_PER_S);
    start(&timers, 0, now_ns + NS_PER_MS); /* earlier */
    start(&timers, 1, now_ns + NS_PER_MS);
    start(&timers, 1, now_ns + 5 * NS_PER_MS); /* later: fire() checks that it is not early */
    run_until(&timers, 2);
    EXPECT(rig, timers.order[0] == 0 && timers.order[1] == 1);
    teardown(&timers);
}

static void stopped_does_not_fire(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    loop_timer_stop(rig->loop, timers.slots[0].timer); /* never started */
    start(&timers, 0, rig_now(rig) + NS_PER_MS);
    loop_timer_stop(rig->loop, timers.slots[0].timer);
    loop_timer_stop(rig->loop, timers.slots[0].timer);
    rig_run_for(rig, 4 * NS_PER_MS);
    EXPECT(rig, timers.fired == 0);
    teardown(&timers);
}

static void start_self(Slot *slot, uint64_t now_ns)
{
    if (slot->fired < 4) {
        slot->deadline_ns = now_ns + NS_PER_MS / 2 * (uint64_t)(slot->fired - 1);
        loop_timer_start(slot->timers->rig->loop, slot->timer, slot->deadline_ns);
    }
}

static void may_start_itself(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    timers.slots[0].then = start_self;
    start(&timers, 0, rig_now(rig));
    run_until(&timers, 4);
    rig_run_for(rig, 3 * NS_PER_MS);
    EXPECT(rig, timers.slots[0].fired == 4);
    teardown(&timers);
}

static void free_slot(TimerRig *timers, int name)
{
    loop_timer_free(timers->rig->loop, timers->slots[name].timer);
    timers->slots[name].timer = NULL;
}

static void free_self(Slot *slot, uint64_t now_ns)
{
    (void)now_ns;
    free_slot(slot->timers, slot->name);
}

static void may_free_itself(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    timers.slots[0].then = free_self;
    start(&timers, 0, rig_now(rig) + NS_PER_MS);
    run_until(&timers, 1);
    EXPECT(rig, timers.slots[0].timer == NULL);
    teardown(&timers);
}

static void free_next(Slot *slot, uint64_t now_ns)
{
    (void)now_ns;
    free_slot(slot->timers, slot->name + 1);
}

static void stop_next(Slot *slot, uint64_t now_ns)
{
    (void)now_ns;
    loop_timer_stop(slot->timers->rig->loop, slot->timers->slots[slot->name + 1].timer);
}

static void start_next_later(Slot *slot, uint64_t now_ns)
{
    slot->timers->slots[slot->name + 1].deadline_ns = now_ns + 2 * NS_PER_MS;
    loop_timer_start(slot->timers->rig->loop, slot->timers->slots[slot->name + 1].timer,
                     now_ns + 2 * NS_PER_MS);
}

/* All are long due when the loop gets to see them, so they are fetched together. */
static void may_free_stop_or_start_others_due_with_it(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    const uint64_t now_ns = rig_now(rig);
    const uint64_t past_ns = now_ns > NS_PER_MS ? now_ns - NS_PER_MS : 0;
    timers.slots[0].then = free_next;
    timers.slots[2].then = stop_next;
    timers.slots[4].then = start_next_later;
    for (int i = 0; i < TIMERS; i++) {
        start(&timers, i, past_ns);
    }
    rig_run_for(rig, 6 * NS_PER_MS);
    EXPECT(rig, timers.slots[0].fired == 1 && timers.slots[2].fired == 1 && timers.slots[4].fired == 1);
    EXPECT(rig, timers.slots[1].fired == 0 && timers.slots[3].fired == 0);
    EXPECT(rig, timers.slots[5].fired == 1); /* fire() checked that it waited for its new deadline */
    EXPECT(rig, timers.order[3] == 5);
    teardown(&timers);
}

static void start_self_at_once(Slot *slot, uint64_t now_ns)
{
    (void)now_ns;
    if (slot->fired < 200) {
        loop_timer_start(slot->timers->rig->loop, slot->timer, 0);
    }
}

typedef struct Counted {
    CoreTask task;
    TimerRig *timers;
    int fired_before;
} Counted;

static void count_fired(CoreTask *task, uint64_t now_ns)
{
    (void)now_ns;
    Counted *counted = (Counted *)task;
    counted->fired_before = counted->timers->fired;
}

static void always_due_leaves_room_for_others(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    Counted counted = {.task = {.run = count_fired}, .timers = &timers, .fired_before = -1};
    timers.slots[0].then = start_self_at_once;
    start(&timers, 0, 0);
    start(&timers, 1, rig_now(rig)); /* due, but later than a deadline of 0 */
    loop_post(rig->loop, &counted.task);
    run_until(&timers, 201);
    EXPECT(rig, timers.slots[0].fired == 200 && timers.slots[1].fired == 1);
    EXPECT(rig, counted.fired_before >= 0 && counted.fired_before < 200);
    teardown(&timers);
}

static void far_deadlines_stay_away(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    const uint64_t now_ns = rig_now(rig);
    start(&timers, 0, NS_NEVER);
    start(&timers, 1, NS_NEVER - 1);
    start(&timers, 2, now_ns + (UINT64_C(1) << 31) * NS_PER_MS);
    start(&timers, 3, now_ns + (UINT64_C(1) << 32) * NS_PER_MS);
    start(&timers, 4, now_ns + (UINT64_C(1) << 32) * NS_PER_MS + 1);
    start(&timers, 5, now_ns + NS_PER_MS);
    rig_run_for(rig, 4 * NS_PER_MS);
    EXPECT(rig, timers.fired == 1 && timers.slots[5].fired == 1);
    if (rig->is_simulated) { /* nobody else has 99 days */
        run_until(&timers, 4);
        EXPECT(rig, timers.order[1] == 2 && timers.order[2] == 3 && timers.order[3] == 4);
        EXPECT(rig, rig_now(rig) - timers.slots[4].deadline_ns < 2 * NS_PER_MS);
    }
    teardown(&timers);
}

static void fractions_of_a_millisecond_are_not_early(Rig *rig)
{
    TimerRig timers;
    setup(&timers, rig);
    const uint64_t now_ns = rig_now(rig);
    for (int i = 0; i < TIMERS; i++) {
        start(&timers, i, now_ns + NS_PER_MS + (uint64_t)i * 250 * NS_PER_US + 1);
    }
    run_until(&timers, TIMERS); /* fire() checks */
    EXPECT(rig, timers.fired == TIMERS);
    teardown(&timers);
}

typedef struct ManyTimers {
    Rig *rig;
    CoreTimer *timers[MANY];
    uint64_t deadlines_ns[MANY];
    uint64_t last_ns;
    int fired;
    int expected;
} ManyTimers;

typedef struct OneOfMany {
    ManyTimers *many;
    int index;
} OneOfMany;

static void fire_one_of_many(void *opaque, uint64_t now_ns)
{
    OneOfMany *one = opaque;
    ManyTimers *many = one->many;
    const uint64_t deadline_ns = many->deadlines_ns[one->index];
    EXPECT(many->rig, deadline_ns <= now_ns);
    EXPECT(many->rig, many->rig->is_host || deadline_ns >= many->last_ns);
    many->last_ns = deadline_ns;
    if (++many->fired == many->expected) {
        many->rig->quit(many->rig);
    }
}

static void many_keep_their_order(Rig *rig)
{
    ManyTimers *many = calloc(1, sizeof *many);
    OneOfMany *ones = calloc(MANY, sizeof *ones);
    many->rig = rig;
    uint64_t number = 12345;
    const uint64_t now_ns = rig_now(rig);
    for (int i = 0; i < MANY; i++) {
        ones[i] = (OneOfMany){.many = many, .index = i};
        many->timers[i] = loop_timer_new(rig->loop, fire_one_of_many, &ones[i]);
        number = number * UINT64_C(6364136223846793005) + 1442695040888963407;
        many->deadlines_ns[i] = now_ns + NS_PER_MS + (number >> 33) % (8 * NS_PER_MS);
        loop_timer_start(rig->loop, many->timers[i], many->deadlines_ns[i]);
    }
    for (int i = 0; i < MANY; i += 3) { /* from the middle of the order */
        loop_timer_stop(rig->loop, many->timers[i]);
    }
    many->expected = MANY - (MANY + 2) / 3;
    rig->run(rig);
    EXPECT(rig, many->fired == many->expected);
    for (int i = 0; i < MANY; i++) {
        loop_timer_free(rig->loop, many->timers[i]);
    }
    free(ones);
    free(many);
}

const ContractTest timer_tests[] = {
    {"timers fire in order of deadlines", fire_in_order_of_deadlines},
    {"equal deadlines fire in order of starting", equal_deadlines_fire_in_order_of_starting},
    {"a timer fires once", fires_once},
    {"starting a timer again replaces its deadline", starting_again_replaces_the_deadline},
    {"a stopped timer does not fire", stopped_does_not_fire},
    {"a timer may start itself", may_start_itself},
    {"a timer may free itself", may_free_itself},
    {"a timer may free, stop or start others due with it", may_free_stop_or_start_others_due_with_it},
    {"a timer that is always due leaves room for others", always_due_leaves_room_for_others},
    {"far deadlines stay away", far_deadlines_stay_away},
    {"fractions of a millisecond are not early", fractions_of_a_millisecond_are_not_early},
    {"many timers keep their order", many_keep_their_order},
    {0},
};
