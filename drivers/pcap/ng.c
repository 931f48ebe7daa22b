/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pcapng format, draft-ietf-opsawg-pcapng. Sections may change the byte order and start a new list of
 * interfaces, each with its own link type and clock. Blocks without packets are stepped over.
 */
#include "pcap_priv.h"

#include <weir_wire.h>

#include <stdlib.h>

#define BLOCK_SECTION         0x0a0d0d0a
#define BLOCK_INTERFACE       1
#define BLOCK_OLD_PACKET      2
#define BLOCK_SIMPLE_PACKET   3
#define BLOCK_ENHANCED_PACKET 6

#define OPTION_TSRESOL        9
#define OPTION_FCSLEN         13
#define OPTION_TSOFFSET       14

#define BYTE_ORDER_MAGIC      0x1a2b3c4d
#define BLOCK_MIN             12 /* type, length, length again */
#define SECTION_MIN           28
#define IFACES_MAX            65536

struct block_hdr {
	uint8_t type[4];
	uint8_t length[4];
};

struct section_body {
	uint8_t byte_order[4];
	uint8_t version_major[2];
	uint8_t version_minor[2];
	uint8_t section_length[8];
};

struct interface_body {
	uint8_t linktype[2];
	uint8_t reserved[2];
	uint8_t snaplen[4];
};

struct option_hdr {
	uint8_t code[2];
	uint8_t length[2];
};

/* Enhanced and old: the same but for the first four bytes. */
struct packet_body {
	uint8_t interface[4];
	uint8_t time_high[4];
	uint8_t time_low[4];
	uint8_t caplen[4];
	uint8_t wirelen[4];
};

/* One packet, before its data is lent. */
struct packet {
	const struct weir_pcap_iface *iface;
	const uint8_t *data;
	uint64_t ts_ns;
	uint32_t caplen;
	uint32_t wirelen;
};

/* Time in units of the interface to nanoseconds, never past what 63 bits hold. */
static uint64_t to_ns(const struct weir_pcap_iface *iface, uint64_t units)
{
	__int128_t ns;

	if (iface->units == 1000000 && iface->offset_s == 0 && units < (uint64_t)INT64_MAX / 1000)
		return units * 1000;
	ns = (__int128_t)(units / iface->units) * (int64_t)WEIR_NS_PER_S +
	     (__int128_t)(units % iface->units) * (int64_t)WEIR_NS_PER_S / iface->units +
	     (__int128_t)iface->offset_s * (int64_t)WEIR_NS_PER_S;
	if (ns < 0)
		return 0;
	return ns > INT64_MAX ? INT64_MAX : (uint64_t)ns;
}

/* Units a second of if_tsresol: 10^-n, or 2^-n with the top bit; 0 where 64 bits do not hold it. */
static uint64_t units_of(uint8_t resolution)
{
	uint8_t n = resolution & 0x7f;
	uint64_t units = 1;

	if (resolution & 0x80)
		return n < 64 ? UINT64_C(1) << n : 0;
	if (n > 19)
		return 0;
	while (n-- > 0)
		units *= 10;
	return units;
}

static void read_option(const struct weir_pcap_reader *r, struct weir_pcap_iface *iface,
			uint16_t code, const uint8_t *value, uint16_t len)
{
	if (code == OPTION_TSRESOL && len == 1)
		iface->units = units_of(value[0]);
	else if (code == OPTION_FCSLEN && len == 1)
		iface->fcs = value[0] <= 8 ? value[0]
					   : value[0] / 8; /* bytes, or bits in older files */
	else if (code == OPTION_TSOFFSET && len == 8)
		iface->offset_s = (int64_t)(r->swap ? weir_be64(value) : weir_le64(value));
}

static void read_options(const struct weir_pcap_reader *r, struct weir_pcap_iface *iface,
			 struct weir_rd rd)
{
	const struct option_hdr *h;
	const uint8_t *value;
	uint16_t len;

	while ((h = weir_rd_take(&rd, sizeof(*h))) != NULL) {
		len = weir_pcap_u16(r, h->length);
		value = weir_rd_take(&rd, (len + 3u) & ~3u);
		if (weir_pcap_u16(r, h->code) == 0 || value == NULL)
			return;
		read_option(r, iface, weir_pcap_u16(r, h->code), value, len);
	}
}

