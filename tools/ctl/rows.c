/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <wchar.h>

/* Of ASCII, or of the second set (U+0080 to U+009F) as UTF-8 has it: its length; 0 = none is here. */
static size_t control_len(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
		return 2;
	return p[0] < ' ' || p[0] == 0x7f;
}

void rows_copy(char *to, size_t room, const char *text)
{
	size_t n = 0;

	for (; n + 1 < room && *text != '\0'; n++) {
		size_t control = control_len(text);

		to[n] = (char)(control > 0 ? '?' : *text);
		text += control > 0 ? control : 1;
	}
	to[n] = '\0';
}

static void time_text(char *to, json_int_t us)
{
	time_t s = (time_t)(us / 1000000);
	struct tm tm;

	localtime_r(&s, &tm);
	strftime(to, ROWS_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm);
}

static void number_text(char *to, const struct rows_column *c, const json_t *v)
{
	double n = json_number_value(v);

	switch (c->kind) {
	case ROWS_COUNT:
		output_count(to, n > 0 ? (uint64_t)(n + 0.5) : 0);
		break;
	case ROWS_SHARE:
		snprintf(to, ROWS_TEXT_MAX, "%.1f%%", 100 * n);
		break;
	case ROWS_TIME:
		time_text(to, json_integer_value(v));
		break;
	default:
		if (json_is_integer(v))
			snprintf(to, ROWS_TEXT_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		else
			snprintf(to, ROWS_TEXT_MAX, "%.1f", n);
	}
}

void rows_text(char *to, const struct rows_column *c, const json_t *row)
{
	const json_t *v = json_object_get(row, c->key);

	if (json_is_string(v) && json_string_length(v) > 0)
		rows_copy(to, ROWS_TEXT_MAX, json_string_value(v));
	else if (json_is_number(v))
		number_text(to, c, v);
	else if (json_is_boolean(v))
		snprintf(to, ROWS_TEXT_MAX, "%s", json_is_true(v) ? "yes" : "no");
	else
		snprintf(to, ROWS_TEXT_MAX, "%s", c->none != NULL ? c->none : "-");
}

/* In columns of a terminal: some characters take two. What is no UTF-8 takes one a byte. */
static int width_of(const char *text)
{
	mbstate_t state = { 0 };
	int width = 0, w;
	wchar_t c;

	while (*text != '\0') {
		size_t n = mbrtowc(&c, text, MB_CUR_MAX, &state);

		if (n == 0 || n > MB_CUR_MAX) {
			state = (mbstate_t){ 0 };
			n = 1;
			w = 1;
		} else {
			w = wcwidth(c);
		}
		width += w > 0 ? w : 0;
		text += n;
	}
	return width;
}

static void put_cell(FILE *to, const char *text, int width, bool left, bool last)
{
	int gap = width - width_of(text);

	if (left)
		fprintf(to, "%s%*s", text, last || gap < 0 ? 0 : gap, "");
	else
		fprintf(to, "%*s%s", gap < 0 ? 0 : gap, "", text);
	fputs(last ? "\n" : "  ", to);
}

static bool is_shown(const struct rows_column *c, enum output_format format)
{
	return !c->wide || format == OUTPUT_WIDE;
}

static int column_width(const struct rows_column *c, const json_t *rows)
{
	char text[ROWS_TEXT_MAX];
	int width = width_of(c->title), w;
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		rows_text(text, c, row);
		w = width_of(text);
		width = w > width ? w : width;
	}
	return width;
}

/* `row` NULL: the titles. */
static void table_line(FILE *to, enum output_format format, const struct rows_column *columns,
		       size_t n, const int *widths, const json_t *row)
{
	char text[ROWS_TEXT_MAX];
	size_t last = n;

	while (last > 0 && !is_shown(&columns[last - 1], format))
		last--;
	for (size_t i = 0; i < last; i++) {
		const struct rows_column *c = &columns[i];

		if (!is_shown(c, format))
			continue;
		if (row != NULL)
			rows_text(text, c, row);
		put_cell(to, row != NULL ? text : c->title, widths[i], c->kind == ROWS_TEXT,
			 i + 1 == last);
	}
}

static void print_table(enum output_format format, const struct rows_column *columns, size_t n,
			const json_t *rows)
{
	int widths[64];
	const json_t *row;
	size_t i;

	assert(n <= WEIR_ARRAY_SIZE(widths));
	for (i = 0; i < n; i++)
		widths[i] = column_width(&columns[i], rows);
	table_line(stderr, format, columns, n, widths, NULL);
	json_array_foreach(rows, i, row)
		table_line(stdout, format, columns, n, widths, row);
}

