/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "desktop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spice/enums.h>

#define QUEUE_MAX 512u
#define LINE 10       /* pixels from one line of text to the next */
#define CELL 6        /* pixels from one letter to the next */
#define GLYPH_WIDTH 5 /* pixels */
#define GLYPH_HEIGHT 7
#define PICTURE_WIDTH 120 /* the most of a photograph, and of the video */
#define PICTURE_HEIGHT 90
#define ALBUM_SEED 1u
#define VIDEO_SEED 2u

#define COLOR_BACK 0x2b5f82
#define COLOR_BAR 0x1d2630
#define COLOR_FRAME 0xc8ccd0
#define COLOR_TITLE 0x3c6e47
#define COLOR_PAPER 0xf4f1e8
#define COLOR_INK 0x202020
#define COLOR_CONSOLE 0x101418
#define COLOR_LIGHT 0xd8e8d0

struct Desktop {
    FakeQxl *qxl;
    int32_t width, height;
    FakeDrawing *queue;
    uint32_t queue_first, queue_len;
    uint64_t steps;
    QXLRect console, moving;
    int32_t move_x, move_y; /* pixels per step */
    QXLRect album, video;
    uint64_t pictures; /* that there were, of either */
};

/* Rows of 5 bits, from the left, for the letters below. */
static const char letters[] = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.:-/";
static const uint8_t rows[sizeof letters - 1][GLYPH_HEIGHT] = {
    {0, 0, 0, 0, 0, 0, 0},        {14, 17, 19, 21, 25, 17, 14}, {4, 12, 4, 4, 4, 4, 14},
    {14, 17, 1, 6, 8, 16, 31},    {30, 1, 1, 14, 1, 1, 30},     {2, 6, 10, 18, 31, 2, 2},
    {31, 16, 30, 1, 1, 17, 14},   {6, 8, 16, 30, 17, 17, 14},   {31, 1, 2, 4, 4, 8, 8},
    {14, 17, 17, 14, 17, 17, 14}, {14, 17, 17, 15, 1, 2, 12},   {14, 17, 17, 31, 17, 17, 17},
    {30, 17, 17, 30, 17, 17, 30}, {14, 17, 16, 16, 16, 17, 14}, {30, 17, 17, 17, 17, 17, 30},
    {31, 16, 16, 30, 16, 16, 31}, {31, 16, 16, 30, 16, 16, 16}, {14, 17, 16, 23, 17, 17, 15},
    {17, 17, 17, 31, 17, 17, 17}, {14, 4, 4, 4, 4, 4, 14},      {7, 2, 2, 2, 2, 18, 12},
    {17, 18, 20, 24, 20, 18, 17}, {16, 16, 16, 16, 16, 16, 31}, {17, 27, 21, 21, 17, 17, 17},
    {17, 25, 21, 19, 17, 17, 17}, {14, 17, 17, 17, 17, 17, 14}, {30, 17, 17, 30, 16, 16, 16},
    {14, 17, 17, 17, 21, 18, 13}, {30, 17, 17, 30, 20, 18, 17}, {15, 16, 16, 14, 1, 1, 30},
    {31, 4, 4, 4, 4, 4, 4},       {17, 17, 17, 17, 17, 17, 14}, {17, 17, 17, 17, 17, 10, 4},
    {17, 17, 17, 21, 21, 27, 17}, {17, 17, 10, 4, 10, 17, 17},  {17, 17, 10, 4, 4, 4, 4},
    {31, 1, 2, 4, 8, 16, 31},     {0, 0, 0, 0, 0, 12, 12},      {0, 12, 12, 0, 12, 12, 0},
    {0, 0, 0, 31, 0, 0, 0},       {1, 1, 2, 4, 8, 16, 16},
};

