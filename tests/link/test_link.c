/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything that may be wrong with a handshake, byte by byte. What is expected is written down here in bytes, not made
 * with wire/.
 */
#include "link/link.h"

#include <setjmp.h>
#include <stdlib.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <spice.h>

#include <cmocka.h>

#include "link/ticket.h"
#include "net/crypto.h"
#include "tests/net/test_core.h"

#define INPUT_MAX 8192
#define OUTPUT_MAX 1024
#define REPLY_BYTES 178u
#define NOW_NS UINT64_C(1000000000)

/* Where the fields lie. */
#define AT_MAJOR 4
#define AT_MINOR 8
#define AT_SIZE 12
#define AT_CONNECTION 16
#define AT_TYPE 20
#define AT_ID 21
#define AT_NUM_COMMON 22
#define AT_NUM_CHANNEL 26
#define AT_CAPS_OFFSET 30
#define AT_CAPS 34

typedef struct Input {
    uint8_t bytes[INPUT_MAX];
    size_t len;
} Input;

/* What one handshake came to. */
typedef struct Outcome {
    LinkState state;
    uint8_t output[OUTPUT_MAX];
    size_t output_len;
    size_t used; /* bytes it wanted and got */
    LinkRequest request;
    bool has_failure;
} Outcome;

/* The server around the links under test; one for the whole program, as it never changes but for its settings. */
static TestCore *test;
static CoreLoop *loop;
static Crypto *crypto;
static KeyPool *pool;
static EVP_PKEY *key;
static uint8_t *key_der;

static Ticket ticket;
static int security;
static bool key_is_late;
static int tickets_asked;
static bool every_ticket_opens;
static uint8_t asked_type, asked_id;

static bool channel_find(void *opaque, uint8_t type, uint8_t id, LinkCaps *ret_caps)
{
    (void)opaque;
    asked_type = type;
    asked_id = id;
    memset(ret_caps, 0, sizeof *ret_caps);
    if (type == 1 && id == 0) {
        link_caps_set(ret_caps, 0);
        link_caps_set(ret_caps, 3);
        return true;
    }
    if (type == 2 && id == 7) {
        link_caps_set(ret_caps, 33); /* two words */
        return true;
    }
    return type == 4 && id == 0; /* no capabilities */
}

static int channel_security(void *opaque, uint8_t type)
{
    (void)opaque;
    (void)type;
    return security;
}

static bool needs_ticket(void *opaque, const Link *link)
{
    (void)opaque;
    assert_false(link_skips_auth(link));
    return ticket_required(&ticket);
}

static bool opens(void *opaque, Span password)
{
    (void)opaque;
    tickets_asked++;
    return every_ticket_opens || ticket_opens(&ticket, password, NOW_NS);
}

static TicketKey *key_take(void *opaque)
{
    (void)opaque;
    return key_is_late ? NULL : key_pool_take(pool, NOW_NS);
}

static const LinkRules rules = {
    .channel_find = channel_find,
    .channel_security = channel_security,
    .needs_ticket = needs_ticket,
    .ticket_opens = opens,
    .key_take = key_take,
};

static void reset(void)
{
    ticket_disable(&ticket);
    security = SPICE_CHANNEL_SECURITY_NONE | SPICE_CHANNEL_SECURITY_SSL;
    key_is_late = false;
    tickets_asked = 0;
    every_ticket_opens = false;
}

/* ---- Inputs ------------------------------------------------------------------------------------------------- */

static void put_caps(Input *input, const uint32_t *common, uint32_t num_common, const uint32_t *channel,
                     uint32_t num_channel)
{
    uint8_t *p = input->bytes + AT_CAPS;

    le32_put(input->bytes + AT_NUM_COMMON, num_common);
    le32_put(input->bytes + AT_NUM_CHANNEL, num_channel);
    le32_put(input->bytes + AT_CAPS_OFFSET, 18);
    for (uint32_t i = 0; i < num_common; i++, p += 4) {
        le32_put(p, common[i]);
    }
    for (uint32_t i = 0; i < num_channel; i++, p += 4) {
        le32_put(p, channel[i]);
    }
    input->len = (size_t)(p - input->bytes);
    le32_put(input->bytes + AT_SIZE, (uint32_t)input->len - 16);
}

