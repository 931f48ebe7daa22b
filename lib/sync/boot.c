/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeepFlow's boot file: YAML, one mapping of keys without sections, read as a stream of events. Aliases
 * are refused: nothing of this size needs them.
 */
#include "sync_priv.h"
#include "weir_sync_boot.h"

#include <yaml.h>

#include <errno.h>
#include <stdlib.h>

#define DEPTH_MAX 8

enum kind { K_TEXT, K_NUMBER, K_FLAG, K_IDENTIFIER, K_ADDRESSES, K_GONE };

struct row {
	const char *key, *dflt, *help;
	enum kind kind;
	size_t offset;
	uint32_t min, max; /* numbers: the value; texts: bytes; lists: items */
};

#define AT(field) offsetof(struct weir_sync_boot, field)
static const struct row rows[] = {
#define TEXT(f, k, most, d, h)     { k, d, h, K_TEXT, AT(f), 0, most },
#define NUMBER(f, k, lo, hi, d, h) { k, #d, h, K_NUMBER, AT(f), lo, hi },
#define FLAG(f, k, d, h)           { k, #d, h, K_FLAG, AT(f), 0, 1 },
#define IDENTIFIER(f, k, d, h)     { k, d, h, K_IDENTIFIER, AT(f), 0, 0 },
#define ADDRESSES(f, k, most, h)   { k, "", h, K_ADDRESSES, AT(f), 0, most },
#define GONE(k, h)                 { k, "", h, K_GONE, 0, 0, 0 },
#include "boot.def"
};

struct reader {
	yaml_parser_t parser;
	yaml_event_t ev;    /* the current one */
	unsigned int depth; /* lists and groups that are open */
	bool have_ev;
	int rc; /* not 0: reading cannot go on */
	const char *name;
	struct weir_sync_boot *out;
	struct weir_err_list *errs;
	uint32_t seen[WEIR_ARRAY_SIZE(rows)]; /* line of each key; 0 = not yet */
};

static void mistake(struct reader *r, const yaml_mark_t *at, const char *key, const char *what)
{
	weir_err_list_add(r->errs, false, r->name, (uint32_t)at->line + 1, (uint32_t)at->column + 1,
			  "%.60s%s%s", key, key[0] != '\0' ? ": " : "", what);
}

