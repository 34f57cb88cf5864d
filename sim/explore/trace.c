/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/explore/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"

#define TRACE_BYTES (sizeof(SimTrace) + SIM_TRACE_EVENTS_MAX * sizeof(SimTraceEvent))
#define DRAWN_NS 100u /* what one event takes in a drawing */

SimTrace *sim_trace_new(void)
{
    /* Only what is written costs memory. */
    void *memory =
        mmap(NULL, TRACE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void sim_trace_free(SimTrace *trace)
{
    if (trace != NULL) {
        munmap(trace, TRACE_BYTES);
    }
}

void sim_trace_watch(void *opaque, const SimEventInfo *event)
{
    SimTrace *trace = opaque;
    if (trace->len == SIM_TRACE_EVENTS_MAX) {
        trace->dropped++;
        return;
    }
    SimTraceEvent *kept = &trace->events[trace->len];
    *kept = (SimTraceEvent){
        .now_ns = event->now_ns,
        .step = event->step,
        .a = event->a,
        .b = event->b,
        .channel = event->channel,
        .number = event->number,
        .arrow = event->arrow,
        .is_client = event->is_client,
        .is_host = event->is_host,
    };
    snprintf(kept->who, sizeof kept->who, "%s", event->who);
    snprintf(kept->what, sizeof kept->what, "%s", event->what);
    snprintf(kept->kind, sizeof kept->kind, "%s", event->kind);
    trace->len++;
}

void sim_print_json(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char letter = (unsigned char)*text;
        if (letter == '"' || letter == '\\') {
            fprintf(to, "\\%c", letter);
        } else if (letter < ' ' || letter == '<' || letter > 126) { /* '<' could end a script */
            fprintf(to, "\\u%04x", letter);
        } else {
            fputc(letter, to);
        }
    }
}

void sim_print_xml(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char letter = (unsigned char)*text;
        if (letter == '<' || letter == '>' || letter == '&' || letter == '"') {
            fprintf(to, "&#%d;", letter);
        } else {
            fputc(letter < ' ' || letter > 126 ? '?' : letter, to);
        }
    }
}

void sim_trace_text(const SimTrace *trace, FILE *to)
{
    for (size_t i = 0; i < trace->len; i++) {
        const SimTraceEvent *event = &trace->events[i];
        if (event->arrow == 0) {
            fprintf(to, "%" PRIu64 ".%09" PRIu64 " %-16s %-12s %" PRIu64 " %" PRIu64 "\n",
                    event->now_ns / NS_PER_S, event->now_ns % NS_PER_S, event->who, event->what, event->a,
                    event->b);
        }
    }
    if (trace->dropped > 0) {
        fprintf(to, "%" PRIu64 " more\n", trace->dropped);
    }
}

/* ---- Arrows ---- */

static bool same_channel(const SimTraceEvent *a, const SimTraceEvent *b)
{
    return a->channel == b->channel && strcmp(a->kind, b->kind) == 0;
}

/* Begun and not ended yet, of all channels; few at a time. */
typedef struct Begun {
    size_t *events;
    size_t len, capacity;
} Begun;

static void begun_add(Begun *begun, size_t event)
{
    if (begun->len == begun->capacity) {
        begun->capacity = begun->capacity == 0 ? 64 : begun->capacity * 2;
        begun->events = realloc(begun->events, begun->capacity * sizeof *begun->events);
        CHECK(begun->events != NULL);
    }
    begun->events[begun->len++] = event;
}

SimArrow *sim_trace_arrows(const SimTrace *trace, size_t *ret_len)
{
    Begun begun = {0};
    SimArrow *arrows = malloc((trace->len + 1) * sizeof *arrows);
    size_t len = 0;
    CHECK(arrows != NULL);
    for (size_t i = 0; i < trace->len; i++) {
        const SimTraceEvent *event = &trace->events[i];
        if (event->arrow == 's') {
            begun_add(&begun, i);
            continue;
        }
        size_t kept = 0;
        for (size_t k = 0; event->arrow == 'f' && k < begun.len; k++) {
            const SimTraceEvent *start = &trace->events[begun.events[k]];
            if (same_channel(start, event) && start->number <= event->number) {
                arrows[len++] = (SimArrow){.from = begun.events[k], .to = i};
            } else {
                begun.events[kept++] = begun.events[k];
            }
        }
        if (event->arrow == 'f') {
            begun.len = kept;
        }
    }
    free(begun.events);
    *ret_len = len;
    return arrows;
}

/* ---- Perfetto ---- */