/* Header and message of a good client, that knows AUTH_SELECTION or not. */
static Input hello(uint8_t type, uint8_t id, bool selects)
{
    const uint32_t common = selects ? 0xb : 0xa;
    const uint32_t channel = 0x9;
    Input input = {.len = 0};

    memcpy(input.bytes, "REDQ", 4);
    le32_put(input.bytes + AT_MAJOR, 2);
    le32_put(input.bytes + AT_MINOR, 2);
    le32_put(input.bytes + AT_CONNECTION, 0x01020304);
    input.bytes[AT_TYPE] = type;
    input.bytes[AT_ID] = id;
    put_caps(&input, &common, 1, &channel, 1);
    return input;
}

static void add(Input *input, const void *bytes, size_t len)
{
    assert_true(input->len + len <= sizeof input->bytes);
    memcpy(input->bytes + input->len, bytes, len);
    input->len += len;
}

static void add_u32(Input *input, uint32_t value)
{
    uint8_t bytes[4];

    le32_put(bytes, value);
    add(input, bytes, sizeof bytes);
}

static void ticket_encrypt(const void *text, size_t len, uint8_t cipher[TICKET_CIPHER_BYTES])
{
    size_t cipher_len = TICKET_CIPHER_BYTES;
    EVP_PKEY_CTX *encrypter = EVP_PKEY_CTX_new(key, NULL);

    assert_int_equal(EVP_PKEY_encrypt_init(encrypter), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(encrypter, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(encrypter, cipher, &cipher_len, text, len), 1);
    EVP_PKEY_CTX_free(encrypter);
}

static void add_ticket(Input *input, const void *text, size_t len)
{
    uint8_t cipher[TICKET_CIPHER_BYTES];

    ticket_encrypt(text, len, cipher);
    add(input, cipher, sizeof cipher);
}

/* ---- Running ------------------------------------------------------------------------------------------------ */

/* Offers the first `len` bytes, broken at each of `cuts` (0: everywhere), never more than the link wants. */
static Outcome run(const Input *input, size_t len, size_t cut, bool is_tls, bool skip_auth)
{
    Outcome outcome = {.state = LINK_HEADER};
    Link *link = link_new(&test->core, &rules, is_tls, skip_auth);
    size_t wants;

    while (outcome.used < len && (wants = link_wants(link)) > 0) {
        assert_true(wants <= LINK_INPUT_BYTES_MAX);
        size_t n = len - outcome.used < wants ? len - outcome.used : wants;
        if (cut == 0) {
            n = 1;
        } else if (outcome.used < cut && outcome.used + n > cut) {
            n = cut - outcome.used;
        }
        /* From memory of exactly that size, so that a sanitizer sees a byte too much. */
        uint8_t *exact = malloc(n);
        memcpy(exact, input->bytes + outcome.used, n);
        link_receive(link, span_of(exact, n));
        free(exact);
        outcome.used += n;
        /* Sent in odd pieces. */
        Span out;
        while ((out = link_output(link)).len > 0) {
            const size_t some = out.len < 37 ? out.len : 37;
            assert_true(outcome.output_len + some <= sizeof outcome.output);
            memcpy(outcome.output + outcome.output_len, out.data, some);
            outcome.output_len += some;
            link_sent(link, some);
        }
    }
    outcome.state = link_state(link);
    outcome.has_failure = link_failure(link)[0] != '\0';
    outcome.request = *link_request(link);
    link_free(link);
    return outcome;
}

static void assert_same(const Outcome *a, const Outcome *b)
{
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->used, b->used);
    assert_int_equal(a->output_len, b->output_len);
    assert_memory_equal(a->output, b->output, a->output_len);
    assert_memory_equal(&a->request, &b->request, sizeof a->request);
    assert_int_equal(a->has_failure, b->has_failure);
}

/* The outcome of the whole, which is the same for every split; and no prefix gets further than the whole. */
static Outcome outcome_of(const Input *input, bool is_tls, bool skip_auth)
{
    const Outcome whole = run(input, input->len, SIZE_MAX, is_tls, skip_auth);
    const Outcome bytewise = run(input, input->len, 0, is_tls, skip_auth);

    /* It may have looked at less: a wrong magic is known after 4 bytes. */
    assert_true(bytewise.used <= whole.used);
    Outcome same = bytewise;
    same.used = whole.used;
    assert_same(&whole, &same);
    assert_int_equal(whole.has_failure, whole.state == LINK_FAILED);

    const size_t step = input->len > 600 ? 97 : 1;
    for (size_t cut = 1; cut < bytewise.used; cut += step) {
        Outcome split = run(input, input->len, cut, is_tls, skip_auth);
        split.used = whole.used;
        assert_same(&whole, &split);
        const Outcome prefix = run(input, cut, SIZE_MAX, is_tls, skip_auth);
        assert_true(prefix.state < LINK_DECIDE);
        assert_true(prefix.output_len <= whole.output_len);
        assert_memory_equal(prefix.output, whole.output, prefix.output_len);
    }
    return whole;
}

