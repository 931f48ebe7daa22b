/* SPDX-License-Identifier: Apache-2.0 */
/* Filters in both ways of running, frames that end where memory ends, and libpcap's own verdict. */
#ifndef FILTER_TEST_H
#define FILTER_TEST_H

#include "weir_test.h"

#include <weir_filter.h>
#include <weir_pattern.h>
#include <weir_stats.h>

#include <pcap/pcap.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROOM ((size_t)1 << 19) /* of a frame: the longest fits */

struct both {
	struct weir_filter *native, *interpreted;
};

static inline bool both_create(struct both *b, const char *expression, uint32_t links,
			       struct weir_err *err)
{
	struct weir_filter_options o = { .expression = expression, .links = links };

	b->native = weir_filter_create(&o, err);
	o.interpret = true;
	b->interpreted = weir_filter_create(&o, err);
	CU_ASSERT_EQUAL(b->native == NULL, b->interpreted == NULL);
	return b->native != NULL;
}

static inline void both_destroy(struct both *b)
{
	weir_filter_destroy(b->native);
	weir_filter_destroy(b->interpreted);
}

static inline struct both both_of(const char *expression)
{
	struct weir_err err = { 0 };
	struct both b;

	if (!both_create(&b, expression, 1u << WEIR_LINK_ETHER, &err))
		printf("%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b.native);
	return b;
}

static inline bool both_match(const struct both *b, const struct weir_frame *f)
{
	bool yes = weir_filter_match(b->native, f);

	CU_ASSERT_EQUAL(weir_filter_match(b->interpreted, f), yes);
	return yes;
}

/* Does an expression match an Ethernet frame? */
static inline bool matches(const char *expression, const struct weir_frame *f)
{
	struct both b = both_of(expression);
	bool yes = both_match(&b, f);

	both_destroy(&b);
	return yes;
}

/* The bytes again, so that the page behind the last one cannot be read. Valid until the next call. */
static inline uint8_t *guarded(const void *bytes, size_t len)
{
	static uint8_t *room;

	if (room == NULL) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);

		room = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
		if (room == MAP_FAILED || mprotect(room + ROOM, page, PROT_NONE) != 0)
			abort();
	}
	return memmove(room + ROOM - len, bytes, len);
}

/* What libpcap says of a frame with its tag in it. */
static inline bool oracle(const struct bpf_program *program, const uint8_t *bytes, uint32_t caplen,
			  uint32_t wirelen)
{
	struct pcap_pkthdr h = { .caplen = caplen, .len = wirelen };

	return pcap_offline_filter(program, &h, bytes) != 0;
}

static inline uint32_t random_u32(void)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

#define MACS 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1
#define IPV4_TCP                                                                                \
	0x45, 0, 0, 44, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 2, 0, 2, /* to 10.2.0.2 */ \
		0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xfa, 0xf0, 0, 0, 0, 0,  \
		'G', 'E', 'T', ' '

#endif
