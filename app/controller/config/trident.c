/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents of the older dialect are sent: trident.Config (control plane, 1.7), made by the table that weir's agent reads
 * it with. All fields that are settings are in it, also where they have their defaults: those of proto2 and those of older
 * agents are others than a group's.
 */
#include "config_priv.h"
#include "form.h"
#include "nest.h"

#include <stdlib.h>
#include <trident.pb-c.h>

#define LIST_MAX 256

struct maker {
	const struct config_source *s;
	Trident__Config c;
	uint32_t lists[8][LIST_MAX];
	unsigned int n_lists;
};

static const struct weir_conf_row *row_of(const char *name, struct weir_conf_twist *twist)
{
	const struct weir_conf_row *row = weir_conf_row_at(&weir_group_table, name, twist);

	assert(row != NULL);
	return row;
}

static const void *field_of(const struct maker *m, const struct weir_conf_row *row)
{
	return (const char *)m->s->conf + row->offset;
}

static uint64_t number(const struct maker *m, const char *name)
{
	struct weir_conf_twist twist;
	const struct weir_conf_row *row = row_of(name, &twist);

	return form_number(row, &twist, field_of(m, row));
}

static double real(const struct maker *m, const char *name)
{
	struct weir_conf_twist twist;

	return *(const double *)field_of(m, row_of(name, &twist));
}

/* Fields of protobuf-c are not const, and are not written when they are packed. NULL: not given, and no default. */
static char *text(const struct maker *m, const char *name)
{
	struct weir_conf_twist twist;
	const struct weir_conf_row *row = row_of(name, &twist);
	const struct tree_node *given = m->s->given.rows[row - weir_group_table.rows].older;
	const char *v = NULL;

	if (row->type == WEIR_CONF_STRING)
		v = *(const char *const *)field_of(m, row);
	else if (row->type == WEIR_CONF_ENUM)
		v = form_name(row, *(const uint32_t *)field_of(m, row));
	else if (given != NULL && given->kind == TREE_SCALAR && !tree_is_null(given))
		v = given->text;
	return (char *)(uintptr_t)v;
}

static uint32_t word(const struct maker *m, const char *name, const char *const *words, uint32_t n)
{
	const char *v = text(m, name);
	uint32_t i = 0;

	while (i < n && strcmp(words[i], v) != 0)
		i++;
	return i < n ? i : (uint32_t)number(m, name);
}

/* -1 is none of them, and an empty list. */
static size_t ints_list(const struct weir_conf_ints *ints, uint32_t *to)
{
	size_t n = 0;

	for (uint32_t i = 0; i < ints->n && n < LIST_MAX; i++) {
		if (ints->v[i] < 0)
			return 0;
		to[n++] = (uint32_t)ints->v[i];
	}
	return n;
}

static size_t set_list(uint64_t set, uint32_t *to)
{
	size_t n = 0;

	for (uint32_t i = 0; i < 64; i++)
		if (set >> i & 1)
			to[n++] = i;
	return n;
}

/* Returns how many; `to` lives as long as the maker. */
static size_t list(struct maker *m, const char *name, uint32_t **to)
{
	struct weir_conf_twist twist;
	const struct weir_conf_row *row = row_of(name, &twist);

	assert(m->n_lists < WEIR_ARRAY_SIZE(m->lists));
	*to = m->lists[m->n_lists++];
	if (row->type == WEIR_CONF_SET)
		return set_list(*(const uint64_t *)field_of(m, row), *to);
	return ints_list(field_of(m, row), *to);
}