/* The bits lie at the left of a byte, the lowest row first. */
static void glyph_shape(FakeDrawGlyph *glyph, char letter)
{
    const char *at = strchr(letters, letter);
    const size_t index = letter != '\0' && at != NULL ? (size_t)(at - letters) : 0;

    glyph->width = GLYPH_WIDTH;
    glyph->height = GLYPH_HEIGHT;
    glyph->bytes = glyph->shape_bytes = GLYPH_HEIGHT;
    for (int row = 0; row < GLYPH_HEIGHT; row++) {
        glyph->shape[row] = (uint8_t)(rows[index][GLYPH_HEIGHT - 1 - row] << 3);
    }
}

/* ---- Drawings ---- */

static FakeDrawing *queue_next(Desktop *desktop, uint8_t type, const QXLRect *box)
{
    if (desktop->queue_len == QUEUE_MAX) {
        return NULL;
    }
    FakeDrawing *drawing = &desktop->queue[(desktop->queue_first + desktop->queue_len++) % QUEUE_MAX];
    *drawing = (FakeDrawing){.type = type, .box = *box, .effect = QXL_EFFECT_OPAQUE};
    return drawing;
}

static QXLRect rect_of(int32_t left, int32_t top, int32_t width, int32_t height)
{
    return (QXLRect){.left = left, .top = top, .right = left + width, .bottom = top + height};
}

static void fill(Desktop *desktop, const QXLRect *box, uint32_t color)
{
    FakeDrawing *drawing = queue_next(desktop, QXL_DRAW_FILL, box);

    if (drawing != NULL) {
        drawing->brush.type = SPICE_BRUSH_TYPE_SOLID;
        drawing->brush.color = color;
        drawing->rop = SPICE_ROPD_OP_PUT;
    }
}

/* As many letters as a drawing takes at a time. */
static void text(Desktop *desktop, int32_t x, int32_t y, uint32_t color, const char *words)
{
    while (*words != '\0') {
        const size_t left = strlen(words);
        const uint32_t count = left < FAKE_DRAW_GLYPHS ? (uint32_t)left : FAKE_DRAW_GLYPHS;
        const QXLRect box = rect_of(x, y, (int32_t)count * CELL, GLYPH_HEIGHT);
        FakeDrawing *drawing = queue_next(desktop, QXL_DRAW_TEXT, &box);
        if (drawing == NULL) {
            return;
        }
        drawing->effect = QXL_EFFECT_BLEND;
        drawing->string_flags = SPICE_STRING_FLAGS_RASTER_A1;
        drawing->brush.type = SPICE_BRUSH_TYPE_SOLID;
        drawing->brush.color = color;
        drawing->rop = drawing->back_rop = SPICE_ROPD_OP_PUT;
        drawing->glyph_count = count;
        drawing->string_chunks = 1;
        for (uint32_t i = 0; i < count; i++) {
            drawing->glyphs[i].pos = (QXLPoint){x + (int32_t)i * CELL, y};
            glyph_shape(&drawing->glyphs[i], words[i]);
        }
        words += count;
        x += (int32_t)count * CELL;
    }
}

static void copy_bits(Desktop *desktop, const QXLRect *to, int32_t from_x, int32_t from_y)
{
    FakeDrawing *drawing = queue_next(desktop, QXL_COPY_BITS, to);

    if (drawing != NULL) {
        drawing->copy_from = (QXLPoint){from_x, from_y};
    }
}

/* A photograph; a moment later it has drifted. */
static void photo(Desktop *desktop, const QXLRect *box, uint64_t seed, uint32_t moment)
{
    FakeDrawing *drawing = queue_next(desktop, QXL_DRAW_COPY, box);
    const uint32_t width = (uint32_t)(box->right - box->left), height = (uint32_t)(box->bottom - box->top);

    if (drawing != NULL) {
        drawing->rop = SPICE_ROPD_OP_PUT;
        drawing->source_area = rect_of(0, 0, (int32_t)width, (int32_t)height);
        drawing->source = (FakeDrawImage){.present = true,
                                          .id = ++desktop->pictures << 32,
                                          .type = SPICE_IMAGE_TYPE_BITMAP,
                                          .width = width,
                                          .height = height,
                                          .format = SPICE_BITMAP_FMT_32BIT,
                                          .bitmap_flags = QXL_BITMAP_TOP_DOWN,
                                          .stride = width * 4,
                                          .bytes = width * height * 4,
                                          .seed = seed,
                                          .photo = true,
                                          .moment = moment,
                                          .chunks = 1};
    }
}

