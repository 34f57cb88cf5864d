/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* story.h: one fixed story, and what everybody in it saw.
 *
 * Two clients connect main, inputs, cursor and display; they type and move; the device shows cursors, surfaces and
 * monitors; one client leaves, comes again, and the server is destroyed. Each act waits for all its consequences, so
 * what is seen does not depend on who is fast: the transcripts of two runs are equal.
 *
 * A transcript is a list of parts: one for each channel of each client, with every message of the server in the words
 * of wire_msg_print(), and one for the host with what its devices were told. Left out is what time decides: PING,
 * multi_media_time and time_stamp; and what chance decides: session_id.
 */
#pragma once

#include "tests/fidelity/stage.h"

#define PARTS_MAX 24u

typedef struct Part {
    char name[40];
    char *text; /* lines; NULL: none yet */
    size_t len, capacity;
} Part;

typedef struct Transcript {
    Part parts[PARTS_MAX]; /* in the order in which the story opens them */
    size_t parts_len;
    char failure[256]; /* of the story itself; "": none */
} Transcript;

typedef enum StoryTwist {
    STORY_AS_IT_IS,
    STORY_WITHOUT_A_KEY, /* one key less: to see that comparing sees it */
    STORY_WITH_ANOTHER_CURSOR,
} StoryTwist;

void story_play(Stage *stage, bool full_header, StoryTwist twist, Transcript *ret);

/* False: they differ; where is in `ret`. */
bool transcript_equal(const Transcript *a, const Transcript *b, char *ret, size_t cap);
void transcript_free(Transcript *transcript);
