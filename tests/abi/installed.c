/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* installed: a host built the way users build one, from an installed library and what pkg-config says. */
#include <spice.h>

#if !__has_include(<sumac.h>)
#error "sumac.h was not installed"
#endif
#include <sumac.h>

#if SPICE_SERVER_VERSION < 0x001000
#error "the headers are those of another library"
#endif

int main(void)
{
    SpiceServer *server = spice_server_new();
    if (!server || spice_server_set_multiple_clients(server, 1) != 0 ||
        spice_server_set_multiple_clients(NULL, 1) != -1) {
        return 1;
    }
    spice_server_destroy(server);
    return 0;
}
