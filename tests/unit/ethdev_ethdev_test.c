/* SPDX-License-Identifier: Apache-2.0 */
/* Real ports of DPDK's, in one EAL: started by the first test that opens one. */
#include "weir_test.h"

#include <weir_eal.h>
#include <weir_source_ethdev.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EPOCH_S 1700000000U

static char path[64], device[160];
static cpu_set_t cpus_before; /* of the main thread, when the process began */

static uint8_t byte_of(uint32_t packet, uint32_t at)
{
	return (uint8_t)(packet * 31 + at * 7);
}

/* A microsecond capture of `n` packets of `len` bytes; packet i is 1 us after the one before. */
static void write_capture(uint32_t n, uint32_t len)
{
	uint32_t head[6] = { 0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1 };
	FILE *f;

	snprintf(path, sizeof(path), "ethdev_test_%d.pcap", getpid());
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fwrite(head, sizeof(head), 1, f);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t record[4] = { EPOCH_S, i, len, len };

		fwrite(record, sizeof(record), 1, f);
		for (uint32_t j = 0; j < len; j++)
			fputc(byte_of(i, j), f);
	}
	fclose(f);
}

static struct weir_source *started(const char *dev)
{
	struct weir_ethdev_options o = { .device = dev, .numa = -1 };
	struct weir_err err = { 0 };
	struct weir_source *src = weir_source_ethdev_create(&o, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(src);
	if (src->ops->open(src, &err) != 0 || src->ops->start(src, &err) != 0)
		fprintf(stderr, "%s\n", err.msg);
	CU_ASSERT_EQUAL_FATAL(err.code, 0);
	return src;
}

static struct weir_source *started_on_capture(const char *more)
{
	snprintf(device, sizeof(device), "net_pcap0,rx_pcap=%s%s", path, more);
	return started(device);
}

static void closed(struct weir_source *src)
{
	src->ops->stop(src);
	src->ops->close(src);
	unlink(path);
}

static bool is_packet(const struct weir_frame *f, uint32_t i, uint32_t len)
{
	if (f->caplen != len || f->wirelen != len || f->link != WEIR_LINK_ETHER || f->flags != 0)
		return false;
	for (uint32_t j = 0; j < len; j++)
		if (f->data[j] != byte_of(i, j))
			return false;
	return true;
}

static void test_a_capture_comes_out_as_it_went_in(void)
{
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src;
	uint64_t missed = 1;
	uint32_t got = 0;

	write_capture(5000, 300);
	src = started_on_capture("");
	for (uint16_t n; (n = src->ops->rx(src, 0, f, 1 + got % WEIR_BURST_MAX)) > 0;) {
		for (int i = 0; i < n; i++, got++) {
			CU_ASSERT(is_packet(&f[i], got, 300));
			CU_ASSERT_EQUAL(f[i].ts_ns, EPOCH_S * WEIR_NS_PER_S + got * WEIR_NS_PER_US);
		}
		src->ops->done(src, f, n);
	}
	CU_ASSERT_EQUAL(got, 5000);
	CU_ASSERT_FALSE(src->lossless);
	CU_ASSERT_FALSE(atomic_load(&src->ended));
	CU_ASSERT_TRUE(src->ops->missed(src, &missed));
	CU_ASSERT_EQUAL(missed, 0);
	CU_ASSERT_TRUE(weir_source_ethdev_is_symmetric(src));
	closed(src);
}

static void test_an_endless_capture_larger_than_the_queues_repeats_with_wall_time(void)
{
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src;
	uint64_t begin = weir_clock_wall_ns();
	uint32_t got = 0;

	write_capture(20000, 60);
	src = started_on_capture(",infinite_rx=1");
	while (got < 50000) {
		uint16_t n = src->ops->rx(src, 0, f, WEIR_BURST_MAX);

		CU_ASSERT_FATAL(n > 0);
		for (int i = 0; i < n; i++, got++) {
			CU_ASSERT(is_packet(&f[i], got % 20000, 60));
			CU_ASSERT(f[i].ts_ns >= begin && f[i].ts_ns <= weir_clock_wall_ns());
		}
		src->ops->done(src, f, n);
	}
	closed(src);
}

static void test_an_endless_capture_may_hold_jumbo_frames(void)
{
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src;

	write_capture(10, 9000);
	src = started_on_capture(",infinite_rx=1");
	CU_ASSERT_EQUAL(src->ops->rx(src, 0, f, 30), 30);
	for (uint32_t i = 0; i < 30; i++)
		CU_ASSERT(is_packet(&f[i], i % 10, 9000));
	src->ops->done(src, f, 30);
	closed(src);
}

static void test_segments_are_joined_and_counted(void)
{
	struct weir_ethdev_counters c;
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src;

	write_capture(40, 9000);
	src = started_on_capture("");
	CU_ASSERT_EQUAL(src->ops->rx(src, 0, f, WEIR_BURST_MAX), 40);
	for (uint32_t i = 0; i < 40; i++) {
		CU_ASSERT(is_packet(&f[i], i, 9000));
		CU_ASSERT_EQUAL(f[i].ts_ns, EPOCH_S * WEIR_NS_PER_S + i * WEIR_NS_PER_US);
	}
	src->ops->done(src, f, 40);
	weir_source_ethdev_counters(src, &c);
	CU_ASSERT_EQUAL(c.linearised, 40);
	CU_ASSERT_EQUAL(c.cut, 0);
	closed(src);
}

static void test_without_room_to_join_a_packet_is_cut_and_not_lost(void)
{
	enum { HELD = 256, WHOLE = 128 };
	static struct weir_frame f[HELD];
	struct weir_ethdev_counters c;
	struct weir_source *src;
	uint32_t got = 0, whole = 0;

	write_capture(HELD, 9000);
	src = started_on_capture("");
	for (uint16_t n; (n = src->ops->rx(src, 0, f + got, 64)) > 0;)
		got += n;
	CU_ASSERT_EQUAL(got, HELD);
	for (uint32_t i = 0; i < HELD; i++) {
		CU_ASSERT_EQUAL(f[i].wirelen, 9000);
		CU_ASSERT_EQUAL(f[i].data[0], byte_of(i, 0));
		CU_ASSERT_EQUAL(f[i].data[f[i].caplen - 1], byte_of(i, f[i].caplen - 1));
		whole += f[i].caplen == 9000;
	}
	weir_source_ethdev_counters(src, &c);
	CU_ASSERT_EQUAL(whole, WHOLE);
	CU_ASSERT_EQUAL(c.cut, HELD - WHOLE);
	src->ops->done(src, f, HELD);
	closed(src);
}

static void test_a_tag_stays_in_the_frame(void)
{
	/* 802.1Q, VID 100 with priority 3, around IPv4 */
	static const uint8_t tagged[64] = { [12] = 0x81, 0x00, 0x60, 0x64, 0x08, 0x00 };
	uint32_t head[6] = { 0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1 };
	uint32_t record[4] = { EPOCH_S, 0, sizeof(tagged), sizeof(tagged) };
	struct weir_frame f[1];
	struct weir_source *src;
	FILE *out;

	write_capture(0, 0);
	out = fopen(path, "w");
	fwrite(head, sizeof(head), 1, out);
	fwrite(record, sizeof(record), 1, out);
	fwrite(tagged, sizeof(tagged), 1, out);
	fclose(out);
	src = started_on_capture("");
	CU_ASSERT_EQUAL(src->ops->rx(src, 0, f, 1), 1);
	CU_ASSERT_EQUAL(f[0].caplen, sizeof(tagged));
	CU_ASSERT_EQUAL(memcmp(f[0].data, tagged, sizeof(tagged)), 0);
	CU_ASSERT_EQUAL(f[0].flags, 0);
	src->ops->done(src, f, 1);
	closed(src);
}

static void test_two_files_are_two_queues(void)
{
	struct weir_ethdev_options o = { .device = device, .queues = 2, .numa = -1 };
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_err err = { 0 };
	struct weir_source *src;

	write_capture(50, 100);
	snprintf(device, sizeof(device), "net_pcap0,rx_pcap=%s,rx_pcap=%s", path, path);
	src = weir_source_ethdev_create(&o, &err);
	CU_ASSERT_EQUAL_FATAL(src->ops->open(src, &err), 0);
	CU_ASSERT_EQUAL_FATAL(src->ops->start(src, &err), 0);
	for (uint16_t q = 0; q < 2; q++) {
		CU_ASSERT_EQUAL(src->ops->rx(src, q, f, 64), 50);
		src->ops->done(src, f, 50);
	}
	CU_ASSERT_FALSE(weir_source_ethdev_is_symmetric(src));
	closed(src);
}

static void test_net_null_gives_packets_without_end(void)
{
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src = started("net_null0,size=128");
	uint64_t got = 0;

	for (int i = 0; i < 1000; i++) {
		uint16_t n = src->ops->rx(src, 0, f, WEIR_BURST_MAX);

		CU_ASSERT_EQUAL(f[0].wirelen, 128);
		src->ops->done(src, f, n);
		got += n;
	}
	CU_ASSERT_EQUAL(got, 1000 * WEIR_BURST_MAX);
	closed(src);
}

static void test_what_is_put_into_net_ring_comes_out(void)
{
	struct weir_source *src = started("net_ring0");
	struct rte_ring *ring = rte_ring_lookup("ETH_RXTX0_net_ring0");
	struct rte_mempool *pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, 2176, SOCKET_ID_ANY);
	struct weir_frame f[WEIR_BURST_MAX];
	uint32_t got = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	for (uint32_t i = 0; i < 1000; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		memset(rte_pktmbuf_append(m, 60), (int)i, 60);
		if (i % 2 != 0) {
			m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
			m->vlan_tci = (uint16_t)i;
		}
		CU_ASSERT_EQUAL(rte_ring_enqueue(ring, m), 0);
	}
	for (uint16_t n; (n = src->ops->rx(src, 0, f, WEIR_BURST_MAX)) > 0;) {
		for (int i = 0; i < n; i++, got++) {
			bool tag = got % 2 != 0;

			CU_ASSERT_EQUAL(f[i].data[59], (uint8_t)got);
			CU_ASSERT_EQUAL(f[i].flags, tag ? WEIR_FRAME_VLAN : 0);
			CU_ASSERT_EQUAL(f[i].wirelen, tag ? 64 : 60);
			if (tag)
				CU_ASSERT_EQUAL(f[i].vlan_tci, got);
		}
		src->ops->done(src, f, n);
	}
	CU_ASSERT_EQUAL(got, 1000);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(pool), 1023);
	closed(src);
	rte_mempool_free(pool);
}

