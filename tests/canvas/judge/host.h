/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.h: a QXL device of a libspice-server, that does what it is told and waits until it is done.
 *
 * Only the public interface is used: it draws with whichever libspice-server the process runs on. The library runs its worker
 * thread; everything else here is the caller's thread. No client connects.
 */
#pragma once

#include <spice.h>

void host_start(void);
/* Gives these commands (QXL_CMD_*, at most HOST_COMMANDS_MAX until all were taken) to the worker's ring. */
#define HOST_COMMANDS_MAX 512u
void host_command(uint32_t type, const void *command);
/* Wakes the worker. Returns when all commands were taken, and the surface shows what they drew. Surface 0 is the primary, of
 * so many pixels: once it was rendered the ring begins anew. */
#define HOST_PRIMARY_EDGE 16u
void host_render(uint32_t surface_id, uint32_t width, uint32_t height);
/* Commands that were taken and not yet given back. */
unsigned host_outstanding(void);
/* The file of the library that this process runs on. */
const char *host_library(void);
