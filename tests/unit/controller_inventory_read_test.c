/* SPDX-License-Identifier: Apache-2.0 */
/* GenesisPlatformData, made of the specification's field numbers, as rows; and what is refused, by name. */
#include "sync_wire.h"
#include "weir_test.h"

#include <errno.h>
#include <inventory_priv.h>
#include <stdio.h>
#include <stdlib.h>

/* Fields of GenesisPlatformData and InterfaceInfo: control plane, 1.11. */
enum { INTERFACES = 32, MAC = 1, IP = 2, NAME = 3, DEVICE_ID = 4, TAP_INDEX = 5, NETNS_ID = 8 };

static void add(struct wire *to, uint64_t mac, const char *name, const char *ip, const char *ip2)
{
	struct wire m = { .n = 0 };

	wire_number(&m, MAC, mac);
	if (ip != NULL)
		wire_text(&m, IP, ip);
	if (ip2 != NULL)
		wire_text(&m, IP, ip2);
	wire_text(&m, NAME, name);
	wire_message(to, INTERFACES, &m);
}

static int read_as(const struct wire *w, const struct report *before, struct report *to,
		   struct weir_err *err)
{
	uint64_t *slots = before != NULL ? inventory_report_slots(before) : NULL;
	const int rc = inventory_report_read(w->v, w->n, slots, before != NULL ? before->rows : 0,
					     to, err);

	free(slots);
	return rc;
}

