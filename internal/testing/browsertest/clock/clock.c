/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Moves the wall clock of a program that was started with this library in
 * LD_PRELOAD. BROWSERTEST_CLOCK names a file that begins with the seconds to
 * add, a 64-bit integer of this machine's byte order; a change of the file
 * shows at the next reading. The monotonic clock stays as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t none = 0;
static const volatile int64_t *offset = &none;

__attribute__((constructor)) static void map_offset(void) {
	const char *path = getenv("BROWSERTEST_CLOCK");
	if (!path)
		return;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		abort(); /* a test with a right clock would prove nothing */
	void *p = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		abort();
	offset = p;
}

int clock_gettime(clockid_t id, struct timespec *ts) {
	static int (*next)(clockid_t, struct timespec *);
	if (!next)
		next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int failed = next(id, ts);
	if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ts->tv_sec += *offset;
	return failed;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
	static int (*next)(struct timeval *, void *);
	if (!next)
		next = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
	int failed = next(tv, tz);
	if (!failed)
		tv->tv_sec += *offset;
	return failed;
}

time_t time(time_t *t) {
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (t)
		*t = ts.tv_sec;
	return ts.tv_sec;
}
