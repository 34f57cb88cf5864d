/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake device's accounts: an honest server breaks no rule; each rule is seen broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <spice/enums.h>

#include "base/point.h"
#include "tiny_server.h"

#define POISON 0xdb

typedef struct Rig {
    uint64_t seed;
    FakeQxl *qxl;
    TinyServer tiny;
    uint64_t seen; /* violations that were expected */
} Rig;

/* Called in the middle of the device's callbacks: where another thread could come in. */
static void (*intruder)(void);

void base_point(void)
{
    void (*call)(void) = intruder;
    intruder = NULL;
    if (call != NULL) {
        call();
    }
}

static void begin_config(Rig *rig, FakeQxlConfig config)
{
    rig->seed = 42;
    rig->seen = 0;
    config.choice = (FakeQxlChoice){fake_qxl_prng_choose, &rig->seed};
    rig->qxl = fake_qxl_new(&config);
    tiny_init(&rig->tiny, rig->qxl);
    rig->tiny.interface->attached_worker(rig->tiny.qxl);
    fake_qxl_connect(rig->qxl);
    fake_qxl_running(rig->qxl, true);
}

static void begin(Rig *rig)
{
    begin_config(rig, (FakeQxlConfig){.strict = true});
}

static void end(Rig *rig)
{
    assert_int_equal(fake_qxl_check(rig->qxl, true, NULL), rig->seen);
    fake_qxl_free(rig->qxl);
}

static void expect(Rig *rig, const char *text)
{
    const uint64_t n = fake_qxl_check(rig->qxl, false, NULL);
    if (n != rig->seen + 1 || strstr(fake_qxl_violation(rig->qxl, rig->seen), text) == NULL) {
        for (uint64_t i = rig->seen; i < n; i++) {
            print_error("%s\n", fake_qxl_violation(rig->qxl, i));
        }
        fail_msg("expected: %s", text);
    }
    rig->seen = n;
}

static FakeQxlReport report(Rig *rig)
{
    FakeQxlReport r;
    assert_int_equal(fake_qxl_check(rig->qxl, false, &r), rig->seen);
    return r;
}

/* Takes one cursor command, and keeps it. */
static QXLReleaseInfoExt take_cursor(Rig *rig)
{
    QXLCommandExt command;
    assert_int_equal(rig->tiny.interface->get_cursor_command(rig->tiny.qxl, &command), 1);
    void *memory = tiny_memory(&rig->tiny, command.cmd.data, command.group_id, sizeof(QXLCursorCmd));
    assert_non_null(memory);
    return (QXLReleaseInfoExt){memory, command.group_id};
}

static void release(Rig *rig, QXLReleaseInfoExt info)
{
    rig->tiny.interface->release_resource(rig->tiny.qxl, info);
}

/* ---- Commands ---- */

static void test_rings_before_it_is_attached(void **state)
{
    (void)state;
    uint64_t seed = 42;
    FakeQxl *qxl = fake_qxl_new(&(FakeQxlConfig){.strict = true, .choice = {fake_qxl_prng_choose, &seed}});
    TinyServer tiny;
    tiny_init(&tiny, qxl);
    assert_true(tiny.interface->req_cmd_notification(tiny.qxl));
    assert_int_equal(fake_qxl_check(qxl, true, NULL), 1);
    tiny.interface->attached_worker(tiny.qxl);
    assert_true(tiny.interface->req_cmd_notification(tiny.qxl));
    assert_int_equal(fake_qxl_check(qxl, true, NULL), 1);
    fake_qxl_free(qxl);
}

