/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-qxl/quiet_qxl.h"

void quiet_qxl_attached_worker(QXLInstance *qxl)
{
    (void)qxl;
}

void quiet_qxl_set_compression_level(QXLInstance *qxl, int level)
{
    (void)qxl;
    (void)level;
}

void quiet_qxl_notify_update(QXLInstance *qxl, uint32_t update_id)
{
    (void)qxl;
    (void)update_id;
}

int quiet_qxl_flush_resources(QXLInstance *qxl)
{
    (void)qxl;
    return 0;
}

void quiet_qxl_async_complete(QXLInstance *qxl, uint64_t cookie)
{
    (void)qxl;
    (void)cookie;
}

void quiet_qxl_update_area_complete(QXLInstance *qxl, uint32_t surface, QXLRect *rects, uint32_t count)
{
    (void)qxl;
    (void)surface;
    (void)rects;
    (void)count;
}

void quiet_qxl_set_client_capabilities(QXLInstance *qxl, uint8_t present,
                                       uint8_t caps[SPICE_CAPABILITIES_SIZE])
{
    (void)qxl;
    (void)present;
    (void)caps;
}

int quiet_qxl_client_monitors_config(QXLInstance *qxl, VDAgentMonitorsConfig *config)
{
    (void)qxl;
    (void)config;
    return 0;
}

int quiet_qxl_no_command(QXLInstance *qxl, QXLCommandExt *command)
{
    (void)qxl;
    (void)command;
    return 0;
}

int quiet_qxl_always(QXLInstance *qxl)
{
    (void)qxl;
    return 1;
}
