/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* judge.h: what the existing libspice-server makes of an image, as bytes.
 *
 * One process: the library with a QXL device in the main thread and its own worker; a client of one thread that
 * connects to it over the loopback, lets the device draw one image, and takes the coded image out of the message.
 * Nothing here shares code with the server under test, so the two can only agree about the format.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"

typedef struct JudgeSettings {
    int compression; /* SpiceImageCompression */
    bool zlib_glz;
    bool jpeg;
} JudgeSettings;

/* What a drawing message said about its image. */
typedef struct CodedImage {
    uint8_t type; /* SpiceImageType */
    uint32_t width, height;
    uint32_t before; /* the size field in front of the last one: ZLIB_GLZ's and JPEG_ALPHA's */
    uint8_t flags;   /* of LZ_PLT, JPEG_ALPHA and BITMAP */
    Span data;       /* until the next image */
} CodedImage;

/* Starts the server and runs its main loop; `client` runs in a thread, and its result ends the process. */
int judge_run(const JudgeSettings *settings, int (*client)(uint16_t port));

/* For the client's thread: offers one image as a drawing. It must not change until the next one. */
void judge_draw(const ImageSource *source);

/* The id of the server's worker thread, once it has taken a drawing. */
int judge_worker_thread(void);

/* The coded bytes of a packed image of 32-bit pixels, top row first, by the library that both servers use. */
size_t library_lz4(const ImageSource *source, uint8_t *out, size_t room);
size_t library_jpeg(const ImageSource *source, uint8_t *out, size_t room);

typedef struct JudgeClient JudgeClient;
/* Connects main and display channel. Ends the process with a message if that fails, as all below do. */
JudgeClient *judge_client_open(uint16_t port);
/* Waits for the next drawing with an image. */
CodedImage judge_client_image(JudgeClient *client);

_Noreturn void judge_fail(const char *what);
