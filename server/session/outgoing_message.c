/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/outgoing_message.h"

#include "base/check.h"
#include "wire/wire.h"

static size_t header_bytes(const Framing *framing)
{
    return framing->mini_header ? WIRE_MINI_DATA_HEADER_BYTES : WIRE_DATA_HEADER_BYTES;
}

bool outgoing_message_begin(OutgoingMessage *message, Outgoing *out, const Framing *framing,
                            size_t inline_max)
{
    const size_t header = header_bytes(framing);
    uint8_t *room = outgoing_reserve(out, header + inline_max);

    if (room == NULL) {
        return false;
    }
    message->out = out;
    message->framing = *framing;
    wire_out_init_pieces(&message->wire, room + header, inline_max, message->pieces, OUTGOING_PIECES_MAX);
    message->wire.piece_min = OUTGOING_PIECE_BYTES_MIN;
    return true;
}

static void header_put(OutgoingMessage *message, uint16_t type)
{
    const size_t len = header_bytes(&message->framing);
    const uint32_t total = (uint32_t)wire_out_total(&message->wire);
    WireOut header = {.bytes = message->wire.bytes - len, .cap = len};

    ++*message->framing.serial;
    if (message->framing.mini_header) {
        wire_mini_data_header_encode(&header, &(WireMiniDataHeader){.type = type, .size = total});
    } else {
        wire_data_header_encode(
            &header, &(WireDataHeader){.serial = *message->framing.serial, .type = type, .size = total});
    }
}

static size_t payload_total(const Payload *payload)
{
    size_t total = 0;
    for (uint32_t i = 0; i < payload->count; i++) {
        total += payload->spans[i].len;
    }
    return total;
}

/* Which payload each piece is: the first that fits and is not another piece's yet, as both are in the body's order. Returns
 * how many runs the message will be, at most; 0: it has a piece that nobody keeps. */
static size_t pieces_match(const OutgoingMessage *message, const Payload *payloads, uint32_t count,
                           uint32_t ret_match[OUTGOING_PIECES_MAX])
{
    size_t runs = 1;
    uint32_t next = 0;

    for (size_t i = 0; i < message->wire.pieces_len; i++) {
        const Span span = message->pieces[i].span;
        while (next < count &&
               (payloads[next].start != span.data || payload_total(&payloads[next]) != span.len)) {
            next++;
        }
        if (next == count) {
            return 0;
        }
        ret_match[i] = next;
        runs += 1 + payloads[next++].count;
    }
    return runs;
}

/* What was reserved cannot fail. */
static void add_bytes(OutgoingMessage *message, size_t len)
{
    CHECK(outgoing_add_bytes(message->out, len) == STATUS_OK);
}

static void add_payload(OutgoingMessage *message, const Payload *payload)
{
    for (uint32_t i = 0; i < payload->count; i++) {
        /* The last one to be sent says that all are. */
        const bool last = i + 1 == payload->count;
        CHECK(outgoing_add_piece(message->out, payload->spans[i], last ? payload->release : NULL,
                                 payload->owner) == STATUS_OK);
    }
}

static void release_all(const Payload *payloads, uint32_t count, uint32_t added)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!(added & 1u << i) && payloads[i].release != NULL) {
            payloads[i].release(payloads[i].owner);
        }
    }
}

bool outgoing_message_end(OutgoingMessage *message, uint16_t type, const Payload *payloads, uint32_t count)
{
    const WireOut *wire = &message->wire;
    uint32_t added = 0, match[OUTGOING_PIECES_MAX];
    size_t done = 0;

    CHECK(count <= 32);
    const size_t runs = pieces_match(message, payloads, count, match);
    if (NEVER(wire->failed || wire_out_total(wire) > UINT32_MAX || runs == 0) ||
        outgoing_reserve_runs(message->out, runs) != STATUS_OK) {
        release_all(payloads, count, 0);
        return false;
    }
    header_put(message, type);
    add_bytes(message, header_bytes(&message->framing));
    for (size_t i = 0; i < wire->pieces_len; i++) {
        const WirePiece *piece = &message->pieces[i];
        add_bytes(message, piece->at - done);
        done = piece->at;
        added |= 1u << match[i];
        add_payload(message, &payloads[match[i]]);
    }
    add_bytes(message, wire->len - done);
    release_all(payloads, count, added);
    return true;
}
