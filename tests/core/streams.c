/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "tests/core/contract.h"

#define TRANSFER_BYTES (300u * 1000u)

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

static void nothing_to_read_is_eagain(Rig *rig)
{
    for (PairKind kind = PAIR_UNIX; kind <= PAIR_TCP; kind++) {
        int ends[2];
        uint8_t bytes[4];
        EXPECT(rig, rig->pair(rig, kind, false, ends) == 0);
        EXPECT(rig, rig_read(rig, ends[0], bytes, sizeof bytes) == -EAGAIN);
        EXPECT(rig, rig_read(rig, ends[1], bytes, sizeof bytes) == -EAGAIN);
        rig->core->close(rig->core, ends[0]);
        rig->core->close(rig->core, ends[1]);
    }
}

static void bytes_come_before_the_end(Rig *rig)
{
    for (PairKind kind = PAIR_UNIX; kind <= PAIR_TCP; kind++) {
        int ends[2];
        char bytes[8] = "";
        EXPECT(rig, rig->pair(rig, kind, false, ends) == 0);
        EXPECT(rig, rig_write(rig, ends[0], "hello", 5) == 5);
        rig->core->close(rig->core, ends[0]);
        size_t len = 0;
        int64_t got = 0;
        do {
            EXPECT(rig, rig_await(rig, ends[1], CORE_READ));
            got = rig_read(rig, ends[1], bytes + len, sizeof bytes - len);
            len += got > 0 ? (size_t)got : 0;
        } while (got > 0 && len < sizeof bytes);
        EXPECT(rig, got == 0 && len == 5 && memcmp(bytes, "hello", 5) == 0);
        EXPECT(rig, rig_read(rig, ends[1], bytes, sizeof bytes) == 0); /* and stays the end */
        rig->core->close(rig->core, ends[1]);
    }
}

/* SIGPIPE has its default action here: a signal would end the test program. */
static void writing_to_nobody_is_epipe(Rig *rig)
{
    for (PairKind kind = PAIR_UNIX; kind <= PAIR_TCP; kind++) {
        int ends[2];
        EXPECT(rig, rig->pair(rig, kind, false, ends) == 0);
        rig->core->close(rig->core, ends[1]);
        int64_t result = 1;
        for (int i = 0; i < 100 && result > 0; i++) {
            result = rig_write(rig, ends[0], "x", 1); /* the first may still be taken */
            if (result > 0) {
                rig_run_for(rig, NS_PER_MS);
            }
        }
        EXPECT(rig, result == -EPIPE || result == -ECONNRESET);
        EXPECT(rig, rig_write(rig, ends[0], "x", 1) == -EPIPE);
        rig->core->close(rig->core, ends[0]);
    }
}

static void reset_is_reported_once(Rig *rig)
{
    int ends[2];
    uint8_t byte;
    EXPECT(rig, rig->pair(rig, PAIR_TCP, false, ends) == 0);
    rig->reset(rig, ends[1]);
    EXPECT(rig, rig_await(rig, ends[0], CORE_READ));
    EXPECT(rig, rig_read(rig, ends[0], &byte, 1) == -ECONNRESET);
    EXPECT(rig, rig_read(rig, ends[0], &byte, 1) == 0);
    EXPECT(rig, rig_write(rig, ends[0], "x", 1) == -EPIPE);
    rig->core->close(rig->core, ends[0]);
}

static void shutdown_ends_both_directions(Rig *rig)
{
    int ends[2];
    uint8_t byte;
    EXPECT(rig, rig->pair(rig, PAIR_UNIX, false, ends) == 0);
    EXPECT(rig, rig->core->shutdown(rig->core, ends[0]) == 0);
    EXPECT(rig, rig_read(rig, ends[0], &byte, 1) == 0);
    EXPECT(rig, rig_write(rig, ends[0], "x", 1) == -EPIPE);
    EXPECT(rig, rig_await(rig, ends[1], CORE_READ));
    EXPECT(rig, rig_read(rig, ends[1], &byte, 1) == 0);
    rig->core->close(rig->core, ends[0]);
    rig->core->close(rig->core, ends[1]);
}

static void empty_vectors_move_nothing(Rig *rig)
{
    int ends[2];
    uint8_t byte = 0;
    const struct iovec some[3] = {{&byte, 0}, {&byte, 1}, {&byte, 0}};
    EXPECT(rig, rig->pair(rig, PAIR_UNIX, false, ends) == 0);
    EXPECT(rig, rig->core->writev(rig->core, ends[0], some, 1) == 0);
    EXPECT(rig, rig->core->writev(rig->core, ends[0], some, 3) == 1);
    EXPECT(rig, rig_await(rig, ends[1], CORE_READ));
    EXPECT(rig, rig->core->readv(rig->core, ends[1], some, 3) == 1);
    rig->core->close(rig->core, ends[0]);
    rig->core->close(rig->core, ends[1]);
}

typedef struct Transfer {
    Rig *rig;
    int from, to;
    CoreWatch *writer, *reader;
    size_t written, read;
    unsigned turns;
    bool fell_short, was_full;
} Transfer;

/* Three pieces of sizes that nothing is a multiple of. */
static void write_some(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)now_ns;
    Transfer *transfer = opaque;
    Rig *rig = transfer->rig;
    uint8_t bytes[3][5003];
    struct iovec iov[3];
    size_t offered = 0;
    EXPECT(rig, ready == CORE_WRITE);
    for (int i = 0; i < 3; i++) {
        const size_t left = TRANSFER_BYTES - transfer->written - offered;
        iov[i] = (struct iovec){bytes[i], left < 5003u - (unsigned)i ? left : 5003u - (unsigned)i};
        for (size_t j = 0; j < iov[i].iov_len; j++) {
            bytes[i][j] = pattern(transfer->written + offered + j);
        }
        offered += iov[i].iov_len;
    }
    const int64_t put = rig->core->writev(rig->core, transfer->from, iov, 3);
    if (put == -EAGAIN) {
        transfer->was_full = true;
        return;
    }
    EXPECT(rig, put > 0 && (size_t)put <= offered);
    transfer->fell_short |= (size_t)put < offered;
    transfer->written += put > 0 ? (size_t)put : offered;
    if (transfer->written == TRANSFER_BYTES) {
        loop_watch_set(rig->loop, transfer->writer, 0);
    }
}