static bool iface_add(struct weir_pcap_reader *r, const struct weir_pcap_iface *iface)
{
	struct weir_pcap_iface *grown;
	uint32_t cap = r->ifaces_cap;

	if (r->n_ifaces == cap) {
		cap = cap > 0 ? cap * 2 : 4;
		if (cap > IFACES_MAX)
			return false;
		grown = realloc(r->ifaces, cap * sizeof(*grown));
		if (grown == NULL)
			return false;
		r->ifaces = grown;
		r->ifaces_cap = cap;
	}
	r->ifaces[r->n_ifaces++] = *iface;
	return true;
}

static enum weir_pcap_step interface(struct weir_pcap_reader *r, struct weir_rd rd)
{
	const struct interface_body *b = weir_rd_take(&rd, sizeof(*b));
	struct weir_pcap_iface iface = { .units = 1000000 };

	if (b == NULL)
		return weir_pcap_fault(r, "bad block: an interface block this short");
	iface.link = (uint8_t)weir_pcap_link(weir_pcap_u16(r, b->linktype));
	iface.snaplen = weir_pcap_u32(r, b->snaplen);
	read_options(r, &iface, rd);
	if (iface.units == 0)
		return weir_pcap_fault(r, "bad block: a time resolution beyond 64 bits");
	if (!iface_add(r, &iface))
		return weir_pcap_fault(r, "bad block: more than %d interfaces", IFACES_MAX);
	return WEIR_PCAP_MORE;
}

/* A new section: its byte order, before anything else of it can be read. */
static enum weir_pcap_step section(struct weir_pcap_reader *r)
{
	const struct section_body *b = (const struct section_body *)(r->p +
								     sizeof(struct block_hdr));

	r->swap = weir_be32(b->byte_order) == BYTE_ORDER_MAGIC;
	if (weir_pcap_u32(r, b->byte_order) != BYTE_ORDER_MAGIC)
		return weir_pcap_fault(r, "bad magic: byte order %08x of a section",
				       weir_be32(b->byte_order));
	r->left_out = weir_pcap_u16(r, b->version_major) != 1;
	if (r->left_out)
		weir_pcap_fault(r, "a section of version %u, which is left out; 1 is known",
				weir_pcap_u16(r, b->version_major));
	r->n_ifaces = 0;
	return WEIR_PCAP_MORE;
}

static enum weir_pcap_step packet_of(struct weir_pcap_reader *r, struct packet *pkt, uint32_t id,
				     struct weir_rd rd)
{
	const struct packet_body *b = weir_rd_take(&rd, sizeof(*b));

	if (b == NULL)
		return weir_pcap_fault(r, "bad block: a packet block this short");
	if (id >= r->n_ifaces)
		return weir_pcap_fault(r, "bad block: a packet of interface %u, there are %u", id,
				       r->n_ifaces);
	pkt->iface = &r->ifaces[id];
	pkt->caplen = weir_pcap_u32(r, b->caplen);
	pkt->wirelen = weir_pcap_u32(r, b->wirelen);
	pkt->ts_ns = r->shift_ns +
		     to_ns(pkt->iface, (uint64_t)weir_pcap_u32(r, b->time_high) << 32 |
					       weir_pcap_u32(r, b->time_low));
	pkt->data = weir_rd_take(&rd, pkt->caplen);
	if (pkt->data == NULL || pkt->caplen > WEIR_FRAME_MAX)
		return weir_pcap_fault(r, "record of %u bytes in a block that is smaller",
				       pkt->caplen);
	return WEIR_PCAP_MORE;
}

/* Has no time: it takes that of the packet before. Its interface is the first one. */
static enum weir_pcap_step simple_packet(struct weir_pcap_reader *r, struct packet *pkt,
					 struct weir_rd rd)
{
	const uint8_t *wirelen = weir_rd_take(&rd, 4);
	size_t caplen = weir_rd_left(&rd);

	if (wirelen == NULL || r->n_ifaces == 0)
		return weir_pcap_fault(r, "bad block: a simple packet %s",
				       wirelen == NULL ? "this short" : "before any interface");
	pkt->iface = &r->ifaces[0];
	pkt->wirelen = weir_pcap_u32(r, wirelen);
	pkt->ts_ns = r->last_ns;
	if (caplen > pkt->wirelen)
		caplen = pkt->wirelen;
	if (pkt->iface->snaplen > 0 && caplen > pkt->iface->snaplen)
		caplen = pkt->iface->snaplen;
	if (caplen > WEIR_FRAME_MAX)
		return weir_pcap_fault(r, "record of %zu bytes, at most %u are possible", caplen,
				       WEIR_FRAME_MAX);
	pkt->caplen = (uint32_t)caplen;
	pkt->data = weir_rd_take(&rd, caplen);
	return WEIR_PCAP_MORE;
}

