/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

static Status find(Guest *guest, uint32_t group, uint64_t address, uint64_t size)
{
    GuestRange range;

    const Status status = memslots_find(guest->slots, group, address, size, &range, &guest->fault);
    if (status == STATUS_OK) {
        assert_true(range.host >= guest->start && range.left >= size);
        assert_int_equal(range.host + range.left, guest->start + GUEST_BYTES);
    }
    return status;
}

static void bounds(void **state)
{
    Guest *guest = *state;

    assert_int_equal(find(guest, GUEST_GROUP, guest_at(0), GUEST_BYTES), STATUS_OK);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(0), GUEST_BYTES + 1), STATUS_DEVICE_FAULT);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(GUEST_BYTES - 1), 1), STATUS_OK);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(GUEST_BYTES - 1), 2), STATUS_DEVICE_FAULT);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(GUEST_BYTES), 0), STATUS_OK);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(GUEST_BYTES), 1), STATUS_DEVICE_FAULT);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(GUEST_BYTES + 1), 0), STATUS_DEVICE_FAULT);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(0) - 1, 1), STATUS_DEVICE_FAULT);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(0), UINT64_MAX), STATUS_DEVICE_FAULT);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(8), UINT64_MAX - 7), STATUS_DEVICE_FAULT);
}

static void names(void **state)
{
    Guest *guest = *state;
    const uint64_t offset = GUEST_OFFSET;

    assert_int_equal(find(guest, GUEST_GROUP, 0, 0), STATUS_DEVICE_FAULT);
    assert_int_equal(find(guest, GUEST_GROUP, UINT64_MAX, 1), STATUS_DEVICE_FAULT);
    assert_int_equal(find(guest, 0, guest_at(0), 1), STATUS_DEVICE_FAULT); /* the other group's */
    assert_int_equal(find(guest, 2, guest_at(0), 1), STATUS_DEVICE_FAULT);
    assert_int_equal(find(guest, UINT32_MAX, guest_at(0), 1), STATUS_DEVICE_FAULT);
    for (uint64_t id = 0; id < 256; id++) {
        for (uint64_t generation = 0; generation < 256; generation++) {
            const bool is_it = id == GUEST_SLOT && generation == GUEST_GENERATION;
            assert_int_equal(find(guest, GUEST_GROUP, id << 56 | generation << 48 | offset, 1),
                             is_it ? STATUS_OK : STATUS_DEVICE_FAULT);
        }
    }
}

/* The delta stands for a difference and may be "negative"; what comes out is checked, whatever wrapped. */
static void wrapping(void **state)
{
    Guest *guest = *state;
    const uint64_t all = (UINT64_C(1) << 48) - 1;

    assert_int_equal(find(guest, GUEST_GROUP, (guest_at(0) & ~all) | all, 1), STATUS_DEVICE_FAULT);
    Memslot slot = {
        .group = 0, .id = 0, .virt_start = 0, .virt_end = UINTPTR_MAX, .addr_delta = UINT64_MAX - 15};
    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_OK);
    GuestRange range;
    /* 16 more than the end of the address space is 0, which is nobody's. */
    assert_int_equal(memslots_find(guest->slots, 0, 16, 1, &range, &guest->fault), STATUS_DEVICE_FAULT);
    assert_int_equal(memslots_find(guest->slots, 0, 17, 1, &range, &guest->fault), STATUS_OK);
    assert_int_equal(range.host, 1);
    assert_int_equal(memslots_find(guest->slots, 0, 14, 1, &range, &guest->fault), STATUS_OK);
    assert_int_equal(range.host, UINTPTR_MAX - 1);
    assert_int_equal(range.left, 1);
    assert_int_equal(memslots_find(guest->slots, 0, 14, 2, &range, &guest->fault), STATUS_DEVICE_FAULT);
}

