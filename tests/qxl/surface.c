/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

static Status check(Guest *guest, uint64_t address, uint32_t width, uint32_t height, uint32_t format,
                    int32_t stride)
{
    const QxlGeometry geometry = {width, height, format, stride};

    return qxl_surface_check(guest->slots, GUEST_GROUP, address, &geometry, &guest->fault);
}

static void lines(void **state)
{
    Guest *guest = *state;
    static const struct {
        uint32_t format, width, line;
    } rows[] = {
        {SPICE_SURFACE_FMT_1_A, 1, 1},          {SPICE_SURFACE_FMT_1_A, 8, 1},
        {SPICE_SURFACE_FMT_1_A, 9, 2},          {SPICE_SURFACE_FMT_8_A, 7, 7},
        {SPICE_SURFACE_FMT_16_555, 3, 6},       {SPICE_SURFACE_FMT_16_565, 3, 6},
        {SPICE_SURFACE_FMT_32_xRGB, 640, 2560}, {SPICE_SURFACE_FMT_32_ARGB, 1, 4},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int32_t line = (int32_t)rows[i].line;
        assert_int_equal(check(guest, guest_at(0), rows[i].width, 3, rows[i].format, line), STATUS_OK);
        assert_int_equal(check(guest, guest_at(0), rows[i].width, 3, rows[i].format, -line), STATUS_OK);
        assert_int_equal(check(guest, guest_at(0), rows[i].width, 3, rows[i].format, line - 1),
                         STATUS_DEVICE_FAULT);
        assert_int_equal(check(guest, guest_at(0), rows[i].width, 3, rows[i].format, 1 - line),
                         STATUS_DEVICE_FAULT);
    }
}

static void formats(void **state)
{
    Guest *guest = *state;

    for (uint32_t format = 0; format < 256; format++) {
        const bool known =
            format == 1 || format == 8 || format == 16 || format == 32 || format == 80 || format == 96;
        assert_int_equal(check(guest, guest_at(0), 4, 4, format, 64),
                         known ? STATUS_OK : STATUS_DEVICE_FAULT);
    }
    assert_int_equal(check(guest, guest_at(0), 4, 4, UINT32_MAX, 64), STATUS_DEVICE_FAULT);
}

static void extremes(void **state)
{
    Guest *guest = *state;
    const uint32_t rgb = SPICE_SURFACE_FMT_32_xRGB;

    assert_int_equal(check(guest, guest_at(0), 0, 4, rgb, 64), STATUS_DEVICE_FAULT);
    assert_int_equal(check(guest, guest_at(0), 4, 0, rgb, 64), STATUS_DEVICE_FAULT);
    assert_int_equal(check(guest, guest_at(0), 4, 4, rgb, 0), STATUS_DEVICE_FAULT);
    assert_int_equal(check(guest, guest_at(0), 4, 4, rgb, INT32_MIN), STATUS_DEVICE_FAULT);
    assert_int_equal(check(guest, guest_at(0), UINT32_MAX, UINT32_MAX, rgb, INT32_MAX), STATUS_DEVICE_FAULT);
    assert_int_equal(check(guest, guest_at(0), 0x40000000, 1, rgb, 4),
                     STATUS_DEVICE_FAULT); /* a line of 2^32 */
    assert_int_equal(check(guest, guest_at(0), 1, 0x40000001, rgb, 4),
                     STATUS_DEVICE_FAULT); /* wraps in 32 bits */
    assert_int_equal(check(guest, guest_at(0), 1, UINT32_MAX, SPICE_SURFACE_FMT_1_A, 1), STATUS_DEVICE_FAULT);
}

/* All of it in the slot, to the last byte. */
static void memory(void **state)
{
    Guest *guest = *state;
    const uint32_t rgb = SPICE_SURFACE_FMT_32_xRGB;
    const uint64_t last = GUEST_BYTES - 16 * 64;

    assert_int_equal(check(guest, guest_at(last), 16, 16, rgb, 64), STATUS_OK);
    assert_int_equal(check(guest, guest_at(last), 16, 16, rgb, -64), STATUS_OK);
    assert_int_equal(check(guest, guest_at(last + 1), 16, 16, rgb, 64), STATUS_DEVICE_FAULT);
    assert_int_equal(check(guest, guest_at(last), 16, 17, rgb, 64), STATUS_DEVICE_FAULT);
    assert_int_equal(check(guest, guest_at(last), 16, 16, rgb, 65), STATUS_DEVICE_FAULT);
    assert_int_equal(check(guest, 0, 16, 16, rgb, 64), STATUS_DEVICE_FAULT);
    assert_false(guest_was_read(guest, 0, GUEST_BYTES)); /* checking reads no pixel */

    /* The largest there may be: only a huge slot holds it. */
    const Memslot huge = {.group = 0, .id = 0, .virt_start = 4096, .virt_end = UINTPTR_MAX, .addr_delta = 0};
    assert_int_equal(memslots_add(guest->slots, &huge), STATUS_OK);
    QxlGeometry geometry = {
        .width = 1, .height = QXL_PIXELS_MAX, .format = SPICE_SURFACE_FMT_8_A, .stride = 31};
    assert_int_equal(qxl_surface_check(guest->slots, 0, 4096, &geometry, &guest->fault), STATUS_OK);
    geometry.height++;
    assert_int_equal(qxl_surface_check(guest->slots, 0, 4096, &geometry, &guest->fault), STATUS_DEVICE_FAULT);
    geometry = (QxlGeometry){.width = 1, .height = 1, .format = SPICE_SURFACE_FMT_8_A, .stride = INT32_MAX};
    assert_int_equal(qxl_surface_check(guest->slots, 0, 4096, &geometry, &guest->fault), STATUS_OK);
    geometry.stride = -INT32_MAX;
    assert_int_equal(qxl_surface_check(guest->slots, 0, 4096, &geometry, &guest->fault), STATUS_OK);
    geometry.height = 2;
    assert_int_equal(qxl_surface_check(guest->slots, 0, 4096, &geometry, &guest->fault), STATUS_DEVICE_FAULT);
}

int run_surface(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(formats, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(extremes, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(memory, guest_setup, guest_teardown),
    };
    return cmocka_run_group_tests_name("surface", tests, NULL, NULL);
}
