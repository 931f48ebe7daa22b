/* SPDX-License-Identifier: Apache-2.0 */
/* Several files, rounds, pace, and blocks that come back late or from elsewhere. */
#include "pcap_file.h"

#include <zlib.h>

#include <fcntl.h>
#include <pthread.h>

#define FILES 5

static struct made m;
static struct seen seen;
static struct weir_err err;
static char paths[FILES][32];
static const char *const path_list[FILES] = { paths[0], paths[1], paths[2], paths[3], paths[4] };

/* Packets at these seconds; 0 = no more. */
static void file_make(int file, const uint32_t *seconds)
{
	m.be = false;
	m.n = 0;
	put_header(&m, 0xa1b2c3d4, file == 1 ? 101 : 1);
	for (; *seconds != 0; seconds++)
		put_record(&m, *seconds, 0, 20, 20);
	made_write(&m, paths[file]);
}

static void files_remove(int n)
{
	for (int i = 0; i < n; i++)
		unlink(paths[i]);
}

static struct weir_pcap_options options(size_t n)
{
	return (struct weir_pcap_options){ .paths = path_list, .n_paths = n, .loop = 1 };
}

static void expect_seconds(const uint32_t *want)
{
	size_t n = 0;

	while (want[n] != 0)
		n++;
	CU_ASSERT_EQUAL_FATAL(seen.n, n);
	for (size_t i = 0; i < n; i++) {
		CU_ASSERT_EQUAL(seen.frames[i].ts_ns, want[i] * WEIR_NS_PER_S);
		CU_ASSERT_EQUAL(seen.byte[i], (uint8_t)want[i]);
	}
}

static void test_several_files_are_one_stream_in_time_order(void)
{
	struct weir_pcap_options o = options(FILES);

	file_make(0, (const uint32_t[]){ 10, 20, 30, 0 });
	file_make(1, (const uint32_t[]){ 5, 15, 25, 26, 27, 40, 0 });
	file_make(2, (const uint32_t[]){ 0 });
	file_make(3, (const uint32_t[]){ 100, 101, 0 });
	file_make(4, (const uint32_t[]){ 1, 2, 50, 0 });
	CU_ASSERT_EQUAL_FATAL(see(&seen, &o, &err), 0);
	expect_seconds(
		(const uint32_t[]){ 1, 2, 5, 10, 15, 20, 25, 26, 27, 30, 40, 50, 100, 101, 0 });
	CU_ASSERT_EQUAL(seen.frames[2].link, WEIR_LINK_RAW);
	CU_ASSERT_EQUAL(seen.fault.code, 0);
	CU_ASSERT_EQUAL(seen.bytes_done, seen.bytes_total);
	files_remove(FILES);
}

/* A time that jumps back is delivered where it stands, without waiting for other files. */
static void test_each_file_keeps_its_own_order(void)
{
	struct weir_pcap_options o = options(2);

	file_make(0, (const uint32_t[]){ 10, 3, 30, 0 });
	file_make(1, (const uint32_t[]){ 10, 11, 0 });
	CU_ASSERT_EQUAL_FATAL(see(&seen, &o, &err), 0);
	expect_seconds((const uint32_t[]){ 10, 3, 10, 11, 30, 0 });
	CU_ASSERT_EQUAL(seen.frames[2].link,
			WEIR_LINK_RAW); /* of equal times the first file's first */
	files_remove(2);
}

static void test_damage_in_one_file_does_not_stop_the_others(void)
{
	struct weir_pcap_options o = options(3);

	file_make(0, (const uint32_t[]){ 1, 5, 9, 0 });
	CU_ASSERT_EQUAL_FATAL(truncate(paths[0], 24 + 36 + 36 + 20), 0);
	file_make(1, (const uint32_t[]){ 2, 3, 0 });
	file_make(2, (const uint32_t[]){ 4, 20, 0 });
	CU_ASSERT_EQUAL_FATAL(see(&seen, &o, &err), 0);
	expect_seconds((const uint32_t[]){ 1, 2, 3, 4, 5, 20, 0 });
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.fault.msg, paths[0]));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.fault.msg, "byte 96: truncated"));
	files_remove(3);
}

