/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display.c: surfaces, streams, monitors, and what each drawing message refers to. Images: images.c. */
#include "internal.h"

void fake_display_prefer(FakeConnection *c, uint8_t compression)
{
    const WireMsgc m = {c->channel,
                        WIRE_MSGC_DISPLAY_PREFERRED_COMPRESSION,
                        {.display_preferred_compression = {compression}}};
    fake_connection_send(c, &m);
}

void display_opened(FakeConnection *c)
{
    const FakeClientConfig *config = &c->client->config;
    if (!c->behaviour.skip_display_init) {
        const WireMsgc m = {c->channel,
                            WIRE_MSGC_DISPLAY_INIT,
                            {.display_init = {config->pixmap_cache_id, config->pixmap_cache_pixels,
                                              config->glz_dictionary_id, config->glz_window_pixels}}};
        fake_connection_send(c, &m);
    }
    if (config->compression != 0 && fake_connection_server_has(c, WIRE_CAP_DISPLAY_PREF_COMPRESSION)) {
        fake_display_prefer(c, config->compression);
    }
}

static const FakeSurface *surface_find(const FakeConnection *c, uint32_t id)
{
    const FakeSurface *surface = id < FAKE_SURFACES_MAX ? &c->display->model.surfaces[id] : NULL;
    return surface != NULL && surface->exists ? surface : NULL;
}

static bool rect_is_inside(const WireRect *rect, uint32_t width, uint32_t height)
{
    return rect->left >= 0 && rect->top >= 0 && rect->left <= rect->right && rect->top <= rect->bottom &&
           (uint32_t)rect->right <= width && (uint32_t)rect->bottom <= height;
}

static void clip_check(FakeConnection *c, const WireClip *clip)
{
    if (wire_clip_type_name(clip->type) == NULL) {
        violate(c, FAKE_RULE_VALUES, "clip type %u", clip->type);
    }
    for (uint32_t i = 0; i < clip->rects.n; i++) {
        if (clip->rects.items[i].left > clip->rects.items[i].right ||
            clip->rects.items[i].top > clip->rects.items[i].bottom) {
            violate(c, FAKE_RULE_DRAWING, "clip rectangle %u is inside out", i);
        }
    }
}

static void base_check(FakeConnection *c, const WireDisplayBase *base)
{
    const FakeSurface *surface = surface_find(c, base->surface_id);
    c->display->model.draws++;
    if (surface == NULL) {
        violate(c, FAKE_RULE_DRAWING, "drawing on surface %u, which does not exist", base->surface_id);
    } else if (!rect_is_inside(&base->box, surface->width, surface->height)) {
        violate(c, FAKE_RULE_DRAWING, "box %d,%d-%d,%d on surface %u of %ux%u", base->box.left, base->box.top,
                base->box.right, base->box.bottom, base->surface_id, surface->width, surface->height);
    }
    clip_check(c, &base->clip);
}

static void source_check(FakeConnection *c, const WireImage *src, const WireRect *area)
{
    if (src == NULL) {
        violate(c, FAKE_RULE_DRAWING, "a drawing without its image");
        return;
    }
    image_check(c, src, area);
    if (src->type == WIRE_IMAGE_TYPE_SURFACE && surface_find(c, src->u.surface_id) == NULL) {
        violate(c, FAKE_RULE_DRAWING, "drawing from surface %u, which does not exist", src->u.surface_id);
    }
}

static void mask_check(FakeConnection *c, const WireQMask *mask)
{
    if (mask->bitmap != NULL) {
        source_check(c, mask->bitmap, NULL);
    }
}

static void brush_check(FakeConnection *c, const WireBrush *brush)
{
    if (wire_brush_type_name(brush->type) == NULL) {
        violate(c, FAKE_RULE_VALUES, "brush type %u", brush->type);
    } else if (brush->type == WIRE_BRUSH_TYPE_PATTERN) {
        source_check(c, brush->u.pattern.pat, NULL);
    }
}

static void scale_check(FakeConnection *c, uint8_t scale_mode)
{
    if (wire_image_scale_mode_name(scale_mode) == NULL) {
        violate(c, FAKE_RULE_VALUES, "scale mode %u", scale_mode);
    }
}

static void copy_bits(FakeConnection *c, const WireMsgDisplayCopyBits *m)
{
    base_check(c, &m->base);
    const FakeSurface *surface = surface_find(c, m->base.surface_id);
    const int64_t right = (int64_t)m->src_pos.x + m->base.box.right - m->base.box.left;
    const int64_t bottom = (int64_t)m->src_pos.y + m->base.box.bottom - m->base.box.top;
    if (surface != NULL &&
        (m->src_pos.x < 0 || m->src_pos.y < 0 || right > surface->width || bottom > surface->height)) {
        violate(c, FAKE_RULE_DRAWING, "COPY_BITS from %d,%d, outside the surface", m->src_pos.x,
                m->src_pos.y);
    }
}