static void test_cursor_set(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    assert_int_equal(rig.tiny.slots_added, 3);
    for (uint64_t unique = 1; unique < 200; unique++) {
        assert_true(fake_qxl_cursor_set(rig.qxl, unique, 5, -6, true));
        const QXLReleaseInfoExt info = take_cursor(&rig);
        const QXLCursorCmd *command = (const QXLCursorCmd *)(const void *)info.info;
        assert_int_equal(command->type, QXL_CURSOR_SET);
        assert_int_equal(command->u.set.position.y, -6);
        const FakeQxlShape shape = fake_qxl_shape(unique, 0);
        const QXLCursor *cursor = tiny_memory(&rig.tiny, command->u.set.shape, 1, sizeof *cursor);
        assert_non_null(cursor);
        assert_int_equal(cursor->header.width, shape.width);
        assert_int_equal(cursor->data_size, shape.bytes);
        static uint8_t want[65536], got[65536];
        fake_qxl_shape_fill(&shape, 0, want);
        uint32_t len = 0;
        const QXLDataChunk *chunk = &cursor->chunk;
        while (chunk != NULL) {
            memcpy(got + len, chunk->data, chunk->data_size);
            len += chunk->data_size;
            chunk =
                chunk->next_chunk == 0 ? NULL : tiny_memory(&rig.tiny, chunk->next_chunk, 1, sizeof *chunk);
        }
        assert_int_equal(len, shape.bytes);
        assert_memory_equal(got, want, len);
        release(&rig, info);
    }
    end(&rig);
}

static void test_release_poisons(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    assert_true(fake_qxl_cursor_move(rig.qxl, 1, 2));
    const QXLReleaseInfoExt info = take_cursor(&rig);
    assert_int_equal(report(&rig).outstanding, 1);
    release(&rig, info);
    const uint8_t *memory = (const uint8_t *)info.info;
    for (size_t i = 0; i < sizeof(QXLCursorCmd); i++) {
        assert_int_equal(memory[i], POISON);
    }
    const FakeQxlReport r = report(&rig);
    assert_int_equal(r.outstanding, 0);
    assert_int_equal(r.taken, 1);
    assert_int_equal(r.released, 1);
    end(&rig);
}

static void test_release_wrong(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    /* twice, before and after the guest has the memory back */
    assert_true(fake_qxl_cursor_move(rig.qxl, 1, 2));
    QXLReleaseInfoExt info = take_cursor(&rig);
    release(&rig, info);
    release(&rig, info);
    expect(&rig, "was released before");
    release(&rig, info);
    expect(&rig, "released before");
    /* something else */
    uint64_t nothing = 0;
    release(&rig, (QXLReleaseInfoExt){(QXLReleaseInfo *)(void *)&nothing, 1});
    expect(&rig, "no command");
    assert_true(fake_qxl_cursor_set(rig.qxl, 1, 1, 2, true));
    info = take_cursor(&rig);
    release(&rig, (QXLReleaseInfoExt){(QXLReleaseInfo *)(void *)((uint8_t *)info.info + 64), 1});
    expect(&rig, "no command");
    /* in the name of another group */
    release(&rig, (QXLReleaseInfoExt){info.info, 0});
    expect(&rig, "with group 0");
    /* not yet taken */
    assert_true(fake_qxl_cursor_move(rig.qxl, 1, 2));
    QXLCommandExt command;
    assert_true(fake_qxl_cursor_move(rig.qxl, 1, 2));
    assert_int_equal(rig.tiny.interface->get_cursor_command(rig.tiny.qxl, &command), 1);
    release(&rig, (QXLReleaseInfoExt){tiny_memory(&rig.tiny, command.cmd.data, 1, 8), 1});
    /* the next one lies in the next units */
    const size_t units = (sizeof(QXLCursorCmd) + 63) / 64 * 64;
    release(&rig, (QXLReleaseInfoExt){tiny_memory(&rig.tiny, command.cmd.data + units, 1, 8), 1});
    expect(&rig, "never took");
    /* with its release info written over */
    info = take_cursor(&rig);
    info.info->next = 4711;
    release(&rig, info);
    expect(&rig, "was written to");
    end(&rig);
}

static void test_never_released(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    assert_true(fake_qxl_cursor_hide(rig.qxl));
    take_cursor(&rig);
    assert_true(fake_qxl_cursor_hide(rig.qxl)); /* in the ring: nobody owes it */
    assert_int_equal(report(&rig).outstanding, 1);
    assert_int_equal(fake_qxl_check(rig.qxl, true, NULL), 1);
    assert_non_null(strstr(fake_qxl_violation(rig.qxl, 0), "a cursor hide was never released"));
    fake_qxl_free(rig.qxl);
}

