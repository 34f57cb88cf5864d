/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which addresses a server can be reached at, by the flags of spice_server_set_addr().
 *
 *   test-api-listening        everything but IPv6
 *   test-api-listening ipv6   what needs IPv6; exit status 77 where there is none
 */
#include "tests/api/rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/wire.h"

#define SKIPPED 77

static union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
} at;

static socklen_t address_of(int family, int port)
{
    memset(&at, 0, sizeof at);
    if (family == AF_INET6) {
        at.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        at.v6.sin6_addr = in6addr_loopback;
        return sizeof at.v6;
    }
    at.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof at.v4;
}

/* A port that is free in both families. */
static int free_port(void)
{
    for (int i = 0; i < 100; i++) {
        socklen_t len = address_of(AF_INET, 0);
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, &at.any, len), 0);
        assert_int_equal(getsockname(fd, &at.any, &len), 0);
        const int port = ntohs(at.v4.sin_port);
        len = address_of(AF_INET6, port);
        const int other = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool free = other < 0 || bind(other, &at.any, len) == 0;
        close(fd);
        if (other >= 0) {
            close(other);
        }
        if (free) {
            return port;
        }
    }
    fail_msg("no port is free");
    return -1;
}

/* Is there a SPICE server? It closes whoever sends another magic, after an answer. */
static bool answers(int fd)
{
    uint8_t bytes[4] = {0};
    bool good = write(fd, "nothing SPICE-like!", 19) == 19;

    for (int i = 0; i < 1000 && good; i++) {
        rig_serve_ms(1);
        const ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK);
        if (n != -1) {
            good = n == 4 && memcmp(bytes, "REDQ", 4) == 0;
            break;
        }
    }
    close(fd);
    return good;
}

static bool reaches(int family, int port)
{
    const socklen_t len = address_of(family, port);
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, &at.any, len) != 0) {
        close(fd);
        return false;
    }
    return answers(fd);
}

static SpiceServer *server_at(const char *address, int flags, int port)
{
    SpiceServer *server = spice_server_new();

    assert_int_equal(spice_server_set_noauth(server), 0);
    assert_int_equal(spice_server_set_port(server, port), 0);
    spice_server_set_addr(server, address, flags);
    return server;
}

/* What can be reached, and how often flags were complained of. */
static void check(const char *address, int flags, bool v4, bool v6, unsigned complaints)
{
    rig_start();
    const int port = free_port();
    SpiceServer *server = server_at(address, flags, port);
    assert_int_equal(rig_warnings("mean nothing, any family is used"), complaints);
    assert_int_equal(spice_server_init(server, rig.core), 0);
    assert_int_equal(reaches(AF_INET, port), v4);
    assert_int_equal(reaches(AF_INET6, port), v6);
    spice_server_destroy(server);
    rig_end();
}

static void check_refused(const char *address, int flags)
{
    rig_start();
    SpiceServer *server = server_at(address, flags, free_port());
    assert_int_equal(spice_server_init(server, rig.core), -1);
    assert_int_equal(rig_warnings("cannot listen"), 1);
    spice_server_destroy(server);
    rig_end();
}

