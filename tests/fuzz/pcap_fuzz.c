/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a capture file: each frame lies in memory, is possible, and is given back. */
#include <weir_source_pcap.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void look(const struct weir_frame *f)
{
	if (f->caplen > WEIR_FRAME_MAX || f->wirelen < f->caplen || f->link >= WEIR_LINKS)
		abort();
	for (uint32_t i = 0; i < f->caplen; i++)
		sink ^= f->data[i];
}

static void read_all(struct weir_source *src)
{
	struct weir_frame frames[13];
	uint16_t n;

	while (!atomic_load(&src->ended)) {
		n = src->ops->rx(src, 0, frames, WEIR_ARRAY_SIZE(frames));
		for (uint16_t i = 0; i < n; i++)
			look(&frames[i]);
		src->ops->done(src, frames, n);
	}
	if (src->fault.code != 0 && src->fault.msg[0] == '\0')
		abort();
	src->ops->stop(src);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	const char *const paths[] = { path, path };
	/* Twice, two rounds: merging and starting anew are part of it. */
	struct weir_pcap_options o = { .paths = paths, .n_paths = 2, .loop = 2 };
	int fd = memfd_create("capture", MFD_CLOEXEC);
	struct weir_source *src;
	struct weir_err err = { 0 };

	weir_log_level_set(WEIR_LOG_ERR);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	src = weir_source_pcap_create(&o, &err);
	if (src == NULL)
		abort();
	if (src->ops->open(src, &err) == 0 && src->ops->start(src, &err) == 0)
		read_all(src);
	else if (err.msg[0] == '\0')
		abort();
	src->ops->close(src);
	close(fd);
	return 0;
}
