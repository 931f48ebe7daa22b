/* SPDX-License-Identifier: Apache-2.0 */
/* YAML 1.1 to nodes. libyaml's own tree has neither bounds nor an end of what is below a level. */
#include "tree.h"

#include <weir_conf.h>

#include <yaml.h>

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define NODES_MAX 65536
#define DEPTH_MAX 100

struct reader {
	yaml_parser_t parser;
	yaml_event_t ev; /* the current one, while have_ev */
	bool have_ev;
	struct tree *tree;
	unsigned int nodes;
	const char *text;
	size_t len;
	size_t chars, bytes; /* a place in the text, counted in both: marks count characters */
	struct weir_err *err;
	int rc;
};

static struct tree_node *fail(struct reader *r, int code, const char *what)
{
	const yaml_mark_t *at = r->have_ev ? &r->ev.start_mark : &r->parser.problem_mark;

	if (r->rc == 0)
		r->rc = weir_err_set(r->err, code, "line %zu: %s", at->line + 1, what);
	return NULL;
}

static bool step(struct reader *r)
{
	if (r->have_ev)
		yaml_event_delete(&r->ev);
	r->have_ev = yaml_parser_parse(&r->parser, &r->ev) != 0;
	if (!r->have_ev)
		fail(r, r->parser.error == YAML_MEMORY_ERROR ? ENOMEM : EINVAL,
		     r->parser.problem != NULL ? r->parser.problem : "is not YAML");
	return r->have_ev;
}

/* Where character `at` begins. Marks come in order but for an end of a level. */
static size_t byte_of(struct reader *r, size_t at)
{
	if (at < r->chars)
		r->chars = r->bytes = 0;
	while (r->bytes < r->len && r->chars < at) {
		r->bytes++;
		while (r->bytes < r->len && ((unsigned char)r->text[r->bytes] & 0xc0) == 0x80)
			r->bytes++;
		r->chars++;
	}
	return r->bytes;
}

static struct tree_node *node_make(struct reader *r, enum tree_kind kind, bool plain)
{
	struct tree_node *n;

	if (r->nodes++ == NODES_MAX)
		return fail(r, EINVAL, "more than 65,536 values, no configuration has so many");
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return fail(r, ENOMEM, "no memory");
	n->kind = kind;
	n->plain = plain;
	n->start = byte_of(r, r->ev.start_mark.index);
	n->end = byte_of(r, r->ev.end_mark.index);
	n->column = r->ev.start_mark.column;
	n->made_before = r->tree->last;
	r->tree->last = n;
	return n;
}

static struct tree_node *scalar(struct reader *r)
{
	const char *text = (const char *)r->ev.data.scalar.value;
	struct tree_node *n;

