/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

static void put_chunk(Guest *guest, uint64_t offset, const char *text, uint32_t bytes, uint64_t next)
{
    QXLDataChunk *chunk = guest_memory(guest, offset);

    chunk->data_size = bytes;
    chunk->next_chunk = next;
    memcpy(chunk + 1, text, strlen(text));
}

/* As if something that was copied before had held the first chunk's header, at this offset. */
static QxlChunks chain(Guest *guest, uint64_t offset)
{
    const QXLDataChunk *chunk = guest_memory(guest, offset);
    QxlChunks chunks = {.group = GUEST_GROUP, .data_bytes = chunk->data_size, .next = chunk->next_chunk};

    assert_int_equal(memslots_find(guest->slots, GUEST_GROUP, guest_at(offset + sizeof *chunk), 0,
                                   &chunks.data, &guest->fault),
                     STATUS_OK);
    return chunks;
}

static Status copy(Guest *guest, const QxlChunks *chunks, void *buffer, size_t want, size_t *got)
{
    return qxl_chunks_copy(guest->slots, chunks, 4, buffer, want, got, &guest->work, &guest->fault);
}

static void pieces(void **state)
{
    Guest *guest = *state;
    char buffer[16] = "";
    size_t got = 0;

    put_chunk(guest, 0, "one", 3, guest_at(1000));
    put_chunk(guest, 1000, "", 0, guest_at(GUEST_BYTES - 25)); /* empty ones are skipped */
    put_chunk(guest, GUEST_BYTES - 25, "two", 5, 0);           /* up to the last byte of the slot */
    QxlChunks chunks = chain(guest, 0);
    assert_int_equal(copy(guest, &chunks, buffer, sizeof buffer, &got), STATUS_OK);
    assert_int_equal(got, 8);
    assert_memory_equal(buffer, "onetwo\0\0", 8);
}

static void stops_when_full(void **state)
{
    Guest *guest = *state;
    char buffer[5];
    size_t got = 0;

    put_chunk(guest, 0, "one", 3, guest_at(1000));
    put_chunk(guest, 1000, "three", 5, guest_at(GUEST_BYTES)); /* which is nowhere, and not asked for */
    QxlChunks chunks = chain(guest, 0);
    assert_int_equal(copy(guest, &chunks, buffer, 5, &got), STATUS_OK);
    assert_int_equal(got, 5);
    assert_memory_equal(buffer, "oneth", 5);
    assert_false(guest_was_read(guest, 1000 + sizeof(QXLDataChunk) + 2, 3));
}

static void outside(void **state)
{
    Guest *guest = *state;
    static const uint64_t nowhere[] = {UINT64_MAX, 1};
    char buffer[64];
    size_t got = 0;

    for (size_t i = 0; i < 2; i++) {
        put_chunk(guest, 0, "one", 3, nowhere[i]);
        QxlChunks chunks = chain(guest, 0);
        memset(guest->reads, 0, 100);
        assert_int_equal(copy(guest, &chunks, buffer, sizeof buffer, &got), STATUS_DEVICE_FAULT);
    }
    /* A header that does not fit, and data that goes one byte too far. */
    memset(guest->reads, 0, 100);
    put_chunk(guest, 0, "one", 3, guest_at(GUEST_BYTES - 19));
    QxlChunks chunks = chain(guest, 0);
    assert_int_equal(copy(guest, &chunks, buffer, sizeof buffer, &got), STATUS_DEVICE_FAULT);
    put_chunk(guest, GUEST_BYTES - 30, "two", 11, 0);
    chunks = chain(guest, GUEST_BYTES - 30);
    assert_int_equal(copy(guest, &chunks, buffer, sizeof buffer, &got), STATUS_DEVICE_FAULT);
    chunks.data_bytes = UINT32_MAX;
    assert_int_equal(copy(guest, &chunks, buffer, sizeof buffer, &got), STATUS_DEVICE_FAULT);
    chunks.data_bytes = 10;
    assert_int_equal(copy(guest, &chunks, buffer, sizeof buffer, &got), STATUS_OK);
    assert_int_equal(got, 10);
}

static void loops(void **state)
{
    Guest *guest = *state;
    char buffer[64];
    size_t got = 0;

    guest->may_reread = true;
    put_chunk(guest, 0, "", 0, guest_at(0));
    QxlChunks chunks = chain(guest, 0);
    assert_int_equal(copy(guest, &chunks, buffer, sizeof buffer, &got), STATUS_DEVICE_FAULT);
    assert_string_equal(guest->fault.why, "too many chunks");
    put_chunk(guest, 0, "abcdefghijklmnopqrstuvwxyz", 26, guest_at(0));
    chunks = chain(guest, 0);
    assert_int_equal(copy(guest, &chunks, buffer, sizeof buffer, &got),
                     STATUS_OK); /* full after three rounds */
    assert_int_equal(got, sizeof buffer);
    /* Four chunks are allowed here, and a fifth is not. */
    for (uint64_t i = 0; i < 5; i++) {
        put_chunk(guest, i * 100, "x", 1, i < 4 ? guest_at((i + 1) * 100) : 0);
    }
    chunks = chain(guest, 100);
    assert_int_equal(copy(guest, &chunks, buffer, sizeof buffer, &got), STATUS_OK);
    assert_int_equal(got, 4);
    chunks = chain(guest, 0);
    assert_int_equal(copy(guest, &chunks, buffer, sizeof buffer, &got), STATUS_DEVICE_FAULT);
}

int run_chunks(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(stops_when_full, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(outside, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(loops, guest_setup, guest_teardown),
    };
    return cmocka_run_group_tests_name("chunks", tests, NULL, NULL);
}
