/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* jpeg_memory.h: lets libjpeg keep from image to image what it takes for each. Inside codec/ only.
 *
 * libjpeg's memory manager is a table of functions that programs may change. It takes tables and rows for an image, always in the same
 * order, and gives them back when that ends; here they come from the caller's CodecMemory, since their size follows from the
 * width that a guest chose, and are kept and lent again, if they are large enough. What libjpeg takes once for a compressor,
 * of sizes that nobody chooses, is its own.
 *
 * Ownership  all that is kept goes with jpeg_memory_finish(), or when it becomes too much.
 * Thread     as the compressor's.
 * Units      bytes.
 * Errors     no memory: libjpeg's error_exit(); what was lent so far is kept.
 * Source     jpeglib.h; libjpeg.txt, "Memory management".
 */
#pragma once

#include <stdbool.h>
#include <stdio.h> /* for jpeglib.h */

#include <jpeglib.h>

#include "codec/codec.h"

#define JPEG_KEEP_BYTES (256u << 10) /* for 8,192 pixels a row; of what needs more nothing is kept */
#define JPEG_LENT_MAX 64u            /* libjpeg-turbo asks for 23 */
/* Of all that is lent, and of what a row has behind it: libjpeg-turbo's SIMD code counts on 32 and 64. */
#define JPEG_ALIGN 64u

/* One answer of an image, in order. */
typedef struct JpegLent {
    uint8_t *block; /* NULL: none yet */
    size_t size;    /* from where it is aligned on */
} JpegLent;

typedef struct JpegMemory {
    CodecMemory codec;
    struct jpeg_memory_mgr own; /* libjpeg's functions */
    JpegLent lent[JPEG_LENT_MAX];
    unsigned next; /* of this image */
    size_t bytes;  /* of all that are lent or kept */
    bool foreign;  /* the image also took what is libjpeg's */
} JpegMemory;

/* `jpeg` was created; its client_data is the JpegMemory until it is destroyed. */
void jpeg_memory_init(JpegMemory *memory, const CodecMemory *codec, struct jpeg_compress_struct *jpeg);
/* `jpeg` was destroyed. */
void jpeg_memory_finish(JpegMemory *memory);
