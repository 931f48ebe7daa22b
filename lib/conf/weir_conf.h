/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configurations: what this machine is (box: libconfig), what to capture and how (group: YAML), and the
 * controller's own (controller: libconfig). Each is one table (box.def, group.def, controller.def); the
 * structs, parsing, validation, defaults, the reference and the samples come from the rows.
 *
 * A loaded configuration is plain fields at the place of their path and never changes. Strings and
 * lists belong to it and live until its free(). Everything here is for the control thread, and may
 * block on files.
 */
#ifndef WEIR_CONF_H
#define WEIR_CONF_H

#include <weir_base.h>

#include <stdio.h>

struct weir_conf_mem; /* private: what strings and lists lie in */

struct weir_conf_ints {
	uint32_t n;
	const int32_t *v;
};

struct weir_conf_names {
	uint32_t n;
	const char *const *v;
};

/* Where a value comes from. */
enum weir_conf_from {
	WEIR_CONF_DEFAULT, /* the table's default: DeepFlow's for a group's key */
	WEIR_CONF_PROFILE, /* the appliance profile: no group configuration was given */
	WEIR_CONF_FILE,
};

struct weir_conf_origin {
	enum weir_conf_from from;
	uint32_t line;    /* of the file, from 1; 0 = none */
	const char *text; /* of a row that has no field: what the file says; NULL = nothing */
};

/* Numbers of sets and enumerations: bits are 1 << number in a set. */
enum { WEIR_CAPTURE_LOCAL, WEIR_CAPTURE_MIRROR, WEIR_CAPTURE_ANALYZER };
enum { WEIR_HUGEPAGES_AUTO, WEIR_HUGEPAGES_ON, WEIR_HUGEPAGES_OFF };
enum { WEIR_BOX_SINK_RECORDS, WEIR_BOX_SINK_JSONL, WEIR_BOX_SINK_STORE };

/*
 * Fields mirror the paths: conf->processors.flow_log.conntrack.timeouts.established. Durations are
 * in ns, sets are bits (1 << number), a list of ports is a bitmap of 65536 bits or NULL.
 */
#include "conf_fields.h"
struct weir_group_conf {
#include "group.def"
	struct weir_conf_origin *origin; /* one a row of weir_group_table */
	struct weir_conf_mem *mem;
};

#include "conf_fields.h" /* NOLINT(readability-duplicate-include): rows of another table */
struct weir_box_conf {
#include "box.def"
	struct weir_conf_origin *origin; /* one a row of weir_box_table; not for items of lists */
	const struct conf_given *given;  /* private */
	struct weir_conf_mem *mem;
};

#include "conf_fields.h" /* NOLINT(readability-duplicate-include): rows of another table */
struct weir_controller_conf {
#include "controller.def"
	struct weir_conf_origin *origin; /* one a row of weir_controller_table */
	const struct conf_given *given;  /* private */
	struct weir_conf_mem *mem;
};

/* One mistake or warning. */
struct weir_err_item {
	bool warning;
	uint32_t line, column; /* from 1; 0 = not known */
	char file[104];        /* cut from the left when longer */
	char msg[400];         /* object: what is wrong; what is allowed; what was meant */
};

#define WEIR_ERR_LIST_MAX 128

/* Everything found in one run. Zeroed by the caller; several files may be collected in one. */
struct weir_err_list {
	uint32_t mistakes; /* all of them, also those that found no room */
	uint32_t warnings;
	uint32_t n; /* items filled */
	struct weir_err_item items[WEIR_ERR_LIST_MAX];
};