/* ---- Surfaces and monitors ---- */

static void surface_create(FakeConnection *c, const WireMsgDisplaySurfaceCreate *m)
{
    FakeDisplayModel *model = &c->display->model;
    const uint32_t known = WIRE_SURFACE_FLAG_PRIMARY | WIRE_SURFACE_FLAG_STREAMING_MODE;
    if (m->surface_id >= FAKE_SURFACES_MAX) {
        violate(c, FAKE_RULE_VALUES, "surface %u", m->surface_id);
        return;
    }
    if (model->surfaces[m->surface_id].exists) {
        violate(c, FAKE_RULE_DRAWING, "surface %u is created twice", m->surface_id);
    }
    if (wire_surface_fmt_name(m->format) == NULL || m->format == WIRE_SURFACE_FMT_INVALID || m->width == 0 ||
        m->height == 0 || (m->flags & ~known) != 0 ||
        ((m->flags & WIRE_SURFACE_FLAG_PRIMARY) != 0) != (m->surface_id == 0)) {
        violate(c, FAKE_RULE_VALUES, "surface %u: %ux%u, format %u, flags %u", m->surface_id, m->width,
                m->height, m->format, m->flags);
    }
    if (m->format == WIRE_SURFACE_FMT_8_A && !connection_announced(c, WIRE_CAP_DISPLAY_A8_SURFACE)) {
        violate(c, FAKE_RULE_CAPABILITIES, "an 8_A surface");
    }
    if ((m->flags & WIRE_SURFACE_FLAG_STREAMING_MODE) &&
        !connection_announced(c, WIRE_CAP_DISPLAY_MULTI_CODEC)) {
        violate(c, FAKE_RULE_CAPABILITIES, "a surface in streaming mode");
    }
    if (m->surface_id == 0) {
        model->marked = false;
    }
    model->surfaces[m->surface_id] = (FakeSurface){true, m->width, m->height, m->format, m->flags};
}

static void surface_destroy(FakeConnection *c, uint32_t id)
{
    if (surface_find(c, id) == NULL) {
        violate(c, FAKE_RULE_DRAWING, "surface %u is destroyed, and does not exist", id);
        return;
    }
    c->display->model.surfaces[id].exists = false;
}

static void monitors_config(FakeConnection *c, const WireMsgDisplayMonitorsConfig *m)
{
    FakeDisplayModel *model = &c->display->model;
    if (m->max_allowed != 0 && m->heads.n > m->max_allowed) {
        violate(c, FAKE_RULE_VALUES, "%u monitors, %u allowed", m->heads.n, m->max_allowed);
    }
    model->heads_len = 0;
    model->heads_max = m->max_allowed;
    for (uint32_t i = 0; i < m->heads.n; i++) {
        const WireHead *head = &m->heads.items[i];
        if (head->width == 0 || head->height == 0) {
            violate(c, FAKE_RULE_VALUES, "monitor %u has no size", head->monitor_id);
        }
        if (model->heads_len < FAKE_HEADS_MAX) {
            model->heads[model->heads_len++] = *head;
        }
    }
}

/* ---- Streams ---- */

static void stream_check(FakeConnection *c, uint32_t id)
{
    if (id >= WIRE_STREAMS_MAX || !(c->display->model.streams >> id & 1)) {
        violate(c, FAKE_RULE_ORDER, "stream %u does not exist", id);
    }
}

static void stream_create(FakeConnection *c, const WireMsgDisplayStreamCreate *m)
{
    static const int codec_caps[] = {
        [WIRE_VIDEO_CODEC_TYPE_MJPEG] = WIRE_CAP_DISPLAY_CODEC_MJPEG,
        [WIRE_VIDEO_CODEC_TYPE_VP8] = WIRE_CAP_DISPLAY_CODEC_VP8,
        [WIRE_VIDEO_CODEC_TYPE_H264] = WIRE_CAP_DISPLAY_CODEC_H264,
        [WIRE_VIDEO_CODEC_TYPE_VP9] = WIRE_CAP_DISPLAY_CODEC_VP9,
        [WIRE_VIDEO_CODEC_TYPE_H265] = WIRE_CAP_DISPLAY_CODEC_H265,
    };
    const FakeSurface *surface = surface_find(c, m->surface_id);
    if (m->id >= WIRE_STREAMS_MAX || (c->display->model.streams >> m->id & 1)) {
        violate(c, FAKE_RULE_ORDER, "stream %u is created twice, or not a stream", m->id);
    } else {
        c->display->model.streams |= UINT64_C(1) << m->id;
    }
    if (surface == NULL || !rect_is_inside(&m->dest, surface->width, surface->height)) {
        violate(c, FAKE_RULE_DRAWING, "stream %u outside of surface %u", m->id, m->surface_id);
    }
    if (wire_video_codec_type_name(m->codec_type) == NULL) {
        violate(c, FAKE_RULE_VALUES, "codec %u", m->codec_type);
    } else if (connection_announced(c, WIRE_CAP_DISPLAY_MULTI_CODEC)
                   ? !connection_announced(c, codec_caps[m->codec_type])
                   : m->codec_type != WIRE_VIDEO_CODEC_TYPE_MJPEG) {
        violate(c, FAKE_RULE_CAPABILITIES, "a stream in codec %u", m->codec_type);
    }
    clip_check(c, &m->clip);
}

