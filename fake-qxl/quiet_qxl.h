/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quiet_qxl.h: the callbacks of a QXL device to which nothing matters but its commands, for hosts that only draw.
 *
 * Only the public interface is used: it is built against whichever libspice-server's headers its program is.
 *
 * Thread  the callbacks keep nothing, so any may call them.
 */
#pragma once

#include <spice.h>

void quiet_qxl_attached_worker(QXLInstance *qxl);
void quiet_qxl_set_compression_level(QXLInstance *qxl, int level);
void quiet_qxl_notify_update(QXLInstance *qxl, uint32_t update_id);
int quiet_qxl_flush_resources(QXLInstance *qxl); /* 0: what was released is the guest's at once */
void quiet_qxl_async_complete(QXLInstance *qxl, uint64_t cookie);
void quiet_qxl_update_area_complete(QXLInstance *qxl, uint32_t surface, QXLRect *rects, uint32_t count);
void quiet_qxl_set_client_capabilities(QXLInstance *qxl, uint8_t present,
                                       uint8_t caps[SPICE_CAPABILITIES_SIZE]);
int quiet_qxl_client_monitors_config(QXLInstance *qxl,
                                     VDAgentMonitorsConfig *config); /* 0: no guest takes it */

/* Of a ring that stays empty. */
int quiet_qxl_no_command(QXLInstance *qxl, QXLCommandExt *command);
int quiet_qxl_always(QXLInstance *qxl);

/* Inside the initialiser of a QXLInterface, before get_init_info, the two rings and release_resource. */
#define QUIET_QXL(name)                                                                                      \
    .base = {.type = SPICE_INTERFACE_QXL,                                                                    \
             .description = name,                                                                            \
             .major_version = SPICE_INTERFACE_QXL_MAJOR,                                                     \
             .minor_version = SPICE_INTERFACE_QXL_MINOR},                                                    \
    .attached_worker = quiet_qxl_attached_worker, .set_compression_level = quiet_qxl_set_compression_level,  \
    .notify_update = quiet_qxl_notify_update, .flush_resources = quiet_qxl_flush_resources,                  \
    .async_complete = quiet_qxl_async_complete, .update_area_complete = quiet_qxl_update_area_complete,      \
    .set_client_capabilities = quiet_qxl_set_client_capabilities,                                            \
    .client_monitors_config = quiet_qxl_client_monitors_config