static int syntax_error(struct reader *r)
{
	const yaml_mark_t *at = &r->parser.problem_mark;
	const char *problem = r->parser.problem != NULL ? r->parser.problem : "bad text";

	if (r->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (r->parser.error == YAML_READER_ERROR)
		weir_err_list_add(r->errs, false, r->name, 0, 0, "byte %zu is not UTF-8 text: %s",
				  r->parser.problem_offset, problem);
	else
		weir_err_list_add(r->errs, false, r->name, (uint32_t)at->line + 1,
				  (uint32_t)at->column + 1, "is not YAML: %s", problem);
	return -EINVAL;
}

/* Count the levels of the current event: a few are enough, and libyaml's time grows with their square. */
static bool count_depth(struct reader *r)
{
	if (r->ev.type == YAML_MAPPING_START_EVENT || r->ev.type == YAML_SEQUENCE_START_EVENT)
		r->depth++;
	else if (r->ev.type == YAML_MAPPING_END_EVENT || r->ev.type == YAML_SEQUENCE_END_EVENT)
		r->depth--;
	if (r->depth <= DEPTH_MAX)
		return true;
	mistake(r, &r->ev.start_mark, "", "too many lists and groups within each other");
	r->rc = -EINVAL;
	return false;
}

/* Step to the next event. False: reading is over, r->rc says why. */
static bool next(struct reader *r)
{
	if (r->have_ev)
		yaml_event_delete(&r->ev);
	r->have_ev = yaml_parser_parse(&r->parser, &r->ev) != 0;
	if (!r->have_ev)
		r->rc = syntax_error(r);
	else if (r->ev.type == YAML_ALIAS_EVENT)
		mistake(r, &r->ev.start_mark, "",
			"an alias is not allowed; write the value itself");
	return r->have_ev && count_depth(r);
}

/* Step over the value that begins at the current event. False as next(). */
static bool skip(struct reader *r)
{
	unsigned int open = 0;

	do {
		if (r->ev.type == YAML_MAPPING_START_EVENT ||
		    r->ev.type == YAML_SEQUENCE_START_EVENT)
			open++;
		else if (r->ev.type == YAML_MAPPING_END_EVENT ||
			 r->ev.type == YAML_SEQUENCE_END_EVENT)
			open--;
		if (open > 0 && !next(r))
			return false;
	} while (open > 0);
	return true;
}

static const char *scalar(const struct reader *r)
{
	return (const char *)r->ev.data.scalar.value;
}

static bool is_null(const struct reader *r)
{
	return r->ev.type == YAML_SCALAR_EVENT &&
	       r->ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (scalar(r)[0] == '\0' || strcmp(scalar(r), "~") == 0 ||
		strcmp(scalar(r), "null") == 0);
}

static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

static int text_take(char *field, size_t most, const char *text, struct weir_err *err)
{
	if (strlen(text) > most)
		return weir_err_set(err, EINVAL, "%zu bytes are too long; allowed are %zu",
				    strlen(text), most);
	memcpy(field, text, strlen(text) + 1);
	return 0;
}

static int number_take(const struct row *row, uint32_t *field, const char *text,
		       struct weir_err *err)
{
	const size_t digits = strspn(text, "0123456789");
	const unsigned long v = digits > 0 && digits < 10 ? strtoul(text, NULL, 10) : UINT32_MAX;

	if (digits == 0 || text[digits] != '\0')
		return weir_err_set(err, EINVAL,
				    "%.60s is not a whole number; allowed are %u to %u", text,
				    row->min, row->max);
	if (v < row->min || v > row->max)
		return weir_err_set(err, EINVAL, "%.60s is out of range; allowed are %u to %u",
				    text, row->min, row->max);
	*field = (uint32_t)v;
	return 0;
}

static int flag_take(bool *field, const char *text, struct weir_err *err)
{
	*field = strcmp(text, "true") == 0;
	if (*field || strcmp(text, "false") == 0)
		return 0;
	return weir_err_set(err, EINVAL, "%.60s is neither true nor false", text);
}

static int identifier_take(enum weir_sync_identifier *field, const char *text, struct weir_err *err)
{
	if (strcmp(text, "ip") == 0)
		*field = WEIR_SYNC_IP;
	else if (strcmp(text, "ip-and-mac") == 0 || strcmp(text, "ip_and_mac") == 0)
		*field = WEIR_SYNC_IP_AND_MAC;
	else
		return weir_err_set(err, EINVAL,
				    "%.60s is not known; allowed are ip-and-mac and ip", text);
	return 0;
}

static int scalar_take(const struct row *row, struct weir_sync_boot *out, const char *text,
		       struct weir_err *err)
{
	void *field = (char *)out + row->offset;

	switch (row->kind) {
	case K_TEXT:
		return text_take(field, row->max, text, err);
	case K_NUMBER:
		return number_take(row, field, text, err);
	case K_FLAG:
		return flag_take(field, text, err);
	case K_IDENTIFIER:
		return identifier_take(field, text, err);
	case K_ADDRESSES:
		return weir_err_set(err, EINVAL, "%.60s is not a list; did you mean [%.60s]", text,
				    text);
	case K_GONE:
		break;
	}
	return 0;
}

static bool is_host(const char *text)
{
	const size_t len =
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%");

	return len > 0 && text[len] == '\0';
}

static void address_add(struct reader *r, const struct row *row, struct weir_sync_addresses *to)
{
	struct weir_err err = { 0 };
	const char *text = scalar(r);

	if (!is_host(text) || strlen(text) != r->ev.data.scalar.length)
		weir_err_set(&err, EINVAL, "%.60s is neither an address nor a host name", text);
	else if (to->n == row->max)
		weir_err_set(&err, EINVAL, "%.60s is too many; allowed are %u", text, row->max);
	else if (text_take(to->v[to->n], WEIR_SYNC_NAME_MAX, text, &err) == 0)
		to->n++;
	if (err.code != 0)
		mistake(r, &r->ev.start_mark, row->key, err.msg);
}

/* The list that begins at the current event. False as next(). */
static bool addresses(struct reader *r, const struct row *row)
{
	struct weir_sync_addresses *to = (void *)((char *)r->out + row->offset);

	while (next(r) && r->ev.type != YAML_SEQUENCE_END_EVENT) {
		if (r->ev.type == YAML_SCALAR_EVENT) {
			address_add(r, row, to);
			continue;
		}
		mistake(r, &r->ev.start_mark, row->key, "is not a list of addresses");
		if (!skip(r))
			return false;
	}
	return r->have_ev;
}

/* The value of a known key begins at the current event. False as next(). */
static bool value(struct reader *r, const struct row *row)
{
	struct weir_err err = { 0 };

	if (row->kind == K_GONE)
		return skip(r);
	if (row->kind == K_ADDRESSES && r->ev.type == YAML_SEQUENCE_START_EVENT)
		return addresses(r, row);
	if (r->ev.type != YAML_SCALAR_EVENT) {
		mistake(r, &r->ev.start_mark, row->key, "is one value");
		return skip(r);
	}
	if (is_null(r))
		return true;
	if (!is_plain(scalar(r), r->ev.data.scalar.length))
		weir_err_set(&err, EINVAL, "holds a control character");
	else
		scalar_take(row, r->out, scalar(r), &err);
	if (err.code != 0)
		mistake(r, &r->ev.start_mark, row->key, err.msg);
	return true;
}

static void unknown(struct reader *r, const yaml_mark_t *at, const char *key)
{
	struct weir_nearest near = { .word = key };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++)
		weir_nearest_offer(&near, rows[i].key);
	if (near.best[0] != '\0')
		weir_err_list_add(r->errs, false, r->name, (uint32_t)at->line + 1,
				  (uint32_t)at->column + 1, "%.60s: is not a key; did you mean %s",
				  key, near.best);
	else
		weir_err_list_add(r->errs, true, r->name, (uint32_t)at->line + 1,
				  (uint32_t)at->column + 1,
				  "%.60s: is not known here, and not read", key);
}

