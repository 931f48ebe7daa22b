/* SPDX-License-Identifier: Apache-2.0 */
/* 802.11: data frames that are not encrypted; of others the addresses. IEEE 802.11-2020, section 9.3. */
#include "decode_priv.h"

struct wlan_hdr {
	uint8_t control;
	uint8_t flags;
	uint8_t duration_le[2];
	uint8_t addr1[6]; /* control frames may end here */
	uint8_t addr2[6];
	uint8_t addr3[6];
	uint8_t sequence_le[2];
};
static_assert(sizeof(struct wlan_hdr) == 24, "IEEE 802.11-2020, 9.3.2.1");

#define SHORTEST        10 /* ACK, CTS */
#define TYPE_DATA       2
#define SUBTYPE_QOS     0x80 /* in `control`, of data frames */
#define SUBTYPE_NO_DATA 0x40
#define TO_DS           0x01
#define FROM_DS         0x02
#define FRAGMENT_NUMBER 0x0f /* in `sequence_le[0]` */
#define PROTECTED       0x40
#define HT_CONTROL      0x80
#define QOS_AMSDU       0x80
#define ADDR4_LEN       6
#define QOS_LEN         2
#define HT_CONTROL_LEN  4
#define AMSDU_HDR_LEN   14

static void set_mac(struct weir_pkt *pkt, int side, const uint8_t *mac)
{
	memcpy(pkt->mac[side], mac, sizeof(pkt->mac[side]));
}

/* Which of the addresses are source and destination: table 9-30. `addr4` may be NULL. */
static void learn_macs(const struct wlan_hdr *h, const uint8_t *addr4, struct weir_pkt *pkt)
{
	set_mac(pkt, WEIR_DST, h->flags & TO_DS ? h->addr3 : h->addr1);
	if (addr4 != NULL)
		set_mac(pkt, WEIR_SRC, addr4);
	else
		set_mac(pkt, WEIR_SRC, h->flags & FROM_DS ? h->addr3 : h->addr2);
}

static enum weir_verdict data_frame(struct weir_decoding *d, struct weir_pkt *pkt,
				    const struct wlan_hdr *h)
{
	const uint8_t *addr4 = NULL, *qos = NULL;

	if ((h->flags & (TO_DS | FROM_DS)) == (TO_DS | FROM_DS)) {
		addr4 = weir_rd_take(&d->rd, ADDR4_LEN);
		if (addr4 == NULL)
			return WEIR_STOP_SHORT;
	}
	learn_macs(h, addr4, pkt);
	if (h->control & SUBTYPE_QOS) {
		qos = weir_rd_take(&d->rd, QOS_LEN);
		if (qos == NULL)
			return WEIR_STOP_SHORT;
		if ((h->flags & HT_CONTROL) && weir_rd_take(&d->rd, HT_CONTROL_LEN) == NULL)
			return WEIR_STOP_SHORT;
	}
	d->landed = true;
	if ((h->control & SUBTYPE_NO_DATA) || (h->flags & PROTECTED) ||
	    (h->sequence_le[0] & FRAGMENT_NUMBER))
		return WEIR_STOP_DONE;
	/* Of an aggregate only the first packet is known. */
	if (qos != NULL && (qos[0] & QOS_AMSDU) && weir_rd_take(&d->rd, AMSDU_HDR_LEN) == NULL)
		return WEIR_STOP_SHORT;
	d->next = WEIR_HDR_LLC;
	return WEIR_MORE;
}

enum weir_verdict weir_decode_ieee80211(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const uint8_t *start = d->rd.p;
	const struct wlan_hdr *h = weir_rd_peek(&d->rd, SHORTEST);
	enum weir_verdict v;

	if (h == NULL)
		return WEIR_STOP_SHORT;
	pkt->packet_len = d->l2_len + weir_decoding_left(d);
	if (weir_rd_take(&d->rd, sizeof(*h)) == NULL) {
		set_mac(pkt, WEIR_DST, h->addr1);
		d->landed = (h->control >> 2 & 3) != TYPE_DATA;
		return WEIR_STOP_SHORT;
	}
	if ((h->control >> 2 & 3) == TYPE_DATA) {
		v = data_frame(d, pkt, h);
	} else {
		set_mac(pkt, WEIR_DST, h->addr1);
		set_mac(pkt, WEIR_SRC, h->addr2);
		d->landed = true;
		v = WEIR_STOP_DONE;
	}
	d->l2_len += (uint32_t)(d->rd.p - start);
	weir_decoding_payload(d, pkt);
	return v;
}