/* ---- Caches ---- */

static void inval_list(FakeConnection *c, const WireMsgDisplayInvalList *m)
{
    Pixmaps *pixmaps = &c->client->pixmaps;
    for (uint32_t i = 0; i < m->resources.n; i++) {
        const WireResourceID *resource = &m->resources.items[i];
        const IdEntry *entry = id_set_find(&pixmaps->entries, resource->id);
        if (resource->type != WIRE_RES_TYPE_PIXMAP) {
            violate(c, FAKE_RULE_VALUES, "resource type %u", resource->type);
        } else if (entry == NULL) {
            if (!has_other_displays(c)) {
                violate(c, FAKE_RULE_PIXMAP_CACHE, "image %llu to be dropped is not in the cache",
                        (unsigned long long)resource->id);
            }
        } else {
            pixmaps->pixels -= entry->value >> 1;
            id_set_remove(&pixmaps->entries, resource->id);
        }
    }
}

static void pixmaps_clear(FakeConnection *c, const WireMsgDisplayInvalAllPixmaps *m)
{
    waits_add(c, &m->wait_list);
    id_set_clear(&c->client->pixmaps.entries);
    c->client->pixmaps.pixels = 0;
}

/* ---- All of them ---- */

/* False: no drawing message. */
static bool draw(FakeConnection *c, const WireMsg *m)
{
    switch (m->type) {
    case WIRE_MSG_DISPLAY_COPY_BITS:
        copy_bits(c, &m->u.display_copy_bits);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_FILL:
        base_check(c, &m->u.display_draw_fill.base);
        brush_check(c, &m->u.display_draw_fill.brush);
        mask_check(c, &m->u.display_draw_fill.mask);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_OPAQUE:
        base_check(c, &m->u.display_draw_opaque.base);
        source_check(c, m->u.display_draw_opaque.src, NULL);
        brush_check(c, &m->u.display_draw_opaque.brush);
        scale_check(c, m->u.display_draw_opaque.scale_mode);
        mask_check(c, &m->u.display_draw_opaque.mask);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_COPY:
        base_check(c, &m->u.display_draw_copy.base);
        source_check(c, m->u.display_draw_copy.src, &m->u.display_draw_copy.src_area);
        scale_check(c, m->u.display_draw_copy.scale_mode);
        mask_check(c, &m->u.display_draw_copy.mask);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_BLEND:
        base_check(c, &m->u.display_draw_blend.base);
        source_check(c, m->u.display_draw_blend.src, &m->u.display_draw_blend.src_area);
        scale_check(c, m->u.display_draw_blend.scale_mode);
        mask_check(c, &m->u.display_draw_blend.mask);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_BLACKNESS:
        base_check(c, &m->u.display_draw_blackness.base);
        mask_check(c, &m->u.display_draw_blackness.mask);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_WHITENESS:
        base_check(c, &m->u.display_draw_whiteness.base);
        mask_check(c, &m->u.display_draw_whiteness.mask);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_INVERS:
        base_check(c, &m->u.display_draw_invers.base);
        mask_check(c, &m->u.display_draw_invers.mask);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_ROP3:
        base_check(c, &m->u.display_draw_rop3.base);
        source_check(c, m->u.display_draw_rop3.src, NULL);
        brush_check(c, &m->u.display_draw_rop3.brush);
        scale_check(c, m->u.display_draw_rop3.scale_mode);
        mask_check(c, &m->u.display_draw_rop3.mask);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_STROKE:
        base_check(c, &m->u.display_draw_stroke.base);
        brush_check(c, &m->u.display_draw_stroke.brush);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_TEXT:
        base_check(c, &m->u.display_draw_text.base);
        brush_check(c, &m->u.display_draw_text.fore_brush);
        brush_check(c, &m->u.display_draw_text.back_brush);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_TRANSPARENT:
        base_check(c, &m->u.display_draw_transparent.base);
        source_check(c, m->u.display_draw_transparent.src, NULL);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_ALPHA_BLEND:
        base_check(c, &m->u.display_draw_alpha_blend.base);
        source_check(c, m->u.display_draw_alpha_blend.src, NULL);
        return true;
    case WIRE_MSG_DISPLAY_DRAW_COMPOSITE:
        base_check(c, &m->u.display_draw_composite.base);
        source_check(c, m->u.display_draw_composite.src, NULL);
        if (m->u.display_draw_composite.flags & WIRE_COMPOSITE_HAS_MASK) {
            source_check(c, m->u.display_draw_composite.mask, NULL);
        }
        return true;
    default:
        return false;
    }
}

