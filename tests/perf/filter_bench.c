/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cost of a filter a packet, warm: bursts of 64 frames, half of which match, through native code, DPDK's
 * interpreter and libpcap's. Best of many rounds, so that a busy machine does not show.
 */
#include <weir_filter.h>
#include <weir_stats.h>

#include <pcap/pcap.h>

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS    20000
#define FRAME_LEN 128

static const uint8_t headers[] = {
	2,    0,    0,  0,   0, 2, 2,    0, 0,  0, 0, 1, 8,    0, /* Ethernet */
	0x45, 0,    0,  114, 0, 1, 0x40, 0, 64, 6, 0, 0, 10,   1,
	0,    1,    10, 2,   0, 2, /* IPv4 */
	0x9c, 0x40, 0,  80,  0, 0, 0,    1, 0,  0, 0, 2, 0x50, 0x10,
	0xfa, 0xf0, 0,  0,   0, 0 /* TCP */
};

static uint8_t bytes[WEIR_BURST_MAX][FRAME_LEN];

/* Every other packet goes to another host and port. */
static void frames_make(struct weir_frame *frames, uint8_t flags)
{
	for (int i = 0; i < WEIR_BURST_MAX; i++) {
		memcpy(bytes[i], headers, sizeof(headers));
		if (i % 2) {
			bytes[i][31] = 9;
			bytes[i][37] = 81;
		}
		frames[i] = (struct weir_frame){ .data = bytes[i],
						 .caplen = FRAME_LEN,
						 .wirelen = FRAME_LEN + (flags != 0 ? 4 : 0),
						 .vlan_tci = 100,
						 .flags = flags,
						 .link = WEIR_LINK_ETHER };
	}
}

static double ours(const struct weir_filter *f, const struct weir_frame *frames)
{
	uint8_t outcomes[WEIR_BURST_MAX];
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start;

		memset(outcomes, WEIR_OUTCOME_FLOW, sizeof(outcomes));
		start = weir_clock_mono_ns();
		weir_filter_burst(f, frames, WEIR_BURST_MAX, outcomes);
		best = weir_min_u64(best, weir_clock_mono_ns() - start);
	}
	for (int i = 0; i < WEIR_BURST_MAX; i++) {
		if ((outcomes[i] == WEIR_OUTCOME_FLOW) != (i % 2 == 0))
			abort();
	}
	return (double)best / WEIR_BURST_MAX;
}

static double theirs(const struct bpf_program *program)
{
	struct pcap_pkthdr h = { .caplen = FRAME_LEN, .len = FRAME_LEN };
	uint64_t best = UINT64_MAX;
	unsigned int matched = 0;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = weir_clock_mono_ns();

		for (int i = 0; i < WEIR_BURST_MAX; i++)
			matched += pcap_offline_filter(program, &h, bytes[i]) != 0;
		best = weir_min_u64(best, weir_clock_mono_ns() - start);
	}
	if (matched != ROUNDS * WEIR_BURST_MAX / 2)
		abort();
	return (double)best / WEIR_BURST_MAX;
}

static struct weir_filter *filter_of(const char *expression, bool interpret)
{
	const struct weir_filter_options o = { .expression = expression,
					       .links = 1u << WEIR_LINK_ETHER,
					       .interpret = interpret };
	struct weir_err err;
	struct weir_filter *f = weir_filter_create(&o, &err);

	if (f == NULL) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	return f;
}

static void row(const char *expression, uint8_t flags)
{
	uint64_t start = weir_clock_mono_ns();
	struct weir_filter *native = filter_of(expression, false);
	double made_us = (double)(weir_clock_mono_ns() - start) / 1000;
	struct weir_filter *interpreted = filter_of(expression, true);
	pcap_t *p = pcap_open_dead(DLT_EN10MB, WEIR_FRAME_MAX);
	struct weir_frame frames[WEIR_BURST_MAX];
	struct bpf_program program;

	frames_make(frames, flags);
	printf("%-42s %8.1f %8.1f", expression, ours(native, frames), ours(interpreted, frames));
	if (flags == 0 && pcap_compile(p, &program, expression, 1, PCAP_NETMASK_UNKNOWN) == 0) {
		printf(" %8.1f", theirs(&program));
		pcap_freecode(&program);
	} else {
		printf(" %8s", "-");
	}
	printf(" %10.0f\n", made_us);
	pcap_close(p);
	weir_filter_destroy(native);
	weir_filter_destroy(interpreted);
}

int main(void)
{
	printf("%-42s %8s %8s %8s %10s\n", "ns a packet", "native", "interp.", "libpcap",
	       "to make, us");
	row("tcp port 80", 0);
	row("host 10.0.0.1 or net 10.2.0.0/16", 0);
	row("tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0 and dst port 80", 0);
	printf("VLAN tag beside the frame\n");
	row("vlan and tcp port 80", WEIR_FRAME_VLAN);
	row("vlan and (host 10.0.0.1 or net 10.2.0.0/16)", WEIR_FRAME_VLAN);
	return 0;
}
