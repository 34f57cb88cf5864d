/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that the guest gives as QUIC: they become bitmaps in scratch memory. */
#include <spice/enums.h>

#include "display/canvas/draw.h"

/* A pixel of four codes of 26 bits at most, and before it an end of a run in either plane; a header, and the end. */
#define PIXEL_CODE_BYTES_MAX 18u
#define IMAGE_CODE_BYTES_MORE 32u

/* In front of the pixels. */
typedef struct Decoded {
    QxlBitmap bitmap;
    QxlSpan span;
} Decoded;

/* Copied once, as the decoder would not bear that it changes. */
static Status coded_take(Draw *draw, const QxlImage *image, Span *ret_coded)
{
    const QxlData *data = &image->u.quic;
    const uint64_t pixels = (uint64_t)image->width * image->height;

    if (image->width > CANVAS_QUIC_WIDTH_MAX) {
        return qxl_fault(draw->fault, "a QUIC image too wide to decode", image->width);
    }
    if (data->bytes > pixels * PIXEL_CODE_BYTES_MAX + IMAGE_CODE_BYTES_MORE) {
        return qxl_fault(draw->fault, "a QUIC image of more data than its pixels can be", data->bytes);
    }
    const Status status = draw_work(draw, pixels / CANVAS_QUIC_PIXELS_PER_STEP);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t *bytes = scratch_take(draw->set, SCRATCH_CODED, data->bytes);
    if (bytes == NULL) {
        return draw_no_memory(draw);
    }
    qxl_data_copy(data, 0, bytes, data->bytes);
    *ret_coded = span_of(bytes, data->bytes);
    return STATUS_OK;
}

static Status coded_check(Draw *draw, const QxlImage *image, Span coded, ImageInfo *ret_info)
{
    if (quic_info(coded, ret_info) != STATUS_OK) {
        return qxl_fault(draw->fault, "a QUIC image that cannot be decoded", coded.len);
    }
    if (ret_info->width != image->width || ret_info->height != image->height) {
        return qxl_fault(draw->fault, "a QUIC image of another size than was said",
                         (uint64_t)ret_info->width << 32 | ret_info->height);
    }
    if (ret_info->format == PIXEL_8BIT_A) {
        return qxl_fault(draw->fault, "a QUIC image of gray, which nobody draws", coded.len);
    }
    return STATUS_OK;
}

static bool decoder_make(CanvasSet *set)
{
    const CodecMemory memory = {
        .alloc = set->memory.alloc, .free = set->memory.free, .owner = set->memory.opaque};
    set->quic = set->quic != NULL ? set->quic : quic_decoder_new(&memory);
    return set->quic != NULL;
}

Status quic_bitmap(Draw *draw, const QxlImage *image, Scratch scratch, const QxlBitmap **ret_bitmap)
{
    Span coded = {0};
    ImageInfo info;
    Status status = coded_take(draw, image, &coded);
    if (status == STATUS_OK) {
        status = coded_check(draw, image, coded, &info);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const uint32_t bytes = info.stride * info.height; /* 31 bits: QXL_PIXELS_MAX of 4 bytes */
    Decoded *decoded = scratch_take(draw->set, scratch, sizeof *decoded + (uint64_t)bytes);
    if (decoded == NULL || !decoder_make(draw->set)) {
        return draw_no_memory(draw);
    }
    status = quic_decode(draw->set->quic, coded, (uint8_t *)(decoded + 1), bytes);
    if (status == STATUS_IO) {
        return draw_no_memory(draw);
    }
    if (status != STATUS_OK) {
        return qxl_fault(draw->fault, "a QUIC image that cannot be decoded", coded.len);
    }
    decoded->span = (QxlSpan){.host = (uintptr_t)(decoded + 1), .bytes = bytes};
    decoded->bitmap = (QxlBitmap){.format = (uint8_t)info.format,
                                  .top_down = true,
                                  .stride = info.stride,
                                  .data = {.spans = &decoded->span, .count = 1, .bytes = bytes}};
    *ret_bitmap = &decoded->bitmap;
    return STATUS_OK;
}
