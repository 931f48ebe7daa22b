/* SPDX-License-Identifier: Apache-2.0 */
/* The texts an agent says of itself, bounded and in one piece: so that most calls compare, and are done. */
#include "site_priv.h"

#define TEXT_SIZE      256
#define EXCEPTION_SIZE 1024

static_assert(9 * TEXT_SIZE + EXCEPTION_SIZE <= FACTS_SIZE_MAX, "all of them at their longest");

size_t site_facts_pack(char *to, const struct site_facts *f)
{
	char *p = to;

	p += site_text_clean(p, TEXT_SIZE, f->host);
	p += site_text_clean(p, TEXT_SIZE, f->process_name);
	p += site_text_clean(p, TEXT_SIZE, f->revision);
	p += site_text_clean(p, TEXT_SIZE, f->k8s_image);
	p += site_text_clean(p, TEXT_SIZE, f->arch);
	p += site_text_clean(p, TEXT_SIZE, f->os);
	p += site_text_clean(p, TEXT_SIZE, f->kernel);
	p += site_text_clean(p, EXCEPTION_SIZE, f->exception_text);
	/* One that is no id of a cluster is none. */
	p += site_text_clean(p, TEXT_SIZE,
			     f->cluster_id != NULL && site_is_cluster_id(f->cluster_id)
				     ? f->cluster_id
				     : "");
	return (size_t)(p - to);
}

static const char *next(const char **p)
{
	const char *text = *p;

	*p += strlen(text) + 1;
	return text;
}

void site_facts_point(struct site_facts *f, const char *packed)
{
	f->host = next(&packed);
	f->process_name = next(&packed);
	f->revision = next(&packed);
	f->k8s_image = next(&packed);
	f->arch = next(&packed);
	f->os = next(&packed);
	f->kernel = next(&packed);
	f->exception_text = next(&packed);
	f->cluster_id = next(&packed);
}