static void test_written_after_release(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    assert_true(fake_qxl_cursor_move(rig.qxl, 1, 2));
    QXLReleaseInfoExt info = take_cursor(&rig);
    release(&rig, info);
    report(&rig);
    ((uint8_t *)info.info)[100] = 1;
    expect(&rig, "was written to");
    ((uint8_t *)info.info)[100] = POISON;
    /* and when the guest takes that memory anew */
    Rig other;
    begin_config(&other, (FakeQxlConfig){.ram_bytes = 4096, .strict = true});
    assert_true(fake_qxl_cursor_move(other.qxl, 1, 2));
    info = take_cursor(&other);
    release(&other, info);
    fake_qxl_poll(other.qxl);
    ((uint8_t *)info.info)[100] = 1;
    while (fake_qxl_cursor_move(other.qxl, 1, 2)) {
    }
    expect(&other, "was written to");
    end(&other);
    end(&rig);
}

/* ---- Rings ---- */

static void test_ring(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    const QXLInterface *interface = rig.tiny.interface;
    QXLCommandExt command;
    assert_int_equal(interface->get_cursor_command(rig.tiny.qxl, &command), 0);
    assert_int_equal(interface->req_cursor_notification(rig.tiny.qxl), 1);
    for (int i = 0; i < 32; i++) {
        assert_true(fake_qxl_cursor_move(rig.qxl, (int16_t)i, 0));
    }
    assert_int_equal(rig.tiny.wakeups, 1); /* asked once, told once */
    assert_false(fake_qxl_cursor_move(rig.qxl, 99, 0));
    assert_int_equal(interface->req_cursor_notification(rig.tiny.qxl), 0);
    for (int i = 0; i < 32; i++) {
        const QXLReleaseInfoExt info = take_cursor(&rig);
        assert_int_equal(((const QXLCursorCmd *)(const void *)info.info)->u.position.x, i);
        release(&rig, info);
    }
    assert_true(fake_qxl_cursor_move(rig.qxl, 99, 0));
    assert_int_equal(rig.tiny.wakeups, 1);
    fake_qxl_running(rig.qxl, false);
    interface->get_cursor_command(rig.tiny.qxl, &command);
    expect(&rig, "stopped");
    interface->get_command(rig.tiny.qxl, &command);
    expect(&rig, "stopped");
    release(&rig, (QXLReleaseInfoExt){tiny_memory(&rig.tiny, command.cmd.data, 1, 8), 1});
    rig.seen = fake_qxl_check(rig.qxl, false, NULL);
    tiny_finish(&rig.tiny);
    fake_qxl_free(rig.qxl);
}

static TinyServer *intruded;

static void intrude(void)
{
    QXLCommandExt command;
    intruded->interface->get_command(intruded->qxl, &command);
}

static void test_two_threads(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    assert_true(fake_qxl_cursor_move(rig.qxl, 1, 1));
    intruded = &rig.tiny;
    intruder = intrude;
    const QXLReleaseInfoExt info = take_cursor(&rig);
    expect(&rig, "while another device callback runs");
    release(&rig, info);
    end(&rig);
}

/* A wakeup that was asked for while the producer was between its two steps is not lost. */
static int armed;

static void arm(void)
{
    armed = intruded->interface->req_cursor_notification(intruded->qxl);
}

static void test_wakeup_race(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    intruded = &rig.tiny;
    intruder = arm;
    assert_true(fake_qxl_cursor_move(rig.qxl, 1, 1));
    assert_true(armed == 0 || rig.tiny.wakeups == 1);
    release(&rig, take_cursor(&rig));
    end(&rig);
}

/* ---- Surfaces and calls ---- */

