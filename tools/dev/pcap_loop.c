/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_loop FILE: what reading a capture by libpcap costs when nothing is done with it. A peer of compare. */
#include <pcap/pcap.h>

#include <inttypes.h>
#include <stdio.h>

struct sum {
	uint64_t packets, bytes;
};

static void add(u_char *user, const struct pcap_pkthdr *h, const u_char *data)
{
	struct sum *s = (struct sum *)(void *)user;

	s->packets++;
	s->bytes += h->len + (data[0] & 0);
}

int main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE];
	struct sum sum = { 0, 0 };
	pcap_t *p;
	int rc;

	if (argc != 2) {
		fprintf(stderr, "usage: pcap_loop FILE\n");
		return 2;
	}
	p = pcap_open_offline(argv[1], why);
	if (p == NULL) {
		fprintf(stderr, "pcap_loop: %s\n", why);
		return 1;
	}
	rc = pcap_loop(p, -1, add, (u_char *)(void *)&sum);
	pcap_close(p);
	printf("%" PRIu64 " packets, %" PRIu64 " bytes\n", sum.packets, sum.bytes);
	return rc == 0 ? 0 : 1;
}
