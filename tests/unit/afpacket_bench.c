/* SPDX-License-Identifier: Apache-2.0 */
/*
 * afpacket_bench [BYTES [PACKETS-A-SECOND [SECONDS [MiB]]]]: what a packet costs to receive over veth, by the
 * source and by `tcpdump -w /dev/null -i IF`, in turns, with the same sender; needs root. The sender has one
 * CPU, which also does the kernel's part of receiving, the receiver another one. Without a rate it
 * sends as fast as it can. CPU time is that of the receiving process, user and system, as wait4() tells it,
 * from its start to its end: 2 s longer than packets come. Between polls the source's reader sleeps as the
 * pipe does today (64 polls at once, then 20 us, later 100), or 1 ms, or 5.
 */
#include "afpacket_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define TURNS      3
#define SEND_BURST 32

struct result {
	uint64_t sent, received, lost;
	double cpu_s;
};

enum who { SOURCE, SOURCE_1, SOURCE_5, TCPDUMP, WHO };

static const char *const names[WHO] = { "source", "source, 1 ms", "source, 5 ms", "tcpdump" };
static uint32_t bytes = 1024, rate, seconds = 2, mib;
static atomic_bool stop;

static void on_term(int sig)
{
	(void)sig;
	atomic_store(&stop, true);
}

static void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* where there is only one, both share it */
}

/* What decoding touches of most packets. */
static uint64_t touched(const struct weir_frame *f)
{
	return f->data[0] + (f->caplen > 64 ? f->data[56] : 0) +
	       (f->caplen > 120 ? f->data[112] : 0);
}

static void wait_a_little(enum who who, uint32_t empty)
{
	if (who != SOURCE)
		usleep(who == SOURCE_1 ? 1000 : 5000);
	else if (empty >= 64)
		usleep(empty < 1024 ? 20 : 100);
}

static uint64_t receive(struct weir_source *src, enum who who, uint64_t *sum)
{
	struct weir_frame frames[WEIR_BURST_MAX];
	uint64_t received = 0;
	uint32_t empty = 0;

	while (!atomic_load(&stop)) {
		const uint16_t n = src->ops->rx(src, 0, frames, WEIR_BURST_MAX);

		for (uint16_t i = 0; i < n; i++)
			*sum += touched(&frames[i]);
		src->ops->done(src, frames, n);
		received += n;
		empty = n > 0 ? 0 : empty + 1;
		if (n == 0)
			wait_a_little(who, empty);
	}
	return received;
}

static void run_source(enum who who, int out)
{
	const struct weir_afpacket_options o = { .interface = "wa",
						 .netns = ns_path,
						 .memory_bytes = (uint64_t)mib << 20,
						 .promiscuous = true };
	struct weir_err err = { 0 };
	struct weir_source *src = weir_source_afpacket_create(&o, &err);
	struct result r = { 0 };
	uint64_t sum = 0;

	if (src == NULL || src->ops->open(src, &err) != 0 || src->ops->start(src, &err) != 0) {
		fprintf(stderr, "afpacket_bench: %s\n", err.msg);
		_exit(1);
	}
	weir_thread_setup("bench", -1);
	r.received = receive(src, who, &sum);
	src->ops->stop(src);
	src->ops->missed(src, &r.lost);
	src->ops->close(src);
	if (write(out, &r, sizeof(r)) != (ssize_t)sizeof(r) || sum == 1)
		_exit(1);
	_exit(0);
}

static void run_tcpdump(int out)
{
	go_to(ns_capture);
	dup2(out, STDERR_FILENO);
	execlp("tcpdump", "tcpdump", "-w", "/dev/null", "-i", "wa", (char *)NULL);
	_exit(127);
}

/* "N packets captured", "N packets dropped by kernel" */
static uint64_t number_before(const char *text, const char *words)
{
	const char *at = strstr(text, words);

	while (at != NULL && at > text && at[-1] != '\n')
		at--;
	return at != NULL ? strtoull(at, NULL, 10) : 0;
}