/* ---- The desktop ---- */

static void window(Desktop *desktop, const QXLRect *box, const char *title, uint32_t inside)
{
    const QXLRect bar = rect_of(box->left + 2, box->top + 2, box->right - box->left - 4, 12);
    const QXLRect paper = {
        .left = box->left + 2, .top = box->top + 16, .right = box->right - 2, .bottom = box->bottom - 2};

    fill(desktop, box, COLOR_FRAME);
    fill(desktop, &bar, COLOR_TITLE);
    text(desktop, bar.left + 4, bar.top + 3, COLOR_PAPER, title);
    fill(desktop, &paper, inside);
}

static QXLRect background_of(const Desktop *desktop)
{
    return rect_of(0, 0, desktop->width, desktop->height - 18);
}

static void clock_face(Desktop *desktop)
{
    char now[16];
    const QXLRect face = rect_of(desktop->width - 60, desktop->height - 15, 56, 12);
    const unsigned seconds = (unsigned)(desktop->steps / 50 % 86400);

    snprintf(now, sizeof now, "%02u:%02u:%02u", seconds / 3600, seconds / 60 % 60, seconds % 60);
    fill(desktop, &face, COLOR_BAR);
    text(desktop, face.left + 4, face.top + 3, COLOR_LIGHT, now);
}

Desktop *desktop_new(FakeQxl *qxl, uint32_t width, uint32_t height)
{
    Desktop *desktop = calloc(1, sizeof *desktop);
    FakeDrawing *queue = calloc(QUEUE_MAX, sizeof *queue);

    if (desktop == NULL || queue == NULL) {
        free(desktop);
        free(queue);
        return NULL;
    }
    *desktop = (Desktop){.qxl = qxl,
                         .width = (int32_t)width,
                         .height = (int32_t)height,
                         .queue = queue,
                         .move_x = 3,
                         .move_y = 2};
    desktop->console = rect_of(12, 12, desktop->width / 2 - 24, desktop->height / 2 - 24);
    desktop->moving =
        rect_of(desktop->width / 2, desktop->height / 2, desktop->width / 4, desktop->height / 4);

    /* Below the console, beside each other. */
    const int32_t side = desktop->width / 4 - 16, low = desktop->height / 2 - 42;
    const int32_t wide = side < PICTURE_WIDTH ? side : PICTURE_WIDTH;
    const int32_t high = low < PICTURE_HEIGHT ? low : PICTURE_HEIGHT;
    desktop->album = rect_of(12, desktop->height / 2 + 12, wide, high);
    desktop->video = rect_of(desktop->width / 4 + 4, desktop->height / 2 + 12, wide, high);

    const QXLRect back = background_of(desktop);
    const QXLRect bar = rect_of(0, desktop->height - 18, desktop->width, 18);
    fill(desktop, &back, COLOR_BACK);
    fill(desktop, &bar, COLOR_BAR);
    text(desktop, 6, bar.top + 6, COLOR_LIGHT, "SUMAC - FAKE DESKTOP");
    window(desktop, &desktop->console, "CONSOLE", COLOR_CONSOLE);
    window(desktop, &desktop->moving, "A WINDOW", COLOR_PAPER);
    text(desktop, desktop->moving.left + 8, desktop->moving.top + 22, COLOR_INK, "NO MACHINE");
    text(desktop, desktop->moving.left + 8, desktop->moving.top + 22 + LINE, COLOR_INK, "WAS NEEDED");
    clock_face(desktop);
    photo(desktop, &desktop->album, ALBUM_SEED, 0);
    photo(desktop, &desktop->video, VIDEO_SEED, 0);
    return desktop;
}