static void test_later_rounds_are_moved_by_span_and_mean_gap(void)
{
	struct weir_pcap_options o = options(2);

	o.loop = 3;
	file_make(0, (const uint32_t[]){ 100, 104, 0 });
	file_make(1, (const uint32_t[]){ 102, 106, 0 });
	CU_ASSERT_EQUAL_FATAL(see(&seen, &o, &err), 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 12);
	for (size_t i = 0; i < 12; i++)
		CU_ASSERT_EQUAL(seen.frames[i].ts_ns, (100 + 2 * i) * WEIR_NS_PER_S);
	CU_ASSERT_EQUAL(seen.bytes_total, 3 * 2 * (24 + 2 * 36));
	CU_ASSERT_EQUAL(seen.bytes_done, seen.bytes_total);
	files_remove(2);
}

static void test_a_round_without_packets_is_the_last(void)
{
	struct weir_pcap_options o = options(1);

	o.loop = 0;
	file_make(0, (const uint32_t[]){ 0 });
	CU_ASSERT_EQUAL_FATAL(see(&seen, &o, &err), 0);
	CU_ASSERT_EQUAL(seen.n, 0);
	CU_ASSERT_EQUAL(seen.bytes_total, 0);
	files_remove(1);
}

static void test_a_pace_takes_the_time_the_packets_took(void)
{
	struct weir_pcap_options o = options(2);
	uint64_t begin_ns, took_ns;

	o.speed = 100;
	file_make(0, (const uint32_t[]){ 1000, 1002, 1006, 0 });
	file_make(1, (const uint32_t[]){ 0 });
	begin_ns = weir_clock_mono_ns();
	CU_ASSERT_EQUAL_FATAL(see(&seen, &o, &err), 0);
	took_ns = weir_clock_mono_ns() - begin_ns;
	CU_ASSERT_EQUAL(seen.n, 3);
	CU_ASSERT(took_ns >= 60 * WEIR_NS_PER_MS); /* 6 s, a hundred times as fast */
	CU_ASSERT(took_ns < 2000 * WEIR_NS_PER_MS);
	files_remove(2);
}

static void test_what_cannot_be_read_is_refused_by_name(void)
{
	static const char *const nowhere[] = { "/nonexistent/x.pcap" };
	struct weir_pcap_options o = { .paths = nowhere, .n_paths = 1, .loop = 1 };

	CU_ASSERT_EQUAL(see(&seen, &o, &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, nowhere[0]));

	m.n = 0;
	CU_ASSERT_EQUAL(see_made(&seen, &m, &err), -ENODATA);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "empty"));

	memcpy(m.b, "Hello, world, this is text\n", 27);
	m.n = 27;
	CU_ASSERT_EQUAL(see_made(&seen, &m, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "48 65 6c 6c 6f 2c 20 77 (Hello, w)"));

	o.n_paths = 0;
	CU_ASSERT_PTR_NULL(weir_source_pcap_create(&o, &err));
}

/* Frames of several blocks, kept while more are read, then given back by two threads in pieces. */
#define KEPT    20000
#define PACKETS 60000

static struct weir_source *shared;
static struct weir_frame kept[KEPT];

static void *give_back(void *arg)
{
	size_t first = *(size_t *)arg;

	for (size_t i = first; i + 7 <= KEPT; i += 14)
		shared->ops->done(shared, &kept[i], 7);
	return NULL;
}

static size_t check(const struct weir_frame *frames, size_t n, size_t seq)
{
	for (size_t i = 0; i < n; i++, seq++) {
		CU_ASSERT_EQUAL_FATAL(frames[i].ts_ns, seq * WEIR_NS_PER_US + WEIR_NS_PER_S);
		CU_ASSERT_EQUAL_FATAL(weir_le32(frames[i].data), seq);
	}
	return seq;
}