static void test_surface_life(void **state)
{
    (void)state;
    Rig rig;
    begin_config(&rig, (FakeQxlConfig){.surfaces = 3, .strict = true});
    assert_true(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_32_xRGB));
    assert_true(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_16_555));
    assert_false(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_32_xRGB)); /* no id left */
    tiny_pump(&rig.tiny, 9);
    const QXLRect box = {.right = 10, .bottom = 10};
    assert_true(fake_qxl_fill(rig.qxl, 1, &box, 0xff));
    assert_true(fake_qxl_copy(rig.qxl, 1, &box));
    const QXLRect outside = {.right = 11, .bottom = 10};
    assert_false(fake_qxl_fill(rig.qxl, 1, &outside, 0xff));
    assert_false(fake_qxl_fill(rig.qxl, 0, &box, 0xff)); /* no primary */
    assert_true(fake_qxl_surface_destroy(rig.qxl, 1));
    assert_false(fake_qxl_fill(rig.qxl, 1, &box, 0xff));
    assert_false(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_32_xRGB)); /* still dying */
    tiny_pump(&rig.tiny, 9);
    assert_true(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_32_xRGB));
    tiny_pump(&rig.tiny, 9);
    assert_true(fake_qxl_surface_destroy_call(rig.qxl, 2));
    assert_true(fake_qxl_surfaces_destroy_all(rig.qxl, false));
    tiny_finish(&rig.tiny);
    end(&rig);
}

/* A call that ends all surfaces and has not completed yet ends also those that come now. */
static void test_nothing_comes_while_all_goes(void **state)
{
    (void)state;
    const FakeQxlPrimary primary = {.width = 64, .height = 64};
    Rig rig;
    begin(&rig);
    rig.tiny.lazy = true;
    assert_true(fake_qxl_surfaces_destroy_all(rig.qxl, true));
    assert_false(fake_qxl_primary_create(rig.qxl, &primary, true));
    assert_false(fake_qxl_primary_create(rig.qxl, &primary, false));
    assert_false(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_32_xRGB));
    rig.tiny.interface->async_complete(rig.tiny.qxl, rig.tiny.last_cookie);
    rig.tiny.lazy = false;
    assert_true(fake_qxl_primary_create(rig.qxl, &primary, true));
    assert_true(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_32_xRGB));
    tiny_pump(&rig.tiny, 9);
    assert_true(fake_qxl_has_primary(rig.qxl));
    assert_true(fake_qxl_surfaces_destroy_all(rig.qxl, false));
    tiny_finish(&rig.tiny);
    end(&rig);
}

static void test_deadlines(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    assert_true(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_32_xRGB));
    tiny_pump(&rig.tiny, 9);
    rig.tiny.lazy = true;
    assert_true(fake_qxl_surface_destroy_call(rig.qxl, 1));
    rig.tiny.interface->async_complete(rig.tiny.qxl, rig.tiny.last_cookie);
    expect(&rig, "create command is not released");
    rig.tiny.lazy = false;
    tiny_finish(&rig.tiny);

    assert_true(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_32_xRGB));
    tiny_pump(&rig.tiny, 9);
    rig.tiny.lazy = true;
    assert_true(fake_qxl_surfaces_destroy_all(rig.qxl, false));
    expect(&rig, "destroy_surfaces completed");
    rig.tiny.lazy = false;
    tiny_finish(&rig.tiny);

    assert_true(fake_qxl_spare_slot_add(rig.qxl, false));
    bool in_spare = false; /* half of the commands go there */
    while (!in_spare) {
        assert_true(fake_qxl_cursor_move(rig.qxl, 1, 1));
        QXLCommandExt command;
        assert_int_equal(rig.tiny.interface->get_cursor_command(rig.tiny.qxl, &command), 1);
        in_spare = command.cmd.data >> 56 == 3;
        const QXLReleaseInfoExt info = {tiny_memory(&rig.tiny, command.cmd.data, 1, 8), 1};
        if (in_spare) {
            rig.tiny.held[rig.tiny.held_len++] = info;
        } else {
            release(&rig, info);
        }
    }
    rig.tiny.lazy = true;
    assert_true(fake_qxl_spare_slot_delete(rig.qxl));
    expect(&rig, "del_memslot returned");
    rig.tiny.lazy = false;
    tiny_finish(&rig.tiny);

    assert_true(fake_qxl_cursor_move(rig.qxl, 1, 1));
    rig.tiny.held[rig.tiny.held_len++] = take_cursor(&rig);
    rig.tiny.lazy = true;
    assert_true(fake_qxl_reset(rig.qxl));
    expect(&rig, "reset_memslots returned");
    tiny_finish(&rig.tiny);
    end(&rig);
}

