/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec_fuzz.h: what the decoders' targets share. Pixels go to a buffer of exactly their size, so that sanitizers see the
 * first byte beyond; images larger than this are not decoded, as they say nothing that small ones do not.
 */
#pragma once

#include "codec/codec.h"

#define CODEC_FUZZ_BYTES_MAX (1u << 20)

extern const CodecMemory codec_fuzz_memory;

/* The bytes of an image, or 0 if it is too large. */
size_t codec_fuzz_size(const ImageInfo *info);
