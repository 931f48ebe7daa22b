/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions to classic programs: libpcap's compiler, its optimiser on. man pcap-filter. */
#include <weir_pattern.h>

#include <pcap/pcap.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define QUOTED_MAX 160 /* bytes of an expression shown in a message */

/* https://www.tcpdump.org/linktypes.html */
static const struct {
	const char *name;
	uint32_t linktype;
} links[WEIR_PATTERN_PROGRAMS] = {
	[WEIR_LINK_ETHER] = { "Ethernet", 1 },
	[WEIR_LINK_NULL] = { "BSD loopback", 0 },
	[WEIR_LINK_RAW] = { "raw IP", 101 },
	[WEIR_LINK_SLL] = { "Linux cooked (SLL)", 113 },
	[WEIR_LINK_SLL2] = { "Linux cooked (SLL2)", 276 },
	[WEIR_LINK_PPP] = { "PPP", 9 },
	[WEIR_LINK_CHDLC] = { "Cisco HDLC", 104 },
	[WEIR_LINK_80211] = { "802.11", 105 },
	[WEIR_LINK_RADIOTAP] = { "802.11 with radiotap", 127 },
	[WEIR_PATTERN_LOOP] = { "BSD loopback", 108 },
};

/* What people write, and what they should. The first that is found in the expression is shown. */
static const struct {
	const char *found;
	const char *advice;
} hints[] = {
	{ "protochain", "write ip6 proto N, or test the bytes, as in ip6[6] = 58" },
	{ "vxlan", "there is no such word: udp port 4789" },
	{ "ip.addr", "that is Wireshark's display syntax; here it is: host 10.0.0.1" },
	{ "ip.src", "that is Wireshark's display syntax; here it is: src host 10.0.0.1" },
	{ "ip.dst", "that is Wireshark's display syntax; here it is: dst host 10.0.0.1" },
	{ "tcp.port", "that is Wireshark's display syntax; here it is: tcp port 80" },
	{ "udp.port", "that is Wireshark's display syntax; here it is: udp port 53" },
	{ "tcp.flags", "that is Wireshark's display syntax; here it is: tcp[tcpflags] = tcp-syn" },
	{ "inbound", "a mirror has no direction: src net or dst net" },
	{ "outbound", "a mirror has no direction: src net or dst net" },
};

static pthread_mutex_t compiling = PTHREAD_MUTEX_INITIALIZER;

static const char *hint_of(const char *text, const char *reason)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(hints); i++) {
		if (strstr(text, hints[i].found) != NULL)
			return hints[i].advice;
	}
	if (strstr(reason, "syntax error") != NULL)
		return "man pcap-filter; as in: tcp port 80 and host 10.0.0.1";
	if (strstr(reason, "rejects all") != NULL)
		return "no packet can match it";
	return NULL;
}

/* Expressions of several lines are one of many words, and messages have one line. */
static void one_line(char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = ' ';
	}
}

int weir_pattern_refuse(struct weir_err *err, int code, const char *text, const char *reason)
{
	const char *hint = hint_of(text, reason);

	weir_err_set(err, code, "filter \"%.*s%s\": %s%s%s", QUOTED_MAX, text,
		     strlen(text) > QUOTED_MAX ? "..." : "", reason, hint != NULL ? "; " : "",
		     hint != NULL ? hint : "");
	if (err != NULL)
		one_line(err->msg);
	return -code;
}

/*
 * A handle as for reading a capture file of this link type, which decides as `tcpdump -r` does: one of
 * pcap_open_dead() knows one system's IPv6 on BSD loopback only, and makes programs of `inbound` that
 * ask the kernel.
 */
static pcap_t *handle_open(struct pcap_file_header *head, char *errbuf)
{
	FILE *file = fmemopen(head, sizeof(*head), "r");
	pcap_t *p;

	if (file == NULL) {
		snprintf(errbuf, PCAP_ERRBUF_SIZE, "no memory");
		return NULL;
	}
	p = pcap_fopen_offline(file, errbuf);
	if (p == NULL)
		fclose(file);
	return p;
}

static int refuse_link(struct weir_err *err, int code, const char *text, const char *reason,
		       const char *link)
{
	char line[PCAP_ERRBUF_SIZE + 64];

	snprintf(line, sizeof(line), "%s (on %s)", reason, link);
	return weir_pattern_refuse(err, code, text, line);
}

static int compile(const char *text, unsigned int index, struct bpf_program *out,
		   struct weir_err *err)
{
	struct pcap_file_header head = { .magic = 0xa1b2c3d4,
					 .version_major = 2,
					 .version_minor = 4,
					 .snaplen = WEIR_FRAME_MAX,
					 .linktype = links[index].linktype };
	char errbuf[PCAP_ERRBUF_SIZE] = "";
	pcap_t *p = handle_open(&head, errbuf);
	int rc = 0;

	if (p == NULL)
		return refuse_link(err, ENOMEM, text, errbuf, links[index].name);
	if (pcap_compile(p, out, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
		rc = refuse_link(err, EINVAL, text, pcap_geterr(p), links[index].name);
	pcap_close(p);
	return rc;
}

/*
 * What the compiler makes and nobody can run: a jump back (protochain), and offsets that the kernel takes for something
 * else than bytes of the packet. NULL: it can be run.
 */
static const char *not_runnable(const struct bpf_program *p)
{
	for (uint32_t i = 0; i < p->bf_len; i++) {
		const struct bpf_insn *in = &p->bf_insns[i];
		const bool loads = BPF_CLASS(in->code) == BPF_LD || BPF_CLASS(in->code) == BPF_LDX;
		const unsigned int mode = BPF_MODE(in->code);

		if (in->code == (BPF_JMP | BPF_JA) && in->k >= p->bf_len - i - 1)
			return "it needs a loop";
		if (loads && (mode == BPF_ABS || mode == BPF_IND || mode == BPF_MSH) &&
		    in->k > INT32_MAX)
			return "it looks at an offset that no packet has";
	}
	return p->bf_len > WEIR_PATTERN_PCAP_MAX
		       ? "it makes more than 4,093 instructions; write networks for hosts, port "
			 "ranges for ports"
		       : NULL;
}

/* Name lookups inside libpcap are not safe to do from several threads in all of its versions. */
int weir_pattern_pcap(const char *text, unsigned int link, struct bpf_program *out,
		      struct weir_err *err)
{
	const char *why;
	int rc;

	if (strlen(text) > WEIR_PATTERN_TEXT_MAX)
		return weir_pattern_refuse(err, E2BIG, text, "it has more than 2,047 bytes");
	pthread_mutex_lock(&compiling);
	rc = compile(text, link, out, err);
	pthread_mutex_unlock(&compiling);
	why = rc == 0 ? not_runnable(out) : NULL;
	if (why == NULL)
		return rc;
	rc = weir_pattern_refuse(err, out->bf_len > WEIR_PATTERN_PCAP_MAX ? E2BIG : EINVAL, text,
				 why);
	pcap_freecode(out);
	return rc;
}

int weir_pattern_pcap_check(const char *text, struct weir_err *err)
{
	struct bpf_program program = { 0 };
	const int rc = weir_pattern_pcap(text, WEIR_LINK_ETHER, &program, err);

	if (rc == 0)
		pcap_freecode(&program);
	return rc;
}
