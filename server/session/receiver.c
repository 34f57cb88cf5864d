/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/receiver.h"

#include "wire/wire.h"

void receiver_init(Receiver *receiver, const Core *core, uint8_t channel_type, bool mini)
{
    *receiver = (Receiver){.core = core, .channel_type = channel_type, .mini = mini};
}

static void receiver_drop_body(Receiver *receiver)
{
    receiver->core->free(receiver->core, receiver->body);
    receiver->body = NULL;
    receiver->body_len = 0;
}

void receiver_finish(Receiver *receiver)
{
    receiver_drop_body(receiver);
}

static size_t header_size(const Receiver *receiver)
{
    return receiver->mini ? WIRE_MINI_DATA_HEADER_BYTES : WIRE_DATA_HEADER_BYTES;
}

static Span span_take(Span *from, size_t len)
{
    const Span taken = {from->data, len};
    from->data += len;
    from->len -= len;
    return taken;
}

static Status receiver_read_header(Receiver *receiver)
{
    const Span bytes = {receiver->header, receiver->header_len};
    WireFault fault;

    if (receiver->mini) {
        WireMiniDataHeader header;
        if (wire_mini_data_header_decode(bytes, NULL, &header, &fault) != STATUS_OK) {
            return STATUS_PEER_FAULT;
        }
        receiver->type = header.type;
        receiver->body_size = header.size;
    } else {
        WireDataHeader header;
        if (wire_data_header_decode(bytes, NULL, &header, &fault) != STATUS_OK) {
            return STATUS_PEER_FAULT;
        }
        receiver->type = header.type;
        receiver->body_size = header.size; /* serial and sub-messages of a client mean nothing to us */
    }

    const WireMessageInfo *info = wire_msgc_info(receiver->channel_type, receiver->type);
    if (info == NULL) {
        receiver->fault = "unknown message type";
        return STATUS_PEER_FAULT;
    }
    if (receiver->body_size > info->max_body) {
        receiver->fault = "message larger than its type allows";
        return STATUS_PEER_FAULT;
    }
    return STATUS_OK;
}

Status receiver_next(Receiver *receiver, Span *bytes, ReceivedMessage *ret)
{
    const size_t header_needed = header_size(receiver);

    if (receiver->header_len == header_needed && receiver->body_len == receiver->body_size) {
        receiver_drop_body(receiver); /* the message handed out by the previous call */
        receiver->header_len = 0;
    }
    if (receiver->header_len < header_needed) {
        const size_t missing = header_needed - receiver->header_len;
        const Span part = span_take(bytes, bytes->len < missing ? bytes->len : missing);
        if (part.len > 0) {
            memcpy(receiver->header + receiver->header_len, part.data, part.len);
        }
        receiver->header_len += part.len;
        if (receiver->header_len < header_needed) {
            return STATUS_AGAIN;
        }
        const Status status = receiver_read_header(receiver);
        if (status != STATUS_OK) {
            return status;
        }
        receiver->body_len = 0;
    }

    if (receiver->body == NULL && bytes->len >= receiver->body_size) {
        receiver->body_len = receiver->body_size;
        *ret = (ReceivedMessage){receiver->type, span_take(bytes, receiver->body_size)};
        return STATUS_OK;
    }
    if (receiver->body == NULL) {
        if (bytes->len == 0) {
            return STATUS_AGAIN; /* a header alone costs no memory */
        }
        receiver->body = receiver->core->alloc(receiver->core, receiver->body_size);
        if (receiver->body == NULL) {
            return STATUS_LIMIT;
        }
    }
    const size_t missing = receiver->body_size - receiver->body_len;
    const Span part = span_take(bytes, bytes->len < missing ? bytes->len : missing);
    if (part.len > 0) {
        memcpy(receiver->body + receiver->body_len, part.data, part.len);
    }
    receiver->body_len += part.len;
    if (receiver->body_len < receiver->body_size) {
        return STATUS_AGAIN;
    }
    *ret = (ReceivedMessage){receiver->type, {receiver->body, receiver->body_size}};
    return STATUS_OK;
}
