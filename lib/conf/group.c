/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group configuration: YAML 1.1, read as a stream of events.
 *
 * The only recursion follows the sections of the table, so nesting is bounded by it. Aliases are
 * refused: nothing of this size needs them, and nothing can be blown up with them.
 */
#include "conf_priv.h"

#include <yaml.h>

#include <errno.h>
#include <stdlib.h>

#define PATH_MAX_LEN 256
#define DEPTH_MAX    1000 /* levels: libyaml's time grows with their square */
#define KEYS_MAX \
	4096 /* each is looked for in all the table, and the same one may come again and again */

struct reader {
	yaml_parser_t parser;
	yaml_event_t ev; /* the current one */
	bool have_ev;
	unsigned int depth; /* lists and groups that are open */
	unsigned int keys;
	int rc; /* not 0: reading cannot go on */
	const char *name, *text;
	size_t len; /* of text */
	struct weir_group_conf *out;
	struct weir_err_list *errs;
	bool newer;              /* keys that are not known are of a newer table than ours */
	char path[PATH_MAX_LEN]; /* of the current key, as in the file */
};

/* Items of a list while they are read. */
struct items {
	char **text;
	uint32_t n, room;
};

static void say(struct reader *r, bool warning, const yaml_mark_t *at, const char *what,
		const char *more)
{
	weir_err_list_add(r->errs, warning, r->name, (uint32_t)at->line + 1,
			  (uint32_t)at->column + 1, "%s%s%s%s", r->path, r->path[0] ? ": " : "",
			  what, more);
}

static void mistake(struct reader *r, const yaml_mark_t *at, const char *what, const char *more)
{
	say(r, false, at, what, more);
}

/* The line that holds bytes which are no text. */
static uint32_t line_of_problem(const struct reader *r)
{
	uint32_t line = 1;

	for (size_t i = 0; i < r->len && i < r->parser.problem_offset; i++)
		line += r->text[i] == '\n';
	return line;
}

/* Is there a tab where reading stopped? YAML is not indented with them. */
static bool is_tab(const struct reader *r, const yaml_mark_t *at)
{
	size_t i = 0, end;

	for (size_t line = 0; i < r->len && line < at->line; i++)
		line += r->text[i] == '\n';
	end = i + at->column;
	while (i < r->len && i < end && (r->text[i] == ' ' || r->text[i] == '\t'))
		i++;
	return i == end && i < r->len && r->text[i] == '\t';
}

