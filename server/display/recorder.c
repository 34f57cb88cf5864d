/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/recorder.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <spice/enums.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "net/error_text.h"

#define BUFFER_BYTES 16384u /* most events without pixels fit */
#define LINE_BYTES_MAX 128u /* the longest that is made here has 75 */

/* What an event is about. */
#define EVENT_COMMAND 0
#define EVENT_CALL 1

/* By the existing server's message numbers. */
#define CALL_CREATE_PRIMARY 20
#define CALL_DESTROY_PRIMARY 21

struct Recorder {
    const Core *core;
    CoreFile *file; /* NULL: it failed */
    uint64_t events;
    size_t len;
    char buffer[BUFFER_BYTES];
};

/* ---- The file ---------------------------------------------------------------------------------------------
 */

Recorder *recorder_new(const Core *core, uint32_t number)
{
    static const char head[] = "SPICE_REPLAY 1\n";
    const char *name = core->env(core, "SPICE_WORKER_RECORD_FILENAME");
    const char *filter = core->env(core, "SPICE_WORKER_RECORD_FILTER");
    CoreFile *file;

    if (name == NULL || name[0] == '\0') {
        return NULL;
    }
    char *path = number == 0 ? g_strdup(name) : g_strdup_printf("%s.%u", name, number);
    const int error =
        core->file_create(core, path, filter != NULL && filter[0] != '\0' ? filter : NULL, &file);
    if (error != 0) {
        core_log(core, CORE_LOG_WARNING, "nothing is recorded in %s%s%s: %s", path,
                 filter != NULL && filter[0] != '\0' ? " through " : "", filter != NULL ? filter : "",
                 error_text(error));
    }
    g_free(path);
    if (error != 0) {
        return NULL;
    }
    Recorder *recorder = g_new0(Recorder, 1);
    recorder->core = core;
    recorder->file = file;
    memcpy(recorder->buffer, head, sizeof head - 1);
    recorder->len = sizeof head - 1;
    return recorder;
}

static void flush_with(Recorder *recorder, const void *data, size_t len)
{
    const struct iovec iov[] = {{recorder->buffer, recorder->len}, {(void *)data, len}};
    const Core *core = recorder->core;

    if (recorder->file != NULL) {
        const int error = core->file_write(core, recorder->file, iov, 2);
        if (error != 0) {
            core_log(core, CORE_LOG_WARNING, "the recording of commands ends at event %" PRIu64 ": %s",
                     recorder->events,
                     error == -ETIMEDOUT ? "whoever is to read it does not" : error_text(error));
            core->file_close(core, recorder->file);
            recorder->file = NULL;
        }
    }
    recorder->len = 0;
}

void recorder_free(Recorder *recorder)
{
    if (recorder == NULL) {
        return;
    }
    flush_with(recorder, NULL, 0); /* of one in which nothing happened */
    if (recorder->file != NULL) {
        recorder->core->file_close(recorder->core, recorder->file);
    }
    g_free(recorder);
}

static void put(Recorder *recorder, const void *data, size_t len)
{
    if (len > BUFFER_BYTES - recorder->len) {
        flush_with(recorder, data, len);
    } else if (len > 0) {
        memcpy(recorder->buffer + recorder->len, data, len);
        recorder->len += len;
    }
}