static void read_some(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)now_ns;
    Transfer *transfer = opaque;
    Rig *rig = transfer->rig;
    uint8_t bytes[2][997];
    const struct iovec iov[2] = {{bytes[0], 997}, {bytes[1], 800}};
    EXPECT(rig, ready == CORE_READ);
    if (++transfer->turns % 3 != 0) {
        return; /* a slow reader: the buffers fill */
    }
    const int64_t got = rig->core->readv(rig->core, transfer->to, iov, 2);
    if (got == -EAGAIN) {
        return;
    }
    EXPECT(rig, got > 0);
    for (int64_t i = 0; i < got; i++) {
        EXPECT(rig, (i < 997 ? bytes[0][i] : bytes[1][i - 997]) == pattern(transfer->read + (size_t)i));
    }
    transfer->read += got > 0 ? (size_t)got : TRANSFER_BYTES;
    if (transfer->read >= TRANSFER_BYTES) {
        rig->quit(rig);
    }
}

static void bytes_keep_their_order_through_small_buffers(Rig *rig)
{
    for (PairKind kind = PAIR_UNIX; kind <= PAIR_TCP; kind++) {
        int ends[2];
        EXPECT(rig, rig->pair(rig, kind, true, ends) == 0);
        Transfer transfer = {.rig = rig, .from = ends[0], .to = ends[1]};
        transfer.writer = loop_watch_new(rig->loop, ends[0], CORE_WRITE, write_some, &transfer);
        transfer.reader = loop_watch_new(rig->loop, ends[1], CORE_READ, read_some, &transfer);
        rig->run(rig);
        EXPECT(rig, transfer.read == TRANSFER_BYTES && transfer.written == TRANSFER_BYTES);
        EXPECT(rig, transfer.fell_short || transfer.was_full);
        loop_watch_free(rig->loop, transfer.writer);
        loop_watch_free(rig->loop, transfer.reader);
        rig->core->close(rig->core, ends[0]);
        rig->core->close(rig->core, ends[1]);
    }
}

static void full_is_eagain_until_the_peer_reads(Rig *rig)
{
    static const uint8_t block[4096];
    uint8_t bytes[4096];
    for (PairKind kind = PAIR_UNIX; kind <= PAIR_TCP; kind++) {
        int ends[2];
        int64_t result;
        size_t taken = 0;
        EXPECT(rig, rig->pair(rig, kind, true, ends) == 0);
        do {
            while ((result = rig_write(rig, ends[0], block, sizeof block)) > 0) {
                taken += (size_t)result;
            }
            rig_run_for(rig, NS_PER_MS); /* what is on its way makes room */
        } while ((result = rig_write(rig, ends[0], block, 1)) > 0 && ++taken > 0);
        EXPECT(rig, result == -EAGAIN && taken > 0);
        const int64_t unsent = rig->core->unsent_bytes(rig->core, ends[0]);
        EXPECT(rig, unsent >= 0);
        size_t read = 0;
        while (read < taken) {
            EXPECT(rig, rig_await(rig, ends[1], CORE_READ));
            result = rig_read(rig, ends[1], bytes, sizeof bytes);
            EXPECT(rig, result > 0);
            read += result > 0 ? (size_t)result : taken;
        }
        EXPECT(rig, read == taken);
        EXPECT(rig, rig_await(rig, ends[0], CORE_WRITE));
        EXPECT(rig, rig_write(rig, ends[0], block, 1) == 1);
        rig->core->close(rig->core, ends[0]);
        rig->core->close(rig->core, ends[1]);
    }
}

static void tuning_is_harmless_everywhere(Rig *rig)
{
    for (PairKind kind = PAIR_UNIX; kind <= PAIR_TCP; kind++) {
        int ends[2];
        EXPECT(rig, rig->pair(rig, kind, false, ends) == 0);
        for (int value = 0; value < 2; value++) {
            EXPECT(rig, rig->core->tune(rig->core, ends[0], CORE_TUNE_NODELAY, value) == 0);
            EXPECT(rig, rig->core->tune(rig->core, ends[0], CORE_TUNE_PRIORITY, value) == 0);
        }
        EXPECT(rig, rig->core->tune(rig->core, ends[0], CORE_TUNE_KEEPALIVE, 600) == 0);
        EXPECT(rig, rig->core->adopt(rig->core, ends[0]) == 0);
        rig->core->close(rig->core, ends[0]);
        rig->core->close(rig->core, ends[1]);
    }
}

const ContractTest stream_tests[] = {
    {"nothing to read is EAGAIN", nothing_to_read_is_eagain},
    {"bytes come before the end", bytes_come_before_the_end},
    {"writing to nobody is EPIPE", writing_to_nobody_is_epipe},
    {"a reset is reported once", reset_is_reported_once},
    {"shutdown ends both directions", shutdown_ends_both_directions},
    {"empty vectors move nothing", empty_vectors_move_nothing},
    {"bytes keep their order through small buffers", bytes_keep_their_order_through_small_buffers},
    {"full is EAGAIN until the peer reads", full_is_eagain_until_the_peer_reads},
    {"tuning is harmless everywhere", tuning_is_harmless_everywhere},
    {0},
};
