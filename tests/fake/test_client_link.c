/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake client's handshake: what it says, what it accepts, and each thing that it must not accept. */
#include "script.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define COMMON 0xbu /* what a server with tickets announces */

static FakeConnection *dial(Script *s)
{
    FakeConnection *c = fake_client_connect(s->client, WIRE_CHANNEL_MAIN, 0, s->now_ns);
    assert_non_null(c);
    return c;
}

static void begin(Script *s)
{
    const FakeClientConfig config = script_config();
    script_begin(s, &config);
}

/* What the client sends first is what a server's decoder makes sense of. */
static void test_link_message(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    const Span output = fake_connection_output(dial(&s));
    WireLinkHeader header;
    assert_int_equal(
        wire_link_header_decode(span_of(output.data, WIRE_LINK_HEADER_BYTES), NULL, &header, NULL),
        STATUS_OK);
    assert_int_equal(header.size, output.len - WIRE_LINK_HEADER_BYTES);
    uint8_t room[512];
    WireArena arena;
    wire_arena_init(&arena, room, sizeof room);
    WireLinkMess mess;
    assert_int_equal(wire_link_mess_decode(span_of(output.data + WIRE_LINK_HEADER_BYTES, header.size), &arena,
                                           &mess, NULL),
                     STATUS_OK);
    assert_int_equal(mess.connection_id, 0);
    assert_int_equal(mess.channel_type, WIRE_CHANNEL_MAIN);
    assert_int_equal(mess.common_caps.items[0], COMMON);
    script_end(&s);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    FakeConnection *c = dial(&s);
    uint8_t bytes[512];
    const size_t len = script_reply(bytes, sizeof bytes, WIRE_LINK_ERR_OK, COMMON);
    for (size_t i = 0; i < len; i++) {
        assert_true(fake_connection_state(c) < FAKE_STATE_RESULT);
        script_bytes(&s, c, bytes + i, 1);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fake_connection_state(c), FAKE_STATE_RESULT);
        script_bytes(&s, c, "", 1);
    }
    assert_int_equal(fake_connection_state(c), FAKE_STATE_OPEN);
    script_end(&s);
}

/* Spoils one byte of a right reply, or its length, and expects the violation. */
static void spoilt(size_t at, uint8_t value, FakeRule rule, const char *text, FakeState end)
{
    Script s;
    begin(&s);
    FakeConnection *c = dial(&s);
    uint8_t bytes[512];
    const size_t len = script_reply(bytes, sizeof bytes, WIRE_LINK_ERR_OK, COMMON);
    bytes[at] = value;
    script_bytes(&s, c, bytes, len);
    script_expect(&s, rule, text);
    assert_int_equal(fake_connection_state(c), end);
    assert_int_equal(fake_connection_wants_close(c), end == FAKE_STATE_FAILED);
    script_end(&s);
}

static void test_reply_wrong(void **state)
{
    (void)state;
    const size_t body = WIRE_LINK_HEADER_BYTES;
    spoilt(0, 'X', FAKE_RULE_LINK_REPLY, "magic", FAKE_STATE_FAILED);
    spoilt(4, 3, FAKE_RULE_LINK_REPLY, "version 3", FAKE_STATE_FAILED);
    spoilt(8, 1, FAKE_RULE_LINK_REPLY, "minor version is 1", FAKE_STATE_RESULT);
    spoilt(12, 177, FAKE_RULE_LINK_REPLY, "177 bytes", FAKE_STATE_FAILED);
    spoilt(14, 1, FAKE_RULE_LINK_REPLY, "bytes", FAKE_STATE_FAILED);            /* 64 KiB and more */
    spoilt(body + 174, 182, FAKE_RULE_LINK_REPLY, "", FAKE_STATE_FAILED);       /* caps past the end */
    spoilt(body + 170, 0, FAKE_RULE_LINK_REPLY, "laid out", FAKE_STATE_RESULT); /* a word nobody counts */
    spoilt(body + 178, 0x3, FAKE_RULE_LINK_REPLY, "common capabilities 0x3", FAKE_STATE_RESULT);
    spoilt(body + 178, 0xf, FAKE_RULE_LINK_REPLY, "common capabilities 0xf", FAKE_STATE_RESULT);
    spoilt(body + 178, 0x9, FAKE_RULE_LINK_REPLY, "common capabilities 0x9", FAKE_STATE_RESULT);
    spoilt(body + 178, 0xa, FAKE_RULE_LINK_REPLY, "common capabilities 0xa", FAKE_STATE_RESULT);
}

