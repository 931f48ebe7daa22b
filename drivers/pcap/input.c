/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a file, plain or gzip (RFC 1952, concatenated members too). */
#include "pcap_priv.h"

#include <zlib.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define GZ_CHUNK 65536

struct gz {
	z_stream z;
	bool between; /* members: the last one is complete */
	bool over;    /* nothing more is to be unpacked */
	uint8_t in[GZ_CHUNK];
};

static int file_open(const char *path, struct weir_err *err)
{
	int fd = open(path,
		      O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO is refused, not waited for */

	if (fd < 0)
		return weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	return fd;
}

void weir_pcap_input_pass(struct weir_pcap_input *in, uint64_t off)
{
	if (in->progress != NULL)
		atomic_fetch_add_explicit(in->progress, off - in->off, memory_order_relaxed);
	in->off = off;
}

int weir_pcap_input_size(const struct weir_pcap_input *in, uint64_t *size, struct weir_err *err)
{
	struct stat st;

	if ((in->fd >= 0 ? fstat(in->fd, &st) : stat(in->path, &st)) != 0)
		return weir_err_set(err, errno, "%s: %s", in->path, strerror(errno));
	*size = (uint64_t)st.st_size;
	return 0;
}

/* As they are in the file. */
static ssize_t raw_read(struct weir_pcap_input *in, uint8_t *buf, size_t n, struct weir_err *err)
{
	int fd = in->fd >= 0 ? in->fd : file_open(in->path, err);
	ssize_t got;
	int code;

	if (fd < 0)
		return fd;
	do {
		got = pread(fd, buf, n, (off_t)in->off);
	} while (got < 0 && errno == EINTR);
	code = errno;
	if (in->fd < 0)
		close(fd);
	if (got < 0)
		return weir_err_set(err, code, "%s: byte %llu: %s", in->path,
				    (unsigned long long)in->off, strerror(code));
	weir_pcap_input_pass(in, in->off + (uint64_t)got);
	return got;
}

/* Make sure that the unpacker has input: 1, 0 at the end of the file, or negative errno. */
static ssize_t gz_feed(struct weir_pcap_input *in, struct weir_err *err)
{
	struct gz *gz = in->gz;
	ssize_t got;

	if (gz->z.avail_in > 0)
		return 1;
	got = raw_read(in, gz->in, sizeof(gz->in), err);
	if (got <= 0)
		return got;
	gz->z.next_in = gz->in;
	gz->z.avail_in = (uInt)got;
	return 1;
}

/* Unpack some of what was fed. What follows the last member and is none is padding, as for gzip(1). */
static int gz_unpack(struct weir_pcap_input *in, struct weir_err *err)
{
	struct gz *gz = in->gz;
	int rc;

	if (gz->between) {
		gz->over = gz->z.next_in[0] != 0x1f;
		gz->between = false;
		if (gz->over)
			return 0;
		inflateReset(&gz->z);
	}
	rc = inflate(&gz->z, Z_NO_FLUSH);
	if (rc == Z_STREAM_END)
		gz->between = true;
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		return weir_err_set(err, EILSEQ, "%s: gzip data damaged before byte %llu: %s",
				    in->path, (unsigned long long)in->off,
				    gz->z.msg != NULL ? gz->z.msg : "cannot be unpacked");
	return 0;
}

static ssize_t gz_read(struct weir_pcap_input *in, uint8_t *buf, size_t n, struct weir_err *err)
{
	struct gz *gz = in->gz;
	ssize_t rc = 0;

	gz->z.next_out = buf;
	gz->z.avail_out = (uInt)n;
	while (gz->z.avail_out > 0 && !gz->over && rc == 0) {
		rc = gz_feed(in, err);
		if (rc == 0 && !gz->between)
			rc = weir_err_set(err, ENODATA,
					  "%s: gzip data ends at byte %llu, unfinished", in->path,
					  (unsigned long long)in->off);
		else if (rc == 0)
			gz->over = true;
		else if (rc > 0)
			rc = gz_unpack(in, err);
	}
	/* Damage comes after what was unpacked before it: it is met again by the next call. */
	n -= gz->z.avail_out;
	return n > 0 ? (ssize_t)n : rc;
}

static int gz_open(struct weir_pcap_input *in, struct weir_err *err)
{
	struct gz *gz = calloc(1, sizeof(*gz));

	if (gz == NULL || inflateInit2(&gz->z, 15 + 16) != Z_OK) {
		free(gz);
		return weir_err_set(err, ENOMEM, "%s: no memory to unpack", in->path);
	}
	in->gz = gz;
	return 0;
}

int weir_pcap_input_open(struct weir_pcap_input *in, const char *path, bool keep,
			 struct weir_err *err)
{
	uint8_t magic[2] = { 0 };
	struct stat st;
	int rc;

	*in = (struct weir_pcap_input){ .path = path };
	in->fd = file_open(path, err);
	if (in->fd < 0)
		return in->fd;
	if (fstat(in->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		rc = weir_err_set(err, EINVAL, "%s: not a regular file", path);
		goto err_close;
	}
	in->size = (uint64_t)st.st_size;
	in->is_mapped = keep && st.st_size > 0 && weir_pcap_window_fits(in->fd);
	if (pread(in->fd, magic, sizeof(magic), 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b) {
		in->is_mapped = false;
		rc = gz_open(in, err);
		if (rc != 0)
			goto err_close;
	}
	if (!keep) {
		close(in->fd);
		in->fd = -1;
	}
	return 0;

err_close:
	weir_pcap_input_close(in);
	return rc;
}

ssize_t weir_pcap_input_read(struct weir_pcap_input *in, uint8_t *buf, size_t n,
			     struct weir_err *err)
{
	return in->gz != NULL ? gz_read(in, buf, n, err) : raw_read(in, buf, n, err);
}

void weir_pcap_input_close(struct weir_pcap_input *in)
{
	if (in->gz != NULL) {
		inflateEnd(&in->gz->z);
		free(in->gz);
		in->gz = NULL;
	}
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}