void desktop_free(Desktop *desktop)
{
    if (desktop != NULL) {
        free(desktop->queue);
        free(desktop);
    }
}

bool desktop_pump(Desktop *desktop)
{
    while (desktop->queue_len > 0 && fake_qxl_draw(desktop->qxl, &desktop->queue[desktop->queue_first])) {
        desktop->queue_first = (desktop->queue_first + 1) % QUEUE_MAX;
        desktop->queue_len--;
    }
    return desktop->queue_len == 0;
}

static void scroll(Desktop *desktop)
{
    const QXLRect inside = {.left = desktop->console.left + 2,
                            .top = desktop->console.top + 16,
                            .right = desktop->console.right - 2,
                            .bottom = desktop->console.bottom - 2};
    const QXLRect upper = {
        .left = inside.left, .top = inside.top, .right = inside.right, .bottom = inside.bottom - LINE};
    const QXLRect last = {
        .left = inside.left, .top = inside.bottom - LINE, .right = inside.right, .bottom = inside.bottom};
    char line[64];

    copy_bits(desktop, &upper, upper.left, upper.top + LINE);
    fill(desktop, &last, COLOR_CONSOLE);
    const uint32_t columns = (uint32_t)(inside.right - inside.left) / CELL;
    snprintf(line, sizeof line, "%06llu: LINE OF THE CONSOLE - %08X", (unsigned long long)desktop->steps,
             (unsigned)fake_draw_color(desktop->steps, 0));
    if (columns < sizeof line) {
        line[columns] = '\0';
    }
    text(desktop, last.left + 2, last.top + 1, COLOR_LIGHT, line);
}

/* The window goes on by a few pixels, and what was behind it comes out. */
static void move(Desktop *desktop)
{
    const QXLRect back = background_of(desktop);
    const QXLRect from = desktop->moving;
    const int32_t width = from.right - from.left, height = from.bottom - from.top;

    if (from.left + desktop->move_x < desktop->width / 2 || from.right + desktop->move_x > back.right) {
        desktop->move_x = -desktop->move_x;
    }
    if (from.top + desktop->move_y < desktop->height / 2 || from.bottom + desktop->move_y > back.bottom) {
        desktop->move_y = -desktop->move_y;
    }
    const QXLRect to = rect_of(from.left + desktop->move_x, from.top + desktop->move_y, width, height);
    if (to.left < 0 || to.top < 0 || to.right > back.right || to.bottom > back.bottom) {
        return;
    }
    copy_bits(desktop, &to, from.left, from.top);
    const QXLRect side = {.left = desktop->move_x > 0 ? from.left : to.right,
                          .top = from.top,
                          .right = desktop->move_x > 0 ? to.left : from.right,
                          .bottom = from.bottom};
    const QXLRect edge = {.left = from.left,
                          .top = desktop->move_y > 0 ? from.top : to.bottom,
                          .right = from.right,
                          .bottom = desktop->move_y > 0 ? to.top : from.bottom};
    fill(desktop, &side, COLOR_BACK);
    fill(desktop, &edge, COLOR_BACK);
    desktop->moving = to;
}

void desktop_step(Desktop *desktop)
{
    if (desktop->queue_len > 0) {
        return;
    }
    desktop->steps++;
    move(desktop);
    if (desktop->steps % 5 == 0) {
        scroll(desktop);
    }
    if (desktop->steps % 50 == 0) {
        clock_face(desktop);
        photo(desktop, &desktop->album, ALBUM_SEED + desktop->steps, 0); /* the next one of the album */
    }
    if (desktop->steps % 2 == 0) {
        photo(desktop, &desktop->video, VIDEO_SEED, (uint32_t)(desktop->steps / 2));
    }
}
