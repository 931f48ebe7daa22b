/* SPDX-License-Identifier: Apache-2.0 */
#include "blocks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOM_LEAST 65536
#define BLOCK_MAX  (16U << 20) /* Wireshark's own bound */
#define HEAD       8           /* type and length */
#define TAIL       4           /* the length again */

enum { BLOCK_INTERFACE = 1, BLOCK_STATISTICS = 5, BLOCK_PACKET = 6 };
enum { OPT_END, IF_NAME = 2, ISB_IFRECV = 4, ISB_IFDROP = 5 };

uint8_t *blocks_room(struct blocks *b, size_t *room)
{
	if (b->room - b->len < ROOM_LEAST) {
		size_t more = b->room > 0 ? b->room * 2 : (size_t)ROOM_LEAST * 4;
		uint8_t *bytes = realloc(b->bytes, more);

		if (bytes == NULL)
			return NULL;
		b->bytes = bytes;
		b->room = more;
	}
	*room = b->room - b->len;
	return b->bytes + b->len;
}

/* The value of an option, NULL when it is not there. `p` to `end` are options of a block. */
static const uint8_t *option_find(const uint8_t *p, const uint8_t *end, uint16_t code, size_t *len)
{
	while (end - p >= 4) {
		uint16_t this = weir_le16(p);

		*len = weir_le16(p + 2);
		p += 4;
		if (this == OPT_END || *len > (size_t)(end - p))
			break;
		if (this == code)
			return p;
		p += weir_min_u64((*len + 3) & ~(size_t)3, (uint64_t)(end - p));
	}
	return NULL;
}

static uint64_t option_u64(const uint8_t *p, const uint8_t *end, uint16_t code)
{
	size_t len;
	const uint8_t *v = option_find(p, end, code, &len);

	return v != NULL && len == 8 ? weir_le64(v) : UINT64_MAX;
}

static void count_interface(struct blocks *b, const uint8_t *p, const uint8_t *end)
{
	struct blocks_interface *i = &b->interfaces[b->n_interfaces];
	const uint8_t *name;
	size_t len = 0;

	if (b->n_interfaces == BLOCKS_INTERFACES_MAX || end - p < 8)
		return;
	name = option_find(p + 8, end, IF_NAME, &len);
	snprintf(i->name, sizeof(i->name), "%.*s", name != NULL ? (int)len : 0,
		 name != NULL ? (const char *)name : "");
	b->n_interfaces++;
}

static void count_statistics(struct blocks *b, const uint8_t *p, const uint8_t *end)
{
	struct blocks_interface *i;

	if (end - p < 12 || weir_le32(p) >= b->n_interfaces)
		return;
	i = &b->interfaces[weir_le32(p)];
	i->matched = option_u64(p + 12, end, ISB_IFRECV);
	i->dropped = option_u64(p + 12, end, ISB_IFDROP);
	i->is_counted = true;
}

/* `p` to `end` is what stands between a block's lengths. */
static void count(struct blocks *b, uint32_t type, const uint8_t *p, const uint8_t *end)
{
	if (type == BLOCK_INTERFACE) {
		count_interface(b, p, end);
	} else if (type == BLOCK_STATISTICS) {
		count_statistics(b, p, end);
	} else if (type == BLOCK_PACKET && end - p >= 20) {
		b->packets++;
		b->captured += weir_le32(p + 12);
	}
}

int64_t blocks_added(struct blocks *b, size_t n, struct weir_err *err)
{
	size_t at = 0;

	b->len += n;
	while (b->len - at >= HEAD) {
		const uint8_t *p = b->bytes + at;
		uint32_t len = weir_le32(p + 4);

		if (len < HEAD + TAIL || len % 4 != 0 || len > BLOCK_MAX)
			return weir_err_set(err, EBADMSG,
					    "the agent sent no capture: a block of %u bytes", len);
		if (len > b->len - at)
			break;
		count(b, weir_le32(p), p + HEAD, p + len - TAIL);
		at += len;
	}
	return (int64_t)at;
}

size_t blocks_whole(const struct blocks *b, size_t n)
{
	size_t at = 0;

	while (n - at >= HEAD && weir_le32(b->bytes + at + 4) <= n - at)
		at += weir_le32(b->bytes + at + 4);
	return at;
}

void blocks_drop(struct blocks *b, size_t n)
{
	memmove(b->bytes, b->bytes + n, b->len - n);
	b->len -= n;
}

void blocks_fini(struct blocks *b)
{
	free(b->bytes);
	b->bytes = NULL;
}
