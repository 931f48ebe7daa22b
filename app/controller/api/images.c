/* SPDX-License-Identifier: Apache-2.0 */
/* Upgrade images, and agents that are to have one: DeepFlow's vtap-repo and upgrade, and /api/v1. */
#include "upload.h"

#include <errno.h>

static void put_repo(struct out *o, const struct site_image *i)
{
	api_out_open(o, NULL, '{');
	api_out_text(o, "NAME", i->name);
	api_out_text(o, "ARCH", i->arch);
	api_out_text(o, "OS", i->os);
	api_out_text(o, "BRANCH", i->branch);
	api_out_text(o, "REV_COUNT", i->rev_count);
	api_out_text(o, "COMMIT_ID", i->commit_id);
	api_out_text(o, "K8S_IMAGE", i->k8s_image);
	api_out_time(o, "UPDATED_AT", i->updated_s);
	api_out_close(o, '}');
}

static void put_image(struct out *o, const struct site_image *i)
{
	api_out_open(o, NULL, '{');
	api_out_text(o, "name", i->name);
	api_out_text(o, "arch", i->arch);
	api_out_text(o, "os", i->os);
	api_out_text(o, "branch", i->branch);
	api_out_text(o, "rev_count", i->rev_count);
	api_out_text(o, "commit_id", i->commit_id);
	api_out_text(o, "k8s_image", i->k8s_image);
	api_out_number(o, "bytes", i->bytes);
	api_out_text(o, "md5", i->md5);
	api_out_rfc3339(o, "updated_at", i->updated_s);
	api_out_close(o, '}');
}

static void list(struct call *c, void (*put)(struct out *o, const struct site_image *i))
{
	const struct site_image *i = NULL;

	api_begin(c);
	api_out_open(&c->out, NULL, '[');
	while ((i = site_image_next(c->api->site, i)) != NULL)
		put(&c->out, i);
	api_out_close(&c->out, ']');
	api_end(c);
}

void api_deepflow_images(struct call *c)
{
	list(c, put_repo);
}

void api_own_images(struct call *c)
{
	list(c, put_image);
}

static void add(struct call *c, const struct site_image *image,
		void (*put)(struct out *o, const struct site_image *i))
{
	const struct upload *u = c->rq->user;
	struct weir_err err = { 0 };
	int rc = site_image_add(c->api->site, &c->by, image, u->path, &err);

	if (rc < 0) {
		api_fail_err(c, rc, &err);
		return;
	}
	api_begin(c);
	put(&c->out, site_image_named(c->api->site, image->name));
	api_end(c);
}

static bool all_utf8(const struct upload *u)
{
	for (size_t i = 0; i < UPLOAD_FIELDS; i++)
		if (!api_is_utf8(u->fields[i]))
			return false;
	return true;
}

void api_deepflow_image_add(struct call *c)
{
	const struct upload *u = c->rq->user;

	if (!upload_is_whole(c, u))
		return;
	if (!all_utf8(u)) {
		api_fail(c, EINVAL, "a field of the form is no UTF-8");
		return;
	}
	add(c,
	    &(struct site_image){
#define UPLOAD_FIELD(field, name) .field = u->fields[UPLOAD_##field],
#include "upload.def"
	    },
	    put_repo);
}

static const char *query_or_none(const struct call *c, const char *name)
{
	const char *value = weir_http_query(c->rq, name);

	return value != NULL ? value : "";
}

void api_own_image_add(struct call *c)
{
	const struct upload *u = c->rq->user;

	if (!upload_is_whole(c, u))
		return;
	add(c,
	    &(struct site_image){
		    .name = c->rq->params[0],
		    .arch = query_or_none(c, "arch"),
		    .os = query_or_none(c, "os"),
		    .branch = query_or_none(c, "branch"),
		    .rev_count = query_or_none(c, "rev_count"),
		    .commit_id = query_or_none(c, "commit_id"),
		    .k8s_image = query_or_none(c, "k8s_image"),
	    },
	    put_image);
}

static void delete_named(struct call *c, const char *name)
{
	const struct site_image *i = site_image_named(c->api->site, name);
	struct weir_err err = { 0 };
	int rc;

	if (i == NULL) {
		api_fail(c, ENOENT, "image %s: there is none of this name", name);
		return;
	}
	rc = site_image_delete(c->api->site, &c->by, i, &err);
	if (rc < 0)
		api_fail_err(c, rc, &err);
	else
		api_done(c);
}

void api_image_delete(struct call *c)
{
	delete_named(c, c->rq->params[0]);
}

void api_deepflow_image_delete(struct call *c)
{
	const json_t *body = api_body(c);

	if (body != NULL)
		delete_named(c, api_body_text(body, "IMAGE_NAME"));
}

/* ------------------------------------------------------------------ agents that are to have one */

static void want(struct call *c, const char *image)
{
	const struct site_agent *a = api_agent(c, c->rq->params[0]);
	struct site_agent_change change = SITE_AGENT_CHANGE_NONE;
	struct weir_err err = { 0 };
	int rc;

	if (a == NULL)
		return;
	change.image = image;
	rc = site_agent_update(c->api->site, &c->by, a, &change, &err);
	if (rc < 0)
		api_fail_err(c, rc, &err);
	else
		api_done(c);
}

/* By the image's name; DeepFlow's ctl of old sends a path, whose last part it is. */
void api_deepflow_upgrade(struct call *c)
{
	const json_t *body = api_body(c);
	const char *name, *slash;

	if (body == NULL)
		return;
	name = api_body_text(body, "IMAGE_NAME");
	if (name[0] == '\0')
		name = api_body_text(body, "UPGRADE_PACKAGE");
	slash = strrchr(name, '/');
	if (site_image_named(c->api->site, name) == NULL && slash != NULL)
		name = slash + 1;
	if (name[0] == '\0')
		api_fail(c, EINVAL, "image_name: which image?");
	else
		want(c, name);
}

void api_deepflow_upgrade_cancel(struct call *c)
{
	want(c, "");
}