	if (strlen(text) != r->ev.data.scalar.length)
		return fail(r, EINVAL, "a zero byte");
	n = node_make(r, TREE_SCALAR, r->ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
	if (n == NULL)
		return NULL;
	n->text = strdup(text);
	return n->text != NULL ? n : fail(r, ENOMEM, "no memory");
}

static struct tree_node *value(struct reader *r, unsigned int depth);

static struct tree_node *level(struct reader *r, unsigned int depth, enum tree_kind kind,
			       bool plain)
{
	struct tree_node *n, **to;
	unsigned int members = 0;

	if (depth == DEPTH_MAX)
		return fail(r, EINVAL, "more than 100 levels, no configuration has so many");
	n = node_make(r, kind, plain);
	if (n == NULL)
		return NULL;
	to = &n->first;
	while (step(r) && r->ev.type != YAML_SEQUENCE_END_EVENT &&
	       r->ev.type != YAML_MAPPING_END_EVENT) {
		*to = value(r, depth + 1);
		if (*to == NULL)
			return NULL;
		if (kind == TREE_MAP && members++ % 2 == 0 && (*to)->kind != TREE_SCALAR)
			return fail(r, EINVAL, "a name is a text");
		to = &(*to)->next;
	}
	if (r->rc < 0)
		return NULL;
	n->end = byte_of(r, r->ev.end_mark.index);
	return n;
}

/* What begins at the current event. */
static struct tree_node *value(struct reader *r, unsigned int depth)
{
	switch (r->ev.type) {
	case YAML_SCALAR_EVENT:
		return scalar(r);
	case YAML_SEQUENCE_START_EVENT:
		return level(r, depth, TREE_LIST,
			     r->ev.data.sequence_start.style != YAML_FLOW_SEQUENCE_STYLE);
	case YAML_MAPPING_START_EVENT:
		return level(r, depth, TREE_MAP,
			     r->ev.data.mapping_start.style != YAML_FLOW_MAPPING_STYLE);
	default:
		return fail(r, EINVAL, "an alias is not allowed; write the value itself");
	}
}

static void document(struct reader *r)
{
	unsigned int documents = 0;

	while (step(r) && r->ev.type != YAML_STREAM_END_EVENT) {
		if (r->ev.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (documents++ > 0)
			fail(r, EINVAL, "a second document begins; one is allowed");
		if (r->rc < 0 || !step(r))
			return;
		r->tree->root = value(r, 0);
		if (r->tree->root == NULL)
			return;
	}
}

int tree_read(struct tree *tree, const char *text, size_t len, struct weir_err *err)
{
	struct reader r = { .tree = tree, .text = text, .len = len, .err = err };

	*tree = (struct tree){ 0 };
	if (len > WEIR_CONF_BYTES_MAX)
		return weir_err_set(err, EINVAL, "is too long; allowed are %d bytes",
				    WEIR_CONF_BYTES_MAX);
	if (!yaml_parser_initialize(&r.parser))
		return weir_err_set(err, ENOMEM, "no memory");
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	document(&r);
	if (r.have_ev)
		yaml_event_delete(&r.ev);
	yaml_parser_delete(&r.parser);
	if (r.rc < 0)
		tree_free(tree);
	return r.rc;
}

void tree_free(struct tree *tree)
{
	for (struct tree_node *n = tree->last, *before; n != NULL; n = before) {
		before = n->made_before;
		free(n->text);
		free(n);
	}
	*tree = (struct tree){ 0 };
}

bool tree_is_null(const struct tree_node *n)
{
	return n->kind == TREE_SCALAR && n->plain &&
	       (n->text[0] == '\0' || strcmp(n->text, "~") == 0 ||
		strcasecmp(n->text, "null") == 0);
}

struct tree_node *tree_get(const struct tree_node *map, const char *name)
{
	if (map == NULL || map->kind != TREE_MAP)
		return NULL;
	for (const struct tree_node *key = map->first; key != NULL; key = key->next->next)
		if (strcmp(key->text, name) == 0)
			return key->next;
	return NULL;
}

/* Characters that YAML does not take as they are, besides those below a blank: DEL, C1 and the byte order mark. */
static size_t odd_at(const unsigned char *c, uint32_t *code)
{
	if (c[0] == 0x7f || c[0] < 0x20) {
		*code = c[0];
		return 1;
	}
	if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) {
		*code = c[1];
		return 2;
	}
	if (c[0] == 0xef && ((c[1] == 0xbb && c[2] == 0xbf) || (c[1] == 0xbf && c[2] >= 0xbe))) {
		*code = c[1] == 0xbb ? 0xfeff : c[2] == 0xbe ? 0xfffe : 0xffff;
		return 3;
	}
	return 0;
}

void tree_quote(FILE *out, const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	fputc('"', out);
	while (*c != '\0') {
		uint32_t code;
		const size_t odd = odd_at(c, &code);

		if (odd > 0)
			fprintf(out, "\\u%04x", code);
		else if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else
			fputc(*c, out);
		c += odd > 0 ? odd : 1;
	}
	fputc('"', out);
}

static const char *rename_of(const char *const *renamed, const char *name)
{
	for (; renamed != NULL && *renamed != NULL; renamed += 2)
		if (strcmp(renamed[0], name) == 0)
			return renamed[1];
	return name;
}

/* A scalar without quotes is of a type that its text has: it stays as it is. */
static void scalar_print(FILE *out, const struct tree_node *n, const char *text)
{
	if (n->plain && text[0] == '\0') /* between brackets nothing is no value */
		fputc('~', out);
	else if (n->plain && strpbrk(text, "\n,[]{}\"") == NULL)
		fputs(text, out);
	else
		tree_quote(out, text);
}

void tree_print(FILE *out, const struct tree_node *n, const char *const *renamed)
{
	const bool map = n->kind == TREE_MAP;

	if (n->kind == TREE_SCALAR) {
		scalar_print(out, n, n->text);
		return;
	}
	fputc(map ? '{' : '[', out);
	for (const struct tree_node *m = n->first; m != NULL; m = m->next) {
		if (map) {
			scalar_print(out, m, rename_of(renamed, m->text));
			fputs(": ", out);
			m = m->next;
		}
		tree_print(out, m, renamed);
		fputs(m->next != NULL ? ", " : "", out);
	}
	fputc(map ? '}' : ']', out);
}
