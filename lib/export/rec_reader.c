/* SPDX-License-Identifier: Apache-2.0 */
/* Record files back into records. What is damaged is named by file and byte; nothing is guessed. */
#include "export_priv.h"
#include "rec_file.h"

#include <zlib.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zstd.h>

#define TORN_BLOCK "torn: the file ends in a block"

struct weir_rec_reader {
	char **paths;
	size_t n_paths, next;
	const char *path;            /* of `file` */
	FILE *file;                  /* NULL = between files */
	size_t rec_bytes;            /* of a record of its version */
	uint64_t at;                 /* offset of what comes next */
	uint64_t blocks, records;    /* read of this file */
	uint64_t since_ns, until_ns; /* 0 = open */
	ZSTD_DCtx *zstd;
	uint8_t *packed;
	uint8_t *raw;
	struct weir_flow_rec recs[COLUMNS_RECS];
};

static bool add_path(struct weir_rec_reader *r, const char *dir, const char *name)
{
	char **paths = realloc(r->paths, (r->n_paths + 1) * sizeof(*paths));
	char *path = NULL;

	if (paths != NULL)
		r->paths = paths;
	if (paths == NULL || asprintf(&path, "%s%s%s", dir, dir[0] != '\0' ? "/" : "", name) < 0)
		return false;
	r->paths[r->n_paths++] = path;
	return true;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_record_file(const char *name)
{
	size_t len = strlen(name), suffix = strlen(REC_FILE_SUFFIX);

	return len > suffix && strcmp(name + len - suffix, REC_FILE_SUFFIX) == 0;
}

static int list_dir(struct weir_rec_reader *r, const char *path, struct weir_err *err)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	int rc = 0;

	if (dir == NULL)
		return weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	while (rc == 0 && (e = readdir(dir)) != NULL)
		if (is_record_file(e->d_name) && !add_path(r, path, e->d_name))
			rc = weir_err_set(err, ENOMEM, "%s: no memory for its file names", path);
	closedir(dir);
	if (rc == 0 && r->n_paths == 0)
		return weir_err_set(err, ENOENT, "%s: no record files (*%s) in it", path,
				    REC_FILE_SUFFIX);
	if (rc == 0)
		qsort(r->paths, r->n_paths, sizeof(*r->paths), compare_paths);
	return rc;
}

static int list_files(struct weir_rec_reader *r, const char *path, struct weir_err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return list_dir(r, path, err);
	return add_path(r, "", path) ? 0 : weir_err_set(err, ENOMEM, "%s: no memory", path);
}

struct weir_rec_reader *weir_rec_reader_open(const char *path, struct weir_err *err)
{
	struct weir_rec_reader *r = calloc(1, sizeof(*r));

	if (r != NULL) {
		r->zstd = ZSTD_createDCtx();
		r->packed = malloc(ZSTD_COMPRESSBOUND(COLUMNS_RAW_MAX));
		r->raw = malloc(COLUMNS_RAW_MAX);
	}
	if (r == NULL || r->zstd == NULL || r->packed == NULL || r->raw == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory to read records", path);
		weir_rec_reader_close(r);
		return NULL;
	}
	if (list_files(r, path, err) != 0) {
		weir_rec_reader_close(r);
		return NULL;
	}
	return r;
}

void weir_rec_reader_period(struct weir_rec_reader *r, uint64_t since_ns, uint64_t until_ns)
{
	r->since_ns = since_ns;
	r->until_ns = until_ns;
}

void weir_rec_reader_close(struct weir_rec_reader *r)
{
	if (r == NULL)
		return;
	if (r->file != NULL)
		fclose(r->file);
	for (size_t i = 0; i < r->n_paths; i++)
		free(r->paths[i]);
	free(r->paths);
	ZSTD_freeDCtx(r->zstd);
	free(r->packed);
	free(r->raw);
	free(r);
}

/* This file is over; the next call goes on with the one after it. */
static int give_up(struct weir_rec_reader *r, int code, const char *why, struct weir_err *err)
{
	fclose(r->file);
	r->file = NULL;
	if (r->blocks == 0)
		return weir_err_set(err, code, "%s: %s at byte %llu", r->path, why,
				    (unsigned long long)r->at);
	return weir_err_set(
		err, code,
		"%s: %s at byte %llu; %llu whole blocks before it, %llu records, were read",
		r->path, why, (unsigned long long)r->at, (unsigned long long)r->blocks,
		(unsigned long long)r->records);
}

