/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* jpeg_memory.h: lets libjpeg keep from image to image what it takes for each. Inside codec/ only.
 *
 * libjpeg's memory manager is a table of functions that programs may change. It takes tables and rows for an image, always in the same
 * order, and gives them back when that ends; here they are kept and lent again, if they are large enough. All comes from
 * libjpeg's own functions, which know what alignment and padding its SIMD code counts on, and is theirs to free at last.
 *
 * Ownership  plain memory; all that is kept goes with the compressor, or when it becomes too much.
 * Thread     as the compressor's.
 * Units      bytes.
 * Source     jpeglib.h; libjpeg.txt, "Memory management".
 */
#pragma once

#include <stdbool.h>
#include <stdio.h> /* for jpeglib.h */

#include <jpeglib.h>

#define JPEG_KEEP_BYTES (256u << 10) /* for 8,192 pixels a row; of what needs more nothing is kept */
#define JPEG_LENT_MAX 64u            /* libjpeg-turbo asks for 23 */

typedef enum JpegKind { JPEG_SMALL, JPEG_LARGE, JPEG_ROWS } JpegKind;

/* One answer of an image, in order; what was asked for by all images so far at most. */
typedef struct JpegLent {
    JpegKind kind;
    size_t size;     /* or samples of a row */
    JDIMENSION rows; /* 1 if it is none */
    void *memory;    /* NULL: freed */
} JpegLent;

typedef struct JpegMemory {
    struct jpeg_memory_mgr own; /* libjpeg's functions */
    JpegLent lent[JPEG_LENT_MAX];
    unsigned count, next; /* of this image: the next one */
    size_t bytes;         /* libjpeg's, since all was freed; also those too small by now */
    bool foreign;         /* the image also took what is not kept */
} JpegMemory;

/* `jpeg` was created; its client_data is the JpegMemory until it is destroyed. */
void jpeg_memory_init(JpegMemory *memory, struct jpeg_compress_struct *jpeg);