static void test_a_silent_driver_cannot_tell_what_it_missed(void)
{
	struct weir_source *src;
	uint64_t missed;

	snprintf(device, sizeof(device), "net_memif0,role=server,socket=weir-%d", getpid());
	src = started(device);
	CU_ASSERT_FALSE(src->ops->missed(src, &missed));
	closed(src);
}

struct giver {
	struct weir_source *src;
	struct weir_frame *frames;
	uint32_t n;
};

static void *give_back(void *arg)
{
	struct giver *g = arg;

	for (uint32_t i = 0; i < g->n; i += 7)
		g->src->ops->done(g->src, g->frames + i, (uint16_t)(g->n - i < 7 ? g->n - i : 7));
	CU_ASSERT_NOT_EQUAL(rte_lcore_id(), LCORE_ID_ANY);
	return NULL;
}

static void test_other_threads_give_frames_back(void)
{
	enum { HELD = 4000 };
	static struct weir_frame f[HELD];
	struct weir_source *src;
	struct giver half[2];
	pthread_t thread[2];
	uint32_t got;

	write_capture(500, 200);
	src = started_on_capture(",infinite_rx=1");
	/* More often than there are buffers, so that any that stays out is missed. */
	for (int round = 0; round < 20; round++) {
		for (got = 0; got < HELD;) {
			uint16_t n = src->ops->rx(src, 0, f + got,
						  (uint16_t)weir_min_u64(64, HELD - got));

			CU_ASSERT_FATAL(n > 0);
			got += n;
		}
		for (int i = 0; i < 2; i++) {
			half[i] = (struct giver){ src, f + i * (HELD / 2), HELD / 2 };
			pthread_create(&thread[i], NULL, give_back, &half[i]);
		}
		for (int i = 0; i < 2; i++)
			pthread_join(thread[i], NULL);
	}
	closed(src);
}

