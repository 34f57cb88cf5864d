/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-migration.h: the machine moves to another host, and its clients follow.
 *
 * All functions and callbacks in M.
 *
 * Order on the source: migrate_connect() when the target listens; wait for migrate_connect_complete;
 * migrate_start(); move the machine; migrate_end(); wait for migrate_end_complete before ending the process.
 */
#ifndef SPICE_MIGRATION_H_
#define SPICE_MIGRATION_H_

#if !defined(SPICE_H_INSIDE) && !defined(SPICE_SERVER_INTERNAL)
#error "Include <spice.h> instead of this file."
#endif

#include "spice-core.h"
#include "spice-server.h"

SPICE_BEGIN_DECLS

#define SPICE_INTERFACE_MIGRATION "migration"
#define SPICE_INTERFACE_MIGRATION_MAJOR 1
#define SPICE_INTERFACE_MIGRATION_MINOR 1
typedef struct SpiceMigrateInterface SpiceMigrateInterface;
typedef struct SpiceMigrateInstance SpiceMigrateInstance;
typedef struct SpiceMigrateState SpiceMigrateState;

struct SpiceMigrateInterface {
    SpiceBaseInterface base;
    void (*migrate_connect_complete)(SpiceMigrateInstance *sin); /* clients reached the target, or gave up */
    void (*migrate_end_complete)(SpiceMigrateInstance *sin);     /* clients have left the source; or NULL */
};

struct SpiceMigrateInstance {
    SpiceBaseInstance base;
    SpiceMigrateState *st;
};

/* M. Tells clients where the machine goes: host name or address, the plain and the TLS port (-1 or 0: none),
 * and the subject of the target's certificate (may be NULL). -1: no such target, or no migration interface
 * was added; in the first case migrate_connect_complete has been called. */
int spice_server_migrate_connect(SpiceServer *s, const char *dest, int port, int secure_port,
                                 const char *cert_subject);

/* M. The machine's state begins to move. -1: no target is known. */
int spice_server_migrate_start(SpiceServer *s);

/* M. It has arrived (non-zero), or the move was given up (0) and all stay here. */
int spice_server_migrate_end(SpiceServer *s, int completed);

/* M. Non-zero: carry the state of channels over where a client can, instead of starting them afresh. */
void spice_server_set_seamless_migration(SpiceServer *s, int enable);

/* M. The way without a migration interface: name the target, then send everybody there. */
int spice_server_migrate_info(SpiceServer *s, const char *dest, int port, int secure_port,
                              const char *cert_subject) SPICE_GNUC_DEPRECATED;
int spice_server_migrate_switch(SpiceServer *s) SPICE_GNUC_DEPRECATED;

SPICE_END_DECLS

#endif
