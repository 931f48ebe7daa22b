/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are mapped while they are read: what gets lost under the eyes of the one who looks. */
#include "pcap_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define RECORDS     1000
#define CAPLEN      1000
#define RECORD      (16 + CAPLEN)
#define NG_BLOCK    (32 + CAPLEN) /* an enhanced packet block */
#define NG_BEGIN    (28 + 20)     /* section and interface */
#define TAKEN_FIRST 100

static struct made m;
static struct weir_err err;
static char path[32];
static struct weir_source *src;
static struct weir_frame first[TAKEN_FIRST];

/* Records 1 to RECORDS, each filled with its number's low byte, but for 0. */
static uint8_t fill_of(uint32_t i)
{
	return (uint8_t)(i % 255 + 1);
}

static void classic_make(void)
{
	m.n = 0;
	put_header(&m, 0xa1b2c3d4, 1);
	for (uint32_t i = 0; i < RECORDS; i++) {
		put_record(&m, i + 1, 0, 0, CAPLEN);
		m.b[m.n - 8] = (uint8_t)CAPLEN;
		m.b[m.n - 7] = CAPLEN >> 8;
		put_data(&m, fill_of(i), CAPLEN);
	}
	made_write(&m, path);
}

static void ng_make(void)
{
	m.n = 0;
	put(&m, 0x0a0d0d0a, 4);
	put(&m, 28, 4);
	put(&m, 0x1a2b3c4d, 4);
	put(&m, 1, 4); /* version 1.0 */
	put(&m, UINT64_MAX, 8);
	put(&m, 28, 4);
	put(&m, 1, 4); /* an interface, Ethernet */
	put(&m, 20, 4);
	put(&m, 1, 4);
	put(&m, 0, 4);
	put(&m, 20, 4);
	for (uint32_t i = 0; i < RECORDS; i++) {
		put(&m, 6, 4); /* an enhanced packet of interface 0 */
		put(&m, NG_BLOCK, 4);
		put(&m, 0, 8);
		put(&m, i + 1, 4);
		put(&m, CAPLEN, 4);
		put(&m, CAPLEN, 4);
		put_data(&m, fill_of(i), CAPLEN);
		put(&m, NG_BLOCK, 4);
	}
	made_write(&m, path);
}

