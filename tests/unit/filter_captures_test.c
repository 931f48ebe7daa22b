/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real captures, kept beside the tree, against libpcap and tcpdump: frame by frame, the first ones of
 * each capture also cut at every length and with their tag taken out, native and interpreted.
 */
#include "captures_test.h"
#include "filter_test.h"

#include <sys/wait.h>

#define CUT_FRAMES 2   /* of each capture cut at every length */
#define CUT_MAX    160 /* up to here */

static const char *const expressions[] = {
	"ip",
	"ip6",
	"arp",
	"tcp",
	"udp",
	"icmp",
	"icmp6",
	"sctp",
	"igmp",
	"not ip",
	"ip and not tcp and not udp",
	"net 10.0.0.0/8",
	"src net 192.168.0.0/16",
	"dst net 172.16.0.0/12",
	"host 10.0.0.1 or net 10.2.0.0/16",
	"host 127.0.0.1",
	"net fe80::/10",
	"src net 2001::/16",
	"ip6 host ::1",
	"host 2001:db8::1 or host 2001:db8::2 or host 2001:db8:1::3 or host fe80::4 or host ff02::16",
	"port 53",
	"src port 80",
	"dst port 443",
	"tcp port 80",
	"udp port 53 or udp port 67",
	"portrange 1024-2048",
	"tcp src portrange 1-1023",
	"udp dst portrange 33000-34000",
	"not port 22",
	"(tcp or udp) and (port 80 or port 443) and not host 10.0.0.1",
	"ether host ff:ff:ff:ff:ff:ff",
	"ether multicast",
	"ip multicast",
	"ip6 multicast",
	"ether proto 0x0806",
	"ether[0] & 1 = 0",
	"llc",
	"stp",
	"vlan",
	"vlan 100",
	"vlan and ip",
	"vlan and tcp port 80",
	"vlan and vlan and ip",
	"ip or (vlan and ip)",
	"mpls",
	"mpls and ip",
	"mpls and mpls and host 10.0.0.1",
	"pppoed",
	"pppoes",
	"pppoes and ip",
	"vlan and pppoes and tcp",
	"geneve",
	"geneve and ip",
	"geneve and tcp port 80",
	"ip6 proto 6",
	"ip6 proto 58",
	"ip proto 47",
	"ip6 protochain 6",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[tcpflags] = tcp-syn",
	"tcp[13] & 0x12 = 0x12",
	"tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420",
	"ip[0] & 0xf != 5",
	"ip[6:2] & 0x1fff != 0",
	"ip[2:2] > 576",
	"(ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2)) != 0",
	"icmp[icmptype] = icmp-echo",
	"icmp6[0] = 135",
	"udp[4:2] % 7 = 3",
	"ip[4:2] / 16 * 16 = ip[4:2]",
	"ip[12:4] ^ ip[16:4] < 65536",
	"ip[12:4] | 0x80000000 >= 0xc0000000",
	"ip[0] << (ip[8] & 63) > 200",
	"ip[3] >> ip[8] = 0",
	"ip[2:2] / ip[1] > 3",
	"ip[4:2] % ip[9] = 1",
	"-ip[8] + 64 = 0",
	"ether[ip[8]] = 0",
	"ip[ip[2:2] - 4:4] != 0",
	"ip[ip[12:4]] = 0 or ip",
	"len > 100",
	"greater 1000",
	"less 64",
	"len % 2 = 1",
	"len - ip[2:2] = 14",
	"type mgt subtype beacon",
	"wlan type data",
};
#define EXPRESSIONS WEIR_ARRAY_SIZE(expressions)

/* One link type that captures have: libpcap's programs and ours, made when it is first seen. */
struct link_type {
	int dlt;
	uint8_t link;
	bool made;
	bool refused[EXPRESSIONS];
	struct bpf_program program[EXPRESSIONS];
	struct both ours[EXPRESSIONS];
};

static struct link_type types[] = {
	{ .dlt = DLT_EN10MB, .link = WEIR_LINK_ETHER },
	{ .dlt = DLT_NULL, .link = WEIR_LINK_NULL },
	{ .dlt = DLT_LOOP, .link = WEIR_LINK_NULL },
	{ .dlt = DLT_RAW, .link = WEIR_LINK_RAW },
	{ .dlt = DLT_LINUX_SLL, .link = WEIR_LINK_SLL },
	{ .dlt = DLT_LINUX_SLL2, .link = WEIR_LINK_SLL2 },
	{ .dlt = DLT_PPP, .link = WEIR_LINK_PPP },
	{ .dlt = DLT_C_HDLC, .link = WEIR_LINK_CHDLC },
	{ .dlt = DLT_IEEE802_11, .link = WEIR_LINK_80211 },
	{ .dlt = DLT_IEEE802_11_RADIO, .link = WEIR_LINK_RADIOTAP },
};

static uint64_t asked, matched[EXPRESSIONS], frames_read, frames_tagged;

