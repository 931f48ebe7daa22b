/* SPDX-License-Identifier: Apache-2.0 */
/* One value: from its field to text that a file may have, by its row. */
#include "conf_priv.h"

#include <stdlib.h>

static void quoted(const char *s, FILE *out)
{
	putc('"', out);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', out);
		putc(*s, out);
	}
	putc('"', out);
}

static void enum_print(const struct weir_conf_row *row, uint32_t v, FILE *out)
{
	for (const struct weir_conf_name *e = row->names; e->name != NULL; e++) {
		if (e->number == v) {
			quoted(e->name, out);
			return;
		}
	}
	fprintf(out, "%u", v);
}

static void set_print(const struct weir_conf_row *row, uint64_t set, FILE *out)
{
	const char *between = "";

	putc('[', out);
	for (uint32_t i = 0; i < 64; i++) {
		if ((set >> i & 1) == 0)
			continue;
		fputs(between, out);
		enum_print(row, i, out);
		between = ", ";
	}
	putc(']', out);
}

static void ints_print(const struct weir_conf_ints *ints, FILE *out)
{
	putc('[', out);
	for (uint32_t i = 0; i < ints->n; i++)
		fprintf(out, "%s%d", i > 0 ? ", " : "", ints->v[i]);
	putc(']', out);
}

static void names_print(const struct weir_conf_names *names, FILE *out)
{
	putc('[', out);
	for (uint32_t i = 0; i < names->n; i++) {
		fputs(i > 0 ? ", " : "", out);
		quoted(names->v[i], out);
	}
	putc(']', out);
}

static bool has_port(const uint8_t *bits, int port)
{
	return port <= 65535 && (bits[port / 8] >> port % 8 & 1) != 0;
}

static void ports_print(const uint8_t *bits, FILE *out)
{
	const char *between = "";

	putc('[', out);
	for (int from = 1, to; bits != NULL && from <= 65535; from = to + 1) {
		to = from;
		if (!has_port(bits, from))
			continue;
		while (has_port(bits, to + 1))
			to++;
		fprintf(out, to > from ? "%s%d-%d" : "%s%d", between, from, to);
		between = ", ";
	}
	putc(']', out);
}

static void print(const struct weir_conf_row *row, const void *field, FILE *out)
{
	switch (row->type) {
	case WEIR_CONF_BOOL:
		fputs(*(const bool *)field ? "true" : "false", out);
		break;
	case WEIR_CONF_U32:
		fprintf(out, "%u", *(const uint32_t *)field);
		break;
	case WEIR_CONF_I32:
		fprintf(out, "%d", *(const int32_t *)field);
		break;
	case WEIR_CONF_REAL:
		fprintf(out, "%g", *(const double *)field);
		break;
	case WEIR_CONF_DURATION:
		weir_conf_duration_print(*(const uint64_t *)field, out);
		break;
	case WEIR_CONF_STRING:
		quoted(*(const char *const *)field, out);
		break;
	case WEIR_CONF_ENUM:
		enum_print(row, *(const uint32_t *)field, out);
		break;
	case WEIR_CONF_SET:
		set_print(row, *(const uint64_t *)field, out);
		break;
	case WEIR_CONF_INTS:
		ints_print(field, out);
		break;
	case WEIR_CONF_NAMES:
		names_print(field, out);
		break;
	case WEIR_CONF_PORTS:
		ports_print(*(const uint8_t *const *)field, out);
		break;
	case WEIR_CONF_ANY:
		break;
	}
}

char *weir_conf_value_text(const struct weir_conf_row *row, const void *field)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	print(row, field, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *weir_group_conf_text(const struct weir_group_conf *conf, uint32_t i)
{
	const struct weir_conf_row *row = &weir_group_table.rows[i];
	const char *text = conf->origin[i].text;

	if (row->type == WEIR_CONF_ANY)
		return strdup(text != NULL ? text : "");
	return weir_conf_value_text(row, (const char *)conf + row->offset);
}
