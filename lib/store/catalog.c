/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a directory. What is known of one comes from itself, never from another place. */
#include "store_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 100 /* a file that is just leaving WAL is locked for a moment */

struct store_file *store_catalog_find(struct store_catalog *c, const char *name)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (strcmp(c->files[i].name, name) == 0)
			return &c->files[i];
	return NULL;
}

struct store_file *store_catalog_add(struct store_catalog *c, const char *name)
{
	struct store_file *f;
	uint32_t i = c->n;

	if (c->n == c->room) {
		uint32_t room = c->room == 0 ? 64 : c->room * 2;
		struct store_file *more = realloc(c->files, room * sizeof(*more));

		if (more == NULL)
			return NULL;
		c->files = more;
		c->room = room;
	}
	while (i > 0 && strcmp(c->files[i - 1].name, name) > 0)
		i--;
	f = &c->files[i];
	memmove(f + 1, f, (c->n - i) * sizeof(*f));
	memset(f, 0, sizeof(*f));
	snprintf(f->name, sizeof(f->name), "%s", name);
	c->n++;
	return f;
}

void store_catalog_remove(struct store_catalog *c, const struct store_file *f)
{
	size_t i = (size_t)(f - c->files);

	c->n--;
	memmove(&c->files[i], &c->files[i + 1], (c->n - i) * sizeof(*f));
}

void store_catalog_fini(struct store_catalog *c)
{
	free(c->files);
	memset(c, 0, sizeof(*c));
}

static void ask_system(struct store_file *f, const char *path)
{
	char journal[STORE_PATH_BYTES + 8];
	struct stat st;

	if (stat(path, &st) == 0) {
		f->bytes = (uint64_t)st.st_size;
		f->written_s = st.st_mtime;
	}
	snprintf(journal, sizeof(journal), "%s-wal", path);
	if (stat(journal, &st) == 0)
		f->bytes += (uint64_t)st.st_size;
}

/* A file that is not finished has its times in its order only. */
static int ask_unfinished(struct store_file *f, struct weir_db *db, struct weir_err *err)
{
	int64_t rows = 0;
	int rc;

	rc = weir_db_number(db, "SELECT max(rowid) FROM flow_row", 0, &rows, err);
	if (rc == 0)
		rc = weir_db_number(db, "SELECT min(end_time) FROM flow_time", 0, &f->end_us, err);
	if (rc == 0)
		rc = weir_db_number(db, "SELECT max(end_time) FROM flow_time", 0, &f->last_us, err);
	f->rows = (uint64_t)rows;
	f->first_us = 0;
	return rc;
}

static int ask_file(struct store_file *f, struct weir_db *db, struct weir_err *err)
{
	struct weir_db_stmt *s = weir_db_prepare(
		db,
		"SELECT finished, rows, first_start, first_end, last_end, filter_blocks FROM file",
		err);
	int rc = s == NULL ? -err->code : weir_db_step(s, err);
	bool finished = false;

	if (rc == 1) {
		finished = weir_db_i64(s, 0) != 0;
		f->rows = (uint64_t)weir_db_i64(s, 1);
		f->first_us = weir_db_i64(s, 2);
		f->end_us = weir_db_i64(s, 3);
		f->last_us = weir_db_i64(s, 4);
		f->blocks = weir_db_i64(s, 5);
	} else if (rc == 0) {
		rc = weir_err_set(err, EBADMSG, "%s: its table `file` is empty: move it away",
				  f->name);
	}
	weir_db_finish(s);
	if (rc < 0)
		return rc;
	f->state = finished ? STORE_FINISHED : STORE_UNFINISHED;
	f->summed = finished;
	return finished ? 0 : ask_unfinished(f, db, err);
}

/* What cannot be asked just now is not therefore bad. */
static uint8_t state_of(int rc)
{
	return rc == -EBADMSG || rc == -ENOTSUP || rc == -EPROTO ? STORE_BAD : STORE_UNFINISHED;
}

int store_catalog_ask(struct store_file *f, const char *dir, struct weir_err *err)
{
	char path[STORE_PATH_BYTES];
	struct weir_db_head head;
	struct weir_db *db;
	int rc = store_path(path, dir, f->name, err);

	if (rc != 0)
		return rc;
	ask_system(f, path);
	db = store_file_open(path, BUSY_MS, false, err);
	rc = db != NULL ? ask_file(f, db, err) : -err->code;
	weir_db_close(db);
	/* Summed up, but killed before it left WAL: not finished. */
	if (rc != 0 || (weir_db_look(path, &head, NULL) == 0 && head.wal))
		f->state = state_of(rc);
	return rc;
}

static bool has_suffix(const char *name, const char *suffix, char base[STORE_NAME_BYTES])
{
	size_t n = strlen(name), end = strlen(suffix);

	if (n < end || n - end >= STORE_NAME_BYTES || strcmp(name + n - end, suffix) != 0)
		return false;
	memcpy(base, name, n - end);
	base[n - end] = '\0';
	return true;
}

/* What a killed process left of a file that never was, or of one that was thrown away. */
static void remove_rest(const char *dir, const char *name)
{
	static const char *const suffixes[] = { ".new",     ".new-journal", ".new-wal",
						".new-shm", "-wal",         "-shm" };
	char base[STORE_NAME_BYTES], path[STORE_PATH_BYTES];
	int64_t start_s;
	uint32_t seq;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(suffixes); i++) {
		if (!has_suffix(name, suffixes[i], base) || !store_name_parse(base, &start_s, &seq))
			continue;
		if (i >= 4 && (store_path(path, dir, base, NULL) != 0 || access(path, F_OK) == 0))
			continue;
		if (store_path(path, dir, name, NULL) == 0)
			unlink(path);
	}
}

int store_catalog_scan(struct store_catalog *c, const char *dir, bool clean, struct weir_err *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct store_file *f;
	int64_t start_s;
	uint32_t seq;
	int rc = 0;

	if (d == NULL)
		return weir_err_set(err, errno, "%s: %s", dir, strerror(errno));
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (clean)
			remove_rest(dir, e->d_name);
		if (!store_name_parse(e->d_name, &start_s, &seq))
			continue;
		f = store_catalog_add(c, e->d_name);
		if (f == NULL)
			rc = weir_err_set(err, ENOMEM, "%s: no memory for its files", dir);
		else
			store_catalog_ask(f, dir, &f->trouble);
	}
	closedir(d);
	return rc;
}
