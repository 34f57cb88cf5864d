/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes whole handshakes of every kind into a folder, as seeds for fuzz-link. */
#include "fuzz/link_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/check.h"

typedef struct Seed {
    uint8_t bytes[LINK_FUZZ_OPTIONS + WIRE_LINK_HEADER_BYTES + WIRE_LINK_BODY_MAX + 256];
    size_t len;
} Seed;

static void encode_hello(Seed *seed, uint8_t type, uint32_t caps_words, uint32_t first_word)
{
    uint32_t words[64] = {first_word};
    const WireLinkMess message = {
        .connection_id = 5,
        .channel_type = type,
        .common_caps = {words, caps_words},
        .channel_caps = {words, caps_words},
    };
    const uint32_t size = WIRE_LINK_MESS_BYTES + 8 * caps_words;
    const WireLinkHeader header = {WIRE_MAGIC, WIRE_VERSION_MAJOR, WIRE_VERSION_MINOR, size};
    WireOut out;

    wire_out_init(&out, seed->bytes + seed->len, sizeof seed->bytes - seed->len);
    wire_link_header_encode(&out, &header);
    CHECK(!out.failed);
    seed->len += out.len;
    wire_out_init(&out, seed->bytes + seed->len, sizeof seed->bytes - seed->len);
    wire_link_mess_encode(&out, &message);
    CHECK(!out.failed && out.len == size);
    seed->len += out.len;
}

static void encrypt_ticket(Seed *seed, LinkServer *server, const char *password)
{
    const unsigned char *der = link_server_public_key(server);
    EVP_PKEY *key = d2i_PUBKEY(NULL, &der, TICKET_PUBLIC_BYTES);
    EVP_PKEY_CTX *encrypter = EVP_PKEY_CTX_new(key, NULL);
    size_t len = TICKET_CIPHER_BYTES;

    CHECK(EVP_PKEY_encrypt_init(encrypter) == 1);
    CHECK(EVP_PKEY_CTX_set_rsa_padding(encrypter, RSA_PKCS1_OAEP_PADDING) == 1);
    CHECK(EVP_PKEY_encrypt(encrypter, seed->bytes + seed->len, &len, (const unsigned char *)password,
                           strlen(password) + 1) == 1);
    seed->len += len;
    EVP_PKEY_CTX_free(encrypter);
    EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    static const uint8_t flags[] = {
        LINK_FUZZ_TICKETING,
        0,
        LINK_FUZZ_TLS | LINK_FUZZ_SKIP_AUTH | LINK_FUZZ_TICKETING,
        LINK_FUZZ_KEY_LATE | LINK_FUZZ_REFUSE,
        LINK_FUZZ_KEY_LATE | LINK_FUZZ_KEY_FAILS,
        LINK_FUZZ_NO_MEMORY,
    };
    static const uint8_t types[] = {WIRE_CHANNEL_MAIN, WIRE_CHANNEL_DISPLAY};
    if (argc != 2 || argv[1][0] == '-') {
        fputs("usage: link-seeds FOLDER\n", stderr);
        return EXIT_FAILURE;
    }
    LinkServer *server = link_server_new();

    for (size_t i = 0; i < sizeof flags; i++) {
        for (size_t selects = 0; selects < 2; selects++) {
            Seed seed = {.bytes = {flags[i], 3, (uint8_t)(i * 16 + 1)}, .len = LINK_FUZZ_OPTIONS};
            char path[4096];

            encode_hello(&seed, types[(i + selects) % 2], i % 3 == 2 ? 64 : 1, selects != 0 ? 0xb : 0xa);
            if (selects != 0) {
                le32_put(seed.bytes + seed.len, WIRE_CAP_COMMON_AUTH_SPICE);
                seed.len += 4;
            }
            encrypt_ticket(&seed, server, i % 2 == 0 ? "fuzz" : "wrong");
            snprintf(path, sizeof path, "%s/handshake-%zu-%zu", argv[1], i, selects);
            FILE *file = fopen(path, "wb");
            CHECK(file != NULL && fwrite(seed.bytes, 1, seed.len, file) == seed.len);
            CHECK(fclose(file) == 0);
        }
    }
    link_server_free(server);
    return EXIT_SUCCESS;
}
