/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* story.h: one fixed story, and what everybody in it saw.
 *
 * Two clients connect main, inputs, cursor and display; they type and move; the device shows cursors, surfaces and
 * monitors; one client leaves, comes again, and the server is destroyed. Each act waits for all its consequences, so
 * what is seen does not depend on who is fast: the transcripts of two runs are equal.
 */
#pragma once

#include "tests/fidelity/stage.h"
#include "tests/fidelity/transcript.h"

typedef enum StoryTwist {
    STORY_AS_IT_IS,
    STORY_WITHOUT_A_KEY, /* one key less: to see that comparing sees it */
    STORY_WITH_ANOTHER_CURSOR,
} StoryTwist;

void story_play(Stage *stage, bool full_header, StoryTwist twist, Transcript *ret);