static void test_ipv4_only_is_that(void **state)
{
    (void)state;
    check("", SPICE_ADDR_FLAG_IPV4_ONLY, true, false, 0);
    check("127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY, true, false, 0);
    check("127.0.0.1", 0, true, false, 0);
    check_refused("::1", SPICE_ADDR_FLAG_IPV4_ONLY);
}

static void test_nonsense_is_no_address(void **state)
{
    (void)state;
    check_refused("no such host.", 0);
    check_refused("300.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY);
    check_refused("192.0.2.1", 0); /* of another machine */
    check_refused("", SPICE_ADDR_FLAG_UNIX_ONLY);
    check_refused("/there/is/no/such/folder/socket", SPICE_ADDR_FLAG_UNIX_ONLY);
}

/* Documented: flags are compared, not taken apart. */
static void test_unknown_flags_mean_any_family(void **state)
{
    (void)state;
    check("127.0.0.1", 8, true, false, 1);
    check("127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY | SPICE_ADDR_FLAG_IPV6_ONLY, true, false, 1);
    check("127.0.0.1", SPICE_ADDR_FLAG_IPV6_ONLY | SPICE_ADDR_FLAG_UNIX_ONLY, true, false, 1);
    check("127.0.0.1", -1, true, false, 1);

    rig_start(); /* and not the family that was asked for before */
    const int port = free_port();
    SpiceServer *server = server_at("", SPICE_ADDR_FLAG_UNIX_ONLY, port);
    spice_server_set_addr(server, "127.0.0.1", 3);
    assert_int_equal(spice_server_init(server, rig.core), 0);
    assert_true(reaches(AF_INET, port));
    spice_server_destroy(server);
    rig_end();
}

static void test_unix_only_is_a_path_and_no_port(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof path, "/tmp/sumac-listening-%d", (int)getpid());
    rig_start();
    const int port = free_port();
    SpiceServer *server = server_at(path, SPICE_ADDR_FLAG_UNIX_ONLY, port);
    assert_int_equal(spice_server_init(server, rig.core), 0);
    memset(&at, 0, sizeof at);
    at.path.sun_family = AF_UNIX;
    strcpy(at.path.sun_path, path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, &at.any, sizeof at.path), 0);
    assert_true(answers(fd));
    assert_false(reaches(AF_INET, port));
    spice_server_destroy(server);
    rig_end();
    unlink(path);
}

/* ---- With IPv6 ---- */

static void test_ipv6_only_is_not_reached_at_an_ipv4_address(void **state)
{
    (void)state;
    check("::1", SPICE_ADDR_FLAG_IPV6_ONLY, false, true, 0);
    check("::1", 0, false, true, 0);
    check_refused("127.0.0.1", SPICE_ADDR_FLAG_IPV6_ONLY);
}

/* As documented: an IPv6 socket at every address takes IPv4, too, whatever the flag is called. */
static void test_an_ipv6_socket_at_any_address_takes_both(void **state)
{
    (void)state;
    check("", SPICE_ADDR_FLAG_IPV6_ONLY, true, true, 0);
    check("::", SPICE_ADDR_FLAG_IPV6_ONLY, true, true, 0);
    check("::", 0, true, true, 0);
}

static void test_unknown_flags_mean_ipv6_too(void **state)
{
    (void)state;
    check("::1", 8, false, true, 1);
    check("::1", SPICE_ADDR_FLAG_IPV4_ONLY | SPICE_ADDR_FLAG_IPV6_ONLY, false, true, 1);
}

static bool has_ipv6(void)
{
    const socklen_t len = address_of(AF_INET6, 0);
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool has = fd >= 0 && bind(fd, &at.any, len) == 0;

    close(fd);
    return has;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipv4_only_is_that),
        cmocka_unit_test(test_nonsense_is_no_address),
        cmocka_unit_test(test_unknown_flags_mean_any_family),
        cmocka_unit_test(test_unix_only_is_a_path_and_no_port),
    };
    const struct CMUnitTest ipv6_tests[] = {
        cmocka_unit_test(test_ipv6_only_is_not_reached_at_an_ipv4_address),
        cmocka_unit_test(test_an_ipv6_socket_at_any_address_takes_both),
        cmocka_unit_test(test_unknown_flags_mean_ipv6_too),
    };

    if (argc == 1) {
        return cmocka_run_group_tests(tests, NULL, NULL);
    }
    if (argc != 2 || strcmp(argv[1], "ipv6") != 0) {
        return 2;
    }
    if (!has_ipv6()) {
        puts("there is no IPv6 on this machine");
        return SKIPPED;
    }
    return cmocka_run_group_tests(ipv6_tests, NULL, NULL);
}
