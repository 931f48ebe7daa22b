/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs of sockets. The kernel runs them, over a pair of local sockets: what a program returns is the
 * length of the message that arrives. No privilege is needed.
 */
#include "afpacket_priv.h"
#include "weir_test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE 200

/* The bytes that arrive of a message that begins with `first`; -1 = refused by the program. */
static ssize_t arrives(const struct sock_fprog *prog, uint8_t first)
{
	uint8_t out[MESSAGE] = { first }, in[MESSAGE];
	int pair[2];
	ssize_t n;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	CU_ASSERT_EQUAL_FATAL(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, prog,
					 sizeof(*prog)),
			      0);
	n = send(pair[0], out, sizeof(out), 0);
	if (n > 0)
		n = recv(pair[1], in, sizeof(in), 0);
	close(pair[0]);
	close(pair[1]);
	return n;
}

static struct sock_fprog made(const struct sock_filter *filter, uint16_t len, uint32_t snaplen)
{
	const struct weir_afpacket_options o = {
		.interface = "eth0", .filter = filter, .filter_len = len, .snaplen = snaplen
	};
	struct sock_fprog prog = { 0 };
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL_FATAL(weir_afpacket_filter_make(&prog, &o, &err), 0);
	return prog;
}

static void test_without_a_filter_every_packet_is_kept_up_to_the_snap_length(void)
{
	struct sock_fprog prog = made(NULL, 0, 96);

	CU_ASSERT_EQUAL(arrives(&prog, 1), 96);
	free(prog.filter);
	prog = made(NULL, 0, WEIR_FRAME_MAX);
	CU_ASSERT_EQUAL(arrives(&prog, 1), MESSAGE);
	free(prog.filter);
}

/* 7 = 50 bytes, 8 = all bytes, everything else nothing. */
static const struct sock_filter seven_eight[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 8, 2, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_RET | BPF_K, 50),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
};

static void test_a_filter_decides_and_its_lengths_are_cut(void)
{
	struct sock_fprog prog = made(seven_eight, WEIR_ARRAY_SIZE(seven_eight), 96);

	CU_ASSERT_EQUAL(arrives(&prog, 6), -1);
	CU_ASSERT_EQUAL(arrives(&prog, 7), 50);
	CU_ASSERT_EQUAL(arrives(&prog, 8), 96);
	free(prog.filter);
}

static void test_the_part_against_outgoing_packets_may_be_skipped(void)
{
	struct sock_fprog prog = made(seven_eight, WEIR_ARRAY_SIZE(seven_eight), 96);
	const struct sock_fprog rest = { .len = (unsigned short)(prog.len - AGAINST_OUTGOING),
					 .filter = prog.filter + AGAINST_OUTGOING };

	CU_ASSERT_EQUAL(rest.len, WEIR_ARRAY_SIZE(seven_eight));
	CU_ASSERT_EQUAL(arrives(&rest, 6), -1);
	CU_ASSERT_EQUAL(arrives(&rest, 8), 96);
	free(prog.filter);
}

static void test_nothing_passes_the_program_of_a_socket_that_waits(void)
{
	CU_ASSERT_EQUAL(arrives(&weir_afpacket_filter_none, 7), -1);
}

/* Linux, include/uapi/linux/bpf_common.h: BPF_MAXINSNS is 4096. */
static void test_a_filter_without_or_with_too_many_instructions_is_refused(void)
{
	static struct sock_filter many[4096];
	struct weir_afpacket_options o = { .interface = "eth0", .filter = many, .snaplen = 96 };
	struct sock_fprog prog = { 0 };
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL(weir_afpacket_filter_make(&prog, &o, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "eth0"));
	o.filter_len = 4094;
	CU_ASSERT_EQUAL(weir_afpacket_filter_make(&prog, &o, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "4094"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "4093"));
	o.filter_len = 4093;
	CU_ASSERT_EQUAL(weir_afpacket_filter_make(&prog, &o, &err), 0);
	CU_ASSERT_EQUAL(prog.len, 4096);
	free(prog.filter);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "without a filter every packet is kept up to the snap length",
		  test_without_a_filter_every_packet_is_kept_up_to_the_snap_length },
		{ "a filter decides and its lengths are cut",
		  test_a_filter_decides_and_its_lengths_are_cut },
		{ "the part against outgoing packets may be skipped",
		  test_the_part_against_outgoing_packets_may_be_skipped },
		{ "nothing passes the program of a socket that waits",
		  test_nothing_passes_the_program_of_a_socket_that_waits },
		{ "a filter without or with too many instructions is refused",
		  test_a_filter_without_or_with_too_many_instructions_is_refused },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("afpacket/filter", tests);
}
