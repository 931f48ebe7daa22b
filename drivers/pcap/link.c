/* SPDX-License-Identifier: Apache-2.0 */
/* Link types of capture files. https://www.tcpdump.org/linktypes.html; also the DLT_ values that
 * some systems wrote where the two differ. */
#include "pcap_priv.h"

static const struct {
	uint16_t linktype;
	uint8_t link;
} links[] = {
	{ 0, WEIR_LINK_NULL },   { 1, WEIR_LINK_ETHER },      { 9, WEIR_LINK_PPP },
	{ 12, WEIR_LINK_RAW }, /* DLT_RAW of most systems */
	{ 14, WEIR_LINK_RAW }, /* DLT_RAW of OpenBSD */
	{ 50, WEIR_LINK_PPP }, /* PPP in HDLC-like framing */
	{ 101, WEIR_LINK_RAW },  { 104, WEIR_LINK_CHDLC },    { 105, WEIR_LINK_80211 },
	{ 108, WEIR_LINK_NULL }, /* LOOP: as NULL, in network byte order */
	{ 113, WEIR_LINK_SLL },  { 127, WEIR_LINK_RADIOTAP }, { 228, WEIR_LINK_RAW }, /* IPV4 */
	{ 229, WEIR_LINK_RAW },                                                       /* IPV6 */
	{ 276, WEIR_LINK_SLL2 },
};

enum weir_link weir_pcap_link(uint32_t linktype)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(links); i++) {
		if (links[i].linktype == linktype)
			return links[i].link;
	}
	return WEIR_LINK_UNKNOWN;
}