/* RFC 4180. */
static void csv_cell(const json_t *v, bool last)
{
	char *text = v == NULL || json_is_null(v) ? NULL
		     : json_is_string(v)          ? strdup(json_string_value(v))
						  : json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY |
									  JSON_REAL_PRECISION(9));

	if (text != NULL && strpbrk(text, ",\"\r\n") != NULL) {
		putchar('"');
		for (const char *p = text; *p != '\0'; p++) {
			if (*p == '"')
				putchar('"');
			putchar(*p);
		}
		putchar('"');
	} else if (text != NULL) {
		fputs(text, stdout);
	}
	fputs(last ? "\r\n" : ",", stdout);
	free(text);
}

static void print_csv(const struct rows_column *columns, size_t n, const json_t *rows)
{
	const json_t *row;
	size_t i;

	for (i = 0; i < n; i++)
		printf("%s%s", columns[i].key, i + 1 == n ? "\r\n" : ",");
	json_array_foreach(rows, i, row)
		for (size_t c = 0; c < n; c++)
			csv_cell(json_object_get(row, columns[c].key), c + 1 == n);
}

static void print_json(const json_t *v)
{
	json_dumpf(v, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
}

static void print_json_rows(const json_t *rows, const char *before, const char *between,
			    const char *behind)
{
	const json_t *row;
	size_t i;

	fputs(before, stdout);
	json_array_foreach(rows, i, row) {
		if (i > 0)
			fputs(between, stdout);
		print_json(row);
	}
	fputs(behind, stdout);
}

static void yaml_value(const json_t *v, int indent);

/* "key: value"; what has parts begins on the next line. JSON's scalars are YAML's. */
static void yaml_pair(const char *key, const json_t *v, int indent)
{
	bool has_parts = json_object_size(v) > 0 || json_array_size(v) > 0;

	printf("%s:%s", key, has_parts ? "\n" : " ");
	if (has_parts) {
		printf("%*s", indent + 2, "");
		yaml_value(v, indent + 2);
	} else {
		print_json(v);
		putchar('\n');
	}
}

/* The first line is indented already. NOLINTNEXTLINE(misc-no-recursion): as deep as an answer is. */
static void yaml_value(const json_t *v, int indent)
{
	const char *key;
	const json_t *part;
	size_t i = 0;

	if (json_object_size(v) > 0) {
		/* jansson's iterator takes no const. */
		void *at = json_object_iter((json_t *)(uintptr_t)v);

		for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
			key = json_object_iter_key(at);
			printf("%*s", i++ > 0 ? indent : 0, "");
			yaml_pair(key, json_object_iter_value(at), indent);
		}
		return;
	}
	if (json_array_size(v) == 0) {
		print_json(v);
		putchar('\n');
		return;
	}
	json_array_foreach(v, i, part) {
		printf("%*s- ", i > 0 ? indent : 0, "");
		yaml_value(part, indent + 2);
	}
}

int rows_flush(struct weir_err *err)
{
	int rc = fflush(stdout) != 0 ? errno : ferror(stdout) ? EIO : 0;

	if (rc == 0 || rc == EPIPE) /* its reader has enough */
		return 0;
	return weir_err_set(err, rc, "standard output: %s", strerror(rc));
}

int rows_print_value(enum output_format format, const json_t *value, struct weir_err *err)
{
	if (format == OUTPUT_YAML) {
		yaml_value(value, 0);
	} else {
		print_json(value);
		putchar('\n');
	}
	return rows_flush(err);
}

int rows_print(enum output_format format, const struct rows_column *columns, size_t n,
	       const json_t *rows, struct weir_err *err)
{
	switch (format) {
	case OUTPUT_JSON:
		if (json_array_size(rows) > 0)
			print_json_rows(rows, "[\n", ",\n", "\n]\n");
		else
			fputs("[]\n", stdout);
		break;
	case OUTPUT_JSONL:
		print_json_rows(rows, "", "\n", json_array_size(rows) > 0 ? "\n" : "");
		break;
	case OUTPUT_YAML:
		yaml_value(rows, 0);
		break;
	case OUTPUT_CSV:
		print_csv(columns, n, rows);
		break;
	default:
		print_table(format, columns, n, rows);
	}
	return rows_flush(err);
}
