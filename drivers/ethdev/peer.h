/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets on which drivers meet the other side. */
#ifndef PEER_H
#define PEER_H

#include <weir_base.h>

/*
 * Make room to listen on `path`: the file of a socket nobody listens on any more is removed. -EADDRINUSE
 * when somebody does or it is no socket.
 */
int peer_path_clear(const char *device, const char *path, struct weir_err *err);

/* Whatever waits in this process on a socket of this path, its own or the other side's, fails now. */
void peer_give_up(const char *path);

#endif
