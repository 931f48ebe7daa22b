/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A setting's value as DeepFlow's agents read it. lib/conf takes more: names for numbers, yes and on, ranges of ports,
 * a bare 0 for a duration.
 */
#ifndef FORM_H
#define FORM_H

#include "tree.h"

#include <weir_conf.h>

/* By an older name; NULL: by the newer one. */
char *form_text(const struct weir_conf_row *row, const struct weir_conf_old *old,
		const void *field); /* NULL without memory; free() */

/* Does what stands in a text for the newer name have that form already? Not of ANY. */
bool form_is_right(const struct weir_conf_row *row, const struct tree_node *value);

/* So many ports are written as ranges, which DeepFlow's agents do not read. `field`: of a PORTS row. */
bool form_ports_are_ranges(const void *field);

/* A number as an older name counts it: 200 for 200000 by max_collect_pps; durations in seconds, rounded up. */
uint64_t form_number(const struct weir_conf_row *row, const struct weir_conf_twist *twist,
		     const void *field);

/* Name of an enumeration's number; NULL: it has none. */
const char *form_name(const struct weir_conf_row *row, uint32_t number);

#endif
