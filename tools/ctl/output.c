/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GAP       "  " /* between columns */
#define PAGE_ROWS 512  /* a table's columns are as wide as these need */

const char *const output_formats[OUTPUT_FORMATS] = {
	[OUTPUT_TABLE] = "table", [OUTPUT_WIDE] = "wide",   [OUTPUT_JSON] = "json",
	[OUTPUT_YAML] = "yaml",   [OUTPUT_JSONL] = "jsonl", [OUTPUT_CSV] = "csv",
};

struct output {
	enum output_format format;
	const struct output_column *columns;
	uint32_t n;
	uint64_t rows;            /* written; of a table also those in `page` */
	uint32_t page_rows;       /* rows waiting for their widths */
	struct output_cell *page; /* a table: PAGE_ROWS rows; else one */
	int *width;               /* of each column; -1 = left out */
	uint32_t left_out;        /* columns */
	uint32_t first, last;     /* columns that are not */
	bool header_done;
	int rc; /* of standard output, the first failure */
};

struct output *output_begin(enum output_format format, const struct output_column *columns,
			    uint32_t n)
{
	struct output *o = calloc(1, sizeof(*o));
	size_t rows = output_is_for_people(format) ? PAGE_ROWS : 1;

	if (o == NULL)
		return NULL;
	o->format = format;
	o->columns = columns;
	o->n = n;
	o->page = calloc(rows * n, sizeof(*o->page));
	o->width = calloc(n, sizeof(*o->width));
	if (o->page == NULL || o->width == NULL) {
		free(o->page);
		free(o->width);
		free(o);
		return NULL;
	}
	return o;
}

static struct output_cell *row_at(const struct output *o, uint32_t row)
{
	return &o->page[(size_t)row * o->n];
}

struct output_cell *output_cells(struct output *o)
{
	return row_at(o, o->page_rows);
}

static void widen(struct output *o, uint32_t column, const char *text)
{
	int len = (int)strlen(text);

	if (len > o->width[column])
		o->width[column] = len;
}

static void table_cell(const struct output *o, FILE *to, uint32_t column, const char *text)
{
	const char *gap = column == o->first ? "" : GAP;
	/* The last column ends where its text ends. */
	int width = column == o->last && o->columns[column].is_text ? 0 : o->width[column];

	if (o->width[column] < 0)
		return;
	if (o->columns[column].is_text)
		fprintf(to, "%s%-*s", gap, width, text);
	else
		fprintf(to, "%s%*s", gap, width, text);
	if (column == o->last)
		putc('\n', to);
}

/* On standard error: rows can be searched and counted while it stays in view. Control plane, 6.3. */
static void table_header(struct output *o)
{
	for (uint32_t c = 0; c < o->n; c++)
		table_cell(o, stderr, c, o->columns[c].name);
	o->header_done = true;
}

/* 0 = what is written does not go to a terminal. */
static unsigned int terminal_width(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col
										     : 0;
}

static unsigned int table_width(const struct output *o)
{
	unsigned int width = 0;

	for (uint32_t c = 0; c < o->n; c++)
		if (o->width[c] >= 0)
			width += (unsigned int)o->width[c] + (width > 0 ? sizeof(GAP) - 1 : 0);
	return width;
}

/* The least important column that is still there; of equals the last. `n` when all are needed. */
static uint32_t least_column(const struct output *o)
{
	uint32_t least = o->n;

	for (uint32_t c = 0; c < o->n; c++)
		if (o->width[c] >= 0 && o->columns[c].rank > 0 &&
		    (least == o->n || o->columns[c].rank >= o->columns[least].rank))
			least = c;
	return least;
}

/* Lines that wrap cannot be read. Who asks for all columns gets them. */
static void table_fit(struct output *o)
{
	unsigned int room = o->format == OUTPUT_TABLE ? terminal_width() : 0;
	uint32_t c;

	while (room > 0 && table_width(o) > room && (c = least_column(o)) < o->n) {
		o->width[c] = -1;
		o->left_out++;
	}
	for (c = o->n; c > 0; c--)
		if (o->width[c - 1] >= 0)
			o->first = c - 1;
	for (c = 0; c < o->n; c++)
		if (o->width[c] >= 0)
			o->last = c;
}

static void table_flush(struct output *o)
{
	if (!o->header_done) {
		for (uint32_t c = 0; c < o->n; c++) {
			widen(o, c, o->columns[c].name);
			for (uint32_t r = 0; r < o->page_rows; r++)
				widen(o, c, row_at(o, r)[c].text);
		}
		table_fit(o);
		table_header(o);
	}
	for (uint32_t r = 0; r < o->page_rows; r++)
		for (uint32_t c = 0; c < o->n; c++)
			table_cell(o, stdout, c, row_at(o, r)[c].text);
	o->page_rows = 0;
}