static void settings(struct maker *m)
{
	static const char *const sockets[] = { "RAW_UDP", "TCP", "UDP", "FILE", "ZMQ" };
	Trident__Config *c = &m->c;
	uint32_t *v;

#define SET(field, value)                             \
	do {                                          \
		c->field = (typeof(c->field))(value); \
		c->has_##field = 1;                   \
	} while (0);
#define NUMBER(field, name)      SET(field, number(m, name))
#define PARTS(field, of, name)   SET(field, number(m, name) * (of))
#define REAL(field, name)        SET(field, real(m, name))
#define TEXT(field, name)        c->field = text(m, name) != NULL ? text(m, name) : c->field;
#define WORD(field, words, name) SET(field, word(m, name, words, WEIR_ARRAY_SIZE(words)))
#define LIST(field, empty, name)                        \
	do {                                            \
		c->n_##field = list(m, name, &v);       \
		c->field = (typeof(c->field))(void *)v; \
	} while (0);
#include <weir_conf_trident.def>
	SET(packet_sequence_flag, number(m, "processors.packet.tcp_header.header_fields_flag"))
	/* The smaller of both holds. */
	SET(max_millicpus, number(m, "max_millicpus"))
	SET(max_cpus, (number(m, "max_millicpus") + 999) / 1000)
#undef SET
}

static void places(struct maker *m)
{
	const struct config_places p = config_places_of(m->s);

	m->c.analyzer_ip = (char *)(uintptr_t)p.ingester_ip;
	m->c.analyzer_port = p.ingester_port;
	m->c.proxy_controller_ip = (char *)(uintptr_t)p.controller_ip;
	m->c.proxy_controller_port = p.controller_port;
}

/* -- local_config: what stands below static_config -- */

static void row_add(struct nest *nest, const struct config_source *s, uint32_t i)
{
	const struct weir_conf_row *row = &weir_group_table.rows[i];
	const struct given_row *given = &s->given.rows[i];
	const char *names = row->old;
	struct weir_conf_old old;
	char *value = NULL;
	size_t n;

	if (s->conf->origin[i].from != WEIR_CONF_FILE || !weir_conf_old_next(&names, &old) ||
	    !old.is_static)
		return;
	if (row->type == WEIR_CONF_ANY) {
		FILE *out = open_memstream(&value, &n);

		if (out != NULL) {
			tree_print(out, given->older != NULL ? given->older : given->newer,
				   config_names_older);
			fclose(out);
		}
	} else {
		value = form_text(row, &old, (const char *)s->conf + row->offset);
	}
	nest_add(nest, old.text, old.len, value);
}

/* NULL: no memory. "" where nothing is given. */
static char *local_config(const struct config_source *s)
{
	struct nest nest = { 0 };
	char *yaml = NULL;
	size_t n;
	FILE *out = open_memstream(&yaml, &n);

	if (out == NULL)
		return NULL;
	for (uint32_t i = 0; i < weir_group_table.n; i++)
		row_add(&nest, s, i);
	nest_print(&nest, 0, out);
	if (fclose(out) != 0 || nest.failed) {
		free(yaml);
		yaml = NULL;
	}
	nest_free(&nest);
	return yaml;
}

static void plugins(const struct weir_group_conf *conf, Trident__PluginConfig *to)
{
	trident__plugin_config__init(to);
	to->n_wasm_plugins = conf->plugins.wasm_plugins.n;
	to->wasm_plugins = (char **)(uintptr_t)conf->plugins.wasm_plugins.v;
	to->n_so_plugins = conf->plugins.so_plugins.n;
	to->so_plugins = (char **)(uintptr_t)conf->plugins.so_plugins.v;
}

uint8_t *config_trident_pack(const struct config_source *s, size_t *n)
{
	struct maker *m = calloc(1, sizeof(*m));
	char *local = local_config(s);
	Trident__PluginConfig with;
	uint8_t *packed = NULL;

	if (m == NULL || local == NULL)
		goto done;
	m->s = s;
	trident__config__init(&m->c);
	settings(m);
	places(m);
	plugins(s->conf, &with);
	if (with.n_wasm_plugins + with.n_so_plugins > 0)
		m->c.plugins = &with;
	m->c.has_local_config = 1;
	m->c.local_config = (ProtobufCBinaryData){ strlen(local), (uint8_t *)local };
	*n = trident__config__get_packed_size(&m->c);
	packed = malloc(*n);
	if (packed != NULL)
		trident__config__pack(&m->c, packed);
done:
	free(local);
	free(m);
	return packed;
}
