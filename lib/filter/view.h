/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame as DPDK's programs want it, an mbuf, on the stack. Of its fields the packet loads read
 * buf_addr, data_off, data_len, and where a load does not lie in the first segment pkt_len and next;
 * our programs read VIEW_WIRELEN. No other is set.
 *
 * A segment holds at most 65,535 bytes: a longer frame is a chain. So is one whose tag lies beside it:
 * its first bytes are copied with the tag put back, the rest stays where it is.
 */
#ifndef FILTER_VIEW_H
#define FILTER_VIEW_H

#include "filter_priv.h"

#define HEAD_LEN    128 /* bytes: what filters look at is mostly in these */
#define TAG_LEN     4
#define SEGMENT_MAX UINT16_MAX
#define SEGMENTS    (2 + WEIR_FRAME_MAX / SEGMENT_MAX)

struct view {
	struct rte_mbuf segments[SEGMENTS];
	uint8_t head[HEAD_LEN];
};

static inline void view_segment(struct rte_mbuf *m, const uint8_t *data, uint32_t len)
{
	m->buf_addr = (void *)(uintptr_t)data;
	m->data_off = 0;
	m->data_len = (uint16_t)len;
}

/* Chain `len` bytes at `data` behind segment `last`, NULL at first. Returns the last one then. */
static inline struct rte_mbuf *view_append(struct view *v, struct rte_mbuf *last,
					   const uint8_t *data, uint32_t len)
{
	do {
		struct rte_mbuf *m = last != NULL ? last + 1 : v->segments;
		uint32_t n = len < SEGMENT_MAX ? len : SEGMENT_MAX;

		view_segment(m, data, n);
		if (last != NULL)
			last->next = m;
		last = m;
		data += n;
		len -= n;
	} while (len > 0);
	last->next = NULL;
	return last;
}

/* Where a tag was taken from, as in libpcap's own captures; 0: there is no such place. */
static inline uint32_t view_tag_place(const struct weir_frame *f)
{
	uint32_t place = f->link == WEIR_LINK_ETHER ? 12 : f->link == WEIR_LINK_SLL ? 14 : 0;

	return f->flags & WEIR_FRAME_VLAN && f->caplen >= place ? place : 0;
}

/* The frame with its tag in it again. */
static inline void view_tagged(struct view *v, const struct weir_frame *f, uint32_t caplen,
			       uint32_t place)
{
	uint32_t more = caplen - place, room = HEAD_LEN - place - TAG_LEN;
	uint32_t copied = more < room ? more : room;
	struct rte_mbuf *last;

	memcpy(v->head, f->data, place);
	v->head[place] = 0x81; /* the frame does not say which ethertype it was */
	v->head[place + 1] = 0;
	v->head[place + 2] = (uint8_t)(f->vlan_tci >> 8);
	v->head[place + 3] = (uint8_t)f->vlan_tci;
	memcpy(v->head + place + TAG_LEN, f->data + place, copied);
	last = view_append(v, NULL, v->head, place + TAG_LEN + copied);
	if (more > copied)
		view_append(v, last, f->data + place + copied, more - copied);
	v->segments[0].pkt_len = caplen + TAG_LEN;
}

static inline void view_unusual(struct view *v, const struct weir_frame *f)
{
	uint32_t caplen = f->caplen < WEIR_FRAME_MAX ? f->caplen : WEIR_FRAME_MAX;
	uint32_t place = view_tag_place(f);

	if (place != 0) {
		view_tagged(v, f, caplen, place);
		return;
	}
	view_append(v, NULL, f->data, caplen);
	v->segments[0].pkt_len = caplen;
}

static inline struct rte_mbuf *view_of(struct view *v, const struct weir_frame *f)
{
	/* cppcheck-suppress ctuuninitvar */
	struct rte_mbuf *m = v->segments;

	if (weir_unlikely(f->flags & WEIR_FRAME_VLAN || f->caplen > SEGMENT_MAX)) {
		view_unusual(v, f);
	} else {
		view_segment(m, f->data, f->caplen);
		m->next = NULL;
		m->pkt_len = f->caplen;
	}
	m->VIEW_WIRELEN = f->wirelen;
	return m;
}

#endif