/* Less was read than should be there: the medium failed, or the file was not written to its end. */
static int cut_short(struct weir_rec_reader *r, const char *torn, struct weir_err *err)
{
	if (ferror(r->file))
		return give_up(r, EIO, "cannot be read", err);
	return give_up(r, ENODATA, torn, err);
}

static int open_file(struct weir_rec_reader *r, struct weir_err *err)
{
	struct rec_file_head head;

	r->path = r->paths[r->next++];
	r->at = r->blocks = r->records = 0;
	r->file = fopen(r->path, "rbe");
	if (r->file == NULL)
		return weir_err_set(err, errno, "%s: %s", r->path, strerror(errno));
	if (fread(&head, 1, sizeof(head), r->file) != sizeof(head))
		return cut_short(r, "torn: the file ends in its header", err);
	if (memcmp(head.magic, REC_FILE_MAGIC, sizeof(head.magic)) != 0)
		return give_up(r, EPROTONOSUPPORT, "not a record file: no \"" REC_FILE_MAGIC "\"",
			       err);
	r->rec_bytes = head.version == REC_FILE_VERSION ? sizeof(struct weir_flow_rec)
		       : head.version == 1              ? REC_FILE_BYTES_1
							: 0;
	if (r->rec_bytes == 0 || head.record_bytes != r->rec_bytes)
		return give_up(r, EPROTONOSUPPORT, "written in another version of the format", err);
	r->at = sizeof(head);
	return 0;
}

static const char *check_block(const struct rec_file_block *b)
{
	if (b->magic != REC_FILE_BLOCK_MAGIC ||
	    b->crc != crc32(0, (const uint8_t *)b, offsetof(struct rec_file_block, crc)))
		return "damaged: no block begins";
	if (b->records == 0 || b->records > COLUMNS_RECS || b->raw_bytes > COLUMNS_RAW_MAX ||
	    b->payload_bytes > ZSTD_COMPRESSBOUND(COLUMNS_RAW_MAX))
		return "damaged: impossible sizes in the block";
	return NULL;
}

static bool is_outside(const struct weir_rec_reader *r, const struct rec_file_block *b)
{
	return b->end_ns < r->since_ns || (r->until_ns != 0 && b->start_ns >= r->until_ns);
}

/* On to the next block, which must be there to its end. */
static int pass_over(struct weir_rec_reader *r, const struct rec_file_block *b,
		     struct weir_err *err)
{
	bool whole;

	if (fseek(r->file, (long)b->payload_bytes - 1, SEEK_CUR) == 0)
		whole = fgetc(r->file) != EOF;
	else /* a pipe */
		whole = fread(r->packed, 1, b->payload_bytes, r->file) == b->payload_bytes;
	if (!whole)
		return cut_short(r, TORN_BLOCK, err);
	r->at += sizeof(*b) + b->payload_bytes;
	return 0;
}

static int unpack(struct weir_rec_reader *r, const struct rec_file_block *b, struct weir_err *err)
{
	size_t got;

	if (fread(r->packed, 1, b->payload_bytes, r->file) != b->payload_bytes)
		return cut_short(r, TORN_BLOCK, err);
	got = ZSTD_decompressDCtx(r->zstd, r->raw, COLUMNS_RAW_MAX, r->packed, b->payload_bytes);
	if (ZSTD_isError(got) || got != b->raw_bytes ||
	    !weir_columns_decode(r->raw, got, r->rec_bytes, b->records, r->recs))
		return give_up(r, EBADMSG, "damaged: the block does not unpack", err);
	r->at += sizeof(*b) + b->payload_bytes;
	r->blocks++;
	r->records += b->records;
	return (int)b->records;
}

/* Records read; 0 = the block is of another time, or the file is at its end. */
static int read_block(struct weir_rec_reader *r, struct weir_err *err)
{
	struct rec_file_block b;
	size_t got = fread(&b, 1, sizeof(b), r->file);
	const char *fault;

	if (got == 0 && feof(r->file)) {
		fclose(r->file);
		r->file = NULL;
		return 0;
	}
	if (got != sizeof(b))
		return cut_short(r, TORN_BLOCK, err);
	fault = check_block(&b);
	if (fault != NULL)
		return give_up(r, EBADMSG, fault, err);
	return is_outside(r, &b) ? pass_over(r, &b, err) : unpack(r, &b, err);
}

int weir_rec_reader_next(struct weir_rec_reader *r, const struct weir_flow_rec **recs,
			 struct weir_err *err)
{
	int n = 0;

	while (n == 0 && (r->file != NULL || r->next < r->n_paths))
		n = r->file == NULL ? open_file(r, err) : read_block(r, err);
	*recs = r->recs;
	return n;
}
