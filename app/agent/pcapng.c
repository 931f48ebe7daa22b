/* SPDX-License-Identifier: Apache-2.0 */
/* draft-ietf-opsawg-pcapng, sections 4.1 to 4.3 and 4.6. */
#include "pcapng.h"

#define BLOCK_SECTION    0x0a0d0d0a
#define BLOCK_INTERFACE  1
#define BLOCK_STATISTICS 5
#define BLOCK_PACKET     6

#define BYTE_ORDER_MAGIC 0x1a2b3c4d

enum { OPT_END, OPT_COMMENT }; /* of every block */
enum { SHB_HARDWARE = 2, SHB_OS, SHB_USERAPPL };
enum { IF_NAME = 2, IF_DESCRIPTION, IF_TSRESOL = 9, IF_FILTER = 11 };
enum { ISB_STARTTIME = 2, ISB_ENDTIME, ISB_IFRECV, ISB_IFDROP, ISB_USRDELIV = 8 };

#define TSRESOL_NS 9 /* 10^-9 s */

#define MACS_LEN   12 /* of an Ethernet frame; a tag stands behind them */
#define TPID       0x8100
#define TAG_LEN    4

/* A block that is written; `full` once something did not fit. */
struct block {
	uint8_t *p;
	size_t n, room;
	bool full;
};

static void put(struct block *b, const void *bytes, size_t n)
{
	if (b->full || n > b->room - b->n) {
		b->full = true;
		return;
	}
	if (n > 0)
		memcpy(b->p + b->n, bytes, n);
	b->n += n;
}

static void put16(struct block *b, uint16_t v)
{
	put(b, &v, sizeof(v));
}

static void put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

/* High half first, whatever the byte order. */
static void put_time(struct block *b, uint64_t ns)
{
	put32(b, (uint32_t)(ns >> 32));
	put32(b, (uint32_t)ns);
}

