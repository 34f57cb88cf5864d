/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fidelity/stage.h"

#include <errno.h>

/* The connection ended, or has nothing more to do: it was refused. */
static void line_lost(Line *line)
{
    line->stage->close(line);
    fake_connection_closed(line->connection, line->stage->now_ns(line->stage));
    line->ended(line);
}

static bool line_read(Line *line)
{
    Stage *stage = line->stage;
    uint8_t buffer[16384];
    bool moved = false;

    while (line->handle >= 0 && fake_connection_wants_read(line->connection)) {
        const int64_t n = stage->read(line, buffer, sizeof buffer);
        if (n == -EAGAIN) {
            break;
        }
        moved = true;
        if (n <= 0) {
            line_lost(line);
        } else {
            fake_connection_receive(line->connection, span_of(buffer, (size_t)n), stage->now_ns(stage));
        }
    }
    return moved;
}

static bool line_write(Line *line)
{
    bool moved = false;
    Span out;

    while (line->handle >= 0 && (out = fake_connection_output(line->connection)).len > 0) {
        const int64_t n = line->stage->write(line, out);
        if (n == -EAGAIN) {
            break;
        }
        moved = true;
        if (n <= 0) {
            line_lost(line);
        } else {
            fake_connection_sent(line->connection, (size_t)n);
        }
    }
    return moved;
}

bool line_turn(Line *line)
{
    bool moved = line_read(line);
    moved |= line_write(line);
    if (line->handle >= 0 && fake_connection_wants_close(line->connection)) {
        line_lost(line);
        moved = true;
    }
    return moved;
}
