/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold for every message of the description: random instances survive encoding and decoding, every
 * truncation and every mutation is refused or means something consistent, and no byte outside is touched (the
 * bodies lie in blocks of exactly their size, so that AddressSanitizer sees it). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/wire/families.h"

#define ARENA_BYTES (1024 * 1024)
#define BODY_BYTES (256 * 1024)
#define SEEDS 40
#define TEXT_BYTES 8192

static uint8_t *arenas[3];
static uint8_t *big;
static char *texts[2];

typedef struct Case {
    const FamilyOps *ops;
    const WireMessageInfo *info;
    uint32_t context;
    Any m;
    Span body; /* in a block of its size */
} Case;

static void case_make(Case *c, uint64_t seed)
{
    WireArena arena;
    wire_arena_init(&arena, arenas[0], ARENA_BYTES);
    WireRandom r = {seed * 7919 + c->info->type * 31 + c->info->channel, &arena, 0};
    c->context = (uint32_t)wire_random_next(&r) & c->ops->contexts;
    r.context = c->context;
    assert_true(c->ops->random(&r, c->info, &c->m));

    WireOut out;
    wire_out_init_count(&out);
    out.context = c->context;
    c->ops->encode(&out, &c->m);
    assert_false(out.failed);
    const size_t size = wire_out_total(&out);

    uint8_t *bytes = malloc(size ? size : 1);
    assert_non_null(bytes);
    wire_out_init(&out, bytes, size);
    out.context = c->context;
    c->ops->encode(&out, &c->m);
    assert_false(out.failed);
    assert_int_equal(wire_out_total(&out), size);
    c->body = span_of(bytes, size);
}

static void case_free(Case *c)
{
    free((void *)c->body.data);
}

typedef void (*CaseCheck)(Case *c);

static void for_every_message(CaseCheck check, unsigned seeds)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        for (size_t i = 0; i < families[f].count(); i++) {
            for (unsigned seed = 0; seed < seeds; seed++) {
                Case c = {.ops = &families[f], .info = families[f].at(i)};
                case_make(&c, seed);
                check(&c);
                case_free(&c);
            }
        }
    }
}

static Status decode(const Case *c, Span body, int which, Any *ret, WireFault *fault)
{
    WireArena arena;
    wire_arena_init(&arena, arenas[which], ARENA_BYTES);
    return c->ops->decode(c->info, body, c->context, &arena, ret, fault);
}

/* Encodes into `big`. */
static Span encode(const Case *c, const Any *m)
{
    WireOut out;
    wire_out_init(&out, big, BODY_BYTES * 8);
    out.context = c->context;
    c->ops->encode(&out, m);
    assert_false(out.failed);
    return span_of(big, out.len);
}

static void check_round_trip(Case *c)
{
    assert_in_range(c->body.len, c->info->min_size, c->info->max_body);
    Any back;
    WireFault fault = {0};
    const Status status = decode(c, c->body, 1, &back, &fault);
    if (status != STATUS_OK) {
        fail_msg("%s: %s %s (%llu)", c->info->name, fault.field, fault.why, (unsigned long long)fault.value);
    }
    if (!c->ops->equal(&c->m, &back)) {
        c->ops->print(&c->m, texts[0], TEXT_BYTES);
        c->ops->print(&back, texts[1], TEXT_BYTES);
        fail_msg("\n%s\n%s", texts[0], texts[1]);
    }
    const size_t length = c->ops->print(&c->m, texts[0], TEXT_BYTES);
    assert_int_equal(c->ops->print(&back, texts[1], TEXT_BYTES), length);
    assert_string_equal(texts[0], texts[1]);
    assert_true(strncmp(texts[0], c->info->name, strlen(c->info->name)) == 0);
    const Span again = encode(c, &back);
    assert_int_equal(again.len, c->body.len);
    assert_memory_equal(again.data, c->body.data, again.len);
}

static void test_round_trip(void **state)
{
    (void)state;
    for_every_message(check_round_trip, SEEDS);
}

