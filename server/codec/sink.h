/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sink.h: how encoders write to a CodecSink. Inside codec/ only.
 *
 * An encoder keeps two pointers of its own: `out`, where it writes, and `safe`. While out <= safe it may write
 * SINK_ROOM bytes, of which those behind the new `out` do not count; then it calls sink_turn(). Near the end of a
 * piece the bytes go to the sink's small buffer first, so they fill the piece exactly and may span two.
 */
#pragma once

#include "codec/codec.h"

/* Where to write first. */
uint8_t *sink_begin(CodecSink *sink, uint8_t **ret_safe);
/* Takes what was written up to *out and moves both pointers to where the next bytes go. */
Status sink_turn(CodecSink *sink, uint8_t **out, uint8_t **safe) STATUS_MUST_CHECK;
/* Takes the last bytes. */
Status sink_end(CodecSink *sink, const uint8_t *out) STATUS_MUST_CHECK;

/* The rest of the current piece, for libraries that write by themselves; sink_begin() must not be open. */
uint8_t *sink_direct(CodecSink *sink, size_t *ret_room);
void sink_advance(CodecSink *sink, size_t len);
Status sink_write(CodecSink *sink, const void *data, size_t len) STATUS_MUST_CHECK;
