/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions to classic programs: libpcap's compiler, its optimiser on. man pcap-filter. */
#include "filter_priv.h"

#include <pcap/pcap.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define QUOTED_MAX 160 /* bytes of an expression shown in a message */

/* https://www.tcpdump.org/linktypes.html */
static const struct {
	const char *name;
	uint32_t linktype;
} links[PROGRAMS] = {
	[WEIR_LINK_ETHER] = { "Ethernet", 1 },
	[WEIR_LINK_NULL] = { "BSD loopback", 0 },
	[WEIR_LINK_RAW] = { "raw IP", 101 },
	[WEIR_LINK_SLL] = { "Linux cooked (SLL)", 113 },
	[WEIR_LINK_SLL2] = { "Linux cooked (SLL2)", 276 },
	[WEIR_LINK_PPP] = { "PPP", 9 },
	[WEIR_LINK_CHDLC] = { "Cisco HDLC", 104 },
	[WEIR_LINK_80211] = { "802.11", 105 },
	[WEIR_LINK_RADIOTAP] = { "802.11 with radiotap", 127 },
	[PROGRAM_LOOP] = { "BSD loopback", 108 },
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

int filter_refuse(struct weir_err *err, int code, const char *text, const char *reason)
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
	return filter_refuse(err, code, text, line);
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

/* Name lookups inside libpcap are not safe to do from several threads in all of its versions. */
int filter_compile(const char *text, unsigned int index, struct bpf_program *out,
		   struct weir_err *err)
{
	int rc;

	pthread_mutex_lock(&compiling);
	rc = compile(text, index, out, err);
	pthread_mutex_unlock(&compiling);
	return rc;
}
