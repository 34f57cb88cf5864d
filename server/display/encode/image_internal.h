/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image_internal.h: what image_encoder.c, for images of the guest's, and image_area.c, for areas of canvases, share.
 * image_encoder.h says who owns what.
 */
#pragma once

#include "display/encode/image_encoder.h"

CoderOptions image_coder_options(const ImageOptions *options);
/* The data of the image is what lies in ret->taken. */
bool image_data_of_chain(ImageEncoder *encoder, EncodedImage *ret, size_t piece_min, Span *ret_data);
/* The bytes, which are in ret->taken or ret->shared, and what is said about them. */
bool image_coded_set(ImageEncoder *encoder, const Coded *coded, bool top_down, const ImageOptions *options,
                     EncodedImage *ret);
/* Into ret->taken or ret->shared, and ret->wire.u. `image`: the guest's, or NULL. *ret_coded false: it is to be sent as it is. */
bool image_source_encode(ImageEncoder *encoder, const CoderOptions *how, ImageSource *source,
                         const QxlImage *image, const ImageOptions *options, EncodedImage *ret,
                         bool *ret_coded);
/* Asks `look`, unless it is known. */
bool image_picture_is_photo(const ImageOptions *options, bool (*look)(const void *picture),
                            const void *picture);