/* ---- Expectations ------------------------------------------------------------------------------------------- */

static size_t put_header(uint8_t *p, uint32_t size)
{
    memcpy(p, "REDQ\2\0\0\0\2\0\0\0", 12);
    le32_put(p + 12, size);
    return 16;
}

/* A refusal: header, error, zeros. */
static size_t put_refusal(uint8_t *p, uint32_t error)
{
    put_header(p, REPLY_BYTES);
    memset(p + 16, 0, REPLY_BYTES);
    le32_put(p + 16, error);
    return 16 + REPLY_BYTES;
}

static size_t put_reply(uint8_t *p, const uint32_t *channel_words, uint32_t num_channel)
{
    size_t at = put_header(p, REPLY_BYTES + 4 + 4 * num_channel);
    uint8_t *der = NULL;

    le32_put(p + at, 0);
    assert_int_equal(i2d_PUBKEY(key, &der), 162);
    memcpy(p + at + 4, der, 162);
    OPENSSL_free(der);
    le32_put(p + at + 166, 1);
    le32_put(p + at + 170, num_channel);
    le32_put(p + at + 174, 178);
    at += REPLY_BYTES;
    le32_put(p + at, 0xb);
    at += 4;
    for (uint32_t i = 0; i < num_channel; i++, at += 4) {
        le32_put(p + at, channel_words[i]);
    }
    return at;
}

static const uint32_t main_caps[] = {0x9};

static void expect_output(const Outcome *outcome, const uint8_t *expected, size_t len)
{
    assert_int_equal(outcome->output_len, len);
    assert_memory_equal(outcome->output, expected, len);
}

/* Refused before our reply; error 0: without a word. */
static void expect_refused(const Input *input, bool is_tls, uint32_t error)
{
    const Outcome outcome = outcome_of(input, is_tls, false);
    uint8_t expected[OUTPUT_MAX];

    assert_int_equal(outcome.state, LINK_FAILED);
    expect_output(&outcome, expected, error != 0 ? put_refusal(expected, error) : 0);
}

static void expect_reply(const Input *input, const uint32_t *channel_words, uint32_t num_channel,
                         LinkState next)
{
    const Outcome outcome = outcome_of(input, false, false);
    uint8_t expected[OUTPUT_MAX];

    assert_int_equal(outcome.state, next);
    expect_output(&outcome, expected, put_reply(expected, channel_words, num_channel));
}

/* ---- The header --------------------------------------------------------------------------------------------- */

static void a_wrong_magic_fails_by_byte_four(void **state)
{
    static const char *const greetings[] = {"RFB 003.008\n0000", "GET / HTTP/1.1\r\n",
                                            "\x16\x03\x01\x02\x00\x01\x00\x01....",
                                            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "QDER............"};

    (void)state;
    reset();
    for (size_t i = 0; i < sizeof greetings / sizeof greetings[0]; i++) {
        Input input = {.len = 0};
        add(&input, greetings[i], 12);
        expect_refused(&input, false, 2);
        const Outcome outcome = run(&input, input.len, 0, false, false);
        assert_int_equal(outcome.used, 4);
        input.len = 4;
        expect_refused(&input, false, 2);
    }
    for (size_t at = 0; at < 4; at++) {
        for (int bit = 0; bit < 8; bit++) {
            Input input = hello(1, 0, true);
            input.bytes[at] ^= (uint8_t)(1 << bit);
            expect_refused(&input, false, 2);
        }
    }
}

static void only_major_two_is_spoken_and_zero_not_answered(void **state)
{
    static const uint32_t other[] = {1,       3,          0x7f,       0x80,       0xff,       0x102,
                                     0x10000, 0x7fffffff, 0x80000000, 0x80000002, 0xfffffffe, 0xffffffff};
    static const uint32_t minors[] = {0, 1, 2, 3, 0xff, 0x80000000, 0xffffffff};

    (void)state;
    reset();
    Input input = hello(1, 0, true);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        le32_put(input.bytes + AT_MAJOR, other[i]);
        expect_refused(&input, false, 4);
    }
    le32_put(input.bytes + AT_MAJOR, 0);
    expect_refused(&input, false, 0);
    le32_put(input.bytes + AT_MAJOR, 2);
    for (size_t i = 0; i < sizeof minors / sizeof minors[0]; i++) {
        le32_put(input.bytes + AT_MINOR, minors[i]);
        expect_reply(&input, main_caps, 1, LINK_MECHANISM);
    }
}