static void refused(const uint8_t *bytes, size_t len, FakeRule rule, const char *text)
{
    Script s;
    begin(&s);
    FakeConnection *c = dial(&s);
    script_bytes(&s, c, bytes, len);
    assert_int_equal(fake_connection_state(c), FAKE_STATE_REFUSED);
    assert_true(fake_connection_wants_close(c));
    if (text != NULL) {
        script_expect(&s, rule, text);
    } else {
        assert_int_equal(fake_connection_link_error(c), WIRE_LINK_ERR_NEED_SECURED);
    }
    script_end(&s);
}

static void test_refusal(void **state)
{
    (void)state;
    uint8_t bytes[WIRE_LINK_HEADER_BYTES + WIRE_LINK_REPLY_BYTES] = {0};
    WireOut out;
    wire_out_init(&out, bytes, sizeof bytes);
    wire_link_header_encode(
        &out, &(WireLinkHeader){WIRE_MAGIC, WIRE_VERSION_MAJOR, WIRE_VERSION_MINOR, WIRE_LINK_REPLY_BYTES});
    le32_put(bytes + WIRE_LINK_HEADER_BYTES, WIRE_LINK_ERR_NEED_SECURED);
    refused(bytes, sizeof bytes, 0, NULL);
    bytes[sizeof bytes - 1] = 1;
    refused(bytes, sizeof bytes, FAKE_RULE_LINK_REPLY, "not all zero");
    bytes[sizeof bytes - 1] = 0;
    le32_put(bytes + WIRE_LINK_HEADER_BYTES, 4711);
    refused(bytes, sizeof bytes, FAKE_RULE_VALUES, "4711");
}

/* The client has sent its ticket; the server's next bytes are these. */
static void after_ticket(const void *result, size_t len, FakeState end, FakeRule rule, const char *text)
{
    Script s;
    begin(&s);
    FakeConnection *c = dial(&s);
    uint8_t bytes[512];
    script_bytes(&s, c, bytes, script_reply(bytes, sizeof bytes, WIRE_LINK_ERR_OK, COMMON));
    script_bytes(&s, c, result, len);
    assert_int_equal(fake_connection_state(c), end);
    if (text != NULL) {
        script_expect(&s, rule, text);
    }
    script_end(&s);
}

static void test_result(void **state)
{
    (void)state;
    after_ticket("\7\0\0\0", 4, FAKE_STATE_REFUSED, 0, NULL);
    after_ticket("\7\0\0\0x", 5, FAKE_STATE_REFUSED, FAKE_RULE_LINK_RESULT, "1 bytes after");
    after_ticket("\xff\0\0\0", 4, FAKE_STATE_REFUSED, FAKE_RULE_LINK_RESULT, "255");
    /* A refused mechanism is answered with a second, complete reply. */
    uint8_t bytes[WIRE_LINK_HEADER_BYTES + WIRE_LINK_REPLY_BYTES] = {0};
    WireOut out;
    wire_out_init(&out, bytes, sizeof bytes);
    wire_link_header_encode(
        &out, &(WireLinkHeader){WIRE_MAGIC, WIRE_VERSION_MAJOR, WIRE_VERSION_MINOR, WIRE_LINK_REPLY_BYTES});
    bytes[WIRE_LINK_HEADER_BYTES] = WIRE_LINK_ERR_INVALID_DATA;
    after_ticket(bytes, sizeof bytes, FAKE_STATE_REFUSED, 0, NULL);
}

