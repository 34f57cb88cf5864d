/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/sink.h"

#include "base/check.h"

static void piece_set(CodecSink *sink, uint8_t *data, size_t len)
{
    const size_t left = sink->max - sink->total;
    sink->at = data;
    sink->end = data + (len < left ? len : left);
}

void sink_init(CodecSink *sink, uint8_t *buffer, size_t size)
{
    sink->owner = NULL;
    sink->total = 0;
    sink->max = size;
    sink->more = NULL;
    sink->aside = false;
    piece_set(sink, buffer, size);
}

void sink_init_pieces(CodecSink *sink, CodecSinkMore more, void *owner, size_t max)
{
    sink_init(sink, sink->small, 0);
    sink->owner = owner;
    sink->max = max;
    sink->more = more;
}

static Status piece_next(CodecSink *sink)
{
    uint8_t *data = NULL;
    size_t len = 0;
    if (sink->total == sink->max || sink->more == NULL || !sink->more(sink, &data, &len)) {
        return STATUS_LIMIT;
    }
    CHECK(data != NULL && len > 0);
    piece_set(sink, data, len);
    return STATUS_OK;
}

uint8_t *sink_direct(CodecSink *sink, size_t *ret_room)
{
    if (sink->at == sink->end && piece_next(sink) != STATUS_OK) {
        *ret_room = 0;
        return sink->at;
    }
    *ret_room = (size_t)(sink->end - sink->at);
    return sink->at;
}

void sink_advance(CodecSink *sink, size_t len)
{
    CHECK(len <= (size_t)(sink->end - sink->at));
    sink->at += len;
    sink->total += len;
}

Status sink_write(CodecSink *sink, const void *data, size_t len)
{
    const uint8_t *from = data;
    if (len > sink->max - sink->total) {
        return STATUS_LIMIT;
    }
    while (len > 0) {
        if (sink->at == sink->end) {
            const Status status = piece_next(sink);
            if (status != STATUS_OK) {
                return status;
            }
        }
        const size_t room = (size_t)(sink->end - sink->at);
        const size_t now = len < room ? len : room;
        memcpy(sink->at, from, now);
        sink_advance(sink, now);
        from += now;
        len -= now;
    }
    return STATUS_OK;
}

uint8_t *sink_begin(CodecSink *sink, uint8_t **ret_safe)
{
    if (sink->at == sink->end) {
        (void)piece_next(
            sink); /* when there is none, what is written will not fit, and that is noticed then */
    }
    sink->aside = (size_t)(sink->end - sink->at) < SINK_ROOM;
    if (sink->aside) {
        *ret_safe = sink->small + sizeof(sink->small) - SINK_ROOM;
        return sink->small;
    }
    *ret_safe = sink->end - SINK_ROOM;
    return sink->at;
}

Status sink_end(CodecSink *sink, const uint8_t *out)
{
    if (sink->aside) {
        return sink_write(sink, sink->small, (size_t)(out - sink->small));
    }
    sink_advance(sink, (size_t)(out - sink->at));
    return STATUS_OK;
}

Status sink_turn(CodecSink *sink, uint8_t **out, uint8_t **safe)
{
    const Status status = sink_end(sink, *out);
    *out = sink_begin(sink, safe);
    return status;
}