static void test_a_thousand_threads_come_and_go(void)
{
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src = started("net_null0");
	struct giver g = { src, f, WEIR_BURST_MAX };
	pthread_t thread;

	for (int i = 0; i < 1000; i++) {
		CU_ASSERT_EQUAL_FATAL(src->ops->rx(src, 0, f, WEIR_BURST_MAX), WEIR_BURST_MAX);
		pthread_create(&thread, NULL, give_back, &g);
		pthread_join(thread, NULL);
	}
	closed(src);
}

static void test_queues_that_a_device_has_not_are_left_out(void)
{
	struct weir_ethdev_options o = { .device = device, .queues = 2, .numa = -1 };
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src;

	write_capture(50, 100);
	snprintf(device, sizeof(device), "net_pcap0,rx_pcap=%s", path);
	src = weir_source_ethdev_create(&o, NULL);
	CU_ASSERT_EQUAL(src->queues, 2);
	CU_ASSERT_EQUAL_FATAL(src->ops->open(src, NULL), 0);
	CU_ASSERT_EQUAL(src->queues, 1);
	CU_ASSERT_EQUAL_FATAL(src->ops->start(src, NULL), 0);
	CU_ASSERT_EQUAL(src->ops->rx(src, 0, f, 64), 50);
	src->ops->done(src, f, 50);
	closed(src);
}

