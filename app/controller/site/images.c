/* SPDX-License-Identifier: Apache-2.0 */
/* Upgrade images: a row each, and a file. The file is there before its row, and goes after it. */
#include "site_priv.h"

#include <openssl/evp.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGES_MAX 1000

const char *site_image_dir(const struct site *s)
{
	return s->image_dir;
}

const struct site_image *site_image_next(const struct site *s, const struct site_image *after)
{
	const struct image *i = after != NULL ? TAILQ_NEXT((const struct image *)after, link)
					      : TAILQ_FIRST(&s->images);

	return i != NULL ? &i->pub : NULL;
}

const struct site_image *site_image_named(const struct site *s, const char *name)
{
	const struct image *i;

	TAILQ_FOREACH(i, &s->images, link)
		if (strcmp(i->pub.name, name) == 0)
			return &i->pub;
	return NULL;
}

static void image_free(void *p)
{
	struct image *i = p;

	free(i->texts);
	free(i);
}

static const char *or_none(const char *text)
{
	return text != NULL ? text : "";
}

/* With copies of its texts; `file` below the images. */
static struct image *image_make(const struct site *s, const struct site_image *from,
				const char *file)
{
	const char *const texts[] = {
		from->name,
		or_none(from->arch),
		or_none(from->os),
		or_none(from->branch),
		or_none(from->rev_count),
		or_none(from->commit_id),
		or_none(from->k8s_image),
	};
	size_t bytes = strlen(s->image_dir) + strlen(file) + 2;
	struct image *i = calloc(1, sizeof(*i));
	char *p;

	for (size_t t = 0; t < WEIR_ARRAY_SIZE(texts); t++)
		bytes += strlen(texts[t]) + 1;
	if (i == NULL || (i->texts = p = malloc(bytes)) == NULL) {
		free(i);
		return NULL;
	}
	i->pub = *from;
	i->pub.name = site_put(&p, texts[0]);
	i->pub.arch = site_put(&p, texts[1]);
	i->pub.os = site_put(&p, texts[2]);
	i->pub.branch = site_put(&p, texts[3]);
	i->pub.rev_count = site_put(&p, texts[4]);
	i->pub.commit_id = site_put(&p, texts[5]);
	i->pub.k8s_image = site_put(&p, texts[6]);
	sprintf(p, "%s/%s", s->image_dir, file);
	i->pub.path = p;
	return i;
}

static int load_one(void *ctx, struct weir_db_stmt *row)
{
	struct site *s = ctx;
	struct site_image from = {
		.name = weir_db_text(row, 0),
		.arch = weir_db_text(row, 1),
		.os = weir_db_text(row, 2),
		.branch = weir_db_text(row, 3),
		.rev_count = weir_db_text(row, 4),
		.commit_id = weir_db_text(row, 5),
		.k8s_image = weir_db_text(row, 6),
		.bytes = (uint64_t)weir_db_i64(row, 8),
		.updated_s = (uint64_t)weir_db_i64(row, 9),
	};
	struct image *i;

	site_text_clean(from.md5, sizeof(from.md5), weir_db_text(row, 10));
	i = image_make(s, &from, weir_db_text(row, 7));
	if (i == NULL)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&s->images, i, link);
	if (access(i->pub.path, R_OK) != 0)
		weir_log_about(WEIR_LOG_WARN, "image", i->pub.name,
			       "its file is not there, so nobody can be upgraded to it: %s: %s; "
			       "delete the image and load it again",
			       i->pub.path, strerror(errno));
	return 0;
}

/* What was being sent when the controller ended. */
static void uploads_clear(const struct site *s)
{
	DIR *d = opendir(s->image_dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, SITE_UPLOAD_PREFIX, strlen(SITE_UPLOAD_PREFIX)) == 0)
			unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
}

int site_images_load(struct site *s, struct weir_err *err)
{
	int rc = site_rows(&s->sql,
			   "SELECT name, arch, os, branch, rev_count, commit_id, k8s_image, file,"
			   " bytes, updated_s, md5 FROM image ORDER BY name",
			   NULL, 0, load_one, s, err);

	uploads_clear(s);
	return rc == -ENOMEM ? weir_err_set(err, ENOMEM, "no memory for images") : rc;
}

void site_images_free(struct site *s)
{
	struct image *i;

	while ((i = TAILQ_FIRST(&s->images)) != NULL) {
		TAILQ_REMOVE(&s->images, i, link);
		image_free(i);
	}
}

/* ------------------------------------------------------------------ changes */

static int check_new(const struct site *s, const struct site_image *image, struct weir_err *err)
{
	unsigned int n = 0;
	const struct image *i;
	int rc = site_name_check("image", image->name, err);

	if (rc != 0)
		return rc;
	if (site_image_named(s, image->name) != NULL)
		return weir_err_set(
			err, EEXIST,
			"image %s: there is one of this name: delete it first, or choose "
			"another name",
			image->name);
	TAILQ_FOREACH(i, &s->images, link)
		n++;
	return n < IMAGES_MAX ? 0
			      : weir_err_set(err, ENOSPC,
					     "image %s: there are %u images, and no more than that "
					     "are kept: delete one that is not used",
					     image->name, n);
}

