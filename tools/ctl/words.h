/* SPDX-License-Identifier: Apache-2.0 */
/* Words that stand for numbers of the controller's API, as DeepFlow's command shows them. Control plane, 6.2. */
#ifndef WORDS_H
#define WORDS_H

#include "output.h"

#include <jansson.h>

struct word {
	int number;
	const char *text; /* NULL ends a table */
};

extern const struct word words_agent_state[], words_agent_type[], words_capture_mode[],
	words_domain_state[], words_domain_type[], words_enabled[];

/* Tables and csv have words; JSON and YAML are what the controller said. */
static inline bool words_are_for(enum output_format format)
{
	return output_is_for_people(format) || format == OUTPUT_CSV;
}

/* The number at `key` becomes its word; one that has none stays. */
void words_set(json_t *row, const char *key, const struct word *table);

/* A list of single bits becomes their names, with commas between. */
void words_set_exceptions(json_t *row, const char *key);

/* The number of a word, in capitals or not; -1 = it is none. */
int words_number(const struct word *table, const char *text);

#endif
