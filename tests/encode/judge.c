/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* encode-judge: random drawings by the server's canvas, and through encoder and wire by the fake client's renderer.
 *
 *   encode-judge [--count DRAWINGS] [--seed SEED] [--batch NUMBER] [KIND]...
 *
 * DRAWINGS of each kind (world_drawings.c), in batches, each onto a surface of its own; every batch has a client with other
 * habits (compression, headers, caches). Each drawing is sent twice, onto the same pixels: the second time its images and
 * palettes may come from the client's caches. Then an area of the canvas is sent over pixels that differ. All must agree, but
 * for the byte of 32_xRGB that is nobody's: what went by JPEG with what libjpeg alone makes of the same pixels (straight.h).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/encode/straight.h"
#include "tests/encode/studio.h"

typedef struct Judge {
    Studio studio;
    uint8_t *pixels; /* the canvases', while they are what JPEG makes of them */
    const WorldOp *op;
    unsigned op_index;
    uint64_t seed;
    unsigned long drawn, refused, different, areas, lossy;
    uint64_t bytes;
} Judge;

static const char *const compression_names[DRAW_COMPRESSION_COUNT] = {"off", "lz",      "lz4",     "quic",
                                                                      "glz", "auto_lz", "auto_glz"};

/* The highest bit of 16BIT pixels, which is nobody's, is 0: it does not survive scaling, but counts for transparent colours. */
static void spare_bits_clear(const QxlImage *image)
{
    const QxlBitmap *bitmap = &image->u.bitmap;
    if (image->type != SPICE_IMAGE_TYPE_BITMAP || bitmap->format != SPICE_BITMAP_FMT_16BIT) {
        return;
    }
    for (uint32_t i = 0; i < bitmap->data.count; i++) {
        const QxlSpan *span = &bitmap->data.spans[i];
        for (uint32_t k = 0; k < span->bytes; k++) {
            const uint32_t in_row = (span->offset + k) % bitmap->stride;
            uint8_t *byte = (uint8_t *)span->host + k;
            if (in_row % 2 == 1) {
                *byte &= 0x7f;
            }
        }
    }
}

static uint8_t smooth_byte(uint32_t x, uint32_t y, uint32_t channel, uint32_t slope)
{
    const uint32_t at = (x * (slope % 3 + 1) + y * (slope / 3 % 3 + 1) + channel * 80) % 512;
    return (uint8_t)(at < 256 ? at : 511 - at);
}

/* As a photograph is. */
static void image_smooth(const QxlImage *image, uint32_t slope)
{
    const QxlBitmap *bitmap = &image->u.bitmap;
    const uint32_t bytes = qxl_bitmap_depth(bitmap->format) / 8;
    for (uint32_t i = 0; i < bitmap->data.count; i++) {
        const QxlSpan *span = &bitmap->data.spans[i];
        for (uint32_t k = 0; k < span->bytes; k++) {
            const uint32_t at = span->offset + k, x = at % bitmap->stride / bytes, y = at / bitmap->stride;
            const uint32_t channel = at % bitmap->stride % bytes;
            uint8_t *byte = (uint8_t *)span->host + k;
            if (bytes > 2) {
                *byte = smooth_byte(x, y, channel, slope);
            } else {
                const unsigned level = smooth_byte(x, y, 0, slope) / 8u;
                *byte = (uint8_t)((level << 10 | level << 5 | level) >> 8 * channel);
            }
        }
    }
}

static void images_prepare(QxlDrawable *drawable, Choices *choices)
{
    for (uint32_t i = 0; i < drawable->image_count; i++) {
        QxlImage *image = drawable->images[i];
        if (image->type == SPICE_IMAGE_TYPE_BITMAP && image->u.bitmap.format >= SPICE_BITMAP_FMT_16BIT &&
            image->u.bitmap.format <= SPICE_BITMAP_FMT_RGBA && !choose_rarely(choices, 4)) {
            image_smooth(image, choose(choices, 9));
            /* The same pixels with and without: they meet in the GLZ window. */
            image->flags ^= choose_rarely(choices, 3) ? QXL_IMAGE_HIGH_BITS_SET : 0;
        }
        spare_bits_clear(image);
        if (choose_rarely(choices, 2)) {
            image->flags |= QXL_IMAGE_CACHE;
        }
        if (choose_rarely(choices, 8) && image->type == SPICE_IMAGE_TYPE_BITMAP) {
            image->u.bitmap.unstable = true;
        }
    }
}

