/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-server.h: one server: its life, who may connect and how, and what it does for everybody.
 *
 * Order of use: spice_server_new(), settings, spice_server_init(), spice_server_add_interface() for each
 * device, spice_server_vm_start(). Which settings can be changed later, and whom that reaches, stands with
 * each of them. Several servers may live in one process; they share nothing. Threads, ownership and errors:
 * see spice.h.
 */
#ifndef SPICE_SERVER_H_
#define SPICE_SERVER_H_

#if !defined(SPICE_H_INSIDE) && !defined(SPICE_SERVER_INTERNAL)
#error "Include <spice.h> instead of this file."
#endif

#include "spice-core.h"

SPICE_BEGIN_DECLS

typedef struct RedsState SpiceServer;

/* ---- life ---- */

/* M. A server with the defaults: no port, authentication by ticket with no ticket set (so that nobody can log
 * in until spice_server_set_ticket() or spice_server_set_noauth()), both plain and TLS allowed. The caller
 * ends it with spice_server_destroy(). NULL when memory is out. */
SpiceServer *spice_server_new(void);

/* M. Opens what listens and starts serving. `core` must outlive the server. -1: a port, certificate or the
 * authentication library could not be had; the reason is logged, and the server can only be destroyed. */
int spice_server_init(SpiceServer *s, SpiceCoreInterface *core);

/* M. Disconnects everybody, ends all workers, and frees the server. Instances still added count as removed.
 * Returns when no callback of this server runs any more and none will; inside one, it is refused. */
void spice_server_destroy(SpiceServer *s);

/* M. The machine runs, or stands still. stop returns when all drawing that the guest has submitted is
 * rendered and guest memory is neither read through commands nor written until the next start; it waits for
 * the workers only. */
void spice_server_vm_start(SpiceServer *s);
void spice_server_vm_stop(SpiceServer *s);

/* ---- devices ---- */

/* M, after init. Plugs in `sin`, whose interface type and version decide what it becomes. -1: version not
 * supported, or no more devices of this kind can be had. An unknown type is ignored, with 0. */
int spice_server_add_interface(SpiceServer *s, SpiceBaseInstance *sin);

/* M. Unplugs it; waits for its worker, if it has one. No callback of the instance runs after the return. -1:
 * not added, or of a kind that stays for the server's life (keyboard, mouse, migration). */
int spice_server_remove_interface(SpiceBaseInstance *sin);

/* ---- where to listen; all before init ---- */

#define SPICE_ADDR_FLAG_IPV4_ONLY (1 << 0)
#define SPICE_ADDR_FLAG_IPV6_ONLY (1 << 1)
#define SPICE_ADDR_FLAG_UNIX_ONLY (1 << 2)

/* M. The TCP port for plain connections. 0: the kernel chooses. -1: not in 0..65535. */
int spice_server_set_port(SpiceServer *s, int port);

/* M. Address or host name to bind to ("" or NULL: all), or with SPICE_ADDR_FLAG_UNIX_ONLY the path of a unix
 * socket. `flags` is 0 or exactly one of the above. At most 255 bytes are kept. */
void spice_server_set_addr(SpiceServer *s, const char *addr, int flags);

/* M. Use a descriptor that listens already instead of a port of our own. It stays the caller's; never closed.
 */
int spice_server_set_listen_socket_fd(SpiceServer *s, int listen_fd) SPICE_GNUC_DEPRECATED;

/* M. The TCP port for TLS, and PEM files: trusted authorities, certificate chain, key. `key_passwd`,
 * `dh_key_file` and `ciphersuite` (an OpenSSL cipher list) may be NULL. Files are read by init. -1: port not
 * in 1..65535, or one of the first three names missing. */
int spice_server_set_tls(SpiceServer *s, int port, const char *ca_cert_file, const char *certs_file,
                         const char *private_key_file, const char *key_passwd, const char *dh_key_file,
                         const char *ciphersuite);

/* M, after init. Serve a socket that the host accepted, plain or with TLS from the first byte. Non-zero
 * `skip_auth`: the host has authenticated this client. 0: the socket is the library's. -1: it is still the
 * caller's. */
int spice_server_add_client(SpiceServer *s, int socket, int skip_auth);
int spice_server_add_ssl_client(SpiceServer *s, int socket, int skip_auth);

/* ---- who may connect; later calls reach later connections ---- */

/* M. Nobody is asked for a ticket. Who is connected stays. */
int spice_server_set_noauth(SpiceServer *s);

/* M. Ask for this ticket from now on. `passwd`: at most 60 bytes; NULL or "": nobody can log in. `lifetime`:
 * seconds from now, after which it is no longer accepted; 0: for ever. When somebody is connected, non-zero
 * `fail_if_connected` refuses the call (-1), else non-zero `disconnect_if_connected` throws them out. Also
 * -1: ticket too long. */
int spice_server_set_ticket(SpiceServer *s, const char *passwd, int lifetime, int fail_if_connected,
                            int disconnect_if_connected);

/* M, before init. Authenticate by SASL; `appname` is the name under which SASL looks for its configuration,
 * "spice" unless set. -1: built without SASL. */
int spice_server_set_sasl(SpiceServer *s, int enabled);
int spice_server_set_sasl_appname(SpiceServer *s, const char *appname);

#define SPICE_CHANNEL_SECURITY_NONE (1 << 0) /* plain connections are allowed */
#define SPICE_CHANNEL_SECURITY_SSL (1 << 1)  /* TLS connections are allowed */

/* M. What is allowed for a channel: "main", "display", "inputs", "cursor", "playback", "record", "smartcard",
 * "usbredir", "webdav"; NULL: for those not named. -1: no such channel. */
int spice_server_set_channel_security(SpiceServer *s, const char *channel, int security);

