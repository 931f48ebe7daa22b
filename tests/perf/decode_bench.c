/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cost of weir_decode() a packet, warm: bursts of 64 frames that stay in the nearest cache, through
 * the fast path where there is one and through the table alone. Best of many rounds, so that a busy
 * machine does not show. Cycles are those of the time stamp counter.
 */
#include <decode_priv.h>
#include <stdio.h>
#include <x86intrin.h>

#define ROUNDS      20000
#define HEADERS_MAX 160
#define COLD_FRAMES 65536
#define COLD_STRIDE ((size_t)2112) /* bytes, as an mbuf pool lays them out */
#define COLD_ROUNDS 4

struct load {
	const char *name;
	uint8_t len;
	uint8_t bytes[HEADERS_MAX];
};

/* Ethernet, IPv4 and IPv6 headers of the loads; lengths are those of the payload beneath. */
#define ETHER(type) 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, (type) >> 8, (type)&0xff
#define IPV4(len, proto) \
	0x45, 0, 0, 20 + (len), 0, 1, 0x40, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2
#define IPV4_OPTIONS(len, proto) \
	0x46, 0, 0, 24 + (len), 0, 1, 0x40, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0
#define IPV6(len, next)                                                                           \
	0x60, 0, 0, 0, 0, len, next, 64, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xfd, \
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define TCP 0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xfa, 0xf0, 0, 0, 0, 0
#define TCP_TIMESTAMPS                                                                            \
	0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x10, 0xfa, 0xf0, 0, 0, 0, 0, 1, 1, \
		8, 10, 0, 0, 0, 1, 0, 0, 0, 2
#define UDP(dport, len) 0x9c, 0x40, (dport) >> 8, (dport)&0xff, 0, 8 + (len), 0, 0
#define VXLAN           8, 0, 0, 0, 0, 0, 1, 0
#define ERSPAN2         0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0

#define ARP             0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2

static const struct load loads[] = {
	{ "IPv4 TCP", 54, { ETHER(0x0800), IPV4(20, 6), TCP } },
	{ "IPv4 TCP, time stamps", 66, { ETHER(0x0800), IPV4(32, 6), TCP_TIMESTAMPS } },
	{ "IPv4 UDP", 42, { ETHER(0x0800), IPV4(8, 17), UDP(2222, 0) } },
	{ "VLAN IPv4 TCP", 58, { ETHER(0x8100), 0, 100, 8, 0, IPV4(20, 6), TCP } },
	{ "IPv6 TCP", 74, { ETHER(0x86dd), IPV6(20, 6), TCP } },
	{ "VXLAN, IPv4 TCP",
	  104,
	  { ETHER(0x0800), IPV4(70, 17), UDP(4789, 62), VXLAN, ETHER(0x0800), IPV4(20, 6), TCP } },
	{ "ERSPAN II, IPv4 TCP",
	  104,
	  { ETHER(0x0800), IPV4(70, 47), ERSPAN2, ETHER(0x0800), IPV4(20, 6), TCP } },
	{ "GENEVE, IPv4 TCP",
	  104,
	  { ETHER(0x0800), IPV4(70, 17), UDP(6081, 62), 0, 0, 0x65, 0x58, 0, 0, 1, 0, ETHER(0x0800),
	    IPV4(20, 6), TCP } },
	{ "IPv4 ICMP", 42, { ETHER(0x0800), IPV4(8, 1), 8, 0, 0, 0, 0, 1, 0, 1 } },
	/* Left to the table, in part or wholly. */
	{ "GTP-U, IPv4 TCP",
	  90,
	  { ETHER(0x0800), IPV4(56, 17), UDP(2152, 48), 0x30, 0xff, 0, 40, 0, 0, 0, 1, IPV4(20, 6),
	    TCP } },
	{ "ERSPAN II, VXLAN, TCP",
	  154,
	  { ETHER(0x0800), IPV4(120, 47), ERSPAN2, ETHER(0x0800), IPV4(70, 17), UDP(4789, 62),
	    VXLAN, ETHER(0x0800), IPV4(20, 6), TCP } },
	{ "two tags, IPv4 TCP",
	  62,
	  { ETHER(0x8100), 0, 100, 0x81, 0, 0, 100, 8, 0, IPV4(20, 6), TCP } },
	{ "ARP", 42, { ETHER(0x0806), ARP } },
	{ "IPv4 options, TCP", 58, { ETHER(0x0800), IPV4_OPTIONS(20, 6), TCP } },
	{ "MPLS, Ethernet, TCP",
	  72,
	  { ETHER(0x8847), 0, 1, 1, 64, ETHER(0x0800), IPV4(20, 6), TCP } },
	{ "IPv6 hop-by-hop, TCP", 82, { ETHER(0x86dd), IPV6(28, 0), 6, 0, 1, 4, 0, 0, 0, 0, TCP } },
	{ "VXLAN, ARP",
	  92,
	  { ETHER(0x0800), IPV4(58, 17), UDP(4789, 50), VXLAN, ETHER(0x0806), ARP } },
};