/* The comparison must be able to fail: two instances are equal only if their bodies are. */
static void check_equal_is_honest(Case *c)
{
    Case other = *c;
    WireArena arena;
    wire_arena_init(&arena, arenas[2], ARENA_BYTES);
    WireRandom r = {c->body.len + 77, &arena, c->context};
    assert_true(c->ops->random(&r, c->info, &other.m));
    const Span body = encode(c, &other.m);
    const bool same = body.len == c->body.len && memcmp(body.data, c->body.data, body.len) == 0;
    assert_int_equal(c->ops->equal(&c->m, &other.m), same);
}

static void test_equal_is_honest(void **state)
{
    (void)state;
    for_every_message(check_equal_is_honest, 8);
}

/* A shorter body is refused; only messages that run to the end of the body may take it, as their own prefix.
 */
static void check_truncation(Case *c)
{
    for (size_t len = 0; len < c->body.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, c->body.data, len);
        Any back;
        WireFault fault = {0};
        const Status status = decode(c, span_of(cut, len), 1, &back, &fault);
        if (status == STATUS_OK) {
            const Span again = encode(c, &back);
            if (again.len > len || len - again.len >= 4 || memcmp(again.data, cut, again.len) != 0) {
                fail_msg("%s takes %zu of %zu bytes", c->info->name, len, c->body.len);
            }
        } else {
            assert_int_equal(status, STATUS_PEER_FAULT);
            assert_string_equal(fault.message, c->info->name);
            assert_non_null(fault.field);
            assert_non_null(fault.why);
        }
        free(cut);
    }
}

static void test_truncation(void **state)
{
    (void)state;
    for_every_message(check_truncation, 12);
}

/* What is accepted means something: it can be encoded, and decodes to the same. */
static void check_mutations(Case *c)
{
    WireRandom r = {c->body.len, NULL, 0};
    for (int i = 0; i < 24 && c->body.len > 0; i++) {
        uint8_t *bytes = malloc(c->body.len);
        assert_non_null(bytes);
        memcpy(bytes, c->body.data, c->body.len);
        for (uint32_t n = 1 + wire_random_below(&r, 3); n > 0; n--) {
            const uint32_t at = wire_random_below(&r, (uint32_t)c->body.len);
            if (wire_random_below(&r, 2) == 0 || c->body.len - at < 4) {
                bytes[at] ^= (uint8_t)(1u << wire_random_below(&r, 8));
            } else {
                const uint32_t words[] = {0,          1,          0x7fffffff,           0x80000000,
                                          0xfffffff7, 0xffffffff, (uint32_t)c->body.len};
                le32_put(bytes + at, words[wire_random_below(&r, 7)]);
            }
        }
        Any back, twice;
        WireFault fault;
        if (decode(c, span_of(bytes, c->body.len), 1, &back, &fault) == STATUS_OK) {
            const Span again = encode(c, &back);
            if (again.len <= c->info->max_body) {
                assert_int_equal(decode(c, again, 2, &twice, &fault), STATUS_OK);
                assert_true(c->ops->equal(&back, &twice));
            }
        }
        free(bytes);
    }
}

static void test_mutations(void **state)
{
    (void)state;
    for_every_message(check_mutations, SEEDS);
}

static Span flatten(const WireOut *out)
{
    static Span spans[2 * 64 + 1];
    const size_t n = wire_out_spans(out, spans, 2 * 64 + 1);
    assert_in_range(n, 0, 2 * 64 + 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(spans[i].len > 0);
        memcpy(big + len, spans[i].data, spans[i].len);
        len += spans[i].len;
    }
    assert_int_equal(len, wire_out_total(out));
    return span_of(big, len);
}

static size_t pieces_seen;

static void check_pieces(Case *c)
{
    WirePiece pieces[64];
    for (size_t cap = 0; cap <= 64; cap = cap ? cap * 8 : 1) {
        uint8_t *bytes = malloc(c->body.len ? c->body.len : 1);
        assert_non_null(bytes);
        WireOut out;
        wire_out_init_pieces(&out, bytes, c->body.len, pieces, cap);
        out.context = c->context;
        c->ops->encode(&out, &c->m);
        assert_false(out.failed);
        assert_in_range(out.pieces_len, 0, cap);
        pieces_seen += out.pieces_len;
        for (size_t i = 0; i < out.pieces_len; i++) {
            assert_true(pieces[i].span.len > WIRE_INLINE_MAX);
        }
        const Span flat = flatten(&out);
        assert_int_equal(flat.len, c->body.len);
        assert_memory_equal(flat.data, c->body.data, flat.len);
        free(bytes);
    }
}

