/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much of a guest's memory drawables keep, memslot by memslot, while nobody needs them on a canvas or at a client. */
#include "display/worker.h"
#include "tests/display/desk.h"

#define SMALL_SLOT 2u
#define SMALL_BYTES 32768u
#define SMALL_PART (SMALL_BYTES / 4)
#define LITTLE 44u /* pictures that lie in it */

static void run_machine(Desk *desk)
{
    const uintptr_t start = (uintptr_t)desk->device.memory;
    QXLDevMemSlot small = {.slot_group_id = DEVICE_GROUP,
                           .slot_id = SMALL_SLOT,
                           .generation = 1,
                           .virt_start = start,
                           .virt_end = start + SMALL_BYTES,
                           .addr_delta = start - DEVICE_OFFSET};

    spice_qxl_add_memslot(&desk->device.instance, &small);
    desk_create_primary(desk);
    desk_start_machine(desk);
}

/* The same byte, by its address in the other memslot. */
static uint64_t small_address(uint64_t address)
{
    return address + ((uint64_t)(SMALL_SLOT - DEVICE_SLOT) << 56);
}

static QXLImage *image_of(const Device *device, uint64_t at)
{
    const QXLDrawable *command = (const QXLDrawable *)(const void *)(device->memory + at);

    return (QXLImage *)(void *)(device->memory + command->u.copy.src_bitmap - device_address(0));
}

/* Beside those before. */
static uint64_t push_little(Device *device, uint32_t i)
{
    const int32_t x = (int32_t)(i % 8 * 8), y = (int32_t)(i / 8 * 8);

    return device_copy(device, 0, (QXLRect){.left = x, .top = y, .right = x + 8, .bottom = y + 8}, i);
}

static void command_is_small(Device *device)
{
    QXLCommandExt *command = &device->commands.commands[device->commands.end - 1];

    command->cmd.data = small_address(command->cmd.data);
}

/* 11 KiB of pixels in the small memslot, with commands in the large one. */
static void pixels_in_small(Desk *desk)
{
    for (uint32_t i = 0; i < LITTLE; i++) {
        const uint64_t at = push_little(&desk->device, i);
        QXLImage *image = image_of(&desk->device, at);
        image->bitmap.data = small_address(image->bitmap.data);
    }
    desk_wake_and_wait(desk, NS_PER_MS);
}

/* What the commands' own memslot would bear is not the measure. */
static void where_pixels_lie(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    desk_host(desk, pixels_in_small);
    assert_in_range(desk->device.releases.len, LITTLE - SMALL_PART / 256, LITTLE - 1);
    assert_int_equal(desk->warnings, 0);
}

static void commands_in_small(Desk *desk)
{
    for (uint32_t i = 0; i < LITTLE; i++) {
        push_little(&desk->device, i);
        command_is_small(&desk->device);
    }
    desk_wake_and_wait(desk, NS_PER_MS);
}

static void where_commands_lie(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    desk_host(desk, commands_in_small);
    assert_in_range(desk->device.releases.len, LITTLE - SMALL_PART / sizeof(QXLDrawable), LITTLE - 1);
}

static void one_in_small(Desk *desk)
{
    for (uint32_t i = 0; i < LITTLE - 1; i++) {
        push_little(&desk->device, i);
    }
    device_update(&desk->device, 5, 1); /* of no surface: comes back */
    push_little(&desk->device, LITTLE - 1);
    command_is_small(&desk->device);
    desk_wake_and_wait(desk, NS_PER_MS);
}

/* Nor is a small memslot the measure for what lies in another. */
static void not_of_others(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    desk_host(desk, one_in_small);
    assert_int_equal(desk->device.releases.len, 1);
}

static void blends(Desk *desk)
{
    const QXLRect all = {.right = 64, .bottom = 48};

    for (uint32_t i = 0; i * 64 * 48 * 4 <= DEVICE_BYTES / 3; i++) { /* more than a quarter may be kept */
        const uint64_t at = device_copy(&desk->device, 0, all, i);
        ((QXLDrawable *)(void *)(desk->device.memory + at))->u.copy.rop_descriptor = SPICE_ROPD_OP_XOR;
        if (i % 8 == 7) {
            desk_wake_and_wait(desk, NS_PER_MS);
        }
    }
    desk_wake_and_wait(desk, NS_PER_MS);
}

/* What is copied, so that the guest has its memory, is work. */
static void copies_are_work(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    desk_host(desk, blends);
    const Current *current = &((const RedWorker *)desk->device.instance.st)->current;
    assert_int_equal(current->drawn, 0);
    assert_true(desk->device.releases.len > 0);
    assert_true(current->set.work >= desk->device.releases.len * 64 * 48 * 4 / 64);
}

int run_pinning(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(where_pixels_lie, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(where_commands_lie, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(not_of_others, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(copies_are_work, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("pinning", tests, NULL, NULL);
}