/* A machine that runs is reset while its rings are full; one that stands still is not. */
static void test_reset_with_full_rings(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    const QXLRect box = {.right = 10, .bottom = 10};
    assert_true(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_1_A));
    assert_true(fake_qxl_fill(rig.qxl, 1, &box, 0xff));
    fake_qxl_running(rig.qxl, false);
    assert_false(fake_qxl_reset(rig.qxl));
    fake_qxl_running(rig.qxl, true);
    assert_true(fake_qxl_reset(rig.qxl));
    assert_int_equal(report(&rig).violations, 0);

    assert_true(fake_qxl_cursor_move(rig.qxl, 1, 1));
    rig.tiny.lazy = true;
    assert_true(fake_qxl_reset(rig.qxl));
    expect(&rig, "commands wait in the rings");
    end(&rig);
}

/* Drawings lie in the spare slot, too; it goes once no ring has any of them. */
static void test_spare_slot_leaves(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    const QXLRect box = {.right = 10, .bottom = 10};
    assert_true(fake_qxl_surface_create(rig.qxl, 10, 10, SPICE_SURFACE_FMT_32_xRGB));
    assert_true(fake_qxl_spare_slot_add(rig.qxl, false));
    for (int i = 0; i < 12; i++) {
        assert_true(fake_qxl_fill(rig.qxl, 1, &box, 0xff));
    }
    assert_false(fake_qxl_spare_slot_delete(
        rig.qxl)); /* one in 4096 times none lies there; the seed is always the same */
    QXLCommandExt command;
    while (tiny_pump(&rig.tiny, 1) > 0) {
    }
    for (int i = 0; i < 12; i++) {
        assert_true(fake_qxl_fill(rig.qxl, 1, &box, 0xff));
        assert_int_equal(rig.tiny.interface->get_command(rig.tiny.qxl, &command), 1);
        assert_int_equal(command.cmd.data >> 56, 1); /* it is to go: nothing comes to it any more */
        release(&rig, (QXLReleaseInfoExt){tiny_memory(&rig.tiny, command.cmd.data, 1, 8), 1});
    }
    assert_true(fake_qxl_spare_slot_delete(rig.qxl));
    assert_false(fake_qxl_has_spare_slot(rig.qxl));
    tiny_finish(&rig.tiny);
    end(&rig);
}

static void test_cookies(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    const QXLInterface *interface = rig.tiny.interface;
    rig.tiny.lazy = true;
    const FakeQxlPrimary primary = {.width = 64, .height = 64};
    assert_true(fake_qxl_primary_create(rig.qxl, &primary, true));
    assert_false(fake_qxl_has_primary(rig.qxl));
    assert_int_equal(report(&rig).cookies, 1);
    interface->async_complete(rig.tiny.qxl, rig.tiny.last_cookie + 1);
    expect(&rig, "not pending");
    interface->async_complete(rig.tiny.qxl, rig.tiny.last_cookie);
    fake_qxl_poll(rig.qxl);
    assert_true(fake_qxl_has_primary(rig.qxl));
    interface->async_complete(rig.tiny.qxl, rig.tiny.last_cookie);
    expect(&rig, "not pending");
    const QXLRect area = {.right = 64, .bottom = 64};
    assert_true(fake_qxl_update_area(rig.qxl, 0, &area, true));
    interface->async_complete(rig.tiny.qxl, rig.tiny.last_cookie);
    expect(&rig, "without update_area_complete");
    QXLRect rect = area;
    interface->update_area_complete(rig.tiny.qxl, 0, &rect, 1);
    expect(&rig, "no update of surface 0 is pending");
    assert_true(fake_qxl_update_area(rig.qxl, 0, &area, true));
    rect.left = 65;
    interface->update_area_complete(rig.tiny.qxl, 0, &rect, 1);
    expect(&rig, "inside out");
    interface->async_complete(rig.tiny.qxl, rig.tiny.last_cookie);
    assert_true(fake_qxl_update_area(rig.qxl, 0, &area, false)); /* lazy: leaves the rectangles as they are */
    assert_int_equal(fake_qxl_check(rig.qxl, false, NULL), rig.seen + 4);
    rig.seen += 4;
    assert_true(fake_qxl_flush_surfaces(rig.qxl));
    assert_int_equal(fake_qxl_check(rig.qxl, true, NULL), rig.seen + 1);
    assert_non_null(strstr(fake_qxl_violation(rig.qxl, rig.seen), "never completed"));
    fake_qxl_free(rig.qxl);
}

