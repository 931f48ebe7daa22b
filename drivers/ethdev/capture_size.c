/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many packets net_pcap will keep: with infinite_rx it loads each file whole into the pool, which
 * has to be made before. Only record headers are looked at.
 */
#include "ethdev_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define PCAP_US        0xa1b2c3d4
#define PCAP_NS        0xa1b23c4d
#define PCAPNG_SECTION 0x0a0d0d0a
#define PCAPNG_ORDER   0x1a2b3c4d
enum { PCAPNG_PACKET = 2, PCAPNG_SIMPLE = 3, PCAPNG_ENHANCED = 6 };

struct reader {
	FILE *f;
	bool swapped;
};

static bool take(struct reader *r, uint32_t *words, size_t n)
{
	if (fread(words, sizeof(*words), n, r->f) != n)
		return false;
	for (size_t i = 0; r->swapped && i < n; i++)
		words[i] = __builtin_bswap32(words[i]);
	return true;
}

/* Reading is quicker than seeking, which gives up what was read ahead. */
static bool skip(struct reader *r, uint32_t bytes)
{
	static char waste[65536];

	while (bytes > 0) {
		size_t n = weir_min_u64(bytes, sizeof(waste));

		if (fread(waste, 1, n, r->f) != n)
			return false;
		bytes -= (uint32_t)n;
	}
	return true;
}

static void count(struct capture_size *size, uint32_t caplen)
{
	size->packets++;
	if (caplen > size->longest)
		size->longest = caplen;
}

static void read_pcap(struct reader *r, struct capture_size *size)
{
	uint32_t record[4];

	if (!skip(r, 20))
		return;
	while (take(r, record, 4) && skip(r, record[2]))
		count(size, record[2]);
}

/* One block after its type; false at the end or at damage. */
static bool read_block(struct reader *r, uint32_t type, struct capture_size *size)
{
	uint32_t len, body[5], have = 8;

	if (type == PCAPNG_SECTION) {
		uint32_t head[2];

		r->swapped = false;
		if (!take(r, head, 2))
			return false;
		r->swapped = head[1] != PCAPNG_ORDER;
		len = r->swapped ? __builtin_bswap32(head[0]) : head[0];
		have = 12;
	} else if (!take(r, &len, 1)) {
		return false;
	}
	if (type == PCAPNG_ENHANCED || type == PCAPNG_PACKET) {
		if (!take(r, body, 5))
			return false;
		have += sizeof(body);
		count(size, body[3]);
	} else if (type == PCAPNG_SIMPLE) {
		count(size, len < 16 ? 0 : len - 16);
	}
	return len >= have && skip(r, len - have);
}

static void read_pcapng(struct reader *r, struct capture_size *size)
{
	uint32_t type = PCAPNG_SECTION;

	while (read_block(r, type, size) && take(r, &type, 1))
		;
}

bool capture_size_add(const char *path, struct capture_size *size)
{
	struct reader r = { .f = fopen(path, "r") };
	uint32_t magic;
	bool known = true;

	if (r.f == NULL)
		return false;
	if (!take(&r, &magic, 1)) {
		fclose(r.f);
		return false;
	}
	r.swapped = magic == __builtin_bswap32(PCAP_US) || magic == __builtin_bswap32(PCAP_NS);
	if (magic == PCAP_US || magic == PCAP_NS || r.swapped)
		read_pcap(&r, size);
	else if (magic == PCAPNG_SECTION)
		read_pcapng(&r, size);
	else
		known = false;
	fclose(r.f);
	return known;
}

struct capture_size pcap_args_size(const char *args)
{
	struct capture_size size = { 0 };
	char *copy = strdup(args), *rest = copy, *word;
	bool infinite = false;

	while (copy != NULL && (word = strsep(&rest, ",")) != NULL) {
		if (strncmp(word, "rx_pcap=", 8) == 0)
			capture_size_add(word + 8, &size);
		else if (strncmp(word, "infinite_rx=", 12) == 0)
			infinite = atoi(word + 12) > 0;
	}
	free(copy);
	return infinite ? size : (struct capture_size){ 0 };
}