static void the_size_has_bounds(void **state)
{
    static const uint32_t bad[] = {0,      1,          16,         17,         4097,       0x7fff,    0x8000,
                                   0xffff, 0x7fffffff, 0x80000000, 0xaaaaaaaa, 0xfffffffe, 0xffffffff};

    (void)state;
    reset();
    Input input = hello(1, 0, true);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        le32_put(input.bytes + AT_SIZE, bad[i]);
        expect_refused(&input, false, 3);
    }
    /* The smallest has no capabilities; so it goes to the ticket at once. */
    input = hello(1, 0, true);
    put_caps(&input, NULL, 0, NULL, 0);
    assert_int_equal(input.len, 34);
    expect_reply(&input, main_caps, 1, LINK_TICKET);
    /* The largest; what lies behind the capabilities means nothing. */
    input = hello(1, 0, true);
    le32_put(input.bytes + AT_SIZE, 4096);
    input.len = 16 + 4096;
    expect_reply(&input, main_caps, 1, LINK_MECHANISM);
}

/* ---- The message -------------------------------------------------------------------------------------------- */

static void capabilities_lie_inside_the_message(void **state)
{
    static const struct {
        uint32_t num_common, num_channel, offset;
        bool good;
    } rows[] = {
        {1, 1, 18, true},
        {1, 1, 0, false},
        {1, 1, 17, false},
        {1, 1, 19, false},
        {1, 0, 22, true},
        {1, 0, 19, true}, /* unaligned */
        {1, 0, 23, false},
        {0, 1, 22, true},
        {0, 0, 0, true},
        {0, 0, 0xffffffff, true},
        {0, 0, 17, true},
        {1, 0, 26, false},
        {1, 0, 27, false},
        {1, 1, 0xffffffff, false},
        {1, 1, 0xfffffff8, false},
        {1, 1, 0x80000000, false},
        {1, 1, 0x7fffffff, false},
        {3, 0, 18, false},
        {0, 3, 18, false},
        {1024, 0, 18, false},
        {0, 1024, 18, false},
        {1025, 0, 18, false},
        {0, 1025, 18, false},
        {0x80000000, 0x80000000, 18, false},
        {0xffffffff, 1, 18, false},
        {0x40000000, 0, 18, false},
        {0, 0x40000000, 18, false},
        {0x3fffffff, 0x3fffffff, 18, false},
    };

    (void)state;
    reset();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        Input input = hello(1, 0, true); /* 8 bytes of capabilities at 18 */
        le32_put(input.bytes + AT_NUM_COMMON, rows[i].num_common);
        le32_put(input.bytes + AT_NUM_CHANNEL, rows[i].num_channel);
        le32_put(input.bytes + AT_CAPS_OFFSET, rows[i].offset);
        if (rows[i].good) {
            const Outcome outcome = outcome_of(&input, false, false);
            assert_true(outcome.state == LINK_MECHANISM || outcome.state == LINK_TICKET);
        } else {
            expect_refused(&input, false, 3);
        }
    }
}

static void as_many_words_as_fit_are_legal_and_the_unknown_ignored(void **state)
{
    uint32_t words[1019];
    Input input = hello(1, 0, true);

    (void)state;
    reset();
    for (uint32_t i = 0; i < 1019; i++) {
        words[i] = 0xffffff00 + i;
    }
    put_caps(&input, words, 1000, words + 1000, 19); /* 18 + 4 * 1019 = 4094 */
    const Outcome outcome = outcome_of(&input, false, false);
    assert_int_equal(outcome.state, LINK_TICKET); /* bit 0 of the first word is not set */
    assert_int_equal(outcome.request.common_caps.len, LINK_CAPS_WORDS_MAX);
    assert_int_equal(outcome.request.channel_caps.len, LINK_CAPS_WORDS_MAX);
    for (uint32_t i = 0; i < LINK_CAPS_WORDS_MAX; i++) {
        assert_int_equal(outcome.request.common_caps.words[i], words[i]);
        assert_int_equal(outcome.request.channel_caps.words[i], words[1000 + i]);
    }
    assert_true(link_caps_has(&outcome.request.common_caps, 32));
    assert_false(link_caps_has(&outcome.request.common_caps, LINK_CAPS_WORDS_MAX * 32 + 31));
    assert_false(link_caps_has(&outcome.request.common_caps, UINT32_MAX));
}