static void message_check(FakeConnection *c, const WireMsg *m)
{
    if (c->behaviour.skip_display_init) {
        violate(c, FAKE_RULE_ORDER, "type %u, and we never sent INIT", m->type);
    }
    if (draw(c, m)) {
        return;
    }
    switch (m->type) {
    case WIRE_MSG_DISPLAY_MARK:
        if (surface_find(c, 0) == NULL) {
            violate(c, FAKE_RULE_ORDER, "MARK without a primary surface");
        }
        c->display->model.marked = true;
        break;
    case WIRE_MSG_DISPLAY_SURFACE_CREATE:
        surface_create(c, &m->u.display_surface_create);
        break;
    case WIRE_MSG_DISPLAY_SURFACE_DESTROY:
        surface_destroy(c, m->u.display_surface_destroy.surface_id);
        break;
    case WIRE_MSG_DISPLAY_MONITORS_CONFIG:
        monitors_config(c, &m->u.display_monitors_config);
        break;
    case WIRE_MSG_DISPLAY_INVAL_LIST:
        inval_list(c, &m->u.display_inval_list);
        break;
    case WIRE_MSG_DISPLAY_INVAL_ALL_PIXMAPS:
        pixmaps_clear(c, &m->u.display_inval_all_pixmaps);
        break;
    case WIRE_MSG_DISPLAY_INVAL_PALETTE:
        palette_drop(c, m->u.display_inval_palette.id);
        break;
    case WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES:
        id_set_clear(&c->display->palettes);
        break;
    case WIRE_MSG_DISPLAY_STREAM_CREATE:
        stream_create(c, &m->u.display_stream_create);
        break;
    case WIRE_MSG_DISPLAY_STREAM_DATA:
        stream_check(c, m->u.display_stream_data.base.id);
        break;
    case WIRE_MSG_DISPLAY_STREAM_DATA_SIZED:
        stream_check(c, m->u.display_stream_data_sized.base.id);
        break;
    case WIRE_MSG_DISPLAY_STREAM_CLIP:
        stream_check(c, m->u.display_stream_clip.id);
        clip_check(c, &m->u.display_stream_clip.clip);
        break;
    case WIRE_MSG_DISPLAY_STREAM_ACTIVATE_REPORT:
        stream_check(c, m->u.display_stream_activate_report.stream_id);
        break;
    case WIRE_MSG_DISPLAY_STREAM_DESTROY:
        stream_check(c, m->u.display_stream_destroy.id);
        if (m->u.display_stream_destroy.id < WIRE_STREAMS_MAX) {
            c->display->model.streams &= ~(UINT64_C(1) << m->u.display_stream_destroy.id);
        }
        break;
    case WIRE_MSG_DISPLAY_STREAM_DESTROY_ALL:
        c->display->model.streams = 0;
        break;
    default:
        break;
    }
}

/* ---- Pictures ---- */

/* Something that is wrong with a message is said once. With other displays, images may come with those. */
static void message_render(FakeConnection *c, const WireMsg *m, size_t violations_before)
{
    DisplayState *display = c->display;
    const char *why = display->renderer != NULL ? renderer_message(display->renderer, m) : NULL;
    if (why == NULL) {
        return;
    }
    display->is_lost = true;
    if (c->client->violations_len == violations_before && !has_other_displays(c)) {
        violate(c, FAKE_RULE_PICTURE, "type %u: %s", m->type, why);
    }
}

void display_message(FakeConnection *c, const WireMsg *m)
{
    const size_t violations = c->client->violations_len;
    message_check(c, m);
    message_render(c, m, violations);
}

bool fake_connection_picture(const FakeConnection *c, uint32_t surface_id, FakePicture *ret)
{
    const DisplayState *display = c->display;
    const RenderPicture *picture = display != NULL && display->renderer != NULL && !display->is_lost
                                       ? renderer_picture(display->renderer, surface_id)
                                       : NULL;
    if (picture == NULL) {
        return false;
    }
    *ret = (FakePicture){picture->width, picture->height, picture->format, picture->pixels};
    return true;
}

uint32_t fake_picture_color(const FakePicture *picture, uint32_t x, uint32_t y)
{
    const RenderPicture rendered = {.format = picture->format};
    return render_color(&rendered, picture->pixels[(size_t)y * picture->width + x]);
}