/* M. Non-zero: the process exits when a client leaves. */
int spice_server_set_exit_on_disconnect(SpiceServer *s, int flag);

/* M. What the main channel tells clients. The name is copied, NULL removes it. Later connections. */
void spice_server_set_name(SpiceServer *s, const char *name);
void spice_server_set_uuid(SpiceServer *s, const uint8_t uuid[16]);

/* M. How many clients have a main channel. NULL: 0. */
int spice_server_get_num_clients(SpiceServer *s) SPICE_GNUC_DEPRECATED;

/* ---- pictures ---- */

/* SpiceImageCompression and its values are spice-protocol's; these are their names from before. */
typedef SpiceImageCompression spice_image_compression_t;
#define SPICE_IMAGE_COMPRESS_INVALID SPICE_IMAGE_COMPRESSION_INVALID
#define SPICE_IMAGE_COMPRESS_OFF SPICE_IMAGE_COMPRESSION_OFF
#define SPICE_IMAGE_COMPRESS_AUTO_GLZ SPICE_IMAGE_COMPRESSION_AUTO_GLZ
#define SPICE_IMAGE_COMPRESS_AUTO_LZ SPICE_IMAGE_COMPRESSION_AUTO_LZ
#define SPICE_IMAGE_COMPRESS_QUIC SPICE_IMAGE_COMPRESSION_QUIC
#define SPICE_IMAGE_COMPRESS_GLZ SPICE_IMAGE_COMPRESSION_GLZ
#define SPICE_IMAGE_COMPRESS_LZ SPICE_IMAGE_COMPRESSION_LZ
#define SPICE_IMAGE_COMPRESS_LZ4 SPICE_IMAGE_COMPRESSION_LZ4

/* M. The preferred image codec, for display connections from now on. Default AUTO_GLZ. A value that does not
 * exist is logged, changes nothing, and gives 0 as it always has. */
int spice_server_set_image_compression(SpiceServer *s, SpiceImageCompression comp);
SpiceImageCompression spice_server_get_image_compression(SpiceServer *s);

typedef enum {
    SPICE_WAN_COMPRESSION_INVALID = 0,
    SPICE_WAN_COMPRESSION_AUTO = 1, /* when the client's link is measured to be slow; the default */
    SPICE_WAN_COMPRESSION_ALWAYS = 2,
    SPICE_WAN_COMPRESSION_NEVER = 3,
} spice_wan_compression_t;

/* M. When to use lossy JPEG, and when to wrap GLZ in zlib. Display connections from now on. -1: no such
 * value. */
int spice_server_set_jpeg_compression(SpiceServer *s, spice_wan_compression_t comp);
int spice_server_set_zlib_glz_compression(SpiceServer *s, spice_wan_compression_t comp);

enum {
    SPICE_STREAM_VIDEO_INVALID = 0,
    SPICE_STREAM_VIDEO_OFF = 1,
    SPICE_STREAM_VIDEO_ALL = 2,
    SPICE_STREAM_VIDEO_FILTER = 3 /* only what looks like a film; the default */
};

/* M. Which moving parts of the screen become video streams; at once. -1: no such value. */
int spice_server_set_streaming_video(SpiceServer *s, int value);

/* Kinds of video encoder. No function takes them. */
enum { SPICE_STREAMING_INVALID = 0, SPICE_STREAMING_SPICE = 1, SPICE_STREAMING_GSTREAMER = 2 };

/* M. Video codecs by preference: "encoder:codec;encoder:codec", or "auto"; entries that mean nothing here are
 * skipped. Running streams are ended and chosen anew. -1: nothing usable in it, the list stays as it was. */
int spice_server_set_video_codecs(SpiceServer *s, const char *video_codecs);

/* M. The list in the same form, empty before init. The caller gives it back with the second function. */
const char *spice_server_get_video_codecs(SpiceServer *s);
void spice_server_free_video_codecs(SpiceServer *s, const char *video_codecs);

/* M. Only "sw" exists, and can be added once; else -1. */
int spice_server_add_renderer(SpiceServer *s, const char *name) SPICE_GNUC_DEPRECATED;

/* ---- sound, agent, mouse; all take effect at once, and all are on unless set ---- */

/* M. Non-zero: sound is compressed (Opus) for clients that can. */
int spice_server_set_playback_compression(SpiceServer *s, int enable);

/* M. Non-zero: the guest agent may carry the pointer; may share the clipboard; may receive files. */
int spice_server_set_agent_mouse(SpiceServer *s, int enable);
int spice_server_set_agent_copypaste(SpiceServer *s, int enable);
int spice_server_set_agent_file_xfer(SpiceServer *s, int enable);

/* M. 1: clients send relative motion (server mouse mode). 0: absolute positions. */
int spice_server_is_server_mouse(SpiceServer *s);

/* ---- kept for hosts of long ago ---- */

typedef enum {
    SPICE_COMPAT_VERSION_0_4 = 0,
    SPICE_COMPAT_VERSION_0_6 = 1,
} spice_compat_version_t;

#define SPICE_COMPAT_VERSION_CURRENT SPICE_COMPAT_VERSION_0_6

/* Any. There is one protocol version: 0.6. Setting another gives -1. */
spice_compat_version_t spice_get_current_compat_version(void);
int spice_server_set_compat_version(SpiceServer *s, spice_compat_version_t version);

/* Any. Always -1, nothing is written: see SpiceCoreInterface.channel_event instead. */
int spice_server_get_sock_info(SpiceServer *s, struct sockaddr *sa, socklen_t *salen) SPICE_GNUC_DEPRECATED;
int spice_server_get_peer_info(SpiceServer *s, struct sockaddr *sa, socklen_t *salen) SPICE_GNUC_DEPRECATED;

SPICE_END_DECLS

#endif