static void test_updates(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    rig.tiny.interface->notify_update(rig.tiny.qxl, 1);
    expect(&rig, "no update was asked for");
    const FakeQxlPrimary primary = {.width = 64, .height = 64};
    assert_true(fake_qxl_primary_create(rig.qxl, &primary, false));
    const QXLRect area = {.right = 64, .bottom = 64};
    assert_true(fake_qxl_update(rig.qxl, 0, &area));
    QXLCommandExt command;
    assert_int_equal(rig.tiny.interface->get_command(rig.tiny.qxl, &command), 1);
    release(&rig, (QXLReleaseInfoExt){tiny_memory(&rig.tiny, command.cmd.data, 1, 8), 1});
    assert_int_equal(fake_qxl_check(rig.qxl, true, NULL), rig.seen + 1);
    assert_non_null(strstr(fake_qxl_violation(rig.qxl, rig.seen), "never notified"));
    fake_qxl_free(rig.qxl);
}

static void test_told_wrongly(void **state)
{
    (void)state;
    Rig rig;
    begin(&rig);
    uint8_t caps[SPICE_CAPABILITIES_SIZE] = {0xf};
    const QXLInterface *interface = rig.tiny.interface;
    interface->set_client_capabilities(rig.tiny.qxl, 1, caps);
    assert_true(report(&rig).client_present);
    interface->set_client_capabilities(rig.tiny.qxl, 0, caps);
    expect(&rig, "set_client_capabilities");
    caps[0] = 0x10;
    interface->set_client_capabilities(rig.tiny.qxl, 1, caps);
    expect(&rig, "set_client_capabilities");
    caps[0] = 0;
    caps[57] = 1;
    interface->set_client_capabilities(rig.tiny.qxl, 1, caps);
    expect(&rig, "set_client_capabilities");
    interface->set_compression_level(rig.tiny.qxl, 1);
    interface->set_compression_level(rig.tiny.qxl, 2);
    expect(&rig, "set_compression_level");
    assert_int_equal(interface->flush_resources(rig.tiny.qxl), 0);
    assert_true(fake_qxl_cursor_move(rig.qxl, 1, 1));
    release(&rig, take_cursor(&rig));
    assert_int_equal(interface->flush_resources(rig.tiny.qxl), 1);
    assert_int_equal(interface->flush_resources(rig.tiny.qxl), 0);
    end(&rig);
}

/* ---- Workloads ---- */

static FakeQxlReport run(uint64_t seed, uint32_t work, int steps)
{
    Rig rig;
    begin(&rig);
    rig.seed = seed;
    uint64_t server_seed = seed + 1;
    for (int i = 0; i < steps; i++) {
        fake_qxl_step(rig.qxl, work);
        tiny_pump(&rig.tiny, fake_qxl_prng_choose(&server_seed, "", 3));
    }
    while (tiny_pump(&rig.tiny, 10) > 0) {
    }
    tiny_finish(&rig.tiny);
    FakeQxlReport r;
    const uint64_t violations = fake_qxl_check(rig.qxl, true, &r);
    for (uint64_t i = 0; i < violations; i++) {
        print_error("%s\n", fake_qxl_violation(rig.qxl, i));
    }
    assert_int_equal(violations, 0);
    assert_int_equal(r.outstanding, 0);
    assert_true((work & FAKE_QXL_WORK_LIES) || r.taken == r.released);
    fake_qxl_free(rig.qxl);
    return r;
}

