/* SPDX-License-Identifier: Apache-2.0 */
/* What configurations of libconfig's grammar have in common, whichever table: defaults, lines, reports of rules. */
#include "conf_priv.h"

#include <errno.h>
#include <stdarg.h>

static void *at(const void *conf, size_t offset)
{
	return (char *)(uintptr_t)conf + offset;
}

struct weir_conf_mem **weir_conf_mem(const struct conf_kind *kind, void *conf)
{
	return at(conf, kind->mem);
}

struct weir_conf_origin **weir_conf_origin(const struct conf_kind *kind, void *conf)
{
	return at(conf, kind->origin);
}

const struct conf_given **weir_conf_given(const struct conf_kind *kind, const void *conf)
{
	return at(conf, kind->given);
}

int weir_conf_kind_defaults(const struct conf_kind *kind, void *out)
{
	struct weir_conf_mem **mem = weir_conf_mem(kind, out);
	struct weir_conf_origin *origin;
	int rc;

	memset(out, 0, kind->size);
	origin = weir_conf_mem_take(mem, kind->table->n * sizeof(*origin));
	*weir_conf_origin(kind, out) = origin;
	rc = origin == NULL ? -ENOMEM : weir_conf_defaults_fill(kind->table, out, mem);
	if (rc < 0)
		weir_conf_kind_free(kind, out);
	return rc;
}

void weir_conf_kind_free(const struct conf_kind *kind, void *conf)
{
	weir_conf_mem_free(weir_conf_mem(kind, conf));
	memset(conf, 0, kind->size);
}

static const struct conf_given *given_find(const struct conf_kind *kind, const void *conf,
					   const void *field, uint32_t element)
{
	const size_t offset = (size_t)((const char *)field - (const char *)conf);
	const struct conf_given *g = *weir_conf_given(kind, conf);

	while (g != NULL && (g->offset != offset || g->element != element))
		g = g->next;
	return g;
}

uint32_t weir_conf_given_line(const struct conf_kind *kind, const void *conf, const void *field,
			      uint32_t element)
{
	const struct conf_given *g = given_find(kind, conf, field, element);

	if (g == NULL)
		g = given_find(kind, conf, field, CONF_WHOLE);
	return g != NULL ? g->line : 0;
}

bool weir_conf_is_wrong(const struct conf_report *r, const void *field)
{
	const struct conf_given *g = given_find(r->kind, r->conf, field, CONF_WHOLE);

	return g != NULL && g->wrong;
}

void weir_conf_mistake_at(const struct conf_report *r, const void *field, uint32_t element,
			  const char *fmt, ...)
{
	char msg[sizeof(r->errs->items[0].msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	weir_err_list_add(r->errs, false, r->name,
			  weir_conf_given_line(r->kind, r->conf, field, element), 0, "%s", msg);
}