static void pad(struct block *b)
{
	static const uint8_t zero[4];

	put(b, zero, -b->n & 3);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the block writes there */
static struct block begin(uint8_t *to, size_t room, uint32_t type)
{
	struct block b = { .p = to, .room = room };

	put32(&b, type);
	put32(&b, 0); /* the length: see end() */
	return b;
}

/* The length stands at both ends. */
static size_t end(struct block *b)
{
	uint32_t len = (uint32_t)b->n + 4;

	put32(b, len);
	if (b->full)
		return 0;
	memcpy(b->p + 4, &len, sizeof(len));
	return len;
}

static void option(struct block *b, uint16_t code, const void *bytes, size_t n)
{
	put16(b, code);
	put16(b, (uint16_t)n);
	put(b, bytes, n);
	pad(b);
}

static void option_text(struct block *b, uint16_t code, const char *text)
{
	if (text != NULL && text[0] != '\0')
		option(b, code, text, strnlen(text, PCAPNG_TEXT_MAX));
}

static void option_time(struct block *b, uint16_t code, uint64_t ns)
{
	put16(b, code);
	put16(b, sizeof(ns));
	put_time(b, ns);
}

static void option_u64(struct block *b, uint16_t code, uint64_t v)
{
	if (v != UINT64_MAX)
		option(b, code, &v, sizeof(v));
}

size_t pcapng_section(uint8_t *to, size_t room, const struct pcapng_section *s)
{
	static const uint64_t length_not_said = UINT64_MAX;
	struct block b = begin(to, room, BLOCK_SECTION);

	put32(&b, BYTE_ORDER_MAGIC);
	put16(&b, 1); /* version 1.0 */
	put16(&b, 0);
	put(&b, &length_not_said, sizeof(length_not_said));
	option_text(&b, OPT_COMMENT, s->comment);
	option_text(&b, SHB_HARDWARE, s->hardware);
	option_text(&b, SHB_OS, s->os);
	option_text(&b, SHB_USERAPPL, s->application);
	option(&b, OPT_END, NULL, 0);
	return end(&b);
}

/* https://www.tcpdump.org/linktypes.html. Of RAW any version of IP. */
uint16_t pcapng_linktype(uint8_t link)
{
	static const uint16_t linktypes[WEIR_LINKS] = {
		[WEIR_LINK_UNKNOWN] = 147, /* USER0: whatever it is, no reader takes it for another */
		[WEIR_LINK_ETHER] = 1,     [WEIR_LINK_NULL] = 0,    [WEIR_LINK_RAW] = 101,
		[WEIR_LINK_SLL] = 113,     [WEIR_LINK_SLL2] = 276,  [WEIR_LINK_PPP] = 9,
		[WEIR_LINK_CHDLC] = 104,   [WEIR_LINK_80211] = 105, [WEIR_LINK_RADIOTAP] = 127,
	};

	return linktypes[link < WEIR_LINKS ? link : WEIR_LINK_UNKNOWN];
}

/* One byte that says "a pcap expression", and the text. */
static void option_filter(struct block *b, const char *expression)
{
	char bytes[PCAPNG_TEXT_MAX + 1] = { 0 };
	size_t n;

	if (expression == NULL || expression[0] == '\0')
		return;
	n = strnlen(expression, PCAPNG_TEXT_MAX);
	memcpy(bytes + 1, expression, n);
	option(b, IF_FILTER, bytes, n + 1);
}

size_t pcapng_interface(uint8_t *to, size_t room, const struct pcapng_interface *i)
{
	static const uint8_t tsresol = TSRESOL_NS;
	struct block b = begin(to, room, BLOCK_INTERFACE);

	put16(&b, pcapng_linktype(i->link));
	put16(&b, 0);
	/* A tag that is put back comes on top. Readers refuse packets that are longer than this. */
	put32(&b, i->snaplen > 0 && i->link == WEIR_LINK_ETHER ? i->snaplen + TAG_LEN : i->snaplen);
	option_text(&b, IF_NAME, i->name);
	option_text(&b, IF_DESCRIPTION, i->description);
	option(&b, IF_TSRESOL, &tsresol, sizeof(tsresol));
	option_filter(&b, i->filter);
	option(&b, OPT_END, NULL, 0);
	return end(&b);
}

static bool has_tag(const struct pcapng_packet *p)
{
	return p->has_vlan && p->link == WEIR_LINK_ETHER && p->caplen >= MACS_LEN;
}

size_t pcapng_packet(uint8_t *to, size_t room, const struct pcapng_packet *p)
{
	const uint8_t tag[TAG_LEN] = { TPID >> 8, TPID & 0xff, (uint8_t)(p->vlan_tci >> 8),
				       (uint8_t)p->vlan_tci };
	size_t before = has_tag(p) ? MACS_LEN : 0, tag_len = has_tag(p) ? TAG_LEN : 0;
	struct block b = begin(to, room, BLOCK_PACKET);

	put32(&b, p->interface);
	put_time(&b, p->ts_ns);
	put32(&b, p->caplen + (uint32_t)tag_len);
	put32(&b, (uint32_t)weir_max_u64(p->wirelen, p->caplen + tag_len));
	put(&b, p->data, before);
	put(&b, tag, tag_len);
	put(&b, p->data + before, p->caplen - before);
	pad(&b);
	return end(&b);
}

size_t pcapng_statistics(uint8_t *to, size_t room, const struct pcapng_statistics *s)
{
	struct block b = begin(to, room, BLOCK_STATISTICS);

	put32(&b, s->interface);
	put_time(&b, s->ts_ns);
	option_time(&b, ISB_STARTTIME, s->start_ns);
	option_time(&b, ISB_ENDTIME, s->ts_ns);
	option_u64(&b, ISB_IFRECV, s->received);
	option_u64(&b, ISB_IFDROP, s->dropped);
	option_u64(&b, ISB_USRDELIV, s->delivered);
	option(&b, OPT_END, NULL, 0);
	return end(&b);
}
