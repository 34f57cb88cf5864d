/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

static Status read_monitors(Guest *guest, uint64_t offset, uint16_t count, uint16_t max_allowed,
                            uint32_t heads_max, QxlMonitors *ret)
{
    QXLMonitorsConfig *config = guest_memory(guest, offset);

    memset(guest->reads, 0, GUEST_BYTES);
    config->count = count;
    config->max_allowed = max_allowed;
    return qxl_monitors_read(guest->slots, GUEST_GROUP, guest_at(offset), heads_max, ret, &guest->fault);
}

static void put_heads(Guest *guest, uint64_t offset, uint32_t count)
{
    QXLMonitorsConfig *config = guest_memory(guest, offset);

    for (uint32_t i = 0; i < count; i++) {
        config->heads[i] = (QXLHead){.id = i, .width = 10 + i, .height = 20, .x = 5 * i};
    }
}

static void counts(void **state)
{
    Guest *guest = *state;
    QxlMonitors monitors;

    put_heads(guest, 0, 100);
    assert_int_equal(read_monitors(guest, 0, 0, 4, 16, &monitors), STATUS_DEVICE_FAULT);
    assert_int_equal(read_monitors(guest, 0, 5, 4, 16, &monitors), STATUS_DEVICE_FAULT);
    assert_int_equal(read_monitors(guest, 0, 1, 0, 16, &monitors), STATUS_DEVICE_FAULT);
    put_heads(guest, 0, 100);
    assert_int_equal(read_monitors(guest, 0, 4, 4, 16, &monitors), STATUS_OK);
    assert_int_equal(monitors.count, 4);
    assert_int_equal(monitors.max_allowed, 4);
    assert_int_equal(monitors.heads[3].width, 13);
    put_heads(guest, 0, 100);
    assert_int_equal(read_monitors(guest, 0, 4, 8, 3, &monitors), STATUS_OK); /* the device has three */
    assert_int_equal(monitors.count, 3);
    assert_int_equal(monitors.max_allowed, 3);
    put_heads(guest, 0, 100);
    assert_int_equal(read_monitors(guest, 0, 100, UINT16_MAX, UINT32_MAX, &monitors), STATUS_OK);
    assert_int_equal(monitors.count, QXL_HEADS_MAX);
    assert_int_equal(monitors.max_allowed, QXL_HEADS_MAX);
}

static void places(void **state)
{
    Guest *guest = *state;
    const uint64_t last = GUEST_BYTES - sizeof(QXLMonitorsConfig) - 2 * sizeof(QXLHead);
    QxlMonitors monitors;

    put_heads(guest, last, 2);
    assert_int_equal(read_monitors(guest, last, 2, 2, 16, &monitors), STATUS_OK);
    put_heads(guest, last, 2);
    assert_int_equal(read_monitors(guest, last, 3, 3, 1, &monitors), STATUS_DEVICE_FAULT);
    assert_int_equal(
        qxl_monitors_read(guest->slots, GUEST_GROUP, guest_at(GUEST_BYTES - 3), 1, &monitors, &guest->fault),
        STATUS_DEVICE_FAULT);
    assert_int_equal(qxl_monitors_read(guest->slots, GUEST_GROUP, 0, 1, &monitors, &guest->fault),
                     STATUS_DEVICE_FAULT);
}

static void heads(void **state)
{
    Guest *guest = *state;
    QXLMonitorsConfig *config = guest_memory(guest, 0);
    QxlMonitors monitors;

    config->heads[0] = (QXLHead){.id = 0, .width = 0, .height = 20};
    config->heads[1] = (QXLHead){.id = 1, .width = 20, .height = 0};
    config->heads[2] = (QXLHead){.id = 2, .width = INT32_MAX, .height = 1};
    config->heads[3] = (QXLHead){.id = 3, .width = INT32_MAX, .height = 1, .x = 1};
    config->heads[4] = (QXLHead){.id = 4, .width = 1, .height = 2, .y = UINT32_MAX};
    config->heads[5] = (QXLHead){.id = 5, .width = UINT32_MAX, .height = UINT32_MAX, .x = UINT32_MAX};
    assert_int_equal(read_monitors(guest, 0, 6, 6, 16, &monitors), STATUS_OK);
    assert_int_equal(monitors.count, 1);
    assert_int_equal(monitors.heads[0].id, 2);
}

int run_monitors(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(places, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(heads, guest_setup, guest_teardown),
    };
    return cmocka_run_group_tests_name("monitors", tests, NULL, NULL);
}
