/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a GenesisPlatformData: rows, each with an address range and a slot of its own, which stays when the same is
 * read again; or refused with a reason. Or, with 0x80 in the first byte, as objects of a cluster: two bytes of length and
 * so many of data each.
 */
#include <inventory_priv.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void check_rows(const struct report *r)
{
	for (uint32_t i = 0; i < r->rows; i++) {
		const struct row *row = &r->row[i];

		demand(row->slot > 0 && (i == 0 || row[-1].slot < row->slot));
		demand(row->first + row->count <= r->addresses);
		demand(row->mac <= UINT64_C(0xffffffffffff) && (!row->is_wan || row->mac == 0));
	}
}

static void report(const uint8_t *data, size_t size)
{
	struct weir_err err = { 0 };
	struct report first, again;
	uint64_t *slots;

	if (inventory_report_read(data, size, NULL, 0, &first, &err) != 0) {
		demand(err.msg[0] != '\0');
		return;
	}
	check_rows(&first);
	slots = inventory_report_slots(&first);
	demand(inventory_report_read(data, size, slots, first.rows, &again, &err) == 0);
	demand(again.rows == first.rows);
	for (uint32_t i = 0; i < first.rows; i++)
		demand(again.row[i].key == first.row[i].key &&
		       again.row[i].slot == first.row[i].slot);
	free(slots);
	inventory_report_free(&first);
	inventory_report_free(&again);
	if (size / 8 < 4096) { /* and with slots that are none */
		slots = malloc(size + 8);
		memcpy(slots, data, size);
		demand(inventory_report_read(data, size, slots, size / 8, &again, &err) == 0);
		check_rows(&again);
		free(slots);
		inventory_report_free(&again);
	}
}

static void snapshot(const uint8_t *data, size_t size)
{
	struct inventory_cluster_entry entries[64];
	struct inventory_cluster c = { .cluster_id = "d", .version = 1, .entries = entries };
	struct weir_err err = { 0 };
	struct snapshot *s;
	int rc;

	while (c.n_entries < WEIR_ARRAY_SIZE(entries) && size >= 2) {
		const size_t n = weir_min_u64(weir_be16(data), size - 2);
		const bool is_pod = (data[0] & 0x80) != 0;

		entries[c.n_entries++] = (struct inventory_cluster_entry){ is_pod ? "*v1.Pod"
										  : "*v1.Node",
									   data + 2, n };
		data += 2 + n;
		size -= 2 + n;
	}
	s = inventory_snapshot_create(&c, &err);
	demand(s != NULL);
	do
		rc = inventory_snapshot_check(s, 4096, &err);
	while (rc == 1);
	demand(rc == 0 || err.msg[0] != '\0');
	inventory_snapshot_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 0x80)
		snapshot(data + 1, size - 1);
	else
		report(data + 1, size - 1);
	return 0;
}
