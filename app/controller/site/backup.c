/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of the state while it is used, and back again while it is not. What was there before is kept beside it;
 * at every moment there is one whole state under the name that counts.
 */
#include "lock.h"
#include "schema.h"
#include "site_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static int no_name(const char *path, int code, struct weir_err *err)
{
	return weir_err_set(err, code, "%s: %s", path, strerror(code));
}

/* On the disk: the file, or the directory whose entries have changed. */
static int sync_path(const char *path, struct weir_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int code = fd < 0 || fsync(fd) != 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return code != 0 ? no_name(path, code, err) : 0;
}

static int note_backup(struct site *s, const struct site_actor *by, const char *path,
		       struct weir_err *err)
{
	struct site_change c;

	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_note(&c, by, "backup", path, NULL);
	return site_change_end(&c);
}

int site_backup(struct site *s, const struct site_actor *by, const char *path, struct weir_err *err)
{
	const struct site_value to = site_text(path);
	mode_t old;
	int rc;

	if (access(path, F_OK) == 0)
		return weir_err_set(err, EEXIST, "%s: that is there already: choose another name",
				    path);
	rc = site_keep_all(s, err); /* what agents said last goes with it */
	if (rc == 0)
		rc = note_backup(s, by, path, err);
	if (rc != 0)
		return rc;
	old = umask(0077); /* it holds what tokens are known by */
	rc = site_rows(&s->sql, "VACUUM INTO ?", &to, 1, NULL, NULL, err);
	umask(old);
	if (rc == 0)
		rc = sync_path(path, err);
	if (rc != 0)
		unlink(path); /* half of one */
	return rc;
}

/* ------------------------------------------------------------------ restore */

static const struct weir_db_conf *conf_of(const char *path, uint32_t flags)
{
	static struct weir_db_conf conf;

	conf = (struct weir_db_conf){
		.path = path, .schema = &site_schema, .flags = flags, .busy_ms = 1000
	};
	return &conf;
}

static int first_text(void *ctx, struct weir_db_stmt *row)
{
	site_text_clean(ctx, 200, weir_db_text(row, 0));
	return 0;
}

/* It is a state of this weir or an older one, and whole. */
static int check_whole(const char *path, struct weir_err *err)
{
	struct site_sql sql = { .db = weir_db_open(conf_of(path, WEIR_DB_READ), err) };
	char says[200] = "";
	int rc;

	if (sql.db == NULL)
		return -err->code;
	rc = site_rows(&sql, "PRAGMA integrity_check(1)", NULL, 0, first_text, says, err);
	if (rc == 0 && strcmp(says, "ok") != 0)
		rc = weir_err_set(err, EBADMSG, "%s: it is damaged: %s; take another backup", path,
				  says);
	weir_db_close(sql.db);
	return rc;
}

static int copy_bytes(int from, int to)
{
	ssize_t n;

	do
		n = sendfile(to, from, NULL, 1U << 30);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 || fsync(to) != 0 ? errno : 0;
}

static int copy(const char *path, const char *new, const char *dir, struct weir_err *err)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = from >= 0 ? open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	int code = from < 0 || to < 0 ? errno : copy_bytes(from, to);

	if (code == 0)
		code = -site_give(to, dir);

	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return code != 0 ? weir_err_set(err, code, "%s: cannot be copied to %s: %s", path, new,
					strerror(code))
			 : 0;
}

/* Whatever lies in the journal goes into the file, which then stands alone. */
static int settle(const char *path, struct weir_err *err)
{
	struct weir_db *db = weir_db_open(conf_of(path, 0), err);

	if (db == NULL)
		return -err->code;
	weir_db_close(db);
	return 0;
}

struct paths {
	char state[PATH_MAX], new[PATH_MAX], aside[PATH_MAX];
};

/* The present state under another name as well; its journal, where it could not be settled, under that only. */
static int keep_aside(const struct paths *p, struct weir_err *err)
{
	static const char *const ends[] = { "-wal", "-shm" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ends); i++) {
		char from[PATH_MAX + 8], to[PATH_MAX + 8];

		snprintf(from, sizeof(from), "%s%s", p->state, ends[i]);
		snprintf(to, sizeof(to), "%s%s", p->aside, ends[i]);
		if (rename(from, to) != 0 && errno != ENOENT)
			return no_name(to, errno, err);
	}
	return link(p->state, p->aside) != 0 ? no_name(p->aside, errno, err) : 0;
}

static int check_present(const struct paths *p, bool force, struct weir_err *err)
{
	struct weir_err why = { 0 };

	if (!force)
		return weir_err_set(err, EEXIST,
				    "%s: there is a state already: with --force it is kept aside, "
				    "and the backup takes its place",
				    p->state);
	if (settle(p->state, &why) != 0)
		weir_log(WEIR_LOG_WARN, "the present state is kept aside as it is: %s", why.msg);
	return keep_aside(p, err);
}

static int take_place(const char *dir, const char *path, bool force, struct weir_err *err)
{
	struct paths p;
	int rc;

	if (snprintf(p.state, sizeof(p.state), "%s/" SITE_FILE, dir) >= PATH_MAX - 64)
		return weir_err_set(err, ENAMETOOLONG, "%s: the path is too long", dir);
	snprintf(p.new, sizeof(p.new), "%s/" SITE_FILE ".restored", dir);
	snprintf(p.aside, sizeof(p.aside), "%s/" SITE_FILE ".before-%llu", dir,
		 (unsigned long long)(weir_clock_wall_ns() / WEIR_NS_PER_MS));
	rc = copy(path, p.new, dir, err);
	if (rc == 0)
		rc = check_whole(p.new, err);
	if (rc == 0 && access(p.state, F_OK) == 0)
		rc = check_present(&p, force, err);
	if (rc == 0 && rename(p.new, p.state) != 0)
		rc = no_name(p.state, errno, err);
	if (rc == 0)
		return sync_path(dir, err);
	unlink(p.new);
	return rc;
}

int site_restore(const char *dir, const char *path, bool force, struct weir_err *err)
{
	struct weir_err own = { 0 };
	int lock, rc;

	err = err != NULL ? err : &own;
	rc = check_whole(path, err);
	if (rc != 0)
		return rc;
	lock = site_lock(dir, err);
	if (lock < 0)
		return lock;
	rc = take_place(dir, path, force, err);
	close(lock);
	return rc;
}
