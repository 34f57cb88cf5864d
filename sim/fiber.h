/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fiber.h: stacks to switch between, and what the sanitizers must be told about it.
 *
 * A pool has a home, the stack of the OS thread that uses it; control goes from home to a fiber and back, never from
 * fiber to fiber. A fiber whose entry has returned is given back and used again: with its stack, its TSan fiber and
 * its valgrind id, because making those is what costs.
 *
 * Ownership  fiber_take() until fiber_give_back(); the pool owns the memory.
 * Errors     fiber_take() returns NULL when there is no memory for a stack. Overflow of a stack hits a guard page.
 * Source     reference/simulation.md section 2 (a)-(d).
 */
#pragma once

#include <stdbool.h>

typedef struct Fiber Fiber;
typedef struct FiberPool FiberPool;

FiberPool *fiber_pool_new(void);
void fiber_pool_free(FiberPool *pool); /* every fiber was given back */

/* The name must live as long as the fiber. */
Fiber *fiber_take(FiberPool *pool, const char *name, void (*entry)(void *arg), void *arg);
/* Suspended or finished. A suspended one is dropped as it stands: what its frames own is lost. */
void fiber_give_back(FiberPool *pool, Fiber *fiber);
bool fiber_is_finished(const Fiber *fiber);

/* From home: runs the fiber until it suspends or finishes. */
void fiber_resume(FiberPool *pool, Fiber *fiber);
/* From the fiber: back to home, until the next fiber_resume(). */
void fiber_suspend(FiberPool *pool, Fiber *fiber);

/* From home: does something on the fiber's account, as TSan sees it, without running it. */
void fiber_impersonate(FiberPool *pool, Fiber *fiber, void (*act)(void *arg), void *arg);