static void life(void **state)
{
    Guest *guest = *state;
    Memslot slot = {.group = GUEST_GROUP,
                    .id = GUEST_SLOT,
                    .generation = GUEST_GENERATION + 1,
                    .virt_start = guest->start,
                    .virt_end = guest->start + GUEST_BYTES,
                    .addr_delta = guest->start - GUEST_OFFSET};

    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_OK); /* replaced */
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(0), 1), STATUS_DEVICE_FAULT);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(0) + (UINT64_C(1) << 48), 1), STATUS_OK);
    assert_int_equal(memslots_bytes(guest->slots, GUEST_GROUP, GUEST_SLOT), GUEST_BYTES);
    assert_int_equal(memslots_bytes(guest->slots, GUEST_GROUP, UINT32_MAX), 0);
    assert_int_equal(memslots_bytes(guest->slots, UINT32_MAX, GUEST_SLOT), 0);
    assert_int_equal(memslots_remove(guest->slots, GUEST_GROUP, GUEST_SLOT), STATUS_OK);
    assert_int_equal(memslots_bytes(guest->slots, GUEST_GROUP, GUEST_SLOT), 0);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(0) + (UINT64_C(1) << 48), 0), STATUS_DEVICE_FAULT);
    assert_int_equal(memslots_remove(guest->slots, GUEST_GROUP, GUEST_SLOT), STATUS_OK); /* twice */
    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_OK);
    memslots_reset(guest->slots);
    assert_int_equal(find(guest, GUEST_GROUP, guest_at(0) + (UINT64_C(1) << 48), 0), STATUS_DEVICE_FAULT);
}

static void misuse(void **state)
{
    Guest *guest = *state;
    Memslot slot = {.group = 1, .id = 7, .virt_start = 64, .virt_end = 64};

    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_OK); /* empty, and the last there is */
    slot.id = 8;
    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_MISUSE);
    slot.id = UINT32_MAX;
    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_MISUSE);
    slot.id = 0;
    slot.group = 2;
    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_MISUSE);
    slot.group = UINT32_MAX;
    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_MISUSE);
    slot.group = 1;
    slot.virt_start = 65;
    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_MISUSE);
    assert_int_equal(memslots_remove(guest->slots, 2, 0), STATUS_MISUSE);
    assert_int_equal(memslots_remove(guest->slots, 0, 8), STATUS_MISUSE);
}

static bool layout_works(uint32_t groups, uint32_t slots, uint8_t id_bits, uint8_t generation_bits)
{
    const MemslotsLayout layout = {groups, slots, id_bits, generation_bits};
    Memslots *made = memslots_new(&layout);
    const bool works = made != NULL;

    memslots_free(made);
    return works;
}

static void layouts(void **state)
{
    (void)state;
    assert_true(layout_works(1, 1, 1, 1));
    assert_true(layout_works(MEMSLOT_GROUPS_MAX, MEMSLOTS_MAX, 8, 8));
    assert_true(layout_works(1, 1, 0, 0));
    assert_true(layout_works(1, 1, 63, 0));
    assert_true(layout_works(1, 1, 0, 63));
    assert_false(layout_works(1, 1, 64, 0));
    assert_false(layout_works(1, 1, 32, 32));
    assert_false(layout_works(1, 1, 255, 255));
    assert_false(layout_works(0, 1, 8, 8));
    assert_false(layout_works(1, 0, 8, 8));
    assert_false(layout_works(MEMSLOT_GROUPS_MAX + 1, 1, 8, 8));
    assert_false(layout_works(1, MEMSLOTS_MAX + 1, 8, 8));

    /* Without id and generation the whole address is an offset. */
    const MemslotsLayout bare = {1, 1, 0, 0};
    Memslots *slots = memslots_new(&bare);
    const Memslot slot = {.virt_start = 4096, .virt_end = 8192};
    GuestRange range;
    QxlFault fault;
    assert_int_equal(memslots_add(slots, &slot), STATUS_OK);
    assert_int_equal(memslots_find(slots, 0, 8191, 1, &range, &fault), STATUS_OK);
    assert_int_equal(memslots_find(slots, 0, 8192, 1, &range, &fault), STATUS_DEVICE_FAULT);
    assert_int_equal(memslots_find(slots, 0, UINT64_C(1) << 63 | 4096, 1, &range, &fault),
                     STATUS_DEVICE_FAULT);
    memslots_free(slots);
}

int run_memslots(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bounds, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(names, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(wrapping, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(life, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(misuse, guest_setup, guest_teardown),
        cmocka_unit_test(layouts),
    };
    return cmocka_run_group_tests_name("memslots", tests, NULL, NULL);
}
