/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* internal.h: what the files of the posix backend share: the operations that posix.c gathers in the table.
 * core/core.h says what they do.
 */
#pragma once

#include "core/core.h"

/* loop.c */
CoreLoop *posix_loop_new(const Core *core, const char *name);
void posix_loop_run(CoreLoop *loop);
void posix_loop_quit(CoreLoop *loop);
void posix_loop_free(CoreLoop *loop);

/* thread.c */
CoreThread *posix_thread_start(const Core *core, const char *name, void (*entry)(void *arg), void *arg);
void posix_thread_join(const Core *core, CoreThread *thread);
void posix_gate_wait(const Core *core, CoreGate *gate);
void posix_gate_open(const Core *core, CoreGate *gate);

/* exit.c */
bool posix_exit_hold(const Core *core);
void posix_exit_release(const Core *core);
void posix_exit_process(const Core *core, int code);

/* handle.c */
int64_t posix_readv(const Core *core, int handle, const struct iovec *iov, int iov_len);
int64_t posix_writev(const Core *core, int handle, const struct iovec *iov, int iov_len);
int posix_shutdown(const Core *core, int handle);
void posix_close(const Core *core, int handle);
int posix_accept(const Core *core, int listener);
int posix_adopt(const Core *core, int handle);
int posix_addresses(const Core *core, int handle, CoreAddress *ret_local, CoreAddress *ret_peer);
int posix_tune(const Core *core, int handle, CoreTune what, int value);
int64_t posix_unsent_bytes(const Core *core, int handle);
int posix_wake_new(const Core *core);
void posix_wake_signal(const Core *core, int handle);
void posix_wake_clear(const Core *core, int handle);

/* listen.c */
int posix_listen(const Core *core, const CoreListen *where);

/* file.c */
int posix_file_read(const Core *core, const char *path, size_t max, uint8_t **ret_data, size_t *ret_len);
int posix_file_create(const Core *core, const char *path, const char *filter, CoreFile **ret_file);
int posix_file_write(const Core *core, CoreFile *file, const struct iovec *iov, int iov_len);
void posix_file_close(const Core *core, CoreFile *file);