typedef struct Lane {
    char who[SIM_NAME_BYTES];
    unsigned process;
} Lane;

typedef struct Lanes {
    Lane *list;
    size_t len;
    char (*clients)[SIM_NAME_BYTES];
    size_t clients_len;
} Lanes;

enum { PROCESS_SERVER = 1, PROCESS_HOST, PROCESS_CLIENTS };

/* "client2.display" belongs to client2. */
static unsigned process_of(Lanes *lanes, const SimTraceEvent *event)
{
    if (!event->is_client) {
        return event->is_host || strcmp(event->who, "nobody") == 0 ? PROCESS_HOST : PROCESS_SERVER;
    }
    char client[SIM_NAME_BYTES];
    snprintf(client, sizeof client, "%.*s", (int)strcspn(event->who, "."), event->who);
    for (size_t i = 0; i < lanes->clients_len; i++) {
        if (strcmp(lanes->clients[i], client) == 0) {
            return PROCESS_CLIENTS + (unsigned)i;
        }
    }
    lanes->clients = realloc(lanes->clients, (lanes->clients_len + 1) * sizeof *lanes->clients);
    CHECK(lanes->clients != NULL);
    strcpy(lanes->clients[lanes->clients_len], client);
    return PROCESS_CLIENTS + (unsigned)lanes->clients_len++;
}

static size_t lane_of(Lanes *lanes, const SimTraceEvent *event)
{
    for (size_t i = 0; i < lanes->len; i++) {
        if (strcmp(lanes->list[i].who, event->who) == 0) {
            return i;
        }
    }
    lanes->list = realloc(lanes->list, (lanes->len + 1) * sizeof *lanes->list);
    CHECK(lanes->list != NULL);
    Lane *lane = &lanes->list[lanes->len];
    strcpy(lane->who, event->who);
    lane->process = process_of(lanes, event);
    return lanes->len++;
}

/* When each event is drawn: at its own time, but after all before it. */
static uint64_t *drawn_times(const SimTrace *trace)
{
    uint64_t *at_ns = calloc(trace->len + 1, sizeof *at_ns);
    uint64_t origin_ns = trace->len > 0 ? trace->events[0].now_ns : 0, last_ns = 0;
    CHECK(at_ns != NULL);
    for (size_t i = 0; i < trace->len; i++) {
        const uint64_t own_ns = trace->events[i].now_ns - origin_ns;
        at_ns[i] = last_ns = own_ns > last_ns ? own_ns : last_ns + DRAWN_NS;
    }
    return at_ns;
}

static void print_us(FILE *to, uint64_t ns)
{
    fprintf(to, "%" PRIu64 ".%03" PRIu64, ns / 1000, ns % 1000);
}

static void begin_event(FILE *to, const char *phase, const Lanes *lanes, size_t lane, uint64_t at_ns)
{
    fprintf(to, ",\n{\"ph\":\"%s\",\"pid\":%u,\"tid\":%zu,\"ts\":", phase, lanes->list[lane].process,
            lane + 1);
    print_us(to, at_ns);
}

static void print_turn(FILE *to, const SimTrace *trace, Lanes *lanes, const uint64_t *at_ns, size_t first,
                       size_t end)
{
    const SimTraceEvent *event = &trace->events[first];
    begin_event(to, "X", lanes, lane_of(lanes, event), at_ns[first]);
    fprintf(to, ",\"dur\":");
    print_us(to, at_ns[end - 1] - at_ns[first] + DRAWN_NS);
    fprintf(to,
            ",\"name\":\"turn\",\"cat\":\"turn\",\"args\":{\"step\":%" PRIu64 ",\"at_s\":\"%" PRIu64
            ".%09" PRIu64 "\"}}",
            event->step, event->now_ns / NS_PER_S, event->now_ns % NS_PER_S);
}

static void print_instants(FILE *to, const SimTrace *trace, Lanes *lanes, const uint64_t *at_ns)
{
    for (size_t i = 0; i < trace->len; i++) {
        const SimTraceEvent *event = &trace->events[i];
        if (event->arrow != 0 || strcmp(event->what, "run") == 0) {
            continue;
        }
        begin_event(to, "X", lanes, lane_of(lanes, event), at_ns[i]);
        fprintf(to, ",\"dur\":0.1,\"cat\":\"event\",\"name\":\"");
        sim_print_json(to, event->what);
        fprintf(to, "\",\"args\":{\"a\":%" PRIu64 ",\"b\":%" PRIu64 "}}", event->a, event->b);
    }
}