static void the_request_is_what_the_client_said(void **state)
{
    (void)state;
    reset();
    Input input = hello(2, 7, true);
    const Outcome outcome = outcome_of(&input, false, false);
    assert_int_equal(outcome.request.connection_id, 0x01020304);
    assert_int_equal(outcome.request.channel_type, 2);
    assert_int_equal(outcome.request.channel_id, 7);
    assert_int_equal(outcome.request.common_caps.len, 1);
    assert_int_equal(outcome.request.common_caps.words[0], 0xb);
    assert_int_equal(outcome.request.channel_caps.len, 1);
    assert_int_equal(outcome.request.channel_caps.words[0], 0x9);
}

static void replies_carry_the_channels_capabilities(void **state)
{
    static const uint32_t display_caps[] = {0, 2};

    (void)state;
    reset();
    Input input = hello(1, 0, true);
    expect_reply(&input, main_caps, 1, LINK_MECHANISM);
    input = hello(2, 7, true);
    expect_reply(&input, display_caps, 2, LINK_MECHANISM);
    input = hello(4, 0, false);
    expect_reply(&input, NULL, 0, LINK_TICKET);
}

static void unknown_channels_are_closed_without_a_word(void **state)
{
    static const uint8_t unknown[][2] = {{2, 0}, {2, 255}, {0, 0}, {4, 1}, {200, 0}, {255, 255}, {11, 0}};

    (void)state;
    reset();
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        Input input = hello(unknown[i][0], unknown[i][1], true);
        expect_refused(&input, false, 0);
        assert_int_equal(asked_type, unknown[i][0]);
        assert_int_equal(asked_id, unknown[i][1]);
    }
}

static void any_main_channel_is_main_channel_zero(void **state)
{
    static const uint8_t ids[] = {0, 1, 127, 255};

    (void)state;
    reset();
    for (size_t i = 0; i < sizeof ids; i++) {
        Input input = hello(1, ids[i], true);
        expect_reply(&input, main_caps, 1, LINK_MECHANISM);
        assert_int_equal(run(&input, input.len, SIZE_MAX, false, false).request.channel_id, 0);
    }
}

static void security_is_asked_for_before_the_channel_is(void **state)
{
    (void)state;
    reset();
    Input known = hello(1, 0, true);
    Input unknown = hello(200, 0, true);
    Input broken = hello(1, 0, true);
    le32_put(broken.bytes + AT_CAPS_OFFSET, 0);

    security = SPICE_CHANNEL_SECURITY_SSL;
    expect_refused(&known, false, 5);
    expect_refused(&unknown, false, 5);
    expect_refused(&broken, false, 3);
    expect_refused(&unknown, true, 0);
    assert_int_equal(outcome_of(&known, true, false).state, LINK_MECHANISM);

    security = SPICE_CHANNEL_SECURITY_NONE;
    expect_refused(&known, true, 6);
    expect_refused(&unknown, true, 6);
    assert_int_equal(outcome_of(&known, false, false).state, LINK_MECHANISM);

    security = 0; /* locked out */
    expect_refused(&known, false, 5);
    expect_refused(&known, true, 6);
}

/* ---- Authentication ----------------------------------------------------------------------------------------- */

static void other_mechanisms_are_refused_with_a_whole_reply(void **state)
{
    static const uint32_t others[] = {0,         2 /* SASL, which is off */, 3, 0x101, 0x7fffffff, 0x80000001,
                                      0xffffffff};

    (void)state;
    reset();
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        uint8_t expected[OUTPUT_MAX];
        Input input = hello(1, 0, true);

        add_u32(&input, others[i]);
        const Outcome outcome = outcome_of(&input, false, false);
        assert_int_equal(outcome.state, LINK_FAILED);
        const size_t len = put_reply(expected, main_caps, 1);
        expect_output(&outcome, expected, len + put_refusal(expected + len, 3));
    }
    Input input = hello(1, 0, true);
    add_u32(&input, 1);
    expect_reply(&input, main_caps, 1, LINK_TICKET);
}

