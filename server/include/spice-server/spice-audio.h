/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-audio.h: sound out of the machine (playback) and into it (record). One of each; all functions in M.
 *
 * A sample is one uint32_t: two signed 16-bit values in host order, left in the lower half. Counts are of
 * such samples. The interfaces have no callbacks: the host drives. Only one client at a time is heard and
 * hears.
 */
#ifndef SPICE_AUDIO_H_
#define SPICE_AUDIO_H_

#if !defined(SPICE_H_INSIDE) && !defined(SPICE_SERVER_INTERNAL)
#error "Include <spice.h> instead of this file."
#endif

#include "spice-core.h"

SPICE_BEGIN_DECLS

enum {
    SPICE_INTERFACE_AUDIO_FMT_S16 = 1,
};

/* ---- playback ---- */

#define SPICE_INTERFACE_PLAYBACK "playback"
#define SPICE_INTERFACE_PLAYBACK_MAJOR 1
#define SPICE_INTERFACE_PLAYBACK_MINOR 3
typedef struct SpicePlaybackInterface SpicePlaybackInterface;
typedef struct SpicePlaybackInstance SpicePlaybackInstance;
typedef struct SpicePlaybackState SpicePlaybackState;

/* What hosts used before rates could be chosen. The rate that counts is that of
 * spice_server_set_playback_rate(). */
#define SPICE_INTERFACE_PLAYBACK_FREQ 44100
#define SPICE_INTERFACE_PLAYBACK_CHAN 2
#define SPICE_INTERFACE_PLAYBACK_FMT SPICE_INTERFACE_AUDIO_FMT_S16

struct SpicePlaybackInterface {
    SpiceBaseInterface base;
};

struct SpicePlaybackInstance {
    SpiceBaseInstance base;
    SpicePlaybackState *st;
};

/* M. Sound begins, ends. Repeating one of them changes nothing. */
void spice_server_playback_start(SpicePlaybackInstance *sin);
void spice_server_playback_stop(SpicePlaybackInstance *sin);

/* M. Borrows a buffer for the next `*num_samples` samples; NULL and 0 when nobody listens or none is free.
 * The host fills it and gives it back with put_samples(), which sends it; a buffer that could not be sent in
 * time is lost. */
void spice_server_playback_get_buffer(SpicePlaybackInstance *sin, uint32_t **samples, uint32_t *num_samples);
void spice_server_playback_put_samples(SpicePlaybackInstance *sin, uint32_t *samples);

/* M. Volume per channel, 0..65535, copied; and whether to be silent. For the listener now and those to come.
 */
void spice_server_playback_set_volume(SpicePlaybackInstance *sin, uint8_t nchannels, uint16_t *volume);
void spice_server_playback_set_mute(SpicePlaybackInstance *sin, uint8_t mute);

/* Any / M. The rate in Hz that costs least, and the rate the host will deliver. Set it before a client
 * connects: Opus is offered only for a rate it knows (8, 12, 16, 24, 48 kHz). */
uint32_t spice_server_get_best_playback_rate(SpicePlaybackInstance *sin);
void spice_server_set_playback_rate(SpicePlaybackInstance *sin, uint32_t frequency);

/* ---- record ---- */

#define SPICE_INTERFACE_RECORD "record"
#define SPICE_INTERFACE_RECORD_MAJOR 2
#define SPICE_INTERFACE_RECORD_MINOR 3
typedef struct SpiceRecordInterface SpiceRecordInterface;
typedef struct SpiceRecordInstance SpiceRecordInstance;
typedef struct SpiceRecordState SpiceRecordState;

#define SPICE_INTERFACE_RECORD_FREQ 44100
#define SPICE_INTERFACE_RECORD_CHAN 2
#define SPICE_INTERFACE_RECORD_FMT SPICE_INTERFACE_AUDIO_FMT_S16

struct SpiceRecordInterface {
    SpiceBaseInterface base;
};

struct SpiceRecordInstance {
    SpiceBaseInstance base;
    SpiceRecordState *st;
};

/* M. The machine begins, ends to listen. Repeating one of them changes nothing. */
void spice_server_record_start(SpiceRecordInstance *sin);
void spice_server_record_stop(SpiceRecordInstance *sin);

/* M. Takes up to `bufsize` samples into the caller's buffer, and returns how many. 0 while too few have
 * arrived since start to play without gaps. What the host does not fetch in time is overwritten. */
uint32_t spice_server_record_get_samples(SpiceRecordInstance *sin, uint32_t *samples, uint32_t bufsize);

/* M. As for playback. */
void spice_server_record_set_volume(SpiceRecordInstance *sin, uint8_t nchannels, uint16_t *volume);
void spice_server_record_set_mute(SpiceRecordInstance *sin, uint8_t mute);

/* Any / M. As for playback. */
uint32_t spice_server_get_best_record_rate(SpiceRecordInstance *sin);
void spice_server_set_record_rate(SpiceRecordInstance *sin, uint32_t frequency);

SPICE_END_DECLS

#endif