static void print_arrows(FILE *to, const SimTrace *trace, Lanes *lanes, const uint64_t *at_ns)
{
    size_t len;
    SimArrow *arrows = sim_trace_arrows(trace, &len);
    for (size_t i = 0; i < len; i++) {
        const SimTraceEvent *from = &trace->events[arrows[i].from], *end = &trace->events[arrows[i].to];
        begin_event(to, "s", lanes, lane_of(lanes, from), at_ns[arrows[i].from]);
        fprintf(to, ",\"id\":%zu,\"cat\":\"flow\",\"name\":\"%s\"}", i + 1, from->kind);
        begin_event(to, "f", lanes, lane_of(lanes, end), at_ns[arrows[i].to]);
        fprintf(to, ",\"bp\":\"e\",\"id\":%zu,\"cat\":\"flow\",\"name\":\"%s\"}", i + 1, from->kind);
    }
    free(arrows);
}

/* What was written and not read yet, of each direction of each connection. */
static void print_counters(FILE *to, const SimTrace *trace, const uint64_t *at_ns)
{
    uint64_t channels = 0;
    for (size_t i = 0; i < trace->len; i++) {
        if (strcmp(trace->events[i].kind, "bytes") == 0 && trace->events[i].channel >= channels) {
            channels = trace->events[i].channel + 1;
        }
    }
    uint64_t *sent = calloc(channels + 1, sizeof *sent), *read = calloc(channels + 1, sizeof *read);
    CHECK(sent != NULL && read != NULL);
    for (size_t i = 0; i < trace->len; i++) {
        const SimTraceEvent *event = &trace->events[i];
        if (strcmp(event->kind, "bytes") != 0) {
            continue;
        }
        *(event->arrow == 's' ? &sent[event->channel] : &read[event->channel]) = event->number;
        fprintf(to, ",\n{\"ph\":\"C\",\"pid\":%d,\"ts\":", PROCESS_SERVER);
        print_us(to, at_ns[i]);
        fprintf(to, ",\"name\":\"connection %" PRIu64 " %s\",\"args\":{\"unread bytes\":%" PRIu64 "}}",
                event->channel / 2, event->channel % 2 == 0 ? "to server" : "to client",
                sent[event->channel] - read[event->channel]);
    }
    free(sent);
    free(read);
}

static void print_names(FILE *to, const Lanes *lanes)
{
    const char *const fixed[] = {"server", "host"};
    for (unsigned i = 0; i < 2; i++) {
        fprintf(to, ",\n{\"ph\":\"M\",\"pid\":%u,\"name\":\"process_name\",\"args\":{\"name\":\"%s\"}}",
                PROCESS_SERVER + i, fixed[i]);
    }
    for (size_t i = 0; i < lanes->clients_len; i++) {
        fprintf(to, ",\n{\"ph\":\"M\",\"pid\":%zu,\"name\":\"process_name\",\"args\":{\"name\":\"",
                PROCESS_CLIENTS + i);
        sim_print_json(to, lanes->clients[i]);
        fprintf(to, "\"}}");
    }
    for (size_t i = 0; i < lanes->len; i++) {
        fprintf(to, ",\n{\"ph\":\"M\",\"pid\":%u,\"tid\":%zu,\"name\":\"thread_name\",\"args\":{\"name\":\"",
                lanes->list[i].process, i + 1);
        sim_print_json(to, lanes->list[i].who);
        fprintf(to, "\"}}");
    }
}

void sim_trace_perfetto(const SimTrace *trace, FILE *to)
{
    Lanes lanes = {0};
    uint64_t *at_ns = drawn_times(trace);
    fprintf(
        to,
        "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":0,\"name\":\"process_name\","
        "\"args\":{\"name\":\"spice-sim\"}}");
    for (size_t first = 0; first < trace->len;) {
        size_t end = first + 1;
        while (end < trace->len && strcmp(trace->events[end].who, trace->events[first].who) == 0 &&
               strcmp(trace->events[end].what, "run") != 0) {
            end++;
        }
        if (strcmp(trace->events[first].what, "run") == 0) {
            print_turn(to, trace, &lanes, at_ns, first, end);
        }
        first = end;
    }
    print_instants(to, trace, &lanes, at_ns);
    print_arrows(to, trace, &lanes, at_ns);
    print_counters(to, trace, at_ns);
    print_names(to, &lanes);
    fprintf(to, "\n]}\n");
    free(at_ns);
    free(lanes.list);
    free(lanes.clients);
}
