/* SPDX-License-Identifier: Apache-2.0 */
/* What was written is read by tcpdump, by Wireshark's tools where they are, and by weir's own reader. */
#include "pcap_file.h"

#include <pcapng.h>
#include <sys/wait.h>

#define START UINT64_C(1700000000123456789)

static struct made m;
static char path[32];
static char output[1 << 16];

/* ARP request, RFC 826, from 02:00:00:00:00:01. */
static const uint8_t arp[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  1, 8, 6,
				 0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0, 0, 1,
				 10,   0,    0,    1,    0,    0,    0, 0, 0, 0, 10, 0, 0, 2 };
static uint8_t jumbo[9000]; /* cut within */

static void add(size_t len)
{
	CU_ASSERT_FATAL(len > 0);
	CU_ASSERT_EQUAL(len % 4, 0);
	m.n += len;
}

#define ADD(kind, ...)                                                    \
	do {                                                              \
		const struct pcapng_##kind block = { __VA_ARGS__ };       \
		add(pcapng_##kind(m.b + m.n, sizeof(m.b) - m.n, &block)); \
	} while (0)

static void write_file(void)
{
	ADD(section, .comment = "tap front, \xc3\xa4", .hardware = "x86_64", .os = "Linux 6.1",
	    .application = "weir-agent 0.1.0");
	ADD(interface, .name = "eth0", .description = "tap front", .filter = "arp or ip",
	    .snaplen = 100, .link = WEIR_LINK_ETHER);
	ADD(interface, .name = "0000:3b:00.0", .snaplen = 100, .link = WEIR_LINK_ETHER);
	ADD(packet, .interface = 0, .caplen = sizeof(arp), .wirelen = sizeof(arp), .ts_ns = START,
	    .link = WEIR_LINK_ETHER, .data = arp);
	ADD(packet, .interface = 1, .caplen = sizeof(arp), .wirelen = sizeof(arp) + 4,
	    .ts_ns = START + 1, .vlan_tci = 0x602a, .has_vlan = true, .link = WEIR_LINK_ETHER,
	    .data = arp);
	memcpy(jumbo, arp, 14);
	ADD(packet, .interface = 1, .caplen = 100, .wirelen = sizeof(jumbo) + 4, .ts_ns = START + 2,
	    .vlan_tci = 43, .has_vlan = true, .link = WEIR_LINK_ETHER, .data = jumbo);
	ADD(packet, .interface = 0, .caplen = 13, .wirelen = 13, .ts_ns = START + 3,
	    .link = WEIR_LINK_ETHER, .data = jumbo);
	ADD(statistics, .interface = 0, .ts_ns = START + 1000, .start_ns = START - 1000,
	    .received = 12, .dropped = 10, .delivered = 2);
	ADD(statistics, .interface = 1, .ts_ns = START + 1000, .start_ns = START - 1000,
	    .received = UINT64_C(1) << 40, .dropped = UINT64_MAX, .delivered = 2);
	made_write(&m, path);
}

/* False, with a word, when the program is not here. */
static bool run(const char *program, const char *arguments)
{
	char command[512];
	size_t len;
	FILE *p;

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	if (system(command) != 0) {
		printf("(skipped: there is no %s) ", program);
		return false;
	}
	snprintf(command, sizeof(command), "%s -r %s %s 2>&1", program, path, arguments);
	if (strcmp(program, "capinfos") == 0)
		snprintf(command, sizeof(command), "%s %s %s 2>&1", program, arguments, path);
	p = popen(command, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	len = fread(output, 1, sizeof(output) - 1, p);
	output[len] = '\0';
	pclose(p);
	return true;
}

static bool says(const char *text)
{
	if (strstr(output, text) != NULL)
		return true;
	printf("\nnot in the output: %s\n%s\n", text, output);
	return false;
}

static void test_tcpdump_sees_times_tags_and_lengths(void)
{
	if (!run("tcpdump", "-nn -e -tt --nano"))
		return;
	CU_ASSERT_TRUE(says("1700000000.123456789 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype "
			    "ARP (0x0806), length 42: Request who-has 10.0.0.2 tell 10.0.0.1, "
			    "length 28\n"));
	CU_ASSERT_TRUE(says("1700000000.123456790 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype "
			    "802.1Q (0x8100), length 46: vlan 42, p 3, ethertype ARP (0x0806), "
			    "Request who-has 10.0.0.2 tell 10.0.0.1, length 28\n"));
	CU_ASSERT_TRUE(says("length 9004: vlan 43, p 0, "));
	CU_ASSERT_TRUE(says("1700000000.123456792 "));
}

static void test_tshark_sees_interfaces_and_comment(void)
{
	if (!run("tshark", "-T fields -e frame.interface_name -e frame.time_epoch -e frame.len -e "
			   "frame.cap_len -e vlan.id"))
		return;
	CU_ASSERT_TRUE(says("eth0\t1700000000.123456789\t42\t42\t\n"));
	CU_ASSERT_TRUE(says("0000:3b:00.0\t1700000000.123456790\t46\t46\t42\n"));
	CU_ASSERT_TRUE(says("0000:3b:00.0\t1700000000.123456791\t9004\t104\t43\n"));
	CU_ASSERT_TRUE(says("eth0\t1700000000.123456792\t13\t13\t\n"));
}

static void test_capinfos_sees_everything_of_the_interfaces(void)
{
	if (!run("capinfos", ""))
		return;
	CU_ASSERT_TRUE(says("Capture hardware:    x86_64"));
	CU_ASSERT_TRUE(says("Capture oper-sys:    Linux 6.1"));
	CU_ASSERT_TRUE(says("Capture application: weir-agent 0.1.0"));
	CU_ASSERT_TRUE(says("tap front, \xc3\xa4"));
	CU_ASSERT_TRUE(says("Name = eth0"));
	CU_ASSERT_TRUE(says("Description = tap front"));
	CU_ASSERT_TRUE(says("Filter string = arp or ip"));
	CU_ASSERT_TRUE(says("Time precision = nanoseconds (9)"));
	CU_ASSERT_TRUE(says("Number of stat entries = 1"));
	CU_ASSERT_TRUE(says("Number of packets = 2"));
}

static void test_tshark_sees_what_was_dropped(void)
{
	setenv("TZ", "UTC", 1);
	if (!run("tshark", "-X read_format:'MIME Files Format' -V"))
		return;
	CU_ASSERT_TRUE(says("Number of Received Packets = 12\n"));
	CU_ASSERT_TRUE(says("Number of Dropped Packets = 10\n"));
	CU_ASSERT_TRUE(says("Number of Packets Delivered to the User = 2\n"));
	CU_ASSERT_TRUE(says("Number of Received Packets = 1099511627776\n"));
	CU_ASSERT_TRUE(says("22:13:20.123457789 UTC"));
}

static void test_weirs_own_reader_reads_it(void)
{
	static struct seen seen;
	const char *paths[] = { path };
	const struct weir_pcap_options o = { .paths = paths, .n_paths = 1, .loop = 1 };
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL_FATAL(see(&seen, &o, &err), 0);
	CU_ASSERT_EQUAL(seen.fault.code, 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 4);
	CU_ASSERT_EQUAL(seen.frames[0].ts_ns, START);
	CU_ASSERT_EQUAL(seen.frames[1].caplen, 46);
	CU_ASSERT_EQUAL(seen.frames[2].caplen, 104);
	CU_ASSERT_EQUAL(seen.frames[2].wirelen, 9004);
	CU_ASSERT_EQUAL(seen.frames[3].caplen, 13);
	CU_ASSERT_EQUAL(seen.frames[3].link, WEIR_LINK_ETHER);
}

/* As weir's own reader has them; it was tested against others' captures. */
static void test_every_link_type_is_read_back(void)
{
	static struct seen seen;
	const char *paths[] = { path };
	const struct weir_pcap_options o = { .paths = paths, .n_paths = 1, .loop = 1 };
	struct weir_err err = { 0 };

	for (uint8_t link = 0; link < WEIR_LINKS; link++) {
		m.n = 0;
		ADD(section, .comment = NULL);
		ADD(interface, .name = "x", .link = link);
		ADD(packet, .caplen = 42, .wirelen = 42, .ts_ns = START, .link = link, .data = arp);
		made_write(&m, path);
		CU_ASSERT_EQUAL_FATAL(see(&seen, &o, &err), 0);
		CU_ASSERT_EQUAL_FATAL(seen.n, 1);
		CU_ASSERT_EQUAL(seen.frames[0].link, link);
		unlink(path);
	}
}

static void test_a_tag_has_no_place_in_a_frame_of_11_bytes(void)
{
	const struct pcapng_packet p = {
		.caplen = 11, .wirelen = 60, .has_vlan = true, .link = WEIR_LINK_ETHER, .data = arp
	};

	CU_ASSERT_EQUAL(pcapng_packet(m.b, sizeof(m.b), &p), 28 + 12 + 4);
}

/* The block is as long as it says, and nothing is written behind what there is room for. */
static void test_what_does_not_fit_is_not_there(void)
{
	const struct pcapng_packet p = { .caplen = 41,
					 .wirelen = 46,
					 .ts_ns = START,
					 .has_vlan = true,
					 .link = WEIR_LINK_ETHER,
					 .data = arp };
	size_t len = pcapng_packet(m.b, sizeof(m.b), &p);

	CU_ASSERT_EQUAL(len, 80);
	CU_ASSERT(len <= PCAPNG_PACKET_MAX(41));
	for (size_t room = 0; room < len; room++) {
		uint8_t *exact = malloc(room);

		CU_ASSERT_EQUAL(pcapng_packet(exact, room, &p), 0);
		free(exact);
	}
}

static void test_texts_are_cut(void)
{
	static char text[70000];
	const struct pcapng_section s = { text, text, text, text };
	const struct pcapng_interface i = { .name = text, .description = text, .filter = text };

	memset(text, 'x', sizeof(text) - 1);
	CU_ASSERT(pcapng_section(m.b, PCAPNG_HEAD_MAX, &s) > 4 * PCAPNG_TEXT_MAX);
	CU_ASSERT(pcapng_interface(m.b, PCAPNG_HEAD_MAX, &i) > 3 * PCAPNG_TEXT_MAX);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "(a file is written)", write_file },
		{ "tcpdump sees times, tags and lengths",
		  test_tcpdump_sees_times_tags_and_lengths },
		{ "tshark sees interfaces and times", test_tshark_sees_interfaces_and_comment },
		{ "capinfos sees everything of the interfaces",
		  test_capinfos_sees_everything_of_the_interfaces },
		{ "tshark sees what was dropped", test_tshark_sees_what_was_dropped },
		{ "weir's own reader reads it", test_weirs_own_reader_reads_it },
		{ "a tag has no place in a frame of 11 bytes",
		  test_a_tag_has_no_place_in_a_frame_of_11_bytes },
		{ "what does not fit is not there", test_what_does_not_fit_is_not_there },
		{ "texts are cut", test_texts_are_cut },
		{ "every link type is read back", test_every_link_type_is_read_back },
		CU_TEST_INFO_NULL,
	};
	int status = weir_test_main("agent/pcapng", tests);

	unlink(path);
	return status;
}
