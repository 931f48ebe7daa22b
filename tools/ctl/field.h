/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a flow record as text, by lib/rec/flow_fields.def; and what people read instead. */
#ifndef FIELD_H
#define FIELD_H

#include "output.h"

#include <weir_rec.h>

/* Is its JSON value in quotes? */
bool field_is_text(enum weir_field f);

/* The value as in JSON, without quotes. `is_zero` as the table means it: it may be left out. */
void field_text(char *to, bool *is_zero, enum weir_field f, const struct weir_flow_rec *rec);

/* For sorting: numbers by their value, addresses by their bytes. */
int field_compare(enum weir_field f, const struct weir_flow_rec *a, const struct weir_flow_rec *b);

/* WEIR_FIELDS, with `err` set, when there is no field of that name. */
enum weir_field field_parse(const char *name, const char *option, struct weir_err *err);

/* For tables. `to` has OUTPUT_CELL_MAX bytes. */
void field_end_text(char *to, const struct weir_flow_rec *rec,
		    unsigned int side); /* address:port */
void field_address_text(char *to, const struct weir_flow_rec *rec, unsigned int side);
void field_time_text(char *to, uint64_t ns); /* local time, ms */
void field_mac_text(char *to, uint64_t mac); /* its 48 bits */
void field_close_text(char *to, uint8_t close_type);

/* "timeout", "3". -EINVAL with `err` set. */
int field_close_parse(uint8_t *close_type, const char *text, struct weir_err *err);

#endif
