/* SPDX-License-Identifier: Apache-2.0 */
/* The first 100 bytes of a file: https://www.sqlite.org/fileformat2.html, 1.3. */
#include "db_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 100
#define MAGIC      "SQLite format 3" /* with its NUL 16 bytes */
#define PATH_BYTES 4096

enum {
	AT_PAGE_BYTES = 16,
	AT_WRITE_VERSION = 18, /* 2 = WAL */
	AT_CHANGES = 24,
	AT_PAGES = 28,
	AT_USER_VERSION = 60,
	AT_APPLICATION_ID = 68,
	AT_VALID_FOR = 92 /* AT_PAGES is right while this equals AT_CHANGES */
};

/* A transaction that was cut off is still to be taken back: the length says nothing yet. */
static bool has_journal(const char *path)
{
	char journal[PATH_BYTES];

	return snprintf(journal, sizeof(journal), "%s-journal", path) < (int)sizeof(journal) &&
	       access(journal, F_OK) == 0;
}

static int check_length(const char *path, const uint8_t *p, const struct weir_db_head *h,
			uint64_t bytes, struct weir_err *err)
{
	uint64_t want = (uint64_t)h->pages * h->page_bytes;

	if (h->wal || h->pages == 0 || memcmp(p + AT_CHANGES, p + AT_VALID_FOR, 4) != 0 ||
	    bytes >= want || has_journal(path))
		return 0;
	return weir_err_set(err, EBADMSG,
			    "%s: it was cut: %llu of %llu bytes are left; move it away", path,
			    (unsigned long long)bytes, (unsigned long long)want);
}

/*
 * Through SQLite's own layer: a file that is closed past it takes with it every lock this process has on it,
 * whoever is writing there (https://www.sqlite.org/howtocorrupt.html, 2.2).
 */
static int read_through(sqlite3_vfs *vfs, const char *path, uint8_t *p, uint64_t *bytes,
			struct weir_err *err)
{
	sqlite3_filename name = sqlite3_create_filename(path, "", "", 0, NULL);
	sqlite3_file *f = calloc(1, (size_t)vfs->szOsFile);
	sqlite3_int64 size = 0;
	int rc = SQLITE_NOMEM;

	if (name != NULL && f != NULL)
		rc = vfs->xOpen(vfs, name, f, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, NULL);
	if (rc == SQLITE_OK)
		rc = f->pMethods->xFileSize(f, &size);
	if (rc == SQLITE_OK)
		rc = f->pMethods->xRead(f, p, HEAD_BYTES, 0);
	if (rc == SQLITE_IOERR_SHORT_READ)
		rc = SQLITE_OK; /* the rest is 0 */
	if (f != NULL && f->pMethods != NULL)
		f->pMethods->xClose(f);
	free(f);
	sqlite3_free_filename(name);
	*bytes = (uint64_t)size;
	if (rc == SQLITE_OK)
		return 0;
	return weir_err_set(err,
			    rc == SQLITE_NOMEM ? ENOMEM
			    : errno != 0       ? errno
					       : EIO,
			    "%s: %s", path, errno != 0 ? strerror(errno) : sqlite3_errstr(rc));
}

static int read_head(const char *path, uint8_t *p, uint64_t *bytes, struct weir_err *err)
{
	struct stat st;
	int rc;

	if (stat(path, &st) != 0)
		return weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode)) /* a FIFO is not waited for */
		return weir_err_set(err, EBADMSG, "%s: this is no regular file: move it away",
				    path);
	errno = 0;
	rc = read_through(sqlite3_vfs_find(NULL), path, p, bytes, err);
	if (rc == 0 && (*bytes < HEAD_BYTES || memcmp(p, MAGIC, sizeof(MAGIC)) != 0))
		return weir_err_set(err, EBADMSG, "%s: this is no SQLite file: move it away", path);
	return rc;
}

int weir_db_look(const char *path, struct weir_db_head *head, struct weir_err *err)
{
	uint8_t p[HEAD_BYTES] = { 0 };
	uint64_t bytes = 0;
	int rc = read_head(path, p, &bytes, err);

	if (rc != 0)
		return rc;
	head->page_bytes = weir_be16(p + AT_PAGE_BYTES);
	if (head->page_bytes == 1)
		head->page_bytes = 65536;
	head->pages = weir_be32(p + AT_PAGES);
	head->application_id = weir_be32(p + AT_APPLICATION_ID);
	head->version = weir_be32(p + AT_USER_VERSION);
	head->wal = p[AT_WRITE_VERSION] == 2;
	return check_length(path, p, head, bytes, err);
}
