/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as an expression over any bytes as a frame: refused with a line that says why, or native
 * code, interpreter and libpcap decide alike. One byte says which link and how the frame comes, one how
 * long the text is; the text and the frame follow. A frame can have its VLAN tag beside it.
 */
#include <weir_filter.h>

#include <pcap/pcap.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#define LINKS       0x0f
#define TAG_BESIDE  0x10
#define CUT_SHORT   0x20
#define WIRE_BEYOND 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What libpcap asks for names: nobody is bothered. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **res)
{
	(void)name;
	(void)service;
	(void)hints;
	(void)res;
	return EAI_NONAME;
}

int getnetbyname_r(const char *name, struct netent *buf, char *bytes, size_t size,
		   struct netent **result, int *h_err)
{
	(void)name;
	(void)buf;
	(void)bytes;
	(void)size;
	*result = NULL;
	*h_err = HOST_NOT_FOUND;
	return 0;
}

static const struct {
	uint8_t link;
	uint8_t bytes[2]; /* of BSD loopback: the first two, by which its order is seen */
	uint32_t linktype;
} links[] = {
	{ WEIR_LINK_ETHER, { 0 }, 1 },     { WEIR_LINK_NULL, { 2, 0 }, 0 },
	{ WEIR_LINK_NULL, { 0, 0 }, 108 }, { WEIR_LINK_RAW, { 0 }, 101 },
	{ WEIR_LINK_SLL, { 0 }, 113 },     { WEIR_LINK_SLL2, { 0 }, 276 },
	{ WEIR_LINK_PPP, { 0 }, 9 },       { WEIR_LINK_CHDLC, { 0 }, 104 },
	{ WEIR_LINK_80211, { 0 }, 105 },   { WEIR_LINK_RADIOTAP, { 0 }, 127 },
};

static bool oracle_compile(const char *text, uint32_t linktype, struct bpf_program *out)
{
	struct pcap_file_header head = { .magic = 0xa1b2c3d4,
					 .version_major = 2,
					 .version_minor = 4,
					 .snaplen = WEIR_FRAME_MAX,
					 .linktype = linktype };
	char errbuf[PCAP_ERRBUF_SIZE];
	FILE *file = fmemopen(&head, sizeof(head), "r");
	pcap_t *p = file != NULL ? pcap_fopen_offline(file, errbuf) : NULL;
	bool ok;

	if (p == NULL)
		abort();
	ok = pcap_compile(p, out, text, 1, PCAP_NETMASK_UNKNOWN) == 0;
	pcap_close(p);
	return ok;
}

static struct weir_filter *compiled(const char *text, uint8_t link, bool interpret)
{
	const struct weir_filter_options o = { .expression = text,
					       .links = 1u << link,
					       .interpret = interpret };
	struct weir_err err = { 0 };
	struct weir_filter *f = weir_filter_create(&o, &err);

	if (f == NULL && (err.code == 0 || err.msg[0] == '\0'))
		abort();
	return f;
}

/* A copy of its own, so that the sanitizer sees where it ends; its tag taken out where `beside`. */
static uint8_t *frame_copy(const uint8_t *bytes, uint32_t len, bool beside)
{
	uint8_t *copy = malloc(len + 1);

	if (copy == NULL)
		abort();
	if (!beside)
		return memcpy(copy, bytes, len);
	memcpy(copy, bytes, 12);
	return (uint8_t *)memcpy(copy + 12, bytes + 16, len - 16) - 12;
}

static void check(const char *text, size_t i, uint8_t how, uint8_t *bytes, uint32_t len)
{
	uint8_t link = links[i].link;
	bool beside = how & TAG_BESIDE && link == WEIR_LINK_ETHER && len >= 16;
	struct weir_filter *native = compiled(text, link, false);
	struct weir_filter *interpreted = compiled(text, link, true);
	struct pcap_pkthdr h = { .caplen = len, .len = len + (how & CUT_SHORT ? WIRE_BEYOND : 0) };
	struct weir_frame f = { .caplen = beside ? len - 4 : len, .wirelen = h.len, .link = link };
	struct bpf_program program;
	bool want;

	if ((native == NULL) != (interpreted == NULL))
		abort();
	if (native != NULL) {
		uint8_t *copy;

		if (!oracle_compile(text, links[i].linktype, &program))
			abort();
		if (beside) {
			bytes[12] = 0x81;
			bytes[13] = 0;
			f.flags = WEIR_FRAME_VLAN;
			f.vlan_tci = weir_be16(bytes + 14);
		}
		f.data = copy = frame_copy(bytes, len, beside);
		want = pcap_offline_filter(&program, &h, bytes) != 0;
		if (weir_filter_match(native, &f) != want ||
		    weir_filter_match(interpreted, &f) != want)
			abort();
		free(copy);
		pcap_freecode(&program);
	}
	weir_filter_destroy(native);
	weir_filter_destroy(interpreted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t i, text_len;
	uint8_t *bytes;
	char *text;

	if (size < 2 || (size_t)data[1] + 2 > size)
		return 0;
	text_len = data[1];
	i = (data[0] & LINKS) % WEIR_ARRAY_SIZE(links);
	text = strndup((const char *)data + 2, text_len);
	size -= text_len + 2;
	bytes = malloc(size + 2);
	if (text == NULL || bytes == NULL)
		abort();
	memcpy(bytes, data + 2 + text_len, size);
	if (links[i].link == WEIR_LINK_NULL && size >= 2)
		memcpy(bytes, links[i].bytes, 2);
	if (links[i].link != WEIR_LINK_NULL || size >= 2)
		check(text, i, data[0], bytes, (uint32_t)size);
	free(bytes);
	free(text);
	return 0;
}
