/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/zlib_glz.h"

#include <zlib.h>

#include "codec/sink.h"

#define LEVEL                                                                                                \
    3 /* the existing server's: on the links that want this, more costs the guest more than it saves */

struct ZlibEncoder {
    CodecMemory memory;
    z_stream stream;
};

struct ZlibDecoder {
    CodecMemory memory;
    z_stream stream;
};

static void *stream_alloc(void *opaque, uInt items, uInt size)
{
    const CodecMemory *memory = opaque;
    return memory->alloc(memory->owner, (size_t)items * size);
}

static void stream_free(void *opaque, void *block)
{
    const CodecMemory *memory = opaque;
    memory->free(memory->owner, block);
}

ZlibEncoder *zlib_encoder_new(const CodecMemory *memory)
{
    ZlibEncoder *encoder = memory->alloc(memory->owner, sizeof(*encoder));
    if (encoder == NULL) {
        return NULL;
    }
    *encoder = (ZlibEncoder){.memory = *memory};
    encoder->stream = (z_stream){.zalloc = stream_alloc, .zfree = stream_free, .opaque = &encoder->memory};
    if (deflateInit(&encoder->stream, LEVEL) != Z_OK) {
        memory->free(memory->owner, encoder);
        return NULL;
    }
    return encoder;
}

void zlib_encoder_free(ZlibEncoder *encoder)
{
    if (encoder != NULL) {
        const CodecMemory memory = encoder->memory;
        deflateEnd(&encoder->stream);
        memory.free(memory.owner, encoder);
    }
}

/* What the stream was given goes to the sink; the last of it with Z_FINISH. */
static Status deflate_into(z_stream *stream, int flush, CodecSink *sink)
{
    for (int result = Z_OK; flush == Z_FINISH ? result != Z_STREAM_END : stream->avail_in > 0;) {
        size_t room;
        uint8_t beyond;
        uint8_t *to = sink_direct(sink, &room);
        if (room == 0) {
            /* When the last byte filled the room exactly, zlib may want more to take what is left, or to say that it has
             * ended. */
            stream->next_out = &beyond;
            stream->avail_out = 1;
            result = deflate(stream, flush);
            return stream->avail_out == 1 &&
                           (flush == Z_FINISH ? result == Z_STREAM_END : stream->avail_in == 0)
                       ? STATUS_OK
                       : STATUS_LIMIT;
        }
        room = room < UINT32_MAX ? room : UINT32_MAX;
        stream->next_out = to;
        stream->avail_out = (uInt)room;
        result = deflate(stream, flush);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
            return STATUS_IO;
        }
        sink_advance(sink, room - stream->avail_out);
    }
    return STATUS_OK;
}

Status zlib_encode(ZlibEncoder *encoder, const Span *glz, uint32_t count, CodecSink *sink)
{
    z_stream *stream = &encoder->stream;
    Status status = deflateReset(stream) == Z_OK ? STATUS_OK : STATUS_IO;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        if (glz[i].len > UINT32_MAX) {
            return STATUS_LIMIT;
        }
        stream->next_in = (Bytef *)(uintptr_t)glz[i].data;
        stream->avail_in = (uInt)glz[i].len;
        status = deflate_into(stream, i + 1 < count ? Z_NO_FLUSH : Z_FINISH, sink);
    }
    return status;
}

ZlibDecoder *zlib_decoder_new(const CodecMemory *memory)
{
    ZlibDecoder *decoder = memory->alloc(memory->owner, sizeof(*decoder));
    if (decoder == NULL) {
        return NULL;
    }
    *decoder = (ZlibDecoder){.memory = *memory};
    decoder->stream = (z_stream){.zalloc = stream_alloc, .zfree = stream_free, .opaque = &decoder->memory};
    if (inflateInit(&decoder->stream) != Z_OK) {
        memory->free(memory->owner, decoder);
        return NULL;
    }
    return decoder;
}

void zlib_decoder_free(ZlibDecoder *decoder)
{
    if (decoder != NULL) {
        const CodecMemory memory = decoder->memory;
        inflateEnd(&decoder->stream);
        memory.free(memory.owner, decoder);
    }
}

static Status inflate_into(z_stream *stream, Span data, uint8_t *glz, size_t size, int flush, int *ret_result)
{
    if (data.len > UINT32_MAX || size > UINT32_MAX) {
        return STATUS_PEER_FAULT; /* the wire's sizes have 32 bits */
    }
    if (inflateReset(stream) != Z_OK) {
        return STATUS_IO;
    }
    stream->next_in = (Bytef *)(uintptr_t)data.data;
    stream->avail_in = (uInt)data.len;
    stream->next_out = glz;
    stream->avail_out = (uInt)size;
    *ret_result = inflate(stream, flush);
    if (*ret_result == Z_MEM_ERROR) {
        return STATUS_IO;
    }
    return stream->avail_out == 0 ? STATUS_OK : STATUS_PEER_FAULT;
}

Status zlib_decode(ZlibDecoder *decoder, Span data, uint8_t *glz, size_t size)
{
    int result;
    const Status status = inflate_into(&decoder->stream, data, glz, size, Z_FINISH, &result);
    return status == STATUS_OK && (result != Z_STREAM_END || decoder->stream.avail_in != 0)
               ? STATUS_PEER_FAULT
               : status;
}

Status zlib_decode_head(ZlibDecoder *decoder, Span data, uint8_t *glz, size_t size)
{
    int result;
    return inflate_into(&decoder->stream, data, glz, size, Z_SYNC_FLUSH, &result);
}