/* The row of the key at the current event; NULL: its value is to be skipped, and why was said. */
static const struct row *key(struct reader *r)
{
	const yaml_mark_t at = r->ev.start_mark;
	char said[80];

	if (r->ev.type != YAML_SCALAR_EVENT || scalar(r)[0] == '\0') {
		mistake(r, &at, "", "here stands no key");
		return NULL;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].key, scalar(r)) != 0)
			continue;
		if (r->seen[i] != 0) {
			snprintf(said, sizeof(said), "is on line %u too", r->seen[i]);
			mistake(r, &at, rows[i].key, said);
			return NULL;
		}
		r->seen[i] = (uint32_t)at.line + 1;
		if (rows[i].kind == K_GONE)
			weir_err_list_add(r->errs, true, r->name, r->seen[i],
					  (uint32_t)at.column + 1, "%s: is not read here: %s",
					  rows[i].key, rows[i].help);
		return &rows[i];
	}
	unknown(r, &at, scalar(r));
	return NULL;
}

/* The mapping that begins at the current event. */
static void keys(struct reader *r)
{
	while (next(r) && r->ev.type != YAML_MAPPING_END_EVENT) {
		const struct row *row = key(r);

		if (!skip(r) || !next(r) || !(row != NULL ? value(r, row) : skip(r)))
			return;
	}
}

static void stream(struct reader *r)
{
	unsigned int documents = 0;

	while (r->rc == 0 && next(r) && r->ev.type != YAML_STREAM_END_EVENT) {
		if (r->ev.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (documents++ > 0) {
			mistake(r, &r->ev.start_mark, "",
				"a second document begins; one is allowed");
			return;
		}
		if (!next(r) || is_null(r))
			continue;
		if (r->ev.type == YAML_MAPPING_START_EVENT)
			keys(r);
		else
			mistake(r, &r->ev.start_mark, "", "keys are expected, as name: value");
	}
}

void weir_sync_boot_defaults(struct weir_sync_boot *boot)
{
	memset(boot, 0, sizeof(*boot));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++)
		if (rows[i].kind != K_ADDRESSES)
			(void)scalar_take(&rows[i], boot, rows[i].dflt, NULL);
}

int weir_sync_boot_parse(const char *text, size_t len, const char *name,
			 struct weir_sync_boot *boot, struct weir_err_list *errs)
{
	struct reader r = { .name = name, .out = boot, .errs = errs };
	const uint32_t before = errs->mistakes;

	weir_sync_boot_defaults(boot);
	if (!yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	stream(&r);
	if (r.have_ev)
		yaml_event_delete(&r.ev);
	yaml_parser_delete(&r.parser);
	if (r.rc == 0 && errs->mistakes > before)
		r.rc = -EINVAL;
	if (r.rc < 0)
		weir_sync_boot_defaults(boot);
	return r.rc;
}

int weir_sync_boot_load(const char *path, struct weir_sync_boot *boot, struct weir_err_list *errs)
{
	size_t len = 0;
	char *text = NULL;
	int rc = weir_sync_file_read(path, WEIR_CONF_BYTES_MAX, &text, &len);

	weir_sync_boot_defaults(boot);
	if (rc == -ENOENT || rc == -ENOMEM)
		return rc;
	if (rc == -EFBIG)
		weir_err_list_add(errs, false, path, 0, 0, "is too long; allowed are %d bytes",
				  WEIR_CONF_BYTES_MAX);
	else if (rc < 0)
		weir_err_list_add(errs, false, path, 0, 0, "cannot be read: %s", strerror(-rc));
	if (rc < 0)
		return -EINVAL;
	rc = weir_sync_boot_parse(text, len, path, boot, errs);
	free(text);
	return rc;
}