static void make(struct link_type *t, pcap_t *capture)
{
	struct weir_err err = { 0 };

	t->made = true;
	for (size_t i = 0; i < EXPRESSIONS; i++) {
		bool ours = both_create(&t->ours[i], expressions[i], 1u << t->link, &err);
		bool theirs = pcap_compile(capture, &t->program[i], expressions[i], 1,
					   PCAP_NETMASK_UNKNOWN) == 0;

		/* Loops are refused, and libpcap has them. */
		if (strstr(expressions[i], "protochain") != NULL)
			theirs = false;
		t->refused[i] = !ours;
		CU_ASSERT_EQUAL(ours, theirs);
		if (ours != theirs)
			printf("%s on %d: %s\n", expressions[i], t->dlt, err.msg);
	}
}

static struct link_type *type_of(pcap_t *capture)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(types); i++) {
		if (types[i].dlt != pcap_datalink(capture))
			continue;
		if (!types[i].made)
			make(&types[i], capture);
		return &types[i];
	}
	return NULL;
}

static void differ(const char *name, uint64_t number, const struct weir_frame *f, size_t i)
{
	static int shown;

	CU_FAIL("another verdict than libpcap's");
	if (shown++ < 20)
		printf("%s: frame %lu, %u of %u bytes, flags %u: %s\n", name, number, f->caplen,
		       f->wirelen, f->flags, expressions[i]);
}

/* `bytes` are what libpcap sees, with the tag that `f` has beside it. */
static void compare(const char *name, uint64_t number, struct link_type *t,
		    const struct weir_frame *f, const uint8_t *bytes, uint32_t caplen)
{
	for (size_t i = 0; i < EXPRESSIONS; i++) {
		bool want, native, interpreted;

		if (t->refused[i])
			continue;
		want = oracle(&t->program[i], bytes, caplen, f->wirelen);
		native = weir_filter_match(t->ours[i].native, f);
		interpreted = weir_filter_match(t->ours[i].interpreted, f);
		if (native != want || interpreted != want)
			differ(name, number, f, i);
		matched[i] += want;
		asked++;
	}
}

static void compare_plain(const char *name, uint64_t number, struct link_type *t,
			  const uint8_t *bytes, uint32_t caplen, uint32_t wirelen)
{
	const struct weir_frame f = { .data = guarded(bytes, caplen),
				      .caplen = caplen,
				      .wirelen = wirelen,
				      .link = t->link };

	compare(name, number, t, &f, f.data, caplen);
}

static void compare_stripped(const char *name, uint64_t number, struct link_type *t,
			     const uint8_t *bytes, uint32_t caplen, uint32_t wirelen)
{
	static uint8_t without[ROOM];
	struct weir_frame f = { .caplen = caplen - 4,
				.wirelen = wirelen,
				.vlan_tci = weir_be16(bytes + 14),
				.flags = WEIR_FRAME_VLAN,
				.link = t->link };

	memcpy(without, bytes, 12);
	memcpy(without + 12, bytes + 16, caplen - 16);
	f.data = guarded(without, f.caplen);
	compare(name, number, t, &f, bytes, caplen);
}

static bool is_tagged(const struct link_type *t, const uint8_t *bytes, uint32_t caplen)
{
	return t->link == WEIR_LINK_ETHER && caplen >= 16 && weir_be16(bytes + 12) == 0x8100;
}

static void frame_compare(const char *name, uint64_t number, struct link_type *t,
			  const struct pcap_pkthdr *h, const uint8_t *bytes)
{
	uint32_t most = h->caplen < CUT_MAX ? h->caplen : CUT_MAX;

	compare_plain(name, number, t, bytes, h->caplen, h->len);
	if (is_tagged(t, bytes, h->caplen)) {
		frames_tagged++;
		compare_stripped(name, number, t, bytes, h->caplen, h->len);
	}
	for (uint32_t cut = 0; number < CUT_FRAMES && cut < most; cut++) {
		compare_plain(name, number, t, bytes, cut, h->len);
		if (is_tagged(t, bytes, cut))
			compare_stripped(name, number, t, bytes, cut, h->len);
	}
}

/*
 * Left out: a BSD loopback capture whose families are in the other byte order than its header says,
 * which libpcap takes by its header and we by what is there.
 */
static bool is_other_order(const struct link_type *t, pcap_t *capture, const uint8_t *bytes,
			   uint32_t caplen)
{
	bool big = caplen >= 4 && bytes[0] == 0 && bytes[1] == 0;

	return t->dlt == DLT_NULL && (caplen < 4 || big || pcap_is_swapped(capture));
}