static void test_honest_guests(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 8; kind++) {
        run(kind + 1, 1u << kind | FAKE_QXL_WORK_PRIMARY, 500);
    }
    for (uint64_t seed = 1; seed <= 5; seed++) {
        const FakeQxlReport a = run(seed, FAKE_QXL_WORK_HONEST, 4000);
        const FakeQxlReport b = run(seed, FAKE_QXL_WORK_HONEST, 4000);
        /* The seed decides all. (Not memcmp: a struct has holes.) */
        assert_int_equal(a.pushed, b.pushed);
        assert_int_equal(a.taken, b.taken);
        assert_int_equal(a.released, b.released);
        assert_int_equal(a.wakeups, b.wakeups);
        assert_int_equal(a.client_present, b.client_present);
        assert_true(a.pushed > 500);
    }
}

/* What is saved with the machine is held; what was drawn is not, once a call ends the use of guest memory. */
static void test_what_is_held(void **state)
{
    (void)state;
    Rig rig;
    const FakeQxlPrimary primary = {.width = 32, .height = 32};
    const QXLRect box = {.right = 8, .bottom = 8};
    begin(&rig);
    assert_true(fake_qxl_primary_create(rig.qxl, &primary, false));
    assert_true(fake_qxl_surface_create(rig.qxl, 16, 16, SPICE_SURFACE_FMT_32_xRGB));
    assert_true(fake_qxl_copy_chunks(rig.qxl, 0, &box, 5));
    assert_true(fake_qxl_copy_surface(rig.qxl, 0, 1));
    assert_true(fake_qxl_cursor_set(rig.qxl, 0, 1, 1, true));
    tiny_pump(&rig.tiny, 9);
    fake_qxl_save(rig.qxl);
    (void)report(&rig);
    rig.tiny.lazy = true;
    assert_true(fake_qxl_primary_destroy(rig.qxl, false));
    expect(&rig, "destroy_primary is done while a drawing is not released");
    fake_qxl_running(rig.qxl, false);
    expect(&rig, "stop is done while a drawing is not released");
    tiny_finish(&rig.tiny);
    assert_true(fake_qxl_load(rig.qxl));
    fake_qxl_save(rig.qxl);
    (void)report(&rig);
    rig.tiny.lazy = false;
    fake_qxl_running(rig.qxl, true);
    assert_true(fake_qxl_cursor_set(rig.qxl, 0, 1, 1, true));
    tiny_pump(&rig.tiny, 9);
    fake_qxl_poison(rig.qxl);
    tiny_finish(&rig.tiny);
    fake_qxl_save(rig.qxl);
    assert_int_equal(fake_qxl_check(rig.qxl, false, NULL), rig.seen + 2);
    assert_non_null(strstr(fake_qxl_violation(rig.qxl, rig.seen), "the command that made surface 1 is gone"));
    assert_non_null(strstr(fake_qxl_violation(rig.qxl, rig.seen + 1), "the command of its cursor is gone"));
    rig.seen += 2;
    end(&rig);
}

static uint32_t bytes_that_differ(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint32_t count = 0;
    for (size_t i = 0; i < len; i++) {
        count += a[i] != b[i];
    }
    return count;
}

