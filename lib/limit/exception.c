/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_exception.h>

#include <stdio.h>

const struct weir_exception_info weir_exception_table[] = {
#define WEIR_EXCEPTION(n, value, o, w) { .bit = value, .name = #n, .words = w, .once = o },
#define WEIR_EXCEPTION_OF_CONTROLLER(n, value, w) \
	{ .bit = value, .name = #n, .words = w, .of_controller = true },
#include "exceptions.def" /* NOLINT(readability-duplicate-include): with another meaning */
};
const uint32_t weir_exception_table_n = WEIR_ARRAY_SIZE(weir_exception_table);

static const uint64_t once = 0
#define WEIR_EXCEPTION(n, value, o, w) | ((o) ? (uint64_t)(value) : 0)
#include "exceptions.def" /* NOLINT(readability-duplicate-include): with another meaning */
	;

const struct weir_exception_info *weir_exception_find(uint64_t bit)
{
	for (uint32_t i = 0; i < weir_exception_table_n; i++)
		if (weir_exception_table[i].bit == bit)
			return &weir_exception_table[i];
	return NULL;
}

uint64_t weir_exceptions_set(struct weir_exceptions *e, uint64_t bits)
{
	return bits & ~atomic_fetch_or(&e->bits, bits);
}

uint64_t weir_exceptions_clear(struct weir_exceptions *e, uint64_t bits)
{
	return bits & atomic_fetch_and(&e->bits, ~bits);
}

uint64_t weir_exceptions_get(const struct weir_exceptions *e)
{
	return atomic_load(&e->bits);
}

uint64_t weir_exceptions_take(struct weir_exceptions *e)
{
	return atomic_fetch_and(&e->bits, ~once);
}

void weir_exceptions_give_back(struct weir_exceptions *e, uint64_t taken)
{
	atomic_fetch_or(&e->bits, taken & once);
}

const char *weir_exceptions_text(uint64_t bits, char *to, size_t size)
{
	size_t n = 0;

	to[0] = '\0';
	for (uint32_t i = 0; i < weir_exception_table_n && n < size; i++)
		if (bits & weir_exception_table[i].bit)
			n += (size_t)snprintf(to + n, size - n, "%s%s", n > 0 ? "; " : "",
					      weir_exception_table[i].words);
	return to;
}