/* One whole block: its packet, if it holds one, into `pkt`. WEIR_PCAP_MORE = fine. */
static enum weir_pcap_step block(struct weir_pcap_reader *r, uint32_t type, uint32_t len,
				 struct packet *pkt)
{
	const uint8_t *body = r->p + sizeof(struct block_hdr);
	struct weir_rd rd = { body, r->p + len - 4 };

	if (weir_pcap_u32(r, rd.end) != len)
		return weir_pcap_fault(r, "bad block: its length is %u at the start, %u at the end",
				       len, weir_pcap_u32(r, rd.end));
	switch (type) {
	case BLOCK_INTERFACE:
		return interface(r, rd);
	case BLOCK_ENHANCED_PACKET:
		return packet_of(r, pkt, weir_rd_left(&rd) < 4 ? 0 : weir_pcap_u32(r, body), rd);
	case BLOCK_OLD_PACKET:
		return packet_of(r, pkt, weir_rd_left(&rd) < 4 ? 0 : weir_pcap_u16(r, body), rd);
	case BLOCK_SIMPLE_PACKET:
		return simple_packet(r, pkt, rd);
	default:
		return WEIR_PCAP_MORE;
	}
}

static bool is_read(const struct weir_pcap_reader *r, uint32_t type)
{
	if (r->left_out)
		return type == BLOCK_SECTION;
	return type == BLOCK_SECTION || type == BLOCK_INTERFACE || type == BLOCK_ENHANCED_PACKET ||
	       type == BLOCK_OLD_PACKET || type == BLOCK_SIMPLE_PACKET;
}

/* Type and length of the next block, as far as it must be in memory. WEIR_PCAP_END = it is. */
static enum weir_pcap_step block_begin(struct weir_pcap_reader *r, uint32_t *type, uint32_t *len)
{
	const struct block_hdr *h = (const struct block_hdr *)r->p;
	size_t left = (size_t)(r->end - r->p);
	enum weir_pcap_step step;

	if (left < BLOCK_MIN)
		return WEIR_PCAP_MORE;
	*type = weir_pcap_u32(r, h->type);
	if (*type == BLOCK_SECTION) { /* a palindrome: readable before the byte order is known */
		if (left < SECTION_MIN)
			return WEIR_PCAP_MORE;
		step = section(r);
		if (step != WEIR_PCAP_MORE)
			return step;
	}
	*len = weir_pcap_u32(r, h->length);
	if (*len < (*type == BLOCK_SECTION ? SECTION_MIN : BLOCK_MIN) || *len % 4 != 0)
		return weir_pcap_fault(r, "bad block: a length of %u", *len);
	if (!is_read(r, *type))
		return WEIR_PCAP_END;
	if (*len > RECORD_MAX)
		return weir_pcap_fault(r, "bad block: a length of %u, at most %u can be read", *len,
				       RECORD_MAX);
	return left < *len ? WEIR_PCAP_MORE : WEIR_PCAP_END;
}

/* Step over a block, also over what of it is still to be read from the file. */
static void block_end(struct weir_pcap_reader *r, uint32_t len)
{
	uint64_t here = weir_min_u64(len, (uint64_t)(r->end - r->p));

	r->p += here;
	r->skip = len - here;
}

enum weir_pcap_step weir_pcap_ng_batch(struct weir_pcap_reader *r, struct weir_frame *frames,
				       uint16_t max, uint64_t limit_ns, uint16_t *n)
{
	for (;;) {
		struct packet pkt = { 0 };
		uint32_t type = 0, len = 0;
		enum weir_pcap_step step = block_begin(r, &type, &len);

		if (step != WEIR_PCAP_END)
			return step;
		weir_pcap_run_ahead(r);
		if (is_read(r, type)) {
			step = block(r, type, len, &pkt);
			if (step != WEIR_PCAP_MORE)
				return step;
		}
		if (pkt.data != NULL) {
			if (*n == max || pkt.ts_ns > limit_ns) {
				r->head_ns = pkt.ts_ns;
				return pkt.ts_ns > limit_ns ? WEIR_PCAP_LATER : WEIR_PCAP_FULL;
			}
			weir_pcap_strip_fcs(pkt.iface->fcs, &pkt.caplen, &pkt.wirelen);
			weir_pcap_lend(r, &frames[(*n)++], pkt.data, pkt.caplen, pkt.wirelen,
				       pkt.ts_ns, pkt.iface->link);
			ASAN_POISON_MEMORY_REGION(pkt.data + pkt.caplen,
						  (size_t)(r->p + len - pkt.data) - pkt.caplen);
		}
		block_end(r, len);
	}
}
