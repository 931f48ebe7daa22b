/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pcap format, draft-ietf-opsawg-pcap: both byte orders, micro- and nanoseconds, and the
 * "modified" format of Kuznetzov's patch, whose record headers are longer. Before version 2.3 the two
 * lengths of a record stood the other way round; with 2.3 either way (libpcap, sf-pcap.c).
 */
#include "pcap_priv.h"

enum lengths { LENGTHS_PLAIN, LENGTHS_SWAPPED, LENGTHS_MAYBE_SWAPPED };

struct file_hdr {
	uint8_t magic[4];
	uint8_t version_major[2];
	uint8_t version_minor[2];
	uint8_t reserved[8];
	uint8_t snaplen[4];
	uint8_t linktype[4]; /* and, in the top bits, the length of the FCS */
};
static_assert(sizeof(struct file_hdr) == FILE_HEADER_BYTES, "pcap, section 4");

struct record_hdr {
	uint8_t seconds[4];
	uint8_t fraction[4];
	uint8_t caplen[4];
	uint8_t wirelen[4];
};
static_assert(sizeof(struct record_hdr) == 16, "pcap, section 5");

#define MODIFIED_RECORD_BYTES 24 /* interface index, protocol and packet type follow */

static void order_lengths(const struct weir_pcap_reader *r, uint32_t *caplen, uint32_t *wirelen)
{
	uint32_t t = *caplen;

	if (r->lengths == LENGTHS_SWAPPED ||
	    (r->lengths == LENGTHS_MAYBE_SWAPPED && *caplen > *wirelen)) {
		*caplen = *wirelen;
		*wirelen = t;
	}
}

/* A length of 0, which may stand for bytes that are lost, or one that is too long. */
static bool is_bad(struct weir_pcap_reader *r, size_t header, uint32_t caplen)
{
	if (caplen == 0)
		return weir_pcap_is_torn(r, header);
	weir_pcap_fault(r, "record of %u bytes, at most %u are possible", caplen, WEIR_FRAME_MAX);
	return true;
}

/* `usual`: our byte order, plain headers, no FCS; known at compile time in both uses. */
static inline __attribute__((always_inline)) enum weir_pcap_step records(struct weir_pcap_reader *r,
									 struct weir_frame *frames,
									 uint16_t max,
									 uint64_t limit_ns,
									 uint16_t *n, bool usual)
{
	const size_t header = usual ? sizeof(struct record_hdr) : r->record_header;
	const uint64_t unit_ns = WEIR_NS_PER_S / r->iface.units;

	for (;;) {
		const struct record_hdr *h = (const struct record_hdr *)r->p;
		size_t left = (size_t)(r->end - r->p);
		uint32_t caplen, wirelen, data_len;
		uint64_t ts_ns;

		if (left < header)
			return WEIR_PCAP_MORE;
		weir_pcap_run_ahead(r);
		caplen = usual ? weir_le32(h->caplen) : weir_pcap_u32(r, h->caplen);
		wirelen = usual ? weir_le32(h->wirelen) : weir_pcap_u32(r, h->wirelen);
		if (!usual)
			order_lengths(r, &caplen, &wirelen);
		if (weir_unlikely(caplen - 1 >= WEIR_FRAME_MAX) && is_bad(r, header, caplen))
			return WEIR_PCAP_FAULT;
		if (left < header + caplen)
			return WEIR_PCAP_MORE;
		ts_ns = usual ? weir_le32(h->seconds) * WEIR_NS_PER_S +
					weir_le32(h->fraction) * unit_ns
			      : weir_pcap_u32(r, h->seconds) * WEIR_NS_PER_S +
					weir_pcap_u32(r, h->fraction) * unit_ns;
		ts_ns += r->shift_ns;
		if (*n == max || ts_ns > limit_ns) {
			r->head_ns = ts_ns;
			return ts_ns > limit_ns ? WEIR_PCAP_LATER : WEIR_PCAP_FULL;
		}
		data_len = caplen;
		if (!usual)
			weir_pcap_strip_fcs(r->iface.fcs, &caplen, &wirelen);
		weir_pcap_lend(r, &frames[(*n)++], r->p + header, caplen, wirelen, ts_ns,
			       r->iface.link);
		ASAN_POISON_MEMORY_REGION(r->p, header);
		r->p += header + data_len;
	}
}

static enum weir_pcap_step usual_batch(struct weir_pcap_reader *r, struct weir_frame *frames,
				       uint16_t max, uint64_t limit_ns, uint16_t *n)
{
	return records(r, frames, max, limit_ns, n, true);
}

static enum weir_pcap_step any_batch(struct weir_pcap_reader *r, struct weir_frame *frames,
				     uint16_t max, uint64_t limit_ns, uint16_t *n)
{
	return records(r, frames, max, limit_ns, n, false);
}

static enum lengths lengths_of(uint16_t major, uint16_t minor)
{
	if (major == 543 || (major == 2 && minor < 3)) /* 543: the tcpdump of DG/UX */
		return LENGTHS_SWAPPED;
	return major == 2 && minor == 3 ? LENGTHS_MAYBE_SWAPPED : LENGTHS_PLAIN;
}

enum weir_pcap_step weir_pcap_classic_start(struct weir_pcap_reader *r)
{
	const struct file_hdr *h = (const struct file_hdr *)r->p;
	uint32_t magic, linktype;

	r->swap = h->magic[0] == 0xa1;
	magic = weir_pcap_u32(r, h->magic);
	linktype = weir_pcap_u32(r, h->linktype);
	r->record_header = magic == 0xa1b2cd34 ? MODIFIED_RECORD_BYTES : sizeof(struct record_hdr);
	r->lengths = (uint8_t)lengths_of(weir_pcap_u16(r, h->version_major),
					 weir_pcap_u16(r, h->version_minor));
	r->iface = (struct weir_pcap_iface){
		.units = magic == 0xa1b23c4d ? WEIR_NS_PER_S : 1000000,
		.link = (uint8_t)weir_pcap_link(linktype & (FCS_PRESENT - 1)),
		.fcs = linktype & FCS_PRESENT ? (uint8_t)(linktype >> 28) * 2 : 0,
	};
	r->batch = any_batch;
	if (!r->swap && r->lengths == LENGTHS_PLAIN && r->iface.fcs == 0 &&
	    r->record_header == sizeof(struct record_hdr))
		r->batch = usual_batch;
	r->p += sizeof(*h);
	return WEIR_PCAP_MORE;
}