static void open_source(uint32_t loop)
{
	const char *const paths[] = { path };
	const struct weir_pcap_options o = { .paths = paths, .n_paths = 1, .loop = loop };

	src = weir_source_pcap_create(&o, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(src);
	CU_ASSERT_EQUAL_FATAL(src->ops->open(src, &err), 0);
	CU_ASSERT_EQUAL_FATAL(src->ops->start(src, &err), 0);
}

static void close_source(void)
{
	src->ops->close(src);
	unlink(path);
}

static bool is_filled(const struct weir_frame *f, uint8_t byte)
{
	for (uint32_t i = 0; i < f->caplen; i++)
		if (f->data[i] != byte)
			return false;
	return f->caplen == CAPLEN;
}

static void take_first(void)
{
	size_t n = 0;

	while (n < TAKEN_FIRST)
		n += src->ops->rx(src, 0, first + n, (uint16_t)weir_min_u64(TAKEN_FIRST - n, 7));
}

/* All that is left, of which each packet must be whole. */
static size_t take_rest(size_t i)
{
	struct weir_frame frames[7];
	size_t bad = 0;
	uint16_t n;

	while (!atomic_load(&src->ended)) {
		n = src->ops->rx(src, 0, frames, WEIR_ARRAY_SIZE(frames));
		for (uint16_t k = 0; k < n; k++, i++)
			bad += !is_filled(&frames[k], fill_of((uint32_t)i));
		src->ops->done(src, frames, n);
	}
	CU_ASSERT_EQUAL(bad, 0);
	return i;
}

static void expect_shorter_at(size_t cut)
{
	char words[64];

	snprintf(words, sizeof(words), "byte %zu: the file got shorter", cut);
	CU_ASSERT_PTR_NOT_NULL(strstr(src->fault.msg, path));
	CU_ASSERT_PTR_NOT_NULL(strstr(src->fault.msg, words));
	CU_ASSERT_EQUAL(atomic_load(&src->bytes_done), src->bytes_total);
}

/* The file is cut to `cut` bytes after its first packets were taken. */
static void cut_while_read(void (*make)(void), size_t begin, size_t record, size_t cut)
{
	make();
	open_source(1);
	take_first();
	CU_ASSERT_EQUAL_FATAL(truncate(path, (off_t)cut), 0);
	CU_ASSERT_EQUAL(take_rest(TAKEN_FIRST), (cut - begin) / record);
	src->ops->done(src, first, TAKEN_FIRST);
	src->ops->stop(src);
	expect_shorter_at(cut);
	close_source();
}

static void test_a_file_cut_while_read_gives_all_before_the_cut(void)
{
	/* Any part of a record, at several places of a page; and a border of pages. */
	for (size_t i = 0; i < RECORD; i += 3)
		cut_while_read(classic_make, 24, RECORD, 24 + (300 + i / 2) * RECORD + i);
	cut_while_read(classic_make, 24, RECORD, 400 * 1024);
	cut_while_read(classic_make, 24, RECORD, m.n - 1);
}

static void test_a_pcapng_file_cut_while_read_gives_all_before_the_cut(void)
{
	for (size_t i = 0; i < NG_BLOCK; i += 3)
		cut_while_read(ng_make, NG_BEGIN, NG_BLOCK,
			       NG_BEGIN + (300 + i / 2) * NG_BLOCK + i);
	cut_while_read(ng_make, NG_BEGIN, NG_BLOCK, 400 * 1024);
	cut_while_read(ng_make, NG_BEGIN, NG_BLOCK,
		       m.n - 3); /* the two bytes before the end are zeros */
}

static void test_a_file_cut_behind_the_reader_is_damaged(void)
{
	classic_make();
	open_source(1);
	take_first();
	CU_ASSERT_EQUAL_FATAL(truncate(path, 4096), 0);
	CU_ASSERT_EQUAL(take_rest(TAKEN_FIRST), TAKEN_FIRST);
	CU_ASSERT(is_filled(&first[0], fill_of(0)));
	for (size_t i = 10; i < TAKEN_FIRST; i++)
		CU_ASSERT(is_filled(&first[i], 0));
	src->ops->done(src, first, TAKEN_FIRST);
	src->ops->stop(src);
	expect_shorter_at(4096);
	close_source();
}

static void test_a_packet_lost_after_the_end_was_read_is_damage(void)
{
	static struct weir_frame all[RECORDS];
	size_t n = 0;

	classic_make();
	open_source(1);
	while (!atomic_load(&src->ended))
		n += src->ops->rx(src, 0, all + n, (uint16_t)weir_min_u64(RECORDS - n + 1, 64));
	CU_ASSERT_EQUAL_FATAL(n, RECORDS);
	CU_ASSERT_EQUAL(src->fault.code, 0);
	CU_ASSERT_EQUAL_FATAL(truncate(path, 24 + 500 * RECORD), 0);
	CU_ASSERT(is_filled(&all[499], fill_of(499)));
	CU_ASSERT(is_filled(&all[RECORDS - 1], 0));
	src->ops->done(src, all, RECORDS);
	src->ops->stop(src);
	CU_ASSERT_PTR_NOT_NULL(strstr(src->fault.msg, "got shorter"));
	close_source();
}

/* As a disk does that fails once: the file is whole again when the reader comes to look. */
static void test_a_page_that_was_lost_for_a_while_is_damage(void)
{
	int fd;

	classic_make();
	open_source(1);
	take_first();
	CU_ASSERT_EQUAL_FATAL(truncate(path, 8192), 0);
	CU_ASSERT(is_filled(&first[TAKEN_FIRST - 1], 0));
	fd = open(path, O_WRONLY);
	CU_ASSERT_EQUAL(pwrite(fd, m.b, m.n, 0), (ssize_t)m.n);
	close(fd);
	CU_ASSERT_EQUAL(take_rest(TAKEN_FIRST), TAKEN_FIRST);
	src->ops->done(src, first, TAKEN_FIRST);
	src->ops->stop(src);
	CU_ASSERT_PTR_NOT_NULL(strstr(src->fault.msg, "the file changed while it was read"));
	close_source();
}

static void test_a_file_cut_in_a_later_round_is_damaged(void)
{
	classic_make();
	open_source(2);
	take_first();
	for (size_t n = TAKEN_FIRST; n < RECORDS + TAKEN_FIRST;) {
		struct weir_frame f;

		if (src->ops->rx(src, 0, &f, 1) == 1) {
			src->ops->done(src, &f, 1);
			n++;
		}
	}
	CU_ASSERT_EQUAL_FATAL(truncate(path, 24 + 500 * RECORD + 17), 0);
	CU_ASSERT_EQUAL(take_rest(TAKEN_FIRST), 500);
	src->ops->done(src, first, TAKEN_FIRST);
	src->ops->stop(src);
	expect_shorter_at(24 + 500 * RECORD + 17);
	close_source();
}

static void test_empty_packets_at_time_zero_are_packets(void)
{
	static struct seen seen;

	m.n = 0;
	put_header(&m, 0xa1b2c3d4, 1);
	put_data(&m, 0, 100 * 16);
	CU_ASSERT_EQUAL_FATAL(see_made(&seen, &m, &err), 0);
	CU_ASSERT_EQUAL(seen.n, 100);
	CU_ASSERT_EQUAL(seen.fault.code, 0);
}

static void test_a_file_that_grows_is_read_to_its_new_end(void)
{
	int fd;

	classic_make();
	CU_ASSERT_EQUAL_FATAL(truncate(path, 24 + 500 * RECORD), 0);
	open_source(1);
	take_first();
	fd = open(path, O_WRONLY | O_APPEND);
	CU_ASSERT_EQUAL(write(fd, m.b + 24 + 500 * RECORD, 500 * RECORD), 500 * RECORD);
	close(fd);
	CU_ASSERT_EQUAL(take_rest(TAKEN_FIRST), RECORDS);
	src->ops->done(src, first, TAKEN_FIRST);
	src->ops->stop(src);
	CU_ASSERT_EQUAL(src->fault.code, 0);
	close_source();
}

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>

static void test_reading_past_a_packet_is_caught(void)
{
	classic_make();
	open_source(1);
	take_first();
	for (size_t i = 0; i < TAKEN_FIRST; i++) {
		CU_ASSERT(__asan_address_is_poisoned(first[i].data - 1));
		CU_ASSERT(!__asan_address_is_poisoned(first[i].data + CAPLEN - 1));
		CU_ASSERT(i + 1 == TAKEN_FIRST ||
			  __asan_address_is_poisoned(first[i].data + CAPLEN));
	}
	CU_ASSERT(__asan_address_is_poisoned(first[0].data - 16 - 24 + m.n)); /* past the file */
	src->ops->done(src, first, TAKEN_FIRST);
	src->ops->stop(src);
	close_source();
}
#endif

static sigjmp_buf back;
static volatile sig_atomic_t caught;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	caught++;
	if (info->si_code > 0)
		siglongjmp(back, 1);
}

