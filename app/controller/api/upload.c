/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image on its way: its bytes go to a file beside the images as they come, the fields of a form are kept. It becomes an
 * image when all of it is there and who sent it may; else nothing of it stays.
 */
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void write_all(struct upload *u, const char *bytes, size_t n)
{
	while (n > 0 && u->failed == 0) {
		ssize_t written = write(u->fd, bytes, n);

		if (written < 0) {
			u->failed = errno == EINTR ? 0 : errno;
			continue;
		}
		bytes += written;
		n -= (size_t)written;
		u->bytes += (uint64_t)written;
	}
}

static void take_part(void *ctx, const char *name, const char *bytes, size_t n)
{
	static const char *const names[] = {
#define UPLOAD_FIELD(field, name) name,
#include "upload.def"
	};
	struct upload *u = ctx;
	size_t used;

	if (strcmp(name, "IMAGE") == 0) {
		write_all(u, bytes, n);
		return;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		used = strlen(u->fields[i]);
		if (n >= sizeof(u->fields[i]) - used || memchr(bytes, '\0', n) != NULL)
			u->failed = EINVAL;
		else
			memcpy(u->fields[i] + used, bytes, n); /* zeroed behind */
	}
}

static struct upload *begin(struct api *a, const struct weir_http_request *rq)
{
	const struct api_row *row = rq->route->row;
	struct upload *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	snprintf(u->path, sizeof(u->path), "%s/" SITE_UPLOAD_PREFIX "%016llx",
		 site_image_dir(a->site), (unsigned long long)weir_random_u64());
	u->fd = open(u->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (u->fd < 0)
		u->failed = errno;
	u->form.data = take_part;
	u->form.ctx = u;
	u->is_form = row->family == API_DEEPFLOW;
	if (u->is_form && !multipart_begin(&u->form, weir_http_header(rq, "Content-Type")))
		u->failed = EBADMSG;
	return u;
}

void api_upload_take(void *ctx, struct weir_http_request *rq, const char *bytes, size_t n)
{
	struct upload *u;

	if (rq->user == NULL)
		rq->user = begin(ctx, rq);
	u = rq->user;
	if (u == NULL || u->failed != 0)
		return;
	if (u->is_form)
		multipart_take(&u->form, bytes, n);
	else
		write_all(u, bytes, n);
}

void api_upload_over(void *ctx, struct weir_http_request *rq)
{
	struct upload *u = rq->user;

	(void)ctx;
	if (u->fd >= 0)
		close(u->fd);
	unlink(u->path); /* has another name by now where it became an image */
	free(u);
	rq->user = NULL;
}

bool upload_is_whole(struct call *c, const struct upload *u)
{
	if (u == NULL)
		api_fail(c, EBADMSG, "the body is empty");
	else if (u->failed == EBADMSG || (u->is_form && u->form.state != MULTIPART_OVER))
		api_fail(c, EBADMSG, "the body is no whole form: multipart/form-data");
	else if (u->failed == EINVAL)
		api_fail(c, EINVAL, "a field of the form is longer than %d bytes",
			 UPLOAD_FIELD_MAX);
	else if (u->failed != 0)
		api_fail(c, u->failed, "the image cannot be kept: %s", strerror(u->failed));
	else if (u->bytes == 0)
		api_fail(c, EBADMSG, "the image is empty");
	else
		return true;
	return false;
}