/* Header, message, mechanism (or none) and 128 bytes of ticket. */
static Outcome with_ticket(bool selects, bool skip_auth, const void *text, size_t len)
{
    Input input = hello(1, 0, selects);

    if (selects) {
        add_u32(&input, 1);
    }
    add_ticket(&input, text, len);
    return outcome_of(&input, false, skip_auth);
}

static void expect_denied(const Outcome *outcome)
{
    uint8_t expected[OUTPUT_MAX];
    const size_t len = put_reply(expected, main_caps, 1);

    assert_int_equal(outcome->state, LINK_FAILED);
    le32_put(expected + len, 7);
    expect_output(outcome, expected, len + 4);
}

static void expect_let_in(const Outcome *outcome)
{
    uint8_t expected[OUTPUT_MAX];

    assert_int_equal(outcome->state, LINK_DECIDE);
    expect_output(outcome, expected,
                  put_reply(expected, main_caps, 1)); /* the result is the owner's to give */
}

static void only_the_right_ticket_opens(void **state)
{
    static const char sixty[] = "012345678901234567890123456789012345678901234567890123456789";
    uint8_t longest[86];

    (void)state;
    for (int selects = 0; selects < 2; selects++) {
        Outcome outcome;

        reset();
        assert_int_equal(ticket_set(&ticket, "secret", 0, NOW_NS), STATUS_OK);
        outcome = with_ticket(selects, false, "secret", 7);
        expect_let_in(&outcome);
        outcome = with_ticket(selects, false, "secret", 6); /* the NUL is missing */
        expect_let_in(&outcome);
        outcome = with_ticket(selects, false, "secret\0behind", 13);
        expect_let_in(&outcome);
        outcome = with_ticket(selects, false, "secreT", 7);
        expect_denied(&outcome);
        outcome = with_ticket(selects, false, "\0secret", 8);
        expect_denied(&outcome);
        outcome = with_ticket(selects, false, "", 1);
        expect_denied(&outcome);
        outcome = with_ticket(selects, false, "", 0);
        expect_denied(&outcome);
        outcome = with_ticket(selects, false, sixty, 61);
        expect_denied(&outcome);
        memset(longest, 'x', sizeof longest);
        outcome = with_ticket(selects, false, longest, sizeof longest);
        expect_denied(&outcome);

        assert_int_equal(ticket_set(&ticket, sixty, 0, NOW_NS), STATUS_OK);
        outcome = with_ticket(selects, false, sixty, 61);
        expect_let_in(&outcome);
        outcome = with_ticket(selects, false, sixty, 60);
        expect_let_in(&outcome);
        outcome = with_ticket(selects, false, sixty, 59);
        expect_denied(&outcome);

        assert_int_equal(ticket_set(&ticket, "secret", -1, NOW_NS), STATUS_OK); /* expired */
        outcome = with_ticket(selects, false, "secret", 7);
        expect_denied(&outcome);
        assert_int_equal(ticket_set(&ticket, NULL, 0, NOW_NS), STATUS_OK); /* none set */
        outcome = with_ticket(selects, false, "", 1);
        expect_denied(&outcome);
    }
}

/* As spice-html5 writes one ticket in 256. */
static void a_ticket_without_its_leading_zero_opens(void **state)
{
    uint8_t cipher[TICKET_CIPHER_BYTES] = {1};
    Input input = hello(1, 0, true);

    (void)state;
    reset();
    assert_int_equal(ticket_set(&ticket, "secret", 0, NOW_NS), STATUS_OK);
    for (unsigned i = 0; cipher[0] != 0 && i < 100000; i++) {
        ticket_encrypt("secret", 7, cipher);
    }
    assert_int_equal(cipher[0], 0);
    add_u32(&input, 1);
    add(&input, cipher + 1, sizeof cipher - 1);
    add(&input, cipher, 1);
    Outcome outcome = outcome_of(&input, false, false);
    expect_let_in(&outcome);
    input.bytes[input.len - 2] ^= 1;
    outcome = outcome_of(&input, false, false);
    expect_denied(&outcome);
}

