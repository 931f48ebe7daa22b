/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as record files. The first one says how: as a file, whose block headers get their right
 * CRC (or keep theirs), so that what lies behind it is reached; or as the raw form of a block, which
 * no chance packs and sums as zstd does. What a block gives must survive being written again.
 */
#include <weir_export.h>

#include <zlib.h>

#include <columns.h>
#include <rec_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { AS_BLOCK = 1 << 0, AS_IT_IS = 1 << 1, IN_A_PERIOD = 1 << 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void look(const struct weir_flow_rec *recs, uint32_t n)
{
	const uint8_t *p = (const uint8_t *)recs;

	for (size_t i = 0; i < n * sizeof(*recs); i++)
		sink ^= p[i];
}

/* Headers lie one payload apart, as the reader goes. */
static void give_crcs(uint8_t *file, size_t size)
{
	size_t at = sizeof(struct rec_file_head);
	struct rec_file_block b;

	while (at <= size && size - at >= sizeof(b)) {
		memcpy(&b, file + at, sizeof(b));
		b.crc = (uint32_t)crc32(0, file + at, offsetof(struct rec_file_block, crc));
		memcpy(file + at, &b, sizeof(b));
		at += sizeof(b) + b.payload_bytes;
	}
}

static void read_file(const char *path, bool in_a_period)
{
	struct weir_err err = { 0 };
	struct weir_rec_reader *r = weir_rec_reader_open(path, &err);
	const struct weir_flow_rec *recs;
	int n;

	if (r == NULL)
		abort();
	if (in_a_period)
		weir_rec_reader_period(r, UINT64_C(1) << 60, UINT64_C(3) << 59);
	while ((n = weir_rec_reader_next(r, &recs, &err)) != 0) {
		if (n > COLUMNS_RECS || (n < 0 && strstr(err.msg, path) == NULL))
			abort();
		if (n > 0)
			look(recs, (uint32_t)n);
	}
	weir_rec_reader_close(r);
}

static void as_file(const uint8_t *data, size_t size, uint8_t how)
{
	uint8_t *file = malloc(size + 1);
	char path[32];
	int fd = memfd_create("records", MFD_CLOEXEC);

	if (file == NULL || fd < 0)
		abort();
	memcpy(file, data, size);
	if ((how & AS_IT_IS) == 0)
		give_crcs(file, size);
	if (write(fd, file, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_file(path, (how & IN_A_PERIOD) != 0);
	close(fd);
	free(file);
}

static void as_block(const uint8_t *data, size_t size)
{
	static struct weir_flow_rec recs[COLUMNS_RECS], again[COLUMNS_RECS];
	static struct weir_columns columns;
	static uint8_t raw[COLUMNS_RAW_MAX];
	size_t bytes;
	uint32_t n;

	if (size < 2)
		return;
	n = weir_le16(data) & 0x7fff;
	bytes = data[1] & 0x80 ? REC_FILE_BYTES_1 : sizeof(*recs);
	if (!weir_columns_decode(data + 2, size - 2, bytes, n, recs) || n == 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		weir_columns_add(&columns, &recs[i]);
	size = weir_columns_encode(&columns, raw);
	if (size > sizeof(raw) || !weir_columns_decode(raw, size, sizeof(*recs), n, again) ||
	    memcmp(recs, again, n * sizeof(*recs)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & AS_BLOCK)
		as_block(data + 1, size - 1);
	else
		as_file(data + 1, size - 1, data[0]);
	return 0;
}