static void capture_compare(const char *name)
{
	char path[4096], errbuf[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const u_char *bytes;
	struct link_type *t;
	pcap_t *capture;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	capture = pcap_open_offline(path, errbuf);
	if (capture == NULL)
		return;
	t = type_of(capture);
	for (uint64_t n = 0; t != NULL && pcap_next_ex(capture, &h, &bytes) == 1; n++) {
		if (h->caplen > WEIR_FRAME_MAX || is_other_order(t, capture, bytes, h->caplen))
			continue;
		frame_compare(name, n, t, h, bytes);
		frames_read++;
	}
	pcap_close(capture);
}

static void test_each_frame_matches_as_in_libpcap(void)
{
	for (size_t i = 0; i < n_names; i++)
		capture_compare(names[i]);
	printf("%lu frames, %lu with a tag, %zu expressions, %lu answers\n", frames_read,
	       frames_tagged, EXPRESSIONS, asked);
	CU_ASSERT(frames_read > 80000);
	CU_ASSERT(frames_tagged > 1000);
	for (size_t i = 0; i < EXPRESSIONS; i++) {
		if (matched[i] == 0 && strstr(expressions[i], "protochain") == NULL)
			printf("matches nothing: %s\n", expressions[i]);
	}
}

static void test_each_expression_is_put_to_a_test(void)
{
	unsigned int idle = 0;

	for (size_t i = 0; i < EXPRESSIONS; i++)
		idle += matched[i] == 0;
	CU_ASSERT(idle <= 3);
}

static FILE *tcpdump(const char *path, const char *expression)
{
	char command[8192];

	snprintf(command, sizeof(command), "tcpdump -r - -w - -- '%s' <'%s' 2>/dev/null",
		 expression, path);
	return popen(command, "r");
}

/* Frames that match, ours against those tcpdump writes, in order and to the byte. */
static void tcpdump_compare(const char *path, size_t i, struct link_type *t)
{
	char errbuf[PCAP_ERRBUF_SIZE];
	FILE *pipe = tcpdump(path, expressions[i]);
	pcap_t *all = pcap_open_offline(path, errbuf), *theirs;
	struct pcap_pkthdr *h, *got;
	const u_char *bytes, *its;
	bool same = true;

	CU_ASSERT_FATAL(pipe != NULL && all != NULL);
	theirs = pcap_fopen_offline(pipe, errbuf);
	CU_ASSERT_PTR_NOT_NULL_FATAL(theirs);
	while (same && pcap_next_ex(all, &h, &bytes) == 1) {
		const struct weir_frame f = {
			.data = bytes, .caplen = h->caplen, .wirelen = h->len, .link = t->link
		};

		if (weir_filter_match(t->ours[i].native, &f))
			same = pcap_next_ex(theirs, &got, &its) == 1 && got->len == h->len &&
			       got->caplen == h->caplen && memcmp(its, bytes, h->caplen) == 0;
	}
	same = same && pcap_next_ex(theirs, &got, &its) != 1;
	CU_ASSERT_TRUE(same);
	if (!same)
		printf("%s: %s\n", path, expressions[i]);
	pcap_close(all);
	pcap_close(theirs); /* and the pipe */
	waitpid(-1, NULL, 0);
}

static void test_frames_written_are_those_of_tcpdump(void)
{
	static const char *const captures[] = {
		"arkime/arkime_synthetic.pcap", "tcpdump/802.1ad_QinQ.pcap", "tcpdump/geneve.pcap",
		"tcpdump/mpls-traceroute.pcap", "tcpreplay/test.pcap",       "zeek/pppoe.pcap",
	};
	char path[4096], errbuf[PCAP_ERRBUF_SIZE];
	unsigned int found = 0;

	if (system("command -v tcpdump >/dev/null") != 0) {
		printf("skipped: no tcpdump\n");
		return;
	}
	for (size_t c = 0; c < WEIR_ARRAY_SIZE(captures); c++) {
		pcap_t *capture;
		struct link_type *t;

		snprintf(path, sizeof(path), "%s/%s", root, captures[c]);
		capture = pcap_open_offline(path, errbuf);
		if (capture == NULL) {
			printf("%s\n", errbuf);
			continue;
		}
		found++;
		t = type_of(capture);
		CU_ASSERT_PTR_NOT_NULL_FATAL(t);
		for (size_t i = 0; i < EXPRESSIONS; i++) {
			if (!t->refused[i])
				tcpdump_compare(path, i, t);
		}
		pcap_close(capture);
	}
	CU_ASSERT_EQUAL(found, WEIR_ARRAY_SIZE(captures));
}

static void forget(void)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(types); i++) {
		for (size_t j = 0; j < EXPRESSIONS && types[i].made; j++) {
			both_destroy(&types[i].ours[j]);
			if (!types[i].refused[j])
				pcap_freecode(&types[i].program[j]);
		}
	}
	for (size_t i = 0; i < n_names; i++)
		free(names[i]);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "each frame matches as in libpcap", test_each_frame_matches_as_in_libpcap },
		{ "each expression is put to a test", test_each_expression_is_put_to_a_test },
		{ "frames written are those of tcpdump", test_frames_written_are_those_of_tcpdump },
		CU_TEST_INFO_NULL,
	};
	int rc;

	if (!manifest_read()) {
		printf("skipped: the captures kept beside the tree are not there: %s\n", root);
		return 77;
	}
	rc = weir_test_main("filter/captures", tests);
	forget();
	return rc;
}
