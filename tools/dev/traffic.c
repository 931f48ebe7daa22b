/* SPDX-License-Identifier: Apache-2.0 */
/* traffic: writes a set of traffic as a capture file, and beside it what is true of it. Same set, same bytes. */
#include "traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_BUF       (4u << 20)
#define PCAP_HEADER   24
#define RECORD_HEADER 16

struct set {
	const char *name;
	uint64_t packets;
	void (*make)(struct out *o, uint64_t packets);
	const char *help;
};

static uint64_t rnd_state = TRAFFIC_SEED;

uint64_t mix64(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t rnd(void)
{
	rnd_state += UINT64_C(0x9e3779b97f4a7c15);
	return mix64(rnd_state);
}

static int flush(struct out *o)
{
	for (size_t done = 0; done < o->fill;) {
		ssize_t n = write(o->fd, o->buf + done, o->fill - done);

		if (n < 0) {
			perror("traffic: write");
			exit(1);
		}
		done += (size_t)n;
	}
	o->fill = 0;
	return 0;
}

int out_open(struct out *o, const char *path, uint64_t limit)
{
	const uint32_t header[] = { 0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 1 };

	*o = (struct out){ .limit = limit };
	o->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (o->fd < 0)
		return -errno;
	o->buf = malloc(OUT_BUF);
	if (o->buf == NULL) {
		close(o->fd);
		return -ENOMEM;
	}
	memcpy(o->buf, header, PCAP_HEADER);
	o->fill = PCAP_HEADER;
	return 0;
}

bool out_is_full(const struct out *o)
{
	return o->truth.packets >= o->limit;
}

uint8_t *out_room(struct out *o)
{
	if (o->fill + RECORD_HEADER + FRAME_MAX > OUT_BUF)
		flush(o);
	return o->buf + o->fill + RECORD_HEADER;
}

void out_put(struct out *o, uint64_t ts_us, const struct conn *c, const struct seg *s, size_t len)
{
	const uint32_t header[] = { (uint32_t)(ts_us / 1000000), (uint32_t)(ts_us % 1000000),
				    (uint32_t)len, (uint32_t)len };
	struct truth *t = &o->truth;

	memcpy(o->buf + o->fill, header, RECORD_HEADER);
	o->fill += RECORD_HEADER + len;
	t->packets++;
	t->bytes += len;
	t->tcp_packets += c->proto == PROTO_TCP;
	t->udp_packets += c->proto == PROTO_UDP;
	t->icmp_packets += c->proto == PROTO_ICMP;
	t->fragments += s->fragment;
	t->syns += c->proto == PROTO_TCP && (s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

int out_close(struct out *o)
{
	flush(o);
	free(o->buf);
	return close(o->fd) < 0 ? -errno : 0;
}

static void make_imix(struct out *o, uint64_t packets)
{
	load_imix(o, packets, ENCAP_NONE);
}

static void make_vxlan(struct out *o, uint64_t packets)
{
	load_imix(o, packets, ENCAP_VXLAN);
}

static void make_erspan(struct out *o, uint64_t packets)
{
	load_imix(o, packets, ENCAP_ERSPAN);
}

static const struct set sets[] = {
	{ "imix-1m", 10000000, make_imix, "TCP, IMIX, 1 M flows at once, Zipf" },
	{ "imix-100k", 1000000, make_imix, "TCP, IMIX, 100 k flows at once, Zipf" },
	{ "small", 10000000, load_small, "UDP, 64 bytes, 1 M flows, uniform" },
	{ "synflood", 10500000, load_synflood, "100 k established flows, then 10 M SYNs" },
	{ "vxlan", 10000000, make_vxlan, "imix-1m inside VXLAN" },
	{ "erspan", 10000000, make_erspan, "imix-1m inside ERSPAN II" },
	{ "mix", 200000, load_mix, "some of all: fragments, tunnels, VLAN, IPv6, reuse, losses" },
};
#define SETS (sizeof(sets) / sizeof(sets[0]))

static int write_truth(const char *path, const struct set *set, const struct truth *t)
{
	char name[4096];
	FILE *f;

	snprintf(name, sizeof(name), "%s.truth.json", path);
	f = fopen(name, "w");
	if (f == NULL)
		return -errno;
	fprintf(f,
		"{\"set\":\"%s\",\"seed\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64
		",\"flows\":%" PRIu64 ",",
		set->name, TRAFFIC_SEED, t->packets, t->bytes,
		(t->tcp_flows + t->udp_flows + t->icmp_flows));
	fprintf(f,
		"\"tcp\":{\"packets\":%" PRIu64 ",\"flows\":%" PRIu64 ",\"established\":%" PRIu64
		",\"closed\":%" PRIu64 ",\"syns\":%" PRIu64 "},",
		t->tcp_packets, t->tcp_flows, t->established, t->closed, t->syns);
	fprintf(f,
		"\"udp\":{\"packets\":%" PRIu64 ",\"flows\":%" PRIu64
		"},\"icmp\":{\"packets\":%" PRIu64 ",\"flows\":%" PRIu64 "},",
		t->udp_packets, t->udp_flows, t->icmp_packets, t->icmp_flows);
	fprintf(f, "\"fragments\":%" PRIu64 "}\n", t->fragments);
	return fclose(f) == 0 ? 0 : -errno;
}

static int usage(FILE *to)
{
	fprintf(to, "usage: traffic [--packets N] [--tenth] SET FILE\n"
		    "Write a set of traffic to FILE and what is true of it to FILE.truth.json.\n"
		    "  --packets N  this many packets, and flows in proportion\n"
		    "  --tenth      only the first tenth of the same packets\n"
		    "Sets:\n");
	for (size_t i = 0; i < SETS; i++)
		fprintf(to, "  %-10s %9" PRIu64 " packets: %s\n", sets[i].name, sets[i].packets,
			sets[i].help);
	return to == stdout ? 0 : 2;
}

static const struct set *find_set(const char *name)
{
	for (size_t i = 0; i < SETS; i++)
		if (strcmp(sets[i].name, name) == 0)
			return &sets[i];
	return NULL;
}

static int make(const struct set *set, const char *path, uint64_t packets, uint64_t limit)
{
	struct out o;
	int rc = out_open(&o, path, limit);

	if (rc == 0) {
		set->make(&o, packets);
		rc = out_close(&o);
	}
	if (rc == 0)
		rc = write_truth(path, set, &o.truth);
	if (rc < 0)
		fprintf(stderr, "traffic: %s: %s\n", path, strerror(-rc));
	return rc < 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "packets", required_argument, NULL, 'p' },
		{ "tenth", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const struct set *set;
	uint64_t packets = 0;
	bool tenth = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'p')
			packets = strtoull(optarg, NULL, 10);
		else if (opt == 't')
			tenth = true;
		else
			return usage(opt == 'h' ? stdout : stderr);
	}
	set = argc - optind == 2 ? find_set(argv[optind]) : NULL;
	if (set == NULL)
		return usage(stderr);
	if (packets == 0)
		packets = set->packets;
	return make(set, argv[optind + 1], packets, tenth ? packets / 10 : UINT64_MAX);
}
