/* SPDX-License-Identifier: Apache-2.0 */
/* Radiotap: what a wireless card adds in front of an 802.11 frame. radiotap.org, header. */
#include "decode_priv.h"

struct radiotap_hdr {
	uint8_t version;
	uint8_t pad;
	uint8_t len_le[2];
	uint8_t present_le[4];
};
static_assert(sizeof(struct radiotap_hdr) == 8, "radiotap.org, header");

enum weir_verdict weir_decode_radiotap(struct weir_decoding *d, struct weir_pkt *pkt)
{
	const struct radiotap_hdr *h = weir_rd_peek(&d->rd, sizeof(*h));
	uint16_t len;

	(void)pkt;
	if (h == NULL)
		return WEIR_STOP_SHORT;
	len = weir_le16(h->len_le);
	if (h->version != 0 || len < sizeof(*h))
		return WEIR_STOP_BAD;
	if (weir_rd_take(&d->rd, len) == NULL)
		return WEIR_STOP_SHORT;
	d->next = WEIR_HDR_IEEE80211;
	return WEIR_MORE;
}
