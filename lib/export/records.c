/* SPDX-License-Identifier: Apache-2.0 */
/* Sink: compact record files in a directory, flows-<epoch second>-<n>.weir. README.md has the layout. */
#include "export_priv.h"
#include "rec_file.h"

#include <zlib.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

/*
 * Fast levels leave literals as they are. Level 1 makes files 12 % smaller for three times the time:
 * README.md, figures.
 */
#define LEVEL      (-20)
#define PATH_BYTES 4096

struct records {
	struct weir_sink base;
	char *dir;
	uint64_t opened_s; /* in the names of files */
	uint32_t next;     /* number of the next file */
	uint64_t max_bytes;
	int fd; /* -1 = between files */
	uint64_t file_bytes;
	ZSTD_CCtx *zstd;
	struct weir_columns *columns;
	uint8_t *raw;
	uint8_t *out; /* block header and payload */
	uint64_t start_ns, end_ns;
};

static int write_all(struct records *r, const void *data, size_t bytes, struct weir_err *err)
{
	const uint8_t *p = data;

	while (bytes > 0) {
		ssize_t n = write(r->fd, p, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return weir_err_set(err, errno, "%s: flows-%llu-%06u%s: %s", r->dir,
					    (unsigned long long)r->opened_s, r->next - 1,
					    REC_FILE_SUFFIX, strerror(errno));
		p += n;
		bytes -= (size_t)n;
		r->file_bytes += (uint64_t)n;
	}
	return 0;
}

/* Of the last file that was begun. */
static int file_path(const struct records *r, char path[PATH_BYTES], struct weir_err *err)
{
	const int n = snprintf(path, PATH_BYTES, "%s/flows-%llu-%06u%s", r->dir,
			       (unsigned long long)r->opened_s, r->next - 1, REC_FILE_SUFFIX);

	return n < PATH_BYTES ? 0
			      : weir_err_set(err, ENAMETOOLONG, "%s: the path is too long", r->dir);
}

/* The next file whose name is free: another run may have used the directory in this second. */
static int begin_file(struct records *r, struct weir_err *err)
{
	struct rec_file_head head = { REC_FILE_MAGIC, REC_FILE_VERSION,
				      sizeof(struct weir_flow_rec) };
	char path[PATH_BYTES];

	do {
		r->next++;
		if (file_path(r, path, err) != 0)
			return -err->code;
		r->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	} while (r->fd < 0 && errno == EEXIST);
	if (r->fd < 0) {
		r->next--; /* its name stays free */
		return weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	}
	r->file_bytes = 0;
	return write_all(r, &head, sizeof(head), err);
}

/* What was written of a block that failed; a file without a whole one is none. */
static void take_back(struct records *r, uint64_t whole)
{
	char path[PATH_BYTES];

	if (r->fd < 0)
		return;
	if (whole > 0 && ftruncate(r->fd, (off_t)whole) == 0 &&
	    lseek(r->fd, (off_t)whole, SEEK_SET) >= 0) {
		r->file_bytes = whole;
		return;
	}
	close(r->fd);
	r->fd = -1;
	if (whole == 0 && file_path(r, path, NULL) == 0 && unlink(path) == 0)
		r->next--;
}

static int end_file(struct records *r, struct weir_err *err)
{
	int fd = r->fd;

	r->fd = -1;
	if (fd >= 0 && close(fd) != 0)
		return weir_err_set(err, errno, "%s: %s", r->dir, strerror(errno));
	return 0;
}

static int write_block(struct records *r, struct weir_err *err)
{
	struct rec_file_block head = { .magic = REC_FILE_BLOCK_MAGIC,
				       .records = r->columns->n,
				       .start_ns = r->start_ns,
				       .end_ns = r->end_ns };
	const uint64_t whole = r->fd >= 0 ? r->file_bytes : 0;
	size_t packed;
	int rc = 0;

	head.raw_bytes = (uint32_t)weir_columns_encode(r->columns, r->raw);
	packed = ZSTD_compress2(r->zstd, r->out + sizeof(head), ZSTD_COMPRESSBOUND(COLUMNS_RAW_MAX),
				r->raw, head.raw_bytes);
	assert(!ZSTD_isError(packed)); /* the destination holds any result */
	head.payload_bytes = (uint32_t)packed;
	head.crc = (uint32_t)crc32(0, (const uint8_t *)&head, offsetof(struct rec_file_block, crc));
	memcpy(r->out, &head, sizeof(head));
	if (r->fd < 0)
		rc = begin_file(r, err);
	if (rc == 0)
		rc = write_all(r, r->out, sizeof(head) + packed, err);
	if (rc != 0)
		take_back(r, whole);
	if (rc == 0 && r->file_bytes >= r->max_bytes)
		rc = end_file(r, err);
	return rc;
}

static int records_flush(struct weir_sink *s, struct weir_err *err)
{
	struct records *r = (struct records *)s;
	int rc = 0;

	if (r->columns->n > 0)
		rc = write_block(r, err);
	if (rc == 0)
		s->buffered = 0;
	return rc;
}

static int records_write(struct weir_sink *s, const struct weir_flow_rec *recs, uint32_t n,
			 struct weir_err *err)
{
	struct records *r = (struct records *)s;
	int rc;

	for (uint32_t i = 0; i < n; i++) {
		bool first = r->columns->n == 0;

		r->start_ns = first ? recs[i].start_ns
				    : weir_min_u64(r->start_ns, recs[i].start_ns);
		r->end_ns = first ? recs[i].end_ns : weir_max_u64(r->end_ns, recs[i].end_ns);
		weir_columns_add(r->columns, &recs[i]);
		s->buffered++;
		if (r->columns->n < COLUMNS_RECS)
			continue;
		rc = records_flush(s, err);
		if (rc != 0) {
			s->buffered += n - 1 - i;
			return rc;
		}
	}
	return 0;
}

/* A directory of that name that can be written to. 0 or errno. */
static int make_dir(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return errno;
	if (stat(dir, &st) != 0)
		return errno;
	if (!S_ISDIR(st.st_mode))
		return ENOTDIR;
	return access(dir, W_OK | X_OK) == 0 ? 0 : errno;
}

static void release(struct records *r)
{
	ZSTD_freeCCtx(r->zstd);
	free(r->columns);
	free(r->raw);
	free(r->out);
	free(r->dir);
	free(r);
}

static int records_close(struct weir_sink *s, struct weir_err *err)
{
	struct records *r = (struct records *)s;
	int rc = end_file(r, err);

	release(r);
	return rc;
}

static const struct weir_sink_ops records_ops = { records_write, records_flush, records_close };

struct weir_sink *weir_records_open(const char *dir, uint64_t max_bytes, struct weir_err *err)
{
	struct records *r = calloc(1, sizeof(*r));
	int code;

	if (r == NULL)
		goto err_memory;
	r->base.ops = &records_ops;
	r->opened_s = weir_clock_wall_ns() / WEIR_NS_PER_S;
	r->max_bytes = max_bytes;
	r->fd = -1;
	r->dir = strdup(dir);
	r->zstd = ZSTD_createCCtx();
	r->columns = calloc(1, sizeof(*r->columns));
	r->raw = malloc(COLUMNS_RAW_MAX);
	r->out = malloc(sizeof(struct rec_file_block) + ZSTD_COMPRESSBOUND(COLUMNS_RAW_MAX));
	if (r->dir == NULL || r->zstd == NULL || r->columns == NULL || r->raw == NULL ||
	    r->out == NULL)
		goto err_memory;
	ZSTD_CCtx_setParameter(r->zstd, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(r->zstd, ZSTD_c_checksumFlag, 1);
	code = make_dir(dir);
	if (code != 0) {
		weir_err_set(err, code, "%s: records cannot be written there: %s", dir,
			     strerror(code));
		goto err_free;
	}
	return &r->base;

err_memory:
	weir_err_set(err, ENOMEM, "%s: no memory to pack records", dir);
err_free:
	if (r != NULL)
		release(r);
	return NULL;
}

struct weir_sink *weir_sink_records_open(const char *target, struct weir_err *err)
{
	return weir_records_open(target, REC_FILE_BYTES, err);
}