static void test_bytes_before_ticket(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    FakeConnection *c = dial(&s);
    uint8_t bytes[512];
    const size_t len = script_reply(bytes, sizeof bytes, WIRE_LINK_ERR_OK, COMMON);
    memset(bytes + len, 0, 4);
    script_bytes(&s, c, bytes, len + 4);
    script_expect(&s, FAKE_RULE_LINK_RESULT, "before the ticket");
    script_end(&s);
}

static void test_no_answer(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    FakeConnection *c = dial(&s);
    const uint64_t deadline_ns = fake_connection_deadline_ns(c);
    assert_int_equal(deadline_ns, s.now_ns + 10 * SCRIPT_SECOND);
    fake_connection_expire(c, deadline_ns - 1);
    assert_int_equal(fake_connection_state(c), FAKE_STATE_REPLY_HEADER);
    fake_connection_expire(c, deadline_ns);
    script_expect(&s, FAKE_RULE_IN_TIME, "no answer");
    assert_int_equal(fake_connection_state(c), FAKE_STATE_FAILED);
    script_end(&s);
}

/* ---- Tickets ---- */

static EVP_PKEY *key_make(int bits)
{
    EVP_PKEY *key = EVP_RSA_gen((unsigned)bits);
    assert_non_null(key);
    return key;
}

/* A reply with this key; the connection, after it. */
static FakeConnection *reply_with_key(Script *s, EVP_PKEY *key, uint8_t spoil)
{
    FakeClientConfig config = fake_client_config_default();
    config.password = "open, please";
    script_begin(s, &config);
    FakeConnection *c = dial(s);
    uint8_t bytes[512];
    const size_t len = script_reply(bytes, sizeof bytes, WIRE_LINK_ERR_OK, COMMON);
    uint8_t *der = NULL;
    const int der_len = key != NULL ? i2d_PUBKEY(key, &der) : 0;
    const size_t copied = (size_t)der_len < WIRE_PUB_KEY_BYTES ? (size_t)der_len : WIRE_PUB_KEY_BYTES;
    if (copied > 0) {
        memcpy(bytes + WIRE_LINK_HEADER_BYTES + 4, der, copied);
    }
    OPENSSL_free(der);
    bytes[WIRE_LINK_HEADER_BYTES + 4] ^= spoil;
    script_drop_output(c);
    script_bytes(s, c, bytes, len);
    return c;
}

static void test_ticket_opens(void **state)
{
    (void)state;
    Script s;
    EVP_PKEY *key = key_make(1024);
    FakeConnection *c = reply_with_key(&s, key, 0);
    const Span output = fake_connection_output(c);
    assert_int_equal(output.len, WIRE_LINK_AUTH_MECHANISM_BYTES + WIRE_LINK_TICKET_BYTES);
    assert_int_equal(le32_get(output.data), WIRE_AUTH_MECHANISM_SPICE);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    uint8_t plain[WIRE_LINK_TICKET_BYTES];
    size_t plain_len = sizeof plain;
    assert_true(EVP_PKEY_decrypt_init(context) > 0);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0);
    assert_true(EVP_PKEY_decrypt(context, plain, &plain_len, output.data + 4, WIRE_LINK_TICKET_BYTES) > 0);
    assert_int_equal(plain_len, strlen("open, please") + 1); /* the NUL is part of it */
    assert_string_equal((const char *)plain, "open, please");
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    script_end(&s);
}

static void key_wrong(EVP_PKEY *key, uint8_t spoil, const char *why)
{
    Script s;
    const FakeConnection *c = reply_with_key(&s, key, spoil);
    script_expect(&s, FAKE_RULE_PUBLIC_KEY, why);
    assert_int_equal(fake_connection_state(c), FAKE_STATE_FAILED);
    EVP_PKEY_free(key);
    script_end(&s);
}

