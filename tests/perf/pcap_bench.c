/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap_bench [FILE]: what a packet costs to get at, user and system time, from a pcap file in the page cache
 * (without FILE one of 400,000 IMIX packets is made): by the source; by the plainest loops of read() and of
 * mmap() over the same bytes, the latter being what the source can at best come to. The peer to compare
 * with is tools/dev/pcap_loop FILE. One line each, the median of nine turns.
 */
#include <weir_source_pcap.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURNS  9
#define WINDOW ((size_t)16 << 20)
#define CHUNK  ((size_t)128 << 10)

static uint64_t packets, sum;

/* What decoding touches of most packets: three lines at most. */
static void touch(const uint8_t *p, uint32_t caplen)
{
	sum += p[0];
	if (caplen > 64)
		sum += p[56];
	if (caplen > 120)
		sum += p[112];
}

static void by_source(const char *path)
{
	const char *const paths[] = { path };
	const struct weir_pcap_options o = { .paths = paths, .n_paths = 1, .loop = 1 };
	struct weir_frame frames[WEIR_BURST_MAX];
	struct weir_err err;
	struct weir_source *src = weir_source_pcap_create(&o, &err);
	uint16_t n;

	if (src == NULL || src->ops->open(src, &err) != 0 || src->ops->start(src, &err) != 0) {
		fprintf(stderr, "pcap_bench: %s\n", err.msg);
		exit(1);
	}
	while (!atomic_load(&src->ended)) {
		n = src->ops->rx(src, 0, frames, WEIR_BURST_MAX);
		for (uint16_t i = 0; i < n; i++)
			touch(frames[i].data, frames[i].caplen);
		packets += n;
		src->ops->done(src, frames, n);
	}
	src->ops->stop(src);
	src->ops->close(src);
}

/* Whole records of these bytes; every line is prefetched `ahead` bytes before it is come to. Bytes used. */
static size_t walk(const uint8_t *p, size_t len, size_t ahead)
{
	size_t fetched = 0;
	const uint8_t *data[64];
	uint32_t caplen[64];
	size_t at = 0;
	int n;

	do {
		for (n = 0; n < 64 && at + 16 <= len; n++) {
			for (; fetched < len && fetched < at + ahead; fetched += 64)
				weir_prefetch(p + fetched);
			caplen[n] = weir_le32(p + at + 8);
			if (at + 16 + caplen[n] > len)
				break;
			data[n] = p + at + 16;
			weir_prefetch(data[n]);
			weir_prefetch(data[n] + 64);
			at += 16 + caplen[n];
		}
		for (int i = 0; i < n; i++)
			touch(data[i], caplen[i]);
		packets += (uint64_t)n;
	} while (n > 0);
	return at;
}

static int file_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static void by_read(const char *path)
{
	static uint8_t blocks[2][CHUNK + WEIR_FRAME_MAX];
	size_t left = 0, used;
	int fd = file_open(path), turn = 0;
	ssize_t got;

	(void)!read(fd, blocks[0], 24);
	while ((got = read(fd, blocks[turn] + left, CHUNK)) > 0) {
		used = walk(blocks[turn], left + (size_t)got, 0);
		left += (size_t)got - used;
		memcpy(blocks[!turn], blocks[turn] + used, left);
		turn = !turn;
	}
	close(fd);
}

static void by_mmap(const char *path)
{
	size_t at = 24, skip, len, used;
	int fd = file_open(path);
	struct stat st;
	uint8_t *p;

	fstat(fd, &st);
	do {
		skip = at & 4095;
		len = weir_min_u64((uint64_t)st.st_size - at + skip, WINDOW);
		p = mmap(NULL, len, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, (off_t)(at - skip));
		if (p == MAP_FAILED)
			break;
		used = walk(p + skip, len - skip, 4096);
		munmap(p, len);
		at += used;
	} while (used > 0 && at < (size_t)st.st_size);
	close(fd);
}

static double cpu_ns(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e9 +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e3;
}

/* 64, 594 and 1518 bytes as 7:4:1. */
static void imix_make(int fd)
{
	static const uint8_t header[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, [18] = 4, [20] = 1 };
	static const uint32_t sizes[12] = { 64, 594, 64, 594, 64, 1518, 64, 594, 64, 594, 64, 64 };
	static uint8_t record[16 + 1518];
	FILE *out = fdopen(fd, "w");

	if (out == NULL)
		exit(1);
	fwrite(header, 1, sizeof(header), out);
	for (uint32_t i = 0; i < 400000; i++) {
		memcpy(record + 8, &sizes[i % 12], 4);
		memcpy(record + 12, &sizes[i % 12], 4);
		memcpy(record + 16, &i, 4);
		fwrite(record, 1, 16 + sizes[i % 12], out);
	}
	fclose(out);
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*read_file)(const char *path);
	} ways[] = { { "source", by_source }, { "read", by_read }, { "mmap", by_mmap } };
	double ns[WEIR_ARRAY_SIZE(ways)][TURNS], begin;
	char made[] = P_tmpdir "/weir-bench-XXXXXX";
	const char *path = argc > 1 ? argv[1] : made;

	if (argc < 2)
		imix_make(mkstemp(made));
	for (int t = 0; t < TURNS; t++) {
		for (size_t w = 0; w < WEIR_ARRAY_SIZE(ways); w++) {
			packets = 0;
			begin = cpu_ns();
			ways[w].read_file(path);
			ns[w][t] = (cpu_ns() - begin) / (double)packets;
		}
	}
	for (size_t w = 0; w < WEIR_ARRAY_SIZE(ways); w++) {
		qsort(ns[w], TURNS, sizeof(double), by_size);
		printf("%-8s %6.1f ns a packet\n", ways[w].name, ns[w][TURNS / 2]);
	}
	if (argc < 2)
		unlink(made);
	return sum == 0; /* so that touching is not left out */
}
