/* SPDX-License-Identifier: Apache-2.0 */
/* Strings and lists of one configuration: pieces in a chain, given back together. */
#include "conf_priv.h"

#include <stdalign.h>
#include <stdlib.h>

struct weir_conf_mem {
	struct weir_conf_mem *next;
	alignas(max_align_t) char data[];
};

void *weir_conf_mem_take(struct weir_conf_mem **mem, size_t bytes)
{
	struct weir_conf_mem *m = calloc(1, sizeof(*m) + bytes);

	if (m == NULL)
		return NULL;
	m->next = *mem;
	*mem = m;
	return m->data;
}

void weir_conf_mem_free(struct weir_conf_mem **mem)
{
	while (*mem != NULL) {
		struct weir_conf_mem *m = *mem;

		*mem = m->next;
		free(m);
	}
}
