/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

/* Its release info in a slot: owed. Not even that: nothing to give back. */
static void release_info(void **state)
{
    Guest *guest = *state;
    static const uint32_t types[] = {QXL_CMD_DRAW, QXL_CMD_UPDATE, QXL_CMD_MESSAGE, QXL_CMD_SURFACE,
                                     QXL_CMD_CURSOR};
    QxlCommand command;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const QxlRing ring = types[i] == QXL_CMD_CURSOR ? QXL_RING_CURSOR : QXL_RING_COMMANDS;
        memset(guest_memory(guest, GUEST_BYTES - 8), 0xff, 8);
        assert_int_equal(guest_read(guest, ring, types[i], guest_at(GUEST_BYTES - 8), 0, &command),
                         STATUS_DEVICE_FAULT);
        assert_ptr_equal(command.release.info, (void *)(guest->start + GUEST_BYTES - 8));
        assert_int_equal(guest_read(guest, ring, types[i], guest_at(GUEST_BYTES - 7), 0, &command),
                         STATUS_DEVICE_FAULT);
        assert_null(command.release.info);
        assert_int_equal(guest_read(guest, ring, types[i], 0, 0, &command), STATUS_DEVICE_FAULT);
        assert_null(command.release.info);
    }
}

static void rings(void **state)
{
    Guest *guest = *state;
    QxlCommand command;

    for (uint32_t type = 0; type < 8; type++) {
        for (QxlRing ring = QXL_RING_COMMANDS; ring <= QXL_RING_CURSOR; ring++) {
            const bool fits = type == QXL_CMD_CURSOR ? ring == QXL_RING_CURSOR
                                                     : ring == QXL_RING_COMMANDS && type >= QXL_CMD_DRAW &&
                                                           type <= QXL_CMD_SURFACE;
            memset(guest_memory(guest, 0), 0, 200);
            const Status status = guest_read(guest, ring, type, guest_at(0), 0, &command);
            assert_non_null(command.release.info);
            if (!fits) {
                assert_int_equal(status, STATUS_DEVICE_FAULT);
                assert_string_equal(guest->fault.why, "not a command of that ring");
            } else if (status != STATUS_OK) {
                assert_string_not_equal(guest->fault.why, "not a command of that ring");
            }
        }
    }
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, UINT32_MAX, guest_at(0), 0, &command),
                     STATUS_DEVICE_FAULT);
}

static void updates(void **state)
{
    Guest *guest = *state;
    const QXLUpdateCmd update = {.area = {1, 2, 3, 4}, .update_id = 77, .surface_id = 5};
    QxlCommand command;

    *(QXLUpdateCmd *)guest_memory(guest, 0) = update;
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_UPDATE, guest_at(0), 0, &command),
                     STATUS_OK);
    assert_int_equal(command.u.update.update_id, 77);
    assert_int_equal(command.u.update.surface_id, 5);
    assert_int_equal(command.u.update.area.bottom, 3);

    /* The older layout is shorter, and of surface 0: it fits where the newer does not. */
    const uint64_t last = GUEST_BYTES - sizeof(QXLCompatUpdateCmd);
    memcpy(guest_memory(guest, last), &update, sizeof(QXLCompatUpdateCmd));
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_UPDATE, guest_at(last),
                                QXL_COMMAND_FLAG_COMPAT, &command),
                     STATUS_OK);
    assert_int_equal(command.u.update.surface_id, 0);
    memcpy(guest_memory(guest, last), &update, sizeof(QXLCompatUpdateCmd));
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_UPDATE, guest_at(last), 0, &command),
                     STATUS_DEVICE_FAULT);

    *(QXLUpdateCmd *)guest_memory(guest, 0) = update;
    ((QXLUpdateCmd *)guest_memory(guest, 0))->area.left = 5;
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_UPDATE, guest_at(0), 0, &command),
                     STATUS_DEVICE_FAULT);
}

static void messages(void **state)
{
    Guest *guest = *state;
    QxlCommand command;
    char *text = (char *)guest_memory(guest, 0) + sizeof(QXLReleaseInfo);

    memcpy(text, "hello", sizeof "hello");
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_MESSAGE, guest_at(0), 0, &command),
                     STATUS_OK);
    assert_string_equal(command.u.message.text, "hello");

    /* The NUL may be the last of 100000 bytes, and no later. */
    memset(text, 'x', QXL_MESSAGE_BYTES_MAX - 1);
    text[QXL_MESSAGE_BYTES_MAX - 1] = '\0';
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_MESSAGE, guest_at(0), 0, &command),
                     STATUS_OK);
    assert_int_equal(strlen(command.u.message.text), QXL_MESSAGE_TEXT_BYTES - 1);
    memset(text, 'x', QXL_MESSAGE_BYTES_MAX);
    text[QXL_MESSAGE_BYTES_MAX] = '\0';
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_MESSAGE, guest_at(0), 0, &command),
                     STATUS_DEVICE_FAULT);

    /* And no later than the slot's last byte. */
    memset(guest_memory(guest, GUEST_BYTES - 20), 'x', 19);
    *(char *)guest_memory(guest, GUEST_BYTES - 1) = '\0';
    assert_int_equal(
        guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_MESSAGE, guest_at(GUEST_BYTES - 20), 0, &command),
        STATUS_OK);
    memset(guest_memory(guest, GUEST_BYTES - 20), 'x', 20);
    assert_int_equal(
        guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_MESSAGE, guest_at(GUEST_BYTES - 20), 0, &command),
        STATUS_DEVICE_FAULT);
}

static void surfaces(void **state)
{
    Guest *guest = *state;
    QXLSurfaceCmd create = {
        .surface_id = 7, .type = QXL_SURFACE_CMD_CREATE, .flags = QXL_SURF_FLAG_KEEP_DATA};
    QxlCommand command;

    create.u.surface_create = (QXLSurface){SPICE_SURFACE_FMT_32_ARGB, 16, 8, -64, guest_at(4096)};
    *(QXLSurfaceCmd *)guest_memory(guest, 0) = create;
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_SURFACE, guest_at(0), 0, &command),
                     STATUS_OK);
    const QxlSurface *surface = &command.u.surface;
    assert_int_equal(surface->id, 7);
    assert_false(surface->destroy);
    assert_true(surface->keep_data);
    assert_int_equal(surface->geometry.width, 16);
    assert_int_equal(surface->geometry.height, 8);
    assert_int_equal(surface->geometry.stride, -64);
    assert_int_equal(surface->geometry.format, SPICE_SURFACE_FMT_32_ARGB);
    assert_int_equal(surface->address, guest_at(4096));

    create.type = QXL_SURFACE_CMD_DESTROY; /* then the rest may be anything */
    create.u.surface_create.format = UINT32_MAX;
    *(QXLSurfaceCmd *)guest_memory(guest, 0) = create;
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_SURFACE, guest_at(0), 0, &command),
                     STATUS_OK);
    assert_true(command.u.surface.destroy);

    create.type = QXL_SURFACE_CMD_DESTROY + 1;
    *(QXLSurfaceCmd *)guest_memory(guest, 0) = create;
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_SURFACE, guest_at(0), 0, &command),
                     STATUS_DEVICE_FAULT);
    create.type = QXL_SURFACE_CMD_DESTROY;
    create.surface_id = 0;
    *(QXLSurfaceCmd *)guest_memory(guest, 0) = create;
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_SURFACE, guest_at(0), 0, &command),
                     STATUS_DEVICE_FAULT);
}

int run_command(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(release_info, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(rings, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(updates, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(messages, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(surfaces, guest_setup, guest_teardown),
    };
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
