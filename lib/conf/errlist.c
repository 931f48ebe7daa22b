/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes and warnings of one run, in the order found. */
#include <weir_conf.h>

#include <stdarg.h>

/* Text of a file may hold anything; a terminal gets printable bytes. */
static void make_printable(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

/* Make room for a mistake where warnings have filled the list. */
static bool drop_warning(struct weir_err_list *errs)
{
	for (uint32_t i = errs->n; i > 0; i--) {
		if (!errs->items[i - 1].warning)
			continue;
		memmove(&errs->items[i - 1], &errs->items[i],
			(errs->n - i) * sizeof(errs->items[0]));
		errs->n--;
		return true;
	}
	return false;
}

void weir_err_list_add(struct weir_err_list *errs, bool warning, const char *file, uint32_t line,
		       uint32_t column, const char *fmt, ...)
{
	struct weir_err_item *item;
	size_t len = strlen(file);
	va_list ap;

	if (warning)
		errs->warnings++;
	else
		errs->mistakes++;
	if (errs->n == WEIR_ERR_LIST_MAX && (warning || !drop_warning(errs)))
		return;
	item = &errs->items[errs->n++];
	item->warning = warning;
	item->line = line;
	item->column = column;
	if (len >= sizeof(item->file))
		file += len - sizeof(item->file) + 1;
	snprintf(item->file, sizeof(item->file), "%s", file);
	va_start(ap, fmt);
	vsnprintf(item->msg, sizeof(item->msg), fmt, ap);
	va_end(ap);
	make_printable(item->file);
	make_printable(item->msg);
}

static void print_item(const struct weir_err_item *item, FILE *out)
{
	fputs(item->file, out);
	if (item->line > 0)
		fprintf(out, ":%u", item->line);
	if (item->column > 0)
		fprintf(out, ":%u", item->column);
	fprintf(out, ": %s%s\n", item->warning ? "warning: " : "", item->msg);
}

/* Is `a` to be printed before `b`? Files come as they were first spoken of. */
static bool is_before(const struct weir_err_list *errs, uint32_t a, uint32_t b)
{
	const struct weir_err_item *x = &errs->items[a], *y = &errs->items[b];
	uint32_t file = 0;

	if (strcmp(x->file, y->file) != 0) {
		while (strcmp(errs->items[file].file, x->file) != 0 &&
		       strcmp(errs->items[file].file, y->file) != 0)
			file++;
		return strcmp(errs->items[file].file, x->file) == 0;
	}
	return x->line != y->line ? x->line < y->line : a < b;
}

void weir_err_list_print(const struct weir_err_list *errs, FILE *out)
{
	uint32_t all = errs->mistakes + errs->warnings;
	uint32_t order[WEIR_ERR_LIST_MAX] = { 0 }, k;

	for (uint32_t i = 0; i < errs->n; i++) {
		for (k = i; k > 0 && is_before(errs, i, order[k - 1]); k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
	for (uint32_t i = 0; i < errs->n; i++)
		print_item(&errs->items[order[i]], out);
	if (all > errs->n)
		fprintf(out, "and %u more\n", all - errs->n);
}
