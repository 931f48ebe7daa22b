/* SPDX-License-Identifier: Apache-2.0 */
/* What the two readers share: text to field, memory, mistakes. */
#ifndef CONF_PRIV_H
#define CONF_PRIV_H

#include <weir_conf.h>

#define LIST_ITEMS_MAX 8192 /* most items of a list of scalars */
#define PORTS_BYTES    (65536 / 8)

/* A list of groups in the box configuration. */
struct conf_list {
	const char *name, *help;
	uint32_t most;
	size_t size;     /* of an item */
	size_t offset;   /* of item 0 in the struct */
	size_t n_offset; /* of the count, uint32_t */
};

struct conf_profile_row {
	const char *path, *value;
};

extern const struct conf_profile_row weir_conf_profile[];
extern const uint32_t weir_conf_profile_n;

/* A configuration of libconfig's grammar: its table, and where its struct has what the reader fills beside the fields. */
struct conf_kind {
	const struct weir_conf_table *table;
	const struct conf_list *lists;
	uint32_t n_lists;
	size_t size, origin, given, mem; /* bytes of the struct; offsets in it */
	void (*rules)(const void *conf, const char *name, struct weir_err_list *errs);
};

extern const struct conf_kind weir_conf_box_kind, weir_conf_controller_kind;

/* A value as a file has it: one text, or a list of them. Borrowed for the call. */
struct conf_raw {
	bool list;
	uint32_t n; /* 1 unless a list */
	const char *const *text;
};

/* Memory that lives as long as the configuration. Zeroed. NULL when there is none. */
void *weir_conf_mem_take(struct weir_conf_mem **mem, size_t bytes);
void weir_conf_mem_free(struct weir_conf_mem **mem);

/*
 * Fill the row's field. `err` says what is wrong with the value and what is allowed, without naming
 * the setting. Returns 0, -EINVAL or -ERANGE (the field is as before), -ENOMEM.
 */
int weir_conf_value_parse(const struct weir_conf_row *row, struct weir_conf_twist twist,
			  const struct conf_raw *raw, struct weir_conf_mem **mem, void *field,
			  struct weir_err *err);

/* The same from text as the table has it: "[a, b]" is a list. */
int weir_conf_value_parse_text(const struct weir_conf_row *row, const char *text,
			       struct weir_conf_mem **mem, void *field, struct weir_err *err);

/* Whole numbers as YAML 1.1 has them: sign, 0x, 0b, '_' between digits. False: `text` is none. */
bool weir_conf_int_parse(const char *text, int64_t *v);
/* "1m30s": each part a whole number and a unit. False: `text` is none, or too long a time. */
bool weir_conf_duration_parse(const char *text, uint64_t *ns);
/* In the largest unit that leaves a whole number. */
void weir_conf_duration_print(uint64_t ns, FILE *out);
/* A limit of a row as a person reads it. Returns `buf`. */
const char *weir_conf_limit_text(const struct weir_conf_row *row, int64_t v, char *buf,
				 size_t size);

bool weir_conf_is_section(const struct weir_conf_table *table, const char *path);

/* What to say of a path that is neither: "" or "; did you mean ...". Returns `buf`. */
const char *weir_conf_suggestion(const struct weir_conf_table *table, const char *path, char *buf,
				 size_t size);

/* A field of any type, while it is not yet known where it goes. */
union conf_field {
	bool b;
	uint32_t u32;
	int32_t i32;
	double real;
	uint64_t u64;
	const char *string;
	struct weir_conf_ints ints;
	struct weir_conf_names names;
	const uint8_t *ports;
};
size_t weir_conf_field_size(enum weir_conf_type type);

/* A value that a file of libconfig's grammar gives: where it stands. */
struct conf_given {
	const struct conf_given *next;
	size_t offset;    /* of the field, in the configuration */
	uint32_t element; /* of a list, or CONF_WHOLE */
	uint32_t line;
	bool wrong; /* it is a mistake: the field holds its default; or it is lacking */
};
#define CONF_WHOLE UINT32_MAX

struct weir_conf_mem **weir_conf_mem(const struct conf_kind *kind, void *conf);
struct weir_conf_origin **weir_conf_origin(const struct conf_kind *kind, void *conf);
const struct conf_given **weir_conf_given(const struct conf_kind *kind, const void *conf);

/* As weir_box_conf_defaults(), parse() and free(). */
int weir_conf_kind_defaults(const struct conf_kind *kind, void *out);
int weir_conf_libconfig_parse(const struct conf_kind *kind, const char *text, size_t len,
			      const char *name, void *out, struct weir_err_list *errs);
void weir_conf_kind_free(const struct conf_kind *kind, void *conf);

/* Line of an element; of the field where they are the same; 0 = the file does not have it. */
uint32_t weir_conf_given_line(const struct conf_kind *kind, const void *conf, const void *field,
			      uint32_t element);

/* Where rules between settings say what they find. */
struct conf_report {
	const struct conf_kind *kind;
	const void *conf;
	const char *name;
	struct weir_err_list *errs;
};
/* At a field, or an element of one that is a list. */
void weir_conf_mistake_at(const struct conf_report *r, const void *field, uint32_t element,
			  const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The value is a mistake, and the field holds its default; or it is lacking. */
bool weir_conf_is_wrong(const struct conf_report *r, const void *field);

/* Is it "127.0.0.1:9740" or "[::1]:9740", with a port from `port_min` on? */
bool weir_conf_is_listen(const char *text, int64_t port_min);

/* A port of a tap: what is the same port has the same name. */
struct conf_port {
	bool is_interface; /* of the kernel; else a device of DPDK */
	char name[128];
};

/* Could there be such a port? `err` says what is wrong with the text. Returns 0 or -EINVAL. */
int weir_conf_port_check(const char *text, struct conf_port *port, struct weir_err *err);

/* Check what holds between settings, where both are right by themselves. */
void weir_conf_box_rules(const void *conf, const char *name, struct weir_err_list *errs);
void weir_conf_controller_rules(const void *conf, const char *name, struct weir_err_list *errs);

/* What of a text has no end, and its line; NULL = nothing. libconfig would leave out the rest unsaid. */
const char *weir_conf_box_unended(const char *text, uint32_t *line);

/*
 * A text that libconfig refuses at `line` because of `why`: say the mistake, and return the text without
 * it, for reading what else there is; free(). Its lines are as before; a name that was given twice
 * begins with a star. NULL: it cannot be mended, and nothing was said.
 */
char *weir_conf_box_mend(const char *text, uint32_t line, const char *why, const char *file,
			 struct weir_err_list *errs);

/* Rules of rooms above; never NULL. */
extern const struct weir_conf_rules *weir_conf_rules;

/* A whole text to a configuration, as weir_group_conf_parse(). */
typedef int (*conf_parse_fn)(const char *text, size_t len, const char *name, void *out,
			     struct weir_err_list *errs);

/* Parse a file. A file that cannot be read is a mistake, and `out_bytes` at `out` are zero then. */
int weir_conf_file_load(const char *path, conf_parse_fn parse, void *out, size_t out_bytes,
			struct weir_err_list *errs);

/* Set every row of a table to its default. */
int weir_conf_defaults_fill(const struct weir_conf_table *table, void *conf,
			    struct weir_conf_mem **mem);

#endif
