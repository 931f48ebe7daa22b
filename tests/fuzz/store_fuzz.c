/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store file that was changed: the input is what changes. Two bytes of page, two of offset from the page's
 * begin, then a length and so many bytes that are put there; a length of 0 cuts the file at that place.
 * The file is finished and small; it is asked everything, and then opened for writing.
 */
#include <weir_store.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE_BYTES 8192
#define FILE_NAME  "flow-2023111423-00000.sqlite"

static uint8_t *sound;
static size_t sound_bytes;
static char dir[] = "/dev/shm/weir-fuzz-XXXXXX";
static char path[128];

static void must(bool ok)
{
	if (!ok)
		abort();
}

static struct weir_flow_rec make(uint64_t i)
{
	struct weir_flow_rec r = { .flow_id = i,
				   .start_ns = UINT64_C(1700002800000000000) + i * 1000000,
				   .ip = { { .w = { (uint32_t)(i * 2654435761u) } },
					   { .w = { 0x0100000a } } },
				   .port = { (uint16_t)i, 443 },
				   .protocol = 6,
				   .flow_count = 1,
				   .is_ipv6 = i % 3 == 0 };

	r.end_ns = r.start_ns + 1000;
	r.tunnel[0].type = i % 10 == 0;
	return r;
}

static void read_sound(void)
{
	FILE *f = fopen(path, "r");

	must(f != NULL);
	sound = malloc(1 << 22);
	sound_bytes = fread(sound, 1, 1 << 22, f);
	must(sound_bytes > 10 * PAGE_BYTES && sound_bytes < 1 << 22);
	fclose(f);
}

static void clean(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		fprintf(stderr, "%s is left\n", dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct weir_store_conf conf = { .dir = dir };
	struct weir_store *s;

	(void)argc;
	(void)argv;
	must(mkdtemp(dir) != NULL);
	atexit(clean);
	snprintf(path, sizeof(path), "%s/" FILE_NAME, dir);
	s = weir_store_open(&conf, NULL);
	must(s != NULL);
	for (uint64_t i = 0; i < 200; i++) {
		struct weir_flow_rec r = make(i);

		must(weir_store_write(s, &r, 1, NULL) == 0);
	}
	must(weir_store_settle(s, NULL) == 0 && weir_store_close(s, NULL) == 0);
	read_sound();
	weir_log_level_set(WEIR_LOG_ERR);
	return 0;
}

static void put_file(const uint8_t *p, size_t size)
{
	static uint8_t copy[1 << 22];
	size_t bytes = sound_bytes;
	int fd;

	memcpy(copy, sound, sound_bytes);
	while (size >= 5) {
		size_t at = (size_t)weir_be16(p) * PAGE_BYTES % sound_bytes +
			    weir_be16(p + 2) % PAGE_BYTES;
		size_t n = p[4];

		p += 5;
		size -= 5;
		if (n == 0)
			bytes = at < bytes ? at : bytes;
		n = n < size ? n : size;
		memcpy(copy + at, p, n);
		p += n;
		size -= n;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	must(fd >= 0 && write(fd, copy, bytes) == (ssize_t)bytes);
	close(fd);
}

static void select_all(struct weir_store_reader *r, const struct weir_store_query *q)
{
	struct weir_store_rows *rows = weir_store_select(r, q, NULL);
	uint32_t n = 0;

	must(rows != NULL);
	while (weir_store_rows_next(rows) != NULL && ++n < 10000) {}
	weir_store_rows_close(rows);
}

static void ask(void)
{
	struct weir_store_net net = { .ip.b = { 10, 0, 0, 1 }, .prefix = 32 };
	struct weir_store_query q = { .sort = WEIR_FIELD_end_time };
	struct weir_store_grouping g = { .fields = { WEIR_FIELD_ip_0, WEIR_FIELD_protocol },
					 .n_fields = 2,
					 .sums = (1 << WEIR_STORE_SUMS) - 1,
					 .by = WEIR_STORE_BYTES,
					 .n = 5 };
	struct weir_store_reader *r = weir_store_reader_open(dir, NULL);
	struct weir_store_top top;

	must(r != NULL);
	select_all(r, &q);
	q.nets = &net;
	q.n_nets = 1;
	select_all(r, &q);
	q.n_nets = 0;
	q.sort = WEIR_FIELD_rtt;
	q.limit = 10;
	select_all(r, &q);
	must(weir_store_top(r, &q, &g, &top, NULL) == 0);
	weir_store_top_fini(&top);
	for (uint32_t i = 0; weir_store_reader_trouble(r, i) != NULL; i++)
		must(weir_store_reader_trouble(r, i)->msg[0] != '\0');
	weir_store_reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_store_conf conf = { .dir = dir };
	struct weir_store *s;

	put_file(data, size);
	ask();
	s = weir_store_open(&conf, NULL);
	must(s != NULL);
	weir_store_close(s, NULL);
	return 0;
}
