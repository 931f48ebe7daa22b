/* SPDX-License-Identifier: Apache-2.0 */
#include "weir_base.h"

#include <stdlib.h>

void *weir_list_add(struct weir_list *l, size_t item_bytes)
{
	void *item;

	if (l->count == l->room) {
		const size_t room = l->room > 0 ? 2 * l->room : 64;
		void *items = reallocarray(l->items, room, item_bytes);

		if (items == NULL)
			return NULL;
		l->items = items;
		l->room = room;
	}
	item = (uint8_t *)l->items + l->count++ * item_bytes;
	memset(item, 0, item_bytes);
	return item;
}