static void differs(Judge *judge, uint32_t batch, uint32_t id, const QxlDrawable *drawable, const char *what)
{
    Studio *studio = &judge->studio;
    if (judge->different++ < 20) {
        const QxlGeometry *geometry = &studio->world.surfaces[id].geometry;
        fprintf(
            stderr,
            "encode-judge: %s, batch %u (%s), surface %u (format %u, %ux%u), box %d,%d-%d,%d, clip %d: %s: ",
            judge->op->name, batch, compression_names[batch % DRAW_COMPRESSION_COUNT], id, geometry->format,
            geometry->width, geometry->height, drawable->box.left, drawable->box.top, drawable->box.right,
            drawable->box.bottom, drawable->clip.rects_given, what);
        for (uint32_t i = 0; i < drawable->image_count; i++) {
            const QxlImage *image = drawable->images[i];
            fprintf(stderr, "image %ux%u type %u format %u flags %u; ", image->width, image->height,
                    image->type,
                    image->type == SPICE_IMAGE_TYPE_BITMAP    ? image->u.bitmap.format
                    : image->type == SPICE_IMAGE_TYPE_SURFACE ? image->u.surface_id
                                                              : 0,
                    image->flags);
        }
    }
}

static void compare(Judge *judge, uint32_t batch, uint32_t id, uint32_t bits, const QxlDrawable *drawable,
                    const char *what)
{
    int32_t x, y;
    uint32_t canvas, client;
    if (studio_agrees(&judge->studio, id, bits, &x, &y, &canvas, &client)) {
        return;
    }
    differs(judge, batch, id, drawable, what);
    if (judge->different <= 20) {
        fprintf(stderr, "pixel %d,%d: canvas %08x, client %08x\n", x, y, canvas, client);
    }
}

static void pixels_save(Judge *judge)
{
    judge->lossy++;
    memcpy(judge->pixels, judge->studio.pixels, judge->studio.world.pixel_bytes);
}

static void pixels_restore(Judge *judge)
{
    memcpy(judge->studio.pixels, judge->pixels, judge->studio.world.pixel_bytes);
}

static bool receive(Judge *judge, uint32_t batch, uint32_t id, const QxlDrawable *drawable)
{
    if (studio_receive(&judge->studio)) {
        judge->bytes += judge->studio.bytes;
        return true;
    }
    differs(judge, batch, id, drawable, "not received");
    fprintf(stderr, "%s\n", judge->studio.why);
    return false;
}

static void area_compare(Judge *judge, uint32_t batch, uint32_t id, const QXLRect *area,
                         const QxlDrawable *drawable)
{
    Studio *studio = &judge->studio;
    const uint32_t format = studio->world.surfaces[id].geometry.format;
    if (!draw_encoder_was_lossy(studio->encoder)) {
        compare(judge, batch, id, format == SPICE_SURFACE_FMT_16_555 ? 0x7fff : UINT32_MAX, drawable, "area");
        return;
    }
    pixels_save(judge);
    straight_area(&studio->canvases[id], area);
    compare(judge, batch, id, studio_bits(studio, id), drawable, "area by JPEG");
    pixels_restore(judge);
}

/* Pixels that the area covers are spoilt, and must be right after it. */
static void area_send(Judge *judge, uint32_t batch, uint32_t id, const QXLRect *area,
                      const QxlDrawable *drawable)
{
    Studio *studio = &judge->studio;
    RenderPicture *picture = renderer_picture(studio->renderer, id);
    for (int32_t y = area->top; y < area->bottom; y++) {
        for (int32_t x = area->left; x < area->right; x++) {
            picture->pixels[(size_t)y * picture->width + (size_t)x] = 0;
        }
    }
    judge->areas++;
    if (!draw_encoder_area(studio->encoder, &studio->canvases[id], id, area, &studio->out)) {
        differs(judge, batch, id, drawable, "area refused\n");
    } else if (receive(judge, batch, id, drawable)) {
        area_compare(judge, batch, id, area, drawable);
    }
}

static void spare_bytes_put(const Canvas *canvas, const QXLRect *area, uint8_t spare)
{
    for (int32_t y = area->top; y < area->bottom; y++) {
        for (int32_t x = area->left; x < area->right; x++) {
            canvas->raster.top[canvas->raster.stride * y + 4 * (ptrdiff_t)x + 3] = spare;
        }
    }
}