static void test_pieces(void **state)
{
    (void)state;
    pieces_seen = 0;
    for_every_message(check_pieces, SEEDS);
    assert_true(pieces_seen > 1000);
}

static void check_too_small(Case *c)
{
    for (size_t cap = 0; cap < c->body.len; cap++) {
        uint8_t *bytes = malloc(cap ? cap : 1);
        assert_non_null(bytes);
        WireOut out;
        wire_out_init(&out, bytes, cap);
        out.context = c->context;
        c->ops->encode(&out, &c->m);
        assert_true(out.failed);
        assert_in_range(out.len, 0, cap);
        free(bytes);
    }
}

static void test_too_small(void **state)
{
    (void)state;
    for_every_message(check_too_small, 8);
}

/* Any arena is enough, or the answer is STATUS_LIMIT. */
static void check_arena(Case *c)
{
    WireArena arena;
    wire_arena_init(&arena, arenas[1], ARENA_BYTES);
    Any back;
    WireFault fault;
    assert_int_equal(c->ops->decode(c->info, c->body, c->context, &arena, &back, &fault), STATUS_OK);
    const size_t needed = arena.len;
    assert_in_range(needed, 0, WIRE_ARENA_BYTES(c->body.len));
    const size_t step = needed > 400 ? needed / 50 : 8;
    for (size_t cap = 0; cap < needed; cap += step) {
        uint8_t *bytes = malloc(cap ? cap : 1);
        assert_non_null(bytes);
        wire_arena_init(&arena, bytes, cap);
        assert_int_equal(c->ops->decode(c->info, c->body, c->context, &arena, &back, &fault), STATUS_LIMIT);
        free(bytes);
    }
    if (needed == 0) {
        assert_int_equal(c->ops->decode(c->info, c->body, c->context, NULL, &back, NULL), STATUS_OK);
    } else {
        assert_int_equal(c->ops->decode(c->info, c->body, c->context, NULL, &back, NULL), STATUS_LIMIT);
    }
}

static void test_arena(void **state)
{
    (void)state;
    for_every_message(check_arena, 12);
}

static void check_print(Case *c)
{
    const size_t length = c->ops->print(&c->m, texts[0], TEXT_BYTES);
    assert_int_equal(c->ops->print(&c->m, NULL, 0), length);
    assert_null(strchr(texts[0], '\n'));
    const size_t caps[] = {1, 2, 9, length, length + 1};
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        char *text = malloc(caps[i]);
        assert_non_null(text);
        assert_int_equal(c->ops->print(&c->m, text, caps[i]), length);
        assert_int_equal(strlen(text), caps[i] > length ? length : caps[i] - 1);
        assert_memory_equal(text, texts[0], strlen(text));
        free(text);
    }
}

static void test_print(void **state)
{
    (void)state;
    for_every_message(check_print, 8);
}