static void test_a_snap_length_cuts_what_is_kept(void)
{
	struct weir_ethdev_options o = { .device = device, .snaplen = 80, .numa = -1 };
	struct weir_frame f[WEIR_BURST_MAX];
	struct weir_source *src;

	write_capture(50, 100);
	snprintf(device, sizeof(device), "net_pcap0,rx_pcap=%s", path);
	src = weir_source_ethdev_create(&o, NULL);
	CU_ASSERT_EQUAL_FATAL(src->ops->open(src, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(src->ops->start(src, NULL), 0);
	CU_ASSERT_EQUAL(src->ops->rx(src, 0, f, 64), 50);
	for (uint32_t i = 0; i < 50; i++) {
		CU_ASSERT_EQUAL(f[i].caplen, 80);
		CU_ASSERT_EQUAL(f[i].wirelen, 100);
	}
	src->ops->done(src, f, 50);
	closed(src);
}

/* Bytes that are taken of EAL's memory. */
static size_t taken(void)
{
	struct rte_malloc_socket_stats stats = { 0 };

	CU_ASSERT_EQUAL(rte_malloc_get_socket_stats(0, &stats), 0);
	return stats.heap_allocsz_bytes;
}

/* One source is read all the time, by another thread, while another one comes and goes. */
struct reading {
	struct weir_source *src;
	atomic_bool stop;
	uint64_t got;
};

static void *read_on(void *arg)
{
	struct reading *r = arg;
	struct weir_frame f[WEIR_BURST_MAX];

	while (!atomic_load(&r->stop)) {
		uint16_t n = r->src->ops->rx(r->src, 0, f, WEIR_BURST_MAX);

		r->src->ops->done(r->src, f, n);
		r->got += n;
		usleep(100);
	}
	return NULL;
}

static void test_a_source_comes_and_goes_a_hundred_times_beside_another(void)
{
	struct reading r = { .src = started("net_null5") };
	struct weir_frame f[WEIR_BURST_MAX];
	pthread_t thread;
	size_t before = 0;

	pthread_create(&thread, NULL, read_on, &r);
	for (int i = 0; i < 110; i++) {
		struct weir_source *src = started("net_null6,size=200");

		CU_ASSERT_EQUAL(src->ops->rx(src, 0, f, WEIR_BURST_MAX), WEIR_BURST_MAX);
		src->ops->done(src, f, WEIR_BURST_MAX);
		closed(src);
		if (i == 10)
			before = taken();
	}
	CU_ASSERT(before > 0);
	CU_ASSERT(taken() - before < 99 * 512); /* net_null forgets a packet of its own each time */
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	CU_ASSERT(r.got > 0);
	closed(r.src);
}

static void refused(const struct weir_ethdev_options *o, const char *word)
{
	uint16_t ports = rte_eth_dev_count_avail();
	struct weir_err err = { 0 };
	struct weir_source *src = weir_source_ethdev_create(o, &err);

	if (src != NULL) {
		CU_ASSERT(src->ops->open(src, &err) < 0);
		src->ops->close(src);
	}
	CU_ASSERT_NOT_EQUAL(err.code, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, word));
	if (strstr(err.msg, word) == NULL)
		fprintf(stderr, "\"%s\" without \"%s\"\n", err.msg, word);
	CU_ASSERT_EQUAL(rte_eth_dev_count_avail(), ports);
}

static void test_a_refusal_names_the_real_cause(void)
{
	struct weir_ethdev_options o = { .device = "net_pcap0,rx_pcap=nowhere.pcap", .numa = -1 };

	refused(&o, "nowhere.pcap");
	refused(&o, "No such file");
	o.device = "net_nothing0";
	refused(&o, "net_nothing0");
	o.device = "0000:1f:1f.7";
	refused(&o, "0000:1f:1f.7");
	o.device = ",";
	refused(&o, "PCI address");
	write_capture(1000, 100);
	snprintf(device, sizeof(device), "net_pcap0,rx_pcap=%s,infinite_rx=1", path);
	o.device = device;
	o.memory_bytes = 1 << 20;
	refused(&o, "allowed are 1 MB");
	unlink(path);
}

static void test_one_device_has_one_source(void)
{
	struct weir_ethdev_options o = { .device = "net_null3", .numa = -1 };
	struct weir_source *src = started("net_null3");

	refused(&o, "another source");
	closed(src);
	src = started("net_null3");
	closed(src);
}

static void test_the_calling_thread_keeps_its_cpus(void)
{
	cpu_set_t set;

	pthread_getaffinity_np(pthread_self(), sizeof(set), &set);
	CU_ASSERT_TRUE(CPU_EQUAL(&set, &cpus_before));
}

static void test_another_process_runs_beside(void)
{
	char self[] = "/proc/self/exe", child[] = "child";
	char *argv[] = { self, child, NULL };
	int status = -1;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(posix_spawn(&pid, self, NULL, NULL, argv, environ), 0);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
}

static void test_nothing_is_left_in_the_file_system(void)
{
	struct stat st;

	CU_ASSERT_EQUAL(stat(rte_eal_get_runtime_dir(), &st), -1);
	CU_ASSERT_EQUAL(errno, ENOENT);
}

/* What the other process does: as much as this one, at the same time. */
static int child_main(void)
{
	struct weir_ethdev_options o = { .device = "net_null0", .numa = -1 };
	struct weir_source *src = weir_source_ethdev_create(&o, NULL);
	struct weir_frame f[WEIR_BURST_MAX];
	struct stat st;
	uint16_t n;

	if (src->ops->open(src, NULL) != 0 || src->ops->start(src, NULL) != 0)
		return 1;
	n = src->ops->rx(src, 0, f, WEIR_BURST_MAX);
	src->ops->done(src, f, n);
	closed(src);
	weir_eal_stop();
	return n == WEIR_BURST_MAX && stat(rte_eal_get_runtime_dir(), &st) != 0 ? 0 : 2;
}

int main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{ "a capture comes out as it went in", test_a_capture_comes_out_as_it_went_in },
		{ "an endless capture larger than the queues repeats, with wall time",
		  test_an_endless_capture_larger_than_the_queues_repeats_with_wall_time },
		{ "an endless capture may hold jumbo frames",
		  test_an_endless_capture_may_hold_jumbo_frames },
		{ "segments are joined and counted", test_segments_are_joined_and_counted },
		{ "without room to join, a packet is cut and not lost",
		  test_without_room_to_join_a_packet_is_cut_and_not_lost },
		{ "a tag stays in the frame", test_a_tag_stays_in_the_frame },
		{ "two files are two queues", test_two_files_are_two_queues },
		{ "net_null gives packets without end", test_net_null_gives_packets_without_end },
		{ "what is put into net_ring comes out", test_what_is_put_into_net_ring_comes_out },
		{ "a silent driver cannot tell what it missed",
		  test_a_silent_driver_cannot_tell_what_it_missed },
		{ "other threads give frames back", test_other_threads_give_frames_back },
		{ "a thousand threads come and go", test_a_thousand_threads_come_and_go },
		{ "queues that a device has not are left out",
		  test_queues_that_a_device_has_not_are_left_out },
		{ "a snap length cuts what is kept", test_a_snap_length_cuts_what_is_kept },
		{ "a source comes and goes a hundred times beside another",
		  test_a_source_comes_and_goes_a_hundred_times_beside_another },
		{ "a refusal names the real cause", test_a_refusal_names_the_real_cause },
		{ "one device has one source", test_one_device_has_one_source },
		{ "the calling thread keeps its CPUs", test_the_calling_thread_keeps_its_cpus },
		{ "another process runs beside", test_another_process_runs_beside },
		{ "nothing is left in the file system", test_nothing_is_left_in_the_file_system },
		CU_TEST_INFO_NULL,
	};
	int failed;

	(void)argv;
	if (argc > 1)
		return child_main();
	pthread_getaffinity_np(pthread_self(), sizeof(cpus_before), &cpus_before);
	failed = weir_test_main("ethdev/ethdev", tests);
	weir_eal_stop();
	return failed;
}