/* Where fourth bytes are nobody's, also with all of them set, and with none: these meet in the client's GLZ window. */
static void area_judge(Judge *judge, uint32_t batch, uint32_t id, Choices *choices,
                       const QxlDrawable *drawable)
{
    Studio *studio = &judge->studio;
    const QxlGeometry *geometry = &studio->world.surfaces[id].geometry;
    QXLRect area;
    area.left = (int32_t)choose(choices, geometry->width);
    area.top = (int32_t)choose(choices, geometry->height);
    area.right = area.left + 1 + (int32_t)choose(choices, geometry->width - (uint32_t)area.left);
    area.bottom = area.top + 1 + (int32_t)choose(choices, geometry->height - (uint32_t)area.top);
    area_send(judge, batch, id, &area, drawable);
    if (geometry->format == SPICE_SURFACE_FMT_32_xRGB) {
        spare_bytes_put(&studio->canvases[id], &area, 0xff);
        area_send(judge, batch, id, &area, drawable);
        spare_bytes_put(&studio->canvases[id], &area, 0);
        area_send(judge, batch, id, &area, drawable);
    }
}

/* A self bitmap that is not known goes only where it came from. */
static bool may_be_refused(const Judge *judge, const QxlDrawable *drawable)
{
    return drawable->self_bitmap && !judge->studio.know_self;
}

static void canvas_must_draw(Judge *judge, uint32_t id, const QxlDrawable *drawable)
{
    Studio *studio = &judge->studio;
    QxlFault fault = {0};
    if (canvas_draw(&studio->set, &studio->canvases[id], drawable, &fault) != STATUS_OK) {
        fprintf(stderr, "encode-judge: the canvas refuses: %s\n", fault.why);
        exit(1);
    }
}

/* As the client was to draw it: the same drawing of what JPEG leaves of its images. The canvas stays as it is. */
static void lossy_compare(Judge *judge, uint32_t batch, uint32_t id, const QxlDrawable *drawable)
{
    Studio *studio = &judge->studio;
    StraightImage straight[QXL_DRAWABLE_IMAGES_MAX];
    uint32_t count = 0;
    pixels_save(judge);
    for (uint32_t i = 0; i < drawable->image_count; i++) {
        if (straight_takes(drawable->images[i])) {
            straight_replace(&straight[count++], drawable->images[i]);
        }
    }
    canvas_must_draw(judge, id, drawable);
    while (count > 0) {
        straight_restore(&straight[--count]);
    }
    compare(judge, batch, id, studio_bits(studio, id), drawable, "drawn by JPEG");
    pixels_restore(judge);
}

static bool same_bits(const uint32_t *a, const uint32_t *b, size_t count, uint32_t bits)
{
    for (size_t i = 0; i < count; i++) {
        if (((a[i] ^ b[i]) & bits) != 0) {
            return false;
        }
    }
    return true;
}

/* Encoded before the canvas draws: what a drawing takes from its own surface is what was there before. */
static void drawing_judge(Judge *judge, uint32_t batch, uint32_t id)
{
    Studio *studio = &judge->studio;
    Choices choices = choices_of_seed(((judge->seed * 31 + judge->op_index) * 1000003 + batch) * 64 + id);
    QxlDrawable *drawable = studio_drawing(studio, &choices, judge->op, id);
    const RenderPicture *picture = renderer_picture(studio->renderer, id);
    const size_t bytes = (size_t)picture->width * picture->height * sizeof *picture->pixels;
    uint32_t *once = malloc(bytes);

    images_prepare(drawable, &choices);
    if ((drawable->type == QXL_DRAW_COPY || drawable->type == QXL_DRAW_BLEND) &&
        !choose_rarely(&choices, 4)) {
        drawable->u.copy.rop = SPICE_ROPD_OP_PUT; /* what may lose */
    }
    judge->drawn++;
    const bool sent =
        draw_encoder_draw(studio->encoder, drawable, id, &studio->out) && receive(judge, batch, id, drawable);
    if (!sent && !may_be_refused(judge, drawable)) {
        differs(judge, batch, id, drawable, "refused\n");
    }
    if (sent) {
        memcpy(once, picture->pixels, bytes);
        studio_copy_surface(studio, id);
        if (!draw_encoder_draw(studio->encoder, drawable, id, &studio->out) ||
            !receive(judge, batch, id, drawable) ||
            !same_bits(once, picture->pixels, bytes / sizeof *once, studio_bits(studio, id))) {
            differs(judge, batch, id, drawable, "not the same for the second time\n");
        }
    }
    free(once);
    const bool lossy = sent && draw_encoder_was_lossy(studio->encoder);
    if (lossy) {
        lossy_compare(judge, batch, id, drawable);
    }
    canvas_must_draw(judge, id, drawable);
    if (sent && !lossy) {
        compare(judge, batch, id, studio_bits(studio, id), drawable, "drawn");
    }
    judge->refused += !sent;
    studio_copy_surface(studio, id);
    area_judge(judge, batch, id, &choices, drawable);
    qxl_drawable_free(drawable);
}