/* The structures that stand alone. */
#define STANDALONE(name, Type, minimum)                                                                      \
    static void test_##name(void **state)                                                                    \
    {                                                                                                        \
        (void)state;                                                                                         \
        for (uint64_t seed = 0; seed < SEEDS; seed++) {                                                      \
            WireArena arena;                                                                                 \
            wire_arena_init(&arena, arenas[0], ARENA_BYTES);                                                 \
            WireRandom r = {seed, &arena, 0};                                                                \
            Type m, back;                                                                                    \
            wire_##name##_random(&r, &m);                                                                    \
            WireOut out;                                                                                     \
            wire_out_init(&out, big, BODY_BYTES);                                                            \
            wire_##name##_encode(&out, &m);                                                                  \
            assert_false(out.failed);                                                                        \
            assert_true(out.len >= (minimum));                                                               \
            for (size_t len = 0; len <= out.len; len++) {                                                    \
                uint8_t *bytes = malloc(len ? len : 1);                                                      \
                assert_non_null(bytes);                                                                      \
                memcpy(bytes, big, len);                                                                     \
                wire_arena_init(&arena, arenas[1], ARENA_BYTES);                                             \
                WireFault fault;                                                                             \
                const Status status = wire_##name##_decode(span_of(bytes, len), &arena, &back, &fault);      \
                assert_int_equal(status, len == out.len ? STATUS_OK : STATUS_PEER_FAULT);                    \
                if (status == STATUS_OK) {                                                                   \
                    assert_true(wire_##name##_equal(&m, &back));                                             \
                    assert_true(wire_##name##_print(&back, texts[0], TEXT_BYTES) > 0);                       \
                }                                                                                            \
                free(bytes);                                                                                 \
            }                                                                                                \
        }                                                                                                    \
    }

STANDALONE(link_header, WireLinkHeader, WIRE_LINK_HEADER_BYTES)
STANDALONE(link_mess, WireLinkMess, WIRE_LINK_MESS_BYTES)
STANDALONE(link_reply, WireLinkReply, WIRE_LINK_REPLY_BYTES)
STANDALONE(link_auth_mechanism, WireLinkAuthMechanism, WIRE_LINK_AUTH_MECHANISM_BYTES)
STANDALONE(link_ticket, WireLinkTicket, WIRE_LINK_TICKET_BYTES)
STANDALONE(link_result, WireLinkResult, WIRE_LINK_RESULT_BYTES)
STANDALONE(sasl_length, WireSaslLength, WIRE_SASL_LENGTH_BYTES)
STANDALONE(sasl_mechlist, WireSaslMechlist, WIRE_SASL_MECHLIST_BYTES)
STANDALONE(sasl_mechname, WireSaslMechname, WIRE_SASL_MECHNAME_BYTES)
STANDALONE(sasl_client_data, WireSaslClientData, WIRE_SASL_CLIENT_DATA_BYTES)
STANDALONE(sasl_server_data, WireSaslServerData, WIRE_SASL_SERVER_DATA_BYTES)
STANDALONE(data_header, WireDataHeader, WIRE_DATA_HEADER_BYTES)
STANDALONE(mini_data_header, WireMiniDataHeader, WIRE_MINI_DATA_HEADER_BYTES)
STANDALONE(vdi_chunk_header, WireVdiChunkHeader, WIRE_VDI_CHUNK_HEADER_BYTES)
STANDALONE(agent_message_header, WireAgentMessageHeader, WIRE_AGENT_MESSAGE_HEADER_BYTES)
STANDALONE(agent_file_error, WireAgentFileError, WIRE_AGENT_FILE_ERROR_BYTES)
STANDALONE(agent_file_space, WireAgentFileSpace, WIRE_AGENT_FILE_SPACE_BYTES)
STANDALONE(stream_dev_header, WireStreamDevHeader, WIRE_STREAM_DEV_HEADER_BYTES)
STANDALONE(vsc_header, WireVscHeader, WIRE_VSC_HEADER_BYTES)
STANDALONE(migrate_header, WireMigrateHeader, WIRE_MIGRATE_HEADER_BYTES)

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        arenas[i] = malloc(ARENA_BYTES);
    }
    big = malloc(BODY_BYTES * 8);
    texts[0] = malloc(TEXT_BYTES);
    texts[1] = malloc(TEXT_BYTES);
    return arenas[0] && arenas[1] && arenas[2] && big && texts[0] && texts[1] ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        free(arenas[i]);
    }
    free(big);
    free(texts[0]);
    free(texts[1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_equal_is_honest),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_link_header),
        cmocka_unit_test(test_link_mess),
        cmocka_unit_test(test_link_reply),
        cmocka_unit_test(test_link_auth_mechanism),
        cmocka_unit_test(test_link_ticket),
        cmocka_unit_test(test_link_result),
        cmocka_unit_test(test_sasl_length),
        cmocka_unit_test(test_sasl_mechlist),
        cmocka_unit_test(test_sasl_mechname),
        cmocka_unit_test(test_sasl_client_data),
        cmocka_unit_test(test_sasl_server_data),
        cmocka_unit_test(test_data_header),
        cmocka_unit_test(test_mini_data_header),
        cmocka_unit_test(test_vdi_chunk_header),
        cmocka_unit_test(test_agent_message_header),
        cmocka_unit_test(test_agent_file_error),
        cmocka_unit_test(test_agent_file_space),
        cmocka_unit_test(test_stream_dev_header),
        cmocka_unit_test(test_vsc_header),
        cmocka_unit_test(test_migrate_header),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
