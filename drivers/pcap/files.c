/* SPDX-License-Identifier: Apache-2.0 */
/* Which captures a command line means. */
#include "pcap_priv.h"

#include <weir_source_pcap.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SKIPPED_SHOWN 10
#define DEPTH_MAX     32

struct search {
	struct weir_pcap_files *out;
	size_t cap;
	size_t skipped; /* files in directories that are no captures */
	struct weir_err *err;
};

/* The first bytes of a file, unpacked. 0 = it is a capture. */
static int look(const char *path, struct weir_err *err)
{
	uint8_t head[FILE_HEADER_BYTES];
	struct weir_pcap_input in;
	ssize_t n;
	int rc = weir_pcap_input_open(&in, path, true, err);

	if (rc != 0)
		return rc;
	n = weir_pcap_input_read(&in, head, sizeof(head), err);
	weir_pcap_input_close(&in);
	if (n < 0)
		return (int)n;
	return weir_pcap_is_capture(head, (size_t)n) ? 0
						     : weir_pcap_refuse(path, head, (size_t)n, err);
}

static int add(struct search *s, const char *path)
{
	struct weir_pcap_files *out = s->out;
	char **grown;

	if (out->n == s->cap) {
		s->cap = s->cap > 0 ? s->cap * 2 : 64;
		grown = realloc(out->paths, s->cap * sizeof(*grown));
		if (grown == NULL)
			return weir_err_set(s->err, ENOMEM, "%s: no memory for its name", path);
		out->paths = grown;
	}
	out->paths[out->n] = strdup(path);
	if (out->paths[out->n] == NULL)
		return weir_err_set(s->err, ENOMEM, "%s: no memory for its name", path);
	out->n++;
	return 0;
}

/* Of what look() says: it is something else. All other errors may keep a capture from us. */
static bool is_something_else(int code)
{
	switch (code) {
	case EINVAL:  /* its first bytes, or no regular file */
	case ENODATA: /* it is shorter than any */
	case EILSEQ:  /* not gzip either */
	case ENOENT:  /* a link to nothing */
	case ELOOP:   /* a link to itself */
	case ENXIO:   /* a socket */
		return true;
	default:
		return false;
	}
}

static int found(struct search *s, const char *path)
{
	struct weir_err why;

	if (look(path, &why) == 0)
		return add(s, path);
	if (!is_something_else(why.code))
		return weir_err_set(s->err, why.code, "%s", why.msg);
	if (s->skipped++ < SKIPPED_SHOWN)
		weir_log(WEIR_LOG_INFO, "skipped: %s", why.msg);
	return 0;
}

static int is_shown(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int directory(struct search *s, const char *path, int depth);

static int below(struct search *s, const char *path, int depth)
{
	struct stat st;

	if (lstat(path, &st) != 0 ||
	    !S_ISDIR(st.st_mode)) /* links to directories are not followed */
		return found(s, path);
	return depth < DEPTH_MAX ? directory(s, path, depth + 1) : 0;
}

static int directory(struct search *s, const char *path, int depth)
{
	struct dirent **names;
	char *sub;
	int n = scandir(path, &names, is_shown, alphasort), rc = 0;

	if (n < 0)
		return weir_err_set(s->err, errno, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (rc == 0) {
			if (asprintf(&sub, "%s/%s", path, names[i]->d_name) < 0) {
				rc = weir_err_set(s->err, ENOMEM, "%s: no memory", path);
			} else {
				rc = below(s, sub, depth);
				free(sub);
			}
		}
		free(names[i]);
	}
	free(names);
	return rc;
}

static int named(struct search *s, const char *path)
{
	struct stat st;
	size_t before = s->out->n;
	int rc;

	if (strcmp(path, "-") == 0)
		return weir_err_set(s->err, EINVAL,
				    "-: captures are read from files, not from standard input");
	if (stat(path, &st) != 0)
		return weir_err_set(s->err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		rc = look(path, s->err);
		return rc == 0 ? add(s, path) : rc;
	}
	rc = directory(s, path, 0);
	if (rc == 0 && s->out->n == before)
		rc = weir_err_set(s->err, ENOENT, "%s: no capture is in this directory", path);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int weir_pcap_files_find(struct weir_pcap_files *out, const char *const *args, size_t n,
			 struct weir_err *err)
{
	struct search s = { .out = out, .err = err };
	int rc = 0;

	*out = (struct weir_pcap_files){ 0 };
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = named(&s, args[i]);
	if (s.skipped > SKIPPED_SHOWN)
		weir_log(WEIR_LOG_INFO, "skipped: %zu more files that are no captures",
			 s.skipped - SKIPPED_SHOWN);
	if (rc != 0)
		weir_pcap_files_free(out);
	else if (out->n > 0)
		qsort(out->paths, out->n, sizeof(*out->paths), by_name);
	return rc;
}

void weir_pcap_files_free(struct weir_pcap_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		free(files->paths[i]);
	free(files->paths);
	*files = (struct weir_pcap_files){ 0 };
}
