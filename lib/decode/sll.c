/* SPDX-License-Identifier: Apache-2.0 */
/* Linux cooked captures, both versions. libpcap, LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2. */
#include "decode_priv.h"

struct sll_hdr {
	uint8_t packet_type_be[2];
	uint8_t arphrd_be[2];
	uint8_t address_len_be[2];
	uint8_t address[8];
	uint8_t proto_be[2];
};
static_assert(sizeof(struct sll_hdr) == 16, "LINKTYPE_LINUX_SLL");

struct sll2_hdr {
	uint8_t proto_be[2];
	uint8_t reserved_be[2];
	uint8_t interface_be[4];
	uint8_t arphrd_be[2];
	uint8_t packet_type;
	uint8_t address_len;
	uint8_t address[8];
};
static_assert(sizeof(struct sll2_hdr) == 20, "LINKTYPE_LINUX_SLL2");

#define ARPHRD_RADIOTAP 803

/* What follows the cooked header; only the sender's address is in it. */
static enum weir_verdict cooked(struct weir_decoding *d, struct weir_pkt *pkt, uint32_t len,
				const uint8_t address[8], uint16_t arphrd, uint16_t proto)
{
	memcpy(pkt->mac[WEIR_SRC], address, sizeof(pkt->mac[WEIR_SRC]));
	d->l2_len += len;
	if (arphrd == ARPHRD_RADIOTAP) {
		d->next = WEIR_HDR_RADIOTAP;
		return WEIR_MORE;
	}
	if (proto < WEIR_ETHERTYPE_MIN) { /* a kind of LLC, not a length */
		pkt->packet_len = d->l2_len + weir_decoding_left(d);
		d->next = WEIR_HDR_LLC;
		return WEIR_MORE;
	}
	return weir_decode_payload_ether(d, pkt, proto);
}

enum weir_verdict weir_decode_sll(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct sll_hdr *h = weir_rd_take(&d->rd, sizeof(*h));

	if (h == NULL)
		return WEIR_STOP_SHORT;
	return cooked(d, pkt, sizeof(*h), h->address, weir_be16(h->arphrd_be),
		      weir_be16(h->proto_be));
}

enum weir_verdict weir_decode_sll2(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct sll2_hdr *h = weir_rd_take(&d->rd, sizeof(*h));

	if (h == NULL)
		return WEIR_STOP_SHORT;
	return cooked(d, pkt, sizeof(*h), h->address, weir_be16(h->arphrd_be),
		      weir_be16(h->proto_be));
}