void weir_err_list_add(struct weir_err_list *errs, bool warning, const char *file, uint32_t line,
		       uint32_t column, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* One line an item, "file:line:column: ...", file by file in order of lines, and how many found no room. */
void weir_err_list_print(const struct weir_err_list *errs, FILE *out);

/*
 * Fill `out` (given back by free): DeepFlow's defaults, or the appliance profile, which holds where no
 * group configuration is given. Returns 0 or -ENOMEM.
 */
int weir_group_conf_defaults(struct weir_group_conf *out);
int weir_group_conf_profile(struct weir_group_conf *out);
int weir_box_conf_defaults(struct weir_box_conf *out);
int weir_controller_conf_defaults(struct weir_controller_conf *out);

/*
 * Read a configuration over the defaults. All mistakes and warnings of the text go to `errs`.
 *
 * Returns 0; -EINVAL with at least one mistake in `errs`; -ENOMEM. `path`, `name`: what messages call
 * it. Unless 0 is returned `out` holds nothing. A file is at most WEIR_CONF_BYTES_MAX long.
 */
#define WEIR_CONF_BYTES_MAX 1048576
int weir_group_conf_load(const char *path, struct weir_group_conf *out, struct weir_err_list *errs);
int weir_group_conf_parse(const char *text, size_t len, const char *name,
			  struct weir_group_conf *out, struct weir_err_list *errs);
/*
 * As parse, for what a controller sends, which may be newer than this agent: a key that is not in the table is a
 * warning. DeepFlow's agent ignores it too.
 */
int weir_group_conf_take(const char *text, size_t len, const char *name,
			 struct weir_group_conf *out, struct weir_err_list *errs);
/*
 * As take, of a text that was good once: rules of rooms above are not asked again, since what they say may be another
 * thing by now (a filter has the name of a host, and nobody knows it today).
 */
int weir_group_conf_parse_kept(const char *text, size_t len, const char *name,
			       struct weir_group_conf *out, struct weir_err_list *errs);
int weir_box_conf_load(const char *path, struct weir_box_conf *out, struct weir_err_list *errs);
int weir_box_conf_parse(const char *text, size_t len, const char *name, struct weir_box_conf *out,
			struct weir_err_list *errs);
int weir_controller_conf_load(const char *path, struct weir_controller_conf *out,
			      struct weir_err_list *errs);
int weir_controller_conf_parse(const char *text, size_t len, const char *name,
			       struct weir_controller_conf *out, struct weir_err_list *errs);

/*
 * Rules of rooms above this one: each runs over what a file gives, also where that has mistakes, and
 * adds to `errs`. A member may be NULL. Set at boot, before anything is read; borrowed for ever.
 */
struct weir_conf_rules {
	void (*box)(const struct weir_box_conf *conf, const char *name, struct weir_err_list *errs);
	void (*group)(const struct weir_group_conf *conf, const char *name,
		      struct weir_err_list *errs);
};
void weir_conf_rules_set(const struct weir_conf_rules *rules);

/*
 * Most flows at once: the group's limit, or all that the box has. As in DeepFlow, an analyzer has no
 * limit until it is raised above the default.
 */
uint32_t weir_conf_flows(const struct weir_box_conf *box, const struct weir_group_conf *group,
			 uint32_t capture_mode);

/* Does the group fit into what the box has? 0, or -EINVAL with mistakes in `errs`. */
int weir_conf_pair_check(const struct weir_box_conf *box, const struct weir_group_conf *group,
			 const char *group_name, struct weir_err_list *errs);

/* Where the value of a field comes from; `field` points at one of `conf`'s. */
enum weir_conf_from weir_group_conf_from(const struct weir_group_conf *conf, const void *field);
uint32_t weir_group_conf_line(const struct weir_group_conf *conf, const void *field);

/* Line of the file that gives a field its value, also of an item's; 0 = none does. `field` points at one of `conf`'s. */
uint32_t weir_box_conf_line(const struct weir_box_conf *conf, const void *field);

/* Give back what a configuration owns. A zeroed one is accepted. */
void weir_group_conf_free(struct weir_group_conf *conf);
void weir_box_conf_free(struct weir_box_conf *conf);
void weir_controller_conf_free(struct weir_controller_conf *conf);

/* What a change of a setting takes. The agent never restarts for one. */
enum weir_conf_class {
	WEIR_CONF_LIVE, /* the next view */
	WEIR_CONF_EPOCH, /* the next view; it changes what a flow is, so open flows are closed first */
	WEIR_CONF_REOPEN,  /* ports are opened again */
	WEIR_CONF_REBUILD, /* tables are made anew */
	WEIR_CONF_RESTART, /* the controller is started again, which agents do not notice */
};

enum weir_conf_type {
	WEIR_CONF_BOOL,
	WEIR_CONF_U32,
	WEIR_CONF_I32,
	WEIR_CONF_REAL,     /* double */
	WEIR_CONF_DURATION, /* uint64_t, ns; number and unit in the text */
	WEIR_CONF_STRING,
	WEIR_CONF_ENUM,  /* uint32_t: one of `names`, by name or number */
	WEIR_CONF_SET,   /* uint64_t: list of the same */
	WEIR_CONF_INTS,  /* struct weir_conf_ints */
	WEIR_CONF_NAMES, /* struct weir_conf_names */
	WEIR_CONF_PORTS, /* const uint8_t *: bitmap, or NULL */
	WEIR_CONF_ANY,   /* known by name, not read */
};

struct weir_conf_name {
	const char *name; /* NULL ends a list */
	uint32_t number;
};

enum {
	WEIR_CONF_USED = 1 << 0,       /* has an effect in this version */
	WEIR_CONF_ZERO = 1 << 1,       /* 0 is allowed beside min to max: off, or without a limit */
	WEIR_CONF_NEEDED = 1 << 2,     /* an item of a list must have it */
	WEIR_CONF_CONTROLLER = 1 << 3, /* of a group: the controller reads it, not the agent */
};

/* All that is known of a setting. */
struct weir_conf_row {
	const char *path; /* an item of a list is written taps[0].name */
	/*
	 * Other names in older files, separated by blanks: "sc:" = below static_config, "!" = the
	 * opposite, "*60" = times 60, "," = a list as one text with commas. Bare numbers of a duration are seconds
	 * there; older agents take nothing else below static_config where it says "*1". "" = none.
	 */
	const char *old;
	const char *dflt;
	const char *unit; /* "" = none */
	const char *help;
	const struct weir_conf_name *names; /* ENUM and SET */
	int64_t min, max; /* numbers and durations: the value; strings: bytes; lists: each number */
	size_t offset;    /* of the field, of a list's row in item 0 */
	enum weir_conf_type type;
	enum weir_conf_class cls;
	uint32_t flags;
};

struct weir_conf_table {
	const struct weir_conf_row *rows;
	uint32_t n;
};

extern const struct weir_conf_table weir_group_table;
extern const struct weir_conf_table weir_box_table;
extern const struct weir_conf_table weir_controller_table;

/* A value as text, as it may be written in a file; `field` points at it. NULL without memory; free(). */
char *weir_conf_value_text(const struct weir_conf_row *row, const void *field);

/* The same of a group's row by its number; of one that has no field what the file says, "" where it is silent. */
char *weir_group_conf_text(const struct weir_group_conf *conf, uint32_t row);

/*
 * The row a person names: its path, one of its older names (with or without static_config, or as "sc:"), or the last
 * word of its path where no other has it. NULL: none, and `meant` says "" or "; did you mean ...".
 */
const struct weir_conf_row *weir_conf_row_named(const struct weir_conf_table *table,
						const char *name, char *meant, size_t size);

/* What an older name does to the value it carries. */
struct weir_conf_twist {
	uint32_t scale; /* 1 = nothing */
	bool old;       /* it is an older name */
	bool opposite;
	bool bare;   /* a duration is a number of seconds, of `scale` each */
	bool commas; /* a list is one text */
};

/* The row that a file's path names, by its newer or an older name, and what that name does. NULL: none. */
const struct weir_conf_row *weir_conf_row_at(const struct weir_conf_table *table, const char *path,
					     struct weir_conf_twist *twist);

/* One of a row's older names, as it lies in the table. */
struct weir_conf_old {
	bool is_static; /* below static_config */
	const char *text;
	size_t len;
	struct weir_conf_twist twist;
};

/* Step through them: `*names` is the row's `old` at first. False at the end. */
bool weir_conf_old_next(const char **names, struct weir_conf_old *name);

/* What its value may be: "number, 1 to 64", "one of local (0), mirror (1)". NULL without memory; free(). */
char *weir_conf_allowed_text(const struct weir_conf_row *row);

/* What a change of this row does: "live", "live, ends flows", "reopen", "rebuild", "by the controller", "no effect yet". */
const char *weir_conf_effect_text(const struct weir_conf_row *row);

/* A row whose value differs. */
struct weir_conf_change {
	const struct weir_conf_row *row;
	char *from, *to; /* as weir_conf_value_text() */
};

/* What would change, in the table's order. */
struct weir_conf_plan {
	struct weir_conf_change *changes;
	uint32_t n;
	uint32_t classes; /* 1 << enum weir_conf_class, of changes that have an effect */
};

/* From one group configuration to another. 0, or -ENOMEM and `plan` holds nothing. */
int weir_group_conf_plan(struct weir_conf_plan *plan, const struct weir_group_conf *from,
			 const struct weir_group_conf *to);
void weir_conf_plan_free(struct weir_conf_plan *plan);

/* The reference page (markdown) of all tables, and the samples: every row with its default. */
void weir_conf_reference_print(FILE *out);
void weir_group_sample_print(FILE *out);
void weir_box_sample_print(FILE *out);
void weir_controller_sample_print(FILE *out);

#endif