/* Texts here are addresses, names and numbers: only these two need an escape. */
static void json_text(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void json_object(const struct output *o, const struct output_cell *cells)
{
	const char *separator = "{";

	for (uint32_t c = 0; c < o->n; c++) {
		if (cells[c].left_out)
			continue;
		printf("%s\"%s\":", separator, o->columns[c].name);
		separator = ",";
		if (o->columns[c].is_text)
			json_text(cells[c].text);
		else
			fputs(cells[c].text, stdout);
	}
	putchar('}');
}

static void yaml_object(const struct output *o, const struct output_cell *cells)
{
	const char *indent = "- ";

	for (uint32_t c = 0; c < o->n; c++) {
		if (cells[c].left_out)
			continue;
		printf("%s%s: ", indent, o->columns[c].name);
		indent = "  ";
		if (o->columns[c].is_text)
			json_text(cells[c].text); /* a JSON string is a YAML string */
		else
			fputs(cells[c].text, stdout);
		putchar('\n');
	}
}

static void csv_text(const char *text, bool last)
{
	if (strpbrk(text, ",\"\n") == NULL) {
		fputs_unlocked(text, stdout);
	} else {
		putchar('"');
		for (; *text != '\0'; text++) {
			if (*text == '"')
				putchar('"');
			putchar(*text);
		}
		putchar('"');
	}
	fputs_unlocked(last ? "\r\n" : ",", stdout);
}

static void csv_header(struct output *o)
{
	for (uint32_t c = 0; c < o->n; c++)
		csv_text(o->columns[c].name, c + 1 == o->n);
	o->header_done = true;
}

static void csv_row(struct output *o, const struct output_cell *cells)
{
	if (!o->header_done)
		csv_header(o);
	for (uint32_t c = 0; c < o->n; c++)
		csv_text(cells[c].text, c + 1 == o->n);
}

/* Between two objects of an array, and before the first. */
static void json_separator(const struct output *o)
{
	if (o->format == OUTPUT_JSON)
		fputs(o->rows > 0 ? ",\n" : "[\n", stdout);
}

/* errno is that of the write that failed: later ones only fill the buffer. */
static void row_done(struct output *o)
{
	if (o->format == OUTPUT_JSONL)
		putchar('\n');
	o->rows++;
	if (ferror(stdout) && o->rc == 0)
		o->rc = errno != 0 ? -errno : -EIO;
}

bool output_goes_on(const struct output *o)
{
	return o->rc == 0;
}

void output_json_row(struct output *o, const char *text, size_t len)
{
	json_separator(o);
	fwrite(text, 1, len, stdout);
	row_done(o);
}

void output_row(struct output *o)
{
	struct output_cell *cells = output_cells(o);

	switch (o->format) {
	case OUTPUT_JSON:
	case OUTPUT_JSONL:
		json_separator(o);
		json_object(o, cells);
		break;
	case OUTPUT_YAML:
		yaml_object(o, cells);
		break;
	case OUTPUT_CSV:
		csv_row(o, cells);
		break;
	default:
		if (++o->page_rows == PAGE_ROWS)
			table_flush(o);
	}
	row_done(o);
}

/* The page's rows can need more than those that came before the header. */
static void widen_shown(struct output *o)
{
	for (uint32_t c = 0; o->header_done && c < o->n; c++)
		for (uint32_t r = 0; o->width[c] >= 0 && r < o->page_rows; r++)
			widen(o, c, row_at(o, r)[c].text);
}

void output_flush(struct output *o)
{
	if (output_is_for_people(o->format) && o->page_rows > 0) {
		widen_shown(o);
		table_flush(o);
	}
	if (fflush(stdout) != 0 && o->rc == 0)
		o->rc = -errno;
}

/* What a format needs around its rows, also when there are none. */
static void finish(struct output *o)
{
	if (output_is_for_people(o->format))
		table_flush(o);
	else if (o->format == OUTPUT_CSV && !o->header_done)
		csv_header(o);
	else if (o->format == OUTPUT_JSON)
		fputs(o->rows == 0 ? "[]\n" : "\n]\n", stdout);
	else if (o->format == OUTPUT_YAML && o->rows == 0)
		fputs("[]\n", stdout);
}

int output_end(struct output *o, bool failed)
{
	int rc = o->rc;

	if (rc == 0 && (!failed || o->rows > 0))
		finish(o);
	if (rc == 0 && fflush(stdout) != 0)
		rc = -errno;
	else if (rc == 0 && ferror(stdout))
		rc = -EIO;
	if (rc == 0 && o->left_out > 0)
		fprintf(stderr, "(%u columns do not fit this terminal: -o wide has all)\n",
			o->left_out);
	free(o->page);
	free(o->width);
	free(o);
	return rc == -EPIPE ? 0 : rc;
}

void output_count(char *to, uint64_t n)
{
	static const char units[] = "KMGTPE";
	double v = (double)n;
	size_t unit = 0;

	if (n < 10000) {
		snprintf(to, OUTPUT_CELL_MAX, "%" PRIu64, n);
		return;
	}
	v /= 1000;
	while (v >= 999.95) {
		v /= 1000;
		unit++;
	}
	snprintf(to, OUTPUT_CELL_MAX, "%.1f%c", v, units[unit]);
}

void output_us(char *to, uint64_t us)
{
	if (us < 1000)
		snprintf(to, OUTPUT_CELL_MAX, "%" PRIu64 "us", us);
	else if (us < 1000000)
		snprintf(to, OUTPUT_CELL_MAX, "%.1fms", (double)us / 1e3);
	else
		snprintf(to, OUTPUT_CELL_MAX, "%.1fs", (double)us / 1e6);
}
