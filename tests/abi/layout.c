/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* layout: prints size and offsets of every public struct, and every public constant, one per line.
 *
 * Compiled once with our headers and once with those of the installed library; both must print what
 * layout.txt says (x86-64). abi.py sees to it that nothing public is missing from the lists here.
 */
#include <spice.h>

#include <stddef.h>
#include <stdio.h>

#define STRUCT(type) printf("%s size %zu\n", #type, sizeof(type))
#define FIELD(type, field)                                                                                   \
    printf("%s.%s %zu %zu\n", #type, #field, offsetof(type, field), sizeof(((type *)0)->field))
#define VALUE(name) printf("%s = %lld\n", #name, (long long)(name))
#define TEXT(name) printf("%s = \"%s\"\n", #name, name)

static void base_layout(void)
{
    STRUCT(SpiceBaseInterface);
    FIELD(SpiceBaseInterface, type);
    FIELD(SpiceBaseInterface, description);
    FIELD(SpiceBaseInterface, major_version);
    FIELD(SpiceBaseInterface, minor_version);
    STRUCT(SpiceBaseInstance);
    FIELD(SpiceBaseInstance, sif);
    STRUCT(SpiceChannelEventInfo);
    FIELD(SpiceChannelEventInfo, connection_id);
    FIELD(SpiceChannelEventInfo, type);
    FIELD(SpiceChannelEventInfo, id);
    FIELD(SpiceChannelEventInfo, flags);
    FIELD(SpiceChannelEventInfo, laddr);
    FIELD(SpiceChannelEventInfo, paddr);
    FIELD(SpiceChannelEventInfo, llen);
    FIELD(SpiceChannelEventInfo, plen);
    FIELD(SpiceChannelEventInfo, laddr_ext);
    FIELD(SpiceChannelEventInfo, paddr_ext);
    FIELD(SpiceChannelEventInfo, llen_ext);
    FIELD(SpiceChannelEventInfo, plen_ext);
    STRUCT(SpiceCoreInterface);
    FIELD(SpiceCoreInterface, base);
    FIELD(SpiceCoreInterface, timer_add);
    FIELD(SpiceCoreInterface, timer_start);
    FIELD(SpiceCoreInterface, timer_cancel);
    FIELD(SpiceCoreInterface, timer_remove);
    FIELD(SpiceCoreInterface, watch_add);
    FIELD(SpiceCoreInterface, watch_update_mask);
    FIELD(SpiceCoreInterface, watch_remove);
    FIELD(SpiceCoreInterface, channel_event);
}

static void qxl_layout(void)
{
    STRUCT(QXLInterface);
    FIELD(QXLInterface, base);
    FIELD(QXLInterface, attached_worker);
    FIELD(QXLInterface, attache_worker);
    FIELD(QXLInterface, set_compression_level);
    FIELD(QXLInterface, set_mm_time);
    FIELD(QXLInterface, get_init_info);
    FIELD(QXLInterface, get_command);
    FIELD(QXLInterface, req_cmd_notification);
    FIELD(QXLInterface, release_resource);
    FIELD(QXLInterface, get_cursor_command);
    FIELD(QXLInterface, req_cursor_notification);
    FIELD(QXLInterface, notify_update);
    FIELD(QXLInterface, flush_resources);
    FIELD(QXLInterface, async_complete);
    FIELD(QXLInterface, update_area_complete);
    FIELD(QXLInterface, set_client_capabilities);
    FIELD(QXLInterface, client_monitors_config);
    STRUCT(QXLInstance);
    FIELD(QXLInstance, base);
    FIELD(QXLInstance, id);
    FIELD(QXLInstance, st);
    STRUCT(QXLDevInitInfo);
    FIELD(QXLDevInitInfo, num_memslots_groups);
    FIELD(QXLDevInitInfo, num_memslots);
    FIELD(QXLDevInitInfo, memslot_gen_bits);
    FIELD(QXLDevInitInfo, memslot_id_bits);
    FIELD(QXLDevInitInfo, qxl_ram_size);
    FIELD(QXLDevInitInfo, internal_groupslot_id);
    FIELD(QXLDevInitInfo, n_surfaces);
    STRUCT(QXLDevMemSlot);
    FIELD(QXLDevMemSlot, slot_group_id);
    FIELD(QXLDevMemSlot, slot_id);
    FIELD(QXLDevMemSlot, generation);
    FIELD(QXLDevMemSlot, virt_start);
    FIELD(QXLDevMemSlot, virt_end);
    FIELD(QXLDevMemSlot, addr_delta);
    FIELD(QXLDevMemSlot, qxl_ram_size);
    STRUCT(QXLDevSurfaceCreate);
    FIELD(QXLDevSurfaceCreate, width);
    FIELD(QXLDevSurfaceCreate, height);
    FIELD(QXLDevSurfaceCreate, stride);
    FIELD(QXLDevSurfaceCreate, format);
    FIELD(QXLDevSurfaceCreate, position);
    FIELD(QXLDevSurfaceCreate, mouse_mode);
    FIELD(QXLDevSurfaceCreate, flags);
    FIELD(QXLDevSurfaceCreate, type);
    FIELD(QXLDevSurfaceCreate, mem);
    FIELD(QXLDevSurfaceCreate, group_id);
    /* Types of spice-protocol that cross the interface by value or by pointer. */
    STRUCT(QXLCommand);
    STRUCT(QXLCommandExt);
    FIELD(QXLCommandExt, cmd);
    FIELD(QXLCommandExt, group_id);
    FIELD(QXLCommandExt, flags);
    STRUCT(QXLReleaseInfo);
    STRUCT(QXLReleaseInfoExt);
    FIELD(QXLReleaseInfoExt, info);
    FIELD(QXLReleaseInfoExt, group_id);
    STRUCT(QXLRect);
    STRUCT(QXLPHYSICAL);
    STRUCT(SpiceImageCompression);
}

static void device_layout(void)
{
    STRUCT(SpiceKbdInterface);
    FIELD(SpiceKbdInterface, base);
    FIELD(SpiceKbdInterface, push_scan_freg);
    FIELD(SpiceKbdInterface, get_leds);
    STRUCT(SpiceKbdInstance);
    FIELD(SpiceKbdInstance, base);
    FIELD(SpiceKbdInstance, st);
    STRUCT(SpiceMouseInterface);
    FIELD(SpiceMouseInterface, base);
    FIELD(SpiceMouseInterface, motion);
    FIELD(SpiceMouseInterface, buttons);
    STRUCT(SpiceMouseInstance);
    FIELD(SpiceMouseInstance, base);
    FIELD(SpiceMouseInstance, st);
    STRUCT(SpiceTabletInterface);
    FIELD(SpiceTabletInterface, base);
    FIELD(SpiceTabletInterface, set_logical_size);
    FIELD(SpiceTabletInterface, position);
    FIELD(SpiceTabletInterface, wheel);
    FIELD(SpiceTabletInterface, buttons);
    STRUCT(SpiceTabletInstance);
    FIELD(SpiceTabletInstance, base);
    FIELD(SpiceTabletInstance, st);
    STRUCT(SpicePlaybackInterface);
    FIELD(SpicePlaybackInterface, base);
    STRUCT(SpicePlaybackInstance);
    FIELD(SpicePlaybackInstance, base);
    FIELD(SpicePlaybackInstance, st);
    STRUCT(SpiceRecordInterface);
    FIELD(SpiceRecordInterface, base);
    STRUCT(SpiceRecordInstance);
    FIELD(SpiceRecordInstance, base);
    FIELD(SpiceRecordInstance, st);
    STRUCT(SpiceCharDeviceInterface);
    FIELD(SpiceCharDeviceInterface, base);
    FIELD(SpiceCharDeviceInterface, state);
    FIELD(SpiceCharDeviceInterface, write);
    FIELD(SpiceCharDeviceInterface, read);
    FIELD(SpiceCharDeviceInterface, event);
    FIELD(SpiceCharDeviceInterface, flags);
    STRUCT(SpiceCharDeviceInstance);
    FIELD(SpiceCharDeviceInstance, base);
    FIELD(SpiceCharDeviceInstance, subtype);
    FIELD(SpiceCharDeviceInstance, st);
    FIELD(SpiceCharDeviceInstance, portname);
    STRUCT(SpiceMigrateInterface);
    FIELD(SpiceMigrateInterface, base);
    FIELD(SpiceMigrateInterface, migrate_connect_complete);
    FIELD(SpiceMigrateInterface, migrate_end_complete);
    STRUCT(SpiceMigrateInstance);
    FIELD(SpiceMigrateInstance, base);
    FIELD(SpiceMigrateInstance, st);
}

static void values(void)
{
    TEXT(SPICE_INTERFACE_CORE);
    VALUE(SPICE_INTERFACE_CORE_MAJOR);
    VALUE(SPICE_INTERFACE_CORE_MINOR);
    TEXT(SPICE_INTERFACE_QXL);
    VALUE(SPICE_INTERFACE_QXL_MAJOR);
    VALUE(SPICE_INTERFACE_QXL_MINOR);
    TEXT(SPICE_INTERFACE_KEYBOARD);
    VALUE(SPICE_INTERFACE_KEYBOARD_MAJOR);
    VALUE(SPICE_INTERFACE_KEYBOARD_MINOR);
    TEXT(SPICE_INTERFACE_MOUSE);
    VALUE(SPICE_INTERFACE_MOUSE_MAJOR);
    VALUE(SPICE_INTERFACE_MOUSE_MINOR);
    TEXT(SPICE_INTERFACE_TABLET);
    VALUE(SPICE_INTERFACE_TABLET_MAJOR);
    VALUE(SPICE_INTERFACE_TABLET_MINOR);
    TEXT(SPICE_INTERFACE_PLAYBACK);
    VALUE(SPICE_INTERFACE_PLAYBACK_MAJOR);
    VALUE(SPICE_INTERFACE_PLAYBACK_MINOR);
    VALUE(SPICE_INTERFACE_PLAYBACK_FREQ);
    VALUE(SPICE_INTERFACE_PLAYBACK_CHAN);
    VALUE(SPICE_INTERFACE_PLAYBACK_FMT);
    TEXT(SPICE_INTERFACE_RECORD);
    VALUE(SPICE_INTERFACE_RECORD_MAJOR);
    VALUE(SPICE_INTERFACE_RECORD_MINOR);
    VALUE(SPICE_INTERFACE_RECORD_FREQ);
    VALUE(SPICE_INTERFACE_RECORD_CHAN);
    VALUE(SPICE_INTERFACE_RECORD_FMT);
    VALUE(SPICE_INTERFACE_AUDIO_FMT_S16);
    TEXT(SPICE_INTERFACE_CHAR_DEVICE);
    VALUE(SPICE_INTERFACE_CHAR_DEVICE_MAJOR);
    VALUE(SPICE_INTERFACE_CHAR_DEVICE_MINOR);
    TEXT(SPICE_INTERFACE_MIGRATION);
    VALUE(SPICE_INTERFACE_MIGRATION_MAJOR);
    VALUE(SPICE_INTERFACE_MIGRATION_MINOR);
    VALUE(SPICE_WATCH_EVENT_READ);
    VALUE(SPICE_WATCH_EVENT_WRITE);
    VALUE(SPICE_CHANNEL_EVENT_CONNECTED);
    VALUE(SPICE_CHANNEL_EVENT_INITIALIZED);
    VALUE(SPICE_CHANNEL_EVENT_DISCONNECTED);
    VALUE(SPICE_CHANNEL_EVENT_FLAG_TLS);
    VALUE(SPICE_CHANNEL_EVENT_FLAG_ADDR_EXT);
    VALUE(SPICE_CHAR_DEVICE_NOTIFY_WRITABLE);
    VALUE(SPICE_CAPABILITIES_SIZE);
    VALUE(SPICE_ADDR_FLAG_IPV4_ONLY);
    VALUE(SPICE_ADDR_FLAG_IPV6_ONLY);
    VALUE(SPICE_ADDR_FLAG_UNIX_ONLY);
    VALUE(SPICE_CHANNEL_SECURITY_NONE);
    VALUE(SPICE_CHANNEL_SECURITY_SSL);
    VALUE(SPICE_COMPAT_VERSION_0_4);
    VALUE(SPICE_COMPAT_VERSION_0_6);
    VALUE(SPICE_COMPAT_VERSION_CURRENT);
    VALUE(SPICE_IMAGE_COMPRESS_INVALID);
    VALUE(SPICE_IMAGE_COMPRESS_OFF);
    VALUE(SPICE_IMAGE_COMPRESS_AUTO_GLZ);
    VALUE(SPICE_IMAGE_COMPRESS_AUTO_LZ);
    VALUE(SPICE_IMAGE_COMPRESS_QUIC);
    VALUE(SPICE_IMAGE_COMPRESS_GLZ);
    VALUE(SPICE_IMAGE_COMPRESS_LZ);
    VALUE(SPICE_IMAGE_COMPRESS_LZ4);
    VALUE(SPICE_WAN_COMPRESSION_INVALID);
    VALUE(SPICE_WAN_COMPRESSION_AUTO);
    VALUE(SPICE_WAN_COMPRESSION_ALWAYS);
    VALUE(SPICE_WAN_COMPRESSION_NEVER);
    VALUE(SPICE_STREAM_VIDEO_INVALID);
    VALUE(SPICE_STREAM_VIDEO_OFF);
    VALUE(SPICE_STREAM_VIDEO_ALL);
    VALUE(SPICE_STREAM_VIDEO_FILTER);
    VALUE(SPICE_STREAMING_INVALID);
    VALUE(SPICE_STREAMING_SPICE);
    VALUE(SPICE_STREAMING_GSTREAMER);
    VALUE(sizeof(spice_image_compression_t));
    VALUE(sizeof(spice_wan_compression_t));
    VALUE(sizeof(spice_compat_version_t));
}

int main(void)
{
    base_layout();
    qxl_layout();
    device_layout();
    values();
    return 0;
}