/* `mode` as for gzopen(): "a1" packed, "aT" plain. */
static void big_file_make(const char *mode)
{
	gzFile out;

	m.be = false;
	m.n = 0;
	made_write(&m, paths[0]);
	out = gzopen(paths[0], mode);
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	put_header(&m, 0xa1b2c3d4, 1);
	gzwrite(out, m.b, (unsigned int)m.n);
	for (uint32_t i = 0; i < PACKETS; i++) {
		m.n = 0;
		put_record(&m, 1, i, 99, 99);
		m.n = 16;
		put(&m, i, 4);
		gzwrite(out, m.b, 16 + 99);
	}
	gzclose(out);
}

static void frames_stay(const char *mode)
{
	struct weir_pcap_options o = options(1);
	struct weir_frame frames[WEIR_BURST_MAX];
	size_t n = 0, seq, firsts[] = { 0, 7 };
	pthread_t threads[2];
	uint16_t got;

	big_file_make(mode);
	shared = weir_source_pcap_create(&o, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(shared);
	CU_ASSERT_EQUAL_FATAL(shared->ops->open(shared, &err), 0);
	CU_ASSERT_EQUAL_FATAL(shared->ops->start(shared, &err), 0);
	while (n < KEPT)
		n += shared->ops->rx(shared, 0, kept + n, (uint16_t)weir_min_u64(KEPT - n, 64));
	check(kept, KEPT, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, give_back, &firsts[i]);
	seq = KEPT;
	while (!atomic_load(&shared->ended)) {
		got = shared->ops->rx(shared, 0, frames, WEIR_BURST_MAX);
		seq = check(frames, got, seq);
		shared->ops->done(shared, frames, got);
	}
	CU_ASSERT_EQUAL(seq, PACKETS);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	shared->ops->stop(shared);
	shared->ops->close(shared);
	files_remove(1);
}

static void test_frames_stay_until_the_last_is_given_back(void)
{
	frames_stay("aT");
	frames_stay("a1");
}

static void test_with_all_blocks_lent_rx_waits_and_loses_nothing(void)
{
	static struct weir_frame all[PACKETS];
	struct weir_pcap_options o = options(1);
	size_t n = 0, waits = 0;
	uint16_t got;

	big_file_make("a1");
	shared = weir_source_pcap_create(&o, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(shared);
	CU_ASSERT_EQUAL_FATAL(shared->ops->open(shared, &err), 0);
	CU_ASSERT_EQUAL_FATAL(shared->ops->start(shared, &err), 0);
	while (!atomic_load(&shared->ended)) {
		got = shared->ops->rx(shared, 0, all + n,
				      (uint16_t)weir_min_u64(PACKETS + 1 - n, 64));
		n += got;
		if (got == 0 && waits == 0 && n < PACKETS) {
			check(all, n, 0); /* all still there */
			for (size_t i = 0; i < n; i += 100)
				shared->ops->done(shared, all + i,
						  (uint16_t)weir_min_u64(100, n - i));
			waits = n;
		}
	}
	CU_ASSERT(waits > 0);
	CU_ASSERT_EQUAL(n, PACKETS);
	check(all + waits, n - waits, waits);
	for (size_t i = waits; i < n; i++)
		shared->ops->done(shared, all + i, 1);
	shared->ops->stop(shared);
	shared->ops->close(shared);
	files_remove(1);
}

/* Packets as long as they may be, with holes for data: the file takes a page for each. */
#define LONG_PACKETS 8000

static void long_file_make(void)
{
	int fd;

	m.be = false;
	m.n = 0;
	put_header(&m, 0xa1b2c3d4, 1);
	made_write(&m, paths[0]);
	fd = open(paths[0], O_WRONLY);
	for (uint32_t i = 0; i < LONG_PACKETS; i++) {
		m.n = 0;
		put(&m, 1, 4);
		put(&m, i, 4);
		put(&m, WEIR_FRAME_MAX, 4);
		put(&m, WEIR_FRAME_MAX, 4);
		put(&m, i, 4);
		CU_ASSERT_EQUAL(pwrite(fd, m.b, 20, 24 + (off_t)i * (16 + WEIR_FRAME_MAX)), 20);
	}
	CU_ASSERT_EQUAL(ftruncate(fd, 24 + (off_t)LONG_PACKETS * (16 + WEIR_FRAME_MAX)), 0);
	close(fd);
}

static void test_with_all_windows_lent_rx_waits_and_loses_nothing(void)
{
	static struct weir_frame all[LONG_PACKETS];
	struct weir_pcap_options o = options(1);
	size_t n = 0, back = 0;
	uint16_t got;

	long_file_make();
	shared = weir_source_pcap_create(&o, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(shared);
	CU_ASSERT_EQUAL_FATAL(shared->ops->open(shared, &err), 0);
	CU_ASSERT_EQUAL_FATAL(shared->ops->start(shared, &err), 0);
	while (!atomic_load(&shared->ended)) {
		got = shared->ops->rx(shared, 0, all + n,
				      (uint16_t)weir_min_u64(LONG_PACKETS + 1 - n, 64));
		n += got;
		if (got == 0 && n < LONG_PACKETS) {
			check(all + back, n - back, back);
			for (; back < n; back++)
				shared->ops->done(shared, all + back, 1);
		}
	}
	CU_ASSERT(back > 0);
	CU_ASSERT_EQUAL(n, LONG_PACKETS);
	check(all + back, n - back, back);
	for (; back < n; back++)
		shared->ops->done(shared, all + back, 1);
	shared->ops->stop(shared);
	CU_ASSERT_EQUAL(shared->fault.code, 0);
	CU_ASSERT_EQUAL(atomic_load(&shared->bytes_done), shared->bytes_total);
	shared->ops->close(shared);
	files_remove(1);
}

#define MANY 100

/* More than are mapped, one second apart in turns: all are open at once. */
static void test_very_many_files_are_one_stream_too(void)
{
	static char names[MANY][32];
	const char *list[MANY];
	struct weir_pcap_options o = { .paths = list, .n_paths = MANY, .loop = 2 };

	for (uint32_t i = 0; i < MANY; i++) {
		m.n = 0;
		put_header(&m, 0xa1b2c3d4, 1);
		for (uint32_t k = 0; k < 10; k++)
			put_record(&m, 1000 + k * MANY + i, 0, 20, 20);
		made_write(&m, names[i]);
		list[i] = names[i];
	}
	CU_ASSERT_EQUAL_FATAL(see(&seen, &o, &err), 0);
	CU_ASSERT_EQUAL_FATAL(seen.n, 2 * 10 * MANY);
	for (uint32_t i = 0; i < 2 * 10 * MANY; i++) {
		CU_ASSERT_EQUAL(seen.frames[i].ts_ns, (1000 + i) * WEIR_NS_PER_S);
		CU_ASSERT_EQUAL(seen.byte[i], (uint8_t)(1000 + i % (10 * MANY)));
	}
	CU_ASSERT_EQUAL(seen.fault.code, 0);
	CU_ASSERT_EQUAL(seen.bytes_done, seen.bytes_total);
	for (uint32_t i = 0; i < MANY; i++)
		unlink(names[i]);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "several files are one stream in time order",
		  test_several_files_are_one_stream_in_time_order },
		{ "each file keeps its own order", test_each_file_keeps_its_own_order },
		{ "damage in one file does not stop the others",
		  test_damage_in_one_file_does_not_stop_the_others },
		{ "later rounds are moved by span and mean gap",
		  test_later_rounds_are_moved_by_span_and_mean_gap },
		{ "a round without packets is the last", test_a_round_without_packets_is_the_last },
		{ "a pace takes the time the packets took",
		  test_a_pace_takes_the_time_the_packets_took },
		{ "what cannot be read is refused by name",
		  test_what_cannot_be_read_is_refused_by_name },
		{ "frames stay until the last is given back",
		  test_frames_stay_until_the_last_is_given_back },
		{ "with all blocks lent rx waits and loses nothing",
		  test_with_all_blocks_lent_rx_waits_and_loses_nothing },
		{ "with all windows lent rx waits and loses nothing",
		  test_with_all_windows_lent_rx_waits_and_loses_nothing },
		{ "very many files are one stream too", test_very_many_files_are_one_stream_too },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("pcap/source", tests);
}
