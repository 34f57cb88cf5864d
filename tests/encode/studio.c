/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/encode/studio.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/posix/posix.h"

static void *heap_alloc(void *opaque, size_t bytes)
{
    (void)opaque;
    return malloc(bytes);
}

static void heap_free(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

static const QxlMemory heap = {.alloc = heap_alloc, .free = heap_free};

static const Canvas *canvas_find(void *opaque, uint32_t id)
{
    const Studio *studio = opaque;
    return id > 0 && id < WORLD_SURFACES ? &studio->canvases[id] : NULL;
}

static bool geometry_find(void *opaque, uint32_t id, QxlGeometry *ret_geometry)
{
    const Studio *studio = opaque;
    if (id == 0 || id >= WORLD_SURFACES) {
        return false;
    }
    *ret_geometry = studio->world.surfaces[id].geometry;
    return true;
}

static void out_of_luck(const char *what)
{
    fprintf(stderr, "studio: %s\n", what);
    exit(1);
}

void studio_init(Studio *studio)
{
    const MemslotsLayout layout = {.groups = 1, .slots = 1, .id_bits = 8, .generation_bits = 8};
    const Memslot everything = {.virt_end = UINTPTR_MAX};

    *studio = (Studio){0};
    world_init(&studio->world);
    studio->pixels = aligned_alloc(64, WORLD_PIXEL_BYTES);
    studio->self_pixels = aligned_alloc(64, WORLD_PIXEL_BYTES);
    studio->slots = memslots_new(&layout);
    if (studio->pixels == NULL || studio->self_pixels == NULL || studio->slots == NULL ||
        memslots_add(studio->slots, &everything) != STATUS_OK) {
        out_of_luck("no memory");
    }
    studio->set = canvas_set_of(&heap, canvas_find, studio);
    outgoing_init(&studio->out, core_posix());
}

static void studio_disconnect(Studio *studio)
{
    draw_encoder_free(studio->encoder);
    outgoing_finish(&studio->out);
    renderer_free(studio->renderer);
    render_cache_free(studio->cache);
    studio->encoder = NULL;
    if (studio->held != studio->releases) {
        out_of_luck("a drawable is held for ever, or was given back twice");
    }
}

void studio_finish(Studio *studio)
{
    studio_disconnect(studio);
    canvas_set_finish(&studio->set);
    memslots_free(studio->slots);
    world_finish(&studio->world);
    free(studio->pixels);
    free(studio->self_pixels);
}

/* ---- The encoder's side ---- */

static void *studio_hold(void *opaque, const QxlDrawable *drawable)
{
    Studio *studio = opaque;
    (void)drawable;
    studio->held++;
    return studio;
}

static void studio_release(void *owner)
{
    Studio *studio = owner;
    studio->releases++;
}

/* A copy of what the surface shows, as a server would have taken it when the drawing came. */
static const Raster *studio_self(void *opaque, const QxlDrawable *drawable)
{
    Studio *studio = opaque;
    const Canvas *canvas = &studio->canvases[drawable->surface_id];
    const QXLRect *area = &drawable->self_bitmap_area;
    const size_t line = (size_t)abs((int)canvas->raster.stride);

    if (!studio->know_self) {
        return NULL;
    }
    for (int32_t y = area->top; y < area->bottom; y++) {
        /* Of widths that are bytes: bits are not drawn with themselves. */
        const unsigned bytes = PIXMAN_FORMAT_BPP(canvas->raster.format) / 8;
        memcpy(studio->self_pixels + line * (size_t)(y - area->top),
               canvas->raster.top + canvas->raster.stride * y + (size_t)area->left * bytes,
               (size_t)(area->right - area->left) * bytes);
    }
    studio->self_bitmap = (Raster){.top = studio->self_pixels,
                                   .stride = (ptrdiff_t)line,
                                   .width = area->right - area->left,
                                   .height = area->bottom - area->top,
                                   .format = canvas->raster.format};
    return &studio->self_bitmap;
}

void studio_connect(Studio *studio, const StudioConfig *config)
{
    studio_disconnect(studio);
    outgoing_init(&studio->out, core_posix());
    studio->serial = studio->received = 0;
    studio->caps = 1u << WIRE_CAP_DISPLAY_COMPOSITE | 1u << WIRE_CAP_DISPLAY_LZ4_COMPRESSION;
    studio->mini_header = config->mini_header;
    studio->know_self = config->know_self;
    const DrawEncoderConfig encoder = {
        .core = core_posix(),
        .channel_caps = &studio->caps,
        .framing = {.mini_header = config->mini_header, .serial = &studio->serial},
        .compression = config->compression,
        .cache_pixels = config->cache_pixels,
        .glz_pixels = config->glz_pixels,
        .hold = config->hold ? studio_hold : NULL,
        .release = config->hold ? studio_release : NULL,
        .self_bitmap = studio_self,
        .opaque = studio,
    };
    studio->encoder = draw_encoder_new(&encoder);
    studio->cache = render_cache_new((uint32_t)config->glz_pixels);
    studio->renderer = renderer_new(studio->cache);
    if (studio->encoder == NULL) {
        out_of_luck("no encoder");
    }
    draw_encoder_set_zlib(studio->encoder, config->zlib);
    draw_encoder_set_lossy(studio->encoder, config->lossy);
}

/* ---- Surfaces ---- */

static uint32_t canvas_pixel(const Canvas *canvas, int32_t x, int32_t y)
{
    const Raster *raster = &canvas->raster;
    const unsigned bits = PIXMAN_FORMAT_BPP(raster->format);
    const uint8_t *at = raster->top + raster->stride * y + (size_t)x * bits / 8;
    uint32_t value = 0;
    memcpy(&value, at, bits < 8 ? 1 : bits / 8);
    return bits < 8 ? value >> x % 8 & 1 : value;
}

void studio_copy_surface(Studio *studio, uint32_t id)
{
    RenderPicture *picture = renderer_picture(studio->renderer, id);
    for (uint32_t y = 0; y < picture->height; y++) {
        for (uint32_t x = 0; x < picture->width; x++) {
            picture->pixels[y * picture->width + x] =
                canvas_pixel(&studio->canvases[id], (int32_t)x, (int32_t)y);
        }
    }
}

void studio_surfaces(Studio *studio, Choices *choices, uint32_t formats)
{
    World *world = &studio->world;
    world_forget(world);
    world_surfaces(world, choices, formats);
    world_pixels(world, choices);
    memcpy(studio->pixels, world->pixels, world->pixel_bytes);
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        /* The highest bit is nobody's. */
        const WorldSurface *surface = &world->surfaces[id];
        for (size_t i = 1; surface->geometry.format == SPICE_SURFACE_FMT_16_555 && i < surface->bytes;
             i += 2) {
            studio->pixels[surface->offset + i] &= 0x7f;
        }
    }
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        const QxlGeometry *geometry = &world->surfaces[id].geometry;
        QxlFault fault;
        if (canvas_init(&studio->canvases[id], geometry, studio->pixels + world->surfaces[id].offset,
                        &fault) != STATUS_OK) {
            out_of_luck(fault.why);
        }
        WireMsg create = {.channel = WIRE_CHANNEL_DISPLAY, .type = WIRE_MSG_DISPLAY_SURFACE_CREATE};
        create.u.display_surface_create =
            (WireMsgDisplaySurfaceCreate){id, geometry->width, geometry->height, geometry->format, 0};
        renderer_message(studio->renderer, &create);
        studio_copy_surface(studio, id);
    }
}