static void read_result(int in, enum who who, struct result *r)
{
	char text[4096] = { 0 };
	size_t len = 0;
	ssize_t n;

	if (who != TCPDUMP) {
		if (read(in, r, sizeof(*r)) != (ssize_t)sizeof(*r))
			fprintf(stderr, "afpacket_bench: no result\n");
		return;
	}
	while ((n = read(in, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	r->received = number_before(text, " packets captured");
	r->lost = number_before(text, " packets dropped by kernel");
}

static uint64_t send_for(uint64_t ns)
{
	static uint8_t frame[SEND_BURST][65536];
	struct mmsghdr messages[SEND_BURST] = { 0 };
	struct iovec io[SEND_BURST];
	const int fd = sender_open("wb");
	const uint64_t begin = weir_clock_mono_ns();
	uint64_t sent = 0, now;

	for (uint32_t i = 0; i < SEND_BURST; i++) {
		frame_make(frame[i], i, bytes);
		io[i] = (struct iovec){ frame[i], bytes };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &io[i], .msg_iovlen = 1 };
	}
	while ((now = weir_clock_mono_ns()) < begin + ns) {
		if (rate != 0 && sent > (now - begin) * rate / WEIR_NS_PER_S)
			continue;
		const int n = sendmmsg(fd, messages, SEND_BURST, 0);

		sent += n > 0 ? (uint64_t)n : 0;
	}
	close(fd);
	return sent;
}

static struct result turn(enum who who)
{
	struct result r = { 0 };
	struct rusage use = { 0 };
	int pair[2], status;
	uint64_t sent;
	pid_t child;

	if (!veth_make(9000) || pipe(pair) != 0)
		exit(1);
	child = fork();
	if (child == 0) {
		on_cpu(1);
		close(pair[0]);
		if (who != TCPDUMP)
			run_source(who, pair[1]);
		run_tcpdump(pair[1]);
	}
	close(pair[1]);
	usleep(500000);
	sent = send_for(seconds * WEIR_NS_PER_S);
	usleep(1500000); /* tcpdump's blocks wait for a second */
	kill(child, SIGTERM);
	read_result(pair[0], who, &r);
	wait4(child, &status, 0, &use);
	close(pair[0]);
	veth_remove();
	r.sent = sent;
	r.cpu_s = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		  (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
	return r;
}

static struct result show(const char *name, struct result r)
{
	printf("%-12s %9lu sent %9lu received %9lu lost %8.3f s CPU %7.0f ns a packet\n", name,
	       r.sent, r.received, r.lost, r.cpu_s,
	       r.received != 0 ? r.cpu_s * 1e9 / (double)r.received : 0);
	fflush(stdout);
	return r;
}

int main(int argc, char **argv)
{
	struct result sum[WHO] = { { 0 } };
	const char *why;

	bytes = argc > 1 ? (uint32_t)weir_min_u64(strtoul(argv[1], NULL, 10), 9014) : bytes;
	rate = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : rate;
	seconds = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : seconds;
	mib = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : mib;
	if (!namespaces_make(&why) || bytes < 18) {
		fprintf(stderr, "afpacket_bench: %s\n", bytes < 18 ? "at least 18 bytes" : why);
		return 1;
	}
	signal(SIGTERM, on_term);
	on_cpu(0);
	for (uint32_t i = 0; i < WHO * TURNS; i++) {
		const struct result r = show(names[i % WHO], turn(i % WHO));

		sum[i % WHO].received += r.received;
		sum[i % WHO].cpu_s += r.cpu_s;
	}
	for (uint32_t i = SOURCE; i < TCPDUMP; i++)
		printf("%s to tcpdump: %.2f of its packets, %.2f of its CPU a packet\n", names[i],
		       (double)sum[i].received / (double)sum[TCPDUMP].received,
		       sum[i].cpu_s / (double)sum[i].received * (double)sum[TCPDUMP].received /
			       sum[TCPDUMP].cpu_s);
	return 0;
}