/* Look at a page that has no file behind it any more, and is none of a source. */
static void look_past_a_file(void)
{
	uint8_t *p;
	char other[32];
	int fd;

	strcpy(other, P_tmpdir "/weir-test-XXXXXX");
	fd = mkstemp(other);
	unlink(other);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(p, MAP_FAILED);
	if (sigsetjmp(back, 1) == 0)
		(void)*(volatile uint8_t *)p;
	munmap(p, 4096);
	close(fd);
}

static void test_a_sigbus_of_others_goes_to_the_handler_before(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO }, old, now;

	sigaction(SIGBUS, &sa, &old);
	caught = 0;
	classic_make();
	open_source(1);
	take_first();
	look_past_a_file();
	CU_ASSERT_EQUAL(caught, 1);
	raise(SIGBUS);
	CU_ASSERT_EQUAL(caught, 2);
	truncate(path, 0);
	CU_ASSERT(is_filled(&first[TAKEN_FIRST - 1], 0)); /* ours does not */
	CU_ASSERT_EQUAL(caught, 2);
	src->ops->done(src, first, TAKEN_FIRST);
	src->ops->stop(src);
	close_source();
	sigaction(SIGBUS, &old, &now);
	CU_ASSERT_PTR_EQUAL(now.sa_sigaction, on_sigbus);
}

static void child_dies(bool sent)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };

	sigaction(SIGBUS, &sa, NULL);
	open_source(1);
	if (sent)
		raise(SIGBUS);
	else
		look_past_a_file();
	_exit(0);
}

static void test_without_a_handler_before_a_sigbus_of_others_kills(void)
{
	int status;
	pid_t pid;

	classic_make();
	for (int sent = 0; sent < 2; sent++) {
		pid = fork();
		if (pid == 0)
			child_dies(sent);
		CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
		CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	}
	unlink(path);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a file cut while read gives all before the cut",
		  test_a_file_cut_while_read_gives_all_before_the_cut },
		{ "a pcapng file cut while read gives all before the cut",
		  test_a_pcapng_file_cut_while_read_gives_all_before_the_cut },
		{ "a file cut behind the reader is damaged",
		  test_a_file_cut_behind_the_reader_is_damaged },
		{ "a packet lost after the end was read is damage",
		  test_a_packet_lost_after_the_end_was_read_is_damage },
		{ "a page that was lost for a while is damage",
		  test_a_page_that_was_lost_for_a_while_is_damage },
		{ "a file cut in a later round is damaged",
		  test_a_file_cut_in_a_later_round_is_damaged },
		{ "empty packets at time zero are packets",
		  test_empty_packets_at_time_zero_are_packets },
		{ "a file that grows is read to its new end",
		  test_a_file_that_grows_is_read_to_its_new_end },
#ifdef __SANITIZE_ADDRESS__
		{ "reading past a packet is caught", test_reading_past_a_packet_is_caught },
#endif
		{ "a SIGBUS of others goes to the handler before",
		  test_a_sigbus_of_others_goes_to_the_handler_before },
		{ "without a handler before, a SIGBUS of others kills",
		  test_without_a_handler_before_a_sigbus_of_others_kills },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pcap/window", tests);
}