QxlDrawable *studio_drawing(Studio *studio, Choices *choices, const WorldOp *op, uint32_t surface_id)
{
    const QxlHost host = {.memory = heap, .find_surface = geometry_find, .opaque = studio};
    const QXLDrawable *drawing = world_drawing(&studio->world, choices, op, surface_id);
    const QXLCommandExt command = {.cmd = {.data = world_address(drawing), .type = QXL_CMD_DRAW}};
    QxlCommand parsed;
    QxlFault fault = {0};

    if (qxl_command_read(studio->slots, &host, QXL_RING_COMMANDS, &command, &parsed, &fault) != STATUS_OK) {
        out_of_luck(fault.why);
    }
    return parsed.u.drawable;
}

/* ---- The client's side ---- */

static bool wrong(Studio *studio, const char *what, const char *detail)
{
    snprintf(studio->why, sizeof studio->why, "%s: %s", what, detail);
    return false;
}

static void image_count(Studio *studio, const WireImage *image)
{
    if (image != NULL) {
        studio->images[image->type]++;
    }
}

static bool message_receive(Studio *studio, uint16_t type, Span body)
{
    static uint8_t room[1u << 25];
    WireArena arena;
    WireMsg message;
    WireFault fault = {0};

    wire_arena_init(&arena, room, sizeof room);
    if (wire_msg_decode(WIRE_CHANNEL_DISPLAY, type, body, &arena, &message, &fault) != STATUS_OK) {
        return wrong(studio, fault.field != NULL ? fault.field : "body", fault.why != NULL ? fault.why : "?");
    }
    studio->messages++;
    switch (type) {
    case WIRE_MSG_DISPLAY_DRAW_COPY:
    case WIRE_MSG_DISPLAY_DRAW_BLEND:
        image_count(studio, message.u.display_draw_copy.src);
        break;
    case WIRE_MSG_DISPLAY_DRAW_OPAQUE:
        image_count(studio, message.u.display_draw_opaque.src);
        break;
    default:
        break;
    }
    const char *why = renderer_message(studio->renderer, &message);
    return why == NULL || wrong(studio, wire_msg_info(WIRE_CHANNEL_DISPLAY, type)->name, why);
}