static void batch_run(Judge *judge, uint32_t batch)
{
    Choices choices = choices_of_seed((judge->seed * 31 + judge->op_index) * 1000003 + batch);
    const StudioConfig config = {
        .compression = (DrawCompression)(batch % DRAW_COMPRESSION_COUNT),
        .hold = !choose_rarely(&choices, 3),
        .know_self = !choose_rarely(&choices, 3),
        .mini_header = choose_rarely(&choices, 2),
        .cache_pixels = choose_rarely(&choices, 3) ? 0 : 1 + choose(&choices, 40000),
        .glz_pixels = choose_rarely(&choices, 4) ? 0 : 1 + choose(&choices, 40000),
        .zlib = choose_rarely(&choices, 2),
        .lossy = !choose_rarely(&choices, 4),
    };

    studio_connect(&judge->studio, &config);
    studio_surfaces(&judge->studio, &choices, judge->op->formats);
    for (uint32_t id = 1; id <= WORLD_DRAWN; id++) {
        drawing_judge(judge, batch, id);
    }
}

/* How many kinds of images were never sent. */
static unsigned codecs_missing(const Studio *studio)
{
    static const uint8_t types[] = {WIRE_IMAGE_TYPE_BITMAP,  WIRE_IMAGE_TYPE_QUIC,
                                    WIRE_IMAGE_TYPE_LZ_PLT,  WIRE_IMAGE_TYPE_LZ_RGB,
                                    WIRE_IMAGE_TYPE_GLZ_RGB, WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB,
                                    WIRE_IMAGE_TYPE_JPEG,    WIRE_IMAGE_TYPE_JPEG_ALPHA,
                                    WIRE_IMAGE_TYPE_LZ4,     WIRE_IMAGE_TYPE_FROM_CACHE};
    unsigned missing = 0;
    for (size_t i = 0; i < sizeof types; i++) {
        printf("%s%s %u", i == 0 ? "images: " : ", ", wire_image_type_name(types[i]),
               studio->images[types[i]]);
        missing += studio->images[types[i]] == 0;
    }
    printf("\n");
    return missing;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"count", required_argument, NULL, 'c'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {0}};
    static Judge judge = {.seed = 1};
    unsigned long count = 300, different = 0;
    long only = -1;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            count = strtoul(optarg, NULL, 10);
            break;
        case 's':
            judge.seed = strtoull(optarg, NULL, 10);
            break;
        case 'b':
            only = strtol(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    }
    studio_init(&judge.studio);
    judge.pixels = malloc(WORLD_PIXEL_BYTES);
    if (judge.pixels == NULL) {
        return 2;
    }
    judge.studio.world.beyond = true;
    for (unsigned i = 0; i < world_op_count; i++) {
        bool wanted = optind == argc;
        for (int k = optind; k < argc; k++) {
            wanted = wanted || strcmp(argv[k], world_ops[i].name) == 0;
        }
        if (!wanted) {
            continue;
        }
        judge.op = &world_ops[i];
        judge.op_index = i;
        judge.drawn = judge.refused = judge.different = judge.areas = judge.lossy = 0;
        for (uint32_t batch = 0; judge.drawn < count; batch++) {
            if (only < 0 || batch == (uint32_t)only) {
                batch_run(&judge, batch);
            } else {
                judge.drawn += WORLD_DRAWN;
            }
        }
        printf("%-15s %lu drawn twice, %lu areas, %lu lossy, %lu refused, %lu different\n", judge.op->name,
               judge.drawn, judge.areas, judge.lossy, judge.refused, judge.different);
        different += judge.different;
    }
    different += optind == argc && only < 0 ? codecs_missing(&judge.studio) : 0;
    free(judge.pixels);
    studio_finish(&judge.studio);
    return different == 0 ? 0 : 1;
}
