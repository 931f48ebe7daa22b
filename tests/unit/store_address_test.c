/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are opened for an address. */
#include "store_test.h"

#define FILES    5
#define FILE_REC 20000
#define ASKED    1000

static uint64_t state = 88172645463325252u;

static uint32_t noise(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static union weir_ip ipv4(uint32_t v)
{
	return (union weir_ip){ .w = { __builtin_bswap32(v) } };
}

static union weir_ip ipv6(uint32_t net, uint32_t host)
{
	return (union weir_ip){ .w = { 0xb80d0120, __builtin_bswap32(net), 0,
				       __builtin_bswap32(host) } };
}

/* Files with addresses of their own: clients anywhere below 128.0.0.0, half of them IPv6. */
static struct weir_flow_rec *make(void)
{
	struct weir_store_conf conf = { .file_rows = FILE_REC };
	struct weir_flow_rec *recs = calloc(FILES * FILE_REC, sizeof(*recs));
	struct weir_store *s;
	struct weir_err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(recs);
	dir_make();
	s = store_open(&conf);
	for (int i = 0; i < FILES * FILE_REC; i++) {
		recs[i] = plain((uint64_t)i, FIRST_NS + (uint64_t)i * 1000);
		recs[i].is_ipv6 = i & 1;
		for (int side = 0; side < 2; side++)
			recs[i].ip[side] = i & 1 ? ipv6(noise() >> 1, noise()) : ipv4(noise() >> 1);
	}
	CU_ASSERT_EQUAL_FATAL(weir_store_write(s, recs, FILES * FILE_REC, &err), 0);
	store_settle_close(s);
	return recs;
}

/* Files opened to find a net, and the rows found. */
static uint32_t ask(struct weir_store_reader *r, struct weir_store_net net, uint32_t *n)
{
	struct weir_store_query q = { .nets = &net, .n_nets = 1, .sort = WEIR_FIELD_end_time };
	struct weir_store_rows *rows = weir_store_select(r, &q, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
	*n = 0;
	while (weir_store_rows_next(rows) != NULL)
		(*n)++;
	weir_store_rows_close(rows);
	return weir_store_reader_opened(r);
}

static void test_what_is_in_a_file_is_always_found(void)
{
	struct weir_flow_rec *recs = make();
	struct weir_store_reader *r = weir_store_reader_open(test_dir, NULL);
	uint64_t opened = 0, asked = 0;
	uint32_t n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (int i = 0; i < FILES * FILE_REC; i += 997, asked++) {
		struct weir_store_net net = { .ip = recs[i].ip[i & 1],
					      .is_ipv6 = recs[i].is_ipv6,
					      .prefix = recs[i].is_ipv6 ? 128 : 32 };

		opened += ask(r, net, &n);
		CU_ASSERT_TRUE(n >= 1);
		net.prefix = recs[i].is_ipv6 ? 64 + (uint8_t)(i % 64) : 24 + (uint8_t)(i % 8);
		ask(r, net, &n);
		CU_ASSERT_TRUE(n >= 1);
		net.prefix = 8; /* larger than what the filter knows */
		if (i % (997 * 50) == 0)
			CU_ASSERT_EQUAL(ask(r, net, &n), FILES);
	}
	CU_ASSERT_TRUE(opened < asked * 11 / 10); /* nearly always the one file it is in */
	weir_store_reader_close(r);
	free(recs);
	dir_remove();
}

/* Addresses from 128.0.0.0 on are in no file. */
static void test_less_than_one_in_a_hundred_files_is_opened_in_vain(void)
{
	struct weir_flow_rec *recs = make();
	struct weir_store_reader *r = weir_store_reader_open(test_dir, NULL);
	uint64_t vain = 0;
	uint32_t n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (int i = 0; i < ASKED / FILES; i++) {
		struct weir_store_net net = { .ip = ipv4(noise() | 0x80000000), .prefix = 32 };

		vain += ask(r, net, &n);
		CU_ASSERT_EQUAL(n, 0);
		net.prefix = 24;
		vain += ask(r, net, &n);
		net = (struct weir_store_net){ .ip = ipv6(noise() | 0x80000000, noise()),
					       .prefix = i & 1 ? 128 : 64,
					       .is_ipv6 = true };
		vain += ask(r, net, &n);
	}
	printf("%.2f %% in vain ", 100.0 * (double)vain / (3.0 * ASKED));
	CU_ASSERT_TRUE(vain * 100 < 3 * ASKED);
	weir_store_reader_close(r);
	free(recs);
	dir_remove();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "what is in a file is always found", test_what_is_in_a_file_is_always_found },
		{ "less than one in a hundred files is opened in vain",
		  test_less_than_one_in_a_hundred_files_is_opened_in_vain },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("store/address", tests);
}
