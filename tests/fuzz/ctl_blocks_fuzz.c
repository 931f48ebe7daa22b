/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the capture of an agent, in pieces of any size: what is handed on are whole blocks, and does not
 * depend on the pieces. The first byte is the size of the pieces.
 */
#include <blocks.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes that were handed on, until the end or until it is no capture. */
static size_t take(struct blocks *b, const uint8_t *data, size_t size, size_t piece)
{
	size_t taken = 0, room;
	int64_t whole = 0;

	for (size_t at = 0, n; at < size && whole >= 0; at += n) {
		uint8_t *to = blocks_room(b, &room);

		n = size - at < piece ? size - at : piece;
		if (to == NULL || room < n)
			abort();
		memcpy(to, data + at, n);
		whole = blocks_added(b, n, NULL);
		if (whole <= 0)
			continue;
		if (blocks_whole(b, (size_t)whole) != (size_t)whole || whole % 4 != 0)
			abort();
		blocks_drop(b, (size_t)whole);
		taken += (size_t)whole;
	}
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blocks a = { 0 }, b = { 0 };
	size_t pieces, at_once;

	if (size < 1 || size > 65536)
		return 0;
	pieces = take(&a, data + 1, size - 1, (size_t)data[0] + 1);
	at_once = take(&b, data + 1, size - 1, 65536);
	/* Of what is no capture in the end, pieces hand on what came before. */
	if (at_once > 0 &&
	    (pieces != at_once || a.packets != b.packets || a.n_interfaces != b.n_interfaces))
		abort();
	blocks_fini(&a);
	blocks_fini(&b);
	return 0;
}
