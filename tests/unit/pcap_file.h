/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files made byte by byte, and everything that a source reads of them. */
#ifndef PCAP_FILE_H
#define PCAP_FILE_H

#include "weir_test.h"

#include <weir_source_pcap.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct made {
	bool be; /* byte order of what is put */
	size_t n;
	uint8_t b[1 << 20];
};

static inline void put(struct made *m, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		m->b[m->n++] = (uint8_t)(v >> 8 * (m->be ? bytes - 1 - i : i));
}

static inline void put_data(struct made *m, uint8_t byte, size_t n)
{
	memset(m->b + m->n, byte, n);
	m->n += n;
}

/* The header of a pcap file, version 2.4. */
static inline void put_header(struct made *m, uint32_t magic, uint32_t linktype)
{
	put(m, magic, 4);
	put(m, 2, 2);
	put(m, 4, 2);
	put(m, 0, 8);      /* zone and accuracy */
	put(m, 262144, 4); /* snap length */
	put(m, linktype, 4);
}

/* One record whose data are bytes of the low byte of its seconds. */
static inline void put_record(struct made *m, uint32_t s, uint32_t fraction, uint32_t caplen,
			      uint32_t wirelen)
{
	put(m, s, 4);
	put(m, fraction, 4);
	put(m, caplen, 4);
	put(m, wirelen, 4);
	put_data(m, (uint8_t)s, caplen);
}

/* Write it to a fresh temporary file, named in `path`. */
static inline void made_write(const struct made *m, char path[32])
{
	int fd;

	strcpy(path, P_tmpdir "/weir-test-XXXXXX");
	fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(write(fd, m->b, m->n), (ssize_t)m->n);
	close(fd);
}

#define SEEN_MAX 4096

/* What came out of a source. */
struct seen {
	size_t n;
	struct weir_frame frames[SEEN_MAX]; /* `data` is not kept ... */
	uint8_t byte[SEEN_MAX];             /* ... but the last byte of it */
	struct weir_err fault;
	uint64_t bytes_done, bytes_total;
};

/* Read all that there is. 0, or what open said. */
static inline int see(struct seen *seen, const struct weir_pcap_options *o, struct weir_err *err)
{
	struct weir_source *src = weir_source_pcap_create(o, err);
	struct weir_frame frames[7];
	uint16_t n;
	int rc;

	CU_ASSERT_PTR_NOT_NULL_FATAL(src);
	seen->n = 0;
	rc = src->ops->open(src, err);
	if (rc == 0)
		rc = src->ops->start(src, err);
	while (rc == 0 && !atomic_load(&src->ended)) {
		n = src->ops->rx(src, 0, frames, WEIR_ARRAY_SIZE(frames));
		for (uint16_t i = 0; i < n; i++) {
			CU_ASSERT_FATAL(seen->n < SEEN_MAX);
			seen->byte[seen->n] = frames[i].caplen > 0
						      ? frames[i].data[frames[i].caplen - 1]
						      : 0;
			seen->frames[seen->n++] = frames[i];
		}
		src->ops->done(src, frames, n);
	}
	seen->fault = src->fault;
	seen->bytes_done = atomic_load(&src->bytes_done);
	seen->bytes_total = src->bytes_total;
	src->ops->stop(src);
	src->ops->close(src);
	return rc;
}

/* The same of one file made here. */
static inline int see_made(struct seen *seen, const struct made *m, struct weir_err *err)
{
	char path[32];
	const char *const paths[] = { path };
	const struct weir_pcap_options o = { .paths = paths, .n_paths = 1, .loop = 1 };
	int rc;

	made_write(m, path);
	rc = see(seen, &o, err);
	unlink(path);
	return rc;
}

#endif