/* Of what was lent, drawings alone are written to, and never their release info, by which they come back. */
static void test_meddling(void **state)
{
    (void)state;
    Rig rig;
    QXLCommandExt command;
    uint8_t before[sizeof(QXLDrawable)];
    const FakeQxlPrimary primary = {.width = 32, .height = 32};
    const QXLRect box = {.right = 8, .bottom = 8};
    uint32_t changed = 0;
    begin(&rig);
    assert_true(fake_qxl_primary_create(rig.qxl, &primary, false));
    assert_true(fake_qxl_cursor_set(rig.qxl, 0, 1, 1, true));
    const QXLReleaseInfoExt cursor = take_cursor(&rig);
    assert_true(fake_qxl_copy(rig.qxl, 0, &box));
    assert_false(fake_qxl_lends(rig.qxl));
    assert_false(fake_qxl_meddle(rig.qxl));
    assert_false(fake_qxl_has_meddled(rig.qxl));
    assert_int_equal(rig.tiny.interface->get_command(rig.tiny.qxl, &command), 1);
    const uint8_t *memory = tiny_memory(&rig.tiny, command.cmd.data, command.group_id, sizeof before);
    assert_non_null(memory);
    memcpy(before, memory, sizeof before);
    for (int i = 0; i < 200; i++) {
        assert_true(fake_qxl_lends(rig.qxl));
        assert_true(fake_qxl_meddle(rig.qxl));
        changed = bytes_that_differ(before, memory, sizeof before);
    }
    assert_true(fake_qxl_has_meddled(rig.qxl));
    assert_true(changed > sizeof before / 2);
    assert_memory_equal(before, memory, sizeof(QXLReleaseInfo));
    release(&rig, (QXLReleaseInfoExt){(QXLReleaseInfo *)(uintptr_t)memory, command.group_id});
    release(&rig, cursor);
    assert_false(fake_qxl_lends(rig.qxl));
    assert_false(fake_qxl_meddle(rig.qxl)); /* what is free again stays as it is: end() looks */
    end(&rig);
}

/* Lies whose command itself has a false address must have one, in every variant. */
static void test_lies(void **state)
{
    (void)state;
    for (int lie = 0; lie < FAKE_QXL_LIES; lie++) {
        Rig rig;
        begin(&rig);
        int told = 0;
        if (lie == FAKE_QXL_LIE_SURFACE_TWICE) {
            assert_true(fake_qxl_surface_create(rig.qxl, 4, 4, SPICE_SURFACE_FMT_32_xRGB));
        }
        for (int i = 0; i < 200; i++) {
            told += fake_qxl_lie(rig.qxl, (FakeQxlLie)lie);
            QXLCommandExt command;
            while (rig.tiny.interface->get_command(rig.tiny.qxl, &command) ||
                   rig.tiny.interface->get_cursor_command(rig.tiny.qxl, &command)) {
                void *memory = tiny_memory(&rig.tiny, command.cmd.data, command.group_id, 128);
                if (lie <= FAKE_QXL_LIE_COMMAND_STRADDLE) {
                    assert_null(memory);
                } else {
                    assert_non_null(memory);
                    release(&rig, (QXLReleaseInfoExt){memory, command.group_id});
                }
            }
        }
        if (told != 200) {
            print_error("%s: told %d times\n", fake_qxl_lie_name((FakeQxlLie)lie), told);
        }
        assert_int_equal(told, 200);
        assert_int_equal(report(&rig).lies, 200);
        end(&rig);
    }
}

static void test_hostile_guest(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        const FakeQxlReport r = run(seed, FAKE_QXL_WORK_HONEST | FAKE_QXL_WORK_LIES, 4000);
        assert_true(r.lies > 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rings_before_it_is_attached),
        cmocka_unit_test(test_cursor_set),
        cmocka_unit_test(test_release_poisons),
        cmocka_unit_test(test_what_is_held),
        cmocka_unit_test(test_meddling),
        cmocka_unit_test(test_release_wrong),
        cmocka_unit_test(test_never_released),
        cmocka_unit_test(test_written_after_release),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_wakeup_race),
        cmocka_unit_test(test_surface_life),
        cmocka_unit_test(test_nothing_comes_while_all_goes),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_reset_with_full_rings),
        cmocka_unit_test(test_spare_slot_leaves),
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_told_wrongly),
        cmocka_unit_test(test_honest_guests),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_hostile_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