static void line(Recorder *recorder, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(Recorder *recorder, const char *format, ...)
{
    char text[LINE_BYTES_MAX];
    va_list args;

    va_start(args, format);
    const int len = vsnprintf(text, sizeof text - 1, format, args);
    va_end(args);
    CHECK(len > 0 && (size_t)len < sizeof text - 1);
    text[len] = '\n';
    put(recorder, text, (size_t)len + 1);
}

/* False: there is nothing to write to. */
static bool event(Recorder *recorder, int what, uint32_t type, uint64_t now_ns)
{
    if (recorder == NULL || recorder->file == NULL) {
        return false;
    }
    line(recorder, "event %" PRIu64 " %d %u %" PRIu64, recorder->events++, what, type, now_ns);
    return true;
}

static void event_end(Recorder *recorder)
{
    flush_with(recorder, NULL, 0);
}

/* ---- Parts ------------------------------------------------------------------------------------------------
 */

static void number(Recorder *recorder, const char *name, int64_t value)
{
    line(recorder, "%s %" PRIi64, name, value);
}

static void blob_begin(Recorder *recorder, const char *name, size_t len)
{
    char text[LINE_BYTES_MAX];

    put(recorder, text, (size_t)snprintf(text, sizeof text, "binary 0 %s %zu:", name, len));
}

static void blob_end(Recorder *recorder)
{
    put(recorder, "\n", 1);
}

static void blob(Recorder *recorder, const char *name, const void *data, size_t len)
{
    blob_begin(recorder, name, len);
    put(recorder, data, len);
    blob_end(recorder);
}

/* What a guest has in chunks. */
static void chunk(Recorder *recorder, const char *name, const void *data, size_t len)
{
    line(recorder, "data_chunks 0 %zu", len);
    blob(recorder, name, data, len);
}

/* The same, up to its bytes. */
static void chunk_begin(Recorder *recorder, const char *name, size_t len)
{
    line(recorder, "data_chunks 0 %zu", len);
    blob_begin(recorder, name, len);
}

static void guest_data(Recorder *recorder, const char *name, const QxlData *data)
{
    chunk_begin(recorder, name, data->bytes);
    for (uint32_t at = 0; at < data->bytes;) {
        const size_t room = BUFFER_BYTES - recorder->len;
        const uint32_t part = data->bytes - at < room ? data->bytes - at : (uint32_t)room;
        qxl_data_copy(data, at, recorder->buffer + recorder->len, part);
        recorder->len += part;
        at += part;
        if (recorder->len == BUFFER_BYTES) {
            flush_with(recorder, NULL, 0);
        }
    }
    blob_end(recorder);
}

static void rect(Recorder *recorder, const char *name, const QXLRect *r)
{
    line(recorder, "rect %s %d %d %d %d", name, r->top, r->left, r->bottom, r->right);
}

static void point(Recorder *recorder, const QXLPoint *p)
{
    line(recorder, "point %d %d", p->x, p->y);
}

static void point16(Recorder *recorder, const char *name, int x, int y)
{
    line(recorder, "%s %d %d", name, x, y);
}

static void bitmap(Recorder *recorder, const QxlImage *image)
{
    const QxlBitmap *from = &image->u.bitmap;

    number(recorder, "bitmap.format", from->format);
    number(recorder, "bitmap.flags",
           (from->top_down ? QXL_BITMAP_TOP_DOWN : 0) | (from->unstable ? QXL_BITMAP_UNSTABLE : 0));
    number(recorder, "bitmap.x", image->width);
    number(recorder, "bitmap.y", image->height);
    number(recorder, "bitmap.stride", from->stride);
    number(recorder, "has_palette", from->palette != NULL);
    if (from->palette != NULL) {
        number(recorder, "qp.num_ents", from->palette->count);
        line(recorder, "unique %" PRIu64, from->palette->unique);
        for (uint32_t i = 0; i < from->palette->count; i++) {
            line(recorder, "ents %u", from->palette->entries[i]);
        }
    }
    guest_data(recorder, "bitmap.data", &from->data);
}

static void image_put(Recorder *recorder, const QxlImage *image)
{
    number(recorder, "image", image != NULL);
    if (image == NULL) {
        return;
    }
    line(recorder, "descriptor.id %" PRIu64, image->id);
    number(recorder, "descriptor.type", image->type);
    number(recorder, "descriptor.flags", image->flags);
    number(recorder, "descriptor.width", image->width);
    number(recorder, "descriptor.height", image->height);
    switch (image->type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        bitmap(recorder, image);
        break;
    case SPICE_IMAGE_TYPE_QUIC:
        number(recorder, "quic.data_size", image->u.quic.bytes);
        guest_data(recorder, "quic.data", &image->u.quic);
        break;
    default:
        number(recorder, "surface_image.surface_id", image->u.surface_id);
        break;
    }
}

static void brush_put(Recorder *recorder, const QxlBrush *brush)
{
    number(recorder, "type", brush->type);
    if (brush->type == SPICE_BRUSH_TYPE_SOLID) {
        number(recorder, "u.color", brush->color);
    } else if (brush->type == SPICE_BRUSH_TYPE_PATTERN) {
        image_put(recorder, brush->pattern);
        point(recorder, &brush->pattern_pos);
    }
}

static void mask_put(Recorder *recorder, const QxlMask *mask)
{
    number(recorder, "flags", mask->inverse ? SPICE_MASK_FLAGS_INVERS : 0);
    point(recorder, &mask->pos);
    image_put(recorder, mask->image);
}

static void clip_put(Recorder *recorder, const QxlClip *clip)
{
    number(recorder, "type", clip->rects_given ? SPICE_CLIP_TYPE_RECTS : SPICE_CLIP_TYPE_NONE);
    if (clip->rects_given) {
        number(recorder, "num_rects", clip->count);
        chunk(recorder, "clip_rects", clip->rects, clip->count * sizeof clip->rects[0]);
    }
}

static void transform_put(Recorder *recorder, const char *name, const QxlTransform *transform)
{
    number(recorder, name, transform != NULL);
    if (transform != NULL) {
        blob(recorder, "transform", transform->t, sizeof transform->t);
    }
}

/* ---- Drawings ---------------------------------------------------------------------------------------------
 */

static void source_put(Recorder *recorder, const QxlImage *src, const QXLRect *area)
{
    image_put(recorder, src);
    rect(recorder, "src_area", area);
}

static void path_put(Recorder *recorder, const QxlPath *path)
{
    const size_t heads = (size_t)path->count * sizeof(QXLPathSeg);

    chunk_begin(recorder, "path", heads + (size_t)path->points * sizeof(QXLPointFix));
    for (uint32_t i = 0; i < path->count; i++) {
        const QxlPathSegment *segment = &path->segments[i];
        const QXLPathSeg head = {.flags = segment->flags, .count = segment->count};
        put(recorder, &head, sizeof head);
        put(recorder, segment->points, segment->count * sizeof segment->points[0]);
    }
    blob_end(recorder);
}

static void stroke_put(Recorder *recorder, const QxlStroke *stroke)
{
    path_put(recorder, &stroke->path);
    number(recorder, "attr.flags", stroke->line.flags);
    if ((stroke->line.flags & SPICE_LINE_FLAGS_STYLED) != 0) {
        number(recorder, "attr.style_nseg", stroke->line.dash_count);
        blob(recorder, "style", stroke->line.dash, stroke->line.dash_count * sizeof stroke->line.dash[0]);
    }
    brush_put(recorder, &stroke->brush);
    number(recorder, "fore_mode", stroke->fore_mode);
    number(recorder, "back_mode", stroke->back_mode);
}

static void text_put(Recorder *recorder, const QxlText *text)
{
    const QxlString *string = &text->string;
    const size_t bytes = string->count * sizeof(QXLRasterGlyph) + string->glyph_bytes;

    number(recorder, "data_size", (int64_t)bytes);
    number(recorder, "length", string->count);
    number(recorder, "flags", string->flags);
    chunk_begin(recorder, "string", bytes);
    for (uint32_t i = 0; i < string->count; i++) {
        const QxlGlyph *glyph = &string->glyphs[i];
        const QXLRasterGlyph head = {.render_pos = glyph->render_pos,
                                     .glyph_origin = glyph->glyph_origin,
                                     .width = glyph->width,
                                     .height = glyph->height};
        put(recorder, &head, sizeof head);
        put(recorder, glyph->rows, (size_t)glyph->row_bytes * glyph->height);
    }
    blob_end(recorder);
    rect(recorder, "back_area", &text->back_area);
    brush_put(recorder, &text->fore);
    brush_put(recorder, &text->back);
    number(recorder, "fore_mode", text->fore_mode);
    number(recorder, "back_mode", text->back_mode);
}

static void composite_put(Recorder *recorder, const QxlComposite *composite)
{
    number(recorder, "flags", composite->flags);
    image_put(recorder, composite->src);
    transform_put(recorder, "src_transform", composite->src_transform);
    number(recorder, "mask", composite->mask != NULL);
    if (composite->mask != NULL) {
        image_put(recorder, composite->mask);
    }
    transform_put(recorder, "mask_transform", composite->mask_transform);
    point16(recorder, "src_origin", composite->src_origin.x, composite->src_origin.y);
    point16(recorder, "mask_origin", composite->mask_origin.x, composite->mask_origin.y);
}

static void drawing_put(Recorder *recorder, const QxlDrawable *drawable)
{
    switch (drawable->type) {
    case QXL_DRAW_FILL: {
        const QxlFill *fill = &drawable->u.fill;
        brush_put(recorder, &fill->brush);
        number(recorder, "rop_descriptor", fill->rop);
        mask_put(recorder, &fill->mask);
        break;
    }
    case QXL_DRAW_OPAQUE: {
        const QxlOpaque *opaque = &drawable->u.opaque;
        source_put(recorder, opaque->src, &opaque->src_area);
        brush_put(recorder, &opaque->brush);
        number(recorder, "rop_descriptor", opaque->rop);
        number(recorder, "scale_mode", opaque->scale_mode);
        mask_put(recorder, &opaque->mask);
        break;
    }
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND: {
        const QxlCopy *copy = &drawable->u.copy;
        source_put(recorder, copy->src, &copy->src_area);
        number(recorder, "rop_descriptor", copy->rop);
        number(recorder, "scale_mode", copy->scale_mode);
        mask_put(recorder, &copy->mask);
        break;
    }
    case QXL_COPY_BITS:
        point(recorder, &drawable->u.copy_bits);
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        mask_put(recorder, &drawable->u.mask);
        break;
    case QXL_DRAW_ROP3: {
        const QxlRop3 *rop3 = &drawable->u.rop3;
        source_put(recorder, rop3->src, &rop3->src_area);
        brush_put(recorder, &rop3->brush);
        number(recorder, "rop3", rop3->rop3);
        number(recorder, "scale_mode", rop3->scale_mode);
        mask_put(recorder, &rop3->mask);
        break;
    }
    case QXL_DRAW_STROKE:
        stroke_put(recorder, &drawable->u.stroke);
        break;
    case QXL_DRAW_TEXT:
        text_put(recorder, &drawable->u.text);
        break;
    case QXL_DRAW_TRANSPARENT: {
        const QxlTransparent *transparent = &drawable->u.transparent;
        source_put(recorder, transparent->src, &transparent->src_area);
        number(recorder, "src_color", transparent->src_color);
        number(recorder, "true_color", transparent->true_color);
        break;
    }
    case QXL_DRAW_ALPHA_BLEND: {
        const QxlAlphaBlend *blend = &drawable->u.alpha_blend;
        number(recorder, "alpha_flags", blend->flags);
        number(recorder, "alpha", blend->alpha);
        source_put(recorder, blend->src, &blend->src_area);
        break;
    }
    case QXL_DRAW_COMPOSITE:
        composite_put(recorder, &drawable->u.composite);
        break;
    default: /* QXL_DRAW_NOP */
        break;
    }
}

void recorder_draw(Recorder *recorder, const QxlDrawable *drawable, uint64_t now_ns)
{
    static const QXLRect nowhere;

    if (!event(recorder, EVENT_COMMAND, QXL_CMD_DRAW, now_ns)) {
        return;
    }
    line(recorder, "drawable");
    rect(recorder, "bbox", &drawable->box);
    clip_put(recorder, &drawable->clip);
    number(recorder, "effect", drawable->effect);
    number(recorder, "mm_time", drawable->mm_time);
    number(recorder, "self_bitmap", drawable->self_bitmap);
    rect(recorder, "self_bitmap_area", &drawable->self_bitmap_area);
    number(recorder, "surface_id", drawable->surface_id);
    for (uint32_t i = 0; i < QXL_DEPENDENCIES_MAX; i++) {
        const QxlDependency *dependency = &drawable->dependencies[i];
        const bool is_one = i < drawable->dependency_count;
        number(recorder, "surfaces_dest", is_one ? (int64_t)dependency->surface_id : -1);
        rect(recorder, "surfaces_rects", is_one ? &dependency->rect : &nowhere);
    }
    number(recorder, "type", drawable->type);
    drawing_put(recorder, drawable);
    event_end(recorder);
}

/* ---- Other commands ---------------------------------------------------------------------------------------
 */

void recorder_update(Recorder *recorder, const QxlUpdate *update, uint64_t now_ns)
{
    if (event(recorder, EVENT_COMMAND, QXL_CMD_UPDATE, now_ns)) {
        line(recorder, "update");
        rect(recorder, "area", &update->area);
        number(recorder, "update_id", update->update_id);
        number(recorder, "surface_id", update->surface_id);
        event_end(recorder);
    }
}

void recorder_message(Recorder *recorder, const QxlMessage *message, uint64_t now_ns)
{
    if (event(recorder, EVENT_COMMAND, QXL_CMD_MESSAGE, now_ns)) {
        blob(recorder, "message", message->text, strlen(message->text));
        event_end(recorder);
    }
}

static void shape_put(Recorder *recorder, const QxlShape *header, const void *shape, size_t shape_len)
{
    line(recorder, "header.unique %" PRIu64, header->unique);
    number(recorder, "header.type", header->type);
    number(recorder, "header.width", header->width);
    number(recorder, "header.height", header->height);
    number(recorder, "header.hot_spot_x", header->hot_x);
    number(recorder, "header.hot_spot_y", header->hot_y);
    number(recorder, "data_size", (int64_t)shape_len);
    chunk(recorder, "cursor", shape, shape_len);
}

void recorder_cursor(Recorder *recorder, const QxlCursor *cursor, const void *shape, size_t shape_len,
                     uint64_t now_ns)
{
    if (!event(recorder, EVENT_COMMAND, QXL_CMD_CURSOR, now_ns)) {
        return;
    }
    line(recorder, "cursor_cmd");
    number(recorder, "type", cursor->type);
    switch (cursor->type) {
    case QXL_CURSOR_SET:
        point16(recorder, "point16", cursor->x, cursor->y);
        number(recorder, "u.set.visible", cursor->visible);
        shape_put(recorder, &cursor->shape, shape, shape_len);
        break;
    case QXL_CURSOR_MOVE:
        point16(recorder, "point16", cursor->x, cursor->y);
        break;
    case QXL_CURSOR_TRAIL:
        number(recorder, "u.trail.length", cursor->trail_length);
        number(recorder, "u.trail.frequency", cursor->trail_frequency);
        break;
    default: /* QXL_CURSOR_HIDE */
        break;
    }
    event_end(recorder);
}

/* ---- Surfaces ---------------------------------------------------------------------------------------------
 */

static size_t surface_bytes(int32_t stride, uint32_t height)
{
    const int64_t line_bytes = stride; /* wide enough for the absolute value of any */

    return (size_t)(line_bytes < 0 ? -line_bytes : line_bytes) * height;
}

static void surface_put(Recorder *recorder, uint32_t id, uint8_t type, bool keep)
{
    line(recorder, "surface_cmd");
    number(recorder, "surface_id", id);
    number(recorder, "type", type);
    number(recorder, "flags", keep ? QXL_SURF_FLAG_KEEP_DATA : 0);
}

void recorder_surface_create(Recorder *recorder, uint32_t id, const QxlGeometry *geometry, const void *pixels,
                             uint64_t now_ns)
{
    if (!event(recorder, EVENT_COMMAND, QXL_CMD_SURFACE, now_ns)) {
        return;
    }
    surface_put(recorder, id, QXL_SURFACE_CMD_CREATE, pixels != NULL);
    number(recorder, "u.surface_create.format", geometry->format);
    number(recorder, "u.surface_create.width", geometry->width);
    number(recorder, "u.surface_create.height", geometry->height);
    number(recorder, "u.surface_create.stride", geometry->stride);
    if (pixels != NULL) {
        blob(recorder, "data", pixels, surface_bytes(geometry->stride, geometry->height));
    }
    event_end(recorder);
}

void recorder_surface_destroy(Recorder *recorder, uint32_t id, uint64_t now_ns)
{
    if (event(recorder, EVENT_COMMAND, QXL_CMD_SURFACE, now_ns)) {
        surface_put(recorder, id, QXL_SURFACE_CMD_DESTROY, false);
        event_end(recorder);
    }
}

void recorder_primary_create(Recorder *recorder, const QXLDevSurfaceCreate *create, const void *pixels,
                             uint64_t now_ns)
{
    if (event(recorder, EVENT_CALL, CALL_CREATE_PRIMARY, now_ns)) {
        line(recorder, "%u %u %d %u", create->width, create->height, create->stride, create->format);
        line(recorder, "%u %u %u %u", create->position, create->mouse_mode, create->flags, create->type);
        blob(recorder, "data", pixels, surface_bytes(create->stride, create->height));
        event_end(recorder);
    }
}

void recorder_primary_destroy(Recorder *recorder, uint64_t now_ns)
{
    if (event(recorder, EVENT_CALL, CALL_DESTROY_PRIMARY, now_ns)) {
        event_end(recorder);
    }
}
