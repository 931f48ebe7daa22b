/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that are JSON objects already, as an agent answers, in the format asked for. For programs a row is
 * the whole object (csv: the keys of the columns); for people the columns are made readable.
 */
#ifndef ROWS_H
#define ROWS_H

#include "output.h"

#include <jansson.h>

enum rows_kind {
	ROWS_TEXT,
	ROWS_NUMBER, /* all its digits */
	ROWS_COUNT,  /* 1.2K */
	ROWS_SHARE,  /* 0.123 is 12.3% */
	ROWS_TIME,   /* us since the epoch, local time */
};

struct rows_column {
	const char *title;
	const char *key;
	enum rows_kind kind;
	bool wide;        /* -o wide only */
	const char *none; /* for people, where the value is null or missing */
};

/* `rows` is an array of objects. 0, or -errno with `err` set when standard output did not take it. */
int rows_print(enum output_format format, const struct rows_column *columns, size_t n,
	       const json_t *rows, struct weir_err *err);

/* Any value: JSON in one line, or YAML. */
int rows_print_value(enum output_format format, const json_t *value, struct weir_err *err);

/* A value as people read it; no control character is left in it. `to` has ROWS_TEXT_MAX bytes. */
#define ROWS_TEXT_MAX 1024
void rows_text(char *to, const struct rows_column *c, const json_t *row);

/* Standard output is flushed; as above. */
int rows_flush(struct weir_err *err);

/* Control characters of `text`, which came from elsewhere, would be obeyed by a terminal. */
void rows_copy(char *to, size_t room, const char *text);

#endif