static void what_does_not_decrypt_is_denied_and_costs_as_much(void **state)
{
    uint8_t junk[TICKET_CIPHER_BYTES];

    (void)state;
    reset();
    assert_int_equal(ticket_set(&ticket, "secret", 0, NOW_NS), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        Input input = hello(1, 0, true);
        memset(junk, i == 0 ? 0 : i == 1 ? 0xff : 0x5a, sizeof junk);
        add_u32(&input, 1);
        add(&input, junk, sizeof junk);
        const Outcome outcome = outcome_of(&input, false, false);
        expect_denied(&outcome);
        tickets_asked = 0;
        run(&input, input.len, SIZE_MAX, false, false);
        assert_int_equal(tickets_asked, 1); /* compared all the same */
        every_ticket_opens = true;          /* and that changes nothing */
        assert_int_equal(run(&input, input.len, SIZE_MAX, false, false).state, LINK_FAILED);
        every_ticket_opens = false;
    }
}

static void without_ticketing_nothing_is_decrypted(void **state)
{
    uint8_t junk[TICKET_CIPHER_BYTES];

    (void)state;
    reset();
    memset(junk, 0xff, sizeof junk);
    Input input = hello(1, 0, true);
    add_u32(&input, 1);
    add(&input, junk, sizeof junk);
    Outcome outcome = outcome_of(&input, false, false);
    expect_let_in(&outcome);
    assert_int_equal(outcome.used, input.len); /* read and ignored */

    assert_int_equal(ticket_set(&ticket, "secret", 0, NOW_NS), STATUS_OK);
    tickets_asked = 0;
    outcome = outcome_of(&input, false, true); /* the host vouched for it */
    expect_let_in(&outcome);
    assert_int_equal(tickets_asked, 0);
}

static void nothing_is_wanted_after_the_ticket(void **state)
{
    (void)state;
    reset();
    Input input = hello(1, 0, true);
    add_u32(&input, 1);
    add_ticket(&input, "", 1);
    const size_t handshake = input.len;
    add(&input, "the channel's first message", 27);
    const Outcome outcome = run(&input, input.len, SIZE_MAX, false, false);
    assert_int_equal(outcome.used, handshake);
}

/* ---- The owner's part --------------------------------------------------------------------------------------- */

static Link *link_at_decision(void)
{
    Input input = hello(1, 0, false);
    Link *link = link_new(&test->core, &rules, false, false);

    add_ticket(&input, "", 1);
    link_receive(link, span_of(input.bytes, input.len));
    assert_int_equal(link_state(link), LINK_DECIDE);
    link_sent(link, link_output(link).len);
    return link;
}

static void the_owner_accepts_or_refuses(void **state)
{
    static const uint32_t errors[] = {1, 7, 8, 9, 0xffffffff};

    (void)state;
    reset();
    Link *link = link_at_decision();
    link_accept(link);
    assert_int_equal(link_state(link), LINK_DONE);
    assert_int_equal(link_wants(link), 0);
    assert_int_equal(link_output(link).len, 4);
    assert_memory_equal(link_output(link).data, "\0\0\0\0", 4);
    link_free(link);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        link = link_at_decision();
        link_refuse(link, errors[i]);
        assert_int_equal(link_state(link), LINK_FAILED);
        assert_int_equal(link_output(link).len, 4);
        assert_int_equal(le32_get(link_output(link).data), errors[i]);
        assert_string_not_equal(link_failure(link), "");
        link_free(link);
    }
}

static void a_late_key_makes_the_link_wait(void **state)
{
    uint8_t expected[OUTPUT_MAX];

    (void)state;
    reset();
    key_is_late = true;
    Input input = hello(1, 0, true);
    for (int ends = 0; ends < 3; ends++) {
        Link *link = link_new(&test->core, &rules, false, false);

        link_receive(link, span_of(input.bytes, input.len));
        assert_int_equal(link_state(link), LINK_KEY_WAIT);
        assert_int_equal(link_wants(link), 0);
        assert_int_equal(link_output(link).len, 0);
        link_key_ready(link); /* a false alarm */
        assert_int_equal(link_state(link), LINK_KEY_WAIT);
        if (ends == 1) {
            key_is_late = false;
            link_key_ready(link);
            assert_int_equal(link_state(link), LINK_MECHANISM);
            const size_t len = put_reply(expected, main_caps, 1);
            assert_int_equal(link_output(link).len, len);
            assert_memory_equal(link_output(link).data, expected, len);
            link_key_failed(link); /* no longer its business */
            assert_int_equal(link_state(link), LINK_MECHANISM);
            key_is_late = true;
        } else if (ends == 2) {
            link_key_failed(link);
            assert_int_equal(link_state(link), LINK_FAILED);
            assert_int_equal(link_output(link).len, put_refusal(expected, 1));
            assert_memory_equal(link_output(link).data, expected, link_output(link).len);
        }
        link_free(link); /* or while it waits */
    }
}