static int syntax_error(struct reader *r)
{
	const yaml_mark_t *at = &r->parser.problem_mark;

	if (r->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (r->parser.error == YAML_READER_ERROR) {
		weir_err_list_add(r->errs, false, r->name, line_of_problem(r), 0,
				  "is not UTF-8 text: %s", r->parser.problem);
		return -EINVAL;
	}
	if (is_tab(r, at)) {
		mistake(r, at, "a tab: indent with blanks", "");
		return -EINVAL;
	}
	weir_err_list_add(r->errs, false, r->name, (uint32_t)at->line + 1, (uint32_t)at->column + 1,
			  "is not YAML: %s%s%s", r->parser.problem ? r->parser.problem : "bad text",
			  r->parser.context ? ", " : "",
			  r->parser.context ? r->parser.context : "");
	return -EINVAL;
}

/* Count the levels of the current event. False: there are too many. */
static bool count_depth(struct reader *r)
{
	if (r->ev.type == YAML_MAPPING_START_EVENT || r->ev.type == YAML_SEQUENCE_START_EVENT)
		r->depth++;
	else if (r->ev.type == YAML_MAPPING_END_EVENT || r->ev.type == YAML_SEQUENCE_END_EVENT)
		r->depth--;
	if (r->depth <= DEPTH_MAX)
		return true;
	weir_err_list_add(
		r->errs, false, r->name, (uint32_t)r->ev.start_mark.line + 1,
		(uint32_t)r->ev.start_mark.column + 1,
		"lists and groups within each other: more than %d levels, no setting needs them",
		DEPTH_MAX);
	r->rc = -EINVAL;
	return false;
}

/* Step to the next event. False: reading is over, r->rc says why. */
static bool next(struct reader *r)
{
	if (r->have_ev)
		yaml_event_delete(&r->ev);
	r->have_ev = yaml_parser_parse(&r->parser, &r->ev) != 0;
	if (!r->have_ev) {
		r->rc = syntax_error(r);
		return false;
	}
	if (r->ev.type == YAML_ALIAS_EVENT)
		mistake(r, &r->ev.start_mark, "an alias is not allowed; write the value itself",
			"");
	return count_depth(r);
}

/* Step over the value that begins at the current event. False as next(). */
static bool skip(struct reader *r)
{
	unsigned int open = 0;

	do {
		switch (r->ev.type) {
		case YAML_MAPPING_START_EVENT:
		case YAML_SEQUENCE_START_EVENT:
			open++;
			break;
		case YAML_MAPPING_END_EVENT:
		case YAML_SEQUENCE_END_EVENT:
			open--;
			break;
		default:
			break;
		}
		if (open > 0 && !next(r))
			return false;
	} while (open > 0);
	return true;
}

static const char *scalar(const yaml_event_t *ev)
{
	return (const char *)ev->data.scalar.value;
}

/* A key without a value means its default. */
static bool is_null(const yaml_event_t *ev)
{
	const char *text;

	if (ev->type != YAML_SCALAR_EVENT || ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	text = scalar(ev);
	return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

/* A text with a zero byte in it would be read as a shorter one. */
static bool has_zero(const yaml_event_t *ev)
{
	return strlen(scalar(ev)) != ev->data.scalar.length;
}

static bool same_value(const struct weir_conf_row *row, const void *a, const void *b)
{
	char *x = weir_conf_value_text(row, a), *y = weir_conf_value_text(row, b);
	bool same = x != NULL && y != NULL && strcmp(x, y) == 0;

	free(x);
	free(y);
	return same;
}

/* The value is known to be right: put it where it belongs, unless it stands elsewhere already. */
static void store(struct reader *r, const struct weir_conf_row *row, const yaml_mark_t *at,
		  const union conf_field *value)
{
	struct weir_conf_origin *origin = &r->out->origin[row - weir_group_table.rows];
	char *field = (char *)r->out + row->offset;
	char other[192];

	if (origin->from == WEIR_CONF_FILE && !same_value(row, field, value)) {
		snprintf(other, sizeof(other), "line %u (%s)", origin->line, row->path);
		mistake(r, at, "is given another value on ", other);
		return;
	}
	memcpy(field, value, weir_conf_field_size(row->type));
	if (origin->from != WEIR_CONF_FILE &&
	    !(row->flags & (WEIR_CONF_USED | WEIR_CONF_CONTROLLER)))
		weir_err_list_add(r->errs, true, r->name, (uint32_t)at->line + 1,
				  (uint32_t)at->column + 1, "%s: has no effect in this version",
				  r->path);
	origin->from = WEIR_CONF_FILE;
	origin->line = (uint32_t)at->line + 1;
}

static void take(struct reader *r, const struct weir_conf_row *row, struct weir_conf_twist twist,
		 const struct conf_raw *raw, const yaml_mark_t *at)
{
	union conf_field value = { .u64 = 0 };
	struct weir_err err = { 0 };
	int rc = weir_conf_value_parse(row, twist, raw, &r->out->mem, &value, &err);

	if (rc == -ENOMEM)
		r->rc = rc;
	else if (rc < 0)
		mistake(r, at, err.msg, "");
	else
		store(r, row, at, &value);
}

static bool items_add(struct items *items, const char *text)
{
	if (items->n == items->room) {
		uint32_t room = items->room * 2 + 16;
		char **more = realloc(items->text, room * sizeof(*more));

		if (more == NULL)
			return false;
		items->text = more;
		items->room = room;
	}
	items->text[items->n] = strdup(text);
	return items->text[items->n] != NULL && ++items->n > 0;
}

static void items_free(struct items *items)
{
	for (uint32_t i = 0; i < items->n; i++)
		free(items->text[i]);
	free(items->text);
}

/* Read the list that begins at the current event. `bad`: it holds something else than values. */
static bool items_read(struct reader *r, struct items *items, bool *bad)
{
	while (next(r) && r->ev.type != YAML_SEQUENCE_END_EVENT) {
		if (r->ev.type != YAML_SCALAR_EVENT || has_zero(&r->ev) ||
		    items->n == LIST_ITEMS_MAX) {
			*bad = true;
			if (!skip(r))
				return false;
		} else if (!items_add(items, scalar(&r->ev))) {
			r->rc = -ENOMEM;
			return false;
		}
	}
	return r->have_ev;
}

static bool list_value(struct reader *r, const struct weir_conf_row *row,
		       struct weir_conf_twist twist)
{
	yaml_mark_t at = r->ev.start_mark;
	struct items items = { 0 };
	bool bad = false;
	bool ok = items_read(r, &items, &bad);

	if (ok && bad) {
		mistake(r, &at, "is not a list of single values", "");
	} else if (ok) {
		struct conf_raw raw = { true, items.n, (const char *const *)items.text };

		take(r, row, twist, &raw, &at);
	}
	items_free(&items);
	return ok && r->rc == 0;
}

/* "0,2" for a list. */
static void commas(struct reader *r, const struct weir_conf_row *row, struct weir_conf_twist twist)
{
	struct items items = { 0 };
	char *copy = strdup(scalar(&r->ev)), *save = NULL;
	bool ok = copy != NULL;

	for (char *p = ok ? strtok_r(copy, ", ", &save) : NULL;
	     p != NULL && ok && items.n < LIST_ITEMS_MAX; p = strtok_r(NULL, ", ", &save))
		ok = items_add(&items, p);
	if (ok)
		take(r, row, twist,
		     &(struct conf_raw){ true, items.n, (const char *const *)items.text },
		     &r->ev.start_mark);
	else
		r->rc = -ENOMEM;
	items_free(&items);
	free(copy);
}

static bool scalar_value(struct reader *r, const struct weir_conf_row *row,
			 struct weir_conf_twist twist)
{
	const char *text = scalar(&r->ev);
	struct conf_raw raw = { false, 1, &text };

	if (has_zero(&r->ev))
		mistake(r, &r->ev.start_mark, "holds a zero byte", "");
	else if (twist.commas)
		commas(r, row, twist);
	else if (!is_null(&r->ev))
		take(r, row, twist, &raw, &r->ev.start_mark);
	return r->rc == 0;
}

/* Where the text's character `n` begins: marks count characters. */
static size_t byte_of(const struct reader *r, size_t n)
{
	size_t i = 0;

	for (; i < r->len; i++)
		if (((unsigned char)r->text[i] & 0xc0) != 0x80 && n-- == 0)
			break;
	return i;
}

/* What stands between two marks, in one line. */
static const char *text_between(struct reader *r, size_t from, size_t to)
{
	const size_t begin = byte_of(r, from), end = byte_of(r, to);
	char *text = weir_conf_mem_take(&r->out->mem, end - begin + 1);
	size_t n = 0;

	for (size_t i = begin; text != NULL && i < end; i++)
		if (strchr(" \t\r\n", r->text[i]) == NULL)
			text[n++] = r->text[i];
		else if (n > 0 && text[n - 1] != ' ')
			text[n++] = ' ';
	while (n > 0 && text[n - 1] == ' ')
		text[--n] = '\0';
	return text;
}

/* A row without a field: what the file says of it is kept as it is. */
static bool keep(struct reader *r, const struct weir_conf_row *row)
{
	struct weir_conf_origin *origin = &r->out->origin[row - weir_group_table.rows];
	const yaml_mark_t at = r->ev.start_mark;

	if (!(row->flags & (WEIR_CONF_USED | WEIR_CONF_CONTROLLER)))
		weir_err_list_add(r->errs, true, r->name, (uint32_t)at.line + 1,
				  (uint32_t)at.column + 1, "%s: has no effect in this version",
				  r->path);
	if (!skip(r))
		return false;
	if (origin->text == NULL)
		origin->text = text_between(r, at.index, r->ev.end_mark.index);
	if (origin->text == NULL)
		r->rc = -ENOMEM;
	origin->from = WEIR_CONF_FILE;
	origin->line = (uint32_t)at.line + 1;
	return r->rc == 0;
}

/* The value of a setting begins at the current event. */
static bool setting(struct reader *r, const struct weir_conf_row *row, struct weir_conf_twist twist)
{
	if (row->type == WEIR_CONF_ANY)
		return keep(r, row);
	if (r->ev.type == YAML_SCALAR_EVENT)
		return scalar_value(r, row, twist);
	if (r->ev.type == YAML_SEQUENCE_START_EVENT)
		return list_value(r, row, twist);
	if (r->ev.type == YAML_MAPPING_START_EVENT)
		mistake(r, &r->ev.start_mark, "is a setting, not a section", "");
	return skip(r);
}

static bool section(struct reader *r);

/* A key was read and stands in r->path, at `at`; its value begins at the current event. */
static bool value(struct reader *r, const yaml_mark_t *at)
{
	struct weir_conf_twist twist;
	const struct weir_conf_row *row = weir_conf_row_at(&weir_group_table, r->path, &twist);
	char meant[192];

	if (row != NULL)
		return setting(r, row, twist);
	if (!weir_conf_is_section(&weir_group_table, r->path)) {
		say(r, r->newer, at, "is not a setting",
		    (r->newer ? r->errs->n : r->errs->mistakes) < WEIR_ERR_LIST_MAX
			    ? weir_conf_suggestion(&weir_group_table, r->path, meant, sizeof(meant))
			    : "");
		return skip(r);
	}
	if (r->ev.type == YAML_MAPPING_START_EVENT)
		return section(r);
	if (!is_null(&r->ev))
		mistake(r, &r->ev.start_mark, "is a section, not a setting", "");
	return skip(r);
}

/* Put `key` behind the path of its section. False: such a setting cannot exist. */
static bool enter(struct reader *r, size_t len, const yaml_event_t *ev)
{
	const char *key = ev->type == YAML_SCALAR_EVENT ? scalar(ev) : "";
	int n = snprintf(r->path + len, sizeof(r->path) - len, "%s%s", len > 0 ? "." : "", key);

	return key[0] != '\0' && !has_zero(ev) && (size_t)n < sizeof(r->path) - len;
}

/* Count a key. False: there are too many. */
static bool count_key(struct reader *r, const yaml_mark_t *at)
{
	if (++r->keys <= KEYS_MAX)
		return true;
	weir_err_list_add(r->errs, false, r->name, (uint32_t)at->line + 1, (uint32_t)at->column + 1,
			  "more than %d names of settings and sections, there are not so many",
			  KEYS_MAX);
	r->rc = -EINVAL;
	return false;
}

/* The mapping that begins at the current event is the section r->path. */
static bool section(struct reader *r)
{
	size_t len = strlen(r->path);

	while (next(r) && r->ev.type != YAML_MAPPING_END_EVENT) {
		yaml_mark_t at = r->ev.start_mark;
		bool named;

		if (!count_key(r, &at))
			return false;
		named = enter(r, len, &r->ev);
		if (!named)
			mistake(r, &at, "here stands no name of a setting", "");
		if (!skip(r) || !next(r) || !(named ? value(r, &at) : skip(r)))
			return false;
		r->path[len] = '\0';
	}
	return r->have_ev;
}

/* One document, which is a mapping or nothing. */
static void document(struct reader *r)
{
	if (!next(r) || is_null(&r->ev))
		return;
	if (r->ev.type == YAML_MAPPING_START_EVENT)
		section(r);
	else
		mistake(r, &r->ev.start_mark, "settings are expected, as name: value", "");
}

static void stream(struct reader *r)
{
	unsigned int documents = 0;

	while (r->rc == 0 && next(r) && r->ev.type != YAML_STREAM_END_EVENT) {
		if (r->ev.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (documents++ > 0) {
			mistake(r, &r->ev.start_mark, "a second document begins; one is allowed",
				"");
			return;
		}
		document(r);
	}
}

enum reading {
	WRITTEN, /* by a person */
	SENT,    /* by a controller, which may be newer */
	KEPT,    /* it was good once, perhaps of another version */
};

static int read_text(const char *text, size_t len, const char *name, enum reading how,
		     struct weir_group_conf *out, struct weir_err_list *errs)
{
	struct reader r = { .name = name,
			    .text = text,
			    .len = len,
			    .out = out,
			    .errs = errs,
			    .newer = how != WRITTEN };
	uint32_t before = errs->mistakes;

	if (len > WEIR_CONF_BYTES_MAX) {
		memset(out, 0, sizeof(*out));
		weir_err_list_add(errs, false, name, 0, 0, "is too long; allowed are %d bytes",
				  WEIR_CONF_BYTES_MAX);
		return -EINVAL;
	}
	r.rc = weir_group_conf_defaults(out);
	if (r.rc < 0)
		return r.rc;
	if (!yaml_parser_initialize(&r.parser)) {
		weir_group_conf_free(out);
		return -ENOMEM;
	}
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	stream(&r);
	if (r.have_ev)
		yaml_event_delete(&r.ev);
	yaml_parser_delete(&r.parser);
	if (r.rc != -ENOMEM && how != KEPT && weir_conf_rules->group != NULL)
		weir_conf_rules->group(out, name, errs);
	if (r.rc == 0 && errs->mistakes > before)
		r.rc = -EINVAL;
	if (r.rc < 0)
		weir_group_conf_free(out);
	return r.rc;
}

int weir_group_conf_parse(const char *text, size_t len, const char *name,
			  struct weir_group_conf *out, struct weir_err_list *errs)
{
	return read_text(text, len, name, WRITTEN, out, errs);
}

int weir_group_conf_take(const char *text, size_t len, const char *name,
			 struct weir_group_conf *out, struct weir_err_list *errs)
{
	return read_text(text, len, name, SENT, out, errs);
}

int weir_group_conf_parse_kept(const char *text, size_t len, const char *name,
			       struct weir_group_conf *out, struct weir_err_list *errs)
{
	return read_text(text, len, name, KEPT, out, errs);
}

static int parse(const char *text, size_t len, const char *name, void *to,
		 struct weir_err_list *errs)
{
	return weir_group_conf_parse(text, len, name, to, errs);
}

int weir_group_conf_load(const char *path, struct weir_group_conf *out, struct weir_err_list *errs)
{
	return weir_conf_file_load(path, parse, out, sizeof(*out), errs);
}
