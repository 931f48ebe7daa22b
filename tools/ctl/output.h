/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows on standard output, in the format asked for. A command describes its columns once and then
 * fills the cells of one row after the other.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <weir_base.h>

enum output_format {
	OUTPUT_TABLE, /* for people: aligned, units humanised */
	OUTPUT_WIDE,  /* the same, more columns */
	OUTPUT_JSON,  /* one array */
	OUTPUT_YAML,
	OUTPUT_JSONL, /* one object a line */
	OUTPUT_CSV,   /* RFC 4180, with a header */
	OUTPUT_FORMATS
};

extern const char *const output_formats[OUTPUT_FORMATS]; /* their names */

static inline bool output_is_for_people(enum output_format format)
{
	return format == OUTPUT_TABLE || format == OUTPUT_WIDE;
}

#define OUTPUT_CELL_MAX 128 /* longest text of a cell, NUL included */

struct output_column {
	const char *name; /* as in JSON; in a table it is the title */
	bool is_text;     /* quoted in JSON; left-aligned in a table */
	uint8_t rank;     /* a table on a narrow terminal leaves out the largest first; 0 never */
};

struct output_cell {
	char text[OUTPUT_CELL_MAX];
	bool left_out; /* JSON and YAML: not part of this row */
};

struct output;

/* `columns` is borrowed until output_end(). NULL without memory. */
struct output *output_begin(enum output_format format, const struct output_column *columns,
			    uint32_t n);

/* The cells of the next row to fill, one a column. */
struct output_cell *output_cells(struct output *o);
void output_row(struct output *o);

/* JSON formats: the next row as an object that is made already. */
void output_json_row(struct output *o, const char *text, size_t len);

/* Write the rows so far; later ones of a table may be wider. */
void output_flush(struct output *o);

/* False: standard output takes no more, what comes is for nobody. */
bool output_goes_on(const struct output *o);

/*
 * Write what is left, free everything. With `failed` and without rows nothing is written, no header
 * either. 0, or -errno when standard output could not take it. That its reader closed it early is no failure:
 * `head` has what it wants.
 */
int output_end(struct output *o, bool failed);

/* For tables: 1.2K, 3.4M; 950us, 1.2ms, 3.4s. `to` has OUTPUT_CELL_MAX bytes. */
void output_count(char *to, uint64_t n);
void output_us(char *to, uint64_t us);

#endif
