/* SPDX-License-Identifier: Apache-2.0 */
#include "form.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#define PORTS_MAX \
	4096 /* that are written one by one; more stay ranges, which only weir's agents read */

const char *form_name(const struct weir_conf_row *row, uint32_t number)
{
	for (const struct weir_conf_name *e = row->names; e->name != NULL; e++)
		if (e->number == number)
			return e->name;
	return NULL;
}

/*
 * Are values written by their names? Enumerations as the default is; sets by numbers, but for the tunnels that are
 * trimmed (control plane, 3.2).
 */
static bool by_name(const struct weir_conf_row *row)
{
	if (row->type == WEIR_CONF_SET)
		return strcmp(row->path, "inputs.cbpf.preprocess.tunnel_trim_protocols") == 0;
	return !isdigit((unsigned char)row->dflt[0]);
}

uint64_t form_number(const struct weir_conf_row *row, const struct weir_conf_twist *twist,
		     const void *field)
{
	const uint64_t second = twist->scale * WEIR_NS_PER_S;

	switch (row->type) {
	case WEIR_CONF_BOOL:
		return *(const bool *)field != twist->opposite;
	case WEIR_CONF_DURATION:
		return *(const uint64_t *)field / second + (*(const uint64_t *)field % second > 0);
	case WEIR_CONF_U32:
	case WEIR_CONF_ENUM:
		return *(const uint32_t *)field / twist->scale;
	default:
		return 0;
	}
}

static void word_print(FILE *out, const struct weir_conf_row *row, uint32_t v)
{
	const char *name = by_name(row) ? form_name(row, v) : NULL;

	if (name != NULL)
		fputs(name, out);
	else
		fprintf(out, "%u", v);
}

static void set_print(FILE *out, const struct weir_conf_row *row, uint64_t set)
{
	const char *between = "";

	fputc('[', out);
	for (uint32_t i = 0; i < 64; i++) {
		if ((set >> i & 1) == 0)
			continue;
		fputs(between, out);
		word_print(out, row, i);
		between = ", ";
	}
	fputc(']', out);
}

static void ints_print(FILE *out, const struct weir_conf_ints *ints, bool commas)
{
	fputc(commas ? '"' : '[', out);
	for (uint32_t i = 0; i < ints->n; i++)
		fprintf(out, "%s%d", i == 0 ? "" : commas ? "," : ", ", ints->v[i]);
	fputc(commas ? '"' : ']', out);
}

static void names_print(FILE *out, const struct weir_conf_names *names)
{
	fputc('[', out);
	for (uint32_t i = 0; i < names->n; i++) {
		fputs(i > 0 ? ", " : "", out);
		tree_quote(out, names->v[i]);
	}
	fputc(']', out);
}

/* The flat names of old count. */
static void bool_print(FILE *out, bool v, bool bare)
{
	if (bare)
		fputc(v ? '1' : '0', out);
	else
		fputs(v ? "true" : "false", out);
}

static unsigned int ports_count(const uint8_t *bits)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 65536 / 8; i++)
		n += (unsigned int)__builtin_popcount(bits[i]);
	return n;
}

bool form_ports_are_ranges(const void *field)
{
	const uint8_t *bits = *(const uint8_t *const *)field;

	return bits != NULL && ports_count(bits) > PORTS_MAX;
}

/* NULL: no memory. */
static char *ports_text(const struct weir_conf_row *row, const void *field)
{
	const uint8_t *bits = *(const uint8_t *const *)field;
	const char *between = "";
	char *text = NULL;
	size_t n;
	FILE *out;

	if (bits == NULL || form_ports_are_ranges(field))
		return weir_conf_value_text(row, field);
	out = open_memstream(&text, &n);
	if (out == NULL)
		return NULL;
	fputc('[', out);
	for (unsigned int port = 0; port <= 65535; port++) {
		if ((bits[port / 8] >> port % 8 & 1) == 0)
			continue;
		fprintf(out, "%s%u", between, port);
		between = ", ";
	}
	fputc(']', out);
	return fclose(out) == 0 ? text : NULL;
}

/* What weir_conf_value_text() writes otherwise. False: it is as there. */
static bool print(FILE *out, const struct weir_conf_row *row, const struct weir_conf_twist *twist,
		  const void *field)
{
	const bool bare = twist->bare && row->type == WEIR_CONF_DURATION;

	switch (row->type) {
	case WEIR_CONF_ENUM:
		word_print(out, row, *(const uint32_t *)field);
		return true;
	case WEIR_CONF_SET:
		set_print(out, row, *(const uint64_t *)field);
		return true;
	case WEIR_CONF_INTS:
		ints_print(out, field, twist->commas);
		return true;
	case WEIR_CONF_NAMES:
		names_print(out, field);
		return true;
	case WEIR_CONF_STRING:
		tree_quote(out, *(const char *const *)field);
		return true;
	case WEIR_CONF_BOOL:
		bool_print(out, form_number(row, twist, field) != 0, twist->bare);
		return true;
	case WEIR_CONF_DURATION:
	case WEIR_CONF_U32:
		if (!bare && twist->scale == 1)
			return false;
		fprintf(out, "%" PRIu64, form_number(row, twist, field));
		return true;
	default:
		return false;
	}
}

char *form_text(const struct weir_conf_row *row, const struct weir_conf_old *old, const void *field)
{
	static const struct weir_conf_twist none = { .scale = 1 };
	char *text = NULL;
	size_t n;
	FILE *out;
	bool printed;

	if (row->type == WEIR_CONF_PORTS)
		return ports_text(row, field);
	out = open_memstream(&text, &n);
	if (out == NULL)
		return NULL;
	printed = print(out, row, old != NULL ? &old->twist : &none, field);
	if (fclose(out) != 0 || !printed) {
		free(text);
		return printed ? NULL : weir_conf_value_text(row, field);
	}
	return text;
}

static bool is_number(const char *text)
{
	text += *text == '-';
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0' &&
	       (text[0] != '0' || text[1] == '\0');
}

static bool is_name(const struct weir_conf_row *row, const char *text)
{
	for (const struct weir_conf_name *e = row->names; e->name != NULL; e++)
		if (strcmp(e->name, text) == 0)
			return true;
	return false;
}

static bool scalar_is_right(const struct weir_conf_row *row, const struct tree_node *n)
{
	if (n->kind != TREE_SCALAR || tree_is_null(n))
		return false;
	switch (row->type) {
	case WEIR_CONF_BOOL:
		return n->plain && (strcmp(n->text, "true") == 0 || strcmp(n->text, "false") == 0);
	case WEIR_CONF_U32:
	case WEIR_CONF_I32:
	case WEIR_CONF_INTS:
	case WEIR_CONF_PORTS:
		return n->plain && is_number(n->text);
	case WEIR_CONF_REAL:
		return n->plain && n->text[strspn(n->text, "0123456789.")] == '\0';
	case WEIR_CONF_DURATION:
		return strcmp(n->text, "0") != 0;
	case WEIR_CONF_ENUM:
	case WEIR_CONF_SET:
		return by_name(row) ? is_name(row, n->text) : n->plain && is_number(n->text);
	default:
		return true;
	}
}

bool form_is_right(const struct weir_conf_row *row, const struct tree_node *value)
{
	if (value->kind != TREE_LIST)
		return scalar_is_right(row, value);
	for (const struct tree_node *item = value->first; item != NULL; item = item->next)
		if (!scalar_is_right(row, item))
			return false;
	return true;
}