typedef enum weir_outcome (*decode_fn)(const struct weir_frame *frame,
				       const struct weir_decode_conf *conf, struct weir_pkt *pkt);

/* Cycles and ns a packet. */
static void measure(const struct load *load, decode_fn decode, double *cycles, double *ns)
{
	static const struct weir_decode_conf conf = WEIR_DECODE_CONF_APPLIANCE;
	static uint8_t bytes[WEIR_BURST_MAX][HEADERS_MAX];
	static struct weir_pkt pkts[WEIR_BURST_MAX];
	struct weir_frame frames[WEIR_BURST_MAX];
	uint64_t best_tsc = UINT64_MAX, best_ns = UINT64_MAX;

	for (int i = 0; i < WEIR_BURST_MAX; i++) {
		memcpy(bytes[i], load->bytes, load->len);
		frames[i] = (struct weir_frame){ .data = bytes[i],
						 .caplen = load->len,
						 .wirelen = load->len,
						 .link = WEIR_LINK_ETHER };
	}
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t ns_0 = weir_clock_mono_ns(), tsc = __rdtsc();

		for (int i = 0; i < WEIR_BURST_MAX; i++)
			decode(&frames[i], &conf, &pkts[i]);
		best_tsc = weir_min_u64(best_tsc, __rdtsc() - tsc);
		best_ns = weir_min_u64(best_ns, weir_clock_mono_ns() - ns_0);
	}
	*cycles = (double)best_tsc / WEIR_BURST_MAX;
	*ns = (double)best_ns / WEIR_BURST_MAX;
}

/* ns a packet when each frame is read from memory: one by one, and as bursts that prefetch. */
static void measure_cold(void)
{
	static const struct weir_decode_conf conf = WEIR_DECODE_CONF_APPLIANCE;
	static struct weir_pkt pkts[WEIR_BURST_MAX];
	struct weir_frame frames[WEIR_BURST_MAX];
	uint8_t outcomes[WEIR_BURST_MAX];
	uint8_t *memory = weir_mem_map(COLD_FRAMES * COLD_STRIDE);
	uint64_t spent[2] = { UINT64_MAX, UINT64_MAX };

	if (memory == NULL)
		return;
	for (size_t i = 0; i < COLD_FRAMES; i++)
		memcpy(memory + i * COLD_STRIDE, loads[0].bytes, loads[0].len);
	for (int round = 0; round < 2 * COLD_ROUNDS; round++) {
		uint64_t sum = 0;

		for (size_t first = 0; first < COLD_FRAMES; first += WEIR_BURST_MAX) {
			uint64_t start;

			for (size_t i = 0; i < WEIR_BURST_MAX; i++)
				frames[i] = (struct weir_frame){
					.data = memory +
						(first + i) * 7919 % COLD_FRAMES * COLD_STRIDE,
					.caplen = loads[0].len,
					.wirelen = loads[0].len,
					.link = WEIR_LINK_ETHER,
				};
			start = weir_clock_mono_ns();
			if (round % 2) {
				weir_decode_burst(frames, WEIR_BURST_MAX, &conf, pkts, outcomes);
			} else {
				for (size_t i = 0; i < WEIR_BURST_MAX; i++)
					weir_decode(&frames[i], &conf, &pkts[i]);
			}
			sum += weir_clock_mono_ns() - start;
		}
		spent[round % 2] = weir_min_u64(spent[round % 2], sum);
	}
	weir_mem_unmap(memory, COLD_FRAMES * COLD_STRIDE);
	printf("cold, IPv4 TCP: one by one %.1f ns, burst %.1f ns\n",
	       (double)spent[0] / COLD_FRAMES, (double)spent[1] / COLD_FRAMES);
}

int main(void)
{
	printf("%-24s %10s %8s %10s %8s\n", "", "fast: tsc", "ns", "table: tsc", "ns");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(loads); i++) {
		double cycles[2], ns[2];

		measure(&loads[i], weir_decode, &cycles[0], &ns[0]);
		measure(&loads[i], weir_decode_by_table, &cycles[1], &ns[1]);
		printf("%-24s %10.1f %8.1f %10.1f %8.1f\n", loads[i].name, cycles[0], ns[0],
		       cycles[1], ns[1]);
	}
	measure_cold();
	return 0;
}
