/* SPDX-License-Identifier: Apache-2.0 */
#include "driver.h"

#include <stdio.h>

/*
 * A buffer with its headers is one chunk of the socket, at most a page, and its size a number of cache
 * lines that does not make the pool add some. The kernel takes 256 of it for itself, DPDK 128.
 */
#define XDP_ROOM (63 * 64 - 64 - 128)

static const struct driver usual = { .missed = MISSED_TOLD };

static const struct driver drivers[] = {
	/* Through vfio and MSI-X only the first event comes. */
	{ .name = "net_e1000_em", .missed = MISSED_TOLD, .loses_events = true },
	{ .name = "net_af_packet", .queues_arg = "qpairs", .missed = MISSED_SOCKETS },
	{ .name = "net_af_xdp",
	  .queues_arg = "queue_count",
	  .missed = MISSED_SOCKETS,
	  .data_room = XDP_ROOM,
	  .needs_tx = true,
	  .takes_interface = true },
	{ .name = "net_memif",
	  .path_arg = "socket",
	  .server_arg = "role=server",
	  .one_queue_as_server = true,
	  .missed = MISSED_UNKNOWN,
	  .needs_tx = true,
	  .foreign_memory = true },
	{ .name = "net_tap", .missed = MISSED_INTERFACE, .needs_tx = true },
	{ .name = "net_vhost",
	  .queues_arg = "queues",
	  .path_arg = "iface",
	  .client_arg = "client=1",
	  .finds_server_again = true,
	  .missed = MISSED_UNKNOWN,
	  .needs_tx = true },
	{ .name = "net_virtio", .missed = MISSED_UNKNOWN, .needs_tx = true },
	{ .name = "net_virtio_user",
	  .queues_arg = "queues",
	  .path_arg = "path",
	  .server_arg = "server=1",
	  .missed = MISSED_UNKNOWN,
	  .needs_tx = true,
	  .add_blocks = true },
};

const struct driver *driver_find(const char *name)
{
	const struct driver *best = &usual;
	size_t longest = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(drivers); i++) {
		size_t len = strlen(drivers[i].name);

		if (len > longest && strncmp(name, drivers[i].name, len) == 0) {
			best = &drivers[i];
			longest = len;
		}
	}
	return best;
}

/* The argument of this key, up to the next comma or the end; NULL when there is none. */
static const char *find(const char *args, const char *key, size_t *len)
{
	size_t key_len = strlen(key);

	for (const char *at = args; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, key, key_len) == 0 && at[key_len] == '=') {
			*len = strcspn(at + key_len + 1, ",");
			return at + key_len + 1;
		}
		if (*at == '\0')
			return NULL;
	}
	return NULL;
}

bool arg_get(const char *args, const char *key, char *value, size_t size)
{
	size_t len;
	const char *at = find(args, key, &len);

	if (at == NULL || len >= size)
		return false;
	memcpy(value, at, len);
	value[len] = '\0';
	return true;
}

bool arg_is(const char *args, const char *pair)
{
	const char *equals = strchr(pair, '=');
	char key[32], value[32];

	snprintf(key, sizeof(key), "%.*s", (int)(equals - pair), pair);
	return arg_get(args, key, value, sizeof(value)) && strcmp(value, equals + 1) == 0;
}

bool driver_listens(const struct driver *d, const char *args, char *path, size_t size)
{
	if (d->path_arg == NULL || !arg_get(args, d->path_arg, path, size))
		return false;
	if (d->client_arg != NULL)
		return !arg_is(args, d->client_arg);
	return arg_is(args, d->server_arg);
}
