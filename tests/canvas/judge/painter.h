/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* painter.h: a process that has batches drawn by a libspice-server, and says what they left in the guest's memory.
 *
 * It is this program once more: the loader gives it the library that its environment names, and it draws through the public
 * interface alone. Requests (BatchName) come on standard input; for each, the pixels of all surfaces go to standard output.
 *
 * Ownership  a Painter owns its process until painter_stop().
 * Thread     one.
 * Errors     painter_ask() and painter_answer(): false: the process ended.
 */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "tests/canvas/judge/batch.h"

typedef struct Painter {
    pid_t pid;
    FILE *to, *from;
    char library[4096]; /* which it runs on */
} Painter;

/* `library`: the folder of its libspice-server.so.1; NULL: the installed one. Ends the process if it cannot. */
void painter_start(Painter *painter, const char *library);
bool painter_ask(Painter *painter, const BatchName *name);
/* `pixels`: as many bytes as the batch's world has. */
bool painter_answer(Painter *painter, void *pixels, size_t bytes);
/* False: it had something to complain about, on standard error. */
bool painter_stop(Painter *painter);

/* The other end; an exit status. */
#define PAINTER_ARGUMENT "--paint"
int painter_main(void);