static void test_an_interface_is_a_row_with_its_addresses(void)
{
	struct wire w = { .n = 0 };
	struct report r;

	add(&w, 0x0123456789ab, "eth0", "10.1.2.3/24", "fd00::5/64");
	CU_ASSERT_EQUAL_FATAL(read_as(&w, NULL, &r, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(r.rows, 1);
	CU_ASSERT_EQUAL(r.row[0].mac, 0x0123456789ab);
	CU_ASSERT_FALSE(r.row[0].is_wan);
	CU_ASSERT_EQUAL_FATAL(r.row[0].count, 2);
	CU_ASSERT_EQUAL(weir_be32(r.address[0].ip.b), 0x0a010203);
	CU_ASSERT_EQUAL(r.address[0].len, 24);
	CU_ASSERT_TRUE(r.address[1].is_ipv6);
	CU_ASSERT_EQUAL(r.address[1].len, 64);
	inventory_report_free(&r);
}

static void test_public_addresses_are_a_wan_row_without_a_mac(void)
{
	struct wire w = { .n = 0 };
	struct report r;

	add(&w, 0x0123456789ab, "eth0", "10.1.2.3/24", "8.8.4.4/29");
	CU_ASSERT_EQUAL_FATAL(read_as(&w, NULL, &r, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(r.rows, 2);
	for (uint32_t i = 0; i < 2; i++) {
		const struct row *row = &r.row[i];

		CU_ASSERT_EQUAL(row->mac, row->is_wan ? 0 : 0x0123456789ab);
		CU_ASSERT_EQUAL_FATAL(row->count, 1);
		CU_ASSERT_EQUAL(weir_be32(r.address[row->first].ip.b),
				row->is_wan ? 0x08080404 : 0x0a010203);
	}
	CU_ASSERT_NOT_EQUAL(r.row[0].slot, r.row[1].slot);
	inventory_report_free(&r);
}

static void test_what_is_no_machines_is_left_out(void)
{
	struct wire w = { .n = 0 };
	struct report r;

	add(&w, 0, "lo", "127.0.0.1/8", "::1/128");
	add(&w, 0x02000000dead, "kube-ipvs0", "10.96.0.1/32", NULL);
	add(&w, 0xffffffffffff, "everybody's", "10.0.0.9/24", NULL);
	add(&w, 0, "tun0", NULL, NULL);
	add(&w, 0x020000000001, "eth0", "169.254.1.1/16", "fe80::1/64");
	CU_ASSERT_EQUAL_FATAL(read_as(&w, NULL, &r, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(r.rows, 1);
	CU_ASSERT_EQUAL(r.row[0].mac, 0x020000000001);
	CU_ASSERT_EQUAL(r.addresses, 0);
	inventory_report_free(&r);
}

static uint16_t slot_of(const struct report *r, uint64_t mac)
{
	for (uint32_t i = 0; i < r->rows; i++)
		if (r->row[i].mac == mac)
			return r->row[i].slot;
	return 0;
}

static void test_an_interface_keeps_its_slot_while_others_come_and_go(void)
{
	struct wire w = { .n = 0 };
	struct report first, second;

	add(&w, 0x020000000001, "eth0", "10.0.0.1/24", NULL);
	add(&w, 0x020000000002, "eth1", NULL, NULL);
	add(&w, 0x020000000003, "eth2", NULL, NULL);
	CU_ASSERT_EQUAL_FATAL(read_as(&w, NULL, &first, NULL), 0);
	w.n = 0;
	add(&w, 0x020000000004, "eth3", NULL, NULL);
	add(&w, 0x020000000003, "eth2", "10.0.0.3/24", NULL);
	add(&w, 0x020000000001, "eth0", NULL, NULL);
	CU_ASSERT_EQUAL_FATAL(read_as(&w, &first, &second, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(second.rows, 3);
	CU_ASSERT_EQUAL(slot_of(&second, 0x020000000001), slot_of(&first, 0x020000000001));
	CU_ASSERT_EQUAL(slot_of(&second, 0x020000000003), slot_of(&first, 0x020000000003));
	for (uint32_t i = 1; i < second.rows; i++)
		CU_ASSERT_TRUE(second.row[i - 1].slot < second.row[i].slot);
	CU_ASSERT_TRUE(second.row[0].slot > 0);
	inventory_report_free(&first);
	inventory_report_free(&second);
}

static void test_what_is_said_twice_counts_once(void)
{
	struct wire w = { .n = 0 };
	struct report r;

	add(&w, 0x020000000001, "eth0", "10.0.0.1/24", NULL);
	add(&w, 0x020000000001, "eth0", "10.0.0.1/24", NULL);
	add(&w, 0x020000000001, "eth1", "10.0.0.2/24", NULL);
	CU_ASSERT_EQUAL_FATAL(read_as(&w, NULL, &r, NULL), 0);
	CU_ASSERT_EQUAL(r.rows, 2);
	inventory_report_free(&r);
}

/* Printed by iproute2 6.1 on a host with a bridge, a veth to a pod and a point-to-point link. */
static const char shown_by_ip[] =
	"1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n"
	"    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
	"    inet 127.0.0.1/8 scope host lo\n"
	"       valid_lft forever preferred_lft forever\n"
	"    inet6 ::1/128 scope host \n"
	"       valid_lft forever preferred_lft forever\n"
	"2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP group default qlen 1000\n"
	"    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff\n"
	"    inet 192.168.7.4/24 brd 192.168.7.255 scope global dynamic eth0\n"
	"       valid_lft 3012sec preferred_lft 3012sec\n"
	"    inet6 fd00:7::4/64 scope global \n"
	"       valid_lft forever preferred_lft forever\n"
	"    inet6 fe80::5054:ff:fe12:3456/64 scope link \n"
	"       valid_lft forever preferred_lft forever\n"
	"5: veth12@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 state UP\n"
	"    link/ether 0a:00:00:00:00:05 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n"
	"6: ppp0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1400 qdisc fq_codel state UNKNOWN\n"
	"    link/ppp \n"
	"    inet 10.64.64.64 peer 10.112.112.112/32 scope global ppp0\n"
	"       valid_lft forever preferred_lft forever\n";

static void test_interfaces_that_ip_has_printed_are_rows(void)
{
	struct wire w = { .n = 0 };
	struct report r;

	wire_text(&w, 30, "default");
	wire_text(&w, 31, shown_by_ip);
	CU_ASSERT_EQUAL_FATAL(read_as(&w, NULL, &r, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(r.rows, 3);
	CU_ASSERT_EQUAL(r.row[0].mac, 0x525400123456);
	CU_ASSERT_EQUAL_FATAL(r.row[0].count, 2);
	CU_ASSERT_EQUAL(weir_be32(r.address[0].ip.b), 0xc0a80704);
	CU_ASSERT_EQUAL(r.address[0].len, 24);
	CU_ASSERT_EQUAL(r.address[1].len, 64);
	CU_ASSERT_EQUAL(r.row[1].mac, 0x0a0000000005);
	CU_ASSERT_EQUAL(r.row[1].count, 0);
	CU_ASSERT_EQUAL(r.row[2].mac, 0);
	CU_ASSERT_EQUAL_FATAL(r.row[2].count, 1);
	CU_ASSERT_EQUAL(weir_be32(r.address[2].ip.b), 0x0a404040);
	CU_ASSERT_EQUAL(r.address[2].len, 32);
	inventory_report_free(&r);
}

static void test_text_that_ip_has_not_printed_is_passed_over(void)
{
	static const char *const none[] = {
		"",
		"\n\n\n",
		"2",
		"2:",
		"2: ",
		"x: eth0: <UP>\n link/ether 02:00:00:00:00:01\n",
		"link/ether 02:00:00:00:00:01\n",
		"99999999999: eth0: <UP>\n link/ether 02:00:00:00:00:01",
		"2: eth0: <UP>\n link/ether 02:00:00:00:00\n inet 10.0.0.999/24\n inet\n inet6 -1",
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(none); i++) {
		struct wire w = { .n = 0 };
		struct report r;

		wire_text(&w, 30, "default");
		wire_text(&w, 31, none[i]);
		CU_ASSERT_EQUAL_FATAL(read_as(&w, NULL, &r, NULL), 0);
		CU_ASSERT_EQUAL(r.rows, 0);
		inventory_report_free(&r);
	}
}

static void refused(const struct wire *w, int code, const char *says)
{
	struct weir_err err = { 0 };
	struct report r;

	CU_ASSERT_EQUAL(read_as(w, NULL, &r, &err), -code);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, says));
	if (strstr(err.msg, says) == NULL)
		fprintf(stderr, "\n\"%s\" does not say \"%s\"\n", err.msg, says);
	CU_ASSERT_PTR_NULL(r.row);
}

static void test_texts_that_are_no_addresses_are_refused_by_name(void)
{
	static const char *const none[] = {
		"",
		"eth0",
		"10.0.0.256/24",
		"10.0.0.1/33",
		"10.0.0.1/-1",
		"10.0.0.1/",
		"10.0.0.1/24/24",
		"fd00::1/129",
		"fd00::g/64",
		"10.0.0.1 /24",
		"1.2.3.4.5/8",
		"\x80\xff/1",
		"10.0.0.1/99999999999999999999",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/1"
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(none); i++) {
		struct wire w = { .n = 0 };

		add(&w, 0x020000000001, "eth7", none[i], NULL);
		refused(&w, EINVAL, "interface eth7");
		refused(&w, EINVAL, "no address");
	}
}

static void test_a_mac_of_more_than_48_bits_is_refused_by_name(void)
{
	struct wire w = { .n = 0 };

	add(&w, 0x1020000000001, "eth7", NULL, NULL);
	refused(&w, EINVAL, "interface eth7: MAC 0x1020000000001");
}

static void test_a_text_that_is_too_long_is_refused(void)
{
	struct wire w = { .n = 0 };
	char name[300];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	add(&w, 0x020000000001, name, NULL, NULL);
	refused(&w, E2BIG, "longer than 255 bytes");
}

static void test_what_is_no_message_is_refused(void)
{
	/* Field 32, then a length of all ones: "negative". */
	static const uint8_t negative[] = { 0x82, 0x02, 0xff, 0xff, 0xff, 0xff,
					    0xff, 0xff, 0xff, 0xff, 0xff, 0x01 };
	struct wire w = { .n = sizeof(negative) };

	memcpy(w.v, negative, sizeof(negative));
	refused(&w, EBADMSG, "cannot be decoded");
	w.n = 3; /* longer than what is there */
	w.v[2] = 0x7f;
	refused(&w, EBADMSG, "cannot be decoded");
}

static void test_texts_and_namespaces_that_are_no_pairs_are_refused(void)
{
	struct wire w = { .n = 0 };

	wire_text(&w, 31, shown_by_ip);
	refused(&w, EINVAL, "texts of 1 namespaces, names of 0");
}

/* As bytes; free(). */
static uint8_t *many(size_t n, size_t *size)
{
	uint8_t *v = malloc(n * 64);

	*size = 0;
	for (size_t i = 0; i < n; i++) {
		struct wire w = { .n = 0 };
		char name[16];

		snprintf(name, sizeof(name), "veth%zu", i);
		add(&w, 0x020000000000 + i, name, NULL, NULL);
		memcpy(v + *size, w.v, w.n);
		*size += w.n;
	}
	return v;
}

static void test_too_many_interfaces_are_refused(void)
{
	struct weir_err err = { 0 };
	struct report r;
	size_t n;
	uint8_t *v = many(8193, &n);

	CU_ASSERT_EQUAL(inventory_report_read(v, n, NULL, 0, &r, &err), -E2BIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "more than 8192 interfaces of one reporter"));
	free(v);
	v = many(8192, &n);
	CU_ASSERT_EQUAL(inventory_report_read(v, n, NULL, 0, &r, &err), 0);
	CU_ASSERT_EQUAL(r.rows, 8192);
	inventory_report_free(&r);
	free(v);
}

static void test_ten_megabytes_are_refused(void)
{
	struct weir_err err = { 0 };
	struct report r;
	uint8_t *v = calloc(1, 10 << 20);

	for (size_t i = 0; i < 10 << 20; i += 2) /* two bytes an interface */
		v[i] = 0x02;
	CU_ASSERT_EQUAL(inventory_report_read(v, 10 << 20, NULL, 0, &r, &err), -E2BIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "10485760 bytes: at most 4194304"));
	free(v);
}

/* Three bytes each, which take a hundred times that of memory when they are unpacked. */
static void test_millions_of_empty_interfaces_are_refused_within_a_budget(void)
{
	static const uint8_t one[] = { 0x82, 0x02, 0x00 };
	const size_t n = 4194300;
	struct weir_err err = { 0 };
	struct report r;
	uint8_t *v = malloc(n);

	for (size_t i = 0; i < n; i += sizeof(one))
		memcpy(v + i, one, sizeof(one));
	CU_ASSERT_TRUE(inventory_report_read(v, n, NULL, 0, &r, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "it takes more than 67108864 bytes of memory"));
	free(v);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an interface is a row with its addresses",
		  test_an_interface_is_a_row_with_its_addresses },
		{ "public addresses are a wan row without a mac",
		  test_public_addresses_are_a_wan_row_without_a_mac },
		{ "what is no machines is left out", test_what_is_no_machines_is_left_out },
		{ "an interface keeps its slot while others come and go",
		  test_an_interface_keeps_its_slot_while_others_come_and_go },
		{ "what is said twice counts once", test_what_is_said_twice_counts_once },
		{ "interfaces that ip has printed are rows",
		  test_interfaces_that_ip_has_printed_are_rows },
		{ "text that ip has not printed is passed over",
		  test_text_that_ip_has_not_printed_is_passed_over },
		{ "texts that are no addresses are refused by name",
		  test_texts_that_are_no_addresses_are_refused_by_name },
		{ "a mac of more than 48 bits is refused by name",
		  test_a_mac_of_more_than_48_bits_is_refused_by_name },
		{ "a text that is too long is refused", test_a_text_that_is_too_long_is_refused },
		{ "what is no message is refused", test_what_is_no_message_is_refused },
		{ "texts and namespaces that are no pairs are refused",
		  test_texts_and_namespaces_that_are_no_pairs_are_refused },
		{ "too many interfaces are refused", test_too_many_interfaces_are_refused },
		{ "ten megabytes are refused", test_ten_megabytes_are_refused },
		{ "millions of empty interfaces are refused within a budget",
		  test_millions_of_empty_interfaces_are_refused_within_a_budget },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/inventory/read", tests);
}