static void without_memory_it_fails_alone(void **state)
{
    (void)state;
    reset();
    Input input = hello(1, 0, true);
    test->fail_alloc = 1;
    const Outcome outcome = run(&input, input.len, SIZE_MAX, false, false);
    assert_int_equal(outcome.state, LINK_FAILED);
    assert_int_equal(outcome.output_len, 0);
}

/* Every field of 32 bits, with every value that was ever somebody's downfall. */
static void no_value_of_any_field_does_harm(void **state)
{
    static const uint32_t values[] = {0,          1,          2,          3,          4,          5,
                                      17,         18,         19,         0x7f,       0x80,       0xff,
                                      0x3ff,      0x400,      0x401,      0xfff,      0x1000,     0x1001,
                                      0x7fff,     0x8000,     0xffff,     0x3fffffff, 0x40000000, 0x7fffffff,
                                      0x80000000, 0xfffffff0, 0xfffffffe, 0xffffffff};
    static const size_t fields[] = {0,       AT_MAJOR,      AT_MINOR,       AT_SIZE,       AT_CONNECTION,
                                    AT_TYPE, AT_NUM_COMMON, AT_NUM_CHANNEL, AT_CAPS_OFFSET};

    (void)state;
    reset();
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        for (size_t g = f + 1; g < sizeof fields / sizeof fields[0]; g++) {
            for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
                for (size_t w = 0; w < sizeof values / sizeof values[0]; w++) {
                    Input input = hello(1, 0, true);
                    le32_put(input.bytes + fields[f], values[v]);
                    le32_put(input.bytes + fields[g], values[w]);
                    const Outcome whole = run(&input, input.len, SIZE_MAX, false, false);
                    const Outcome bytewise = run(&input, input.len, 0, false, false);
                    assert_int_equal(whole.state, bytewise.state);
                    assert_int_equal(whole.output_len, bytewise.output_len);
                    assert_memory_equal(whole.output, bytewise.output, whole.output_len);
                }
            }
        }
    }
}

/* ---- Set up ------------------------------------------------------------------------------------------------- */

static void on_key(void *opaque, bool failed)
{
    (void)opaque;
    (void)failed;
}

static int set_up(void **state)
{
    (void)state;
    test = test_core_new(1);
    loop = test_core_loop(test);
    crypto = crypto_new(&test->core);
    key = EVP_RSA_gen(1024);
    const int len = i2d_PrivateKey(key, &key_der);
    test->ticket_key = span_of(key_der, (size_t)len);
    pool = key_pool_new(&test->core, loop, crypto, on_key, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    key_pool_free(pool);
    crypto_free(crypto);
    test_core_loop_free(loop);
    test_core_finish(test);
    OPENSSL_free(key_der);
    EVP_PKEY_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_magic_fails_by_byte_four),
        cmocka_unit_test(only_major_two_is_spoken_and_zero_not_answered),
        cmocka_unit_test(the_size_has_bounds),
        cmocka_unit_test(capabilities_lie_inside_the_message),
        cmocka_unit_test(as_many_words_as_fit_are_legal_and_the_unknown_ignored),
        cmocka_unit_test(the_request_is_what_the_client_said),
        cmocka_unit_test(replies_carry_the_channels_capabilities),
        cmocka_unit_test(unknown_channels_are_closed_without_a_word),
        cmocka_unit_test(any_main_channel_is_main_channel_zero),
        cmocka_unit_test(security_is_asked_for_before_the_channel_is),
        cmocka_unit_test(other_mechanisms_are_refused_with_a_whole_reply),
        cmocka_unit_test(only_the_right_ticket_opens),
        cmocka_unit_test(a_ticket_without_its_leading_zero_opens),
        cmocka_unit_test(what_does_not_decrypt_is_denied_and_costs_as_much),
        cmocka_unit_test(without_ticketing_nothing_is_decrypted),
        cmocka_unit_test(nothing_is_wanted_after_the_ticket),
        cmocka_unit_test(the_owner_accepts_or_refuses),
        cmocka_unit_test(a_late_key_makes_the_link_wait),
        cmocka_unit_test(without_memory_it_fails_alone),
        cmocka_unit_test(no_value_of_any_field_does_harm),
    };

    return cmocka_run_group_tests_name("link", tests, set_up, tear_down);
}
