/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trident.Config as the text of a group configuration. lib/conf then checks it as any other, so there is
 * one table of settings and one set of rules. Fields that did not come have proto2's defaults, which are
 * not always those of a file.
 */
#include "codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* "a.b.c: VALUE" as nested YAML is "a: {b: {c: VALUE}}". Returns how many sections to close. */
static unsigned int key(FILE *out, const char *name)
{
	unsigned int open = 0;
	size_t len;

	for (; (len = strcspn(name, ".")), name[len] == '.'; name += len + 1, open++)
		fprintf(out, "%.*s: {", (int)len, name);
	fprintf(out, "%s: ", name);
	return open;
}

static void end(FILE *out, unsigned int open)
{
	while (open-- > 0)
		fputc('}', out);
	fputc('\n', out);
}

/* In double quotes whatever is in it, so that no text becomes another type or another key. */
static void quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void number(FILE *out, const char *name, uint64_t v)
{
	const unsigned int open = key(out, name);

	fprintf(out, "%" PRIu64, v);
	end(out, open);
}

static void real(FILE *out, const char *name, double v)
{
	const unsigned int open = key(out, name);

	fprintf(out, "%.6g", v);
	end(out, open);
}

static void text(FILE *out, const char *name, const char *v)
{
	unsigned int open;

	if (v == NULL)
		return;
	open = key(out, name);
	quoted(out, v);
	end(out, open);
}

static void word(FILE *out, const char *name, uint32_t v, const char *const *words, uint32_t n)
{
	if (v < n)
		text(out, name, words[v]);
	else
		number(out, name, v); /* lib/conf says what is allowed */
}

static void list(FILE *out, const char *name, const uint32_t *v, size_t n, const char *empty)
{
	const unsigned int open = key(out, name);

	fprintf(out, "[%s", n == 0 ? empty : "");
	for (size_t i = 0; i < n; i++) /* on the wire -1 is the greatest number */
		fprintf(out, "%s%" PRId32, i > 0 ? ", " : "", (int32_t)v[i]);
	fputc(']', out);
	end(out, open);
}

static void texts(FILE *out, const char *name, char *const *v, size_t n)
{
	fprintf(out, "%s: [", name);
	for (size_t i = 0; i < n; i++) {
		fputs(i > 0 ? ", " : "", out);
		quoted(out, v[i]);
	}
	fputs("]\n", out);
}

/* The smaller of both; 0 is none. */
static uint32_t millicpus(const Trident__Config *c)
{
	const uint64_t cores = (uint64_t)c->max_cpus * 1000;

	if (cores == 0 || c->max_millicpus == 0)
		return (uint32_t)weir_min_u64(cores + c->max_millicpus, UINT32_MAX);
	return (uint32_t)weir_min_u64(cores, c->max_millicpus);
}

/* Text of its own, put below static_config line by line; last, so that nothing of it reaches further. */
static void local_config(FILE *out, const char *yaml)
{
	fputs("static_config:\n", out);
	while (*yaml != '\0') {
		const size_t len = strcspn(yaml, "\n");

		if (strncmp(yaml, "---", 3) != 0)
			fprintf(out, "  %.*s\n", (int)len, yaml);
		yaml += len;
		yaml += *yaml == '\n';
	}
}

char *weir_sync_config_copy(const ProtobufCBinaryData *yaml)
{
	char *text = malloc(yaml->len + 1);

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < yaml->len; i++)
		text[i] = (char)(yaml->data[i] != 0 ? yaml->data[i] : 1);
	text[yaml->len] = '\0';
	return text;
}

char *weir_sync_config_text(const Trident__Config *c)
{
	static const char *const sockets[] = { "RAW_UDP", "TCP", "UDP", "FILE", "ZMQ" };
	char *yaml = NULL, *own = NULL;
	size_t n;
	FILE *out = open_memstream(&yaml, &n);

	if (out == NULL)
		return NULL;
	number(out, "max_millicpus", millicpus(c));
#define NUMBER(field, name)      number(out, name, (uint64_t)c->field);
#define PARTS(field, of, name)   number(out, name, c->field / (of) + (c->field % (of) > 0));
#define REAL(field, name)        real(out, name, (double)c->field);
#define TEXT(field, name)        text(out, name, c->field);
#define WORD(field, words, name) word(out, name, c->field, words, WEIR_ARRAY_SIZE(words));
#define LIST(field, empty, name) list(out, name, (const uint32_t *)c->field, c->n_##field, empty);
#include <weir_conf_trident.def>
	if (c->has_packet_sequence_flag && c->packet_sequence_flag != 0)
		number(out, "processors.packet.tcp_header.header_fields_flag",
		       c->packet_sequence_flag);
	if (c->plugins != NULL) {
		texts(out, "wasm_plugins", c->plugins->wasm_plugins, c->plugins->n_wasm_plugins);
		texts(out, "so_plugins", c->plugins->so_plugins, c->plugins->n_so_plugins);
	}
	if (c->has_local_config) {
		own = weir_sync_config_copy(&c->local_config);
		if (own != NULL)
			local_config(out, own);
	}
	if (fclose(out) != 0 || (c->has_local_config && own == NULL)) {
		free(yaml);
		yaml = NULL;
	}
	free(own);
	return yaml;
}