static size_t bytes_take(Studio *studio, uint8_t *bytes, size_t cap)
{
    size_t len = 0;
    while (!outgoing_is_empty(&studio->out)) {
        struct iovec iov[5];
        const int n = outgoing_vectors(&studio->out, iov, 5);
        size_t part = 0;
        /* Not whole vectors: a socket takes what it can. */
        for (int i = 0; i < n && part < 1000; i++) {
            const size_t some = iov[i].iov_len < 1000 - part ? iov[i].iov_len : 1000 - part;
            if (len + some > cap) {
                out_of_luck("messages larger than any that are expected");
            }
            memcpy(bytes + len, iov[i].iov_base, some);
            len += some;
            part += some;
        }
        outgoing_taken(&studio->out, part);
    }
    return len;
}

bool studio_receive(Studio *studio)
{
    static uint8_t bytes[1u << 22];
    const size_t len = bytes_take(studio, bytes, sizeof bytes);
    const size_t header_bytes = studio->mini_header ? WIRE_MINI_DATA_HEADER_BYTES : WIRE_DATA_HEADER_BYTES;
    size_t at = 0;

    studio->messages = 0;
    studio->bytes = len;
    while (len - at >= header_bytes) {
        const uint8_t *header = bytes + at;
        const uint16_t type = le16_get(header + (studio->mini_header ? 0 : 8));
        const uint32_t size = le32_get(header + (studio->mini_header ? 2 : 10));
        studio->received++;
        if (!studio->mini_header && le64_get(header) != studio->received) {
            return wrong(studio, "header", "a serial that does not follow");
        }
        at += header_bytes;
        if (size > len - at) {
            return wrong(studio, "header", "a body that is not all there");
        }
        if (!message_receive(studio, type, span_of(bytes + at, size))) {
            return false;
        }
        at += size;
    }
    if (at != len || studio->received != studio->serial) {
        return wrong(studio, "header", "bytes that are no message");
    }
    return true;
}

/* ---- Comparison ---- */

uint32_t studio_bits(const Studio *studio, uint32_t id)
{
    switch (studio->world.surfaces[id].geometry.format) {
    case SPICE_SURFACE_FMT_32_xRGB:
        return 0xffffff;
    case SPICE_SURFACE_FMT_16_555:
        return 0x7fff;
    default:
        return UINT32_MAX;
    }
}

bool studio_agrees(const Studio *studio, uint32_t id, uint32_t bits, int32_t *ret_x, int32_t *ret_y,
                   uint32_t *ret_canvas, uint32_t *ret_client)
{
    const RenderPicture *picture = renderer_picture(studio->renderer, id);
    for (uint32_t y = 0; y < picture->height; y++) {
        for (uint32_t x = 0; x < picture->width; x++) {
            const uint32_t canvas = canvas_pixel(&studio->canvases[id], (int32_t)x, (int32_t)y);
            const uint32_t client = picture->pixels[y * picture->width + x];
            if (((canvas ^ client) & bits) != 0) {
                *ret_x = (int32_t)x;
                *ret_y = (int32_t)y;
                *ret_canvas = canvas;
                *ret_client = client;
                return false;
            }
        }
    }
    return true;
}