static bool file_md5(FILE *f, char hex[33])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t buffer[65536], sum[EVP_MAX_MD_SIZE];
	bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_md5(), NULL) == 1;
	size_t n;

	while (ok && (n = fread(buffer, 1, sizeof(buffer), f)) > 0)
		ok = EVP_DigestUpdate(md, buffer, n) == 1;
	ok = ok && !ferror(f) && EVP_DigestFinal_ex(md, sum, NULL) == 1;
	for (unsigned int i = 0; ok && i < 16; i++)
		sprintf(hex + (size_t)2 * i, "%02x", sum[i]);
	EVP_MD_CTX_free(md);
	return ok;
}

/* Its size and, where it is not known, its sum; and it is on the disk. */
static int file_look(struct site_image *image, const char *path, struct weir_err *err)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	int code = 0;

	if (f == NULL)
		return weir_err_set(err, errno, "image %s: %s: %s", image->name, path,
				    strerror(errno));
	if (fstat(fileno(f), &st) != 0 || fsync(fileno(f)) != 0)
		code = errno;
	else if (!S_ISREG(st.st_mode) || st.st_size == 0)
		code = EINVAL;
	else if (image->md5[0] == '\0' && !file_md5(f, image->md5))
		code = EIO;
	fclose(f);
	if (code != 0)
		return weir_err_set(err, code, "image %s: %s: %s", image->name, path,
				    code == EINVAL ? "it is empty or no file" : strerror(code));
	image->bytes = (uint64_t)st.st_size;
	return 0;
}

static int commit_new(struct site *s, const struct site_actor *by, const struct site_image *i,
		      const char *file, struct weir_err *err)
{
	struct site_change c;

	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run(&c,
			"INSERT INTO image (name, arch, os, branch, rev_count, commit_id,"
			" k8s_image, file, bytes, updated_s, md5)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			site_text(i->name), site_text(i->arch), site_text(i->os),
			site_text(i->branch), site_text(i->rev_count), site_text(i->commit_id),
			site_text(i->k8s_image), site_text(file), site_number((int64_t)i->bytes),
			site_number((int64_t)i->updated_s), site_text(i->md5));
	site_change_note(&c, by, "repo agent create", i->name,
			 json_pack("{s:s,s:I}", "md5", i->md5, "bytes", (json_int_t)i->bytes));
	return site_change_end(&c);
}

int site_image_add(struct site *s, const struct site_actor *by, const struct site_image *image,
		   const char *path, struct weir_err *err)
{
	struct site_image from = *image;
	char file[SITE_UUID_SIZE];
	struct image *i;
	int rc = check_new(s, image, err);

	if (rc == 0)
		rc = file_look(&from, path, err);
	if (rc != 0)
		return rc;
	site_uuid_random(file);
	from.updated_s = site_now_s();
	i = image_make(s, &from, file);
	if (i == NULL)
		return weir_err_set(err, ENOMEM, "no memory for an image");
	if (rename(path, i->pub.path) != 0)
		rc = weir_err_set(err, errno, "image %s: %s: %s", image->name, i->pub.path,
				  strerror(errno));
	else
		rc = commit_new(s, by, &i->pub, file, err);
	if (rc == 0) {
		TAILQ_INSERT_TAIL(&s->images, i, link);
		return 0;
	}
	rename(i->pub.path, path); /* as it was */
	image_free(i);
	return rc;
}

/* Nobody waits for it any more. */
static void upgrades_cancel(struct site *s, const char *name)
{
	for (uint32_t id = 1; id <= s->last_id; id++) {
		struct agent *a = s->agents[id];

		if (a == NULL || strcmp(a->wanted_image, name) != 0)
			continue;
		a->wanted_image[0] = a->wanted_revision[0] = '\0';
		site_tell_agent(s, a);
	}
}

int site_image_delete(struct site *s, const struct site_actor *by, const struct site_image *pub,
		      struct weir_err *err)
{
	struct image *i = (struct image *)(uintptr_t)pub;
	struct site_change c;
	int rc;

	site_change_begin(&c, &s->sql, SITE_DURABLE, err);
	site_change_run(&c, "DELETE FROM image WHERE name = ?", site_text(pub->name));
	site_change_run(&c,
			"UPDATE agent SET wanted_image = '', wanted_revision = ''"
			" WHERE wanted_image = ?",
			site_text(pub->name));
	site_change_note(&c, by, "repo agent delete", pub->name, NULL);
	rc = site_change_end(&c);
	if (rc != 0)
		return rc;
	unlink(pub->path);
	upgrades_cancel(s, pub->name);
	TAILQ_REMOVE(&s->images, i, link);
	site_bury(s, i, image_free);
	return 0;
}