static void test_key_wrong(void **state)
{
    (void)state;
    key_wrong(NULL, 0, "does not parse");
    key_wrong(key_make(1024), 0x11, "does not parse");
    key_wrong(key_make(512), 0, "1024 bits");
    key_wrong(EVP_EC_gen("P-256"), 0, "no RSA key");
}

/* ---- Behaviour ---- */

/* The first bytes of a lying client. */
static size_t lie(FakeLinkLie kind, uint8_t *ret_bytes, size_t cap)
{
    Script s;
    FakeClientConfig config = script_config();
    config.behaviour.link_lie = kind;
    script_begin(&s, &config);
    const Span output = fake_connection_output(dial(&s));
    assert_true(output.len <= cap);
    if (output.len > 0) {
        memcpy(ret_bytes, output.data, output.len);
    }
    const size_t len = output.len;
    script_end(&s);
    return len;
}

static void test_lies(void **state)
{
    (void)state;
    uint8_t honest[256], bytes[256];
    const size_t len = lie(FAKE_LINK_HONEST, honest, sizeof honest);
    const FakeLinkLie same_length[] = {FAKE_LINK_MAGIC,     FAKE_LINK_MAJOR,       FAKE_LINK_SIZE_SMALL,
                                       FAKE_LINK_SIZE_HUGE, FAKE_LINK_CAPS_OFFSET, FAKE_LINK_CAPS_COUNT,
                                       FAKE_LINK_CHANNEL};
    for (size_t i = 0; i < sizeof same_length / sizeof same_length[0]; i++) {
        assert_int_equal(lie(same_length[i], bytes, sizeof bytes), len);
        assert_memory_not_equal(bytes, honest, len);
    }
    assert_int_equal(lie(FAKE_LINK_SILENT, bytes, sizeof bytes), 0);
    assert_true(lie(FAKE_LINK_HALF, bytes, sizeof bytes) < len);
    /* These lie later, or only when there is a session. */
    const FakeLinkLie later[] = {FAKE_LINK_MECHANISM, FAKE_LINK_TICKET};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        assert_int_equal(lie(later[i], bytes, sizeof bytes), len);
        assert_memory_equal(bytes, honest, len);
    }
}

static void test_leaves(void **state)
{
    (void)state;
    for (int at = FAKE_STATE_REPLY; at <= FAKE_STATE_OPEN; at++) {
        Script s;
        FakeClientConfig config = script_config();
        config.behaviour.leave_at = (FakeState)at;
        script_begin(&s, &config);
        FakeConnection *c = dial(&s);
        uint8_t bytes[512];
        script_bytes(&s, c, bytes, script_reply(bytes, sizeof bytes, WIRE_LINK_ERR_OK, COMMON));
        script_bytes(&s, c, "\0\0\0", 4);
        assert_int_equal(fake_connection_state(c), FAKE_STATE_LEFT);
        assert_true(fake_connection_wants_close(c));
        assert_false(fake_connection_wants_read(c));
        fake_connection_closed(c, s.now_ns);
        assert_false(fake_connection_wants_close(c));
        script_end(&s);
    }
}

static void test_closed(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    FakeConnection *c = dial(&s);
    fake_connection_closed(c, s.now_ns);
    assert_int_equal(fake_connection_state(c), FAKE_STATE_CLOSED);
    assert_int_equal(fake_connection_output(c).len, 0);
    assert_int_equal(fake_connection_deadline_ns(c), UINT64_MAX);
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_message), cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_reply_wrong),  cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_result),       cmocka_unit_test(test_bytes_before_ticket),
        cmocka_unit_test(test_no_answer),    cmocka_unit_test(test_ticket_opens),
        cmocka_unit_test(test_key_wrong),    cmocka_unit_test(test_lies),
        cmocka_unit_test(test_leaves),       cmocka_unit_test(test_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
