/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of pcapng as it comes from an agent: cut into whole blocks, and counted. Only what this
 * machine's agent writes has to be understood: blocks in this byte order. draft-ietf-opsawg-pcapng.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <weir_base.h>

#define BLOCKS_INTERFACES_MAX 64

struct blocks_interface {
	char name[64];
	uint64_t matched, dropped; /* of its last statistics; UINT64_MAX = not told */
	bool is_counted;           /* there were some */
};

struct blocks {
	uint8_t *bytes;
	size_t len, room;
	uint64_t packets;
	uint64_t captured; /* bytes of them */
	struct blocks_interface interfaces[BLOCKS_INTERFACES_MAX];
	uint32_t n_interfaces;
};

/* Room for the next bytes, at least 64 KiB; NULL without memory. */
uint8_t *blocks_room(struct blocks *b, size_t *room);

/*
 * `n` bytes more have come. How many of b->bytes, from the first one on, are whole blocks (they are
 * counted now), to be taken away by blocks_drop(); -EBADMSG with `err` set when it is no pcapng.
 */
int64_t blocks_added(struct blocks *b, size_t n, struct weir_err *err);
void blocks_drop(struct blocks *b, size_t n);

/* How many of the first `n` bytes are whole blocks; the bytes are such that blocks_added() has taken. */
size_t blocks_whole(const struct blocks *b, size_t n);

void blocks_fini(struct blocks *b);

#endif
