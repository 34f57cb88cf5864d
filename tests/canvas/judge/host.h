/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.h: a QXL device of the existing libspice-server, that does what it is told and waits until it is done.
 *
 * The library runs its worker thread; everything else here is the caller's thread. No client connects.
 */
#pragma once

#include <spice.h>

void host_start(void);
/* Gives these commands (QXL_CMD_*, at most HOST_COMMANDS_MAX until the next host_render()) to the worker's ring. */
#define HOST_COMMANDS_MAX 256u
void host_command(uint32_t type, const void *command);
/* Returns when all commands were taken, and the surface shows what they drew. Surface 0 is a small primary. */
void host_render(uint32_t surface_id, uint32_t width, uint32_t height);
/* Commands that were taken and not yet given back. */
unsigned host_outstanding(void);
