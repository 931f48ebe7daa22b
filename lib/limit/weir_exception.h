/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with an agent, as a set of bits: raised by whoever notices, told to the controller with each
 * SyncRequest (control-plane specification, 1.4). Any thread may call any function; none waits.
 */
#ifndef WEIR_EXCEPTION_H
#define WEIR_EXCEPTION_H

#include <weir_base.h>

#include <stdatomic.h>

/* The agent's bits. */
enum weir_exception {
#define WEIR_EXCEPTION(name, value, once, words) WEIR_EXCEPTION_##name = value,
#include "exceptions.def"
};

/* Agent's and controllers' alike, by value. */
struct weir_exception_info {
	uint64_t bit;
	const char *name;  /* DeepFlow's, upper case */
	const char *words; /* for people */
	bool once;         /* one report clears it */
	bool of_controller;
};

extern const struct weir_exception_info weir_exception_table[];
extern const uint32_t weir_exception_table_n;

/* NULL unless `bit` is exactly one known bit. */
const struct weir_exception_info *weir_exception_find(uint64_t bit);

/* Nothing is wrong with one that is all zeros. */
struct weir_exceptions {
	_Atomic uint64_t bits;
};

/* Raise or lower bits (enum weir_exception, or'ed). Returns those that were not so before. */
uint64_t weir_exceptions_set(struct weir_exceptions *e, uint64_t bits);
uint64_t weir_exceptions_clear(struct weir_exceptions *e, uint64_t bits);

/* The bits now raised: for status, and to see whether there is something new to report. */
uint64_t weir_exceptions_get(const struct weir_exceptions *e);

/*
 * The bits for a report. Those that one report clears are lowered with it: where it cannot be delivered, give
 * back what was taken. That raises these again, and none that was lowered by others meanwhile.
 */
uint64_t weir_exceptions_take(struct weir_exceptions *e);
void weir_exceptions_give_back(struct weir_exceptions *e, uint64_t taken);

/* Words of all known bits, joined with "; " as SyncRequest.exception_description has them; "" for none. Cut at `size`. */
const char *weir_exceptions_text(uint64_t bits, char *to, size_t size);

#endif
